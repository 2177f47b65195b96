//! Where records stand: the keys of heads and pages, and the ranges that hold many of them.

use std::ops::Range;

use super::numbers::{CommitNo, DbId};
use crate::actor_id::ActorId;
use crate::page::PageNo;

const HEAD: u8 = b'H';
const ASIDE: u8 = b'A';
const PAGE: u8 = b'P';
const KEY: u8 = b'K';
const COMMIT: u8 = b'C';
const POINT: u8 = b'R';
const DB_BYTES: usize = 16;
const PAGE_BYTES: usize = 4;
const COMMIT_BYTES: usize = 8;
const PAGE_KEY_BYTES: usize = 1 + DB_BYTES + PAGE_BYTES + COMMIT_BYTES;

/// A range of keys that owns its bounds.
pub(crate) type KeyRange = Range<Vec<u8>>;

/// The key of an actor's head record.
pub(crate) fn head_key(actor: &ActorId) -> Vec<u8> {
    [&[HEAD], actor.as_str().as_bytes()].concat()
}

/// The key of a head that guards pages which are staged beside the actor.
pub(crate) fn aside_key(actor: &ActorId) -> Vec<u8> {
    [&[ASIDE], actor.as_str().as_bytes()].concat()
}

/// The actor whose head record has that key, unless no actor's has.
pub(crate) fn actor_of_head_key(key: &[u8]) -> Option<ActorId> {
    actor_of_key(HEAD, key)
}

/// The actor beside which pages are staged under that key, unless none are.
pub(crate) fn actor_of_aside_key(key: &[u8]) -> Option<ActorId> {
    actor_of_key(ASIDE, key)
}

fn actor_of_key(tag: u8, key: &[u8]) -> Option<ActorId> {
    let id = std::str::from_utf8(key.strip_prefix(&[tag])?).ok()?;
    ActorId::new(id).ok()
}

/// The heads that guard what is staged beside actors.
pub(crate) fn all_asides() -> KeyRange {
    vec![ASIDE]..vec![ASIDE + 1]
}

/// The heads of all actors whose ids begin with `prefix` and are greater than `after`.
pub(crate) fn all_heads(prefix: &str, after: Option<&str>) -> KeyRange {
    let prefixed = [&[HEAD], prefix.as_bytes()].concat();
    let end = successor(&prefixed);
    let past = after.map(|id| [&[HEAD], id.as_bytes(), &[0]].concat());
    past.map_or(prefixed.clone(), |past| past.max(prefixed))..end
}

/// The key of the record of one commit of an actor.
pub(crate) fn commit_key(actor: &ActorId, commit: CommitNo) -> Vec<u8> {
    [&of_actor(COMMIT, actor)[..], &commit.get().to_be_bytes()].concat()
}

/// The records of all commits of an actor, from the oldest to the newest.
pub(crate) fn commits_of(actor: &ActorId) -> KeyRange {
    all_of_actor(COMMIT, actor)
}

/// The records of the commits of an actor that come before `end`.
pub(crate) fn commits_up_to(actor: &ActorId, end: CommitNo) -> KeyRange {
    of_actor(COMMIT, actor)..commit_key(actor, end)
}

/// The records of the commits of all actors.
pub(crate) fn all_commits() -> KeyRange {
    vec![COMMIT]..vec![COMMIT + 1]
}

/// The key of a restore point of an actor.
pub(crate) fn point_key(actor: &ActorId, name: &str) -> Vec<u8> {
    [&of_actor(POINT, actor)[..], name.as_bytes()].concat()
}

/// The restore points of an actor, in the order of their names.
pub(crate) fn points_of(actor: &ActorId) -> KeyRange {
    all_of_actor(POINT, actor)
}

/// The restore points of all actors.
pub(crate) fn all_points() -> KeyRange {
    vec![POINT]..vec![POINT + 1]
}

/// What the keys of an actor's records of one kind begin with: no id holds the zero byte that
/// ends this one, so none is the beginning of another.
fn of_actor(tag: u8, actor: &ActorId) -> Vec<u8> {
    [&[tag], actor.as_str().as_bytes(), &[0]].concat()
}

fn all_of_actor(tag: u8, actor: &ActorId) -> KeyRange {
    of_actor(tag, actor)..[&[tag], actor.as_str().as_bytes(), &[1]].concat()
}

