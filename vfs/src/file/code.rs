//! SQLite's result codes, and which of them each failure of the store becomes.

use std::ffi::c_int;

use libsqlite3_sys as ffi;

use crate::StoreError;

/// A result code of SQLite's other than `SQLITE_OK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(c_int);

impl Code {
    pub(crate) const BUSY: Self = Self(ffi::SQLITE_BUSY);
    pub(crate) const CANTOPEN: Self = Self(ffi::SQLITE_CANTOPEN);
    pub(crate) const CORRUPT: Self = Self(ffi::SQLITE_CORRUPT);
    pub(crate) const ERROR: Self = Self(ffi::SQLITE_ERROR);
    pub(crate) const FULL: Self = Self(ffi::SQLITE_FULL);
    pub(crate) const IOERR: Self = Self(ffi::SQLITE_IOERR);
    pub(crate) const IOERR_DELETE: Self = Self(ffi::SQLITE_IOERR_DELETE);
    pub(crate) const IOERR_FSTAT: Self = Self(ffi::SQLITE_IOERR_FSTAT);
    pub(crate) const IOERR_FSYNC: Self = Self(ffi::SQLITE_IOERR_FSYNC);
    pub(crate) const IOERR_LOCK: Self = Self(ffi::SQLITE_IOERR_LOCK);
    pub(crate) const IOERR_NOMEM: Self = Self(ffi::SQLITE_IOERR_NOMEM);
    pub(crate) const IOERR_READ: Self = Self(ffi::SQLITE_IOERR_READ);
    pub(crate) const IOERR_TRUNCATE: Self = Self(ffi::SQLITE_IOERR_TRUNCATE);
    pub(crate) const IOERR_WRITE: Self = Self(ffi::SQLITE_IOERR_WRITE);
    pub(crate) const NOTFOUND: Self = Self(ffi::SQLITE_NOTFOUND);
    pub(crate) const READONLY: Self = Self(ffi::SQLITE_READONLY);
    pub(crate) const READONLY_DBMOVED: Self = Self(ffi::SQLITE_READONLY_DBMOVED);
    pub(crate) const SHORT_READ: Self = Self(ffi::SQLITE_IOERR_SHORT_READ);

    /// The number that SQLite knows.
    pub(crate) const fn get(self) -> c_int {
        self.0
    }

    /// Whether SQLite throws its cache away when a rollback ends in this (`pager_error`).
    pub(crate) const fn drops_cache(self) -> bool {
        matches!(self.0 & 0xff, ffi::SQLITE_IOERR | ffi::SQLITE_FULL)
    }

    /// What SQLite hears of `error`; `otherwise` is the `IOERR` sub-code of the call that failed.
    ///
    /// Never `SQLITE_BUSY`: SQLite would try a refused COMMIT again, find nothing left to write
    /// and report success.
    pub(crate) fn of(error: &StoreError, otherwise: Self) -> Self {
        match error {
            StoreError::Fenced { .. } | StoreError::Deleted { .. } => Self::READONLY_DBMOVED,
            StoreError::ReadOnly { .. } | StoreError::StoreReadOnly { .. } => Self::READONLY,
            StoreError::EngineFull { .. }
            | StoreError::StoreFull { .. }
            | StoreError::Quota { .. }
            | StoreError::TooLarge { .. } => Self::FULL,
            StoreError::PageMissing { .. }
            | StoreError::PageDamaged { .. }
            | StoreError::HeadDamaged { .. }
            | StoreError::StoreDamaged { .. }
            | StoreError::NewerFormat { .. } => Self::CORRUPT,
            StoreError::Together { cause, .. } => Self::of(cause, otherwise),
            _ => otherwise,
        }
    }
}
