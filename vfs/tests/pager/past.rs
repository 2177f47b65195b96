//! The twenty transactions cut at every call of every engine, of actors that keep their past.

use actor_vfs::Retention;
use actor_vfs::testing::{Fault, FaultEngine};

use crate::canonical::{BEFORE, CALLS_MAX, ENCRYPTED, Engines, TRANSACTIONS, WAYS};
use crate::kept::{self, Kept, told};
use crate::machine::{Divergence, Machine, Setup};

/// The commit that is cut: the one that looks for what is kept no longer.
const CUT: u64 = 16;
/// How many commits are kept before the last one.
const COMMITS_MIN: u64 = 3;

/// What an actor keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Points,
    Commits,
    Both,
}

impl Keeps {
    const ALL: [Self; 3] = [Self::Both, Self::Points, Self::Commits];

    fn commits(self) -> u64 {
        match self {
            Self::Points => 0,
            Self::Commits | Self::Both => COMMITS_MIN,
        }
    }
}

/// An actor with a past, on the eve of its sixteenth commit.
struct Story {
    machine: Machine,
    kept: Kept,
    encrypted: bool,
}

impl Story {
    fn on(engine: FaultEngine, encrypted: bool, keeps: Keeps) -> Result<Self, Divergence> {
        let setup = Setup {
            spill: true,
            encrypted,
            ..Setup::PINNED
        };
        let machine = Machine::on(engine, setup);
        let kept = Kept::new(&machine.id, keeps.commits());
        if keeps.commits() > 0 {
            let retention = Retention::Commits(keeps.commits());
            machine.store.set_retention(retention).unwrap();
        }
        let mut story = Self {
            machine,
            kept,
            encrypted,
        };
        // Who owns an actor learns of the retention when it takes it.
        story.machine.reopen().unwrap();
        for statement in BEFORE {
            story.machine.prepare(&[statement]);
            story.kept.note(&story.machine.store);
        }
        while story.commit() < CUT - 1 {
            let (number, keep) = (story.commit(), keeps != Keeps::Commits);
            // Some pages change and others are for ever those of an early commit.
            let update = format!("UPDATE t SET v = v || 'p' WHERE id = {}", number % 5 + 1);
            story.step(&[&update])?;
            if keep && [8, CUT - 1].contains(&story.commit()) {
                let name = format!("at {}", story.commit());
                story.kept.point(&story.machine.actor, &name);
            }
        }
        Ok(story)
    }

    fn commit(&self) -> u64 {
        self.machine.actor.commit().get()
    }

    fn step(&mut self, step: &[&str]) -> Result<(), Divergence> {
        let step: Vec<String> = step.iter().map(|it| (*it).to_owned()).collect();
        self.machine.step(&step, None)?;
        self.kept.note(&self.machine.store);
        Ok(())
    }

    /// What is kept is what it was, and stays so when the actor goes on; when it lets its past
    /// go, nothing of it stays.
    fn goes_on(&mut self) -> Result<(), Divergence> {
        self.kept.check(&self.machine.store).map_err(told)?;
        self.step(&["CREATE TABLE next(id)"])?;
        self.kept.check(&self.machine.store).map_err(told)?;
        self.lets_go()
    }

    fn lets_go(&mut self) -> Result<(), Divergence> {
        let store = self.machine.store.clone();
        self.kept.let_go(&store).map_err(told)?;
        // To drop a restore point took the actor from its owner.
        self.machine.reopen().unwrap();
        for _ in 0..2 {
            self.step(&["INSERT INTO next VALUES(1)"])?;
        }
        self.kept.check(&store).map_err(told)?;
        kept::nothing_else_is_left(&store, &*self.machine.faults, self.encrypted).map_err(told)
    }
}

/// Does the transaction with a fault. Tells whether the fault was met.
fn cut(
    mut story: Story,
    transaction: &[&str],
    (call, fault, persistent): (u64, Fault, bool),
) -> Result<bool, Divergence> {
    let step: Vec<String> = transaction.iter().map(|it| (*it).to_owned()).collect();
    let machine = &mut story.machine;
    if persistent {
        machine.faults.fail_from(call, fault);
        machine.step(&step, None)?;
    } else {
        machine.step(&step, Some((call, fault)))?;
    }
    story.kept.note(&story.machine.store);
    story.goes_on()?;
    Ok(story.machine.tally.struck > 0)
}

/// Cuts some of the transactions at every call, and gives how many cuts that were.
fn cut_all(engine: &str, every: usize, ways: &[(Fault, bool)]) {
    let (engines, encrypted) = (Engines::new(), engine == ENCRYPTED);
    let mut cuts = 0;
    for (number, transaction) in TRANSACTIONS.iter().enumerate().step_by(every) {
        // Each way meets each kind of past, though not with each transaction.
        for (turn, &(fault, persistent)) in ways.iter().enumerate() {
            let keeps = Keeps::ALL[(number / every + turn) % Keeps::ALL.len()];
            let met = (0..CALLS_MAX).take_while(|&call| {
                let told = |it: Divergence| -> bool {
                    panic!("{engine}, {keeps:?}: {transaction:?}, {call}, {fault:?}, {persistent}: {it}")
                };
                Story::on(engines.make(engine), encrypted, keeps)
                    .and_then(|story| cut(story, transaction, (call, fault, persistent)))
                    .unwrap_or_else(told)
            });
            let met = met.count() as u64;
            assert!(met > 0 && met < CALLS_MAX, "{transaction:?}: {met} calls");
            cuts += met;
        }
    }
    println!("{engine}: {cuts} cuts of actors with a past");
}

#[test]
fn a_past_outlives_cuts_at_any_call_of_the_memory_engine() {
    cut_all("memory", 1, &WAYS);
}

#[test]
fn a_past_outlives_cuts_at_any_call_of_a_fork() {
    cut_all("fork", 4, &WAYS);
}

#[test]
fn a_past_outlives_cuts_of_transactions_of_many_batches() {
    cut_all("few", 4, &WAYS);
}

#[test]
fn a_past_of_an_encrypted_actor_outlives_cuts_at_any_call() {
    cut_all(ENCRYPTED, 7, &WAYS);
}

#[test]
fn a_past_outlives_cuts_at_any_call_of_the_engine_on_disk() {
    cut_all("redb", 7, &WAYS[1..]);
}
