//! The engines that come with the crate.

mod memory;

pub use memory::MemoryEngine;
