//! Which other databases of a connection are part of the transaction that it commits.
#![expect(
    unsafe_code,
    reason = "only SQLite knows what else a connection writes to"
)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use libsqlite3_sys as ffi;
use rusqlite::Connection;

use super::{api, io};
use crate::file::{Company, FileNo, Joint};

/// How a rollback journal begins, once it holds what a rollback needs
/// (<https://www.sqlite.org/fileformat.html#the_rollback_journal>).
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

const JOURNAL_MAGIC_BYTES: c_int = 8;

/// The number of the database of temporary tables, which no crash leaves behind.
const TEMP: c_int = 1;

/// The databases of a connection with an open write transaction.
#[derive(Default)]
struct Writing {
    actors: Vec<FileNo>,
    strangers: Strangers,
}

/// Those of them that are no actors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Strangers {
    #[default]
    None,
    /// They have not written anything, or do so only after us.
    Quiet,
    Written,
}

/// A connection, seen from one of its files.
#[derive(Clone, Copy)]
pub(super) struct Peers {
    db: *mut ffi::sqlite3,
    file: *mut ffi::sqlite3_file,
}

/// Whether the main database of a connection is an actor's.
pub(crate) fn is_on_actor(connection: &Connection) -> bool {
    let mut file = ptr::null_mut::<ffi::sqlite3_file>();
    let (main, out) = (ptr::null(), (&raw mut file).cast::<c_void>());
    // SAFETY: the borrow keeps the connection open, and nothing is done to it but this.
    let db = unsafe { connection.handle() };
    // SAFETY: for this operation SQLite sets one pointer.
    unsafe { api::file_control(db, main, ffi::SQLITE_FCNTL_FILE_POINTER, out) };
    io::is_main(file)
}

impl Peers {
    /// The connection of a file, unless it is the only one.
    ///
    /// # Safety
    /// `connection` is null or what `SQLITE_FCNTL_PDB` has said of `file`, which is open and
    /// which SQLite is just calling.
    pub(super) unsafe fn of(
        file: *mut ffi::sqlite3_file,
        connection: *mut *mut ffi::sqlite3,
    ) -> Option<Self> {
        if connection.is_null() {
            return None;
        }
        // SAFETY: the caller promises that it stands in the open database, which keeps it true.
        let db = unsafe { *connection };
        let peers = Self { db, file };
        (!db.is_null() && peers.name(TEMP + 1).is_some()).then_some(peers)
    }

    fn name(self, number: c_int) -> Option<*const c_char> {
        // SAFETY: the connection is open: it is calling us.
        let name = unsafe { api::db_name(self.db, number) };
        (!name.is_null()).then_some(name)
    }

    /// Who commits together with this file. SQLite sends `SYNC` also at the end of a rollback,
    /// which within an explicit transaction is the only reason to send it.
    pub(super) fn company(self) -> Company {
        // SAFETY: the connection is open: it is calling us.
        if unsafe { api::get_autocommit(self.db) } == 0 {
            return Company::Alone;
        }
        let Writing { actors, strangers } = self.writing();
        let me = self.file as FileNo;
        // Another VFS may stand between SQLite and us: then SQLite does not know our files.
        let known = actors.contains(&me).then_some(&actors[..]);
        match (known, strangers) {
            (Some(_), Strangers::Written) => Company::Strangers,
            (Some([_]), Strangers::None) => Company::Alone,
            _ => Company::Joint(Joint::of_connection(self.db as usize, known), me),
        }
    }

    /// Whether this file's transaction is that of files which are no actors, too. Certain once
    /// all of them have written: at `COMMIT_PHASETWO`.
    pub(super) fn has_strangers(self) -> bool {
        let Writing { actors, strangers } = self.writing();
        strangers == Strangers::Written && actors.contains(&(self.file as FileNo))
    }

    fn writing(self) -> Writing {
        let mut writing = Writing::default();
        let numbers = (0..).filter(|number| *number != TEMP);
        for name in numbers.map_while(|number| self.name(number)) {
            // SAFETY: the name is one of this connection, which is open.
            if unsafe { api::txn_state(self.db, name) } != ffi::SQLITE_TXN_WRITE {
                continue;
            }
            let file = self.pointer::<ffi::sqlite3_file>(name, ffi::SQLITE_FCNTL_FILE_POINTER);
            if io::is_main(file) {
                writing.actors.push(file as FileNo);
            } else if self.outlives_a_crash(name) {
                writing.strangers = writing.strangers.max(self.stranger(name));
            }
        }
        writing
    }

    /// What SQLite answers to a file control that asks for a pointer; null if it answers nothing.
    fn pointer<T>(self, name: *const c_char, op: c_int) -> *mut T {
        let mut pointer = ptr::null_mut::<T>();
        let out = (&raw mut pointer).cast::<c_void>();
        // SAFETY: the name is one of this connection, which is open, and for the operations that
        // are asked here SQLite sets one pointer.
        unsafe { api::file_control(self.db, name, op, out) };
        pointer
    }

    /// Whether a database is a file: neither in memory nor temporary.
    fn outlives_a_crash(self, name: *const c_char) -> bool {
        // SAFETY: the name is one of this connection, which is open.
        let file = unsafe { api::db_filename(self.db, name) };
        // SAFETY: it is null, or a string that stays while the database is attached.
        let is_named = !file.is_null() && unsafe { *file } != 0;
        let vfs = self.pointer::<ffi::sqlite3_vfs>(name, ffi::SQLITE_FCNTL_VFS_POINTER);
        if vfs.is_null() {
            return is_named;
        }
        // SAFETY: a registered VFS stays.
        let vfs = unsafe { (*vfs).zName };
        // SAFETY: and so does its name.
        is_named && unsafe { CStr::from_ptr(vfs) } != c"memdb"
    }

    /// Whether a database that is no actor has written: its journal tells, unless it has a
    /// write-ahead log, with which SQLite promises nothing across files.
    fn stranger(self, name: *const c_char) -> Strangers {
        let journal = self.pointer::<ffi::sqlite3_file>(name, ffi::SQLITE_FCNTL_JOURNAL_POINTER);
        if journal.is_null() {
            return Strangers::Quiet;
        }
        // SAFETY: it is the journal's handle; without methods it is not open.
        let methods = unsafe { (*journal).pMethods };
        // SAFETY: an open file has methods that stay.
        let read = unsafe { methods.as_ref() }.and_then(|methods| methods.xRead);
        let mut start = JOURNAL_MAGIC.map(|_| 0);
        let (out, len) = (start.as_mut_ptr().cast(), JOURNAL_MAGIC_BYTES);
        // SAFETY: the file is open, and `out` is `len` bytes.
        let code = read.map(|read| unsafe { read(journal, out, len, 0) });
        match code {
            Some(ffi::SQLITE_OK) if start == JOURNAL_MAGIC => Strangers::Written,
            _ => Strangers::Quiet,
        }
    }
}
