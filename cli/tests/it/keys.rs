//! Encrypted stores: made, read, rotated, and refused without their keys.

use std::collections::BTreeMap;
use std::fs;

use crate::support::{Run, contents, fixtures, folder, rows, run, write};

/// What a key file holds; the names that these keys give themselves are in the transcripts.
const OLD: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const NEW: &str = "1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100";

/// A store of two actors, one of them encrypted under the old key.
fn half_encrypted() -> tempfile::TempDir {
    let here = folder();
    private(&here, "old.key", OLD);
    private(
        &here,
        "both.key",
        &format!("# the current one\n{NEW}\n# the former one\n{OLD}\n"),
    );
    private(&here, "new.key", NEW);
    let file = fixtures().join("coding-agent/task/actors/after-8.sqlite");
    let file = file.to_str().unwrap();
    let into = ["--store", "actors.store", "--create"];
    for (id, keys) in [("plain", &[][..]), ("secret", &["--key-file", "old.key"])] {
        let args = [&["store", "import", file, "--id", id][..], &into, keys].concat();
        assert_eq!(run(here.path(), &args).code, 0);
    }
    here
}

fn private(here: &tempfile::TempDir, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = here.path().join(name);
    write(&path, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn verb(here: &tempfile::TempDir, words: &str) -> Run {
    run(here.path(), &words.split(' ').collect::<Vec<_>>())
}

/// The rows of an actor, by way of an export.
fn exported(here: &tempfile::TempDir, actor: &str, keys: &str) -> BTreeMap<String, Vec<String>> {
    let words = format!("store export {actor} out.sqlite --store actors.store --key-file {keys}");
    let run = verb(here, &words);
    assert_eq!(run.code, 0, "{run:?}");
    let rows = rows(&here.path().join("out.sqlite"));
    fs::remove_file(here.path().join("out.sqlite")).unwrap();
    rows
}

#[test]
fn a_store_is_encrypted_and_its_key_rotated_and_every_row_stays() {
    let here = half_encrypted();
    let before = exported(&here, "secret", "old.key");
    assert_eq!(exported(&here, "plain", "old.key"), before);
    let said = |words: &str| verb(&here, words).transcript(here.path());
    insta::assert_snapshot!(said("store keys --store actors.store"), @"
    exit 0
    --- stdout
    KEY               ACTORS  PAST
    495b0160b84a01aa       1     0
    not encrypted          1     0
    2 actors
    --- stderr
    ");
    insta::assert_snapshot!(said("store rekey --all --store actors.store --key-file both.key"), @"
    exit 0
    --- stdout
    encrypted anew: 1 actor
    brought under the current key: 1 actor
    --- stderr
    ");
    insta::assert_snapshot!(said("store keys --store actors.store -v"), @"
    exit 0
    --- stdout
    ACTOR   KEY               PAST
    plain   15fa6f7291768379  -
    secret  15fa6f7291768379  -
    2 actors
    --- stderr
    ");
    insta::assert_snapshot!(said("store rekey --all --store actors.store --key-file both.key"), @"
    exit 0
    --- stdout
    under the current key already: 2 actors
    --- stderr
    ");
    for actor in ["plain", "secret"] {
        assert_eq!(exported(&here, actor, "new.key"), before);
    }
    insta::assert_snapshot!(said("store rekey secret --fresh --store actors.store --key-file new.key"), @"
    exit 0
    --- stdout
    encrypted anew: 1 actor
    --- stderr
    ");
    assert_eq!(exported(&here, "secret", "new.key"), before);
    insta::assert_snapshot!(said("store scrub --store actors.store --key-file new.key"), @"
    exit 0
    --- stdout
    2 actors, 36 pages read and sound: nothing is damaged
    --- stderr
    ");
}

#[test]
fn a_restore_point_outlives_the_key_it_was_made_under() {
    let here = half_encrypted();
    let said = |words: &str| verb(&here, words).transcript(here.path());
    let words = "store restore-point create secret before --store actors.store --key-file old.key";
    assert_eq!(verb(&here, words).code, 0);
    let fresh = "store rekey secret --fresh --store actors.store --key-file";
    assert_eq!(verb(&here, &format!("{fresh} old.key")).code, 0);
    let before = exported(&here, "secret", "old.key");
    insta::assert_snapshot!(said("store rekey secret --store actors.store --key-file both.key"), @"
    exit 0
    --- stdout
    brought under the current key: 1 actor
    --- stderr
    ");
    let words = "store restore secret --point before --store actors.store --key-file new.key --yes";
    let restored = verb(&here, words);
    assert_eq!(restored.code, 0, "{restored:?}");
    assert_eq!(exported(&here, "secret", "new.key"), before);
}

#[test]
fn without_the_right_key_a_run_says_which_key_it_takes_and_changes_nothing() {
    let here = half_encrypted();
    private(&here, "bad.key", &format!("{OLD}\npassword\n"));
    let before = contents(here.path());
    let export = "store export secret out.sqlite --store actors.store";
    let said = |words: &str| verb(&here, words).transcript(here.path());
    insta::assert_snapshot!(said(export), @"
    exit 2
    --- stdout
    --- stderr
    error[S143]: `secret` is encrypted under the key `495b0160b84a01aa`, and the store was opened without keys
    --> actors.store
     = help: open the store with the key file, or the key ring, it was made with
    ");
    insta::assert_snapshot!(said(&format!("{export} --key-file new.key")), @"
    exit 2
    --- stdout
    --- stderr
    error[S144]: `secret` is encrypted under the key `495b0160b84a01aa`, which is not among the keys at hand
    --> actors.store
     = help: give that key as well; if it was destroyed, so was the actor, and it can be deleted
    ");
    insta::assert_snapshot!(said(&format!("{export} --key-file bad.key")), @"
    exit 2
    --- stdout
    --- stderr
    error[S152]: line 2 of bad.key is wrong: a key is 64 hexadecimal digits, and this line has another length
    --> bad.key
     = help: give 64 hexadecimal digits a line, as `store key new` does
    ");
    insta::assert_snapshot!(said(&format!("{export} --key-file none.key")), @"
    exit 2
    --- stdout
    --- stderr
    error[S121]: reading none.key failed
    --> none.key
     = note: entity not found
     = help: see the cause
    ");
    insta::assert_snapshot!(said("store rekey plain --store actors.store"), @"
    exit 2
    --- stdout
    --- stderr
    error[S149]: `plain` cannot be encrypted: the store was opened without keys
    --> plain
     = help: open the store with a key file or a key ring
    ");
    insta::assert_snapshot!(said("store scrub --store actors.store"), @"
    exit 0
    --- stdout
    locked: 1 actor; without the keys, only seals were looked at
    2 actors, 36 pages read and sound: nothing is damaged
    --- stderr
    ");
    let after = contents(here.path());
    // To open the engine writes to its file, whatever is done then.
    let changed = after
        .iter()
        .filter(|(path, hash)| before.get(*path) != Some(hash));
    let changed: Vec<_> = changed.map(|(path, _)| path.file_name().unwrap()).collect();
    assert!(
        changed.iter().all(|name| *name == "actors.redb"),
        "{changed:?}"
    );
    assert_eq!(
        exported(&here, "secret", "old.key"),
        exported(&here, "plain", "old.key")
    );
}

#[test]
fn a_key_file_is_made_once_and_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let here = folder();
    let made = verb(&here, "store key new actors.key --format json");
    assert_eq!(made.code, 0, "{made:?}");
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let path = here.path().join("actors.key");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(&format!("# name: {key}\n")), "{text}");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let again = verb(&here, "store key new actors.key");
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("S132"), "{again:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = verb(&here, "store list --store none --key-file actors.key");
    assert!(
        exposed.stderr.contains("other users can read"),
        "{exposed:?}"
    );
}

#[test]
fn a_folder_of_keys_has_one_for_each_actor_and_an_actor_is_gone_with_its_own() {
    let here = folder();
    fs::create_dir(here.path().join("keys")).unwrap();
    let file = fixtures().join("coding-agent/task/actors/after-8.sqlite");
    for id in ["a", "b"] {
        let words = ["store", "import", file.to_str().unwrap(), "--id", id];
        let into = ["--store", "actors.store", "--create", "--key-file", "keys"];
        assert_eq!(run(here.path(), &[&words[..], &into].concat()).code, 0);
    }
    let keys = || {
        fs::read_dir(here.path().join("keys"))
            .unwrap()
            .map(|it| it.unwrap().path())
    };
    assert_eq!(keys().count(), 2);
    let of_a = keys().find(|path| fs::read_to_string(path).unwrap().contains("`a`"));
    fs::remove_file(of_a.unwrap()).unwrap();
    let gone = verb(
        &here,
        "store export a a.sqlite --store actors.store --key-file keys",
    );
    assert_eq!(gone.code, 2);
    assert!(gone.stderr.contains("S144"), "{gone:?}");
    let there = verb(
        &here,
        "store export b b.sqlite --store actors.store --key-file keys",
    );
    assert_eq!(there.code, 0, "{there:?}");
}

#[test]
fn an_actor_is_deleted_with_its_key_and_a_key_that_a_stopped_run_left_goes_with_the_next() {
    let here = folder();
    let keys = here.path().join("keys");
    fs::create_dir(&keys).unwrap();
    let file = fixtures().join("coding-agent/task/actors/after-8.sqlite");
    for id in ["a", "b", "c"] {
        let words = ["store", "import", file.to_str().unwrap(), "--id", id];
        let into = ["--store", "actors.store", "--create", "--key-file", "keys"];
        assert_eq!(run(here.path(), &[&words[..], &into].concat()).code, 0);
    }
    let left = || fs::read_dir(&keys).unwrap().count();
    let said = |words: &str| verb(&here, words).transcript(here.path());
    insta::assert_snapshot!(said("store delete a --yes --store actors.store --key-file keys"), @"
    exit 0
    --- stdout
    deleted: 1 actor
    destroyed: 1 key
    --- stderr
    ");
    assert_eq!(left(), 2);
    // A run without the folder, or one that is stopped in between, leaves the key.
    assert_eq!(
        verb(&here, "store delete b --yes --store actors.store").code,
        0
    );
    assert_eq!(left(), 2);
    insta::assert_snapshot!(said("store delete b --yes --store actors.store --key-file keys"), @"
    exit 0
    --- stdout
    deleted: 0 actors
    destroyed: 1 key
    --- stderr
    ");
    let again = verb(
        &here,
        "store delete b --yes --store actors.store --key-file keys",
    );
    assert_eq!((again.code, left()), (2, 1), "{again:?}");
    let list = verb(&here, "store list --store actors.store --format json");
    assert!(
        list.stdout.contains("\"c\""),
        "nobody else was deleted: {list:?}"
    );
    let export = "store export c c.sqlite --store actors.store --key-file keys";
    assert_eq!(verb(&here, export).code, 0);
}

#[test]
fn every_verb_on_actors_works_on_encrypted_ones() {
    let here = half_encrypted();
    let dir = fixtures().join("coding-agent/task/chain");
    let dir = dir.to_str().unwrap();
    for verb in ["status", "check", "inspect"] {
        let of = if verb == "inspect" {
            &["secret"][..]
        } else {
            &[]
        };
        let source = ["--store", "actors.store", "--dir", dir];
        let args = [&[verb][..], of, &source, &["--key-file", "old.key"]].concat();
        let run = run(here.path(), &args);
        assert_eq!(run.code, 0, "{verb}: {run:?}");
    }
}
