//! The main files that are open, by the names that SQLite has for them.
//!
//! A super-journal names the journals of its files, and says nothing else of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ActorId;
use crate::last_error::LastError;

static ROLL: Mutex<BTreeMap<(String, u64), Participant>> = Mutex::new(BTreeMap::new());

/// How SQLite names the journal of a main file.
const JOURNAL: &str = "-journal";

/// Whose a main file is.
#[derive(Debug, Clone)]
pub(crate) struct Participant {
    pub(crate) actor: ActorId,
    pub(crate) last_error: Arc<LastError>,
}

/// A line of the roll; dropping it strikes it out.
#[derive(Debug)]
pub(crate) struct Entry((String, u64));

impl Entry {
    pub(crate) fn new(name: &str, participant: Participant) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let key = (name.to_owned(), NEXT.fetch_add(1, Ordering::Relaxed));
        roll().insert(key.clone(), participant);
        Self(key)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        roll().remove(&self.0);
    }
}

fn roll() -> MutexGuard<'static, BTreeMap<(String, u64), Participant>> {
    // An insert or a removal that panics leaves a map that is still a map.
    ROLL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The open main files of that name.
pub(super) fn of_name(name: &str) -> Vec<Participant> {
    let of_name = (name.to_owned(), 0)..=(name.to_owned(), u64::MAX);
    let roll = roll();
    roll.range(of_name).map(|(_, it)| it.clone()).collect()
}

/// The open main files of whose name SQLite has made that of a journal.
pub(super) fn of_journal(journal: &str) -> Vec<Participant> {
    let name = journal.strip_suffix(JOURNAL);
    name.map(of_name).unwrap_or_default()
}
