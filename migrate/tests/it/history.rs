//! Actors that stand on a chain which a baseline has replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actor_migrate::{
    Bundle, Expected, History, InspectOptions, MigrateError, Plan, PlanOptions, Report, Standing,
    execute, inspect, plan_adopt, plan_reconcile,
};
use rusqlite::Connection;

use crate::common::{
    FIRST_WHEN, Folder, actor, drizzle, drizzle_1, folders, journal, rows, try_drizzle, unjournaled,
};

const MINUTE: i64 = 60_000;

/// The old chain: it seeds a table, changes the seed and rebuilds the table.
const CHAIN: [(&str, &str); 5] = [
    (
        "0000_users",
        "CREATE TABLE `users` (`id` integer PRIMARY KEY NOT NULL, `name` text);\
         --> statement-breakpoint\nINSERT INTO users VALUES (1, 'root');",
    ),
    (
        "0001_posts",
        "CREATE TABLE `posts` (`id` integer PRIMARY KEY NOT NULL, `author` integer REFERENCES users(id) ON DELETE cascade);\
         --> statement-breakpoint\nCREATE INDEX `posts_author` ON `posts` (`author`);",
    ),
    ("0002_backfill", "UPDATE users SET name = 'admin' WHERE name = 'root';"),
    (
        "0003_rebuild",
        "PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_users` (`id` integer PRIMARY KEY NOT NULL, `name` text NOT NULL);--> statement-breakpoint
INSERT INTO `__new_users`(\"id\", \"name\") SELECT \"id\", \"name\" FROM `users`;--> statement-breakpoint
DROP TABLE `users`;--> statement-breakpoint
ALTER TABLE `__new_users` RENAME TO `users`;--> statement-breakpoint
PRAGMA foreign_keys=ON;",
    ),
    ("0004_tags", "CREATE TABLE `tags` (`id` integer PRIMARY KEY NOT NULL);"),
];

/// What a person makes of it: the schema in one file, without the rows.
const BASELINE: &str = "CREATE TABLE `users` (`id` integer PRIMARY KEY NOT NULL, `name` text NOT NULL);
--> statement-breakpoint
CREATE TABLE `posts` (`id` integer PRIMARY KEY NOT NULL, `author` integer REFERENCES users(id) ON DELETE cascade);
--> statement-breakpoint
CREATE INDEX `posts_author` ON `posts` (`author`);
--> statement-breakpoint
CREATE TABLE `tags` (`id` integer PRIMARY KEY NOT NULL);";

/// What came after the squash.
const NEXT: (&str, &str) = ("0001_next", "ALTER TABLE `tags` ADD `label` text;");

fn chain() -> Folder {
    Folder::new(&CHAIN)
}

fn squashed() -> Folder {
    Folder::at(&[
        ("0000_baseline", FIRST_WHEN + 60 * MINUTE, BASELINE),
        (NEXT.0, FIRST_WHEN + 61 * MINUTE, NEXT.1),
    ])
}

/// A folder with its histories, read and replayed once.
struct Known {
    bundle: Bundle,
    expected: Expected,
}

impl Known {
    fn new(folder: &Folder, histories: Vec<History>) -> Self {
        let (bundle, expected) = folder.read();
        let expected = expected.with_history(histories);
        Self { bundle, expected }
    }

    fn of(folder: &Folder, olds: &[&Folder]) -> Self {
        let histories = olds.iter().map(|old| history(old)).collect();
        Self::new(folder, histories)
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

    fn verdict(&self, conn: &Connection) -> String {
        let standing = self.look(conn);
        format!("{} {}", standing.verdict, standing.adoption)
    }

    fn plan(&self, conn: &Connection, allow: &[&str]) -> Result<Plan, MigrateError> {
        let options = PlanOptions {
            allow: allow.iter().map(|it| (*it).to_owned()).collect(),
            ..PlanOptions::default()
        };
        plan_reconcile(&self.bundle, &self.expected, &self.look(conn), &options)
    }

    fn reconcile(&self, conn: &mut Connection, allow: &[&str]) -> Report {
        let plan = self.plan(conn, allow).unwrap();
        execute(conn, &self.bundle, &self.expected, &plan).unwrap()
    }

    fn refusal(&self, conn: &Connection) -> (&'static str, String) {
        let error = self.plan(conn, &[]).unwrap_err();
        (error.code(), error.to_string())
    }
}

fn history(old: &Folder) -> History {
    let bundle = Bundle::read(old.path()).unwrap();
    History::lazy("old", move || Ok(bundle.clone()))
}

fn names(conn: &Connection) -> Vec<String> {
    let mut users = conn.prepare("SELECT name FROM users ORDER BY id").unwrap();
    let names = users.query_map([], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

#[test]
fn the_old_ledger_vouches_for_the_rows_of_the_old_chain() {
    let known = Known::of(&squashed(), &[&chain()]);
    let standing = known.look(&actor(&chain(), CHAIN.len()));
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("squashed", "safe")
    );
    assert_eq!(standing.needs, []);
    assert_eq!(standing.pending, ["0001_next"]);
    let old = standing.old_chain.unwrap();
    assert_eq!(
        (old.history.as_str(), old.baseline.as_str()),
        ("old", "0000_baseline")
    );
    assert_eq!((old.migrations, old.remaining.len()), (5, 0));
}

#[test]
fn an_actor_anywhere_on_the_old_chain_runs_the_rest_of_it_and_then_only_what_is_pending() {
    let known = Known::of(&squashed(), &[&chain()]);
    for ran in 1..CHAIN.len() {
        let mut conn = actor(&chain(), ran);
        conn.execute_batch("INSERT INTO users VALUES (2, 'ann')")
            .unwrap();
        if ran > 1 {
            conn.execute_batch("INSERT INTO posts VALUES (1, 2)")
                .unwrap();
        }
        let standing = known.look(&conn);
        assert_eq!(
            (standing.verdict.as_str(), standing.adoption.as_str()),
            ("squashed-behind", "refuse")
        );
        let rest: Vec<_> = CHAIN[ran..].iter().map(|(tag, _)| *tag).collect();
        assert_eq!(standing.old_chain.unwrap().remaining, rest);
        assert!(
            try_drizzle(&conn, &squashed(), 2).is_err(),
            "the stock runner fails"
        );
        let report = known.reconcile(&mut conn, &[]);
        assert_eq!(report.applied, rest);
        assert_eq!(report.standing.verdict.as_str(), "behind");
        assert_eq!(rows(&conn), rows(&actor(&squashed(), 1)));
        assert_eq!(names(&conn), ["admin", "ann"]);
        let posts: i64 = conn
            .query_row("SELECT count(*) FROM posts", [], |r| r.get(0))
            .unwrap();
        assert_eq!(posts, i64::from(ran > 1), "the rebuild cascades to nobody");
        assert!(known.plan(&conn, &[]).unwrap().is_empty(), "twice is once");
        assert_eq!(try_drizzle(&conn, &squashed(), 2), Ok(1));
        assert_eq!(known.verdict(&conn), "current not-needed");
    }
}

#[test]
fn what_is_left_may_show_in_no_schema() {
    let chain = Folder::new(&CHAIN[..3]);
    let baseline = [CHAIN[0].1.split("--> ").next().unwrap(), CHAIN[1].1];
    let baseline = baseline.join("--> statement-breakpoint\n");
    let squashed = Folder::at(&[("0000_baseline", FIRST_WHEN + 60 * MINUTE, &baseline)]);
    let alone = Known::of(&squashed, &[]);
    let mut conn = actor(&chain, 2);
    assert_eq!(
        alone.verdict(&conn),
        "squashed safe",
        "nothing tells of the backfill"
    );
    let known = Known::of(&squashed, &[&chain]);
    assert_eq!(known.verdict(&conn), "squashed-behind refuse");
    known.reconcile(&mut conn, &[]);
    assert_eq!(names(&conn), ["admin"]);
    assert_eq!(known.verdict(&conn), "current not-needed");
}

#[test]
fn rows_that_only_the_baseline_writes_need_a_person() {
    let baseline = format!("{BASELINE}\n--> statement-breakpoint\nINSERT INTO tags VALUES (7);");
    let squashed = Folder::at(&[("0000_baseline", FIRST_WHEN + 60 * MINUTE, &baseline)]);
    let complete = actor(&chain(), CHAIN.len());
    let known = Known::of(&squashed, &[&chain()]);
    let standing = known.look(&complete);
    assert_eq!(standing.adoption.as_str(), "needs-ack");
    assert_eq!(
        standing.needs[0].message,
        "0000_baseline writes rows (statement 5) that its old chain did not"
    );
    let mut behind = actor(&chain(), 2);
    assert_eq!(known.refusal(&behind).0, "M141");
    let report = known.reconcile(&mut behind, &["data:0000_baseline"]);
    assert_eq!(report.standing.verdict.as_str(), "current");
    let certified = Known::new(
        &squashed,
        vec![history(&chain()).replaced_by("0000_baseline")],
    );
    assert_eq!(
        certified.verdict(&complete),
        "squashed safe",
        "a certificate vouches for them"
    );
}

#[test]
fn a_baseline_that_repeats_a_seed_word_for_word_is_vouched_for() {
    let seed = "INSERT INTO users  VALUES (1, 'root'); UPDATE users SET name = 'admin' WHERE name = 'root'";
    let baseline = format!("{BASELINE}\n--> statement-breakpoint\n{seed}");
    let squashed = Folder::at(&[("0000_baseline", FIRST_WHEN + 60 * MINUTE, &baseline)]);
    let complete = actor(&chain(), CHAIN.len());
    assert_eq!(
        Known::of(&squashed, &[]).verdict(&complete),
        "squashed needs-ack"
    );
    assert_eq!(
        Known::of(&squashed, &[&chain()]).verdict(&complete),
        "squashed safe"
    );
}

#[test]
fn without_rows_the_schema_alone_tells_and_seeds_need_a_person() {
    let known = Known::of(&squashed(), &[&chain()]);
    let mut conn = unjournaled(&chain(), 1);
    let standing = known.look(&conn);
    assert_eq!(standing.verdict.as_str(), "squashed-behind");
    let rest: Vec<_> = CHAIN[1..].iter().map(|(tag, _)| *tag).collect();
    assert_eq!(standing.old_chain.unwrap().remaining, rest);
    assert_eq!(standing.needs.len(), 1);
    assert_eq!(standing.needs[0].name, "data:0000_users");
    assert_eq!(known.refusal(&conn).0, "M141");
    let report = known.reconcile(&mut conn, &["data"]);
    assert_eq!(report.applied, rest);
    assert_eq!(rows(&conn), rows(&actor(&squashed(), 1)));
}

#[test]
fn rows_of_another_program_leave_the_schema_to_tell() {
    let known = Known::of(&squashed(), &[&chain()]);
    let conn = actor(&chain(), 4);
    conn.execute_batch("UPDATE __drizzle_migrations SET hash = 'x', created_at = created_at + 7")
        .unwrap();
    let standing = known.look(&conn);
    assert_eq!(standing.verdict.as_str(), "squashed-behind");
    let needs: Vec<_> = standing
        .needs
        .iter()
        .map(|need| need.name.as_str())
        .collect();
    assert_eq!(needs, ["data:0000_users", "data:0002_backfill"]);
}

#[test]
fn two_positions_of_one_schema_are_told_apart_by_a_person() {
    let known = Known::of(&squashed(), &[&chain()]);
    let mut conn = unjournaled(&chain(), 2);
    let standing = known.look(&conn);
    let needs: Vec<_> = standing
        .needs
        .iter()
        .map(|need| need.name.as_str())
        .collect();
    assert_eq!(needs, ["data:0000_users", "position:0001_posts"]);
    assert_eq!(known.refusal(&conn).0, "M141");
    let report = known.reconcile(&mut conn, &["data", "position:0001_posts"]);
    assert_eq!(
        report.applied,
        ["0002_backfill", "0003_rebuild", "0004_tags"]
    );
}

#[test]
fn a_healthy_actor_never_causes_an_old_chain_to_be_read() {
    let reads = Arc::new(AtomicUsize::new(0));
    let (counter, old) = (Arc::clone(&reads), Bundle::read(chain().path()).unwrap());
    let counted = History::lazy("old", move || {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(old.clone())
    });
    let known = Known::new(&squashed(), vec![counted]);
    let fresh = Connection::open_in_memory().unwrap();
    for healthy in [fresh, actor(&squashed(), 1), actor(&squashed(), 2)] {
        known.look(&healthy);
    }
    assert_eq!(reads.load(Ordering::Relaxed), 0);
    assert!(!known.expected.history_is_read());
    for ran in 1..4 {
        known.look(&actor(&chain(), ran));
    }
    assert_eq!(reads.load(Ordering::Relaxed), 1, "once for the whole fleet");
}

#[test]
fn a_squash_of_a_squash_finds_actors_of_the_oldest_chain() {
    let later = ("0001_later", FIRST_WHEN + 61 * MINUTE, NEXT.1);
    let first = Folder::at(&[("0000_baseline", FIRST_WHEN + 60 * MINUTE, BASELINE), later]);
    let again = format!("{BASELINE}\n--> statement-breakpoint\n{}", NEXT.1);
    let second = Folder::at(&[
        ("0000_again", FIRST_WHEN + 90 * MINUTE, &again),
        (
            "0001_new",
            FIRST_WHEN + 91 * MINUTE,
            "CREATE TABLE `new` (`id` integer);",
        ),
    ]);
    let archives = || {
        vec![
            history(&first).replaced_by("0000_again"),
            history(&chain()).replaced_by("0000_baseline"),
        ]
    };
    for histories in [archives(), vec![history(&chain()), history(&first)]] {
        let known = Known::new(&second, histories);
        for ran in 1..=CHAIN.len() {
            let mut conn = actor(&chain(), ran);
            let report = known.reconcile(&mut conn, &[]);
            let mut rest: Vec<_> = CHAIN[ran..].iter().map(|(tag, _)| *tag).collect();
            rest.push("0001_later");
            assert_eq!(report.applied, rest);
            assert_eq!(report.standing.verdict.as_str(), "behind");
            assert_eq!(names(&conn), ["admin"]);
            assert_eq!(try_drizzle(&conn, &second, 2), Ok(1));
        }
        let mut conn = actor(&first, 1);
        assert_eq!(known.reconcile(&mut conn, &[]).applied, ["0001_later"]);
        assert_eq!(known.verdict(&actor(&first, 2)), "squashed safe");
    }
}

#[test]
fn what_the_folder_kept_is_no_part_of_the_old_chain() {
    let kept = ("0004_tags", FIRST_WHEN + 4 * MINUTE, CHAIN[4].1);
    let baseline = BASELINE.rsplit_once("\n--> ").unwrap().0;
    let squashed = Folder::at(&[("0003_baseline", FIRST_WHEN + 3 * MINUTE, baseline), kept]);
    let known = Known::of(&squashed, &[&chain()]);
    let standing = known.look(&actor(&chain(), 2));
    assert_eq!(
        standing.old_chain.unwrap().remaining,
        ["0002_backfill", "0003_rebuild"]
    );
    assert_eq!(standing.pending, ["0004_tags"]);
    for (ran, pending) in [(2, 1), (3, 1), (4, 1), (5, 0)] {
        let mut conn = actor(&chain(), ran);
        let report = known.reconcile(&mut conn, &[]);
        let verdict = if pending == 0 { "current" } else { "behind" };
        assert_eq!(report.standing.verdict.as_str(), verdict, "after {ran}");
        assert_eq!(try_drizzle(&conn, &squashed, 2), Ok(pending));
    }
}

#[test]
fn a_ledger_with_names_gets_the_baseline_and_keeps_its_old_rows() {
    let name = |minute: usize, tag: &str| format!("202401010000{minute:02}_{tag}");
    let old: Vec<_> = CHAIN
        .iter()
        .enumerate()
        .map(|(at, (tag, sql))| (name(at, tag), *sql))
        .collect();
    let old: Vec<_> = old.iter().map(|(tag, sql)| (tag.as_str(), *sql)).collect();
    let chain = folders(&old);
    let next = name(30, "next");
    // The baseline keeps the name of the last that it replaced, as `squash` does, or gets one of its own.
    for baseline in [old[4].0.to_owned(), name(20, "baseline")] {
        let squashed = folders(&[(&baseline, BASELINE), (&next, NEXT.1)]);
        let known = Known::of(&squashed, &[&chain]);
        for ran in 1..CHAIN.len() {
            let part = folders(&old[..ran]);
            let actor = || {
                let conn = Connection::open_in_memory().unwrap();
                drizzle_1(&conn, &part).unwrap();
                conn
            };
            assert!(drizzle_1(&actor(), &squashed).is_err());
            let mut conn = actor();
            let report = known.reconcile(&mut conn, &[]);
            assert_eq!(report.applied.len(), CHAIN.len() - ran);
            assert_eq!(report.standing.verdict.as_str(), "behind");
            assert_eq!(drizzle_1(&conn, &squashed), Ok(1), "only what is pending");
            assert_eq!(known.verdict(&conn), "current not-needed");
        }
    }
}

#[test]
fn a_migration_of_the_old_chain_that_stopped_half_way_is_finished_first() {
    let known = Known::of(&squashed(), &[&chain()]);
    let mut conn = actor(&chain(), 1);
    conn.execute_batch(CHAIN[1].1.split("--> ").next().unwrap())
        .unwrap();
    let standing = known.look(&conn);
    assert_eq!(standing.verdict.as_str(), "squashed-behind");
    assert_eq!(
        standing.reason.unwrap(),
        "0001_posts ran up to statement 1 of 2; 4 of 5 migrations of old remain: 0001_posts, 0002_backfill, \
         0003_rebuild, 0004_tags"
    );
    let report = known.reconcile(&mut conn, &[]);
    assert_eq!(report.applied.len(), 4);
    assert_eq!(rows(&conn), rows(&actor(&squashed(), 1)));
}

#[test]
fn an_unknown_old_chain_is_asked_for() {
    let known = Known::of(&squashed(), &[]);
    let conn = actor(&chain(), 2);
    assert_eq!(known.verdict(&conn), "squashed-behind refuse");
    assert_eq!(
        known.refusal(&conn),
        (
            "M170",
            "the old chain that this actor ran is not known".to_owned()
        )
    );
}

#[test]
fn a_history_that_leads_elsewhere_is_told_and_not_run() {
    let other = Folder::new(&[CHAIN[0], CHAIN[1]]);
    let known = Known::of(&squashed(), &[&other]);
    let (code, message) = known.refusal(&actor(&chain(), 1));
    assert_eq!(code, "M171");
    assert!(
        message.starts_with("old does not end in the schema that 0000_baseline makes: "),
        "{message}"
    );
    let broken = Folder::new(&[CHAIN[0], ("0001_posts", "CREATE TABLE users (x);")]);
    let known = Known::of(&squashed(), &[&broken]);
    let (code, message) = known.refusal(&actor(&chain(), 1));
    assert_eq!(code, "M173");
    assert!(
        message.contains("table users already exists")
            || message.contains("`users` already exists"),
        "{message}"
    );
}

#[test]
fn an_actor_that_left_its_old_chain_is_not_driven_along_it() {
    let known = Known::of(&squashed(), &[&chain()]);
    let conn = actor(&chain(), 2);
    conn.execute_batch("ALTER TABLE posts ADD hand integer")
        .unwrap();
    let (code, message) = known.refusal(&conn);
    assert_eq!(code, "M174");
    assert_eq!(
        message,
        "by its ledger it stands after 0001_posts of old, but its schema is another: column-extra posts.hand"
    );
}

#[test]
fn an_index_made_by_hand_stays_if_a_person_says_so() {
    let known = Known::of(&squashed(), &[&chain()]);
    let mut conn = actor(&chain(), 2);
    conn.execute_batch("CREATE INDEX hand ON posts (id, author)")
        .unwrap();
    assert_eq!(known.refusal(&conn).0, "M141");
    let report = known.reconcile(&mut conn, &["index-extra:hand"]);
    assert_eq!(report.standing.verdict.as_str(), "behind");
    assert_eq!(
        report.standing.differences[0].to_string(),
        "index-extra hand"
    );
}

#[test]
fn chains_that_nothing_tells_apart_are_told_and_not_guessed() {
    let backfill = ("0002_other", "UPDATE users SET name = 'other';");
    let other = Folder::new(&[CHAIN[0], CHAIN[1], backfill, CHAIN[3], CHAIN[4]]);
    let known = Known::of(&squashed(), &[&chain(), &other]);
    let conn = unjournaled(&chain(), 1);
    let (code, message) = known.refusal(&conn);
    assert_eq!(code, "M172");
    assert_eq!(
        message,
        "it may have run any of old up to 0000_users, old up to 0000_users, and nothing tells which"
    );
    drizzle(&conn, &chain(), 0);
    let hash = &Bundle::read(other.path()).unwrap().entries[0].hash;
    journal(&conn, hash, FIRST_WHEN);
    assert_eq!(
        known.refusal(&conn).0,
        "M172",
        "both chains begin with this row"
    );
    let ran = actor(&other, 3);
    assert_eq!(
        known.look(&ran).old_chain.unwrap().remaining,
        ["0003_rebuild", "0004_tags"]
    );
}

#[test]
fn a_baseline_that_stopped_half_way_is_finished_unless_an_old_chain_fits_as_well() {
    let begins = (
        "0000_users",
        "CREATE TABLE `users` (`id` integer PRIMARY KEY NOT NULL);",
    );
    let more = ("0001_more", "CREATE TABLE `more` (`id` integer);");
    let old = Folder::new(&[begins, ("0001_fill", "INSERT INTO users VALUES (1);"), more]);
    let baseline = [begins.1, more.1].join("\n--> statement-breakpoint\n");
    let squashed = Folder::at(&[("0000_baseline", FIRST_WHEN + 60 * MINUTE, &baseline)]);
    let mut conn = unjournaled(&old, 1);
    assert!(Known::of(&squashed, &[]).plan(&conn, &[]).is_ok());
    let known = Known::of(&squashed, &[&old]);
    let standing = known.look(&conn);
    assert_eq!(standing.verdict.as_str(), "partial", "{standing:?}");
    assert_eq!(known.refusal(&conn).0, "M141");
    let report = known.reconcile(&mut conn, &["partial:0000_baseline"]);
    assert_eq!(report.standing.verdict.as_str(), "current");
}

/// Symptom: a table is missing for ever, and every runner says that all is well. Cause: the baseline keeps the
/// `when` of the first migration it replaced, so 0.x skips it and runs what comes after. Cure: what was skipped
/// runs now.
#[test]
fn what_the_runner_skipped_in_silence_runs_although_later_migrations_did() {
    let after = "CREATE TABLE `after` (`id` integer);";
    let squashed = Folder::at(&[
        ("0000_baseline", FIRST_WHEN, BASELINE),
        ("0001_after", FIRST_WHEN + 61 * MINUTE, after),
        ("0002_new", FIRST_WHEN + 62 * MINUTE, NEXT.1),
    ]);
    let known = Known::of(&squashed, &[&chain()]);
    for ran in 1..CHAIN.len() {
        let mut conn = actor(&chain(), ran);
        assert_eq!(
            try_drizzle(&conn, &squashed, 2),
            Ok(1),
            "it says that all is well"
        );
        let standing = known.look(&conn);
        assert_eq!(
            standing.verdict.as_str(),
            "squashed-behind",
            "{ran}: {:?}",
            standing.reason
        );
        let report = known.reconcile(&mut conn, &[]);
        let rest: Vec<_> = CHAIN[ran..].iter().map(|(tag, _)| *tag).collect();
        assert_eq!(report.applied, rest);
        assert_eq!(report.standing.verdict.as_str(), "behind");
        assert_eq!(names(&conn), ["admin"]);
        assert!(!known.reconcile(&mut conn, &[]).changed);
        assert_eq!(try_drizzle(&conn, &squashed, 3), Ok(1));
        assert_eq!(known.verdict(&conn), "current not-needed");
    }
}

#[test]
fn adoption_alone_still_refuses_an_actor_half_way() {
    let known = Known::of(&squashed(), &[&chain()]);
    let standing = known.look(&actor(&chain(), 2));
    let options = PlanOptions::default();
    let error = plan_adopt(&known.bundle, &known.expected, &standing, &options).unwrap_err();
    assert_eq!(error.code(), "M140");
    assert_eq!(
        error.hint(),
        "run `actor-migrate reconcile`: it runs the rest of the old chain, then makes the ledger say so"
    );
}
