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
            span: span.clone(),
            label: String::new(),
        }),
        ..Place::path(path)
    }
}

/// The place in a migration, with `label` under the word at fault.
pub(super) fn in_migration(at: &At, label: &str) -> Place {
    let text = std::fs::read(&at.file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let excerpt = text.ok().and_then(|text| {
        let span = word(&text, at.line, at.column)?;
        Some(Excerpt {
            text,
            span,
            label: label.to_owned(),
        })
    });
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

/// The bytes of the word that begins at a line and a character, both counted from 1.
fn word(text: &str, line: usize, column: usize) -> Option<Range<usize>> {
    let whole = text.split_inclusive('\n').nth(line.checked_sub(1)?)?;
    let before: usize = text
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let (start, first) = whole.char_indices().nth(column.checked_sub(1)?)?;
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let length = match first {
        '`' | '"' | '[' => whole[start + 1..]
            .find(['`', '"', ']'])
            .map_or(1, |end| end + 2),
        first if is_word(first) => whole[start..]
            .find(|c| !is_word(c))
            .unwrap_or(whole.len() - start),
        first => first.len_utf8(),
    };
    Some(before + start..before + start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_at_a_place_is_found_whole() {
        let text = "CREATE TABLE `tä sks` (\n\tid integer,\n  ü_x text);\n";
        let at = |line, column| word(text, line, column).map(|span| &text[span]);
        assert_eq!(at(1, 1), Some("CREATE"));
        assert_eq!(at(1, 14), Some("`tä sks`"));
        assert_eq!(at(2, 2), Some("id"));
        assert_eq!(at(3, 3), Some("ü_x"));
        assert_eq!(at(3, 12), Some(";"));
        assert_eq!(at(9, 1), None);
        assert_eq!(at(0, 0), None);
    }
}
