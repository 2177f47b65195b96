//! The group commit: callers that commit at the same time share one durable flush.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use crate::kv::{Batch, CommitError, EngineError, EngineErrorKind};

/// How many batches share a flush at most.
const GROUP_BATCHES_MAX: usize = 256;
/// How many bytes share a flush at most, unless one batch alone has more.
const GROUP_BYTES_MAX: usize = 32 * 1024 * 1024;

pub(super) type Answer = Result<(), CommitError>;

/// Batches that wait for a flush.
///
/// There is no thread behind it. Whoever finds nobody flushing leads: it takes all that wait and
/// flushes them together; those who come meanwhile wait, and one of them leads next. So a caller
/// that is alone never waits, and the more callers there are, the more share a flush.
#[derive(Debug, Default)]
pub(super) struct GroupQueue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last_ticket: u64,
    waiting: VecDeque<Waiting>,
    answers: BTreeMap<u64, Answer>,
    somebody_leads: bool,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    batch: Batch,
    thread: Thread,
}

impl GroupQueue {
    /// Commits `batch` by `flush`, which is given batches in their order, and answers for each.
    pub(super) fn commit(&self, batch: &Batch, flush: impl Fn(&[Batch]) -> Vec<Answer>) -> Answer {
        let ticket = self.state().queue(batch);
        loop {
            let mut state = self.state();
            if let Some(answer) = state.answers.remove(&ticket) {
                return answer;
            }
            if state.somebody_leads {
                drop(state);
                thread::park();
            } else {
                let group = state.lead();
                drop(state);
                self.flush(&flush, group);
            }
        }
    }

    fn flush(&self, flush: impl Fn(&[Batch]) -> Vec<Answer>, group: Vec<Waiting>) {
        let (batches, members): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|one| (one.batch, (one.ticket, one.thread)))
            .unzip();
        let mut lead = Lead {
            queue: self,
            members,
            answers: Vec::new(),
        };
        lead.answers = flush(&batches);
        debug_assert_eq!(lead.answers.len(), batches.len());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn queue(&mut self, batch: &Batch) -> u64 {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        self.waiting.push_back(Waiting {
            ticket,
            batch: batch.clone(),
            thread: thread::current(),
        });
        ticket
    }

    /// Takes the first that wait, as many as may share a flush.
    fn lead(&mut self) -> Vec<Waiting> {
        self.somebody_leads = true;
        let mut bytes = 0;
        let mut fits = |one: &Waiting| {
            bytes += one.batch.bytes();
            bytes <= GROUP_BYTES_MAX
        };
        let fitting = self
            .waiting
            .iter()
            .take(GROUP_BATCHES_MAX)
            .take_while(|one| fits(one))
            .count();
        self.waiting
            .drain(..fitting.max(1).min(self.waiting.len()))
            .collect()
    }
}

/// A group under way. Its members are answered and the lead passed on even if the flush panics.
struct Lead<'q> {
    queue: &'q GroupQueue,
    members: Vec<(u64, Thread)>,
    answers: Vec<Answer>,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        let mut answers = std::mem::take(&mut self.answers).into_iter();
        for (ticket, _) in &self.members {
            state
                .answers
                .insert(*ticket, answers.next().unwrap_or_else(unanswered));
        }
        state.somebody_leads = false;
        let next = state.waiting.front().map(|one| one.thread.clone());
        drop(state);
        self.members.iter().for_each(|(_, thread)| thread.unpark());
        next.iter().for_each(Thread::unpark);
    }
}

fn unanswered() -> Answer {
    let what = "the thread that flushed for several panicked";
    Err(CommitError::Unknown {
        source: EngineError::new(EngineErrorKind::Io, "committing", what),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Barrier, mpsc};
    use std::time::Duration;

    use super::*;

    fn batch(key: u8) -> Batch {
        let mut batch = Batch::new();
        batch.put(vec![key], Vec::new());
        batch
    }

    fn all_well(batches: &[Batch]) -> Vec<Answer> {
        batches.iter().map(|_| Ok(())).collect()
    }

    #[test]
    fn a_caller_that_is_alone_flushes_for_itself_at_once() {
        let queue = GroupQueue::default();
        let here = thread::current().id();
        queue
            .commit(&batch(1), |batches| {
                assert_eq!((batches.len(), thread::current().id()), (1, here));
                all_well(batches)
            })
            .unwrap();
    }

    #[test]
    fn those_who_come_during_a_flush_share_the_next_one_in_their_order() {
        let queue = GroupQueue::default();
        let (started, flushing) = mpsc::channel();
        let groups = Mutex::new(Vec::new());
        let release = Barrier::new(2);
        let flush = |batches: &[Batch]| {
            let keys: Vec<_> = batches.iter().map(|one| one.ops()[0].clone()).collect();
            groups.lock().unwrap().push(keys.len());
            if keys.len() == 1 {
                started.send(()).unwrap();
                release.wait();
            }
            all_well(batches)
        };
        thread::scope(|scope| {
            scope.spawn(|| queue.commit(&batch(0), flush).unwrap());
            flushing.recv().unwrap();
            for key in 1..=5 {
                let queue = &queue;
                scope.spawn(move || queue.commit(&batch(key), flush).unwrap());
            }
            while queue.state().waiting.len() < 5 {
                thread::sleep(Duration::from_millis(1));
            }
            release.wait();
        });
        assert_eq!(*groups.lock().unwrap(), [1, 5]);
    }

    #[test]
    fn everyone_is_answered_for_its_own_batch_under_load() {
        let queue = GroupQueue::default();
        let flushes = AtomicUsize::new(0);
        let flush = |batches: &[Batch]| {
            flushes.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_micros(50));
            let refuse = |one: &Batch| one.bytes().is_multiple_of(2);
            let conflict = || Err(CommitError::Conflict { key: Vec::new() });
            batches
                .iter()
                .map(|one| if refuse(one) { conflict() } else { Ok(()) })
                .collect()
        };
        thread::scope(|scope| {
            for caller in 0..8usize {
                let (queue, flush) = (&queue, &flush);
                scope.spawn(move || {
                    let mut mine = Batch::new();
                    mine.put(vec![0; 1 + caller], Vec::new());
                    for _ in 0..200 {
                        assert_eq!(queue.commit(&mine, flush).is_ok(), caller % 2 == 0);
                    }
                });
            }
        });
        assert!(flushes.into_inner() < 1600, "nobody shared a flush");
        assert!(queue.state().answers.is_empty());
    }

    #[test]
    fn a_flush_that_panics_leaves_nobody_waiting() {
        let queue = GroupQueue::default();
        let panics = || queue.commit(&batch(1), |_| panic!("the disk is on fire"));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
        queue.commit(&batch(2), all_well).unwrap();
    }
}
