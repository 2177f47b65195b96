//! A migration folder as read: what Drizzle would run, in its order, with the hash it would write.

mod files;
mod folders;
mod journal;
mod plain;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{At, MigrateError};
use crate::ledger::Index;
use crate::limits::{ENTRIES_MAX, FILE_BYTES_MAX, SQL_SHOWN_BYTES_MAX};
use crate::sql::{LineIndex, Statement, split_chunk};
use files::{Disk, Files, Memory};
pub(crate) use files::{OLD, beside, read_limited};

/// What Drizzle writes between two statements; a plain substring wherever it stands.
pub(crate) const BREAKPOINT: &str = "--> statement-breakpoint";

/// How a folder is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Layout {
    /// Drizzle 0.x: `meta/_journal.json` beside numbered files.
    #[serde(rename = "drizzle-0x")]
    DrizzleJournal,
    /// Drizzle 1.0: one folder per migration.
    #[serde(rename = "drizzle-1")]
    DrizzleFolders,
    /// Numbered `.sql` files and nothing else, as wrangler runs them.
    PlainFiles,
}

/// A moment as Drizzle journals it: milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many migrations are in effect: a count, so also the index of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Position(pub usize);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migration {
    /// Its number in the journal, or its place among the folders.
    pub idx: u64,
    /// Its tag (0.x) or folder name (1.0).
    pub tag: String,
    /// The moment Drizzle compares and journals.
    pub when: Millis,
    /// Lower-case hex sha256 of the file's text as JavaScript sees it.
    pub hash: String,
    /// Lower-case hex sha256 of the file's bytes: another one only where they are no UTF-8.
    pub file_hash: String,
    /// The file, for messages.
    pub file: String,
    /// The file's text as JavaScript sees it: invalid UTF-8 replaced, byte-order mark and CR kept.
    pub text: String,
    /// Its statements, in order.
    pub statements: Vec<Statement>,
    /// How many chunks the breakpoints make of it.
    pub chunks: usize,
}

impl Migration {
    /// Reads one file of SQL, named by its path inside the folder.
    fn read(
        files: &dyn Files,
        path: &str,
        idx: u64,
        tag: String,
        when: Millis,
    ) -> Result<Self, MigrateError> {
        let file = files.shown(path);
        let bytes = files.read(path, FILE_BYTES_MAX)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(offset) = text.find('\0') {
            return Err(MigrateError::NulByte { path: file, offset });
        }
        let file_hash = sha256_hex(&bytes);
        Ok(Self {
            file_hash,
            ..Self::from_text(idx, tag, when, file, text)
        })
    }

    pub(crate) fn from_text(
        idx: u64,
        tag: String,
        when: Millis,
        file: String,
        text: String,
    ) -> Self {
        let (statements, chunks) = cut(&text);
        let hash = sha256_hex(text.as_bytes());
        Self {
            idx,
            tag,
            when,
            file_hash: hash.clone(),
            hash,
            file,
            text,
            statements,
            chunks,
        }
    }

    /// The text of one of its statements.
    #[must_use]
    pub fn sql(&self, statement: &Statement) -> &str {
        self.text.get(statement.span.clone()).unwrap_or_default()
    }

    /// Line and column of `statement`, or of the byte `offset` inside it.
    pub(crate) fn place(&self, statement: &Statement, offset: Option<usize>) -> (usize, usize) {
        // Counted from the statement: a large file is not read again for each of its findings.
        let (line, column) = LineIndex::new(self.sql(statement)).place(offset.unwrap_or(0));
        match line {
            1 => (statement.line, statement.column + column - 1),
            _ => (statement.line + line - 1, column),
        }
    }

    /// Where `statement` stands, or the byte `offset` inside it that SQLite pointed at.
    pub(crate) fn at(&self, statement: &Statement, offset: Option<usize>) -> Box<At> {
        let (line, column) = self.place(statement, offset);
        Box::new(At {
            migration: self.tag.clone(),
            file: self.file.clone(),
            statement: statement.number,
            line,
            column,
            sql: shorten(self.sql(statement), SQL_SHOWN_BYTES_MAX),
        })
    }
}

/// A migration folder.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Bundle {
    /// The folder as named by the caller.
    pub dir: String,
    /// How it is laid out.
    pub layout: Layout,
    /// Its migrations, in the order Drizzle runs them.
    pub entries: Vec<Migration>,
    /// A sha256 over layout, order, tags, times and contents: what a plan is bound to.
    pub digest: String,
    pub(crate) index: Index,
}

