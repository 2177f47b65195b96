//! Tools for tests, behind the feature `testing`: an engine that fails when it is told to,
//! connections that are wrong on purpose, and what the fuzzer runs.

mod faults;
mod flaws;
#[doc(hidden)]
pub mod fuzz;

pub use faults::{Calls, Fault, FaultEngine};
pub use flaws::{Flaw, attach_flawed, connect_flawed};
