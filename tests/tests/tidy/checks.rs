//! Holds the facts of each file against the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::rules::{
    FILE_LINES_MAX, FUNCTION_LINES_MAX, PACKAGES, ROOMS, TEST_FUNCTION_LINES_MAX, UNSAFE_ROOMS,
};
use crate::source::Source;

/// One thing to tidy, with its place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

pub(crate) fn source_findings(sources: &[Source]) -> Vec<Finding> {
    let tests = test_files(sources);
    let exports = root_exports(sources);
    let mut found = Vec::new();
    for source in sources {
        let is_test = tests.contains(&source.path);
        let mut say = |line: usize, message: String| {
            found.push(Finding {
                path: source.path.clone(),
                line,
                message,
            });
        };
        opening(source, &mut say);
        lengths(source, is_test, &mut say);
        unsafety(source, &mut say);
        silence(source, &mut say);
        if !is_test {
            arrows(source, &exports, &mut say);
        }
    }
    found.extend(codes(sources));
    found.sort();
    found.dedup();
    found
}

fn opening(source: &Source, say: &mut impl FnMut(usize, String)) {
    if !source
        .lines
        .first()
        .is_some_and(|line| line.starts_with("//! "))
    {
        say(
            1,
            "open the file with one `//!` sentence: what it owns".to_owned(),
        );
    }
}

fn lengths(source: &Source, is_test: bool, say: &mut impl FnMut(usize, String)) {
    let lines = source.production_lines();
    if !is_test && lines > FILE_LINES_MAX {
        say(
            1,
            format!("{lines} lines of production code, at most {FILE_LINES_MAX}"),
        );
    }
    for function in &source.functions {
        let max = if is_test || function.in_test {
            TEST_FUNCTION_LINES_MAX
        } else {
            FUNCTION_LINES_MAX
        };
        let lines = function.lines.clone().count();
        if lines > max {
            let name = &function.name;
            say(
                *function.lines.start(),
                format!("`{name}` has {lines} lines, at most {max}"),
            );
        }
    }
}

fn unsafety(source: &Source, say: &mut impl FnMut(usize, String)) {
    let allowed = UNSAFE_ROOMS
        .iter()
        .any(|room| source.path.starts_with(room));
    for found in &source.unsafe_uses {
        if !allowed {
            say(found.line, "`unsafe` outside the shim".to_owned());
        }
        if found.promises && !has_safety_comment(&source.lines[..found.line]) {
            say(
                found.line,
                "`unsafe` without a `// SAFETY:` comment above it".to_owned(),
            );
        }
    }
}

/// Looks upwards from the last line, as far as its statement reaches.
fn has_safety_comment(lines: &[String]) -> bool {
    let (_, above) = lines.split_last().expect("the line of the block itself");
    let mut above = above.iter().rev().map(|line| line.trim());
    above
        .find(|line| line.starts_with("// SAFETY:") || ends_statement(line))
        .is_some_and(|line| line.starts_with("// SAFETY:"))
}

fn ends_statement(line: &str) -> bool {
    let is_comment = line.starts_with("//");
    !is_comment && (line.is_empty() || [";", "{", "}", "},"].iter().any(|end| line.ends_with(end)))
}

fn silence(source: &Source, say: &mut impl FnMut(usize, String)) {
    for line in &source.silenced {
        say(
            *line,
            "silence a lint by `#[expect(…, reason = \"…\")]`".to_owned(),
        );
    }
}

fn arrows(
    source: &Source,
    exports: &BTreeMap<String, String>,
    say: &mut impl FnMut(usize, String),
) {
    let crate_root = crate_root(&source.path);
    for room in ROOMS.iter().filter(|room| source.path.starts_with(room.at)) {
        for name in source.names.iter().filter(|name| !name.in_test) {
            let direct = name.path.split("::").take(2).collect::<Vec<_>>().join("::");
            let path = exports
                .get(&format!("{crate_root}{direct}"))
                .unwrap_or(&name.path);
            if let Some(never) = room.never.iter().find(|never| is_below(path, never)) {
                say(name.line, format!("`{}` may not use `{never}`", room.at));
            }
        }
    }
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// What each crate's root re-exports: `vfs/src/crate::Store` stands for `crate::store::Store`.
fn root_exports(sources: &[Source]) -> BTreeMap<String, String> {
    let roots = sources
        .iter()
        .filter(|source| source.path.ends_with("src/lib.rs"));
    let export = |source: &Source, path: &str| {
        let name = path.rsplit("::").next().unwrap_or(path);
        let crate_root = crate_root(&source.path);
        let whole = format!("crate::{}", path.trim_start_matches("crate::"));
        (format!("{crate_root}crate::{name}"), whole)
    };
    roots
        .flat_map(|source| {
            source
                .names
                .iter()
                .map(move |name| export(source, &name.path))
        })
        .collect()
}

fn crate_root(path: &str) -> &str {
    path.find("src/")
        .map_or("", |at| &path[..at + "src/".len()])
}

/// Files that only tests compile: by their place, or because their parent says `#[cfg(test)] mod name;`.
fn test_files(sources: &[Source]) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for source in sources {
        let stem = source.path.trim_end_matches(".rs");
        let folder = ["/mod", "/lib", "/main"]
            .iter()
            .find_map(|end| stem.strip_suffix(end))
            .unwrap_or(stem);
        modules.extend(
            source
                .test_modules
                .iter()
                .map(|name| format!("{folder}/{name}")),
        );
    }
    let by_parent = |path: &str| {
        let declared = |it: &String| {
            path.strip_prefix(it)
                .is_some_and(|rest| rest.starts_with(['/', '.']))
        };
        modules.iter().any(declared)
    };
    let by_place = |path: &str| {
        path.split('/')
            .any(|part| part == "tests" || part == "benches")
    };
    let paths = sources.iter().map(|source| source.path.clone());
    paths
        .filter(|path| by_place(path) || by_parent(path))
        .collect()
}

fn codes(sources: &[Source]) -> Vec<Finding> {
    let mut first = BTreeMap::new();
    let mut found = Vec::new();
    for source in sources {
        for (line, code) in &source.codes {
            let place = format!("{}:{line}", source.path);
            if let Some(earlier) = first.insert(code, place) {
                found.push(Finding {
                    path: source.path.clone(),
                    line: *line,
                    message: format!("code {code} already stands at {earlier}"),
                });
            }
        }
    }
    found
}

pub(crate) fn package_findings(packages: &[(String, Vec<String>)]) -> Vec<Finding> {
    let finding = |package: &str, message: String| Finding {
        path: format!("package {package}"),
        line: 1,
        message,
    };
    let ours: BTreeSet<&str> = packages.iter().map(|(name, _)| name.as_str()).collect();
    let mut found = Vec::new();
    for (package, dependencies) in packages {
        let Some((_, allowed)) = PACKAGES.iter().find(|(name, _)| name == package) else {
            found.push(finding(
                package,
                "is not in the table of packages".to_owned(),
            ));
            continue;
        };
        let wrong = |it: &&String| ours.contains(it.as_str()) && !allowed.contains(&it.as_str());
        let wrong = dependencies.iter().filter(wrong);
        found.extend(wrong.map(|it| finding(package, format!("may not depend on {it}"))));
    }
    found
}
