//! The first reading of CREATE TABLE and CREATE INDEX: our own, over SQLite's tokens.
//!
//! `None` means "not understood", and that is always a safe answer.

use super::cursor::Cursor;
use super::{
    Check, Column, Conflict, ForeignKey, Generated, Index, Part, PrimaryKey, Reaction, Table,
    Unique,
};
use crate::sql::{Kind, Token, tokens, unquote};

/// Words that end a column's type.
const CONSTRAINT_WORDS: [&str; 10] = [
    "CONSTRAINT",
    "PRIMARY",
    "NOT",
    "NULL",
    "UNIQUE",
    "CHECK",
    "DEFAULT",
    "COLLATE",
    "REFERENCES",
    "AS",
];

/// Words that begin a constraint of the table.
const TABLE_WORDS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];

pub(super) fn table(sql: &str) -> Option<Table> {
    let mut cursor = Cursor::new(sql);
    cursor.eat(&["CREATE"]).then_some(())?;
    cursor.eat(&["TABLE"]).then_some(())?;
    cursor.eat(&["IF", "NOT", "EXISTS"]);
    let mut table = Table {
        name: cursor.qualified_name()?,
        ..Table::default()
    };
    cursor.eat_operator("(").then_some(())?;
    loop {
        if TABLE_WORDS.iter().any(|word| cursor.at_word(word)) {
            table_constraint(&mut cursor, &mut table)?;
        } else {
            column(&mut cursor, &mut table)?;
        }
        if cursor.eat_operator(")") {
            break;
        }
        // A comma between two constraints of the table may be left out.
        let constraint_follows = TABLE_WORDS.iter().any(|word| cursor.at_word(word));
        (cursor.eat_operator(",") || constraint_follows).then_some(())?;
    }
    options(&mut cursor, &mut table)?;
    Some(table)
}

fn options(cursor: &mut Cursor<'_>, table: &mut Table) -> Option<()> {
    while !cursor.is_over() {
        if cursor.eat(&["STRICT"]) {
            table.strict = true;
        } else {
            cursor.eat(&["WITHOUT", "ROWID"]).then_some(())?;
            table.without_rowid = true;
        }
        (cursor.eat_operator(",") || cursor.is_over()).then_some(())?;
    }
    Some(())
}

fn column(cursor: &mut Cursor<'_>, table: &mut Table) -> Option<()> {
    let mut column = Column {
        name: cursor.name()?,
        declared: declared(cursor)?,
        ..Column::default()
    };
    while !cursor.at_operator(",") && !cursor.at_operator(")") {
        column_constraint(cursor, table, &mut column)?;
    }
    table.columns.push(column);
    Some(())
}

/// The type of a column, which may be any number of words.
fn declared(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut words = Vec::new();
    while let Some(token) = cursor.peek() {
        let stops = CONSTRAINT_WORDS.iter().any(|word| token.is_word(word))
            || cursor.at_words(&["GENERATED", "ALWAYS"]);
        if stops
            || !matches!(
                token.kind,
                Kind::Word | Kind::Quoted | Kind::DoubleQuoted | Kind::Text
            )
        {
            break;
        }
        words.extend(cursor.next());
    }
    let mut text = type_words(&words);
    if !words.is_empty() && cursor.at_operator("(") {
        text.push_str(&type_size(cursor.group()?));
    }
    Some(text)
}

