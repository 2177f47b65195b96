//! Each verdict on a small actor made as its runner makes it.

use actor_migrate::{InspectOptions, inspect};
use rusqlite::Connection;

use crate::common::{
    FIRST_WHEN, Folder, actor, database, drizzle, journal, look, try_drizzle, unjournaled, verdict,
};

const USERS: &str =
    "CREATE TABLE `users` (`id` integer PRIMARY KEY NOT NULL, `name` text NOT NULL);";
const POSTS: &str = "CREATE TABLE `posts` (`id` integer PRIMARY KEY NOT NULL, `author` integer REFERENCES users(id));
--> statement-breakpoint
CREATE INDEX `posts_author` ON `posts` (`author`);";
const TAGS: &str = "CREATE TABLE `tags` (`id` integer PRIMARY KEY NOT NULL);";
const CHAIN: [(&str, &str); 3] = [
    ("0000_users", USERS),
    ("0001_posts", POSTS),
    ("0002_tags", TAGS),
];
const MINUTE: i64 = 60_000;

fn chain() -> Folder {
    Folder::new(&CHAIN)
}

/// The chain as one baseline, an hour younger, and one migration after it.
fn squashed() -> Folder {
    squashed_at(FIRST_WHEN + 60 * MINUTE)
}

fn squashed_at(when: i64) -> Folder {
    let baseline = [POSTS, TAGS, USERS].join("\n--> statement-breakpoint\n");
    let next = "CREATE TABLE `next` (`id` integer);";
    Folder::at(&[
        ("0000_baseline", when, &baseline),
        ("0001_next", when + 60 * MINUTE, next),
    ])
}

fn hazard_codes(conn: &Connection, folder: &Folder) -> Vec<&'static str> {
    look(conn, folder)
        .hazards
        .iter()
        .map(|hazard| hazard.code.as_str())
        .collect()
}

#[test]
fn an_empty_database_is_fresh() {
    let standing = look(&database(""), &chain());
    assert_eq!(
        (standing.verdict.as_str(), standing.pending.len()),
        ("fresh", 3)
    );
    assert_eq!(
        serde_json::to_value(&standing).unwrap()["ledger"]["format"],
        "none"
    );
}

#[test]
fn a_ledger_left_empty_by_a_failed_first_run_is_fresh_too() {
    let conn = actor(&chain(), 0);
    assert_eq!(verdict(&conn, &chain()), "fresh not-needed");
}

#[test]
fn an_actor_that_ran_everything_is_current() {
    assert_eq!(verdict(&actor(&chain(), 3), &chain()), "current not-needed");
}

#[test]
fn an_actor_that_ran_the_first_migrations_is_behind() {
    let standing = look(&actor(&chain(), 1), &chain());
    assert_eq!(standing.verdict.as_str(), "behind");
    assert_eq!(standing.pending, ["0001_posts", "0002_tags"]);
}

#[test]
fn an_actor_of_the_old_chain_is_squashed_and_its_schema_proves_it() {
    let standing = look(&actor(&chain(), 3), &squashed());
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("squashed", "safe")
    );
    assert_eq!(standing.pending, ["0001_next"]);
    let codes = hazard_codes(&actor(&chain(), 3), &squashed());
    assert_eq!(codes, ["H206", "H207"]);
}

#[test]
fn a_baseline_that_kept_the_time_of_the_last_migration_is_recognised_and_not_run() {
    let folder = squashed_at(FIRST_WHEN + 2 * MINUTE);
    let conn = actor(&chain(), 3);
    assert_eq!(verdict(&conn, &folder), "squashed safe");
    assert!(!hazard_codes(&conn, &folder).contains(&"H206"));
    assert_eq!(try_drizzle(&conn, &folder, 1).unwrap(), 0);
}

#[test]
fn an_old_baseline_would_make_the_runner_skip_what_follows_it() {
    let folder = squashed_at(FIRST_WHEN - 120 * MINUTE);
    let codes = hazard_codes(&actor(&chain(), 3), &folder);
    assert_eq!(codes, ["H201", "H207", "H210"]);
}

#[test]
fn an_actor_that_stopped_before_the_end_of_the_old_chain_is_not_adopted() {
    let standing = look(&actor(&chain(), 2), &squashed());
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("squashed-behind", "refuse")
    );
    assert_eq!(standing.differences[0].object, "tags");
}