impl Bundle {
    /// Reads a migration folder of either Drizzle layout.
    ///
    /// # Errors
    /// M101 to M111: the folder cannot be read, or Drizzle would refuse or misread it.
    pub fn read(dir: impl AsRef<Path>) -> Result<Self, MigrateError> {
        let dir = dir.as_ref();
        Self::read_files(&Disk(dir)).map_err(|error| files::why_missing(dir, error))
    }

    /// Reads a folder of either Drizzle layout from wherever its files are.
    fn read_files(files: &dyn Files) -> Result<Self, MigrateError> {
        let dir = files.shown("");
        match (files.has(journal::PATH)?, folders::list(files)?) {
            (true, folders) if folders.is_empty() => journal::read(files),
            (true, folders) => {
                let folder = folders.into_iter().next().unwrap_or_default();
                Err(MigrateError::MixedLayout { dir, folder })
            }
            (false, folders) if folders.is_empty() => {
                let lacks = "neither meta/_journal.json nor migration folders";
                Err(MigrateError::NotAFolder { dir, lacks })
            }
            (false, folders) => folders::read(files, folders),
        }
    }

    /// Reads a folder of a known layout from memory. Messages call it `name`.
    ///
    /// # Errors
    /// As [`Bundle::read`] and [`Bundle::read_plain`].
    pub fn from_memory(
        name: &str,
        layout: Layout,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Self, MigrateError> {
        let files = Memory { name, files };
        match layout {
            Layout::PlainFiles => plain::read(&files),
            Layout::DrizzleJournal | Layout::DrizzleFolders => Self::read_files(&files),
        }
    }

    /// Reads a folder of numbered `.sql` files, in the order of their numbers. Never chosen by
    /// [`Bundle::read`], because a Drizzle folder that lost its journal looks the same.
    ///
    /// # Errors
    /// M101, M106 to M110.
    pub fn read_plain(dir: impl AsRef<Path>) -> Result<Self, MigrateError> {
        plain::read(&Disk(dir.as_ref()))
    }

    /// The position after the last migration.
    #[must_use]
    pub fn end(&self) -> Position {
        Position(self.entries.len())
    }

    /// The file of one of its migrations, as named inside the folder.
    pub(crate) fn path_of(&self, migration: &Migration) -> String {
        match self.layout {
            Layout::DrizzleFolders => format!("{}/migration.sql", migration.tag),
            Layout::DrizzleJournal | Layout::PlainFiles => format!("{}.sql", migration.tag),
        }
    }

    pub(crate) fn new(dir: String, layout: Layout, entries: Vec<Migration>) -> Self {
        let mut hasher = Sha256::new();
        for entry in &entries {
            let line = format!(
                "{layout:?}\n{}\n{}\n{}\n",
                entry.tag, entry.when, entry.hash
            );
            hasher.update(line.as_bytes());
        }
        let digest = hex(&hasher.finalize());
        let index = Index::new(layout, &entries);
        Self {
            dir,
            layout,
            entries,
            digest,
            index,
        }
    }
}

fn check_count(files: &dyn Files, entries: usize) -> Result<(), MigrateError> {
    if entries <= ENTRIES_MAX {
        return Ok(());
    }
    Err(MigrateError::TooManyEntries {
        dir: files.shown(""),
        entries,
        limit: ENTRIES_MAX,
    })
}

/// Cuts a file into chunks as Drizzle does, and the chunks into statements.
fn cut(text: &str) -> (Vec<Statement>, usize) {
    let lines = LineIndex::new(text);
    let mut statements = Vec::new();
    let (mut begin, mut chunks) = (0, 0);
    for chunk in text.split(BREAKPOINT) {
        chunks += 1;
        for span in split_chunk(chunk) {
            let span = begin + span.start..begin + span.end;
            let (line, column) = lines.place(span.start);
            let number = statements.len() + 1;
            statements.push(Statement {
                number,
                chunk: chunks,
                span,
                line,
                column,
            });
        }
        begin += chunk.len() + BREAKPOINT.len();
    }
    (statements, chunks)
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// At most `bytes_max` bytes of `text`, cut between characters, with an ellipsis where it was cut.
pub(crate) fn shorten(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let mut end = bytes_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}