/// A type's name in upper case with single blanks.
pub(super) fn type_words(words: &[Token<'_>]) -> String {
    let words: Vec<_> = words
        .iter()
        .map(|word| unquote(word.text).to_ascii_uppercase())
        .collect();
    words.join(" ")
}

pub(super) fn type_size(inner: &str) -> String {
    let parts = tokens(inner).filter(|token| token.kind != Kind::Blank);
    format!("({})", parts.map(|token| token.text).collect::<String>())
}

fn column_constraint(
    cursor: &mut Cursor<'_>,
    table: &mut Table,
    column: &mut Column,
) -> Option<()> {
    let name = if cursor.eat(&["CONSTRAINT"]) {
        Some(cursor.name()?)
    } else {
        None
    };
    if name.is_some() && (cursor.at_operator(",") || cursor.at_operator(")")) {
        return Some(());
    }
    if cursor.eat(&["PRIMARY", "KEY"]) {
        let key = inline_key(cursor, column)?;
        set(&mut table.primary_key, key)
    } else if cursor.eat(&["UNIQUE"]) {
        let parts = vec![Part::column(&column.name, false)];
        let conflict = conflict(cursor)?;
        table.uniques.insert(Unique { parts, conflict });
        Some(())
    } else if cursor.eat(&["CHECK"]) {
        let expr = cursor.group()?.to_owned();
        table.checks.push(Check { expr, name });
        Some(())
    } else if cursor.eat(&["REFERENCES"]) {
        let key = references(cursor, vec![column.name.clone()])?;
        table.foreign_keys.push(key);
        Some(())
    } else {
        column_property(cursor, column)
    }
}

fn inline_key(cursor: &mut Cursor<'_>, column: &Column) -> Option<PrimaryKey> {
    let parts = vec![Part::column(&column.name, direction(cursor))];
    let conflict = conflict(cursor)?;
    let autoincrement = cursor.eat(&["AUTOINCREMENT"]);
    Some(PrimaryKey {
        parts,
        conflict,
        autoincrement,
        inline: true,
        rowid: false,
    })
}

/// What is said of the column alone.
fn column_property(cursor: &mut Cursor<'_>, column: &mut Column) -> Option<()> {
    if cursor.eat(&["NOT", "NULL"]) {
        column.not_null = Some(conflict(cursor)?);
        Some(())
    } else if cursor.eat(&["NULL"]) {
        conflict(cursor).map(|_| ())
    } else if cursor.eat(&["DEFAULT"]) {
        set(&mut column.default, default(cursor)?)
    } else if cursor.eat(&["COLLATE"]) {
        set(&mut column.collation, cursor.name()?)
    } else {
        let generated = cursor.eat(&["GENERATED", "ALWAYS", "AS"]) || cursor.eat(&["AS"]);
        generated.then_some(())?;
        let expr = cursor.group()?.to_owned();
        let stored = cursor.eat(&["STORED"]);
        cursor.eat(&["VIRTUAL"]);
        set(&mut column.generated, Generated { expr, stored })
    }
}

/// What is said twice is not understood.
fn set<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

/// DESC, ASC or nothing.
fn direction(cursor: &mut Cursor<'_>) -> bool {
    let descending = cursor.eat(&["DESC"]);
    if !descending {
        cursor.eat(&["ASC"]);
    }
    descending
}

fn conflict(cursor: &mut Cursor<'_>) -> Option<Conflict> {
    if !cursor.eat(&["ON", "CONFLICT"]) {
        return Some(Conflict::Abort);
    }
    match cursor.next()?.text.to_ascii_uppercase().as_str() {
        "ABORT" => Some(Conflict::Abort),
        "ROLLBACK" => Some(Conflict::Rollback),
        "FAIL" => Some(Conflict::Fail),
        "IGNORE" => Some(Conflict::Ignore),
        "REPLACE" => Some(Conflict::Replace),
        _ => None,
    }
}

/// A default as written: a value, a signed number, a word, or an expression in parentheses.
fn default(cursor: &mut Cursor<'_>) -> Option<String> {
    if cursor.at_operator("(") {
        return Some(format!("({})", cursor.group()?));
    }
    let sign = if cursor.at_operator("-") || cursor.at_operator("+") {
        cursor.next()?.text
    } else {
        ""
    };
    let value = cursor.next()?;
    let plain = !matches!(
        value.kind,
        Kind::Operator | Kind::Semicolon | Kind::Illegal | Kind::Variable
    );
    // A function call has no place here without parentheses.
    (plain && !cursor.at_operator("(")).then(|| format!("{sign}{}", value.text))
}

fn references(cursor: &mut Cursor<'_>, columns: Vec<String>) -> Option<ForeignKey> {
    let mut key = ForeignKey {
        columns,
        parent: cursor.name()?,
        parent_columns: None,
        on_delete: Reaction::NoAction,
        on_update: Reaction::NoAction,
        matching: None,
        deferred: false,
    };
    if cursor.at_operator("(") {
        key.parent_columns = Some(names(cursor.group()?)?);
    }
    loop {
        if cursor.eat(&["ON", "DELETE"]) {
            key.on_delete = reaction(cursor)?;
        } else if cursor.eat(&["ON", "UPDATE"]) {
            key.on_update = reaction(cursor)?;
        } else if cursor.eat(&["MATCH"]) {
            key.matching = Some(cursor.name()?.to_ascii_uppercase());
        } else {
            break;
        }
    }
    let refused = cursor.eat(&["NOT", "DEFERRABLE"]);
    if refused || cursor.eat(&["DEFERRABLE"]) {
        key.deferred = cursor.eat(&["INITIALLY", "DEFERRED"]) && !refused;
        cursor.eat(&["INITIALLY", "IMMEDIATE"]);
    }
    Some(key)
}

fn reaction(cursor: &mut Cursor<'_>) -> Option<Reaction> {
    let known = [
        (&["NO", "ACTION"][..], Reaction::NoAction),
        (&["RESTRICT"], Reaction::Restrict),
        (&["SET", "NULL"], Reaction::SetNull),
        (&["SET", "DEFAULT"], Reaction::SetDefault),
        (&["CASCADE"], Reaction::Cascade),
    ];
    known
        .into_iter()
        .find(|(words, _)| cursor.eat(words))
        .map(|(_, reaction)| reaction)
}

fn names(list: &str) -> Option<Vec<String>> {
    let mut cursor = Cursor::new(list);
    let mut names = vec![cursor.name()?];
    while cursor.eat_operator(",") {
        names.push(cursor.name()?);
    }
    cursor.is_over().then_some(names)
}

fn table_constraint(cursor: &mut Cursor<'_>, table: &mut Table) -> Option<()> {
    let name = if cursor.eat(&["CONSTRAINT"]) {
        Some(cursor.name()?)
    } else {
        None
    };
    if cursor.eat(&["PRIMARY", "KEY"]) {
        let (parts, autoincrement) = key_parts(cursor.group()?)?;
        let conflict = conflict(cursor)?;
        let key = PrimaryKey {
            parts,
            conflict,
            autoincrement,
            inline: false,
            rowid: false,
        };
        set(&mut table.primary_key, key)
    } else if cursor.eat(&["UNIQUE"]) {
        let (parts, counts) = key_parts(cursor.group()?)?;
        table.uniques.insert(Unique {
            parts,
            conflict: conflict(cursor)?,
        });
        (!counts).then_some(())
    } else if cursor.eat(&["CHECK"]) {
        table.checks.push(Check {
            expr: cursor.group()?.to_owned(),
            name,
        });
        // SQLite reads a conflict clause here and ignores it.
        conflict(cursor).map(|_| ())
    } else if cursor.eat(&["FOREIGN", "KEY"]) {
        let columns = names(cursor.group()?)?;
        cursor.eat(&["REFERENCES"]).then_some(())?;
        let key = references(cursor, columns)?;
        table.foreign_keys.push(key);
        Some(())
    } else {
        // A name without a constraint.
        name.map(|_| ())
    }
}

/// The columns of a key, and whether AUTOINCREMENT stands at their end.
fn key_parts(list: &str) -> Option<(Vec<Part>, bool)> {
    let mut cursor = Cursor::new(list);
    let mut parts = Vec::new();
    loop {
        let of = cursor.name()?;
        let collation = if cursor.eat(&["COLLATE"]) {
            Some(cursor.name()?)
        } else {
            None
        };
        parts.push(Part {
            of,
            collation,
            descending: direction(&mut cursor),
        });
        if !cursor.eat_operator(",") {
            break;
        }
    }
    let autoincrement = cursor.eat(&["AUTOINCREMENT"]);
    cursor.is_over().then_some((parts, autoincrement))
}

pub(super) fn index(sql: &str) -> Option<Index> {
    let mut cursor = Cursor::new(sql);
    cursor.eat(&["CREATE"]).then_some(())?;
    let unique = cursor.eat(&["UNIQUE"]);
    cursor.eat(&["INDEX"]).then_some(())?;
    cursor.eat(&["IF", "NOT", "EXISTS"]);
    cursor.qualified_name()?;
    cursor.eat(&["ON"]).then_some(())?;
    let table = cursor.name()?;
    let parts = index_parts(cursor.group()?)?;
    let filter = cursor.eat(&["WHERE"]).then(|| cursor.rest().to_owned());
    cursor.is_over().then_some(Index {
        unique,
        table,
        parts,
        filter,
    })
}

/// The terms of an index: expressions, each with a direction at its end.
fn index_parts(list: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    for token in tokens(list) {
        if token.is_operator("(") {
            depth += 1;
        } else if token.is_operator(")") {
            depth = depth.checked_sub(1)?;
        } else if token.is_operator(",") && depth == 0 {
            parts.push(index_part(&list[start..token.start])?);
            start = token.end();
        }
    }
    parts.push(index_part(&list[start..])?);
    Some(parts)
}

fn index_part(text: &str) -> Option<Part> {
    let mut term: Vec<_> = tokens(text)
        .filter(|token| token.kind != Kind::Blank)
        .collect();
    let mut descending = false;
    if let Some(last) = term
        .last()
        .filter(|token| token.is_word("ASC") || token.is_word("DESC"))
    {
        descending = last.is_word("DESC");
        term.pop();
    }
    let mut collation = None;
    if let [.., collate, name] = term.as_slice()
        && collate.is_word("COLLATE")
    {
        collation = Some(unquote(name.text));
        term.truncate(term.len() - 2);
    }
    let (first, last) = (term.first()?, term.last()?);
    Some(Part {
        of: text[first.start..last.end()].to_owned(),
        collation,
        descending,
    })
}
