//! What the host may set for a whole store.

use std::sync::Arc;
use std::time::Duration;

use crate::keys::KeyRing;
use crate::layout::Compression;

/// Settings of a store. Start from `StoreOptions::default()` and set what differs.
#[derive(Debug, Clone)]
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
    /// Whether pages are compressed when they are written. Pages of either kind are read, so it
    /// may change at any time. Default: [`Compression::Lz4`].
    pub compression: Compression,
    /// The keys of the host. With them every actor that is created, imported or written anew is
    /// encrypted; without them no encrypted actor can be opened. Default: none.
    pub keys: Option<Arc<dyn KeyRing>>,
    /// Whether actors that are not encrypted can be opened. Default: [`Plaintext::Allow`].
    pub plaintext: Plaintext,
}

/// Whether actors that are not encrypted can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plaintext {
    /// They can, so a store may hold both kinds.
    #[default]
    Allow,
    /// They cannot. Set it once all actors are encrypted: whoever can write to the store's files,
    /// and has no key, can otherwise put an actor of his own in the place of one of yours.
    Refuse,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            actor_bytes_max: None,
            settle_for: Duration::from_secs(10),
            cache_bytes: 128 * 1024 * 1024,
            compression: Compression::default(),
            keys: None,
            plaintext: Plaintext::default(),
        }
    }
}
