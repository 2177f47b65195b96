//! A repair writes what was there before the damage, or nothing.

use std::collections::BTreeMap;

use super::support::*;
use crate::kv::{Engine, Limits};
use crate::layout::{PageKey, Retention};
use crate::store::{Found, Point, Repair, StoreOptions};

/// A world whose actor `a` went through a few commits, some of which are kept.
fn world(secret: bool, past: bool) -> World {
    let world = if secret {
        World::secret()
    } else {
        World::new()
    };
    if past {
        world.store.set_retention(Retention::Commits(3)).unwrap();
    }
    let mut now = database(5, 1);
    drop(world.actor_holding(&now));
    let actor = world.store.open(&id("a")).unwrap();
    for (seed, at) in (2..6).zip([2, 3, 4, 0]) {
        let mut next = now.clone();
        next[at] = content(seed * 77, SIZE);
        publish(&actor, &between(&now, &next)).unwrap();
        now = next;
        if seed == 3 && past {
            actor.restore_point("three").unwrap();
        }
    }
    world
}

fn flip(world: &World, key: &PageKey, record: &[u8], bit: usize) {
    let mut record = record.to_vec();
    let at = bit % (record.len() * 8);
    record[at / 8] ^= 1 << (at % 8);
    world.tamper(key.as_bytes(), Some(record));
}

fn repair(world: &World) -> Repair {
    world.store.repair(&id("a")).unwrap()
}

#[test]
fn a_flipped_bit_is_mended_wherever_it_is() {
    for (secret, past) in [(false, false), (true, true)] {
        let sound = world(secret, past);
        let before = sound.seen();
        for (at, bit) in [(0, 8), (1, 30), (2, 400), (3, 33_011), (4, 2 << 14)] {
            let world = sound.copy();
            let (key, record) = world.records()[at].clone();
            flip(&world, &key, &record, bit);
            let repair = repair(&world);
            assert!(repair.after.is_clean(), "{secret} {at}: {repair:?}");
            assert_eq!(
                (repair.before.damage.is_empty(), repair.mended.len()),
                (false, 1)
            );
            assert_eq!(world.seen(), before);
            assert!(world.store.scrub().unwrap().is_clean());
            world.audit();
        }
    }
}

#[test]
fn a_record_whose_seal_is_lost_is_mended_by_what_it_holds() {
    for secret in [false, true] {
        let world = world(secret, false);
        let before = world.seen();
        let (key, mut record) = world.records()[2].clone();
        let end = record.len();
        record[end - 8..].fill(7);
        world.tamper(key.as_bytes(), Some(record));
        let repair = repair(&world);
        assert_eq!(repair.mended[0].found, Found::Inside);
        assert_eq!(world.seen(), before);
        world.audit();
    }
}

#[test]
fn swapped_pages_are_put_back() {
    for secret in [false, true] {
        let world = world(secret, false);
        let before = world.seen();
        let found = world.records();
        world.tamper(found[1].0.as_bytes(), Some(found[2].1.clone()));
        world.tamper(found[2].0.as_bytes(), Some(found[1].1.clone()));
        let repair = repair(&world);
        assert_eq!(repair.mended.len(), 2);
        assert_eq!(repair.mended[0].found, Found::Misplaced);
        assert_eq!(world.seen(), before);
        world.audit();
    }
}

/// The content came back: what a restore point keeps is what the head shows under a later commit.
#[test]
fn a_lost_page_comes_back_from_a_version_that_was_the_same() {
    for secret in [false, true] {
        let world = if secret {
            World::secret()
        } else {
            World::new()
        };
        let first = database(3, 1);
        let actor = world.actor_holding(&first);
        actor.restore_point("first").unwrap();
        publish(&actor, &replacing(&database(3, 2))).unwrap();
        publish(&actor, &replacing(&first)).unwrap();
        let (key, mut record) = world.records()[0].clone();
        record.truncate(20);
        world.tamper(key.as_bytes(), Some(record));
        let repair = repair(&world);
        assert_eq!(
            repair.mended[0].found,
            Found::Version(crate::CommitNo::new(1))
        );
        assert!(repair.mended[0].replaces);
        assert_eq!(world.seen(), first);
        world.audit();
    }
}

