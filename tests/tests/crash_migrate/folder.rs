//! The migrations of these tests, and actors that ran some of them.

use std::fs;
use std::path::Path;

use actor_migrate::Migrator;
use rusqlite::Connection;
use tempfile::TempDir;

/// Three tables with rows in them, one of which points at another.
const BEFORE: &[(&str, &str)] = &[
    (
        "0000_users",
        "CREATE TABLE `users` (`id` integer PRIMARY KEY NOT NULL, `name` text NOT NULL);",
    ),
    (
        "0001_posts",
        "CREATE TABLE `posts` (`id` integer PRIMARY KEY NOT NULL, `author` integer NOT NULL, `body` text,
  FOREIGN KEY (`author`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade);
--> statement-breakpoint
CREATE INDEX `posts_author` ON `posts` (`author`);",
    ),
];

/// What is pending: a table made anew, rows written, and a rebuild as drizzle-kit writes it.
const PENDING: &[(&str, &str)] = &[
    (
        "0002_tags",
        "CREATE TABLE `tags` (`name` text PRIMARY KEY NOT NULL);
--> statement-breakpoint
INSERT INTO `tags` VALUES ('first'), ('second');",
    ),
    (
        "0003_rebuild",
        "PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_users` (`id` integer PRIMARY KEY NOT NULL, `name` text);--> statement-breakpoint
INSERT INTO `__new_users`(\"id\", \"name\") SELECT \"id\", \"name\" FROM `users`;--> statement-breakpoint
DROP TABLE `users`;--> statement-breakpoint
ALTER TABLE `__new_users` RENAME TO `users`;--> statement-breakpoint
PRAGMA foreign_keys=ON;",
    ),
    ("0004_fill", "UPDATE `posts` SET `body` = `body` || '!';"),
];

/// A migration whose statements each leave a trace in the schema.
const MORE: &[(&str, &str)] = &[(
    "0002_more",
    "CREATE TABLE `tags` (`name` text PRIMARY KEY NOT NULL);
--> statement-breakpoint
ALTER TABLE `posts` ADD `tag` text;
--> statement-breakpoint
CREATE INDEX `posts_tag` ON `posts` (`tag`);",
)];

/// The rows that every actor of these tests holds: more than the smallest page cache.
const ROWS: &str = "
INSERT INTO users WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
  SELECT i, printf('%.*c', 100, 'n') FROM n;
INSERT INTO posts WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
  SELECT i, 1 + i % 60, printf('%.*c', 200, 'b') FROM n;";

/// A Drizzle 0.x folder on disk.
pub(crate) struct Folder {
    dir: TempDir,
}

impl Folder {
    fn write(entries: &[(&str, i64, String)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("meta")).unwrap();
        let mut listed = Vec::new();
        for (idx, (tag, when, sql)) in entries.iter().enumerate() {
            fs::write(dir.path().join(format!("{tag}.sql")), sql).unwrap();
            listed.push(serde_json::json!({ "idx": idx, "when": when, "tag": tag }));
        }
        let journal = serde_json::json!({ "dialect": "sqlite", "entries": listed });
        fs::write(dir.path().join("meta/_journal.json"), journal.to_string()).unwrap();
        Self { dir }
    }

    /// What an actor ran before.
    pub(crate) fn before() -> Self {
        Self::chain(BEFORE)
    }

    /// The same, and what is pending.
    pub(crate) fn longer() -> Self {
        Self::chain(&[BEFORE, PENDING].concat())
    }

    /// The same, and one migration that can stop half-way and be placed.
    pub(crate) fn with_more() -> Self {
        Self::chain(&[BEFORE, MORE].concat())
    }

    /// What an actor ran before, squashed into one file.
    pub(crate) fn squashed() -> Self {
        Self::squash(BEFORE)
    }

    /// [`Folder::with_more`] squashed into one file.
    pub(crate) fn squashed_with_more() -> Self {
        Self::squash(&[BEFORE, MORE].concat())
    }

    fn squash(migrations: &[(&str, &str)]) -> Self {
        let baseline: Vec<_> = migrations.iter().map(|(_, sql)| *sql).collect();
        let baseline = baseline.join("\n--> statement-breakpoint\n");
        Self::write(&[("0000_baseline", 2_000_000_000_000, baseline)])
    }

    fn chain(migrations: &[(&str, &str)]) -> Self {
        let entries: Vec<_> = migrations
            .iter()
            .zip(0..)
            .map(|((tag, sql), at)| (*tag, 1_700_000_000_000 + at * 60_000, (*sql).to_owned()))
            .collect();
        Self::write(&entries)
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn migrator(&self) -> Migrator {
        Migrator::open(self.path()).unwrap()
    }
}

/// Makes an empty database one that ran what came before, with rows.
pub(crate) fn fill(conn: &mut Connection) {
    Folder::before().migrator().wake(conn).unwrap();
    conn.execute_batch(ROWS).unwrap();
}

/// [`fill`], and then a table and an index that somebody made otherwise.
pub(crate) fn fill_and_drift(conn: &mut Connection) {
    fill(conn);
    conn.execute_batch(
        "PRAGMA foreign_keys = OFF; CREATE TEMP TABLE held AS SELECT * FROM users; DROP TABLE users;
         CREATE TABLE users (id integer PRIMARY KEY, name text); INSERT INTO users SELECT * FROM held;
         DROP TABLE held; DROP INDEX posts_author; PRAGMA foreign_keys = ON;",
    )
    .unwrap();
}

/// [`fill`], and then the first statement of a migration whose runner died.
pub(crate) fn fill_and_stop(conn: &mut Connection) {
    fill(conn);
    let first = MORE[0].1.split("-->").next().unwrap();
    conn.execute_batch(first).unwrap();
}
