//! Stores that are broken on purpose: each must be caught by few seeds.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use actor_vfs::kv::{Batch, CommitError, Engine, EngineError, Entry, Limits, Op, Snapshot};
use actor_vfs::testing::{FaultEngine, Flaw};

use crate::world::World;

/// How many seeds a flaw may go unnoticed.
const SEEDS_MAX: u64 = 50;

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// A commit is published in two batches: first its head, then its pages.
    TwoBatches,
    /// A commit is published in two batches: first its pages, then its head.
    PagesFirst,
    /// The epoch check is left out: a batch lands whatever the head is.
    NoRequirements,
    /// The token is not looked at: a commit in doubt is said to have failed.
    DoubtIsRefusal,
    /// The token is not looked at: a commit in doubt is said to have landed.
    DoubtIsSuccess,
    /// A commit is acknowledged before it is durable.
    LazyFlush,
    /// Readers are given the state before the last batch.
    StaleSnapshots,
    /// A version that was replaced is found again: scans run the wrong way.
    OldestFirst,
    /// What a commit replaces is not removed: ranges stay.
    RangesStay,
    /// That something must not be there is not checked.
    NoAbsence,
    /// A page that is written takes the place of all its versions: nothing of the past is kept.
    PastIsRemoved,
    /// The actors of a joint commit move their heads one after the other.
    JointByHalf,
    /// A commit is let go of when it should be kept once more.
    OneTooEarly,
    /// What is collected is not held against the restore points.
    PinsUnseen,
    /// The quota is not kept.
    NoQuota,
    /// The connection is broken, not the engine.
    Connection(Flaw),
}

impl Broken {
    pub(crate) fn flaw(self) -> Option<Flaw> {
        match self {
            Self::Connection(flaw) => Some(flaw),
            _ => None,
        }
    }

    /// The engine as this store would use it.
    pub(crate) fn around(self, inner: Arc<FaultEngine>) -> Arc<dyn Engine> {
        let former = Mutex::default();
        let held = Mutex::default();
        Arc::new(BrokenEngine {
            inner,
            broken: self,
            former,
            held,
        })
    }
}

struct BrokenEngine {
    inner: Arc<FaultEngine>,
    broken: Broken,
    /// The state before the last batch.
    former: Mutex<Option<Arc<dyn Snapshot>>>,
    /// A batch that was acknowledged and not written yet.
    held: Mutex<Option<Batch>>,
}

impl fmt::Debug for BrokenEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BrokenEngine").field(&self.broken).finish()
    }
}

impl BrokenEngine {
    /// Commits what of `batch` is about heads, and the rest, one after the other.
    fn by_half(&self, batch: &Batch, heads_first: bool) -> Result<(), CommitError> {
        let is_head =
            |op: &Op| matches!(op, Op::Put { key, .. } | Op::Delete { key } if key[0] == b'H');
        let mut halves = [copy(batch, true), copy(batch, false)];
        for op in batch.ops() {
            let second = usize::from(is_head(op) != heads_first);
            add(&mut halves[second], op);
        }
        let [first, second] = halves;
        if first.ops().is_empty() || second.ops().is_empty() {
            return self.inner.commit(batch);
        }
        self.inner.commit(&first)?;
        self.inner.commit(&second)
    }

    /// Commits a batch without the last of its heads, if there are several, and then that one.
    fn heads_apart(&self, batch: &Batch) -> Result<(), CommitError> {
        let is_head = |op: &Op| matches!(op, Op::Put { key, .. } if key[0] == b'H');
        let heads: Vec<_> = batch.ops().iter().filter(|op| is_head(op)).collect();
        let ([_, .., last], mut first) = (&heads[..], copy(batch, true)) else {
            return self.inner.commit(batch);
        };
        let others = batch.ops().iter().filter(|op| op != last);
        others.for_each(|op| add(&mut first, op));
        self.inner.commit(&first)?;
        let mut second = Batch::new();
        add(&mut second, last);
        self.inner.commit(&second)
    }

    /// Writes what was held back, if the process still lives.
    fn flush(&self) {
        if let Some(batch) = self.held.lock().unwrap().take() {
            _ = self.inner.commit(&batch);
        }
    }
}

/// A batch with the requirements of another, or without any.
fn copy(batch: &Batch, requirements: bool) -> Batch {
    let mut copy = Batch::new();
    for (key, value) in batch.requirements().filter(|_| requirements) {
        copy.require(key.to_vec(), value.map(<[u8]>::to_vec));
    }
    copy
}

fn add(batch: &mut Batch, op: &Op) {
    match op.clone() {
        Op::Put { key, value } => batch.put(key, value),
        Op::Delete { key } => batch.delete(key),
        Op::DeleteRange { start, end } => batch.delete_range(start, end),
    }
}

impl Engine for BrokenEngine {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, EngineError> {
        self.flush();
        let former = self.former.lock().unwrap().clone();
        match (self.broken, former) {
            (Broken::StaleSnapshots, Some(former)) => Ok(Box::new(Shared(former))),
            (Broken::OldestFirst, _) => Ok(Box::new(Backwards(self.inner.snapshot()?))),
            (Broken::PinsUnseen, _) => Ok(Box::new(Pinless(self.inner.snapshot()?))),
            _ => self.inner.snapshot(),
        }
    }

