//! The engines that come with the crate.

mod fork;
#[cfg(feature = "redb")]
mod group;
mod memory;
#[cfg(feature = "redb")]
mod redb;

pub use fork::ForkEngine;
pub use memory::MemoryEngine;
#[cfg(feature = "redb")]
pub use redb::{RedbEngine, panic_is_caught};
