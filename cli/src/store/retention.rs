//! `store retention`: how much of their past the actors of a store keep.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use actor_vfs::Retention;
use clap::Args;
use jiff::{Span, SpanRelativeTo, SpanRound, Unit};
use serde::Serialize;

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Printer;
use crate::targets::Stores;

/// Show or set how much of their past the actors of a store keep
///
/// It is recorded in the store and holds for every program that opens it from now on. A kept commit costs
/// the pages that it replaced and a small record. Restore points are kept whatever the retention is.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store retention --store actors.store
  actor-migrate store retention --age 7d --store actors.store
  actor-migrate store retention --commits 100 --store actors.store
  actor-migrate store retention --off --store actors.store    Each actor lets its past go with its next commit")]
#[group(multiple = false)]
pub(super) struct RetentionArgs {
    /// Keep at least so many commits before the last
    #[arg(long, value_name = "N")]
    commits: Option<u64>,
    /// Keep at least what was current within this time, as in 7d, 36h or 1d 12h
    #[arg(long, value_name = "TIME", value_parser = age)]
    age: Option<Duration>,
    /// Keep nothing but the last commit
    #[arg(long)]
    off: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    /// `off`, `commits`, `age` or `other`.
    keep: &'static str,
    commits: Option<u64>,
    seconds: Option<u64>,
}

pub(super) fn run(args: &RetentionArgs, path: &Path, printer: &Printer) -> Result<Exit, CliError> {
    let fail = |error| CliError::store(path.display(), error);
    let store = Stores::default().open(path)?;
    let wanted = args.off.then_some(Retention::Off);
    let wanted = wanted.or(args.commits.map(Retention::Commits));
    if let Some(wanted) = wanted.or(args.age.map(Retention::Age)) {
        store.set_retention(wanted).map_err(fail)?;
    }
    let retention = store.retention().map_err(fail)?;
    printer.answer(&Answer::from(retention))?;
    Ok(Exit::Yes)
}

/// Days have 24 hours here, and months none: they differ.
fn age(text: &str) -> Result<Duration, &'static str> {
    let span = text.parse::<Span>();
    span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .and_then(Duration::try_from)
        .map_err(|_| "give a time in weeks, days, hours, minutes or seconds, as in 7d or 1d 12h")
}

/// As [`age`] reads it.
fn written(seconds: u64) -> Result<String, jiff::Error> {
    let seconds = Duration::from_secs(seconds);
    let round = SpanRound::new().largest(Unit::Day).days_are_24_hours();
    let span = Span::try_from(seconds)?.round(round)?;
    Ok(format!("{span:#}"))
}

impl From<Retention> for Answer {
    fn from(retention: Retention) -> Self {
        let (keep, commits, seconds) = match retention {
            Retention::Off => ("off", None, None),
            Retention::Commits(commits) => ("commits", Some(commits), None),
            Retention::Age(age) => ("age", None, Some(age.as_secs())),
            _ => ("other", None, None),
        };
        Self {
            keep,
            commits,
            seconds,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.commits, self.seconds) {
            (Some(commits), _) => writeln!(f, "each actor keeps {commits} commits before its last"),
            (_, Some(seconds)) => {
                let age = written(seconds).unwrap_or_else(|_| format!("{seconds}s"));
                writeln!(
                    f,
                    "each actor keeps what was current within {age} before its last commit"
                )
            }
            _ => writeln!(f, "each actor keeps its last commit and its restore points"),
        }
    }
}
