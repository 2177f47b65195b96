//! All that a store holds of one actor, as far as it tells what its damaged pages were.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::proof::{self, Gap, Version, Versions, Weighed};
use super::repair::{Found, Mended};
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::kv::Snapshot;
use crate::layout::{
    Checksum, CommitNo, DbId, Head, PageCodec, PageKey, State, Superseded, Undecodable, all_pages,
    commits_of, without_a_flipped_bit,
};
use crate::page::{PageNo, PageSize};
use crate::store::history::records;
use crate::store::{Point, Shared, random};

/// How many records one step reads.
const STEP_RECORDS: usize = 64;
/// How many damaged records of an image are looked into.
const BROKEN_MAX: usize = 256;
/// How many whole versions of a page are held against a damaged one, in each image.
const VERSIONS_MAX: usize = 64;

/// A state that is kept.
struct View {
    state: State,
    /// How to ask for it; `None` for that of the head.
    name: Option<Point>,
}

/// The pages of one image.
struct Pages {
    db: DbId,
    page_size: PageSize,
    codec: Arc<PageCodec>,
    versions: Versions,
    /// Records that are not what was written under their keys.
    broken: BTreeMap<PageKey, Broken>,
}

/// A record that is not what was written under its key.
struct Broken {
    record: Vec<u8>,
    /// The same with a bit turned back, if that makes it sound: looked for once, since it takes
    /// as many tries as there are bits.
    turned_back: OnceCell<Option<Vec<u8>>>,
}

/// A page record to write.
pub(super) struct Fix {
    pub(super) key: PageKey,
    /// The damaged record in its place, if there is one.
    pub(super) former: Option<Vec<u8>>,
    pub(super) record: Vec<u8>,
    found: Found,
}

/// Content that a damaged page may have had.
struct Candidate {
    sum: Checksum,
    content: Vec<u8>,
    found: Found,
}

/// An actor at one moment.
pub(super) struct Scene<'s> {
    snapshot: &'s dyn Snapshot,
    head: &'s Head,
    /// The kept states, from the oldest on.
    views: Vec<View>,
    images: HashMap<DbId, Pages>,
    /// Under which commit a version stands that a later commit replaced, as the records of these
    /// tell: by image, page and number of the later one.
    replaced: BTreeMap<([u8; 16], PageNo, CommitNo), CommitNo>,
}

impl Fix {
    pub(super) fn mended(&self, actor: &ActorId) -> Mended {
        Mended {
            actor: actor.clone(),
            page: self.key.page(),
            commit: self.key.commit(),
            replaces: self.former.is_some(),
            found: self.found,
        }
    }
}

impl<'s> Scene<'s> {
    pub(super) fn of(
        shared: &Shared,
        snapshot: &'s dyn Snapshot,
        actor: &ActorId,
        head: &'s Head,
    ) -> Result<Self, StoreError> {
        let mut scene = Self {
            snapshot,
            head,
            views: vec![View {
                state: head.state(),
                name: None,
            }],
            images: HashMap::new(),
            replaced: BTreeMap::new(),
        };
        scene.find_views(actor)?;
        for at in 0..scene.views.len() {
            let state = scene.views[at].state;
            if scene.images.contains_key(&state.db) {
                continue;
            }
            // Without its key nothing of an image can be proved.
            if let Ok(codec) = shared.codec_for_scrub(snapshot, actor, &head.at(&state))?
                && let Some(pages) = Pages::read(snapshot, codec, &state)?
            {
                scene.images.insert(state.db, pages);
            }
        }
        Ok(scene)
    }

    /// Takes in the states of the past, as far as their records can be read.
    fn find_views(&mut self, actor: &ActorId) -> Result<(), StoreError> {
        let head = self.head;
        match records::points(self.snapshot, actor) {
            Ok(points) => self
                .views
                .extend(points.into_iter().map(|(name, state)| View {
                    state,
                    name: Some(Point::RestorePoint(name)),
                })),
            Err(StoreError::HistoryDamaged { .. }) => {}
            Err(error) => return Err(error),
        }
        records::each_commit(self.snapshot, actor, commits_of(actor), |number, found| {
            let commit = match found {
                Ok(commit) if head.floor <= number && number <= head.commit => commit,
                Ok(_) | Err(StoreError::HistoryDamaged { .. }) => return Ok(true),
                Err(error) => return Err(error),
            };
            if let Superseded::Listed(entries) = &commit.superseded {
                let db = commit.state.db.bytes();
                let entries = entries
                    .iter()
                    .map(|(page, old)| ((db, *page, number), *old));
                self.replaced.extend(entries);
            }
            if number < head.commit {
                self.views.push(View {
                    state: commit.state,
                    name: Some(Point::Commit(number)),
                });
            }
            Ok(true)
        })?;
        self.views.sort_by_key(|view| view.state.commit);
        Ok(())
    }

