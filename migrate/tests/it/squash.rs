//! Squashing a folder: what the baseline must do, what is refused, and what is left for actors on the way.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use actor_migrate::squash::{self, Carried, SquashOptions, SquashPlan};
use actor_migrate::{Bundle, Expected, Level, MigrateError, Position};
use rusqlite::Connection;

use crate::common::{Folder, actor, drizzle_1, dump, folders, rows, try_drizzle};

/// A chain with all that a schema can have, a table rebuild, seeds, and statements that act on old rows only.
const CHAIN: [(&str, &str); 4] = [
    (
        "0000_init",
        "CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL, `name` text NOT NULL);\n\
         --> statement-breakpoint\nCREATE UNIQUE INDEX `users_name` ON `users` (`name`);\n\
         --> statement-breakpoint\nINSERT INTO users (name) VALUES ('root'), ('it''s');",
    ),
    (
        "0001_posts",
        "CREATE TABLE `posts` (`id` integer PRIMARY KEY, `author` integer REFERENCES users(id), `body` text);\n\
         --> statement-breakpoint\nCREATE VIEW `mine` AS SELECT * FROM posts WHERE author = 1;\n\
         --> statement-breakpoint\nCREATE TRIGGER `loud` AFTER INSERT ON posts BEGIN \
         UPDATE posts SET body = upper(body) WHERE id = new.id; END;",
    ),
    (
        "0002_rebuild",
        "DROP TABLE IF EXISTS gone;\n--> statement-breakpoint\nALTER TABLE users ADD `age` integer;\n\
         --> statement-breakpoint\nUPDATE posts SET body = '' WHERE body IS NULL;",
    ),
    ("0003_later", "CREATE TABLE `later` (`a` text);"),
];

fn options(to: Option<&str>) -> SquashOptions {
    let mut options = SquashOptions::default();
    options.to = to.map(str::to_owned);
    options
}

fn plan(folder: &Folder, options: &SquashOptions) -> Result<SquashPlan, MigrateError> {
    squash::plan(&Bundle::read(folder.path()).unwrap(), options)
}

fn squash(folder: &Folder, to: Option<&str>) -> SquashPlan {
    let bundle = Bundle::read(folder.path()).unwrap();
    let plan = squash::plan(&bundle, &options(to)).unwrap_or_else(|error| panic!("{error}"));
    plan.write(&bundle)
        .unwrap_or_else(|error| panic!("{error}"));
    plan
}

/// What a new actor has after all of a folder, but for its ledger.
fn born(folder: &Folder) -> Vec<String> {
    let bundle = Bundle::read(folder.path()).unwrap();
    let conn = Connection::open_in_memory().unwrap();
    for entry in &bundle.entries {
        conn.execute_batch(&entry.text).unwrap();
    }
    let mut lines = dump(&conn);
    let schema = "SELECT type || name || coalesce(sql, '') FROM sqlite_schema ORDER BY 1";
    let mut schema = conn.prepare(schema).unwrap();
    let texts = schema.query_map([], |row| row.get(0)).unwrap();
    lines.extend(texts.map(Result::unwrap));
    lines
}

/// Every file of a folder with its bytes.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().display().to_string();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn code(folder: &Folder, options: &SquashOptions) -> String {
    let before = files(folder.path());
    let error = plan(folder, options).unwrap_err();
    assert_eq!(files(folder.path()), before);
    format!("{} {error}", error.code())
}

#[test]
fn a_new_actor_of_the_squashed_folder_is_what_a_new_actor_was_to_the_byte() {
    for to in [None, Some("0001_posts"), Some("0002_rebuild")] {
        let folder = Folder::new(&CHAIN);
        let before = born(&folder);
        let plan = squash(&folder, to);
        assert_eq!(plan.certificate.level, Level::E0);
        assert_eq!(born(&folder), before, "{to:?}");
    }
}

#[test]
fn stock_drizzle_skips_the_baseline_on_a_complete_actor_and_runs_it_on_a_new_one() {
    let folder = Folder::new(&CHAIN);
    let (complete, new) = (actor(&folder, 4), Connection::open_in_memory().unwrap());
    let half_way = actor(&folder, 2);
    squash(&folder, None);
    let before = rows(&complete);
    assert_eq!(try_drizzle(&complete, &folder, 99), Ok(0));
    assert_eq!(rows(&complete), before);
    assert_eq!(try_drizzle(&new, &folder, 99), Ok(1));
    let error = try_drizzle(&half_way, &folder, 99).unwrap_err();
    assert!(error.to_string().contains("already exists"), "{error}");
}

