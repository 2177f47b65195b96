//! Rules about dropped and rebuilt tables: what goes with them in silence.

use super::case::{Case, Dropped};
use super::rows;
use crate::finding::Severity::{self, Error, Warning};
use crate::schema::{Difference, DifferenceKind, Kind, Object, Schema, Shape, diff};
use crate::sql::Head;
use crate::verdict::HazardCode;

pub(super) fn rules(case: &mut Case<'_>) {
    hazards(case);
    let dropped = case.dropped();
    for dropped in &dropped {
        holders(case, dropped);
        if let (Some(after), true) = (dropped.after, dropped.copied.is_some()) {
            rebuilt(case, dropped, after);
        }
    }
    let first = case.steps().find(|step| changes(step.head));
    let Some(first) = first else { return };
    for (child, parent) in &case.seen.orphans {
        let message = format!(
            "{child} refers to {parent}, which is gone: with foreign keys on no row of {child} can be written"
        );
        case.find("L133", Error, first.statement, message);
    }
    for (what, words) in &case.seen.broken {
        let message = format!("after this migration {what} does not work: {words}");
        case.find("L136", Error, first.statement, message);
    }
}

fn changes(head: &Head) -> bool {
    !matches!(head, Head::Rows | Head::ForeignKeys)
}

/// What replay has noticed already, because a wake must know it too.
fn hazards(case: &mut Case<'_>) {
    for hazard in &case.seen.facts.hazards {
        let (code, severity) = match hazard.code {
            HazardCode::CascadingRebuild => ("L131", Error),
            HazardCode::LostTrigger => ("L134", Error),
            HazardCode::SharedChunk => ("L144", Error),
            HazardCode::EmptyChunk => ("L145", Warning),
            _ => continue,
        };
        hazard_found(case, code, severity, hazard.statement, &hazard.message);
    }
}

fn hazard_found(
    case: &mut Case<'_>,
    code: &'static str,
    severity: Severity,
    statement: Option<usize>,
    message: &str,
) {
    if let Some(statement) = case.statement(statement) {
        case.find(code, severity, statement, message.to_owned());
    }
}

/// Rows of other tables that refuse that this one goes.
fn holders(case: &mut Case<'_>, dropped: &Dropped<'_>) {
    for child in &dropped.step.answers.holders {
        let message = format!(
            "dropping {} fails with foreign keys on where {child} has rows; PRAGMA foreign_keys=OFF does \
             nothing inside a transaction",
            dropped.table
        );
        case.find("L132", Warning, dropped.step.statement, message);
    }
}

fn rebuilt(case: &mut Case<'_>, dropped: &Dropped<'_>, after: &Object) {
    for difference in differences(case, dropped) {
        rows::demand(case, dropped, &difference);
        if difference.kind == DifferenceKind::IndexMissing && !drops_index(case, &difference) {
            let message = format!(
                "rebuilding {} drops its index {}",
                dropped.table, difference.object
            );
            case.find("L135", Warning, dropped.step.statement, message);
        }
    }
    let (Some(old), Some(new)) = (Shape::of(dropped.before), Shape::of(after)) else {
        return;
    };
    let keeps_mark = case
        .steps()
        .any(|step| *step.head == Head::Rows && step.answers.writes.contains("sqlite_sequence"));
    if old.autoincrement && !(new.autoincrement && keeps_mark) {
        let message = format!(
            "rebuilding {} forgets its AUTOINCREMENT mark: ids of deleted rows are given again",
            dropped.table
        );
        case.find("L137", Warning, dropped.step.statement, message);
    }
    if let Some(alias) = old.alias().filter(|alias| new.alias() != Some(alias)) {
        let message = format!(
            "{}.{alias} is no longer the rowid: it is not filled in by itself, and may be NULL",
            dropped.table
        );
        case.find("L138", Warning, dropped.step.statement, message);
    }
}

/// How the rebuilt table differs from the old one, with their indexes.
fn differences(case: &Case<'_>, dropped: &Dropped<'_>) -> Vec<Difference> {
    let only = |schema: &Schema| {
        let mut part = Schema::default();
        let of_table = |object: &Object| {
            matches!(object.kind, Kind::Table | Kind::Index)
                && object.table.eq_ignore_ascii_case(&dropped.table)
        };
        let entries = schema
            .entries()
            .filter(|(_, entry)| of_table(&entry.object));
        entries.for_each(|(_, entry)| part.insert(entry.clone()));
        part
    };
    diff(&only(&case.seen.before), &only(&case.seen.after))
}

fn drops_index(case: &Case<'_>, difference: &Difference) -> bool {
    let named = |head: &Head| match head {
        Head::DropIndex(name) => name.eq_ignore_ascii_case(&difference.object),
        _ => false,
    };
    case.steps().any(|step| named(step.head))
}
