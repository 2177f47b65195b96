//! The Drizzle 1.0 layout: one folder per migration, run in the order of their names.

use std::cmp::Ordering;

use super::{Bundle, Files, Layout, Migration, Millis, check_count};
use crate::error::MigrateError;

const FILE: &str = "migration.sql";

/// The names of the folders that hold a `migration.sql`, in Drizzle's order.
pub(super) fn list(files: &dyn Files) -> Result<Vec<String>, MigrateError> {
    let mut names = Vec::new();
    for name in files.names()? {
        // A name under which nothing can be found is no folder.
        if files.has(&format!("{name}/{FILE}")).unwrap_or(false) {
            names.push(name);
        }
    }
    names.sort_by(|a, b| locale_compare(a, b));
    Ok(names)
}

pub(super) fn read(files: &dyn Files, names: Vec<String>) -> Result<Bundle, MigrateError> {
    check_count(files, names.len())?;
    let load = |(idx, name): (usize, String)| {
        let (path, when) = (format!("{name}/{FILE}"), folder_millis(&name));
        Migration::read(files, &path, idx as u64, name, when)
    };
    let entries = names.into_iter().enumerate().map(load);
    let entries = entries.collect::<Result<_, _>>()?;
    Ok(Bundle::new(
        files.shown(""),
        Layout::DrizzleFolders,
        entries,
    ))
}

/// `Date.UTC` of the first fourteen digits; a name without them has no time, and only its name counts.
fn folder_millis(name: &str) -> Millis {
    let part = |from: usize, to: usize| -> Option<i16> { name.get(from..to)?.parse().ok() };
    let small = |from, to| part(from, to).and_then(|value| i8::try_from(value).ok());
    let read = || {
        let date = jiff::civil::Date::new(part(0, 4)?, small(4, 6)?, small(6, 8)?).ok()?;
        let time = jiff::civil::Time::new(small(8, 10)?, small(10, 12)?, small(12, 14)?, 0).ok()?;
        let moment = date
            .to_datetime(time)
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()?;
        Some(moment.timestamp().as_millisecond())
    };
    Millis(read().unwrap_or(0))
}

/// The order of JavaScript's `localeCompare` over ASCII: punctuation, digits, letters, with case as the last word.
fn locale_compare(a: &str, b: &str) -> Ordering {
    let primary = |text: &str| text.chars().map(primary_weight).collect::<Vec<_>>();
    // Lower case sorts before upper case where nothing else differs.
    let case = |text: &str| text.chars().map(|c| c.is_uppercase()).collect::<Vec<_>>();
    primary(a)
        .cmp(&primary(b))
        .then_with(|| case(a).cmp(&case(b)))
}

fn primary_weight(c: char) -> (u8, char) {
    let class = match c {
        _ if c.is_ascii_digit() => 1,
        _ if c.is_alphabetic() => 2,
        _ => 0,
    };
    (class, c.to_lowercase().next().unwrap_or(c))
}
