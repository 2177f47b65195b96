//! SQLite's tokenizer (`tokenize.c`) over a string, keeping where each token stands.

/// What a token is, as far as cutting and comparing SQL needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// White space, a byte-order mark or a comment.
    Blank,
    /// A bare word: keyword or identifier.
    Word,
    /// An identifier in backticks or brackets.
    Quoted,
    /// Something in double quotes: an identifier or, where no column has that name, a string.
    DoubleQuoted,
    /// A string literal.
    Text,
    /// A blob literal.
    Blob,
    /// A number.
    Number,
    /// A bound parameter.
    Variable,
    /// An operator or punctuation other than the semicolon.
    Operator,
    /// The end of a statement.
    Semicolon,
    /// A byte SQLite would refuse, or a quote that never closes.
    Illegal,
}

/// One token and the bytes it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

impl Token<'_> {
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether this is the bare word `word` (given in upper case).
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub(crate) fn is_operator(&self, text: &str) -> bool {
        self.kind == Kind::Operator && self.text == text
    }
}

/// All tokens of `sql`, blanks included; their texts joined give `sql` again.
pub(crate) fn tokens(sql: &str) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &sql[at..];
        if rest.is_empty() {
            return None;
        }
        let (kind, len) = scan(rest);
        let token = Token {
            kind,
            text: &rest[..len],
            start: at,
        };
        at += len;
        Some(token)
    })
}

/// The kind and byte length of the first token of `rest`, which is not empty.
fn scan(rest: &str) -> (Kind, usize) {
    let bytes = rest.as_bytes();
    let next = bytes.get(1).copied().unwrap_or(0);
    match bytes[0] {
        b' ' | b'\t' | b'\n' | b'\r' | 0x0c => (Kind::Blank, blank_len(bytes)),
        b'-' if next == b'-' => (Kind::Blank, find(bytes, 2, b"\n", 0)),
        b'/' if next == b'*' => (Kind::Blank, find(bytes, 2, b"*/", 2)),
        b';' => (Kind::Semicolon, 1),
        quote @ (b'\'' | b'"' | b'`') => quoted(bytes, quote),
        b'[' => bracketed(bytes),
        b'x' | b'X' if next == b'\'' => blob(bytes),
        b'0'..=b'9' => number(bytes),
        b'.' if next.is_ascii_digit() => number(bytes),
        b'?' => (Kind::Variable, 1 + run(&bytes[1..], |b| b.is_ascii_digit())),
        b'$' | b'@' | b':' | b'#' => variable(bytes),
        _ if rest.starts_with('\u{feff}') => (Kind::Blank, '\u{feff}'.len_utf8()),
        first if is_name_byte(first) => (Kind::Word, run(bytes, is_name_byte)),
        _ => operator(bytes),
    }
}

fn run(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| wanted(**byte)).count()
}

fn blank_len(bytes: &[u8]) -> usize {
    run(bytes, |byte| {
        matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
    })
}

/// Bytes beyond ASCII are letters to SQLite.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// Where `needle` ends (plus `keep` of its bytes), or the end of the text.
fn find(bytes: &[u8], from: usize, needle: &[u8], keep: usize) -> usize {
    let tail = &bytes[from.min(bytes.len())..];
    let hit = tail
        .windows(needle.len())
        .position(|window| window == needle);
    hit.map_or(bytes.len(), |at| from + at + keep)
}

fn quoted(bytes: &[u8], quote: u8) -> (Kind, usize) {
    let kind = match quote {
        b'\'' => Kind::Text,
        b'"' => Kind::DoubleQuoted,
        _ => Kind::Quoted,
    };
    let mut at = 1;
    while at < bytes.len() {
        if bytes[at] != quote {
            at += 1;
        } else if bytes.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return (kind, at + 1);
        }
    }
    (Kind::Illegal, bytes.len())
}

