//! Says where one actor stands. Takes facts, returns a verdict: no I/O, no clock, no randomness.

use super::{Adoption, Judgement, Need, Verdict};
use crate::bundle::{Bundle, Layout, Position};
use crate::ledger::{HashSays, Ledger, LedgerRow, Match, MatchedBy, Matching};
use crate::replay::Expected;
use crate::schema::{Difference, DifferenceKind, Fingerprint, Schema, diff};

/// Positions compared one by one when nothing is equal; folders longer than this use the nearest.
const CLOSEST_POSITIONS_MAX: usize = 64;

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
    pub(crate) live: &'a Schema,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) accepted: &'a [Accepted],
}

/// How the live schema fits one position.
enum Fit {
    /// It is that schema, but for differences that were accepted.
    Same(Vec<Difference>),
    /// A person may accept the differences.
    Acceptable(Vec<Difference>),
    /// It is another schema.
    Wrong(Vec<Difference>),
}

impl Fit {
    fn of(differences: Vec<Difference>) -> Self {
        let mut open = differences
            .iter()
            .filter(|difference| !difference.acknowledged)
            .peekable();
        if open.peek().is_none() {
            Self::Same(differences)
        } else if open.all(|difference| difference.kind.acceptable()) {
            Self::Acceptable(differences)
        } else {
            Self::Wrong(differences)
        }
    }

    fn differences(&self) -> &[Difference] {
        match self {
            Self::Same(all) | Self::Acceptable(all) | Self::Wrong(all) => all,
        }
    }

    /// Smaller is closer.
    fn distance(&self) -> (usize, usize) {
        let open = self
            .differences()
            .iter()
            .filter(|difference| !difference.acknowledged);
        let wrong = open
            .clone()
            .filter(|difference| !difference.kind.acceptable())
            .count();
        (wrong, open.count())
    }
}

/// Decides. Total: every combination of facts has a verdict.
pub(crate) fn classify(facts: Facts<'_>) -> Judgement {
    Case::new(facts).decide()
}

struct Case<'a> {
    facts: Facts<'a>,
    matching: Matching,
    /// The positions whose schema the live one is.
    positions: Vec<Position>,
}

impl<'a> Case<'a> {
    fn new(facts: Facts<'a>) -> Self {
        let matching = Matching::new(facts.bundle, facts.ledger);
        let positions = facts.expected.positions_of(facts.fingerprint);
        Self {
            facts,
            matching,
            positions,
        }
    }

    fn decide(&self) -> Judgement {
        if let Some(reason) = &self.facts.ledger.unreadable {
            return Judgement {
                reason: Some(format!("{}: {reason}", self.facts.ledger.table)),
                ..self
                    .judge(Verdict::Unreadable, Adoption::Refuse, Position(0))
                    .without_position()
            };
        }
        if self.facts.ledger.rows.is_empty() {
            return self.without_rows();
        }
        match self.unknown().is_empty() || self.follows_an_adoption() {
            true => self.all_known(),
            false => self.with_unknown(),
        }
    }

    fn end(&self) -> Position {
        self.facts.bundle.end()
    }

    fn unknown(&self) -> Vec<&LedgerRow> {
        self.matching.unknown(self.facts.ledger).collect()
    }

    /// Whether Drizzle runs only what is newer than the newest row.
    fn has_watermark(&self) -> bool {
        self.facts.ledger.format.has_watermark()
            && self.facts.bundle.layout == Layout::DrizzleJournal
    }

    fn matched(&self, entry: usize) -> Option<Match> {
        self.matching.entries.get(entry).copied().flatten()
    }

    /// How many migrations from the first on have a row.
    fn prefix(&self) -> Position {
        Position(
            self.matching
                .entries
                .iter()
                .take_while(|found| found.is_some())
                .count(),
        )
    }

    /// The position after the last migration that has a row.
    fn after_last_matched(&self) -> Position {
        let last = self.matching.entries.iter().rposition(Option::is_some);
        Position(last.map_or(0, |last| last + 1))
    }

    fn is_at(&self, position: Position) -> bool {
        self.positions.contains(&position)
    }

    fn fit(&self, position: Position) -> Fit {
        if self.is_at(position) {
            return Fit::Same(Vec::new());
        }
        let mut differences = diff(&self.facts.expected.schema(position), self.facts.live);
        for difference in &mut differences {
            difference.acknowledged = self.facts.accepted.iter().any(|accepted| {
                accepted.kind == difference.kind.as_str() && accepted.object == difference.object
            });
        }
        Fit::of(differences)
    }

