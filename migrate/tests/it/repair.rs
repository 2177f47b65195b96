//! Drifted actors that are made right, and those that are not without consent.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use actor_migrate::{MigrateError, Plan, PlanOptions, Report, Step, execute, plan_reconcile};
use rusqlite::Connection;

use crate::common::{Folder, actor, drizzle, look, verdict};
use crate::crash::copy_at_every_statement;

const CHAIN: [(&str, &str); 2] = [
    (
        "0000_users",
        "CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL, `name` text COLLATE NOCASE, \
         `age` integer DEFAULT 7, CONSTRAINT \"named\" CHECK(\"users\".\"name\" <> ''));\n--> statement-breakpoint\n\
         CREATE UNIQUE INDEX `users_name` ON `users` (`name`);\n--> statement-breakpoint\n\
         CREATE TABLE `posts` (`id` integer PRIMARY KEY NOT NULL, `author` integer NOT NULL REFERENCES users(id) \
         ON DELETE cascade);",
    ),
    (
        "0001_more",
        "CREATE VIEW `adults` AS SELECT name FROM users WHERE age > 17;\n--> statement-breakpoint\n\
         CREATE TRIGGER `one` AFTER INSERT ON `posts` BEGIN UPDATE users SET age = age + 1 WHERE id = new.author; END;\n\
         --> statement-breakpoint\n\
         CREATE TRIGGER `two` AFTER UPDATE ON `users` BEGIN SELECT 1; END;",
    ),
];

const ROWS: &str = "INSERT INTO users (name, age) VALUES ('ann', 20), ('bob', 30), ('cat', 40);
    DELETE FROM users WHERE name = 'cat'; INSERT INTO posts VALUES (10, 1), (11, 2), (12, 2);";

/// The table as it was made before somebody worked on it by hand.
const USERS_BY_HAND: &str =
    "CREATE TABLE users (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, name text, age integer)";

fn folder() -> Folder {
    Folder::new(&CHAIN)
}

/// An actor with rows that somebody changed by hand.
fn drifted(by_hand: &str) -> Connection {
    let conn = actor(&folder(), 2);
    conn.execute_batch(ROWS).unwrap();
    conn.execute_batch(by_hand).unwrap();
    conn
}

/// Puts another definition under a table without asking SQLite to rewrite anything else.
fn users_made_by_hand() -> Connection {
    drifted(&format!(
        "PRAGMA foreign_keys = OFF; CREATE TEMP TABLE held AS SELECT * FROM users; DROP TABLE users; {USERS_BY_HAND};
         INSERT INTO users SELECT * FROM held; UPDATE sqlite_sequence SET seq = 3; DROP TABLE held;
         CREATE TABLE IF NOT EXISTS notes (body text); INSERT INTO notes VALUES ('mine'); PRAGMA foreign_keys = ON;"
    ))
}

fn reconcile(conn: &mut Connection, allow: &[&str]) -> Result<Report, MigrateError> {
    let (bundle, expected) = folder().read();
    let standing = look(conn, &folder());
    let options = PlanOptions {
        allow: allow.iter().map(|name| (*name).to_owned()).collect(),
        ..PlanOptions::default()
    };
    let plan = plan_reconcile(&bundle, &expected, &standing, &options)?;
    execute(conn, &bundle, &expected, &plan)
}

fn needed(error: &MigrateError) -> BTreeSet<String> {
    match error {
        MigrateError::RepairNeeds { needed } => {
            needed.iter().map(|need| need.name.clone()).collect()
        }
        other => panic!("{other}"),
    }
}

fn one<T: rusqlite::types::FromSql>(conn: &Connection, sql: &str) -> T {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_rebuilt_parent_keeps_children_ids_watermark_index_trigger_and_view() {
    let mut conn = users_made_by_hand();
    assert_eq!(verdict(&conn, &folder()), "drifted refuse");
    let report = reconcile(&mut conn, &[]).unwrap();
    assert_eq!(report.standing.verdict.as_str(), "current");
    let rows = "SELECT group_concat(id || name || age) FROM users";
    assert_eq!(one::<String>(&conn, rows), "1ann21,2bob32");
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM posts"), 3);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM adults"), 2);
    let next = "INSERT INTO users (name) VALUES ('dan') RETURNING id";
    assert_eq!(one::<i64>(&conn, next), 4, "3 was given to cat");
    let again = conn.execute_batch("INSERT INTO users (name) VALUES ('ANN')");
    assert!(again.is_err(), "the unique index is back, and so is NOCASE");
    let triggers = "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'trigger'";
    assert_eq!(one::<String>(&conn, triggers), "one,two");
    assert_eq!(one::<i64>(&conn, "PRAGMA foreign_keys"), 1);
    conn.execute_batch("DELETE FROM users WHERE id = 2")
        .unwrap();
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM posts"), 1);
}

