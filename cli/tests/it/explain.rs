//! Every code that an error can show has a page.

use std::collections::BTreeSet;

use crate::support::{folder, run};

/// The sources that give errors their codes.
const SOURCES: [&str; 5] = [
    include_str!("../../src/error/mod.rs"),
    include_str!("../../../vfs/src/error.rs"),
    include_str!("../../../vfs/src/keys/error.rs"),
    include_str!("../../../migrate/src/error.rs"),
    include_str!("../../../migrate/src/error/squash.rs"),
];

/// Every literal such as "C101" in those sources.
fn codes_in_sources() -> BTreeSet<String> {
    let is_code = |word: &&str| {
        let digits = word.strip_prefix(['C', 'S', 'M']).unwrap_or_default();
        digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let words = SOURCES.iter().flat_map(|source| source.split('"'));
    words.filter(is_code).map(String::from).collect()
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let here = folder();
    let index = run(here.path(), &["explain", "--format", "json"]).json();
    let codes = index["codes"].as_array().unwrap().iter();
    let listed: BTreeSet<_> = codes
        .map(|it| it["code"].as_str().unwrap().to_owned())
        .collect();
    // H codes are hazards and L codes findings about a folder: answers of the migrator, not errors.
    let errors = listed
        .iter()
        .filter(|code| !code.starts_with(['H', 'L']))
        .cloned()
        .collect();
    assert_eq!(codes_in_sources(), errors);
    for code in listed {
        let page = run(here.path(), &["explain", &code.to_lowercase()]).stdout;
        assert!(page.starts_with(&format!("# {code}: ")), "{page}");
    }
}

/// Everything that follows `actor-migrate ` in a text and looks like a verb.
fn verbs_named(text: &str) -> BTreeSet<String> {
    let words = text.split("actor-migrate ").skip(1);
    let words = words.map(|rest| {
        rest.split(|c: char| !c.is_ascii_lowercase())
            .next()
            .unwrap_or_default()
    });
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The verbs that the command has, as its own help lists them.
fn verbs_there(here: &std::path::Path) -> BTreeSet<String> {
    let help = run(here, &["--help"]).stdout;
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let list = list.lines().take_while(|line| !line.is_empty());
    list.filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_verb_that_a_page_or_a_hint_names_exists() {
    let here = folder();
    let there = verbs_there(here.path());
    assert!(there.contains("apply"), "{there:?}");
    let index = run(here.path(), &["explain", "--format", "json"]).json();
    for entry in index["codes"].as_array().unwrap() {
        let code = entry["code"].as_str().unwrap();
        let named = verbs_named(&run(here.path(), &["explain", code]).stdout);
        let missing: Vec<_> = named.difference(&there).collect();
        assert!(missing.is_empty(), "{code} names {missing:?}");
    }
    let advice = include_str!("../../../migrate/src/verdict/advice.rs");
    let named = verbs_named(&[advice, SOURCES[0]].concat());
    assert!(named.contains("adopt"), "{named:?}");
    assert!(named.is_subset(&there), "{named:?}");
}

#[test]
fn an_unknown_code_is_an_error() {
    let here = folder();
    insta::assert_snapshot!(run(here.path(), &["explain", "X1"]).transcript(here.path()), @"
    exit 2
    --- stdout
    --- stderr
    error[C107]: there is no error code `X1`
     |
     = help: for all codes: actor-migrate explain
    ");
}
