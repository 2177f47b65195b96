//! The certificate of a squash: what a baseline replaced, and what was proved when it did.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::prune::Pruned;
use crate::bundle::{Layout, Millis, read_limited};
use crate::error::{MigrateError, SquashError};
use crate::limits::ARCHIVE_BYTES_MAX;
use crate::schema::{Fingerprint, Level};

/// The version that this release writes and reads.
const VERSION: u32 = 1;
/// What writes a certificate, and what prunes.
pub(super) const TOOL: &str = concat!("actor-migrate ", env!("CARGO_PKG_VERSION"));

/// What a baseline replaced, and what proves that it does what the old chain did.
///
/// The same squash of the same folder always gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Certificate {
    /// The version of this format.
    pub version: u32,
    /// The migration that stands for the old chain.
    pub baseline: Baseline,
    /// How the folder was laid out.
    pub layout: Layout,
    /// The migrations it replaced, in the order they ran.
    pub replaces: Vec<Replaced>,
    /// How much alike the end of the old chain and the baseline are.
    pub level: Level,
    /// What a person accepted by name.
    pub waivers: Vec<String>,
    /// What became of the rows that the old chain writes into a new database.
    pub data: Carried,
    /// sha256 of the archive, in hex.
    pub archive_sha256: String,
    /// The SQLite that computed the fingerprints.
    pub sqlite: String,
    /// The tool that wrote this.
    pub tool: String,
    /// That the archive was removed because no actor needed it, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruned: Option<Pruned>,
}

/// The migration that stands for an old chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Baseline {
    /// Its tag or folder name.
    pub tag: String,
    /// The moment that Drizzle compares: that of the last migration it replaced.
    pub when: Millis,
    /// sha256 of its file, in hex.
    pub hash: String,
    /// The schema it makes.
    pub fingerprint: Fingerprint,
}

/// A migration that a baseline replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Replaced {
    /// Its tag or folder name.
    pub tag: String,
    /// The moment that Drizzle journals.
    pub when: Millis,
    /// sha256 of its file, in hex.
    pub hash: String,
    /// The schema after it.
    pub fingerprint: Fingerprint,
    /// The numbers of its statements that write rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_statements: Vec<usize>,
}

/// How a baseline gives a new database the rows that the old chain gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Carried {
    /// There are none.
    Nothing,
    /// By the statements that wrote them.
    Statements,
    /// By one `INSERT` for what is left of them in the end.
    Rows,
    /// It does not, and a person accepted that.
    Waived,
}

impl Certificate {
    /// The file's text.
    pub(super) fn to_json(&self) -> Result<String, MigrateError> {
        let text = serde_json::to_string_pretty(self);
        let text = text.map_err(|error| MigrateError::Bug {
            what: format!("a certificate cannot be written: {error}"),
        })?;
        Ok(text + "\n")
    }

    /// Reads the certificate of the baseline `tag` from its file.
    pub(super) fn read(path: &Path, tag: &str) -> Result<Self, MigrateError> {
        let bytes = read_limited(path, ARCHIVE_BYTES_MAX)?;
        Self::parse(&bytes, tag).map_err(|reason| {
            let path = path.display().to_string();
            SquashError::BadCertificate { path, reason }.into()
        })
    }

    fn parse(bytes: &[u8], tag: &str) -> Result<Self, String> {
        let words = |error: serde_json::Error| error.to_string();
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(words)?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => return Err(format!("it has version {version}, not {VERSION}")),
            None => return Err("it has no version".to_owned()),
        }
        let certificate: Self = serde_json::from_slice(bytes).map_err(words)?;
        if certificate.baseline.tag != tag {
            let found = &certificate.baseline.tag;
            return Err(format!("it is for {found}, and its name says {tag}"));
        }
        if certificate.replaces.is_empty() {
            return Err("it replaces nothing".to_owned());
        }
        Ok(certificate)
    }

    /// The version of every certificate that this release writes.
    pub(super) fn version() -> u32 {
        VERSION
    }

    /// The last migration it replaced.
    #[must_use]
    pub fn last_replaced(&self) -> Option<&Replaced> {
        self.replaces.last()
    }
}
