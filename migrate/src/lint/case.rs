//! One migration as the rules see it, and what they have found in it so far.

use std::collections::BTreeMap;

use crate::bundle::Migration;
use crate::finding::{Finding, Severity};
use crate::replay::{Answers, Seen};
use crate::schema::{Kind, Object, Schema};
use crate::sql::{Head, Statement};

/// One migration under its rules.
pub(super) struct Case<'a> {
    pub(super) migration: &'a Migration,
    pub(super) seen: &'a Seen,
    pub(super) findings: Vec<Finding>,
}

/// One statement with what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) statement: &'a Statement,
    pub(super) head: &'a Head,
    pub(super) answers: &'a Answers,
}

/// A table that was there before the migration and is dropped by it.
pub(super) struct Dropped<'a> {
    /// The name that it had before the migration.
    pub(super) table: String,
    pub(super) step: Step<'a>,
    /// The statement that copied its rows elsewhere before.
    pub(super) copied: Option<Step<'a>>,
    /// The table as it was.
    pub(super) before: &'a Object,
    /// The table of the same name after the migration: then it was rebuilt.
    pub(super) after: Option<&'a Object>,
}

impl<'a> Case<'a> {
    pub(super) fn new(migration: &'a Migration, seen: &'a Seen) -> Self {
        Self {
            migration,
            seen,
            findings: Vec::new(),
        }
    }

    /// A finding about one statement.
    pub(super) fn find(
        &mut self,
        code: &'static str,
        severity: Severity,
        statement: &Statement,
        message: String,
    ) {
        let finding = Finding::new(code, severity, message);
        self.findings
            .push(finding.at(self.migration, statement, None));
    }

    /// Every statement with what is known of it.
    pub(super) fn steps(&self) -> impl Iterator<Item = Step<'a>> + use<'a> {
        let (migration, seen) = (self.migration, self.seen);
        let known = seen.heads.iter().zip(&seen.answers);
        let each = migration.statements.iter().zip(known);
        each.map(|(statement, (head, answers))| Step {
            statement,
            head,
            answers,
        })
    }

    /// The statement with this number, or the first.
    pub(super) fn statement(&self, number: Option<usize>) -> Option<&'a Statement> {
        let statements = &self.migration.statements;
        let at = number.unwrap_or(1).checked_sub(1)?;
        statements.get(at)
    }

    /// The tables of before that this migration drops, under whatever name.
    pub(super) fn dropped(&self) -> Vec<Dropped<'a>> {
        // By the name that each table has now, the one that it had before.
        let mut names: BTreeMap<String, String> = self
            .seen
            .before
            .objects()
            .filter(|object| object.kind == Kind::Table)
            .map(|object| (lower(&object.name), object.name.clone()))
            .collect();
        let mut dropped = Vec::new();
        for step in self.steps() {
            match step.head {
                Head::Rename { from, to } => {
                    if let Some(origin) = names.remove(&lower(from)) {
                        names.insert(lower(to), origin);
                    }
                }
                Head::DropTable(name) => {
                    if let Some(origin) = names.remove(&lower(name)) {
                        dropped.extend(self.dropped_table(origin, &lower(name), step));
                    }
                }
                _ => {}
            }
        }
        dropped
    }

    fn dropped_table(&self, table: String, now: &str, step: Step<'a>) -> Option<Dropped<'a>> {
        let earlier = self.steps().take(step.statement.number - 1);
        let copies = |other: &Step<'_>| {
            let reads = other.answers.reads.iter().any(|(read, _)| read == now);
            reads && other.answers.writes.iter().any(|written| written != now)
        };
        Some(Dropped {
            step,
            copied: earlier.filter(copies).last(),
            before: table_in(&self.seen.before, &table)?,
            after: table_in(&self.seen.after, &table),
            table,
        })
    }
}

impl Dropped<'_> {
    /// The columns that some statement read while the table had the name `now`.
    pub(super) fn name_now(&self) -> String {
        match self.step.head {
            Head::DropTable(name) => lower(name),
            _ => lower(&self.table),
        }
    }
}

fn table_in<'a>(schema: &'a Schema, name: &str) -> Option<&'a Object> {
    let is_it = |object: &&std::sync::Arc<Object>| {
        object.kind == Kind::Table && object.name.eq_ignore_ascii_case(name)
    };
    schema.objects().find(is_it).map(AsRef::as_ref)
}

pub(super) fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}
