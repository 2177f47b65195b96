//! Looking at every record of a store, and naming what is not as it was written.

mod proof;
mod repair;
mod scene;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

#[cfg(test)]
pub(super) use repair::Trial;
pub use repair::{Found, Mended, Repair};

use super::history::{Images, Judge, Kept, inspect, records};
use super::slot::Slot;
use super::{ListOptions, Store};
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::keys::KeyError;
use crate::kv::Snapshot;
use crate::layout::{
    Checksum, CommitNo, DbId, Head, PageCodec, PageKey, Undecodable, Unswept, actor_of_head_key,
    all_asides, all_commits, all_heads, all_images, all_key_records, all_pages, all_points,
    db_of_key_record_key, db_of_page_key, is_sealed_for,
};
use crate::page::PageNo;

/// How many records one step reads.
const STEP_RECORDS: usize = 64;
/// How many commits back a damaged record is compared with what stood there before.
const STALE_COMMITS_MAX: u64 = 10_000;
/// How many damaged records of an actor are compared so. Of the others it is said that they are damaged.
const DIAGNOSED_MAX: usize = 64;
/// How many pages missing in a row are named one by one: a damaged head may claim four billion.
const RUN_NAMED_MAX: u32 = 64;

/// What a scrub saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scrub {
    /// How many actors it looked at.
    pub actors: u64,
    /// How many pages of theirs are as they were written.
    pub pages: u64,
    /// How many actors are encrypted with keys that were not at hand. Of their records only the
    /// seals were looked at.
    pub locked: u64,
    /// What is not, in the order in which it was met.
    pub damage: Vec<Damage>,
}

/// One thing that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The head cannot be read, so nothing is known of the pages.
    #[error("the head record of `{actor}` cannot be read: {what}")]
    Head {
        /// Whose.
        actor: ActorId,
        /// What is wrong with it.
        what: String,
    },
    /// The key record cannot be read, or its key does not open it, so no page can be read.
    #[error("the pages of `{actor}` cannot be decrypted: {what}")]
    Key {
        /// Whose.
        actor: ActorId,
        /// What is wrong.
        what: String,
    },
    /// There is no record of a page.
    #[error("page {page} of `{actor}` is missing at commit {commit}")]
    PageMissing {
        /// Whose.
        actor: ActorId,
        /// Which.
        page: PageNo,
        /// The commit that should show it.
        commit: CommitNo,
    },
    /// There is no record of many pages in a row.
    #[error("pages {first} to {last} of `{actor}` are missing at commit {commit}")]
    PagesMissing {
        /// Whose.
        actor: ActorId,
        /// The first that is missing.
        first: PageNo,
        /// The last that is missing.
        last: PageNo,
        /// The commit that should show them.
        commit: CommitNo,
    },
    /// The record of a page is not the one that was written there.
    #[error("page {page} of `{actor}` is damaged at commit {commit}: {what}")]
    Page {
        /// Whose.
        actor: ActorId,
        /// Which.
        page: PageNo,
        /// The commit that shows it.
        commit: CommitNo,
        /// What is wrong with it.
        what: String,
    },
    /// Every page is whole, and together they are not what was committed: some are of another
    /// commit, or the head is.
    #[error("the pages of `{actor}` are each whole, and not those that commit {commit} left")]
    Whole {
        /// Whose.
        actor: ActorId,
        /// The commit that the head names.
        commit: CommitNo,
    },
    /// Records that no commit shows and no head announces: the head may be an old one.
    #[error("`{actor}` has {records} page records that commit {commit} does not account for")]
    Unaccounted {
        /// Whose.
        actor: ActorId,
        /// The commit that the head names.
        commit: CommitNo,
        /// How many.
        records: u64,
    },
    /// A restore point or a kept commit is not what it was, or its record is not. The actor as it
    /// is now does not need it.
    #[error("the past of `{actor}` is damaged: {what}")]
    Past {
        /// Whose.
        actor: ActorId,
        /// What of it, and how.
        what: String,
    },
    /// Records among the heads whose keys name no actor. Nobody reads them.
    #[error("records among the heads name no actor (records: {records})")]
    Nameless {
        /// How many.
        records: u64,
    },
    /// Images of pages that no readable head names. They take room, and do no other harm.
    #[error("pages that belong to no actor take room (images: {images})")]
    Strays {
        /// How many.
        images: u64,
    },
}

