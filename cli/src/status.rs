//! `status`: how many actors stand where.

use std::fmt;

use actor_migrate::{Adoption, Verdict};
use clap::Args;
use serde::Serialize;

use crate::cohort::{Cohort, Cohorts, actors};
use crate::config::Config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::judge::Judge;
use crate::output::{Diagnostic, Printer, count, table};
use crate::targets::{Fleet, Selection, Target};
use crate::{interrupt, pool};

/// Count where actors stand
///
/// Reads every actor and rehearses nothing: quicker than `check`, and without an opinion.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate status                                   The fleets of actor-migrate.toml
  actor-migrate status data/ --dir drizzle --verbose     Every file by name
  actor-migrate status --store actors.store --dir drizzle --format json")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    selection: Selection,
}

#[derive(Debug, Serialize)]
struct Status {
    actors: usize,
    cohorts: Vec<Cohort<Place>>,
}

/// Where the actors of a cohort stand.
#[derive(Debug, Serialize)]
struct Place {
    #[serde(skip_serializing_if = "Option::is_none")]
    fleet: Option<String>,
    verdict: Verdict,
    adoption: Adoption,
    pending: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Diagnostic>,
}

pub(crate) fn run(args: &StatusArgs, config: &Config, printer: &Printer) -> Result<Exit, CliError> {
    let fleets = args.selection.resolve_some(config)?;
    let judges = fleets
        .iter()
        .map(Judge::new)
        .collect::<Result<Vec<_>, _>>()?;
    let total = fleets.iter().map(|fleet| fleet.targets.len()).sum();
    let progress = printer.progress("reading", total);
    let mut cohorts = Cohorts::new(printer.verbose());
    for (fleet, judge) in fleets.iter().zip(&judges) {
        let collect = |target: &Target, place| {
            cohorts.add(target.name(), place);
            progress.step();
        };
        pool::each(
            &fleet.targets,
            |target| place(fleet, judge, target),
            collect,
        );
    }
    drop(progress);
    let number = |place: &Place| fleets.iter().position(|fleet| fleet.name == place.fleet);
    let cohorts = cohorts.finish(|place| (number(place), place.verdict));
    let status = Status {
        actors: actors(&cohorts),
        cohorts,
    };
    if interrupt::asked() {
        return Ok(printer.interrupted(status.actors, total));
    }
    printer.answer(&status)?;
    Ok(Exit::Yes)
}

fn place(fleet: &Fleet, judge: &Judge, target: &Target) -> Place {
    let fleet = fleet.name.clone();
    match judge.look(target) {
        Ok(standing) => {
            let (verdict, adoption, pending) =
                (standing.verdict, standing.adoption, standing.pending);
            Place {
                fleet,
                verdict,
                adoption,
                pending,
                error: None,
            }
        }
        Err(error) => {
            let error = Some(error.of_cohort());
            Place {
                fleet,
                verdict: Verdict::Unreadable,
                adoption: Adoption::Refuse,
                pending: Vec::new(),
                error,
            }
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.cohorts.iter().map(|cohort| {
            let place = &cohort.cause;
            let fleet = place.fleet.as_deref().unwrap_or("-").to_owned();
            let pending = place.pending.len().to_string();
            let (verdict, adoption) = (place.verdict.to_string(), place.adoption.to_string());
            let who = place.error.as_ref().map_or_else(
                || cohort.names(),
                |error| format!("{} ({})", cohort.names(), error.line()),
            );
            [
                fleet,
                cohort.count.to_string(),
                verdict,
                adoption,
                pending,
                who,
            ]
        });
        table(
            f,
            ["FLEET", "ACTORS", "VERDICT", "ADOPTION", "PENDING", "WHO"],
            rows,
        )?;
        writeln!(f, "{}", count(self.actors, "actor"))
    }
}
