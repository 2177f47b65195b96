//! A scrub names every kind of damage, and a sound store is clean.

use super::support::*;
use crate::layout::{Head, head_key};
use crate::store::{Damage, ListOptions, Scrub};

/// What a scrub says of a store, sentence by sentence.
fn said(world: &World) -> Vec<String> {
    let scrub = world.store.scrub().unwrap();
    scrub.damage.iter().map(Damage::to_string).collect()
}

/// A world whose actor `a` has three pages, all but the first written by commit 2.
fn world() -> World {
    let world = World::new();
    let before = database(3, 1);
    let actor = world.actor_holding(&before);
    let mut after = database(3, 2);
    after[0].clone_from(&before[0]);
    publish(&actor, &between(&before, &after)).unwrap();
    world
}

fn head_of_a(world: &World) -> (Vec<u8>, Vec<u8>) {
    let key = head_key(&id("a"));
    let record = world.entries().into_iter().find(|(found, _)| *found == key);
    (key, record.unwrap().1)
}

#[test]
fn a_sound_store_is_clean_whatever_was_done_to_it() {
    let world = world();
    assert_eq!(
        world.store.scrub().unwrap(),
        Scrub {
            actors: 1,
            pages: 3,
            ..Scrub::default()
        }
    );
    let world = World::tight();
    let actor = world.actor_holding(&database(30, 1));
    publish(&actor, &replacing(&database(12, 2))).unwrap();
    world.store.create(&id("b")).unwrap();
    world.store.delete(&id("b")).unwrap();
    let scrub = world.store.scrub().unwrap();
    assert_eq!((scrub.pages, scrub.damage), (12, Vec::new()));
}

#[test]
fn a_flipped_page_is_named() {
    let world = world();
    let (key, mut record) = world.records()[1].clone();
    record[40] ^= 1;
    world.tamper(key.as_bytes(), Some(record));
    let wanted = "page 2 of `a` is damaged at commit 2: \
                  its seal does not match its bytes and its place";
    assert_eq!(said(&world), [wanted]);
}

#[test]
fn a_missing_page_is_named_wherever_it_is() {
    for missing in 0..3 {
        let world = world();
        world.tamper(world.records()[missing].0.as_bytes(), None);
        let page = missing + 1;
        assert_eq!(
            said(&world),
            [format!("page {page} of `a` is missing at commit 2")]
        );
    }
}

#[test]
fn a_stale_page_is_named_with_the_commit_that_wrote_it() {
    let world = World::new();
    let actor = world.actor_holding(&database(3, 1));
    let stale = world.records()[1].1.clone();
    publish(&actor, &replacing(&database(3, 2))).unwrap();
    world.tamper(world.records()[1].0.as_bytes(), Some(stale));
    let wanted = "page 2 of `a` is damaged at commit 2: it is what commit 1 wrote there";
    assert_eq!(said(&world), [wanted]);
}

#[test]
fn swapped_pages_are_named_by_what_they_are() {
    let world = world();
    let records = world.records();
    world.tamper(records[1].0.as_bytes(), Some(records[2].1.clone()));
    world.tamper(records[2].0.as_bytes(), Some(records[1].1.clone()));
    let wanted = [
        "page 2 of `a` is damaged at commit 2: it is page 3",
        "page 3 of `a` is damaged at commit 2: it is page 2",
    ];
    assert_eq!(said(&world), wanted);
}

/// The store went back in part: what no seal and no key can tell, the sum of all pages does.
#[test]
fn a_page_that_came_back_with_its_former_key_is_noticed_by_the_whole() {
    let world = World::new();
    let actor = world.actor_holding(&database(3, 1));
    let (former, stale) = world.records()[1].clone();
    publish(&actor, &replacing(&database(3, 2))).unwrap();
    world.tamper(world.records()[1].0.as_bytes(), None);
    world.tamper(former.as_bytes(), Some(stale));
    let wanted = "the pages of `a` are each whole, and not those that commit 2 left";
    assert_eq!(said(&world), [wanted]);
}

#[test]
fn a_head_that_is_not_the_last_is_noticed_by_its_pages() {
    let world = World::new();
    let actor = world.actor_holding(&database(3, 1));
    let (key, old) = head_of_a(&world);
    publish(&actor, &replacing(&database(3, 2))).unwrap();
    world.tamper(&key, Some(old));
    let said = said(&world);
    assert!(
        said[0].starts_with("page 1 of `a` is missing at commit 1"),
        "{said:?}"
    );
    let last = "`a` has 3 page records that commit 1 does not account for";
    assert_eq!(said.last().unwrap(), last);
}

#[test]
fn a_head_with_another_sum_is_noticed() {
    let world = world();
    let (key, record) = head_of_a(&world);
    let head = Head::decode(&key, &record).unwrap();
    let checksum = crate::layout::Checksum::new(head.checksum.get() ^ 1);
    world.tamper(&key, Some(Head { checksum, ..head }.encode(&key)));
    assert_eq!(said(&world).len(), 1);
    assert_eq!(world.store.scrub().unwrap().damage[0].kind(), "whole");
}

