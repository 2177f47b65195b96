//! What a loadable library does when SQLite loads it.
#![expect(unsafe_code, reason = "SQLite passes a table of C functions")]

use std::ffi::c_int;

use libsqlite3_sys as ffi;

use super::open_file::guard;
use super::{api, vfs};

/// The first version whose table reaches as far as we look (`sqlite3_db_name`).
const SQLITE_MIN: c_int = 3_039_000;

/// Registers the VFS `actor` with the SQLite that passes `table`, as its default one if asked.
/// Answers what the library's entry point answers: on success SQLite keeps the library for good,
/// since open files point into it.
///
/// # Safety
/// `table` is the third argument that SQLite passed to the entry point of the library.
pub unsafe fn load(table: *mut ffi::sqlite3_api_routines, default: bool) -> c_int {
    let loaded = guard(|| {
        // SAFETY: the caller promises a table; every version of it begins with the same fields.
        let version = unsafe { (*table).libversion_number }?;
        // SAFETY: the function takes nothing and answers a number.
        if unsafe { version() } < SQLITE_MIN {
            return None;
        }
        // SAFETY: the caller promises a table, and it is new enough.
        unsafe { api::load(table) }
    });
    match loaded.flatten() {
        Some(()) => match vfs::register(default) {
            ffi::SQLITE_OK => ffi::SQLITE_OK_LOAD_PERMANENTLY,
            code => code,
        },
        None => ffi::SQLITE_ERROR,
    }
}