/// The sum of the last state proves what its page was. That belongs under commit 3, whose record is
/// gone, and not in the place of what commit 2 had written.
#[test]
fn what_a_lost_version_held_is_not_written_in_the_place_of_an_older_one() {
    let world = World::new();
    let first = database(3, 1);
    let actor = world.actor_holding(&first);
    actor.restore_point("first").unwrap();
    publish(&actor, &replacing(&database(3, 2))).unwrap();
    actor.restore_point("second").unwrap();
    publish(&actor, &replacing(&first)).unwrap();
    let [newest, older] = [0, 1].map(|at| world.records()[at].clone());
    assert_eq!([&newest, &older].map(|it| it.0.commit().get()), [3, 2]);
    world.tamper(newest.0.as_bytes(), None);
    world.tamper(older.0.as_bytes(), Some(older.1[..20].to_vec()));
    let damaged = world.entries();
    let repair = repair(&world);
    assert_eq!((repair.mended, world.entries()), (vec![], damaged));
    assert_eq!(repair.whole, Some(Point::RestorePoint("first".into())));
}

#[test]
fn a_flipped_bit_is_mended_beside_what_cannot_be() {
    let world = world(false, true);
    let before = world.records();
    let older = before.iter().position(|(key, _)| key.commit().get() == 4);
    let lost = before.iter().find(|(key, _)| key.commit().get() == 5);
    let (key, record) = &before[older.unwrap()];
    flip(&world, key, record, 900);
    let (lost, record) = lost.unwrap();
    world.tamper(lost.as_bytes(), Some(record[..20].to_vec()));
    let repair = repair(&world);
    assert_eq!(
        (repair.mended.len(), repair.mended[0].found),
        (1, Found::FlippedBit)
    );
    assert!(!repair.after.is_clean());
    let now = world.records();
    assert_eq!(now[older.unwrap()], before[older.unwrap()]);
}

#[test]
fn what_is_not_proved_is_not_written_and_the_newest_whole_state_is_named() {
    let world = world(false, true);
    let lost = world
        .records()
        .into_iter()
        .find(|(key, _)| key.commit().get() == 5);
    let (key, mut record) = lost.unwrap();
    record.truncate(20);
    world.tamper(key.as_bytes(), Some(record));
    let damaged = world.entries();
    let repair = repair(&world);
    assert_eq!((repair.mended.len(), &repair.before), (0, &repair.after));
    let whole = repair.whole.unwrap();
    assert_eq!(whole, Point::Commit(crate::CommitNo::new(4)));
    assert_eq!(world.entries(), damaged);
    let was = contents(&world.store.snapshot_at(&id("a"), &whole).unwrap());
    let (from, to) = (id("a"), id("again"));
    world.store.fork_to(&from, Some(&whole), &to).unwrap();
    assert_eq!(contents(&world.store.snapshot(&to).unwrap()), was);
}

#[test]
fn a_proposal_writes_nothing_and_a_second_repair_neither() {
    let world = world(false, true);
    let (key, record) = world.records()[0].clone();
    flip(&world, &key, &record, 900);
    let damaged = world.entries();
    let proposed = world.store.propose_repair(&id("a")).unwrap();
    assert_eq!(world.entries(), damaged);
    assert_eq!(repair(&world), proposed);
    let mended = world.entries();
    assert_eq!(repair(&world).mended, []);
    assert_eq!(world.entries(), mended);
}

#[test]
fn an_owner_that_has_the_actor_open_is_fenced_by_a_repair() {
    let world = World::new();
    let actor = world.actor_holding(&database(3, 1));
    let (key, record) = world.records()[1].clone();
    flip(&world, &key, &record, 900);
    assert_eq!(repair(&world).mended.len(), 1);
    let error = publish(&actor, &replacing(&database(3, 2))).unwrap_err();
    assert_eq!(error.code(), "S104");
}

