//! Runs pending migrations on a copy of an actor's real data.

use actor_migrate::{MigrateError, PlanOptions, Standing, Verdict};
use rusqlite::Connection;
use serde::Serialize;

use super::cause::passes_by;
use crate::error::CliError;
use crate::judge::Judge;
use crate::output::Diagnostic;
use crate::targets::Target;

/// What became of the pending migrations on a copy.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub(super) enum Rehearsal {
    /// Nothing is pending, or nothing may run before a person decides.
    NotNeeded,
    Passed,
    Failed {
        error: Box<Diagnostic>,
    },
}

impl Rehearsal {
    pub(super) fn failed(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }
}

/// Rehearses what would run on the next wake. Of a fresh actor the replay has already shown that it runs.
pub(super) fn rehearse(
    judge: &Judge,
    target: &Target,
    standing: &Standing,
) -> Result<Rehearsal, CliError> {
    let adopts_first = passes_by(standing) && !standing.pending.is_empty();
    if standing.verdict != Verdict::Behind && !adopts_first {
        return Ok(Rehearsal::NotNeeded);
    }
    target.rehearse(|copy| {
        Ok(match run(judge, copy) {
            Ok(()) => Rehearsal::Passed,
            Err(error) => Rehearsal::Failed {
                error: Box::new(Diagnostic::from(&error)),
            },
        })
    })
}

/// Plans anew: the actor may have moved on since it was looked at.
fn run(judge: &Judge, copy: &mut Connection) -> Result<(), MigrateError> {
    let mut standing = judge.look_at(copy)?;
    if standing.verdict == Verdict::Squashed {
        let plan = judge.plan_adopt(&standing, &PlanOptions::default())?;
        judge.execute(copy, &plan)?;
        standing = judge.look_at(copy)?;
    }
    let plan = judge.plan_apply(&standing, &PlanOptions::default())?;
    judge.execute(copy, &plan).map(drop)
}
