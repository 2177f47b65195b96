//! Many wakes of one actor in a store at once, and what a wake asks of the engine.

use std::sync::{Arc, Barrier};
use std::thread;

use actor_migrate::{Migrator, Wake};
use actor_vfs::engines::MemoryEngine;
use actor_vfs::testing::FaultEngine;
use actor_vfs::{Actor, ActorId, ConnectOptions, Locking, Store};
use rusqlite::Connection;

use crate::folder::{Folder, fill};
use crate::seen::Seen;

fn id() -> ActorId {
    ActorId::new("one/actor").unwrap()
}

/// A connection that leaves the others of its process their turn.
fn share(actor: &Actor) -> Connection {
    let options = ConnectOptions::default().locking(Locking::Normal);
    actor.connect_with(&options).unwrap()
}

fn wake_together(actor: &Actor, migrator: &Migrator, threads: usize) -> Vec<Wake> {
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        let wake = || {
            let mut conn = share(actor);
            barrier.wait();
            migrator.wake(&mut conn)
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(wake)).collect();
        let wakes = threads.into_iter().map(|thread| thread.join().unwrap());
        wakes.map(Result::unwrap).collect()
    })
}

#[test]
fn many_wakes_of_one_actor_of_a_store_at_once_change_it_once_and_serve_all() {
    let (squashed, longer) = (Folder::squashed(), Folder::longer());
    for (folder, adopted, applied) in [(&squashed, 1, 0), (&longer, 0, 3)] {
        let migrator = folder.migrator();
        let alone = woken_alone(&migrator);
        for round in 0..5 {
            let store = Store::with_engine(Arc::new(MemoryEngine::new())).unwrap();
            let actor = store.create(&id()).unwrap();
            fill(&mut share(&actor));
            let wakes = wake_together(&actor, &migrator, 6);
            let seen = wakes.iter().fold((0, 0), |(adopted, applied), wake| {
                let one = usize::from(wake.adopted);
                (adopted + one, applied + wake.applied.len())
            });
            assert_eq!(seen, (adopted, applied), "round {round}: {wakes:?}");
            assert_eq!(Seen::of(&share(&actor), &migrator), alone, "round {round}");
        }
    }
}

/// What one wake without company makes of such an actor.
fn woken_alone(migrator: &Migrator) -> Seen {
    let store = Store::with_engine(Arc::new(MemoryEngine::new())).unwrap();
    let mut conn = store.create(&id()).unwrap().connect().unwrap();
    fill(&mut conn);
    migrator.wake(&mut conn).unwrap();
    Seen::of(&conn, migrator)
}

#[test]
fn a_wake_of_an_actor_that_is_up_to_date_asks_the_engine_three_times_at_most_and_writes_nothing() {
    let engine = Arc::new(FaultEngine::new(Arc::new(MemoryEngine::new())));
    let store = Store::with_engine(engine.clone()).unwrap();
    let migrator = Folder::before().migrator();
    fill(&mut store.create(&id()).unwrap().connect().unwrap());
    let mut conn = store.open(&id()).unwrap().connect().unwrap();
    let before = engine.calls();
    assert!(!migrator.wake(&mut conn).unwrap().changed);
    let after = engine.calls();
    assert_eq!(after.commits, before.commits, "nothing was written");
    let read = after.total() - before.total();
    assert!(read <= 3, "{before:?} -> {after:?}");
    assert!(!migrator.wake(&mut conn).unwrap().changed);
    assert_eq!(
        engine.calls().total(),
        after.total(),
        "and then it is cached"
    );
}
