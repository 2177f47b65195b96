//! Expressions in one spelling, as far as that is safe: what is not listed here stays different.

use std::collections::HashSet;

use crate::sql::{Kind, Token, quote_name, tokens, unquote};

/// What the names in an expression can mean. All in lower case.
#[derive(Debug, Clone, Default)]
pub(in crate::schema) struct Scope {
    pub(in crate::schema) table: String,
    pub(in crate::schema) columns: HashSet<String>,
}

/// The expression with one spelling for names, keywords, operators and blanks, and without outer
/// parentheses and the qualifier of its own table.
///
/// A word in double quotes that is no column is a string to SQLite: it keeps its spelling.
pub(super) fn canonical(text: &str, scope: &Scope) -> String {
    let all: Vec<_> = tokens(text)
        .filter(|token| token.kind != Kind::Blank)
        .collect();
    let inner = without_parentheses(&all);
    let mut words: Vec<String> = Vec::with_capacity(inner.len());
    let mut at = 0;
    while at < inner.len() {
        if is_own_qualifier(&inner[at..], scope) {
            at += 2;
            continue;
        }
        let after_collate = at > 0 && inner[at - 1].is_word("COLLATE");
        let called = inner.get(at + 1).is_some_and(|next| next.is_operator("("));
        words.push(word(&inner[at], scope, after_collate, called));
        at += 1;
    }
    words.join(" ")
}

/// Removes pairs of parentheses that enclose everything.
fn without_parentheses<'a, 'b>(mut all: &'b [Token<'a>]) -> &'b [Token<'a>] {
    while let [open, inner @ .., close] = all {
        let pair = open.is_operator("(") && close.is_operator(")") && is_balanced(inner);
        if !pair || inner.is_empty() {
            break;
        }
        all = inner;
    }
    all
}

fn is_balanced(inner: &[Token<'_>]) -> bool {
    let mut depth = 0_isize;
    for token in inner {
        depth += isize::from(token.is_operator("(")) - isize::from(token.is_operator(")"));
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

/// `t.` before a column, in an expression of the table `t`.
fn is_own_qualifier(rest: &[Token<'_>], scope: &Scope) -> bool {
    let [table, dot, column, ..] = rest else {
        return false;
    };
    is_name(table)
        && dot.is_operator(".")
        && is_name(column)
        && unquote(table.text).eq_ignore_ascii_case(&scope.table)
        && scope
            .columns
            .contains(&unquote(column.text).to_ascii_lowercase())
}

fn is_name(token: &Token<'_>) -> bool {
    matches!(token.kind, Kind::Word | Kind::Quoted | Kind::DoubleQuoted)
}

fn word(token: &Token<'_>, scope: &Scope, after_collate: bool, called: bool) -> String {
    let name = unquote(token.text);
    let lower = name.to_ascii_lowercase();
    match token.kind {
        _ if after_collate => name.to_ascii_uppercase(),
        Kind::Word if called => lower + "()",
        Kind::Word | Kind::Quoted | Kind::DoubleQuoted if scope.columns.contains(&lower) => {
            quote_name(&lower)
        }
        Kind::Word => name.to_ascii_uppercase(),
        Kind::Blob => token.text.to_ascii_uppercase(),
        Kind::Operator if token.text == "==" => "=".to_owned(),
        Kind::Operator if token.text == "!=" => "<>".to_owned(),
        _ => token.text.to_owned(),
    }
}

/// A default in one spelling. A bare or quoted word there is a string, except the few that are values.
pub(super) fn canonical_default(text: &str) -> Option<String> {
    let all: Vec<_> = tokens(text)
        .filter(|token| token.kind != Kind::Blank)
        .collect();
    let value = match all.as_slice() {
        [word] if word.kind == Kind::Word && is_value(word.text) => word.text.to_ascii_uppercase(),
        [word] if is_name(word) || word.kind == Kind::Text => {
            format!("'{}'", unquote(word.text).replace('\'', "''"))
        }
        _ => canonical(text, &Scope::default()),
    };
    // No default and a default of NULL are the same.
    (value != "NULL").then_some(value)
}

fn is_value(word: &str) -> bool {
    const VALUES: [&str; 6] = [
        "NULL",
        "TRUE",
        "FALSE",
        "CURRENT_TIME",
        "CURRENT_DATE",
        "CURRENT_TIMESTAMP",
    ];
    VALUES.iter().any(|value| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope {
            table: "t".to_owned(),
            columns: ["a", "b"].map(str::to_owned).into(),
        }
    }

    fn same(a: &str, b: &str) -> bool {
        canonical(a, &scope()) == canonical(b, &scope())
    }

    #[test]
    fn quoting_qualifiers_and_outer_parentheses_do_not_matter() {
        assert!(same("\"t\".\"a\" > 0", "( a>0 )"));
        assert!(same(
            "`A` != 1 and length(b) = 2",
            "((a <> 1 AND LENGTH( \"b\" ) == 2))"
        ));
        assert!(same("a collate nocase", "a COLLATE \"NOCASE\""));
    }

    #[test]
    fn strings_order_and_inner_parentheses_do_matter() {
        assert!(!same("a = 'x'", "a = 'X'"));
        assert!(!same("a = \"x\"", "a = 'x'"));
        assert!(!same("(a) + (b)", "a) + (b"));
        assert!(!same("a > b", "b > a"));
        assert!(!same("(a + b) * 2", "a + b * 2"));
    }

    #[test]
    fn a_word_as_default_is_a_string_unless_it_is_a_value() {
        let default = |text| canonical_default(text);
        assert_eq!(default("active"), default("'active'"));
        assert_ne!(default("active"), default("Active"));
        assert_eq!(default("current_timestamp"), default("(CURRENT_TIMESTAMP)"));
        assert_ne!(default("'true'"), default("true"));
        assert_eq!(default("(0)"), default("0"));
        assert_eq!(default("NULL"), None);
    }
}
