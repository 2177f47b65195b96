//! Looking at every state of the past that an actor keeps, and naming those that are not whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::records;
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::kv::Snapshot;
use crate::layout::{
    Checksum, CommitNo, Head, PageCodec, PageKey, State, all_pages, commit_key, commits_of,
};
use crate::page::{PageCount, PageNo, PageSize};
use crate::store::{Damage, Shared};

/// How many records one step reads.
const STEP_RECORDS: usize = 64;

/// A kept state, and what its pages have added up to so far.
struct Sum {
    /// The restore point that it is, or the commit.
    name: String,
    state: State,
    pages: u64,
    sum: Checksum,
}

/// A version of a page: the commit that wrote it and the checksum of its content, if it is whole.
type Version = (CommitNo, Option<Checksum>);

/// Names what is damaged of the past that an actor with that head keeps.
pub(in crate::store) fn inspect(
    shared: &Shared,
    snapshot: &dyn Snapshot,
    actor: &ActorId,
    head: &Head,
) -> Result<Vec<Damage>, StoreError> {
    let mut damage = Vec::new();
    let mut say = |what: String| {
        let actor = actor.clone();
        damage.push(Damage::Past { actor, what });
    };
    let mut sums = match states(snapshot, actor, head, &mut say) {
        Err(error @ StoreError::HistoryDamaged { .. }) => {
            say(error.to_string());
            return Ok(damage);
        }
        states => states?,
    };
    while let Some(first) = sums.first() {
        let db = first.state.db;
        let (mut image, rest): (Vec<_>, Vec<_>) =
            sums.into_iter().partition(|sum| sum.state.db == db);
        sums = rest;
        let of_image = head.at(&image[0].state);
        // Without its key nobody can tell, and of the head's key the scrub has told.
        let Ok(codec) = shared.codec_for_scrub(snapshot, actor, &of_image)? else {
            continue;
        };
        add_up(snapshot, &codec, &mut image)?;
        for sum in image.iter().filter(|sum| !sum.is_whole(&codec, head)) {
            say(format!("{} is not whole", sum.name));
        }
    }
    Ok(damage)
}

/// The states of the past that are kept; the record of a commit that should be there is named.
fn states(
    snapshot: &dyn Snapshot,
    actor: &ActorId,
    head: &Head,
    say: &mut impl FnMut(String),
) -> Result<Vec<Sum>, StoreError> {
    let points = records::points(snapshot, actor)?.into_iter();
    let mut sums: Vec<_> = points
        .map(|(name, state)| Sum::new(format!("restore point `{name}`"), state))
        .collect();
    let mut expected = head.floor;
    if head.floor == head.commit {
        return Ok(sums);
    }
    let kept = commit_key(actor, head.floor)..commits_of(actor).end;
    records::each_commit(snapshot, actor, kept, |number, found| {
        if number > head.commit {
            return Ok(false);
        }
        if number != expected {
            say(format!(
                "the records of commits {expected} to before {number} are missing"
            ));
        }
        expected = number.next();
        if number < head.commit {
            sums.push(Sum::new(format!("commit {number}"), found?.state));
        }
        Ok(true)
    })?;
    if expected <= head.commit {
        say(format!(
            "the records of commits {expected} to {} are missing",
            head.commit
        ));
    }
    Ok(sums)
}

/// Adds up the pages of states of one image.
fn add_up(
    snapshot: &dyn Snapshot,
    codec: &Arc<PageCodec>,
    sums: &mut [Sum],
) -> Result<(), StoreError> {
    let db = sums[0].state.db;
    // An image without pages may take another size, and a state without pages has one that none of
    // its versions have.
    let shown = sums.iter().filter(|sum| sum.state.pages > PageCount::ZERO);
    let sizes: BTreeSet<_> = shown.map(|sum| sum.state.page_size).collect();
    let mut content = vec![0; sizes.last().map_or(0, |size| size.bytes())];
    let mut range = all_pages(db);
    let mut versions: Vec<Version> = Vec::new();
    let mut current = PageNo::FIRST;
    loop {
        let records = snapshot.scan(&range.start..&range.end, STEP_RECORDS)?;
        let Some((last, _)) = records.last() else {
            sums.iter_mut().for_each(|sum| sum.add(current, &versions));
            return Ok(());
        };
        range.start = [&last[..], &[0]].concat();
        for (key, record) in &records {
            let Some(key) = PageKey::parse(db, key) else {
                continue;
            };
            if key.page() != current {
                sums.iter_mut().for_each(|sum| sum.add(current, &versions));
                versions.clear();
                current = key.page();
            }
            let mut decode =
                |size: &PageSize| codec.decode(&key, record, &mut content[..size.bytes()]);
            let checksum = sizes.iter().find_map(|size| decode(size).ok());
            versions.push((key.commit(), checksum));
        }
    }
}

impl Sum {
    fn new(name: String, state: State) -> Self {
        Self {
            name,
            state,
            pages: 0,
            sum: Checksum::default(),
        }
    }

    /// Adds the version of a page that the state shows, of all that there are from the newest on.
    fn add(&mut self, page: PageNo, versions: &[Version]) {
        if !self.state.pages.contains(page) {
            return;
        }
        let mut shown = versions
            .iter()
            .filter(|(commit, _)| *commit <= self.state.commit);
        if let Some((_, Some(checksum))) = shown.next() {
            self.pages += 1;
            self.sum ^= *checksum;
        }
    }

    fn is_whole(&self, codec: &PageCodec, head: &Head) -> bool {
        let stated = self.state.checksum ^ codec.mask(&head.at(&self.state));
        self.pages == u64::from(self.state.pages.get()) && self.sum == stated
    }
}
