//! `check`: may I deploy this?

mod cause;
mod rehearse;
mod report;

use clap::Args;

use crate::cohort::Cohorts;
use crate::config::Config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::judge::Judge;
use crate::output::{Printer, Progress};
use crate::targets::{Fleet, Selection, Target, unclaimed};
use crate::{generate, interrupt, lint, pool};
use cause::Cause;
use report::Report;

/// Say whether a deploy would succeed on every actor
///
/// Reads each folder, replays it, holds every actor against it, and rehearses pending migrations on copies of
/// the actors' real data. Changes nothing. Without actors, checks the folder alone. What lint finds against the
/// folder counts where it is certain: released migrations that were edited or are gone, times that a runner skips,
/// and, once migrations.lock says what is released, every error of a migration that is not.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate check                                       The fleets of actor-migrate.toml
  actor-migrate check data/ --dir drizzle                   Every SQLite file in a folder
  actor-migrate check --store actors.store --dir drizzle    Every actor of a store
  actor-migrate check 'workspace/*' --format json           For scripts: counts and cohorts

Exit codes: 0 deploy, 1 a deploy would fail or surprise, 2 could not say.")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    selection: Selection,
}

pub(crate) fn run(args: &CheckArgs, config: &Config, printer: &Printer) -> Result<Exit, CliError> {
    let fleets = args.selection.resolve(config)?;
    let judges = fleets
        .iter()
        .map(Judge::new)
        .collect::<Result<Vec<_>, _>>()?;
    let actors = fleets.iter().map(|fleet| fleet.targets.len()).sum();
    let progress = printer.progress("checking", actors);
    let mut report = Report::default();
    for (fleet, judge) in fleets.iter().zip(&judges) {
        let cohorts = look(fleet, judge, printer, &progress).finish(|cause| !cause.blocks);
        let stale = generate::stale_beside(&fleet.dir)?;
        let findings = lint::against_deploy(&judge.bundle, &config.lint_allow)?;
        report.add(fleet, judge, stale, findings, cohorts);
    }
    drop(progress);
    if args.selection.is_everything() {
        report.leave_out(unclaimed(&fleets)?);
    }
    if interrupt::asked() {
        return Ok(printer.interrupted(report.actors(), actors));
    }
    printer.answer(&report)?;
    Ok(if report.ready() { Exit::Yes } else { Exit::No })
}

/// Holds every actor of a fleet against its folder.
fn look(fleet: &Fleet, judge: &Judge, printer: &Printer, progress: &Progress) -> Cohorts<Cause> {
    let mut cohorts = Cohorts::new(printer.verbose());
    let collect = |target: &Target, cause| {
        cohorts.add(
            target.name(),
            Cause {
                fleet: fleet.name.clone(),
                ..cause
            },
        );
        progress.step();
    };
    pool::each(&fleet.targets, |target| cause(judge, target), collect);
    cohorts
}

fn cause(judge: &Judge, target: &Target) -> Cause {
    let found = judge.look(target).and_then(|standing| {
        let rehearsal = rehearse::rehearse(judge, target, &standing)?;
        Ok(Cause::of(standing, rehearsal))
    });
    found.unwrap_or_else(|error| Cause::unreadable(&error))
}
