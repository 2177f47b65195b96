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
}

impl SquashError {
    /// The code of each case.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::BadCertificate { .. } => "M160",
            Self::BadArchive { .. } => "M161",
        }
    }
}