fn bracketed(bytes: &[u8]) -> (Kind, usize) {
    match bytes.iter().position(|byte| *byte == b']') {
        Some(at) => (Kind::Quoted, at + 1),
        None => (Kind::Illegal, bytes.len()),
    }
}

fn blob(bytes: &[u8]) -> (Kind, usize) {
    let digits = run(&bytes[2..], |byte| byte.is_ascii_hexdigit());
    let closed = bytes.get(2 + digits) == Some(&b'\'');
    if closed && digits.is_multiple_of(2) {
        return (Kind::Blob, digits + 3);
    }
    (Kind::Illegal, find(bytes, 2, b"'", 1))
}

fn number(bytes: &[u8]) -> (Kind, usize) {
    let digit = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    let mut len = if bytes[0] == b'0' && matches!(bytes.get(1), Some(b'x' | b'X')) {
        2 + run(&bytes[2..], |byte| byte.is_ascii_hexdigit() || byte == b'_')
    } else {
        let mut len = run(bytes, digit);
        if bytes.get(len) == Some(&b'.') {
            len += 1;
            len += run(&bytes[len..], digit);
        }
        len + exponent(&bytes[len..])
    };
    let tail = run(&bytes[len..], is_name_byte);
    len += tail;
    (
        if tail == 0 {
            Kind::Number
        } else {
            Kind::Illegal
        },
        len,
    )
}

fn exponent(bytes: &[u8]) -> usize {
    if !matches!(bytes.first(), Some(b'e' | b'E')) {
        return 0;
    }
    let sign = usize::from(matches!(bytes.get(1), Some(b'+' | b'-')));
    let digits = run(&bytes[1 + sign..], |byte| byte.is_ascii_digit());
    if digits == 0 { 0 } else { 1 + sign + digits }
}

fn variable(bytes: &[u8]) -> (Kind, usize) {
    let len = 1 + run(&bytes[1..], |byte| is_name_byte(byte) || byte == b':');
    (
        if len == 1 {
            Kind::Illegal
        } else {
            Kind::Variable
        },
        len,
    )
}

fn operator(bytes: &[u8]) -> (Kind, usize) {
    const LONG: [&[u8]; 10] = [
        b"->>", b"->", b"==", b"<=", b"<>", b"<<", b">=", b">>", b"!=", b"||",
    ];
    if let Some(found) = LONG.iter().find(|operator| bytes.starts_with(operator)) {
        return (Kind::Operator, found.len());
    }
    let known = b"-()+*/%=<>|,&~.".contains(&bytes[0]);
    (if known { Kind::Operator } else { Kind::Illegal }, 1)
}

/// Whether a bare word means something to SQLite other than a name.
///
/// A quoted identifier spelled like one of these is never the same token as the bare word:
/// `"null"` is a column, `null` is not. `true` and `false` are listed because quoting changes them too.
pub(crate) fn is_keyword(word: &str) -> bool {
    let upper = word.to_ascii_uppercase();
    KEYWORDS.binary_search(&upper.as_str()).is_ok()
}

