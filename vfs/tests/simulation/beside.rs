//! What goes on beside the owners: second connections, volatile forks, scrubs.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use crate::broken::Broken;
use crate::model::{Effect, Fate};
use crate::plain::{bytes_of, difference, log_of};
use crate::script::transaction;
use crate::tally::Event;
use crate::world::World;

impl World {
    /// A volatile fork starts as the actor is, takes what is written to it, and changes nothing.
    pub(crate) fn rehearse(&mut self, p: usize, a: usize) -> Result<(), String> {
        if !self.subjects[a].model.is_founded() {
            return Ok(());
        }
        let told = |error: rusqlite::Error| format!("a fork: {error}");
        let fork = self.processes[p].store.fork(&self.subjects[a].id);
        let connected = fork.and_then(|fork| self.setup.sound().connect(&fork));
        let mut live = connected.map_err(|error| format!("a fork: {error}"))?;
        let before = bytes_of(&mut live).map_err(told)?;
        if self.subjects[a]
            .model
            .seen()
            .is_none_or(|seen| **seen != before)
        {
            return Err("a fork does not start as the actor is".into());
        }
        self.tally.count(Event::Forked);
        let number = self.next_number();
        let wanted = self.successor_by(a, &transaction(&mut self.rng.clone(), number));
        for statement in transaction(&mut self.rng, number) {
            live.execute_batch(&statement).map_err(told)?;
        }
        match live.execute_batch("COMMIT") {
            Err(_) if self.setup.quota_bytes.is_some() => return Ok(()),
            committed => committed.map_err(told)?,
        }
        let after = bytes_of(&mut live).map_err(told)?;
        self.tell(|| format!("{p} rehearses {number} on {a}"));
        match difference(&after, &wanted) {
            Some(at) => Err(format!("a fork and plain SQLite differ: {at}")),
            None => Ok(()),
        }
    }

    /// Nothing is damaged, so nothing is found, whatever has crashed before.
    pub(crate) fn scrub(&mut self, p: usize) -> Result<(), String> {
        // One that sees no restore points would take what they keep for litter, and prove nothing.
        let store = match self.setup.broken {
            Some(Broken::PinsUnseen) => &self.truth,
            _ => &self.processes[p].store,
        };
        let scrub = store.scrub();
        let scrub = scrub.map_err(|error| format!("a scrub: {error}"))?;
        self.tally.count(Event::Scrubbed);
        let there = self.subjects.iter().filter(|it| it.model.seen().is_some());
        if !scrub.is_clean() || scrub.actors != there.count() as u64 {
            return Err(format!("a scrub: {scrub:?}"));
        }
        Ok(())
    }

    /// Another connection of the owner sees what is committed, and commits if the first does not
    /// stand in its way.
    pub(crate) fn use_second(&mut self, p: usize, a: usize) -> Result<(), String> {
        let is_founded = self.subjects[a].model.is_founded();
        let claims = self.subjects[a].claims;
        let shares = self.setup.shares();
        let setup = self.setup;
        let number = self.next_number();
        let statements = transaction(&mut self.rng, number);
        let Some(owned) = self.processes[p].owned[a].as_mut() else {
            return Ok(());
        };
        let sound = owned.claim == claims && !owned.shaken;
        let sound = sound && owned.running.as_ref().is_none_or(|it| !it.disturbed);
        if !(is_founded && shares && sound) {
            return Ok(());
        }
        if owned.second.is_none() {
            // A first that has spilled keeps readers out until it ends, and a connection that is
            // being opened waits for that, by the clock. A store that ignores locks would not.
            if !owned.live.is_autocommit() && setup.broken.is_none() {
                return Ok(());
            }
            owned.second = match setup.connect(&owned.actor) {
                Ok(second) => Some(second),
                Err(_) if !owned.live.is_autocommit() => return Ok(()),
                Err(error) => return Err(format!("a second connection: {error}")),
            };
        }
        let epoch = owned.actor.epoch().get();
        let first_writes = !owned.live.is_autocommit();
        let second = owned.second.as_mut().unwrap();
        let (seen, written) = (look(second)?, write(second, &statements));
        let code = written
            .as_ref()
            .err()
            .map(|error| error.sqlite_error_code());
        self.tell(|| format!("{p} on {a}, beside: {number}: {code:?}"));
        self.tally.count(Event::Beside);
        let full = setup.quota_bytes.is_some() && code == Some(Some(ErrorCode::DiskFull));
        let model = &mut self.subjects[a].model;
        if seen.is_some_and(|seen| seen != model.log()) {
            return Err("a second connection sees what is not committed".into());
        }
        model.begin(number, epoch, Effect::Statements(statements));
        model.end(number, Fate::Refused);
        match written {
            Ok(()) => model.end(number, Fate::Acknowledged),
            Err(_) if full => {}
            Err(_) if first_writes && code == Some(Some(ErrorCode::DatabaseBusy)) => {}
            Err(error) => return Err(format!("a second connection: {error}")),
        }
        Ok(())
    }
}

/// The log, unless somebody is in the middle of writing.
fn look(second: &Connection) -> Result<Option<Vec<u64>>, String> {
    match log_of(second) {
        Ok(log) => Ok(Some(log)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(None),
        Err(error) => Err(format!("a second connection reads: {error}")),
    }
}

fn write(second: &mut Connection, statements: &[String]) -> Result<(), rusqlite::Error> {
    second.busy_timeout(Duration::ZERO)?;
    let mut all = statements.iter().map(String::as_str).chain(["COMMIT"]);
    let written = all.try_for_each(|statement| second.execute_batch(statement));
    if !second.is_autocommit() {
        second.execute_batch("ROLLBACK")?;
    }
    written
}
