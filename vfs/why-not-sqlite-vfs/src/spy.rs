//! Stands between SQLite and a file's methods, and writes down each file control with its answer.

use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::ptr;

use libsqlite3_sys as ffi;
use rusqlite::Connection;

thread_local! {
    /// SQLite calls back on the thread that runs the statement: so each test hears its own connection.
    static HEARD: RefCell<Vec<Heard>> = const { RefCell::new(Vec::new()) };
    static ORIGINAL: RefCell<Option<ffi::sqlite3_io_methods>> = const { RefCell::new(None) };
}

/// A file control that SQLite sent, and what the VFS answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// `SQLITE_FCNTL_…`
    pub control: c_int,
    /// `SQLITE_OK`, `SQLITE_NOTFOUND`, …
    pub answer: c_int,
}

/// The main database file of a connection, watched. One at a time on a thread.
pub struct Spy {
    file: *mut ffi::sqlite3_file,
}

impl Spy {
    /// Starts to watch. The connection must outlive the spy.
    pub fn on(connection: &Connection) -> Spy {
        let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
        let out = (&raw mut file).cast::<c_void>();
        // SAFETY: the control writes one pointer to a file.
        let answer = unsafe { file_control(connection, ffi::SQLITE_FCNTL_FILE_POINTER, out) };
        assert_eq!(answer, ffi::SQLITE_OK);
        let spy = Spy { file };
        let original = spy.methods();
        ORIGINAL.set(Some(original));
        let watched = Box::leak(Box::new(ffi::sqlite3_io_methods {
            xFileControl: Some(write_down),
            ..original
        }));
        // SAFETY: SQLite owns the file while the connection is open; the methods live for ever.
        unsafe { (*file).pMethods = watched };
        spy
    }

    /// What was heard since the last time.
    pub fn take(&self) -> Vec<Heard> {
        HEARD.take()
    }

    /// The flags that tell SQLite what the device can do.
    pub fn device_characteristics(&self) -> c_int {
        let ask = self
            .methods()
            .xDeviceCharacteristics
            .expect("every VFS has it");
        // SAFETY: the file is open, and this is its own method.
        unsafe { ask(self.file) }
    }

    /// The sector size that SQLite is told.
    pub fn sector_size(&self) -> c_int {
        let ask = self.methods().xSectorSize.expect("every VFS has it");
        // SAFETY: the file is open, and this is its own method.
        unsafe { ask(self.file) }
    }

    fn methods(&self) -> ffi::sqlite3_io_methods {
        // SAFETY: SQLite owns the file while the connection is open.
        let methods = unsafe { (*self.file).pMethods };
        // SAFETY: the methods of an open file are never null.
        unsafe { *methods }
    }
}

/// Sends a file control to the main database, as SQLite's callers do.
///
/// # Safety
/// The argument points to what the control reads or writes.
pub unsafe fn file_control(
    connection: &Connection,
    control: c_int,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the connection is open.
    let handle = unsafe { connection.handle() };
    // SAFETY: the caller promises the argument.
    unsafe { ffi::sqlite3_file_control(handle, c"main".as_ptr(), control, argument) }
}

unsafe extern "C" fn write_down(
    file: *mut ffi::sqlite3_file,
    control: c_int,
    argument: *mut c_void,
) -> c_int {
    let original = ORIGINAL.with_borrow(|it| it.and_then(|methods| methods.xFileControl));
    let original = original.expect("a spy stands on this thread");
    // SAFETY: SQLite's own call, passed on unchanged.
    let answer = unsafe { original(file, control, argument) };
    HEARD.with_borrow_mut(|heard| heard.push(Heard { control, answer }));
    answer
}
