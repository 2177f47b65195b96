//! What counts as the same schema and what does not, each on two databases that differ in one thing.

use rusqlite::Connection;

use super::model::{Model, Scratch};
use super::{Level, Schema, diff, read};

fn schema(sql: &str) -> Schema {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(sql)
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    read(&conn, "", &Schema::default()).unwrap()
}

/// The kinds of difference, as one line.
fn kinds(expected: &str, found: &str) -> String {
    let differences = diff(&schema(expected), &schema(found));
    let kinds: Vec<_> = differences
        .iter()
        .map(|difference| difference.kind.as_str())
        .collect();
    kinds.join(" ")
}

#[track_caller]
fn same(one: &str, other: &str) {
    assert_eq!(kinds(one, other), "", "\n{one}\n{other}");
    assert_eq!(kinds(other, one), "", "\n{other}\n{one}");
}

#[track_caller]
fn differs(one: &str, other: &str, kind: &str) {
    assert_eq!(kinds(one, other), kind, "\n{one}\n{other}");
    assert_ne!(
        kinds(other, one),
        "",
        "the other way round:\n{other}\n{one}"
    );
}

/// A table `t` with these columns and constraints.
fn t(body: &str) -> String {
    format!("CREATE TABLE t ({body})")
}

#[test]
fn spelling_does_not_matter() {
    same(
        "CREATE TABLE `t` (`a` TEXT, -- note\n [b] int)",
        "create table \"t\"(a text,b INT)",
    );
    same(
        &t("a DEFAULT (0), b DEFAULT 'x'"),
        &t("a DEFAULT 0, b DEFAULT ('x')"),
    );
    same(&t("a text NULL DEFAULT NULL"), &t("a text"));
    same(
        &t("a int, b AS (a + 1)"),
        &t("a int, b GENERATED ALWAYS AS (a+1) VIRTUAL"),
    );
    same(&t("a varchar ( 20 )"), &t("a VARCHAR(20)"));
    same(&t("a text COLLATE binary"), &t("a text"));
}

#[test]
fn where_a_constraint_is_written_does_not_matter() {
    same(
        &t("a integer PRIMARY KEY"),
        &t("a integer, PRIMARY KEY (a)"),
    );
    same(&t("a int UNIQUE, b int"), &t("a int, b int, UNIQUE (a)"));
    same(
        &t("a int CHECK (a > 0), b int"),
        &t("a int, b int, CHECK (a > 0)"),
    );
    let parent = "CREATE TABLE p (id integer PRIMARY KEY);";
    same(
        &format!("{parent} {}", t("a int REFERENCES p(id), b int")),
        &format!(
            "{parent} {}",
            t("a int, b int, CONSTRAINT x FOREIGN KEY (a) REFERENCES p(id)")
        ),
    );
    same(
        &format!(
            "{parent} {}",
            t("a int REFERENCES p(id) ON UPDATE NO ACTION")
        ),
        &format!("{parent} {}", t("a int REFERENCES p NOT DEFERRABLE")),
    );
    same(
        &t("a int, b int, CHECK (a > 0), CHECK (b > 0)"),
        &t("a int, b int, CHECK (b > 0), CHECK (a > 0)"),
    );
}

#[test]
fn a_rebuilt_table_is_the_table_it_replaced() {
    let rebuilt = "CREATE TABLE `__new_t` (`id` integer PRIMARY KEY NOT NULL, `p` integer, \
         CONSTRAINT `c` CHECK(\"__new_t\".\"p\" > 0)); ALTER TABLE `__new_t` RENAME TO `t`;";
    same(
        rebuilt,
        "CREATE TABLE `t` (`id` integer PRIMARY KEY, `p` integer, CONSTRAINT \"c\" CHECK(\"p\" > 0))",
    );
}

#[test]
fn not_null_on_the_rowid_says_nothing_and_on_a_text_key_it_does() {
    same(
        &t("id integer PRIMARY KEY NOT NULL"),
        &t("id INTEGER PRIMARY KEY"),
    );
    differs(
        &t("id text PRIMARY KEY NOT NULL"),
        &t("id text PRIMARY KEY"),
        "column-not-null",
    );
}

