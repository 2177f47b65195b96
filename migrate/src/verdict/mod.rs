//! Where an actor stands, decided by its ledger and its live schema together.

mod advice;
mod case;
mod classify;
mod descent;
mod hazard;
mod needs;

use std::fmt;

use serde::Serialize;

use crate::bundle::Position;
use crate::schema::Difference;

pub(crate) use advice::advice;
pub(crate) use case::{Accepted, Facts};
pub(crate) use classify::classify;
pub use descent::OldChain;
pub(crate) use descent::{Descent, OnFolder, descend};
pub(crate) use hazard::hazards;
pub use hazard::{Hazard, HazardCode};

/// Where an actor stands against its migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing has run yet.
    Fresh,
    /// Everything has run, and the schema shows it.
    Current,
    /// The first migrations have run, the rest is pending.
    Behind,
    /// It ran a history that a new baseline has replaced, to its end.
    Squashed,
    /// It ran such a history, but not to its end.
    SquashedBehind,
    /// A migration it ran was changed afterwards.
    Edited,
    /// A migration it ran was changed afterwards without changing what it does.
    EditedCosmetic,
    /// A migration it ran has another name or time now.
    Renamed,
    /// A migration it ran is no longer in the folder.
    Deleted,
    /// It ran migrations newer than the folder.
    Ahead,
    /// A migration is pending that Drizzle 0.x will never run.
    Skipped,
    /// It has the schema of some position and no ledger rows.
    Unjournaled,
    /// Its schema is further than its ledger says.
    JournalTruncated,
    /// A migration ran up to some statement.
    Partial,
    /// Its schema is not what its ledger says.
    Drifted,
    /// The database or the ledger rows belong to something else.
    Foreign,
    /// Its ledger cannot be understood.
    Unreadable,
}

impl Verdict {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Current => "current",
            Self::Behind => "behind",
            Self::Squashed => "squashed",
            Self::SquashedBehind => "squashed-behind",
            Self::Edited => "edited",
            Self::EditedCosmetic => "edited-cosmetic",
            Self::Renamed => "renamed",
            Self::Deleted => "deleted",
            Self::Ahead => "ahead",
            Self::Skipped => "skipped",
            Self::Unjournaled => "unjournaled",
            Self::JournalTruncated => "journal-truncated",
            Self::Partial => "partial",
            Self::Drifted => "drifted",
            Self::Foreign => "foreign",
            Self::Unreadable => "unreadable",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether the ledger may be rewritten to say what the schema proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Adoption {
    /// The ledger is right as it is.
    NotNeeded,
    /// The schema proves it.
    Safe,
    /// Possible, but a person must accept what is named in `needs`.
    NeedsAck,
    /// Not by rewriting the ledger alone.
    Refuse,
}

impl Adoption {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotNeeded => "not-needed",
            Self::Safe => "safe",
            Self::NeedsAck => "needs-ack",
            Self::Refuse => "refuse",
        }
    }
}

impl fmt::Display for Adoption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something a person must accept before an actor is adopted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Need {
    /// What to pass to accept it, such as `column-order:tasks` or `data:0000_baseline`.
    pub name: String,
    /// What is accepted by that.
    pub message: String,
}

impl Need {
    pub(crate) fn new(name: String, message: String) -> Self {
        Self { name, message }
    }

    /// Accepted by its whole name, or by the part before the colon for all of its sort.
    pub(crate) fn is_met_by<'a>(&self, mut allowed: impl Iterator<Item = &'a String>) -> bool {
        let sort = self.name.split(':').next();
        allowed.any(|name| *name == self.name || Some(name.as_str()) == sort)
    }
}

/// How far a migration came whose runner died between two statements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Partial {
    /// The migration.
    pub migration: String,
    /// So many of its statements ran.
    pub ran_at_least: usize,
    /// So many may have run: those in between change rows, which the schema does not show.
    pub ran_at_most: usize,
    /// So many it has.
    pub statements: usize,
}

impl fmt::Display for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            migration,
            ran_at_least: first,
            ran_at_most: last,
            statements,
        } = self;
        if first == last {
            return write!(f, "{migration} ran up to statement {first} of {statements}");
        }
        write!(
            f,
            "{migration} ran up to a statement between {first} and {last} of {statements}"
        )
    }
}

/// What classification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) adoption: Adoption,
    /// The position that the schema proves, or that adoption would record.
    pub(crate) position: Option<Position>,
    /// The migrations that are not in effect, in order.
    pub(crate) pending: Vec<usize>,
    pub(crate) differences: Vec<Difference>,
    pub(crate) needs: Vec<Need>,
    /// What the ledger does not vouch for, whether the actor is adopted or mended.
    pub(crate) unproven: Vec<Need>,
    /// The positions between which the schema cannot tell, where there are several.
    pub(crate) candidates: Vec<Position>,
    /// How far the next migration came, where it came to some point.
    pub(crate) partial: Option<Partial>,
    /// The order to try where later migrations ran before earlier ones.
    pub(crate) ran_in_order: Option<Vec<usize>>,
    /// What the verdict rests on, where that is not obvious.
    pub(crate) reason: Option<String>,
    /// Where it stands on a chain that a baseline has replaced.
    pub(crate) descent: Option<Descent>,
}