#[test]
fn what_came_after_the_squash_keeps_its_number_its_tag_and_its_time() {
    let folder = Folder::new(&CHAIN);
    let old = Bundle::read(folder.path()).unwrap();
    squash(&folder, Some("0001_posts"));
    let new = Bundle::read(folder.path()).unwrap();
    assert_eq!(new.entries[0].tag, "0000_baseline");
    assert_eq!(
        (new.entries[0].idx, new.entries[0].when),
        (0, old.entries[1].when)
    );
    assert_eq!(new.entries[1..], old.entries[2..]);
}

#[test]
fn a_1_0_folder_keeps_the_name_of_the_last_migration_so_that_stock_drizzle_skips_it() {
    let names = ["20260101000000_a", "20260102000000_b", "20260103000000_c"];
    let chain = [
        (names[0], CHAIN[0].1),
        (names[1], CHAIN[1].1),
        (names[2], CHAIN[2].1),
    ];
    let folder = folders(&chain);
    let (complete, new) = (
        Connection::open_in_memory().unwrap(),
        Connection::open_in_memory().unwrap(),
    );
    drizzle_1(&complete, &folder).unwrap();
    let before = born(&folder);
    let plan = squash(&folder, Some(names[1]));
    assert_eq!(plan.certificate.baseline.tag, names[1]);
    assert!(!folder.path().join(names[0]).exists());
    assert_eq!(born(&folder), before);
    assert_eq!(drizzle_1(&complete, &folder), Ok(0));
    assert_eq!(drizzle_1(&new, &folder), Ok(2));
}

#[test]
fn plain_files_keep_the_name_of_the_last_one_too() {
    let dir = tempfile::tempdir().unwrap();
    for (tag, sql) in CHAIN {
        fs::write(dir.path().join(format!("{tag}.sql")), sql).unwrap();
    }
    let bundle = Bundle::read_plain(dir.path()).unwrap();
    let plan = squash::plan(&bundle, &options(Some("0002_rebuild"))).unwrap();
    plan.write(&bundle).unwrap();
    let new = Bundle::read_plain(dir.path()).unwrap();
    let tags: Vec<_> = new.entries.iter().map(|entry| entry.tag.as_str()).collect();
    assert_eq!(tags, ["0002_rebuild", "0003_later"]);
}

#[test]
fn the_archive_is_the_folder_as_it_was_and_a_squash_of_a_squash_keeps_both() {
    let folder = Folder::new(&CHAIN);
    let first = Bundle::read(folder.path()).unwrap();
    squash(&folder, Some("0001_posts"));
    let second = Bundle::read(folder.path()).unwrap();
    squash(&folder, None);
    let archives = squash::archives(folder.path()).unwrap();
    let tags: Vec<_> = archives
        .iter()
        .map(|it| it.certificate.baseline.tag.as_str())
        .collect();
    assert_eq!(tags, ["0000_baseline", "0000_baseline_2"]);
    let digest = |at: usize| archives[at].bundle().unwrap().digest;
    assert_eq!((digest(0), digest(1)), (first.digest, second.digest));
    let replaced = &archives[1].certificate.replaces;
    assert_eq!(replaced[0].tag, archives[0].certificate.baseline.tag);
    assert_eq!(born(&folder), born(&Folder::new(&CHAIN)));
}

#[test]
fn the_certificate_says_what_the_replay_of_the_archive_finds() {
    let folder = Folder::new(&CHAIN);
    squash(&folder, None);
    let archived = squash::archives(folder.path()).unwrap().remove(0);
    let old = archived.bundle().unwrap();
    let expected = Expected::replay(&old).unwrap();
    let certificate = archived.certificate;
    for (at, replaced) in certificate.replaces.iter().enumerate() {
        assert_eq!(
            Some(replaced.fingerprint),
            expected.fingerprint(Position(at + 1))
        );
        assert_eq!(replaced.hash, old.entries[at].hash);
    }
    assert_eq!(certificate.replaces[0].data_statements, [3]);
    assert_eq!(certificate.replaces[2].data_statements, [3]);
}

#[test]
fn the_same_squash_gives_the_same_bytes() {
    let (one, other) = (Folder::new(&CHAIN), Folder::new(&CHAIN));
    squash(&one, None);
    squash(&other, None);
    assert_eq!(files(one.path()), files(other.path()));
}

#[test]
fn rows_are_carried_by_their_statements_where_these_still_do_it_and_else_as_they_are() {
    let carried = |second: &str| {
        let first = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a, b REAL, c BLOB);";
        let seed = "INSERT INTO t (a, b, c) VALUES ('x;--> y', 0.1, x'00ff'), (NULL, 9e999, 'nul' || char(0)), \
                    ('two\nlines', -1.5e-300, 7);";
        let folder = Folder::new(&[("0000_t", first), ("0001_s", seed), ("0002_x", second)]);
        let before = born(&folder);
        let data = squash(&folder, None).certificate.data;
        assert_eq!(born(&folder), before, "{second}");
        data
    };
    assert_eq!(carried("CREATE INDEX i ON t (a);"), Carried::Statements);
    assert_eq!(carried("UPDATE t SET a = a || '!';"), Carried::Statements);
    assert_eq!(
        carried("ALTER TABLE t RENAME COLUMN a TO z;"),
        Carried::Rows
    );
    assert_eq!(
        carried("DELETE FROM t WHERE id = 3; ALTER TABLE t DROP COLUMN b;"),
        Carried::Rows
    );
    assert_eq!(
        carried("DELETE FROM t; ALTER TABLE t DROP COLUMN b;"),
        Carried::Rows
    );
}

