//! `generate`: the module says to JavaScript what the folder says to us.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{contents, finished, folder, run, write};

/// SQL that a careless template literal would change.
const NASTY: [&str; 6] = [
    "CREATE TABLE `notes` (\n\t`id` integer PRIMARY KEY,\n\t`body` text\n);\n",
    "INSERT INTO notes (body) VALUES ('${injected} $${twice} \\n \\\\ \\` $');",
    "-- windows\r\nSELECT 1;\r\n\r--> statement-breakpoint\r\nSELECT 2;",
    "\u{feff}SELECT 'bom, \u{2028} line separator, \u{1} soh, \u{7f} del, ünïcödé 🦀';",
    "",
    "SELECT 'ends with a backslash \\",
];

/// A project with one actor whose journal lists `texts` under `idx`.
fn project(root: &Path, actor: &str, texts: &[(u32, &[u8])]) {
    let drizzle = root.join("src/actors").join(actor).join("db/drizzle");
    let entries: Vec<Value> = texts
        .iter()
        .map(|(idx, sql)| {
            let tag = format!("{idx:04}_step");
            write(&drizzle.join(format!("{tag}.sql")), sql);
            json!({"idx": idx, "version": "6", "when": 1_772_442_930_417_u64 + u64::from(*idx), "tag": tag, "breakpoints": true})
        })
        .collect();
    let journal = json!({"version": "7", "dialect": "sqlite", "entries": entries});
    write(
        &drizzle.join("meta/_journal.json"),
        serde_json::to_string_pretty(&journal).unwrap(),
    );
}

/// What node reads from the generated module, and what it reads from the folder.
const PROBE: &str = r#"
import { readFileSync } from "node:fs";
const [, , module, drizzle] = process.argv;
const { default: built } = await import(module);
const journal = JSON.parse(readFileSync(`${drizzle}/meta/_journal.json`, "utf8"));
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
if (!same(built.journal, journal)) throw new Error("the journal differs");
for (const entry of built.journal.entries) {
  // The look-up of rivetkit/db/drizzle, letter by letter.
  const sql = built.migrations[`m${entry.idx.toString().padStart(4, "0")}`];
  const file = readFileSync(`${drizzle}/${entry.tag}.sql`).toString();
  if (sql !== file) throw new Error(`${entry.tag} differs: ${JSON.stringify(sql)}`);
}
if (Object.keys(built.migrations).length !== built.journal.entries.length) throw new Error("more keys than entries");
console.log(built.journal.entries.length);
"#;

