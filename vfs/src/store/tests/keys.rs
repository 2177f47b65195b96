//! Encrypted actors: what holds of others holds of them, and without the key nothing of them can be
//! read, nor put in the place of anything else.

use std::error::Error;
use std::sync::Arc;

use super::support::*;
use crate::keys::{DerivedKeys, Key, KeyId, KeyRing};
use crate::kv::{Engine, Limits};
use crate::layout::{Head, PageKey, Unswept, all_key_records, head_key, key_record_key};
use crate::page::PageSize;
use crate::store::{Damage, Plaintext, Store, StoreOptions};
use crate::testing::Fault;
use crate::{ActorId, Compression, StoreError};

/// The store of the world as another host sees it, who has other keys.
pub(super) fn seen_by(world: &World, keys: Option<Arc<dyn KeyRing>>) -> Store {
    let options = StoreOptions {
        keys,
        ..StoreOptions::default()
    };
    options.with_engine(world.engine.clone()).unwrap()
}

/// A ring that says of any key that it is this one.
#[derive(Debug)]
struct Always(Key);

impl KeyRing for Always {
    fn current(&self, _: &ActorId) -> Result<KeyId, Box<dyn Error + Send + Sync>> {
        Ok(self.0.id())
    }

    fn key(&self, _: &ActorId, _: &KeyId) -> Result<Option<Key>, Box<dyn Error + Send + Sync>> {
        Ok(Some(self.0.clone()))
    }
}

/// A key service that is down.
#[derive(Debug)]
struct Down;

impl KeyRing for Down {
    fn current(&self, _: &ActorId) -> Result<KeyId, Box<dyn Error + Send + Sync>> {
        Err("no answer".into())
    }

    fn key(&self, _: &ActorId, _: &KeyId) -> Result<Option<Key>, Box<dyn Error + Send + Sync>> {
        Err("no answer".into())
    }
}

/// That nobody can open, read, import over or fork the actor `a`, each with that code, and that
/// nothing changes.
fn refuses(world: &World, store: &Store, code: &str) {
    let before = world.entries();
    let refused = [
        store.open(&id("a")).map(drop),
        store.snapshot(&id("a")).map(drop),
        store.fork(&id("a")).map(drop),
        store.open_or_create(&id("a")).map(drop),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().code(), code);
    }
    assert_eq!(world.entries(), before);
}

#[test]
fn an_encrypted_actor_goes_through_all_that_others_do() {
    for world in [World::secret(), World::secret_and_tight()] {
        let owner = world.actor_holding(&database(30, 1));
        assert!(world.head().unwrap().encrypted);
        assert!(world.store.info(&id("a")).unwrap().encrypted);
        for after in [database(12, 2), database(40, 3), Vec::new(), database(9, 4)] {
            publish(&owner, &replacing(&after)).unwrap();
            assert_eq!((&owned(&owner).unwrap(), &world.seen()), (&after, &after));
            world.audit();
        }
        let small = PageSize::new(512).unwrap();
        let resized: Pages = (0..72).map(|seed| content(seed, small)).collect();
        let former = world.head().unwrap().db;
        publish(&owner, &replacing(&resized)).unwrap();
        assert_eq!(owned(&owner).unwrap(), resized);
        assert_ne!(world.head().unwrap().db, former);
        let next = world.store.open(&id("a")).unwrap();
        assert_eq!(owned(&next).unwrap(), resized);
        world.audit();
        assert!(world.store.scrub().unwrap().is_clean());
        world.store.delete(&id("a")).unwrap();
        assert_eq!(world.entries().len(), 1, "the store record alone");
    }
}

#[test]
fn nothing_of_the_content_is_in_the_bytes_of_the_engine() {
    for compression in [Compression::Lz4, Compression::Off] {
        let options = StoreOptions {
            compression,
            ..secret_options()
        };
        let world = World::with(Limits::default(), options);
        let marker = b"a marker that stands in every page";
        let mut pages = database(5, 1);
        pages
            .iter_mut()
            .for_each(|page| page[100..][..marker.len()].copy_from_slice(marker));
        world.actor_holding(&pages);
        let holds = |part: &[u8]| {
            let entries = world.entries().into_iter();
            entries
                .filter(|(_, value)| value.windows(part.len()).any(|it| it == part))
                .count()
        };
        assert_eq!(holds(marker), 0);
        // Nor what random content would show of itself: equal bytes of any page.
        assert!(pages.iter().all(|page| holds(&page[200..216]) == 0));
    }
}

