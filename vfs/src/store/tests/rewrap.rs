//! The keys of the host are changed for all that an actor keeps, or what cannot be is named.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::{Arc, Mutex};

use super::keys::{cut_everywhere, ring, seen_by};
use super::support::*;
use crate::ActorId;
use crate::keys::{Key, KeyId, KeyRing};
use crate::kv::Limits;
use crate::layout::{CommitNo, Retention, all_key_records, key_record_key};
use crate::store::{Point, Store, StoreOptions};

fn name(key: u8) -> KeyId {
    Key::new([key; 32]).id()
}

/// An engine of which no batch takes the key records of five images.
fn narrow() -> Limits {
    Limits {
        batch_ops_max: 9,
        ..Limits::default()
    }
}

/// What the actor `a` must show at each of its commits that are kept, and at its restore points.
struct Past {
    commits: BTreeMap<u64, Pages>,
    points: BTreeMap<String, Pages>,
}

/// A world whose actor `a`, encrypted under the key 7, was written anew five times: of six images
/// four are kept by a restore point, and those from the third on by the retention.
fn world_with_a_past(limits: Limits) -> (World, Past) {
    let world = World::with(limits, secret_options());
    world.store.set_retention(Retention::Commits(6)).unwrap();
    let actor = world.store.create(&id("a")).unwrap();
    let (mut commits, mut points) = (BTreeMap::new(), BTreeMap::new());
    for seed in 0..6 {
        if let Some((_, pages)) = commits.last_key_value() {
            let pages = Pages::clone(pages);
            actor.rekey().unwrap();
            commits.insert(actor.commit().get(), pages);
        }
        let pages = database(2 + seed % 2, seed + 1);
        publish(&actor, &replacing(&pages)).unwrap();
        commits.insert(actor.commit().get(), pages.clone());
        if seed < 4 {
            let point = format!("before-{seed}");
            actor.restore_point(&point).unwrap();
            points.insert(point, pages);
        }
    }
    let floor = world.head().unwrap().floor.get();
    commits.retain(|commit, _| *commit >= floor);
    assert!(commits.len() > 5);
    (world, Past { commits, points })
}

impl Past {
    /// That the host with these keys alone can open everything.
    fn opens(&self, world: &World, keys: Arc<dyn KeyRing>, context: &str) {
        let store = seen_by(world, Some(keys));
        let seen = |point| contents(&store.snapshot_at(&id("a"), &point).unwrap());
        for (&commit, pages) in &self.commits {
            let point = Point::Commit(CommitNo::new(commit));
            assert_eq!(&seen(point), pages, "{context}: commit {commit}");
        }
        for (name, pages) in &self.points {
            assert_eq!(
                &seen(Point::RestorePoint(name.clone())),
                pages,
                "{context}: {name}"
            );
        }
    }
}

fn keys_of(store: &Store) -> BTreeSet<KeyId> {
    store.keys_of(&id("a")).unwrap()
}

fn key_records(world: &World) -> Vec<Vec<u8>> {
    let range = all_key_records();
    let entries = world.entries().into_iter().map(|(key, _)| key);
    entries
        .filter(|key| (&range.start..&range.end).contains(&key))
        .collect()
}

#[test]
fn after_a_rotation_the_new_key_alone_opens_all_restore_points_and_kept_commits() {
    for limits in [Limits::default(), narrow()] {
        let (world, past) = world_with_a_past(limits);
        let before = world.entries();
        let store = World::of(
            &world,
            StoreOptions {
                keys: Some(ring(8, &[7])),
                ..StoreOptions::default()
            },
        )
        .store;
        assert_eq!(keys_of(&store), [name(7)].into());
        let rewrapped = store.rewrap(&id("a")).unwrap();
        assert!(rewrapped.changed && rewrapped.locked.is_empty());
        assert_eq!(keys_of(&store), [name(8)].into());
        assert!(
            !store.rewrap(&id("a")).unwrap().changed,
            "nothing is left to do"
        );
        past.opens(&world, ring(8, &[]), "rotated");
        let after = world.entries();
        let changed = after.iter().zip(&before).filter(|(now, then)| now != then);
        let changed: Vec<_> = changed.map(|(now, _)| now.0.clone()).collect();
        assert_eq!(
            changed,
            key_records(&world),
            "the key records and nothing else"
        );
        assert_eq!((changed.len(), after.len()), (6, before.len()));
    }
}

