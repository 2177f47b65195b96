//! `actor-migrate.toml`: which actors belong to which migration folder.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use actor_migrate::namespaced_table;
use globset::{Glob, GlobBuilder};
use serde::Deserialize;

use crate::error::CliError;
use crate::history::HistoryName;
use crate::lint;

/// The name that is looked for in the current folder and those above it.
const FILE_NAME: &str = "actor-migrate.toml";

/// The configuration, with every path made relative to the file it stands in.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub fleets: Vec<FleetConfig>,
    /// Lint rules that are allowed everywhere, or for one migration: `L110`, `L110:0003_x`.
    pub lint_allow: Vec<String>,
}

/// Actors of one kind: where they are, and the folder that they follow.
#[derive(Clone, Debug)]
pub(crate) struct FleetConfig {
    /// Only a fleet made up from the command line has no name.
    pub name: Option<String>,
    pub dir: PathBuf,
    /// Whether the folder holds plain numbered SQL files.
    pub plain: bool,
    /// The ledger, by its name or by its namespace.
    pub table: Option<String>,
    pub history: Vec<HistoryName>,
    pub source: SourceConfig,
    /// Which names of the source belong to this fleet; without one, all.
    pub actors: Option<Glob>,
}

/// Where the actors of a fleet are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    #[serde(default)]
    lint: LintEntry,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LintEntry {
    #[serde(default)]
    allow: Vec<toml::Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FleetEntry {
    name: String,
    dir: PathBuf,
    #[serde(default)]
    plain: bool,
    table: Option<String>,
    namespace: Option<toml::Spanned<String>>,
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
            if entry.table.is_some() && entry.namespace.is_some() {
                let message = format!("fleet `{}` names both a table and a namespace", entry.name);
                return Err(fail(message, None));
            }
            let at = entry.namespace.as_ref().map(toml::Spanned::span);
            let fleet = entry.resolve(base, file.store.as_deref(), fail)?;
            if let Some(other) = fleets.iter().find(|other| fleet.shares_ledger(other)) {
                let message = format!(
                    "fleet `{}` has this ledger already, in the same place: {}",
                    other.name.as_deref().unwrap_or_default(),
                    fleet.table.as_deref().unwrap_or_default(),
                );
                return Err(fail(message, at));
            }
            fleets.push(fleet);
        }
        let mut lint_allow = Vec::new();
        for allow in file.lint.allow {
            if !lint::is_rule(allow.get_ref()) {
                let message = format!("there is no lint rule `{}`", allow.get_ref());
                return Err(fail(message, Some(allow.span())));
            }
            lint_allow.push(allow.into_inner());
        }
        Ok(Self { fleets, lint_allow })
    }
}

impl FleetConfig {
    /// Whether the actors of two folders would note their migrations in one table of one database.
    fn shares_ledger(&self, other: &Self) -> bool {
        let parted = self.actors.is_some() || other.actors.is_some();
        self.table.is_some()
            && self.table == other.table
            && self.source == other.source
            && self.source != SourceConfig::Named
            && self.dir != other.dir
            && !parted
    }
}

/// A namespace, which needs a letter or a digit to tell it from others.
pub(crate) fn namespace(text: &str) -> Result<String, &'static str> {
    match text.chars().any(|c| c.is_ascii_alphanumeric()) {
        true => Ok(text.to_owned()),
        false => Err("a namespace has at least one of a-z and 0-9"),
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
        let table_of = |text: toml::Spanned<String>| match namespace(text.get_ref()) {
            Ok(name) => Ok(namespaced_table(&name)),
            Err(message) => Err(fail(message.to_owned(), Some(text.span()))),
        };
        let namespaced = self.namespace.map(table_of).transpose()?;
        let name = Some(self.name);
        let history = self.history.iter();
        let history = history.map(|name| HistoryName::new(name, base)).collect();
        Ok(FleetConfig {
            name,
            dir: base.join(self.dir),
            plain: self.plain,
            table: self.table.or(namespaced),
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
