//! `sqlite3_vfs`: opening files by name, and the few things a VFS does besides.
#![expect(unsafe_code, reason = "the methods of a SQLite VFS are C functions")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{ptr, slice, thread};

use libsqlite3_sys as ffi;

use super::io::{Handle, text};
use super::open_file::{OpenFile, guard};
use super::{api, names};
use crate::file::Code;
use crate::last_error::LastError;

/// The longest name, with its end: a mount's, which holds an actor id, and the suffix that
/// SQLite adds for a journal.
const NAME_BYTES_MAX: c_int = 1024;

/// The one VFS of this process.
struct Registered(*mut ffi::sqlite3_vfs);

// SAFETY: after it is made, only SQLite touches what it points to, and under its own lock.
unsafe impl Send for Registered {}
// SAFETY: as above.
unsafe impl Sync for Registered {}

/// Registers the VFS, again if need be: SQLite takes that, and after `sqlite3_shutdown` and
/// `sqlite3_initialize` the default is another.
pub(super) fn register(default: bool) -> c_int {
    static VFS: OnceLock<Registered> = OnceLock::new();
    let registered = VFS.get_or_init(|| Registered(Box::leak(Box::new(vfs()))));
    // SAFETY: it lives for ever, and nobody but SQLite touches it.
    unsafe { api::vfs_register(registered.0, default) }
}

/// Registers the VFS if that has not happened yet. It is not made the default one.
pub(super) fn register_once() -> rusqlite::Result<()> {
    static CODE: OnceLock<c_int> = OnceLock::new();
    match *CODE.get_or_init(|| register(false)) {
        ffi::SQLITE_OK => Ok(()),
        code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
    }
}

/// <https://www.sqlite.org/c3ref/vfs.html>
fn vfs() -> ffi::sqlite3_vfs {
    ffi::sqlite3_vfs {
        iVersion: 2,
        szOsFile: c_int::try_from(size_of::<Handle>()).unwrap_or(c_int::MAX),
        mxPathname: NAME_BYTES_MAX,
        pNext: ptr::null_mut(),
        zName: super::VFS_NAME.as_ptr(),
        pAppData: ptr::null_mut(),
        xOpen: Some(x_open),
        xDelete: Some(x_delete),
        xAccess: Some(x_access),
        xFullPathname: Some(x_full_pathname),
        xDlOpen: Some(x_dl_open),
        xDlError: Some(x_dl_error),
        xDlSym: Some(x_dl_sym),
        xDlClose: Some(x_dl_close),
        xRandomness: Some(x_randomness),
        xSleep: Some(x_sleep),
        xCurrentTime: Some(x_current_time),
        xGetLastError: Some(x_get_last_error),
        xCurrentTimeInt64: Some(x_current_time_int64),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }
}

/// A copy of `text` in memory that SQLite may free; null if there is none.
pub(super) fn sqlite_string(text: &CStr) -> *mut c_char {
    let bytes = text.to_bytes_with_nul();
    let copy = api::malloc64(bytes.len() as u64).cast::<c_char>();
    if !copy.is_null() {
        // SAFETY: SQLite gave us `bytes.len()` bytes that nobody else knows yet.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr(), copy, bytes.len()) };
    }
    copy
}

/// Copies as much of `text` as fits with its end.
///
/// # Safety
/// `out` is `len` bytes that the caller may write to; with a `len` of 0 it may be null.
unsafe fn copy_text(text: &str, len: c_int, out: *mut c_char) {
    let Some(room) = usize::try_from(len).ok().and_then(|len| len.checked_sub(1)) else {
        return;
    };
    // SAFETY: the caller promises `len` bytes, which is `room` and one for the end.
    let out = unsafe { slice::from_raw_parts_mut(out.cast::<u8>(), room + 1) };
    let mut ends = (0..=room.min(text.len())).rev();
    let fits = ends.find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    out[..fits].copy_from_slice(&text.as_bytes()[..fits]);
    out[fits] = 0;
}

/// What SQLite asks for.
///
/// # Safety
/// `name` and `flags` are those that SQLite passes to `xOpen`.
unsafe fn asked<'a>(name: ffi::sqlite3_filename, flags: c_int) -> names::Asked<'a> {
    let parameter = |key: &CStr| {
        if name.is_null() || flags & ffi::SQLITE_OPEN_MAIN_DB == 0 {
            return None;
        }
        // SAFETY: the caller promises a name of SQLite's, and it is that of a main file.
        let value = unsafe { api::uri_parameter(name, key) };
        // SAFETY: the value stands beside the name and stays as long.
        unsafe { text(value) }
    };
    names::Asked {
        store: parameter(c"store"),
        key_file: parameter(c"key_file"),
        immutable: parameter(c"immutable"),
        // SAFETY: `name` is null or a string that SQLite keeps as long as the file is open.
        name: unsafe { text(name) },
        flags,
    }
}

