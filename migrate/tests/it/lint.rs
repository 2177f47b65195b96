//! Every lint rule: a folder that it finds, and one nearly the same that it leaves alone.

use actor_migrate::{Bundle, LintOptions, Lock, MigrateError, Millis, Severity, lint};

use crate::common::{FIRST_WHEN, Folder};

const BREAK: &str = "\n--> statement-breakpoint\n";

/// Codes and places of what is found, as `code statement:line:column`.
fn found_with(folder: &Folder, options: &LintOptions) -> Vec<String> {
    let bundle = Bundle::read(folder.path()).unwrap();
    let findings = lint(&bundle, options).unwrap();
    let place = |finding: &actor_migrate::Finding| {
        let number = |value: Option<usize>| value.map_or("-".into(), |value| value.to_string());
        let (statement, line) = (number(finding.statement), number(finding.line));
        format!(
            "{} {statement}:{line}:{}",
            finding.code,
            number(finding.column)
        )
    };
    findings.iter().map(place).collect()
}

/// What is found in the second migration, whose statements stand between breakpoints.
fn second(first: &[&str], second: &[&str]) -> Vec<String> {
    let (first, second) = (first.join(BREAK), second.join(BREAK));
    let folder = Folder::new(&[("0000_a", &first), ("0001_b", &second)]);
    found_with(&folder, &LintOptions::default())
}

fn none() -> Vec<String> {
    Vec::new()
}

const T: &str = "CREATE TABLE `t` (`id` integer PRIMARY KEY, `a` text, `b` text);";

/// The statements of a drizzle-kit rebuild of `t` into `columns`, copying `copied`.
fn rebuild(columns: &str, copied: &str) -> Vec<String> {
    vec![
        "PRAGMA foreign_keys=OFF;".to_owned(),
        format!("CREATE TABLE `__new_t` ({columns});"),
        format!("INSERT INTO `__new_t`({copied}) SELECT {copied} FROM `t`;"),
        "DROP TABLE `t`;".to_owned(),
        "ALTER TABLE `__new_t` RENAME TO `t`;".to_owned(),
        "PRAGMA foreign_keys=ON;".to_owned(),
    ]
}

const SAME: (&str, &str) = (
    "`id` integer PRIMARY KEY, `a` text, `b` text",
    r#""id", "a", "b""#,
);

/// What is found in a rebuild of `t` after `first`, with `more` behind it.
fn rebuilt(first: &[&str], (columns, copied): (&str, &str), more: &[&str]) -> Vec<String> {
    let statements = rebuild(columns, copied);
    let mut statements: Vec<_> = statements.iter().map(String::as_str).collect();
    statements.extend(more);
    second(first, &statements)
}

#[test]
fn an_ordinary_rebuild_of_drizzle_kit_is_clean() {
    assert_eq!(rebuilt(&[T], SAME, &[]), none());
    let index = "CREATE UNIQUE INDEX `i` ON `t` (`a`);";
    assert_eq!(rebuilt(&[T, index], SAME, &[index]), none());
}

#[test]
fn l110_a_table_dropped_with_its_rows() {
    assert_eq!(second(&[T], &["DROP TABLE `t`;"]), ["L110 1:1:1"]);
    let anew = second(&[T], &["DROP TABLE t;", T]);
    assert_eq!(anew, ["L110 1:1:1"]);
    let moved = "INSERT INTO u SELECT id, a FROM t;";
    let u = "CREATE TABLE u (id integer, a text);";
    assert_eq!(second(&[T], &[u, moved, "DROP TABLE t;"]), none());
    assert_eq!(second(&[], &[T, "DROP TABLE t;"]), none());
}

