//! Why the command could not answer: each case with a code that is never reused and a next step.

mod place;

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use actor_migrate::{MigrateError, Verdict};
use actor_vfs::StoreError;

use crate::output::{Diagnostic, Place, count};

/// An error of the command line itself, or one of a library with the target it concerns.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CliError {
    #[error("{}", complaint(.0))]
    Usage(String),
    #[error("{message}")]
    Config {
        path: PathBuf,
        text: String,
        message: String,
        span: Option<Range<usize>>,
    },
    #[error("cannot read this")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write this")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot write the answer")]
    Answer(#[source] io::Error),
    #[error("no Drizzle folder (`**/db/drizzle`) in here")]
    NoFolders { actors: PathBuf },
    #[error("this is a folder of Drizzle 1.0, and RivetKit's migrator reads a journal")]
    NoJournal { path: PathBuf },
    #[error("there is no error code `{code}`")]
    NoSuchCode { code: String },
    #[error("there is no {} `{name}`", if *.in_store { "actor" } else { "file" })]
    NoSuchTarget { name: String, in_store: bool },
    #[error("this needs one actor; {} named by `{name}`", are(*.found))]
    NotOne { name: String, found: usize },
    #[error("there is no fleet `{name}`")]
    NoSuchFleet { name: String, known: Vec<String> },
    #[error("which migration folder do these actors follow?")]
    NoFolder,
    #[error("this is no SQLite database")]
    NotDatabase { path: PathBuf },
    #[error("SQLite cannot read this")]
    Sqlite {
        path: PathBuf,
        source: rusqlite::Error,
    },
    #[error("this changes while it is read")]
    Changing { path: PathBuf },
    #[error("which store?")]
    NoStore,
    #[error("no actor is named")]
    NoTarget,
    #[error("{verb} would change {}, and nobody can be asked", count(*.actors, "actor"))]
    NotAgreed {
        verb: &'static str,
        actors: usize,
        /// How to see beforehand what would change.
        look: &'static str,
    },
    #[error("a squash is of one folder; {} asked for", are(fleets.len()))]
    NotOneFolder { fleets: Vec<String> },
    #[error("this folder would be changed, and nobody can be asked")]
    NotAgreedFolder { dir: PathBuf },
    #[error("no actor was asked, so nobody can say who needs the archives of this")]
    NobodyAsked { dir: PathBuf },
    #[error("{} would be removed, and nobody can be asked", count(*.archives, "archive"))]
    NotAgreedArchives { archives: usize },
    #[error("--id names one actor, and this is a second file")]
    OneId { path: PathBuf },
    #[error("the demo needs a new or empty folder")]
    NotEmpty { path: PathBuf },
    #[error("the demo cannot use its temporary folder")]
    Scratch(#[source] io::Error),
    #[error("the demo promises, and this time it does not hold: {claim}")]
    Claim { claim: String },
    #[error("the plan for `{target}` is another one: {digest}")]
    OtherPlan { target: String, digest: String },
    #[error("this database cannot be judged by this folder: it is {verdict}")]
    NotOurs {
        target: String,
        verdict: Verdict,
        reason: Option<String>,
        advice: String,
    },
    #[error("a certificate is of the one old chain that was replaced; {named} are named")]
    NotOneHistory { dir: PathBuf, named: usize },
    #[error("git cannot read the history `{history}`")]
    Git { history: String, said: String },
    #[error("the history `{history}` is no folder, and git knows no such revision of this")]
    NoSuchHistory {
        history: String,
        dir: PathBuf,
        said: String,
    },
    #[error("the history `{history}` is no migration folder")]
    BadHistory {
        history: String,
        message: String,
        next: String,
    },
    #[error("RivetKit died in the middle of a transaction: its pages wait for {what}")]
    RivetUnfinished { path: PathBuf, what: &'static str },
    #[error("the pages that RivetKit kept here do not make a database: {reason}")]
    RivetPages { path: PathBuf, reason: String },
    #[error("another program has this actor open")]
    RivetAwake { path: PathBuf },
    #[error("there is no finding about `{tag}` to accept")]
    NothingToAccept { dir: PathBuf, tag: String },
    #[error("{error}")]
    Store { target: String, error: StoreError },
    #[error("{error}")]
    Migrate {
        target: String,
        error: Box<MigrateError>,
    },
}

impl CliError {
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn config(
        path: &Path,
        text: &str,
        message: String,
        span: Option<Range<usize>>,
    ) -> Self {
        Self::Config {
            path: path.to_owned(),
            text: text.to_owned(),
            message,
            span,
        }
    }

    pub(crate) fn migrate(target: impl Display, error: MigrateError) -> Self {
        Self::Migrate {
            target: target.to_string(),
            error: Box::new(error),
        }
    }

    pub(crate) fn store(target: impl Display, error: StoreError) -> Self {
        Self::Store {
            target: target.to_string(),
            error,
        }
    }

    /// The code: `C…` is ours, `S…` the store's, `M…` the migrator's.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Usage(_) => "C101",
            Self::Config { .. } => "C102",
            Self::Read { .. } => "C103",
            Self::Write { .. } => "C104",
            Self::Answer(_) => "C105",
            Self::NoFolders { .. } => "C106",
            Self::NoSuchCode { .. } => "C107",
            Self::NoJournal { .. } => "C108",
            Self::NoSuchTarget { .. } => "C109",
            Self::NotOne { .. } => "C110",
            Self::NoSuchFleet { .. } => "C111",
            Self::NoFolder => "C112",
            Self::NotDatabase { .. } => "C113",
            Self::Sqlite { .. } => "C114",
            Self::Changing { .. } => "C115",
            Self::NoStore => "C116",
            Self::NoTarget => "C117",
            Self::NotAgreed { .. } => "C118",
            Self::OtherPlan { .. } => "C119",
            Self::NotOurs { .. } => "C120",
            Self::OneId { .. } => "C121",
            Self::NotEmpty { .. } => "C122",
            Self::Scratch(_) => "C123",
            Self::Claim { .. } => "C124",
            Self::NotOneFolder { .. } => "C130",
            Self::NotAgreedFolder { .. } => "C131",
            Self::NobodyAsked { .. } => "C132",
            Self::NotAgreedArchives { .. } => "C133",
            Self::NotOneHistory { .. } => "C134",
            Self::Git { .. } => "C135",
            Self::NoSuchHistory { .. } => "C136",
            Self::BadHistory { .. } => "C137",
            Self::RivetUnfinished { .. } => "C140",
            Self::RivetPages { .. } => "C141",
            Self::RivetAwake { .. } => "C142",
            Self::NothingToAccept { .. } => "C138",
            Self::Store { error, .. } => error.code(),
            Self::Migrate { error, .. } => error.code(),
        }
    }

    /// What to type, or to do, next.
    fn next(&self) -> String {
        match self {
            Self::Usage(text) => format!("for its options: {} --help", verb(text)),
            Self::Config { .. } => {
                "correct the file; for its format: actor-migrate explain C102".into()
            }
            Self::Read { .. } => "check that the path is right and that you may read it".into(),
            Self::Write { .. } => {
                "check the permissions and the room on the disk, then run it again".into()
            }
            Self::Answer(_) => "check where stdout leads, then run it again".into(),
            Self::NoFolders { .. } => {
                "pass the project that holds src/actors: --root <folder>".into()
            }
            Self::NoSuchCode { .. } => "for all codes: actor-migrate explain".into(),
            Self::NoJournal { .. } => {
                "generate this folder with drizzle-kit 0.31, or keep it out of src/actors".into()
            }
            Self::NoSuchTarget { in_store: true, .. } => {
                "for the actors of a store: actor-migrate store list".into()
            }
            Self::NoSuchTarget { .. } => {
                "check the path; to name an actor instead, pass --store <path>".into()
            }
            Self::NotOne { .. } => "name one; to see many: actor-migrate status".into(),
            Self::NoSuchFleet { known, .. } => known_fleets(known),
            Self::NoFolder => {
                "pass --dir <folder>, or describe your fleets in actor-migrate.toml (explain C102)"
                    .into()
            }
            Self::NotDatabase { .. } => {
                "check the path; nothing was read from it or changed".into()
            }
            Self::Sqlite { .. } => {
                "if it is damaged, restore it from a backup; nothing was changed".into()
            }
            Self::Changing { .. } => "stop the program that writes to it, or run this again".into(),
            Self::NoStore => "pass --store <path>".into(),
            Self::NoTarget => "name a file or a folder, or pass --store <path>".into(),
            Self::NotOneFolder { fleets } => one_of(fleets),
            Self::NotAgreed { look, .. } => format!("{look}, then run it with --yes"),
            Self::NotAgreedFolder { .. } | Self::NotAgreedArchives { .. } => {
                "look with --dry-run, then run it with --yes".into()
            }
            Self::NobodyAsked { .. } => "name the actors: files, a folder, or --store <path>".into(),
            Self::OtherPlan { .. } => "look again with --dry-run; nothing was changed".into(),
            Self::NotOurs { advice, .. } => advice.clone(),
            Self::OneId { .. } => "name one file, or use --prefix".into(),
            Self::NotEmpty { .. } => "name another folder, or leave --dir away".into(),
            Self::Scratch(_) => "name a folder that can be written: --dir <folder>".into(),
            Self::Claim { .. } => "please report this with the text above".into(),
            Self::Git { .. } => "install git, or name an old folder: --history <folder>".into(),
            Self::NotOneHistory { .. } | Self::NoSuchHistory { .. } => {
                "name an old folder, or a revision that has this folder: --history <revision or folder>"
                    .into()
            }
            Self::BadHistory { next, .. } => next.clone(),
            Self::RivetUnfinished { .. } => {
                "wake this actor once with RivetKit, which undoes the half, then run this again"
                    .into()
            }
            Self::RivetPages { .. } => "restore the file from a backup; nothing was changed".into(),
            Self::RivetAwake { .. } => {
                "stop RivetKit, then run this again; nothing was changed".into()
            }
            Self::NothingToAccept { .. } => "see what there is: actor-migrate hash --check".into(),
            Self::Store { error, .. } => error.hint().into(),
            Self::Migrate { error, .. } => error.hint(),
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Read { path, .. }
            | Self::Write { path, .. }
            | Self::NoFolders { actors: path }
            | Self::NotDatabase { path }
            | Self::Sqlite { path, .. }
            | Self::Changing { path }
            | Self::OneId { path }
            | Self::NotEmpty { path }
            | Self::NotAgreedFolder { dir: path }
            | Self::NobodyAsked { dir: path }
            | Self::NotOneHistory { dir: path, .. }
            | Self::NoSuchHistory { dir: path, .. }
            | Self::RivetUnfinished { path, .. }
            | Self::RivetPages { path, .. }
            | Self::RivetAwake { path }
            | Self::NothingToAccept { dir: path, .. }
            | Self::NoJournal { path } => Place::path(path),
            Self::Config {
                path, text, span, ..
            } => place::in_config(path, text, span.as_ref()),
            Self::Store { target, .. }
            | Self::OtherPlan { target, .. }
            | Self::NotOurs { target, .. } => Place::target(target),
            Self::Migrate { target, .. } => Place::target(target),
            _ => Place::default(),
        }
    }

    /// The same error without the actor it happened to: a cohort names its actors itself, and an equal cause must
    /// read the same for all of them.
    pub(crate) fn of_cohort(&self) -> Diagnostic {
        let mut diagnostic = self.diagnostic();
        if diagnostic.place.migration.is_none() {
            diagnostic.place.path = None;
        }
        diagnostic.place.target = None;
        diagnostic
    }

    /// The same error as people and scripts see it.
    pub(crate) fn diagnostic(&self) -> Diagnostic {
        let causes = match self {
            Self::Migrate { target, error } => {
                let whole = Diagnostic::from(&**error);
                return Diagnostic {
                    place: Place {
                        target: Some(target.clone()),
                        ..whole.place
                    },
                    ..whole
                };
            }
            Self::Usage(text) => remarks(text),
            Self::NotOurs { reason, .. } => reason.iter().cloned().collect(),
            Self::Git { said, .. } | Self::NoSuchHistory { said, .. } => vec![said.clone()],
            Self::BadHistory { message, .. } => vec![message.clone()],
            Self::Store { error, .. } => chain(error),
            error => chain(error),
        };
        let (code, message) = (self.code().to_owned(), self.to_string());
        Diagnostic {
            code,
            message,
            place: self.place(),
            causes,
            next: self.next(),
        }
    }
}

