//! How much alike two schemas are, in one word.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Difference, Kind, Schema, diff};

/// How much alike two schemas are. The greater, the less alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Level {
    /// The same texts.
    E0,
    /// The same tokens: blanks, comments, the case of keywords and quotes may differ. Fingerprints are equal.
    E1,
    /// The same meaning, written otherwise.
    E2,
    /// What differs can be seen and rarely matters: it needs a person's consent by name.
    E3,
    /// Different, or not known to be the same.
    D,
}

impl Level {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::E0 => "E0",
            Self::E1 => "E1",
            Self::E2 => "E2",
            Self::E3 => "E3",
            Self::D => "D",
        }
    }

    /// The level of two schemas whose `differences` are known, which says nothing of how they are written.
    ///
    /// An object that only one side has makes them different, even where an actor may keep it.
    #[must_use]
    pub fn of_differences(differences: &[Difference]) -> Self {
        let harmless =
            |difference: &Difference| difference.kind.acceptable() && !difference.kind.is_extra();
        if differences.is_empty() {
            Self::E2
        } else if differences.iter().all(harmless) {
            Self::E3
        } else {
            Self::D
        }
    }

    /// The level of two schemas.
    pub(crate) fn of(expected: &Schema, found: &Schema) -> Self {
        if expected.fingerprint() != found.fingerprint() {
            return Self::of_differences(&diff(expected, found)).max(Self::E2);
        }
        let texts = |schema: &Schema| -> Vec<(Kind, String, String, String)> {
            let objects = schema.objects();
            let text = objects.map(|o| (o.kind, o.name.clone(), o.table.clone(), o.sql.clone()));
            text.collect()
        };
        if texts(expected) == texts(found) {
            Self::E0
        } else {
            Self::E1
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
