//! What Drizzle 0.x does, as far as our design leans on it: each fact shown by running the real thing.

use rusqlite::types::Value;
use sha2::{Digest, Sha256};

use crate::folder::{Scratch, folder, texts};
use crate::runner::{DRIVERS, Driver, run, run_with};

#[test]
fn the_hash_is_the_sha256_of_the_file_as_javascript_reads_it() {
    let files: [&[u8]; 4] = [
        b"CREATE TABLE a (x);",
        b"CREATE TABLE b (x);\r\n",
        b"\xef\xbb\xbfCREATE TABLE c (x);",
        b"CREATE TABLE d (x DEFAULT '\xff\xfe');",
    ];
    let migrations: Vec<(u64, &[u8])> = (1..).zip(files).collect();
    let folder = folder(&migrations);
    for driver in DRIVERS {
        let actor = Scratch::missing();
        assert_eq!(run(driver, folder.path(), &actor.file).unwrap().len(), 4);
        let expected: Vec<String> = files
            .iter()
            .map(|file| hash_as_javascript_reads(file))
            .collect();
        let sql = "SELECT hash FROM __drizzle_migrations ORDER BY created_at";
        assert_eq!(texts(&actor.open(), sql), expected, "{driver:?}");
    }
}

/// `fs.readFileSync(file).toString()` keeps CR and BOM and turns invalid UTF-8 into U+FFFD.
fn hash_as_javascript_reads(file: &[u8]) -> String {
    let text = String::from_utf8_lossy(file);
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_journal_has_no_ids_and_its_times_are_integers() {
    let folder = folder(&[(1_767_609_000_123, b"CREATE TABLE a (x);")]);
    for driver in DRIVERS {
        let actor = Scratch::missing();
        run(driver, folder.path(), &actor.file).unwrap();
        let db = actor.open();
        let columns = texts(
            &db,
            "SELECT group_concat(name || ' ' || type || ' ' || \"notnull\" || ' ' || pk, ', ') \
             FROM pragma_table_info('__drizzle_migrations')",
        );
        assert_eq!(
            columns,
            ["id SERIAL 0 1, hash TEXT 1 0, created_at numeric 0 0"],
            "{driver:?}"
        );
        let row = db.query_row(
            "SELECT id, created_at FROM __drizzle_migrations",
            [],
            |row| Ok((row.get::<_, Value>(0)?, row.get::<_, Value>(1)?)),
        );
        assert_eq!(
            row.unwrap(),
            (Value::Null, Value::Integer(1_767_609_000_123)),
            "{driver:?}"
        );
    }
}

#[test]
fn a_migration_older_than_the_newest_row_is_skipped_in_silence() {
    let first = folder(&[(100, b"CREATE TABLE a (x);"), (300, b"CREATE TABLE c (x);")]);
    let merged = folder(&[
        (100, b"CREATE TABLE a (x);"),
        (200, b"CREATE TABLE b (x);"),
        (300, b"CREATE TABLE c (x);"),
    ]);
    for driver in DRIVERS {
        let actor = Scratch::missing();
        run(driver, first.path(), &actor.file).unwrap();
        assert_eq!(
            run(driver, merged.path(), &actor.file),
            Ok(vec![]),
            "{driver:?}"
        );
        assert!(!actor.rows().contains_key("b"), "{driver:?}");
    }
}

#[test]
fn an_applied_migration_may_be_rewritten_and_nobody_looks() {
    let released = folder(&[(100, b"CREATE TABLE a (x);")]);
    let edited = folder(&[(100, b"CREATE TABLE a (x, y);")]);
    for driver in DRIVERS {
        let actor = Scratch::missing();
        run(driver, released.path(), &actor.file).unwrap();
        assert_eq!(
            run(driver, edited.path(), &actor.file),
            Ok(vec![]),
            "{driver:?}"
        );
    }
}

#[test]
fn of_several_statements_in_one_chunk_only_the_first_runs_and_the_journal_says_done() {
    let folder = folder(&[(100, b"CREATE TABLE a (x); CREATE TABLE b (x);")]);
    for driver in DRIVERS {
        let actor = Scratch::missing();
        assert_eq!(
            run(driver, folder.path(), &actor.file).unwrap().len(),
            1,
            "{driver:?}"
        );
        assert_eq!(
            actor.rows().into_keys().collect::<Vec<_>>(),
            ["a"],
            "{driver:?}"
        );
    }
}

#[test]
fn a_breakpoint_inside_a_string_is_a_breakpoint_all_the_same() {
    let folder = folder(&[(
        100,
        b"CREATE TABLE a (x DEFAULT '--> statement-breakpoint');",
    )]);
    for driver in DRIVERS {
        let actor = Scratch::missing();
        let error = run(driver, folder.path(), &actor.file).unwrap_err();
        assert!(error.contains("unrecognized token"), "{driver:?}: {error}");
    }
}

#[test]
fn a_failure_undoes_every_pending_migration_but_leaves_an_empty_journal() {
    let folder = folder(&[(100, b"CREATE TABLE a (x);"), (200, b"CREATE TABLE a (x);")]);
    for driver in DRIVERS {
        let actor = Scratch::missing();
        let error = run(driver, folder.path(), &actor.file).unwrap_err();
        assert!(
            error.contains("table a already exists"),
            "{driver:?}: {error}"
        );
        assert!(actor.rows().is_empty(), "{driver:?}");
        let rows = texts(&actor.open(), "SELECT hash FROM __drizzle_migrations");
        assert!(rows.is_empty(), "{driver:?}");
    }
}

pub(crate) const REBUILD_OF_A_PARENT: &[u8] = b"PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE __new_parent (id integer PRIMARY KEY, name text);--> statement-breakpoint
INSERT INTO __new_parent (id) SELECT id FROM parent;--> statement-breakpoint
DROP TABLE parent;--> statement-breakpoint
ALTER TABLE __new_parent RENAME TO parent;--> statement-breakpoint
PRAGMA foreign_keys=ON;";

/// Symptom: a migration that changes one default empties another table and reports success
/// (drizzle-team/drizzle-orm#5782). Cause: `PRAGMA foreign_keys` does nothing inside a transaction,
/// so `DROP TABLE` deletes the parents first and the cascade takes the children.
#[test]
fn a_rebuild_in_a_transaction_with_foreign_keys_on_deletes_the_children() {
    for (driver, more, children) in [
        (Driver::SqlJs, vec!["--foreign-keys"], 0),
        (Driver::SqlJs, vec![], 2),
        // libsql's `migrate` switches foreign keys off before it begins.
        (Driver::Libsql, vec!["--foreign-keys"], 2),
    ] {
        let actor = Scratch::missing();
        actor.open().execute_batch(PARENT_AND_CHILDREN).unwrap();
        let folder = folder(&[(100, REBUILD_OF_A_PARENT)]);
        let applied = run_with(driver, folder.path(), &actor.file, &more);
        assert_eq!(applied.unwrap().len(), 1, "{driver:?} {more:?}");
        assert_eq!(actor.rows()["child"].len(), children, "{driver:?} {more:?}");
    }
}

pub(crate) const PARENT_AND_CHILDREN: &str = "
    CREATE TABLE parent (id integer PRIMARY KEY);
    CREATE TABLE child (parent_id integer REFERENCES parent(id) ON DELETE CASCADE);
    INSERT INTO parent VALUES (1);
    INSERT INTO child VALUES (1), (1);";

#[test]
fn a_rebuild_under_a_view_fails() {
    let folder = folder(&[
        (100, b"CREATE TABLE parent (id integer PRIMARY KEY);"),
        (200, b"CREATE VIEW parents AS SELECT id FROM parent;"),
        (300, REBUILD_OF_A_PARENT),
    ]);
    for driver in DRIVERS {
        let actor = Scratch::missing();
        let error = run(driver, folder.path(), &actor.file).unwrap_err();
        assert!(
            error.contains("error in view parents: no such table"),
            "{driver:?}: {error}"
        );
    }
}
