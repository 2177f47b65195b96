//! Laws that hold for every folder and every actor, however it was tampered with.
//!
//! A failure prints its smallest case and the seed; `ACTOR_SEED` repeats a run.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use actor_migrate::{
    Adoption, Bundle, Expected, InspectOptions, PlanOptions, Standing, Verdict, execute, inspect,
    plan_adopt, plan_apply,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rusqlite::Connection;

use crate::common::{FIRST_WHEN, Folder, actor};

/// What a folder may be made of; each runs on what the ones before it leave.
const POOL: [&str; 9] = [
    "CREATE TABLE `a` (`id` integer PRIMARY KEY NOT NULL, `x` text);",
    "CREATE TABLE `b` (`id` integer PRIMARY KEY NOT NULL, `a` integer REFERENCES a(id) ON DELETE cascade);\n\
     --> statement-breakpoint\nCREATE INDEX `b_a` ON `b` (`a`);",
    "INSERT INTO a VALUES (1, 'seed');",
    "ALTER TABLE `a` ADD `y` integer DEFAULT 0;",
    "CREATE VIEW `v` AS SELECT id FROM b;",
    "CREATE TRIGGER `t` AFTER INSERT ON `b` BEGIN UPDATE b SET a = NULL WHERE a = new.id; END;",
    "CREATE TABLE `c` (`k` text PRIMARY KEY);\n--> statement-breakpoint\nINSERT INTO c VALUES ('k');",
    "DROP VIEW `v`;\n--> statement-breakpoint\nCREATE TABLE `d` (`z` blob);",
    "CREATE UNIQUE INDEX `a_x` ON `a` (`x`) WHERE x IS NOT NULL;",
];

