//! Joint commits of actors that keep their past, cut at every call, and one of them taken back alone.

use actor_vfs::testing::Fault;
use actor_vfs::{CommitNo, Point, Retention};

use super::crashes::{CALLS_MAX, TRANSACTIONS, WAYS};
use super::world::World;
use crate::canonical::Engines;
use crate::kept::{self, Kept, told};
use crate::machine::{Divergence, Setup};
use crate::oracle::bytes;

/// The commit that is cut: both actors look then for what they keep no longer.
const CUT: u64 = 16;
/// How many commits are kept before the last one.
const COMMITS_MIN: u64 = 3;

const PAD: &[&str] = &[
    "BEGIN",
    "UPDATE main.t SET v = v || 'p' WHERE id % 5 = 1",
    "UPDATE b.t SET v = v || 'p' WHERE id % 5 = 2",
    "COMMIT",
];
const CREATE_NEXT: &[&str] = &[
    "BEGIN",
    "CREATE TABLE main.next(v)",
    "CREATE TABLE b.next(v)",
    "COMMIT",
];
const NEXT: &[&str] = &[
    "BEGIN",
    "INSERT INTO main.next VALUES(1)",
    "INSERT INTO b.next VALUES(1)",
    "COMMIT",
];

/// Two actors in one connection, each with a past, on the eve of their sixteenth commit.
struct Story {
    world: World,
    kept: [Kept; 2],
    encrypted: bool,
}

impl Story {
    fn on(engines: &Engines, engine: &str, setup: Setup) -> Result<Self, Divergence> {
        let mut world = World::on(engines.make(engine), setup, 2);
        let retention = Retention::Commits(COMMITS_MIN);
        world.store.set_retention(retention).unwrap();
        // Who owns an actor learns of the retention when it takes it.
        world.reopen().unwrap();
        let kept = [0, 1].map(|actor| Kept::new(world.actors[actor].id(), COMMITS_MIN));
        let mut story = Self {
            world,
            kept,
            encrypted: setup.encrypted,
        };
        story.note();
        while story.commits() != [CUT - 1; 2] {
            story.step(PAD)?;
            if story.commits()[0] == 8 {
                // Of one of the two alone.
                story.kept[1].point(&story.world.actors[1], "before");
            }
        }
        Ok(story)
    }

    fn commits(&self) -> [u64; 2] {
        [0, 1].map(|actor| self.world.actors[actor].commit().get())
    }

    fn note(&mut self) {
        for kept in &mut self.kept {
            kept.note(&self.world.store);
        }
    }

    fn step(&mut self, step: &[&str]) -> Result<(), Divergence> {
        self.world.step(step, None)?;
        self.note();
        Ok(())
    }

    fn check(&self) -> Result<(), Divergence> {
        let mut checked = self.kept.iter().map(|kept| kept.check(&self.world.store));
        checked.try_for_each(|it| it.map_err(told))
    }

    /// Takes one of the actors back to before the commit that was cut, and the other not.
    fn goes_back(&mut self) -> Result<(), Divergence> {
        let store = self.world.store.clone();
        let [back, other] = [0, 1].map(|actor| self.world.actors[actor].id().clone());
        let (stays, eve) = (bytes(&store, &other), CommitNo::new(CUT - 1));
        store.restore(&back, &Point::Commit(eve)).unwrap();
        if bytes(&store, &back) != self.kept[0].left_by(eve) || bytes(&store, &other) != stays {
            return Err(told("not what one of them was".to_owned()));
        }
        self.world.reopen().unwrap();
        self.world.oracle_follows();
        self.note();
        self.check()
    }

    /// Keeps the past no longer: nothing of it stays.
    fn lets_go(&mut self) -> Result<(), Divergence> {
        for kept in &mut self.kept {
            kept.let_go(&self.world.store).map_err(told)?;
        }
        self.world.reopen().unwrap();
        for _ in 0..2 {
            self.step(NEXT)?;
        }
        self.check()?;
        let (store, engine) = (&self.world.store, &*self.world.faults);
        kept::nothing_else_is_left(store, engine, self.encrypted).map_err(told)
    }
}

/// Does the transaction with a fault, and goes on. Tells whether the fault was met.
fn cut(
    mut story: Story,
    transaction: &[&str],
    fault: (u64, Fault, bool),
) -> Result<bool, Divergence> {
    story.world.step(transaction, Some(fault))?;
    story.note();
    story.check()?;
    story.goes_back()?;
    story.step(CREATE_NEXT)?;
    story.check()?;
    story.lets_go()?;
    Ok(story.world.tally.struck > 0)
}

/// Cuts some of the transactions at every call.
fn cut_all(engine: &str, setup: Setup, transactions: &[usize], ways: &[(Fault, bool)]) {
    let (engines, mut cuts) = (Engines::new(), 0);
    for &transaction in transactions {
        for &(fault, persistent) in ways {
            let met = (0..CALLS_MAX).take_while(|&call| {
                Story::on(&engines, engine, setup)
                    .and_then(|story| {
                        cut(story, TRANSACTIONS[transaction], (call, fault, persistent))
                    })
                    .unwrap_or_else(|it| panic!("{engine}, {transaction}, {call}, {fault:?}: {it}"))
            });
            cuts += met.count();
        }
    }
    assert!(cuts > 5, "{cuts}");
    println!("{engine}: {cuts} cuts of joint commits with a past");
}

/// An insert into both, and what shrinks both.
const SOME: [usize; 2] = [0, 7];

#[test]
fn the_pasts_of_actors_that_commit_together_outlive_cuts_at_any_call() {
    cut_all("memory", Setup::PINNED, &[0, 1, 7, 8], &WAYS);
}

#[test]
fn the_pasts_of_encrypted_actors_that_commit_together_outlive_cuts_at_any_call() {
    let encrypted = true;
    let setup = Setup {
        encrypted,
        ..Setup::PINNED
    };
    cut_all("memory", setup, &SOME, &WAYS[..3]);
}

#[test]
fn the_pasts_of_actors_whose_joint_commits_take_many_batches_outlive_cuts_at_any_call() {
    cut_all("few", Setup::PINNED, &SOME, &WAYS[2..3]);
}

#[test]
fn the_pasts_of_actors_that_commit_together_on_disk_outlive_cuts_at_any_call() {
    cut_all("redb", Setup::PINNED, &SOME[..1], &WAYS[1..3]);
}
