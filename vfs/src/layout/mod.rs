//! The bytes of the store as drawn in `FORMAT.md`: pure codecs, no I/O.

mod numbers;

pub use numbers::{CommitNo, Epoch};