#[test]
fn a_repair_interrupted_anywhere_leaves_the_damage_or_the_mended_actor() {
    let sound = world(true, true);
    let before = sound.seen();
    let (key, record) = sound.records()[0].clone();
    flip(&sound, &key, &record, 900);
    let damaged = sound.entries();
    for fault in super::faults::FAULTS {
        for call in 0.. {
            let world = sound.copy();
            world.engine.fail_at(call, fault);
            let result = world.store.repair(&id("a"));
            let struck = world.engine.has_struck();
            world.engine.heal();
            let context = format!("{fault:?} at call {call}: {result:?}");
            let untouched = world.entries() == damaged;
            let clean = world.store.scrub().unwrap().is_clean();
            assert!(untouched != clean, "{context}");
            assert!(clean || result.is_err(), "{context}");
            // What is late lands on the head that it was made for, or never.
            world.engine.deliver();
            if !world.store.scrub().unwrap().is_clean() {
                repair(&world);
            }
            world.engine.deliver();
            assert_eq!(world.seen(), before, "{context}");
            world.audit();
            if !struck {
                break;
            }
        }
    }
}

#[test]
fn a_repair_is_refused_when_another_owner_comes_in_between() {
    let world = world(false, false);
    let (key, record) = world.records()[1].clone();
    flip(&world, &key, &record, 900);
    let trial = crate::store::scrub::Trial::of(&world.store.shared, &id("a")).unwrap();
    drop(world.store.open(&id("a")).unwrap());
    let claimed = world.entries();
    let slot = crate::store::slot::Slot::new(&world.store.shared, &id("a"));
    let error = trial.1.unwrap().write(&slot).unwrap_err();
    assert_eq!(error.code(), "S104");
    assert_eq!(world.entries(), claimed);
}

#[test]
fn an_engine_that_takes_no_such_batch_refuses_the_repair_and_nothing_changes() {
    let limits = Limits {
        batch_ops_max: 2,
        ..Limits::default()
    };
    let whole = world(false, false);
    let (key, record) = whole.records()[1].clone();
    flip(&whole, &key, &record, 900);
    let engine = crate::testing::FaultEngine::with_limits(whole.memory.clone(), limits);
    let store = crate::Store::with_engine(std::sync::Arc::new(engine)).unwrap();
    let damaged = whole.entries();
    let error = store.repair(&id("a")).unwrap_err();
    assert!(
        matches!(error, crate::StoreError::TooLarge { .. }),
        "{error}"
    );
    let proposed = store.propose_repair(&id("a")).unwrap();
    assert_eq!((proposed.mended, proposed.before.damage.len()), (vec![], 1));
    assert_eq!(whole.entries(), damaged);
}

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// Every state of `a` that can be asked for, with what it holds.
fn states(world: &World) -> Vec<(Option<Point>, Pages)> {
    let store = &world.store;
    let mut all = vec![(None, world.seen())];
    let points = store.restore_points(&id("a")).unwrap().into_iter();
    let points = points.map(|point| Point::RestorePoint(point.name));
    let commits = store.history(&id("a")).unwrap().into_iter();
    let commits = commits.map(|info| Point::Commit(info.commit));
    for point in points.chain(commits) {
        let seen = contents(&store.snapshot_at(&id("a"), &point).unwrap());
        all.push((Some(point), seen));
    }
    all
}

/// The checksum of the content of each record of a page that is whole.
fn sums(world: &World) -> BTreeMap<PageKey, u64> {
    let snapshot = world.memory.snapshot().unwrap();
    let shared = &world.store.shared;
    let codec = shared
        .codec(&*snapshot, &id("a"), &world.head().unwrap())
        .unwrap();
    let mut out = vec![0; SIZE.bytes()];
    let records = world.records().into_iter();
    let mut whole = |(key, record): (PageKey, Vec<u8>)| {
        Some((key, codec.decode(&key, &record, &mut out).ok()?.get()))
    };
    records.filter_map(&mut whole).collect()
}

