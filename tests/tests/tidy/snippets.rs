//! Bad snippets, each of which the checker must refuse, beside the good ones that it must let pass.

use crate::checks::{package_findings, source_findings};
use crate::source::Source;

/// What the checker says about one file, without the path.
fn said(path: &str, text: &str) -> Vec<String> {
    said_of(&[(path, text)])
}

fn said_of(files: &[(&str, &str)]) -> Vec<String> {
    let parse = |(path, text): &(&str, &str)| Source::parse(path, text).unwrap();
    let sources: Vec<Source> = files.iter().map(parse).collect();
    source_findings(&sources)
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn function_of(lines: usize) -> String {
    format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2))
}

const STORE: &str = "vfs/src/store/txn.rs";
const SHIM: &str = "vfs/src/shim/methods.rs";

#[test]
fn a_file_opens_with_what_it_owns() {
    let said = said(STORE, "use a::b;\n");
    assert_eq!(
        said,
        ["vfs/src/store/txn.rs:1: open the file with one `//!` sentence: what it owns"]
    );
}

#[test]
fn a_function_longer_than_a_screen_is_found_and_one_that_just_fits_is_not() {
    let file = |lines| format!("//! It.\n{}", function_of(lines));
    assert_eq!(said(STORE, &file(70)), [""; 0]);
    assert_eq!(
        said(STORE, &file(71)),
        ["vfs/src/store/txn.rs:2: `long` has 71 lines, at most 70"]
    );
}

#[test]
fn a_long_function_does_not_hide_in_an_impl_or_in_a_macro() {
    let body = function_of(71);
    let in_impl = format!("//! It.\nimpl A {{\n{body}}}\n");
    let in_macro = format!("//! It.\nproptest! {{\n{body}}}\n");
    assert_eq!(said(STORE, &in_impl).len(), 1);
    assert_eq!(said(STORE, &in_macro).len(), 1);
}

#[test]
fn tests_may_be_longer_than_production_but_not_endless() {
    let module = |lines| {
        format!(
            "//! It.\n#[cfg(test)]\nmod tests {{\n{}}}\n",
            function_of(lines)
        )
    };
    assert_eq!(said(STORE, &module(100)), [""; 0]);
    assert_eq!(said(STORE, &module(101)).len(), 1);
    let parent = ("vfs/src/store/mod.rs", "//! It.\n#[cfg(test)]\nmod laws;\n");
    let laws = format!("//! It.\n{}", function_of(100));
    assert_eq!(
        said_of(&[parent, ("vfs/src/store/laws.rs", &laws)]),
        [""; 0]
    );
    assert_eq!(said("tests/tests/crash.rs", &laws), [""; 0]);
}

#[test]
fn a_file_is_measured_without_its_trailing_tests() {
    let production = format!("//! It.\n{}", "const A: u8 = 1;\n".repeat(599));
    let tests = "#[cfg(test)]\nmod tests {\n    const B: u8 = 1;\n}\n";
    let between = format!("//! It.\n{tests}{}", "const A: u8 = 1;\n".repeat(600));
    assert_eq!(
        said(STORE, &format!("{production}{tests}")).len(),
        1,
        "the attribute counts"
    );
    assert_eq!(said(STORE, &production), [""; 0]);
    assert_eq!(said(STORE, &between).len(), 1);
}

#[test]
fn unsafe_stays_in_its_room_whatever_its_form() {
    for form in [
        "unsafe fn a() {}",
        "#[unsafe(no_mangle)]\nfn a() {}",
        "type A = unsafe extern \"C\" fn();",
    ] {
        let text = format!("//! It.\n{form}\n");
        assert_eq!(
            said(STORE, &text),
            ["vfs/src/store/txn.rs:2: `unsafe` outside the shim"],
            "{form}"
        );
        assert_eq!(said(SHIM, &text), [""; 0], "{form}");
    }
}

#[test]
fn an_unsafe_block_says_who_promises() {
    let inside = |body: &str| format!("//! It.\nfn a() {{\n{body}\n}}\n");
    let bare = inside("    let a = unsafe { b() };");
    let borrowed = inside("    // SAFETY: mine.\n    c();\n    unsafe { b() };");
    let stated = inside(
        "    // SAFETY: SQLite owns it\n    // until we return.\n    let a =\n        unsafe { b() };",
    );
    assert_eq!(said(SHIM, &bare).len(), 1);
    assert_eq!(said(SHIM, &borrowed).len(), 1);
    assert_eq!(said(SHIM, &stated), [""; 0]);
    assert_eq!(said(SHIM, "//! It.\nunsafe impl Send for A {}\n").len(), 1);
}

