//! Clients that nobody here has compiled load the library: Debian's `sqlite3`, and Python.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The library as cargo built it for these tests.
fn library() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let name = format!("{DLL_PREFIX}actor_vfs{DLL_SUFFIX}");
    let library = tests.with_file_name(name);
    assert!(
        library.exists(),
        "cargo builds the library before its tests"
    );
    library
}

/// What the SQLite shell says to a script, and on which stream.
fn shell(script: &str) -> (String, String) {
    let mut shell = Command::new("sqlite3");
    shell.env_remove("ACTOR_VFS_STORE");
    shell.env_remove("ACTOR_VFS_KEY_FILE");
    said(shell.args(["-batch", "-init", "/dev/null"]), script)
}

fn said(command: &mut Command, input: &str) -> (String, String) {
    use std::io::Write;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the client is installed: the package `sqlite3`, or `python3`");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let Output { stdout, stderr, .. } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    (text(stdout), text(stderr))
}

/// A script for the shell that loads the library and opens actor `a`.
fn opening(store: &Path, rest: &str) -> String {
    let (library, store) = (library(), store.display().to_string());
    format!(
        ".log stderr\n.load {}\n.open 'file:a?vfs=actor&store={store}'\n{rest}\n",
        library.display()
    )
}

fn store() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    (folder, store)
}

#[test]
fn what_the_shell_commits_is_there_when_it_comes_again() {
    let (_folder, store) = store();
    let made = shell(&opening(
        &store,
        "CREATE TABLE t(x); INSERT INTO t VALUES (1), (2);",
    ));
    assert_eq!(made, (String::new(), String::new()));
    let read = shell(&opening(
        &store,
        "SELECT sum(x) FROM t; PRAGMA integrity_check;",
    ));
    assert_eq!(read, ("3\nok".into(), String::new()));
    assert!(store.join("actors.redb").exists());
}

#[test]
fn a_second_process_is_refused_in_words_and_the_first_goes_on() {
    let (_folder, store) = store();
    let second = opening(&store, "");
    let file = store.with_file_name("second.sql");
    std::fs::write(&file, second).unwrap();
    let script = format!(
        "CREATE TABLE t(x);\n.shell sqlite3 -batch -init /dev/null < {} 2>&1\n\
         INSERT INTO t VALUES (7); SELECT x FROM t;",
        file.display()
    );
    let (out, _) = shell(&opening(&store, &script));
    let refusal = format!(
        "S112: the store at {} is open already, in another process or in this one; \
         stop the process that has it open, or have that process do it",
        store.display()
    );
    assert!(out.contains(&refusal), "{out}");
    assert!(out.ends_with("7"), "{out}");
}

#[test]
fn a_name_without_a_store_is_refused_with_what_to_add() {
    let script = format!(
        ".log stderr\n.load {}\n.open 'file:a?vfs=actor'\n",
        library().display()
    );
    let (_, err) = shell(&script);
    assert!(
        err.contains("S150: nothing says which store the actor `a` is in; add `&store=PATH`"),
        "{err}"
    );
}

#[test]
fn a_missing_store_is_not_created_by_a_reader() {
    let (_folder, store) = store();
    let name = format!("file:a?vfs=actor&mode=rw&store={}", store.display());
    let (_, err) = shell(&format!(
        ".log stderr\n.load {}\n.open '{name}'\n",
        library().display()
    ));
    assert!(err.contains("S111: there is no actor store at"), "{err}");
    assert!(!store.exists());
}

#[test]
fn wal_is_refused_in_words() {
    let (_folder, store) = store();
    let (_, err) = shell(&opening(&store, "PRAGMA journal_mode=WAL;"));
    assert!(
        err.contains("commits are atomic and durable without a log"),
        "{err}"
    );
}

