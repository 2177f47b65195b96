//! One fleet's yardstick: its folder, read and replayed once for all its actors.

use actor_migrate::{
    Bundle, Expected, InspectOptions, MigrateError, Plan, PlanOptions, Report, Standing,
};
use rusqlite::Connection;

use crate::error::CliError;
use crate::targets::{Fleet, Target};

/// What every actor of a fleet is held against.
#[derive(Debug)]
pub(crate) struct Judge {
    pub bundle: Bundle,
    expected: Expected,
    inspect: InspectOptions,
}

impl Judge {
    pub(crate) fn new(fleet: &Fleet) -> Result<Self, CliError> {
        let fail = |error| CliError::migrate(fleet.dir.display(), error);
        let mut inspect = InspectOptions::default();
        if let Some(table) = &fleet.table {
            inspect.table.clone_from(table);
        }
        let read = match fleet.plain {
            true => Bundle::read_plain(&fleet.dir),
            false => Bundle::read(&fleet.dir),
        };
        let bundle = read.map_err(fail)?;
        let histories = fleet
            .history
            .iter()
            .map(|name| name.read(&fleet.dir, bundle.layout));
        let histories = histories.collect::<Result<Vec<_>, _>>()?;
        let expected = Expected::replay(&bundle)
            .map_err(fail)?
            .with_history(histories);
        Ok(Self {
            bundle,
            expected,
            inspect,
        })
    }

    /// Where one actor stands.
    pub(crate) fn look(&self, target: &Target) -> Result<Standing, CliError> {
        target.read(|connection| {
            let standing = self.look_at(connection);
            standing.map_err(|error| CliError::migrate(target.name(), error))
        })
    }

    /// Where an open database stands.
    pub(crate) fn look_at(&self, connection: &Connection) -> Result<Standing, MigrateError> {
        actor_migrate::inspect(connection, &self.bundle, &self.expected, &self.inspect)
    }

    /// What would run on it.
    pub(crate) fn plan_apply(
        &self,
        standing: &Standing,
        options: &PlanOptions,
    ) -> Result<Plan, MigrateError> {
        actor_migrate::plan_apply(&self.bundle, &self.expected, standing, options)
    }

    /// What would be written to its ledger.
    pub(crate) fn plan_adopt(
        &self,
        standing: &Standing,
        options: &PlanOptions,
    ) -> Result<Plan, MigrateError> {
        actor_migrate::plan_adopt(&self.bundle, &self.expected, standing, options)
    }

    /// What would make its schema and its ledger right.
    pub(crate) fn plan_reconcile(
        &self,
        standing: &Standing,
        options: &PlanOptions,
    ) -> Result<Plan, MigrateError> {
        actor_migrate::plan_reconcile(&self.bundle, &self.expected, standing, options)
    }

    /// What would give its ledger the shape of Drizzle 1.0.
    pub(crate) fn plan_upgrade(
        &self,
        standing: &Standing,
        options: &PlanOptions,
    ) -> Result<Plan, MigrateError> {
        actor_migrate::plan_upgrade(&self.bundle, &self.expected, standing, options)
    }

    /// What would be put back into its ledger.
    pub(crate) fn plan_undo(
        &self,
        standing: &Standing,
        _: &PlanOptions,
    ) -> Result<Plan, MigrateError> {
        actor_migrate::plan_undo(&self.bundle, standing)
    }

    /// Runs a plan.
    pub(crate) fn execute(
        &self,
        connection: &mut Connection,
        plan: &Plan,
    ) -> Result<Report, MigrateError> {
        actor_migrate::execute(connection, &self.bundle, &self.expected, plan)
    }
}