    /// The position from `from` on that the live schema is most like.
    fn closest(&self, from: Position) -> (Position, Fit) {
        let end = self.end();
        if end.0.saturating_sub(from.0) > CLOSEST_POSITIONS_MAX {
            let nearest = self.facts.expected.nearest(self.facts.live).max(from);
            return (nearest, self.fit(nearest));
        }
        let mut best = (from.min(end), self.fit(from.min(end)));
        for position in (from.0 + 1..=end.0).map(Position) {
            let fit = self.fit(position);
            if fit.distance() < best.1.distance() {
                best = (position, fit);
            }
        }
        best
    }

    /// Everything from `position` on is pending.
    fn judge(&self, verdict: Verdict, adoption: Adoption, position: Position) -> Judgement {
        Judgement {
            verdict,
            adoption,
            position: Some(position),
            pending: (position.0..self.end().0).collect(),
            differences: Vec::new(),
            needs: Vec::new(),
            candidates: Vec::new(),
            ran_in_order: None,
            reason: None,
        }
    }

    /// Shares no table with any position: another program's database.
    fn is_foreign(&self) -> bool {
        let ours = |table: &str| self.facts.expected.knows_table(&table.to_ascii_lowercase());
        !self.facts.live.is_empty() && !self.facts.live.objects().any(|object| ours(&object.table))
    }

    fn foreign(&self) -> Judgement {
        let differences = diff(&Schema::default(), self.facts.live);
        let judgement = self.judge(Verdict::Foreign, Adoption::Refuse, Position(0));
        Judgement {
            differences,
            ..judgement.without_position()
        }
    }

    fn without_rows(&self) -> Judgement {
        if self.facts.live.is_empty() {
            let verdict = if self.end() == Position(0) {
                Verdict::Current
            } else {
                Verdict::Fresh
            };
            return self.judge(verdict, Adoption::NotNeeded, Position(0));
        }
        if self.is_foreign() {
            return self.foreign();
        }
        if let Some(judgement) = self.proven_beyond(Position(0), Verdict::Unjournaled) {
            return judgement;
        }
        if let Some(judgement) = self.partial(Position(0)) {
            return judgement;
        }
        let (position, fit) = self.closest(Position(0));
        self.misfit(Verdict::Drifted, position, fit)
    }

    /// The schema is that of a position after `claimed`, so the ledger lacks rows.
    fn proven_beyond(&self, claimed: Position, verdict: Verdict) -> Option<Judgement> {
        let beyond: Vec<_> = self
            .positions
            .iter()
            .copied()
            .filter(|at| *at > claimed)
            .collect();
        let position = *beyond.first()?;
        let mut judgement = self.judge(verdict, Adoption::Safe, position);
        judgement.needs = self.data_needs(claimed.0..position.0);
        if beyond.len() > 1 {
            judgement.needs.push(self.position_need(&beyond));
            judgement.candidates = beyond;
        }
        Some(judgement.weighed())
    }

    /// Migrations that write rows leave no trace in the schema: a person must say that they ran.
    fn data_needs(&self, entries: std::ops::Range<usize>) -> Vec<Need> {
        let unproven = entries.filter(|entry| {
            !self
                .matched(*entry)
                .is_some_and(|m| m.hash != HashSays::Different)
        });
        let with_data = unproven.filter_map(|entry| {
            let statements = &self.facts.expected.facts(entry).data_statements;
            let tag = &self.facts.bundle.entries[entry].tag;
            let list: Vec<_> = statements.iter().map(usize::to_string).collect();
            (!statements.is_empty()).then(|| {
                let message = format!(
                    "statements {} of {tag} write rows; the schema cannot show whether these rows are there",
                    list.join(", ")
                );
                Need::new(format!("data:{tag}"), message)
            })
        });
        with_data.collect()
    }

    fn position_need(&self, candidates: &[Position]) -> Need {
        let tag = |position: &Position| self.facts.bundle.entries[position.0 - 1].tag.clone();
        let tags: Vec<_> = candidates.iter().map(tag).collect();
        let message = format!(
            "the schema is the same after {}; accept one of them as the last that ran",
            tags.join(", ")
        );
        Need::new(format!("position:{}", tags[0]), message)
    }

    /// A runner without transactions died inside the migration after `claimed`.
    fn partial(&self, claimed: Position) -> Option<Judgement> {
        let mut places = self.facts.expected.places_inside(self.facts.fingerprint);
        let place = places.find(|place| place.position == claimed)?;
        let migration = self.facts.bundle.entries.get(claimed.0)?;
        let reason = format!(
            "{} ran up to statement {} of {}",
            migration.tag,
            place.statements,
            migration.statements.len()
        );
        let judgement = self.judge(Verdict::Partial, Adoption::Refuse, claimed);
        Some(Judgement {
            reason: Some(reason),
            ..judgement
        })
    }

    /// Every row speaks of a local migration.
    fn all_known(&self) -> Judgement {
        let claimed = self.prefix();
        if self.after_last_matched() > claimed {
            return self.with_holes();
        }
        match self.fit(claimed) {
            Fit::Same(differences) => Judgement {
                differences,
                ..self.in_place(claimed)
            },
            fit => self.out_of_place(claimed, fit),
        }
    }