/// <https://sqlite.org/lang_keywords.html> with `TRUE`, `FALSE`, `STORED` and `STRICT`; sorted.
const KEYWORDS: [&str; 151] = [
    "ABORT",
    "ACTION",
    "ADD",
    "AFTER",
    "ALL",
    "ALTER",
    "ALWAYS",
    "ANALYZE",
    "AND",
    "AS",
    "ASC",
    "ATTACH",
    "AUTOINCREMENT",
    "BEFORE",
    "BEGIN",
    "BETWEEN",
    "BY",
    "CASCADE",
    "CASE",
    "CAST",
    "CHECK",
    "COLLATE",
    "COLUMN",
    "COMMIT",
    "CONFLICT",
    "CONSTRAINT",
    "CREATE",
    "CROSS",
    "CURRENT",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "DATABASE",
    "DEFAULT",
    "DEFERRABLE",
    "DEFERRED",
    "DELETE",
    "DESC",
    "DETACH",
    "DISTINCT",
    "DO",
    "DROP",
    "EACH",
    "ELSE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXCLUDE",
    "EXCLUSIVE",
    "EXISTS",
    "EXPLAIN",
    "FAIL",
    "FALSE",
    "FILTER",
    "FIRST",
    "FOLLOWING",
    "FOR",
    "FOREIGN",
    "FROM",
    "FULL",
    "GENERATED",
    "GLOB",
    "GROUP",
    "GROUPS",
    "HAVING",
    "IF",
    "IGNORE",
    "IMMEDIATE",
    "IN",
    "INDEX",
    "INDEXED",
    "INITIALLY",
    "INNER",
    "INSERT",
    "INSTEAD",
    "INTERSECT",
    "INTO",
    "IS",
    "ISNULL",
    "JOIN",
    "KEY",
    "LAST",
    "LEFT",
    "LIKE",
    "LIMIT",
    "MATCH",
    "MATERIALIZED",
    "NATURAL",
    "NO",
    "NOT",
    "NOTHING",
    "NOTNULL",
    "NULL",
    "NULLS",
    "OF",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OTHERS",
    "OUTER",
    "OVER",
    "PARTITION",
    "PLAN",
    "PRAGMA",
    "PRECEDING",
    "PRIMARY",
    "QUERY",
    "RAISE",
    "RANGE",
    "RECURSIVE",
    "REFERENCES",
    "REGEXP",
    "REINDEX",
    "RELEASE",
    "RENAME",
    "REPLACE",
    "RESTRICT",
    "RETURNING",
    "RIGHT",
    "ROLLBACK",
    "ROW",
    "ROWS",
    "SAVEPOINT",
    "SELECT",
    "SET",
    "STORED",
    "STRICT",
    "TABLE",
    "TEMP",
    "TEMPORARY",
    "THEN",
    "TIES",
    "TO",
    "TRANSACTION",
    "TRIGGER",
    "TRUE",
    "UNBOUNDED",
    "UNION",
    "UNIQUE",
    "UPDATE",
    "USING",
    "VACUUM",
    "VALUES",
    "VIEW",
    "VIRTUAL",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
    "WITHOUT",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(sql: &str) -> Vec<(Kind, &str)> {
        tokens(sql)
            .filter(|t| t.kind != Kind::Blank)
            .map(|t| (t.kind, t.text))
            .collect()
    }

    #[test]
    fn the_keyword_table_is_sorted_so_that_it_can_be_searched() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn a_semicolon_inside_a_string_a_comment_or_a_quoted_name_ends_nothing() {
        let sql = "select ';', \";\", `;`, [;] -- ;\n/* ; */ ;";
        let ends = tokens(sql).filter(|t| t.kind == Kind::Semicolon).count();
        assert_eq!(ends, 1);
    }

    #[test]
    fn numbers_blobs_and_operators_are_single_tokens() {
        assert_eq!(
            kinds("1.5e-3 0x1F .5 x'0aFF' a->>'$.b' 1_000 12ab"),
            vec![
                (Kind::Number, "1.5e-3"),
                (Kind::Number, "0x1F"),
                (Kind::Number, ".5"),
                (Kind::Blob, "x'0aFF'"),
                (Kind::Word, "a"),
                (Kind::Operator, "->>"),
                (Kind::Text, "'$.b'"),
                (Kind::Number, "1_000"),
                (Kind::Illegal, "12ab"),
            ]
        );
    }

    #[test]
    fn tokens_joined_give_the_text_again_whatever_it_is() {
        for sql in [
            "",
            "\u{feff}select 1",
            "'open",
            "é + \"ü\"",
            "[x",
            "/* open",
            "x'abc",
            "\0;",
        ] {
            assert_eq!(tokens(sql).map(|t| t.text).collect::<String>(), sql);
        }
    }
}
