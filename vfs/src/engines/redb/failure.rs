//! What redb's many errors mean to a caller.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::kv::{EngineError, EngineErrorKind};

/// Turns an error of redb, met while `doing` something, into ours.
pub(super) fn failed<E: Into<redb::Error>>(doing: &'static str) -> impl Fn(E) -> EngineError {
    move |error| {
        let error = error.into();
        EngineError::new(kind(&error), doing, error)
    }
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic on this thread would be caught and told as an error: redb panics over a damaged
/// file. The hook of a process hears of it first, and may keep silent about what is caught; this
/// crate leaves the hook to the process that it is a part of.
#[must_use]
pub fn panic_is_caught() -> bool {
    GUARDED.get()
}

/// Calls redb while `doing` something. It may panic if a part of the file is not what it wrote there;
/// a transaction that this ends changes nothing, and redb goes on with the file as it was.
pub(super) fn guarded<T>(
    doing: &'static str,
    call: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let outside = GUARDED.replace(true);
    let called = catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(outside);
    called.unwrap_or_else(|_| Err(damaged(doing, "redb cannot make sense of it")))
}

/// Says that the file is not what was written there.
pub(super) fn damaged(doing: &'static str, what: &'static str) -> EngineError {
    EngineError::new(EngineErrorKind::Damaged, doing, what)
}

fn kind(error: &redb::Error) -> EngineErrorKind {
    match error {
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
            EngineErrorKind::InUse
        }
        redb::Error::Corrupted(_) | redb::Error::RepairAborted => EngineErrorKind::Damaged,
        redb::Error::UpgradeRequired(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TypeDefinitionChanged { .. } => EngineErrorKind::Foreign,
        redb::Error::Io(error) => kind_of_io(error),
        _ => EngineErrorKind::Io,
    }
}

pub(super) fn kind_of_io(error: &io::Error) -> EngineErrorKind {
    use io::ErrorKind::*;
    match error.kind() {
        NotFound => EngineErrorKind::Missing,
        PermissionDenied | ReadOnlyFilesystem => EngineErrorKind::ReadOnly,
        StorageFull | QuotaExceeded | FileTooLarge => EngineErrorKind::Full,
        // redb's word for a file that does not begin as its files do.
        InvalidData => EngineErrorKind::Foreign,
        UnexpectedEof => EngineErrorKind::Damaged,
        _ => EngineErrorKind::Io,
    }
}