impl Damage {
    /// Whose data it is about, if anybody's.
    #[must_use]
    pub fn actor(&self) -> Option<&ActorId> {
        match self {
            Self::Head { actor, .. }
            | Self::Key { actor, .. }
            | Self::PageMissing { actor, .. }
            | Self::PagesMissing { actor, .. }
            | Self::Page { actor, .. }
            | Self::Whole { actor, .. }
            | Self::Past { actor, .. }
            | Self::Unaccounted { actor, .. } => Some(actor),
            Self::Nameless { .. } | Self::Strays { .. } => None,
        }
    }

    /// Which page it is about, if one alone.
    #[must_use]
    pub fn page(&self) -> Option<PageNo> {
        match self {
            Self::PageMissing { page, .. } | Self::Page { page, .. } => Some(*page),
            _ => None,
        }
    }

    /// The case in one word, for machines.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Head { .. } => "head",
            Self::Key { .. } => "key",
            Self::PageMissing { .. } | Self::PagesMissing { .. } => "missing",
            Self::Page { .. } => "page",
            Self::Whole { .. } => "whole",
            Self::Unaccounted { .. } => "unaccounted",
            Self::Past { .. } => "past",
            Self::Nameless { .. } => "nameless",
            Self::Strays { .. } => "strays",
        }
    }
}

impl Store {
    /// Reads every record of the store, and names what is not as it was written. Owners go on
    /// meanwhile: each actor is seen at one commit of its own.
    ///
    /// An error means that the store could not be read; damage is an answer.
    pub fn scrub(&self) -> Result<Scrub, StoreError> {
        let mut scrub = self.scrub_strays()?;
        for actor in self.ids(&ListOptions::default())? {
            scrub.add(self.scrub_actor(&actor)?);
        }
        Ok(scrub)
    }

    /// Reads every record of one actor.
    pub fn scrub_actor(&self, actor: &ActorId) -> Result<Scrub, StoreError> {
        let slot = Slot::new(&self.shared, actor);
        let snapshot = slot.engine().snapshot()?;
        let head = match slot.load_from(&*snapshot) {
            Ok(Some(stored)) => stored.head,
            Ok(None) => return Err(slot.missing()),
            Err(error) => return unreadable(actor, &error),
        };
        let images = match records::images(&*snapshot, actor, &head) {
            Ok(images) => images,
            // The past is inspected on its own, and here nothing of it is held against the head.
            Err(StoreError::HistoryDamaged { .. }) => Images::all_but_staged(&head),
            Err(error) => return Err(error),
        };
        let nothing = Kept::default();
        let mut inspection = Inspection::new(actor, &head, images.of(head.db).unwrap_or(&nothing));
        inspection.unlock(self.shared.codec_for_scrub(&*snapshot, actor, &head)?);
        let mut range = all_pages(head.db);
        loop {
            let entries = snapshot.scan(&range.start..&range.end, STEP_RECORDS)?;
            let Some((last, _)) = entries.last() else {
                let mut scrub = inspection.end(&*snapshot)?;
                let past = inspect(&self.shared, &*snapshot, actor, &head)?;
                scrub.damage.extend(past);
                return Ok(scrub);
            };
            range.start = [&last[..], &[0]].concat();
            entries
                .iter()
                .for_each(|(key, record)| inspection.take(key, record));
        }
    }

    /// Looks for images of pages, and for records among the heads, that belong to nobody.
    pub fn scrub_strays(&self) -> Result<Scrub, StoreError> {
        let snapshot = self.shared.engine.snapshot()?;
        let images = strays(&*snapshot)?.0.len() as u64;
        let mut damage = Vec::from_iter((images > 0).then_some(Damage::Strays { images }));
        let heads = all_heads("", None);
        let keys = snapshot.scan_keys(&heads.start..&heads.end, usize::MAX)?;
        let nameless = keys.iter().filter(|key| actor_of_head_key(key).is_none());
        let records = nameless.count() as u64;
        damage.extend((records > 0).then_some(Damage::Nameless { records }));
        Ok(Scrub {
            damage,
            ..Scrub::default()
        })
    }
}

