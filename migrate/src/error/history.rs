//! Why an old chain does not help an actor.

use serde::Serialize;

use super::join;
use crate::schema::Difference;

/// Why an actor that ran an old chain cannot be brought to the end of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(untagged)]
#[non_exhaustive]
pub enum HistoryError {
    /// M170
    #[error("the old chain that this actor ran is not known")]
    Unknown {},
    /// M171
    #[error("{history} does not end in the schema that {baseline} makes: {}", join(.differences))]
    Misses {
        /// The old chain, as it was named.
        history: String,
        /// The migration that should have replaced it.
        baseline: String,
        /// Its end against the baseline.
        differences: Vec<Difference>,
    },
    /// M172
    #[error("it may have run any of {}, and nothing tells which", join(.places))]
    Several {
        /// Where it may stand.
        places: Vec<String>,
    },
    /// M173
    #[error("{history} cannot be read as a history: {message}")]
    Unreadable {
        /// The old chain, as it was named.
        history: String,
        /// What went wrong.
        message: String,
    },
    /// M174
    #[error("by its ledger it stands after {migration} of {history}, but its schema is another: {}", join(.differences))]
    Astray {
        /// The old chain, as it was named.
        history: String,
        /// The last migration that ran.
        migration: String,
        /// Its schema against the one it should have there.
        differences: Vec<Difference>,
    },
    /// M195
    #[error("{archive}, which held what {baseline} replaced, was pruned when no actor needed it")]
    Pruned {
        /// Where the archive was.
        archive: String,
        /// The migration that replaced its chain.
        baseline: String,
    },
}
