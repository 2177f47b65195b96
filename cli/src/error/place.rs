//! Where an error happened, with the lines of the file around it.

use std::ops::Range;
use std::path::Path;

use actor_migrate::At;

use crate::output::{Excerpt, Place};

/// The place in a configuration.
pub(super) fn in_config(path: &Path, text: &str, span: Option<&Range<usize>>) -> Place {
    let Some(span) = span else {
        return Place::path(path);
    };
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Place {
        line: Some(before.matches('\n').count() + 1),
        column: Some(before[line_start..].chars().count() + 1),
        excerpt: Some(Excerpt {
            text: text.to_owned(),
            first_line: 1,
            span: span.clone(),
            label: String::new(),
        }),
        ..Place::path(path)
    }
}

/// The place in a migration, with `label` under the word at fault.
pub(super) fn in_migration(at: &At, label: &str) -> Place {
    let text = std::fs::read(&at.file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let excerpt = text
        .ok()
        .and_then(|text| Excerpt::of_line(&text, at.line, at.column, label));
    Place {
        path: Some(at.file.clone()),
        migration: Some(at.migration.clone()),
        statement: Some(at.statement),
        line: Some(at.line),
        column: Some(at.column),
        sql: Some(at.sql.clone()),
        excerpt,
        ..Place::default()
    }
}
