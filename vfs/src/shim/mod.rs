//! The one room with unsafe code: `sqlite3_vfs` and `sqlite3_io_methods` over the safe files.
//!
//! Every callback does three things: it turns SQLite's pointers into Rust values, calls safe
//! code, and writes the answer back. A panic stops there and poisons the one file it came from.
//!
//! Memory for a file handle belongs to SQLite; what it points to is ours from `xOpen` to
//! `xClose`. Strings that SQLite will free come from `sqlite3_malloc64`.

mod api;
mod company;
mod io;
#[cfg(feature = "extension")]
mod load;
mod names;
mod open_file;
mod vfs;

pub(crate) use company::is_on_actor;
#[cfg(feature = "extension")]
pub use load::load;
use rusqlite::{Connection, OpenFlags};

use crate::file::File;

/// The name under which the VFS is registered.
pub(crate) const VFS_NAME: &std::ffi::CStr = c"actor";

/// Opens a connection whose main file is `file`; `label` is what SQLite shows as its name.
pub(crate) fn connect(label: &str, file: Box<dyn File>) -> rusqlite::Result<Connection> {
    vfs::register_once()?;
    let access = match file.read_only() {
        true => OpenFlags::SQLITE_OPEN_READ_ONLY,
        false => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mount = names::mount(label, file);
    Connection::open_with_flags_and_vfs(mount.name(), flags, VFS_NAME)
}

/// Attaches `file` to such a connection, under the name `schema`.
pub(crate) fn attach(
    label: &str,
    file: Box<dyn File>,
    connection: &Connection,
    schema: &str,
) -> rusqlite::Result<()> {
    let mount = names::mount(label, file);
    connection.execute("ATTACH ? AS ?", [mount.name(), schema])?;
    Ok(())
}
