//! Main files that are opened by the name of an actor: what the loadable library does, and a host
//! that links us in does not.

#[cfg(not(feature = "extension"))]
mod disabled;
#[cfg(feature = "extension")]
mod enabled;

#[cfg(not(feature = "extension"))]
pub(crate) use disabled::open;
#[cfg(feature = "extension")]
pub(crate) use enabled::open;
#[cfg(feature = "suite")]
pub(crate) use enabled::{delete, exists};

/// A main file by name.
#[cfg_attr(
    not(feature = "extension"),
    expect(dead_code, reason = "read by the other half")
)]
pub(crate) struct Asked<'a> {
    /// The name of the actor.
    pub(crate) name: &'a str,
    /// The path of the store; `:memory:` is one that lives as long as the process.
    pub(crate) store: Option<&'a str>,
    /// The path of a key file, or of a folder of them; it counts when the store is opened.
    pub(crate) key_file: Option<&'a str>,
    /// Whether the actor shall be read as it is now, without owning it.
    pub(crate) snapshot: bool,
    /// Whether store and actor are created if they are missing.
    pub(crate) create: bool,
}
