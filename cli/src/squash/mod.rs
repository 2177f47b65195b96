//! `squash`: one migration in the place of many, with the proof that it does the same and the way for actors
//! that have not run them all.

mod report;

use actor_migrate::squash::{self, Recovery, SquashOptions, SquashPlan};
use actor_migrate::{Standing, Verdict};
use clap::Args;

use crate::config::Config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::generate;
use crate::judge::Judge;
use crate::output::{Printer, word};
use crate::pool;
use crate::targets::{Fleet, Selection, Target};
use report::Report;

/// Replace many migrations by one that is proved to do the same
///
/// Writes the baseline, a certificate of what it replaced (squashed/<baseline>.json) and an archive of the old
/// folder (squashed/<baseline>.tar.gz). The baseline keeps the time (0.x) or the folder name (1.0) of the last
/// migration it replaces, so that stock Drizzle runners skip it on actors that are complete. Everything is run
/// and compared in memory before a byte is written, and the folder is exchanged whole. With actors named or
/// configured, says which of them have not run all that is replaced.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate squash --dir drizzle --dry-run              Show the baseline and every file that would change
  actor-migrate squash --dir drizzle --yes                  Squash all of a folder
  actor-migrate squash --dir drizzle --to 0041_tags         Keep what came after 0041_tags
  actor-migrate squash --fleet workspace --dry-run          Say which actors have not come so far

Exit codes: 0 done (or would be), 1 not agreed to, 2 could not be proved or written; nothing was changed.")]
pub(crate) struct SquashArgs {
    /// The last migration to replace [default: the last of the folder]
    #[arg(long, value_name = "TAG")]
    to: Option<String>,
    /// Name of the baseline in a 0.x folder, whose tag is 0000_<NAME> [default: baseline]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Accept what a refusal names: nondeterministic
    #[arg(long, value_name = "WAIVER")]
    allow: Vec<String>,
    /// Show what would be written; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask; needed where nobody can be asked
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    selection: Selection,
}

pub(crate) fn run(args: &SquashArgs, config: &Config, printer: &Printer) -> Result<Exit, CliError> {
    let fleets = args.selection.resolve(config)?;
    let [fleet] = fleets.as_slice() else {
        let names = fleets.into_iter().filter_map(|fleet| fleet.name);
        return Err(CliError::NotOneFolder {
            fleets: names.collect(),
        });
    };
    let fail = |error| CliError::migrate(fleet.dir.display(), error);
    if !args.dry_run {
        let recovered = squash::recover(&fleet.dir).map_err(fail)?;
        told(recovered, printer);
    }
    let judge = Judge::new(fleet)?;
    let plan = squash::plan(&judge.bundle, &args.options()).map_err(fail)?;
    let behind = behind(fleet, &judge, &plan, printer);
    let mut report = Report::new(fleet, plan, behind, args.typed(fleet));
    if args.dry_run {
        printer.answer(&report)?;
        return Ok(Exit::Yes);
    }
    if !agreed(args, &report, printer)? {
        return Ok(Exit::No);
    }
    report.plan.write(&judge.bundle).map_err(fail)?;
    report.written(!generate::stale_beside(&fleet.dir)?.is_empty());
    printer.answer(&report)?;
    Ok(Exit::Yes)
}

impl SquashArgs {
    /// The same squash as one types it, to be carried out.
    fn typed(&self, fleet: &Fleet) -> String {
        let named = |option: &str, value: &String| format!(" --{option} {}", word(value));
        let to = self.to.iter().map(|tag| named("to", tag));
        let name = self.name.iter().map(|name| named("name", name));
        let allow = self.allow.iter().map(|waiver| named("allow", waiver));
        let options: String = to.chain(name).chain(allow).collect();
        let (asked, scope) = (&fleet.asked, &fleet.scope);
        format!("actor-migrate squash{asked}{scope}{options} --yes")
    }

    fn options(&self) -> SquashOptions {
        let mut options = SquashOptions::default();
        options.to.clone_from(&self.to);
        options.name.clone_from(&self.name);
        options.allow = self.allow.iter().cloned().collect();
        options
    }
}

/// Says what became of a squash that was interrupted before.
fn told(recovered: Option<Recovery>, printer: &Printer) {
    match recovered {
        None => {}
        Some(Recovery::Finished) => printer.note("finished a squash that was interrupted"),
        Some(_) => printer.note("cleared away what an interrupted squash had left"),
    }
}

/// Whether the folder may be exchanged: said by `--yes`, or by a person who has seen the plan.
fn agreed(args: &SquashArgs, report: &Report, printer: &Printer) -> Result<bool, CliError> {
    if args.yes {
        return Ok(true);
    }
    if !printer.can_ask() {
        return Err(CliError::NotAgreedFolder {
            dir: report.dir().into(),
        });
    }
    let agreed = printer.ask(report, format_args!("squash {}?", word(report.dir())));
    if !agreed {
        printer.note("nothing was changed");
    }
    Ok(agreed)
}

/// The actors that have not run all that is replaced. One that cannot be read is told and left out.
fn behind(fleet: &Fleet, judge: &Judge, plan: &SquashPlan, printer: &Printer) -> Vec<String> {
    let progress = printer.progress("looking at", fleet.targets.len());
    let mut behind = Vec::new();
    pool::each(
        &fleet.targets,
        |target| judge.look(target),
        |target: &Target, found| {
            progress.step();
            match found {
                Ok(standing) if is_behind(&standing, plan) => behind.push(target.name()),
                Ok(_) => {}
                Err(error) => printer.show(&error.diagnostic()),
            }
        },
    );
    behind.sort();
    behind
}

fn is_behind(standing: &Standing, plan: &SquashPlan) -> bool {
    let replaced = |tag: &String| {
        plan.certificate
            .replaces
            .iter()
            .any(|entry| entry.tag == *tag)
    };
    standing.verdict != Verdict::Fresh && standing.pending.iter().any(replaced)
}