#[test]
fn a_squash_of_the_first_part_keeps_what_ran_after_it() {
    let baseline = [USERS, POSTS].join("\n--> statement-breakpoint\n");
    let folder = Folder::at(&[
        ("0000_baseline", FIRST_WHEN + MINUTE + 1, &baseline),
        ("0001_tags", FIRST_WHEN + 2 * MINUTE, TAGS),
    ]);
    let standing = look(&actor(&chain(), 3), &folder);
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("squashed", "safe")
    );
    assert_eq!(standing.position.unwrap().0, 2);
    assert_eq!(verdict(&actor(&chain(), 2), &folder), "squashed safe");
}

#[test]
fn a_baseline_that_writes_rows_is_adopted_only_when_a_person_says_that_they_are_there() {
    let baseline =
        format!("{USERS}\n--> statement-breakpoint\nINSERT INTO users VALUES (1, 'root');");
    let folder = Folder::at(&[("0000_baseline", FIRST_WHEN + MINUTE, &baseline)]);
    let standing = look(&actor(&chain(), 1), &folder);
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("squashed", "needs-ack")
    );
    assert_eq!(standing.needs[0].name, "data:0000_baseline");
    assert!(
        standing.needs[0].message.contains("statement 2"),
        "{}",
        standing.needs[0].message
    );
}

#[test]
fn a_squash_in_another_column_order_needs_a_person() {
    let grown = Folder::new(&[
        ("0000_a", "CREATE TABLE `t` (`a` integer, `c` integer);"),
        ("0001_b", "ALTER TABLE `t` ADD `b` integer;"),
    ]);
    let folder = Folder::at(&[(
        "0000_t",
        FIRST_WHEN * 2,
        "CREATE TABLE `t` (`a` integer, `b` integer, `c` integer);",
    )]);
    let standing = look(&actor(&grown, 2), &folder);
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("squashed", "needs-ack")
    );
    assert_eq!(standing.needs[0].name, "column-order:t");
    assert_eq!(standing.differences[0].found.as_deref(), Some("a, c, b"));
    assert_eq!(
        verdict(&actor(&grown, 1), &folder),
        "squashed-behind refuse"
    );
}

#[test]
fn a_squash_that_means_the_same_in_other_words_is_safe() {
    let old = Folder::new(&[(
        "0000_t",
        "CREATE TABLE `t` (`id` integer PRIMARY KEY NOT NULL, `n` integer DEFAULT 0);",
    )]);
    let new = Folder::at(&[(
        "0000_t2",
        FIRST_WHEN * 2,
        "create table t(id integer primary key, n integer default (0))",
    )]);
    assert_eq!(verdict(&actor(&old, 1), &new), "squashed safe");
}

#[test]
fn an_actor_that_lost_its_ledger_is_unjournaled() {
    let standing = look(&unjournaled(&chain(), 2), &chain());
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("unjournaled", "safe")
    );
    assert_eq!(standing.pending, ["0002_tags"]);
    let empty = actor(&chain(), 3);
    empty
        .execute("DELETE FROM __drizzle_migrations", [])
        .unwrap();
    assert_eq!(verdict(&empty, &chain()), "unjournaled safe");
}

#[test]
fn where_rows_alone_tell_two_positions_apart_a_person_must_choose() {
    let folder = Folder::new(&[
        CHAIN[0],
        ("0001_seed", "INSERT INTO users VALUES (1, 'root');"),
    ]);
    let standing = look(&unjournaled(&folder, 1), &folder);
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("unjournaled", "needs-ack")
    );
    assert_eq!(standing.needs[0].name, "position:0000_users");
}

#[test]
fn a_ledger_that_lost_its_last_rows_is_truncated() {
    let conn = actor(&chain(), 3);
    conn.execute(
        "DELETE FROM __drizzle_migrations WHERE created_at > ?1",
        [FIRST_WHEN],
    )
    .unwrap();
    assert_eq!(verdict(&conn, &chain()), "journal-truncated safe");
    let middle = actor(&chain(), 3);
    middle
        .execute(
            "DELETE FROM __drizzle_migrations WHERE created_at = ?1",
            [FIRST_WHEN + MINUTE],
        )
        .unwrap();
    assert_eq!(verdict(&middle, &chain()), "journal-truncated safe");
}

#[test]
fn a_runner_that_died_between_two_statements_leaves_a_partial_actor() {
    let conn = actor(&chain(), 1);
    conn.execute_batch("CREATE TABLE `posts` (`id` integer PRIMARY KEY NOT NULL, `author` integer REFERENCES users(id))")
        .unwrap();
    let standing = look(&conn, &chain());
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("partial", "refuse")
    );
    assert_eq!(
        standing.reason.as_deref(),
        Some("0001_posts ran up to statement 1 of 2")
    );
    assert_eq!(standing.pending, ["0001_posts", "0002_tags"]);
}

