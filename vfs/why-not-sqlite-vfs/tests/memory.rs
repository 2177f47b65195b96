//! Memory that `sqlite-vfs` 0.2 hands out and SQLite frees.
//!
//! One test in a process of its own: SQLite takes an allocator only before it is initialised.

use std::collections::HashSet;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::{LazyLock, Mutex, OnceLock};

use libsqlite3_sys as ffi;
use rusqlite::Connection;
use why_not_sqlite_vfs::{MemoryVfs, file_control, open};

/// What SQLite's allocator gave out and has not taken back.
static GIVEN: LazyLock<Mutex<HashSet<usize>>> = LazyLock::new(Mutex::default);
/// Pointers passed to `sqlite3_free` that SQLite's allocator never gave out.
static FOREIGN: Mutex<Vec<usize>> = Mutex::new(Vec::new());
static ORIGINAL: OnceLock<Original> = OnceLock::new();

/// The allocator that stood there before.
struct Original(ffi::sqlite3_mem_methods);

// SAFETY: functions may be shared; the data pointer among them is SQLite's and nobody here follows it.
unsafe impl Send for Original {}
// SAFETY: as above.
unsafe impl Sync for Original {}

#[test]
fn names_it_hands_out_are_freed_by_an_allocator_that_never_gave_them() {
    install_checking_allocator();
    MemoryVfs::default().register("memory").unwrap();
    let ours = open("memory", "names");
    let stock = Connection::open(concat!(env!("CARGO_TARGET_TMPDIR"), "/stock.sqlite")).unwrap();

    for control in [ffi::SQLITE_FCNTL_VFSNAME, ffi::SQLITE_FCNTL_TEMPFILENAME] {
        assert!(
            !frees_what_is_foreign(&stock, control),
            "SQLite's own VFS keeps the contract"
        );
        assert!(frees_what_is_foreign(&ours, control), "control {control}");
    }
}

/// Asks for a name and frees it, as the documentation of both controls tells the caller to do.
fn frees_what_is_foreign(connection: &Connection, control: c_int) -> bool {
    let mut name: *mut c_char = ptr::null_mut();
    // SAFETY: both controls write one pointer to a string.
    let answer = unsafe { file_control(connection, control, (&raw mut name).cast()) };
    assert_eq!(answer, ffi::SQLITE_OK);
    // SAFETY: both controls give a string that ends in a zero byte.
    assert!(!unsafe { CStr::from_ptr(name) }.is_empty());
    // SAFETY: the checking allocator passes on only what SQLite's allocator gave out.
    unsafe { ffi::sqlite3_free(name.cast()) };
    FOREIGN.lock().unwrap().pop().is_some()
}

fn install_checking_allocator() {
    let mut original = ffi::sqlite3_mem_methods {
        xMalloc: None,
        xFree: None,
        xRealloc: None,
        xSize: None,
        xRoundup: None,
        xInit: None,
        xShutdown: None,
        pAppData: ptr::null_mut(),
    };
    // SAFETY: SQLite is not initialised yet; it fills in a struct of this type.
    let answer = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_GETMALLOC, &raw mut original) };
    assert_eq!(answer, ffi::SQLITE_OK);
    let mut checking = ffi::sqlite3_mem_methods {
        xMalloc: Some(give),
        xFree: Some(take_back),
        xRealloc: Some(give_anew),
        xSize: Some(size),
        ..original
    };
    assert!(ORIGINAL.set(Original(original)).is_ok());
    // SAFETY: SQLite is not initialised yet; it copies the struct.
    let answer = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw mut checking) };
    assert_eq!(answer, ffi::SQLITE_OK);
}

fn is_given(pointer: *mut c_void) -> bool {
    GIVEN.lock().unwrap().contains(&pointer.addr())
}

unsafe extern "C" fn give(bytes: c_int) -> *mut c_void {
    let original = ORIGINAL.get().and_then(|it| it.0.xMalloc).unwrap();
    // SAFETY: SQLite's own call, passed on unchanged.
    let pointer = unsafe { original(bytes) };
    GIVEN.lock().unwrap().insert(pointer.addr());
    pointer
}

unsafe extern "C" fn take_back(pointer: *mut c_void) {
    if !GIVEN.lock().unwrap().remove(&pointer.addr()) {
        return FOREIGN.lock().unwrap().push(pointer.addr());
    }
    let original = ORIGINAL.get().and_then(|it| it.0.xFree).unwrap();
    // SAFETY: SQLite's own call, about memory that its allocator gave out.
    unsafe { original(pointer) };
}

unsafe extern "C" fn give_anew(pointer: *mut c_void, bytes: c_int) -> *mut c_void {
    let original = ORIGINAL.get().and_then(|it| it.0.xRealloc).unwrap();
    // SAFETY: SQLite's own call, passed on unchanged.
    let moved = unsafe { original(pointer, bytes) };
    let mut given = GIVEN.lock().unwrap();
    if !moved.is_null() {
        given.remove(&pointer.addr());
        given.insert(moved.addr());
    }
    moved
}

unsafe extern "C" fn size(pointer: *mut c_void) -> c_int {
    if !is_given(pointer) {
        return 0;
    }
    let original = ORIGINAL.get().and_then(|it| it.0.xSize).unwrap();
    // SAFETY: SQLite's own call, about memory that its allocator gave out.
    unsafe { original(pointer) }
}
