//! What the runners an actor was written for would do to it in silence.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{Facts, Judgement, Verdict};
use crate::bundle::{Layout, Position};
use crate::ledger::LedgerFormat;

/// A hazard's stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HazardCode {
    /// H201: a pending migration is older than the newest row, so Drizzle 0.x never runs it.
    NeverRuns,
    /// H202: some drivers run only the first statement of a chunk.
    SharedChunk,
    /// H203: some drivers fail on a chunk without a statement.
    EmptyChunk,
    /// H204: a dropped table takes rows of other tables with it.
    CascadingRebuild,
    /// H205: a rebuilt table loses its triggers.
    LostTrigger,
    /// H206: Drizzle would run the baseline again on this actor and fail.
    BaselineRuns,
    /// H207: the one-time upgrade of the ledger to Drizzle 1.0 refuses rows without a file.
    UpgradeAborts,
    /// H208: a time in the ledger is text, which Drizzle compares as text.
    TextTime,
    /// H209: several rows speak of one migration.
    DuplicateRows,
    /// H210: going back to the old code needs the old rows.
    RollbackNeedsUndo,
    /// H211: Drizzle 0.x on a ledger of 1.0 runs the last migration again.
    OldReader,
}

impl HazardCode {
    /// The code in JSON, explained by [`crate::explain`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverRuns => "H201",
            Self::SharedChunk => "H202",
            Self::EmptyChunk => "H203",
            Self::CascadingRebuild => "H204",
            Self::LostTrigger => "H205",
            Self::BaselineRuns => "H206",
            Self::UpgradeAborts => "H207",
            Self::TextTime => "H208",
            Self::DuplicateRows => "H209",
            Self::RollbackNeedsUndo => "H210",
            Self::OldReader => "H211",
        }
    }
}

impl fmt::Display for HazardCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for HazardCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Something that would happen without a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Hazard {
    /// Its code.
    pub code: HazardCode,
    /// What would happen.
    pub message: String,
    /// The migration that carries it, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<String>,
    /// The statement in that migration, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<usize>,
}

/// The hazards of what is pending, and of how the ledger stands.
pub(crate) fn hazards(facts: &Facts<'_>, judgement: &Judgement) -> Vec<Hazard> {
    let mut found = Vec::new();
    if judgement.verdict == Verdict::Unreadable || judgement.verdict == Verdict::Foreign {
        return found;
    }
    never_runs(facts, judgement, &mut found);
    baseline_runs(facts, judgement, &mut found);
    ledger_hazards(facts, judgement, &mut found);
    for entry in &judgement.pending {
        found.extend(facts.expected.facts(*entry).hazards.iter().cloned());
    }
    found
}

fn push(found: &mut Vec<Hazard>, code: HazardCode, migration: Option<&str>, message: String) {
    found.push(Hazard {
        code,
        message,
        migration: migration.map(str::to_owned),
        statement: None,
    });
}

/// Whether Drizzle runs only what is newer than the newest row.
fn reader_has_watermark(facts: &Facts<'_>) -> bool {
    facts.ledger.format.has_watermark() && facts.bundle.layout == Layout::DrizzleJournal
}

fn never_runs(facts: &Facts<'_>, judgement: &Judgement, found: &mut Vec<Hazard>) {
    let Some(newest) = facts
        .ledger
        .newest()
        .filter(|_| reader_has_watermark(facts))
    else {
        return;
    };
    for entry in judgement
        .pending
        .iter()
        .map(|entry| &facts.bundle.entries[*entry])
    {
        if entry.when <= newest {
            let message = format!(
                "Drizzle 0.x and RivetKit will never run {}: its when {} is not after {newest}, the newest in {}",
                entry.tag, entry.when, facts.ledger.table
            );
            push(found, HazardCode::NeverRuns, Some(&entry.tag), message);
        }
    }
}

/// The incident: the runner takes the baseline for a new migration.
fn baseline_runs(facts: &Facts<'_>, judgement: &Judgement, found: &mut Vec<Hazard>) {
    let Some(root) = facts.bundle.entries.first() else {
        return;
    };
    let has_tables = judgement
        .position
        .is_some_and(|position| position > Position(0));
    let runs = if reader_has_watermark(facts) {
        facts
            .ledger
            .newest()
            .is_none_or(|newest| newest < root.when)
    } else {
        facts.matching.entries[0].is_none()
    };
    if has_tables && runs {
        let message = format!(
            "a stock runner takes {} for new and runs it on this actor: it fails with \"table … already exists\" \
             on every wake",
            root.tag
        );
        push(found, HazardCode::BaselineRuns, Some(&root.tag), message);
    }
}

fn ledger_hazards(facts: &Facts<'_>, judgement: &Judgement, found: &mut Vec<Hazard>) {
    let ledger = facts.ledger;
    let matching = facts.matching;
    let unknown = matching.unknown(ledger).count();
    let upgradable = ledger.format.has_hashes() && !ledger.format.has_names();
    if upgradable && unknown > 0 {
        let message = format!(
            "{unknown} rows of {} match no local migration: the upgrade to Drizzle 1.0 stops on them",
            ledger.table
        );
        push(found, HazardCode::UpgradeAborts, None, message);
    }
    if ledger.text_times > 0 {
        let message = format!(
            "{} rows of {} hold their time as text",
            ledger.text_times, ledger.table
        );
        push(found, HazardCode::TextTime, None, message);
    }
    if matching.duplicates > 0 {
        let message = format!(
            "{} rows of {} repeat another row",
            matching.duplicates, ledger.table
        );
        push(found, HazardCode::DuplicateRows, None, message);
    }
    if ledger.format == LedgerFormat::Drizzle1 && facts.bundle.layout == Layout::DrizzleJournal {
        let message = format!(
            "{} is a ledger of Drizzle 1.0, but the folder is of 0.x",
            ledger.table
        );
        push(found, HazardCode::OldReader, None, message);
    }
    rollback(facts, judgement, found);
}

fn rollback(facts: &Facts<'_>, judgement: &Judgement, found: &mut Vec<Hazard>) {
    let Some(root) = facts.bundle.entries.first() else {
        return;
    };
    let newer = facts.ledger.newest().filter(|newest| root.when < *newest);
    if let (Verdict::Squashed, Some(newest)) = (judgement.verdict, newer) {
        let message = format!(
            "once adopted, going back to the old folder needs the adoption undone: {} has when {}, the old rows go to \
             {newest}",
            root.tag, root.when
        );
        push(found, HazardCode::RollbackNeedsUndo, None, message);
    }
}
