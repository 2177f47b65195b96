//! Pages of private SQLite databases in a key-value engine.

mod actor_id;
mod attach;
mod connect;
pub mod engines;
mod error;
mod file;
pub mod keys;
pub mod kv;
mod ladder;
mod last_error;
mod layout;
mod named;
mod open;
mod page;
mod shim;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod transfer;
mod unfinished;

pub use actor_id::{ActorId, ActorIdError};
pub use connect::{ConnectOptions, Locking};
pub use error::StoreError;
pub use layout::{CommitNo, Compression, Epoch, Retention};
pub use page::{PageCount, PageNo, PageSize};
#[cfg(feature = "extension")]
#[doc(hidden)]
pub use shim::load;
pub use store::{
    Actor, ActorInfo, ActorSnapshot, CommitInfo, Damage, Found, IfExists, ListOptions, Mended,
    Plaintext, Point, Repair, RestorePoint, Rewrapped, Scrub, Store, StoreOptions,
};
