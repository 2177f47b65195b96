//! From a ledger of Drizzle 0.x to the one of 1.0, as a plan that can be undone.

use actor_migrate::{
    MigrateError, Plan, PlanOptions, execute, plan_adopt, plan_undo, plan_upgrade,
};
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::common::{Folder, database, drizzle_1, folders, look, verdict};

const A: &str = "CREATE TABLE a (b);";
const C: &str = "CREATE TABLE c (d);";
const E: &str = "CREATE TABLE e (f);";

fn chain() -> Folder {
    folders(&[("20260101000000_a", A), ("20260201000000_c", C)])
}

/// The chain squashed by hand, under a newer name, and one migration more.
fn squashed() -> Folder {
    squashed_as("20260301000000_baseline")
}

fn squashed_as(name: &str) -> Folder {
    let baseline = format!("{C}\n--> statement-breakpoint\n{A}");
    folders(&[(name, &baseline), ("20260401000000_e", E)])
}

/// The ledgers without names, each as its writer makes it, with the hash that it writes.
const OLD: [(&str, &str); 4] = [
    (
        "id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric",
        "sha256",
    ),
    (
        "id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric",
        "",
    ),
    (
        "id INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL, created_at INTEGER",
        "tag",
    ),
    (
        "id INTEGER PRIMARY KEY, hash text NOT NULL, created_at numeric",
        "sha256",
    ),
];

/// An actor that ran `folder` under 0.x, which notes milliseconds.
fn ran(folder: &Folder, (columns, hash): (&str, &str)) -> Connection {
    let conn = database(&format!("CREATE TABLE __drizzle_migrations ({columns})"));
    for entry in folder.read().0.entries {
        conn.execute_batch(&entry.text).unwrap();
        let hash = match hash {
            "sha256" => entry.hash.clone(),
            "tag" => entry.tag.clone(),
            other => other.to_owned(),
        };
        let sql = "INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?1, ?2)";
        conn.execute(sql, (hash, entry.when.0 + 417)).unwrap();
    }
    conn
}

fn plan(conn: &Connection, folder: &Folder) -> Result<Plan, MigrateError> {
    let (bundle, expected) = folder.read();
    plan_upgrade(
        &bundle,
        &expected,
        &look(conn, folder),
        &PlanOptions::default(),
    )
}

fn upgrade(conn: &mut Connection, folder: &Folder) {
    let plan = plan(conn, folder).unwrap();
    run(conn, folder, &plan);
}

fn run(conn: &mut Connection, folder: &Folder, plan: &Plan) {
    let (bundle, expected) = folder.read();
    execute(conn, &bundle, &expected, plan).unwrap();
}

/// The table and every value in it, as stored.
fn ledger(conn: &Connection) -> (String, Vec<Vec<Value>>) {
    let sql = "SELECT sql FROM sqlite_schema WHERE name = '__drizzle_migrations'";
    let table = conn.query_row(sql, [], |row| row.get(0)).unwrap();
    let mut select = conn
        .prepare("SELECT * FROM __drizzle_migrations ORDER BY rowid")
        .unwrap();
    let columns = select.column_count();
    let rows = select
        .query_map([], |row| (0..columns).map(|at| row.get(at)).collect())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    (table, rows)
}

#[test]
fn a_complete_ledger_becomes_what_drizzle_makes_of_it() {
    for old in OLD {
        let folder = chain();
        let (mut ours, theirs) = (ran(&folder, old), ran(&folder, old));
        upgrade(&mut ours, &folder);
        drizzle_1(&theirs, &folder).unwrap();
        assert_eq!(ledger(&ours).1, ledger(&theirs).1, "{old:?}");
        assert_eq!(verdict(&ours, &folder), "current not-needed", "{old:?}");
        assert_eq!(drizzle_1(&ours, &folder), Ok(0), "{old:?}");
        assert!(plan(&ours, &folder).unwrap().is_empty(), "{old:?}");
    }
}

#[test]
fn where_drizzle_stops_on_squashed_files_the_schema_proves_what_is_in_effect() {
    for old in OLD {
        for folder in [squashed(), squashed_as("20260201000000_baseline")] {
            let mut conn = ran(&chain(), old);
            upgrade(&mut conn, &folder);
            let standing = look(&conn, &folder);
            assert_eq!(standing.verdict.as_str(), "behind", "{old:?}");
            assert!(
                standing.hazards.is_empty(),
                "{old:?}: {:?}",
                standing.hazards
            );
            assert_eq!(
                drizzle_1(&conn, &folder),
                Ok(1),
                "{old:?}: only what is pending"
            );
            assert_eq!(verdict(&conn, &folder), "current not-needed", "{old:?}");
        }
    }
}

#[test]
fn an_upgrade_is_undone_to_the_value() {
    for old in OLD {
        for folder in [chain(), squashed()] {
            let mut conn = ran(&chain(), old);
            let before = ledger(&conn);
            upgrade(&mut conn, &folder);
            assert_ne!(ledger(&conn), before, "{old:?}");
            let undo = plan_undo(&folder.read().0, &look(&conn, &folder)).unwrap();
            run(&mut conn, &folder, &undo);
            assert_eq!(ledger(&conn), before, "{old:?}");
            let actions: String = conn
                .query_row(
                    "SELECT group_concat(action) FROM __actor_migrate_audit",
                    [],
                    |row| row.get(0),
                )
                .unwrap();
            assert_eq!(actions, "upgrade,undo");
        }
    }
}

#[test]
fn an_adoption_before_an_upgrade_is_undone_after_it_and_not_with_it() {
    let folder = squashed();
    let mut conn = ran(&chain(), OLD[0]);
    let (bundle, expected) = folder.read();
    let adopt = plan_adopt(
        &bundle,
        &expected,
        &look(&conn, &folder),
        &PlanOptions::default(),
    );
    run(&mut conn, &folder, &adopt.unwrap());
    let adopted = ledger(&conn);
    upgrade(&mut conn, &folder);
    let undo = plan_undo(&bundle, &look(&conn, &folder)).unwrap();
    run(&mut conn, &folder, &undo);
    assert_eq!(ledger(&conn), adopted);
}

#[test]
fn what_the_schema_does_not_prove_is_not_upgraded() {
    let conn = ran(&chain(), OLD[0]);
    conn.execute_batch("DROP TABLE c").unwrap();
    let before = ledger(&conn);
    assert_eq!(plan(&conn, &squashed()).unwrap_err().code(), "M140");
    assert_eq!(ledger(&conn), before);
}

#[test]
fn a_folder_of_0x_is_moved_first() {
    let old = Folder::new(&[("0000_a", A)]);
    let conn = ran(&old, OLD[0]);
    let error = plan(&conn, &old).unwrap_err();
    assert_eq!(error.code(), "M188");
    assert!(error.hint().contains("drizzle-kit up"), "{}", error.hint());
    let (bundle, expected) = old.read();
    let fresh = plan_upgrade(
        &bundle,
        &expected,
        &look(&database(""), &old),
        &PlanOptions::default(),
    );
    assert!(fresh.unwrap().is_empty());
}
