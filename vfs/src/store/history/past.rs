//! Going back: what an actor was at a point, as a snapshot, as a commit, as an actor of its own.

use std::sync::Arc;
use std::time::SystemTime;

use super::points::no_point;
use super::records;
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::kv::Snapshot;
use crate::layout::{
    Commit, CommitNo, Epoch, Head, Moment, State, Superseded, commit_key, commits_of,
};
use crate::page::{PageCount, PageNo, PageSize};
use crate::store::place::Source;
use crate::store::slot::Slot;
use crate::store::{ActorInfo, ActorSnapshot, Change, IfExists, Image, Store};

/// A state of an actor that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Point {
    /// What that commit left.
    Commit(CommitNo),
    /// What the last commit left that was made then or before, by the clocks of its owners.
    Time(SystemTime),
    /// What the restore point of that name keeps.
    RestorePoint(String),
}

/// A commit that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommitInfo {
    /// Its number.
    pub commit: CommitNo,
    /// The epoch of the owner that made it.
    pub epoch: Epoch,
    /// When it was made, by the clock of that owner.
    pub time: Option<SystemTime>,
    /// The size of its pages.
    pub page_size: PageSize,
    /// How many pages it left.
    pub pages: PageCount,
    /// How many stored pages it replaced or removed, unless they were too many to note or the
    /// commit was the first one kept.
    pub superseded: Option<usize>,
}

impl Store {
    /// An actor as it was at a point that is kept. It can be read, connected to and exported as
    /// any other snapshot.
    pub fn snapshot_at(&self, actor: &ActorId, point: &Point) -> Result<ActorSnapshot, StoreError> {
        let slot = Slot::new(&self.shared, actor);
        let state: Arc<dyn Snapshot> = Arc::from(slot.engine().snapshot()?);
        let head = slot.load_from(&*state)?.ok_or_else(|| slot.missing())?.head;
        let found = find(&*state, actor, &head, point)?;
        let past = head.at(&found);
        let codec = self.shared.codec(&*state, actor, &past)?;
        Ok(ActorSnapshot::at(slot.actor, past, codec, state))
    }

    /// The commits of an actor that are kept, from the oldest to the last.
    pub fn history(&self, actor: &ActorId) -> Result<Vec<CommitInfo>, StoreError> {
        let slot = Slot::new(&self.shared, actor);
        let snapshot = slot.engine().snapshot()?;
        let head = slot
            .load_from(&*snapshot)?
            .ok_or_else(|| slot.missing())?
            .head;
        let mut history = Vec::new();
        let kept = commit_key(actor, head.floor)..commit_key(actor, head.commit);
        records::each_commit(&*snapshot, actor, kept, |_, found| {
            history.push(CommitInfo::of(&found?, &head));
            Ok(true)
        })?;
        let last = if head.floor < head.commit {
            records::commit(&*snapshot, actor, head.commit)?
        } else {
            Commit {
                state: head.state(),
                superseded: Superseded::Unlisted,
            }
        };
        history.push(CommitInfo::of(&last, &head));
        Ok(history)
    }

    /// Makes an actor what it was at a point, by one new commit, which can be undone in the same
    /// way while it is kept. An owner that has it open is fenced.
    ///
    /// Returns the actor as that commit left it. If it was so already, there is no commit.
    pub fn restore(&self, actor: &ActorId, point: &Point) -> Result<ActorInfo, StoreError> {
        let past = self.snapshot_at(actor, point)?;
        let owner = self.open(actor)?;
        owner.image()?.publish(whole(&past)?)?;
        Ok(ActorInfo::new(actor.clone(), &owner.owner().head()))
    }

    /// Makes a new actor of what another one is, or was at a point. The two share nothing: a fork
    /// that shared pages would tie the life of one actor to that of the other, and to copy a
    /// small database costs less than to keep such accounts.
    pub fn fork_to(
        &self,
        actor: &ActorId,
        point: Option<&Point>,
        fork: &ActorId,
    ) -> Result<ActorInfo, StoreError> {
        let mut source = match point {
            Some(point) => self.snapshot_at(actor, point)?,
            None => self.snapshot(actor)?,
        };
        self.place(fork, IfExists::Refuse, &mut source)
    }
}

/// The state that a point names.
fn find(
    snapshot: &dyn Snapshot,
    actor: &ActorId,
    head: &Head,
    point: &Point,
) -> Result<State, StoreError> {
    match point {
        Point::Commit(commit) => at_commit(snapshot, actor, head, *commit),
        Point::Time(time) => at_time(snapshot, actor, head, *time),
        Point::RestorePoint(name) => {
            records::point(snapshot, actor, name)?.ok_or_else(|| no_point(actor, name))
        }
    }
}

fn at_commit(
    snapshot: &dyn Snapshot,
    actor: &ActorId,
    head: &Head,
    commit: CommitNo,
) -> Result<State, StoreError> {
    if commit == head.commit {
        return Ok(head.state());
    }
    if head.floor <= commit && commit < head.commit {
        return Ok(records::commit(snapshot, actor, commit)?.state);
    }
    let points = records::points(snapshot, actor)?;
    let mut states = points.into_iter().map(|(_, state)| state);
    states
        .find(|state| state.commit == commit)
        .ok_or_else(|| not_kept(actor, head, format!("commit {commit}")))
}

fn at_time(
    snapshot: &dyn Snapshot,
    actor: &ActorId,
    head: &Head,
    time: SystemTime,
) -> Result<State, StoreError> {
    let moment = Moment::of_time(time);
    if head.time <= moment {
        return Ok(head.state());
    }
    let mut found = None;
    records::each_commit(snapshot, actor, commits_of(actor), |number, commit| {
        if head.floor <= number && number < head.commit {
            let state = commit?.state;
            found = Some(state).filter(|state| state.time <= moment).or(found);
        }
        Ok(true)
    })?;
    found.ok_or_else(|| not_kept(actor, head, "that time".to_owned()))
}

fn not_kept(actor: &ActorId, head: &Head, wanted: String) -> StoreError {
    StoreError::NotKept {
        actor: actor.clone(),
        wanted,
        oldest: head.floor,
        last: head.commit,
    }
}

impl CommitInfo {
    fn of(commit: &Commit, head: &Head) -> Self {
        let state = &commit.state;
        Self {
            commit: state.commit,
            epoch: state.epoch,
            time: state.time.to_time(),
            page_size: state.page_size,
            pages: state.pages,
            superseded: match &commit.superseded {
                Superseded::Listed(entries) if state.commit > head.floor => Some(entries.len()),
                _ => None,
            },
        }
    }
}

/// The change that makes a database what the snapshot shows.
fn whole(snapshot: &ActorSnapshot) -> Result<Change, StoreError> {
    let mut content = vec![0; snapshot.page_size().bytes()];
    let mut read = |page| {
        snapshot.read(page, &mut content)?;
        Ok((page, Arc::from(&content[..])))
    };
    let dirty = snapshot.pages().pages().map(&mut read);
    Ok(Change {
        page_size: snapshot.page_size(),
        pages: snapshot.pages(),
        dirty: dirty.collect::<Result<_, StoreError>>()?,
    })
}

impl Source for ActorSnapshot {
    fn page_size(&self) -> PageSize {
        Self::page_size(self)
    }

    fn pages(&self) -> PageCount {
        Self::pages(self)
    }

    fn read(&mut self, page: PageNo, out: &mut [u8]) -> Result<(), StoreError> {
        Self::read(self, page, out)
    }
}
