//! One actor database, wherever it is kept: read it, rehearse on it, write to it.

mod actors;
mod file;
mod rivetkit;
mod select;
mod unclaimed;
mod wanted;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use actor_vfs::{ActorId, Store};
use rusqlite::Connection;
use rusqlite::backup::Backup;

pub(crate) use actors::{actors_named, every_actor};
pub(crate) use select::{Fleet, Selection, SourceArgs};
pub(crate) use unclaimed::unclaimed;

use crate::error::CliError;
use crate::keys;

/// One actor database.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// In one of our stores.
    Actor { store: Store, id: ActorId },
    /// A plain SQLite file, or one in which RivetKit keeps the pages of an actor's database.
    File(PathBuf),
}

impl Target {
    /// What people call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Actor { id, .. } => id.to_string(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Looks at one state of the database and changes nothing.
    pub(crate) fn read<T>(
        &self,
        mut work: impl FnMut(&Connection) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        match self {
            Self::File(path) => file::read(path, |outer| rivetkit::read(path, outer, &mut work)),
            Self::Actor { store, id } => {
                let fail = |error| CliError::store(id, error);
                let snapshot = store.snapshot(id).map_err(fail)?;
                let connection = snapshot.connect().map_err(fail)?;
                work(&connection)
            }
        }
    }

    /// Tries `work` on the real data; whatever it writes is thrown away.
    pub(crate) fn rehearse<T>(
        &self,
        mut work: impl FnMut(&mut Connection) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        match self {
            Self::File(path) => file::read(path, |outer| {
                rivetkit::read(path, outer, |original| work(&mut copy(path, original)?))
            }),
            Self::Actor { store, id } => {
                let fail = |error| CliError::store(id, error);
                let fork = store.fork(id).map_err(fail)?;
                work(&mut fork.connect().map_err(fail)?)
            }
        }
    }

    /// Works on the database itself. An actor is claimed first, so nobody else writes to it meanwhile.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        match self {
            Self::File(path) => write_file(path, work),
            Self::Actor { store, id } => {
                let fail = |error| CliError::store(id, error);
                let actor = store.open(id).map_err(fail)?;
                work(&mut actor.connect().map_err(fail)?)
            }
        }
    }
}

fn write_file<T>(
    path: &Path,
    work: impl FnOnce(&mut Connection) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let mut connection = file::open_to_write(path)?;
    let is_store = rivetkit::is_store(&connection).map_err(|source| CliError::Sqlite {
        path: path.to_owned(),
        source,
    })?;
    if !is_store {
        return work(&mut connection);
    }
    // Opened anew, because the way in which a connection locks is decided when it first reads.
    drop(connection);
    rivetkit::write(path, &file::open_to_write(path)?, work)
}

/// A private copy. The empty name is SQLite's for a database that lives in memory and spills to a temporary
/// file when it grows. <https://www.sqlite.org/inmemorydb.html>
fn copy(path: &Path, original: &Connection) -> Result<Connection, CliError> {
    let copied = || {
        let mut copy = Connection::open("")?;
        let every_page = -1;
        Backup::new(original, &mut copy)?.step(every_page)?;
        Ok(copy)
    };
    copied().map_err(|source| CliError::Sqlite {
        path: path.to_owned(),
        source,
    })
}

/// The stores that are open in this run: an engine opens one only once.
#[derive(Debug, Default)]
pub(crate) struct Stores(HashMap<PathBuf, Store>);

impl Stores {
    /// The store at `path`, which must exist.
    pub(crate) fn open(&mut self, path: &Path) -> Result<Store, CliError> {
        if let Some(store) = self.0.get(path) {
            return Ok(store.clone());
        }
        let opened = keys::options()?.open_existing(path);
        let store = opened.map_err(|error| CliError::store(path.display(), error))?;
        self.0.insert(path.to_owned(), store.clone());
        Ok(store)
    }

    /// The store at `path`, which is made if need be.
    pub(crate) fn open_or_create(&mut self, path: &Path) -> Result<Store, CliError> {
        let opened = keys::options()?.open_or_create_at(path);
        opened.map_err(|error| CliError::store(path.display(), error))
    }
}
