//! Runs the binary and looks at folders before and after.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// How one run of the command ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// The JSON answer.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The whole run as a transcript, with `folder` taken out of every path.
    pub(crate) fn transcript(&self, folder: &Path) -> String {
        let text = format!(
            "exit {}\n--- stdout\n{}--- stderr\n{}",
            self.code, self.stdout, self.stderr
        );
        mask_digests(&text.replace(&format!("{}/", folder.display()), ""))
    }
}

/// Digests change with every word of a plan, which is not what a transcript is about.
fn mask_digests(text: &str) -> String {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mask = |word: &str| {
        let digest = word.trim_matches(|c| !is_hex(c));
        if digest.len() == 64 && digest.chars().all(is_hex) {
            word.replace(digest, "<sha256>")
        } else {
            word.to_owned()
        }
    };
    text.split_inclusive([' ', '\n', '(']).map(mask).collect()
}

/// Runs `actor-migrate` in `folder`, as a script would: no terminal, no input.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_actor-migrate"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    finished(output)
}

pub(crate) fn finished(output: Output) -> Run {
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Every file below `folder` with a hash of its bytes: short enough for a failure to be read.
pub(crate) fn contents(folder: &Path) -> BTreeMap<PathBuf, u64> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.expect("the folder can be walked"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| (entry.path().to_owned(), hash(entry.path())))
        .collect()
}

fn hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    std::fs::read(path)
        .expect("files can be read")
        .hash(&mut hasher);
    hasher.finish()
}

/// The same, read by another process: a process that closes a file gives up all its locks on it.
/// <https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>
pub(crate) fn contents_by_another_process(folder: &Path) -> String {
    let hashes = "find . -type f | LC_ALL=C sort | xargs -d '\\n' cksum";
    let output = Command::new("sh")
        .args(["-c", hashes])
        .current_dir(folder)
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{output:?}");
    finished(output).stdout
}

/// Writes `text` to `path`, with the folders above it.
pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().expect("a file has a folder"))
        .expect("folders can be made");
    std::fs::write(path, bytes).expect("files can be written");
}

/// A new folder that goes away with the test.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The fixtures of the repository.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// A new folder with a copy of a fixture folder as `name`.
pub(crate) fn copy_of(fixture: &str, name: &str) -> tempfile::TempDir {
    let here = folder();
    copy(&fixtures().join(fixture), &here.path().join(name));
    here
}

/// Copies a folder with all that is in it, or a file.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.expect("fixtures can be walked");
        let below = entry.path().strip_prefix(from).expect("below");
        let to = if below.as_os_str().is_empty() {
            to.to_owned()
        } else {
            to.join(below)
        };
        if entry.file_type().is_file() {
            write(
                &to,
                std::fs::read(entry.path()).expect("fixtures can be read"),
            );
        }
    }
}

/// Every row of every table, as text, but for the ledger and our own tables.
pub(crate) fn rows(database: &Path) -> BTreeMap<String, Vec<String>> {
    let connection = rusqlite::Connection::open(database).expect("a database");
    let mut tables = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_\\_%' ESCAPE '\\'")
        .expect("a schema");
    let names: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .expect("tables")
        .map(|name| name.expect("a name"))
        .collect();
    names
        .into_iter()
        .filter(|name| !name.starts_with("sqlite_"))
        .map(|name| {
            let rows = table_rows(&connection, &name);
            (name, rows)
        })
        .collect()
}

fn table_rows(connection: &rusqlite::Connection, table: &str) -> Vec<String> {
    let mut select = connection
        .prepare(&format!("SELECT * FROM \"{table}\""))
        .expect("a table");
    let columns = select.column_count();
    let text = |row: &rusqlite::Row<'_>| {
        let values = (0..columns).map(|column| {
            row.get::<_, rusqlite::types::Value>(column)
                .map(|value| format!("{value:?}"))
        });
        values
            .collect::<Result<Vec<_>, _>>()
            .map(|values| values.join("|"))
    };
    let mut rows: Vec<String> = select
        .query_map([], text)
        .expect("rows")
        .map(|row| row.expect("a row"))
        .collect();
    rows.sort();
    rows
}