    /// The newest state beside the head's that is whole.
    pub(super) fn newest_whole(&self) -> Option<Point> {
        let past = self.views.iter().rev().filter(|view| view.name.is_some());
        let mut whole = past.filter(|view| self.is_whole(&view.state));
        whole.next()?.name.clone()
    }

    /// What of a state is there, and what its damaged pages must add up to.
    fn weigh(&self, state: &State) -> Option<(Weighed, Checksum)> {
        let pages = self.images.get(&state.db)?;
        let weighed = pages.versions.weigh(state)?;
        let stated = state.checksum ^ pages.codec.mask(&self.head.at(state));
        let wanted = stated ^ weighed.sum;
        Some((weighed, wanted))
    }

    /// Everything that is proved, state by state from the oldest on, until no more is: what mends
    /// one state may leave another with one damaged page less.
    ///
    /// Nothing, if a state that shows one of the pages does not add up with it. It may be a newer
    /// version of the page that is lost: a later state then proves the content of that, which has
    /// no business in the place of the older one. Only a record that is sound again once a bit is
    /// turned back is beyond that doubt.
    pub(super) fn mend(&mut self) -> Result<Vec<Fix>, StoreError> {
        let mut fixes = Vec::new();
        loop {
            let before = fixes.len();
            for at in 0..self.views.len() {
                let state = self.views[at].state;
                fixes.extend(self.mend_state(&state)?);
            }
            if fixes.len() == before {
                if !self.stands(&fixes) {
                    fixes.clear();
                }
                return Ok(fixes);
            }
        }
    }

    /// Whether each of the mended records is beyond doubt that of its key.
    fn stands(&self, fixes: &[Fix]) -> bool {
        let mut fixes = fixes.iter();
        fixes.all(|fix| {
            let mut showing = self
                .views
                .iter()
                .filter(|view| self.shows(&view.state, fix));
            fix.found == Found::FlippedBit || showing.all(|view| self.is_whole(&view.state))
        })
    }

    /// Whether a state shows the record that is mended, and no other of that page.
    fn shows(&self, state: &State, fix: &Fix) -> bool {
        let page = fix.key.page();
        let shown = self.images.get(&state.db).and_then(|pages| {
            let mut versions = pages.versions.of(page).iter();
            versions.find(|version| version.commit <= state.commit)
        });
        state.pages.contains(page)
            && shown.is_some_and(|it| PageKey::new(state.db, page, it.commit) == fix.key)
    }

    fn is_whole(&self, state: &State) -> bool {
        self.weigh(state).is_some_and(|(weighed, wanted)| {
            weighed.gaps.is_empty() && wanted == Checksum::default()
        })
    }

    fn mend_state(&mut self, state: &State) -> Result<Vec<Fix>, StoreError> {
        let (Some((weighed, wanted)), Some(pages)) =
            (self.weigh(state), self.images.get(&state.db))
        else {
            return Ok(Vec::new());
        };
        let codec = Arc::clone(&pages.codec);
        if weighed.gaps.is_empty() {
            return Ok(Vec::new());
        }
        let gaps = weighed.gaps.iter().map(|gap| {
            let key = self.key_of(state, gap);
            Ok((key, self.candidates(state, &key)?))
        });
        let gaps: Vec<_> = gaps.collect::<Result<_, StoreError>>()?;
        let sums = gaps
            .iter()
            .map(|(_, offered)| offered.iter().map(|one| one.sum).collect());
        let Some(choice) = proof::prove(wanted, &sums.collect::<Vec<_>>()) else {
            return Ok(Vec::new());
        };
        let chosen = gaps.iter().zip(choice);
        let fixes =
            chosen.map(|((key, offered), at)| self.fix(state.db, &codec, *key, &offered[at]));
        fixes.collect()
    }

    /// Where the record of a damaged page belongs. That of one which is missing belongs under the
    /// commit that the record of a later one names; where none does, any that the state shows and
    /// no older one will do.
    fn key_of(&self, state: &State, gap: &Gap) -> PageKey {
        let db = state.db.bytes();
        let later = (db, gap.page, state.commit.next())..=(db, gap.page, self.head.commit);
        let is_listed = state.commit < self.head.commit;
        let mut listed = is_listed
            .then(|| self.replaced.range(later))
            .into_iter()
            .flatten();
        let listed = listed.next().map(|(_, old)| *old);
        let missing = listed.filter(|old| *old <= state.commit);
        let commit = gap.broken.or(missing).unwrap_or(state.commit);
        PageKey::new(state.db, gap.page, commit)
    }

