//! From the words of the command line and the configuration to fleets of targets.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use actor_migrate::namespaced_table;
use actor_vfs::Store;
use clap::Args;

use super::actors;
use super::wanted::Wanted;
use super::{Stores, Target, file};
use crate::config::{Config, FleetConfig, SourceConfig, namespace};
use crate::error::CliError;
use crate::history::HistoryName;
use crate::output::word;

/// Which actors a verb works on.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Which actors")]
pub(crate) struct Selection {
    /// SQLite files, folders of them, or actors: ids or globs in the store [default: whole fleets]
    #[arg(value_name = "TARGET", help_heading = "Arguments")]
    pub targets: Vec<OsString>,
    #[command(flatten)]
    pub source: SourceArgs,
    /// Only this fleet of the configuration (may be repeated)
    #[arg(long, value_name = "NAME", conflicts_with = "dir")]
    pub fleet: Vec<String>,
}

/// Where actors are and what they follow, when the configuration does not say it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which actors")]
pub(crate) struct SourceArgs {
    /// Migration folder that the actors follow
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
    /// Store that holds the actors
    #[arg(long, value_name = "PATH")]
    pub store: Option<PathBuf>,
    /// The folder holds plain numbered SQL files, without a journal
    #[arg(long)]
    pub plain: bool,
    /// Table in which an actor notes its migrations [default: __drizzle_migrations]
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,
    /// Namespace of the actor in a file that several share: its table is __foundry_migrations_<NAME>
    #[arg(long, value_name = "NAME", conflicts_with = "table", value_parser = namespace)]
    pub namespace: Option<String>,
    /// What the folder was before it was squashed: an old folder, or a git revision (may be repeated)
    #[arg(long, value_name = "REV|FOLDER")]
    pub history: Vec<String>,
}

impl SourceArgs {
    /// The options as one types them.
    fn typed(&self) -> String {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let options = [
            ("store", path(&self.store)),
            ("dir", path(&self.dir)),
            ("table", self.table.clone()),
            ("namespace", self.namespace.clone()),
        ];
        let plain = if self.plain { " --plain" } else { "" };
        let given = options
            .into_iter()
            .filter_map(|(option, value)| Some((option, value?)));
        let histories = self.history.iter().map(|name| ("history", name.clone()));
        given
            .chain(histories)
            .map(|(option, value)| format!(" --{option} {}", word(&value)))
            .chain([plain.to_owned()])
            .collect()
    }

    /// The table that was asked for, by its name or by its namespace.
    fn ledger(&self) -> Option<String> {
        let namespaced = self.namespace.as_deref().map(namespaced_table);
        self.table.clone().or(namespaced)
    }
}

/// Actors that follow one migration folder.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub name: Option<String>,
    pub dir: PathBuf,
    /// Whether the folder holds plain numbered SQL files.
    pub plain: bool,
    pub table: Option<String>,
    /// What its folder was before it was squashed.
    pub history: Vec<HistoryName>,
    /// The store that its actors are in, if they are in one, with its path.
    pub store: Option<(PathBuf, Store)>,
    /// In order of name.
    pub targets: Vec<Target>,
    /// The targets as they were asked for, to be typed again.
    pub asked: String,
    /// The options that name this fleet, to be typed again.
    pub scope: String,
}

impl Selection {
    /// The fleets that were asked for. Every word of the command line names at least one target.
    pub(crate) fn resolve(&self, config: &Config) -> Result<Vec<Fleet>, CliError> {
        let mut stores = Stores::default();
        let mut wanted = Wanted::new(&self.targets);
        let mut fleets = Vec::new();
        for fleet in self.fleets(config)? {
            let mut store = None;
            let mut targets = match &fleet.source {
                SourceConfig::Store(path) => {
                    let (_, opened) = store.insert((path.clone(), stores.open(path)?));
                    actors::select(opened, fleet.actors.as_ref(), &mut wanted)?
                }
                SourceConfig::Files(folder) => files_of(folder, &fleet, &mut wanted)?,
                SourceConfig::Named => named(&mut wanted)?,
            };
            targets.sort_by_cached_key(Target::name);
            // Two words may name the same target, which is changed only once.
            targets.dedup_by_key(|target| target.name());
            let (asked, scope) = (self.asked(), self.scope(&fleet));
            fleets.push(Fleet {
                name: fleet.name,
                dir: fleet.dir,
                plain: fleet.plain,
                table: fleet.table,
                history: fleet.history,
                store,
                targets,
                asked,
                scope,
            });
        }
        wanted.all_found()?;
        // A fleet of which nothing was asked has nothing to say.
        fleets.retain(|fleet| self.targets.is_empty() || !fleet.targets.is_empty());
        Ok(fleets)
    }

    /// The fleets that were asked for, by a command that has nothing to say about a folder alone.
    pub(crate) fn resolve_some(&self, config: &Config) -> Result<Vec<Fleet>, CliError> {
        if self.targets.is_empty() && self.source.dir.is_some() && self.source.store.is_none() {
            return Err(CliError::NoTarget);
        }
        self.resolve(config)
    }

    /// Whether all that the configuration names was asked for.
    pub(crate) fn is_everything(&self) -> bool {
        self.targets.is_empty() && self.fleet.is_empty() && self.source.dir.is_none()
    }