/// What the migrator says, without the target that it said it about.
impl From<&MigrateError> for Diagnostic {
    fn from(error: &MigrateError) -> Self {
        let label = error.sqlite_message().unwrap_or_default();
        let place = error
            .at()
            .map_or_else(Place::default, |at| place::in_migration(at, label));
        let (code, message, next) = (error.code().to_owned(), message(error), error.hint());
        Self {
            code,
            message,
            place,
            causes: chain(error),
            next,
        }
    }
}

/// The message without the file, line and column, which the place carries.
fn message(error: &MigrateError) -> String {
    let whole = error.to_string();
    match error.at() {
        Some(at) => whole.replace(&at.to_string(), &format!("statement {}", at.statement)),
        None => whole,
    }
}

/// How to name one folder of several fleets.
fn one_of(fleets: &[String]) -> String {
    match fleets {
        [] => "name the folder: --dir <folder>".into(),
        fleets => format!("name one of {}: --fleet <name>", fleets.join(", ")),
    }
}

/// Which fleet to name instead of one that there is not.
fn known_fleets(known: &[String]) -> String {
    match known {
        [] => "name one in actor-migrate.toml; see: actor-migrate explain C102".into(),
        known => format!("the configuration names: {}", known.join(", ")),
    }
}

fn are(found: usize) -> String {
    if found == 0 {
        "none is".into()
    } else {
        format!("{found} are")
    }
}

