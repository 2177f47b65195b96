//! Why an actor cannot be served: the whole truth, in a form that can be handed to whoever called it.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::error::{At, MigrateError};
use crate::inspect::{SCHEMA_VERSION, Standing};
use crate::verdict::{Adoption, Verdict};

/// Why an actor cannot be served. Cheap to clone: all callers of one actor can be told the same.
///
/// Serialises as what [`MigrateError`] does, an object with `code`, `message`, `hint` and, where they apply,
/// `at`, `sqlite` and more, beside `schema_version`, `retryable` and `adopted`; and, if the actor could be read,
/// `verdict`, `adoption`, `pending` and, where the ledger is not right as it is, `advice` and `reason`.
#[derive(Debug, Clone)]
pub struct WakeError {
    cause: Arc<MigrateError>,
    stood: Option<Arc<Standing>>,
    adopted: bool,
}

impl WakeError {
    pub(super) fn new(cause: MigrateError, stood: Option<Standing>, adopted: bool) -> Self {
        Self {
            cause: Arc::new(cause),
            stood: stood.map(Arc::new),
            adopted,
        }
    }

    /// The error's code: unique, never reused, explained by [`crate::explain`].
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.cause.code()
    }

    /// What to do next, in one sentence.
    #[must_use]
    pub fn hint(&self) -> String {
        self.cause.hint()
    }

    /// The statement at fault, where one is.
    #[must_use]
    pub fn at(&self) -> Option<&At> {
        self.cause.at()
    }

    /// SQLite's own words, where it said something.
    #[must_use]
    pub fn sqlite_message(&self) -> Option<&str> {
        self.cause.sqlite_message()
    }

    /// Where the actor stands, if it could be read.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.standing().map(|standing| standing.verdict)
    }

    /// Whether its ledger may be rewritten, if it could be read.
    #[must_use]
    pub fn adoption(&self) -> Option<Adoption> {
        self.standing().map(|standing| standing.adoption)
    }

    /// Where the actor stands and what it holds, if it could be read.
    #[must_use]
    pub fn standing(&self) -> Option<&Standing> {
        self.stood.as_deref()
    }

    /// Whether this wake rewrote the ledger before it failed. That stands: it says what the schema proves.
    #[must_use]
    pub fn adopted(&self) -> bool {
        self.adopted
    }

    /// What went wrong, with its data.
    #[must_use]
    pub fn cause(&self) -> &MigrateError {
        &self.cause
    }

    /// Whether the same wake may succeed a little later, though nobody changes anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.cause.is_retryable()
    }
}

impl From<MigrateError> for WakeError {
    fn from(cause: MigrateError) -> Self {
        Self::new(cause, None, false)
    }
}

impl fmt::Display for WakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl std::error::Error for WakeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.source()
    }
}

impl Serialize for WakeError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = json!(&*self.cause);
        object["schema_version"] = json!(SCHEMA_VERSION);
        object["retryable"] = json!(self.is_retryable());
        object["adopted"] = json!(self.adopted);
        if let Some(standing) = self.standing() {
            object["verdict"] = json!(standing.verdict);
            object["adoption"] = json!(standing.adoption);
            object["pending"] = json!(standing.pending);
            // What to do about a verdict that is fine in itself has nothing to do with what went wrong.
            if standing.adoption != Adoption::NotNeeded {
                object["advice"] = json!(standing.advice);
            }
            if let Some(reason) = &standing.reason {
                object["reason"] = json!(reason);
            }
        }
        object.serialize(serializer)
    }
}
