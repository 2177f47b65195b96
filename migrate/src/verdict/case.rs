//! The facts of one actor, asked the questions that a verdict needs.

use std::sync::Arc;

use crate::bundle::{Bundle, Layout, Position};
use crate::ledger::{HashSays, Ledger, LedgerRow, Match, MatchedBy, Matching};
use crate::replay::{Expected, Place};
use crate::schema::{Difference, Fingerprint, Schema};

/// How many positions are compared in full when no fingerprint is equal.
const COMPARED_POSITIONS_MAX: usize = 64;

/// A difference that a person accepted when the actor was adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) kind: String,
    pub(crate) object: String,
}

/// All that a verdict rests on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) bundle: &'a Bundle,
    pub(crate) expected: &'a Expected,
    pub(crate) ledger: &'a Ledger,
    pub(crate) matching: &'a Matching,
    pub(crate) live: &'a Schema,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) accepted: &'a [Accepted],
}

/// How the live schema fits one position. The fewer wrong and open differences, the closer.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    pub(super) differences: Vec<Difference>,
    /// Differences that nobody may accept.
    wrong: usize,
    /// Differences that nobody has accepted yet, the wrong ones among them.
    open: usize,
}

impl Fit {
    /// It is that schema, but for differences that were accepted.
    pub(super) fn is_same(&self) -> bool {
        self.open == 0
    }

    /// A person may accept the differences.
    pub(super) fn is_acceptable(&self) -> bool {
        self.wrong == 0
    }
}

/// One actor under judgement.
pub(super) struct Case<'a> {
    pub(super) facts: Facts<'a>,
    /// The positions whose schema the live one is.
    pub(super) positions: Vec<Position>,
}

impl<'a> Case<'a> {
    pub(super) fn new(facts: Facts<'a>) -> Self {
        let mut case = Self {
            facts,
            positions: facts.expected.positions_of(facts.fingerprint),
        };
        if case.positions.is_empty() && facts.ledger.unreadable.is_none() {
            case.positions = case.positions_by_meaning();
        }
        case
    }

    /// The positions whose schema is written otherwise and means the same.
    pub(super) fn positions_by_meaning(&self) -> Vec<Position> {
        let near = self.neighbourhood(Position(0));
        near.filter(|position| self.differences((*position).into()).is_empty())
            .collect()
    }

    /// The positions worth a comparison: all, or in a long folder those around the most alike.
    pub(super) fn neighbourhood(&self, from: Position) -> impl Iterator<Item = Position> + use<> {
        let end = self.end().0;
        let (mut low, mut high) = (from.0.min(end), end);
        if high - low > COMPARED_POSITIONS_MAX {
            let nearest = self
                .facts
                .expected
                .nearest(self.facts.live)
                .0
                .clamp(low, high);
            low = low.max(nearest.saturating_sub(COMPARED_POSITIONS_MAX / 2));
            high = high.min(low + COMPARED_POSITIONS_MAX);
        }
        (low..=high).map(Position)
    }

    pub(super) fn differences(&self, place: Place) -> Arc<[Difference]> {
        self.facts
            .expected
            .compare(place, self.facts.live, self.facts.fingerprint)
    }

    pub(super) fn end(&self) -> Position {
        self.facts.bundle.end()
    }

    /// The rows that speak of no migration, but for those that an adoption explains.
    pub(super) fn unknown(&self) -> Vec<&LedgerRow> {
        let unknown = self.facts.matching.unknown(self.facts.ledger);
        unknown
            .filter(|row| !self.is_left_by_adoption(row))
            .collect()
    }

    /// Whether Drizzle runs only what is newer than the newest row.
    pub(super) fn has_watermark(&self) -> bool {
        self.facts.ledger.format.has_watermark()
            && self.facts.bundle.layout == Layout::DrizzleJournal
    }

    pub(super) fn matched(&self, entry: usize) -> Option<Match> {
        self.facts.matching.entries.get(entry).copied().flatten()
    }

    /// How many migrations from the first on have a row.
    pub(super) fn prefix(&self) -> Position {
        Position(
            self.facts
                .matching
                .entries
                .iter()
                .take_while(|found| found.is_some())
                .count(),
        )
    }

