//! SQLite on actors, against plain SQLite as oracle: every commit is seen whole or not at all.
//!
//! `ACTOR_SEED=n` replays one seed, `ACTOR_SEEDS=n` runs that many (everyday: one a
//! configuration). The same tests run on a SQLite with and without batch-atomic writes:
//! `LIBSQLITE3_FLAGS=-DSQLITE_ENABLE_BATCH_ATOMIC_WRITE cargo test …` builds the former.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod calls;
mod canonical;
mod connections;
mod crashes;
mod flaws;
mod joint;
mod kept;
mod machine;
mod matrix;
mod oracle;
mod past;
mod refusals;
mod sequences;
mod verbs;
mod workload;
