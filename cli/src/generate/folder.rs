//! Finds Drizzle folders below `src/actors` and reads one as JavaScript would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use actor_migrate::{Bundle, Layout};
use walkdir::WalkDir;

use crate::error::CliError;

/// A Drizzle 0.x folder, ready to be written as a module.
#[derive(Debug)]
pub(super) struct Folder {
    drizzle: PathBuf,
    /// `meta/_journal.json` word for word, with LF line ends: JSON is JavaScript.
    pub journal: String,
    /// SQL texts under the keys that RivetKit looks up.
    pub migrations: BTreeMap<String, String>,
}

/// Every folder `src/actors/**/db/drizzle` below `root`, sorted and read.
pub(super) fn find(root: &Path) -> Result<Vec<Folder>, CliError> {
    let actors = root
        .strip_prefix(".")
        .unwrap_or(root)
        .join("src")
        .join("actors");
    if !actors.is_dir() {
        return Err(CliError::NoFolders { actors });
    }
    let walk = WalkDir::new(&actors).sort_by_file_name().into_iter();
    let mut folders = Vec::new();
    for entry in walk.filter_entry(|entry| entry.file_name() != "node_modules") {
        let entry = entry.map_err(|error| CliError::read(&actors, error.into()))?;
        if entry.file_type().is_dir() && entry.path().ends_with("db/drizzle") {
            folders.push(Folder::read(entry.path())?);
        }
    }
    if folders.is_empty() {
        Err(CliError::NoFolders { actors })
    } else {
        Ok(folders)
    }
}

impl Folder {
    pub(super) fn read(drizzle: &Path) -> Result<Self, CliError> {
        let bundle =
            Bundle::read(drizzle).map_err(|source| CliError::migrate(drizzle.display(), source))?;
        if bundle.layout != Layout::DrizzleJournal {
            return Err(CliError::NoJournal {
                path: drizzle.to_owned(),
            });
        }
        let path = drizzle.join("meta").join("_journal.json");
        let journal =
            std::fs::read_to_string(&path).map_err(|error| CliError::read(&path, error))?;
        let journal = journal
            .trim_start_matches('\u{feff}')
            .trim()
            .replace("\r\n", "\n");
        let migrations = bundle
            .entries
            .into_iter()
            .map(|it| (key(it.idx), it.text))
            .collect();
        Ok(Self {
            drizzle: drizzle.to_owned(),
            journal,
            migrations,
        })
    }

    /// Where the module goes.
    pub(super) fn target(&self) -> PathBuf {
        module_beside(&self.drizzle)
    }

    /// drizzle-kit's own module, which ours replaces and which goes stale without a word.
    pub(super) fn superseded(&self) -> PathBuf {
        self.drizzle.join("migrations.js")
    }
}

/// Where the module of a folder stands: `db/migrations.ts`.
pub(super) fn module_beside(drizzle: &Path) -> PathBuf {
    drizzle.with_file_name("migrations.ts")
}

/// The key that RivetKit's migrator builds: `"m" + String(idx).padStart(4, "0")`.
fn key(idx: u64) -> String {
    format!("m{idx:04}")
}
