//! Rules about rows: what deletes them, and what fails on rows that an empty database does not have.

use super::case::{Case, Dropped};
use crate::finding::Severity::{Error, Warning};
use crate::schema::{Difference, DifferenceKind, Key, Kind as ObjectKind, Shape};
use crate::sql::{Head, Kind, tokens};

pub(super) fn rules(case: &mut Case<'_>) {
    for step in case.steps() {
        let (sql, answers) = (case.migration.sql(step.statement), step.answers);
        match step.head {
            Head::DropColumn { table, column } if answers.old => {
                let message = format!("drops the column {table}.{column} with its values");
                case.find("L111", Warning, step.statement, message);
            }
            Head::Rows if answers.old && deletes_all(sql) => {
                let message = "deletes every row: the DELETE has no WHERE".to_owned();
                case.find("L112", Warning, step.statement, message);
            }
            _ => {}
        }
        if let Some(words) = &answers.needs_empty {
            let message = format!("fails on every actor that has a row in the table: {words}");
            case.find("L120", Error, step.statement, message);
        }
        if let Some((index, table)) = &answers.unique
            && case
                .seen
                .before
                .get(&Key::new(ObjectKind::Index, index))
                .is_none()
        {
            let message = format!("the unique index {index} fails where rows of {table} are equal");
            case.find("L121", Warning, step.statement, message);
        }
    }
    for dropped in case.dropped() {
        lost_rows(case, &dropped);
        lost_columns(case, &dropped);
    }
}

fn lost_rows(case: &mut Case<'_>, dropped: &Dropped<'_>) {
    let table = &dropped.table;
    let message = match (&dropped.after, &dropped.copied) {
        (_, Some(_)) => return,
        (None, None) => format!("drops the table {table} with its rows"),
        (Some(_), None) => format!("drops {table} and makes it anew without its rows"),
    };
    case.find("L110", Warning, dropped.step.statement, message);
}

/// A rebuild copies what it reads: a column that the new table lacks and nothing reads is lost.
fn lost_columns(case: &mut Case<'_>, dropped: &Dropped<'_>) {
    let (Some(after), Some(_)) = (dropped.after, &dropped.copied) else {
        return;
    };
    let (Some(old), Some(new)) = (Shape::of(dropped.before), Shape::of(after)) else {
        return;
    };
    let now = dropped.name_now();
    let is_read = |column: &str| {
        let wanted = (now.clone(), column.to_ascii_lowercase());
        case.steps()
            .any(|step| step.answers.reads.contains(&wanted))
    };
    let lost = old.stored().filter(|column| !new.stores(column));
    let lost: Vec<_> = lost.filter(|column| !is_read(column)).collect();
    for column in lost {
        let message = format!("rebuilds {} without its column {column}", dropped.table);
        case.find("L111", Warning, dropped.step.statement, message);
    }
}

/// Whether this is a DELETE that nothing narrows.
fn deletes_all(sql: &str) -> bool {
    let mut words = tokens(sql).filter(|token| token.kind != Kind::Blank);
    if !words.next().is_some_and(|token| token.is_word("DELETE")) {
        return false;
    }
    !words.any(|token| token.is_word("WHERE") || token.is_word("LIMIT"))
}

/// What the new form of a rebuilt table demands and the old did not.
pub(super) fn demand(case: &mut Case<'_>, dropped: &Dropped<'_>, difference: &Difference) {
    let Some(found) = &difference.found else {
        return;
    };
    let new = difference.expected.is_none();
    let (code, what) = match difference.kind {
        DifferenceKind::ColumnNotNull if found.starts_with("NOT NULL") => {
            ("L122", format!("{} is NOT NULL now", difference.object))
        }
        DifferenceKind::Check if new => {
            // The expression follows in its canonical form, which nobody wrote.
            let name = found.split(" (").next().unwrap_or(found);
            ("L123", format!("{} has a new {name}", dropped.table))
        }
        DifferenceKind::ForeignKey if new => {
            ("L124", format!("{} has a new {found}", dropped.table))
        }
        DifferenceKind::Unique if new => ("L121", format!("{} has a new {found}", dropped.table)),
        _ => return,
    };
    let Some(copied) = &dropped.copied else {
        return;
    };
    // Who fills in values has thought of the rows that lack them.
    if code == "L122" && fills_in(case.migration.sql(copied.statement)) {
        return;
    }
    let message = format!("{what}: the copy fails on rows that are not so");
    case.find(code, Warning, copied.statement, message);
}

fn fills_in(sql: &str) -> bool {
    const FILLING: [&str; 4] = ["COALESCE", "IFNULL", "CASE", "WHERE"];
    tokens(sql).any(|token| FILLING.iter().any(|word| token.is_word(word)))
}