unsafe extern "C" fn x_open(
    _vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    handle: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite owns `handle` and lets us write to it. Without methods it will not close
    // what did not open.
    unsafe { (*handle).pMethods = ptr::null() };
    // SAFETY: SQLite passes the name of what it opens.
    let asked = unsafe { asked(name, flags) };
    let opened = guard(|| {
        let file = names::open(&asked)?;
        let read_only = file.read_only();
        Ok((
            OpenFile::new(names::kind(flags), asked.name, file),
            read_only,
        ))
    });
    let (open, read_only) = match opened.unwrap_or(Err(Code::CANTOPEN)) {
        Ok(opened) => opened,
        Err(code) => return code.get(),
    };
    // SAFETY: SQLite reserved `szOsFile` bytes there, which is the size of a `Handle`.
    unsafe { handle.cast::<Handle>().write(Handle::new(open)) };
    if !out_flags.is_null() {
        let granted = match read_only {
            true => flags & !ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_READONLY,
            false => flags,
        };
        // SAFETY: SQLite owns the number and lets us set it.
        unsafe { *out_flags = granted };
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn x_delete(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    _sync_directory: c_int,
) -> c_int {
    // SAFETY: SQLite passes a string that stays until we return.
    let name = unsafe { text(name) };
    let deleted = guard(|| names::delete(name.unwrap_or_default()));
    match deleted.unwrap_or(Err(Code::IOERR_DELETE)) {
        Ok(()) => ffi::SQLITE_OK,
        Err(code) => code.get(),
    }
}

unsafe extern "C" fn x_access(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    _flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes a string that stays until we return.
    let name = unsafe { text(name) };
    let exists = guard(|| names::exists(name.unwrap_or_default())).unwrap_or_default();
    // SAFETY: SQLite owns the number and lets us set it.
    unsafe { *out = c_int::from(exists) };
    ffi::SQLITE_OK
}

/// A name is whole already. One that does not fit is refused, never cut: it would name another.
unsafe extern "C" fn x_full_pathname(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    len: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite passes a string that stays until we return.
    let Some(name) = (unsafe { text(name) }) else {
        return ffi::SQLITE_CANTOPEN;
    };
    if usize::try_from(len).is_ok_and(|len| name.len() < len) {
        // SAFETY: SQLite owns `out`, which is `len` bytes, until we return.
        unsafe { copy_text(name, len, out) };
        return ffi::SQLITE_OK;
    }
    ffi::SQLITE_CANTOPEN
}

/// SQLite calls this without looking whether it is there, so it has to be.
unsafe extern "C" fn x_dl_open(_vfs: *mut ffi::sqlite3_vfs, _name: *const c_char) -> *mut c_void {
    ptr::null_mut()
}

unsafe extern "C" fn x_dl_error(_vfs: *mut ffi::sqlite3_vfs, len: c_int, out: *mut c_char) {
    let sentence = "an actor's connection loads no extension files; register the extension by \
                    sqlite3_auto_extension";
    // SAFETY: SQLite owns `out`, which is `len` bytes, until we return.
    unsafe { copy_text(sentence, len, out) };
}

type Symbol = unsafe extern "C" fn(*mut ffi::sqlite3_vfs, *mut c_void, *const c_char);

unsafe extern "C" fn x_dl_sym(
    _vfs: *mut ffi::sqlite3_vfs,
    _library: *mut c_void,
    _name: *const c_char,
) -> Option<Symbol> {
    None
}

unsafe extern "C" fn x_dl_close(_vfs: *mut ffi::sqlite3_vfs, _library: *mut c_void) {}

/// Answers how many bytes are random.
unsafe extern "C" fn x_randomness(
    _vfs: *mut ffi::sqlite3_vfs,
    len: c_int,
    out: *mut c_char,
) -> c_int {
    let bytes = usize::try_from(len).unwrap_or_default();
    // SAFETY: SQLite owns `out`, which is `len` bytes, until we return.
    let out = unsafe { slice::from_raw_parts_mut(out.cast::<u8>(), bytes) };
    match getrandom::fill(out) {
        Ok(()) => len,
        Err(_) => 0,
    }
}

/// Answers how long it slept.
unsafe extern "C" fn x_sleep(_vfs: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    thread::sleep(Duration::from_micros(u64::try_from(micros).unwrap_or(0)));
    micros
}

/// Milliseconds since noon in Greenwich on November 24, 4714 B.C. (Gregorian).
fn julian_ms() -> i64 {
    const UNIX_EPOCH_MS: i64 = 210_866_760_000_000;
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.map_or(0, |since| since.as_millis());
    UNIX_EPOCH_MS + i64::try_from(ms).unwrap_or(0)
}

unsafe extern "C" fn x_current_time_int64(_vfs: *mut ffi::sqlite3_vfs, out: *mut i64) -> c_int {
    // SAFETY: SQLite owns the number and lets us set it.
    unsafe { *out = julian_ms() };
    ffi::SQLITE_OK
}

/// The same in days: what a VFS that wraps this one may still ask for.
unsafe extern "C" fn x_current_time(_vfs: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    const DAY_MS: i64 = 86_400_000;
    let (days, ms) = (julian_ms() / DAY_MS, julian_ms() % DAY_MS);
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    let ms = i32::try_from(ms).unwrap_or(0);
    // SAFETY: SQLite owns the number and lets us set it.
    unsafe { *out = f64::from(days) + f64::from(ms) / 86_400_000.0 };
    ffi::SQLITE_OK
}

/// Answers the number in the code of the last error on this thread (104 for `S104`), and tells
/// its story. `sqlite3_system_errno` passes the number on.
unsafe extern "C" fn x_get_last_error(
    _vfs: *mut ffi::sqlite3_vfs,
    len: c_int,
    out: *mut c_char,
) -> c_int {
    let Some(error) = guard(LastError::of_thread).flatten() else {
        return 0;
    };
    // SAFETY: the caller owns `out`, which is `len` bytes, until we return.
    unsafe { copy_text(&error.to_string(), len, out) };
    error.code().trim_start_matches('S').parse().unwrap_or(1)
}