/// What may have happened to an actor since.
#[derive(Debug, Clone)]
enum Mishap {
    /// A ledger row is gone.
    RowLost(usize),
    /// A ledger row that nobody knows appeared.
    RowStrange(i64),
    /// The hash of a row says something else.
    HashChanged(usize, &'static str),
    /// A time is NULL, or text.
    TimeOdd(usize, &'static str),
    /// The ledger is gone.
    LedgerLost,
    /// Somebody ran SQL by hand.
    ByHand(&'static str),
}

fn mishap() -> impl Strategy<Value = Mishap> {
    let by_hand = prop::sample::select(vec![
        "ALTER TABLE a ADD hand integer",
        "DROP INDEX IF EXISTS b_a",
        "CREATE TABLE hand (a)",
        "DROP TABLE IF EXISTS c",
        "CREATE TRIGGER hand AFTER DELETE ON a BEGIN SELECT 1; END",
    ]);
    prop_oneof![
        (0..9_usize).prop_map(Mishap::RowLost),
        (-20..20_i64).prop_map(Mishap::RowStrange),
        (0..9_usize, prop::sample::select(vec!["", "other"]))
            .prop_map(|(row, hash)| Mishap::HashChanged(row, hash)),
        (
            0..9_usize,
            prop::sample::select(vec!["NULL", "'text'", "'17'"])
        )
            .prop_map(|(row, time)| Mishap::TimeOdd(row, time)),
        Just(Mishap::LedgerLost),
        by_hand.prop_map(Mishap::ByHand),
    ]
}

fn happen(conn: &Connection, mishap: &Mishap) {
    let nth = |row: usize| {
        format!(
            "rowid = (SELECT rowid FROM __drizzle_migrations ORDER BY rowid LIMIT 1 OFFSET {row})"
        )
    };
    let sql = match mishap {
        Mishap::RowLost(row) => format!("DELETE FROM __drizzle_migrations WHERE {}", nth(*row)),
        Mishap::RowStrange(at) => format!(
            "INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('strange', {})",
            FIRST_WHEN + at * 30_000
        ),
        Mishap::HashChanged(row, hash) => {
            format!(
                "UPDATE __drizzle_migrations SET hash = '{hash}' WHERE {}",
                nth(*row)
            )
        }
        Mishap::TimeOdd(row, time) => {
            format!(
                "UPDATE __drizzle_migrations SET created_at = {time} WHERE {}",
                nth(*row)
            )
        }
        Mishap::LedgerLost => "DROP TABLE IF EXISTS __drizzle_migrations".to_owned(),
        Mishap::ByHand(sql) => (*sql).to_owned(),
    };
    // Some mishaps do not apply to some actors; then nothing happens.
    let _ = conn.execute_batch(&sql);
}

fn chain(count: usize) -> Folder {
    let tags: Vec<_> = (0..count).map(|at| format!("{at:04}_m")).collect();
    let migrations: Vec<_> = tags
        .iter()
        .map(String::as_str)
        .zip(POOL.iter().copied())
        .collect();
    Folder::new(&migrations)
}

/// The first `squashed` of `count` migrations as one baseline, and the rest after it.
fn folder(count: usize, squashed: usize) -> Folder {
    if squashed == 0 {
        return chain(count);
    }
    let squashed = squashed.min(count);
    let baseline = POOL[..squashed].join("\n--> statement-breakpoint\n");
    let tags: Vec<_> = (squashed..count).map(|at| format!("{at:04}_m")).collect();
    let when = |at: usize| FIRST_WHEN + i64::try_from(at).unwrap() * 60_000;
    let mut entries = vec![("0000_baseline", when(squashed - 1) + 1, baseline.as_str())];
    entries.extend(
        tags.iter()
            .zip(squashed..)
            .map(|(tag, at)| (tag.as_str(), when(at), POOL[at])),
    );
    Folder::at(&entries)
}

struct Case {
    conn: Connection,
    bundle: Bundle,
    expected: Expected,
}

impl Case {
    fn new(ran: usize, count: usize, squashed: usize, mishaps: &[Mishap]) -> Self {
        let conn = actor(&chain(POOL.len()), ran);
        mishaps.iter().for_each(|mishap| happen(&conn, mishap));
        let (bundle, expected) = folder(count, squashed).read();
        Self {
            conn,
            bundle,
            expected,
        }
    }

    fn stand(&self) -> Standing {
        inspect(
            &self.conn,
            &self.bundle,
            &self.expected,
            &InspectOptions::default(),
        )
        .unwrap()
    }
}

fn is_consistent(standing: &Standing, count: usize) {
    assert_eq!(
        standing.adoption == Adoption::NeedsAck,
        !standing.needs.is_empty(),
        "{standing:?}"
    );
    assert!(standing.position.is_none_or(|position| position.0 <= count));
    assert!(standing.pending.len() <= count);
    assert!(!standing.advice.is_empty());
    let named = matches!(
        standing.verdict,
        Verdict::Drifted | Verdict::Foreign | Verdict::SquashedBehind
    );
    assert!(
        !named || !standing.differences.is_empty(),
        "a difference is named: {standing:?}"
    );
    if standing.adoption == Adoption::NotNeeded {
        assert!(
            standing
                .differences
                .iter()
                .all(|difference| difference.acknowledged),
            "{standing:?}"
        );
    }
    if standing.verdict == Verdict::Unreadable {
        assert!(standing.reason.is_some());
    }
}

pub(crate) fn config() -> ProptestConfig {
    let given = std::env::var("ACTOR_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    println!("ACTOR_SEED={seed}");
    ProptestConfig {
        cases: 150,
        rng_seed: RngSeed::Fixed(seed),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_actor_has_a_verdict_and_the_same_one_twice(
        ran in 0..=POOL.len(),
        count in 0..=POOL.len(),
        squashed in 0..=POOL.len(),
        mishaps in vec(mishap(), 0..4),
    ) {
        let squashed = if count == 0 { 0 } else { squashed };
        let case = Case::new(ran, count, squashed, &mishaps);
        let standing = case.stand();
        is_consistent(&standing, case.bundle.entries.len());
        let again = serde_json::to_string(&case.stand()).unwrap();
        prop_assert_eq!(serde_json::to_string(&standing).unwrap(), again);
    }

    #[test]
    fn what_may_be_adopted_stands_right_afterwards_and_keeps_every_row(
        ran in 0..=POOL.len(),
        count in 1..=POOL.len(),
        squashed in 0..=POOL.len(),
        mishaps in vec(mishap(), 0..3),
    ) {
        let mut case = Case::new(ran, count, squashed, &mishaps);
        let standing = case.stand();
        if matches!(standing.adoption, Adoption::Safe | Adoption::NeedsAck) {
            let allow = standing.needs.iter().map(|need| need.name.clone()).collect();
            let options = PlanOptions { allow, ..PlanOptions::default() };
            let schema = schema(&case.conn);
            let plan = plan_adopt(&case.bundle, &case.expected, &standing, &options).unwrap();
            let report = execute(&mut case.conn, &case.bundle, &case.expected, &plan).unwrap();
            prop_assert_eq!(report.standing.adoption, Adoption::NotNeeded, "{:?}\n{:?}", standing, report.standing);
            prop_assert_eq!(self::schema(&case.conn), schema);
        }
    }

    #[test]
    fn what_apply_accepts_is_current_afterwards(
        ran in 0..=POOL.len(),
        count in 1..=POOL.len(),
        squashed in 0..=POOL.len(),
        mishaps in vec(mishap(), 0..2),
    ) {
        let mut case = Case::new(ran, count, squashed, &mishaps);
        let standing = case.stand();
        if let Ok(plan) = plan_apply(&case.bundle, &case.expected, &standing, &PlanOptions::default()) {
            let report = execute(&mut case.conn, &case.bundle, &case.expected, &plan).unwrap();
            let good = [Verdict::Current, Verdict::EditedCosmetic];
            prop_assert!(good.contains(&report.standing.verdict), "{:?}\n{:?}", standing, report.standing);
        }
    }
}

/// Every object that is the application's.
fn schema(conn: &Connection) -> Vec<String> {
    let sql = "SELECT sql FROM sqlite_schema WHERE name NOT LIKE '\\_\\_%' ESCAPE '\\' AND sql IS NOT NULL ORDER BY 1";
    let mut statement = conn.prepare(sql).unwrap();
    statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// The law above failed here: a row is lost whose migration wrote rows, and it cannot run after those that
/// followed it, so that no order explains the actor. It was called drifted, with no difference to name.
#[test]
fn a_lost_row_whose_migration_can_no_longer_run_is_a_person_to_ask_and_no_drift() {
    let case = Case::new(4, 5, 0, &[Mishap::RowLost(2)]);
    let standing = case.stand();
    is_consistent(&standing, 5);
    assert_eq!(standing.verdict, Verdict::JournalTruncated);
    assert_eq!(standing.needs[0].name, "data:0002_m");
    assert_eq!(standing.pending, ["0004_m"]);
}
