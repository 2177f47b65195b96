//! The text of an object as a normalised token stream: the level at which fingerprints are equal.

use super::Kind;
use crate::sql::{self, Token, is_keyword, quote_name, tokens, unquote};

/// Tokens joined by blanks, without comments, keywords in upper case, identifiers without needless quotes.
///
/// Case of identifiers is kept (`DEFAULT abc` is a string), and so are the quotes of a name spelled
/// like a keyword. `is_name` says whether a word in double quotes is a name; else it may be a string.
pub(super) fn normalised(sql: &str, is_name: impl Fn(&str) -> bool) -> String {
    let mut text = String::with_capacity(sql.len());
    for token in tokens(sql).filter(|token| token.kind != sql::Kind::Blank) {
        if !text.is_empty() {
            text.push(' ');
        }
        push(&mut text, &token, &is_name);
    }
    text
}

/// The form that fingerprints are made of.
///
/// SQLite does not look into views and triggers when it creates them, so there a name in double
/// quotes may be a string in one database and a column in the other: it stays apart.
pub(super) fn strict(kind: Kind, sql: &str) -> String {
    let resolved = matches!(kind, Kind::Table | Kind::Index);
    normalised(sql, |_| resolved)
}

fn push(text: &mut String, token: &Token<'_>, is_name: &impl Fn(&str) -> bool) {
    match token.kind {
        sql::Kind::Word if is_keyword(token.text) => {
            text.push_str(&token.text.to_ascii_uppercase())
        }
        sql::Kind::Quoted => push_name(text, &unquote(token.text)),
        sql::Kind::DoubleQuoted => match unquote(token.text) {
            name if is_name(&name) => push_name(text, &name),
            _ => text.push_str(token.text),
        },
        _ => text.push_str(token.text),
    }
}

/// A name that would read as something else without quotes keeps them, as backticks.
fn push_name(text: &mut String, name: &str) {
    let mut all = tokens(name);
    let one_word = matches!((all.next(), all.next()), (Some(t), None) if t.kind == sql::Kind::Word);
    if one_word && !is_keyword(name) {
        text.push_str(name);
    } else {
        text.push('`');
        text.push_str(&quote_name(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_comments_keyword_case_and_quotes_do_not_matter() {
        let a = strict(
            Kind::Table,
            "create table `t` ([a] TEXT, -- note\n \"b\" int)",
        );
        let b = strict(Kind::Table, "CREATE TABLE t(a TEXT,b int)");
        assert_eq!(a, b);
    }

    #[test]
    fn a_string_a_default_and_a_name_like_a_keyword_do_matter() {
        let form = |sql| strict(Kind::Table, sql);
        assert_ne!(form("a DEFAULT 'x'"), form("a DEFAULT 'X'"));
        assert_ne!(form("a DEFAULT x"), form("a DEFAULT X"));
        assert_ne!(form("CHECK (\"null\" IS 1)"), form("CHECK (null IS 1)"));
        assert_ne!(form("\"a b\""), form("a b"));
        assert_ne!(form("\"true\""), form("true"));
    }

    #[test]
    fn a_double_quoted_word_in_a_view_is_not_taken_for_a_name() {
        let form = |sql| strict(Kind::View, sql);
        assert_ne!(form("SELECT \"a\" FROM t"), form("SELECT a FROM t"));
        assert_eq!(form("SELECT `a` FROM t"), form("SELECT [a] FROM t"));
    }
}