    /// The schema is the one the ledger claims; what remains is how the rows say it.
    fn in_place(&self, claimed: Position) -> Judgement {
        if self.rows_renamed() {
            return self.judge(Verdict::Renamed, Adoption::Safe, claimed);
        }
        let edited = self.edited();
        if !edited.is_empty() {
            let mut judgement = self.judge(Verdict::EditedCosmetic, Adoption::Safe, claimed);
            judgement.needs = self.edit_needs(&edited);
            if !judgement.needs.is_empty() {
                judgement.verdict = Verdict::Edited;
            }
            return judgement.weighed();
        }
        let below = |entry: usize| {
            self.has_watermark()
                && Some(self.facts.bundle.entries[entry].when) <= self.facts.ledger.newest()
        };
        let mut pending = claimed.0..self.end().0;
        let verdict = if pending.is_empty() {
            Verdict::Current
        } else if pending.any(below) {
            Verdict::Skipped
        } else {
            Verdict::Behind
        };
        self.judge(verdict, Adoption::NotNeeded, claimed)
    }

    /// The schema is not the one the ledger claims.
    fn out_of_place(&self, claimed: Position, fit: Fit) -> Judgement {
        if let Some(judgement) = self.proven_beyond(claimed, Verdict::JournalTruncated) {
            return judgement;
        }
        if let Some(judgement) = self.partial(claimed) {
            return judgement;
        }
        let verdict = if self.edited().is_empty() {
            Verdict::Drifted
        } else {
            Verdict::Edited
        };
        self.misfit(verdict, claimed, fit)
    }

    fn misfit(&self, verdict: Verdict, position: Position, fit: Fit) -> Judgement {
        let adoption = match &fit {
            Fit::Wrong(_) => Adoption::Refuse,
            Fit::Acceptable(_) | Fit::Same(_) => Adoption::Safe,
        };
        let mut judgement = self.judge(verdict, adoption, position);
        judgement.differences = fit.differences().to_vec();
        if adoption != Adoption::Refuse {
            judgement.needs = difference_needs(&judgement.differences);
            judgement.needs.extend(self.data_needs(0..position.0));
        }
        judgement.weighed()
    }

    /// Rows that Drizzle would not recognise: found by content only, or without a name where names count.
    fn rows_renamed(&self) -> bool {
        let names_count = self.facts.ledger.format.has_names();
        let strange = |found: &Match| match found.by {
            MatchedBy::Name => false,
            MatchedBy::When => names_count,
            MatchedBy::Hash => true,
        };
        self.matching.entries.iter().flatten().any(strange)
    }

    /// Migrations whose file is not the one that ran.
    fn edited(&self) -> Vec<usize> {
        let different =
            |found: &Option<Match>| found.is_some_and(|m| m.hash == HashSays::Different);
        let entries = self.matching.entries.iter().enumerate();
        entries
            .filter(|(_, found)| different(found))
            .map(|(entry, _)| entry)
            .collect()
    }

    /// Where the schema is right, an edit can only have changed what migrations do to rows.
    fn edit_needs(&self, edited: &[usize]) -> Vec<Need> {
        let with_data = edited.iter().filter(|entry| {
            !self
                .facts
                .expected
                .facts(**entry)
                .data_statements
                .is_empty()
        });
        with_data
            .map(|entry| {
                let tag = &self.facts.bundle.entries[*entry].tag;
                let message = format!("{tag} writes rows and was changed after it ran");
                Need::new(format!("edited:{tag}"), message)
            })
            .collect()
    }

    /// Some migration has no row although a later one has.
    fn with_holes(&self) -> Judgement {
        let after = self.after_last_matched();
        let holes: Vec<_> = (0..after.0)
            .filter(|entry| self.matched(*entry).is_none())
            .collect();
        let expected = self.facts.expected;
        let silent = |entry: &usize| {
            expected.fingerprint(Position(*entry)) == expected.fingerprint(Position(entry + 1))
        };
        if self.is_at(after) && !holes.iter().all(silent) {
            let mut judgement = self.judge(Verdict::JournalTruncated, Adoption::Safe, after);
            judgement.needs = self.data_needs(0..after.0);
            return judgement.weighed();
        }
        let fit = self.fit(after);
        let mut judgement = self.misfit(Verdict::Drifted, after, fit);
        let ran = (0..after.0).filter(|entry| self.matched(*entry).is_some());
        judgement.ran_in_order = Some(
            ran.chain(holes.iter().copied())
                .chain(after.0..self.end().0)
                .collect(),
        );
        judgement.pending.splice(0..0, holes);
        judgement
    }