#[test]
fn connections_of_one_process_share_an_actor_and_a_snapshot_stays_as_it_was() {
    let (_folder, store) = store();
    let store_name = store.display();
    let script = format!(
        "CREATE TABLE t(x); INSERT INTO t VALUES (1);\n\
         ATTACH 'file:a?vfs=actor&immutable=1&store={store_name}' AS snapshot;\n\
         SELECT 'snapshot', count(*) FROM snapshot.t;\n\
         INSERT INTO main.t VALUES (2);\n\
         ATTACH 'file:a?vfs=actor&mode=ro&store={store_name}' AS reader;\n\
         SELECT 'later', (SELECT count(*) FROM snapshot.t), (SELECT count(*) FROM reader.t);"
    );
    let (out, err) = shell(&opening(&store, &script));
    assert_eq!((out.as_str(), err.as_str()), ("snapshot|1\nlater|1|2", ""));
}

/// A snapshot once let go of the store behind it: reading one that no other connection kept open
/// was an I/O error.
#[test]
fn a_snapshot_alone_keeps_its_store_open() {
    let (_folder, store) = store();
    shell(&opening(&store, "CREATE TABLE t(x);"));
    let script = format!(
        ".load {}\n.open 'file:a?vfs=actor&immutable=1&store={}'\n.schema\n",
        library().display(),
        store.display()
    );
    assert_eq!(shell(&script), ("CREATE TABLE t(x);".into(), String::new()));
}

#[test]
fn as_the_default_vfs_it_takes_plain_names_and_the_store_of_the_environment() {
    let (_folder, store) = store();
    let script = format!(
        ".load {} sqlite3_actorvfs_default_init\n.open plain\n\
         CREATE TABLE t(x);\n.open other\n.open plain\n.schema\n",
        library().display()
    );
    let mut shell = Command::new("sqlite3");
    shell.env("ACTOR_VFS_STORE", &store);
    let (out, err) = said(shell.args(["-batch", "-init", "/dev/null"]), &script);
    assert_eq!((out.as_str(), err.as_str()), ("CREATE TABLE t(x);", ""));
}

#[test]
fn python_writes_what_the_shell_reads() {
    let (_folder, store) = store();
    let script = format!(
        "import sqlite3\n\
         loader = sqlite3.connect(':memory:')\n\
         loader.enable_load_extension(True)\n\
         loader.load_extension('{}')\n\
         name = 'file:a?vfs=actor&store={}'\n\
         first, second = sqlite3.connect(name, uri=True), sqlite3.connect(name, uri=True)\n\
         with first: first.execute('CREATE TABLE t(x)')\n\
         with second: second.executemany('INSERT INTO t VALUES (?)', [(n,) for n in range(100)])\n\
         print(first.execute('SELECT sum(x) FROM t').fetchone()[0])\n",
        library().display(),
        store.display()
    );
    // Debian's own: one built by hand may come without `load_extension`.
    let python = said(&mut Command::new("/usr/bin/python3"), &script);
    assert_eq!(python, ("4950".into(), String::new()));
    let read = shell(&opening(&store, "SELECT sum(x) FROM t;"));
    assert_eq!(read, ("4950".into(), String::new()));
}

#[test]
fn an_encrypted_store_opens_with_its_key_file_and_not_without() {
    let (folder, store) = store();
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "1f".repeat(32)).unwrap();
    let (library, store) = (library(), store.display().to_string());
    let script = |keys: &str, rest: &str| {
        let library = library.display();
        format!(
            ".log stderr\n.load {library}\n.open 'file:a?vfs=actor&store={store}{keys}'\n{rest}\n"
        )
    };
    let given = format!("&key_file={}", keys.display());
    let filled = "CREATE TABLE t(v); INSERT INTO t VALUES('a marker in plain text');";
    assert_eq!(shell(&script(&given, filled)).0, "");
    let read = "SELECT v FROM t;";
    assert_eq!(shell(&script(&given, read)).0, "a marker in plain text");
    let (_, refused) = shell(&script("", read));
    assert!(refused.contains("S143"), "{refused}");
    let file = std::fs::read(Path::new(&store).join("actors.redb")).unwrap();
    assert!(!file.windows(8).any(|it| it == b"a marker"));
}
