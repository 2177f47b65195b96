//! Pages of private SQLite databases in a key-value engine.

mod actor_id;
pub mod engines;
mod error;
pub mod kv;
mod layout;
mod page;
mod store;

pub use actor_id::{ActorId, ActorIdError};
pub use error::StoreError;
pub use layout::{CommitNo, Epoch};
pub use page::{PageCount, PageNo, PageSize};
