//! `prune`: takes away archived chains once no actor needs them, and says who does where one does.

mod need;
mod report;

use clap::Args;

use crate::config::Config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupt;
use crate::judge::Judge;
use crate::output::Printer;
use crate::pool;
use crate::targets::{Fleet, Selection, unclaimed};
use need::{Asked, Need};
use report::Report;

/// Remove archived chains that no actor needs any more
///
/// Looks at every actor and removes squashed/<baseline>.tar.gz only if none of them needs it: an actor that has not
/// run all that was replaced, one whose ledger still speaks of the old chain, and one that cannot be read or is not
/// understood keep it. Each archive is decided alone. The certificate beside it stays and says that its archive was
/// pruned. An actor that turns up later is brought on with --history <revision before the squash>, so the folder should
/// be under version control. Only the actors that are named or configured are asked, so name them all.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate prune --dry-run                               Which archives could go, and who keeps the others
  actor-migrate prune --yes                                   Remove what nobody of the configuration needs
  actor-migrate prune data/ --dir drizzle --yes               Ask every SQLite file in a folder
  actor-migrate prune --store actors.store --dir drizzle      Ask every actor of a store

Exit codes: 0 removed (or would be, or there is none), 1 somebody needs an archive or it was not agreed to, 2 could \
not say or not remove.")]
pub(crate) struct PruneArgs {
    /// Show what would be removed; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask; needed where nobody can be asked
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    selection: Selection,
}

pub(crate) fn run(args: &PruneArgs, config: &Config, printer: &Printer) -> Result<Exit, CliError> {
    let fleets = args.selection.resolve(config)?;
    let judges = fleets.iter().map(Judge::new);
    let judges = judges.collect::<Result<Vec<_>, _>>()?;
    let mut folders = need::folders(&fleets, printer.verbose())?;
    if let Some(nobody) = folders.iter().find(|folder| folder.actors == 0) {
        return Err(CliError::NobodyAsked {
            dir: nobody.dir.clone(),
        });
    }
    let actors = fleets.iter().map(|fleet| fleet.targets.len()).sum();
    let asked = ask(&fleets, &judges, &mut folders, printer);
    if interrupt::asked() {
        return Ok(printer.interrupted(asked, actors));
    }
    let mut report = Report::new(folders, args.selection.typed());
    report.left_out(unclaimed(&fleets)?);
    if !args.dry_run && report.removable() > 0 {
        if !agreed(args, &report, printer)? {
            return Ok(Exit::No);
        }
        report.prune()?;
    }
    printer.answer(&report)?;
    Ok(if report.is_clean() {
        Exit::Yes
    } else {
        Exit::No
    })
}

/// Asks every actor which archives of its folder it needs. Returns how many were asked.
fn ask(fleets: &[Fleet], judges: &[Judge], folders: &mut [Asked], printer: &Printer) -> usize {
    let actors = fleets.iter().map(|fleet| fleet.targets.len()).sum();
    let progress = printer.progress("looking at", actors);
    let mut asked = 0;
    for (fleet, judge) in fleets.iter().zip(judges) {
        let Some(folder) = folders.iter_mut().find(|folder| folder.is_of(fleet)) else {
            continue;
        };
        asked += pool::each(
            &fleet.targets,
            |target| Need::of(judge.look(target)),
            |target, need| {
                folder.note(&target.name(), &need);
                progress.step();
            },
        );
    }
    asked
}

/// Whether archives may go: said by `--yes`, or by a person who has seen which.
fn agreed(args: &PruneArgs, report: &Report, printer: &Printer) -> Result<bool, CliError> {
    if args.yes {
        return Ok(true);
    }
    let archives = report.removable();
    if !printer.can_ask() {
        return Err(CliError::NotAgreedArchives { archives });
    }
    let agreed = printer.ask(
        report,
        format_args!("remove {}?", report::archives(archives)),
    );
    if !agreed {
        printer.note("nothing was changed");
    }
    Ok(agreed)
}
