//! Every way in which the store can fail, each with a code that is never reused.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::actor_id::{ActorId, ActorIdError};
use crate::keys::KeyError;
use crate::kv::{EngineError, LimitExceeded};
use crate::layout::{CommitNo, Epoch, FORMAT};
use crate::page::PageNo;

/// Why the store could not do what it was asked.
///
/// The text says what is so and where, [`hint`](StoreError::hint) what to do next, and
/// [`code`](StoreError::code) names the case for machines.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// S101.
    #[error(transparent)]
    ActorId(#[from] ActorIdError),

    /// S102.
    #[error("there is no actor `{actor}`")]
    ActorMissing {
        /// Who was looked for.
        actor: ActorId,
    },

    /// S103.
    #[error("the actor `{actor}` exists already")]
    ActorExists {
        /// Who stands in the way.
        actor: ActorId,
    },

    /// S104.
    #[error("another owner took the actor `{actor}` (we hold epoch {held}, it is at {current})")]
    Fenced {
        /// Whose owner we were.
        actor: ActorId,
        /// The epoch that we claimed.
        held: Epoch,
        /// The epoch that holds now.
        current: Epoch,
    },

    /// S105.
    #[error("the actor `{actor}` was deleted while it was open")]
    Deleted {
        /// Who is gone.
        actor: ActorId,
    },

    /// S106.
    #[error("page {page} of `{actor}` is missing at commit {commit}")]
    PageMissing {
        /// Whose page.
        actor: ActorId,
        /// Which page.
        page: PageNo,
        /// The commit that was read.
        commit: CommitNo,
    },

    /// S107.
    #[error("page {page} of `{actor}` is damaged at commit {commit}: {damage}")]
    PageDamaged {
        /// Whose page.
        actor: ActorId,
        /// Which page.
        page: PageNo,
        /// The commit that was read.
        commit: CommitNo,
        /// What is wrong with it.
        damage: &'static str,
    },

    /// S108.
    #[error("the head record of `{actor}` is damaged: {damage}")]
    HeadDamaged {
        /// Whose head.
        actor: ActorId,
        /// What is wrong with it.
        damage: &'static str,
    },

    /// S109.
    #[error("the {what} has format version {found}, this version of actor-vfs knows up to {known}")]
    NewerFormat {
        /// What was read.
        what: &'static str,
        /// The version that it says it has.
        found: u8,
        /// The newest version that we know.
        known: u8,
    },

    /// S110.
    #[error("{place} is not an actor store: {found}")]
    NotAStore {
        /// The directory or engine.
        place: String,
        /// What it holds instead.
        found: String,
    },

    /// S111.
    #[error("there is no actor store at {}", path.display())]
    StoreMissing {
        /// Where it was looked for.
        path: PathBuf,
    },

    /// S112.
    #[error("the store at {} is open already, in another process or in this one", path.display())]
    StoreInUse {
        /// Which store.
        path: PathBuf,
    },

    /// S113.
    #[error("the store at {place} is damaged: {damage}")]
    StoreDamaged {
        /// Which store.
        place: String,
        /// What is wrong with it.
        damage: String,
    },

    /// S114.
    #[error("{} cannot be written", path.display())]
    StoreReadOnly {
        /// Which store.
        path: PathBuf,
    },

    /// S115.
    #[error("the engine has no room for the commit of `{actor}`")]
    EngineFull {
        /// Whose commit was refused.
        actor: ActorId,
        /// The cause.
        source: EngineError,
    },

    /// S116.
    #[error("`{actor}` may hold {allowed} bytes of pages and would hold {wanted}")]
    Quota {
        /// Whose commit was refused.
        actor: ActorId,
        /// How many bytes the commit would leave.
        wanted: u64,
        /// How many bytes the options allow.
        allowed: u64,
    },

    /// S117.
    #[error("the engine's limits are too small for `{actor}`")]
    TooLarge {
        /// Whose commit was refused.
        actor: ActorId,
        /// The limit.
        source: LimitExceeded,
    },

    /// S118.
    #[error("nobody knows whether the last write to `{actor}` happened")]
    OutcomeUnknown {
        /// Whose commit it was.
        actor: ActorId,
        /// The last answer of the engine.
        source: EngineError,
    },

    /// S119.
    #[error("the engine failed while {}", .0.doing)]
    Engine(#[from] EngineError),

    /// S120.
    #[error("a snapshot of `{actor}` cannot be written")]
    ReadOnly {
        /// Whose snapshot.
        actor: ActorId,
    },

    /// S121.
    #[error("{doing} {} failed", path.display())]
    File {
        /// What was being done, as in "creating".
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// The cause.
        source: Arc<io::Error>,
    },

    /// S122.
    #[error("the database of `{actor}` would need a write-ahead log")]
    WalImage {
        /// Whose commit was refused.
        actor: ActorId,
    },

    /// S123.
    #[error("a transaction spans `{actor}` and a database that is no actor")]
    MultiFile {
        /// Whose part of the commit was refused.
        actor: ActorId,
    },

    /// S124.
    #[error("SQLite cannot open `{actor}`")]
    Sqlite {
        /// Whose database it is.
        actor: ActorId,
        /// What SQLite says.
        source: Arc<rusqlite::Error>,
    },

    /// S125.
    #[error("the operating system gives no random bytes: {cause}")]
    Randomness {
        /// The cause.
        cause: String,
    },

    /// S126.
    #[error("another import of `{actor}` began while this one was under way")]
    Overtaken {
        /// Whose import.
        actor: ActorId,
    },

    /// S127.
    #[error("`{actor}` changes faster than it can be taken")]
    Contended {
        /// Who changes.
        actor: ActorId,
    },

    /// S128.
    #[error("{} is not a SQLite database: {found}", path.display())]
    NotADatabase {
        /// Which file.
        path: PathBuf,
        /// What it is instead.
        found: &'static str,
    },

    /// S129.
    #[error("{} is cut short: it has {found} bytes of {stated}", path.display())]
    DatabaseTruncated {
        /// Which file.
        path: PathBuf,
        /// How long it is.
        found: u64,
        /// How long its header says it is.
        stated: u64,
    },

    /// S130.
    #[error("{} is damaged: {damage}", path.display())]
    DatabaseDamaged {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        damage: String,
    },

    /// S131.
    #[error("SQLite cannot read {}", path.display())]
    DatabaseUnreadable {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        source: Arc<rusqlite::Error>,
    },

    /// S132.
    #[error("{} exists already", path.display())]
    FileExists {
        /// Which file.
        path: PathBuf,
    },

    /// S133.
    #[error("{} stands beside {}, so a database of that name is in use or was cut off", companion.display(), path.display())]
    FileInUse {
        /// Where a file was to be written.
        path: PathBuf,
        /// What stands in the way.
        companion: PathBuf,
    },

    /// S134.
    #[error("a transaction spans `{actor}` and `{other}`, which are in different stores")]
    TwoStores {
        /// Whose part of the commit was refused.
        actor: ActorId,
        /// An actor of the other store.
        other: ActorId,
    },

    /// S135.
    #[error("`{actor}` was to commit together with another actor, and that was refused: {cause}")]
    Together {
        /// Whose part of the commit was refused.
        actor: ActorId,
        /// Why the other could not commit.
        cause: Arc<StoreError>,
    },

    /// S136.
    #[error("`{actor}` cannot be attached here: the connection was not opened on an actor")]
    NotAnActors {
        /// Who was to be attached.
        actor: ActorId,
    },

    /// S137.
    #[error("`{actor}` has no restore point `{name}`")]
    NoPoint {
        /// Whose.
        actor: ActorId,
        /// Which was looked for.
        name: String,
    },

    /// S138.
    #[error("{wanted} of `{actor}` is not kept: it keeps commits {oldest} to {last}")]
    NotKept {
        /// Whose past.
        actor: ActorId,
        /// What was looked for, as in "commit 7".
        wanted: String,
        /// The oldest commit that is kept.
        oldest: CommitNo,
        /// The last commit.
        last: CommitNo,
    },

    /// S139.
    #[error("`{actor}` has a restore point `{name}` already")]
    PointExists {
        /// Whose.
        actor: ActorId,
        /// Which stands in the way.
        name: String,
    },

    /// S140.
    #[error("{name:?} cannot be the name of a restore point (of `{actor}`)")]
    PointName {
        /// Of what.
        actor: ActorId,
        /// The name.
        name: String,
    },

    /// S141.
    #[error("the record of {record} of `{actor}` is damaged: {damage}")]
    HistoryDamaged {
        /// Whose past.
        actor: ActorId,
        /// What it is the record of, as in "commit 7".
        record: String,
        /// What is wrong with it.
        damage: &'static str,
    },

    /// S142.
    #[error("the record of how much of the past is kept is damaged: {damage}")]
    RetentionDamaged {
        /// What is wrong with it.
        damage: &'static str,
    },
    /// S143 to S149.
    #[error(transparent)]
    Keys(#[from] KeyError),

    /// S150.
    #[error("nothing says which store the actor `{name}` is in")]
    StoreUnnamed {
        /// The name that SQLite was asked to open.
        name: String,
    },

    /// S151.
    #[error("there is no actor `{name}` that waits to be opened")]
    NotMounted {
        /// The name that SQLite was asked to open.
        name: String,
    },

    /// S152.
    #[error("line {line} of {} is wrong: {found}", path.display())]
    KeyFile {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        found: &'static str,
    },

    /// S161.
    #[error("there is no room for a store at {}", path.display())]
    StoreFull {
        /// Which store.
        path: PathBuf,
        /// The cause.
        source: EngineError,
    },

    /// S199.
    #[error("bug: {what} (actor `{actor}`)")]
    Bug {
        /// Whose handle is poisoned.
        actor: ActorId,
        /// The invariant that does not hold.
        what: &'static str,
    },
}

impl StoreError {
    /// Something was written by a later version of this crate.
    pub(crate) fn newer(what: &'static str, found: u8) -> Self {
        Self::NewerFormat {
            what,
            found,
            known: FORMAT,
        }
    }

    /// Whether an owner that met this error owns its actor no longer, or cannot know.
    pub(crate) fn ends_tenure(&self) -> bool {
        matches!(
            self,
            Self::Fenced { .. }
                | Self::Deleted { .. }
                | Self::HeadDamaged { .. }
                | Self::NewerFormat { .. }
                | Self::OutcomeUnknown { .. }
                | Self::Bug { .. }
        )
    }

    /// The code of this case: stable, and never reused for another.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ActorId(_) => "S101",
            Self::ActorMissing { .. } => "S102",
            Self::ActorExists { .. } => "S103",
            Self::Fenced { .. } => "S104",
            Self::Deleted { .. } => "S105",
            Self::PageMissing { .. } => "S106",
            Self::PageDamaged { .. } => "S107",
            Self::HeadDamaged { .. } => "S108",
            Self::NewerFormat { .. } => "S109",
            Self::NotAStore { .. } => "S110",
            Self::StoreMissing { .. } => "S111",
            Self::StoreInUse { .. } => "S112",
            Self::StoreDamaged { .. } => "S113",
            Self::StoreReadOnly { .. } => "S114",
            Self::EngineFull { .. } => "S115",
            Self::Quota { .. } => "S116",
            Self::TooLarge { .. } => "S117",
            Self::OutcomeUnknown { .. } => "S118",
            Self::Engine(_) => "S119",
            Self::ReadOnly { .. } => "S120",
            Self::File { .. } => "S121",
            Self::WalImage { .. } => "S122",
            Self::MultiFile { .. } => "S123",
            Self::Sqlite { .. } => "S124",
            Self::Randomness { .. } => "S125",
            Self::Overtaken { .. } => "S126",
            Self::Contended { .. } => "S127",
            Self::NotADatabase { .. } => "S128",
            Self::DatabaseTruncated { .. } => "S129",
            Self::DatabaseDamaged { .. } => "S130",
            Self::DatabaseUnreadable { .. } => "S131",
            Self::FileExists { .. } => "S132",
            Self::FileInUse { .. } => "S133",
            Self::TwoStores { .. } => "S134",
            Self::Together { .. } => "S135",
            Self::NotAnActors { .. } => "S136",
            Self::NoPoint { .. } => "S137",
            Self::NotKept { .. } => "S138",
            Self::PointExists { .. } => "S139",
            Self::PointName { .. } => "S140",
            Self::HistoryDamaged { .. } => "S141",
            Self::RetentionDamaged { .. } => "S142",
            Self::Keys(error) => error.code(),
            Self::StoreUnnamed { .. } => "S150",
            Self::NotMounted { .. } => "S151",
            Self::KeyFile { .. } => "S152",
            Self::StoreFull { .. } => "S161",
            Self::Bug { .. } => "S199",
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::ActorId(_) => "use 1 to 512 bytes of UTF-8 without control characters",
            Self::ActorMissing { .. } => "list the actors of the store, or create this one",
            Self::ActorExists { .. } => "open it, delete it first, or choose another id",
            Self::Fenced { .. } => {
                "drop this connection; open the actor again only if you mean to take it back"
            }
            Self::Deleted { .. } => "drop this connection; create the actor again if it is needed",
            Self::PageMissing { .. } | Self::PageDamaged { .. } | Self::HeadDamaged { .. } => {
                "do not write to this actor; restore it from an export or a backup of the store"
            }
            Self::NewerFormat { .. } => "use the newest version of actor-vfs on this store",
            Self::NotAStore { .. } => {
                "give the directory of an actor store, or an empty or new one"
            }
            Self::StoreMissing { .. } => "check the path, or create the store first",
            Self::StoreInUse { .. } => {
                "stop the process that has it open, or have that process do it"
            }
            Self::StoreDamaged { .. } => "restore the store from a backup",
            Self::StoreReadOnly { .. } => {
                "give this user the right to write there, or copy the store to where it has"
            }
            Self::EngineFull { .. } | Self::StoreFull { .. } => {
                "make room and try again; nothing that was committed is lost"
            }
            Self::Quota { .. } => {
                "delete rows and VACUUM, or raise the limit in the store's options"
            }
            Self::TooLarge { .. } => {
                "use an engine that takes one page and its head in a batch, or shorter names"
            }
            Self::OutcomeUnknown { .. } => {
                "open the actor again: that settles whether the write happened"
            }
            Self::Engine(_) => "see the cause; the actor is as it was, so trying again is safe",
            Self::ReadOnly { .. } => {
                "open the actor itself to write, or fork it to rehearse a write"
            }
            Self::File { .. } | Self::Sqlite { .. } | Self::Randomness { .. } => "see the cause",
            Self::Overtaken { .. } => "run one import of an actor at a time",
            Self::Contended { .. } => "try again, or stop its owner first",
            Self::NotADatabase { .. } => "give a plain SQLite file; decrypt or unpack it first",
            Self::DatabaseTruncated { .. } => "copy the file again, whole",
            Self::DatabaseDamaged { .. } => {
                "recover what can be recovered with `sqlite3 <file> .recover`, and import that"
            }
            Self::DatabaseUnreadable { .. } => {
                "see the cause; if a program died while writing, open the file once with `sqlite3`"
            }
            Self::FileExists { .. } => "choose another path, or say that it may be replaced",
            Self::FileInUse { .. } => "close the program that uses it, or choose another path",
            Self::Keys(error) => error.hint(),
            Self::StoreUnnamed { .. } => {
                "add `&store=PATH` to the file name, or set ACTOR_VFS_STORE"
            }
            Self::KeyFile { .. } => "give 64 hexadecimal digits a line, as `store key new` does",
            _ => self.hint_on_the_past(),
        }
    }

    fn hint_on_the_past(&self) -> &'static str {
        match self {
            Self::NoPoint { .. } => "list the restore points of the actor",
            Self::NotKept { .. } => {
                "ask for a commit that is kept or a restore point; set a retention to keep more"
            }
            Self::PointExists { .. } => "choose another name, or drop the restore point first",
            Self::PointName { .. } => "use 1 to 128 bytes of UTF-8 without control characters",
            Self::HistoryDamaged { .. } => {
                "the actor itself is not touched; scrub it to see what else of its past is whole"
            }
            Self::RetentionDamaged { .. } => "set the retention of the store again",
            _ => self.hint_of_connections(),
        }
    }
}

mod connections;
#[cfg(test)]
mod tests;
