//! Old chains that lie archived beside the baseline: found without anybody naming them.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use actor_migrate::{Bundle, Expected, Layout, Migrator, squash};
use flate2::Compression;
use flate2::write::GzEncoder;
use rusqlite::Connection;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::common::{FIRST_WHEN, Folder, actor, dump, try_drizzle, verdict};

const MINUTE: i64 = 60_000;
const USERS: &str = "CREATE TABLE `users` (`id` integer PRIMARY KEY NOT NULL, `name` text);";
const SEED: &str = "INSERT INTO users VALUES (1, 'root');";
const TAGS: &str = "CREATE TABLE `tags` (`id` integer PRIMARY KEY NOT NULL);";
const NEXT: &str = "CREATE TABLE `next` (`id` integer);";
const LAST: &str = "CREATE TABLE `last` (`id` integer);";

fn chain() -> Folder {
    Folder::new(&[
        ("0000_users", USERS),
        ("0001_seed", SEED),
        ("0002_tags", TAGS),
    ])
}

/// The chain squashed into a baseline that writes the rows in another way, and a migration after it.
fn squashed() -> Folder {
    let rows = "INSERT INTO users (name, id) VALUES ('root', 1);";
    let baseline = [USERS, TAGS, rows].join("\n--> statement-breakpoint\n");
    let folder = Folder::at(&[
        ("0000_base", FIRST_WHEN + 2 * MINUTE, &baseline),
        ("0001_next", FIRST_WHEN + 9 * MINUTE, NEXT),
    ]);
    archive(&chain(), 3, folder.path(), "0000_base");
    folder
}

/// That squashed once more, with the archives of both.
fn squashed_again() -> Folder {
    let before = squashed();
    let baseline = [USERS, TAGS, NEXT].join("\n--> statement-breakpoint\n");
    let folder = Folder::at(&[
        ("0000_again", FIRST_WHEN + 9 * MINUTE, &baseline),
        ("0001_last", FIRST_WHEN + 99 * MINUTE, LAST),
    ]);
    archive(&before, 2, folder.path(), "0000_again");
    for entry in fs::read_dir(before.path().join(squash::FOLDER)).unwrap() {
        let entry = entry.unwrap();
        let to = folder.path().join(squash::FOLDER).join(entry.file_name());
        fs::copy(entry.path(), to).unwrap();
    }
    folder
}

fn hex(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes certificate and archive of the first `replaced` migrations of `old` beside the baseline `tag`.
fn archive(old: &Folder, replaced: usize, folder: &Path, tag: &str) {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let (bundle, expected) = old.read();
    let mut files = vec!["meta/_journal.json".to_owned()];
    files.extend(
        bundle
            .entries
            .iter()
            .map(|entry| format!("{}.sql", entry.tag)),
    );
    files.sort();
    for file in files {
        let content = fs::read(old.path().join(&file)).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, &file, &content[..]).unwrap();
    }
    let mut gzip = tar.into_inner().unwrap();
    gzip.flush().unwrap();
    let packed = gzip.finish().unwrap();
    let fingerprint = |expected: &Expected, at| {
        let print = expected.fingerprint(actor_migrate::Position(at));
        print.unwrap().to_string()
    };
    let replaces = bundle.entries.iter().take(replaced).enumerate();
    let replaces: Vec<_> = replaces
        .map(|(at, entry)| {
            json!({ "tag": entry.tag, "when": entry.when, "hash": entry.hash,
                    "fingerprint": fingerprint(&expected, at + 1) })
        })
        .collect();
    let new = Bundle::read(folder).unwrap();
    let base = new.entries.iter().find(|entry| entry.tag == tag).unwrap();
    let certificate = json!({
        "version": 1,
        "baseline": { "tag": tag, "when": base.when, "hash": base.hash,
                      "fingerprint": fingerprint(&Expected::replay(&new).unwrap(), 1) },
        "layout": "drizzle-0x", "replaces": replaces, "level": "E0", "waivers": [], "data": "rows",
        "archive_sha256": hex(&packed), "sqlite": "3", "tool": "test",
    });
    let into = folder.join(squash::FOLDER);
    fs::create_dir_all(&into).unwrap();
    fs::write(into.join(format!("{tag}.json")), certificate.to_string()).unwrap();
    fs::write(into.join(format!("{tag}.tar.gz")), packed).unwrap();
}

/// Wakes an actor and says what ran.
fn wake(folder: &Folder, conn: &mut Connection) -> Vec<String> {
    let woke = Migrator::open(folder.path()).unwrap().wake(conn);
    woke.unwrap_or_else(|error| panic!("{error}")).applied
}