#[test]
fn a_lint_is_silenced_only_with_a_reason() {
    for bad in [
        "#[allow(dead_code)]",
        "#![allow(dead_code)]",
        "#[cfg_attr(x, allow(dead_code))]",
        "#[expect(dead_code)]",
    ] {
        assert_eq!(
            said(STORE, &format!("//! It.\n{bad}\nfn a() {{}}\n")).len(),
            1,
            "{bad}"
        );
    }
    let good = "//! It.\n#[expect(dead_code, reason = \"soon\")]\nfn allow() {}\n";
    assert_eq!(said(STORE, good), [""; 0]);
}

#[test]
fn an_import_against_the_arrows_is_found_however_it_is_written() {
    let forms = [
        "use crate::shim;",
        "use crate::shim::register;",
        "use crate::{page::PageNo, shim::register};",
        "use crate::{page::PageNo, file::{self, Overlay}};",
        "use super::super::shim::register;",
        "fn a() { crate::shim::register() }",
        "fn a() { b!(Vec::<crate::file::Overlay>::new()) }",
        "mod inner { use super::super::super::shim::register; }",
    ];
    for form in forms {
        assert_eq!(
            said(STORE, &format!("//! It.\n{form}\n")).len(),
            1,
            "{form}"
        );
    }
    for form in [
        "use super::file::Part;",
        "use crate::layout::head;",
        "use crate::shimmer::x;",
    ] {
        assert_eq!(
            said(STORE, &format!("//! It.\n{form}\n")),
            [""; 0],
            "{form}"
        );
    }
}

#[test]
fn a_re_export_at_the_root_is_no_way_around_the_arrows() {
    let root = (
        "vfs/src/lib.rs",
        "//! It.\npub use store::{Actor, Store};\n",
    );
    let layout = ("vfs/src/layout/head.rs", "//! It.\nuse crate::Store;\n");
    let said = said_of(&[root, layout]);
    assert_eq!(
        said,
        ["vfs/src/layout/head.rs:2: `vfs/src/layout/` may not use `crate::store`"]
    );
}

#[test]
fn tests_inside_a_room_may_use_what_they_need() {
    let text = "//! It.\n#[cfg(test)]\nuse crate::shim::a;\n#[cfg(test)]\nmod tests {\n    use crate::file::b;\n}\n";
    assert_eq!(said(STORE, text), [""; 0]);
}

#[test]
fn what_decides_touches_no_file_and_no_database() {
    for form in [
        "use std::fs::File;",
        "use rusqlite::{Connection, Row};",
        "fn a() { std::fs::read(b) }",
    ] {
        let text = format!("//! It.\n{form}\n");
        assert_eq!(
            said("migrate/src/verdict/classify.rs", &text).len(),
            1,
            "{form}"
        );
    }
}

#[test]
fn an_error_code_is_given_once_across_crates() {
    let code = |text: &str| {
        format!("//! It.\nimpl E {{ fn code(&self) -> &str {{ match self {{ {text} }} }} }}\n")
    };
    let one = code("E::A => \"S101\", E::B => \"S102\"");
    let other = code("E::C => \"S102\"");
    let files = [
        ("vfs/src/error.rs", one.as_str()),
        ("migrate/src/error.rs", other.as_str()),
    ];
    assert_eq!(
        said_of(&files),
        ["migrate/src/error.rs:2: code S102 already stands at vfs/src/error.rs:2"]
    );
}

#[test]
fn packages_against_the_arrows_are_found() {
    let package = |name: &str, on: &[&str]| {
        (
            name.to_owned(),
            on.iter().map(|it| (*it).to_owned()).collect(),
        )
    };
    let vfs = package("actor-vfs", &["actor-migrate", "serde"]);
    let migrate = package("actor-migrate", &["serde"]);
    let new = package("actor-new", &[]);
    let found = package_findings(&[vfs, migrate, new]);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "package actor-vfs:1: may not depend on actor-migrate",
            "package actor-new:1: is not in the table of packages",
        ]
    );
}