    fn commit(&self, batch: &Batch) -> Result<(), CommitError> {
        self.flush();
        match self.broken {
            Broken::TwoBatches => self.by_half(batch, true),
            Broken::PagesFirst => self.by_half(batch, false),
            Broken::NoRequirements => {
                let mut free = copy(batch, false);
                batch.ops().iter().for_each(|op| add(&mut free, op));
                self.inner.commit(&free)
            }
            Broken::DoubtIsRefusal => self.inner.commit(batch).map_err(|error| match error {
                CommitError::Unknown { source } => CommitError::Engine(source),
                error => error,
            }),
            Broken::DoubtIsSuccess => match self.inner.commit(batch) {
                Err(CommitError::Unknown { .. }) => Ok(()),
                answer => answer,
            },
            Broken::LazyFlush => {
                *self.held.lock().unwrap() = Some(batch.clone());
                Ok(())
            }
            Broken::StaleSnapshots => {
                *self.former.lock().unwrap() = Some(Arc::from(self.inner.snapshot()?));
                self.inner.commit(batch)
            }
            Broken::RangesStay => {
                let mut kept = copy(batch, true);
                let is_range = |op: &&Op| matches!(op, Op::DeleteRange { .. });
                let ops = batch.ops().iter().filter(|op| !is_range(op));
                ops.for_each(|op| add(&mut kept, op));
                self.inner.commit(&kept)
            }
            Broken::PastIsRemoved => {
                let mut all = batch.clone();
                for op in batch.ops() {
                    if let Op::Put { key, .. } = op
                        && key[0] == b'P'
                    {
                        let older = [&key[..], &[0]].concat();
                        all.delete_range(older, [&key[..21], &[u8::MAX; 9]].concat());
                    }
                }
                self.inner.commit(&all)
            }
            Broken::JointByHalf => self.heads_apart(batch),
            Broken::NoAbsence => {
                let mut free = copy(batch, false);
                let present = batch.requirements().filter(|(_, value)| value.is_some());
                present
                    .for_each(|(key, value)| free.require(key.to_vec(), value.map(<[u8]>::to_vec)));
                batch.ops().iter().for_each(|op| add(&mut free, op));
                self.inner.commit(&free)
            }
            Broken::OldestFirst
            | Broken::OneTooEarly
            | Broken::PinsUnseen
            | Broken::NoQuota
            | Broken::Connection(_) => self.inner.commit(batch),
        }
    }
}

#[derive(Debug)]
struct Shared(Arc<dyn Snapshot>);

impl Snapshot for Shared {
    fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, EngineError> {
        self.0.get_many(keys)
    }

    fn scan(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<Entry>, EngineError> {
        self.0.scan(range, limit)
    }
}

#[derive(Debug)]
struct Backwards(Box<dyn Snapshot>);

impl Snapshot for Backwards {
    fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, EngineError> {
        self.0.get_many(keys)
    }

    fn scan(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<Entry>, EngineError> {
        let mut all = self.0.scan(range, usize::MAX)?;
        all.reverse();
        all.truncate(limit);
        Ok(all)
    }
}

/// Has no restore points to list, though each is found by its name.
#[derive(Debug)]
struct Pinless(Box<dyn Snapshot>);

impl Snapshot for Pinless {
    fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, EngineError> {
        self.0.get_many(keys)
    }

    fn scan(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<Entry>, EngineError> {
        let mut all = self.0.scan(range, limit)?;
        all.retain(|(key, _)| key[0] != b'R');
        Ok(all)
    }
}

/// Tells the first seed that notices, and what it saw. It must be among the first fifty.
fn assert_caught(broken: Broken) {
    let notices = |seed| Some((seed, World::run(seed, Some(broken)).err()?));
    let caught = (1..=SEEDS_MAX).find_map(notices);
    let (seed, seen) =
        caught.unwrap_or_else(|| panic!("{broken:?} goes unnoticed for {SEEDS_MAX} seeds"));
    println!("{broken:?}: seed {seed}: {seen}");
}

#[test]
fn publishing_by_two_batches_is_caught() {
    for broken in [Broken::TwoBatches, Broken::PagesFirst] {
        assert_caught(broken);
    }
}

#[test]
fn leaving_out_the_epoch_check_is_caught() {
    assert_caught(Broken::NoRequirements);
}

#[test]
fn not_looking_at_the_token_is_caught() {
    for broken in [Broken::DoubtIsRefusal, Broken::DoubtIsSuccess] {
        assert_caught(broken);
    }
}

#[test]
fn acknowledging_before_the_flush_is_caught() {
    assert_caught(Broken::LazyFlush);
}

#[test]
fn reading_what_is_no_longer_so_is_caught() {
    for broken in [Broken::StaleSnapshots, Broken::OldestFirst] {
        assert_caught(broken);
    }
}

#[test]
fn zeros_for_a_page_that_cannot_be_read_are_caught() {
    assert_caught(Broken::Connection(Flaw::FailedReadIsZeros));
}

#[test]
fn committing_when_the_lock_is_released_is_caught() {
    assert_caught(Broken::Connection(Flaw::CommitAtUnlock));
}

#[test]
fn leaving_behind_what_was_replaced_is_caught() {
    assert_caught(Broken::RangesStay);
}

#[test]
fn removing_what_a_restore_point_keeps_is_caught() {
    assert_caught(Broken::PastIsRemoved);
}

#[test]
fn moving_the_heads_of_a_joint_commit_one_by_one_is_caught() {
    assert_caught(Broken::JointByHalf);
}

#[test]
fn letting_go_of_the_past_too_early_is_caught() {
    for broken in [Broken::OneTooEarly, Broken::PinsUnseen] {
        assert_caught(broken);
    }
}

#[test]
fn creating_what_is_there_is_caught() {
    assert_caught(Broken::NoAbsence);
}

#[test]
fn growing_beyond_the_quota_is_caught() {
    assert_caught(Broken::NoQuota);
}

#[test]
fn ignoring_the_lock_of_another_connection_is_caught() {
    assert_caught(Broken::Connection(Flaw::LocksAreIgnored));
}
