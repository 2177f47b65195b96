//! The few colours we use. Every text reads well without them.

use anstyle::{AnsiColor, Style};

/// Good: clean, done.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Needs a person.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Worth a look.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// Headings and names.
pub(crate) const BOLD: Style = Style::new().bold();
/// What can be skipped.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Something to type.
pub(crate) const TYPE: Style = AnsiColor::Cyan.on_default();

/// The last line of an answer: what to type next.
pub(crate) fn next(f: &mut std::fmt::Formatter<'_>, command: &str) -> std::fmt::Result {
    writeln!(f, "next: {TYPE}{command}{TYPE:#}")
}
