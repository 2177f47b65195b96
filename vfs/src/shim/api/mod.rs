//! The SQLite that the shim is part of: linked in, or the one that loads us.

#[cfg(not(feature = "extension"))]
mod linked;
#[cfg(feature = "extension")]
mod loaded;

#[cfg(not(feature = "extension"))]
pub(super) use linked::{
    db_filename, db_name, file_control, get_autocommit, log, malloc64, txn_state, uri_parameter,
    vfs_register,
};
#[cfg(feature = "extension")]
pub(super) use loaded::{
    db_filename, db_name, file_control, get_autocommit, load, log, malloc64, txn_state,
    uri_parameter, vfs_register,
};
