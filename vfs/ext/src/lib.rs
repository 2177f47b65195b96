//! The two entry points by which SQLite loads the library: with the VFS `actor` beside the others,
//! or as the default one. `README.md` says how to use it.

use std::ffi::{c_char, c_int};

use libsqlite3_sys::{sqlite3, sqlite3_api_routines};

/// Registers the VFS `actor`. SQLite finds this entry point by the name of the library's file.
///
/// # Safety
/// SQLite calls this (<https://www.sqlite.org/loadext.html>).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sqlite3_actorvfs_init(
    _db: *mut sqlite3,
    _message: *mut *mut c_char,
    api: *mut sqlite3_api_routines,
) -> c_int {
    // SAFETY: SQLite passes its table of functions, and we pass it on as it is.
    unsafe { actor_vfs::load(api, false) }
}

/// Registers the VFS `actor` as the default one: names without `vfs=` mean actors from now on.
///
/// # Safety
/// SQLite calls this (<https://www.sqlite.org/loadext.html>).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sqlite3_actorvfs_default_init(
    _db: *mut sqlite3,
    _message: *mut *mut c_char,
    api: *mut sqlite3_api_routines,
) -> c_int {
    // SAFETY: SQLite passes its table of functions, and we pass it on as it is.
    unsafe { actor_vfs::load(api, true) }
}
