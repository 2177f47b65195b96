//! The README's stories are what the command prints today.
//!
//! Before each ```console block stands `<!-- story: NAME=FIXTURE… -->`, which says what to copy from `fixtures/`.
//! A line `…` stands for any lines, and a digest is shown by its first digits and `…`.

use crate::support::{copy, fixtures, folder, run};

const README: &str = include_str!("../../../README.md");

/// A block: what it starts from, and its commands with what each prints.
struct Story {
    files: Vec<(String, String)>,
    commands: Vec<(String, Vec<String>)>,
}

fn stories() -> Vec<Story> {
    let after_mark = README.split("<!-- story: ").skip(1);
    after_mark
        .map(|text| {
            let (mark, rest) = text.split_once(" -->\n").expect("a mark ends");
            let block = rest.strip_prefix("```console\n").expect("a block follows");
            let (block, _) = block.split_once("\n```").expect("a block ends");
            let pair = |word: &str| {
                let (name, fixture) = word.split_once('=').expect("NAME=FIXTURE");
                (name.to_owned(), fixture.to_owned())
            };
            Story {
                files: mark.split_whitespace().map(pair).collect(),
                commands: commands(block),
            }
        })
        .collect()
}

fn commands(block: &str) -> Vec<(String, Vec<String>)> {
    let mut commands: Vec<(String, Vec<String>)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ actor-migrate "), commands.last_mut()) {
            (Some(arguments), _) => commands.push((arguments.to_owned(), Vec::new())),
            (None, Some((_, printed))) => printed.push(line.to_owned()),
            (None, None) => panic!("{line:?} stands before any command"),
        }
    }
    commands
}

/// Whether `printed` is `told`, where a line `…` of `told` stands for any lines.
fn is_told(told: &[String], printed: &[&str]) -> bool {
    match (told.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((line, told)), _) if line == "…" => {
            (0..=printed.len()).any(|from| is_told(told, &printed[from..]))
        }
        (Some((line, told)), Some((first, printed))) => {
            let same = match line.strip_suffix('…') {
                Some(start) => first.starts_with(start),
                None => line.trim_end() == first.trim_end(),
            };
            same && is_told(told, printed)
        }
        _ => false,
    }
}

#[test]
fn every_story_of_the_readme_is_what_the_command_prints() {
    let stories = stories();
    assert_eq!(stories.len(), 2, "one for each format of Drizzle");
    for story in stories {
        let here = folder();
        for (name, fixture) in &story.files {
            copy(&fixtures().join(fixture), &here.path().join(name));
        }
        for (arguments, told) in &story.commands {
            let arguments: Vec<_> = arguments.split_whitespace().collect();
            let run = run(here.path(), &arguments);
            assert_eq!(run.stderr, "", "actor-migrate {arguments:?}");
            let printed: Vec<_> = run.stdout.lines().collect();
            assert!(
                is_told(told, &printed),
                "actor-migrate {}\n{}",
                arguments.join(" "),
                run.stdout
            );
        }
    }
}