/// The errors behind an error, nearest first.
fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut said = vec![error.to_string()];
    for cause in
        std::iter::successors(error.source(), |error| (*error).source()).map(ToString::to_string)
    {
        // Some errors quote their cause, and SQLite's number says again what its words have said.
        if !said
            .iter()
            .any(|said| said.contains(&cause) || cause.contains(said.as_str()))
        {
            said.push(cause);
        }
    }
    said.split_off(1)
}

/// What clap's usage error begins with.
fn complaint(text: &str) -> &str {
    let first = text.split("\n\n").next().unwrap_or(text);
    first.trim_start_matches("error: ").trim()
}

/// The tips and the usage that follow the complaint. clap ends with a pointer to `--help`, which our next
/// step is already.
fn remarks(text: &str) -> Vec<String> {
    let remarks = text
        .split("\n\n")
        .skip(1)
        .map(|remark| remark.trim().trim_start_matches("tip: "));
    remarks
        .filter(|remark| !remark.is_empty() && !remark.starts_with("For more"))
        .map(String::from)
        .collect()
}

/// The command as far as clap understood it, from its usage line.
fn verb(text: &str) -> String {
    let usage = text
        .lines()
        .find_map(|line| line.strip_prefix("Usage: "))
        .unwrap_or("actor-migrate");
    let words = usage
        .split(' ')
        .take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    words.collect::<Vec<_>>().join(" ")
}
