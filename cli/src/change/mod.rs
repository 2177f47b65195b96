//! What `apply`, `adopt` and `reconcile` share: plan every actor, show the plans, ask, run them.

mod args;
mod many;
mod one;
mod outcome;
mod rehearse;
mod sql;

use std::fmt::Display;

use actor_migrate::{MigrateError, Plan, PlanOptions, Standing};

use crate::config::Config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::judge::Judge;
use crate::output::{Printer, count};
pub(crate) use args::ChangeArgs;

/// What one verb does to one actor.
pub(crate) struct Change<'a> {
    /// The word for people and scripts: `apply`, `adopt`.
    pub verb: &'static str,
    /// The verb and its own options, to be typed again.
    pub typed: String,
    pub args: &'a ChangeArgs,
    pub options: PlanOptions,
    pub plan: Planner,
}

/// Makes the plan for where one actor stands.
pub(crate) type Planner = fn(&Judge, &Standing, &PlanOptions) -> Result<Plan, MigrateError>;

impl Change<'_> {
    /// Plans every target and, once that is agreed to, runs the plans.
    pub(crate) fn run(&self, config: &Config, printer: &Printer) -> Result<Exit, CliError> {
        let fleets = self.args.fleets(config)?;
        match self.args.selection.only(&fleets) {
            Some((fleet, target)) => one::run(self, fleet, target, printer),
            None => many::run(self, &fleets, printer),
        }
    }

    /// Whether the plans may run: said by `--yes`, or by a person who has seen them.
    fn agreed(
        &self,
        plans: &impl Display,
        actors: usize,
        printer: &Printer,
    ) -> Result<bool, CliError> {
        if self.args.yes {
            return Ok(true);
        }
        if !printer.can_ask() {
            return Err(CliError::NotAgreed {
                verb: self.verb,
                actors,
                look: "look with --dry-run",
            });
        }
        let question = format!("{} {}?", self.verb, count(actors, "actor"));
        let agreed = printer.ask(plans, question);
        if !agreed {
            printer.note("nothing was changed");
        }
        Ok(agreed)
    }
}
