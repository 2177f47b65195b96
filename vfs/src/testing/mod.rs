//! Tools for tests, behind the feature `testing`: an engine that fails when it is told to, and
//! connections that are wrong on purpose.

mod faults;
mod flaws;

pub use faults::{Calls, Fault, FaultEngine};
pub use flaws::{Flaw, connect_flawed};
