//! Certificates are recomputed: each way in which one can stop being true is found, by its own code.

use std::fs;

use actor_migrate::squash::{self, SquashOptions, verify_certificates};
use actor_migrate::{Bundle, explain};
use sha2::{Digest, Sha256};

use crate::common::{Folder, folders};

const CHAIN: [(&str, &str); 3] = [
    (
        "0000_a",
        "CREATE TABLE a (b);\n--> statement-breakpoint\nINSERT INTO a VALUES (1);",
    ),
    ("0001_c", "CREATE TABLE c (d);"),
    ("0002_e", "CREATE TABLE e (f);"),
];

fn squash(folder: &Folder, to: Option<&str>) {
    let bundle = Bundle::read(folder.path()).unwrap();
    let mut options = SquashOptions::default();
    options.to = to.map(str::to_owned);
    squash::plan(&bundle, &options)
        .unwrap()
        .write(&bundle)
        .unwrap();
}

fn squashed() -> Folder {
    let folder = Folder::new(&CHAIN);
    squash(&folder, Some("0001_c"));
    folder
}

/// The codes found in a folder, each of which has a page and a next step.
fn found(folder: &Folder) -> Vec<&'static str> {
    let findings = verify_certificates(&Bundle::read(folder.path()).unwrap()).unwrap();
    for finding in &findings {
        assert!(explain(finding.code).is_some(), "{finding:?}");
        assert!(!finding.next().is_empty(), "{finding:?}");
    }
    findings.iter().map(|finding| finding.code).collect()
}

fn edit(folder: &Folder, file: &str, change: impl FnOnce(&str) -> String) {
    let path = folder.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    let changed = change(&text);
    assert_ne!(changed, text);
    fs::write(path, changed).unwrap();
}

const CERTIFICATE: &str = "squashed/0000_baseline.json";
const BASELINE: &str = "0000_baseline.sql";

/// Edits the baseline and certifies the edited file.
fn forge(folder: &Folder, change: impl FnOnce(&str) -> String) {
    let hash = |folder: &Folder| {
        let bytes = fs::read(folder.path().join(BASELINE)).unwrap();
        let digest = Sha256::digest(bytes);
        digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let before = hash(folder);
    edit(folder, BASELINE, change);
    let after = hash(folder);
    edit(folder, CERTIFICATE, |text| text.replace(&before, &after));
}

#[test]
fn what_was_squashed_once_or_twice_and_not_touched_holds() {
    let folder = squashed();
    assert_eq!(found(&folder), [""; 0]);
    squash(&folder, None);
    assert_eq!(found(&folder), [""; 0]);
    assert_eq!(squash::archives(folder.path()).unwrap().len(), 2);
    let names = ["20260101000000_a", "20260102000000_c", "20260103000000_e"];
    let chain = [0, 1, 2].map(|at| (names[at], CHAIN[at].1));
    let folder = folders(&chain);
    squash(&folder, Some(names[1]));
    squash(&folder, None);
    assert_eq!(found(&folder), [""; 0]);
    assert_eq!(found(&Folder::new(&CHAIN)), [""; 0]);
}

#[test]
fn each_file_that_is_missing_or_cannot_be_read_is_found() {
    let folder = squashed();
    edit(&folder, CERTIFICATE, |_| "<<<<<<< HEAD".to_owned());
    assert_eq!(found(&folder), ["L301"]);
    fs::remove_file(folder.path().join(CERTIFICATE)).unwrap();
    assert_eq!(found(&folder), ["L308"]);
    let folder = squashed();
    let archive = folder.path().join("squashed/0000_baseline.tar.gz");
    fs::write(&archive, "another").unwrap();
    assert_eq!(found(&folder), ["L302"]);
    fs::remove_file(&archive).unwrap();
    assert_eq!(found(&folder), ["L302"]);
}

#[test]
fn a_baseline_that_was_renamed_or_edited_is_found() {
    let folder = squashed();
    edit(&folder, BASELINE, |text| format!("-- a word\n{text}"));
    assert_eq!(found(&folder), ["L304"]);
    let folder = squashed();
    edit(&folder, "meta/_journal.json", |text| {
        text.replace("0000_baseline", "0000_other")
    });
    let (old, new) = (
        folder.path().join(BASELINE),
        folder.path().join("0000_other.sql"),
    );
    fs::rename(old, new).unwrap();
    assert_eq!(found(&folder), ["L303"]);
}

#[test]
fn a_certificate_of_another_chain_is_found() {
    for (old, new) in [
        ("\"0001_c\"", "\"0001_z\""),
        ("\"hash\": \"", "\"hash\": \"0"),
        ("1700000000000", "1700000000001"),
    ] {
        let folder = squashed();
        edit(&folder, CERTIFICATE, |text| {
            let (head, tail) = text.split_at(text.find("\"replaces\"").unwrap());
            format!("{head}{}", tail.replacen(old, new, 1))
        });
        assert_eq!(found(&folder), ["L305"], "{old}");
    }
}

#[test]
fn a_baseline_that_does_something_else_is_found_although_it_is_certified() {
    let folder = squashed();
    forge(&folder, |text| {
        text.replace("a (b)", "a (b, extra)")
            .replace("VALUES (1)", "VALUES (1, 2)")
    });
    assert_eq!(found(&folder), ["L306"]);
    let folder = squashed();
    forge(&folder, |text| text.replace("VALUES (1)", "VALUES (2)"));
    assert_eq!(found(&folder), ["L307"]);
    let folder = squashed();
    forge(&folder, |text| {
        text.replace("INSERT INTO a VALUES (1);", "SELECT 1;")
    });
    assert_eq!(found(&folder), ["L307"]);
}

/// Prunes the archive of a baseline.
fn prune(folder: &Folder, baseline: &str) {
    let archives = squash::archives(folder.path()).unwrap();
    let mut named = archives
        .iter()
        .filter(|it| it.certificate.baseline.tag == baseline);
    named.next().unwrap().prune(1).unwrap();
}

#[test]
fn a_pruned_archive_is_not_missed_and_its_baseline_is_still_held_to_its_certificate() {
    let pruned = || {
        let folder = squashed();
        prune(&folder, "0000_baseline");
        folder
    };
    assert_eq!(found(&pruned()), [""; 0]);
    let folder = pruned();
    edit(&folder, BASELINE, |sql| {
        sql.replace("`a`", "a").replace("a (b)", "a (z)")
    });
    assert_eq!(found(&folder), ["L304"]);
    let folder = pruned();
    edit(&folder, CERTIFICATE, |text| {
        text.replace("\"pruned\"", "\"other\"")
    });
    assert_eq!(found(&folder), ["L302"]);
}

#[test]
fn of_two_squashes_either_archive_may_be_pruned_or_both() {
    for baselines in [
        &["0000_baseline"][..],
        &["0000_baseline_2"],
        &["0000_baseline", "0000_baseline_2"],
    ] {
        let folder = squashed();
        squash(&folder, None);
        baselines.iter().for_each(|tag| prune(&folder, tag));
        assert_eq!(found(&folder), [""; 0], "{baselines:?}");
    }
}

#[test]
fn a_folder_whose_archive_was_pruned_is_squashed_again() {
    let folder = squashed();
    prune(&folder, "0000_baseline");
    squash(&folder, None);
    assert_eq!(found(&folder), [""; 0]);
    let archives = squash::archives(folder.path()).unwrap();
    let pruned: Vec<_> = archives.iter().map(squash::Archived::is_pruned).collect();
    assert_eq!(pruned, [true, false]);
}
