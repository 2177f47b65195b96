//! How two tables of one name differ, property by property.

use std::collections::BTreeSet;

use super::Key;
use super::diff::{Comparison, Difference};
use super::kinds::DifferenceKind;
use super::model::{Check, Column, Conflict, ForeignKey, Part, PrimaryKey, Table, Unique};

/// Everything but UNIQUE, which [`uniques`] compares because indexes may stand in for it.
pub(super) fn compare(expected: &Table, found: &Table, differences: &mut Vec<Difference>) {
    columns(expected, found, differences);
    let options = (show_options(expected), show_options(found));
    push_if(
        differences,
        DifferenceKind::TableOptions,
        &expected.name,
        options.0,
        options.1,
    );
    primary_key(expected, found, differences);
    checks(expected, found, differences);
    foreign_keys(expected, found, differences);
}

fn push_if(
    differences: &mut Vec<Difference>,
    kind: DifferenceKind,
    object: &str,
    expected: String,
    found: String,
) {
    if expected != found {
        differences.push(Difference::new(kind, object, Some(expected), Some(found)));
    }
}

fn columns(expected: &Table, found: &Table, differences: &mut Vec<Difference>) {
    for column in &expected.columns {
        let object = format!("{}.{}", expected.name, column.name);
        match found.column(&column.name) {
            Some(live) => compare_column(expected, column, live, &object, differences),
            None => {
                let text = Some(show_column(column));
                differences.push(Difference::new(
                    DifferenceKind::ColumnMissing,
                    object,
                    text,
                    None,
                ));
            }
        }
    }
    for column in found
        .columns
        .iter()
        .filter(|column| expected.column(&column.name).is_none())
    {
        let object = format!("{}.{}", expected.name, column.name);
        let text = Some(show_column(column));
        differences.push(Difference::new(
            DifferenceKind::ColumnExtra,
            object,
            None,
            text,
        ));
    }
    let order = (shared_order(expected, found), shared_order(found, expected));
    push_if(
        differences,
        DifferenceKind::ColumnOrder,
        &expected.name,
        order.0,
        order.1,
    );
}

/// The columns that both tables have, in the order of `one`.
fn shared_order(one: &Table, other: &Table) -> String {
    let shared = one
        .columns
        .iter()
        .filter(|column| other.column(&column.name).is_some());
    let names: Vec<_> = shared
        .map(|column| column.name.to_ascii_lowercase())
        .collect();
    names.join(", ")
}

fn compare_column(
    table: &Table,
    expected: &Column,
    found: &Column,
    object: &str,
    differences: &mut Vec<Difference>,
) {
    use DifferenceKind as Kind;
    let mut check =
        |kind, left: String, right: String| push_if(differences, kind, object, left, right);
    check(
        Kind::ColumnNameCase,
        expected.name.clone(),
        found.name.clone(),
    );
    let spelled = (expected.declared.clone(), found.declared.clone());
    let same_storage = !table.strict
        && !table
            .key_columns()
            .contains(&expected.name.to_ascii_lowercase())
        && affinity(&expected.declared) == affinity(&found.declared);
    let kind = if same_storage {
        Kind::ColumnTypeSpelling
    } else {
        Kind::ColumnType
    };
    check(kind, spelled.0, spelled.1);
    check(
        Kind::ColumnNotNull,
        show_not_null(expected),
        show_not_null(found),
    );
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    check(
        Kind::ColumnDefault,
        text(&expected.default),
        text(&found.default),
    );
    let collation = |column: &Column| {
        column
            .collation
            .clone()
            .unwrap_or_else(|| "BINARY".to_owned())
    };
    check(Kind::ColumnCollation, collation(expected), collation(found));
    check(
        Kind::ColumnGenerated,
        show_generated(expected),
        show_generated(found),
    );
}

/// <https://sqlite.org/datatype3.html#determination_of_column_affinity>
fn affinity(declared: &str) -> &'static str {
    let has = |part: &str| declared.contains(part);
    if has("INT") {
        "INTEGER"
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        "TEXT"
    } else if has("BLOB") || declared.is_empty() {
        "BLOB"
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        "REAL"
    } else {
        "NUMERIC"
    }
}

