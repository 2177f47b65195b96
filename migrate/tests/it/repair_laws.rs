//! Laws of mending: whatever one schema is and whatever the other, the other is reached with every value, or
//! nothing is changed.
//!
//! A failure prints its smallest case and the seed; `ACTOR_SEED` repeats a run.

use std::cell::Cell;
use std::collections::BTreeSet;

use actor_migrate::{
    Bundle, Expected, Level, MigrateError, Plan, PlanOptions, Position, execute, plan_reconcile,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{TestCaseError, TestRunner};
use rusqlite::Connection;

use crate::common::{FIRST_WHEN, Folder, database, journal, look};
use crate::laws::config;

/// A failure is repeated by its seed.
fn once() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..config()
    }
}

const TABLES: [&str; 3] = ["a", "b", "c d"];

/// The columns of one table, what follows them, and how it ends.
fn table(name: &'static str) -> impl Strategy<Value = String> {
    let key = select(vec![
        "id integer PRIMARY KEY",
        "id integer PRIMARY KEY AUTOINCREMENT NOT NULL",
        "id integer",
        "id int PRIMARY KEY",
        "id integer PRIMARY KEY DESC",
    ]);
    let column = |name: &'static str| {
        let kind = select(vec!["integer", "text", "real", "blob", "int"]);
        let rule = select(vec![
            "",
            "",
            "NOT NULL DEFAULT 7",
            "DEFAULT 'x'",
            "NOT NULL",
            "COLLATE NOCASE",
            "UNIQUE",
            "UNIQUE ON CONFLICT REPLACE",
            "REFERENCES a(id) ON DELETE CASCADE",
            "REFERENCES \"c d\"",
            "DEFERRABLE INITIALLY DEFERRED",
            "CHECK (length(TABLE.COLUMN) < 9)",
            "GENERATED ALWAYS AS (id + 1)",
            "AS (id || 'g') STORED",
        ]);
        let present = prop::bool::weighted(0.7);
        (present, kind, rule).prop_map(move |(present, kind, rule)| {
            let rule = match rule {
                "DEFERRABLE INITIALLY DEFERRED" => "REFERENCES b(id) DEFERRABLE INITIALLY DEFERRED",
                other => other,
            };
            let rule = rule.replace("COLUMN", name);
            present.then(|| format!("{name} {kind} {rule}"))
        })
    };
    let columns = (column("x"), column("y"), column("Z"), prop::bool::ANY);
    let options = select(vec!["", "", "", "STRICT", "WITHOUT ROWID"]);
    (key, columns, options).prop_map(move |(key, (x, y, z, swapped), options)| {
        let mut rest: Vec<_> = [x, y, z].into_iter().flatten().collect();
        if swapped {
            rest.reverse();
        }
        let keyed = key.contains("PRIMARY KEY") && !key.contains("AUTOINCREMENT");
        let options = match options {
            "WITHOUT ROWID" if !keyed => "",
            other => other,
        };
        let quoted = format!("\"{name}\"");
        let rest = rest.iter().map(|column| format!(", {column}"));
        let rest = rest.collect::<String>().replace("TABLE", &quoted);
        format!("CREATE TABLE {quoted} ({key}{rest}) {options}")
    })
}

/// Statements that make a schema, tables first.
fn schema() -> impl Strategy<Value = Vec<String>> {
    let tables = (table("a"), table("b"), table("c d"), 1..8_usize);
    let others = vec(
        select(vec![
            "CREATE INDEX i ON a (id DESC)",
            "CREATE INDEX i ON a (id)",
            "CREATE UNIQUE INDEX u ON b (id COLLATE NOCASE)",
            "CREATE INDEX p ON a (abs(id)) WHERE id > 1",
            "CREATE INDEX q ON \"c d\" (id) WHERE id > 2",
            "CREATE VIEW v AS SELECT id FROM a",
            "CREATE VIEW v AS SELECT id, 1 FROM b",
            "CREATE VIEW w AS SELECT * FROM v",
            "CREATE TRIGGER t1 AFTER INSERT ON a BEGIN DELETE FROM b WHERE id = 99; END",
            "CREATE TRIGGER t1 AFTER DELETE ON b BEGIN SELECT 1; END",
            "CREATE TRIGGER t2 AFTER INSERT ON a BEGIN UPDATE a SET id = id WHERE id = -1; END",
            "CREATE TRIGGER t3 INSTEAD OF INSERT ON v BEGIN SELECT 2; END",
            "CREATE VIRTUAL TABLE f USING fts5(body)",
        ]),
        0..6,
    );
    (tables, others).prop_map(|((a, b, c, which), others)| {
        let tables = [a, b, c].into_iter().enumerate();
        let mut sql: Vec<_> = tables
            .filter(|(at, _)| which & (1 << at) != 0)
            .map(|(_, sql)| sql)
            .collect();
        sql.extend(others.into_iter().map(str::to_owned));
        runnable(&sql)
    })
}

