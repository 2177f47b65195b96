//! What one database says it has applied: the rows of its migrations table, whoever wrote them.

mod matching;
mod read;

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;

use crate::bundle::Millis;
use crate::schema::NAMESPACED;

pub(crate) use matching::{HashSays, Index, Match, MatchedBy, Matching};
pub(crate) use read::read;

/// The table Drizzle and RivetKit use unless told otherwise.
pub const DEFAULT_TABLE: &str = "__drizzle_migrations";

/// Who wrote the ledger, told by the shape of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum LedgerFormat {
    /// There is no table.
    #[serde(rename = "none")]
    None,
    /// Drizzle 0.x: `id SERIAL`, always NULL; pending is what is newer than the newest row.
    #[serde(rename = "drizzle-0x")]
    Drizzle0x,
    /// RivetKit's own migrator: `id INTEGER … AUTOINCREMENT`; decides like 0.x.
    #[serde(rename = "rivetkit")]
    RivetKit,
    /// Drizzle 1.0 betas 14 and 15: `id INTEGER PRIMARY KEY` without `name`; pending is what has no row of its exact time.
    #[serde(rename = "drizzle-1-beta")]
    Drizzle1Beta,
    /// Drizzle 1.0: has `name`; pending is what has no row of its name.
    #[serde(rename = "drizzle-1")]
    Drizzle1,
    /// Cloudflare's wrangler: file names and nothing else; pending is what has no row of its name.
    #[serde(rename = "wrangler")]
    Wrangler,
}

impl LedgerFormat {
    /// Whether its reader runs only what is newer than the newest row.
    #[must_use]
    pub fn has_watermark(self) -> bool {
        matches!(self, Self::None | Self::Drizzle0x | Self::RivetKit)
    }

    /// Whether its rows carry the name of their migration.
    #[must_use]
    pub fn has_names(self) -> bool {
        matches!(self, Self::Drizzle1 | Self::Wrangler)
    }

    /// Whether its rows carry the hash and time of their migration.
    #[must_use]
    pub fn has_hashes(self) -> bool {
        self != Self::Wrangler
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Drizzle0x => "drizzle-0x",
            Self::RivetKit => "rivetkit",
            Self::Drizzle1Beta => "drizzle-1-beta",
            Self::Drizzle1 => "drizzle-1",
            Self::Wrangler => "wrangler",
        }
    }
}

impl fmt::Display for LedgerFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The ledger of one of several actors that share a file: `__foundry_migrations_` and the namespace
/// in lower case, with `_` for everything that is no ASCII letter or digit. The same for ever.
#[must_use]
pub fn namespaced_table(namespace: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let name: String = namespace.chars().map(plain).collect();
    format!("{NAMESPACED}{name}")
}

/// One row of a ledger, as far as it can be understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LedgerRow {
    /// NULL in every row that Drizzle 0.x wrote.
    pub id: Option<i64>,
    /// A sha256, the tag, or nothing: it depends on the driver.
    pub hash: String,
    /// The `when` of the migration.
    pub created_at: Option<Millis>,
    /// The folder name (1.0), or the file name without `.sql` (wrangler).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The ledger of one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// The table as it is spelled in the database, or as it was asked for.
    pub(crate) table: String,
    /// Who wrote it.
    pub(crate) format: LedgerFormat,
    /// Its rows, oldest first.
    pub(crate) rows: Vec<LedgerRow>,
    /// Why it cannot be understood, if it cannot.
    pub(crate) unreadable: Option<String>,
    /// Rows whose time is text: Drizzle compares them as strings.
    pub(crate) text_times: usize,
    /// The rows that adoptions have archived. Where rows have names they stay, and this is how they are known.
    pub(crate) archived: HashSet<Archived>,
}

/// A row as our archive has it: its name, hash and time.
pub(crate) type Archived = (Option<String>, String, Option<i64>);

impl Ledger {
    pub(crate) fn absent(table: &str) -> Self {
        Self {
            table: table.to_owned(),
            format: LedgerFormat::None,
            rows: Vec::new(),
            unreadable: None,
            text_times: 0,
            archived: HashSet::new(),
        }
    }

    /// Whether an adoption has taken note of a row that it left.
    pub(crate) fn has_archived(&self, row: &LedgerRow) -> bool {
        let when = row.created_at.map(|when| when.0);
        let archived = (row.name.clone(), row.hash.clone(), when);
        self.archived.contains(&archived)
    }

    /// The time that Drizzle 0.x compares against.
    pub(crate) fn newest(&self) -> Option<Millis> {
        self.rows.iter().filter_map(|row| row.created_at).max()
    }
}
