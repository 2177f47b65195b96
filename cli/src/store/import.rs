//! `store import`: plain SQLite files become actors.

use std::fmt;
use std::path::{Path, PathBuf};

use actor_vfs::{ActorId, IfExists};
use clap::Args;
use serde::Serialize;

use super::list::Entry;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Diagnostic, Printer, count, style};
use crate::targets::Stores;
use crate::{interrupt, pool};

/// Copy plain SQLite files into the store, each in one commit
///
/// The files are only read, with what their WAL holds. An actor is named after its file, without the
/// extension, behind the prefix.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store import data/*.sqlite --prefix workspace/ --store actors.store --create
  actor-migrate store import 42.sqlite --id workspace/42 --store actors.store --replace")]
pub(super) struct ImportArgs {
    /// SQLite files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What the ids begin with
    #[arg(long, value_name = "TEXT", default_value = "", conflicts_with = "id")]
    prefix: String,
    /// The id, of a single file
    #[arg(long, value_name = "ACTOR")]
    id: Option<String>,
    /// Replace actors that exist
    #[arg(long)]
    replace: bool,
    /// Create the store if there is none
    #[arg(long)]
    create: bool,
}

#[derive(Debug, Default, Serialize)]
struct Imported {
    imported: Vec<Entry>,
    failed: Vec<Failed>,
}

/// A file that did not become an actor.
#[derive(Debug, Serialize)]
struct Failed {
    file: PathBuf,
    error: Diagnostic,
}

/// A file and the actor that it becomes.
struct Job {
    file: PathBuf,
    id: ActorId,
}

pub(super) fn run(args: &ImportArgs, path: &Path, printer: &Printer) -> Result<Exit, CliError> {
    let jobs = args.jobs()?;
    let mut stores = Stores::default();
    let store = if args.create {
        stores.open_or_create(path)?
    } else {
        stores.open(path)?
    };
    let if_exists = if args.replace {
        IfExists::Replace
    } else {
        IfExists::Refuse
    };
    let import = |job: &Job| {
        let info = store.import(&job.id, &job.file, if_exists);
        info.map_err(|error| CliError::store(job.file.display(), error))
    };
    if let [job] = jobs.as_slice() {
        let imported = vec![Entry::from(&import(job)?)];
        printer.answer(&Imported {
            imported,
            failed: Vec::new(),
        })?;
        return Ok(Exit::Yes);
    }
    let progress = printer.progress("importing", jobs.len());
    let mut answer = Imported::default();
    let done = pool::each(&jobs, import, |job, result| {
        progress.step();
        match result {
            Ok(info) => answer.imported.push(Entry::from(&info)),
            Err(error) => answer.failed.push(Failed {
                file: job.file.clone(),
                error: error.diagnostic(),
            }),
        }
    });
    drop(progress);
    answer.imported.sort_by(|a, b| a.id.cmp(&b.id));
    answer.failed.sort_by(|a, b| a.file.cmp(&b.file));
    printer.answer(&answer)?;
    match (interrupt::asked(), answer.failed.is_empty()) {
        (true, _) => Ok(printer.interrupted(done, jobs.len())),
        (false, true) => Ok(Exit::Yes),
        (false, false) => Ok(Exit::No),
    }
}

impl ImportArgs {
    /// Every file with its id. One bad id stops all of them before the first is imported.
    fn jobs(&self) -> Result<Vec<Job>, CliError> {
        if let (Some(_), [_, second, ..]) = (&self.id, self.files.as_slice()) {
            return Err(CliError::OneId {
                path: second.clone(),
            });
        }
        let job = |file: &PathBuf| {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let id = self
                .id
                .clone()
                .unwrap_or_else(|| format!("{}{stem}", self.prefix));
            let id =
                ActorId::new(id).map_err(|error| CliError::store(file.display(), error.into()))?;
            Ok(Job {
                file: file.clone(),
                id,
            })
        };
        self.files.iter().map(job).collect()
    }
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (good, bad) = (style::GOOD, style::BAD);
        for failed in &self.failed {
            writeln!(
                f,
                "{bad}failed{bad:#}: {}: {}",
                failed.file.display(),
                failed.error.line()
            )?;
        }
        let bytes: u64 = self.imported.iter().map(|entry| entry.bytes).sum();
        writeln!(
            f,
            "{good}imported{good:#}: {}, {bytes} bytes",
            count(self.imported.len(), "actor")
        )
    }
}