    /// The position after the last migration that has a row.
    pub(super) fn after_last_matched(&self) -> Position {
        let last = self
            .facts
            .matching
            .entries
            .iter()
            .rposition(Option::is_some);
        Position(last.map_or(0, |last| last + 1))
    }

    pub(super) fn is_at(&self, position: Position) -> bool {
        self.positions.contains(&position)
    }

    pub(super) fn fit(&self, position: Position) -> Fit {
        if self.is_at(position) {
            return Fit {
                differences: Vec::new(),
                wrong: 0,
                open: 0,
            };
        }
        let mut differences = self.differences(position.into()).to_vec();
        for difference in &mut differences {
            difference.acknowledged = self.facts.accepted.iter().any(|accepted| {
                accepted.kind == difference.kind.as_str() && accepted.object == difference.object
            });
        }
        let open = differences
            .iter()
            .filter(|difference| !difference.acknowledged);
        let (open, wrong) = (
            open.clone().count(),
            open.filter(|open| self.is_wrong(open)).count(),
        );
        Fit {
            differences,
            wrong,
            open,
        }
    }

    /// Nobody may accept it. What is extra here but made by some migration was never extra.
    fn is_wrong(&self, difference: &Difference) -> bool {
        let made = difference.kind.is_extra() && self.facts.expected.knows(&difference.object);
        made || !difference.kind.acceptable()
    }

    /// The position from `from` on that the live schema is most like, and the lowest of several.
    pub(super) fn closest(&self, from: Position) -> (Position, Fit) {
        let fits = self
            .neighbourhood(from)
            .map(|position| (position, self.fit(position)));
        let closest = fits.min_by_key(|(position, fit)| (fit.wrong, fit.open, *position));
        closest.unwrap_or_else(|| (from, self.fit(from)))
    }

    /// Shares no table with any position: another program's database.
    pub(super) fn is_foreign(&self) -> bool {
        let ours = |table: &str| self.facts.expected.knows_table(&table.to_ascii_lowercase());
        !self.facts.live.is_empty() && !self.facts.live.objects().any(|object| ours(&object.table))
    }

    /// Rows that Drizzle would not recognise: found by content only, or without a name where names count.
    pub(super) fn rows_renamed(&self) -> bool {
        let names_count = self.facts.ledger.format.has_names();
        let strange = |found: &Match| match found.by {
            MatchedBy::Name => false,
            MatchedBy::When => names_count,
            MatchedBy::Hash => true,
        };
        self.facts.matching.entries.iter().flatten().any(strange)
    }

    /// Migrations whose file is not the one that ran.
    pub(super) fn edited(&self) -> Vec<usize> {
        let changed = [HashSays::Different, HashSays::SameButLineEnds];
        let different = |found: &Option<Match>| found.is_some_and(|m| changed.contains(&m.hash));
        let entries = self.facts.matching.entries.iter().enumerate();
        entries
            .filter(|(_, found)| different(found))
            .map(|(entry, _)| entry)
            .collect()
    }

    /// With names, the rows that a baseline replaced stay: its own row is right, and they are archived or older.
    fn is_left_by_adoption(&self, row: &LedgerRow) -> bool {
        let ledger = self.facts.ledger;
        let right = |root: Match| root.hash == HashSays::Same || !ledger.format.has_hashes();
        ledger.format.has_names()
            && self.matched(0).is_some_and(right)
            && (ledger.has_archived(row) || self.is_before_root(row))
    }

    /// Whether every row without a migration is older than the first migration of the folder.
    pub(super) fn unknown_all_before_root(&self) -> bool {
        self.unknown().iter().all(|row| self.is_before_root(row))
    }

    fn is_before_root(&self, row: &LedgerRow) -> bool {
        let Some(root) = self.facts.bundle.entries.first() else {
            return false;
        };
        let root_id = self.root_row().and_then(|row| row.id);
        match (row.created_at, row.id, root_id) {
            (Some(when), ..) => when < root.when,
            // A ledger without times has ids that count up.
            (None, Some(id), Some(root_id)) => id < root_id,
            _ => false,
        }
    }

    fn root_row(&self) -> Option<&LedgerRow> {
        let mut rows = self.facts.ledger.rows.iter().zip(&self.facts.matching.rows);
        rows.find(|(_, found)| found.is_some_and(|found| found.entry == 0))
            .map(|(row, _)| row)
    }
}
