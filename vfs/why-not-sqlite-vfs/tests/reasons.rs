//! What `sqlite-vfs` 0.2 does not let a VFS hear, say or survive.

use std::process::Command;
use std::ptr;

use libsqlite3_sys as ffi;
use rusqlite::Connection;
use why_not_sqlite_vfs::{Heard, MemoryVfs, Spy, file_control, open};

/// A connection with one table, pinned as an actor's owner would pin it.
fn pinned(vfs: &MemoryVfs, name: &str) -> Connection {
    vfs.register(name).unwrap();
    let connection = open(name, name);
    connection
        .execute_batch(
            "PRAGMA journal_mode = MEMORY;
             PRAGMA locking_mode = EXCLUSIVE;
             PRAGMA synchronous = OFF;
             CREATE TABLE t (a);",
        )
        .unwrap();
    vfs.take_calls();
    connection
}

fn rows(connection: &Connection) -> i64 {
    connection
        .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn a_commit_happens_and_the_implementor_hears_of_no_commit() {
    let vfs = MemoryVfs::default();
    let connection = pinned(&vfs, "commit");
    let spy = Spy::on(&connection);

    connection.execute("INSERT INTO t VALUES (1)", []).unwrap();

    let swallowed = |control| Heard {
        control,
        answer: ffi::SQLITE_OK,
    };
    let heard = spy.take();
    assert!(
        heard.contains(&swallowed(ffi::SQLITE_FCNTL_SYNC)),
        "{heard:?}"
    );
    assert!(
        heard.contains(&swallowed(ffi::SQLITE_FCNTL_COMMIT_PHASETWO)),
        "{heard:?}"
    );
    let calls = vfs.take_calls();
    assert!(calls.iter().all(|call| *call == "write"), "{calls:?}");
    assert_eq!(rows(&connection), 1);
}

#[test]
fn a_commit_and_a_cache_flush_before_a_rollback_look_the_same() {
    let vfs = MemoryVfs::default();
    let connection = pinned(&vfs, "same");

    connection.execute("INSERT INTO t VALUES (1)", []).unwrap();
    let commit = vfs.take_calls();

    connection
        .execute_batch("BEGIN; INSERT INTO t VALUES (2)")
        .unwrap();
    connection.cache_flush().unwrap();
    let flush = vfs.take_calls();
    connection.execute_batch("ROLLBACK").unwrap();

    assert_eq!(
        commit, flush,
        "nothing tells a commit from pages that are about to be taken back"
    );
    assert_eq!(rows(&connection), 1);
}

#[test]
fn device_flags_and_sector_size_are_fixed_so_batch_atomic_writes_are_never_offered() {
    let vfs = MemoryVfs::default();
    let connection = pinned(&vfs, "device");
    let spy = Spy::on(&connection);

    assert_eq!(
        spy.device_characteristics(),
        ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
    );
    assert_eq!(spy.sector_size(), 1024);
}

#[test]
fn batch_atomic_writes_and_pragmas_are_refused_without_asking_the_implementor() {
    let vfs = MemoryVfs::default();
    let connection = pinned(&vfs, "refused");
    for control in [
        ffi::SQLITE_FCNTL_BEGIN_ATOMIC_WRITE,
        ffi::SQLITE_FCNTL_COMMIT_ATOMIC_WRITE,
        ffi::SQLITE_FCNTL_ROLLBACK_ATOMIC_WRITE,
    ] {
        // SAFETY: these controls take no argument.
        let answer = unsafe { file_control(&connection, control, ptr::null_mut()) };
        assert_eq!(answer, ffi::SQLITE_NOTFOUND);
    }

    let spy = Spy::on(&connection);
    let mode: String = connection
        .query_row("PRAGMA journal_mode = OFF", [], |row| row.get(0))
        .unwrap();

    let unheard = Heard {
        control: ffi::SQLITE_FCNTL_PRAGMA,
        answer: ffi::SQLITE_NOTFOUND,
    };
    assert!(spy.take().contains(&unheard));
    assert_eq!(
        mode, "off",
        "a mode that cannot roll back is entered unasked"
    );
    assert_eq!(vfs.take_calls(), [""; 0]);
}

const CHILD: &str = "WHY_NOT_CHILD";

#[test]
fn a_panic_in_one_database_ends_the_process() {
    if std::env::var_os(CHILD).is_some() {
        MemoryVfs::that_panics_on_write()
            .register("panics")
            .unwrap();
        let _ = open("panics", "panics").execute_batch("CREATE TABLE t (a)");
        println!("survived");
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_panic_in_one_database_ends_the_process",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("a bug in the implementation of the VFS"),
        "{told}"
    );
    assert!(
        told.contains("panic in a function that cannot unwind"),
        "{told}"
    );
    assert!(!String::from_utf8_lossy(&output.stdout).contains("survived"));
    assert_eq!(
        output.status.code(),
        None,
        "ended by a signal, not by a failed test"
    );
}
