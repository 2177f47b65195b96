//! The options that `apply`, `adopt` and `reconcile` share.

use actor_migrate::{NewLedger, Plan, PlanOptions};
use clap::{Args, ValueEnum};

use crate::config::Config;
use crate::error::CliError;
use crate::output::word;
use crate::targets::{Fleet, Selection};

/// The fewest characters of a digest that name a plan.
const DIGEST_CHARS_MIN: usize = 12;

#[derive(Args, Debug)]
pub(crate) struct ChangeArgs {
    /// Show the plans with their SQL and digests; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask; needed where nobody can be asked
    #[arg(long, short)]
    pub yes: bool,
    /// Run exactly this plan or nothing; repeat it for several [at least 12 characters]
    #[arg(long, value_name = "DIGEST")]
    pub plan: Vec<String>,
    /// Tables whose row counts may change although no statement names them
    #[arg(long, value_name = "TABLE")]
    rows_may_change: Vec<String>,
    /// Which ledger to make where there is none: drizzle, rivetkit or wrangler
    #[arg(long, default_value = "drizzle", hide_possible_values = true)]
    new_ledger: Runner,
    #[command(flatten)]
    pub selection: Selection,
}

/// Whose migrator will read the ledger.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Runner {
    /// Drizzle's, of the line that the folder is of.
    Drizzle,
    /// RivetKit's.
    Rivetkit,
    /// That of Cloudflare's wrangler, in the table that it reads.
    Wrangler,
}

/// Where wrangler notes migrations, unless its configuration says otherwise.
const WRANGLER_TABLE: &str = "d1_migrations";

impl ChangeArgs {
    /// What the caller allows, with the needs that are accepted by name.
    pub(crate) fn options(&self, allow: &[String]) -> PlanOptions {
        PlanOptions {
            allow: allow.iter().cloned().collect(),
            rows_may_change: self.rows_may_change.iter().cloned().collect(),
            new_ledger: match self.new_ledger {
                Runner::Drizzle => NewLedger::Drizzle,
                Runner::Rivetkit => NewLedger::RivetKit,
                Runner::Wrangler => NewLedger::Wrangler,
            },
        }
    }

    /// The fleets that were asked for, each with the ledger of its runner where none was named.
    pub(super) fn fleets(&self, config: &Config) -> Result<Vec<Fleet>, CliError> {
        let mut fleets = self.selection.resolve_some(config)?;
        if let Runner::Wrangler = self.new_ledger {
            let unnamed = fleets.iter_mut().filter(|fleet| fleet.table.is_none());
            unnamed.for_each(|fleet| fleet.table = Some(WRANGLER_TABLE.to_owned()));
        }
        Ok(fleets)
    }

    /// What was asked for and what a plan depends on, to be typed again.
    pub(super) fn typed(&self) -> String {
        let runner = match self.new_ledger {
            Runner::Drizzle => "",
            Runner::Rivetkit => " --new-ledger rivetkit",
            Runner::Wrangler => " --new-ledger wrangler",
        };
        let tables = self.rows_may_change.iter();
        let tables = tables.map(|table| format!(" --rows-may-change {}", word(table)));
        runner.to_owned() + &tables.collect::<String>() + &self.selection.typed()
    }

    /// Refuses a plan other than those that were named, if any were.
    pub(super) fn require(&self, plan: &Plan, target: &str) -> Result<(), CliError> {
        let named = |asked: &String| {
            asked.len() >= DIGEST_CHARS_MIN && plan.digest.starts_with(asked.as_str())
        };
        if self.plan.is_empty() || self.plan.iter().any(named) {
            return Ok(());
        }
        Err(CliError::OtherPlan {
            target: target.to_owned(),
            digest: plan.digest.clone(),
        })
    }
}
