//! Bad usage is exit 2 with a code and a next step, in both formats.

use serde_json::json;

use crate::support::{folder, run};

#[test]
fn an_unknown_flag_is_named_with_the_nearest_known_one() {
    let here = folder();
    insta::assert_snapshot!(run(here.path(), &["generate", "--chek"]).transcript(here.path()), @"
    exit 2
    --- stdout
    --- stderr
    error[C101]: unexpected argument '--chek' found
     |
     = note: a similar argument exists: '--check'
     = note: Usage: actor-migrate generate --check
     = help: for its options: actor-migrate generate --help
    ");
}

#[test]
fn scripts_get_bad_usage_as_json() {
    let here = folder();
    let bad = run(here.path(), &["--format", "json", "generate", "--nope"]);
    assert_eq!((bad.code, bad.stderr.as_str()), (2, ""));
    let error = &bad.json()["error"];
    assert_eq!(error["code"], json!("C101"));
    assert_eq!(
        error["next"],
        json!("for its options: actor-migrate generate --help")
    );
    assert_eq!(
        run(here.path(), &["--format=json", "nope"]).json()["error"]["code"],
        json!("C101")
    );
}

#[test]
fn every_help_ends_with_examples() {
    let here = folder();
    let help = run(here.path(), &["--help"]);
    assert_eq!(help.code, 0);
    let verbs = help.stdout.split("Commands:\n").nth(1).unwrap().lines();
    let verbs: Vec<_> = verbs
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(verbs.contains(&"generate"), "{verbs:?}");
    for verb in verbs.into_iter().filter(|verb| *verb != "help") {
        let help = run(here.path(), &[verb, "--help"]);
        let examples = help.stdout.split("Examples:\n").nth(1);
        let examples = examples.unwrap_or_else(|| panic!("{verb} --help has no examples"));
        assert!(
            examples.trim_start().starts_with("actor-migrate "),
            "{examples}"
        );
    }
}

#[test]
fn without_a_verb_the_help_is_shown_and_the_exit_code_is_that_of_bad_usage() {
    let here = folder();
    let none = run(here.path(), &[]);
    assert_eq!((none.code, none.stdout.as_str()), (2, ""));
    assert!(
        none.stderr.contains("Usage: actor-migrate"),
        "{}",
        none.stderr
    );
}
