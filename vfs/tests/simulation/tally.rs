//! What happened in a run, to see that it was not for nothing.

use std::fmt;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Acknowledged,
    Refused,
    Unknown,
    Fenced,
    Crashed,
    Interrupted,
    Late,
    Read,
    Vacuumed,
    BackedUp,
    Exported,
    Imported,
    Created,
    Deleted,
    Beside,
    Joined,
    Forked,
    Scrubbed,
    Marked,
    Retained,
    Expired,
    Restored,
    Branched,
    OverQuota,
    Damaged,
}

/// Every event, and what it is called in a sentence.
const EVENTS: [(Event, &str); 25] = [
    (Event::Acknowledged, "commits acknowledged"),
    (Event::Refused, "refused"),
    (Event::Unknown, "in doubt"),
    (Event::Fenced, "owners fenced"),
    (Event::Crashed, "processes crashed"),
    (Event::Interrupted, "commits interrupted by a claim"),
    (Event::Late, "late batches"),
    (Event::Read, "reads of snapshots"),
    (Event::Vacuumed, "VACUUMs"),
    (Event::BackedUp, "backups into an actor"),
    (Event::Exported, "exports"),
    (Event::Imported, "imports"),
    (Event::Created, "actors created"),
    (Event::Deleted, "deleted"),
    (Event::Beside, "uses of a second connection"),
    (Event::Joined, "commits of two actors at once"),
    (Event::Forked, "volatile forks"),
    (Event::Scrubbed, "scrubs"),
    (Event::Marked, "restore points"),
    (Event::Retained, "changes of the retention"),
    (Event::Expired, "sights of a commit that had expired"),
    (Event::Restored, "ways back"),
    (Event::Branched, "actors made of another"),
    (Event::OverQuota, "commits over the quota"),
    (Event::Damaged, "records damaged and found"),
];

/// How often each event happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally([u64; EVENTS.len()]);

impl Tally {
    pub(crate) fn count(&mut self, event: Event) {
        self.count_many(event, 1);
    }

    pub(crate) fn count_many(&mut self, event: Event, times: u64) {
        self.0[event as usize] += times;
    }

    /// Adds what happened elsewhere, and returns the sum.
    pub(crate) fn add(&mut self, more: Self) -> Self {
        let sums = self.0.iter_mut().zip(more.0);
        sums.for_each(|(sum, more)| *sum += more);
        *self
    }

    /// Everything that can happen did, once in twenty seeds at least.
    pub(crate) fn assert_eventful(self, seeds: u64) {
        assert!(self.0.iter().all(|times| *times >= seeds / 20), "{self}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (event, name)) in EVENTS.into_iter().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{} {name}", self.0[event as usize])?;
        }
        Ok(())
    }
}
