//! Stores on the engines that come with the crate: a fork in memory, a folder on disk.

use std::sync::Arc;

use crate::actor_id::ActorId;
use crate::engines::ForkEngine;
use crate::error::StoreError;
use crate::store::{Actor, Store};

impl Store {
    /// A volatile fork of an actor: it starts as the actor is now, and what is written to it is
    /// gone when it is dropped. Neither the actor nor its owner notices.
    pub fn fork(&self, actor: &ActorId) -> Result<Actor, StoreError> {
        let base = Arc::from(self.engine().snapshot()?);
        let fork = ForkEngine::new(base, self.engine().limits());
        self.options().with_engine(Arc::new(fork))?.open(actor)
    }
}

#[cfg(feature = "redb")]
mod on_disk {
    use std::fs;
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use crate::engines::RedbEngine;
    use crate::error::StoreError;
    use crate::kv::{EngineError, EngineErrorKind};
    use crate::store::{Store, StoreOptions};

    /// The file that makes a folder a store.
    const FILE: &str = "actors.redb";

    impl Store {
        /// The store in a folder, which is created if it is missing. A folder that holds something
        /// else is refused.
        pub fn open_or_create_at(path: impl AsRef<Path>) -> Result<Self, StoreError> {
            StoreOptions::default().open_or_create_at(path)
        }

        /// The store in a folder. Nothing is created.
        pub fn open_existing(path: impl AsRef<Path>) -> Result<Self, StoreError> {
            StoreOptions::default().open_existing(path)
        }
    }

    impl StoreOptions {
        /// [`Store::open_or_create_at`] with these options.
        pub fn open_or_create_at(&self, path: impl AsRef<Path>) -> Result<Store, StoreError> {
            let path = path.as_ref();
            let file = match survey(path)? {
                Found::Nothing | Found::EmptyFolder => {
                    fs::create_dir_all(path).map_err(|error| cannot("creating", path, error))?;
                    path.join(FILE)
                }
                Found::Store(file) => file,
                Found::Other(found) => return Err(not_a_store(path, found)),
            };
            let engine = RedbEngine::create(file, self.cache_bytes);
            self.on(path, engine)
        }

        /// [`Store::open_existing`] with these options.
        pub fn open_existing(&self, path: impl AsRef<Path>) -> Result<Store, StoreError> {
            let path = path.as_ref();
            match survey(path)? {
                Found::Store(file) => self.on(path, RedbEngine::open(file, self.cache_bytes)),
                Found::Nothing => Err(StoreError::StoreMissing {
                    path: path.to_owned(),
                }),
                Found::EmptyFolder => Err(not_a_store(path, "it is an empty folder".into())),
                Found::Other(found) => Err(not_a_store(path, found)),
            }
        }

        fn on(
            &self,
            path: &Path,
            engine: Result<RedbEngine, EngineError>,
        ) -> Result<Store, StoreError> {
            let engine = engine.map_err(|error| said_of(path, error))?;
            let store = self.with_engine(Arc::new(engine));
            // Nobody else has it open, so nobody is still at what was left aside.
            let store = store.and_then(|store| store.clear_asides().map(|()| store));
            store.map_err(|error| match error {
                StoreError::NotAStore { found, .. } => not_a_store(path, found),
                StoreError::Engine(error) => said_of(path, error),
                error => error,
            })
        }
    }

    /// What is at the place of a store.
    enum Found {
        Nothing,
        EmptyFolder,
        Store(PathBuf),
        Other(String),
    }

