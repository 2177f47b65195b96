//! The scheduler: who does what next, what goes wrong meanwhile, and whether all is as promised.

use std::fmt::Write;
use std::sync::Arc;

use actor_vfs::engines::MemoryEngine;
use actor_vfs::testing::Fault;
use actor_vfs::{ActorId, CommitNo, Epoch, Retention, Store, StoreError};

use crate::broken::Broken;
use crate::foundation::{self, Foundation};
use crate::joint::Pair;
use crate::model::{Fate, Model, events};
use crate::past::Kept;
use crate::plain::{bytes_of, log_of, stored};
use crate::process::{Owned, Process, Reader, Setup};
use crate::retention::{self, Past};
use crate::script::Rng;
use crate::tally::{Event, Tally};

pub(crate) const PROCESSES: usize = 3;
pub(crate) const ACTORS: usize = 2;
/// How many things happen in a seed.
const STEPS: usize = 72;
const FAULTS: [Fault; 7] = [
    Fault::Fail,
    Fault::Full,
    Fault::LoseAnswer,
    Fault::LoseRequest,
    Fault::Delay,
    Fault::CrashBefore,
    Fault::CrashAfter,
];

pub(crate) struct Subject {
    pub(crate) id: ActorId,
    pub(crate) foundation: Foundation,
    pub(crate) model: Model,
    pub(crate) kept: Vec<Kept>,
    pub(crate) past: Past,
    /// How often somebody tried to claim it.
    pub(crate) claims: u64,
    /// The epoch and commit at the last look.
    seen: Option<(Epoch, CommitNo)>,
}

impl Subject {
    fn look(
        &mut self,
        truth: &Store,
        quota_bytes: Option<u64>,
        retention: Retention,
    ) -> Result<(), String> {
        let bytes = stored(truth, &self.id).map_err(|error| error.to_string())?;
        let size = bytes.as_ref().map_or(0, Vec::len) as u64;
        if quota_bytes.is_some_and(|quota| size > quota) {
            return Err(format!("{size} bytes are over the quota"));
        }
        self.model.observe(bytes)?;
        match (self.model.seen(), self.seen) {
            (Some(bytes), Some((_, commit))) => self.past.note(commit, bytes, retention),
            _ => {
                self.past.end();
                self.kept.clear();
            }
        }
        self.model.keeps_its_word()
    }
}

pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) setup: Setup,
    pub(crate) memory: Arc<MemoryEngine>,
    /// What the engine held in the middle of the story.
    pub(crate) former: MemoryEngine,
    /// Looks at what is stored, past everything that goes wrong.
    pub(crate) truth: Store,
    pub(crate) processes: Vec<Process>,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) transactions: u64,
    /// How much of the past is kept.
    pub(crate) retention: Retention,
    /// The joint commits that were tried.
    pub(crate) pairs: Vec<Pair>,
    story: Option<String>,
    pub(crate) tally: Tally,
}

impl World {
    /// Runs a seed to its end, or to the first broken promise.
    pub(crate) fn run(seed: u64, broken: Option<Broken>) -> Result<Tally, String> {
        let mut world = Self::new(seed, broken);
        world.live().map(|()| world.tally)
    }

    /// The same with the story of all that happened.
    pub(crate) fn told(seed: u64) -> (String, Result<Tally, String>) {
        let mut world = Self::new(seed, None);
        world.story = Some(format!("{:?}\n", world.setup));
        let result = world.live().map(|()| world.tally);
        (world.story.unwrap_or_default(), result)
    }

    fn new(seed: u64, broken: Option<Broken>) -> Self {
        let mut rng = Rng::new(seed);
        let setup = Setup::new(&mut rng, broken);
        let foundations: Vec<_> = (0..ACTORS).map(|_| Foundation::draw(&mut rng)).collect();
        let commits = *rng.pick(&[0, 12, 14, 14]);
        let memory = Arc::new(foundation::engine(setup.locking, &foundations, commits));
        let truth = Store::with_engine(memory.clone()).unwrap();
        let retention = retention::draw(&mut rng);
        truth.set_retention(setup.said(retention)).unwrap();
        let subjects = foundations.into_iter().enumerate();
        let subjects = subjects.map(|(actor, foundation)| Subject {
            id: foundation::id(actor),
            foundation,
            model: Model::new(foundation),
            kept: Vec::new(),
            past: Past::default(),
            claims: 0,
            seen: None,
        });
        let subjects = subjects.collect();
        let processes = (0..PROCESSES).map(|_| Process::new(&memory, setup, ACTORS));
        let processes = processes.collect();
        Self {
            setup,
            former: (*memory).clone(),
            memory,
            truth,
            processes,
            subjects,
            transactions: 0,
            retention,
            pairs: Vec::new(),
            story: None,
            tally: Tally::default(),
            rng,
        }
    }

