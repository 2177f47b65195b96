//! What a squash makes of the files of a folder. Takes files, returns files: no I/O.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::archive::Files;
use crate::bundle::{Bundle, Layout, Migration};
use crate::error::{MigrateError, SquashError};

/// The journal of a 0.x folder, from the folder.
pub(super) const JOURNAL: &str = "meta/_journal.json";
/// The module that drizzle-kit writes for drivers which bundle migrations.
pub(super) const MODULE: &str = "migrations.js";

/// What drizzle-kit gives the first snapshot as its parent.
const ROOT: &str = "00000000-0000-0000-0000-000000000000";

/// New contents by path; `None` is a file that goes.
pub(super) type Changes = BTreeMap<String, Option<Vec<u8>>>;

/// The old folder and what takes the place of its first `count` migrations.
pub(super) struct Squashed<'a> {
    pub(super) bundle: &'a Bundle,
    pub(super) count: usize,
    /// What a migrations folder of this layout consists of, by path.
    pub(super) files: &'a Files,
    pub(super) tag: &'a str,
    pub(super) text: &'a str,
}

/// The file of a migration, from the folder.
pub(super) fn sql_path(layout: Layout, tag: &str) -> String {
    match layout {
        Layout::DrizzleFolders => format!("{tag}/migration.sql"),
        Layout::DrizzleJournal | Layout::PlainFiles => format!("{tag}.sql"),
    }
}

/// Where drizzle-kit keeps the snapshot of a migration, from the folder.
pub(super) fn snapshot_path(layout: Layout, tag: &str) -> Option<String> {
    match layout {
        Layout::DrizzleFolders => Some(format!("{tag}/snapshot.json")),
        Layout::DrizzleJournal => {
            let (prefix, _) = tag.split_once('_')?;
            Some(format!("meta/{prefix}_snapshot.json"))
        }
        Layout::PlainFiles => None,
    }
}

impl Squashed<'_> {
    /// What becomes of the folder's files.
    pub(super) fn changes(&self) -> Result<Changes, MigrateError> {
        let mut changes = Changes::new();
        let layout = self.bundle.layout;
        let old = self.replaced().map(|entry| entry.tag.as_str());
        let gone = |path: &&String| old.clone().any(|tag| self.belongs(path, tag));
        changes.extend(
            self.files
                .keys()
                .filter(gone)
                .map(|path| (path.clone(), None)),
        );
        let text = self.text.as_bytes().to_vec();
        changes.insert(sql_path(layout, self.tag), Some(text));
        self.snapshots(&mut changes)?;
        if layout == Layout::DrizzleJournal {
            changes.insert(JOURNAL.to_owned(), Some(self.journal()?));
        }
        if let Some(module) = self.files.get(MODULE) {
            let module = self.module(&String::from_utf8_lossy(module));
            changes.insert(MODULE.to_owned(), Some(module.into_bytes()));
        }
        Ok(changes)
    }

    fn replaced(&self) -> impl Iterator<Item = &Migration> + Clone {
        self.bundle.entries[..self.count].iter()
    }

    fn kept(&self) -> &[Migration] {
        &self.bundle.entries[self.count..]
    }

    /// Whether a file is of the migration `tag` alone.
    fn belongs(&self, path: &str, tag: &str) -> bool {
        let layout = self.bundle.layout;
        if layout == Layout::DrizzleFolders {
            return path
                .strip_prefix(tag)
                .is_some_and(|rest| rest.starts_with('/'));
        }
        let of = |tag: &str| snapshot_path(layout, tag).is_some_and(|it| it == path);
        let shared = self.kept().iter().any(|entry| of(&entry.tag));
        path == sql_path(layout, tag) || (of(tag) && !shared)
    }

    /// The baseline's snapshot is that of the last migration it replaced, as a root. Its id stays, so that
    /// later snapshots find their parent.
    fn snapshots(&self, changes: &mut Changes) -> Result<(), MigrateError> {
        let layout = self.bundle.layout;
        let snapshot = |tag: &str| {
            let path = snapshot_path(layout, tag)?;
            Some((path.clone(), self.files.get(&path)?))
        };
        let last = self.replaced().last().and_then(|last| snapshot(&last.tag));
        let (Some((path, last)), Some(new)) = (last, snapshot_path(layout, self.tag)) else {
            return Ok(());
        };
        let (text, root) = rooted(&path, last)?;
        changes.insert(new, Some(text.into_bytes()));
        let ids = self.replaced().filter_map(|entry| snapshot(&entry.tag));
        let ids: BTreeSet<_> = ids.filter_map(|(_, bytes)| id_of(bytes)).collect();
        for (path, bytes) in self.kept().iter().filter_map(|entry| snapshot(&entry.tag)) {
            if let Some(text) = reparented(&path, bytes, &ids, &root)? {
                changes.insert(path, Some(text.into_bytes()));
            }
        }
        Ok(())
    }

    /// The journal with the baseline in front. What is kept keeps its number too: drizzle-kit names the next
    /// files by the last number, and a snapshot that sorts before an older one would be taken for the older.
    fn journal(&self) -> Result<Vec<u8>, MigrateError> {
        let bytes = self
            .files
            .get(JOURNAL)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut journal: Journal = parse(JOURNAL, bytes)?;
        let kept = journal
            .entries
            .split_off(self.count.min(journal.entries.len()));
        let Some(last) = journal.entries.pop() else {
            let (what, reason) = (JOURNAL.to_owned(), "it lists nothing".to_owned());
            return Err(SquashError::Unfit { what, reason }.into());
        };
        let first = journal.entries.first().map_or(0, |first| first.idx);
        let baseline = Entry {
            idx: first,
            tag: self.tag.to_owned(),
            ..last
        };
        journal.entries = std::iter::once(baseline).chain(kept).collect();
        pretty(&journal).map(String::into_bytes)
    }

    /// drizzle-kit's own module for what is left, under the comments that the old one began with.
    fn module(&self, old: &str) -> String {
        let comments = old.lines().take_while(|line| line.starts_with("//"));
        let mut text: String = comments.map(|line| format!("{line}\n")).collect();
        let kept = self
            .kept()
            .iter()
            .map(|entry| (entry.idx, entry.tag.as_str()));
        let first = self.bundle.entries.first().map_or(0, |first| first.idx);
        let all: Vec<_> = std::iter::once((first, self.tag)).chain(kept).collect();
        let layout = self.bundle.layout;
        if layout == Layout::DrizzleJournal {
            text.push_str("import journal from './meta/_journal.json';\n");
        }
        let (mut imports, mut names) = (String::new(), Vec::new());
        for (at, (idx, tag)) in all.into_iter().enumerate() {
            let number = if layout == Layout::DrizzleJournal {
                idx
            } else {
                at as u64
            };
            let path = sql_path(layout, tag);
            imports.push_str(&format!("import m{number:04} from './{path}';\n"));
            names.push(match layout {
                Layout::DrizzleJournal => format!("m{number:04}"),
                _ => format!("\"{tag}\": m{number:04}"),
            });
        }
        let names = names.join(",\n");
        let journal = if layout == Layout::DrizzleJournal {
            "    journal,\n"
        } else {
            ""
        };
        format!(
            "{text}{imports}\n  export default {{\n{journal}    migrations: {{\n      {names}\n    }}\n  }}\n  "
        )
    }
}

