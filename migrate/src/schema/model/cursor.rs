//! Walks the tokens of one definition.

use crate::sql::{Kind, Token, tokens, unquote};

/// The tokens that count, and where we are among them.
pub(super) struct Cursor<'a> {
    sql: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        let tokens = tokens(sql)
            .filter(|token| token.kind != Kind::Blank)
            .collect();
        Self { sql, tokens, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.at)
    }

    pub(super) fn is_over(&self) -> bool {
        self.at >= self.tokens.len()
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        let token = self.tokens.get(self.at).copied();
        self.at += 1;
        token
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| token.is_word(word))
    }

    pub(super) fn at_words(&self, words: &[&str]) -> bool {
        let ahead = self.tokens.get(self.at..self.at + words.len());
        ahead.is_some_and(|ahead| {
            ahead
                .iter()
                .zip(words)
                .all(|(token, word)| token.is_word(word))
        })
    }

    /// Takes all of `words` or nothing.
    pub(super) fn eat(&mut self, words: &[&str]) -> bool {
        let found = self.at_words(words);
        self.at += if found { words.len() } else { 0 };
        found
    }

    pub(super) fn at_operator(&self, text: &str) -> bool {
        self.peek().is_some_and(|token| token.is_operator(text))
    }

    pub(super) fn eat_operator(&mut self, text: &str) -> bool {
        let found = self.at_operator(text);
        self.at += usize::from(found);
        found
    }

    /// Any token that can stand for a name.
    pub(super) fn name(&mut self) -> Option<String> {
        let token = self.next()?;
        let names = [Kind::Word, Kind::Quoted, Kind::DoubleQuoted, Kind::Text];
        names.contains(&token.kind).then(|| unquote(token.text))
    }

    /// A name that may be qualified by its database.
    pub(super) fn qualified_name(&mut self) -> Option<String> {
        let first = self.name()?;
        if self.eat_operator(".") {
            self.name()
        } else {
            Some(first)
        }
    }

    /// The text inside the parentheses that open here.
    pub(super) fn group(&mut self) -> Option<&'a str> {
        let open = self.next().filter(|token| token.is_operator("("))?;
        let mut depth = 1_usize;
        loop {
            let token = self.next()?;
            if token.is_operator("(") {
                depth += 1;
            } else if token.is_operator(")") {
                depth -= 1;
            }
            if depth == 0 {
                return Some(&self.sql[open.end()..token.start]);
            }
        }
    }

    /// The text from here to the end.
    pub(super) fn rest(&mut self) -> &'a str {
        let start = self.peek().map_or(self.sql.len(), |token| token.start);
        self.at = self.tokens.len();
        &self.sql[start..]
    }
}
