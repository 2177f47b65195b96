//! Tools for tests, behind the feature `testing`: an engine that fails when it is told to.

mod faults;

pub use faults::{Calls, Fault, FaultEngine};
