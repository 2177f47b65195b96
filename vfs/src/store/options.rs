//! What the host may set for a whole store.

use std::time::Duration;

/// Settings of a store. Start from `StoreOptions::default()` and set what differs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreOptions {
    /// How many bytes of pages one actor may hold; a commit that grows it beyond is refused as
    /// `SQLITE_FULL`. Default: no limit.
    pub actor_bytes_max: Option<u64>,
    /// How long a commit whose outcome is unknown is pursued before the actor must be opened
    /// anew. Default: 10 seconds.
    pub settle_for: Duration,
    /// How much memory the embedded engine may use for what it reads from its file. Default:
    /// 128 MiB.
    pub cache_bytes: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            actor_bytes_max: None,
            settle_for: Duration::from_secs(10),
            cache_bytes: 128 * 1024 * 1024,
        }
    }
}