    /// The target, if a single one was asked for by its name.
    pub(crate) fn only<'a>(&self, fleets: &'a [Fleet]) -> Option<(&'a Fleet, &'a Target)> {
        let ([word], [fleet]) = (self.targets.as_slice(), fleets) else {
            return None;
        };
        let [target] = fleet.targets.as_slice() else {
            return None;
        };
        (Some(target.name().as_str()) == word.to_str()).then_some((fleet, target))
    }

    /// The one target that was asked for, with its fleet.
    pub(crate) fn resolve_one(&self, config: &Config) -> Result<(Fleet, Target), CliError> {
        let mut fleets = self.resolve(config)?;
        let found = fleets
            .iter()
            .map(|fleet| fleet.targets.len())
            .sum::<usize>();
        let name = || {
            self.targets
                .iter()
                .map(|word| word.to_string_lossy())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let one = fleets
            .pop()
            .and_then(|mut fleet| fleet.targets.pop().map(|target| (fleet, target)));
        one.filter(|_| found == 1).ok_or_else(|| CliError::NotOne {
            name: name(),
            found,
        })
    }

    /// What was asked for, to be typed again.
    pub(crate) fn typed(&self) -> String {
        let fleets = self
            .fleet
            .iter()
            .map(|name| format!(" --fleet {}", word(name)));
        self.asked() + &fleets.collect::<String>() + &self.source.typed()
    }

    fn asked(&self) -> String {
        let words = self.targets.iter().map(|target| target.to_string_lossy());
        words.map(|target| format!(" {}", word(&target))).collect()
    }

    /// The options that name one fleet.
    fn scope(&self, fleet: &FleetConfig) -> String {
        let named = fleet
            .name
            .iter()
            .map(|name| format!(" --fleet {}", word(name)));
        named.collect::<String>() + &self.source.typed()
    }

    /// The fleets of a command that looks at folders and never at actors.
    pub(crate) fn of_folders(
        dir: Option<PathBuf>,
        fleet: Vec<String>,
        config: &Config,
    ) -> Result<Vec<FleetConfig>, CliError> {
        let source = SourceArgs {
            dir,
            ..SourceArgs::default()
        };
        let selection = Self {
            fleet,
            source,
            targets: Vec::new(),
        };
        selection.fleets(config)
    }

    /// Which folders are concerned, and where their actors are.
    fn fleets(&self, config: &Config) -> Result<Vec<FleetConfig>, CliError> {
        let SourceArgs { dir, store, .. } = &self.source;
        let table = self.source.ledger();
        let history = self.source.history.iter();
        let history: Vec<_> = history
            .map(|name| HistoryName::new(name, Path::new("")))
            .collect();
        if let Some(dir) = dir {
            let source = store
                .clone()
                .map_or(SourceConfig::Named, SourceConfig::Store);
            return Ok(vec![FleetConfig {
                name: None,
                dir: dir.clone(),
                plain: self.source.plain,
                table,
                history,
                source,
                actors: None,
            }]);
        }
        let mut fleets = self.configured(config)?;
        for fleet in &mut fleets {
            fleet.table = table.clone().or(fleet.table.take());
            fleet.plain |= self.source.plain;
            fleet.history.extend(history.iter().cloned());
            if let Some(store) = store {
                fleet.source = SourceConfig::Store(store.clone());
            }
        }
        Ok(fleets)
    }

    fn configured(&self, config: &Config) -> Result<Vec<FleetConfig>, CliError> {
        let known: Vec<String> = config
            .fleets
            .iter()
            .filter_map(|fleet| fleet.name.clone())
            .collect();
        if let Some(name) = self.fleet.iter().find(|name| !known.contains(name)) {
            return Err(CliError::NoSuchFleet {
                name: name.clone(),
                known,
            });
        }
        if known.is_empty() {
            return Err(CliError::NoFolder);
        }
        let named = |fleet: &FleetConfig| {
            fleet
                .name
                .as_ref()
                .is_some_and(|name| self.fleet.contains(name))
        };
        let asked = |fleet: &&FleetConfig| self.fleet.is_empty() || named(fleet);
        Ok(config.fleets.iter().filter(asked).cloned().collect())
    }
}

/// The databases of a configured folder that belong to the fleet and were asked for.
fn files_of(
    folder: &Path,
    fleet: &FleetConfig,
    wanted: &mut Wanted,
) -> Result<Vec<Target>, CliError> {
    let matcher = fleet.actors.as_ref().map(globset::Glob::compile_matcher);
    let mut targets = Vec::new();
    for path in file::find(folder)? {
        let name = path.strip_prefix(folder).unwrap_or(&path);
        let belongs = matcher
            .as_ref()
            .is_none_or(|matcher| matcher.is_match(name));
        if belongs && wanted.takes_file(&path, name) {
            targets.push(Target::File(path));
        }
    }
    Ok(targets)
}

/// The files and folders that the command line names.
fn named(wanted: &mut Wanted) -> Result<Vec<Target>, CliError> {
    let mut targets = Vec::new();
    wanted.each(|word: &OsStr| {
        let path = Path::new(word);
        if path.is_dir() {
            targets.extend(file::find(path)?.into_iter().map(Target::File));
        } else if path.exists() {
            targets.push(Target::File(path.to_owned()));
        }
        Ok(path.exists())
    })?;
    Ok(targets)
}
