//! Brings an actor to where its ledger can say the truth: what adoption alone may not do, proven all the same.

use super::{
    Action, Plan, PlanOptions, Step, check_needs, chosen_position, ledger_rows, plan_adopt, refused,
};
use crate::bundle::{Bundle, Position};
use crate::error::{HistoryError, MigrateError};
use crate::inspect::Standing;
use crate::repair::{Refused, RepairStatement, Terms, repair};
use crate::replay::Expected;
use crate::schema::Schema;
use crate::verdict::{Adoption, Partial, Verdict};

/// Plans what brings an actor back among those that `apply` can migrate, and no further. An actor
/// that only needs its ledger rewritten gets the plan of [`plan_adopt`]; one that needs nothing an
/// empty one. Differences of the schema are mended, unless `options.allow` accepts them all.
///
/// # Errors
/// M140 if nothing that is known leads from here to a proven position, M141 as [`plan_adopt`], M175
/// if mending would lose something that nobody consented to lose, M178 if no SQL can mend it.
pub fn plan_reconcile(
    bundle: &Bundle,
    expected: &Expected,
    standing: &Standing,
    options: &PlanOptions,
) -> Result<Plan, MigrateError> {
    let differs = !standing.differences.iter().all(|d| d.acknowledged);
    let accepts = || {
        standing
            .needs
            .iter()
            .all(|need| need.is_met_by(options.allow.iter()))
    };
    if let Some(several @ HistoryError::Several { .. }) = &standing.lost
        && standing.partial.is_none()
    {
        return Err(MigrateError::History(several.clone()));
    }
    match (standing.adoption, standing.verdict) {
        (Adoption::NotNeeded, _) => {
            Ok(Plan::new(Action::Reconcile, bundle, standing, options).sealed())
        }
        (Adoption::NeedsAck, _) if differs && !accepts() => {
            mend(bundle, expected, standing, options)
        }
        (Adoption::Safe | Adoption::NeedsAck, _) => plan_adopt(bundle, expected, standing, options),
        (Adoption::Refuse, Verdict::Drifted | Verdict::Edited | Verdict::Deleted) if differs => {
            mend(bundle, expected, standing, options)
        }
        (Adoption::Refuse, Verdict::Partial) => finish(bundle, expected, standing, options),
        (Adoption::Refuse, Verdict::SquashedBehind) => descend(bundle, standing, options),
        (Adoption::Refuse, _) => Err(refused("reconciled", standing)),
    }
}

/// Gives the actor the schema of the position where it stands, and the ledger rows that say so.
fn mend(
    bundle: &Bundle,
    expected: &Expected,
    standing: &Standing,
    options: &PlanOptions,
) -> Result<Plan, MigrateError> {
    let view = standing.view(bundle, expected);
    let position = chosen_position(standing, options, view.bundle)?;
    let target = view.expected.schema_at(position);
    let (Some(live), Some(target)) = (&standing.live, target) else {
        return Err(refused("reconciled", standing));
    };
    let mut plan = Plan::new(Action::Reconcile, bundle, standing, options);
    add_repair(&mut plan, live, &target, standing, expected)?;
    ledger_rows::adopt(&mut plan, view.bundle, position, &standing.ledger);
    plan.target = Some(position);
    plan.to = target.fingerprint();
    Ok(plan.sealed())
}

fn add_repair(
    plan: &mut Plan,
    live: &Schema,
    target: &Schema,
    standing: &Standing,
    expected: &Expected,
) -> Result<(), MigrateError> {
    let terms = Terms {
        allow: &plan.options.allow,
        made: &|name| expected.knows(name),
    };
    let open = standing.unproven.iter();
    let open = open.filter(|need| !need.is_met_by(plan.options.allow.iter()));
    let mut needed: Vec<_> = open.cloned().collect();
    let repair = match repair(live, target, &terms) {
        Ok(repair) if needed.is_empty() => repair,
        Ok(_) => return Err(MigrateError::RepairNeeds { needed }),
        Err(Refused::Needs(more)) => {
            needed.extend(more);
            return Err(MigrateError::RepairNeeds { needed });
        }
        Err(Refused::Impossible { object, reason }) => {
            return Err(MigrateError::NoRepair { object, reason });
        }
    };
    plan.foreign_keys_off |= repair.drops_tables;
    plan.accepted = repair.kept;
    plan.steps.extend(repair.statements.into_iter().map(step));
    Ok(())
}

fn step(statement: RepairStatement) -> Step {
    let RepairStatement {
        object,
        sql,
        is_check,
    } = statement;
    match is_check {
        true => Step::Verify { object, sql },
        false => Step::Repair { object, sql },
    }
}

/// Runs what an actor lacks of the chain that a baseline replaced, and journals the baseline.
fn descend(
    bundle: &Bundle,
    standing: &Standing,
    options: &PlanOptions,
) -> Result<Plan, MigrateError> {
    let Some(ancestry) = &standing.ancestry else {
        let lost = standing.lost.clone().unwrap_or(HistoryError::Unknown {});
        return Err(MigrateError::History(lost));
    };
    check_needs(standing, options)?;
    let (view, descent) = (ancestry.view(), &ancestry.descent);
    let (first, ran) = match &standing.partial {
        Some(partial) => {
            let ran = whole(partial).ok_or_else(|| refused("reconciled", standing))?;
            (descent.position, ran)
        }
        None if standing.candidates.is_empty() => (descent.position, 0),
        None => (chosen_position(standing, options, view.bundle)?, 0),
    };
    let mut plan = Plan::new(Action::Reconcile, bundle, standing, options);
    for entry in first.0..descent.goal.0 {
        plan.run(view, entry, if entry == first.0 { ran } else { 0 });
    }
    ledger_rows::adopt(&mut plan, bundle, descent.target, &standing.ledger);
    plan.accepted.clone_from(&standing.differences);
    plan.target = Some(descent.target);
    plan.to = view.expected.fingerprint(descent.goal).unwrap_or(plan.to);
    Ok(plan.sealed())
}

/// How many statements ran, where that is known.
fn whole(partial: &Partial) -> Option<usize> {
    (partial.ran_at_least == partial.ran_at_most).then_some(partial.ran_at_least)
}

/// Runs what a migration lacks whose runner died inside it, and journals it. Where statements that
/// leave no trace may or may not have run, nobody can say what it lacks.
fn finish(
    bundle: &Bundle,
    expected: &Expected,
    standing: &Standing,
    options: &PlanOptions,
) -> Result<Plan, MigrateError> {
    let ran = standing.partial.as_ref().and_then(whole);
    let Some((ran, position)) = ran.zip(standing.position) else {
        return Err(refused("reconciled", standing));
    };
    check_needs(standing, options)?;
    let mut plan = Plan::new(Action::Reconcile, bundle, standing, options);
    let view = standing.view(bundle, expected);
    let target = Position(position.0 + 1);
    plan.run(view, position.0, ran);
    ledger_rows::adopt(&mut plan, view.bundle, target, &standing.ledger);
    plan.target = Some(target);
    plan.to = view.expected.fingerprint(target).unwrap_or(plan.to);
    Ok(plan.sealed())
}
