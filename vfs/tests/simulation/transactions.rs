//! How an owner goes through a transaction, statement by statement, between all the others.

use std::sync::{Arc, Mutex};

use actor_vfs::StoreError;
use actor_vfs::testing::Fault;

use crate::model::Fate;
use crate::plain::{bytes_of, difference};
use crate::process::{Guest, Running, visit};
use crate::script::transaction;
use crate::world::{PROCESSES, World, arm};

/// Where a guest leaves what it did.
type Visit = Arc<Mutex<Option<Result<Guest, StoreError>>>>;

/// A guest that is due in the middle of somebody's statement.
struct Due {
    process: usize,
    number: u64,
    statements: Vec<String>,
    visit: Visit,
}

impl World {
    /// An owner takes its next step.
    pub(crate) fn proceed(&mut self, p: usize, a: usize) -> Result<(), String> {
        let Some(owned) = &mut self.processes[p].owned[a] else {
            return Ok(());
        };
        match owned.running.as_mut() {
            None => {
                self.begin(p, a);
                Ok(())
            }
            Some(running) => match running.rest.pop() {
                Some(statement) => self.execute(p, a, &statement),
                None if self.rng.chance(85) => self.execute(p, a, "COMMIT"),
                None => self.execute(p, a, "ROLLBACK"),
            },
        }
    }

    fn begin(&mut self, p: usize, a: usize) {
        let (number, statements) = self.draw();
        let owned = self.processes[p].owned[a].as_mut().unwrap();
        let epoch = owned.actor.epoch().get();
        let rest = statements.iter().rev().cloned().collect();
        owned.running = Some(Running {
            number,
            rest,
            disturbed: std::mem::take(&mut owned.shaken),
        });
        self.subjects[a].model.begin(number, epoch, statements);
        self.tell(|| format!("{p} begins {number} on {a}"));
    }

    fn draw(&mut self) -> (u64, Vec<String>) {
        self.transactions += 1;
        let number = self.transactions;
        (number, transaction(&mut self.rng, number))
    }

    fn execute(&mut self, p: usize, a: usize, statement: &str) -> Result<(), String> {
        let commits = statement == "COMMIT";
        let (faulty, guests) = if commits { (35, 10) } else { (8, 1) };
        let fault = self.rng.chance(faulty).then(|| self.fault(5));
        let due = self.rng.chance(guests).then(|| self.invite(p, a));
        let process = &self.processes[p];
        arm(process, fault);
        let owned = process.owned[a].as_ref().unwrap();
        let result = owned.live.execute_batch(statement);
        let error = result.as_ref().err().map(|_| owned.actor.last_error());
        let struck = fault.filter(|_| process.faults.has_struck());
        process.faults.heal();
        process.hook.forget();
        let code = error
            .as_ref()
            .map(|it| it.as_ref().map_or("?", StoreError::code));
        self.tell(|| format!("{p} on {a}: {statement} with {fault:?}: {code:?}"));
        let visited = due.map_or(Ok(false), |due| self.admit(a, due))?;
        let owned = self.processes[p].owned[a].as_mut().unwrap();
        let running = owned.running.as_mut().unwrap();
        running.disturbed |= struck.is_some() || visited;
        let sound = !running.disturbed && owned.claim == self.subjects[a].claims;
        match (result, code) {
            (_, Some("S199")) => return Err(format!("{:?}", error.flatten())),
            (Err(error), _) if sound => return Err(format!("refused for no reason: {error}")),
            (Err(_), code) => self.failed(p, a, commits, code, struck),
            (Ok(()), _) if commits || statement == "ROLLBACK" => {
                self.ended(p, a, commits, sound)?;
            }
            (Ok(()), _) => {}
        }
        self.bury(p, struck);
        Ok(())
    }

    /// A transaction came to its end.
    fn ended(&mut self, p: usize, a: usize, commits: bool, sound: bool) -> Result<(), String> {
        let owned = self.processes[p].owned[a].as_mut().unwrap();
        let running = owned.running.take().unwrap();
        let model = &mut self.subjects[a].model;
        if !commits {
            owned.shaken = running.disturbed;
            model.end(running.number, Fate::Refused);
            return Ok(());
        }
        self.tally.acknowledged += 1;
        model.end(running.number, Fate::Acknowledged);
        if sound {
            let believed = bytes_of(&mut owned.live).map_err(|error| error.to_string())?;
            self.look()?;
            if let Some(at) = difference(self.subjects[a].model.seen(), &believed) {
                return Err(format!("stored and the owner's view differ: {at}"));
            }
        }
        Ok(())
    }

    /// A statement failed, so its transaction is over, and perhaps the ownership.
    fn failed(
        &mut self,
        p: usize,
        a: usize,
        commits: bool,
        code: Option<&str>,
        struck: Option<(u64, Fault, bool)>,
    ) {
        let crashed = matches!(struck, Some((_, Fault::CrashBefore | Fault::CrashAfter, _)));
        let owned = self.processes[p].owned[a].as_mut().unwrap();
        let running = owned.running.take().unwrap();
        let unknown = commits && (crashed || code == Some("S118"));
        let fate = if unknown {
            Fate::Unknown
        } else {
            Fate::Refused
        };
        if !owned.live.is_autocommit() {
            owned.live.execute_batch("ROLLBACK").unwrap_or_default();
        }
        self.subjects[a].model.end(running.number, fate);
        self.tally.unknown += u64::from(unknown);
        self.tally.refused += u64::from(commits && !unknown);
        if matches!(code, Some("S104" | "S105" | "S118")) {
            self.tally.fenced += u64::from(code == Some("S104"));
            self.processes[p].owned[a] = None;
        }
    }

    /// Has another process claim the actor, and commit, between two engine calls of `p`.
    fn invite(&mut self, p: usize, a: usize) -> Due {
        let process = (p + 1 + self.rng.index(PROCESSES - 1)) % PROCESSES;
        let (number, statements) = self.draw();
        let left = Visit::default();
        let due = Due {
            process,
            number,
            statements: statements.clone(),
            visit: left.clone(),
        };
        let store = self.processes[process].store.clone();
        let (setup, id) = (self.setup, self.subjects[a].id.clone());
        let act = move || *left.lock().unwrap() = Some(visit(&store, setup, &id, &statements));
        let calls = self.rng.below(4);
        self.processes[p].hook.before(calls, Box::new(act));
        due
    }

    /// Takes note of what a guest did, if the call came before which it was due.
    fn admit(&mut self, a: usize, due: Due) -> Result<bool, String> {
        let visit = due.visit.lock().unwrap().take();
        let Some(visit) = visit else {
            return Ok(false);
        };
        let guest = visit.map_err(|error| format!("a guest could not claim: {error}"))?;
        let log = guest
            .committed
            .map_err(|error| format!("a guest could not commit: {error}"))?;
        let epoch = guest.actor.epoch().get();
        self.tell(|| format!("{} came in between: {} on {a}", due.process, due.number));
        self.tally.interrupted += 1;
        let subject = &mut self.subjects[a];
        subject.claims += 1;
        subject.model.begin(due.number, epoch, due.statements);
        subject.model.end(due.number, Fate::Acknowledged);
        self.welcome(due.process, a, guest.live, guest.actor, log.len());
        Ok(true)
    }
}
