//! What the user sees: answers on stdout, talk on stderr.

mod diagnostic;
mod printer;
mod progress;
pub(crate) mod style;
mod table;

pub(crate) use diagnostic::{Diagnostic, Excerpt, Place};
pub(crate) use printer::{Printer, raw};
pub(crate) use progress::Progress;
pub(crate) use table::table;

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// One JSON object, for scripts.
    Json,
}

/// Which version of the JSON contract every object names.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// One or many: `count(1, "actor")` is "1 actor".
pub(crate) fn count(n: usize, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

/// A name as one types it in a shell.
pub(crate) fn word(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}