#[test]
fn a_page_written_twice_is_not_the_same_bytes_and_a_head_does_not_tell_that_it_is_the_same_content()
{
    let world = World::secret();
    let owner = world.actor_holding(&database(2, 1));
    let record = |world: &World| {
        let key = world.page_keys()[0];
        let found = world
            .entries()
            .into_iter()
            .find(|(it, _)| it == key.as_bytes());
        found.unwrap().1
    };
    let (first, stated) = (record(&world), world.head().unwrap().checksum);
    publish(&owner, &replacing(&database(2, 2))).unwrap();
    publish(&owner, &replacing(&database(2, 1))).unwrap();
    assert_ne!(record(&world)[2..], first[2..]);
    assert_ne!(world.head().unwrap().checksum, stated);
}

#[test]
fn without_the_key_an_actor_cannot_be_opened_and_the_error_names_the_key_it_takes() {
    let world = World::secret();
    world.actor_holding(&database(3, 1));
    let name = Key::new([7; 32]).id();
    let stranger = Key::new([8; 32]);
    refuses(&world, &seen_by(&world, None), "S143");
    let other: Arc<dyn KeyRing> = Arc::new(DerivedKeys::new(stranger.clone()));
    refuses(&world, &seen_by(&world, Some(Arc::clone(&other))), "S144");
    let error = seen_by(&world, Some(other)).open(&id("a")).unwrap_err();
    assert!(error.to_string().contains(name.as_str()), "{error}");
    refuses(
        &world,
        &seen_by(&world, Some(Arc::new(Always(stranger)))),
        "S145",
    );
    refuses(&world, &seen_by(&world, Some(Arc::new(Down))), "S147");
    // It can be deleted by whoever has lost its key.
    seen_by(&world, None).delete(&id("a")).unwrap();
    assert_eq!(world.entries().len(), 1);
}

#[test]
fn a_store_whose_keys_are_out_of_reach_creates_no_actor() {
    let world = World::new();
    let store = seen_by(&world, Some(Arc::new(Down)));
    assert_eq!(store.create(&id("a")).unwrap_err().code(), "S147");
    assert_eq!(world.entries().len(), 1);
}

#[test]
fn an_actor_whose_key_record_is_gone_damaged_or_of_another_is_refused() {
    let world = World::secret();
    world.actor_holding(&database(3, 1));
    let other = world.store.create(&id("b")).unwrap();
    publish(&other, &replacing(&database(3, 2))).unwrap();
    let keys = all_key_records();
    let snapshot = world.memory.snapshot().unwrap();
    let records = snapshot.scan(&keys.start..&keys.end, 9).unwrap();
    let key_of = |actor: &str| {
        let key = head_key(&id(actor));
        let record = snapshot.get(&key).unwrap().unwrap();
        key_record_key(Head::decode(&key, &record).unwrap().db)
    };
    let (mine, theirs) = (key_of("a"), key_of("b"));
    let record = |key: &[u8]| records.iter().find(|(it, _)| it == key).unwrap().1.clone();
    let mut flipped = record(&mine);
    flipped[40] ^= 1;
    for altered in [None, Some(flipped), Some(record(&theirs)), Some(Vec::new())] {
        world.tamper(&mine, altered);
        refuses(&world, &world.store, "S146");
        let scrub = world.store.scrub().unwrap();
        assert!(matches!(&scrub.damage[..], [Damage::Key { actor, .. }] if *actor == id("a")));
    }
    world.tamper(&mine, Some(record(&mine)));
    world.audit();
}

#[test]
fn an_actor_that_is_not_encrypted_is_refused_where_all_must_be() {
    let world = World::new();
    world.actor_holding(&database(3, 1));
    let store = secret_options().with_engine(world.engine.clone()).unwrap();
    refuses(&world, &store, "S148");
    let options = StoreOptions {
        plaintext: Plaintext::Allow,
        ..secret_options()
    };
    let both = options.with_engine(world.engine.clone()).unwrap();
    assert_eq!(
        owned(&both.open(&id("a")).unwrap()).unwrap(),
        database(3, 1)
    );
    assert!(store.scrub().unwrap().is_clean());
}

#[test]
fn a_scrub_without_the_key_looks_at_seals_and_says_how_many_actors_are_locked() {
    let world = World::secret();
    world.actor_holding(&database(3, 1));
    let blind = seen_by(&world, None);
    let scrub = blind.scrub().unwrap();
    assert_eq!((scrub.locked, scrub.pages, scrub.is_clean()), (1, 3, true));
    assert_eq!(world.store.scrub().unwrap().locked, 0);
    let key = world.page_keys()[1];
    world.tamper(key.as_bytes(), Some(vec![1, 3, 9]));
    assert_eq!(blind.scrub().unwrap().damage.len(), 1);
    assert_eq!(world.store.scrub().unwrap().damage.len(), 1);
}