    /// Writes a page anew, here alone so far.
    fn fix(
        &mut self,
        db: DbId,
        codec: &PageCodec,
        key: PageKey,
        with: &Candidate,
    ) -> Result<Fix, StoreError> {
        let fix = Fix {
            key,
            former: self.snapshot.get(key.as_bytes())?,
            record: codec.encode(&key, &with.content, with.sum, random::nonce)?,
            found: with.found,
        };
        let version = Version {
            commit: key.commit(),
            sum: Some(with.sum),
        };
        if let Some(pages) = self.images.get_mut(&db) {
            pages.versions.put(key.page(), version);
        }
        Ok(fix)
    }

    /// All content that the record of `key` may have had, each once.
    fn candidates(&self, state: &State, key: &PageKey) -> Result<Vec<Candidate>, StoreError> {
        let mut all: Vec<Candidate> = Vec::new();
        let Some(own) = self.images.get(&state.db) else {
            return Ok(all);
        };
        let mut out = vec![0; state.page_size.bytes()];
        let mut offer = |sum, content: &[u8], found| {
            if all.iter().all(|other| other.sum != sum) {
                let content = content.to_vec();
                all.push(Candidate {
                    sum,
                    content,
                    found,
                });
            }
        };
        if let Some(broken) = own.broken.get(key) {
            if let Some(record) = broken.turned_back(key)
                && let Ok(sum) = own.codec.decode(key, record, &mut out)
            {
                offer(sum, &out, Found::FlippedBit);
            }
            if let Some(sum) = own.codec.salvage(key, &broken.record, &mut out) {
                offer(sum, &out, Found::Inside);
            }
        }
        for Broken { record, .. } in own.broken.values() {
            if let Ok(sum) = own.codec.decode(key, record, &mut out) {
                offer(sum, &out, Found::Misplaced);
            }
        }
        let of_size = |pages: &&Pages| pages.page_size == state.page_size;
        for pages in self.images.values().filter(of_size) {
            let found = |commit| match pages.db == state.db {
                true => Found::Version(commit),
                false => Found::FormerImage(commit),
            };
            let versions = pages.versions.of(key.page()).iter();
            let whole = versions.filter(|version| version.sum.is_some());
            for version in whole.take(VERSIONS_MAX) {
                let at = PageKey::new(pages.db, key.page(), version.commit);
                let record = self.snapshot.get(at.as_bytes())?.unwrap_or_default();
                if pages.codec.decode(&at, &record, &mut out).is_ok() {
                    let sum = own.codec.checksum(key.page(), &out);
                    offer(sum, &out, found(version.commit));
                }
            }
        }
        Ok(all)
    }
}

impl Broken {
    fn new(record: Vec<u8>) -> Self {
        Self {
            record,
            turned_back: OnceCell::new(),
        }
    }

    fn turned_back(&self, key: &PageKey) -> Option<&[u8]> {
        let search = || without_a_flipped_bit(key.as_bytes(), &self.record);
        self.turned_back.get_or_init(search).as_deref()
    }
}

impl Pages {
    /// Reads an image, unless a newer version of this crate wrote a part of it, which is then none
    /// of our business.
    fn read(
        snapshot: &dyn Snapshot,
        codec: Arc<PageCodec>,
        state: &State,
    ) -> Result<Option<Self>, StoreError> {
        let mut pages = Self {
            db: state.db,
            page_size: state.page_size,
            codec,
            versions: Versions::default(),
            broken: BTreeMap::new(),
        };
        let mut out = vec![0; state.page_size.bytes()];
        let mut range = all_pages(state.db);
        loop {
            let records = snapshot.scan(&range.start..&range.end, STEP_RECORDS)?;
            let Some((last, _)) = records.last() else {
                return Ok(Some(pages));
            };
            range.start = [&last[..], &[0]].concat();
            for (key, record) in records {
                let Some(key) = PageKey::parse(state.db, &key) else {
                    continue;
                };
                let sum = match pages.codec.decode(&key, &record, &mut out) {
                    Err(Undecodable::Newer { .. }) => return Ok(None),
                    decoded => decoded.ok(),
                };
                let commit = key.commit();
                pages.versions.put(key.page(), Version { commit, sum });
                if sum.is_none() && pages.broken.len() < BROKEN_MAX {
                    pages.broken.insert(key, Broken::new(record));
                }
            }
        }
    }
}
