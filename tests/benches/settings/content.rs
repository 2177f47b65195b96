//! The database of a coding agent: words, names, hashes and random bytes, about 500 pages.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

const ROWS: u32 = 3_000;
const WORDS: &str = "the agent reads a file and writes what it found into the task so that the next step may \
    start where this one ended error warning commit branch merge test build deploy review request answer \
    user system message token budget workspace history sandbox snapshot of to in for with from";

pub(crate) fn template(path: &Path) -> PathBuf {
    let connection = Connection::open(path).expect("SQLite creates a file");
    connection
        .execute_batch(
            "CREATE TABLE message (id INTEGER PRIMARY KEY, role TEXT NOT NULL, body TEXT NOT NULL, at INTEGER NOT NULL);
             CREATE TABLE step (id TEXT PRIMARY KEY, task INTEGER NOT NULL, state TEXT NOT NULL, output BLOB);
             CREATE INDEX message_at ON message (at);
             BEGIN",
        )
        .expect("the schema is right");
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut state = 1_u64;
    let mut draw = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for row in 0..ROWS {
        let body: Vec<_> = (0..60).map(|_| words[draw() % words.len()]).collect();
        let output: Vec<u8> = (0..20 + draw() % 180)
            .map(|_| draw().to_le_bytes()[0])
            .collect();
        let id = format!("{:08x}{:08x}-{row}", draw(), draw());
        connection
            .execute(
                "INSERT INTO message (role, body, at) VALUES ('assistant', ?1, ?2)",
                (body.join(" "), 1_770_000_000_000_i64 + i64::from(row) * 977),
            )
            .expect("the row fits the schema");
        connection
            .execute(
                "INSERT INTO step VALUES (?1, ?2, 'done', ?3)",
                (id, row % 20, output),
            )
            .expect("the row fits the schema");
    }
    connection.execute_batch("COMMIT").expect("all rows");
    path.to_owned()
}