/// The key of one version of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PageKey([u8; PAGE_KEY_BYTES]);

impl PageKey {
    /// The key of `page` as `commit` left it. Newer versions come first.
    pub(crate) fn new(db: DbId, page: PageNo, commit: CommitNo) -> Self {
        let mut key = [PAGE; PAGE_KEY_BYTES];
        key[1..17].copy_from_slice(&db.bytes());
        key[17..21].copy_from_slice(&page.get().to_be_bytes());
        key[21..].copy_from_slice(&(!commit.get()).to_be_bytes());
        Self(key)
    }

    /// The bytes of a key as a page key of `db`, unless they are none.
    pub(crate) fn parse(db: DbId, key: &[u8]) -> Option<Self> {
        let key = Self(key.try_into().ok()?);
        let ours = key.0[0] == PAGE && key.0[1..17] == db.bytes();
        (ours && key.number() != 0).then_some(key)
    }

    pub(crate) fn page(&self) -> PageNo {
        PageNo::new(self.number()).unwrap_or(PageNo::FIRST)
    }

    pub(crate) fn commit(&self) -> CommitNo {
        let mut commit = [0; COMMIT_BYTES];
        commit.copy_from_slice(&self.0[21..]);
        CommitNo::new(!u64::from_be_bytes(commit))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn to_vec(self) -> Vec<u8> {
        self.0.to_vec()
    }

    fn number(&self) -> u32 {
        let mut number = [0; PAGE_BYTES];
        number.copy_from_slice(&self.0[17..21]);
        u32::from_be_bytes(number)
    }
}

/// The versions of `page` that `commit` may see: the newest comes first.
pub(crate) fn versions_up_to(db: DbId, page: PageNo, commit: CommitNo) -> Range<PageKey> {
    let first = PageKey::new(db, page, commit);
    // Commit 0 wrote no page, so its key, the last of the page, bounds the range.
    first..PageKey::new(db, page, CommitNo::default())
}

/// All versions of `page` and of every page after it.
pub(crate) fn pages_from(db: DbId, page: PageNo) -> KeyRange {
    let start = PageKey::new(db, page, CommitNo::new(u64::MAX)).to_vec();
    start..all_pages(db).end
}

/// All versions of all pages.
pub(crate) fn all_pages(db: DbId) -> KeyRange {
    let prefix = [&[PAGE][..], &db.bytes()].concat();
    let end = successor(&prefix);
    prefix..end
}

/// The pages of all images.
pub(crate) fn all_images() -> KeyRange {
    vec![PAGE]..vec![PAGE + 1]
}

/// Where the key of an image is stored.
pub(crate) fn key_record_key(db: DbId) -> Vec<u8> {
    [&[KEY][..], &db.bytes()].concat()
}

/// All that is stored of an image: its pages, and its key if it has one.
pub(crate) fn all_of_image(db: DbId) -> [KeyRange; 2] {
    let key = key_record_key(db);
    let end = [&key[..], &[0]].concat();
    [all_pages(db), key..end]
}

/// The keys of all images.
pub(crate) fn all_key_records() -> KeyRange {
    vec![KEY]..vec![KEY + 1]
}

/// The image whose key is stored under that key of the store, unless none is.
pub(crate) fn db_of_key_record_key(key: &[u8]) -> Option<DbId> {
    Some(DbId::new(key.strip_prefix(&[KEY])?.try_into().ok()?))
}

/// The image that a key of a page belongs to.
pub(crate) fn db_of_page_key(key: &[u8]) -> Option<DbId> {
    let (db, _) = key.strip_prefix(&[PAGE])?.split_first_chunk::<DB_BYTES>()?;
    Some(DbId::new(*db))
}

/// The first key that does not begin with `prefix`, which is no string of `0xff`.
fn successor(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while end.pop_if(|byte| *byte == u8::MAX).is_some() {}
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page_no() -> impl Strategy<Value = PageNo> {
        (1..=u32::MAX).prop_map(|number| PageNo::new(number).unwrap())
    }

    proptest! {
        #[test]
        fn a_page_key_gives_back_what_it_was_made_of(db: [u8; 16], page in page_no(), commit: u64) {
            let (db, commit) = (DbId::new(db), CommitNo::new(commit));
            let key = PageKey::new(db, page, commit);
            prop_assert_eq!(PageKey::parse(db, key.as_bytes()), Some(key));
            prop_assert_eq!((key.page(), key.commit()), (page, commit));
        }

        #[test]
        fn keys_order_by_page_and_then_from_new_to_old(
            a in page_no(), b in page_no(), older: u64, newer: u64,
        ) {
            let key = |page, commit| PageKey::new(DbId::new([7; 16]), page, CommitNo::new(commit));
            prop_assert_eq!(key(a, older).cmp(&key(b, newer)), a.cmp(&b).then(newer.cmp(&older)));
        }

        #[test]
        fn the_range_of_a_prefix_holds_all_that_begin_with_it_and_no_other(
            prefix: Vec<u8>, other: Vec<u8>, tail: Vec<u8>,
        ) {
            let prefix = [&[HEAD], &prefix[..]].concat();
            let range = prefix.clone()..successor(&prefix);
            prop_assert!(range.contains(&[&prefix[..], &tail].concat()));
            prop_assert_eq!(range.contains(&other), other.starts_with(&prefix));
        }

        #[test]
        fn a_range_of_heads_is_what_filtering_all_heads_gives(
            ids in prop::collection::vec("[a-cÿ]{1,3}", 1..12), prefix in "[a-cÿ]{0,2}", after in "[a-cÿ]{0,3}",
        ) {
            let range = all_heads(&prefix, Some(&after));
            for id in ids {
                let wanted = id.starts_with(&prefix) && id > after;
                prop_assert_eq!(range.contains(&head_key(&ActorId::new(id).unwrap())), wanted);
            }
        }

        #[test]
        fn the_ranges_of_pages_hold_exactly_their_pages(
            page in page_no(), other in page_no(), seen: u64, commit in 1..=u64::MAX, db: [u8; 16],
        ) {
            let (db, seen, commit) = (DbId::new(db), CommitNo::new(seen), CommitNo::new(commit));
            let key = PageKey::new(db, other, commit);
            prop_assert!(all_pages(db).contains(&key.to_vec()));
            prop_assert_eq!(pages_from(db, page).contains(&key.to_vec()), other >= page);
            let versions = versions_up_to(db, page, seen);
            prop_assert_eq!(versions.contains(&key), other == page && commit <= seen);
        }
    }

    #[test]
    fn a_key_record_key_gives_back_its_image_and_other_keys_give_none() {
        let db = DbId::new([9; 16]);
        let key = key_record_key(db);
        assert_eq!(db_of_key_record_key(&key), Some(db));
        assert!(all_key_records().contains(&key));
        for key in [&key[..16], b"K", b"H0123456789abcdef"] {
            assert_eq!(db_of_key_record_key(key), None);
        }
    }

    #[test]
    fn the_records_of_an_actor_are_a_range_that_holds_none_of_another() {
        let ids = ["a", "a/b", "a b", "ab", "b"].map(|id| ActorId::new(id).unwrap());
        for (actor, other) in ids
            .iter()
            .flat_map(|id| ids.iter().map(move |other| (id, other)))
        {
            for commit in [0, 1, 256, u64::MAX].map(CommitNo::new) {
                let key = commit_key(other, commit);
                assert_eq!(commits_of(actor).contains(&key), actor == other);
                assert!(all_commits().contains(&key));
                let before = actor == other && commit < CommitNo::new(256);
                assert_eq!(
                    commits_up_to(actor, CommitNo::new(256)).contains(&key),
                    before
                );
            }
            for name in ["x", "\u{10ffff}"] {
                assert_eq!(
                    points_of(actor).contains(&point_key(other, name)),
                    actor == other
                );
                assert!(all_points().contains(&point_key(other, name)));
            }
        }
    }

    #[test]
    fn a_head_key_gives_back_its_actor_and_other_keys_give_none() {
        let actor = ActorId::new("workspace/ü").unwrap();
        assert_eq!(actor_of_head_key(&head_key(&actor)), Some(actor));
        for key in [&b"Px"[..], b"H", b"H\xff", b"H\n", b""] {
            assert_eq!(actor_of_head_key(key), None);
        }
    }
}
