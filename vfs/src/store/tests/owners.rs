//! Who may write: claims, takeovers, removals, readers beside the owner.

use super::support::*;
use crate::StoreError;
use crate::store::{Image, ListOptions};

#[test]
fn a_second_owner_fences_the_first_at_its_next_commit() {
    let world = World::new();
    let first = world.actor_holding(&database(3, 1));
    let second = world.store.open(&id("a")).unwrap();
    assert_eq!((first.epoch().get(), second.epoch().get()), (1, 2));

    let error = publish(&first, &replacing(&database(3, 2))).unwrap_err();
    assert!(
        matches!(&error, StoreError::Fenced { held, current, .. }
        if held.get() == 1 && current.get() == 2),
        "{error}"
    );
    assert_eq!(world.seen(), database(3, 1));
    publish(&second, &replacing(&database(3, 3))).unwrap();
    assert_eq!(world.seen(), database(3, 3));

    assert_eq!(owned(&first).unwrap_err().code(), "S104");
    world.audit();
}

#[test]
fn a_fenced_owner_that_reads_what_is_replaced_learns_that_it_is_fenced() {
    let world = World::new();
    let first = world.actor_holding(&database(3, 1));
    let mut image = first.image().unwrap();
    let second = world.store.open(&id("a")).unwrap();
    publish(&second, &replacing(&database(3, 2))).unwrap();
    let error = image.read(page(2), &mut vec![0; SIZE.bytes()]).unwrap_err();
    assert_eq!(error.code(), "S104");
    assert_eq!(first.image().unwrap_err().code(), "S104");
}

#[test]
fn an_owner_whose_actor_is_deleted_finds_out_even_if_another_takes_its_name() {
    let world = World::new();
    let owner = world.actor_holding(&database(3, 1));
    world.store.delete(&id("a")).unwrap();
    assert_eq!(world.entries().len(), 1, "only the store record is left");
    assert_eq!(
        publish(&owner, &replacing(&database(3, 2)))
            .unwrap_err()
            .code(),
        "S105"
    );

    let before = world.actor_holding(&database(2, 3));
    world.store.delete(&id("a")).unwrap();
    let after = world.actor_holding(&database(2, 3));
    assert_eq!(
        publish(&before, &replacing(&database(2, 4)))
            .unwrap_err()
            .code(),
        "S104"
    );
    publish(&after, &replacing(&database(2, 5))).unwrap();
    assert_eq!(world.seen(), database(2, 5));
    world.audit();
}

#[test]
fn connections_of_one_actor_see_each_other_after_a_refresh() {
    let world = World::new();
    let actor = world.actor_holding(&database(3, 1));
    let (mut one, mut two) = (actor.image().unwrap(), actor.clone().image().unwrap());
    one.publish(replacing(&database(4, 2))).unwrap();
    assert_eq!(
        (two.geometry().pages.get(), one.geometry().pages.get()),
        (3, 4)
    );
    assert_eq!(two.refresh().unwrap(), one.geometry());
    let mut out = vec![0; SIZE.bytes()];
    two.read(page(4), &mut out).unwrap();
    assert_eq!(out, database(4, 2)[3]);
    two.publish(replacing(&database(2, 3))).unwrap();
    assert_eq!(world.seen(), database(2, 3));
}

#[test]
fn a_snapshot_stays_as_it_was_whatever_the_owner_does() {
    let world = World::tight();
    let actor = world.actor_holding(&database(9, 1));
    let snapshot = world.store.snapshot(&id("a")).unwrap();
    publish(&actor, &replacing(&database(30, 2))).unwrap();
    publish(&actor, &replacing(&database(1, 3))).unwrap();
    world.store.delete(&id("a")).unwrap();
    assert_eq!(contents(&snapshot), database(9, 1));
    let error = snapshot
        .image()
        .publish(replacing(&database(1, 1)))
        .unwrap_err();
    assert_eq!(error.code(), "S120");
    assert!(snapshot.image().read_only());
}

#[test]
fn what_is_not_there_cannot_be_opened_and_what_is_there_cannot_be_created() {
    let world = World::new();
    let code = |result: Result<_, StoreError>| result.map(|_: crate::Actor| ()).unwrap_err().code();
    assert_eq!(code(world.store.open(&id("a"))), "S102");
    assert_eq!(world.store.info(&id("a")).unwrap_err().code(), "S102");
    assert_eq!(world.store.delete(&id("a")).unwrap_err().code(), "S102");
    assert_eq!(world.store.snapshot(&id("a")).unwrap_err().code(), "S102");
    world.store.create(&id("a")).unwrap();
    assert_eq!(code(world.store.create(&id("a"))), "S103");
    assert_eq!(
        world.store.open_or_create(&id("a")).unwrap().epoch().get(),
        2
    );
    assert_eq!(
        world.store.open_or_create(&id("b")).unwrap().epoch().get(),
        1
    );
}

#[test]
fn a_list_names_the_actors_in_order_by_prefix_and_in_parts() {
    let world = World::new();
    for name in ["workspace/2", "task/1", "workspace/10", "workspace", "ü"] {
        world.store.create(&id(name)).unwrap();
    }
    let names = |options: &ListOptions| {
        let listed = world.store.list(options).unwrap();
        let names: Vec<_> = listed.iter().map(|info| info.id.clone()).collect();
        assert_eq!(names, world.store.ids(options).unwrap());
        names.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let all = ["task/1", "workspace", "workspace/10", "workspace/2", "ü"];
    assert_eq!(names(&ListOptions::default()), all);
    let prefix = "workspace/".to_owned();
    assert_eq!(
        names(&ListOptions {
            prefix,
            ..ListOptions::default()
        }),
        all[2..4]
    );
    let after = Some(id("workspace"));
    assert_eq!(
        names(&ListOptions {
            after,
            limit: Some(2),
            ..ListOptions::default()
        }),
        all[2..4]
    );
}

#[test]
fn info_says_what_the_head_says() {
    let world = World::new();
    let actor = world.actor_holding(&database(3, 1));
    let info = world.store.info(&id("a")).unwrap();
    assert_eq!((info.pages.get(), info.bytes()), (3, 3 * 4096));
    assert_eq!((info.epoch, info.commit), (actor.epoch(), actor.commit()));
    assert_eq!(world.store.list(&ListOptions::default()).unwrap(), [info]);
}
