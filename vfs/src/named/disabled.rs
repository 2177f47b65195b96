//! No main file has a name of its own: hosts open actors by their handles.

use super::Asked;
use crate::StoreError;
use crate::file::File;

/// Refuses. Two actors in one connection, by `ATTACH`, would commit one after the other, which a
/// crash can interrupt.
pub(crate) fn open(asked: &Asked<'_>) -> Result<Box<dyn File>, StoreError> {
    let name = asked.name.to_owned();
    Err(StoreError::NotMounted { name })
}
