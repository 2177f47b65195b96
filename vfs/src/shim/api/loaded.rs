//! A SQLite that loads us: its functions are in the table that it passes.
//!
//! The bindings have wrappers for that table, which insist on the version that they were made
//! for. The few functions here are older (the youngest, `db_name`, is of 3.39), so that the libraries
//! which distributions carry are good enough.
#![expect(unsafe_code, reason = "SQLite's functions are C functions")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

use libsqlite3_sys as ffi;

struct Api {
    malloc64: unsafe extern "C" fn(u64) -> *mut c_void,
    vfs_register: unsafe extern "C" fn(*mut ffi::sqlite3_vfs, c_int) -> c_int,
    uri_parameter: unsafe extern "C" fn(*const c_char, *const c_char) -> *const c_char,
    log: unsafe extern "C" fn(c_int, *const c_char, ...),
    db_name: unsafe extern "C" fn(*mut ffi::sqlite3, c_int) -> *const c_char,
    db_filename: unsafe extern "C" fn(*mut ffi::sqlite3, *const c_char) -> *const c_char,
    txn_state: unsafe extern "C" fn(*mut ffi::sqlite3, *const c_char) -> c_int,
    get_autocommit: unsafe extern "C" fn(*mut ffi::sqlite3) -> c_int,
    file_control:
        unsafe extern "C" fn(*mut ffi::sqlite3, *const c_char, c_int, *mut c_void) -> c_int,
}

static API: OnceLock<Api> = OnceLock::new();

/// Takes from the table what we call; `None` if it is too old to have all of it. The functions of
/// one process stay where they are, so the first table is as good as any later one.
///
/// # Safety
/// `table` is what SQLite passed to the entry point of the library.
pub(in crate::shim) unsafe fn load(table: *const ffi::sqlite3_api_routines) -> Option<()> {
    let malloc64 = {
        // SAFETY: the caller promises a table. It may be shorter than ours is, but it has what
        // its version has, and the entry point has compared that.
        unsafe { (*table).malloc64 }
    }?;
    // SAFETY: as above.
    let vfs_register = unsafe { (*table).vfs_register }?;
    // SAFETY: as above.
    let uri_parameter = unsafe { (*table).uri_parameter }?;
    // SAFETY: as above.
    let log = unsafe { (*table).log }?;
    // SAFETY: as above.
    let db_name = unsafe { (*table).db_name }?;
    // SAFETY: as above.
    let db_filename = unsafe { (*table).db_filename }?;
    // SAFETY: as above.
    let txn_state = unsafe { (*table).txn_state }?;
    // SAFETY: as above.
    let get_autocommit = unsafe { (*table).get_autocommit }?;
    // SAFETY: as above.
    let file_control = unsafe { (*table).file_control }?;
    API.get_or_init(|| Api {
        malloc64,
        vfs_register,
        uri_parameter,
        log,
        db_name,
        db_filename,
        txn_state,
        get_autocommit,
        file_control,
    });
    Some(())
}

pub(in crate::shim) fn malloc64(bytes: u64) -> *mut c_void {
    let Some(api) = API.get() else {
        return ptr::null_mut();
    };
    // SAFETY: SQLite allows any size, and answers null if it has no such block.
    unsafe { (api.malloc64)(bytes) }
}

/// # Safety
/// `vfs` lives for ever, and nobody but SQLite touches it from now on.
pub(in crate::shim) unsafe fn vfs_register(vfs: *mut ffi::sqlite3_vfs, default: bool) -> c_int {
    let Some(api) = API.get() else {
        return ffi::SQLITE_MISUSE;
    };
    // SAFETY: the caller promises what SQLite asks for.
    unsafe { (api.vfs_register)(vfs, c_int::from(default)) }
}

/// The value of a parameter of a file name, or null.
///
/// # Safety
/// `name` is one that SQLite gave to `xOpen` for a main file: the parameters stand behind it.
pub(in crate::shim) unsafe fn uri_parameter(name: *const c_char, key: &CStr) -> *const c_char {
    let Some(api) = API.get() else {
        return ptr::null();
    };
    // SAFETY: the caller promises such a name; the key ends in a zero byte.
    unsafe { (api.uri_parameter)(name, key.as_ptr()) }
}

/// Tells SQLite's error log (<https://www.sqlite.org/errlog.html>), which is where a user of a
/// loaded library can look.
pub(in crate::shim) fn log(code: c_int, text: &CStr) {
    if let Some(api) = API.get() {
        // SAFETY: the format takes one string, and it ends in a zero byte.
        unsafe { (api.log)(code, c"%s".as_ptr(), text.as_ptr()) };
    }
}

/// The name of the database of that number, or null if there is none.
///
/// # Safety
/// `db` is an open connection.
pub(in crate::shim) unsafe fn db_name(db: *mut ffi::sqlite3, number: c_int) -> *const c_char {
    let Some(api) = API.get() else {
        return ptr::null();
    };
    // SAFETY: the caller promises an open connection.
    unsafe { (api.db_name)(db, number) }
}

/// # Safety
/// `db` is an open connection, and `name` is that of one of its databases.
pub(in crate::shim) unsafe fn db_filename(
    db: *mut ffi::sqlite3,
    name: *const c_char,
) -> *const c_char {
    let Some(api) = API.get() else {
        return ptr::null();
    };
    // SAFETY: the caller promises an open connection and a name.
    unsafe { (api.db_filename)(db, name) }
}

/// # Safety
/// `db` is an open connection, and `name` is that of one of its databases.
pub(in crate::shim) unsafe fn txn_state(db: *mut ffi::sqlite3, name: *const c_char) -> c_int {
    let Some(api) = API.get() else {
        return ffi::SQLITE_TXN_NONE;
    };
    // SAFETY: the caller promises an open connection and a name.
    unsafe { (api.txn_state)(db, name) }
}

/// # Safety
/// `db` is an open connection.
pub(in crate::shim) unsafe fn get_autocommit(db: *mut ffi::sqlite3) -> c_int {
    // SAFETY: the caller promises an open connection.
    API.get()
        .map_or(1, |api| unsafe { (api.get_autocommit)(db) })
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
    let Some(api) = API.get() else {
        return ffi::SQLITE_MISUSE;
    };
    // SAFETY: the caller promises what SQLite asks for.
    unsafe { (api.file_control)(db, name, op, arg) }
}
