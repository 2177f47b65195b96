//! Each verdict on a small actor made as its runner makes it.

use crate::common::{FIRST_WHEN, Folder, actor, look, verdict};
use rusqlite::Connection;

const CHAIN: [(&str, &str); 3] = [
    (
        "0000_users",
        "CREATE TABLE `users` (`id` integer PRIMARY KEY NOT NULL, `name` text NOT NULL);",
    ),
    (
        "0001_posts",
        "CREATE TABLE `posts` (`id` integer PRIMARY KEY NOT NULL, `author` integer REFERENCES users(id));\n\
         --> statement-breakpoint\nCREATE INDEX `posts_author` ON `posts` (`author`);",
    ),
    (
        "0002_tags",
        "CREATE TABLE `tags` (`id` integer PRIMARY KEY NOT NULL);",
    ),
];

const BASELINE: &str = "CREATE TABLE `posts` (`id` integer PRIMARY KEY NOT NULL, `author` integer REFERENCES users(id));
--> statement-breakpoint
CREATE INDEX `posts_author` ON `posts` (`author`);
--> statement-breakpoint
CREATE TABLE `tags` (`id` integer PRIMARY KEY NOT NULL);
--> statement-breakpoint
CREATE TABLE `users` (`id` integer PRIMARY KEY NOT NULL, `name` text NOT NULL);";

fn squashed_folder() -> Folder {
    Folder::at(&[
        ("0000_baseline", FIRST_WHEN + 3_600_000, BASELINE),
        (
            "0001_next",
            FIRST_WHEN + 7_200_000,
            "CREATE TABLE `next` (`id` integer);",
        ),
    ])
}

#[test]
fn an_empty_database_is_fresh() {
    let conn = Connection::open_in_memory().unwrap();
    let standing = look(&conn, &Folder::new(&CHAIN));
    assert_eq!(
        (standing.verdict.as_str(), standing.pending.len()),
        ("fresh", 3)
    );
}

#[test]
fn an_actor_that_ran_everything_is_current() {
    let folder = Folder::new(&CHAIN);
    assert_eq!(verdict(&actor(&folder, 3), &folder), "current not-needed");
}

#[test]
fn an_actor_that_ran_the_first_migrations_is_behind() {
    let folder = Folder::new(&CHAIN);
    let standing = look(&actor(&folder, 1), &folder);
    assert_eq!(standing.verdict.as_str(), "behind");
    assert_eq!(standing.pending, ["0001_posts", "0002_tags"]);
}

#[test]
fn an_actor_of_the_old_chain_is_squashed_and_the_schema_proves_it() {
    let standing = look(&actor(&Folder::new(&CHAIN), 3), &squashed_folder());
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("squashed", "safe")
    );
    assert_eq!(standing.pending, ["0001_next"]);
    assert!(
        standing
            .hazards
            .iter()
            .any(|hazard| hazard.code.as_str() == "H206")
    );
}

#[test]
fn an_actor_that_stopped_before_the_end_of_the_old_chain_is_not_adopted() {
    let standing = look(&actor(&Folder::new(&CHAIN), 2), &squashed_folder());
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("squashed-behind", "refuse")
    );
    assert_eq!(standing.differences[0].object, "tags");
}