/// What of `sql` SQLite takes, in order.
fn runnable(sql: &[String]) -> Vec<String> {
    let conn = Connection::open_in_memory().unwrap();
    let runs = |statement: &&String| conn.execute_batch(statement).is_ok();
    sql.iter().filter(runs).cloned().collect()
}

fn value() -> impl Strategy<Value = &'static str> {
    select(vec![
        "NULL",
        "1",
        "2",
        "3",
        "7",
        "'1'",
        "'abc'",
        "'ABC'",
        "2.5",
        "1.0",
        "x'00ff'",
        "9007199254740993",
        "''",
    ])
}

/// Fills every table with what its constraints let in.
fn fill(conn: &Connection, rows: &[(usize, [&'static str; 4])], checked: bool) {
    conn.pragma_update(None, "foreign_keys", checked).unwrap();
    for (table, values) in rows {
        let table = TABLES[*table];
        let columns = stored(conn, table);
        let names: Vec<_> = columns.iter().map(|name| format!("\"{name}\"")).collect();
        let values = &values[..columns.len().min(4)];
        let sql = format!(
            "INSERT INTO \"{table}\" ({}) VALUES ({})",
            names.join(", "),
            values.join(", ")
        );
        // What the schema does not take is not there.
        let _ = conn.execute_batch(&sql);
    }
    conn.pragma_update(None, "foreign_keys", true).unwrap();
}

/// The columns of a table that hold values, as SQLite lists them.
fn stored(conn: &Connection, table: &str) -> Vec<String> {
    let sql = "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0";
    let mut statement = conn.prepare(sql).unwrap();
    let names = statement.query_map([table], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

/// Every row of a table as literals, in one order.
fn dump(conn: &Connection, table: &str, columns: &[String]) -> Vec<String> {
    if columns.is_empty() {
        return Vec::new();
    }
    let shown: Vec<_> = columns
        .iter()
        .map(|name| format!("quote(\"{name}\")"))
        .collect();
    let sql = format!(
        "SELECT {} FROM \"{table}\" ORDER BY 1",
        shown.join(" || '|' || ")
    );
    let mut statement = conn.prepare(&sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn number(conn: &Connection, sql: &str) -> i64 {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

struct Case {
    conn: Connection,
    folder: Folder,
    bundle: Bundle,
    expected: Expected,
}

impl Case {
    fn new(have: &[String], want: &[String], rows: &[(usize, [&'static str; 4])]) -> Self {
        let conn = database(&have.join(";\n"));
        fill(&conn, rows, rows.len().is_multiple_of(2));
        let folder = Folder::new(&[("0000_all", &want.join(";\n--> statement-breakpoint\n"))]);
        let (bundle, expected) = folder.read();
        conn.execute_batch("CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)")
            .unwrap();
        journal(&conn, &bundle.entries[0].hash, FIRST_WHEN);
        Self {
            conn,
            folder,
            bundle,
            expected,
        }
    }

    fn plan(&self, allow: BTreeSet<String>) -> Result<Plan, MigrateError> {
        let options = PlanOptions {
            allow,
            ..PlanOptions::default()
        };
        let standing = look(&self.conn, &self.folder);
        plan_reconcile(&self.bundle, &self.expected, &standing, &options)
    }

    /// A plan, with every consent that it asks for.
    fn agreed(&self, consenting: bool) -> Result<Plan, MigrateError> {
        match self.plan(BTreeSet::new()) {
            Err(MigrateError::RepairNeeds { needed }) if consenting => {
                self.plan(needed.into_iter().map(|need| need.name).collect())
            }
            other => other,
        }
    }

    /// All that there is, apart from our own tables.
    fn everything(&self) -> Vec<Vec<String>> {
        let all = TABLES
            .iter()
            .map(|table| dump(&self.conn, table, &stored(&self.conn, table)));
        all.chain([self.schema()]).collect()
    }

    fn schema(&self) -> Vec<String> {
        let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid";
        let mut statement = self.conn.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

/// What must be as it was: for every table of both schemas, the columns of both.
fn shared(conn: &Connection, other: &Connection) -> Vec<Vec<String>> {
    let shared = |table: &&'static str| {
        let there = stored(other, table);
        let mut columns = stored(conn, table);
        columns.retain(|column| there.contains(column));
        columns
    };
    TABLES.iter().map(shared).collect()
}

fn values(conn: &Connection, columns: &[Vec<String>]) -> Vec<Vec<String>> {
    let tables = TABLES.iter().zip(columns);
    tables
        .map(|(table, columns)| dump(conn, table, columns))
        .collect()
}

fn mended(case: &mut Case, plan: &Plan, target: &Connection) -> Result<bool, TestCaseError> {
    let columns = shared(&case.conn, target);
    let (before, everything) = (values(&case.conn, &columns), case.everything());
    let broken = "SELECT count(*) FROM pragma_foreign_key_check";
    let broken_before = case.conn.query_row(broken, [], |row| row.get::<_, i64>(0));
    let report = match execute(&mut case.conn, &case.bundle, &case.expected, plan) {
        Ok(report) => report,
        Err(error) => {
            let honest = ["M154", "M155", "M176", "M177"].contains(&error.code());
            prop_assert!(honest, "{error}\n{:#?}", plan.steps);
            prop_assert_eq!(case.everything(), everything, "nothing is changed");
            return Ok(false);
        }
    };
    let left = &report.standing.differences;
    prop_assert!(left.iter().all(|left| left.acknowledged), "{left:?}");
    if plan.accepted.is_empty() {
        let wanted = case.expected.fingerprint(Position(1)).unwrap();
        prop_assert_eq!(report.standing.fingerprint, wanted, "{:#?}", plan.steps);
    }
    prop_assert_eq!(values(&case.conn, &columns), before, "{:#?}", plan.steps);
    let sound: String = case
        .conn
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    prop_assert_eq!(sound, "ok");
    if let Ok(before) = broken_before {
        let after = case.conn.query_row(broken, [], |row| row.get::<_, i64>(0));
        prop_assert!(
            after.is_ok_and(|after| after <= before),
            "{:#?}",
            plan.steps
        );
    }
    prop_assert!(
        case.plan(BTreeSet::new()).unwrap().is_empty(),
        "twice is once"
    );
    prop_assert_eq!(number(&case.conn, "PRAGMA foreign_keys"), 1);
    Ok(true)
}

#[test]
fn a_mended_actor_has_the_schema_wanted_and_every_value_it_had() {
    let rows = vec((0..3_usize, [value(), value(), value(), value()]), 0..12);
    let cases = (schema(), schema(), rows, prop::bool::weighted(0.8));
    let (tried, reached) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(once());
    let result = runner.run(&cases, |(have, want, rows, consenting)| {
        let mut case = Case::new(&have, &want, &rows);
        let target = database(&want.join(";\n"));
        match case.agreed(consenting) {
            Ok(plan) => {
                tried.set(tried.get() + 1);
                let plan_ran = mended(&mut case, &plan, &target)?;
                reached.set(reached.get() + usize::from(plan_ran));
            }
            Err(error) => {
                let honest = ["M175", "M178"].contains(&error.code());
                prop_assert!(honest, "{error}");
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(tried.get() > 75, "{} plans", tried.get());
    assert!(reached.get() > 30, "{} of {}", reached.get(), tried.get());
}

#[test]
fn fingerprints_are_equal_exactly_where_the_tokens_are() {
    let mut runner = TestRunner::new(once());
    let result = runner.run(
        &(schema(), schema(), prop::bool::ANY),
        |(one, other, alike)| {
            let respelled = |sql: &String| {
                sql.replace(" (", "\n  ( /* x */")
                    .replace("CREATE", "create")
            };
            let other = match alike {
                true => one.iter().map(respelled).collect(),
                false => other,
            };
            let replayed = |sql: &[String]| {
                Folder::new(&[("0000_all", &sql.join(";\n--> statement-breakpoint\n"))])
                    .read()
                    .1
            };
            let (left, right) = (replayed(&one), replayed(&other));
            let level = left.level(Position(1), &right, Position(1)).unwrap();
            let equal = left.fingerprint(Position(1)) == right.fingerprint(Position(1));
            prop_assert_eq!(equal, level <= Level::E1);
            prop_assert!(!alike || equal, "{one:?} {other:?}");
            let own = left.level(Position(1), &left, Position(1));
            prop_assert_eq!(own, Some(Level::E0));
            Ok(())
        },
    );
    result.unwrap_or_else(|failure| panic!("{failure}"));
}