#[test]
fn a_strangers_table_stays_unless_it_is_named() {
    let mut conn = users_made_by_hand();
    let report = reconcile(&mut conn, &[]).unwrap();
    let kept: Vec<_> = report.standing.differences.iter().collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(
        (kept[0].to_string(), kept[0].acknowledged),
        ("table-extra notes".into(), true)
    );
    assert_eq!(one::<String>(&conn, "SELECT body FROM notes"), "mine");
    assert!(!reconcile(&mut conn, &[]).unwrap().changed, "twice is once");
    let mut conn = users_made_by_hand();
    let report = reconcile(&mut conn, &["drop-table:notes"]).unwrap();
    assert!(report.standing.differences.is_empty());
    let gone = "SELECT count(*) FROM sqlite_schema WHERE name = 'notes'";
    assert_eq!(one::<i64>(&conn, gone), 0);
}

#[test]
fn what_nobody_can_bring_back_goes_only_by_name() {
    let by_hand = "ALTER TABLE users ADD secret text; UPDATE users SET secret = 'x';
        CREATE TRIGGER mine AFTER DELETE ON posts BEGIN SELECT 1; END;
        CREATE UNIQUE INDEX only_one ON posts (author, id);";
    let mut conn = drifted(by_hand);
    let error = reconcile(&mut conn, &[]).unwrap_err();
    assert_eq!(error.code(), "M175");
    let names = [
        "drop-column:users.secret",
        "drop-index:only_one",
        "drop-trigger:mine",
    ];
    assert_eq!(needed(&error), names.map(str::to_owned).into());
    let error = reconcile(&mut conn, &names[..2]).unwrap_err();
    assert_eq!(needed(&error), [names[2].to_owned()].into());
    let report = reconcile(&mut conn, &names).unwrap();
    assert_eq!(report.standing.verdict.as_str(), "current");
    assert_eq!(verdict(&conn, &folder()), "current not-needed");
}

#[test]
fn values_that_a_type_would_convert_stop_the_repair_until_that_is_accepted() {
    let by_hand = "PRAGMA foreign_keys = OFF; CREATE TEMP TABLE held AS SELECT * FROM posts; DROP TABLE posts;
        CREATE TABLE posts (id integer PRIMARY KEY NOT NULL, author text NOT NULL REFERENCES users(id) ON DELETE cascade);
        INSERT INTO posts SELECT * FROM held; PRAGMA foreign_keys = ON;";
    let mut conn = drifted(by_hand);
    let error = reconcile(&mut conn, &[]).unwrap_err();
    assert_eq!(error.code(), "M177");
    assert_eq!(
        error.to_string(),
        "3 rows of table posts would not keep their values"
    );
    assert_eq!(
        one::<String>(&conn, "SELECT typeof(author) FROM posts"),
        "text"
    );
    let report = reconcile(&mut conn, &["column-type:posts.author"]).unwrap();
    assert_eq!(report.standing.verdict.as_str(), "current");
    assert_eq!(
        one::<String>(&conn, "SELECT typeof(author) FROM posts"),
        "integer"
    );
}

#[test]
fn rows_that_break_a_constraint_stop_the_repair_and_leave_the_actor_as_it_was() {
    let mut conn = drifted("DROP INDEX users_name; INSERT INTO users (name) VALUES ('ANN');");
    let error = reconcile(&mut conn, &[]).unwrap_err();
    assert_eq!(error.code(), "M176");
    assert_eq!(
        error.to_string(),
        "mending index users_name fails: UNIQUE constraint failed: users.name"
    );
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM users"), 3);
    conn.execute_batch("DELETE FROM users WHERE name = 'ANN' AND id > 3")
        .unwrap();
    let report = reconcile(&mut conn, &[]).unwrap();
    assert_eq!(report.standing.verdict.as_str(), "current");
}

#[test]
fn rowids_that_no_column_shows_are_kept() {
    let folder = Folder::new(&[("0000_t", "CREATE TABLE t (b text DEFAULT 'new', a text);")]);
    let (bundle, expected) = folder.read();
    let mut conn = actor(&folder, 1);
    conn.execute_batch(
        "DROP TABLE t; CREATE TABLE t (a text); INSERT INTO t (rowid, a) VALUES (5, 'x'), (900, 'x')",
    )
    .unwrap();
    let options = PlanOptions::default();
    let plan = plan_reconcile(&bundle, &expected, &look(&conn, &folder), &options).unwrap();
    execute(&mut conn, &bundle, &expected, &plan).unwrap();
    let rows = "SELECT group_concat(rowid || a || b) FROM t";
    assert_eq!(one::<String>(&conn, rows), "5xnew,900xnew");
}

