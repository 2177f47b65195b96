//! The smallest program that keeps one value in an engine: what an engine adds to a build.

fn main() {
    let path = std::env::args().nth(1).expect("a path for the data");
    run(path.as_ref());
}

#[cfg(feature = "redb")]
fn run(path: &std::path::Path) {
    let table = redb::TableDefinition::<&[u8], &[u8]>::new("t");
    let database = redb::Database::create(path).expect("redb creates its file");
    let txn = database.begin_write().expect("redb begins");
    let mut open = txn.open_table(table).expect("redb opens a table");
    open.insert(b"key".as_slice(), b"value".as_slice())
        .expect("redb inserts");
    drop(open);
    txn.commit().expect("redb commits");
}

#[cfg(all(feature = "fjall", not(feature = "redb")))]
fn run(path: &std::path::Path) {
    let database = fjall::Database::builder(path)
        .open()
        .expect("fjall creates its folder");
    let space = database
        .keyspace("t", fjall::KeyspaceCreateOptions::default)
        .expect("fjall opens a keyspace");
    space.insert("key", "value").expect("fjall inserts");
    database
        .persist(fjall::PersistMode::SyncData)
        .expect("fjall commits");
}

#[cfg(not(any(feature = "redb", feature = "fjall")))]
fn run(path: &std::path::Path) {
    std::fs::write(path, b"value").expect("a file");
}
