//! Which objects of an actor's database belong to somebody else than its migrations.

use super::{Kind, Object};
use crate::sql::tokens;

/// Beginnings of the names of runtime tables.
const RUNTIME_PREFIXES: [&str; 13] = [
    "sqlite_",
    "_rivet_",
    "__rivet_",
    "agent_os_",
    "_cf_",
    "d1_",
    "libsql_",
    "_litestream_",
    "_prisma_",
    "__actor_migrate_",
    "__drizzle_migrations",
    "rivetkit_schema_version",
    NAMESPACED,
];

/// How the ledger of an actor begins that shares its file with others.
pub(crate) const NAMESPACED: &str = "__foundry_migrations_";

/// Whether an object is nobody's drift: a runtime table, a ledger, or something of theirs.
pub(crate) fn is_runtime(object: &Object, ledger: &str) -> bool {
    object.table.eq_ignore_ascii_case(ledger)
        || looks_like_ledger(object)
        || RUNTIME_PREFIXES
            .iter()
            .any(|prefix| starts_with(&object.table, prefix))
}

/// Whether this is a table of ours.
pub(super) fn is_own(table: &str) -> bool {
    starts_with(table, "__actor_migrate_")
}

/// Whether `name` begins with `prefix`, without ASCII case.
pub(crate) fn starts_with(name: &str, prefix: &str) -> bool {
    let head = name.as_bytes().get(..prefix.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// Whether this is a migrations table, perhaps of another actor that shares the file.
pub(super) fn looks_like_ledger(object: &Object) -> bool {
    let named = object.name.starts_with("__") && object.name.contains("migrations");
    let has = |column: &str| {
        tokens(&object.sql).any(|token| {
            let name = token.text.trim_matches(['"', '`', '[', ']']);
            name.eq_ignore_ascii_case(column)
        })
    };
    let namespaced = object.kind == Kind::Table && starts_with(&object.name, NAMESPACED);
    namespaced || named && has("id") && has("hash") && has("created_at")
}
