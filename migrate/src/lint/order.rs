//! Rules about times and places in the journal: what a runner with a high-water mark would skip.

use std::collections::HashSet;

use super::lock::Lock;
use crate::bundle::{Bundle, Layout, Migration, Millis};
use crate::finding::{Finding, Severity};

/// Drizzle 0.x runs what is newer than the newest row of the ledger, and nothing else.
pub(super) fn times(bundle: &Bundle, now: Option<Millis>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if bundle.layout != Layout::DrizzleJournal {
        return findings;
    }
    let mut newest: Option<(Millis, &str)> = None;
    for entry in &bundle.entries {
        if let Some((when, tag)) = newest.filter(|(when, _)| entry.when <= *when) {
            let message = format!(
                "the when of {} ({}) is not after that of {tag} ({when}): an actor that ran {tag} never runs {}",
                entry.tag, entry.when, entry.tag
            );
            findings.push(Finding::new("L142", Severity::Error, message).of(entry));
        } else {
            newest = Some((entry.when, &entry.tag));
        }
        if let Some(now) = now.filter(|now| entry.when > *now) {
            let message = format!(
                "the when of {} ({}) lies in the future ({now} is now): what is generated until then is older, \
                 and never runs on an actor that ran it",
                entry.tag, entry.when
            );
            findings.push(Finding::new("L143", Severity::Warning, message).of(entry));
        }
    }
    findings
}

/// New migrations in front of released ones, as after a merge: some actors run them last.
pub(super) fn late(bundle: &Bundle, lock: &Lock) -> Vec<Finding> {
    let new = lock.unreleased(bundle);
    let new: HashSet<_> = new.iter().map(|migration| migration.tag.as_str()).collect();
    let is_new = |migration: &Migration| {
        new.contains(migration.tag.as_str()) && !lock.is_baseline(migration)
    };
    let released = bundle.entries.iter().rposition(|entry| !is_new(entry));
    let before = bundle.entries[..released.unwrap_or(0)].iter();
    let find = |migration: &Migration| {
        let message = format!(
            "{} is new and stands before released migrations: new actors run it first, old ones last",
            migration.tag
        );
        Finding::new("L103", Severity::Warning, message).of(migration)
    };
    before.filter(|entry| is_new(entry)).map(find).collect()
}
