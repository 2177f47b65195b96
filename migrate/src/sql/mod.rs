//! SQL as text: tokens with byte spans, and statements cut out of a file without understanding them.

mod heads;
mod statements;
mod tokens;

pub(crate) use heads::{Head, head};
pub use statements::Statement;
pub(crate) use statements::{LineIndex, split_chunk};
pub(crate) use tokens::{Kind, Token, is_keyword, tokens};

/// Quotes a name so that SQLite reads it as an identifier, whatever it contains.
pub(crate) fn quote_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The name inside a quoted identifier, or the word itself.
pub(crate) fn unquote(token: &str) -> String {
    let Some(open) = token.chars().next() else {
        return String::new();
    };
    let close = match open {
        '"' | '`' | '\'' => open,
        '[' => {
            return token
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned();
        }
        _ => return token.to_owned(),
    };
    let inner = &token[1..token.len() - usize::from(token.len() > 1)];
    inner.replace(&format!("{close}{close}"), &close.to_string())
}
