//! Damage is an error that says where, never zeros and never another page's content.

use super::support::*;
use crate::StoreError;
use crate::layout::{
    CommitNo, Compression, Head, PageCodec, PageKey, STORE_KEY, Unswept, aside_key, head_key,
};
use crate::store::{ListOptions, Store, random};

/// What a reader and an owner say about page 2 of the actor `a`.
fn errors(world: &World) -> [StoreError; 2] {
    let mut out = vec![0; SIZE.bytes()];
    let snapshot = world.store.snapshot(&id("a")).unwrap();
    let reader = snapshot.read(page(2), &mut out).unwrap_err();
    let owner = owned(&world.store.open(&id("a")).unwrap()).unwrap_err();
    [reader, owner]
}

fn assert_damage(world: &World, code: &str) {
    for error in errors(world) {
        assert_eq!(error.code(), code, "{error}");
        let says_where = error.to_string().starts_with("page 2 of `a` is ");
        assert!(says_where, "{error}");
    }
}

#[test]
fn every_flipped_byte_of_a_page_is_an_error_with_its_place() {
    let world = World::new();
    world.actor_holding(&database(3, 1));
    let (key, record) = world.records()[1].clone();
    for at in (1..record.len()).step_by(97).chain([record.len() - 1]) {
        let mut flipped = record.clone();
        flipped[at] ^= 0x10;
        world.tamper(key.as_bytes(), Some(flipped));
        assert_damage(&world, "S107");
    }
    world.tamper(key.as_bytes(), Some(Vec::new()));
    assert_damage(&world, "S107");
}

#[test]
fn a_missing_page_is_an_error_with_its_place() {
    let world = World::new();
    world.actor_holding(&database(3, 1));
    world.tamper(world.records()[1].0.as_bytes(), None);
    assert_damage(&world, "S106");
}

#[test]
fn a_page_in_the_place_of_another_is_an_error() {
    let world = World::new();
    let other = world.store.create(&id("b")).unwrap();
    publish(&other, &replacing(&database(3, 1))).unwrap();
    let foreign: Vec<_> = world
        .entries()
        .into_iter()
        .filter(|(key, _)| key[0] == b'P')
        .collect();
    world.actor_holding(&database(3, 1));
    let (key, _) = world.records()[1];
    world.tamper(key.as_bytes(), Some(world.records()[0].1.clone()));
    assert_damage(&world, "S107");
    world.tamper(key.as_bytes(), Some(foreign[1].1.clone()));
    assert_damage(&world, "S107");
}

#[test]
fn a_stale_version_under_the_key_of_a_later_one_is_an_error() {
    let world = World::new();
    let actor = world.actor_holding(&database(3, 1));
    let stale = world.records()[1].1.clone();
    publish(&actor, &replacing(&database(3, 2))).unwrap();
    world.tamper(world.records()[1].0.as_bytes(), Some(stale));
    assert_damage(&world, "S107");
}

#[test]
fn an_owner_notices_a_page_that_is_whole_and_in_its_place_and_not_what_it_committed() {
    let world = World::new();
    let owner = world.actor_holding(&database(3, 1));
    let key = world.records()[1].0;
    let forged = content(77, SIZE);
    let codec = PageCodec::plain(Compression::Lz4);
    let checksum = codec.checksum(key.page(), &forged);
    let record = codec
        .encode(&key, &forged, checksum, random::nonce)
        .unwrap();
    world.tamper(key.as_bytes(), Some(record));
    assert_eq!(owned(&owner).unwrap_err().code(), "S107");
}

#[test]
fn an_owner_never_takes_a_version_that_was_not_published() {
    let world = World::new();
    let pages = database(3, 1);
    world.actor_holding(&pages);
    let (key, record) = world.records()[1].clone();
    let later = PageKey::new(world.head().unwrap().db, key.page(), CommitNo::new(2));
    world.tamper(later.as_bytes(), Some(record));
    assert_eq!(world.seen(), pages);
    assert_eq!(owned(&world.store.open(&id("a")).unwrap()).unwrap(), pages);
}