fn probe(db: &Path) -> String {
    // node of every age imports .mjs; the module has no types, so it is JavaScript as it stands.
    std::fs::copy(db.join("migrations.ts"), db.join("migrations.mjs")).unwrap();
    write(&db.join("probe.mjs"), PROBE);
    let module = db.join("migrations.mjs");
    let node = Command::new("node")
        .arg(db.join("probe.mjs"))
        .arg(&module)
        .arg(db.join("drizzle"))
        .output();
    let run = finished(node.expect("node runs: the tests need it"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.stdout.trim().to_owned()
}

#[test]
fn node_reads_back_every_text_and_the_journal_under_the_keys_rivetkit_looks_up() {
    let root = folder();
    let texts: Vec<_> = NASTY
        .iter()
        .zip(0..)
        .map(|(sql, idx)| (idx, sql.as_bytes()))
        .collect();
    project(root.path(), "note", &texts);
    let run = run(root.path(), &["generate"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(
        probe(&root.path().join("src/actors/note/db")),
        NASTY.len().to_string()
    );
}

#[test]
fn bytes_that_are_no_utf8_become_what_javascript_reads() {
    let root = folder();
    project(
        root.path(),
        "note",
        &[(0, b"SELECT '\xff\xfe \xf0\x9f\xa6';")],
    );
    assert_eq!(run(root.path(), &["generate"]).code, 0);
    assert_eq!(probe(&root.path().join("src/actors/note/db")), "1");
}

#[test]
fn holes_in_the_numbering_and_five_digits_keep_their_keys() {
    let root = folder();
    project(
        root.path(),
        "deep/er/note",
        &[
            (0, b"SELECT 0;"),
            (7, b"SELECT 7;"),
            (12345, b"SELECT 12345;"),
        ],
    );
    assert_eq!(run(root.path(), &["generate"]).code, 0);
    assert_eq!(probe(&root.path().join("src/actors/deep/er/note/db")), "3");
}

#[test]
fn check_lists_what_is_stale_and_writes_nothing() {
    let root = folder();
    project(root.path(), "note", &[(0, b"SELECT 0;")]);
    write(
        &root.path().join("src/actors/note/db/drizzle/migrations.js"),
        "export default {}",
    );
    let before = contents(root.path());
    let check = run(root.path(), &["generate", "--check"]);
    insta::assert_snapshot!(check.transcript(root.path()), @"
    exit 1
    --- stdout
    stale: 2 files (1 migration folder)
      missing    src/actors/note/db/migrations.ts
      left over  src/actors/note/db/drizzle/migrations.js
    next: actor-migrate generate
    --- stderr
    ");
    assert_eq!(contents(root.path()), before);
}

#[test]
fn generating_twice_touches_nothing_the_second_time() {
    let root = folder();
    project(root.path(), "note", &[(0, b"SELECT 0;")]);
    project(root.path(), "task", &[(0, b"SELECT 0;")]);
    write(
        &root.path().join("src/actors/note/db/drizzle/migrations.js"),
        "export default {}",
    );
    let first = run(root.path(), &["generate"]);
    insta::assert_snapshot!(first.transcript(root.path()), @"
    exit 0
    --- stdout
    generated: 3 files (2 migration folders)
      created    src/actors/note/db/migrations.ts
      deleted    src/actors/note/db/drizzle/migrations.js
      created    src/actors/task/db/migrations.ts
    --- stderr
    ");
    let file = root.path().join("src/actors/note/db/migrations.ts");
    let written = std::fs::metadata(&file).unwrap().modified().unwrap();
    let second = run(root.path(), &["generate"]);
    insta::assert_snapshot!(second.transcript(root.path()), @"
    exit 0
    --- stdout
    up to date: 2 migration folders
    --- stderr
    ");
    assert_eq!(
        std::fs::metadata(&file).unwrap().modified().unwrap(),
        written
    );
    assert_eq!(
        run(root.path(), &["generate", "--check", "--quiet"]).code,
        0
    );
}

#[test]
fn an_edit_of_one_folder_makes_only_its_module_stale() {
    let root = folder();
    project(root.path(), "note", &[(0, b"SELECT 0;")]);
    project(root.path(), "task", &[(0, b"SELECT 0;")]);
    assert_eq!(run(root.path(), &["generate"]).code, 0);
    project(root.path(), "task", &[(0, b"SELECT 0;"), (1, b"SELECT 1;")]);
    let check = run(root.path(), &["generate", "--check", "--format", "json"]);
    assert_eq!(check.code, 1);
    let expected = json!([{"path": "src/actors/task/db/migrations.ts", "action": "update"}]);
    assert_eq!(check.json()["files"], expected);
}

#[test]
fn one_broken_folder_leaves_every_file_as_it_was() {
    let root = folder();
    project(root.path(), "a", &[(0, b"SELECT 0;")]);
    project(root.path(), "b", &[(0, b"SELECT 0;"), (1, b"SELECT 1;")]);
    std::fs::remove_file(root.path().join("src/actors/b/db/drizzle/0001_step.sql")).unwrap();
    let before = contents(root.path());
    let broken = run(root.path(), &["generate"]);
    assert_eq!(broken.code, 2);
    assert_eq!(contents(root.path()), before);
}

#[test]
fn a_project_without_folders_is_an_error_and_says_where_we_looked() {
    let root = folder();
    let none = run(root.path(), &["generate"]);
    insta::assert_snapshot!(none.transcript(root.path()), @"
    exit 2
    --- stdout
    --- stderr
    error[C106]: no Drizzle folder (`**/db/drizzle`) in here
    --> src/actors
     = help: pass the project that holds src/actors: --root <folder>
    ");
}

#[test]
fn a_module_written_by_hand_is_no_business_of_check() {
    let root = folder();
    project(root.path(), "note", &[(0, b"SELECT 0;")]);
    let db = root.path().join("src/actors/note/db");
    write(
        &db.join("migrations.ts"),
        "// kept by hand\nexport default {};\n",
    );
    let dir = db.join("drizzle");
    assert_eq!(
        run(root.path(), &["check", "--dir", dir.to_str().unwrap()]).code,
        0
    );
    assert_eq!(run(root.path(), &["generate", "--check"]).code, 1);
}

#[test]
fn a_folder_of_drizzle_1_is_refused_by_generate_and_taken_by_check() {
    let root = folder();
    let dir = root.path().join("src/actors/note/db/drizzle");
    write(
        &dir.join("20260302091530_init/migration.sql"),
        "CREATE TABLE t (id integer primary key);",
    );
    insta::assert_snapshot!(run(root.path(), &["generate"]).transcript(root.path()), @"
    exit 2
    --- stdout
    --- stderr
    error[C108]: this is a folder of Drizzle 1.0, and RivetKit's migrator reads a journal
    --> src/actors/note/db/drizzle
     = help: generate this folder with drizzle-kit 0.31, or keep it out of src/actors
    ");
    assert_eq!(
        run(root.path(), &["check", "--dir", dir.to_str().unwrap()]).code,
        0
    );
}
