//! Records that are damaged behind the store's back: whoever reads them hears of it, or reads what
//! was committed. Never anything else.

use std::ops::Range;

use actor_vfs::engines::MemoryEngine;
use actor_vfs::kv::{Batch, Engine, Entry};

use crate::plain::{log_of, stored};
use crate::tally::Event;
use crate::world::World;

/// What happens to a record.
#[derive(Debug, Clone, Copy)]
enum Harm {
    /// It is gone.
    Missing,
    /// One bit of it is another.
    Flipped,
    /// It is that of another page.
    Swapped,
    /// It is an older version of its page. What an attempt at the same commit had stored under the
    /// same key, before it failed and was swept, would pass for the page: the sum of all tells.
    Stale,
    /// One bit of a head is another.
    Head,
}

const HARMS: [Harm; 5] = [
    Harm::Missing,
    Harm::Flipped,
    Harm::Swapped,
    Harm::Stale,
    Harm::Head,
];
/// Where the records of pages and of heads are, and which part of a key names the page: see
/// `vfs/FORMAT.md`.
const PAGES: Range<&[u8]> = b"P"..b"Q";
const HEADS: Range<&[u8]> = b"H"..b"I";
const PAGE_IN_KEY: Range<usize> = 0..21;

impl World {
    /// Damages one record, and holds what is read then against what was there.
    pub(crate) fn damage(&mut self) -> Result<(), String> {
        let harm = *self.rng.pick(&HARMS);
        let Some((key, record)) = self.harmed(harm) else {
            return Ok(());
        };
        let mut batch = Batch::new();
        match record {
            Some(record) => batch.put(key, record),
            None => batch.delete(key),
        }
        self.memory.commit(&batch).map_err(|it| it.to_string())?;
        self.tell(|| format!("a record is damaged: {harm:?}"));
        let scrub = self.truth.scrub().map_err(|it| it.to_string())?;
        if scrub.is_clean() {
            return Err(format!("{harm:?} goes unnoticed by a scrub"));
        }
        let mut noticed = false;
        for a in 0..self.subjects.len() {
            noticed |= self
                .notices(a)
                .map_err(|what| format!("{harm:?}: {what}"))?;
        }
        if !noticed {
            return Err(format!("{harm:?} goes unnoticed by readers"));
        }
        self.tally.count(Event::Damaged);
        Ok(())
    }

    /// The key of a record, and what it becomes, if there is one that may be harmed so.
    fn harmed(&mut self, harm: Harm) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let heads = entries(&self.memory, HEADS);
        // What a crash has left and nobody can see may be damaged as it likes.
        if heads.is_empty() || !self.all_is_visible() {
            return None;
        }
        let (head, found) = self.rng.pick(&heads).clone();
        let entries = match harm {
            Harm::Head => vec![(head, found)],
            _ => pages_of(&self.memory, &found),
        };
        if entries.is_empty() {
            return None;
        }
        let (key, mut record) = self.rng.pick(&entries).clone();
        let page = &key[..PAGE_IN_KEY.end.min(key.len())];
        let record = match harm {
            Harm::Missing => return Some((key, None)),
            Harm::Flipped | Harm::Head => {
                let at = self.rng.index(record.len());
                record[at] ^= 1 << self.rng.below(8);
                record
            }
            Harm::Swapped => self.rng.pick(&entries).1.clone(),
            Harm::Stale => {
                let mut former = entries_of_page(&self.former, page)?;
                former.retain(|(former, _)| *former != key);
                if former.is_empty() {
                    return None;
                }
                self.rng.pick(&former).1.clone()
            }
        };
        let is_new = entries
            .iter()
            .all(|entry| *entry != (key.clone(), record.clone()));
        is_new.then_some((key, Some(record)))
    }

    fn all_is_visible(&self) -> bool {
        let info = |a: usize| self.truth.info(&self.subjects[a].id);
        let pages = (0..self.subjects.len()).filter_map(|a| info(a).ok());
        let pages: u64 = pages.map(|info| u64::from(info.pages.get())).sum();
        entries(&self.memory, PAGES).len() as u64 == pages
    }

    /// Whether readers of an actor hear of damage. They may not read anything else than before.
    fn notices(&mut self, a: usize) -> Result<bool, String> {
        let subject = &self.subjects[a];
        let read = stored(&self.truth, &subject.id);
        let seen = subject.model.seen().map(|seen| &**seen);
        if read.as_ref().is_ok_and(|read| read.as_ref() != seen) {
            return Err("a snapshot shows other pages".into());
        }
        if !subject.model.is_founded() {
            return Ok(read.is_err());
        }
        let snapshot = self.truth.snapshot(&subject.id);
        let log = snapshot.map(|it| it.connect().map(|live| log_of(&live)));
        if let Ok(Ok(Ok(log))) = log
            && log != subject.model.log()
        {
            return Err(format!("a reader sees {log:?}"));
        }
        let owned = self.truth.open(&subject.id);
        if let Ok(live) = owned.and_then(|actor| self.setup.connect(&actor))
            && let Ok(log) = log_of(&live)
            && log != subject.model.log()
        {
            return Err(format!("an owner sees {log:?}"));
        }
        Ok(read.is_err())
    }
}

/// The records of the pages of the actor with that head. Names of images are random, so their
/// order is another one in each run.
fn pages_of(engine: &MemoryEngine, head: &[u8]) -> Vec<Entry> {
    let mut entries = entries(engine, PAGES);
    let names = |key: &[u8]| head.windows(16).any(|part| part == &key[1..17]);
    entries.retain(|(key, _)| names(key));
    entries
}

fn entries(engine: &MemoryEngine, range: Range<&[u8]>) -> Vec<Entry> {
    engine.snapshot().unwrap().scan(range, usize::MAX).unwrap()
}

/// The records of a page, if there are any.
fn entries_of_page(engine: &MemoryEngine, page: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = entries(engine, PAGES);
    entries.retain(|(key, _)| key.starts_with(page));
    (!entries.is_empty()).then_some(entries)
}
