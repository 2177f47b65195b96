//! A plan whose SQL we made up is tried on a copy of the real data before anybody is asked.

use actor_migrate::{Action, MigrateError, Plan, Step};

use crate::error::CliError;
use crate::judge::Judge;
use crate::targets::Target;

/// What came of the rehearsal. Migrations were replayed and ledger rows are known: only what mends an actor
/// needs one, for it stands where no migration left it.
pub(super) fn rehearse(
    judge: &Judge,
    target: &Target,
    plan: &Plan,
) -> Result<Result<(), MigrateError>, CliError> {
    let runs = |step: &Step| matches!(step, Step::Repair { .. } | Step::Run { .. });
    if plan.action != Action::Reconcile || !plan.steps.iter().any(runs) {
        return Ok(Ok(()));
    }
    target.rehearse(|copy| Ok(judge.execute(copy, plan).map(drop)))
}
