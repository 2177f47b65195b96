//! SQLite's allocator, which refuses when it is told to.
#![expect(unsafe_code, reason = "SQLite's allocator is a table of C functions")]

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::ffi;

type Malloc = unsafe extern "C" fn(c_int) -> *mut c_void;
type Realloc = unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void;

/// SQLite's own functions, which ours call.
static REAL: OnceLock<(Malloc, Realloc)> = OnceLock::new();
/// How many requests are still granted.
static GRANTED: AtomicU64 = AtomicU64::new(u64::MAX);
static KEEPS_FAILING: AtomicBool = AtomicBool::new(false);
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// Puts our allocator before SQLite's own, and switches lookaside memory on or off, from which
/// small requests are served without an allocator. No connection may be open.
pub(crate) fn install(lookaside: bool) {
    // SAFETY: the caller promises that no connection is open and no other thread runs SQLite.
    let stopped = unsafe { ffi::sqlite3_shutdown() };
    assert_eq!(stopped, ffi::SQLITE_OK);
    if REAL.get().is_none() {
        replace();
    }
    let (bytes, slots): (c_int, c_int) = if lookaside { (1200, 100) } else { (0, 0) };
    // SAFETY: this option takes two ints, and SQLite is not initialized.
    let set = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_LOOKASIDE, bytes, slots) };
    assert_eq!(set, ffi::SQLITE_OK);
}

fn replace() {
    let mut methods = MaybeUninit::<ffi::sqlite3_mem_methods>::zeroed();
    // SAFETY: this option fills a table of methods that is ours, and SQLite is not initialized.
    let got = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_GETMALLOC, methods.as_mut_ptr()) };
    assert_eq!(got, ffi::SQLITE_OK);
    // SAFETY: SQLite has filled it; all zero would be a valid table too.
    let mut methods = unsafe { methods.assume_init() };
    let real = (methods.xMalloc, methods.xRealloc);
    let (Some(malloc), Some(realloc)) = real else {
        panic!("SQLite has an allocator of its own");
    };
    REAL.set((malloc, realloc)).expect("set once");
    methods.xMalloc = Some(our_malloc);
    methods.xRealloc = Some(our_realloc);
    // SAFETY: SQLite copies the table, whose functions live as long as the program.
    let set = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, ptr::from_ref(&methods)) };
    assert_eq!(set, ffi::SQLITE_OK);
}

/// Grants `granted` requests while `work` runs, and refuses the one after them, or all after
/// them. Gives what came of the work, and how many requests were refused.
pub(crate) fn refusing<T>(granted: u64, for_good: bool, work: impl FnOnce() -> T) -> (T, u64) {
    REFUSED.store(0, Ordering::Relaxed);
    KEEPS_FAILING.store(for_good, Ordering::Relaxed);
    GRANTED.store(granted, Ordering::Relaxed);
    let done = work();
    GRANTED.store(u64::MAX, Ordering::Relaxed);
    KEEPS_FAILING.store(false, Ordering::Relaxed);
    (done, REFUSED.load(Ordering::Relaxed))
}

fn refuses() -> bool {
    match GRANTED.load(Ordering::Relaxed) {
        u64::MAX => return false,
        0 if KEEPS_FAILING.load(Ordering::Relaxed) => {}
        0 => GRANTED.store(u64::MAX, Ordering::Relaxed),
        left => {
            GRANTED.store(left - 1, Ordering::Relaxed);
            return false;
        }
    }
    REFUSED.fetch_add(1, Ordering::Relaxed);
    true
}

unsafe extern "C" fn our_malloc(bytes: c_int) -> *mut c_void {
    match REAL.get() {
        // SAFETY: SQLite asks as it asks its own allocator, whose function that is.
        Some((malloc, _)) if !refuses() => unsafe { malloc(bytes) },
        _ => ptr::null_mut(),
    }
}

unsafe extern "C" fn our_realloc(old: *mut c_void, bytes: c_int) -> *mut c_void {
    match REAL.get() {
        // SAFETY: `old` came from the function above, so from SQLite's own allocator.
        Some((_, realloc)) if !refuses() => unsafe { realloc(old, bytes) },
        _ => ptr::null_mut(),
    }
}