/// A journal with whatever else stands in it.
#[derive(Serialize, Deserialize)]
struct Journal {
    version: Value,
    dialect: Value,
    entries: Vec<Entry>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    idx: u64,
    #[serde(default = "entry_version")]
    version: Value,
    when: Value,
    tag: String,
    #[serde(flatten)]
    more: Map<String, Value>,
}

fn entry_version() -> Value {
    json!("6")
}

fn id_of(snapshot: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(snapshot).ok()?;
    Some(value.get("id")?.as_str()?.to_owned())
}

/// A snapshot without parents, and its id.
fn rooted(path: &str, bytes: &[u8]) -> Result<(String, String), MigrateError> {
    let snapshot: Map<String, Value> = parse(path, bytes)?;
    let id = snapshot
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let text = match snapshot.contains_key("prevIds") {
        true => replaced(bytes, snapshot, "prevIds", json!([ROOT]))?,
        false => replaced(bytes, snapshot, "prevId", json!(ROOT))?,
    };
    Ok((text, id))
}

/// A kept snapshot whose parents were replaced gets the baseline for a parent; `None` if it needs no change.
fn reparented(
    path: &str,
    bytes: &[u8],
    gone: &BTreeSet<String>,
    root: &str,
) -> Result<Option<String>, MigrateError> {
    let snapshot: Map<String, Value> = parse(path, bytes)?;
    let Some(Value::Array(parents)) = snapshot.get("prevIds") else {
        return Ok(None);
    };
    let names = parents.iter().filter_map(Value::as_str);
    let new: BTreeSet<_> = names
        .map(|id| if gone.contains(id) { root } else { id })
        .collect();
    let old: BTreeSet<_> = parents.iter().filter_map(Value::as_str).collect();
    if new == old {
        return Ok(None);
    }
    let new = json!(new);
    replaced(bytes, snapshot, "prevIds", new).map(Some)
}

/// The text of a snapshot with another value of `field`. Everything else keeps its place, because
/// drizzle-kit's order is for people to read.
fn replaced(
    bytes: &[u8],
    mut snapshot: Map<String, Value>,
    field: &str,
    value: Value,
) -> Result<String, MigrateError> {
    let text = String::from_utf8_lossy(bytes);
    let begin = text
        .find(&format!("\"{field}\""))
        .map(|at| at + field.len() + 2);
    let begin = begin.and_then(|at| Some(at + text[at..].find(':')? + 1));
    let end =
        begin.and_then(|at| Some(at + text[at..].find(if value.is_array() { ']' } else { ',' })?));
    snapshot.insert(field.to_owned(), value.clone());
    if let (Some(begin), Some(end)) = (begin, end) {
        let end = end + usize::from(value.is_array());
        let laid_out = pretty(&value)?.trim_end().replace('\n', "\n  ");
        let text = format!("{} {laid_out}{}", &text[..begin], &text[end..]);
        if serde_json::from_str::<Map<String, Value>>(&text).is_ok_and(|found| found == snapshot) {
            return Ok(text);
        }
    }
    pretty(&snapshot)
}

fn parse<T: for<'a> Deserialize<'a>>(path: &str, bytes: &[u8]) -> Result<T, MigrateError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let (path, reason) = (path.to_owned(), error.to_string());
        SquashError::Unfit { what: path, reason }.into()
    })
}

fn pretty<T: Serialize>(value: &T) -> Result<String, MigrateError> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n")
        .map_err(|error| MigrateError::Bug {
            what: format!("JSON cannot be written: {error}"),
        })
}
