//! `squash`: one migration in the place of many, with the proof that it does the same and the way for actors
//! that have not run them all.

mod certify;
mod report;

use std::fmt::Display;

use actor_migrate::squash::{self, Certificate, Recovery, SquashOptions};
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
use report::{Report, Stragglers};

/// Replace many migrations by one that is proved to do the same
///
/// Writes the baseline, a certificate of what it replaced (squashed/<baseline>.json) and an archive of the old
/// folder (squashed/<baseline>.tar.gz). The baseline keeps the time (0.x) or the folder name (1.0) of the last
/// migration it replaces, so that stock Drizzle runners skip it on actors that are complete. Everything is run
/// and compared in memory before a byte is written, and the folder is exchanged whole. With actors named or
/// configured, says which of them have not run all that is replaced.
///
/// With --certify, the squash was made by hand: the first migration that is there is proved against the chain that
/// --history names, and certificate and archive are added. Nothing else is written.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate squash --dir drizzle --dry-run              Show the baseline and every file that would change
  actor-migrate squash --dir drizzle --yes                  Squash all of a folder
  actor-migrate squash --dir drizzle --to 0041_tags         Keep what came after 0041_tags
  actor-migrate squash --fleet workspace --dry-run          Say which actors have not come so far
  actor-migrate squash --certify --dir drizzle --history v1 --yes
                                                            Prove and certify what somebody squashed by hand after v1

Exit codes: 0 done (or would be), 1 not agreed to, 2 could not be proved or written; nothing was changed.")]
pub(crate) struct SquashArgs {
    /// The last migration to replace [default: the last of the folder]
    #[arg(long, value_name = "TAG")]
    to: Option<String>,
    /// Name of the baseline in a 0.x folder, whose tag is 0000_<NAME> [default: baseline]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Certify a squash made by hand: the first migration there is the baseline of the chain that --history names
    #[arg(long, conflicts_with_all = ["to", "name"])]
    certify: bool,
    /// Accept what a refusal names, such as nondeterministic
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
    if args.certify {
        return certify::run(args, fleet, printer);
    }
    let fail = |error| CliError::migrate(fleet.dir.display(), error);
    if !args.dry_run {
        let recovered = squash::recover(&fleet.dir).map_err(fail)?;
        told(recovered, printer);
    }
    let judge = Judge::new(fleet)?;
    let plan = squash::plan(&judge.bundle, &args.options()).map_err(fail)?;
    let behind = stragglers(fleet, &judge, &plan.certificate, printer);
    let mut report = Report::new(fleet, plan, behind, args.typed(fleet));
    if args.dry_run {
        printer.answer(&report)?;
        return Ok(Exit::Yes);
    }
    if !agreed(args, fleet, &report, printer)? {
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
        let certify = if self.certify { " --certify" } else { "" };
        format!("actor-migrate squash{certify}{asked}{scope}{options} --yes")
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

/// Whether the folder may be changed: said by `--yes`, or by a person who has seen the plan.
fn agreed(
    args: &SquashArgs,
    fleet: &Fleet,
    report: &dyn Display,
    printer: &Printer,
) -> Result<bool, CliError> {
    if args.yes {
        return Ok(true);
    }
    if !printer.can_ask() {
        return Err(CliError::NotAgreedFolder {
            dir: fleet.dir.clone(),
        });
    }
    let verb = if args.certify { "certify" } else { "squash" };
    let dir = fleet.dir.display().to_string();
    let agreed = printer.ask(report, format_args!("{verb} {}?", word(&dir)));
    if !agreed {
        printer.note("nothing was changed");
    }
    Ok(agreed)
}

/// The actors that have not run all that is replaced. One that cannot be read is told and left out.
fn stragglers(
    fleet: &Fleet,
    judge: &Judge,
    certificate: &Certificate,
    printer: &Printer,
) -> Stragglers {
    let progress = printer.progress("looking at", fleet.targets.len());
    let mut behind = Vec::new();
    pool::each(
        &fleet.targets,
        |target| judge.look(target),
        |target: &Target, found| {
            progress.step();
            match found {
                Ok(standing) if is_behind(&standing, certificate) => behind.push(target.name()),
                Ok(_) => {}
                Err(error) => printer.show(&error.diagnostic()),
            }
        },
    );
    behind.sort();
    let actors = fleet.targets.len();
    Stragglers { actors, behind }
}

fn is_behind(standing: &Standing, certificate: &Certificate) -> bool {
    let replaced = |tag: &String| certificate.replaces.iter().any(|entry| entry.tag == *tag);
    match standing.verdict {
        Verdict::Fresh => false,
        Verdict::SquashedBehind => true,
        _ => standing.pending.iter().any(replaced),
    }
}
