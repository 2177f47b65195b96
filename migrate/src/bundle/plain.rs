//! Folders without any index: numbered `.sql` files, run in the order of their numbers.

use std::path::Path;

use super::{Bundle, Layout, Migration, Millis, check_count};
use crate::error::MigrateError;

pub(super) fn read(dir: &Path) -> Result<Bundle, MigrateError> {
    let mut names = list(dir)?;
    names.sort();
    check_count(dir, names.len())?;
    if names.is_empty() {
        let (dir, lacks) = (dir.display().to_string(), "no numbered .sql files");
        return Err(MigrateError::NotAFolder { dir, lacks });
    }
    let load = |(idx, (number, tag)): (usize, (i64, String))| {
        let path = dir.join(format!("{tag}.sql"));
        Migration::read(&path, idx as u64, tag, Millis(number))
    };
    let entries = names
        .into_iter()
        .enumerate()
        .map(load)
        .collect::<Result<_, _>>()?;
    Ok(Bundle::new(
        dir.display().to_string(),
        Layout::PlainFiles,
        entries,
    ))
}

/// Number and name, without `.sql`, of every file that begins with a number.
fn list(dir: &Path) -> Result<Vec<(i64, String)>, MigrateError> {
    let failed = |source| MigrateError::Io {
        path: dir.display().to_string(),
        source,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let name = entry
            .map_err(failed)?
            .file_name()
            .to_string_lossy()
            .into_owned();
        let numbered = name
            .strip_suffix(".sql")
            .and_then(|tag| Some((number(tag)?, tag.to_owned())));
        names.extend(numbered);
    }
    Ok(names)
}

fn number(tag: &str) -> Option<i64> {
    let digits = tag.len() - tag.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    tag[..digits].parse().ok()
}