#[test]
fn a_rotation_of_the_past_interrupted_anywhere_loses_none_of_it_and_can_be_taken_up_again() {
    for limits in [Limits::default(), narrow()] {
        let past = world_with_a_past(limits).1;
        let world = || {
            let keys = Some(ring(8, &[7]));
            let options = StoreOptions {
                keys,
                ..StoreOptions::default()
            };
            World::of(&world_with_a_past(limits).0, options)
        };
        let rewrap = |world: &World| world.store.rewrap(&id("a")).map(drop);
        cut_everywhere(world, rewrap, |world, done, context| {
            past.opens(world, ring(8, &[7]), context);
            assert!(
                !done || keys_of(&world.store) == [name(8)].into(),
                "{context}"
            );
            let last = seen_by(world, Some(ring(9, &[8, 7])));
            last.rewrap(&id("a")).unwrap();
            world.engine.deliver();
            assert_eq!(keys_of(&last), [name(9)].into(), "{context}");
            past.opens(world, ring(9, &[]), context);
        });
    }
}

#[test]
fn a_key_that_is_not_at_hand_is_named_with_what_stays_under_it_and_the_rest_is_rotated() {
    let (world, past) = world_with_a_past(Limits::default());
    let owner = seen_by(&world, Some(ring(8, &[7]))).open(&id("a")).unwrap();
    owner.rekey().unwrap();
    let store = seen_by(&world, Some(ring(9, &[8])));
    let rewrapped = store.rewrap(&id("a")).unwrap();
    assert!(rewrapped.changed);
    assert_eq!(rewrapped.locked, [name(7)].into());
    assert_eq!(keys_of(&store), [name(7), name(9)].into());
    assert_eq!(store.key_of(&id("a")).unwrap(), Some(name(9)));
    past.points.keys().for_each(|name| {
        let point = Point::RestorePoint(name.clone());
        assert_eq!(
            store.snapshot_at(&id("a"), &point).unwrap_err().code(),
            "S144"
        );
    });
    // If it is the key of the present one, that is an error.
    let stranger = seen_by(&world, Some(ring(6, &[7])));
    assert_eq!(stranger.rewrap(&id("a")).unwrap_err().code(), "S144");
    assert_eq!(keys_of(&store), [name(6), name(9)].into());
}

#[test]
fn a_damaged_key_record_of_the_past_is_an_error_and_no_hindrance_to_the_others() {
    let (world, _) = world_with_a_past(Limits::default());
    let head = key_record_key(world.head().unwrap().db);
    let kept = key_records(&world).into_iter().find(|key| *key != head);
    world.tamper(&kept.unwrap(), Some(Vec::new()));
    let store = seen_by(&world, Some(ring(8, &[7])));
    assert_eq!(store.rewrap(&id("a")).unwrap_err().code(), "S146");
    assert_eq!(store.keys_of(&id("a")).unwrap_err().code(), "S146");
    let new = seen_by(&world, Some(ring(8, &[])));
    assert_eq!(contents(&new.snapshot(&id("a")).unwrap()), database(3, 6));
}

/// Something that happens once, and between the calls of somebody else.
type Meanwhile = Mutex<Option<Box<dyn FnOnce() + Send>>>;

/// A ring that lets something happen as soon as it is asked.
struct Interrupted(Arc<dyn KeyRing>, Meanwhile);

impl std::fmt::Debug for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Interrupted")
    }
}

impl KeyRing for Interrupted {
    fn current(&self, actor: &ActorId) -> Result<KeyId, Box<dyn Error + Send + Sync>> {
        if let Some(act) = self.1.lock().unwrap().take() {
            act();
        }
        self.0.current(actor)
    }

    fn key(
        &self,
        actor: &ActorId,
        id: &KeyId,
    ) -> Result<Option<Key>, Box<dyn Error + Send + Sync>> {
        self.0.key(actor, id)
    }
}

/// The record of the image that was the present one stays, since a restore point keeps it, so
/// the batch lands, and the new image was never looked at.
#[test]
fn an_image_that_an_owner_writes_under_the_former_key_in_between_is_not_missed() {
    for pinned in [true, false] {
        let world = World::secret();
        let owner = world.actor_holding(&database(3, 1));
        if pinned {
            owner.restore_point("p").unwrap();
        }
        let meanwhile: Meanwhile = Mutex::new(Some(Box::new(move || owner.rekey().unwrap())));
        let keys = Interrupted(ring(8, &[7]), meanwhile);
        let store = seen_by(&world, Some(Arc::new(keys)));
        assert!(store.rewrap(&id("a")).unwrap().changed);
        assert_eq!(keys_of(&store), [name(8)].into());
        let keys = Some(ring(8, &[]));
        let options = StoreOptions {
            keys,
            ..StoreOptions::default()
        };
        World::of(&world, options).audit();
    }
}