#[test]
fn what_the_pragmas_cannot_see_is_seen() {
    differs(
        &t("a text COLLATE NOCASE"),
        &t("a text"),
        "column-collation",
    );
    differs(
        &t("a int CHECK (a > 0)"),
        &t("a int CHECK (a > 1)"),
        "check check",
    );
    differs(
        &t("a int, b AS (a + 1)"),
        &t("a int, b AS (a + 2)"),
        "column-generated",
    );
    differs(
        &t("a int, b AS (a) STORED"),
        &t("a int, b AS (a) VIRTUAL"),
        "column-generated",
    );
    differs(
        &t("a int UNIQUE ON CONFLICT REPLACE"),
        &t("a int UNIQUE"),
        "unique unique",
    );
    differs(
        &t("a int NOT NULL ON CONFLICT IGNORE"),
        &t("a int NOT NULL"),
        "column-not-null",
    );
    differs(
        &t("id integer PRIMARY KEY AUTOINCREMENT"),
        &t("id integer PRIMARY KEY"),
        "autoincrement-missing",
    );
    differs(
        &t("id integer PRIMARY KEY"),
        &t("id integer PRIMARY KEY DESC"),
        "primary-key",
    );
    same(
        &t("id integer, PRIMARY KEY (id DESC)"),
        &t("id integer PRIMARY KEY"),
    );
    differs(
        &t("id integer PRIMARY KEY"),
        &t("id int PRIMARY KEY"),
        "column-type primary-key",
    );
    let parent = "CREATE TABLE p (id integer PRIMARY KEY);";
    differs(
        &format!(
            "{parent} {}",
            t("a int REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED")
        ),
        &format!("{parent} {}", t("a int REFERENCES p(id)")),
        "foreign-key foreign-key",
    );
}

/// Everything that the pragmas tell of a database.
fn pragmas(sql: &str) -> Vec<String> {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(sql).unwrap();
    let told = [
        "SELECT t.* FROM pragma_table_list t",
        "SELECT t.name, x.* FROM pragma_table_list t, pragma_table_xinfo(t.name) x",
        "SELECT t.name, f.* FROM pragma_table_list t, pragma_foreign_key_list(t.name) f",
        "SELECT t.name, i.* FROM pragma_table_list t, pragma_index_list(t.name) i",
        "SELECT i.name, x.* FROM pragma_table_list t, pragma_index_list(t.name) i, pragma_index_xinfo(i.name) x",
    ]
    .map(|sql| format!("{sql} WHERE t.name NOT LIKE 'sqlite_%'"));
    let mut lines = Vec::new();
    for sql in told {
        let mut statement = conn.prepare(&sql).unwrap();
        let width = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells = (0..width).map(|at| format!("{:?}", row.get_ref(at).unwrap()));
            lines.push(cells.collect::<Vec<_>>().join(","));
        }
    }
    lines.sort();
    lines
}

/// Pairs that differ in one property, of which the pragmas say nothing.
fn hidden() -> Vec<(String, String)> {
    let p = "CREATE TABLE p (id integer PRIMARY KEY);";
    let on = |index: &str| format!("{}; CREATE INDEX i ON t {index}", t("a text, b int"));
    let view = |body: &str| {
        format!(
            "{}; CREATE VIEW v AS SELECT {body} FROM t",
            t("a int, b int")
        )
    };
    let trigger = |rest: &str| format!("{}; CREATE TRIGGER g {rest}; END", t("a int, b int"));
    let fk = |rest: &str| format!("{p} {}", t(&format!("a int REFERENCES p(id) {rest}")));
    vec![
        (t("a text COLLATE NOCASE"), t("a text")),
        (t("a text COLLATE NOCASE"), t("a text COLLATE RTRIM")),
        (t("a int CHECK (a > 0)"), t("a int CHECK (a > 1)")),
        (t("a int CHECK (a > 0)"), t("a int")),
        (t("a int, CHECK (a > 0)"), t("a int, CHECK (a >= 0)")),
        (t("a int, b AS (a + 1)"), t("a int, b AS (a + 2)")),
        (
            t("a int, b AS (a || 'x') STORED"),
            t("a int, b AS (a || 'X') STORED"),
        ),
        (on("(lower(a))"), on("(upper(a))")),
        (on("(b + 1)"), on("(b + 2)")),
        (on("(a) WHERE b > 1"), on("(a) WHERE b > 2")),
        (on("(a) WHERE b > 1"), on("(a) WHERE a > 1")),
        (t("a int UNIQUE ON CONFLICT REPLACE"), t("a int UNIQUE")),
        (t("a int NOT NULL ON CONFLICT IGNORE"), t("a int NOT NULL")),
        (
            t("a text PRIMARY KEY ON CONFLICT FAIL"),
            t("a text PRIMARY KEY"),
        ),
        (fk("DEFERRABLE INITIALLY DEFERRED"), fk("")),
        (
            fk("DEFERRABLE INITIALLY DEFERRED"),
            fk("DEFERRABLE INITIALLY IMMEDIATE"),
        ),
        (
            t("a integer PRIMARY KEY AUTOINCREMENT"),
            t("a integer PRIMARY KEY"),
        ),
        (view("a"), view("a AS a")),
        (view("a"), view("b AS a")),
        (
            trigger("AFTER INSERT ON t BEGIN DELETE FROM t"),
            trigger("AFTER INSERT ON t BEGIN DELETE FROM t WHERE a"),
        ),
        (
            trigger("AFTER INSERT ON t BEGIN SELECT 1"),
            trigger("BEFORE INSERT ON t BEGIN SELECT 1"),
        ),
        (
            trigger("AFTER INSERT ON t BEGIN SELECT 1"),
            trigger("AFTER DELETE ON t BEGIN SELECT 1"),
        ),
        (
            trigger("AFTER UPDATE ON t BEGIN SELECT 1"),
            trigger("AFTER UPDATE OF a ON t BEGIN SELECT 1"),
        ),
        (
            trigger("AFTER INSERT ON t BEGIN SELECT 1"),
            trigger("AFTER INSERT ON t WHEN new.a BEGIN SELECT 1"),
        ),
        (fts(""), fts(", tokenize = 'porter'")),
        (fts(""), fts(", prefix = '2'")),
    ]
}

