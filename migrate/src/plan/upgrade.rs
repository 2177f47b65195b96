//! The one-time step from a ledger of Drizzle 0.x to the one of 1.0, also where Drizzle refuses it.

use super::{Action, Plan, PlanOptions, Step, check_needs, chosen_position, ledger_rows, refused};
use crate::bundle::{Bundle, Layout};
use crate::error::MigrateError;
use crate::inspect::Standing;
use crate::ledger::LedgerFormat;
use crate::replay::Expected;
use crate::verdict::Adoption;

/// Plans to give a ledger of Drizzle 0.x the shape of 1.0. The plan is empty where there is no such ledger.
///
/// Where every row has its migration, this is what the 1.0 migrator does on its first run. Where old rows have
/// none, because their files were squashed, that migrator stops; here the schema must prove what is in effect, as
/// for [`super::plan_adopt`], each migration in effect gets its row, and the old rows stay without a name: 1.0
/// does not count them, and they are what keeps a release of 0.x from running anything again.
///
/// # Errors
/// M140 if the schema proves nothing, M141 if something must be accepted that `options.allow` does not name,
/// M188 if the folder is not of Drizzle 1.0 yet.
pub fn plan_upgrade(
    bundle: &Bundle,
    expected: &Expected,
    standing: &Standing,
    options: &PlanOptions,
) -> Result<Plan, MigrateError> {
    let mut plan = Plan::new(Action::Upgrade, bundle, standing, options);
    if plan.format == LedgerFormat::None || plan.format.has_names() {
        return Ok(plan.sealed());
    }
    if bundle.layout != Layout::DrizzleFolders {
        return Err(MigrateError::UpgradeNeedsFolders {
            dir: bundle.dir.clone(),
        });
    }
    if standing.adoption == Adoption::Refuse {
        return Err(refused("upgraded", standing));
    }
    let view = standing.view(bundle, expected);
    let position = chosen_position(standing, options, view.bundle)?;
    check_needs(standing, options)?;
    plan.target = Some(position);
    plan.accepted.clone_from(&standing.differences);
    plan.format = LedgerFormat::Drizzle1;
    plan.steps.push(Step::AddNames);
    plan.steps.push(Step::ArchiveRows {
        rows: standing.ledger.rows,
    });
    let in_effect = &view.bundle.entries[..position.0.min(view.bundle.entries.len())];
    let complete = standing.adoption == Adoption::NotNeeded;
    let (bundle, ledger) = (view.bundle, &standing.ledger);
    let rows = ledger_rows::name_or_insert(in_effect, bundle, ledger, complete);
    plan.steps.extend(rows);
    Ok(plan.sealed())
}
