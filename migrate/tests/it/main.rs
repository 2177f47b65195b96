//! The library against small folders and actors, through its public entry points only.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed"
)]

mod bad_input;
mod certificates;
mod common;
mod cost;
mod crash;
mod drizzle_1;
mod execute;
mod fixtures;
mod folders;
mod history;
mod history_archives;
mod history_laws;
mod laws;
mod lint;
mod reconcile;
mod repair;
mod repair_laws;
mod squash;
mod upgrade;
mod verdict_fixtures;
mod verdicts;
mod wake;
