//! How an owner goes through a transaction, statement by statement, between all the others.

use std::sync::{Arc, Mutex};

use actor_vfs::StoreError;
use actor_vfs::testing::Fault;

use crate::foundation;
use crate::log::page_bytes;
use crate::model::{Effect, Fate};
use crate::plain::{bytes_of, database, difference};
use crate::process::{Guest, Running, Step, visit};
use crate::script::{entry, transaction, vacuum};
use crate::tally::Event;
use crate::world::{PROCESSES, World, arm};

/// Where a guest leaves what it did.
type Visit = Arc<Mutex<Option<Result<Guest, StoreError>>>>;

/// A guest that is due in the middle of somebody's statement.
pub(crate) struct Due {
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
            None => self.begin(p, a),
            Some(running) => match running.rest.pop() {
                Some(step) => self.execute(p, a, &step),
                None if self.rng.chance(85) => self.execute(p, a, &Step::Commit),
                None => self.execute(p, a, &Step::Rollback),
            },
        }
    }

    fn begin(&mut self, p: usize, a: usize) -> Result<(), String> {
        let number = self.next_number();
        let founded = self.subjects[a].model.is_founded();
        let (effect, first) = match self.rng.below(20) {
            _ if !founded => (self.founding(a, number), None),
            0 => {
                let seen = self.subjects[a].model.seen();
                let page_bytes = seen.and_then(|seen| page_bytes(seen));
                let statement = vacuum(&mut self.rng, page_bytes.unwrap());
                (
                    Effect::Vacuum(statement.clone()),
                    Some(Step::Vacuum(statement)),
                )
            }
            1 => {
                let source = self.successor(a, number);
                (Effect::Backup(source.clone()), Some(Step::Backup(source)))
            }
            _ => (Effect::Statements(transaction(&mut self.rng, number)), None),
        };
        let rest = match &effect {
            Effect::Statements(statements) => statements
                .iter()
                .rev()
                .cloned()
                .map(Step::Statement)
                .collect(),
            _ => Vec::new(),
        };
        let owned = self.processes[p].owned[a].as_mut().unwrap();
        let epoch = owned.actor.epoch().get();
        owned.running = Some(Running {
            number,
            rest,
            disturbed: std::mem::take(&mut owned.shaken),
        });
        self.subjects[a].model.begin(number, epoch, effect);
        self.tell(|| format!("{p} begins {number} on {a}"));
        first.map_or(Ok(()), |step| self.execute(p, a, &step))
    }

    /// The first transaction of an actor without pages.
    fn founding(&self, a: usize, number: u64) -> Effect {
        let mut statements = self.subjects[a].foundation.statements();
        statements.push(entry("main", number));
        Effect::Statements(statements)
    }

    /// What plain SQLite makes of an actor by one more transaction.
    pub(crate) fn successor(&mut self, a: usize, number: u64) -> Arc<Vec<u8>> {
        let statements = transaction(&mut self.rng, number);
        Arc::new(self.successor_by(a, &statements))
    }

    pub(crate) fn successor_by(&mut self, a: usize, statements: &[String]) -> Vec<u8> {
        let subject = &mut self.subjects[a];
        let mut plain = if subject.model.is_founded() {
            database(&subject.model.oracle_bytes())
        } else {
            database(&foundation::plain(subject.foundation))
        };
        for statement in statements {
            plain.execute_batch(statement).unwrap();
        }
        plain.execute_batch("COMMIT").unwrap();
        bytes_of(&mut plain).unwrap()
    }

    pub(crate) fn next_number(&mut self) -> u64 {
        self.transactions += 1;
        self.transactions
    }

    fn execute(&mut self, p: usize, a: usize, step: &Step) -> Result<(), String> {
        let commits = step.commits();
        let (faulty, guests) = if commits { (35, 10) } else { (8, 1) };
        let fault = self.rng.chance(faulty).then(|| self.fault(5));
        // A guest has to succeed.
        let welcome = self.subjects[a].model.is_founded() && self.setup.quota_bytes.is_none();
        let guests = if welcome { guests } else { 0 };
        let due = self.rng.chance(guests).then(|| self.invite(p, a));
        let process = &mut self.processes[p];
        arm(process, fault);
        let owned = process.owned[a].as_mut().unwrap();
        let result = step.take(&mut owned.live);
        let error = result.as_ref().err().map(|_| owned.actor.last_error());
        let struck = fault.filter(|_| process.faults.has_struck());
        process.faults.heal();
        process.hook.forget();
        let code = error
            .as_ref()
            .map(|it| it.as_ref().map_or("?", StoreError::code));
        self.tell(|| format!("{p} on {a}: {step} with {fault:?}: {code:?}"));
        let visited = due.map_or(Ok(false), |due| self.admit(a, due))?;
        let owned = self.processes[p].owned[a].as_mut().unwrap();
        let running = owned.running.as_mut().unwrap();
        running.disturbed |= struck.is_some() || visited;
        let sound = !running.disturbed && owned.claim == self.subjects[a].claims;
        let full = code == Some("S116") && self.setup.quota_bytes.is_some();
        self.tally.count_many(Event::OverQuota, u64::from(full));
        let sound = sound && !full;
        match (result, code) {
            (_, Some("S199")) => return Err(format!("{:?}", error.flatten())),
            (Err(error), _) if sound => return Err(format!("refused for no reason: {error}")),
            (Err(_), code) => self.failed(p, a, commits, code, struck),
            (Ok(()), _) if commits || matches!(step, Step::Rollback) => {
                self.ended(p, a, step, sound)?;
            }
            (Ok(()), _) => {}
        }
        self.bury(p, struck);
        Ok(())
    }

    /// A transaction came to its end.
    fn ended(&mut self, p: usize, a: usize, step: &Step, sound: bool) -> Result<(), String> {
        let owned = self.processes[p].owned[a].as_mut().unwrap();
        let running = owned.running.take().unwrap();
        let model = &mut self.subjects[a].model;
        if !step.commits() {
            owned.shaken = running.disturbed;
            model.end(running.number, Fate::Refused);
            return Ok(());
        }
        self.tally.count(match step {
            Step::Vacuum(_) => Event::Vacuumed,
            Step::Backup(_) => Event::BackedUp,
            _ => Event::Acknowledged,
        });
        model.end(running.number, Fate::Acknowledged);
        if sound {
            let believed = bytes_of(&mut owned.live).map_err(|error| error.to_string())?;
            self.look()?;
            let stored = self.subjects[a].model.seen().ok_or("the actor is gone")?;
            if let Some(at) = difference(stored, &believed) {
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
        self.tally.count_many(Event::Unknown, u64::from(unknown));
        let refused = commits && !unknown;
        self.tally.count_many(Event::Refused, u64::from(refused));
        if matches!(code, Some("S104" | "S105" | "S118")) {
            let fenced = code == Some("S104");
            self.tally.count_many(Event::Fenced, u64::from(fenced));
            self.processes[p].owned[a] = None;
        }
    }

    /// Has another process claim the actor, and commit, between two engine calls of `p`.
    pub(crate) fn invite(&mut self, p: usize, a: usize) -> Due {
        let process = (p + 1 + self.rng.index(PROCESSES - 1)) % PROCESSES;
        let number = self.next_number();
        let statements = transaction(&mut self.rng, number);
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
    pub(crate) fn admit(&mut self, a: usize, due: Due) -> Result<bool, String> {
        let visit = due.visit.lock().unwrap().take();
        let Some(visit) = visit else {
            return Ok(false);
        };
        let guest = visit.map_err(|error| format!("a guest could not claim: {error}"))?;
        let events = guest
            .committed
            .map_err(|error| format!("a guest could not commit: {error}"))?;
        let epoch = guest.actor.epoch().get();
        self.tell(|| format!("{} came in between: {} on {a}", due.process, due.number));
        self.tally.count(Event::Interrupted);
        let subject = &mut self.subjects[a];
        subject.claims += 1;
        let effect = Effect::Statements(due.statements);
        subject.model.begin(due.number, epoch, effect);
        subject.model.end(due.number, Fate::Acknowledged);
        self.welcome(due.process, a, guest.live, guest.actor, events);
        Ok(true)
    }
}
