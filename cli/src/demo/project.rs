//! The demo's project: a configuration, four migration folders, and a store of actors.

use std::fs;
use std::path::{Path, PathBuf};

use actor_vfs::{ActorId, IfExists};
use include_dir::{Dir, include_dir};

use crate::error::CliError;
use crate::output::Printer;
use crate::targets::Stores;
use crate::{generate, pool};

/// Real migration folders and real databases, made by drizzle-kit and Drizzle's own migrator.
static FIXTURES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../fixtures/coding-agent");

/// The kinds of actors that a coding agent has.
pub(super) const KINDS: [&str; 4] = ["workspace", "task", "history", "sandbox"];

/// One actor of so many slept while the last two migrations were deployed.
const ASLEEP_ONE_IN: usize = 5;
/// How many migrations it slept through.
const ASLEEP_STAGES: usize = 2;

/// A folder that a team of a coding agent would have.
#[derive(Debug)]
pub(super) struct Project {
    dir: PathBuf,
}

/// An actor to be made: its id, and the database that it starts from.
struct Seed {
    id: ActorId,
    database: &'static [u8],
}

impl Project {
    /// An empty project in `dir`, which is made if need be and must be empty.
    pub(super) fn new(dir: &Path) -> Result<Self, CliError> {
        fs::create_dir_all(dir).map_err(|error| CliError::write(dir, error))?;
        let mut content = fs::read_dir(dir).map_err(|error| CliError::read(dir, error))?;
        if content.next().is_some() {
            return Err(CliError::NotEmpty {
                path: dir.to_owned(),
            });
        }
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn store(&self) -> PathBuf {
        self.dir.join("actors.store")
    }

    /// The folder of one kind, as its config names it.
    pub(super) fn folder(&self, kind: &str) -> PathBuf {
        self.dir.join("src/actors").join(kind).join("db/drizzle")
    }

    /// Removes what the demo made, and leaves the folder as it was found.
    pub(super) fn remove(&self) -> Result<(), CliError> {
        let fail = |error| CliError::write(&self.dir, error);
        for entry in fs::read_dir(&self.dir).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let path = entry.path();
            if path.is_dir() {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            }
            .map_err(fail)?;
        }
        Ok(())
    }

    /// Writes the folders and the configuration, and fills the store.
    pub(super) fn build(&self, actors: usize, printer: &Printer) -> Result<(), CliError> {
        let mut config = String::from("store = \"actors.store\"\n");
        for kind in KINDS {
            self.write_folder(kind, "chain")?;
            config.push_str(&format!(
                "\n[[fleet]]\nname = \"{kind}\"\ndir = \"src/actors/{kind}/db/drizzle\"\nactors = \"{kind}/*\"\n"
            ));
        }
        let path = self.dir.join("actor-migrate.toml");
        fs::write(&path, config).map_err(|error| CliError::write(&path, error))?;
        generate::bring_up_to_date(&self.dir)?;
        self.fill(&seeds(actors), printer)
    }

    /// Replaces every folder by its squash.
    pub(super) fn squash(&self) -> Result<(), CliError> {
        KINDS
            .iter()
            .try_for_each(|kind| self.write_folder(kind, "squashed"))
    }

    fn write_folder(&self, kind: &str, which: &str) -> Result<(), CliError> {
        let folder = self.folder(kind);
        let fail = |error| CliError::write(&folder, error);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(fail)?;
        }
        let prefix = Path::new(kind).join(which);
        let generated = |file: &&&include_dir::File<'_>| file.path().ends_with("migrations.js");
        for file in files(&prefix).iter().filter(|file| !generated(file)) {
            let to = folder.join(file.path().strip_prefix(&prefix).unwrap_or(file.path()));
            fs::create_dir_all(to.parent().unwrap_or(&folder)).map_err(fail)?;
            fs::write(&to, file.contents()).map_err(fail)?;
        }
        Ok(())
    }

    fn fill(&self, seeds: &[Seed], printer: &Printer) -> Result<(), CliError> {
        let store = Stores::default().open_or_create(&self.store())?;
        let scratch = tempfile::TempDir::new().map_err(CliError::Scratch)?;
        let progress = printer.progress("building", seeds.len());
        let mut failed = None;
        let import = |seed: &Seed| {
            let file = scratch.path().join(seed.id.as_str().replace('/', "-"));
            fs::write(&file, seed.database).map_err(|error| CliError::write(&file, error))?;
            store
                .import(&seed.id, &file, IfExists::Refuse)
                .map_err(|error| CliError::store(&seed.id, error))
        };
        pool::each(seeds, import, |_, done| {
            progress.step();
            failed = failed.take().or(done.err());
        });
        failed.map_or(Ok(()), Err)
    }
}

/// Every file below a folder of the fixtures.
fn files(prefix: &Path) -> Vec<&'static include_dir::File<'static>> {
    fn walk(dir: &'static Dir<'static>, found: &mut Vec<&'static include_dir::File<'static>>) {
        found.extend(dir.files());
        dir.dirs().for_each(|dir| walk(dir, found));
    }
    let mut found = Vec::new();
    if let Some(dir) = FIXTURES.get_dir(prefix) {
        walk(dir, &mut found);
    }
    found
}

/// Which actors there are, kind by kind in turn.
fn seeds(actors: usize) -> Vec<Seed> {
    let stages = KINDS.map(stages);
    let seed = |number: usize| {
        let kind = number % KINDS.len();
        let asleep = (number / KINDS.len()).is_multiple_of(ASLEEP_ONE_IN);
        let back = if asleep { 1 + ASLEEP_STAGES } else { 1 };
        let database = stages[kind].iter().rev().nth(back - 1)?;
        let id = ActorId::new(format!("{}/{:04}", KINDS[kind], number / KINDS.len() + 1)).ok()?;
        Some(Seed { id, database })
    };
    (0..actors).filter_map(seed).collect()
}

/// The databases of one kind after each migration of its chain, in order.
fn stages(kind: &str) -> Vec<&'static [u8]> {
    (1..)
        .map_while(|stage| FIXTURES.get_file(format!("{kind}/actors/after-{stage}.sqlite")))
        .map(|file| file.contents())
        .collect()
}
