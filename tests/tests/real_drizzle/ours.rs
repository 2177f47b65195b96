//! Our side: what a host calls to adopt or to migrate one actor.

use std::path::Path;

use actor_migrate::{
    Bundle, Expected, History, InspectOptions, MigrateError, Plan, PlanOptions, Report, Standing,
    execute, inspect, plan_adopt, plan_apply, plan_reconcile, plan_undo, plan_upgrade,
};

use crate::folder::Scratch;

/// A migration folder, read and replayed.
pub(crate) struct Folder {
    bundle: Bundle,
    expected: Expected,
    options: InspectOptions,
}

impl Folder {
    pub(crate) fn read(dir: &Path) -> Self {
        let bundle = Bundle::read(dir).unwrap();
        let expected = Expected::replay(&bundle).unwrap();
        Self {
            bundle,
            expected,
            options: InspectOptions::default(),
        }
    }

    /// The same folder for an actor that notes its migrations in `table`.
    pub(crate) fn with_table(self, table: &str) -> Self {
        let options = InspectOptions {
            table: table.to_owned(),
            ..self.options
        };
        Self { options, ..self }
    }

    /// The same, knowing what it was before it was squashed.
    pub(crate) fn with_history(self, old: &Path) -> Self {
        let old = Bundle::read(old).unwrap();
        let expected = self.expected.with_history([History::new(old)]);
        Self { expected, ..self }
    }

    /// Verdict and adoption of an actor, as in JSON.
    pub(crate) fn verdict(&self, actor: &Scratch) -> String {
        let standing = self.inspect(actor);
        format!("{} {}", standing.verdict, standing.adoption)
    }

    /// The codes of what stock runners would do in silence.
    pub(crate) fn hazards(&self, actor: &Scratch) -> Vec<&'static str> {
        let hazards = self.inspect(actor).hazards;
        hazards.iter().map(|hazard| hazard.code.as_str()).collect()
    }

    /// Adopts as the person does who knows that these actors have the rows which the baseline writes.
    pub(crate) fn adopt(&self, actor: &Scratch) -> Report {
        let options = PlanOptions {
            allow: ["data".to_owned()].into(),
            ..PlanOptions::default()
        };
        self.run(actor, |standing| {
            plan_adopt(&self.bundle, &self.expected, standing, &options)
        })
    }

    pub(crate) fn apply(&self, actor: &Scratch) -> Report {
        let options = PlanOptions::default();
        self.run(actor, |standing| {
            plan_apply(&self.bundle, &self.expected, standing, &options)
        })
    }

    pub(crate) fn reconcile(&self, actor: &Scratch) -> Report {
        let options = PlanOptions::default();
        self.run(actor, |standing| {
            plan_reconcile(&self.bundle, &self.expected, standing, &options)
        })
    }

    /// Gives the ledger the shape of Drizzle 1.0.
    pub(crate) fn upgrade(&self, actor: &Scratch) -> Report {
        let options = PlanOptions::default();
        self.run(actor, |standing| {
            plan_upgrade(&self.bundle, &self.expected, standing, &options)
        })
    }

    pub(crate) fn undo(&self, actor: &Scratch) -> Report {
        self.run(actor, |standing| plan_undo(&self.bundle, standing))
    }

    fn inspect(&self, actor: &Scratch) -> Standing {
        inspect(&actor.open(), &self.bundle, &self.expected, &self.options).unwrap()
    }

    fn run(
        &self,
        actor: &Scratch,
        plan: impl FnOnce(&Standing) -> Result<Plan, MigrateError>,
    ) -> Report {
        let plan = plan(&self.inspect(actor)).unwrap_or_else(|error| panic!("{error}"));
        execute(&mut actor.open(), &self.bundle, &self.expected, &plan)
            .unwrap_or_else(|error| panic!("{error}"))
    }
}
