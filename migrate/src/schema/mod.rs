//! What a database is made of: its objects, their fingerprint, and how two of them differ.

mod diff;
mod grow;
mod kinds;
#[cfg(test)]
mod laws;
mod level;
mod meaning;
mod model;
mod names;
mod read;
mod shape;
mod table_diff;
#[cfg(test)]
mod tests;
mod tokens;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::bundle::hex;

pub use diff::Difference;
pub(crate) use diff::diff;
pub(crate) use grow::grown;
pub use kinds::DifferenceKind;
pub use level::Level;
use model::{Model, Scratch};
pub(crate) use names::{NAMESPACED, is_runtime, starts_with};
pub(crate) use read::{last_row, read, read_since};
pub(crate) use shape::Shape;

/// What sort of thing an object is. A virtual table is a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A table.
    Table,
    /// An index that somebody named; those of constraints belong to their table.
    Index,
    /// A view.
    View,
    /// A trigger.
    Trigger,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Index => "index",
            Self::View => "view",
            Self::Trigger => "trigger",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One row of `sqlite_schema` that somebody wrote SQL for.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// The table it belongs to: itself, unless it is an index or a trigger.
    pub(crate) table: String,
    pub(crate) sql: String,
    /// sha256 over its tokens: equal for texts that differ in blanks, comments, keyword case and quoting only.
    digest: [u8; 32],
    /// Read when a comparison needs it, and kept: one object serves many comparisons.
    model: OnceLock<Model>,
}

/// What is known of an object follows from its text.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.name, &self.table, &self.sql)
            == (other.kind, &other.name, &other.table, &other.sql)
    }
}

impl Eq for Object {}

impl Object {
    pub(crate) fn new(kind: Kind, name: String, table: String, sql: String) -> Self {
        let digest = Sha256::digest(tokens::strict(kind, &sql).as_bytes()).into();
        Self {
            kind,
            name,
            table,
            sql,
            digest,
            model: OnceLock::new(),
        }
    }

    fn model(&self, scratch: &mut Scratch) -> &Model {
        self.model.get_or_init(|| Model::of(self, scratch))
    }

    pub(crate) fn key(&self) -> Key {
        Key::new(self.kind, &self.name)
    }

    /// Whether both texts are the same tokens.
    pub(crate) fn same_tokens(&self, other: &Self) -> bool {
        self.kind == other.kind && self.digest == other.digest
    }

    pub(crate) fn is_virtual(&self) -> bool {
        let head = self.sql.get(..14).unwrap_or_default();
        self.kind == Kind::Table && head.eq_ignore_ascii_case("CREATE VIRTUAL")
    }
}

/// How SQLite tells objects apart: names are compared without ASCII case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_ascii_lowercase(),
        }
    }
}

/// An object and its place in the order of creation, which is the order in which triggers fire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) row: i64,
    pub(crate) object: Arc<Object>,
}

/// A canonical hash of a schema: sha256 in hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(digit).collect();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        let wrong = || serde::de::Error::custom("a fingerprint is 64 hexadecimal digits");
        bytes.map(Self).ok_or_else(wrong)
    }
}

/// The objects of one database that its migrations answer for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Schema {
    objects: BTreeMap<Key, Entry>,
    /// Runtime tables, ledgers and what belongs to them: nobody's drift.
    aside: Vec<Arc<Object>>,
}

impl Schema {
    pub(crate) fn insert(&mut self, entry: Entry) {
        self.objects.insert(entry.object.key(), entry);
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        self.objects.remove(key);
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Object>> {
        self.objects.get(key).map(|entry| &entry.object)
    }

    pub(crate) fn entry(&self, key: &Key) -> Option<&Entry> {
        self.objects.get(key)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.objects.iter()
    }

    pub(crate) fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.values().map(|entry| &entry.object)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The table or view called `name` among what is set aside.
    pub(crate) fn ledger_object(&self, name: &str) -> Option<&Arc<Object>> {
        let named = |object: &&Arc<Object>| object.name.eq_ignore_ascii_case(name);
        self.aside
            .iter()
            .find(|object| matches!(object.kind, Kind::Table | Kind::View) && named(object))
    }

    /// Other migrations tables in the same file: their actors own objects we know nothing of.
    pub(crate) fn other_ledgers(&self, own: &str) -> impl Iterator<Item = &str> {
        let ledgers = self
            .aside
            .iter()
            .filter(|object| names::looks_like_ledger(object));
        let names = ledgers.map(|object| object.name.as_str());
        names.filter(move |name| !name.eq_ignore_ascii_case(own))
    }

    /// Every ordinary table, runtime tables included, but `ledger` and our own.
    pub(crate) fn plain_tables(&self, ledger: &str) -> impl Iterator<Item = &str> {
        let all = self.objects().chain(&self.aside);
        let plain = all.filter(|object| object.kind == Kind::Table && !object.is_virtual());
        let names = plain.map(|object| object.name.as_str());
        names.filter(move |name| !name.eq_ignore_ascii_case(ledger) && !names::is_own(name))
    }

    /// Sets aside the objects whose table (in lower case) is somebody else's.
    pub(crate) fn set_aside(&mut self, strange: impl Fn(&str) -> bool) {
        let all = std::mem::take(&mut self.objects).into_iter();
        let (aside, ours): (Vec<_>, Vec<_>) =
            all.partition(|(_, entry)| strange(&entry.object.table.to_ascii_lowercase()));
        self.objects.extend(ours);
        self.aside
            .extend(aside.into_iter().map(|(_, entry)| entry.object));
    }

    /// The hash over every object's tokens, and over the order of triggers where a table has several.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let mut hasher = Sha256::new_with_prefix(b"actor-migrate schema 1\n");
        for (key, entry) in &self.objects {
            hasher.update(key.kind.as_str().as_bytes());
            hasher.update(entry.object.digest);
        }
        for (table, triggers) in self.trigger_order() {
            hasher.update(format!("order {table:?} {triggers:?}\n").as_bytes());
        }
        Fingerprint(hasher.finalize().into())
    }

    /// For each table with several triggers, their names in the order of creation.
    pub(crate) fn trigger_order(&self) -> BTreeMap<String, Vec<String>> {
        let mut triggers: Vec<_> = self
            .objects
            .values()
            .filter(|entry| entry.object.kind == Kind::Trigger)
            .collect();
        triggers.sort_by_key(|entry| entry.row);
        let mut order: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in triggers {
            let names = order
                .entry(entry.object.table.to_ascii_lowercase())
                .or_default();
            names.push(entry.object.name.to_ascii_lowercase());
        }
        order.retain(|_, names| names.len() > 1);
        order
    }
}