    fn survey(path: &Path) -> Result<Found, StoreError> {
        let reading = |error| cannot("reading", path, error);
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Ok(Found::Other("it is a file".into()));
            }
            Err(error) => return Err(reading(error)),
        };
        let file = path.join(FILE);
        if file.try_exists().map_err(reading)? {
            return Ok(Found::Store(file));
        }
        for entry in entries {
            let name = entry.map_err(reading)?.file_name();
            let name = name.to_string_lossy();
            // What a file system, a desktop or an attempt cut short leaves is nobody's data.
            if !name.starts_with('.') && name != "lost+found" {
                return Ok(Found::Other(format!(
                    "it is a folder that holds `{name}` and no `{FILE}`"
                )));
            }
        }
        Ok(Found::EmptyFolder)
    }

    fn not_a_store(path: &Path, found: String) -> StoreError {
        StoreError::NotAStore {
            place: path.display().to_string(),
            found,
        }
    }

    fn cannot(doing: &'static str, path: &Path, source: io::Error) -> StoreError {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::StoreReadOnly { path }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::StoreFull {
                path,
                source: EngineError::new(EngineErrorKind::Full, doing, source),
            },
            _ => StoreError::File {
                doing,
                path,
                source: Arc::new(source),
            },
        }
    }

    /// What an engine's error says of the store at `path`.
    fn said_of(path: &Path, error: EngineError) -> StoreError {
        let (path, place) = (path.to_owned(), path.display().to_string());
        match error.kind {
            EngineErrorKind::InUse => StoreError::StoreInUse { path },
            EngineErrorKind::Missing => StoreError::StoreMissing { path },
            EngineErrorKind::ReadOnly => StoreError::StoreReadOnly { path },
            EngineErrorKind::Foreign => StoreError::NotAStore {
                place,
                found: format!("{FILE}: {}", error.source),
            },
            EngineErrorKind::Damaged => StoreError::StoreDamaged {
                place,
                damage: format!("{FILE}: {}", error.source),
            },
            EngineErrorKind::Full => StoreError::StoreFull {
                path,
                source: error,
            },
            EngineErrorKind::Io => StoreError::Engine(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use crate::engines::MemoryEngine;
    use crate::page::{PageNo, PageSize};
    use crate::store::{Change, Image};
    use crate::{ActorId, Store, StoreError};

    fn id() -> ActorId {
        ActorId::new("a").unwrap()
    }

    fn commit(actor: &crate::Actor, byte: u8) {
        let page_size = PageSize::DEFAULT;
        let content = vec![byte; page_size.bytes()];
        let dirty = [(PageNo::FIRST, content.into())].into();
        let pages = crate::PageCount::new(1);
        actor
            .image()
            .unwrap()
            .publish(Change {
                page_size,
                pages,
                dirty,
            })
            .unwrap();
    }

    fn first_byte(store: &Store) -> u8 {
        let mut page = vec![0; PageSize::DEFAULT.bytes()];
        store
            .snapshot(&id())
            .unwrap()
            .read(PageNo::FIRST, &mut page)
            .unwrap();
        page[0]
    }

    #[test]
    fn a_fork_starts_as_the_actor_is_and_touches_nothing() {
        let store = Store::with_engine(std::sync::Arc::new(MemoryEngine::new())).unwrap();
        let owner = store.create(&id()).unwrap();
        commit(&owner, 1);
        let fork = store.fork(&id()).unwrap();
        commit(&fork, 2);
        commit(&fork, 3);
        assert_eq!(first_byte(&store), 1);
        commit(&owner, 4);
        let mut page = vec![0; PageSize::DEFAULT.bytes()];
        fork.image()
            .unwrap()
            .read(PageNo::FIRST, &mut page)
            .unwrap();
        assert_eq!((page[0], first_byte(&store)), (3, 4));
        assert_eq!(store.info(&id()).unwrap().epoch, owner.epoch());
    }

    fn code(result: Result<Store, StoreError>) -> &'static str {
        result.unwrap_err().code()
    }

    /// What is in a folder: names and contents.
    fn inventory(path: &Path) -> Vec<(std::path::PathBuf, Option<Vec<u8>>)> {
        let mut all: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        all.sort();
        all.into_iter()
            .map(|path| (path.clone(), fs::read(path).ok()))
            .collect()
    }

    #[test]
    fn a_store_on_disk_is_found_again_with_all_that_was_committed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("store");
        assert_eq!(code(Store::open_existing(&path)), "S111");
        let store = Store::open_or_create_at(&path).unwrap();
        commit(&store.create(&id()).unwrap(), 7);
        assert_eq!(code(Store::open_or_create_at(&path)), "S112");
        assert_eq!(code(Store::open_existing(&path)), "S112");
        drop(store);
        assert_eq!(first_byte(&Store::open_existing(&path).unwrap()), 7);
        assert_eq!(first_byte(&Store::open_or_create_at(&path).unwrap()), 7);
    }

    #[test]
    fn what_is_no_store_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert_eq!(code(Store::open_existing(path)), "S110");
        let file = path.join("notes.txt");
        fs::write(&file, "mine").unwrap();
        for at in [path, &file] {
            assert_eq!(code(Store::open_or_create_at(at)), "S110");
            assert_eq!(code(Store::open_existing(at)), "S110");
        }
        fs::write(path.join("actors.redb"), "SQLite format 3\0 or so").unwrap();
        let before = inventory(path);
        let error = Store::open_or_create_at(path).unwrap_err();
        assert_eq!(error.code(), "S110");
        assert!(error.to_string().contains("actors.redb"), "{error}");
        assert_eq!(code(Store::open_existing(path)), "S110");
        assert_eq!(inventory(path), before);
    }

    #[test]
    fn a_truncated_store_is_damaged_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let store = Store::open_or_create_at(&path).unwrap();
        commit(&store.create(&id()).unwrap(), 7);
        drop(store);
        let file = path.join("actors.redb");
        let whole = fs::read(&file).unwrap();
        for keep in [whole.len() - 1, whole.len() / 2, 4096] {
            fs::write(&file, &whole[..keep]).unwrap();
            let before = inventory(&path);
            assert_eq!(code(Store::open_existing(&path)), "S113", "cut to {keep}");
            assert_eq!(
                code(Store::open_or_create_at(&path)),
                "S113",
                "cut to {keep}"
            );
            assert_eq!(inventory(&path), before);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_place_that_cannot_be_written_is_said_to_be_so() {
        let code = code(Store::open_or_create_at("/sys/actor-store"));
        assert_eq!(code, "S114");
    }

    #[test]
    fn an_attempt_cut_short_does_not_make_a_folder_foreign() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".unfinished-x1y2"), "half").unwrap();
        fs::create_dir(folder.path().join("lost+found")).unwrap();
        Store::open_or_create_at(folder.path()).unwrap();
    }
}