fn fts(rest: &str) -> String {
    format!("CREATE VIRTUAL TABLE f USING fts5(a, b{rest})")
}

#[test]
fn no_property_that_the_pragmas_hide_is_missed_by_fingerprint_or_comparison() {
    for (one, other) in &hidden() {
        assert_eq!(pragmas(one), pragmas(other), "not hidden:\n{one}\n{other}");
        is_seen(one, other);
    }
    // The pragmas tell of these, and they must be seen all the same.
    for (one, other) in [
        (t("a integer PRIMARY KEY"), t("a int PRIMARY KEY")),
        (t("a integer PRIMARY KEY"), t("a integer PRIMARY KEY DESC")),
        (format!("{} STRICT", t("a int")), t("a int")),
        (
            format!("{} WITHOUT ROWID", t("a int PRIMARY KEY")),
            t("a int PRIMARY KEY"),
        ),
        (t("a int, b int"), t("b int, a int")),
        (fts(", content = ''"), fts("")),
        (fts(", content = 't'"), fts("")),
    ] {
        is_seen(&one, &other);
    }
}

#[track_caller]
fn is_seen(one: &str, other: &str) {
    let (left, right) = (schema(one), schema(other));
    assert_ne!(left.fingerprint(), right.fingerprint(), "{one}\n{other}");
    assert_ne!(diff(&left, &right), [], "{one}\n{other}");
    assert_ne!(diff(&right, &left), [], "{other}\n{one}");
    assert!(Level::of(&left, &right) >= Level::E3, "{one}\n{other}");
}

#[test]
fn keys_types_options_and_defaults_matter() {
    differs(
        &t("a int, b int, PRIMARY KEY (a, b)"),
        &t("a int, b int, PRIMARY KEY (b, a)"),
        "primary-key",
    );
    differs(
        &t("a int, b int, UNIQUE (a, b)"),
        &t("a int, b int, UNIQUE (b, a)"),
        "unique unique",
    );
    differs(
        &format!("{} STRICT", t("a int")),
        &t("a int"),
        "table-options",
    );
    differs(
        &format!("{} WITHOUT ROWID", t("a int PRIMARY KEY")),
        &t("a int PRIMARY KEY"),
        "table-options",
    );
    differs(
        &t("a text DEFAULT 'x'"),
        &t("a text DEFAULT 'X'"),
        "column-default",
    );
    differs(&t("a int DEFAULT 1"), &t("a int"), "column-default");
    differs(&t("a int"), &t("a text"), "column-type");
    differs(&t("a int, b int"), &t("a int"), "column-missing");
}

#[test]
fn a_foreign_key_action_is_told_apart_from_the_key() {
    let with = |action: &str| {
        format!(
            "CREATE TABLE p (id integer PRIMARY KEY); {}",
            t(&format!("a int REFERENCES p(id) {action}"))
        )
    };
    differs(&with("ON DELETE CASCADE"), &with(""), "foreign-key-action");
    differs(&with(""), &t("a int"), "table-missing foreign-key");
}

