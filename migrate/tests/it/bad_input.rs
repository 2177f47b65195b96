//! Bad input: a clear error or the right answer, and in an actor nothing is changed.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use actor_migrate::{Bundle, MigrateError, Migrator, ReplayOptions, WakeError};
use rusqlite::Connection;

use crate::common::{Folder, database, drizzle, dump, folders, try_drizzle};

const A: &str = "CREATE TABLE a (b);";

/// The folder that the ledgers below are judged by.
fn chain() -> Folder {
    Folder::new(&[
        ("0000_a", "CREATE TABLE a (b);"),
        ("0001_c", "CREATE TABLE c (d);"),
    ])
}

/// An error in one line, without the path of the test.
fn line(error: &MigrateError, folder: &Folder) -> String {
    let text = error.to_string();
    let path = folder.path().to_str().unwrap();
    format!("{} {}", error.code(), text.replace(path, "drizzle"))
}

/// What is said of a folder whose second migration is `sql`.
fn said_of(sql: &str) -> String {
    let folder = Folder::new(&[("0000_a", A), ("0001_b", sql)]);
    match Migrator::open(folder.path()) {
        Ok(_) => "fine".to_owned(),
        Err(error) => line(&error, &folder),
    }
}

#[test]
fn sql_that_reaches_out_of_its_transaction_is_stopped_wherever_it_hides() {
    let fired = |body: &str| {
        format!(
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN {body}; END;\n  INSERT INTO a VALUES (1);"
        )
    };
    let cases = [
        ("behind a comment", "/* - */ -- x\n  BEGIN;".to_owned()),
        ("behind an empty statement", "; ;COMMIT;".to_owned()),
        ("by its other name", "END TRANSACTION;".to_owned()),
        ("a release", "\n\n   RELEASE s;".to_owned()),
        ("explained", "EXPLAIN ATTACH 'x' AS y;".to_owned()),
        ("detached", "DETACH main;".to_owned()),
        ("vacuum into a file", "VACUUM INTO 'stolen.db';".to_owned()),
        ("in a trigger", fired("SELECT load_extension('evil')")),
        (
            "in a condition of a trigger",
            fired("DELETE FROM a WHERE load_extension('evil')"),
        ),
        (
            "in a view that is read",
            "CREATE VIEW v AS SELECT load_extension('evil');\nINSERT INTO a SELECT * FROM v;"
                .to_owned(),
        ),
        (
            "in a common table",
            "WITH x AS (SELECT LOAD_EXTENSION('evil') AS y) INSERT INTO a SELECT y FROM x;"
                .to_owned(),
        ),
        (
            "as a default",
            "CREATE TABLE z (y DEFAULT (load_extension('evil')));".to_owned(),
        ),
        (
            "as a generated column",
            "CREATE TABLE z (x, y AS (load_extension(x)) STORED);\nINSERT INTO z VALUES ('evil');"
                .to_owned(),
        ),
        (
            "a pragma as a table",
            "INSERT INTO a SELECT * FROM pragma_journal_mode;".to_owned(),
        ),
        (
            "a pragma of a schema",
            "PRAGMA main.writable_schema(1);".to_owned(),
        ),
        (
            "the schema itself",
            "UPDATE sqlite_schema SET sql = 'x';".to_owned(),
        ),
        (
            "a temporary table",
            "CREATE TEMP TABLE gone (x);".to_owned(),
        ),
    ];
    let mut story = String::new();
    for (name, sql) in &cases {
        writeln!(story, "{name}: {}", said_of(sql)).unwrap();
    }
    insta::assert_snapshot!(story);
}

#[test]
fn statements_without_end_name_the_limit_even_where_a_trigger_runs_them() {
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let fired = format!(
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a WHERE b IN ({endless}); END;\n  INSERT INTO a VALUES (1);"
    );
    for (sql, place) in [(endless, (1, 1)), (&fired, (2, 3))] {
        let folder = Folder::new(&[("0000_a", A), ("0001_b", sql)]);
        let mut limit = ReplayOptions::default();
        limit.time_limit = Duration::from_millis(50);
        let bundle = Bundle::read(folder.path()).unwrap();
        let error = Migrator::with_replay(bundle, &limit).unwrap_err();
        assert_eq!(error.code(), "M121", "{error}");
        assert!(error.to_string().contains("limit of 50 ms"), "{error}");
        let at = error.at().unwrap();
        assert_eq!((at.line, at.column), place);
    }
}

/// SQLite itself takes an expression of this depth and not of one more.
const DEPTH_MAX: usize = 1000;

