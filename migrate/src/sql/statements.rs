//! Cuts SQL text into statements as SQLite's `sqlite3_complete` would, with their places in the file.

use std::ops::Range;

use serde::Serialize;

use super::tokens::{Kind, Token, tokens};

/// One statement of a migration file and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Statement {
    /// Its number in the file, from 1.
    pub number: usize,
    /// The chunk between breakpoints that holds it, from 1.
    pub chunk: usize,
    /// The bytes of the file that it covers, from its first word to its semicolon.
    pub span: Range<usize>,
    /// The line it begins on, from 1.
    pub line: usize,
    /// The character of that line it begins at, from 1.
    pub column: usize,
}

/// Where each line of a text begins.
pub(crate) struct LineIndex<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let after = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after).collect(),
        }
    }

    /// Line and column (in characters) of a byte offset, both from 1.
    pub(crate) fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let begin = self.starts[line - 1];
        let column = self
            .text
            .get(begin..offset)
            .map_or(1, |part| part.chars().count() + 1);
        (line, column)
    }
}

/// The byte spans of the statements in `chunk`; text after the last semicolon counts if it is not blank.
pub(crate) fn split_chunk(chunk: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut open: Option<Open> = None;
    for token in tokens(chunk) {
        match (token.kind, &mut open) {
            (Kind::Blank, _) | (Kind::Semicolon, None) => {}
            (_, None) => open = Some(Open::begin(&token)),
            (_, Some(statement)) => {
                if statement.ends_at(&token) {
                    spans.push(statement.start..token.end());
                    open = None;
                }
            }
        }
    }
    spans.extend(open.map(|statement| statement.start..statement.end));
    spans
}

/// A statement that has begun and not ended.
struct Open {
    start: usize,
    end: usize,
    head: Head,
    /// The last two tokens: a trigger body ends with `; END ;`.
    before: [Last; 2],
}

/// What the first words have told so far.
#[derive(Clone, Copy, PartialEq)]
enum Head {
    Explain,
    Create,
    Trigger,
    Plain,
}

#[derive(Clone, Copy, PartialEq)]
enum Last {
    Semicolon,
    End,
    Other,
}

impl Open {
    fn begin(token: &Token<'_>) -> Self {
        let head = if token.is_word("EXPLAIN") {
            Head::Explain
        } else if token.is_word("CREATE") {
            Head::Create
        } else {
            Head::Plain
        };
        Self {
            start: token.start,
            end: token.end(),
            head,
            before: [Last::Other; 2],
        }
    }

    /// Takes one more token; says whether it is the semicolon that ends the statement.
    fn ends_at(&mut self, token: &Token<'_>) -> bool {
        self.end = token.end();
        self.head = self.head.after(token);
        let last = match token.kind {
            Kind::Semicolon => Last::Semicolon,
            _ if token.is_word("END") => Last::End,
            _ => Last::Other,
        };
        let body_over = self.before == [Last::Semicolon, Last::End];
        self.before = [self.before[1], last];
        last == Last::Semicolon && (self.head != Head::Trigger || body_over)
    }
}

impl Head {
    fn after(self, token: &Token<'_>) -> Self {
        let is = |word| token.is_word(word);
        match self {
            Self::Explain if is("QUERY") || is("PLAN") => Self::Explain,
            Self::Explain if is("CREATE") => Self::Create,
            Self::Create if is("TEMP") || is("TEMPORARY") => Self::Create,
            Self::Create if is("TRIGGER") => Self::Trigger,
            Self::Trigger => Self::Trigger,
            _ => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(sql: &str) -> Vec<&str> {
        split_chunk(sql)
            .into_iter()
            .map(|span| &sql[span])
            .collect()
    }

    #[test]
    fn a_trigger_body_stays_in_one_piece_even_with_a_case_in_it() {
        let trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN \
             UPDATE a SET b = CASE WHEN 1 THEN 2 END; DELETE FROM c; END;";
        assert_eq!(
            split(&format!("SELECT 1;\n{trigger} SELECT 2")),
            ["SELECT 1;", trigger, "SELECT 2"]
        );
    }

    #[test]
    fn blanks_comments_and_empty_statements_are_no_statements() {
        assert_eq!(split(" -- nothing\n ; /* here */ ;;"), Vec::<&str>::new());
    }

    #[test]
    fn a_table_called_trigger_does_not_swallow_what_follows() {
        assert_eq!(split("CREATE TABLE \"trigger\"(a); SELECT 1;").len(), 2);
        assert_eq!(split("CREATE VIEW v AS SELECT 1; SELECT 1;").len(), 2);
    }

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let index = LineIndex::new("é\nab\n");
        assert_eq!(
            (index.place(0), index.place(4), index.place(6)),
            ((1, 1), (2, 2), (3, 1))
        );
    }
}