fn primary_key(expected: &Table, found: &Table, differences: &mut Vec<Difference>) {
    let counts = |table: &Table| {
        table
            .primary_key
            .as_ref()
            .is_some_and(|key| key.autoincrement)
    };
    let plain = |table: &Table| {
        let key = table.primary_key.clone();
        key.map_or("none".to_owned(), |key| {
            show_key(&PrimaryKey {
                autoincrement: false,
                ..key
            })
        })
    };
    push_if(
        differences,
        DifferenceKind::PrimaryKey,
        &expected.name,
        plain(expected),
        plain(found),
    );
    let kind = match (counts(expected), counts(found)) {
        (true, false) => DifferenceKind::AutoincrementMissing,
        (false, true) => DifferenceKind::AutoincrementExtra,
        _ => return,
    };
    let show = |counts: bool| if counts { "AUTOINCREMENT" } else { "none" }.to_owned();
    push_if(
        differences,
        kind,
        &expected.name,
        show(counts(expected)),
        show(counts(found)),
    );
}

/// Compares UNIQUE constraints, and says which indexes of the other side take their place.
pub(super) fn uniques(
    comparison: &mut Comparison<'_>,
    expected: &Table,
    found: &Table,
) -> BTreeSet<Key> {
    let mut settled = BTreeSet::new();
    let lacking: Vec<_> = expected
        .uniques
        .difference(&found.uniques)
        .cloned()
        .collect();
    let surplus: Vec<_> = found
        .uniques
        .difference(&expected.uniques)
        .cloned()
        .collect();
    let sides = lacking.into_iter().map(|unique| (unique, true));
    for (unique, is_expected) in sides.chain(surplus.into_iter().map(|unique| (unique, false))) {
        let keys =
            comparison.lone_unique_indexes(&expected.name.to_ascii_lowercase(), !is_expected);
        let meanings = if is_expected {
            &comparison.right
        } else {
            &comparison.left
        };
        let stand_in = keys.into_iter().find(|key| {
            let index = meanings.index(key).and_then(|index| index.as_constraint());
            index.as_ref() == Some(&unique) && !settled.contains(key)
        });
        let kind = if stand_in.is_some() {
            DifferenceKind::UniqueForm
        } else {
            DifferenceKind::Unique
        };
        let constraint = Some(show_unique(&unique));
        let index = stand_in
            .as_ref()
            .map(|key| format!("unique index {}", key.name));
        let (left, right) = if is_expected {
            (constraint, index)
        } else {
            (index, constraint)
        };
        let object = format!("{}({})", expected.name, show_parts(&unique.parts));
        comparison
            .differences
            .push(Difference::new(kind, object, left, right));
        settled.extend(stand_in);
    }
    settled
}

fn checks(expected: &Table, found: &Table, differences: &mut Vec<Difference>) {
    let only = |one: &Table, other: &Table| -> Vec<Check> {
        let mut left = one.checks.clone();
        for check in &other.checks {
            if let Some(at) = left.iter().position(|own| own == check) {
                left.remove(at);
            }
        }
        left
    };
    let mut surplus = only(found, expected);
    for check in only(expected, found) {
        let renamed = surplus.iter().position(|other| other.expr == check.expr);
        let (kind, live) = match renamed.map(|at| surplus.remove(at)) {
            Some(live) => (DifferenceKind::CheckName, Some(show_check(&live))),
            None => (DifferenceKind::Check, None),
        };
        differences.push(Difference::new(
            kind,
            &expected.name,
            Some(show_check(&check)),
            live,
        ));
    }
    for check in surplus {
        let text = Some(show_check(&check));
        differences.push(Difference::new(
            DifferenceKind::Check,
            &expected.name,
            None,
            text,
        ));
    }
}