#[test]
fn a_schema_changed_by_hand_has_drifted() {
    let conn = actor(&chain(), 3);
    conn.execute_batch("ALTER TABLE users ADD COLUMN age integer")
        .unwrap();
    let standing = look(&conn, &chain());
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("drifted", "refuse")
    );
    assert_eq!(
        standing.differences[0].to_string(),
        "column-extra users.age"
    );
    let extra = actor(&chain(), 3);
    extra.execute_batch("CREATE TABLE cache (k)").unwrap();
    assert_eq!(verdict(&extra, &chain()), "drifted needs-ack");
}

#[test]
fn an_edit_that_changes_nothing_is_cosmetic_and_one_that_does_is_not() {
    let conn = actor(&chain(), 1);
    let cosmetic = Folder::new(&[("0000_users", &format!("-- the people\n{USERS}"))]);
    assert_eq!(verdict(&conn, &cosmetic), "edited-cosmetic safe");
    let changed = Folder::new(&[(
        "0000_users",
        "CREATE TABLE `users` (`id` integer PRIMARY KEY NOT NULL, `name` text);",
    )]);
    let standing = look(&conn, &changed);
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("edited", "refuse")
    );
    assert_eq!(
        standing.differences[0].to_string(),
        "column-not-null users.name"
    );
}

#[test]
fn an_edit_of_a_seed_shows_in_no_schema() {
    let seed = |who: &str| {
        Folder::new(&[(
            "0000_a",
            &format!("CREATE TABLE a (b); INSERT INTO a VALUES ({who});"),
        )])
    };
    let standing = look(&actor(&seed("1"), 1), &seed("2"));
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("edited", "needs-ack")
    );
    assert_eq!(standing.needs[0].name, "edited:0000_a");
}

#[test]
fn line_ends_that_git_changed_are_cosmetic_even_in_a_seed() {
    let unix = "CREATE TABLE a (b);\nINSERT INTO a VALUES (1);\n";
    let conn = actor(&Folder::new(&[("0000_a", unix)]), 1);
    for other in [
        unix.replace('\n', "\r\n"),
        format!("\u{feff}{unix}"),
        unix.trim_end().to_owned(),
    ] {
        assert_eq!(
            verdict(&conn, &Folder::new(&[("0000_a", &other)])),
            "edited-cosmetic safe"
        );
    }
}

#[test]
fn a_migration_generated_again_is_renamed_because_the_runner_would_run_it_again() {
    let conn = actor(&chain(), 1);
    let again = Folder::at(&[("0000_people", FIRST_WHEN + MINUTE, USERS)]);
    assert!(try_drizzle(&actor(&chain(), 1), &again, 1).is_err());
    assert_eq!(verdict(&conn, &again), "renamed safe");
}

#[test]
fn rows_newer_than_the_folder_are_ahead_of_it() {
    let standing = look(&actor(&chain(), 3), &Folder::new(&CHAIN[..2]));
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("ahead", "refuse")
    );
    assert_eq!(standing.differences[0].to_string(), "table-extra tags");
}

#[test]
fn a_row_between_two_known_ones_is_of_a_deleted_migration() {
    let conn = actor(
        &Folder::new(&[
            CHAIN[0],
            ("0001_seed", "INSERT INTO users VALUES (1, 'x');"),
            CHAIN[2],
        ]),
        3,
    );
    let folder = Folder::at(&[
        ("0000_users", FIRST_WHEN, USERS),
        ("0002_tags", FIRST_WHEN + 2 * MINUTE, TAGS),
    ]);
    assert_eq!(verdict(&conn, &folder), "deleted safe");
    let with_objects = actor(&chain(), 3);
    let standing = look(&with_objects, &folder);
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("deleted", "needs-ack")
    );
}

#[test]
fn a_lost_migration_that_came_back_under_another_name_is_replaced() {
    let folder = Folder::at(&[
        ("0000_users", FIRST_WHEN, USERS),
        (
            "0001_labels",
            FIRST_WHEN + 5 * MINUTE,
            &format!("-- again\n{TAGS}"),
        ),
    ]);
    let conn = actor(&Folder::new(&[CHAIN[0], CHAIN[2]]), 2);
    let standing = look(&conn, &folder);
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("deleted", "safe")
    );
    assert!(standing.pending.is_empty());
}

#[test]
fn an_actor_with_rows_is_ahead_of_an_empty_folder() {
    assert_eq!(
        verdict(&actor(&chain(), 3), &Folder::new(&[])),
        "ahead refuse"
    );
    assert_eq!(
        verdict(&database(""), &Folder::new(&[])),
        "current not-needed"
    );
}