impl Scrub {
    /// Adds what another scrub saw.
    pub fn add(&mut self, other: Self) {
        self.actors += other.actors;
        self.pages += other.pages;
        self.locked += other.locked;
        self.damage.extend(other.damage);
    }

    /// Whether everything is as it was written.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.damage.is_empty()
    }
}

/// What is known of an actor whose head cannot be read.
fn unreadable(actor: &ActorId, error: &StoreError) -> Result<Scrub, StoreError> {
    let what = match error {
        StoreError::HeadDamaged { damage, .. } => (*damage).to_owned(),
        StoreError::NewerFormat { .. } => error.to_string(),
        error => return Err(error.clone()),
    };
    let actor = actor.clone();
    Ok(Scrub {
        actors: 1,
        damage: vec![Damage::Head { actor, what }],
        ..Scrub::default()
    })
}

/// The images that no readable record names, be it that their pages or that their keys are there;
/// and whether every record that may name one is readable.
pub(super) fn strays(snapshot: &dyn Snapshot) -> Result<(BTreeSet<DbId>, bool), StoreError> {
    let (mut known, mut readable) = (HashSet::new(), true);
    for range in [all_heads("", None), all_asides()] {
        for (key, record) in snapshot.scan(&range.start..&range.end, usize::MAX)? {
            let Ok(head) = Head::decode(&key, &record) else {
                readable = false;
                continue;
            };
            known.insert(head.db);
            if let Unswept::Staging(db) = head.unswept {
                known.insert(db);
            }
        }
    }
    for range in [all_commits(), all_points()] {
        readable &= records::name_images(snapshot, range, &mut known)?;
    }
    let mut strays = BTreeSet::new();
    let keys = all_key_records();
    for key in snapshot.scan_keys(&keys.start..&keys.end, usize::MAX)? {
        strays.extend(db_of_key_record_key(&key).filter(|db| !known.contains(db)));
    }
    let mut range = all_images();
    while let Some(key) = snapshot.scan_keys(&range.start..&range.end, 1)?.pop() {
        match db_of_page_key(&key) {
            Some(db) => {
                range.start = all_pages(db).end;
                if !known.contains(&db) {
                    strays.insert(db);
                }
            }
            None => range.start = [&key[..], &[0]].concat(),
        }
    }
    Ok((strays, readable))
}

/// Goes through the records of one image in their order.
struct Inspection<'h> {
    actor: &'h ActorId,
    head: &'h Head,
    /// Without one, only seals can be looked at.
    codec: Option<Arc<PageCodec>>,
    content: Vec<u8>,
    checksum: Checksum,
    /// The page whose visible version went by last.
    shown: Option<PageNo>,
    unaccounted: u64,
    /// Tells which versions that the head does not show are kept for another state.
    judge: Judge<'h>,
    /// Records that are not what was written under their keys; the first of them whole.
    broken: Vec<(PageKey, Option<Vec<u8>>, Undecodable)>,
    scrub: Scrub,
}

impl<'h> Inspection<'h> {
    fn new(actor: &'h ActorId, head: &'h Head, kept: &'h Kept) -> Self {
        Self {
            actor,
            head,
            codec: None,
            content: vec![0; head.page_size.bytes()],
            checksum: Checksum::default(),
            shown: None,
            unaccounted: 0,
            judge: Judge::new(kept),
            broken: Vec::new(),
            scrub: Scrub {
                actors: 1,
                ..Scrub::default()
            },
        }
    }

    /// Takes in how the pages are written, or why nobody can tell.
    fn unlock(&mut self, opened: Result<Arc<PageCodec>, StoreError>) {
        let actor = self.actor.clone();
        match opened {
            Ok(codec) => self.codec = Some(codec),
            Err(StoreError::Keys(KeyError::Needed { .. } | KeyError::Missing { .. })) => {
                self.scrub.locked += 1;
            }
            Err(error) => {
                let what = error.to_string();
                self.scrub.damage.push(Damage::Key { actor, what });
            }
        }
    }

    fn check(&mut self, key: &PageKey, record: &[u8]) -> Result<(), Undecodable> {
        match &self.codec {
            Some(codec) => self.checksum ^= codec.decode(key, record, &mut self.content)?,
            None if is_sealed_for(key.as_bytes(), record) => {}
            None => return Err(Undecodable::Damaged("its seal does not match")),
        }
        self.scrub.pages += 1;
        Ok(())
    }

