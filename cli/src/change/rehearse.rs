//! A plan whose SQL we made up is tried on a copy of the real data before anybody is asked.

use actor_migrate::{MigrateError, Plan, Step};

use crate::error::CliError;
use crate::judge::Judge;
use crate::targets::Target;

/// What came of the rehearsal. Migrations were replayed and ledger rows are known: only repairs need one.
pub(super) fn rehearse(
    judge: &Judge,
    target: &Target,
    plan: &Plan,
) -> Result<Result<(), MigrateError>, CliError> {
    let mends = |step: &Step| matches!(step, Step::Repair { .. });
    if !plan.steps.iter().any(mends) {
        return Ok(Ok(()));
    }
    target.rehearse(|copy| Ok(judge.execute(copy, plan).map(drop)))
}