    pub(crate) fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            writeln!(story, "{}", what()).unwrap();
        }
    }

    fn live(&mut self) -> Result<(), String> {
        self.look()?;
        for step in 0..STEPS {
            if step == STEPS / 2 {
                self.former = (*self.memory).clone();
            }
            let (p, a) = self.turn();
            self.act(p, a)
                .and_then(|()| self.look())
                .map_err(|what| format!("step {step}, process {p}, actor {a}: {what}"))?;
        }
        self.processes.iter_mut().for_each(Process::restart);
        for p in 0..PROCESSES {
            self.deliver(p);
        }
        self.finish()
            .map_err(|what| format!("at the end: {what}"))?;
        if self.rng.chance(50) {
            self.damage()
        } else {
            Ok(())
        }
    }

    /// Looks once more, since what was late may have landed.
    fn finish(&mut self) -> Result<(), String> {
        self.look()?;
        self.scrub(0)?;
        (0..ACTORS).try_for_each(|a| self.look_back(a))?;
        // What is stored is what plain SQLite has, so this is seldom worth its price.
        if self.rng.chance(25) {
            let mut subjects = self.subjects.iter();
            subjects.try_for_each(|subject| subject.model.inspect())?;
        }
        Ok(())
    }

    /// Whose turn it is: mostly that of one who owns something.
    fn turn(&mut self) -> (usize, usize) {
        let all = (0..PROCESSES).flat_map(|p| (0..ACTORS).map(move |a| (p, a)));
        let owners = all.filter(|(p, a)| self.processes[*p].owned[*a].is_some());
        let owners: Vec<_> = owners.collect();
        if owners.is_empty() || self.rng.chance(25) {
            (self.rng.index(PROCESSES), self.rng.index(ACTORS))
        } else {
            *self.rng.pick(&owners)
        }
    }

    /// Holds every actor that has changed against its model.
    pub(crate) fn look(&mut self) -> Result<(), String> {
        for subject in &mut self.subjects {
            let now = match self.truth.info(&subject.id) {
                Ok(info) => Some((info.epoch, info.commit)),
                Err(StoreError::ActorMissing { .. }) => None,
                Err(error) => return Err(error.to_string()),
            };
            if now.is_none() || subject.seen != now {
                subject.seen = now;
                subject.look(&self.truth, self.setup.quota_bytes, self.retention)?;
            }
            subject.model.keeps_its_word()?;
        }
        self.check_pairs()
    }

    fn act(&mut self, p: usize, a: usize) -> Result<(), String> {
        match self.rng.below(100) {
            0..4 => self.look_back(a).and_then(|()| self.read(p, a)),
            17..20 | 26..29 => self.mark(p, a),
            4..8 => {
                self.deliver(p);
                Ok(())
            }
            8 | 9 => {
                self.forget(p, a);
                Ok(())
            }
            10 => self.replace(p, a),
            11 => self.rehearse(p, a),
            12 => self.scrub(p),
            13 | 14 | 24 | 25 => self.use_second(p, a),
            15 | 16 | 20 => self.join(p),
            21 => self.go_back(p, a),
            22 => self.branch(p, a),
            23 => self.retain(p),
            _ if self.subjects[a].model.seen().is_none() => self.found(p, a),
            _ if self.processes[p].owned[a].is_some() => self.proceed(p, a),
            _ if self.is_owned(a) && self.rng.chance(70) => Ok(()),
            _ => self.claim(p, a),
        }
    }

    fn is_owned(&self, a: usize) -> bool {
        let claims = self.subjects[a].claims;
        let mut owned = self.processes.iter().filter_map(|p| p.owned[a].as_ref());
        owned.any(|owned| owned.claim == claims)
    }

    /// Sends what was under way for long.
    pub(crate) fn deliver(&mut self, p: usize) {
        let answers = self.processes[p].faults.deliver();
        self.tally.count_many(Event::Late, answers.len() as u64);
        self.tell(|| format!("{p} late batches: {}", answers.len()));
    }

    /// Closes a connection in the middle of whatever it does.
    pub(crate) fn forget(&mut self, p: usize, a: usize) {
        let owned = self.processes[p].owned[a].take();
        if let Some(running) = owned.and_then(|owned| owned.running) {
            self.subjects[a].model.end(running.number, Fate::Refused);
        }
        self.tell(|| format!("{p} lets go of {a}"));
    }

    fn read(&mut self, p: usize, a: usize) -> Result<(), String> {
        let told = |error: rusqlite::Error| error.to_string();
        if let Some(mut reader) = self.processes[p].reader.take() {
            let of = reader.of;
            // What SQLite still has in its cache would say nothing about the store.
            reader
                .live
                .execute_batch("PRAGMA shrink_memory")
                .map_err(told)?;
            self.tell(|| format!("{p} reads {of} again"));
            if bytes_of(&mut reader.live).map_err(told)? != *reader.bytes {
                return Err(format!("a snapshot of {of} has changed"));
            }
        }
        let model = &self.subjects[a].model;
        let snapshot = self.processes[p].store.snapshot(&self.subjects[a].id);
        let (snapshot, bytes) = match (snapshot, model.seen()) {
            (Err(StoreError::ActorMissing { .. }), None) => return Ok(()),
            (Ok(snapshot), Some(bytes)) => (snapshot, Arc::clone(bytes)),
            (other, _) => return Err(format!("a reader finds {:?}", other.err())),
        };
        if self.rng.chance(20) {
            self.export(a, &snapshot)?;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let mut live = snapshot.connect().map_err(|error| error.to_string())?;
        let log = log_of(&live).map_err(told)?;
        self.tally.count(Event::Read);
        self.tell(|| format!("{p} reads {a}: {log:?}"));
        if log != self.subjects[a].model.log() || bytes_of(&mut live).map_err(told)? != *bytes {
            return Err(format!("a reader sees {log:?}"));
        }
        let of = a;
        self.processes[p].reader = Some(Reader { live, of, bytes });
        Ok(())
    }

    fn claim(&mut self, p: usize, a: usize) -> Result<(), String> {
        let fault = self.rng.chance(20).then(|| self.fault(4));
        self.claim_with(p, a, fault)
    }

    pub(crate) fn claim_with(
        &mut self,
        p: usize,
        a: usize,
        fault: Option<(u64, Fault, bool)>,
    ) -> Result<(), String> {
        self.subjects[a].claims += 1;
        let process = &self.processes[p];
        arm(process, fault);
        let opened = process.store.open(&self.subjects[a].id);
        let opened = opened.and_then(|actor| Ok((self.setup.connect(&actor)?, actor)));
        let struck = fault.filter(|_| process.faults.has_struck());
        process.faults.heal();
        self.tell(|| format!("{p} claims {a} with {fault:?}: {}", heard(&opened)));
        match opened {
            Ok((live, actor)) => {
                let seen = self.subjects[a].model.seen().map(|seen| events(seen));
                let events = seen.transpose()?.unwrap_or_default();
                self.welcome(p, a, live, actor, events);
            }
            Err(_) if struck.is_some() => {}
            Err(error) => return Err(format!("a claim failed: {error}")),
        }
        self.bury(p, struck);
        Ok(())
    }

    /// A process owns an actor to which so much had happened.
    pub(crate) fn welcome(
        &mut self,
        p: usize,
        a: usize,
        live: rusqlite::Connection,
        actor: actor_vfs::Actor,
        events: u64,
    ) {
        let subject = &mut self.subjects[a];
        subject.model.claimed(actor.epoch().get(), events);
        let claim = subject.claims;
        self.forget(p, a);
        self.processes[p].owned[a] = Some(Owned {
            live,
            second: None,
            actor,
            claim,
            running: None,
            shaken: false,
        });
    }

    /// After a crash a process starts anew, and what it had not committed is lost.
    pub(crate) fn bury(&mut self, p: usize, struck: Option<(u64, Fault, bool)>) {
        if struck.is_some() {
            // What was done by half may leave the head as it was.
            self.subjects.iter_mut().for_each(|it| it.seen = None);
        }
        if matches!(struck, Some((_, Fault::CrashBefore | Fault::CrashAfter, _))) {
            self.tally.count(Event::Crashed);
            for a in 0..ACTORS {
                self.forget(p, a);
            }
            self.processes[p].restart();
        }
    }

    /// What goes wrong, at which of the next engine calls, and whether from then on.
    pub(crate) fn fault(&mut self, calls: u64) -> (u64, Fault, bool) {
        let call = if self.rng.chance(50) {
            0
        } else {
            self.rng.below(calls)
        };
        (call, *self.rng.pick(&FAULTS), self.rng.chance(30))
    }
}

pub(crate) fn arm(process: &Process, fault: Option<(u64, Fault, bool)>) {
    match fault {
        Some((call, fault, false)) => process.faults.fail_at(call, fault),
        Some((call, fault, true)) => process.faults.fail_from(call, fault),
        None => {}
    }
}

pub(crate) fn heard<T>(result: &Result<T, StoreError>) -> &'static str {
    result.as_ref().err().map_or("done", StoreError::code)
}
