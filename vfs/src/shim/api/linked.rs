//! A SQLite that is linked in: its functions are where the linker put them.
#![expect(unsafe_code, reason = "SQLite's functions are C functions")]

use std::ffi::{CStr, c_char, c_int, c_void};

use libsqlite3_sys as ffi;

pub(in crate::shim) fn malloc64(bytes: u64) -> *mut c_void {
    // SAFETY: SQLite allows any size, and answers null if it has no such block.
    unsafe { ffi::sqlite3_malloc64(bytes) }
}

/// # Safety
/// `vfs` lives for ever, and nobody but SQLite touches it from now on.
pub(in crate::shim) unsafe fn vfs_register(vfs: *mut ffi::sqlite3_vfs, default: bool) -> c_int {
    // SAFETY: the caller promises what SQLite asks for.
    unsafe { ffi::sqlite3_vfs_register(vfs, c_int::from(default)) }
}

/// A host that links us in opens actors by its handles, never by a parameter of a name.
///
/// # Safety
/// None is needed; the loaded twin needs a name that SQLite gave to `xOpen`.
pub(in crate::shim) unsafe fn uri_parameter(_name: *const c_char, _key: &CStr) -> *const c_char {
    std::ptr::null()
}

/// Nothing: such a host hears of errors as values.
pub(in crate::shim) fn log(_code: c_int, _text: &CStr) {}

/// The name of the database of that number, or null if there is none.
///
/// # Safety
/// `db` is an open connection.
pub(in crate::shim) unsafe fn db_name(db: *mut ffi::sqlite3, number: c_int) -> *const c_char {
    // SAFETY: the caller promises an open connection.
    unsafe { ffi::sqlite3_db_name(db, number) }
}

/// # Safety
/// `db` is an open connection, and `name` is that of one of its databases.
pub(in crate::shim) unsafe fn db_filename(
    db: *mut ffi::sqlite3,
    name: *const c_char,
) -> *const c_char {
    // SAFETY: the caller promises an open connection and a name.
    unsafe { ffi::sqlite3_db_filename(db, name) }
}

/// # Safety
/// `db` is an open connection, and `name` is that of one of its databases.
pub(in crate::shim) unsafe fn txn_state(db: *mut ffi::sqlite3, name: *const c_char) -> c_int {
    // SAFETY: the caller promises an open connection and a name.
    unsafe { ffi::sqlite3_txn_state(db, name) }
}

/// # Safety
/// `db` is an open connection.
pub(in crate::shim) unsafe fn get_autocommit(db: *mut ffi::sqlite3) -> c_int {
    // SAFETY: the caller promises an open connection.
    unsafe { ffi::sqlite3_get_autocommit(db) }
}

/// # Safety
/// `db` is an open connection, `name` is that of one of its databases, and `arg` is what `op` asks
/// for.
pub(in crate::shim) unsafe fn file_control(
    db: *mut ffi::sqlite3,
    name: *const c_char,
    op: c_int,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: the caller promises what SQLite asks for.
    unsafe { ffi::sqlite3_file_control(db, name, op, arg) }
}
