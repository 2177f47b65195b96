//! `migrations.lock` lies in a folder that the real migrators read.

use std::path::Path;

use actor_migrate::{Bundle, LOCK_FILE, Lock};
use tempfile::TempDir;

use crate::folder::{Scratch, actor, fixture};
use crate::runner::{DRIVERS, Driver, run};

/// A copy of a migration folder, with its lock.
fn locked(chain: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    copy_folder(chain, copy.path());
    let bundle = Bundle::read(copy.path()).unwrap();
    let lock = Lock::updated(None, &bundle, &Default::default());
    std::fs::write(copy.path().join(LOCK_FILE), lock.to_string()).unwrap();
    assert_eq!(Bundle::read(copy.path()).unwrap().digest, bundle.digest);
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), &to).unwrap();
        }
    }
}

#[test]
fn no_migrator_of_either_line_minds_the_lock() {
    let chains = [
        (&DRIVERS[..], actor("history").join("chain")),
        (&[Driver::Libsql1][..], fixture("drizzle-1/chain")),
    ];
    for (drivers, chain) in chains {
        let folder = locked(&chain);
        let tags: Vec<_> = Bundle::read(&chain)
            .unwrap()
            .entries
            .into_iter()
            .map(|entry| entry.tag)
            .collect();
        for driver in drivers {
            let fresh = Scratch::missing();
            let applied = run(*driver, folder.path(), &fresh.file);
            assert_eq!(applied, Ok(tags.clone()), "{driver:?}");
            let again = run(*driver, folder.path(), &fresh.file);
            assert_eq!(again, Ok(vec![]), "{driver:?}");
        }
    }
}
