//! The demo tells its story and checks every claim of it.

use serde_json::json;

use crate::support::{contents, folder, run, write};

#[test]
fn the_whole_story_holds_on_a_small_fleet() {
    let here = folder();
    insta::assert_snapshot!(run(here.path(), &["demo", "--actors", "24"]).transcript(here.path()));
}

#[test]
fn scripts_get_the_commands_that_were_run_and_a_kept_project_is_usable() {
    let here = folder();
    let demo = run(
        here.path(),
        &[
            "demo", "--actors", "8", "--dir", "kept", "--keep", "--format", "json",
        ],
    );
    assert_eq!((demo.code, demo.stderr.as_str()), (0, ""));
    let shown = demo.json();
    assert_eq!(
        (&shown["actors"], &shown["kept"]),
        (&json!(8), &json!("kept"))
    );
    let commands = shown["commands"].as_array().unwrap();
    assert!(
        commands
            .iter()
            .all(|ran| ran["command"].is_string() && ran["exit"].is_u64()),
        "{shown}"
    );
    assert_eq!(run(&here.path().join("kept"), &["check"]).code, 0);
}

#[test]
fn the_demo_leaves_nothing_behind_and_takes_no_folder_that_is_in_use() {
    let here = folder();
    std::fs::create_dir(here.path().join("empty")).unwrap();
    assert_eq!(
        run(here.path(), &["demo", "--actors", "8", "--dir", "empty"]).code,
        0
    );
    assert!(contents(here.path()).is_empty());
    write(&here.path().join("full/precious.txt"), "precious");
    let refused = run(here.path(), &["demo", "--dir", "full"]);
    assert!(refused.stderr.starts_with("error[C122]: "), "{refused:?}");
    assert_eq!((refused.code, contents(here.path()).len()), (2, 1));
}