#[test]
fn sql_nested_as_deep_as_sqlite_takes_it_is_read_and_deeper_is_told() {
    let nested = |depth: usize| {
        let (open, close) = ("(1 + ".repeat(depth), ")".repeat(depth));
        format!(
            "CREATE VIEW v AS SELECT {open}1{close};\nCREATE TABLE t (x CHECK (x > {open}1{close}));"
        )
    };
    let (fits, deep) = (nested(DEPTH_MAX / 2 - 10), nested(100_000));
    let folder = Folder::new(&[("0000_a", &fits)]);
    let mut conn = database("");
    let migrator = Migrator::open(folder.path()).unwrap();
    assert!(migrator.wake(&mut conn).unwrap().changed);
    assert!(!migrator.wake(&mut conn).unwrap().changed);
    assert!(said_of(&deep).starts_with("M120"), "{}", said_of(&deep));
    let unclosed = "(".repeat(1_000_000);
    assert!(said_of(&unclosed).starts_with("M120"));
    let wide: Vec<_> = (0..2000).map(|n| format!("c{n}")).collect();
    assert_eq!(
        said_of(&format!("CREATE TABLE w ({});", wide.join(","))),
        "fine"
    );
    let terms = vec!["SELECT 1"; 500].join(" UNION ALL ");
    assert_eq!(said_of(&format!("CREATE VIEW u AS {terms};")), "fine");
}

/// What is said of a folder with this journal.
fn journal(text: &[u8]) -> String {
    let folder = Folder::new(&[("0000_a", A)]);
    fs::write(folder.path().join("meta/_journal.json"), text).unwrap();
    match Bundle::read(folder.path()) {
        Ok(bundle) => format!("fine, {} entries", bundle.entries.len()),
        Err(error) => line(&error, &folder),
    }
}

#[test]
fn every_journal_that_is_none_is_told_and_none_overflows_the_stack() {
    let deep = "[".repeat(10_000);
    let entry = |when: &str| {
        let text = format!(
            "{{\"dialect\":\"sqlite\",\"entries\":[{{\"idx\":0,\"when\":{when},\"tag\":\"0000_a\"}}]}}"
        );
        journal(text.as_bytes())
    };
    let unknown = format!(
        "{{\"dialect\":\"sqlite\",\"entries\":[],\"x\":{deep}{}}}",
        "]".repeat(10_000)
    );
    let cases = [
        ("no bytes", journal(b"")),
        ("zeroes", journal(&[0; 4096])),
        ("noise", journal(b"\xff\xfe\x00\xd8 SQLite format 3")),
        (
            "a byte order mark",
            journal("\u{feff}{\"dialect\":\"sqlite\",\"entries\":[]}".as_bytes()),
        ),
        ("brackets without end", journal(deep.as_bytes())),
        ("brackets where nobody looks", journal(unknown.as_bytes())),
        ("another shape", journal(b"[]")),
        (
            "a key twice",
            journal(b"{\"dialect\":\"sqlite\",\"dialect\":\"sqlite\",\"entries\":[]}"),
        ),
        ("when NaN", entry("NaN")),
        ("when negative", entry("-1")),
        ("when infinite", entry("1e400")),
        ("when huge", entry("9007199254740993")),
        ("when text", entry("\"1700000000000\"")),
        ("when null", entry("null")),
    ];
    let mut story = String::new();
    for (name, said) in &cases {
        writeln!(story, "{name}: {said}").unwrap();
    }
    insta::assert_snapshot!(story);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_where_one_should_be_is_told_and_nothing_is_waited_for() {
    use std::os::unix::fs::symlink;
    let read = |folder: &Folder| match Bundle::read(folder.path()) {
        Ok(bundle) => format!("fine, {} entries", bundle.entries.len()),
        Err(error) => line(&error, folder),
    };
    let replaced = |make: &dyn Fn(&std::path::Path)| {
        let folder = Folder::new(&[("0000_a", A)]);
        let path = folder.path().join("0000_a.sql");
        fs::remove_file(&path).unwrap();
        make(&path);
        read(&folder)
    };
    let pipe = |path: &std::path::Path| {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.unwrap().success());
    };
    let looped = Folder::new(&[]);
    fs::remove_dir_all(looped.path().join("meta")).unwrap();
    symlink("meta", looped.path().join("meta")).unwrap();
    let inner = folders(&[("20260101000000_a", A)]);
    symlink(".", inner.path().join("20260101000000_b")).unwrap();
    let no_file = folders(&[("20260101000000_a", A)]);
    fs::create_dir_all(no_file.path().join("20260102000000_b/migration.sql")).unwrap();
    let cases = [
        (
            "a link to itself",
            replaced(&|path| symlink(path, path).unwrap()),
        ),
        (
            "a link to nothing",
            replaced(&|path| symlink("nowhere", path).unwrap()),
        ),
        ("a folder", replaced(&|path| fs::create_dir(path).unwrap())),
        ("a pipe", replaced(&pipe)),
        (
            "a device",
            replaced(&|path| symlink("/dev/zero", path).unwrap()),
        ),
        ("meta that is a loop", read(&looped)),
        ("a folder that leads back", read(&inner)),
        ("a folder as migration.sql", read(&no_file)),
    ];
    let mut story = String::new();
    for (name, said) in &cases {
        writeln!(story, "{name}: {said}").unwrap();
    }
    insta::assert_snapshot!(story);
}

