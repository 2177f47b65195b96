//! Transactions of two actors at once: whatever goes wrong, both have them or neither.

use actor_vfs::testing::Fault;
use actor_vfs::{Actor, StoreError};
use rusqlite::Connection;

use crate::model::{Effect, Fate, events};
use crate::script::{Rng, entry};
use crate::tally::Event;
use crate::world::{ACTORS, World, arm};

/// A commit of two actors that was tried: its number in each, and which databases they had then.
#[derive(Debug)]
pub(crate) struct Pair {
    numbers: [u64; ACTORS],
    lives: [u64; ACTORS],
}

/// What an actor is called on the connection that has both. `$` stands for it in statements.
const SCHEMAS: [&str; ACTORS] = ["main", "other"];

/// A connection on the first actor with the second attached.
struct Joint {
    live: Connection,
    actors: [Actor; ACTORS],
}

impl World {
    /// A process claims both actors and commits to them by one transaction.
    pub(crate) fn join(&mut self, p: usize) -> Result<(), String> {
        let is_ready = |a: usize| self.subjects[a].model.is_founded();
        if !(0..ACTORS).all(is_ready) || self.setup.quota_bytes.is_some() {
            return Ok(());
        }
        let joint = self
            .claim_both(p)
            .map_err(|error| format!("two actors cannot be joined: {error}"))?;
        let numbers = self.write_both(&joint)?;
        self.commit_both(p, &joint, numbers)
    }

    /// Begins a transaction on both, and has each model expect its half.
    fn write_both(&mut self, joint: &Joint) -> Result<[u64; ACTORS], String> {
        let told = |error: rusqlite::Error| format!("a joint transaction: {error}");
        let numbers = std::array::from_fn(|_| self.next_number());
        joint.live.execute_batch("BEGIN").map_err(told)?;
        for (a, number) in numbers.into_iter().enumerate() {
            let half = half(&mut self.rng, number);
            for statement in &half {
                let statement = statement.replace('$', SCHEMAS[a]);
                joint.live.execute_batch(&statement).map_err(told)?;
            }
            let alone = half.iter().map(|statement| statement.replace('$', "main"));
            let effect = ["BEGIN".to_owned()].into_iter().chain(alone).collect();
            let epoch = joint.actors[a].epoch().get();
            let model = &mut self.subjects[a].model;
            model.begin(number, epoch, Effect::Statements(effect));
        }
        Ok(numbers)
    }

    fn commit_both(
        &mut self,
        p: usize,
        joint: &Joint,
        numbers: [u64; ACTORS],
    ) -> Result<(), String> {
        let fault = self.rng.chance(65).then(|| self.fault(4));
        let guest_of = self.rng.index(ACTORS);
        let due = self.rng.chance(15).then(|| self.invite(p, guest_of));
        arm(&self.processes[p], fault);
        let result = joint.live.execute_batch("COMMIT");
        let faults = &self.processes[p].faults;
        let struck = fault.filter(|_| faults.has_struck());
        faults.heal();
        self.processes[p].hook.forget();
        let doubt =
            |actor: &Actor| matches!(actor.last_error(), Some(StoreError::OutcomeUnknown { .. }));
        let crashed = matches!(struck, Some((_, Fault::CrashBefore | Fault::CrashAfter, _)));
        let fate = match &result {
            Ok(()) => Fate::Acknowledged,
            Err(_) if crashed || joint.actors.iter().any(doubt) => Fate::Unknown,
            Err(_) => Fate::Refused,
        };
        self.tell(|| format!("{p} joins {numbers:?} with {fault:?}: {fate:?}"));
        let lives = std::array::from_fn(|a| self.subjects[a].model.life());
        for (a, number) in numbers.into_iter().enumerate() {
            self.subjects[a].model.end(number, fate);
        }
        let visited = due.map_or(Ok(false), |due| self.admit(guest_of, due))?;
        match result {
            Err(error) if struck.is_none() && !visited => {
                return Err(format!("a joint commit is refused for no reason: {error}"));
            }
            Ok(()) => self.tally.count(Event::Joined),
            Err(_) => {}
        }
        self.pairs.push(Pair { numbers, lives });
        self.bury(p, struck);
        Ok(())
    }

    fn claim_both(&mut self, p: usize) -> Result<Joint, String> {
        let told = |error: StoreError| error.to_string();
        for a in 0..ACTORS {
            self.subjects[a].claims += 1;
            self.forget(p, a);
        }
        let store = self.processes[p].store.clone();
        let open = |a: usize| store.open(&self.subjects[a].id).map_err(told);
        let actors = [open(0)?, open(1)?];
        for (a, actor) in actors.iter().enumerate() {
            let model = &mut self.subjects[a].model;
            let events = model.seen().map(|seen| events(seen)).transpose()?;
            model.claimed(actor.epoch().get(), events.unwrap_or_default());
        }
        let live = self.setup.connect(&actors[0]).map_err(told)?;
        actors[1].attach(&live, SCHEMAS[1]).map_err(told)?;
        let reproducible = live.execute_batch("PRAGMA other.secure_delete = ON");
        reproducible.map_err(|error| error.to_string())?;
        Ok(Joint { live, actors })
    }

    /// Both halves of every joint commit are there, or neither is.
    pub(crate) fn check_pairs(&mut self) -> Result<(), String> {
        let subjects = &self.subjects;
        let is_current =
            |pair: &Pair| (0..ACTORS).all(|a| subjects[a].model.life() == pair.lives[a]);
        self.pairs.retain(is_current);
        for Pair { numbers, .. } in &self.pairs {
            let there = |a: usize| subjects[a].model.log().contains(&numbers[a]);
            if there(0) != there(1) {
                return Err(format!("of the joint commit {numbers:?} one half is there"));
            }
        }
        Ok(())
    }
}

/// What a joint transaction does to one of its actors.
fn half(rng: &mut Rng, number: u64) -> Vec<String> {
    let (id, rows, bytes) = (rng.below(40), 1 + rng.below(6), rng.below(900));
    let mut half = vec![
        entry("$", number),
        format!(
            "WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c WHERE x < {rows}) \
             INSERT OR REPLACE INTO $.t SELECT x + {id}, printf('%.{bytes}c', 'j'), x FROM c"
        ),
    ];
    if rng.chance(30) {
        half.push(format!("DELETE FROM $.t WHERE id % 4 = {}", id % 4));
    }
    half
}
