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
