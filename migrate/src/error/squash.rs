//! Why a folder cannot be squashed, or what an earlier squash left cannot be read.

use serde::Serialize;

/// What is wrong with a squash: one to be made, or one that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(untagged)]
#[non_exhaustive]
pub enum SquashError {
    /// M160
    #[error("{path} is no certificate: {reason}")]
    BadCertificate {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// M161
    #[error("{path} cannot be used as an archive: {reason}")]
    BadArchive {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// M196
    #[error("{tag} cannot be certified: {reason}")]
    CannotCertify {
        /// The baseline, or the folder if it has none.
        tag: String,
        /// Why.
        reason: String,
    },
    /// M162
    #[error("{what} cannot be squashed: {reason}")]
    Unfit {
        /// The folder, or the file in it.
        what: String,
        /// Why.
        reason: String,
    },
    /// M163
    #[error("there is no migration {tag} in {dir}")]
    NoSuchMigration {
        /// The folder.
        dir: String,
        /// The tag as given.
        tag: String,
    },
    /// M164
    #[error("{name} cannot be the name of the baseline: {reason}")]
    BadName {
        /// The name.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// M165
    #[error("the rows that {migration} writes into {table} are other ones in each new database")]
    Nondeterministic {
        /// The table.
        table: String,
        /// The first migration that writes it.
        migration: String,
    },
    /// M166
    #[error("the baseline does not do what the old chain does: {message}")]
    BaselineFails {
        /// What went wrong.
        message: String,
    },
    /// M167
    #[error(
        "the baseline cannot give a new database the rows that the old chain writes into {table}"
    )]
    RowsNotCarried {
        /// The table.
        table: String,
    },
    /// M168
    #[error("{dir} is not there, because a squash of it was interrupted")]
    Interrupted {
        /// The folder.
        dir: String,
    },
    /// M169
    #[error("cannot write {path}: {reason}")]
    CannotWrite {
        /// The file or folder.
        path: String,
        /// What the system said.
        reason: String,
    },
}

impl SquashError {
    /// The code of each case.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::BadCertificate { .. } => "M160",
            Self::BadArchive { .. } => "M161",
            Self::CannotCertify { .. } => "M196",
            Self::Unfit { .. } => "M162",
            Self::NoSuchMigration { .. } => "M163",
            Self::BadName { .. } => "M164",
            Self::Nondeterministic { .. } => "M165",
            Self::BaselineFails { .. } => "M166",
            Self::RowsNotCarried { .. } => "M167",
            Self::Interrupted { .. } => "M168",
            Self::CannotWrite { .. } => "M169",
        }
    }
}
