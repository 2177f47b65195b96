//! Folders as Drizzle sees them, and every way in which one can be wrong.

use std::fmt::Write;
use std::fs;
use std::time::{Duration, Instant};

use actor_migrate::{Bundle, Expected, MigrateError, ReplayOptions};

use crate::common::Folder;

/// The error as a person and as a program sees it, without the path of the test.
fn shown(error: &MigrateError, folder: &Folder) -> String {
    let json = serde_json::to_string_pretty(error).unwrap();
    let text = format!("{error}\n{json}");
    text.replace(folder.path().to_str().unwrap(), "drizzle")
}

/// The error of reading or replaying a folder with these migrations.
fn error_of(migrations: &[(&str, &str)]) -> String {
    let folder = Folder::new(migrations);
    let bundle = Bundle::read(folder.path());
    let error = bundle
        .and_then(|bundle| Expected::replay(&bundle))
        .unwrap_err();
    shown(&error, &folder)
}

fn read_error(folder: &Folder) -> String {
    shown(&Bundle::read(folder.path()).unwrap_err(), folder)
}

/// A folder whose journal is `text`, and what is said of it.
fn journal_error(text: &str) -> String {
    let folder = Folder::new(&[("0000_a", "CREATE TABLE a (b);")]);
    folder.write_journal(text);
    read_error(&folder)
}

/// What is said of a journal with these entries: `idx`, tag and `when`.
fn entries_error(entries: &[(u32, &str, &str)]) -> String {
    let entry = |(idx, tag, when): &(u32, &str, &str)| {
        format!("{{\"idx\":{idx},\"when\":{when},\"tag\":\"{tag}\"}}")
    };
    let entries: Vec<_> = entries.iter().map(entry).collect();
    journal_error(&format!(
        "{{\"dialect\":\"sqlite\",\"entries\":[{}]}}",
        entries.join(",")
    ))
}

fn no_journal() -> String {
    let folder = Folder::new(&[]);
    fs::remove_dir_all(folder.path().join("meta")).unwrap();
    read_error(&folder)
}

fn no_folder() -> String {
    let folder = Folder::new(&[]);
    shown(
        &Bundle::read(folder.path().join("nowhere")).unwrap_err(),
        &folder,
    )
}

fn both_layouts() -> String {
    let folder = Folder::new(&[]);
    fs::create_dir(folder.path().join("20260101000000_a")).unwrap();
    fs::write(folder.path().join("20260101000000_a/migration.sql"), "").unwrap();
    read_error(&folder)
}

fn all(cases: &[(&str, String)]) -> String {
    let mut all = String::new();
    for (name, text) in cases {
        writeln!(all, "--- {name}\n{text}\n").unwrap();
    }
    all
}

#[test]
fn every_broken_folder_gets_one_clear_error() {
    let nul = "CREATE TABLE a (b);\0 DROP TABLE a;";
    let conflict = "{\n  \"dialect\": \"sqlite\",\n<<<<<<< HEAD\n";
    insta::assert_snapshot!(all(&[
        ("no journal", no_journal()),
        ("no folder", no_folder()),
        ("both layouts", both_layouts()),
        ("merge conflict", journal_error(conflict)),
        ("no entries", journal_error("{\"dialect\":\"sqlite\"}")),
        (
            "another dialect",
            journal_error("{\"dialect\":\"postgresql\",\"entries\":[]}")
        ),
        ("file missing", entries_error(&[(0, "0001_gone", "1")])),
        (
            "idx twice",
            entries_error(&[(0, "0000_a", "1"), (0, "0001_b", "2")])
        ),
        (
            "tag twice",
            entries_error(&[(0, "0000_a", "1"), (1, "0000_a", "2")])
        ),
        (
            "a tag that leads out",
            entries_error(&[(0, "../../secret", "1")])
        ),
        ("half a millisecond", entries_error(&[(0, "0000_a", "1.5")])),
        ("a time too large", entries_error(&[(0, "0000_a", "1e16")])),
        ("a NUL byte", error_of(&[("0000_a", nul)])),
    ]));
}

#[test]
fn every_migration_that_cannot_run_is_told_with_its_place() {
    let fine = ("0000_a", "CREATE TABLE a (b);");
    let second = |sql: &'static str| error_of(&[fine, ("0001_b", sql)]);
    let view = "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t;";
    let rebuild = "CREATE TABLE __new_t (a);\n--> statement-breakpoint\nDROP TABLE t;\n--> statement-breakpoint\n\
         ALTER TABLE __new_t RENAME TO t;";
    let cases = [
        (
            "a typo",
            second("CREATE TABLE b (c);\n--> statement-breakpoint\n  CREATE TABEL c (d);"),
        ),
        ("run twice", second("CREATE TABLE a (b);")),
        (
            "a rebuild under a view",
            error_of(&[("0000_a", view), ("0001_b", rebuild)]),
        ),
        (
            "cut inside a trigger",
            second(
                "CREATE TRIGGER g AFTER INSERT ON a BEGIN SELECT 1;\n--> statement-breakpoint\nEND;",
            ),
        ),
        (
            "its own transaction",
            second("BEGIN; DELETE FROM a; COMMIT;"),
        ),
        ("a savepoint", second("SAVEPOINT s;")),
        ("attach", second("ATTACH 'other.db' AS other;")),
        ("vacuum", second("VACUUM;")),
        ("an extension", second("SELECT load_extension('evil');")),
        ("writable_schema", second("PRAGMA writable_schema = ON;")),
        ("journal_mode", second("PRAGMA journal_mode = DELETE;")),
    ];
    insta::assert_snapshot!(all(&cases));
}

