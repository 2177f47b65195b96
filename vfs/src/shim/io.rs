//! `sqlite3_io_methods`: one callback for each thing SQLite does with an open file.
#![expect(
    unsafe_code,
    reason = "the methods of a SQLite file handle are C functions"
)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::{ptr, slice};

use libsqlite3_sys as ffi;

use super::company::Peers;
use super::open_file::{OpenFile, guard};
use super::vfs::sqlite_string;
use crate::file::{Code, Company, File, FileNo, Joint, Step};
use crate::ladder::Level;

/// What SQLite has of ours: the memory is SQLite's, of the size that the VFS declares.
#[repr(C)]
pub(super) struct Handle {
    base: ffi::sqlite3_file,
    /// From `Box::into_raw`, until `x_close` takes it back.
    open: *mut OpenFile,
    /// Where SQLite keeps the connection of a main file, once it has said so.
    connection: *mut *mut ffi::sqlite3,
}

/// A connection may move to another thread, and takes its files with it behind SQLite's back.
const _: fn() = || {
    fn moves_between_threads<T: Send>() {}
    moves_between_threads::<OpenFile>();
};

impl Handle {
    pub(super) fn new(open: OpenFile) -> Self {
        let base = ffi::sqlite3_file {
            pMethods: &raw const METHODS,
        };
        let open = Box::into_raw(Box::new(open));
        Self {
            base,
            open,
            connection: ptr::null_mut(),
        }
    }
}

/// Whether this is the handle of a main file of ours. Null is none.
pub(super) fn is_main(handle: *mut ffi::sqlite3_file) -> bool {
    if handle.is_null() {
        return false;
    }
    // SAFETY: SQLite has given us a file handle, and it is not closed.
    if unsafe { (*handle).pMethods } != &raw const METHODS {
        return false;
    }
    // SAFETY: only a `Handle` has our methods.
    let open = unsafe { (*handle.cast::<Handle>()).open };
    // SAFETY: the box lives until `x_close`; what kind of file it is never changes.
    unsafe { (*open).is_main() }
}

