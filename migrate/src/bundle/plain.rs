//! Folders without any index: numbered `.sql` files, run in the order of their numbers.

use super::{Bundle, Files, Layout, Migration, Millis, check_count};
use crate::error::MigrateError;

pub(super) fn read(files: &dyn Files) -> Result<Bundle, MigrateError> {
    let mut names = list(files)?;
    names.sort();
    check_count(files, names.len())?;
    if names.is_empty() {
        let (dir, lacks) = (files.shown(""), "no numbered .sql files");
        return Err(MigrateError::NotAFolder { dir, lacks });
    }
    let load = |(idx, (number, tag)): (usize, (i64, String))| {
        let path = format!("{tag}.sql");
        Migration::read(files, &path, idx as u64, tag, Millis(number))
    };
    let entries = names.into_iter().enumerate().map(load);
    let entries = entries.collect::<Result<_, _>>()?;
    Ok(Bundle::new(files.shown(""), Layout::PlainFiles, entries))
}

/// Number and name, without `.sql`, of every file that begins with a number.
fn list(files: &dyn Files) -> Result<Vec<(i64, String)>, MigrateError> {
    let numbered = |name: String| {
        let tag = name.strip_suffix(".sql")?;
        Some((number(tag)?, tag.to_owned()))
    };
    Ok(files.names()?.into_iter().filter_map(numbered).collect())
}

fn number(tag: &str) -> Option<i64> {
    let digits = tag.len() - tag.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    tag[..digits].parse().ok()
}
