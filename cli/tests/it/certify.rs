//! `squash --certify`: a squash made by hand gets its certificate, once it is proved, and no other file changes.

use actor_migrate::squash;
use tempfile::TempDir;

use crate::history::{history_0x, repository};
use crate::support::{Run, contents, copy, copy_of, fixtures, folder, run, write};

fn certify(here: &TempDir, more: &[&str]) -> Run {
    let typed = ["squash", "--certify", "--dir", "db/drizzle"];
    run(here.path(), &[&typed[..], more].concat())
}

fn transcript(run: &Run, here: &TempDir) -> String {
    run.transcript(here.path())
}

/// A folder `db/drizzle` squashed by hand: its files, and those of the old folder `old`.
fn by_hand(old: &[(&str, i64, &str)], new: &[(&str, i64, &str)]) -> TempDir {
    let here = folder();
    for (dir, entries) in [("old", old), ("db/drizzle", new)] {
        let dir = here.path().join(dir);
        let mut journal = Vec::new();
        for (idx, (tag, when, sql)) in entries.iter().enumerate() {
            write(&dir.join(format!("{tag}.sql")), sql);
            journal.push(serde_json::json!({ "idx": idx, "when": when, "tag": tag }));
        }
        let journal = serde_json::json!({ "dialect": "sqlite", "entries": journal });
        write(&dir.join("meta/_journal.json"), journal.to_string());
    }
    here
}

const TASKS: &str = "CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT);";
const SEED: &str = "INSERT INTO tasks VALUES (1, 'first');";
const TAGS: &str = "CREATE TABLE tags (name TEXT);";
const CHAIN: [(&str, i64, &str); 3] = [
    ("0000_tasks", 1000, TASKS),
    ("0001_seed", 2000, SEED),
    ("0002_tags", 3000, TAGS),
];

fn joined(statements: &[&str]) -> String {
    statements.join("\n--> statement-breakpoint\n")
}

/// Refused with this transcript, and nothing was changed.
fn refused(here: &TempDir, more: &[&str]) -> String {
    let before = contents(here.path());
    let typed = [&["--history", "old", "--yes"], more].concat();
    let said = certify(here, &typed);
    assert_eq!(contents(here.path()), before);
    transcript(&said, here)
}