pub(super) fn ring(current: u8, former: &[u8]) -> Arc<dyn KeyRing> {
    let ring = DerivedKeys::new(Key::new([current; 32]));
    let key = |it: &u8| Key::new([*it; 32]);
    Arc::new(former.iter().map(key).fold(ring, DerivedKeys::and_former))
}

#[test]
fn an_actor_is_encrypted_and_given_a_fresh_key_while_its_owner_goes_on() {
    for tight in [World::new(), World::tight()] {
        let pages = database(30, 1);
        tight.actor_holding(&pages);
        let plain = tight.head().unwrap();
        let store = seen_by(&tight, Some(ring(7, &[])));
        assert_eq!(store.key_of(&id("a")).unwrap(), None);
        let owner = store.open(&id("a")).unwrap();
        owner.rekey().unwrap();
        assert_eq!(
            store.key_of(&id("a")).unwrap(),
            Some(Key::new([7; 32]).id())
        );
        let world = World::of(&tight, secret_options());
        let once = world.head().unwrap();
        world.audit();
        assert!(once.encrypted && once.db != plain.db && once.commit == plain.commit.next());
        assert_eq!((&world.seen(), &owned(&owner).unwrap()), (&pages, &pages));
        owner.rekey().unwrap();
        assert_ne!(world.head().unwrap().db, once.db);
        let mut changed = pages.clone();
        changed[3] = content(77, SIZE);
        publish(&owner, &between(&pages, &changed)).unwrap();
        world.audit();
        // From without it fences, as every claim does.
        let next = world.store.rekey(&id("a")).unwrap();
        assert_eq!(owned(&next).unwrap(), changed);
        assert_eq!(
            publish(&owner, &replacing(&pages)).unwrap_err().code(),
            "S104"
        );
        world.audit();
    }
}

#[test]
fn a_wrapping_key_is_rotated_without_touching_the_actor_or_its_owner() {
    let world = World::secret();
    let pages = database(3, 1);
    let owner = world.actor_holding(&pages);
    let rotated = seen_by(&world, Some(ring(8, &[7])));
    let (head, before) = (world.head(), world.entries());
    assert!(rotated.rewrap(&id("a")).unwrap().changed);
    assert!(
        !rotated.rewrap(&id("a")).unwrap().changed,
        "it has the current key already"
    );
    let changed = world
        .entries()
        .iter()
        .zip(&before)
        .filter(|(now, then)| now != then)
        .count();
    assert_eq!((world.head(), changed), (head, 1));
    assert_eq!(
        rotated.key_of(&id("a")).unwrap(),
        Some(Key::new([8; 32]).id())
    );
    publish(&owner, &replacing(&database(4, 2))).unwrap();
    let new = seen_by(&world, Some(ring(8, &[])));
    assert_eq!(owned(&new.open(&id("a")).unwrap()).unwrap(), database(4, 2));
    refuses(&world, &world.store, "S144");
    let plain = World::new();
    plain.actor_holding(&pages);
    let store = seen_by(&plain, Some(ring(8, &[])));
    assert!(
        !store.rewrap(&id("a")).unwrap().changed,
        "an actor that is not encrypted stays so"
    );
    for refused in [
        plain.store.rewrap(&id("a")).map(drop),
        plain.store.rekey(&id("a")).map(drop),
    ] {
        assert_eq!(refused.unwrap_err().code(), "S149");
    }
}

const FAULTS: [Fault; 7] = [
    Fault::Fail,
    Fault::Full,
    Fault::LoseAnswer,
    Fault::LoseRequest,
    Fault::Delay,
    Fault::CrashBefore,
    Fault::CrashAfter,
];

/// Does `act` with each fault at each of its calls, until one is not met any more.
pub(super) fn cut_everywhere(
    world: impl Fn() -> World,
    act: impl Fn(&World) -> Result<(), StoreError>,
    judge: impl Fn(&World, bool, &str),
) {
    let before = world();
    for fault in FAULTS {
        let struck = |call: &u64| {
            let world = before.copy();
            world.engine.fail_at(*call, fault);
            let done = act(&world).is_ok();
            let struck = world.engine.has_struck();
            world.engine.heal();
            judge(&world, done, &format!("{fault:?} at {call}"));
            struck
        };
        assert!((0..).take_while(struck).count() > 1);
    }
}

