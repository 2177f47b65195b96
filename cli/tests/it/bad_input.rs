//! Bad input: one clear error with a code and a next step, exit 2, and nothing is changed or lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use actor_vfs::Store;
use actor_vfs::engines::RedbEngine;
use actor_vfs::kv::{Batch, Engine};
use serde_json::Value;

use crate::support::{contents, copy, fixtures, folder, run, write};

/// The code that says it, what is wrong, and the command that meets it.
const CASES: &str = "
C101 | an unknown flag                      | check --storr x
C109 | a file that does not exist           | inspect nobody.sqlite --dir chain
C112 | no migration folder named            | inspect actor.sqlite
M109 | a folder that does not exist         | inspect actor.sqlite --dir nowhere
M101 | a folder without a journal           | check actor.sqlite --dir no-journal
M103 | a journal entry without its file     | check actor.sqlite --dir no-file
M102 | a journal that is no JSON            | status actor.sqlite --dir bad-journal
C113 | a file that is no database           | inspect text.sqlite --dir chain
C113 | the same, to be adopted              | adopt text.sqlite --dir chain --yes
C114 | a truncated database                 | inspect truncated.sqlite --dir chain
C120 | a database of another program        | inspect foreign.sqlite --dir chain
C120 | the same, to be migrated             | apply foreign.sqlite --dir chain --yes
C120 | the same, to be adopted              | adopt foreign.sqlite --dir chain --yes
C118 | a change without consent             | apply behind.sqlite --dir chain
C111 | a fleet that is not configured       | check --fleet nobody
M133 | a table name that cannot be          | inspect actor.sqlite --dir chain --table sqlite_x
C110 | several files where one is needed    | inspect many --dir chain
C117 | a change of nobody                   | apply --dir chain --yes
C116 | no store named                       | store list
S111 | a store that does not exist          | check --dir chain --store nowhere.store
S110 | a store that is a database           | check --dir chain --store actor.sqlite
S110 | a store that is another folder       | store list --store chain
S113 | a truncated store                    | check --dir chain --store cut.store
S113 | the same, to be changed              | apply --dir chain --store cut.store --yes
S113 | the same, to be listed               | store list --store cut.store
S113 | the same, to be scrubbed             | store scrub --store cut.store
S113 | the same, to be exported from        | store export one out.sqlite --store cut.store
S110 | another folder, to be scrubbed       | store scrub --store chain
S110 | the same, to be exported from        | store export one out.sqlite --store chain
S109 | a store of a newer format            | store list --store newer.store
S109 | the same, to be scrubbed             | store scrub --store newer.store
S109 | the same, to be exported from        | store export one out.sqlite --store newer.store
S109 | the same, to be imported into        | store import actor.sqlite --id two --store newer.store
S112 | a store that another process has     | check --dir chain --store busy.store
S112 | the same, to be changed              | apply --dir chain --store busy.store --yes
C109 | an actor that does not exist         | inspect nobody --dir chain --store good.store
S102 | the same, to be exported             | store export nobody out.sqlite --store good.store
S101 | an actor id of 4 KiB                 | inspect LONG --dir chain --store good.store
S101 | an actor id with odd characters      | inspect ODD --dir chain --store good.store
S101 | the same, to be imported             | store import actor.sqlite --id ODD --store good.store
S103 | an import over an actor              | store import actor.sqlite --id one --store good.store
S132 | an export over a file                | store export one actor.sqlite --store good.store
S128 | an import of no database             | store import text.sqlite --store good.store
";

