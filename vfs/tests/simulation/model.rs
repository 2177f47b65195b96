//! What may be seen of one actor, by the promises of the store and by plain SQLite.
//!
//! Every transaction writes its number into the table `log`, so the database itself tells its
//! history, and plain SQLite can go through the same one.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, MAIN_DB};

use crate::foundation::{Foundation, plain};
use crate::log::log_in;
use crate::plain::{database, difference, integrity, log_of};

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
}

#[derive(Debug)]
struct Txn {
    statements: Vec<String>,
    epoch: u64,
    fate: Fate,
}

/// What is known of one actor.
#[derive(Debug)]
pub(crate) struct Model {
    /// Plain SQLite, which went through the same history.
    oracle: Connection,
    log: Vec<u64>,
    txns: BTreeMap<u64, Txn>,
    /// The epoch of each claim, and how long the log was when it was acknowledged.
    claims: Vec<(u64, usize)>,
    /// What was stored at the last look.
    seen: Arc<Vec<u8>>,
}

impl Model {
    pub(crate) fn new(foundation: Foundation) -> Self {
        let oracle = database(&plain(foundation));
        Self {
            oracle,
            log: Vec::new(),
            txns: BTreeMap::new(),
            claims: Vec::new(),
            seen: Arc::default(),
        }
    }

    pub(crate) fn log(&self) -> &[u64] {
        &self.log
    }

    /// What is stored, every byte of it.
    pub(crate) fn seen(&self) -> &Arc<Vec<u8>> {
        &self.seen
    }

    pub(crate) fn begin(&mut self, number: u64, epoch: u64, statements: Vec<String>) {
        let fate = Fate::Open;
        let txn = Txn {
            statements,
            epoch,
            fate,
        };
        self.txns.insert(number, txn);
    }

    pub(crate) fn end(&mut self, number: u64, fate: Fate) {
        self.txns.get_mut(&number).unwrap().fate = fate;
    }

    /// An owner has heard that it owns the actor, which had gone through so many transactions.
    pub(crate) fn claimed(&mut self, epoch: u64, transactions: usize) {
        self.claims.push((epoch, transactions));
    }

    /// Holds what is stored against what may be.
    pub(crate) fn observe(&mut self, stored: Vec<u8>) -> Result<(), String> {
        if stored != *self.seen {
            let log = log_in(&stored).map_err(|error| format!("stored: {error}"))?;
            self.follow(log)?;
            let wanted = self.oracle.serialize(MAIN_DB).unwrap();
            if let Some(at) = difference(&stored, &wanted) {
                return Err(format!("stored and plain SQLite differ: {at}"));
            }
            self.seen = Arc::new(stored);
        }
        Ok(())
    }

    /// Has plain SQLite go through all that is stored.
    pub(crate) fn inspect(&self) -> Result<(), String> {
        let plain = database(&self.seen);
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

    /// Goes through what was committed since the last look.
    fn follow(&mut self, log: Vec<u64>) -> Result<(), String> {
        let Some(new) = log.strip_prefix(&self.log[..]) else {
            return Err(format!("history {:?} became {log:?}", self.log));
        };
        for (number, place) in new.iter().zip(self.log.len()..) {
            let Some(txn) = self.txns.get(number) else {
                return Err(format!("transaction {number} comes from nowhere"));
            };
            if matches!(txn.fate, Fate::Refused | Fate::Open) {
                let fate = txn.fate;
                return Err(format!("transaction {number} is {fate:?}, and committed"));
            }
            let too_late = |(epoch, from): &&(u64, usize)| *from <= place && *epoch > txn.epoch;
            if let Some((epoch, _)) = self.claims.iter().find(too_late) {
                let of = txn.epoch;
                return Err(format!(
                    "transaction {number} of epoch {of} landed after epoch {epoch} had begun"
                ));
            }
            for statement in &txn.statements {
                self.oracle.execute_batch(statement).unwrap();
            }
            self.oracle.execute_batch("COMMIT").unwrap();
        }
        self.log = log;
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
