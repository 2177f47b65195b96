//! What a squash leaves, and what is read of it.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::bundle::{Layout, Millis};
use crate::replay::Expected;
use crate::schema::Level;

const JOURNAL: &str = r#"{"version":"7","dialect":"sqlite","entries":[
    {"idx":0,"version":"6","when":1700000000000,"tag":"0000_a","breakpoints":true}]}"#;
const SQL: &str = "CREATE TABLE a (b);";

/// A folder whose one migration `0000_base` replaced `0000_a`, with certificate and archive.
pub(super) fn squashed() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let old = archive::Files::from([
        ("meta/_journal.json".to_owned(), JOURNAL.into()),
        ("0000_a.sql".to_owned(), SQL.into()),
    ]);
    fs::create_dir_all(dir.path().join("meta")).unwrap();
    fs::create_dir_all(dir.path().join(FOLDER)).unwrap();
    fs::write(dir.path().join("0000_base.sql"), SQL).unwrap();
    let journal = JOURNAL.replace("0000_a", "0000_base");
    fs::write(dir.path().join("meta/_journal.json"), journal).unwrap();
    let packed = archive::pack(&old).unwrap();
    let certificate = certificate(dir.path(), &packed).to_json().unwrap();
    fs::write(dir.path().join("squashed/0000_base.json"), certificate).unwrap();
    fs::write(dir.path().join("squashed/0000_base.tar.gz"), packed).unwrap();
    dir
}

fn certificate(dir: &Path, archive: &[u8]) -> Certificate {
    let bundle = Bundle::read(dir).unwrap();
    let expected = Expected::replay(&bundle).unwrap();
    let fingerprint = expected.fingerprint(expected.end()).unwrap();
    let (when, hash) = (Millis(1_700_000_000_000), sha256_hex(SQL.as_bytes()));
    Certificate {
        version: Certificate::version(),
        baseline: Baseline {
            tag: "0000_base".to_owned(),
            when,
            hash: hash.clone(),
            fingerprint,
        },
        layout: Layout::DrizzleJournal,
        replaces: vec![Replaced {
            tag: "0000_a".to_owned(),
            when,
            hash,
            fingerprint,
            data_statements: Vec::new(),
        }],
        level: Level::E0,
        waivers: Vec::new(),
        data: Carried::Nothing,
        archive_sha256: sha256_hex(archive),
        sqlite: rusqlite::version().to_owned(),
        tool: "actor-migrate".to_owned(),
        pruned: None,
    }
}

/// The one archived chain of a folder in which `file` was changed.
fn changed(
    file: &str,
    change: impl FnOnce(String) -> String,
) -> Result<Vec<Archived>, MigrateError> {
    let dir = squashed();
    let path = dir.path().join(FOLDER).join(file);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, change(text)).unwrap();
    archives(dir.path())
}

#[test]
fn an_archived_chain_reads_back_as_the_folder_that_it_was() {
    let dir = squashed();
    let found = archives(dir.path()).unwrap();
    assert_eq!(found.len(), 1);
    let old = found[0].bundle().unwrap();
    assert_eq!(old.entries.len(), 1);
    let (entry, replaced) = (&old.entries[0], &found[0].certificate.replaces[0]);
    assert_eq!((&entry.tag, &entry.hash), (&replaced.tag, &replaced.hash));
    assert!(entry.file.ends_with("0000_base.tar.gz/0000_a.sql"));
}

#[test]
fn the_folder_of_certificates_is_no_migration_and_a_folder_without_one_has_no_archives() {
    let dir = squashed();
    assert_eq!(Bundle::read(dir.path()).unwrap().entries.len(), 1);
    fs::remove_dir_all(dir.path().join(FOLDER)).unwrap();
    assert!(archives(dir.path()).unwrap().is_empty());
}

#[test]
fn archives_are_not_read_before_somebody_asks() {
    let dir = squashed();
    let archive = dir.path().join("squashed/0000_base.tar.gz");
    fs::write(&archive, b"another").unwrap();
    let found = archives(dir.path()).unwrap();
    let error = found[0].bundle().unwrap_err();
    assert_eq!(error.code(), "M161");
    assert!(error.to_string().contains("sha256"), "{error}");
    fs::remove_file(&archive).unwrap();
    let error = found[0].bundle().unwrap_err();
    assert_eq!(error.code(), "M161");
    assert!(error.to_string().contains("no such file"), "{error}");
}

#[test]
fn a_certificate_that_is_not_ours_is_one_clear_error() {
    let reason = |change: fn(String) -> String| {
        let error = changed("0000_base.json", change).unwrap_err();
        assert_eq!(error.code(), "M160");
        error.to_string()
    };
    assert!(reason(|_| "<<<<<<< HEAD".to_owned()).contains("line 1"));
    let newer = reason(|text| text.replace("\"version\": 1", "\"version\": 2"));
    assert!(newer.contains("version 2, not 1"), "{newer}");
    let renamed = reason(|text| text.replace("0000_base", "0000_other"));
    assert!(renamed.contains("its name says 0000_base"), "{renamed}");
    let odd = reason(|text| text.replacen("fingerprint\": \"", "fingerprint\": \"zz", 1));
    assert!(odd.contains("64 hexadecimal digits"), "{odd}");
}