#[test]
fn an_archive_vouches_for_the_rows_and_brings_actors_half_way_to_its_end() {
    let folder = squashed();
    assert_eq!(verdict(&actor(&chain(), 3), &folder), "squashed safe");
    for ran in 1..3 {
        let mut conn = actor(&chain(), ran);
        assert_eq!(verdict(&conn, &folder), "squashed-behind refuse");
        let mut rest = vec!["0001_seed", "0002_tags", "0001_next"];
        rest.drain(..ran - 1);
        assert_eq!(wake(&folder, &mut conn), rest);
        assert_eq!(try_drizzle(&conn, &folder, 2), Ok(0));
        let users: i64 = conn
            .query_row("SELECT count(*) FROM users", [], |row| row.get(0))
            .unwrap();
        assert_eq!(users, 1);
    }
}

#[test]
fn a_wake_finds_what_was_certified_by_hand_and_nobody_names_it() {
    let folder = squashed();
    fs::remove_dir_all(folder.path().join(squash::FOLDER)).unwrap();
    let before = chain();
    let old = squash::OldFolder::read(before.path(), Layout::DrizzleJournal).unwrap();
    let bundle = Bundle::read(folder.path()).unwrap();
    let stuck = Migrator::open(folder.path()).unwrap();
    assert!(stuck.wake(&mut actor(&chain(), 1)).is_err());
    let plan = squash::certify(&bundle, &old, &BTreeSet::new()).unwrap();
    plan.write().unwrap();
    let woke = wake(&folder, &mut actor(&chain(), 1));
    assert_eq!(woke, ["0001_seed", "0002_tags", "0001_next"]);
    assert_eq!(verdict(&actor(&chain(), 3), &folder), "squashed safe");
    let nothing = squash::certify(&bundle, &old, &BTreeSet::new()).unwrap();
    assert!(nothing.files.is_empty(), "{nothing:?}");
}

#[test]
fn archives_compose() {
    let folder = squashed_again();
    let mut oldest = actor(&chain(), 1);
    let all = ["0001_seed", "0002_tags", "0001_next", "0001_last"];
    assert_eq!(wake(&folder, &mut oldest), all);
    assert_eq!(try_drizzle(&oldest, &folder, 2), Ok(0));
    assert_eq!(
        wake(&folder, &mut actor(&squashed(), 1)),
        ["0001_next", "0001_last"]
    );
    assert_eq!(verdict(&actor(&squashed(), 2), &folder), "squashed safe");
}

#[test]
fn a_healthy_actor_opens_no_archive_and_a_broken_one_is_told_to_the_others() {
    let folder = squashed();
    let archive = folder.path().join("squashed/0000_base.tar.gz");
    fs::write(&archive, b"no archive").unwrap();
    let (bundle, expected) = folder.read();
    let look = |conn: &Connection| {
        actor_migrate::inspect(
            conn,
            &bundle,
            &expected,
            &actor_migrate::InspectOptions::default(),
        )
        .unwrap()
    };
    for ran in 1..3 {
        look(&actor(&folder, ran));
    }
    assert!(!expected.history_is_read());
    let standing = look(&actor(&chain(), 1));
    assert!(expected.history_is_read());
    assert_eq!(standing.verdict.as_str(), "squashed-behind");
    let reason = standing
        .reason
        .unwrap()
        .replace(&folder.path().display().to_string(), "");
    assert_eq!(
        reason,
        "/squashed/0000_base.tar.gz cannot be read as a history: /squashed/0000_base.tar.gz cannot be used as an \
         archive: its sha256 is not the one in the certificate"
    );
}

#[test]
fn a_baseline_that_was_changed_after_it_was_certified_vouches_for_no_rows() {
    let folder = squashed();
    let baseline = folder.path().join("0000_base.sql");
    let sql = fs::read_to_string(&baseline).unwrap();
    fs::write(&baseline, sql.replace("'root'", "'boss'")).unwrap();
    assert_eq!(verdict(&actor(&chain(), 3), &folder), "squashed needs-ack");
}

#[test]
fn wherever_an_actor_stands_on_a_chain_that_squash_replaced_it_wakes_as_if_nothing_had_been() {
    let own = |conn: &Connection| {
        let lines = dump(conn)
            .into_iter()
            .filter(|line| !line.starts_with("__"));
        lines.collect::<Vec<_>>()
    };
    let complete = own(&actor(&chain(), 3));
    for to in [None, Some("0001_seed")] {
        let folder = chain();
        let bundle = Bundle::read(folder.path()).unwrap();
        let mut options = squash::SquashOptions::default();
        options.to = to.map(str::to_owned);
        let plan = squash::plan(&bundle, &options).unwrap();
        plan.write(&bundle).unwrap();
        let kept = usize::from(to.is_some());
        for ran in 1..=3 {
            let mut conn = actor(&chain(), ran);
            let runs = try_drizzle(&actor(&chain(), ran), &folder, 9);
            assert_eq!(
                runs.is_err(),
                ran < 3 - kept,
                "what the stock runner does: {runs:?}"
            );
            assert_eq!(wake(&folder, &mut conn).len(), 3 - ran);
            assert_eq!(verdict(&conn, &folder), "current not-needed");
            assert_eq!(own(&conn), complete, "{to:?} after {ran}");
            assert_eq!(try_drizzle(&conn, &folder, 9), Ok(0));
        }
    }
}
