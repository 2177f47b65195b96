//! What is wrong with a migration folder although it can be read: rules with codes, each explained.

mod lock;

pub use lock::{LOCK_FILE, Lock};