#[test]
fn encrypting_and_rekeying_interrupted_anywhere_leave_the_actor_as_it_was_or_under_its_new_key() {
    let pages = || database(9, 1);
    let plain = StoreOptions {
        keys: secret_options().keys,
        ..StoreOptions::default()
    };
    for limits in [Limits::default(), World::tight().engine.limits()] {
        for encrypted in [false, true] {
            let world = || {
                let keys = encrypted.then_some(plain.keys.clone()).flatten();
                let founded = World::with(
                    limits,
                    StoreOptions {
                        keys,
                        ..plain.clone()
                    },
                );
                founded.actor_holding(&pages());
                World::of(&founded, plain.clone())
            };
            let rekey = |world: &World| world.store.rekey(&id("a")).map(drop);
            cut_everywhere(world, rekey, |world, done, context| {
                assert_eq!(world.seen(), pages(), "{context}");
                let is = world.head().unwrap().encrypted;
                assert!(is || !(encrypted || done), "{context}");
                world.audit();
                let owner = world.store.open(&id("a")).unwrap();
                world.engine.deliver();
                owner.rekey().unwrap();
                publish(&owner, &replacing(&database(7, 8))).unwrap();
                assert_eq!(world.seen(), database(7, 8), "{context}");
                world.audit();
            });
        }
    }
}

#[test]
fn a_rotation_interrupted_anywhere_leaves_the_actor_under_the_one_key_or_the_other() {
    let world = || {
        let world = World::secret();
        world.actor_holding(&database(3, 1));
        let keys = Some(ring(8, &[7]));
        World::of(
            &world,
            StoreOptions {
                keys,
                ..StoreOptions::default()
            },
        )
    };
    let rewrap = |world: &World| world.store.rewrap(&id("a")).map(drop);
    cut_everywhere(world, rewrap, |world, done, context| {
        let found = world.store.key_of(&id("a")).unwrap().unwrap();
        let keys = [Key::new([7; 32]).id(), Key::new([8; 32]).id()];
        assert!(keys.contains(&found), "{context}");
        assert!(!done || found == keys[1], "{context}");
        // The next rotation holds, whatever of this one is still under way.
        let last = seen_by(world, Some(ring(9, &[8, 7])));
        last.rewrap(&id("a")).unwrap();
        world.engine.deliver();
        let only = seen_by(world, Some(ring(9, &[])));
        assert_eq!(
            owned(&only.open(&id("a")).unwrap()).unwrap(),
            database(3, 1),
            "{context}"
        );
    });
}

/// Whoever may write to the engine, has seen all that was ever in it, and has no key.
#[test]
fn a_page_put_back_to_an_earlier_commit_is_noticed_by_a_scrub_whatever_the_head_is_made_to_say() {
    let world = World::secret();
    let owner = world.actor_holding(&database(3, 1));
    let all = |world: &World| world.entries();
    let earlier = all(&world);
    let one = PageKey::new(world.head().unwrap().db, page(2), owner.commit());
    let was = world.head().unwrap();
    let mut changed = database(3, 1);
    changed[1] = content(50, SIZE);
    publish(&owner, &between(&database(3, 1), &changed)).unwrap();
    let now = world.head().unwrap();
    // The former version of one page, under its own key, in the place of the newer one.
    let newer = PageKey::new(now.db, page(2), now.commit);
    world.tamper(newer.as_bytes(), None);
    let record = earlier
        .iter()
        .find(|(key, _)| key == one.as_bytes())
        .unwrap();
    world.tamper(&record.0, Some(record.1.clone()));
    let key = head_key(&id("a"));
    for checksum in [now.checksum, was.checksum, now.checksum ^ was.checksum] {
        let forged = Head {
            checksum,
            ..now.clone()
        };
        world.tamper(&key, Some(forged.encode(&key)));
        assert!(!world.store.scrub().unwrap().is_clean());
    }
    let shorter = Head {
        pages: crate::PageCount::new(2),
        unswept: Unswept::Garbage,
        ..now
    };
    world.tamper(&key, Some(shorter.encode(&key)));
    assert!(!world.store.scrub().unwrap().is_clean());
}

#[test]
fn compression_may_change_at_any_time() {
    for keys in [None, secret_options().keys] {
        let options = |compression| StoreOptions {
            compression,
            keys: keys.clone(),
            ..StoreOptions::default()
        };
        let world = World::with(Limits::default(), options(Compression::Lz4));
        let zeros: Pages = vec![vec![0; SIZE.bytes()]; 4];
        world.actor_holding(&zeros);
        let bytes = |world: &World| world.entries().iter().map(|it| it.1.len()).sum::<usize>();
        assert!(bytes(&world) < 1500, "{}", bytes(&world));
        let off = options(Compression::Off)
            .with_engine(world.engine.clone())
            .unwrap();
        let owner = off.open(&id("a")).unwrap();
        assert_eq!(owned(&owner).unwrap(), zeros);
        let ones: Pages = vec![vec![1; SIZE.bytes()]; 4];
        publish(&owner, &replacing(&ones)).unwrap();
        assert!(bytes(&world) > 4 * SIZE.bytes());
        assert_eq!(world.seen(), ones);
        world.audit();
    }
}
