//! `inspect`: where one database stands, and why.

use std::ffi::OsString;
use std::fmt;

use actor_migrate::{Standing, Verdict};
use clap::Args;
use serde::Serialize;

use crate::config::Config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::facts;
use crate::judge::Judge;
use crate::output::{Diagnostic, Printer, count, style, word};
use crate::targets::{Fleet, Selection, SourceArgs, Target};

/// Say where one database stands, and why
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate inspect actor.sqlite --dir drizzle
  actor-migrate inspect workspace/42 --store actors.store --dir src/actors/workspace/db/drizzle
  actor-migrate inspect workspace/42 --format json            With the fleets of actor-migrate.toml")]
pub(crate) struct InspectArgs {
    /// A SQLite file, or the id of an actor in the store
    #[arg(value_name = "TARGET")]
    target: OsString,
    /// The fleet of the configuration that it belongs to
    #[arg(long, value_name = "NAME", conflicts_with = "dir")]
    fleet: Vec<String>,
    #[command(flatten)]
    source: SourceArgs,
}

/// Where it stands. The fields are those of the machine contract.
#[derive(Debug, Serialize)]
struct Inspection {
    target: String,
    #[serde(flatten)]
    standing: Standing,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Diagnostic>,
    #[serde(skip)]
    next: Option<String>,
}

pub(crate) fn run(
    args: &InspectArgs,
    config: &Config,
    printer: &Printer,
) -> Result<Exit, CliError> {
    let (targets, source, fleet) = (
        vec![args.target.clone()],
        args.source.clone(),
        args.fleet.clone(),
    );
    let (fleet, target) = Selection {
        targets,
        source,
        fleet,
    }
    .resolve_one(config)?;
    let standing = Judge::new(&fleet)?.look(&target)?;
    let next = next(&standing, &fleet, &target.name());
    let (exit, error) = match answerable(&standing, &target) {
        Ok(()) => (Exit::Yes, None),
        Err(error) if printer.for_people() => return Err(error),
        Err(error) => (Exit::Unknown, Some(error.diagnostic())),
    };
    printer.answer_of_library(&Inspection {
        target: target.name(),
        standing,
        error,
        next,
    })?;
    Ok(exit)
}

/// A database that is not ours to judge is an error: what we would say of it means nothing.
pub(crate) fn answerable(standing: &Standing, target: &Target) -> Result<(), CliError> {
    match standing.verdict {
        Verdict::Foreign | Verdict::Unreadable => Err(CliError::NotOurs {
            target: target.name(),
            verdict: standing.verdict,
            reason: standing.reason.clone(),
            advice: standing.advice.clone(),
        }),
        _ => Ok(()),
    }
}

/// What to type next, where one command helps.
fn next(standing: &Standing, fleet: &Fleet, target: &str) -> Option<String> {
    let verb = facts::cure(
        standing.verdict,
        standing.adoption,
        &standing.needs,
        standing.old_chain.as_ref(),
    )?;
    Some(format!(
        "actor-migrate {verb} {}{} --dry-run",
        word(target),
        fleet.scope
    ))
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bold, standing) = (style::BOLD, &self.standing);
        writeln!(
            f,
            "{bold}{}{bold:#}: {}, adoption {}",
            self.target, standing.verdict, standing.adoption
        )?;
        let ledger = &standing.ledger;
        writeln!(
            f,
            "  ledger       {} ({}), {}",
            ledger.table,
            ledger.format,
            count(ledger.rows, "row")
        )?;
        self.position(f)?;
        many(f, "pending", standing.pending.iter().cloned())?;
        many(f, "reason", standing.reason.clone())?;
        many(f, "hazards", facts::hazards(&standing.hazards))?;
        many(f, "needs", facts::needs(&standing.needs))?;
        differences(f, standing)?;
        writeln!(f, "{}", standing.advice)?;
        self.next.iter().try_for_each(|next| style::next(f, next))
    }
}

impl Inspection {
    /// How far it came: on its old chain, until that is complete.
    fn position(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standing = &self.standing;
        let old = standing.old_chain.as_ref();
        match (
            old.filter(|old| !old.remaining.is_empty()),
            standing.position,
        ) {
            (Some(old), _) => writeln!(
                f,
                "  position     {} of {} of {}",
                old.migrations.saturating_sub(old.remaining.len()),
                count(old.migrations, "migration"),
                old.history
            ),
            (None, Some(position)) => writeln!(
                f,
                "  position     {position} of {}",
                count(standing.bundle.migrations, "migration")
            ),
            (None, None) => Ok(()),
        }
    }
}

/// A list under one heading, a line each.
fn many(
    f: &mut fmt::Formatter<'_>,
    heading: &str,
    lines: impl IntoIterator<Item = String>,
) -> fmt::Result {
    let headings = std::iter::once(heading).chain(std::iter::repeat(""));
    headings
        .zip(lines)
        .try_for_each(|(heading, line)| writeln!(f, "  {heading:<11}  {line}"))
}

/// Each difference with what only one side has.
fn differences(f: &mut fmt::Formatter<'_>, standing: &Standing) -> fmt::Result {
    let told = facts::differences(&standing.differences).zip(&standing.differences);
    let lines = told.flat_map(|(line, difference)| {
        std::iter::once(line).chain(facts::sides(difference).map(|side| format!("  {side}")))
    });
    many(f, "differences", lines)
}
