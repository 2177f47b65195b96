//! What a file name means to the VFS: the only place that knows.
//!
//! A main file has a name only from [`mount`] until the one open that it was mounted for. So
//! `ATTACH` reaches no actor of a host that links us in. A loadable library opens actors by name
//! ([`named`]). Volatile files have no name that anybody could find again.

use std::collections::BTreeMap;
use std::ffi::{CString, c_int};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use libsqlite3_sys as ffi;

use super::api;
use crate::file::{self, Code, File, Joint, SuperJournal, VolatileFile};
use crate::last_error::LastError;
use crate::named;

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

/// What `xOpen` is asked for.
pub(super) struct Asked<'a> {
    pub(super) name: Option<&'a str>,
    /// The parameters `store`, `key_file` and `immutable` of the name.
    pub(super) store: Option<&'a str>,
    pub(super) key_file: Option<&'a str>,
    pub(super) immutable: Option<&'a str>,
    pub(super) flags: c_int,
}

/// Finds or makes the file that SQLite asks for.
///
/// A write-ahead log is refused here too: SQLite would open one for a database whose header asks
/// for it, under exclusive locking even without shared memory (`sqlite3PagerWalSupported`).
pub(super) fn open(asked: &Asked<'_>) -> Result<Box<dyn File>, Code> {
    if asked.flags & ffi::SQLITE_OPEN_MAIN_DB != 0 {
        let mounted = asked.name.and_then(|name| mounts().remove(name));
        return mounted.map_or_else(|| open_named(asked), Ok);
    }
    if asked.flags & ffi::SQLITE_OPEN_WAL != 0 {
        return Err(Code::CANTOPEN);
    }
    let begins = ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_CREATE;
    match asked.name {
        Some(name) if asked.flags & begins == begins => Ok(Box::new(SuperJournal::create(name))),
        _ => Ok(Box::new(VolatileFile::default())),
    }
}

fn open_named(asked: &Asked<'_>) -> Result<Box<dyn File>, Code> {
    let name = asked.name.unwrap_or_default();
    let opened = named::open(&named::Asked {
        name,
        store: asked.store,
        key_file: asked.key_file,
        snapshot: asked.immutable.is_some_and(is_true),
        create: asked.flags & ffi::SQLITE_OPEN_CREATE != 0,
    });
    opened.map_err(|error| {
        LastError::of_nobody(&error);
        let text = format!("{}: {error}; {}", error.code(), error.hint());
        api::log(
            Code::CANTOPEN.get(),
            &CString::new(text).unwrap_or_default(),
        );
        Code::of(&error, Code::CANTOPEN)
    })
}

/// As `sqlite3_uri_boolean` reads it.
fn is_true(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    matches!(value.as_str(), "yes" | "true" | "on") || value.parse().is_ok_and(|it: i64| it != 0)
}

/// Whether a file of that name can be found. Of volatile files only a super-journal can, as long
/// as it says something.
pub(super) fn exists(name: &str) -> bool {
    #[cfg(feature = "suite")]
    if named::exists(name) {
        return true;
    }
    file::exists(name)
}

/// Deletes a file. A volatile one went with its handle already; with a super-journal goes what
/// keeps a transaction over several actors from being committed.
pub(super) fn delete(name: &str) -> Result<(), Code> {
    #[cfg(feature = "suite")]
    named::delete(name);
    Joint::delete(name)
}
