//! `explain`: the page behind each error code.

use std::fmt;

use clap::Args;
use include_dir::{Dir, include_dir};
use serde::Serialize;

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Printer;

static PAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/explain");

/// Explain an error code, or list all of them
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate explain C105
  actor-migrate explain")]
pub(crate) struct ExplainArgs {
    /// A code such as C105, as errors show it
    code: Option<String>,
}

/// The page of one code.
#[derive(Debug, Serialize)]
struct Page {
    code: String,
    title: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct Index {
    codes: Vec<Entry>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Entry {
    code: String,
    title: String,
}

pub(crate) fn run(args: &ExplainArgs, printer: &Printer) -> Result<Exit, CliError> {
    match &args.code {
        Some(code) => {
            let found = page(&code.to_ascii_uppercase());
            let page = found.ok_or_else(|| CliError::NoSuchCode { code: code.clone() })?;
            printer.answer(&page)?;
        }
        None => printer.answer(&index())?,
    }
    Ok(Exit::Yes)
}

/// The command line and the store keep their pages here, the migrator brings its own.
fn page(code: &str) -> Option<Page> {
    PAGES
        .get_file(format!("{code}.md"))
        .and_then(written)
        .or_else(|| actor_migrate::explain(code).map(brought))
}

fn index() -> Index {
    let written = PAGES.files().filter_map(written);
    let brought = actor_migrate::explanations().iter().map(brought);
    let mut codes: Vec<_> = written
        .chain(brought)
        .map(|page| Entry {
            code: page.code,
            title: page.title,
        })
        .collect();
    codes.sort();
    Index { codes }
}

/// A page of ours: `# CODE: title`, an empty line, the text.
fn written(file: &include_dir::File<'_>) -> Option<Page> {
    let (heading, text) = file.contents_utf8()?.split_once("\n\n")?;
    let (code, title) = heading.strip_prefix("# ")?.split_once(": ")?;
    Some(Page {
        code: code.to_owned(),
        title: title.to_owned(),
        text: text.to_owned(),
    })
}

fn brought(page: &actor_migrate::Explanation) -> Page {
    Page {
        code: page.code.to_owned(),
        title: page.title.to_owned(),
        text: format!("{}\n\nWhat to do: {}.\n", page.text, page.next),
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "# {}: {}\n\n{}", self.code, self.title, self.text)
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |entry: &Entry| writeln!(f, "{}  {}", entry.code, entry.title);
        self.codes.iter().try_for_each(line)
    }
}
