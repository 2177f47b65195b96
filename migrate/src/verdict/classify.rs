//! Says where one actor stands. Takes facts, returns a verdict: no I/O, no clock, no randomness.

use super::case::{Case, Facts, Fit};
use super::needs::difference_needs;
use super::{Adoption, Judgement, Partial, Verdict};
use crate::bundle::Position;
use crate::ledger::{HashSays, MatchedBy};
use crate::replay::Place;
use crate::schema::{Difference, DifferenceKind, Schema, diff};

/// Decides. Total: every combination of facts has a verdict.
pub(crate) fn classify(facts: Facts<'_>) -> Judgement {
    Case::new(facts).decide()
}

impl Case<'_> {
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
        match self.unknown().is_empty() {
            true => self.all_known(),
            false => self.with_unknown(),
        }
    }

    /// Everything from `position` on is pending.
    pub(super) fn judge(
        &self,
        verdict: Verdict,
        adoption: Adoption,
        position: Position,
    ) -> Judgement {
        Judgement {
            verdict,
            adoption,
            position: Some(position),
            pending: (position.0..self.end().0).collect(),
            differences: Vec::new(),
            needs: Vec::new(),
            unproven: Vec::new(),
            candidates: Vec::new(),
            ran_in_order: None,
            partial: None,
            reason: None,
            descent: None,
        }
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
        let verdict = if fit.is_same() {
            Verdict::Unjournaled
        } else {
            Verdict::Drifted
        };
        self.misfit(verdict, position, fit)
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
        judgement.needs = self.data_needs(position);
        if beyond.len() > 1 {
            judgement.needs.push(self.position_need(&beyond));
            judgement.candidates = beyond;
        }
        Some(judgement.weighed())
    }

    /// A runner without transactions died inside the migration after `claimed`.
    fn partial(&self, claimed: Position) -> Option<Judgement> {
        let migration = self.facts.bundle.entries.get(claimed.0)?;
        let inside = (1..migration.statements.len()).filter(|statements| {
            let place = Place {
                position: claimed,
                statements: *statements,
            };
            self.differences(place).is_empty()
        });
        // Statements that write rows leave no trace, so it may have died after any of several.
        let places: Vec<_> = inside.collect();
        let (first, last) = (*places.first()?, *places.last()?);
        let partial = Partial {
            migration: migration.tag.clone(),
            ran_at_least: first,
            ran_at_most: last,
            statements: migration.statements.len(),
        };
        let judgement = self.judge(Verdict::Partial, Adoption::Refuse, claimed);
        Some(Judgement {
            reason: Some(partial.to_string()),
            partial: Some(partial),
            ..judgement
        })
    }

    /// Every row speaks of a local migration.
    fn all_known(&self) -> Judgement {
        let claimed = self.prefix();
        if self.after_last_matched() > claimed {
            return self.with_holes();
        }
        let fit = self.fit(claimed);
        if fit.is_same() {
            let differences = fit.differences;
            return Judgement {
                differences,
                ..self.in_place(claimed)
            };
        }
        self.out_of_place(claimed, fit)
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
        let adoption = if fit.is_acceptable() {
            Adoption::Safe
        } else {
            Adoption::Refuse
        };
        let mut judgement = self.judge(verdict, adoption, position);
        judgement.differences = fit.differences;
        judgement.unproven = self.data_needs(position);
        if adoption != Adoption::Refuse {
            judgement.needs = difference_needs(&judgement.differences);
            judgement.needs.extend(judgement.unproven.iter().cloned());
        }
        judgement.weighed()
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
            judgement.needs = self.data_needs(after);
            return judgement.weighed();
        }
        let fit = self.fit(after);
        // Where nothing can be run in this order, nobody but a person knows whether the hole ran.
        let is_right = fit.is_same();
        let verdict = match is_right {
            true => Verdict::JournalTruncated,
            false => Verdict::Drifted,
        };
        let mut judgement = self.misfit(verdict, after, fit);
        let ran = (0..after.0).filter(|entry| self.matched(*entry).is_some());
        judgement.ran_in_order = Some(
            ran.chain(holes.iter().copied())
                .chain(after.0..self.end().0)
                .collect(),
        );
        if !is_right {
            judgement.pending.splice(0..0, holes);
        }
        judgement
    }

    /// Some rows speak of no local migration.
    fn with_unknown(&self) -> Judgement {
        if self.end() == Position(0) {
            return self.judge(Verdict::Ahead, Adoption::Refuse, Position(0));
        }
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
            judgement.needs = self.baseline_data_needs(position);
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
                differences: fit.differences,
                ..self.foreign()
            };
        }
        if fit.is_acceptable() {
            return self.misfit(Verdict::Squashed, position, fit);
        }
        self.squashed_misfit(from, position, fit)
    }

    fn squashed_misfit(&self, from: Position, position: Position, fit: Fit) -> Judgement {
        let root = self.fit(from);
        let lacks = root
            .differences
            .iter()
            .any(|difference| difference.kind.is_missing());
        if !lacks {
            return self.misfit(Verdict::Drifted, position, fit);
        }
        let judgement = self.judge(Verdict::SquashedBehind, Adoption::Refuse, from);
        Judgement {
            differences: root.differences,
            ..judgement
        }
    }

    /// The baseline is exactly right and all else is somebody else's tables: two apps use one ledger.
    fn shares_its_ledger(&self, fit: &Fit) -> bool {
        let root_is_ours = self
            .matched(0)
            .is_some_and(|root| root.hash == HashSays::Same);
        let strange_table = |difference: &Difference| difference.kind == DifferenceKind::TableExtra;
        root_is_ours && fit.is_acceptable() && fit.differences.iter().any(strange_table)
    }

    /// The folder begins as the actor did, but rows of later migrations have no file.
    fn rows_without_file(&self) -> Judgement {
        let claimed = self.after_last_matched();
        let fit = self.fit(claimed);
        let newest_known = self.facts.ledger.rows.iter().zip(&self.facts.matching.rows);
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
                differences: fit.differences,
                ..judgement
            };
        }
        // The lost migration may have come back under another name and time.
        let replaced = (!fit.is_same()).then(|| self.proven_beyond(claimed, Verdict::Deleted));
        replaced
            .flatten()
            .unwrap_or_else(|| self.misfit(Verdict::Deleted, claimed, fit))
    }
}

impl Judgement {
    /// What needs a person is not safe.
    pub(super) fn weighed(mut self) -> Self {
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