    fn take(&mut self, key: &[u8], record: &[u8]) {
        let parsed = PageKey::parse(self.head.db, key);
        let is_kept = parsed.is_some_and(|key| !self.judge.condemns(&key));
        let visible = parsed.filter(|key| {
            key.commit() <= self.head.commit
                && self.head.pages.contains(key.page())
                && self.shown != Some(key.page())
        });
        let Some(key) = visible else {
            self.unaccounted += u64::from(!is_kept);
            return;
        };
        self.miss_until(key.page().get());
        self.shown = Some(key.page());
        if let Err(error) = self.check(&key, record) {
            let kept = (self.broken.len() < DIAGNOSED_MAX).then(|| record.to_vec());
            self.broken.push((key, kept, error));
        }
    }

    /// The pages between the last one and this number have no record.
    fn miss_until(&mut self, end: u32) {
        let next = self.shown.map_or(0, PageNo::get).saturating_add(1);
        let (actor, commit) = (self.actor, self.head.commit);
        let one = |page| Damage::PageMissing {
            actor: actor.clone(),
            page,
            commit,
        };
        let damage = &mut self.scrub.damage;
        match (PageNo::new(next), PageNo::new(end.saturating_sub(1))) {
            (Some(first), Some(last)) if end.saturating_sub(next) > RUN_NAMED_MAX => {
                damage.push(Damage::PagesMissing {
                    actor: actor.clone(),
                    first,
                    last,
                    commit,
                });
            }
            _ => damage.extend((next..end).filter_map(PageNo::new).map(one)),
        }
    }

    fn end(mut self, snapshot: &dyn Snapshot) -> Result<Scrub, StoreError> {
        self.miss_until(self.head.pages.get().saturating_add(1));
        for (key, record, error) in std::mem::take(&mut self.broken) {
            let what = self.diagnose(snapshot, &key, record.as_deref(), error)?;
            self.scrub.damage.push(Damage::Page {
                actor: self.actor.clone(),
                page: key.page(),
                commit: self.head.commit,
                what,
            });
        }
        let (actor, commit) = (self.actor.clone(), self.head.commit);
        let records = self.unaccounted;
        if records > 0 && self.head.unswept == Unswept::Nothing {
            self.scrub.damage.push(Damage::Unaccounted {
                actor: actor.clone(),
                commit,
                records,
            });
        }
        let whole = self.scrub.pages == u64::from(self.head.pages.get());
        let stated = self
            .codec
            .as_ref()
            .map(|codec| self.head.checksum ^ codec.mask(self.head));
        if whole && stated.is_some_and(|stated| stated != self.checksum) {
            self.scrub.damage.push(Damage::Whole { actor, commit });
        }
        Ok(self.scrub)
    }

    /// What a record is that does not belong where it stands.
    fn diagnose(
        &self,
        snapshot: &dyn Snapshot,
        key: &PageKey,
        record: Option<&[u8]>,
        error: Undecodable,
    ) -> Result<String, StoreError> {
        let db = self.head.db;
        let what = match error {
            Undecodable::Newer { found } => {
                return Ok(StoreError::newer("page record", found).to_string());
            }
            Undecodable::Damaged(what) => what,
        };
        let Some(record) = record else {
            return Ok(what.to_owned());
        };
        let last = key.commit().get();
        let former = (last.saturating_sub(STALE_COMMITS_MAX)..last).map(CommitNo::new);
        let mut former = former.map(|commit| PageKey::new(db, key.page(), commit));
        if let Some(stale) = former.find(|stale| is_sealed_for(stale.as_bytes(), record)) {
            return Ok(format!("it is what commit {} wrote there", stale.commit()));
        }
        let all = all_pages(db);
        let keys = snapshot.scan_keys(&all.start..&all.end, usize::MAX)?;
        let mut others = keys.iter().filter_map(|other| PageKey::parse(db, other));
        Ok(
            match others.find(|other| is_sealed_for(other.as_bytes(), record)) {
                Some(other) => format!("it is page {}", other.page()),
                None => what.to_owned(),
            },
        )
    }
}