#[test]
fn an_actor_whose_head_is_damaged_can_be_deleted_with_all_its_pages() {
    let world = world();
    let other = world.store.create(&id("b")).unwrap();
    publish(&other, &replacing(&database(2, 5))).unwrap();
    let (key, mut record) = head_of_a(&world);
    record[20] ^= 1;
    world.tamper(&key, Some(record));
    let scrub = world.store.scrub().unwrap();
    let kinds: Vec<_> = scrub.damage.iter().map(Damage::kind).collect();
    assert_eq!(kinds, ["strays", "head"]);
    world.store.delete(&id("a")).unwrap();
    assert_eq!(world.store.ids(&ListOptions::default()).unwrap(), [id("b")]);
    assert_eq!(said(&world), [""; 0]);
    world.audit();
    assert_eq!(owned(&other).unwrap(), database(2, 5));
}

/// Its pages may be those of the other head that nobody can read.
#[test]
fn while_another_head_is_damaged_no_page_is_removed_as_a_stray() {
    let world = world();
    let other = world.store.create(&id("b")).unwrap();
    publish(&other, &replacing(&database(2, 5))).unwrap();
    let key = head_key(&id("b"));
    let sound = world.entries().into_iter().find(|(found, _)| *found == key);
    let (sound, mut damaged) = (sound.clone().unwrap().1, sound.unwrap().1);
    damaged[20] ^= 1;
    let (key_of_a, mut record) = head_of_a(&world);
    record[20] ^= 1;
    world.tamper(&key_of_a, Some(record));
    world.tamper(&key, Some(damaged));
    world.store.delete(&id("a")).unwrap();
    world.tamper(&key, Some(sound));
    assert_eq!(owned(&other).unwrap(), database(2, 5));
    assert_eq!(
        said(&world),
        ["pages that belong to no actor take room (images: 1)"]
    );
}

/// Symptom: a scrub of a head that claims four billion pages took minutes and gigabytes, since it
/// named each page that was not there. Found by fuzzing.
#[test]
fn a_head_that_claims_four_billion_pages_is_answered_at_once() {
    let world = World::new();
    let actor = world.actor_holding(&database(3, 1));
    let key = head_key(&id("a"));
    let mut head = world.head().unwrap();
    head.pages = crate::PageCount::new(u32::MAX);
    world.tamper(&key, Some(head.encode(&key)));
    assert_eq!(world.store.scrub().unwrap().pages, 3);
    assert_eq!(
        said(&world),
        ["pages 4 to 4294967294 of `a` are missing at commit 1"]
    );
    drop(actor);
    // And so is a commit that cuts off the pages that are not there.
    let actor = world.store.open(&id("a")).unwrap();
    let error = publish(&actor, &replacing(&database(2, 2))).unwrap_err();
    assert_eq!(error.code(), "S106");
}

/// A commit at the last number would be its own predecessor, whose pages it removes.
#[test]
fn a_head_that_has_counted_to_the_end_is_damaged() {
    let world = World::new();
    drop(world.actor_holding(&database(2, 1)));
    let key = head_key(&id("a"));
    let whole = world.head().unwrap();
    let last_commit = Head {
        commit: crate::CommitNo::new(u64::MAX),
        ..whole.clone()
    };
    let last_epoch = Head {
        epoch: crate::Epoch::new(u64::MAX),
        ..whole
    };
    for head in [last_commit, last_epoch] {
        world.tamper(&key, Some(head.encode(&key)));
        assert_eq!(world.store.open(&id("a")).unwrap_err().code(), "S108");
        assert_eq!(world.store.scrub().unwrap().damage[0].kind(), "head");
    }
}

/// Each damaged record is compared with what stood there before, and with every other page: for
/// all records of a large actor that would take hours.
#[test]
fn of_many_damaged_records_the_first_are_diagnosed_and_all_are_named() {
    let world = World::new();
    drop(world.actor_holding(&database(200, 1)));
    for key in world.page_keys() {
        let value = world
            .entries()
            .into_iter()
            .find(|(at, _)| at == key.as_bytes());
        let mut value = value.unwrap().1;
        value[100] ^= 1;
        world.tamper(key.as_bytes(), Some(value));
    }
    let scrub = world.store.scrub().unwrap();
    assert_eq!((scrub.pages, scrub.damage.len()), (0, 200));
}

/// Symptom: a scrub of a store with one odd key among its heads was an error, and so said nothing
/// of all its actors. Cause: it asked for their names, and one that is none ended that.
#[test]
fn a_key_that_names_no_actor_is_damage_and_hides_no_actor() {
    let world = World::new();
    world.actor_holding(&database(3, 1));
    world.store.create(&id("b")).unwrap();
    world.tamper(&[&head_key(&id("a"))[..], b"\xbb"].concat(), Some(vec![7]));
    let scrub = world.store.scrub().unwrap();
    let kinds = scrub.damage.iter().map(|damage| damage.kind());
    assert_eq!(kinds.collect::<Vec<_>>(), ["nameless"]);
    assert_eq!(scrub.actors, 2);
    let first_two = ListOptions {
        limit: Some(2),
        ..ListOptions::default()
    };
    assert_eq!(world.store.ids(&first_two).unwrap(), [id("a"), id("b")]);
    assert_eq!(
        world.store.list(&first_two).unwrap_err().code(),
        "S113",
        "a list that leaves something out says so"
    );
}