#[test]
fn what_the_caller_ignores_is_no_drift_unless_a_migration_makes_it() {
    let folder = Folder::new(&[("0000_cache", "CREATE TABLE cache_a (b);")]);
    let (bundle, expected) = folder.read();
    let options = InspectOptions {
        ignore: vec!["cache_".to_owned()],
        ..InspectOptions::default()
    };
    let conn = actor(&folder, 1);
    conn.execute_batch("CREATE TABLE cache_other (b)").unwrap();
    let stands = |conn: &Connection| {
        inspect(conn, &bundle, &expected, &options)
            .unwrap()
            .verdict
            .as_str()
    };
    assert_eq!(stands(&conn), "current");
    conn.execute_batch("DROP TABLE cache_a").unwrap();
    assert_eq!(stands(&conn), "drifted");
}

#[test]
fn a_runner_that_died_among_statements_that_write_rows_is_placed_as_well_as_can_be() {
    let second = [
        "CREATE TABLE a (b);",
        "INSERT INTO a VALUES (1);",
        "CREATE TABLE c (d);",
    ];
    let folder = Folder::new(&[
        ("0000_users", USERS),
        ("0001_more", &second.join("--> statement-breakpoint\n")),
    ]);
    let conn = actor(&folder, 1);
    conn.execute_batch(second[0]).unwrap();
    let partial = look(&conn, &folder).partial.unwrap();
    assert_eq!(
        (
            partial.ran_at_least,
            partial.ran_at_most,
            partial.statements
        ),
        (1, 2, 3)
    );
}

#[test]
fn an_actor_without_rows_is_told_of_other_ledgers() {
    let conn = actor(&chain(), 3);
    conn.execute_batch("ALTER TABLE __drizzle_migrations RENAME TO __drizzle_migrations_old")
        .unwrap();
    let reason = look(&conn, &chain()).reason.unwrap();
    assert_eq!(
        reason,
        "the database has other ledgers: __drizzle_migrations_old"
    );
}

#[test]
fn a_migration_merged_late_is_skipped_for_ever_and_we_say_so() {
    let merged = Folder::at(&[
        ("0000_users", FIRST_WHEN, USERS),
        ("0001_posts", FIRST_WHEN + MINUTE, POSTS),
        ("0002_tags", FIRST_WHEN + 2 * MINUTE, TAGS),
    ]);
    let before = Folder::at(&[
        ("0000_users", FIRST_WHEN, USERS),
        ("0001_tags", FIRST_WHEN + 2 * MINUTE, TAGS),
    ]);
    let conn = actor(&before, 2);
    drizzle(&conn, &merged, 3);
    let standing = look(&conn, &merged);
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("skipped", "not-needed")
    );
    assert_eq!(standing.pending, ["0001_posts"]);
    assert!(hazard_codes(&conn, &merged).contains(&"H201"));
}

#[test]
fn a_last_migration_older_than_the_ledger_is_skipped() {
    let folder = Folder::at(&[
        ("0000_users", FIRST_WHEN, USERS),
        ("0001_tags", FIRST_WHEN - MINUTE, TAGS),
    ]);
    let conn = actor(&Folder::new(&CHAIN[..1]), 1);
    assert_eq!(verdict(&conn, &folder), "skipped not-needed");
}

#[test]
fn a_database_of_another_program_is_foreign() {
    let other = database(
        "CREATE TABLE moz_places (id integer); CREATE VIEW v AS SELECT * FROM moz_places;",
    );
    assert_eq!(verdict(&other, &chain()), "foreign refuse");
    journal_table(&other);
    journal(&other, "ab", 5);
    assert_eq!(verdict(&other, &chain()), "foreign refuse");
}

#[test]
fn two_apps_on_one_ledger_are_told_to_part() {
    let conn = actor(&chain(), 3);
    conn.execute_batch("CREATE TABLE theirs (a)").unwrap();
    journal(&conn, "their hash", FIRST_WHEN - MINUTE);
    assert_eq!(verdict(&conn, &chain()), "foreign refuse");
}

