//! Decides where an actor's database stands against its migrations, and moves it only on proof.

#![forbid(unsafe_code)]

mod apply;
mod bundle;
mod error;
mod explain;
mod finding;
mod inspect;
mod ledger;
pub mod limits;
mod lint;
mod plan;
mod repair;
mod replay;
mod schema;
mod sql;
pub mod squash;
mod verdict;
mod wake;

pub use apply::audit::{ARCHIVE_TABLE, AUDIT_TABLE};
pub use apply::{ExecuteOptions, Report, execute, execute_with};
pub use bundle::{Bundle, Layout, Migration, Millis, Position};
pub use error::{At, HistoryError, MigrateError, RowChange, SquashError, Violation};
pub use explain::{Explanation, explain, explanations};
pub use finding::{Finding, Severity};
pub use inspect::{
    BundleSummary, InspectOptions, LedgerSummary, SCHEMA_VERSION, Standing, inspect,
};
pub use ledger::{DEFAULT_TABLE, LedgerFormat, LedgerRow, namespaced_table};
pub use lint::{LOCK_FILE, LintOptions, Lock, lint};
pub use plan::{
    Action, NewLedger, Plan, PlanOptions, Step, plan_adopt, plan_apply, plan_reconcile, plan_undo,
    plan_upgrade,
};
pub use replay::{Expected, History, ReplayOptions};
pub use schema::{Difference, DifferenceKind, Fingerprint, Level};
pub use sql::Statement;
pub use verdict::{Adoption, Hazard, HazardCode, Need, OldChain, Partial, Verdict};
pub use wake::{Migrator, Policy, Wake, WakeError};