fn playground(here: &Path) {
    let fixtures = fixtures();
    let workspace = fixtures.join("coding-agent/workspace");
    copy(&workspace.join("chain"), &here.join("chain"));
    copy(&workspace.join("chain"), &here.join("no-file"));
    std::fs::remove_file(here.join("no-file/0003_seed_agent_members.sql")).unwrap();
    write(&here.join("no-journal/0000_init.sql"), "SELECT 1;");
    write(
        &here.join("bad-journal/meta/_journal.json"),
        "<<<<<<< HEAD\n{}",
    );
    copy(
        &workspace.join("actors/after-7.sqlite"),
        &here.join("actor.sqlite"),
    );
    copy(
        &workspace.join("actors/after-3.sqlite"),
        &here.join("behind.sqlite"),
    );
    copy(&workspace.join("actors"), &here.join("many"));
    write(&here.join("text.sqlite"), "dear diary, this is no database");
    copy(
        &fixtures.join("incidents/truncated.sqlite"),
        &here.join("truncated.sqlite"),
    );
    copy(
        &fixtures.join("incidents/foreign.sqlite"),
        &here.join("foreign.sqlite"),
    );
    for name in ["good.store", "busy.store", "cut.store", "newer.store"] {
        store(here, name);
    }
    let engine = std::fs::read_dir(here.join("cut.store"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let bytes = std::fs::read(&engine).unwrap();
    write(&engine, &bytes[..bytes.len() / 3]);
    make_newer(here);
}

/// Has the store say that a later version of this program wrote it.
fn make_newer(here: &Path) {
    let engine = RedbEngine::open(here.join("newer.store/actors.redb"), 1 << 20).unwrap();
    let record = engine.snapshot().unwrap().get(b"S").unwrap();
    let mut record = record.expect("a store record");
    record[0] = 9;
    let mut batch = Batch::new();
    batch.put(b"S".to_vec(), record);
    engine.commit(&batch).unwrap();
}

/// Every byte of every file, but for the stores whose engines open: an engine notes in its file that it is open, so of
/// the good one what it holds counts.
fn all_there_is(here: &Path) -> (BTreeMap<PathBuf, u64>, String) {
    let mut files = contents(here);
    let opens = ["good.store", "newer.store"].map(|name| here.join(name));
    files.retain(|path, _| !opens.iter().any(|store| path.starts_with(store)));
    let held = run(
        here,
        &["store", "list", "--store", "good.store", "--format", "json"],
    );
    (files, held.stdout)
}

/// Words that cannot stand in a table.
fn spelt<'a>(word: &'a str, long: &'a str) -> &'a str {
    match word {
        "LONG" => long,
        "ODD" => "two\nlines and a bell \u{7}",
        word => word,
    }
}

/// A store with one actor.
fn store(here: &Path, name: &str) {
    let import = [
        "store",
        "import",
        "actor.sqlite",
        "--id",
        "one",
        "--create",
        "--store",
        name,
    ];
    let imported = run(here, &import);
    assert_eq!(imported.code, 0, "{imported:?}");
}

#[test]
fn each_bad_input_gets_one_clear_error_and_changes_nothing() {
    let here = folder();
    playground(here.path());
    let _busy = Store::open_existing(here.path().join("busy.store")).unwrap();
    let before = all_there_is(here.path());
    let (long, mut told) = ("x".repeat(4096), String::new());
    for case in CASES.trim().lines() {
        let [code, story, command] = case.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("{case} has three parts")
        };
        let args: Vec<&str> = command.split(' ').map(|word| spelt(word, &long)).collect();
        let people = run(here.path(), &args);
        assert_eq!(
            (people.code, people.stdout.as_str()),
            (2, ""),
            "{story}: {people:?}"
        );
        assert_eq!(
            people.stderr.matches("error[").count(),
            1,
            "{story}: {people:?}"
        );
        assert!(
            people.stderr.starts_with(&format!("error[{code}]: ")),
            "{story}: {people:?}"
        );
        assert!(people.stderr.contains("= help: "), "{story}: {people:?}");
        let scripts = run(here.path(), &[&args[..], &["--format", "json"]].concat());
        assert_eq!(
            (scripts.code, scripts.stderr.as_str()),
            (2, ""),
            "{story}: {scripts:?}"
        );
        let error = scripts.json()["error"].clone();
        assert_eq!(error["code"], Value::from(code), "{story}");
        assert!(
            !error["message"].as_str().unwrap().is_empty(),
            "{story}: {error}"
        );
        assert!(
            !error["next"].as_str().unwrap().is_empty(),
            "{story}: {error}"
        );
        assert_eq!(
            all_there_is(here.path()),
            before,
            "{story} changed something"
        );
        // The libraries keep the words of their own errors in their own tests.
        if code.starts_with('C') {
            told.push_str(&format!(
                "# {story}\n$ actor-migrate {command}\n{}\n",
                people.stderr
            ));
        }
    }
    insta::assert_snapshot!(told);
}