#[test]
fn a_query_without_end_is_stopped_in_replay() {
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;";
    let folder = Folder::new(&[("0000_a", "CREATE TABLE a (b);"), ("0001_b", endless)]);
    let mut options = ReplayOptions::default();
    options.time_limit = Duration::from_millis(50);
    let started = Instant::now();
    let error = Expected::replay_with(&Bundle::read(folder.path()).unwrap(), &options).unwrap_err();
    assert_eq!(error.code(), "M121");
    assert_eq!(error.at().unwrap().migration, "0001_b");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_file_beyond_the_limit_is_refused_before_it_is_parsed() {
    let folder = Folder::new(&[("0000_a", "CREATE TABLE a (b);")]);
    let seed = "INSERT INTO a VALUES ('0123456789');\n".repeat(50_000_000 / 37);
    fs::write(folder.path().join("0000_a.sql"), seed).unwrap();
    let error = Bundle::read(folder.path()).unwrap_err();
    assert_eq!(error.code(), "M106", "{error}");
}

#[test]
fn hash_and_chunks_are_those_that_javascript_makes() {
    let sha256 = |bytes: &[u8]| {
        use sha2::{Digest, Sha256};
        Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let folder = Folder::new(&[("0000_a", "")]);
    let read = |bytes: &[u8]| {
        fs::write(folder.path().join("0000_a.sql"), bytes).unwrap();
        Bundle::read(folder.path()).unwrap().entries.remove(0)
    };
    for text in ["", "SELECT 1;\r\n", "\u{feff}SELECT 1;"] {
        assert_eq!(
            read(text.as_bytes()).hash,
            sha256(text.as_bytes()),
            "{text:?}"
        );
    }
    // `Buffer.toString()` makes one U+FFFD of each ill-formed sequence, and Drizzle hashes that.
    assert_eq!(
        read(b"-- \xff\xe2\x82\n").hash,
        sha256("-- \u{fffd}\u{fffd}\n".as_bytes())
    );
    let cut = read(b"SELECT '--> statement-breakpoint'; -- --> statement-breakpoint\nSELECT 2;");
    assert_eq!(
        cut.chunks, 3,
        "a plain substring, in strings and comments too"
    );
}

#[test]
fn a_byte_order_mark_is_a_blank_to_sqlite_and_counts_in_the_hash() {
    let folder = Folder::new(&[("0000_a", "\u{feff}CREATE TABLE a (b);\r\n")]);
    let (bundle, expected) = folder.read();
    assert_eq!(bundle.entries[0].statements.len(), 1);
    assert_ne!(
        expected.fingerprint(bundle.end()),
        expected.fingerprint(actor_migrate::Position(0))
    );
}

#[test]
fn entries_run_in_the_order_of_the_journal_and_not_of_their_numbers() {
    let folder = Folder::new(&[
        ("0000_a", "CREATE TABLE a (b);"),
        ("0001_b", "ALTER TABLE a ADD c;"),
    ]);
    folder.write_journal(
        "{\"dialect\":\"sqlite\",\"entries\":[{\"idx\":7,\"when\":5,\"tag\":\"0000_a\"},{\"idx\":3,\"when\":9,\"tag\":\"0001_b\"}]}",
    );
    let tags: Vec<_> = folder
        .read()
        .0
        .entries
        .into_iter()
        .map(|entry| (entry.tag, entry.when.0))
        .collect();
    assert_eq!(tags, [("0000_a".to_owned(), 5), ("0001_b".to_owned(), 9)]);
}

#[test]
fn ten_thousand_migrations_are_read_and_replayed() {
    let names: Vec<_> = (0..10_000).map(|n| format!("{n:04}_t")).collect();
    let sql: Vec<_> = (0..10_000)
        .map(|n| match n % 10 {
            0 => format!("CREATE TABLE t{n} (a integer, b text);"),
            1 => format!("CREATE INDEX i{n} ON t{} (a);", n - 1),
            2 if n % 100 == 2 => format!("ALTER TABLE t{} ADD c integer;", n - 2),
            _ => format!("INSERT INTO t{} (a) VALUES ({n});", n - n % 10),
        })
        .collect();
    let migrations: Vec<_> = names
        .iter()
        .map(String::as_str)
        .zip(sql.iter().map(String::as_str))
        .collect();
    let folder = Folder::new(&migrations);
    let (bundle, expected) = folder.read();
    assert_eq!((bundle.end().0, expected.end().0), (10_000, 10_000));
}