fn random_history(dice: &mut Dice) -> World {
    let options = match dice.roll(2) {
        0 => StoreOptions::default(),
        _ => secret_options(),
    };
    let compression = [crate::Compression::Lz4, crate::Compression::Off][dice.roll(2)];
    let world = World::with(
        Limits::default(),
        StoreOptions {
            compression,
            ..options
        },
    );
    if dice.roll(3) > 0 {
        world
            .store
            .set_retention(Retention::Commits(1 + dice.roll(4) as u64))
            .unwrap();
    }
    drop(world.store.create(&id("a")).unwrap());
    let actor = world.store.open(&id("a")).unwrap();
    let mut now = Pages::new();
    for commit in 0..1 + dice.roll(8) {
        let mut next = now.clone();
        next.resize(2 + dice.roll(5), vec![0; SIZE.bytes()]);
        for page in &mut next {
            // Few contents, so that some come back; and some that compress.
            match dice.roll(4) {
                0 => *page = content(dice.roll(4) as u64, SIZE),
                1 => page.fill(u8::try_from(dice.roll(3)).unwrap()),
                _ => {}
            }
        }
        publish(&actor, &between(&now, &next)).unwrap();
        now = next;
        if dice.roll(4) == 0 {
            actor.restore_point(&format!("point {commit}")).unwrap();
        }
    }
    world
}

/// Does to one record what can happen to it.
fn damage(world: &World, dice: &mut Dice) {
    let all = world.records();
    if all.is_empty() {
        return;
    }
    let (key, record) = all[dice.roll(all.len())].clone();
    let mut damaged = record.clone();
    if record.is_empty() {
        return;
    }
    let value = match dice.roll(6) {
        0 => return flip(world, &key, &record, dice.roll(record.len() * 8)),
        1 => {
            let at = dice.roll(record.len());
            damaged[at] ^= u8::try_from(1 + dice.roll(255)).unwrap();
            Some(damaged)
        }
        2 => {
            damaged.truncate(dice.roll(record.len()));
            Some(damaged)
        }
        3 => None,
        4 => {
            let other = all[dice.roll(all.len())].clone();
            world.tamper(other.0.as_bytes(), Some(record));
            Some(other.1)
        }
        _ => Some(all[dice.roll(all.len())].1.clone()),
    };
    world.tamper(key.as_bytes(), value);
}

#[test]
fn whatever_is_damaged_a_repair_brings_back_what_was_there_or_writes_nothing() {
    let (mut mended, mut stays) = (0, 0);
    let seeds = std::env::var("ACTOR_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok());
    for seed in 0..seeds.unwrap_or(300) {
        let mut dice = Dice(seed * 7_919 + 1);
        let world = random_history(&mut dice);
        let before = states(&world);
        let sound = sums(&world);
        for _ in 0..1 + dice.roll(3) {
            damage(&world, &mut dice);
        }
        let damaged = world.entries();
        let repair = repair(&world);
        let context = format!("seed {seed}: {repair:?}");
        assert_eq!(
            world.store.scrub_actor(&id("a")).unwrap(),
            repair.after,
            "{context}"
        );
        if repair.mended.is_empty() {
            stays += usize::from(!repair.before.is_clean());
            assert_eq!(world.entries(), damaged, "{context}");
        }
        mended += repair.mended.len();
        // Each record that was mended holds what it held before.
        let now = sums(&world);
        for mended in &repair.mended {
            let key = PageKey::new(world.head().unwrap().db, mended.page, mended.commit);
            if let Some(sound) = sound.get(&key) {
                assert_eq!(now.get(&key), Some(sound), "{context}");
            }
        }
        if repair.after.is_clean() {
            assert_eq!(states(&world), before, "{context}");
            world.audit();
        }
    }
    println!("{mended} pages mended, {stays} actors left as they were");
    assert!(mended > 50 && stays > 20, "{mended} mended, {stays} left");
}
