//! The SQLite that the shim is part of: linked in, or the one that loads us.

#[cfg(not(feature = "extension"))]
mod linked;
#[cfg(feature = "extension")]
mod loaded;

#[cfg(not(feature = "extension"))]
pub(super) use linked::{log, malloc64, uri_parameter, vfs_register};
#[cfg(feature = "extension")]
pub(super) use loaded::{load, log, malloc64, uri_parameter, vfs_register};
