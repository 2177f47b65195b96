//! The last error, whole: SQLite passes on only a number.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use crate::StoreError;

thread_local! {
    static OF_THREAD: RefCell<Option<StoreError>> = const { RefCell::new(None) };
}

/// Keeps the last error of one actor, for all connections of this process on it.
#[derive(Debug, Default)]
pub(crate) struct LastError(Mutex<Option<StoreError>>);

impl LastError {
    /// Keeps `error` for the actor and for this thread.
    pub(crate) fn record(&self, error: &StoreError) {
        tracing::warn!(code = error.code(), %error, "SQLite was refused");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        OF_THREAD.with_borrow_mut(|last| *last = Some(error.clone()));
    }

    /// Keeps `error`, which came before there was an actor, for this thread.
    pub(crate) fn of_nobody(error: &StoreError) {
        Self::default().record(error);
    }

    /// The last error of the actor.
    pub(crate) fn get(&self) -> Option<StoreError> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    /// Forgets what happened on this thread so far.
    pub(crate) fn forget_of_thread() {
        OF_THREAD.take();
    }

    /// The last error on this thread, of whatever actor: what `xGetLastError` is asked for.
    pub(crate) fn of_thread() -> Option<StoreError> {
        OF_THREAD.with_borrow(Option::clone)
    }
}