#[test]
fn rows_that_need_each_other_are_written_in_an_order_that_foreign_keys_allow() {
    let folder = Folder::new(&[
        (
            "0000_a",
            "CREATE TABLE b (id INTEGER PRIMARY KEY, x, up INTEGER REFERENCES b(id));\n\
             CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b(id));\n\
             INSERT INTO b VALUES (1, 'x', 2), (2, 'y', NULL); INSERT INTO a VALUES (5, 1);",
        ),
        ("0001_b", "ALTER TABLE b DROP COLUMN x;"),
    ]);
    let plan = squash(&folder, None);
    assert_eq!(plan.certificate.data, Carried::Rows);
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    conn.execute_batch(&plan.sql).unwrap();
}

#[test]
fn rows_by_chance_or_by_the_clock_are_refused_unless_a_person_accepts_them() {
    let seeded = |value: &str, default: &str| {
        let table = format!("CREATE TABLE t (a, b DEFAULT {default});");
        let seed = format!("INSERT INTO t (a) VALUES ({value});");
        Folder::new(&[("0000_t", &table), ("0001_seed", &seed)])
    };
    for value in [
        "random()",
        "hex(randomblob(8))",
        "datetime('now')",
        "unixepoch()",
        "strftime('%s')",
        "CURRENT_TIMESTAMP",
        "date('NOW', '-1 day')",
    ] {
        let said = code(&seeded(value, "NULL"), &options(None));
        assert!(
            said.starts_with("M165") && said.contains("0001_seed"),
            "{value}: {said}"
        );
    }
    for default in ["CURRENT_TIMESTAMP", "(unixepoch() * 1000)"] {
        assert!(
            code(&seeded("1", default), &options(None)).starts_with("M165"),
            "{default}"
        );
    }
    for value in [
        "datetime('2020-01-01')",
        "strftime('%s', 0, 'unixepoch')",
        "abs(-1)",
    ] {
        assert!(
            plan(&seeded(value, "NULL"), &options(None)).is_ok(),
            "{value}"
        );
    }
    let mut accepted = options(None);
    accepted.allow = ["nondeterministic".to_owned()].into();
    let plan = plan(&seeded("random()", "NULL"), &accepted).unwrap();
    assert_eq!(plan.certificate.waivers, ["nondeterministic"]);
    assert!(plan.sql.contains("random()"));
}

#[test]
fn a_default_by_the_clock_that_no_seed_uses_is_no_reason_to_refuse() {
    let folder = Folder::new(&[
        ("0000_t", "CREATE TABLE t (a, b DEFAULT (unixepoch()));"),
        ("0001_u", "CREATE TABLE u (v); INSERT INTO u VALUES (1);"),
    ]);
    assert_eq!(squash(&folder, None).certificate.data, Carried::Statements);
}

#[test]
fn what_cannot_be_squashed_is_told_by_name_and_nothing_is_changed() {
    let folder = Folder::new(&CHAIN);
    let named = |name: &str| {
        let mut options = options(None);
        options.name = Some(name.to_owned());
        code(&folder, &options)
    };
    let said = [
        code(&folder, &options(Some("0009_no"))),
        code(&folder, &options(Some("0000_init"))),
        named("../evil"),
        named("init"),
    ];
    let codes: Vec<_> = said.iter().map(|said| &said[..4]).collect();
    assert_eq!(codes, ["M163", "M162", "M164", "M164"], "{said:?}");
    let when = crate::common::FIRST_WHEN;
    let late = Folder::at(&[
        ("0000_a", when, "CREATE TABLE a (b);"),
        ("0001_b", when - 1, "CREATE TABLE b (b);"),
    ]);
    let said = code(&late, &options(None));
    assert!(
        said.starts_with("M162") && said.contains("0001_b"),
        "{said}"
    );
    let full_text = Folder::new(&[
        (
            "0000_f",
            "CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES ('x');",
        ),
        (
            "0001_g",
            "CREATE TABLE g (a); INSERT INTO g (a) SELECT a FROM f; ALTER TABLE g RENAME COLUMN a TO b;",
        ),
    ]);
    let said = code(&full_text, &options(None));
    assert!(said.starts_with("M167"), "{said}");
    let empty = Folder::new(&[
        ("0000_f", "CREATE TABLE f (a);"),
        ("0001_g", "DROP TABLE f;"),
    ]);
    assert!(code(&empty, &options(None)).starts_with("M162"));
}

