//! What may be seen of one actor, by the promises of the store and by plain SQLite.
//!
//! Every transaction writes its number into the table `log`, so the database itself tells its
//! history, and plain SQLite can go through the same one. A VACUUM leaves no number; it is seen
//! by the schema cookie, which nothing else moves.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::Connection;

use crate::foundation::{Foundation, plain};
use crate::log::{cookie, log_in};
use crate::plain::{back_up, bytes_of, database, difference, in_a_file, integrity, log_of};

/// What its owner heard of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing yet, and it has not asked to commit.
    Open,
    /// It is committed.
    Acknowledged,
    /// It is not committed, and never will be.
    Refused,
    /// Nobody knows.
    Unknown,
    /// It was seen, and what it did may be gone since: the actor was replaced or deleted.
    Past,
}

/// What a transaction does.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// It runs statements, and commits.
    Statements(Vec<String>),
    /// It writes all pages anew.
    Vacuum(String),
    /// SQLite copies this database over that of the owner.
    Backup(Arc<Vec<u8>>),
    /// This database takes the place of the actor's, whoever owns it.
    Import(Arc<Vec<u8>>),
    /// The actor is again what it was.
    Restore(Arc<Vec<u8>>),
    /// An actor without pages comes to be.
    Create,
    /// The actor is no more.
    Delete,
}

#[derive(Debug)]
struct Txn {
    effect: Effect,
    epoch: u64,
    /// Which of the databases that the actor has had it was meant for.
    life: u64,
    fate: Fate,
}

impl Txn {
    fn may_have_happened(&self) -> bool {
        matches!(self.fate, Fate::Acknowledged | Fate::Unknown)
    }
}

/// What is known of one actor.
#[derive(Debug)]
pub(crate) struct Model {
    /// Plain SQLite, which went through the same history.
    oracle: Connection,
    log: Vec<u64>,
    txns: BTreeMap<u64, Txn>,
    /// The epoch of each claim, and the [`events`] when it was acknowledged.
    claims: Vec<(u64, u64)>,
    /// How many databases the actor has had before.
    life: u64,
    /// What was stored at the last look, if there was such an actor.
    seen: Option<Arc<Vec<u8>>>,
}

/// How much has happened to a database, in its present life.
pub(crate) fn events(database: &[u8]) -> Result<u64, String> {
    if database.is_empty() {
        return Ok(0);
    }
    Ok(log_in(database)?.len() as u64 + cookie(database))
}

impl Model {
    pub(crate) fn new(foundation: Foundation) -> Self {
        let founded = plain(foundation);
        Self {
            oracle: database(&founded),
            log: Vec::new(),
            txns: BTreeMap::new(),
            claims: Vec::new(),
            life: 0,
            seen: Some(founded),
        }
    }

    /// Which of its databases the actor has now.
    pub(crate) fn life(&self) -> u64 {
        self.life
    }

    pub(crate) fn log(&self) -> &[u64] {
        &self.log
    }

    /// What is stored, every byte of it, if there is such an actor.
    pub(crate) fn seen(&self) -> Option<&Arc<Vec<u8>>> {
        self.seen.as_ref()
    }