fn foreign_keys(expected: &Table, found: &Table, differences: &mut Vec<Difference>) {
    let mut surplus: Vec<&ForeignKey> = found
        .foreign_keys
        .iter()
        .filter(|key| !expected.foreign_keys.contains(key))
        .collect();
    for key in expected
        .foreign_keys
        .iter()
        .filter(|key| !found.foreign_keys.contains(key))
    {
        let other_action = surplus.iter().position(|live| {
            let actions = (live.on_delete, live.on_update);
            ForeignKey {
                on_delete: key.on_delete,
                on_update: key.on_update,
                ..(*live).clone()
            } == *key
                && actions != (key.on_delete, key.on_update)
        });
        let (kind, live) = match other_action.map(|at| surplus.remove(at)) {
            Some(live) => (
                DifferenceKind::ForeignKeyAction,
                Some(show_foreign_key(live)),
            ),
            None => (DifferenceKind::ForeignKey, None),
        };
        let object = format!("{}({})", expected.name, key.columns.join(", "));
        differences.push(Difference::new(
            kind,
            object,
            Some(show_foreign_key(key)),
            live,
        ));
    }
    for key in surplus {
        let object = format!("{}({})", expected.name, key.columns.join(", "));
        let text = Some(show_foreign_key(key));
        differences.push(Difference::new(
            DifferenceKind::ForeignKey,
            object,
            None,
            text,
        ));
    }
}

fn show_options(table: &Table) -> String {
    match (table.strict, table.without_rowid) {
        (true, true) => "STRICT, WITHOUT ROWID",
        (true, false) => "STRICT",
        (false, true) => "WITHOUT ROWID",
        (false, false) => "none",
    }
    .to_owned()
}

fn show_column(column: &Column) -> String {
    let mut text = format!("{} {}", column.name, column.declared);
    if column.not_null.is_some() {
        text = format!("{text} {}", show_not_null(column));
    }
    if let Some(default) = &column.default {
        text = format!("{text} DEFAULT {default}");
    }
    if let Some(collation) = &column.collation {
        text = format!("{text} COLLATE {collation}");
    }
    if column.generated.is_some() {
        text = format!("{text} {}", show_generated(column));
    }
    text
}

fn show_conflict(conflict: Conflict) -> &'static str {
    match conflict {
        Conflict::Abort => "",
        Conflict::Rollback => " ON CONFLICT ROLLBACK",
        Conflict::Fail => " ON CONFLICT FAIL",
        Conflict::Ignore => " ON CONFLICT IGNORE",
        Conflict::Replace => " ON CONFLICT REPLACE",
    }
}

fn show_not_null(column: &Column) -> String {
    column.not_null.map_or("NULL".to_owned(), |conflict| {
        format!("NOT NULL{}", show_conflict(conflict))
    })
}

fn show_generated(column: &Column) -> String {
    column
        .generated
        .as_ref()
        .map_or("none".to_owned(), |generated| {
            format!(
                "AS ({}) {}",
                generated.expr,
                if generated.stored {
                    "STORED"
                } else {
                    "VIRTUAL"
                }
            )
        })
}

fn show_parts(parts: &[Part]) -> String {
    let shown = parts.iter().map(|part| {
        let collation = part
            .collation
            .as_ref()
            .map(|name| format!(" COLLATE {name}"))
            .unwrap_or_default();
        format!(
            "{}{collation}{}",
            part.of,
            if part.descending { " DESC" } else { "" }
        )
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn show_key(key: &PrimaryKey) -> String {
    let rowid = if key.rowid { " as the rowid" } else { "" };
    format!(
        "PRIMARY KEY ({}){}{rowid}",
        show_parts(&key.parts),
        show_conflict(key.conflict)
    )
}

fn show_unique(unique: &Unique) -> String {
    format!(
        "UNIQUE ({}){}",
        show_parts(&unique.parts),
        show_conflict(unique.conflict)
    )
}

fn show_check(check: &Check) -> String {
    let name = check
        .name
        .as_ref()
        .map(|name| format!("CONSTRAINT {name} "))
        .unwrap_or_default();
    format!("{name}CHECK ({})", check.expr)
}

fn show_foreign_key(key: &ForeignKey) -> String {
    let columns = key
        .parent_columns
        .as_ref()
        .map(|columns| format!("({})", columns.join(", ")));
    let matching = key
        .matching
        .as_ref()
        .map(|name| format!(" MATCH {name}"))
        .unwrap_or_default();
    format!(
        "REFERENCES {}{} ON DELETE {} ON UPDATE {}{matching}{}",
        key.parent,
        columns.unwrap_or_default(),
        key.on_delete.as_str(),
        key.on_update.as_str(),
        if key.deferred {
            " DEFERRABLE INITIALLY DEFERRED"
        } else {
            ""
        }
    )
}
