//! The files that SQLite works on, in safe Rust: an actor's database and its volatile companions.

mod code;
mod commit;
mod header;
mod joint;
mod main_file;
mod overlay;
mod pragma;
mod roll;
mod super_journal;
#[cfg(test)]
mod tests;
mod volatile;

use std::ffi::c_int;

pub(crate) use code::Code;
pub(crate) use header::{HEADER_BYTES, Header, MAGIC};
pub(crate) use joint::{FileNo, Joint};
pub(crate) use main_file::MainFile;
pub(crate) use roll::{Entry, Participant};
pub(crate) use super_journal::{SuperJournal, exists};
pub(crate) use volatile::VolatileFile;

use crate::ladder::Level;

/// One open file, as `sqlite3_io_methods` sees it (<https://www.sqlite.org/c3ref/io_methods.html>).
///
/// What a method does unless overridden is right for a file that only one connection can name.
pub(crate) trait File: Send {
    /// Fills `out` from `offset`. What lies beyond the end reads as zeros, and is a `SHORT_READ`.
    fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<(), Code>;

    /// Replaces the bytes from `offset`, lengthening the file if need be.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Code>;

    /// Cuts or lengthens to `size` bytes.
    fn truncate(&mut self, size: u64) -> Result<(), Code>;

    /// `xSync`.
    fn sync(&mut self) -> Result<(), Code>;

    /// The size in bytes.
    fn size(&mut self) -> Result<u64, Code>;

    /// Climbs to `level`, or says `BUSY`.
    fn lock(&mut self, _level: Level) -> Result<(), Code> {
        Ok(())
    }

    /// Steps down to `Shared` or `None`.
    fn unlock(&mut self, _level: Level) {}

    /// Where this connection stands.
    fn level(&self) -> Level {
        Level::None
    }

    /// Whether any connection means to write.
    fn is_reserved(&self) -> bool {
        false
    }

    /// A step of a transaction. `NOTFOUND`: this file knows no such step.
    fn control(&mut self, _step: Step) -> Result<(), Code> {
        Err(Code::NOTFOUND)
    }

    /// Whether a pragma may run; if not, the sentence that SQLite shows.
    fn pragma(&self, _name: &str, _value: Option<&str>) -> Result<(), String> {
        Ok(())
    }

    /// Whose it is, if it is a main file.
    fn participant(&self) -> Option<Participant> {
        None
    }

    /// Whether the database behind this handle is somebody else's by now.
    fn has_moved(&self) -> bool {
        false
    }

    /// Whether every write will be refused.
    fn read_only(&self) -> bool {
        false
    }

    /// The `SQLITE_IOCAP_` bits.
    fn characteristics(&self) -> c_int {
        0
    }

    /// A panic left this file in an unknown state: from now on it may only fail.
    fn poison(&mut self) {}
}

/// The file controls by which SQLite tells a file how far a transaction is
/// (<https://www.sqlite.org/c3ref/c_fcntl_begin_atomic_write.html>).
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// `BEGIN_ATOMIC_WRITE`
    BeginAtomic,
    /// `COMMIT_ATOMIC_WRITE`
    CommitAtomic,
    /// `ROLLBACK_ATOMIC_WRITE`
    RollbackAtomic,
    /// `SYNC`: everything is written.
    Sync(Company),
    /// `COMMIT_PHASETWO`: SQLite has forgotten how to roll back, unless other files of the same
    /// transaction have not been told yet.
    CommitPhaseTwo {
        /// Whether some of those are no actors.
        strangers: bool,
    },
}

/// Which other files belong to the same commit.
#[derive(Debug, Clone)]
pub(crate) enum Company {
    /// None.
    Alone,
    /// Those of this joint, which knows this file by that number.
    Joint(std::sync::Arc<Joint>, FileNo),
    /// Files that are no actors.
    Strangers,
}
