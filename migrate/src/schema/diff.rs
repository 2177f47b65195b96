//! How two schemas differ, object by object, with the text of both sides.

use std::fmt;

use serde::Serialize;

use super::{Kind, Object, Schema};

/// What sort of difference it is. The names are stable: acknowledgements use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DifferenceKind {
    /// An expected table is not there.
    TableMissing,
    /// A table that no migration made.
    TableExtra,
    /// A table is defined otherwise in a way that has no name of its own.
    TableChanged,
    /// An expected index is not there.
    IndexMissing,
    /// An index that no migration made.
    IndexExtra,
    /// An index is defined otherwise.
    IndexChanged,
    /// An expected view is not there.
    ViewMissing,
    /// A view that no migration made.
    ViewExtra,
    /// A view is defined otherwise.
    ViewChanged,
    /// An expected trigger is not there.
    TriggerMissing,
    /// A trigger that no migration made.
    TriggerExtra,
    /// A trigger is defined otherwise.
    TriggerChanged,
    /// The triggers of a table were created in another order.
    TriggerOrder,
}

impl DifferenceKind {
    /// The name in JSON and in acknowledgements.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TableMissing => "table-missing",
            Self::TableExtra => "table-extra",
            Self::TableChanged => "table-changed",
            Self::IndexMissing => "index-missing",
            Self::IndexExtra => "index-extra",
            Self::IndexChanged => "index-changed",
            Self::ViewMissing => "view-missing",
            Self::ViewExtra => "view-extra",
            Self::ViewChanged => "view-changed",
            Self::TriggerMissing => "trigger-missing",
            Self::TriggerExtra => "trigger-extra",
            Self::TriggerChanged => "trigger-changed",
            Self::TriggerOrder => "trigger-order",
        }
    }

    /// Whether a person may accept it: nothing that the application relies on is missing or altered.
    #[must_use]
    pub fn acceptable(self) -> bool {
        matches!(
            self,
            Self::TableExtra | Self::IndexExtra | Self::ViewExtra | Self::TriggerOrder
        )
    }

    /// Whether something expected is simply not there.
    #[must_use]
    pub fn is_missing(self) -> bool {
        matches!(
            self,
            Self::TableMissing | Self::IndexMissing | Self::ViewMissing | Self::TriggerMissing
        )
    }
}

impl fmt::Display for DifferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

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
    fn new(
        kind: DifferenceKind,
        object: &str,
        expected: Option<&str>,
        found: Option<&str>,
    ) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (expected, found) = (owned(expected), owned(found));
        Self {
            kind,
            object: object.to_owned(),
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
    let mut differences = Vec::new();
    for object in expected.objects() {
        match found.get(&object.key()) {
            Some(live) => compare(object, live, &mut differences),
            None => differences.push(missing(object)),
        }
    }
    let extra = found
        .objects()
        .filter(|object| expected.get(&object.key()).is_none());
    differences.extend(extra.map(|object| surplus(object)));
    trigger_order(expected, found, &mut differences);
    differences.sort();
    differences
}

fn compare(expected: &Object, found: &Object, differences: &mut Vec<Difference>) {
    if expected.same_tokens(found) {
        return;
    }
    let kind = match expected.kind {
        Kind::Table => DifferenceKind::TableChanged,
        Kind::Index => DifferenceKind::IndexChanged,
        Kind::View => DifferenceKind::ViewChanged,
        Kind::Trigger => DifferenceKind::TriggerChanged,
    };
    let texts = (Some(expected.sql.as_str()), Some(found.sql.as_str()));
    differences.push(Difference::new(kind, &expected.name, texts.0, texts.1));
}

fn missing(object: &Object) -> Difference {
    let kind = match object.kind {
        Kind::Table => DifferenceKind::TableMissing,
        Kind::Index => DifferenceKind::IndexMissing,
        Kind::View => DifferenceKind::ViewMissing,
        Kind::Trigger => DifferenceKind::TriggerMissing,
    };
    Difference::new(kind, &object.name, Some(&object.sql), None)
}

fn surplus(object: &Object) -> Difference {
    let kind = match object.kind {
        Kind::Table => DifferenceKind::TableExtra,
        Kind::Index => DifferenceKind::IndexExtra,
        Kind::View => DifferenceKind::ViewExtra,
        Kind::Trigger => DifferenceKind::TriggerExtra,
    };
    Difference::new(kind, &object.name, None, Some(&object.sql))
}

/// Reported only where both sides have the same triggers.
fn trigger_order(expected: &Schema, found: &Schema, differences: &mut Vec<Difference>) {
    let live = found.trigger_order();
    for (table, names) in expected.trigger_order() {
        let Some(other) = live.get(&table).filter(|other| **other != names) else {
            continue;
        };
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        if sorted(other) == sorted(&names) {
            let texts = (names.join(", "), other.join(", "));
            let kind = DifferenceKind::TriggerOrder;
            differences.push(Difference::new(
                kind,
                &table,
                Some(&texts.0),
                Some(&texts.1),
            ));
        }
    }
}