#[test]
fn what_can_be_seen_and_rarely_matters_has_a_kind_of_its_own() {
    differs(&t("a int, b int"), &t("b int, a int"), "column-order");
    differs(&t("userId int"), &t("userid int"), "column-name-case");
    differs(&t("a varchar(20)"), &t("a text"), "column-type-spelling");
    differs(
        &format!("{} STRICT", t("a int")),
        &format!("{} STRICT", t("a integer")),
        "column-type",
    );
    differs(
        &t("a int, CONSTRAINT x CHECK (a > 0)"),
        &t("a int, CHECK (a > 0)"),
        "check-name",
    );
    differs(
        &t("a int UNIQUE"),
        &format!("{}; CREATE UNIQUE INDEX t_a_unique ON t (a)", t("a int")),
        "unique-form",
    );
    differs(
        &format!("{}; CREATE UNIQUE INDEX t_a_unique ON t (a)", t("a int")),
        &t("a int UNIQUE"),
        "unique-form",
    );
    let index = |name: &str| format!("{}; CREATE INDEX {name} ON t (a)", t("a int"));
    differs(&index("one"), &index("two"), "index-name");
}

#[test]
fn every_part_of_an_index_matters() {
    let index = |definition: &str| format!("{}; CREATE {definition}", t("a text, b text"));
    same(
        &index("INDEX i ON t (a ASC)"),
        &index("INDEX `i` ON \"t\" ([a])"),
    );
    same(
        &index("INDEX i ON t (lower(a)) WHERE (b > 1)"),
        &index("INDEX i ON t (LOWER( \"a\" )) where `b`>1"),
    );
    for other in [
        "UNIQUE INDEX i ON t (a)",
        "INDEX i ON t (b)",
        "INDEX i ON t (a DESC)",
        "INDEX i ON t (a COLLATE NOCASE)",
        "INDEX i ON t (a) WHERE b > 1",
        "INDEX i ON t (lower(a))",
    ] {
        differs(&index("INDEX i ON t (a)"), &index(other), "index-changed");
    }
    differs(
        &index("INDEX i ON t (lower(a))"),
        &index("INDEX i ON t (upper(a))"),
        "index-changed",
    );
    differs(
        &index("INDEX i ON t (a) WHERE b > 1"),
        &index("INDEX i ON t (a) WHERE b > 2"),
        "index-changed",
    );
}

#[test]
fn views_and_triggers_are_compared_word_by_word() {
    let view = |body: &str| format!("{}; CREATE VIEW v AS {body}", t("a int, b int"));
    same(
        &view("SELECT `a` FROM `t`"),
        &view("select \"a\" from t -- note"),
    );
    differs(
        &view("SELECT a FROM t"),
        &view("SELECT b FROM t"),
        "view-changed",
    );
    differs(
        &view("SELECT \"zzz\" FROM t"),
        &view("SELECT zzz FROM t"),
        "view-changed",
    );
    let trigger = |body: &str| format!("{}; CREATE TRIGGER g AFTER INSERT ON t {body}", t("a int"));
    same(
        &trigger("BEGIN DELETE FROM t; END"),
        &trigger("begin\n delete from `t` ;end"),
    );
    differs(
        &trigger("BEGIN DELETE FROM t; END"),
        &trigger("WHEN new.a BEGIN DELETE FROM t; END"),
        "trigger-changed",
    );
}

#[test]
fn the_order_of_triggers_is_the_order_in_which_they_fire() {
    let make = |names: [&str; 2]| {
        let trigger =
            |name| format!("CREATE TRIGGER {name} AFTER INSERT ON t BEGIN SELECT 1; END;");
        format!("{}; {} {}", t("a"), trigger(names[0]), trigger(names[1]))
    };
    differs(
        &make(["one", "two"]),
        &make(["two", "one"]),
        "trigger-order",
    );
    assert_ne!(
        schema(&make(["one", "two"])).fingerprint(),
        schema(&make(["two", "one"])).fingerprint()
    );
}

#[test]
fn shadow_tables_are_their_modules_business_and_the_virtual_table_is_ours() {
    let with = |columns: &str| format!("CREATE VIRTUAL TABLE f USING fts5({columns})");
    assert_eq!(schema(&with("a")).objects().count(), 1);
    differs(&with("a"), &with("a, b"), "table-changed");
    differs(&with("a"), &with("a, tokenize = 'porter'"), "table-changed");
}

