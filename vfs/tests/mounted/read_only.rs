//! A disk that nobody can write to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use actor_vfs::{ActorId, Store};

use crate::private::Disk;

/// Every file of a folder.
fn contents(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(path).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, fs::read(path).unwrap())
    });
    files.collect()
}

pub(crate) fn refused(disk: &Disk) {
    let (path, new) = (disk.path().join("store"), disk.path().join("new"));
    let id = ActorId::new("a").unwrap();
    let store = Store::open_or_create_at(&path).unwrap();
    let create = "CREATE TABLE t(v); INSERT INTO t VALUES(7)";
    let connection = store.create(&id).unwrap().connect().unwrap();
    connection.execute_batch(create).unwrap();
    drop((connection, store));
    let before = contents(&path);
    disk.remount("ro");
    let refusals = [
        Store::open_existing(&path),
        Store::open_or_create_at(&path),
        Store::open_or_create_at(&new),
    ];
    for (refusal, place) in refusals.into_iter().zip([&path, &path, &new]) {
        let error = refusal.unwrap_err();
        assert_eq!(error.code(), "S114", "{error}");
        let place = place.to_str().unwrap();
        assert!(error.to_string().contains(place), "{error}");
    }
    assert_eq!(contents(&path), before);
    assert!(!new.exists());
    disk.remount("rw");
    let store = Store::open_existing(&path).unwrap();
    let connection = store.snapshot(&id).unwrap().connect().unwrap();
    let seven = connection.query_row("SELECT v FROM t", [], |row| row.get(0));
    assert_eq!(seven, Ok(7));
}