#[test]
fn damage_met_while_committing_refuses_the_commit_and_changes_nothing() {
    let world = World::new();
    world.actor_holding(&database(3, 1));
    world.tamper(world.records()[1].0.as_bytes(), None);
    let actor = world.store.open(&id("a")).unwrap();
    let before = world.entries();
    let error = publish(&actor, &replacing(&database(3, 2))).unwrap_err();
    assert_eq!(error.code(), "S106");
    assert_eq!(world.entries(), before);
}

#[test]
fn a_damaged_head_is_an_error_everywhere_and_the_other_actors_stay_usable() {
    let world = World::new();
    world.actor_holding(&database(3, 1));
    world.store.create(&id("b")).unwrap();
    let key = head_key(&id("a"));
    let record = world
        .entries()
        .into_iter()
        .find(|(found, _)| *found == key)
        .unwrap()
        .1;
    let mut flipped = record.clone();
    flipped[20] ^= 1;
    world.tamper(&key, Some(flipped));
    let list = world.store.list(&ListOptions::default()).unwrap_err();
    let open = world.store.open(&id("a")).unwrap_err();
    for error in [list, open, world.store.snapshot(&id("a")).unwrap_err()] {
        assert_eq!(error.code(), "S108", "{error}");
        assert!(error.to_string().contains("`a`"), "{error}");
    }
    assert_eq!(
        world.store.ids(&ListOptions::default()).unwrap(),
        [id("a"), id("b")]
    );
    world.store.open(&id("b")).unwrap();
}

#[test]
fn an_owner_whose_head_is_damaged_stops() {
    let world = World::new();
    let actor = world.actor_holding(&database(3, 1));
    world.tamper(&head_key(&id("a")), Some(b"\x01nonsense".to_vec()));
    let error = publish(&actor, &replacing(&database(3, 2))).unwrap_err();
    assert_eq!(error.code(), "S108");
    assert_eq!(owned(&actor).unwrap_err().code(), "S108");
}

#[test]
fn what_a_later_version_wrote_is_left_alone() {
    let world = World::new();
    world.actor_holding(&database(3, 1));
    let page_key = world.records()[1].0;
    for key in [page_key.as_bytes().to_vec(), head_key(&id("a"))] {
        world.tamper(&key, Some(b"\x02something new".to_vec()));
        let snapshot = world.store.snapshot(&id("a"));
        let mut out = vec![0; SIZE.bytes()];
        let error = snapshot
            .and_then(|snapshot| snapshot.read(page(2), &mut out))
            .unwrap_err();
        assert_eq!(error.code(), "S109");
        assert!(error.hint().contains("newest version"), "{}", error.hint());
    }
}

/// A late copy of an announcement once named the pages of the actor that it had become; clearing
/// it would have removed them. No batch of ours is late any more, and clearing looks first.
#[test]
fn pages_that_an_actor_holds_are_never_cleared_as_left_over() {
    let world = World::new();
    world.actor_holding(&database(3, 1));
    let head = world.head().unwrap();
    let unswept = Unswept::Staging(head.db);
    let key = aside_key(&id("a"));
    world.tamper(&key, Some(Head { unswept, ..head }.encode(&key)));
    world.store.clear_asides().unwrap();
    assert_eq!(world.seen(), database(3, 1));
}

#[test]
fn an_engine_that_holds_something_else_is_refused_and_left_alone() {
    let world = World::new();
    let code = |world: &World| {
        let before = world.entries();
        let error = Store::with_engine(world.engine.clone()).unwrap_err();
        assert_eq!(world.entries(), before);
        error.code()
    };
    world.tamper(STORE_KEY, Some(b"\x07actor-vfs store and more".to_vec()));
    assert_eq!(code(&world), "S109");
    world.tamper(STORE_KEY, Some(b"something else entirely".to_vec()));
    assert_eq!(code(&world), "S110");
    world.tamper(STORE_KEY, None);
    world.tamper(b"some", Some(b"key".to_vec()));
    assert_eq!(code(&world), "S110");
}