#[test]
fn l111_a_column_dropped_with_its_values() {
    let dropped = second(&[T], &["ALTER TABLE `t` DROP COLUMN `b`;"]);
    assert_eq!(dropped, ["L111 1:1:1"]);
    let narrow = ("`id` integer PRIMARY KEY, `a` text", r#""id", "a""#);
    assert_eq!(rebuilt(&[T], narrow, &[]), ["L111 4:7:1"]);
    let renamed = [
        "CREATE TABLE n (id integer PRIMARY KEY, a text, c text);",
        "INSERT INTO n SELECT id, a, b FROM t;",
        "DROP TABLE t;",
        "ALTER TABLE n RENAME TO t;",
    ];
    assert_eq!(second(&[T], &renamed), none(), "its values are copied");
    let unused = ["ALTER TABLE t ADD c text;", "ALTER TABLE t RENAME b TO d;"];
    assert_eq!(second(&[T], &unused), none());
}

#[test]
fn l112_every_row_deleted() {
    assert_eq!(second(&[T], &["DELETE FROM t;"]), ["L112 1:1:1"]);
    assert_eq!(second(&[T], &["DELETE FROM t WHERE a IS NULL;"]), none());
    let temporary = ["CREATE TABLE u (x);", "DELETE FROM u;"];
    assert_eq!(second(&[T], &temporary), none());
}

#[test]
fn l120_a_column_that_only_an_empty_table_takes() {
    let add = |column: &str| second(&[T], &[&format!("ALTER TABLE `t` ADD {column};")]);
    assert_eq!(add("`c` text NOT NULL"), ["L120 1:1:1"]);
    assert_eq!(add("c text DEFAULT CURRENT_TIMESTAMP"), ["L120 1:1:1"]);
    assert_eq!(add("c integer DEFAULT 1 REFERENCES t(id)"), ["L120 1:1:1"]);
    assert_eq!(add("`c` text DEFAULT '' NOT NULL"), none());
    assert_eq!(add("c integer REFERENCES t(id)"), none());
    let in_new = [T, "ALTER TABLE t ADD c text NOT NULL;"];
    assert_eq!(second(&[], &in_new), none());
}

#[test]
fn l121_to_l124_demands_on_rows_that_are_there() {
    let unique = "CREATE UNIQUE INDEX i ON t (a);";
    assert_eq!(second(&[T], &[unique]), ["L121 1:1:1"]);
    assert_eq!(second(&[], &[T, unique]), none());
    let counting = "CREATE TABLE t (id integer PRIMARY KEY AUTOINCREMENT, a text);";
    assert_eq!(second(&[], &[counting, unique]), none());
    let of = |columns: &str| rebuilt(&[T], (columns, SAME.1), &[]);
    let t = "id integer PRIMARY KEY, a text";
    assert_eq!(of(&format!("{t} UNIQUE, b text")), ["L121 3:5:1"]);
    assert_eq!(of(&format!("{t}, b text NOT NULL")), ["L122 3:5:1"]);
    assert_eq!(of(&format!("{t}, b text CHECK (b <> '')")), ["L123 3:5:1"]);
    let p = "CREATE TABLE p (id integer PRIMARY KEY);";
    let refers = format!("{t}, b text REFERENCES p(id)");
    let found = rebuilt(&[p, T], (&refers, SAME.1), &[]);
    assert_eq!(found, ["L124 3:5:1"]);
    assert_eq!(of(&format!("{t}, b text DEFAULT 'x'")), none());
    let filled = [
        "CREATE TABLE n (id integer PRIMARY KEY, a text, b text NOT NULL);",
        "INSERT INTO n SELECT id, a, coalesce(b, '') FROM t;",
        "DROP TABLE t;",
        "ALTER TABLE n RENAME TO t;",
    ];
    assert_eq!(second(&[T], &filled), none());
}

#[test]
fn l130_a_pragma_that_does_nothing() {
    let pragma = second(
        &[T],
        &[
            "PRAGMA foreign_keys=OFF;",
            "UPDATE t SET a = '' WHERE a IS NULL;",
        ],
    );
    assert_eq!(pragma, ["L130 1:1:1"]);
    let other = second(&[T], &["PRAGMA defer_foreign_keys=ON;"]);
    assert_eq!(other, none());
}

#[test]
fn l131_and_l132_children_of_a_rebuilt_parent() {
    let child = |reaction: &str| {
        format!("CREATE TABLE c (id integer PRIMARY KEY, t integer REFERENCES t(id) {reaction});")
    };
    let of = |reaction: &str| rebuilt(&[T, &child(reaction)], SAME, &[]);
    assert_eq!(of("ON DELETE CASCADE"), ["L131 4:7:1"]);
    assert_eq!(of("ON DELETE SET NULL"), ["L131 4:7:1"]);
    assert_eq!(of(""), ["L132 4:7:1"]);
    // The child itself is rebuilt: nothing refers to it.
    let parent = "CREATE TABLE p (id integer PRIMARY KEY);";
    let t = "CREATE TABLE t (id integer PRIMARY KEY, a text, b text REFERENCES p(id) ON DELETE CASCADE);";
    let same = format!(
        "{}REFERENCES p(id) ON DELETE CASCADE",
        "id integer PRIMARY KEY, a text, b text "
    );
    assert_eq!(rebuilt(&[parent, t], (&same, SAME.1), &[]), none());
}

/// The new table of drizzle-kit refers to the old one by its name until it has that name itself.
#[test]
fn l131_a_rebuilt_table_that_refers_to_itself_loses_its_own_rows() {
    let t = "id integer PRIMARY KEY, a text, b integer REFERENCES t(id) ON DELETE CASCADE";
    let first = format!("CREATE TABLE t ({t});");
    assert_eq!(rebuilt(&[&first], (t, SAME.1), &[]), ["L131 4:7:1"]);
}

#[test]
fn l133_a_foreign_key_that_leads_nowhere() {
    let child = "CREATE TABLE c (t integer REFERENCES t(id));";
    let dropped = second(&[T, child], &["DROP TABLE t;"]);
    assert_eq!(dropped, ["L110 1:1:1", "L132 1:1:1", "L133 1:1:1"]);
    // SQLite changes the reference when a table is renamed.
    assert_eq!(second(&[T, child], &["ALTER TABLE t RENAME TO u;"]), none());
}

#[test]
fn l134_to_l136_what_goes_with_a_rebuilt_table() {
    let trigger = "CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t WHERE a = NEW.b; END;";
    assert_eq!(rebuilt(&[T, trigger], SAME, &[]), ["L134 4:7:1"]);
    assert_eq!(rebuilt(&[T, trigger], SAME, &[trigger]), none());
    let index = "CREATE INDEX i ON t (a);";
    assert_eq!(rebuilt(&[T, index], SAME, &[]), ["L135 4:7:1"]);
    let named_anew = "CREATE INDEX j ON t (a);";
    assert_eq!(rebuilt(&[T, index], SAME, &[named_anew]), none());
    let log = "CREATE TABLE log (a text, b text);";
    let logs = "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log (a, b) VALUES (NEW.a, NEW.b); END;";
    let gone = second(&[T, log, logs], &["DROP TABLE log;"]);
    assert_eq!(gone, ["L110 1:1:1", "L136 1:1:1"]);
    let view = "CREATE VIEW v AS SELECT a FROM log;";
    let gone = second(&[log, view], &["DROP TABLE log;"]);
    assert_eq!(gone, ["L110 1:1:1", "L136 1:1:1"]);
    let both = second(&[T, log, logs], &["DROP TRIGGER g;", "DROP TABLE log;"]);
    assert_eq!(both, ["L110 2:3:1"]);
}

#[test]
fn l137_and_l138_the_rowid_of_a_rebuilt_table() {
    let counting = "CREATE TABLE t (id integer PRIMARY KEY AUTOINCREMENT, a text, b text);";
    let same = (
        "id integer PRIMARY KEY AUTOINCREMENT, a text, b text",
        SAME.1,
    );
    assert_eq!(rebuilt(&[counting], same, &[]), ["L137 4:7:1"]);
    let keeps = "UPDATE sqlite_sequence SET seq = 9 WHERE name = 't';";
    assert_eq!(rebuilt(&[counting], same, &[keeps]), none());
    let plain = ("id int PRIMARY KEY, a text, b text", SAME.1);
    assert_eq!(rebuilt(&[T], plain, &[]), ["L138 4:7:1"]);
}

#[test]
fn l139_a_string_in_double_quotes() {
    let first = [T, "CREATE TABLE u (x text);"];
    let one = |sql: &str| second(&first, &[sql]);
    assert_eq!(
        one("UPDATE t SET a = \"nope\" WHERE b IS NULL;"),
        ["L139 1:1:18"]
    );
    assert_eq!(one("CREATE INDEX i ON t (\"aa\");"), ["L139 1:1:22"]);
    assert_eq!(
        one("\n CREATE INDEX i ON t (a,\n  \"aa\");"),
        ["L139 1:3:3"]
    );
    assert_eq!(
        one("CREATE VIEW v AS SELECT \"aa\" FROM t;"),
        ["L139 1:1:25"]
    );
    let trigger = "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO u VALUES (\"aa\"); END;";
    assert_eq!(one(trigger), ["L139 1:1:64"]);
    assert_eq!(one("UPDATE t SET a = \"b\" WHERE b = 'nope';"), none());
    assert_eq!(
        one("CREATE VIEW \"v\" AS SELECT \"a\" AS \"x y\" FROM \"t\";"),
        none()
    );
}

#[test]
fn l140_and_l141_what_cannot_run() {
    assert_eq!(second(&[T], &["CREATE TABEL u (x);"]), ["L140 1:1:8"]);
    let halves = ["CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1;", "END;"];
    assert_eq!(second(&[T], &halves), ["L141 1:1:1"]);
    let whole = "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END;";
    assert_eq!(second(&[T], &[whole, "SELECT 1;"]), none());
}

#[test]
fn l142_and_l143_times_that_a_high_water_mark_skips() {
    let at = |when: i64| Folder::at(&[("0000_a", FIRST_WHEN, T), ("0001_b", when, "SELECT 1;")]);
    let found = |when| {
        let mut options = LintOptions::default();
        options.now = Some(Millis(FIRST_WHEN + 5_000));
        found_with(&at(when), &options)
    };
    assert_eq!(
        found(FIRST_WHEN),
        ["L142 -:-:-"],
        "the same moment is no later one"
    );
    assert_eq!(found(FIRST_WHEN - 1), ["L142 -:-:-"]);
    assert_eq!(found(FIRST_WHEN + 1), none());
    assert_eq!(found(FIRST_WHEN + 5_001), ["L143 -:-:-"]);
    let without_a_clock = found_with(&at(FIRST_WHEN + 5_001), &LintOptions::default());
    assert_eq!(without_a_clock, none());
}

#[test]
fn l144_and_l145_chunks() {
    assert_eq!(second(&[T], &["SELECT 1; SELECT 2;"]), ["L144 2:1:11"]);
    assert_eq!(second(&[T], &["SELECT 1;", "-- nothing"]), ["L145 1:1:1"]);
    assert_eq!(second(&[T], &["SELECT 1;", "SELECT 2;"]), none());
}

#[test]
fn a_comment_with_a_reason_allows_a_finding_at_its_statement() {
    let with = |comment: &str| second(&[T], &["SELECT 1;", &format!("{comment}\nDROP TABLE t;")]);
    assert_eq!(
        with("-- actor-migrate: allow L110 the table was never used"),
        none()
    );
    assert_eq!(
        with("-- actor-migrate: allow L110"),
        ["L148 -:3:1", "L110 2:4:1"]
    );
    let other = with("-- actor-migrate: allow L112 why not");
    assert_eq!(other, ["L147 -:3:1", "L110 2:4:1"]);
    let behind = second(
        &[T],
        &["DROP TABLE t; -- actor-migrate: allow L110 never used"],
    );
    assert_eq!(behind, none());
    let elsewhere = "-- actor-migrate: allow L110 never used\nSELECT 1;";
    assert_eq!(
        second(&[T], &[elsewhere, "DROP TABLE t;"]),
        ["L147 -:1:1", "L110 2:4:1"]
    );
}

#[test]
fn of_released_migrations_only_errors_are_told() {
    let folder = Folder::new(&[("0000_a", T), ("0001_b", "DROP TABLE t;"), ("0002_c", T)]);
    let bundle = Bundle::read(folder.path()).unwrap();
    let mut options = LintOptions::default();
    assert_eq!(found_with(&folder, &options), ["L110 1:1:1"]);
    options.lock = Some(Lock::updated(None, &bundle, &Default::default()));
    assert_eq!(found_with(&folder, &options), none());
    let edited = folder.path().join("0001_b.sql");
    std::fs::write(
        &edited,
        "DROP TABLE t;\n-- actor-migrate: allow L101 we are sure\n",
    )
    .unwrap();
    assert_eq!(
        found_with(&folder, &options),
        ["L101 -:-:-"],
        "no comment allows its own edit"
    );
}

#[test]
fn a_new_migration_before_released_ones_is_found() {
    let folder = Folder::new(&[("0000_a", T), ("0002_c", "SELECT 1;")]);
    let bundle = Bundle::read(folder.path()).unwrap();
    let lock = Lock::updated(None, &bundle, &Default::default());
    let merged = Folder::new(&[
        ("0000_a", T),
        ("0001_b", "SELECT 2;"),
        ("0002_c", "SELECT 1;"),
    ]);
    let mut options = LintOptions::default();
    options.lock = Some(lock);
    assert_eq!(found_with(&merged, &options), ["L103 -:-:-"]);
}

#[test]
fn what_is_allowed_by_code_or_for_one_migration_is_not_told() {
    let folder = Folder::new(&[
        ("0000_a", T),
        ("0001_b", "DELETE FROM t;"),
        ("0002_c", "DELETE FROM t;"),
    ]);
    let allowed = |allow: &str| {
        let mut options = LintOptions::default();
        options.allow = vec![allow.to_owned()];
        found_with(&folder, &options).len()
    };
    assert_eq!(
        (allowed("L111"), allowed("l112"), allowed("L112:0001_b")),
        (2, 0, 1)
    );
}

#[test]
fn a_query_without_end_is_an_error_with_its_place() {
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;";
    let folder = Folder::new(&[("0000_a", T), ("0001_b", endless)]);
    let mut options = LintOptions::default();
    options.replay.time_limit = std::time::Duration::from_millis(50);
    let error = lint(&Bundle::read(folder.path()).unwrap(), &options).unwrap_err();
    assert!(matches!(error, MigrateError::TimeLimit { .. }), "{error}");
}

#[test]
fn every_finding_says_what_to_do() {
    let folder = Folder::new(&[("0000_a", T), ("0001_b", "DELETE FROM t; DROP TABLE t;")]);
    let findings = lint(
        &Bundle::read(folder.path()).unwrap(),
        &LintOptions::default(),
    )
    .unwrap();
    assert_eq!(findings.len(), 3);
    assert!(findings.iter().all(|finding| !finding.next().is_empty()));
    assert!(
        findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    );
}