#[test]
fn columns_that_are_missing_at_the_end_are_added_where_the_table_is() {
    let chain = [
        ("0000_t", "CREATE TABLE t (a text UNIQUE);"),
        (
            "0001_more",
            "ALTER TABLE t ADD b text DEFAULT 'new' NOT NULL;\n--> statement-breakpoint\n\
             ALTER TABLE t ADD c integer REFERENCES t(a);\n--> statement-breakpoint\nCREATE INDEX t_b ON t (b);",
        ),
    ];
    let folder = Folder::new(&chain);
    let (bundle, expected) = folder.read();
    let mut conn = actor(&folder, 2);
    conn.execute_batch(
        "DROP TABLE t; CREATE TABLE t (a text UNIQUE); INSERT INTO t (rowid, a) VALUES (5, 'x'), (900, 'y');
         CREATE TRIGGER g AFTER DELETE ON t BEGIN SELECT 1; END",
    )
    .unwrap();
    let options = PlanOptions {
        allow: ["drop-trigger:g".to_owned()].into(),
        ..PlanOptions::default()
    };
    let plan = plan_reconcile(&bundle, &expected, &look(&conn, &folder), &options).unwrap();
    insta::assert_snapshot!(sql(&plan), @r#"
    DROP TRIGGER main."g"
    ALTER TABLE main."t" ADD COLUMN b text DEFAULT 'new' NOT NULL
    ALTER TABLE main."t" ADD COLUMN c integer REFERENCES t(a)
    CREATE INDEX t_b ON t (b)
    "#);
    assert!(!plan.foreign_keys_off, "no table goes");
    let report = execute(&mut conn, &bundle, &expected, &plan).unwrap();
    assert_eq!(report.standing.verdict.as_str(), "current");
    let rows = "SELECT group_concat(rowid || a || b || ifnull(c, '-')) FROM t";
    assert_eq!(one::<String>(&conn, rows), "5xnew-,900ynew-");
}

/// The statements of a repair, a line each.
fn sql(plan: &Plan) -> String {
    let statements = plan.steps.iter().filter_map(|step| match step {
        Step::Repair { sql, .. } | Step::Verify { sql, .. } => Some(sql.as_str()),
        _ => None,
    });
    statements.collect::<Vec<_>>().join("\n")
}

/// The watermark says which ids were given away, and no row does: without AUTOINCREMENT it is gone.
#[test]
fn the_watermark_of_a_table_that_should_count_no_more_goes_only_by_name() {
    let plain = Folder::new(&[("0000_t", "CREATE TABLE t (id integer PRIMARY KEY, a text);")]);
    let (bundle, expected) = plain.read();
    let counting = || {
        let conn = actor(&plain, 1);
        conn.execute_batch(
            "DROP TABLE t; CREATE TABLE t (id integer PRIMARY KEY AUTOINCREMENT, a text);
             INSERT INTO t (a) VALUES ('x'), ('gone'); DELETE FROM t WHERE a = 'gone'",
        )
        .unwrap();
        conn
    };
    let plan = |conn: &Connection, allow: &[&str]| {
        let options = PlanOptions {
            allow: allow.iter().map(|name| (*name).to_owned()).collect(),
            ..PlanOptions::default()
        };
        plan_reconcile(&bundle, &expected, &look(conn, &plain), &options)
    };
    let mut conn = counting();
    let error = plan(&conn, &[]).unwrap_err();
    assert_eq!(needed(&error), ["drop-autoincrement:t".to_owned()].into());
    let mend = plan(&conn, &["drop-autoincrement"]).unwrap();
    let report = execute(&mut conn, &bundle, &expected, &mend).unwrap();
    assert!(report.standing.differences.is_empty());
    let next = "INSERT INTO t (a) VALUES ('new') RETURNING id";
    assert_eq!(one::<i64>(&conn, next), 2, "given a second time, as agreed");

    let mut conn = counting();
    let keep = plan(&conn, &["autoincrement-extra:t"]).unwrap();
    execute(&mut conn, &bundle, &expected, &keep).unwrap();
    assert_eq!(
        one::<i64>(&conn, next),
        3,
        "accepted as it is, it counts on"
    );
}

#[test]
fn what_belongs_to_a_module_is_not_mended() {
    let folder = Folder::new(&[("0000_f", "CREATE VIRTUAL TABLE f USING fts5(a, b);")]);
    let (bundle, expected) = folder.read();
    let conn = actor(&folder, 1);
    conn.execute_batch("DROP TABLE f; CREATE VIRTUAL TABLE f USING fts5(a);")
        .unwrap();
    let standing = look(&conn, &folder);
    let error = plan_reconcile(&bundle, &expected, &standing, &PlanOptions::default()).unwrap_err();
    assert_eq!(error.code(), "M178");
    conn.execute_batch("DROP TABLE f").unwrap();
    let standing = look(&conn, &folder);
    let plan = plan_reconcile(&bundle, &expected, &standing, &PlanOptions::default()).unwrap();
    assert!(!plan.is_empty(), "one that is missing is made");
}

#[test]
fn a_full_text_index_over_another_table_is_filled_when_it_is_made_anew() {
    let sql = "CREATE TABLE notes (id integer PRIMARY KEY, body text);\n--> statement-breakpoint\n\
         CREATE VIRTUAL TABLE search USING fts5(body, content='notes', content_rowid='id');\n--> statement-breakpoint\n\
         CREATE TRIGGER feed AFTER INSERT ON notes BEGIN INSERT INTO search(rowid, body) VALUES (new.id, new.body); END;";
    let folder = Folder::new(&[("0000_notes", sql)]);
    let (bundle, expected) = folder.read();
    let mut conn = actor(&folder, 1);
    conn.execute_batch(
        "INSERT INTO notes VALUES (7, 'green tea'), (9, 'black tea'); DROP TABLE search; DROP TRIGGER feed;
         ALTER TABLE notes ADD extra text",
    )
    .unwrap();
    let options = PlanOptions {
        allow: ["drop-column:notes.extra".to_owned()].into(),
        ..PlanOptions::default()
    };
    let plan = plan_reconcile(&bundle, &expected, &look(&conn, &folder), &options).unwrap();
    let report = execute(&mut conn, &bundle, &expected, &plan).unwrap();
    assert_eq!(report.standing.verdict.as_str(), "current");
    let found = "SELECT group_concat(rowid || body) FROM search('green')";
    assert_eq!(one::<String>(&conn, found), "7green tea");
    conn.execute_batch("INSERT INTO notes VALUES (11, 'green apple'); INSERT INTO search(search) VALUES ('integrity-check')")
        .unwrap();
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM search('green')"), 2);

    let folder = Folder::new(&[(
        "0000_f",
        "CREATE VIRTUAL TABLE f USING fts5(a, content='');",
    )]);
    let (bundle, expected) = folder.read();
    let conn = actor(&folder, 1);
    conn.execute_batch("DROP TABLE f").unwrap();
    let standing = look(&conn, &folder);
    let error = plan_reconcile(&bundle, &expected, &standing, &PlanOptions::default()).unwrap_err();
    assert_eq!(error.code(), "M178");
}

/// Where a copy that a crash left stands, and what its users hold.
fn recovered(path: &Path) -> (String, i64, i64) {
    let conn = Connection::open(path).unwrap();
    assert_eq!(one::<String>(&conn, "PRAGMA integrity_check"), "ok");
    let stands = verdict(&conn, &folder());
    let sum = one(&conn, "SELECT sum(id * age + length(name)) FROM users");
    (stands, one(&conn, "SELECT count(*) FROM posts"), sum)
}

#[test]
fn a_crash_before_any_statement_of_a_rebuild_leaves_the_actor_before_or_after() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copies_dir) = (dir.path().join("actor.sqlite"), dir.path().join("copies"));
    fs::create_dir(&copies_dir).unwrap();
    let mut conn = Connection::open(&path).unwrap();
    drizzle(&conn, &folder(), 2);
    conn.execute_batch(&format!(
        "PRAGMA foreign_keys = OFF; DROP TABLE users; {USERS_BY_HAND}; INSERT INTO users (name, age) WITH RECURSIVE \
         n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT printf('name %d', i), i FROM n;
         INSERT INTO posts SELECT id, id FROM users; PRAGMA foreign_keys = ON; PRAGMA cache_size = 5;"
    ))
    .unwrap();
    let whole = recovered(&path);
    assert_eq!(whole.0, "drifted refuse");
    let copies = copy_at_every_statement(&mut conn, &path, &copies_dir);
    let report = reconcile(&mut conn, &[]).unwrap();
    assert_eq!(report.standing.verdict.as_str(), "current");
    drop(conn);
    let count = *copies.lock().unwrap();
    let journals = (0..count)
        .filter(|n| copies_dir.join(format!("{n}.sqlite-journal")).exists())
        .count();
    assert!(journals > 5, "some copies need their journal: {journals}");
    let copy = |number: usize| recovered(&copies_dir.join(format!("{number}.sqlite")));
    let stands: Vec<_> = (0..count).map(copy).collect();
    let before = stands.iter().take_while(|stand| **stand == whole).count();
    assert!(before > 25, "{stands:?}");
    let after = ("current not-needed".to_owned(), whole.1, whole.2);
    assert!(
        stands[before..].iter().all(|stand| *stand == after),
        "{stands:?}"
    );
    assert_eq!(recovered(&path), after);
}
