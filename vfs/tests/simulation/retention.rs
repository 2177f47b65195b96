//! The past that an actor keeps by itself: which commits must be there still, the way back to them,
//! and actors made of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use actor_vfs::testing::Fault;
use actor_vfs::{ActorId, CommitNo, Point, Retention, Store, StoreError};

use crate::broken::Broken;
use crate::model::{Effect, Fate};
use crate::plain::{bytes_at, stored};
use crate::process::Setup;
use crate::script::Rng;
use crate::tally::Event;
use crate::world::{ACTORS, Subject, World, arm, heard};

/// How much of the past a store keeps at some time. No clock, so an age expires never.
pub(crate) fn draw(rng: &mut Rng) -> Retention {
    match rng.below(7) {
        0 | 1 => Retention::Off,
        2 => Retention::Age(std::time::Duration::from_secs(86_400)),
        _ => Retention::Commits(1 + rng.below(3)),
    }
}

impl Setup {
    /// What is said to the store. One that is broken takes a commit less for as much.
    pub(crate) fn said(self, retention: Retention) -> Retention {
        match retention {
            Retention::Commits(commits) if self.broken == Some(Broken::OneTooEarly) => {
                Retention::Commits(commits - 1)
            }
            retention => retention,
        }
    }
}

/// The commits of an actor that were seen.
#[derive(Debug, Default)]
pub(crate) struct Past {
    commits: BTreeMap<CommitNo, Arc<Vec<u8>>>,
    /// The oldest that must be there still.
    floor: CommitNo,
}

impl Past {
    /// An actor with these pages is at that commit.
    pub(crate) fn note(&mut self, commit: CommitNo, bytes: &Arc<Vec<u8>>, retention: Retention) {
        let floor = match retention {
            _ if self.commits.is_empty() => commit,
            Retention::Commits(commits) => CommitNo::new(commit.get().saturating_sub(commits)),
            Retention::Age(_) => CommitNo::new(0),
            _ => commit,
        };
        self.floor = self.floor.max(floor);
        self.commits.insert(commit, Arc::clone(bytes));
    }

    /// The actor is no more, and nothing of its past.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }

    /// What was seen is what is shown now, and what must be there is. Says how many are gone.
    pub(crate) fn check(&self, truth: &Store, id: &ActorId) -> Result<u64, String> {
        let mut gone = 0;
        for (commit, bytes) in &self.commits {
            let snapshot = truth.snapshot_at(id, &Point::Commit(*commit));
            match snapshot.and_then(|snapshot| bytes_at(&snapshot)) {
                Ok(shown) if shown == **bytes => {}
                Ok(_) => return Err(format!("commit {commit} shows something else")),
                Err(StoreError::NotKept { .. }) if *commit < self.floor => gone += 1,
                Err(error) => return Err(format!("commit {commit} is lost: {error}")),
            }
        }
        Ok(gone)
    }
}

impl Subject {
    /// A state that must be there still, other than what the actor is now.
    fn target(&self, rng: &mut Rng) -> Option<(Point, Arc<Vec<u8>>)> {
        let commits = self.past.commits.range(self.past.floor..);
        let commits = commits.map(|(commit, bytes)| (Point::Commit(*commit), Arc::clone(bytes)));
        let points = self.kept.iter().filter_map(|kept| kept.target());
        let all: Vec<_> = commits.chain(points).collect();
        let full = all.iter().filter(|(_, bytes)| !bytes.is_empty());
        let all: Vec<_> = full.collect();
        (!all.is_empty()).then(|| (*rng.pick(&all)).clone())
    }
}

impl World {
    /// Makes an actor what it was.
    pub(crate) fn go_back(&mut self, p: usize, a: usize) -> Result<(), String> {
        let Some((point, bytes)) = self.subjects[a].target(&mut self.rng) else {
            return Ok(());
        };
        let is_so = self.subjects[a].model.seen() == Some(&bytes);
        let (number, fault) = self.announce(p, a, Effect::Restore(bytes));
        let store = &self.processes[p].store;
        let restored = store.restore(&self.subjects[a].id, &point);
        self.tell(|| {
            let heard = heard(&restored);
            format!("{p} takes {a} back to {point:?}, which is {number}, with {fault:?}: {heard}")
        });
        self.conclude(p, a, number, fault, &restored, Event::Restored)?;
        if is_so && restored.is_ok() {
            self.subjects[a].model.end(number, Fate::Past);
        }
        Ok(())
    }

    /// Makes an actor of what another one is or was, looks at it, and deletes it.
    pub(crate) fn branch(&mut self, p: usize, a: usize) -> Result<(), String> {
        let Some((point, bytes)) = self.subjects[a].target(&mut self.rng) else {
            return Ok(());
        };
        let fault = self.rng.chance(30).then(|| self.fault(6));
        let number = self.next_number();
        let branch = ActorId::new(format!("branch/{number}")).map_err(|it| it.to_string())?;
        arm(&self.processes[p], fault);
        let store = &self.processes[p].store;
        let made = store.fork_to(&self.subjects[a].id, Some(&point), &branch);
        let struck = self.struck(p, fault);
        self.tell(|| {
            let heard = heard(&made);
            format!("{p} makes {branch} of {a} at {point:?} with {fault:?}: {heard}")
        });
        self.deliver(p);
        let found = stored(&self.truth, &branch).map_err(|error| error.to_string())?;
        let is_there = found.is_some();
        match (&made, found) {
            (_, Some(found)) if found != *bytes => {
                return Err(format!("{branch} is not what it was made of"));
            }
            (Ok(_), Some(_)) => self.tally.count(Event::Branched),
            (Ok(_), None) => return Err(format!("{branch} was made, and is lost")),
            (Err(error), _) if struck.is_none() => return Err(format!("no branch: {error}")),
            (Err(_), _) => {}
        }
        if is_there {
            self.truth
                .delete(&branch)
                .map_err(|error| error.to_string())?;
        }
        self.bury(p, struck);
        Ok(())
    }

    /// From now on another part of the past is kept. An owner would go on as before, so the actors
    /// are claimed anew.
    pub(crate) fn retain(&mut self, p: usize) -> Result<(), String> {
        let retention = draw(&mut self.rng);
        let fault = self.rng.chance(30).then(|| self.fault(3));
        arm(&self.processes[p], fault);
        let store = &self.processes[p].store;
        let set = store.set_retention(self.setup.said(retention));
        let struck = self.struck(p, fault);
        self.tell(|| format!("{p} sets {retention:?} with {fault:?}: {}", heard(&set)));
        self.deliver(p);
        let found = self.truth.retention().map_err(|error| error.to_string())?;
        let is_set = found == self.setup.said(retention);
        match set {
            Ok(()) if !is_set => return Err(format!("{retention:?} was set, and is lost")),
            Err(error) if struck.is_none() => return Err(format!("no retention: {error}")),
            Ok(()) => self.tally.count(Event::Retained),
            Err(_) => {}
        }
        self.bury(p, struck);
        // What was committed so far was so on the former terms, what was late too.
        self.look()?;
        for a in 0..ACTORS {
            if self.subjects[a].model.seen().is_some() {
                self.claim_with(p, a, None)?;
            }
        }
        if is_set {
            self.retention = retention;
        }
        Ok(())
    }

    /// The fault that an act met, which is over.
    fn struck(&self, p: usize, fault: Option<(u64, Fault, bool)>) -> Option<(u64, Fault, bool)> {
        let faults = &self.processes[p].faults;
        let struck = fault.filter(|_| faults.has_struck());
        faults.heal();
        struck
    }
}
