//! One actor: the answer is one object, with the names that `inspect` uses.

use std::fmt;

use actor_migrate::{MigrateError, Plan, Report, Standing, Verdict};
use serde::Serialize;

use super::outcome::Outcome;
use super::rehearse::rehearse;
use super::{Change, sql};
use crate::error::CliError;
use crate::exit::Exit;
use crate::inspect;
use crate::judge::Judge;
use crate::output::{Diagnostic, Printer, style};
use crate::targets::{Fleet, Target};

/// Where the actor stands now, and what was done to it.
#[derive(Debug, Serialize)]
struct One {
    action: &'static str,
    target: String,
    outcome: Outcome,
    changed: bool,
    #[serde(flatten)]
    standing: Standing,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict_before: Option<Verdict>,
    applied: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sql: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Diagnostic>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

pub(super) fn run(
    change: &Change<'_>,
    fleet: &Fleet,
    target: &Target,
    printer: &Printer,
) -> Result<Exit, CliError> {
    let judge = Judge::new(fleet)?;
    let standing = judge.look(target)?;
    inspect::answerable(&standing, target)?;
    let one = One::still(change.verb, target, standing);
    let plan = match (change.plan)(&judge, &one.standing, &change.options) {
        Ok(plan) => plan,
        Err(error) => return one.refused(&error, printer),
    };
    change.args.require(&plan, &one.target)?;
    if plan.is_empty() {
        return one.answer(printer);
    }
    if let Err(error) = rehearse(&judge, target, &plan)? {
        return one.refused(&error, printer);
    }
    let planned = one.planned(&plan);
    if change.args.dry_run {
        let typed = change.typed.clone() + &change.args.typed();
        let next = Some(format!(
            "actor-migrate {typed} --plan {} --yes",
            plan.digest
        ));
        return One { next, ..planned }.answer(printer);
    }
    if !change.agreed(&planned, 1, printer)? {
        return Ok(Exit::No);
    }
    let report = target.write(|connection| {
        judge
            .execute(connection, &plan)
            .map_err(|error| CliError::migrate(target.name(), error))
    })?;
    planned.done(report).answer(printer)
}

impl One {
    fn still(action: &'static str, target: &Target, standing: Standing) -> Self {
        Self {
            action,
            target: target.name(),
            outcome: Outcome::NothingToDo,
            changed: false,
            standing,
            verdict_before: None,
            applied: Vec::new(),
            plan: None,
            sql: Vec::new(),
            error: None,
            next: None,
        }
    }

    fn planned(self, plan: &Plan) -> Self {
        Self {
            outcome: Outcome::Planned,
            plan: Some(plan.digest.clone()),
            sql: sql::script(plan),
            ..self
        }
    }

    fn done(self, report: Report) -> Self {
        Self {
            outcome: Outcome::Done,
            changed: report.changed,
            standing: report.standing,
            verdict_before: Some(report.verdict_before),
            applied: report.applied,
            sql: Vec::new(),
            ..self
        }
    }

    fn answer(&self, printer: &Printer) -> Result<Exit, CliError> {
        printer.answer_of_library(self)?;
        Ok(Exit::Yes)
    }

    /// The actor must be brought elsewhere first: an answer, and a no.
    fn refused(self, error: &MigrateError, printer: &Printer) -> Result<Exit, CliError> {
        let mut diagnostic = Diagnostic::from(error);
        diagnostic.place.target = Some(self.target.clone());
        if printer.for_people() {
            printer.show(&diagnostic);
        } else {
            let (outcome, error) = (Outcome::Refused, Some(diagnostic));
            printer.answer_of_library(&Self {
                outcome,
                error,
                ..self
            })?;
        }
        Ok(Exit::No)
    }
}

impl fmt::Display for One {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (good, bad, bold) = (style::GOOD, style::BAD, style::BOLD);
        let (target, verdict, action) = (&self.target, self.standing.verdict, self.action);
        match self.outcome {
            Outcome::Done => {
                let before = self.verdict_before.unwrap_or(verdict);
                writeln!(
                    f,
                    "{good}done{good:#}: {action} {bold}{target}{bold:#}, {before} -> {verdict}"
                )?;
                self.applied
                    .iter()
                    .try_for_each(|tag| writeln!(f, "  applied {tag}"))
            }
            Outcome::Planned => {
                writeln!(
                    f,
                    "{bold}plan{bold:#}: {action} {bold}{target}{bold:#}, which is {verdict}"
                )?;
                sql::write(f, &self.sql)?;
                let digest = self.plan.as_deref().unwrap_or_default();
                writeln!(f, "digest: {digest}")?;
                self.next.iter().try_for_each(|next| style::next(f, next))
            }
            Outcome::NothingToDo => {
                writeln!(
                    f,
                    "{good}nothing to do{good:#}: {bold}{target}{bold:#} is {verdict}"
                )
            }
            outcome => writeln!(f, "{bad}{}{bad:#}: {target}", outcome.word()),
        }
    }
}
