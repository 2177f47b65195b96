//! A memory VFS on the crate `sqlite-vfs` that writes down what it hears, and a spy on what SQLite said to it.

mod memory;
mod spy;

pub use memory::MemoryVfs;
pub use spy::{Heard, Spy, file_control};

use rusqlite::{Connection, OpenFlags};

/// Opens the database `name` on the VFS registered as `vfs`.
pub fn open(vfs: &str, name: &str) -> Connection {
    Connection::open_with_flags_and_vfs(name, OpenFlags::default(), vfs)
        .expect("a memory database opens")
}