    /// With names, the rows that a baseline replaced stay: they are older than it and its own row is right.
    fn follows_an_adoption(&self) -> bool {
        let root = self.matched(0).filter(|root| root.hash == HashSays::Same);
        self.facts.ledger.format.has_names() && root.is_some() && self.unknown_all_before_root()
    }

    fn unknown_all_before_root(&self) -> bool {
        let Some(root) = self.facts.bundle.entries.first() else {
            return false;
        };
        self.unknown()
            .iter()
            .all(|row| row.created_at.is_some_and(|when| when < root.when))
    }

    /// Some rows speak of no local migration.
    fn with_unknown(&self) -> Judgement {
        if self.after_last_matched() == Position(0) && self.is_foreign() {
            return self.foreign();
        }
        let root = self.matched(0);
        let root_is_new =
            root.is_none_or(|root| root.hash == HashSays::Different && root.by != MatchedBy::Hash);
        if root_is_new || self.unknown_all_before_root() {
            return self.squashed();
        }
        self.rows_without_file()
    }

    /// A new baseline stands where the actor's own history was.
    fn squashed(&self) -> Judgement {
        let from = self.after_last_matched().max(Position(1));
        let proven: Vec<_> = self
            .positions
            .iter()
            .copied()
            .filter(|at| *at >= from)
            .collect();
        if let Some(position) = proven.first().copied() {
            let mut judgement = self.judge(Verdict::Squashed, Adoption::Safe, position);
            judgement.needs = self.data_needs(0..position.0);
            // What the ledger leaves out did not run, unless the schema shows that it did.
            if position != from && proven.len() > 1 {
                judgement.needs.push(self.position_need(&proven));
                judgement.candidates = proven;
            }
            return judgement.weighed();
        }
        let (position, fit) = self.closest(from);
        if self.shares_its_ledger(&fit) {
            return Judgement {
                differences: fit.differences().to_vec(),
                ..self.foreign()
            };
        }
        match &fit {
            Fit::Wrong(_) => self.squashed_misfit(from, position, fit),
            _ => self.misfit(Verdict::Squashed, position, fit),
        }
    }

    fn squashed_misfit(&self, from: Position, position: Position, fit: Fit) -> Judgement {
        let root = self.fit(from);
        let lacks = root
            .differences()
            .iter()
            .any(|difference| difference.kind.is_missing());
        if !lacks {
            return self.misfit(Verdict::Drifted, position, fit);
        }
        let judgement = self.judge(Verdict::SquashedBehind, Adoption::Refuse, from);
        Judgement {
            differences: root.differences().to_vec(),
            ..judgement
        }
    }

    /// The baseline is exactly right and all else is somebody else's tables: two apps use one ledger.
    fn shares_its_ledger(&self, fit: &Fit) -> bool {
        let root_is_ours = self
            .matched(0)
            .is_some_and(|root| root.hash == HashSays::Same);
        let strange_table = |difference: &Difference| difference.kind == DifferenceKind::TableExtra;
        root_is_ours && matches!(fit, Fit::Acceptable(all) if all.iter().any(strange_table))
    }

    /// The folder begins as the actor did, but rows of later migrations have no file.
    fn rows_without_file(&self) -> Judgement {
        let claimed = self.after_last_matched();
        let fit = self.fit(claimed);
        let newest_known = self.facts.ledger.rows.iter().zip(&self.matching.rows);
        let newest_known = newest_known
            .filter(|(_, m)| m.is_some())
            .filter_map(|(row, _)| row.created_at)
            .max();
        let all_newer = self
            .unknown()
            .iter()
            .all(|row| row.created_at > newest_known);
        if claimed == self.end() && all_newer {
            let judgement = self.judge(Verdict::Ahead, Adoption::Refuse, claimed);
            return Judgement {
                differences: fit.differences().to_vec(),
                ..judgement
            };
        }
        self.misfit(Verdict::Deleted, claimed, fit)
    }
}

fn difference_needs(differences: &[Difference]) -> Vec<Need> {
    let open = differences
        .iter()
        .filter(|difference| !difference.acknowledged);
    open.map(|difference| {
        let message = match (&difference.expected, &difference.found) {
            (Some(expected), Some(found)) => {
                format!("{found}, where the migrations make {expected}")
            }
            (_, Some(found)) => format!("no migration makes {found}"),
            (expected, None) => format!("{} is missing", expected.as_deref().unwrap_or_default()),
        };
        Need::new(difference.to_string().replacen(' ', ":", 1), message)
    })
    .collect()
}

impl Judgement {
    /// What needs a person is not safe.
    fn weighed(mut self) -> Self {
        if self.adoption == Adoption::Safe && !self.needs.is_empty() {
            self.adoption = Adoption::NeedsAck;
        }
        self
    }

    fn without_position(self) -> Self {
        Self {
            position: None,
            ..self
        }
    }
}
