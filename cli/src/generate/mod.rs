//! `generate`: keeps each actor's `db/migrations.ts` equal to its Drizzle folder.

mod folder;
mod render;
mod write;

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Printer, count, style};
use folder::Folder;
pub(crate) use write::replace;

/// Write db/migrations.ts from every src/actors/**/db/drizzle folder
///
/// Reads meta/_journal.json and the SQL files, writes db/migrations.ts beside the folder, and removes
/// drizzle/migrations.js. A file that is already right is not touched.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate generate                    Bring every generated file up to date
  actor-migrate generate --check            Only say whether one is stale (exit 1), for CI
  actor-migrate generate --root apps/api    A project elsewhere")]
pub(crate) struct GenerateArgs {
    /// The project: the folder that holds src/actors
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    root: PathBuf,
    /// Write nothing; exit 1 and list the files if any is stale
    #[arg(long)]
    check: bool,
}

/// What a generated file needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    Create,
    Update,
    Delete,
}

/// One file that is not as its folder says it should be.
#[derive(Debug, Serialize)]
pub(crate) struct Stale {
    pub path: PathBuf,
    pub action: Action,
    #[serde(skip)]
    content: String,
}

#[derive(Debug, Serialize)]
struct Generated {
    folders: usize,
    files: Vec<Stale>,
    written: bool,
}

pub(crate) fn run(args: &GenerateArgs, printer: &Printer) -> Result<Exit, CliError> {
    let (folders, files) = stale_below(&args.root)?;
    if !args.check {
        files.iter().try_for_each(write::carry_out)?;
    }
    let finding = args.check && !files.is_empty();
    printer.answer(&Generated {
        folders,
        files,
        written: !args.check,
    })?;
    Ok(if finding { Exit::No } else { Exit::Yes })
}

/// Does what `generate` does, without an answer.
pub(crate) fn bring_up_to_date(root: &Path) -> Result<(), CliError> {
    stale_below(root)?.1.iter().try_for_each(write::carry_out)
}

/// How many folders there are, and what is stale beside them. Every folder is read before the
/// first file is written, so that an error changes nothing.
fn stale_below(root: &Path) -> Result<(usize, Vec<Stale>), CliError> {
    let folders = folder::find(root)?;
    let stale = folders.iter().map(stale).collect::<Result<Vec<_>, _>>()?;
    Ok((folders.len(), stale.into_iter().flatten().collect()))
}

/// What is stale beside one Drizzle folder, if its module is one of ours: a module that somebody
/// wrote by hand is theirs to keep right. `check` asks this.
pub(crate) fn stale_beside(drizzle: &Path) -> Result<Vec<Stale>, CliError> {
    let module = write::read_if_there(&folder::module_beside(drizzle))?;
    match module {
        Some(module) if module.starts_with(render::MARK.as_bytes()) => {
            stale(&Folder::read(drizzle)?)
        }
        _ => Ok(Vec::new()),
    }
}

fn stale(folder: &Folder) -> Result<Vec<Stale>, CliError> {
    let content = render::module(folder);
    let found = write::read_if_there(&folder.target())?;
    let action = match found {
        None => Some(Action::Create),
        Some(found) if found != content.as_bytes() => Some(Action::Update),
        Some(_) => None,
    };
    let written = action.map(|action| Stale {
        path: folder.target(),
        action,
        content,
    });
    let leftover = folder.superseded();
    let deleted = leftover.exists().then(|| Stale {
        path: leftover,
        action: Action::Delete,
        content: String::new(),
    });
    Ok(written.into_iter().chain(deleted).collect())
}

impl Action {
    /// What is wrong with the file, or what was done about it.
    pub(crate) fn word(self, done: bool) -> &'static str {
        match (self, done) {
            (Self::Create, true) => "created",
            (Self::Update, true) => "updated",
            (Self::Delete, true) => "deleted",
            (Self::Create, false) => "missing",
            (Self::Update, false) => "stale",
            (Self::Delete, false) => "left over",
        }
    }
}

impl fmt::Display for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folders = count(self.folders, "migration folder");
        let (good, bad, dim) = (style::GOOD, style::BAD, style::DIM);
        if self.files.is_empty() {
            return writeln!(f, "{good}up to date{good:#}: {folders}");
        }
        let files = count(self.files.len(), "file");
        if self.written {
            writeln!(
                f,
                "{good}generated{good:#}: {files} {dim}({folders}){dim:#}"
            )?;
        } else {
            writeln!(f, "{bad}stale{bad:#}: {files} {dim}({folders}){dim:#}")?;
        }
        for file in &self.files {
            writeln!(
                f,
                "  {:<9}  {}",
                file.action.word(self.written),
                file.path.display()
            )?;
        }
        if self.written {
            return Ok(());
        }
        let cmd = style::TYPE;
        writeln!(f, "next: {cmd}actor-migrate generate{cmd:#}")
    }
}
