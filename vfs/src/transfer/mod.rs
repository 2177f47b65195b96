//! Plain SQLite files: out of a store, and into one.

mod export;
mod import;
mod plain;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::error::StoreError;

pub(crate) fn failed(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> StoreError {
    let path = path.to_owned();
    move |error| StoreError::File {
        doing,
        path: path.clone(),
        source: Arc::new(error),
    }
}
