//! What a person must accept before an actor is adopted, spelled out.

use super::Need;
use super::case::Case;
use crate::bundle::{Migration, Position};
use crate::ledger::HashSays;
use crate::schema::Difference;

impl Case<'_> {
    fn entry(&self, entry: usize) -> &Migration {
        &self.facts.bundle.entries[entry]
    }

    fn hash_says(&self, entry: usize) -> Option<HashSays> {
        self.matched(entry).map(|found| found.hash)
    }

    fn data_statements(&self, entry: usize) -> &[usize] {
        &self.facts.expected.facts(entry).data_statements
    }

    /// Migrations up to `position` that write rows and that no row of the ledger vouches for: they
    /// leave no trace in the schema, so a person must say that they ran.
    pub(super) fn data_needs(&self, position: Position) -> Vec<Need> {
        let vouched = |says: HashSays| says != HashSays::Different;
        self.unproven_data(position, vouched)
    }

    /// The same where a row may be of a migration that the baseline replaced: only its hash vouches.
    pub(super) fn baseline_data_needs(&self, position: Position) -> Vec<Need> {
        let vouched = |says: HashSays| matches!(says, HashSays::Same | HashSays::SameButLineEnds);
        self.unproven_data(position, vouched)
    }

    fn unproven_data(&self, position: Position, vouched: impl Fn(HashSays) -> bool) -> Vec<Need> {
        let unproven = (0..position.0)
            .filter(|entry| !self.hash_says(*entry).is_some_and(&vouched))
            .filter(|entry| !self.data_statements(*entry).is_empty());
        let need = |entry: usize| {
            let tag = &self.entry(entry).tag;
            let numbers = self.data_statements(entry).iter().map(usize::to_string);
            let message = format!(
                "{tag} writes rows (statement {}); the schema cannot show whether they are there",
                numbers.collect::<Vec<_>>().join(", ")
            );
            Need::new(format!("data:{tag}"), message)
        };
        unproven.map(need).collect()
    }

    /// Where the schema is right, an edit can only have changed what a migration does to rows.
    pub(super) fn edit_needs(&self, edited: &[usize]) -> Vec<Need> {
        let doubtful = edited.iter().copied().filter(|entry| {
            self.hash_says(*entry) == Some(HashSays::Different)
                && !self.data_statements(*entry).is_empty()
        });
        let need = |entry: usize| {
            let tag = &self.entry(entry).tag;
            let message = format!("{tag} writes rows and was changed after it ran");
            Need::new(format!("edited:{tag}"), message)
        };
        doubtful.map(need).collect()
    }

    /// The schema is the same at several positions.
    pub(super) fn position_need(&self, candidates: &[Position]) -> Need {
        let tags: Vec<_> = candidates
            .iter()
            .map(|position| self.entry(position.0 - 1).tag.as_str())
            .collect();
        let message = format!(
            "the schema is the same after {}; accept one of them as the last that ran",
            tags.join(", ")
        );
        Need::new(format!("position:{}", tags[0]), message)
    }
}

/// One need for each difference that nobody has accepted yet.
pub(super) fn difference_needs(differences: &[Difference]) -> Vec<Need> {
    let open = differences
        .iter()
        .filter(|difference| !difference.acknowledged);
    let need = |difference: &Difference| {
        let message = match (&difference.expected, &difference.found) {
            (Some(expected), Some(found)) => {
                format!("the actor has {found}, the migrations make {expected}")
            }
            (None, Some(found)) => format!("no migration makes {found}"),
            (expected, None) => format!("{} is missing", expected.as_deref().unwrap_or_default()),
        };
        Need::new(
            format!("{}:{}", difference.kind, difference.object),
            message,
        )
    };
    open.map(need).collect()
}