#[test]
fn several_actors_in_one_file_are_not_each_others_drift() {
    let conn = actor(&chain(), 3);
    conn.execute_batch(
        "CREATE TABLE __foundry_migrations_task (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric);
         CREATE TABLE jobs (id integer);",
    )
    .unwrap();
    let tasks = Folder::new(&[("0000_jobs", "CREATE TABLE jobs (id integer);")]);
    let hash = tasks.read().0.entries[0].hash.clone();
    conn.execute(
        "INSERT INTO __foundry_migrations_task (hash, created_at) VALUES (?1, ?2)",
        (hash, FIRST_WHEN),
    )
    .unwrap();
    assert_eq!(verdict(&conn, &chain()), "current not-needed");
    let (bundle, expected) = tasks.read();
    let options = InspectOptions {
        table: "__foundry_migrations_task".to_owned(),
        ..InspectOptions::default()
    };
    let standing = inspect(&conn, &bundle, &expected, &options).unwrap();
    assert_eq!(standing.verdict.as_str(), "current");
    assert_eq!(standing.ledger.table, "__foundry_migrations_task");
}

fn journal_table(conn: &Connection) {
    conn.execute_batch("CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)")
        .unwrap();
}

#[test]
fn a_ledger_that_cannot_be_understood_is_unreadable_and_says_why() {
    let cases = [
        (
            "CREATE TABLE __drizzle_migrations (version text)",
            "its columns are version",
        ),
        ("CREATE VIEW __drizzle_migrations AS SELECT 1", "is a view"),
        (
            "CREATE TABLE __drizzle_migrations (id, hash, created_at); INSERT INTO __drizzle_migrations VALUES (1, x'00', 5)",
            "row 1: hash is a blob",
        ),
        (
            "CREATE TABLE __drizzle_migrations (id, hash, created_at); INSERT INTO __drizzle_migrations VALUES (1, 'a', 'yesterday')",
            "created_at is the text \"yesterday\"",
        ),
        (
            "CREATE TABLE __drizzle_migrations (id, hash, created_at); INSERT INTO __drizzle_migrations VALUES (1, 'a', 1.5)",
            "created_at is not a whole number",
        ),
    ];
    for (sql, reason) in cases {
        let standing = look(&database(sql), &chain());
        assert_eq!(
            (standing.verdict.as_str(), standing.adoption.as_str()),
            ("unreadable", "refuse"),
            "{sql}"
        );
        assert!(
            standing.reason.clone().unwrap().contains(reason),
            "{:?}",
            standing.reason
        );
    }
}

#[test]
fn odd_ids_and_numbers_as_text_are_read() {
    let conn = actor(&chain(), 0);
    conn.execute_batch(
        "DROP TABLE __drizzle_migrations; CREATE TABLE __drizzle_migrations (id, hash, created_at)",
    )
    .unwrap();
    let (bundle, _) = chain().read();
    for entry in &bundle.entries {
        conn.execute_batch(&entry.text).unwrap();
        let sql = "INSERT INTO __drizzle_migrations VALUES ('odd', ?1, ?2)";
        conn.execute(sql, (&entry.hash, entry.when.0.to_string()))
            .unwrap();
    }
    assert_eq!(verdict(&conn, &chain()), "current not-needed");
    assert_eq!(hazard_codes(&conn, &chain()), ["H208"]);
}

#[test]
fn a_ledger_of_a_million_rows_is_refused_in_bounded_memory() {
    let conn = actor(&chain(), 3);
    conn.execute_batch(
        "INSERT INTO __drizzle_migrations (hash, created_at) WITH RECURSIVE n(i) AS \
         (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT 'x', i FROM n",
    )
    .unwrap();
    let standing = look(&conn, &chain());
    assert_eq!(standing.verdict.as_str(), "unreadable");
    assert!(standing.ledger.rows <= actor_migrate::limits::LEDGER_ROWS_MAX);
}

#[test]
fn the_hashes_that_drivers_leave_out_are_no_edits() {
    for hash in ["''", "'0000_users'"] {
        let conn = actor(&Folder::new(&CHAIN[..1]), 1);
        conn.execute_batch(&format!("UPDATE __drizzle_migrations SET hash = {hash}"))
            .unwrap();
        assert_eq!(
            verdict(&conn, &Folder::new(&CHAIN[..1])),
            "current not-needed"
        );
    }
}

#[test]
fn rivetkits_ledger_is_told_by_its_shape() {
    let conn = database(USERS);
    conn.execute_batch("CREATE TABLE __drizzle_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL, created_at NUMERIC)")
        .unwrap();
    journal(&conn, "0000_users", FIRST_WHEN);
    conn.execute_batch("CREATE TABLE _rivet_meta (k); CREATE TABLE agent_os_files (p)")
        .unwrap();
    let standing = look(&conn, &chain());
    assert_eq!(standing.verdict.as_str(), "behind");
    assert_eq!(
        serde_json::to_value(&standing).unwrap()["ledger"]["format"],
        "rivetkit"
    );
}
