//! Pages of private SQLite databases in a key-value engine.

mod actor_id;
pub mod engines;
mod error;
#[expect(dead_code, unused_imports, reason = "the shim, next, calls it")]
mod file;
pub mod kv;
mod ladder;
#[expect(dead_code, reason = "the shim and the actor, next, ask for it")]
mod last_error;
mod layout;
mod open;
mod page;
#[expect(dead_code, reason = "connections, built next, use the rest")]
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod transfer;
mod unfinished;

pub use actor_id::{ActorId, ActorIdError};
pub use error::StoreError;
pub use layout::{CommitNo, Epoch};
pub use page::{PageCount, PageNo, PageSize};
pub use store::{Actor, ActorInfo, ActorSnapshot, IfExists, ListOptions, Store, StoreOptions};
