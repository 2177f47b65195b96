//! Rules about single statements: what they are written as and what they are not taken for.

use super::case::Case;
use crate::bundle::Migration;
use crate::finding::{Finding, Severity};
use crate::replay::place_of_quoted;
use crate::sql::{Head, Kind, tokens};

pub(super) fn rules(case: &mut Case<'_>) {
    let drops = case
        .steps()
        .any(|step| matches!(step.head, Head::DropTable(_)));
    for step in case.steps() {
        // Every rebuild of drizzle-kit has the pragma; what it does not do there is told by what is dropped.
        if *step.head == Head::ForeignKeys && !drops {
            let message =
                "PRAGMA foreign_keys does nothing inside the transaction that runs a migration";
            case.find(
                "L130",
                Severity::Warning,
                step.statement,
                message.to_owned(),
            );
        }
        if let Some(text) = &step.answers.quoted_text {
            let sql = case.migration.sql(step.statement);
            let message = format!("\"{text}\" is no column, so SQLite takes it for a string");
            let finding = Finding::new("L139", Severity::Warning, message);
            let place = place_of_quoted(sql, text);
            case.findings
                .push(finding.at(case.migration, step.statement, place));
        }
    }
}

/// Breakpoints that cut a trigger in two, which no runner can run.
pub(super) fn cut_triggers(migration: &Migration) -> Option<Finding> {
    let is_last = |at: usize| {
        let statements = &migration.statements;
        statements
            .get(at + 1)
            .is_some_and(|next| next.chunk != statements[at].chunk)
    };
    let cut = (0..migration.statements.len()).filter(|at| is_last(*at));
    let mut cut = cut.map(|at| &migration.statements[at]);
    let found = cut.find(|statement| is_open_trigger(migration.sql(statement)))?;
    let message = "a statement-breakpoint stands inside this trigger: each half fails";
    let finding = Finding::new("L141", Severity::Error, message);
    Some(finding.at(migration, found, None))
}

/// Whether a CREATE TRIGGER has begun and not ended.
fn is_open_trigger(sql: &str) -> bool {
    let mut words = tokens(sql).filter(|token| token.kind != Kind::Blank);
    let begins = words.next().is_some_and(|token| token.is_word("CREATE"));
    let mut rest = words.skip_while(|token| token.is_word("TEMP") || token.is_word("TEMPORARY"));
    if !begins || !rest.next().is_some_and(|token| token.is_word("TRIGGER")) {
        return false;
    }
    let tail: Vec<_> = rest.collect();
    let mut tail = tail
        .iter()
        .rev()
        .skip_while(|token| token.kind == Kind::Semicolon);
    !tail.next().is_some_and(|token| token.is_word("END"))
}