#[test]
fn runtime_tables_and_ledgers_are_nobodys_drift() {
    let runtime = "CREATE TABLE _rivet_meta (a); CREATE INDEX _rivet_i ON _rivet_meta (a); \
         CREATE TABLE agent_os_x (a); CREATE TABLE __drizzle_migrations (id, hash, created_at); \
         CREATE TABLE __foundry_migrations_task (id integer, hash text, created_at); ANALYZE;";
    same(&t("a"), &format!("{runtime} {}", t("a")));
}

#[test]
fn a_fingerprint_is_equal_exactly_for_equal_tokens() {
    let fingerprint = |sql: &str| schema(sql).fingerprint();
    assert_eq!(
        fingerprint("CREATE TABLE `t` (`a` int)"),
        fingerprint("create table t ( \"a\" int /* x */ )")
    );
    assert_ne!(fingerprint(&t("a int")), fingerprint(&t("a INT")));
    assert_ne!(
        fingerprint(&t("a DEFAULT (0)")),
        fingerprint(&t("a DEFAULT 0"))
    );
}

#[test]
fn each_level_is_the_least_that_holds() {
    let level = |one: &str, other: &str| Level::of(&schema(one), &schema(other));
    let base = format!("{}; CREATE VIEW v AS SELECT a FROM t", t("a int, b int"));
    assert_eq!(level(&base, &base), Level::E0);
    let blanks = base.replace("a int,", "`a` int,  ");
    assert_eq!(level(&base, &blanks), Level::E1);
    assert_eq!(level(&base, &base.replace("a int", "a INT")), Level::E2);
    let order = base.replace("a int, b int", "b int, a int");
    assert_eq!(level(&base, &order), Level::E3);
    let view = base.replace("SELECT a", "SELECT b");
    assert_eq!(level(&base, &view), Level::D);
    let extra = format!("{base}; CREATE TABLE more (a)");
    assert_eq!(
        level(&base, &extra),
        Level::D,
        "an actor may keep it, but it is not the same"
    );
    let triggers = |names: [&str; 2]| {
        let make = names
            .map(|name| format!("CREATE TRIGGER {name} AFTER INSERT ON t BEGIN SELECT 1; END;"));
        format!("{base}; {}", make.concat())
    };
    let order = level(&triggers(["x", "y"]), &triggers(["y", "x"]));
    assert_eq!(order, Level::E3);
}

/// If the readings of what drizzle-kit writes stopped agreeing, every comparison would quietly fall back to tokens.
#[test]
fn all_three_readings_agree_on_what_drizzle_writes() {
    let written = [
        "CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL, `name` text(255) DEFAULT 'x' NOT NULL, \
         `at` integer DEFAULT (unixepoch() * 1000) NOT NULL, `score` real DEFAULT -1.5, `blob` blob, `n` numeric)",
        "CREATE TABLE `posts` (`id` text PRIMARY KEY NOT NULL, `author` integer, `up` text GENERATED ALWAYS AS \
         (upper(\"id\")) VIRTUAL, FOREIGN KEY (`author`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade, \
         CONSTRAINT \"author_check\" CHECK(\"posts\".\"author\" > 0))",
        "CREATE TABLE `pairs` (`a` text NOT NULL, `b` text NOT NULL, PRIMARY KEY(`a`, `b`), CONSTRAINT `u` UNIQUE(`b`,`a`))",
        "CREATE TABLE odd (a UNSIGNED BIG INT(10, 5) CONSTRAINT n NOT NULL ON CONFLICT FAIL, b COLLATE rtrim UNIQUE, \
         c DEFAULT CURRENT_TIMESTAMP CHECK (c IN (1, 2)), d DEFAULT +5, e DEFAULT word, f DEFAULT x'00', \
         g REFERENCES users ON DELETE SET NULL MATCH FULL DEFERRABLE INITIALLY DEFERRED, PRIMARY KEY (a DESC) \
         ON CONFLICT REPLACE CHECK (a > 0)) STRICT",
        "CREATE UNIQUE INDEX `i` ON `users` (`name` COLLATE NOCASE DESC, lower(\"name\"), abs(id)) WHERE \"name\" IS NOT NULL",
    ];
    // STRICT tables take a few types only: SQLite refuses this one, the parsers need not.
    let written = written.map(|sql| sql.replace(" STRICT", ""));
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(&written.join(";")).unwrap();
    let mut scratch = Scratch::new();
    for object in read(&conn, "", &Schema::default()).unwrap().objects() {
        assert_ne!(*object.model(&mut scratch), Model::Text, "{}", object.sql);
    }
}