#[test]
fn a_squash_of_0_x_made_by_hand_is_proved_against_a_revision_and_certified() {
    let here = history_0x();
    let before = contents(here.path());
    let shown = certify(&here, &["actors", "--history", "v1", "--dry-run"]);
    insta::assert_snapshot!(transcript(&shown, &here), @"
    exit 0
    --- stdout
    would certify: 0000_baseline of db/drizzle replaced 8 migrations
      proved    schema E1, no rows to carry
      added     squashed/0000_baseline.json
      added     squashed/0000_baseline.tar.gz
    warning[L309]: its `when` is after that of 0007_append_only, so a stock runner runs 0000_baseline again on actors that are complete
    --> db/drizzle/0000_baseline.sql
     = help: let `actor-migrate` adopt or wake these actors before any stock runner does

    squashed-behind: 7 of 10 actors have not run all of it: actors/after-1.sqlite, actors/after-2.sqlite, actors/after-3.sqlite, actors/after-4.sqlite and 3 more
      stock runners fail on them; actor-migrate reconcile brings them on from the archive
    next: actor-migrate squash --certify actors --dir db/drizzle --history v1 --yes
    --- stderr
    ");
    assert_eq!(contents(here.path()), before);
    let done = certify(&here, &["--history", "v1", "--yes"]);
    insta::assert_snapshot!(transcript(&done, &here), @"
    exit 0
    --- stdout
    certified: 0000_baseline of db/drizzle replaced 8 migrations
      proved    schema E1, no rows to carry
      added     squashed/0000_baseline.json
      added     squashed/0000_baseline.tar.gz
    warning[L309]: its `when` is after that of 0007_append_only, so a stock runner runs 0000_baseline again on actors that are complete
    --> db/drizzle/0000_baseline.sql
     = help: let `actor-migrate` adopt or wake these actors before any stock runner does

    next: actor-migrate check --dir db/drizzle
    --- stderr
    ");
    let after = contents(here.path());
    let added = after.keys().filter(|path| !before.contains_key(*path));
    let added: Vec<_> = added.filter_map(|path| path.file_name()).collect();
    assert_eq!(added, ["0000_baseline.json", "0000_baseline.tar.gz"]);
    assert!(before.iter().all(|(path, hash)| after[path] == *hash));
    let again = certify(&here, &["--history", "v1", "--yes"]);
    insta::assert_snapshot!(transcript(&again, &here), @"
    exit 0
    --- stdout
    nothing to do: 0000_baseline of db/drizzle replaced 8 migrations
      proved    schema E1, no rows to carry
    warning[L309]: its `when` is after that of 0007_append_only, so a stock runner runs 0000_baseline again on actors that are complete
    --> db/drizzle/0000_baseline.sql
     = help: let `actor-migrate` adopt or wake these actors before any stock runner does

    next: actor-migrate check --dir db/drizzle
    --- stderr
    ");
    assert_eq!(contents(here.path()), after);
}

#[test]
fn what_is_certified_is_known_to_every_verb_without_its_history() {
    for fixture in ["coding-agent/history", "drizzle-1"] {
        let here = repository(&fixtures().join(fixture));
        let verb = |verb: &str, more: &[&str]| {
            let typed = [verb, "actors", "--dir", "db/drizzle"];
            run(here.path(), &[&typed[..], more].concat())
        };
        assert_eq!(verb("reconcile", &["--dry-run"]).code, 1, "{fixture}");
        let allow = ["--allow", "written-otherwise"];
        let done = certify(&here, &[&["--history", "v1", "--yes"], &allow[..]].concat());
        assert_eq!(done.code, 0, "{done:?}");
        let adopted = verb("adopt", &["--yes"]);
        assert!(
            adopted.stdout.contains("squashed -> current"),
            "{adopted:?}"
        );
        let done = verb("reconcile", &["--yes"]);
        assert_eq!(done.code, 0, "{done:?}");
        assert!(
            done.stdout.contains("squashed-behind -> current"),
            "{done:?}"
        );
        assert_eq!(verb("check", &[]).code, 0);
    }
}

#[test]
fn a_squash_of_1_0_made_by_hand_is_certified_from_an_old_folder() {
    let here = folder();
    let fixture = fixtures().join("drizzle-1");
    copy(&fixture.join("chain"), &here.path().join("old"));
    copy(&fixture.join("squashed"), &here.path().join("db/drizzle"));
    insta::assert_snapshot!(refused(&here, &[]), @"
    exit 2
    --- stdout
    --- stderr
    error[M196]: 20260601103041_baseline cannot be certified: its schema is only E2 to that of the old chain; `--allow` written-otherwise
    --> db/drizzle
     = help: correct the baseline, or name another `--history`; what a person may accept, the reason names
    ");
    let typed = ["--history", "old", "--allow", "written-otherwise", "--yes"];
    let done = certify(&here, &typed);
    insta::assert_snapshot!(transcript(&done, &here), @"
    exit 0
    --- stdout
    certified: 20260601103041_baseline of db/drizzle replaced 7 migrations
      proved    schema E2, no rows to carry, accepted: written-otherwise
      added     squashed/20260601103041_baseline.json
      added     squashed/20260601103041_baseline.tar.gz
    warning[L309]: it has another name than 20260301005412_open_threads, so a stock runner runs 20260601103041_baseline again on actors that are complete
    --> db/drizzle/20260601103041_baseline/migration.sql
     = help: let `actor-migrate` adopt or wake these actors before any stock runner does

    next: actor-migrate check --dir db/drizzle
    --- stderr
    ");
    let json = certify(&here, &[&typed[..], &["--format", "json"]].concat()).json();
    let written = here
        .path()
        .join("db/drizzle/squashed/20260601103041_baseline.json");
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(written).unwrap()).unwrap();
    assert_eq!(json["certificate"], written);
    assert_eq!(json["findings"][0]["code"], "L309");
    let bundle = actor_migrate::Bundle::read(here.path().join("db/drizzle")).unwrap();
    assert_eq!(squash::verify_certificates(&bundle).unwrap(), []);
}

#[test]
fn the_chain_that_was_replaced_must_be_named() {
    let here = history_0x();
    insta::assert_snapshot!(transcript(&certify(&here, &["--dry-run"]), &here), @"
    exit 2
    --- stdout
    --- stderr
    error[C134]: a certificate is of the one old chain that was replaced; 0 are named
    --> db/drizzle
     = help: name an old folder, or a revision that has this folder: --history <revision or folder>
    ");
    let two = ["--history", "v1", "--history", "HEAD", "--dry-run"];
    assert!(certify(&here, &two).stderr.contains("C134"));
    insta::assert_snapshot!(transcript(&certify(&here, &["--history", "v9", "--dry-run"]), &here), @"
    exit 2
    --- stdout
    --- stderr
    error[C136]: the history `v9` is no folder, and git knows no such revision of this
    --> db/drizzle
     = note: Not a valid object name v9:./
     = help: name an old folder, or a revision that has this folder: --history <revision or folder>
    ");
}

#[test]
fn nobody_to_ask_changes_nothing() {
    let here = history_0x();
    let before = contents(here.path());
    let said = certify(&here, &["--history", "v1"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("C131"), "{said:?}");
    assert_eq!(contents(here.path()), before);
}

#[test]
fn a_baseline_with_another_schema_is_refused_by_what_differs() {
    let other = joined(&[TASKS, SEED, "CREATE TABLE tags (label TEXT);"]);
    let here = by_hand(&CHAIN, &[("0000_base", 3000, &other)]);
    insta::assert_snapshot!(refused(&here, &[]), @"
    exit 2
    --- stdout
    --- stderr
    error[M196]: 0000_base cannot be certified: its schema is another one than that of the old chain: column-missing:tags.name, column-extra:tags.label
    --> db/drizzle
     = help: correct the baseline, or name another `--history`; what a person may accept, the reason names
    ");
    let order = "CREATE TABLE tasks (title TEXT, id INTEGER PRIMARY KEY);";
    let seed = "INSERT INTO tasks (id, title) VALUES (1, 'first');";
    let here = by_hand(
        &CHAIN,
        &[("0000_base", 3000, &joined(&[order, seed, TAGS]))],
    );
    insta::assert_snapshot!(refused(&here, &[]), @"
    exit 2
    --- stdout
    --- stderr
    error[M196]: 0000_base cannot be certified: its schema is only E3 to that of the old chain; `--allow` column-order:tasks
    --> db/drizzle
     = help: correct the baseline, or name another `--history`; what a person may accept, the reason names
    ");
}

#[test]
fn rows_that_the_baseline_does_not_carry_are_refused_until_a_person_accepts_them() {
    let here = by_hand(&CHAIN, &[("0000_base", 3000, &joined(&[TASKS, TAGS]))]);
    insta::assert_snapshot!(refused(&here, &[]), @"
    exit 2
    --- stdout
    --- stderr
    error[M196]: 0000_base cannot be certified: it gives tasks other rows in a new database than the old chain; `--allow rows`
    --> db/drizzle
     = help: correct the baseline, or name another `--history`; what a person may accept, the reason names
    ");
    let typed = [
        "--history",
        "old",
        "--yes",
        "--allow",
        "rows",
        "--format",
        "json",
    ];
    let json = certify(&here, &typed).json();
    assert_eq!(json["certificate"]["data"], "waived");
    assert_eq!(json["certificate"]["waivers"], serde_json::json!(["rows"]));
}

#[test]
fn rows_by_the_clock_are_refused_until_a_person_accepts_them() {
    let born = "INSERT INTO tasks VALUES (2, unixepoch());";
    let chain = [CHAIN[0], ("0001_born", 2000, born), CHAIN[2]];
    let here = by_hand(
        &chain,
        &[("0000_base", 3000, &joined(&[TASKS, born, TAGS]))],
    );
    insta::assert_snapshot!(refused(&here, &[]), @"
    exit 2
    --- stdout
    --- stderr
    error[M165]: the rows that 0001_born writes into tasks are other ones in each new database
    --> db/drizzle
     = help: squash up to the migration before it with `--to`, or accept it with `--allow nondeterministic`
    ");
    let typed = ["--history", "old", "--yes", "--allow", "nondeterministic"];
    let done = certify(&here, &typed);
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn a_folder_that_is_not_the_old_one_with_its_beginning_replaced_is_refused() {
    let same = by_hand(&CHAIN, &CHAIN);
    insta::assert_snapshot!(refused(&same, &[]), @"
    exit 2
    --- stdout
    --- stderr
    error[M196]: 0000_tasks cannot be certified: it is a migration of old and replaced none
    --> db/drizzle
     = help: correct the baseline, or name another `--history`; what a person may accept, the reason names
    ");
    let base = joined(&[TASKS, SEED]);
    let astray = by_hand(
        &CHAIN,
        &[
            ("0000_base", 2000, &base),
            ("0001_new", 2500, "CREATE TABLE n (a);"),
            CHAIN[2],
        ],
    );
    insta::assert_snapshot!(refused(&astray, &[]), @"
    exit 2
    --- stdout
    --- stderr
    error[M196]: 0000_base cannot be certified: 0002_tags does not follow it as it followed 0001_seed in old
    --> db/drizzle
     = help: correct the baseline, or name another `--history`; what a person may accept, the reason names
    ");
}

#[test]
fn a_baseline_that_keeps_the_last_time_needs_no_warning_and_one_that_is_older_gets_one() {
    let base = joined(&[TASKS, SEED]);
    let kept = |when| by_hand(&CHAIN, &[("0000_base", when, &base), CHAIN[2]]);
    let codes = |here: &TempDir| {
        let json = certify(here, &["--history", "old", "--dry-run", "--format", "json"]).json();
        json["findings"].clone()
    };
    assert_eq!(codes(&kept(2000)), serde_json::json!([]));
    assert_eq!(
        codes(&kept(1500)),
        serde_json::json!([]),
        "nobody stands between"
    );
    assert_eq!(codes(&kept(2500))[0]["code"], "L309");
    let here = kept(1000);
    assert_eq!(codes(&here)[0]["code"], "L310");
    let done = certify(&here, &["--history", "old", "--yes"]);
    insta::assert_snapshot!(transcript(&done, &here), @"
    exit 0
    --- stdout
    certified: 0000_base of db/drizzle replaced 2 migrations
      proved    schema E0, rows carried by the statements that wrote them
      added     squashed/0000_base.json
      added     squashed/0000_base.tar.gz
    warning[L310]: a stock runner skips 0000_base in silence on actors that came as far as 0000_tasks and not to 0001_seed
    --> db/drizzle/0000_base.sql
     = help: let `actor-migrate reconcile` or a wake bring these actors on before any stock runner does

    next: actor-migrate check --dir db/drizzle
    --- stderr
    ");
}

#[test]
fn what_is_not_ours_in_the_place_of_the_two_files_stays() {
    let here = history_0x();
    let squashed = here.path().join("db/drizzle/squashed");
    let certified = || certify(&here, &["--history", "v1", "--yes"]);
    write(&squashed.join("0000_baseline.tar.gz"), "somebody's");
    insta::assert_snapshot!(transcript(&certified(), &here), @"
    exit 2
    --- stdout
    --- stderr
    error[M196]: 0000_baseline cannot be certified: another squashed/0000_baseline.tar.gz is there without a certificate
    --> db/drizzle
     = help: correct the baseline, or name another `--history`; what a person may accept, the reason names
    ");
    std::fs::remove_dir_all(&squashed).unwrap();
    assert_eq!(certified().code, 0);
    let whole = contents(here.path());
    // As after a crash between the two: the archive is there and its certificate is not.
    std::fs::remove_file(squashed.join("0000_baseline.json")).unwrap();
    assert_eq!(certified().code, 0);
    assert_eq!(contents(here.path()), whole);
}

#[test]
fn a_folder_that_the_tool_squashed_itself_has_its_certificate() {
    let here = copy_of("ledgers/chain", "db/drizzle");
    copy(&fixtures().join("ledgers/chain"), &here.path().join("old"));
    let squashed = run(here.path(), &["squash", "--dir", "db/drizzle", "--yes"]);
    assert_eq!(squashed.code, 0, "{squashed:?}");
    let before = contents(here.path());
    let said = certify(&here, &["--history", "old", "--yes"]);
    assert!(said.stdout.starts_with("nothing to do"), "{said:?}");
    assert_eq!(contents(here.path()), before);
}

#[test]
fn a_run_that_is_cut_off_leaves_an_archive_and_never_a_certificate_without_one() {
    let here = history_0x();
    let squashed = here.path().join("db/drizzle/squashed");
    let certified = || certify(&here, &["--history", "v1", "--yes"]);
    // Nothing can be written where a folder stands.
    let in_the_way = squashed.join(".0000_baseline.json.new");
    std::fs::create_dir_all(&in_the_way).unwrap();
    let said = certified();
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("M169"), "{said:?}");
    assert!(squashed.join("0000_baseline.tar.gz").exists());
    assert!(!squashed.join("0000_baseline.json").exists());
    std::fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(certified().code, 0);
    assert!(squashed.join("0000_baseline.json").exists());
}

#[test]
fn a_difference_that_a_person_accepts_by_name_is_in_the_certificate() {
    let order = "CREATE TABLE tags (label TEXT, name TEXT);";
    let chain = [
        CHAIN[0],
        CHAIN[1],
        (
            "0002_tags",
            3000,
            "CREATE TABLE tags (name TEXT, label TEXT);",
        ),
    ];
    let here = by_hand(
        &chain,
        &[("0000_base", 3000, &joined(&[TASKS, SEED, order]))],
    );
    let typed = ["--history", "old", "--yes", "--format", "json", "--allow"];
    assert_eq!(
        certify(&here, &[&typed[..], &["column-order:tasks"]].concat()).code,
        2
    );
    let json = certify(&here, &[&typed[..], &["column-order:tags"]].concat()).json();
    assert_eq!(json["certificate"]["level"], "E3");
    assert_eq!(
        json["certificate"]["waivers"],
        serde_json::json!(["column-order:tags"])
    );
    let bundle = actor_migrate::Bundle::read(here.path().join("db/drizzle")).unwrap();
    assert_eq!(squash::verify_certificates(&bundle).unwrap(), []);
}

#[test]
fn plain_files_are_certified_from_an_old_folder_of_plain_files() {
    let here = folder();
    for (file, sql) in [
        ("old/0001_tasks.sql", TASKS.to_owned()),
        ("old/0002_tags.sql", TAGS.to_owned()),
        (
            "db/drizzle/0002_tags.sql",
            joined(&[TASKS, TAGS]).replace("--> statement-breakpoint", ""),
        ),
    ] {
        write(&here.path().join(file), sql);
    }
    let done = certify(
        &here,
        &["--plain", "--history", "old", "--yes", "--format", "json"],
    )
    .json();
    assert_eq!(done["certificate"]["layout"], "plain-files");
    assert_eq!(
        done["findings"],
        serde_json::json!([]),
        "it keeps the last name"
    );
    assert_eq!(done["next"], "actor-migrate check --dir db/drizzle --plain");
}

#[test]
fn what_came_after_the_baseline_must_run_after_the_old_chain_as_well() {
    let base = joined(&[TASKS, TAGS]);
    let again = ("0001_again", 4000, SEED);
    let here = by_hand(&CHAIN, &[("0000_base", 3000, &base), again]);
    let said = refused(&here, &["--allow", "rows"]);
    assert!(
        said.contains("error[M196]: 0000_base cannot be certified: what follows it fails"),
        "{said}"
    );
}
