//! The safe half of a file handle: what it holds, and how a panic in it ends.

use std::ffi::c_int;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use libsqlite3_sys as ffi;

use crate::file::{Code, Entry, File};

/// The tracing target under which every call from SQLite on a file is told.
const CALLS: &str = "actor_vfs::calls";

/// Runs `call`; a panic becomes `None` instead of crossing into SQLite.
pub(super) fn guard<T>(call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(payload) => {
            // Dropping it could panic again.
            std::mem::forget(payload);
            None
        }
    }
}

/// A file between `xOpen` and `xClose`.
pub(super) struct OpenFile {
    kind: &'static str,
    file: Box<dyn File>,
    poisoned: bool,
    /// The line of the roll of main files.
    entry: Option<Entry>,
}

impl OpenFile {
    /// A file of that `name`, if it has one.
    pub(super) fn new(kind: &'static str, name: Option<&str>, file: Box<dyn File>) -> Self {
        tracing::trace!(target: CALLS, kind, call = "open");
        let entry = name.zip(file.participant());
        Self {
            kind,
            file,
            poisoned: false,
            entry: entry.map(|(name, participant)| Entry::new(name, participant)),
        }
    }

    /// Whether it is a main file.
    pub(super) fn is_main(&self) -> bool {
        self.entry.is_some()
    }

    /// Calls into the file and says what SQLite hears. After a panic it hears nothing but errors.
    pub(super) fn call(
        &mut self,
        name: &'static str,
        detail: fmt::Arguments<'_>,
        call: impl FnOnce(&mut dyn File) -> Result<(), Code>,
    ) -> c_int {
        let answer = self.try_call(call);
        let code = answer.err().map_or(ffi::SQLITE_OK, Code::get);
        tracing::trace!(target: CALLS, kind = self.kind, call = name, %detail, code);
        code
    }

    fn try_call(
        &mut self,
        call: impl FnOnce(&mut dyn File) -> Result<(), Code>,
    ) -> Result<(), Code> {
        if self.poisoned {
            return Err(Code::IOERR);
        }
        let file = &mut *self.file;
        guard(|| call(file)).unwrap_or_else(|| {
            self.poisoned = true;
            guard(|| self.file.poison());
            Err(Code::IOERR)
        })
    }

    /// The `SQLITE_IOCAP_` bits.
    pub(super) fn characteristics(&self) -> c_int {
        guard(|| self.file.characteristics()).unwrap_or_default()
    }

    /// Closes the file.
    pub(super) fn close(self) {
        tracing::trace!(target: CALLS, kind = self.kind, call = "close");
        guard(|| drop(self.file));
    }
}
