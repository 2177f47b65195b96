//! Laws of old chains: wherever an actor stands on one, it comes to the end of it with every row, once.
//!
//! A failure prints its smallest case and the seed; `ACTOR_SEED` repeats a run.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};

use actor_migrate::{
    Bundle, Expected, History, InspectOptions, PlanOptions, Standing, execute, inspect,
    plan_reconcile,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::common::{FIRST_WHEN, Folder, actor, drizzle, try_drizzle};
use crate::crash::copy_at_every_statement;

/// What a chain may be made of; each runs on what the ones before it leave.
const POOL: [&str; 9] = [
    "CREATE TABLE `a` (`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL, `x` text);",
    "CREATE TABLE `b` (`id` integer PRIMARY KEY NOT NULL, `a` integer REFERENCES a(id) ON DELETE cascade);\n\
     --> statement-breakpoint\nINSERT INTO a VALUES (9000, 'seed');\n\
     --> statement-breakpoint\nINSERT INTO b VALUES (1, 9000);",
    "UPDATE a SET x = x || '!';",
    "ALTER TABLE `a` ADD `y` integer DEFAULT 0;",
    "CREATE VIEW `v` AS SELECT id FROM b;",
    "DROP VIEW `v`;\n--> statement-breakpoint\nPRAGMA foreign_keys=OFF;\n\
     --> statement-breakpoint\nCREATE TABLE `__new_a` (`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL, `x` text NOT NULL, `y` integer DEFAULT 0);\n\
     --> statement-breakpoint\nINSERT INTO `__new_a` SELECT id, x, y FROM a;\n\
     --> statement-breakpoint\nDROP TABLE `a`;\n\
     --> statement-breakpoint\nALTER TABLE `__new_a` RENAME TO `a`;\n\
     --> statement-breakpoint\nPRAGMA foreign_keys=ON;",
    "CREATE TRIGGER `t` AFTER INSERT ON `b` BEGIN UPDATE a SET y = y + 1 WHERE id = new.a; END;",
    "INSERT INTO b VALUES (2, 9000);",
    "CREATE UNIQUE INDEX `a_x` ON `a` (`x`) WHERE x IS NOT NULL;",
];

fn config() -> ProptestConfig {
    let given = std::env::var("ACTOR_SEED").ok();
    let random = || RandomState::new().build_hasher().finish();
    let seed = given
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(random);
    println!("to repeat this run: ACTOR_SEED={seed}");
    ProptestConfig {
        cases: 48,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn tag(at: usize) -> String {
    format!("{at:04}_m")
}

fn when(at: usize) -> i64 {
    FIRST_WHEN + 60_000 * i64::try_from(at).unwrap()
}

fn chain(count: usize) -> Folder {
    let tags: Vec<_> = (0..count).map(tag).collect();
    let entries = tags.iter().zip(POOL).enumerate();
    let entries: Vec<_> = entries
        .map(|(at, (tag, sql))| (tag.as_str(), when(at), sql))
        .collect();
    Folder::at(&entries)
}

/// The first `squashed` of `count` migrations in one file that holds nothing but the schema, as drizzle-kit
/// makes it, and the rest behind it. Its `when` is that of the last it replaces, or newer.
fn squash(count: usize, squashed: usize, pinned: bool) -> Folder {
    let scratch = actor(&chain(squashed), squashed);
    let sql = "SELECT sql FROM sqlite_schema WHERE name NOT GLOB '__*' AND name NOT GLOB 'sqlite_*' ORDER BY rowid";
    let mut objects = scratch.prepare(sql).unwrap();
    let objects = objects
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap();
    let objects: Vec<_> = objects.map(Result::unwrap).collect();
    let baseline = objects.join(";\n--> statement-breakpoint\n");
    let moment = when(squashed - 1) + if pinned { 0 } else { 1 };
    let tags: Vec<_> = (squashed..count).map(tag).collect();
    let mut entries = vec![("0000_baseline", moment, baseline.as_str())];
    let kept = tags
        .iter()
        .zip(squashed..)
        .map(|(tag, at)| (tag.as_str(), when(at), POOL[at]));
    entries.extend(kept);
    Folder::at(&entries)
}

/// Every value of every table but the ledger, and AUTOINCREMENT's memory.
fn dump(conn: &Connection) -> Vec<(String, Vec<Vec<Value>>)> {
    let sql =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB '__*' ORDER BY name";
    let mut tables = conn.prepare(sql).unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let rows = |table: String| {
        let mut select = conn.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let columns = select.column_count();
        let row = |row: &rusqlite::Row<'_>| (0..columns).map(|at| row.get(at)).collect();
        let mut rows: Vec<Vec<Value>> = select
            .query_map([], row)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        rows.sort_by_key(|row| format!("{row:?}"));
        (table, rows)
    };
    tables.map(|table| rows(table.unwrap())).collect()
}

/// Rows of the actor's own, where it has the table.
fn live(conn: &Connection, ran: usize) {
    let more = [
        (
            1,
            "INSERT INTO a (x) VALUES ('mine'), ('gone'); DELETE FROM a WHERE x = 'gone'",
        ),
        (2, "INSERT INTO b (id, a) SELECT 10, max(id) FROM a"),
    ];
    for (needs, sql) in more {
        if ran >= needs {
            conn.execute_batch(sql).unwrap();
        }
    }
}

/// Runs the rest of the old chain as SQLite would, without us.
fn oracle(count: usize, ran: usize, goal: usize) -> Connection {
    let conn = actor(&chain(count), ran);
    live(&conn, ran);
    conn.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    for sql in &POOL[ran.min(goal)..goal] {
        let sql = sql.replace("PRAGMA foreign_keys=ON", "SELECT 1");
        conn.execute_batch(&sql).unwrap();
    }
    conn
}

struct Known {
    bundle: Bundle,
    expected: Expected,
}

impl Known {
    fn new(count: usize, squashed: usize, pinned: bool) -> Self {
        let (bundle, expected) = squash(count, squashed, pinned).read();
        let old = Bundle::read(chain(count).path()).unwrap();
        let expected = expected.with_history([History::new(old)]);
        Self { bundle, expected }
    }

    fn look(&self, conn: &Connection) -> Standing {
        inspect(
            conn,
            &self.bundle,
            &self.expected,
            &InspectOptions::default(),
        )
        .unwrap()
    }

    /// Whether anything was changed.
    fn reconcile(&self, conn: &mut Connection) -> bool {
        let standing = self.look(conn);
        let options = PlanOptions::default();
        let plan = plan_reconcile(&self.bundle, &self.expected, &standing, &options);
        let plan = plan.unwrap_or_else(|error| panic!("{error}: {:?}", standing.reason));
        execute(conn, &self.bundle, &self.expected, &plan)
            .unwrap()
            .changed
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn reconcile_ends_the_old_chain_with_every_row_and_is_idempotent(
        count in 1..=POOL.len(), squashed in 1..=POOL.len(), ran in 1..=POOL.len(), pinned: bool,
    ) {
        let (squashed, ran) = (squashed.min(count), ran.min(count));
        let known = Known::new(count, squashed, pinned);
        let mut conn = actor(&chain(count), ran);
        live(&conn, ran);
        let behind = ran < squashed;
        let standing = known.look(&conn);
        let verdict = if behind { "squashed-behind" } else { "squashed" };
        // One migration squashed into one that keeps its time is that migration, edited.
        if squashed > 1 || !pinned {
            prop_assert_eq!(standing.verdict.as_str(), verdict);
            prop_assert_eq!(standing.old_chain.map(|old| old.remaining.len()), Some(squashed.saturating_sub(ran)));
        }
        known.reconcile(&mut conn);
        let after = known.look(&conn);
        prop_assert_eq!(after.adoption.as_str(), "not-needed");
        prop_assert_eq!(Some(after.fingerprint), after.expected_fingerprint);
        prop_assert_eq!(dump(&conn), dump(&oracle(count, ran, squashed)));
        prop_assert!(!known.reconcile(&mut conn), "twice is once");
        let pending = count - squashed.max(ran);
        prop_assert_eq!(try_drizzle(&conn, &squash(count, squashed, pinned), usize::MAX), Ok(pending));
    }
}

#[test]
fn a_crash_before_any_statement_of_a_reconcile_leaves_the_actor_before_or_after_and_never_between()
{
    let (count, ran) = (8, 1);
    let known = Known::new(count, count, false);
    let dir = tempfile::tempdir().unwrap();
    let (path, copies_dir) = (dir.path().join("actor.sqlite"), dir.path().join("copies"));
    fs::create_dir(&copies_dir).unwrap();
    let mut conn = Connection::open(&path).unwrap();
    drizzle(&conn, &chain(count), ran);
    conn.execute_batch(
        "PRAGMA cache_size = 5; PRAGMA foreign_keys = ON; INSERT INTO a (id, x) WITH RECURSIVE n(i) AS \
         (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i, printf('name %d', i) FROM n",
    )
    .unwrap();
    let before = dump(&conn);
    let copies = copy_at_every_statement(&mut conn, &path, &copies_dir);
    assert!(known.reconcile(&mut conn));
    drop(conn);
    let count = *copies.lock().unwrap();
    let after = dump(&Connection::open(&path).unwrap());
    let stands: Vec<_> = (0..count)
        .map(|number| {
            let conn = Connection::open(copies_dir.join(format!("{number}.sqlite"))).unwrap();
            let verdict = known.look(&conn).verdict.to_string();
            let rows = dump(&conn);
            assert!(
                rows == if verdict == "current" {
                    after.clone()
                } else {
                    before.clone()
                }
            );
            verdict
        })
        .collect();
    let intact = stands
        .iter()
        .take_while(|verdict| *verdict == "squashed-behind")
        .count();
    assert!(intact > 30, "{stands:?}");
    assert!(
        stands[intact..].iter().all(|verdict| verdict == "current"),
        "{stands:?}"
    );
}
