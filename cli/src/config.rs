//! `actor-migrate.toml`: which actors belong to which migration folder.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use globset::{Glob, GlobBuilder};
use serde::Deserialize;

use crate::error::CliError;
use crate::history::HistoryName;

/// The name that is looked for in the current folder and those above it.
const FILE_NAME: &str = "actor-migrate.toml";

/// The configuration, with every path made relative to the file it stands in.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub fleets: Vec<FleetConfig>,
}

/// Actors of one kind: where they are, and the folder that they follow.
#[derive(Clone, Debug)]
pub(crate) struct FleetConfig {
    /// Only a fleet made up from the command line has no name.
    pub name: Option<String>,
    pub dir: PathBuf,
    pub table: Option<String>,
    pub history: Vec<HistoryName>,
    pub source: SourceConfig,
    /// Which names of the source belong to this fleet; without one, all.
    pub actors: Option<Glob>,
}

/// Where the actors of a fleet are kept.
#[derive(Clone, Debug)]
pub(crate) enum SourceConfig {
    Store(PathBuf),
    Files(PathBuf),
    /// Only what the command line names.
    Named,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    store: Option<PathBuf>,
    #[serde(default)]
    fleet: Vec<FleetEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FleetEntry {
    name: String,
    dir: PathBuf,
    table: Option<String>,
    #[serde(default)]
    history: Vec<String>,
    store: Option<PathBuf>,
    files: Option<PathBuf>,
    actors: Option<toml::Spanned<String>>,
}

impl Config {
    /// Reads `asked`, or the nearest file above the current folder, or nothing.
    pub(crate) fn load(asked: Option<&Path>) -> Result<Self, CliError> {
        match asked.map(Path::to_owned).or_else(nearest) {
            Some(path) => Self::read(&path),
            None => Ok(Self::default()),
        }
    }

    fn read(path: &Path) -> Result<Self, CliError> {
        let text = std::fs::read_to_string(path).map_err(|error| CliError::read(path, error))?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, CliError> {
        let fail = |message: String, span| CliError::config(path, text, message, span);
        let file: File =
            toml::from_str(text).map_err(|error| fail(error.message().to_owned(), error.span()))?;
        let base = path.parent().unwrap_or(Path::new(""));
        let mut fleets: Vec<FleetConfig> = Vec::new();
        for entry in file.fleet {
            if fleets
                .iter()
                .any(|fleet| fleet.name.as_ref() == Some(&entry.name))
            {
                return Err(fail(format!("two fleets are named `{}`", entry.name), None));
            }
            if entry.store.is_some() && entry.files.is_some() {
                let message = format!("fleet `{}` names both a store and files", entry.name);
                return Err(fail(message, None));
            }
            fleets.push(entry.resolve(base, file.store.as_deref(), fail)?);
        }
        Ok(Self { fleets })
    }
}

impl FleetEntry {
    fn resolve(
        self,
        base: &Path,
        shared_store: Option<&Path>,
        fail: impl Fn(String, Option<std::ops::Range<usize>>) -> CliError,
    ) -> Result<FleetConfig, CliError> {
        let source = match (self.files, self.store.as_deref().or(shared_store)) {
            (Some(files), _) => SourceConfig::Files(base.join(files)),
            (None, Some(store)) => SourceConfig::Store(base.join(store)),
            (None, None) => SourceConfig::Named,
        };
        let glob = |text: toml::Spanned<String>| {
            actor_glob(text.get_ref())
                .map_err(|error| fail(error.kind().to_string(), Some(text.span())))
        };
        let actors = self.actors.map(glob).transpose()?;
        let name = Some(self.name);
        let history = self.history.iter();
        let history = history.map(|name| HistoryName::new(name, base)).collect();
        Ok(FleetConfig {
            name,
            dir: base.join(self.dir),
            table: self.table,
            history,
            source,
            actors,
        })
    }
}

/// A glob over actor ids: `*` stays within one part, `**` crosses `/`.
pub(crate) fn actor_glob(text: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(text).literal_separator(true).build()
}

fn nearest() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let found = here
        .ancestors()
        .map(|folder| folder.join(FILE_NAME))
        .find(|path| path.is_file())?;
    // Said relative to here when it is here, as the user would.
    if found.parent() == Some(&here) {
        Some(PathBuf::from(OsStr::new(FILE_NAME)))
    } else {
        Some(found)
    }
}
