//! What Drizzle's own migrator would do to an actor after the squash, on a copy.

use actor_migrate::Bundle;
use rusqlite::Connection;

use super::project::{KINDS, Project};
use crate::error::CliError;
use crate::targets::{Stores, Target, every_actor};

/// Takes the first actor of a kind, and runs what the stock migrator would run. Says what came of it.
pub(super) fn attempt(project: &Project) -> Result<String, CliError> {
    let folder = project.folder(KINDS[0]);
    let bundle =
        Bundle::read(&folder).map_err(|error| CliError::migrate(folder.display(), error))?;
    let actors = every_actor(&Stores::default().open(&project.store())?)?;
    let of_kind = |target: &&Target| target.name().starts_with(KINDS[0]);
    let Some(actor) = actors.iter().find(of_kind) else {
        return Err(CliError::Claim {
            claim: format!("there is an actor of kind {}", KINDS[0]),
        });
    };
    let failed = actor.rehearse(|copy| Ok(migrate(copy, &bundle).err()))?;
    match failed {
        Some(error) => {
            let (actor, words) = (actor.name(), words(&error));
            Ok(format!("Drizzle's own migrator on {actor}: {words}"))
        }
        None => Err(CliError::Claim {
            claim: "Drizzle's own migrator fails on a squashed folder".to_owned(),
        }),
    }
}

/// Drizzle 0.x: everything newer than the newest row, in one transaction.
/// <https://github.com/drizzle-team/drizzle-orm/blob/main/drizzle-orm/src/sqlite-core/dialect.ts>
fn migrate(actor: &mut Connection, bundle: &Bundle) -> rusqlite::Result<()> {
    let newest = "SELECT max(created_at) FROM __drizzle_migrations";
    let newest: Option<i64> = actor.query_row(newest, [], |row| row.get(0))?;
    let transaction = actor.transaction()?;
    for migration in bundle
        .entries
        .iter()
        .filter(|migration| newest.is_none_or(|newest| newest < migration.when.0))
    {
        for statement in &migration.statements {
            transaction.execute_batch(migration.sql(statement))?;
        }
    }
    transaction.commit()
}

/// What SQLite said, without the statement that rusqlite adds.
fn words(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}
