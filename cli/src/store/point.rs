//! Naming a point in an actor's past on the command line.

use std::time::SystemTime;

use actor_vfs::{ActorId, CommitNo, Point};
use clap::Args;
use jiff::Timestamp;

use crate::error::CliError;

/// Which state of an actor is meant.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(super) struct PointArgs {
    /// What this commit left
    #[arg(long, value_name = "N")]
    commit: Option<u64>,
    /// What was there at this time, as in 2026-11-25T18:00:00Z
    #[arg(long, value_name = "TIME")]
    time: Option<Timestamp>,
    /// What the restore point of this name keeps
    #[arg(long, value_name = "NAME")]
    point: Option<String>,
}

impl PointArgs {
    /// The point, if one is named.
    pub(super) fn point(&self) -> Option<Point> {
        let commit = self
            .commit
            .map(|commit| Point::Commit(CommitNo::new(commit)));
        let time = self.time.map(|time| Point::Time(SystemTime::from(time)));
        let point = self.point.clone().map(Point::RestorePoint);
        commit.or(time).or(point)
    }
}

/// A time as people and machines read it.
pub(super) fn written(time: Option<SystemTime>) -> Option<String> {
    let time = Timestamp::try_from(time?).ok()?;
    Some(time.to_string())
}

/// The actor of that name, which need not exist.
pub(super) fn actor(name: &str) -> Result<ActorId, CliError> {
    ActorId::new(name).map_err(|error| CliError::store(name, error.into()))
}
