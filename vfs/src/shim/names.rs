//! What a file name means to the VFS: the only place that knows.
//!
//! A main file has a name only from [`mount`] until the one open that it was mounted for. So
//! `ATTACH` reaches no actor: two actors in one connection would commit one after the other,
//! which a crash can interrupt. Volatile files have no name that anybody could find again.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use libsqlite3_sys as ffi;

use crate::file::{Code, File, VolatileFile};

static MOUNTS: Mutex<BTreeMap<String, Box<dyn File>>> = Mutex::new(BTreeMap::new());

fn mounts() -> MutexGuard<'static, BTreeMap<String, Box<dyn File>>> {
    // An insert or a removal that panics leaves a map that is still a map.
    MOUNTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A main file that waits to be opened once. Dropping this withdraws it.
pub(super) struct Mount {
    name: String,
}

impl Mount {
    /// The name to open.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let unopened = mounts().remove(&self.name);
        drop(unopened);
    }
}

/// Gives `file` a name that no other file has had in this process.
pub(super) fn mount(label: &str, file: Box<dyn File>) -> Mount {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("actor:{number}/{label}");
    mounts().insert(name.clone(), file);
    Mount { name }
}

/// What kind of file SQLite asks for, as it is named in traces.
pub(super) fn kind(flags: c_int) -> &'static str {
    const KINDS: [(c_int, &str); 8] = [
        (ffi::SQLITE_OPEN_MAIN_DB, "main"),
        (ffi::SQLITE_OPEN_MAIN_JOURNAL, "journal"),
        (ffi::SQLITE_OPEN_WAL, "wal"),
        (ffi::SQLITE_OPEN_SUPER_JOURNAL, "super-journal"),
        (ffi::SQLITE_OPEN_SUBJOURNAL, "statement-journal"),
        (ffi::SQLITE_OPEN_TEMP_JOURNAL, "temp-journal"),
        (ffi::SQLITE_OPEN_TEMP_DB, "temp"),
        (ffi::SQLITE_OPEN_TRANSIENT_DB, "transient"),
    ];
    let named = KINDS.iter().find(|(bit, _)| flags & bit != 0);
    named.map_or("other", |(_, name)| name)
}

/// Finds or makes the file that SQLite asks for.
///
/// A write-ahead log is refused here too: SQLite would open one for a database whose header asks
/// for it, under exclusive locking even without shared memory (`sqlite3PagerWalSupported`).
pub(super) fn open(name: Option<&str>, flags: c_int) -> Result<Box<dyn File>, Code> {
    if flags & ffi::SQLITE_OPEN_MAIN_DB != 0 {
        let file = name.and_then(|name| mounts().remove(name));
        return file.ok_or_else(|| {
            tracing::warn!(
                name,
                "no such actor is waiting to be opened; use Actor::connect"
            );
            Code::CANTOPEN
        });
    }
    if flags & ffi::SQLITE_OPEN_WAL != 0 {
        return Err(Code::CANTOPEN);
    }
    Ok(Box::new(VolatileFile::default()))
}

/// Whether a file of that name can be found: none can, see above.
pub(super) fn exists(_name: &str) -> bool {
    false
}

/// Deletes a volatile file, which went with its handle already.
pub(super) fn delete(_name: &str) {}