    /// Whether the actor has a database to work with.
    pub(crate) fn is_founded(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| !seen.is_empty())
    }

    pub(crate) fn begin(&mut self, number: u64, epoch: u64, effect: Effect) {
        let (life, fate) = (self.life, Fate::Open);
        let txn = Txn {
            effect,
            epoch,
            life,
            fate,
        };
        self.txns.insert(number, txn);
    }

    pub(crate) fn end(&mut self, number: u64, fate: Fate) {
        self.txns.get_mut(&number).unwrap().fate = fate;
    }

    /// An owner has heard that it owns the actor, to which so much had happened.
    pub(crate) fn claimed(&mut self, epoch: u64, events: u64) {
        self.claims.push((epoch, events));
    }

    /// Holds what is stored against what may be.
    pub(crate) fn observe(&mut self, stored: Option<Vec<u8>>) -> Result<(), String> {
        let Some(stored) = stored else {
            return self.vanish();
        };
        if self.seen.is_none() && stored.is_empty() {
            self.consume(|effect| matches!(effect, Effect::Create))
                .ok_or("an actor has come to be, and nobody created it")?;
        }
        if self.seen.as_deref() != Some(&stored) {
            if !stored.is_empty() && !self.recognise_restore(&stored) {
                self.follow(&stored)
                    .map_err(|error| format!("stored: {error}"))?;
            }
            if let Some(at) = difference(&stored, &self.oracle_bytes()) {
                return Err(format!("stored and plain SQLite differ: {at}"));
            }
            self.seen = Some(Arc::new(stored));
        }
        Ok(())
    }

    /// The actor is not there.
    fn vanish(&mut self) -> Result<(), String> {
        if self.seen.is_some() {
            self.consume(|effect| matches!(effect, Effect::Delete))
                .ok_or("the actor has vanished, and nobody deleted it")?;
            self.start_over(database(&[]), Vec::new());
            self.seen = None;
        }
        Ok(())
    }

    /// Another database has taken the place of the former one.
    fn start_over(&mut self, oracle: Connection, log: Vec<u64>) {
        self.oracle = oracle;
        self.life += 1;
        self.claims.clear();
        let settled = |(_, txn): &(&u64, &mut Txn)| txn.fate == Fate::Acknowledged;
        let gone = self.txns.iter_mut().filter(settled);
        gone.for_each(|(_, txn)| txn.fate = Fate::Past);
        self.log = log;
    }

    /// The last transaction of a kind that may have happened, which from now on has.
    fn consume(&mut self, kind: impl Fn(&Effect) -> bool) -> Option<u64> {
        let mut candidates = self.txns.iter_mut().rev();
        let (number, txn) =
            candidates.find(|(_, txn)| txn.may_have_happened() && kind(&txn.effect))?;
        txn.fate = Fate::Past;
        Some(*number)
    }

    /// Goes through what was committed since the last look.
    fn follow(&mut self, stored: &[u8]) -> Result<(), String> {
        let log = log_in(stored)?;
        self.recognise_import(&log);
        let Some(new) = log.strip_prefix(&self.log[..]) else {
            return Err(format!("history {:?} became {log:?}", self.log));
        };
        let copied = |number| matches!(self.txns.get(number), Some(txn) if matches!(txn.effect, Effect::Backup(_)));
        let recorded = new.iter().filter(|number| copied(*number)).count() as u64;
        let founds = self.oracle_bytes().is_empty();
        if !founds && cookie(stored) > cookie(&self.oracle_bytes()) + recorded {
            self.vacuum()?;
        }
        for number in new {
            self.go_through(*number)?;
        }
        Ok(())
    }

    /// If the history was replaced, goes on from the one that took its place.
    fn recognise_import(&mut self, log: &[u64]) {
        let new = log.iter().filter(|number| !self.log.contains(number));
        let import = new.rev().find_map(|number| match self.txns.get(number) {
            Some(txn) if txn.may_have_happened() => match &txn.effect {
                Effect::Import(bytes) if txn.life == self.life || self.seen.is_none() => {
                    Some(Arc::clone(bytes))
                }
                _ => None,
            },
            _ => None,
        });
        if let Some(bytes) = import {
            self.start_over(database(&bytes), log_in(&bytes).unwrap());
        }
    }

    /// If the actor is again what it was, goes on from there.
    fn recognise_restore(&mut self, stored: &[u8]) -> bool {
        let life = self.life;
        let restores = |txn: &Txn| match &txn.effect {
            Effect::Restore(bytes) => txn.life == life && ***bytes == *stored,
            _ => false,
        };
        let mut txns = self.txns.values_mut();
        let Some(restore) = txns.rfind(|txn| txn.may_have_happened() && restores(txn)) else {
            return false;
        };
        restore.fate = Fate::Past;
        self.start_over(database(stored), log_in(stored).unwrap());
        true
    }

    fn vacuum(&mut self) -> Result<(), String> {
        let life = self.life;
        let mut txns = self.txns.iter().rev();
        let ours = txns.find(|(_, txn)| {
            txn.may_have_happened() && txn.life == life && matches!(txn.effect, Effect::Vacuum(_))
        });
        let number = *ours.ok_or("a VACUUM comes from nowhere")?.0;
        self.check_time(number)?;
        self.apply(number);
        self.end(number, Fate::Past);
        Ok(())
    }

    fn go_through(&mut self, number: u64) -> Result<(), String> {
        let Some(txn) = self.txns.get(&number) else {
            return Err(format!("transaction {number} comes from nowhere"));
        };
        if !txn.may_have_happened() {
            let fate = txn.fate;
            return Err(format!("transaction {number} is {fate:?}, and committed"));
        }
        self.check_time(number)?;
        self.apply(number);
        self.log.push(number);
        Ok(())
    }

    /// A transaction does not land after another owner, or another database, has come.
    fn check_time(&mut self, number: u64) -> Result<(), String> {
        let place = events(&self.oracle_bytes())?;
        let txn = &self.txns[&number];
        let too_late = |(epoch, from): &&(u64, u64)| *from <= place && *epoch > txn.epoch;
        if let Some((epoch, _)) = self.claims.iter().find(too_late) {
            let of = txn.epoch;
            return Err(format!(
                "transaction {number} of epoch {of} landed after epoch {epoch} had begun"
            ));
        }
        if txn.life != self.life {
            return Err(format!(
                "transaction {number} was meant for another database"
            ));
        }
        Ok(())
    }

    fn apply(&mut self, number: u64) {
        match self.txns[&number].effect.clone() {
            Effect::Statements(statements) => {
                for statement in &statements {
                    self.oracle.execute_batch(statement).unwrap();
                }
                self.oracle.execute_batch("COMMIT").unwrap();
            }
            Effect::Vacuum(statement) => {
                let before = self.oracle_bytes();
                let after = in_a_file(&before, |plain| plain.execute_batch(&statement).unwrap());
                self.oracle = database(&after);
            }
            Effect::Backup(source) => {
                let before = self.oracle_bytes();
                let after = in_a_file(&before, |plain| back_up(&source, plain).unwrap());
                self.oracle = database(&after);
            }
            Effect::Import(_) | Effect::Restore(_) | Effect::Create | Effect::Delete => {}
        }
    }

    /// What plain SQLite holds. It has no answer when that is nothing.
    pub(crate) fn oracle_bytes(&mut self) -> Vec<u8> {
        bytes_of(&mut self.oracle).unwrap_or_default()
    }

    /// Has plain SQLite go through all that is stored.
    pub(crate) fn inspect(&self) -> Result<(), String> {
        let Some(seen) = self.seen.as_ref().filter(|seen| !seen.is_empty()) else {
            return Ok(());
        };
        let plain = database(seen);
        let told = |error: rusqlite::Error| format!("stored: {error}");
        let (sound, log) = (
            integrity(&plain).map_err(told)?,
            log_of(&plain).map_err(told)?,
        );
        if sound != "ok" || log != self.log {
            return Err(format!("stored: {sound}, {log:?}"));
        }
        Ok(())
    }

    /// What was acknowledged is there.
    pub(crate) fn keeps_its_word(&self) -> Result<(), String> {
        let lost = self
            .txns
            .iter()
            .find(|(number, txn)| txn.fate == Fate::Acknowledged && !self.log.contains(number));
        match lost {
            Some((number, _)) => Err(format!(
                "transaction {number} was acknowledged, and is lost"
            )),
            None => Ok(()),
        }
    }
}
