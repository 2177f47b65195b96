//! `actor-migrate.toml`: found upward, strict about what it does not know.

use crate::support::{Run, folder, run, write};

fn status(text: &str) -> (Run, String) {
    let here = folder();
    write(&here.path().join("actor-migrate.toml"), text);
    let run = run(here.path(), &["status"]);
    let transcript = run.transcript(here.path());
    (run, transcript)
}

#[test]
fn an_unknown_key_is_shown_where_it_stands() {
    let (_, transcript) =
        status("[[fleet]]\nname = \"workspace\"\ndir = \"drizzle\"\nactor = \"workspace/*\"\n");
    insta::assert_snapshot!(transcript, @r#"
    exit 2
    --- stdout
    --- stderr
    error[C102]: unknown field `actor`, expected one of `name`, `dir`, `plain`, `table`, `namespace`, `history`, `store`, `files`, `actors`
     --> actor-migrate.toml:4:1
      |
    4 | actor = "workspace/*"
      | ^^^^^
      |
      = help: correct the file; for its format: actor-migrate explain C102
    "#);
}

#[test]
fn a_glob_that_cannot_be_read_is_shown_where_it_stands() {
    let (_, transcript) =
        status("[[fleet]]\nname = \"workspace\"\ndir = \"drizzle\"\nactors = \"workspace/[a-\"\n");
    insta::assert_snapshot!(transcript, @r#"
    exit 2
    --- stdout
    --- stderr
    error[C102]: unclosed character class; missing ']'
     --> actor-migrate.toml:4:10
      |
    4 | actors = "workspace/[a-"
      |          ^^^^^^^^^^^^^^^
      |
      = help: correct the file; for its format: actor-migrate explain C102
    "#);
}

#[test]
fn what_is_no_toml_a_second_name_and_two_sources_are_refused() {
    for (text, complaint) in [
        ("[[fleet]\n", "["),
        (
            "[[fleet]]\nname = \"a\"\ndir = \"d\"\n[[fleet]]\nname = \"a\"\ndir = \"e\"\n",
            "two fleets are named `a`",
        ),
        (
            "[[fleet]]\nname = \"a\"\ndir = \"d\"\nstore = \"s\"\nfiles = \"f\"\n",
            "both a store and files",
        ),
        ("[[fleet]]\nname = \"a\"\n", "missing field `dir`"),
    ] {
        let (run, transcript) = status(text);
        assert_eq!(run.code, 2, "{transcript}");
        assert!(
            run.stderr.contains("error[C102]") && run.stderr.contains(complaint),
            "{transcript}"
        );
    }
}

#[test]
fn a_configuration_that_was_asked_for_must_exist() {
    let here = folder();
    let run = run(here.path(), &["status", "--config", "nowhere.toml"]);
    insta::assert_snapshot!(run.transcript(here.path()), @"
    exit 2
    --- stdout
    --- stderr
    error[C103]: cannot read this
    --> nowhere.toml
     = note: No such file or directory (os error 2)
     = help: check that the path is right and that you may read it
    ");
}