/// Version 1: no shared memory, hence no write-ahead log, and no memory mapping.
/// <https://www.sqlite.org/c3ref/io_methods.html>
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(x_close),
    xRead: Some(x_read),
    xWrite: Some(x_write),
    xTruncate: Some(x_truncate),
    xSync: Some(x_sync),
    xFileSize: Some(x_file_size),
    xLock: Some(x_lock),
    xUnlock: Some(x_unlock),
    xCheckReservedLock: Some(x_check_reserved_lock),
    xFileControl: Some(x_file_control),
    xSectorSize: Some(x_sector_size),
    xDeviceCharacteristics: Some(x_device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

/// Whatever the page size: SQLite takes 512 anyway for files that say `POWERSAFE_OVERWRITE`
/// (`setSectorSize`).
const SECTOR_BYTES: c_int = 512;

/// The open file behind `handle`.
///
/// # Safety
/// `handle` is one that [`Handle`] was written to, not closed yet, and nobody else uses it now.
unsafe fn open_file<'a>(handle: *mut ffi::sqlite3_file) -> &'a mut OpenFile {
    // SAFETY: the caller promises that a `Handle` stands there.
    let open = unsafe { (*handle.cast::<Handle>()).open };
    // SAFETY: it came from a box that `x_close` has not taken back, and the caller promises that
    // it is alone: SQLite serialises the calls on one file.
    unsafe { &mut *open }
}

/// An offset or a size as SQLite passes it: never negative.
fn offset(number: i64) -> Result<u64, Code> {
    u64::try_from(number).map_err(|_| Code::IOERR)
}

unsafe extern "C" fn x_close(handle: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes only what `x_open` has set up, and once.
    let open = unsafe { (*handle.cast::<Handle>()).open };
    // SAFETY: it came from `Box::into_raw`, and after this call SQLite forgets the handle.
    let open = unsafe { Box::from_raw(open) };
    open.close();
    ffi::SQLITE_OK
}

unsafe extern "C" fn x_read(
    handle: *mut ffi::sqlite3_file,
    out: *mut c_void,
    len: c_int,
    at: i64,
) -> c_int {
    // SAFETY: SQLite passes a file that is open, from one thread at a time.
    let open = unsafe { open_file(handle) };
    let len = usize::try_from(len).unwrap_or_default();
    // SAFETY: SQLite owns `out`, which is `len` bytes, until we return.
    let out = unsafe { slice::from_raw_parts_mut(out.cast::<u8>(), len) };
    open.call("read", format_args!("{at}+{len}"), |file| {
        file.read(offset(at)?, out)
    })
}

unsafe extern "C" fn x_write(
    handle: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    len: c_int,
    at: i64,
) -> c_int {
    // SAFETY: SQLite passes a file that is open, from one thread at a time.
    let open = unsafe { open_file(handle) };
    let len = usize::try_from(len).unwrap_or_default();
    // SAFETY: SQLite owns `bytes`, which is `len` bytes, and does not change it until we return.
    let bytes = unsafe { slice::from_raw_parts(bytes.cast::<u8>(), len) };
    open.call("write", format_args!("{at}+{len}"), |file| {
        file.write(offset(at)?, bytes)
    })
}

unsafe extern "C" fn x_truncate(handle: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: SQLite passes a file that is open, from one thread at a time.
    let open = unsafe { open_file(handle) };
    open.call("truncate", format_args!("{size}"), |file| {
        file.truncate(offset(size)?)
    })
}

unsafe extern "C" fn x_sync(handle: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite passes a file that is open, from one thread at a time.
    let open = unsafe { open_file(handle) };
    open.call("sync", format_args!(""), |file| file.sync())
}

unsafe extern "C" fn x_file_size(handle: *mut ffi::sqlite3_file, out: *mut i64) -> c_int {
    // SAFETY: SQLite passes a file that is open, from one thread at a time.
    let open = unsafe { open_file(handle) };
    let mut size = 0;
    let code = open.call("size", format_args!(""), |file| {
        size = i64::try_from(file.size()?).map_err(|_| Code::IOERR_FSTAT)?;
        Ok(())
    });
    // SAFETY: SQLite owns the number and lets us set it.
    unsafe { *out = size };
    code
}

fn level(lock: c_int) -> Level {
    match lock {
        ..=ffi::SQLITE_LOCK_NONE => Level::None,
        ffi::SQLITE_LOCK_SHARED => Level::Shared,
        ffi::SQLITE_LOCK_RESERVED => Level::Reserved,
        ffi::SQLITE_LOCK_PENDING => Level::Pending,
        _ => Level::Exclusive,
    }
}

unsafe extern "C" fn x_lock(handle: *mut ffi::sqlite3_file, lock: c_int) -> c_int {
    // SAFETY: SQLite passes a file that is open, from one thread at a time.
    let open = unsafe { open_file(handle) };
    open.call("lock", format_args!("{lock}"), |file| {
        file.lock(level(lock))
    })
}

unsafe extern "C" fn x_unlock(handle: *mut ffi::sqlite3_file, lock: c_int) -> c_int {
    // SAFETY: SQLite passes a file that is open, from one thread at a time.
    let open = unsafe { open_file(handle) };
    open.call("unlock", format_args!("{lock}"), |file| {
        file.unlock(level(lock));
        Ok(())
    })
}

unsafe extern "C" fn x_check_reserved_lock(
    handle: *mut ffi::sqlite3_file,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes a file that is open, from one thread at a time.
    let open = unsafe { open_file(handle) };
    let mut reserved = false;
    let code = open.call("reserved?", format_args!(""), |file| {
        reserved = file.is_reserved();
        Ok(())
    });
    // SAFETY: SQLite owns the number and lets us set it.
    unsafe { *out = c_int::from(reserved) };
    code
}

unsafe extern "C" fn x_sector_size(_handle: *mut ffi::sqlite3_file) -> c_int {
    SECTOR_BYTES
}

unsafe extern "C" fn x_device_characteristics(handle: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite passes a file that is open, from one thread at a time.
    let open = unsafe { open_file(handle) };
    open.characteristics()
}

unsafe extern "C" fn x_file_control(
    handle: *mut ffi::sqlite3_file,
    op: c_int,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: SQLite passes a file that is open, from one thread at a time.
    let open = unsafe { open_file(handle) };
    if op == ffi::SQLITE_FCNTL_PDB {
        // SAFETY: it is a `Handle`, and nobody else looks at it now.
        unsafe { (*handle.cast::<Handle>()).connection = arg.cast() };
        return ffi::SQLITE_OK;
    }
    // SAFETY: SQLite passes what the operation asks for.
    let step = guard(|| unsafe { step(handle, op, arg) });
    if let Some((name, step)) = step.flatten() {
        return open.call(name, format_args!(""), |file| file.control(step));
    }
    match op {
        ffi::SQLITE_FCNTL_PRAGMA => {
            // SAFETY: for this operation SQLite passes an array of four strings, the last null.
            let slots = unsafe { &mut *arg.cast::<[*mut c_char; 3]>() };
            // SAFETY: the second is the name of the pragma.
            let name = unsafe { text(slots[1]) };
            // SAFETY: the third is its value, or null.
            let value = unsafe { text(slots[2]) };
            open.call("pragma", format_args!(""), |file| {
                pragma(file, name.unwrap_or_default(), value, &mut slots[0])
            })
        }
        ffi::SQLITE_FCNTL_LOCKSTATE | ffi::SQLITE_FCNTL_HAS_MOVED => {
            let mut answer = 0;
            let code = open.call("state?", format_args!("{op}"), |file| {
                answer = state(file, op);
                Ok(())
            });
            // SAFETY: for these operations SQLite passes a number of its own to be set.
            unsafe { *arg.cast::<c_int>() = answer };
            code
        }
        ffi::SQLITE_FCNTL_VFSNAME => {
            let name = sqlite_string(super::VFS_NAME);
            // SAFETY: for this operation SQLite passes a string to be set, which it frees.
            unsafe { *arg.cast::<*mut c_char>() = name };
            ffi::SQLITE_OK
        }
        // Hints that change nothing: the overlay grows as it is written.
        ffi::SQLITE_FCNTL_SIZE_HINT | ffi::SQLITE_FCNTL_CHUNK_SIZE => ffi::SQLITE_OK,
        ffi::SQLITE_FCNTL_MMAP_SIZE => {
            // SAFETY: for this operation SQLite passes a number of its own to be set.
            unsafe { *arg.cast::<i64>() = 0 };
            ffi::SQLITE_OK
        }
        // SQLite takes this answer as "never mind".
        _ => ffi::SQLITE_NOTFOUND,
    }
}

/// The step of a transaction that a file control is.
///
/// # Safety
/// SQLite has passed all three to `x_file_control`, and waits for it.
unsafe fn step(
    handle: *mut ffi::sqlite3_file,
    op: c_int,
    arg: *mut c_void,
) -> Option<(&'static str, Step)> {
    let peers = || {
        // SAFETY: the caller promises a handle, and we wrote it.
        let connection = unsafe { (*handle.cast::<Handle>()).connection };
        // SAFETY: SQLite has said so of this file.
        unsafe { Peers::of(handle, connection) }
    };
    Some(match op {
        ffi::SQLITE_FCNTL_BEGIN_ATOMIC_WRITE => ("begin-atomic", Step::BeginAtomic),
        ffi::SQLITE_FCNTL_COMMIT_ATOMIC_WRITE => ("commit-atomic", Step::CommitAtomic),
        ffi::SQLITE_FCNTL_ROLLBACK_ATOMIC_WRITE => ("rollback-atomic", Step::RollbackAtomic),
        ffi::SQLITE_FCNTL_SYNC if arg.is_null() => {
            let company = peers().map_or(Company::Alone, Peers::company);
            ("SYNC", Step::Sync(company))
        }
        ffi::SQLITE_FCNTL_SYNC => {
            // SAFETY: for this operation SQLite passes the name of a super-journal, or null.
            let joint = unsafe { text(arg.cast()) }.and_then(Joint::of_super_journal);
            let file = handle as FileNo;
            let company = joint.map_or(Company::Strangers, |it| Company::Joint(it, file));
            ("SYNC", Step::Sync(company))
        }
        ffi::SQLITE_FCNTL_COMMIT_PHASETWO => {
            let strangers = peers().is_some_and(Peers::has_strangers);
            ("PHASETWO", Step::CommitPhaseTwo { strangers })
        }
        _ => return None,
    })
}

/// `NOTFOUND` lets the pragma run; an error is shown with the sentence in `message`.
fn pragma(
    file: &mut dyn File,
    name: &str,
    value: Option<&str>,
    message: &mut *mut c_char,
) -> Result<(), Code> {
    let Err(sentence) = file.pragma(name, value) else {
        return Err(Code::NOTFOUND);
    };
    let sentence = std::ffi::CString::new(sentence).unwrap_or_default();
    *message = sqlite_string(&sentence);
    Err(Code::ERROR)
}

fn state(file: &dyn File, op: c_int) -> c_int {
    if op == ffi::SQLITE_FCNTL_HAS_MOVED {
        return c_int::from(file.has_moved());
    }
    match file.level() {
        Level::None => ffi::SQLITE_LOCK_NONE,
        Level::Shared => ffi::SQLITE_LOCK_SHARED,
        Level::Reserved => ffi::SQLITE_LOCK_RESERVED,
        Level::Pending => ffi::SQLITE_LOCK_PENDING,
        Level::Exclusive => ffi::SQLITE_LOCK_EXCLUSIVE,
    }
}

/// A string of SQLite's, unless it is null or no UTF-8.
///
/// # Safety
/// `string` is null, or ends in a zero byte and stays as it is for as long as `'a`.
pub(super) unsafe fn text<'a>(string: *const c_char) -> Option<&'a str> {
    if string.is_null() {
        return None;
    }
    // SAFETY: the caller promises a string that ends and stays.
    let string = unsafe { CStr::from_ptr(string) };
    string.to_str().ok()
}