/// Wakes an actor that has everything of [`chain`] and a ledger made by `sql`, with `{0}`, `{1}` for the hashes.
///
/// A refused actor is as it was. A served one has nothing left to do, for us and for the stock runner.
fn woken(sql: &str) -> String {
    let folder = chain();
    let migrator = Migrator::open(folder.path()).unwrap();
    let hash = |at: usize| migrator.bundle().entries[at].hash.clone();
    let mut conn =
        database("CREATE TABLE a (b); CREATE TABLE c (d); INSERT INTO a VALUES (1), (2)");
    let sql = sql.replace("{0}", &hash(0)).replace("{1}", &hash(1));
    conn.execute_batch(&sql.replace("LEDGER", "__drizzle_migrations"))
        .unwrap();
    let before = dump(&conn);
    let error = match migrator.wake(&mut conn) {
        Ok(wake) => {
            assert!(!migrator.wake(&mut conn).unwrap().changed, "{sql}");
            // The stock runner of these tests stops at a time that is text.
            let stock = try_drizzle(&conn, &folder, 2);
            assert!(!matches!(stock, Ok(1..)), "{sql}: {stock:?}");
            return format!("{} -> {}", wake.verdict_before, wake.verdict);
        }
        Err(error) => error,
    };
    assert_eq!(dump(&conn), before, "{sql}");
    let reason = error.standing().and_then(|it| it.reason.clone());
    format!("{} {error}: {}", error.code(), reason.unwrap_or_default())
}

const WHEN: [&str; 2] = ["1700000000000", "1700000060000"];

/// A ledger table of these columns, with one row of each migration: `row` with `{h}` and `{w}` for hash and time.
fn ledger(columns: &str, row: &str) -> String {
    let row = |at: usize| {
        row.replace("{h}", &format!("'{{{at}}}'"))
            .replace("{w}", WHEN[at])
    };
    format!(
        "CREATE TABLE LEDGER {columns}; INSERT INTO LEDGER VALUES {}, {}",
        row(0),
        row(1)
    )
}

const PLAIN: &str = "(id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)";

/// What is said of each ledger, a line each.
fn story(cases: &[(&str, String)]) -> String {
    let line = |(name, sql): &(&str, String)| format!("{name}: {}\n", woken(sql));
    cases.iter().map(line).collect()
}

#[test]
fn odd_rows_of_a_ledger_are_understood_or_told_and_nothing_is_changed_unless_it_is_served() {
    let loose = |row: &str| ledger("(id, hash, created_at)", row);
    let cases = [
        ("NULL ids", ledger(PLAIN, "(NULL, {h}, {w})")),
        ("text ids", loose("('x' || {w}, {h}, {w})")),
        ("times as text", loose("(1, {h}, '{w}')")),
        ("times as fractions", loose("(1, {h}, {w} + 0.5)")),
        ("times that are no time", loose("(1, {h}, 9e999 - 9e999)")),
        ("infinite times", loose("(1, {h}, 9e999)")),
        ("negative times", loose("(1, {h}, -{w})")),
        ("the largest times", loose("(1, {h}, 9223372036854775807)")),
        ("blob times", loose("(1, {h}, x'00')")),
        ("blob hashes", loose("(1, CAST({h} AS BLOB), {w})")),
        ("NULL hashes", loose("(1, NULL, {w})")),
        ("ill-formed hashes", loose("(1, CAST(x'ff' AS TEXT), {w})")),
        ("endless hashes", loose("(1, hex(zeroblob(100000)), {w})")),
    ];
    insta::assert_snapshot!(story(&cases));
}

