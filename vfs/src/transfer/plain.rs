//! Telling a plain SQLite file from everything else, by its first bytes and its length.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::failed;
use crate::error::StoreError;
use crate::file::{HEADER_BYTES, Header, MAGIC};

/// How much of a file is looked at to tell noise from text.
const SAMPLE_BYTES: u64 = 4096;

/// Looks at a file without SQLite, which has one word for all that it cannot read.
pub(super) fn recognise(path: &Path) -> Result<Header, StoreError> {
    let mut file = File::open(path).map_err(failed("opening", path))?;
    let metadata = file.metadata().map_err(failed("reading", path))?;
    let not_a_database = |found| StoreError::NotADatabase {
        path: path.to_owned(),
        found,
    };
    if metadata.is_dir() {
        return Err(not_a_database("it is a folder"));
    }
    let mut sample = Vec::new();
    file.by_ref()
        .take(SAMPLE_BYTES)
        .read_to_end(&mut sample)
        .map_err(failed("reading", path))?;
    let header = match sample.first_chunk::<HEADER_BYTES>() {
        Some(header) if header.starts_with(MAGIC) => header,
        None if sample.is_empty() => return Err(not_a_database("it is empty")),
        None if MAGIC.starts_with(&sample) || sample.starts_with(MAGIC) => {
            let (found, stated) = (metadata.len(), HEADER_BYTES as u64);
            return Err(StoreError::DatabaseTruncated {
                path: path.to_owned(),
                found,
                stated,
            });
        }
        _ if is_noise(&sample) => return Err(not_a_database("it looks encrypted or compressed")),
        _ => return Err(not_a_database("it does not begin as SQLite's files do")),
    };
    let header =
        Header::parse(header).ok_or_else(|| not_a_database("its page size is none of SQLite's"))?;
    let stated = header
        .pages
        .map_or(0, |pages| pages.bytes(header.page_size));
    // What is in a log is not in the file yet.
    if !header.wal && metadata.len() < stated {
        let (path, found) = (path.to_owned(), metadata.len());
        return Err(StoreError::DatabaseTruncated {
            path,
            found,
            stated,
        });
    }
    Ok(header)
}

/// Whether bytes look random, as ciphers and compressors leave them: nearly every value occurs.
fn is_noise(sample: &[u8]) -> bool {
    let mut seen = [false; 256];
    sample
        .iter()
        .for_each(|byte| seen[usize::from(*byte)] = true);
    sample.len() >= 2048 && seen.iter().filter(|seen| **seen).count() > 250
}
