//! What is wrong with a migration folder, as an answer: a code, how grave, where, and what to do.

use std::fmt;

use serde::Serialize;

use crate::bundle::Migration;
use crate::sql::Statement;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; speaks against nothing.
    Note,
    /// Depends on the data, or surprises somebody some day.
    Warning,
    /// A deploy would fail, or do what nobody meant.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing that is wrong with a folder. Findings are answers, not errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// Its code, explained by [`crate::explain`]: `L1xx` and `L2xx` for rules, `L3xx` for certificates.
    pub code: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// What is so.
    pub message: String,
    /// The migration it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<String>,
    /// The file, as the folder was named by the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The statement in that migration, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<usize>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The character of that line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

impl Finding {
    /// A finding about the folder as a whole.
    pub(crate) fn new(code: &'static str, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            migration: None,
            file: None,
            statement: None,
            line: None,
            column: None,
        }
    }

    /// The same about one migration.
    pub(crate) fn of(self, migration: &Migration) -> Self {
        Self {
            migration: Some(migration.tag.clone()),
            file: Some(migration.file.clone()),
            ..self
        }
    }

    /// The same about one statement, or about the byte `offset` inside it.
    pub(crate) fn at(
        self,
        migration: &Migration,
        statement: &Statement,
        offset: Option<usize>,
    ) -> Self {
        let (line, column) = migration.place(statement, offset);
        Self {
            statement: Some(statement.number),
            line: Some(line),
            column: Some(column),
            ..self.of(migration)
        }
    }

    /// What to do about it, in one sentence.
    #[must_use]
    pub fn next(&self) -> &'static str {
        crate::explain::next_step(self.code)
    }
}