#[test]
fn odd_tables_of_a_ledger_are_understood_or_told_and_nothing_is_changed_unless_it_is_served() {
    let with = |more: &str| format!("{}; {more}", ledger(PLAIN, "(NULL, {h}, {w})"));
    let keyed = "(id, hash PRIMARY KEY, created_at) WITHOUT ROWID";
    let wider = PLAIN.replace(')', ", more NOT NULL)");
    let cases = [
        ("without rowid", ledger(keyed, "(1, {h}, {w})")),
        (
            "in other case",
            with("ALTER TABLE LEDGER RENAME TO l; ALTER TABLE l RENAME TO __DRIZZLE_Migrations"),
        ),
        (
            "a view",
            with("ALTER TABLE LEDGER RENAME TO l; CREATE VIEW LEDGER AS SELECT * FROM l"),
        ),
        (
            "a full-text table",
            "CREATE VIRTUAL TABLE LEDGER USING fts5(id, hash, created_at)".to_owned(),
        ),
        ("no rows", format!("CREATE TABLE LEDGER {PLAIN}")),
        (
            "a column more, required",
            format!("CREATE TABLE LEDGER {wider}"),
        ),
        (
            "a trigger that deletes rows",
            format!(
                "CREATE TABLE LEDGER {PLAIN}; CREATE TRIGGER t AFTER INSERT ON LEDGER BEGIN DELETE FROM a; END"
            ),
        ),
        (
            "both rows twice",
            with("INSERT INTO LEDGER SELECT * FROM LEDGER"),
        ),
        (
            "a million rows more",
            with(
                "INSERT INTO LEDGER WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) \
                  SELECT NULL, 'x', i FROM n",
            ),
        ),
    ];
    insta::assert_snapshot!(story(&cases));
}

#[test]
fn odd_names_of_the_ledger_table_work_or_are_told() {
    let folder = chain();
    let wake = |name: &str| -> Result<Connection, WakeError> {
        let mut conn = database("");
        let migrator = Migrator::open(folder.path()).unwrap().table(name);
        migrator.wake(&mut conn)?;
        assert!(!migrator.wake(&mut conn)?.changed, "{name}");
        Ok(conn)
    };
    for name in [
        "a \"quoted\" one",
        "two\nlines",
        "журнал",
        "x'; DROP TABLE a; --",
        &"long".repeat(25_000),
    ] {
        let conn = wake(name).unwrap();
        let made = dump(&conn).iter().filter(|line| *line == name).count();
        assert_eq!(made, 1, "{name}");
    }
    for name in ["", "sqlite_mine", "SQLITE_x", "a\0b"] {
        assert_eq!(wake(name).unwrap_err().code(), "M133", "{name:?}");
    }
}

/// A connection that has read its schema goes by it; the next one meets what the file says.
#[test]
fn a_schema_whose_names_are_no_text_is_told() {
    let folder = chain();
    let file = folder.path().join("actor.sqlite");
    let conn = Connection::open(&file).unwrap();
    drizzle(&conn, &folder, 2);
    conn.execute_batch(
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET name = CAST(x'ff' AS TEXT), tbl_name = CAST(x'ff' AS TEXT) \
         WHERE name = 'c'; PRAGMA writable_schema = OFF",
    )
    .unwrap();
    drop(conn);
    let mut conn = Connection::open(&file).unwrap();
    let error = Migrator::open(folder.path())
        .unwrap()
        .wake(&mut conn)
        .unwrap_err();
    assert_eq!(error.code(), "M130", "{error}");
    assert!(
        error.to_string().contains("malformed database schema"),
        "{error}"
    );
}

#[test]
fn an_actor_runs_ten_thousand_migrations_and_is_then_only_read() {
    let names: Vec<_> = (0..10_000).map(|n| format!("{n:04}_t")).collect();
    let sql = |n: usize| match n % 100 {
        0 => format!("CREATE TABLE t{n} (a);"),
        _ => format!("INSERT INTO t{} VALUES ({n});", n - n % 100),
    };
    let sql: Vec<_> = (0..10_000).map(sql).collect();
    let pairs: Vec<_> = names
        .iter()
        .zip(&sql)
        .map(|(name, sql)| (name.as_str(), sql.as_str()))
        .collect();
    let folder = Folder::new(&pairs);
    let migrator = Migrator::open(folder.path()).unwrap();
    let mut conn = database("");
    assert_eq!(migrator.wake(&mut conn).unwrap().applied.len(), 10_000);
    assert!(!migrator.wake(&mut conn).unwrap().changed);
}
