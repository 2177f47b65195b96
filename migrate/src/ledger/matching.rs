//! Which row of a ledger speaks of which migration, and how sure that is.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::{Ledger, LedgerRow};
use crate::bundle::{Bundle, Layout, Migration, Millis, sha256_hex};

/// What tied a row to a migration, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MatchedBy {
    Name,
    When,
    Hash,
}

/// What the row's hash says about the file it was matched to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HashSays {
    /// It is the sha256 of the file.
    Same,
    /// It is empty or the tag, as some drivers write it.
    Nothing,
    /// It is the sha256 of the file with other line ends, or with or without a byte-order mark.
    SameButLineEnds,
    /// It is another hash: the file was another when it ran.
    Different,
}

/// One row tied to one migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) entry: usize,
    pub(crate) by: MatchedBy,
    pub(crate) hash: HashSays,
}

/// Every row of a ledger against every migration of a folder.
#[derive(Debug, Clone)]
pub(crate) struct Matching {
    /// For each row, the migration it speaks of.
    pub(crate) rows: Vec<Option<Match>>,
    /// For each migration, the strongest match.
    pub(crate) entries: Vec<Option<Match>>,
    /// Rows that speak of a migration another row speaks of better.
    pub(crate) duplicates: usize,
}

impl Matching {
    pub(crate) fn new(bundle: &Bundle, ledger: &Ledger) -> Self {
        let find = |row| bundle.index.find(row, &bundle.entries);
        let rows: Vec<_> = ledger.rows.iter().map(find).collect();
        let mut entries: Vec<Option<Match>> = vec![None; bundle.entries.len()];
        for found in rows.iter().flatten() {
            let slot = &mut entries[found.entry];
            if slot.is_none_or(|known| found.by < known.by) {
                *slot = Some(*found);
            }
        }
        // Once rows have names, what a row without one ran is no business of the runner's.
        let stale = |found: &Match| {
            ledger.format.has_names() && found.by == MatchedBy::When && found.hash != HashSays::Same
        };
        let said: Vec<_> = rows
            .iter()
            .flatten()
            .filter(|found| !stale(found))
            .collect();
        let distinct: HashSet<_> = said.iter().map(|found| found.entry).collect();
        let duplicates = said.len() - distinct.len();
        Self {
            rows,
            entries,
            duplicates,
        }
    }

    /// The rows that speak of no local migration.
    pub(crate) fn unknown<'a>(&'a self, ledger: &'a Ledger) -> impl Iterator<Item = &'a LedgerRow> {
        ledger
            .rows
            .iter()
            .zip(&self.rows)
            .filter(|(_, found)| found.is_none())
            .map(|(row, _)| row)
    }
}

/// Where to find a migration by what a row says of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    names: HashMap<String, usize>,
    /// Several migrations may share a time.
    times: HashMap<Millis, Vec<usize>>,
    hashes: HashMap<String, usize>,
    /// Folder names carry whole seconds, while a table upgraded from 0.x still has the milliseconds.
    whole_seconds: bool,
}

impl Index {
    pub(crate) fn new(layout: Layout, entries: &[Migration]) -> Self {
        let whole_seconds = layout == Layout::DrizzleFolders;
        let mut index = Self {
            whole_seconds,
            ..Self::default()
        };
        for (at, entry) in entries.iter().enumerate() {
            index.names.entry(entry.tag.clone()).or_insert(at);
            index
                .times
                .entry(index.comparable(entry.when))
                .or_default()
                .push(at);
            index.hashes.entry(entry.hash.clone()).or_insert(at);
        }
        index
    }

    fn comparable(&self, when: Millis) -> Millis {
        match self.whole_seconds {
            true => Millis(when.0.div_euclid(1000) * 1000),
            false => when,
        }
    }

    /// The migration that a row speaks of.
    pub(crate) fn entry_of(&self, row: &LedgerRow, entries: &[Migration]) -> Option<usize> {
        self.place(row, entries).map(|(entry, _)| entry)
    }

    fn find(&self, row: &LedgerRow, entries: &[Migration]) -> Option<Match> {
        let (entry, by) = self.place(row, entries)?;
        let hash = says(&entries[entry], &row.hash);
        Some(Match { entry, by, hash })
    }

    /// A row with a name speaks of that name and of no time, as the 1.0 migrator sees it.
    fn place(&self, row: &LedgerRow, entries: &[Migration]) -> Option<(usize, MatchedBy)> {
        let found = match &row.name {
            Some(name) => self.names.get(name).map(|at| (*at, MatchedBy::Name)),
            None => self.by_time(row, entries).map(|at| (at, MatchedBy::When)),
        };
        // An empty hash is written by several drivers and says nothing. A hash that is only a tag says
        // nothing without its time either: a squash may well call its baseline `0000_init` again.
        found.or_else(|| self.hashes.get(&row.hash).map(|at| (*at, MatchedBy::Hash)))
    }

    /// Where several share the time, the hash decides.
    fn by_time(&self, row: &LedgerRow, entries: &[Migration]) -> Option<usize> {
        let candidates = self.times.get(&self.comparable(row.created_at?))?;
        let same_hash = candidates.iter().find(|at| entries[**at].hash == row.hash);
        same_hash.or(candidates.first()).copied()
    }
}

fn says(entry: &Migration, hash: &str) -> HashSays {
    if hash == entry.hash {
        HashSays::Same
    } else if hash.is_empty() || is_tag(entry, hash) {
        HashSays::Nothing
    } else if other_line_ends(&entry.text).any(|text| sha256_hex(text.as_bytes()) == hash) {
        HashSays::SameButLineEnds
    } else {
        HashSays::Different
    }
}

/// Whether a row has the tag in the place of a hash, also the one from before `drizzle-kit up` gave it a date.
fn is_tag(entry: &Migration, hash: &str) -> bool {
    let name = |tag: &str| tag.split_once('_').map(|(_, name)| name.to_owned());
    let dated = entry.tag.bytes().take_while(u8::is_ascii_digit).count() == 14;
    hash == entry.tag || dated && name(hash).is_some_and(|old| name(&entry.tag) == Some(old))
}

/// What git and editors make of a file without anybody meaning it.
fn other_line_ends(text: &str) -> impl Iterator<Item = String> {
    let unix = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let trimmed = unix.trim_end_matches('\n').to_owned();
    let ends = [unix.clone(), trimmed.clone(), trimmed + "\n"];
    ends.into_iter().flat_map(|text| {
        let windows = text.replace('\n', "\r\n");
        let marked = format!("\u{feff}{text}");
        [text, windows, marked]
    })
}
