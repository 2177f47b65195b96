//! Reading the records of an actor's past out of a snapshot.

use std::collections::HashSet;

use super::kept::Images;
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::kv::Snapshot;
use crate::layout::{
    Commit, CommitNo, DbId, Head, KeyRange, Moment, State, Undecodable, commit_key, commits_of,
    point_key, points_of,
};

/// How many records one step reads.
const STEP_RECORDS: usize = 256;

impl Head {
    /// What the database is at this head.
    pub(in crate::store) fn state(&self) -> State {
        let Self {
            db,
            commit,
            epoch,
            page_size,
            pages,
            encrypted,
            checksum,
            time,
            ..
        } = *self;
        State {
            db,
            commit,
            epoch,
            page_size,
            pages,
            encrypted,
            checksum,
            time,
        }
    }

    /// This head as it was in another state.
    pub(in crate::store) fn at(&self, state: &State) -> Self {
        let State {
            db,
            commit,
            epoch,
            page_size,
            pages,
            encrypted,
            checksum,
            time,
        } = *state;
        Self {
            db,
            commit,
            epoch,
            page_size,
            pages,
            encrypted,
            checksum,
            time,
            ..self.clone()
        }
    }
}

/// The restore points of an actor with their names, in the order of these.
pub(in crate::store) fn points(
    snapshot: &dyn Snapshot,
    actor: &ActorId,
) -> Result<Vec<(String, State)>, StoreError> {
    let range = points_of(actor);
    let records = snapshot.scan(&range.start..&range.end, usize::MAX)?;
    let decoded = records.into_iter().map(|(key, record)| {
        let name = String::from_utf8_lossy(&key[range.start.len()..]).into_owned();
        let state = State::decode(&key, &record)
            .map_err(|error| undecodable(actor, format!("restore point `{name}`"), error))?;
        Ok((name, state))
    });
    decoded.collect()
}

/// The restore point of that name.
pub(in crate::store) fn point(
    snapshot: &dyn Snapshot,
    actor: &ActorId,
    name: &str,
) -> Result<Option<State>, StoreError> {
    let key = point_key(actor, name);
    let decode = |record: Vec<u8>| {
        State::decode(&key, &record)
            .map_err(|error| undecodable(actor, format!("restore point `{name}`"), error))
    };
    snapshot.get(&key)?.map(decode).transpose()
}

/// The record of one commit.
pub(in crate::store) fn commit(
    snapshot: &dyn Snapshot,
    actor: &ActorId,
    commit: CommitNo,
) -> Result<Commit, StoreError> {
    let key = commit_key(actor, commit);
    let record = snapshot.get(&key)?;
    let decoded = record.map_or(Err(Undecodable::Damaged("it is missing")), |record| {
        Commit::decode(&key, &record)
    });
    decoded.map_err(|error| undecodable(actor, format!("commit {commit}"), error))
}

/// Shows `see` each record of a range of commits, from the oldest on, until it has seen enough.
pub(in crate::store) fn each_commit(
    snapshot: &dyn Snapshot,
    actor: &ActorId,
    range: KeyRange,
    mut see: impl FnMut(CommitNo, Result<Commit, StoreError>) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let mut range = range;
    loop {
        let records = snapshot.scan(&range.start..&range.end, STEP_RECORDS)?;
        let Some((last, _)) = records.last() else {
            return Ok(());
        };
        range.start = [&last[..], &[0]].concat();
        let is_last = records.len() < STEP_RECORDS;
        for (key, record) in records {
            let number = key.last_chunk().copied().unwrap_or_default();
            let number = CommitNo::new(u64::from_be_bytes(number));
            let decoded = Commit::decode(&key, &record)
                .map_err(|error| undecodable(actor, format!("commit {number}"), error));
            if !see(number, decoded)? {
                return Ok(());
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

/// All that an actor with that head keeps, by image; of an image that only records name which
/// are kept no longer, nothing.
///
/// A kept record that is damaged is an error: nobody knows what it keeps.
pub(in crate::store) fn images(
    snapshot: &dyn Snapshot,
    actor: &ActorId,
    head: &Head,
) -> Result<Images, StoreError> {
    let mut images = Images::default();
    each_commit(snapshot, actor, commits_of(actor), |number, found| {
        let is_kept = head.floor <= number && number < head.commit;
        match found {
            Ok(commit) if is_kept => images.keep(&commit.state),
            Ok(commit) => _ = images.named(commit.state.db),
            Err(error @ StoreError::HistoryDamaged { .. }) if !is_kept => {
                tracing::warn!(%actor, %error, "it goes unread");
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    })?;
    images.keep(&head.state());
    for (_, state) in points(snapshot, actor)? {
        images.keep(&state);
    }
    Ok(images)
}

/// The images that the restore points of an actor and the records of its commits name. One that
/// only a damaged record names is not among them.
pub(in crate::store) fn images_named(
    snapshot: &dyn Snapshot,
    actor: &ActorId,
) -> Result<HashSet<DbId>, StoreError> {
    let mut named = HashSet::new();
    name_images(snapshot, commits_of(actor), &mut named)?;
    name_images(snapshot, points_of(actor), &mut named)?;
    Ok(named)
}

/// Adds the images that a range of records of the past names, and tells whether all are whole.
pub(in crate::store) fn name_images(
    snapshot: &dyn Snapshot,
    range: KeyRange,
    named: &mut HashSet<DbId>,
) -> Result<bool, StoreError> {
    let (mut range, mut whole) = (range, true);
    loop {
        let records = snapshot.scan(&range.start..&range.end, STEP_RECORDS)?;
        let Some((last, _)) = records.last() else {
            return Ok(whole);
        };
        range.start = [&last[..], &[0]].concat();
        for (key, record) in records {
            let state = Commit::decode(&key, &record).map(|commit| commit.state);
            match state.or_else(|_| State::decode(&key, &record)) {
                Ok(state) => _ = named.insert(state.db),
                Err(_) => whole = false,
            }
        }
    }
}

fn undecodable(actor: &ActorId, record: String, error: Undecodable) -> StoreError {
    match error {
        Undecodable::Newer { found } => StoreError::newer("record of the past", found),
        Undecodable::Damaged(damage) => StoreError::HistoryDamaged {
            actor: actor.clone(),
            record,
            damage,
        },
    }
}

impl Moment {
    /// The moment as the rest of the world writes it, if somebody noted it.
    pub(in crate::store) fn to_time(self) -> Option<std::time::SystemTime> {
        let since = std::time::Duration::from_millis(self.get());
        (self != Self::default())
            .then(|| std::time::UNIX_EPOCH.checked_add(since))
            .flatten()
    }

    /// A time to the millisecond.
    pub(in crate::store) fn of_time(time: std::time::SystemTime) -> Self {
        let since = time
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Self::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
