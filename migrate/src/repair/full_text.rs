//! Full-text indexes over another table's rows: made anew they find nothing until they are filled.

use super::refusal::Refused;
use crate::schema::Object;
use crate::sql::{Kind, Token, quote_name, tokens, unquote};

/// The statement that fills `table` from the rows it is about, where it is a
/// [full-text index with external content](https://sqlite.org/fts5.html#external_content_tables).
///
/// # Errors
/// It keeps no rows and names no table that has them.
pub(super) fn refill(table: &Object) -> Result<Option<String>, Refused> {
    let name = quote_name(&table.name);
    match content(&table.sql).as_deref() {
        None => Ok(None),
        Some("") => Err(Refused::Impossible {
            object: format!("{} {}", table.kind, table.name),
            reason: "it keeps no rows of its own, and nothing says what it should be filled from",
        }),
        Some(_) => Ok(Some(format!(
            "INSERT INTO main.{name} ({name}) VALUES ('rebuild')"
        ))),
    }
}

/// The value of FTS5's option `content`.
fn content(sql: &str) -> Option<String> {
    let tokens: Vec<_> = tokens(sql)
        .filter(|token| token.kind != Kind::Blank)
        .collect();
    let module = tokens
        .windows(2)
        .position(|pair| pair[0].is_word("USING"))?
        + 1;
    tokens[module].is_word("fts5").then_some(())?;
    let begins = |token: &Token<'_>| token.is_operator("(") || token.is_operator(",");
    let option = tokens[module..]
        .windows(4)
        .find(|four| begins(&four[0]) && four[1].is_word("content") && four[2].is_operator("="))?;
    Some(unquote(option[3].text))
}

#[cfg(test)]
mod tests {
    use super::content;

    #[test]
    fn only_the_option_of_fts5_counts() {
        let of = |arguments: &str| content(&format!("CREATE VIRTUAL TABLE f USING {arguments}"));
        assert_eq!(
            of("fts5(a, content='notes', content_rowid='id')").as_deref(),
            Some("notes")
        );
        assert_eq!(
            of("FTS5(content = \"my notes\", a)").as_deref(),
            Some("my notes")
        );
        assert_eq!(of("fts5(a, content='')").as_deref(), Some(""));
        for other in [
            "fts5(a)",
            "fts5(content, a)",
            "fts5(a, content_rowid='id')",
            "other(content='x')",
            "fts5",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
