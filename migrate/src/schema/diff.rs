//! How two schemas differ, object by object, with the text of both sides.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::kinds::DifferenceKind;
use super::meaning::{Meaning, Meanings};
use super::{Key, Kind, Object, Schema, table_diff};

/// One difference between the expected schema and the live one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// What sort.
    pub kind: DifferenceKind,
    /// The object, or the table and column.
    pub object: String,
    /// How the migrations make it.
    pub expected: Option<String>,
    /// How the actor has it.
    pub found: Option<String>,
    /// Whether a person has accepted it before.
    pub acknowledged: bool,
}

impl Difference {
    pub(super) fn new(
        kind: DifferenceKind,
        object: impl Into<String>,
        expected: Option<String>,
        found: Option<String>,
    ) -> Self {
        Self {
            kind,
            object: object.into(),
            expected,
            found,
            acknowledged: false,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.object)
    }
}

/// What it would take to call `found` by the name of `expected`; empty when they mean the same.
pub(crate) fn diff(expected: &Schema, found: &Schema) -> Vec<Difference> {
    let mut comparison = Comparison {
        expected,
        found,
        left: Meanings::of(expected),
        right: Meanings::of(found),
        settled: BTreeSet::new(),
        differences: Vec::new(),
    };
    comparison.indexes_by_another_name();
    for object in expected.objects() {
        comparison.object(object);
    }
    for object in found.objects() {
        comparison.surplus(object);
    }
    comparison.trigger_order();
    comparison.differences.sort();
    comparison.differences
}

/// What belongs to a table that is not there is not reported beside it.
fn lacks_its_table(schema: &Schema, object: &Object) -> bool {
    let table = |kind| schema.get(&Key::new(kind, &object.table));
    matches!(object.kind, Kind::Index | Kind::Trigger)
        && table(Kind::Table).is_none()
        && table(Kind::View).is_none()
}

pub(super) struct Comparison<'a> {
    expected: &'a Schema,
    found: &'a Schema,
    pub(super) left: Meanings,
    pub(super) right: Meanings,
    /// Indexes that another difference has accounted for.
    settled: BTreeSet<Key>,
    pub(super) differences: Vec<Difference>,
}

impl Comparison<'_> {
    fn object(&mut self, object: &Object) {
        let key = object.key();
        match self.found.get(&key) {
            Some(live)
                if object.same_tokens(live) || self.left.get(&key) == self.right.get(&key) => {}
            Some(live) => self.changed(object, live),
            None if self.settled.contains(&key) || lacks_its_table(self.found, object) => {}
            None => self.missing(object),
        }
    }

    fn push(
        &mut self,
        kind: DifferenceKind,
        name: &str,
        expected: Option<&str>,
        found: Option<&str>,
    ) {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        self.differences
            .push(Difference::new(kind, name, owned(expected), owned(found)));
    }

    fn changed(&mut self, object: &Object, live: &Object) {
        let key = object.key();
        if let (Some(Meaning::Table(left)), Some(Meaning::Table(right))) =
            (self.left.get(&key), self.right.get(&key))
        {
            let (left, right) = (left.clone(), right.clone());
            let before = self.differences.len();
            let stand_ins = table_diff::uniques(self, &left, &right);
            self.settled.extend(stand_ins);
            table_diff::compare(&left, &right, &mut self.differences);
            if self.differences.len() > before {
                return;
            }
        }
        let kind = match object.kind {
            Kind::Table => DifferenceKind::TableChanged,
            Kind::Index => DifferenceKind::IndexChanged,
            Kind::View => DifferenceKind::ViewChanged,
            Kind::Trigger => DifferenceKind::TriggerChanged,
        };
        self.push(kind, &object.name, Some(&object.sql), Some(&live.sql));
    }

    fn missing(&mut self, object: &Object) {
        let kind = match object.kind {
            Kind::Table => DifferenceKind::TableMissing,
            Kind::Index => DifferenceKind::IndexMissing,
            Kind::View => DifferenceKind::ViewMissing,
            Kind::Trigger => DifferenceKind::TriggerMissing,
        };
        self.push(kind, &object.name, Some(&object.sql), None);
    }

    fn surplus(&mut self, object: &Object) {
        let key = object.key();
        let known = self.expected.get(&key).is_some() || self.settled.contains(&key);
        if known || lacks_its_table(self.expected, object) {
            return;
        }
        let unique = self.right.index(&key).is_none_or(|index| index.unique);
        let kind = match object.kind {
            Kind::Table => DifferenceKind::TableExtra,
            Kind::Index if unique => DifferenceKind::UniqueIndexExtra,
            Kind::Index => DifferenceKind::IndexExtra,
            Kind::View => DifferenceKind::ViewExtra,
            Kind::Trigger => DifferenceKind::TriggerExtra,
        };
        self.push(kind, &object.name, None, Some(&object.sql));
    }

    /// An index that is missing here and one that is extra there may be the same.
    fn indexes_by_another_name(&mut self) {
        let only_in = |one: &Schema, other: &Schema| -> Vec<_> {
            let objects = one.objects().filter(|object| object.kind == Kind::Index);
            objects
                .filter(|object| other.get(&object.key()).is_none())
                .cloned()
                .collect()
        };
        let mut extra = only_in(self.found, self.expected);
        for object in only_in(self.expected, self.found) {
            let Some(index) = self.left.index(&object.key()) else {
                continue;
            };
            let same =
                |other: &std::sync::Arc<Object>| self.right.index(&other.key()) == Some(index);
            let Some(at) = extra.iter().position(same) else {
                continue;
            };
            let live = extra.swap_remove(at);
            self.settled.extend([object.key(), live.key()]);
            self.push(
                DifferenceKind::IndexName,
                &object.name,
                Some(&object.sql),
                Some(&live.sql),
            );
        }
    }

    /// The named unique indexes of `table` that only `in_expected` (or only the live schema) has.
    pub(super) fn lone_unique_indexes(&self, table: &str, in_expected: bool) -> Vec<Key> {
        let (one, other, meanings) = match in_expected {
            true => (self.expected, self.found, &self.left),
            false => (self.found, self.expected, &self.right),
        };
        let unsettled = |key: &Key| other.get(key).is_none() && !self.settled.contains(key);
        let of_table = |key: &Key| {
            meanings
                .index(key)
                .is_some_and(|index| index.table == table)
        };
        let keys = one.objects().map(|object| object.key());
        keys.filter(|key| unsettled(key) && of_table(key)).collect()
    }

    /// Reported only where both sides have the same triggers.
    fn trigger_order(&mut self) {
        let live = self.found.trigger_order();
        for (table, names) in self.expected.trigger_order() {
            let Some(other) = live.get(&table).filter(|other| **other != names) else {
                continue;
            };
            let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
            if set(other) == set(&names) {
                let texts = (names.join(", "), other.join(", "));
                self.push(
                    DifferenceKind::TriggerOrder,
                    &table,
                    Some(&texts.0),
                    Some(&texts.1),
                );
            }
        }
    }
}