#[test]
fn full_text_tables_and_their_triggers_are_carried_when_the_statements_do_it() {
    let folder = Folder::new(&[
        (
            "0000_f",
            "CREATE TABLE d (id INTEGER PRIMARY KEY, a);\nCREATE VIRTUAL TABLE f USING fts5(a, content='d');\n\
             CREATE TRIGGER g AFTER INSERT ON d BEGIN INSERT INTO f(rowid, a) VALUES (new.id, new.a); END;",
        ),
        ("0001_g", "INSERT INTO d (a) VALUES ('hello world');"),
    ]);
    let plan = squash(&folder, None);
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(&plan.sql).unwrap();
    let found: i64 = conn
        .query_row("SELECT count(*) FROM f('world')", [], |row| row.get(0))
        .unwrap();
    assert_eq!(found, 1);
}

#[test]
fn a_folder_that_changed_after_it_was_planned_is_left_alone() {
    let folder = Folder::new(&CHAIN);
    let bundle = Bundle::read(folder.path()).unwrap();
    let plan = squash::plan(&bundle, &options(None)).unwrap();
    fs::write(folder.path().join("0001_posts.sql"), "SELECT 1;").unwrap();
    let before = files(folder.path());
    assert_eq!(plan.write(&bundle).unwrap_err().code(), "M162");
    assert_eq!(files(folder.path()), before);
}

/// A copy of a folder that the real drizzle-kit wrote.
fn copy_of(fixture: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures")
        .join(fixture);
    for (path, bytes) in files(&from) {
        let to = home.path().join(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, bytes).unwrap();
    }
    home
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_snapshot_of_the_last_migration_becomes_a_root_and_keeps_its_id_for_those_after_it() {
    let root = "00000000-0000-0000-0000-000000000000";
    let dir = copy_of("ledgers/chain");
    let bundle = Bundle::read(dir.path()).unwrap();
    let meta = |name: &str| json(&dir.path().join("meta").join(name));
    let (last, next) = (meta("0001_snapshot.json"), meta("0002_snapshot.json"));
    let plan = squash::plan(&bundle, &options(Some("0001_pinned"))).unwrap();
    plan.write(&bundle).unwrap();
    let mut expected = last.clone();
    expected["prevId"] = root.into();
    assert_eq!(meta("0000_snapshot.json"), expected);
    assert_eq!(meta("0002_snapshot.json"), next);
    assert_eq!(next["prevId"], last["id"]);
    assert!(!dir.path().join("meta/0001_snapshot.json").exists());
    let module = fs::read_to_string(dir.path().join("migrations.js")).unwrap();
    insta::assert_snapshot!(module, @"
    import journal from './meta/_journal.json';
    import m0000 from './0000_baseline.sql';
    import m0002 from './0002_archive.sql';

      export default {
        journal,
        migrations: {
          m0000,
    m0002
        }
      }
    ");
}

#[test]
fn a_1_0_snapshot_becomes_a_root_and_branches_that_were_squashed_away_become_the_baseline() {
    let root = "00000000-0000-0000-0000-000000000000";
    let dir = copy_of("drizzle-1/chain");
    let bundle = Bundle::read(dir.path()).unwrap();
    let (last, next) = (bundle.entries[4].tag.clone(), bundle.entries[5].tag.clone());
    let snapshot = |tag: &str| dir.path().join(tag).join("snapshot.json");
    // Somebody merged two branches of which one began before the cut.
    let mut merged = json(&snapshot(&next));
    let early = json(&snapshot(&bundle.entries[2].tag))["id"].clone();
    merged["prevIds"].as_array_mut().unwrap().push(early);
    fs::write(snapshot(&next), merged.to_string()).unwrap();
    let before = json(&snapshot(&last));
    let plan = squash::plan(&bundle, &options(Some(&last))).unwrap();
    plan.write(&bundle).unwrap();
    let mut expected = before.clone();
    expected["prevIds"] = serde_json::json!([root]);
    assert_eq!(json(&snapshot(&last)), expected);
    assert_eq!(
        json(&snapshot(&next))["prevIds"],
        serde_json::json!([before["id"]])
    );
    let module = fs::read_to_string(dir.path().join("migrations.js")).unwrap();
    insta::assert_snapshot!(module, @r#"
    import m0000 from './20260210200612_replies/migration.sql';
    import m0001 from './20260219223012_verdicts/migration.sql';
    import m0002 from './20260301005412_open_threads/migration.sql';

      export default {
        migrations: {
          "20260210200612_replies": m0000,
    "20260219223012_verdicts": m0001,
    "20260301005412_open_threads": m0002
        }
      }
    "#);
}
