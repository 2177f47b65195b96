//! The third reading: what SQLite itself makes of a definition, as far as its pragmas tell.

use rusqlite::Connection;

use super::cursor::Cursor;
use super::ddl::{type_size, type_words};
use super::{Index, Part, Table};
use crate::sql::{Kind, quote_name};

/// A database in memory in which definitions are tried.
pub(in crate::schema) struct Scratch {
    conn: Option<Connection>,
}

impl Scratch {
    pub(in crate::schema) fn new() -> Self {
        Self { conn: None }
    }

    /// Whether SQLite, given `sql`, describes the same table as `table` does. No answer counts as no.
    pub(super) fn confirms(&mut self, sql: &str, table: &Table) -> bool {
        self.try_confirm(sql, table).unwrap_or(false)
    }

    /// Whether SQLite, given the `sql` of an index on the table that `table_sql` makes, describes the same index.
    pub(in crate::schema) fn confirms_index(
        &mut self,
        (table_sql, table): (&str, &Table),
        sql: &str,
        index: &Index,
    ) -> bool {
        let agreed = self.try_confirm_index(table_sql, table, sql, index);
        self.conn = self.conn.take().filter(|_| agreed.is_ok());
        agreed.unwrap_or(false)
    }

    fn try_confirm_index(
        &mut self,
        table_sql: &str,
        table: &Table,
        sql: &str,
        index: &Index,
    ) -> rusqlite::Result<bool> {
        let conn = self.conn()?;
        conn.prepare(table_sql)?.raw_execute()?;
        conn.prepare(sql)?.raw_execute()?;
        let agreed = index_agrees(conn, table, index)?;
        conn.execute_batch(&format!("DROP TABLE {}", quote_name(&table.name)))?;
        Ok(agreed)
    }

    /// The text that SQLite keeps of a table made by `sql` after `alters`, if it takes them all.
    pub(in crate::schema) fn altered(
        &mut self,
        sql: &str,
        name: &str,
        alters: &[String],
    ) -> Option<String> {
        let text = self.try_alter(sql, name, alters);
        // What a failure left behind is nobody's.
        self.conn = self.conn.take().filter(|_| text.is_ok());
        text.ok()
    }

    fn try_alter(&mut self, sql: &str, name: &str, alters: &[String]) -> rusqlite::Result<String> {
        let conn = self.conn()?;
        for sql in std::iter::once(sql).chain(alters.iter().map(String::as_str)) {
            conn.prepare(sql)?.raw_execute()?;
        }
        let text = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower(?1)";
        let text = conn.query_row(text, [name], |row| row.get(0))?;
        conn.execute_batch(&format!("DROP TABLE {}", quote_name(name)))?;
        Ok(text)
    }

    fn conn(&mut self) -> rusqlite::Result<&Connection> {
        Ok(match self.conn.take() {
            Some(conn) => self.conn.insert(conn),
            None => self.conn.insert(Connection::open_in_memory()?),
        })
    }

    fn try_confirm(&mut self, sql: &str, table: &Table) -> rusqlite::Result<bool> {
        let conn = self.conn()?;
        // One statement, which our own reading has found to be a CREATE TABLE.
        conn.prepare(sql)?.raw_execute()?;
        let agreed =
            columns_agree(conn, table)? && keys_agree(conn, table)? && uniques_agree(conn, table)?;
        conn.execute_batch(&format!("DROP TABLE {}", quote_name(&table.name)))?;
        Ok(agreed)
    }
}

fn columns_agree(conn: &Connection, table: &Table) -> rusqlite::Result<bool> {
    let mut statement = conn.prepare(
        "SELECT x.name, x.type, x.\"notnull\", x.dflt_value IS NOT NULL, x.pk, x.hidden, l.strict, l.wr \
         FROM pragma_table_list l, pragma_table_xinfo(l.name) x \
         WHERE l.schema = 'main' AND lower(l.name) = lower(?1) ORDER BY x.cid",
    )?;
    let mut rows = statement.query([&table.name])?;
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        let Some(column) = table.columns.get(seen) else {
            return Ok(false);
        };
        let place = key_place(table, &column.name);
        let hidden = column
            .generated
            .as_ref()
            .map_or(0, |generated| if generated.stored { 3 } else { 2 });
        let agrees = row.get_ref(0)?.as_str()? == column.name
            && one_spelling(row.get_ref(1)?.as_str()?) == column.declared
            && row.get::<_, bool>(2)? == is_not_null(table, seen)
            && row.get::<_, bool>(3)? == column.default.is_some()
            && row.get::<_, i64>(4)? == place
            && row.get::<_, u8>(5)? == hidden
            && row.get::<_, bool>(6)? == table.strict
            && row.get::<_, bool>(7)? == table.without_rowid;
        if !agrees {
            return Ok(false);
        }
        seen += 1;
    }
    Ok(seen == table.columns.len())
}

fn one_spelling(declared: &str) -> String {
    let mut cursor = Cursor::new(declared);
    let mut words = Vec::new();
    while cursor
        .peek()
        .is_some_and(|token| token.kind != Kind::Operator)
    {
        words.extend(cursor.next());
    }
    let size = cursor.group().map(type_size).unwrap_or_default();
    type_words(&words) + &size
}

/// The place of a column in the primary key, from 1; zero outside it.
fn key_place(table: &Table, column: &str) -> i64 {
    let parts = table
        .primary_key
        .as_ref()
        .map(|key| key.parts.as_slice())
        .unwrap_or_default();
    let mut numbered = parts.iter().zip(1..);
    numbered
        .find(|(part, _)| part.of.eq_ignore_ascii_case(column))
        .map_or(0, |(_, place)| place)
}

/// Without rowid, and in strict tables, the columns of the primary key are NOT NULL without being told.
fn is_not_null(table: &Table, at: usize) -> bool {
    let column = &table.columns[at];
    let in_key = key_place(table, &column.name) > 0;
    let rowid = column.declared == "INTEGER"
        && table.primary_key.as_ref().is_some_and(|key| {
            let inline_desc = key.inline && key.parts[0].descending;
            key.parts.len() == 1 && !inline_desc
        });
    column.not_null.is_some() || (in_key && (table.without_rowid || (table.strict && !rowid)))
}

fn keys_agree(conn: &Connection, table: &Table) -> rusqlite::Result<bool> {
    let mut statement = conn.prepare(
        "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete FROM pragma_foreign_key_list(?1) \
         ORDER BY id DESC, seq",
    )?;
    let rows = statement.query_map([&table.name], |row| {
        let lower = |text: String| text.to_ascii_lowercase();
        Ok((
            row.get::<_, i64>(0)?,
            lower(row.get(1)?),
            lower(row.get(2)?),
            row.get::<_, Option<String>>(3)?.map(lower),
            row.get::<_, String>(4)?,
            row.get::<_, String>(5)?,
        ))
    })?;
    let found: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    let count = i64::try_from(table.foreign_keys.len()).unwrap_or(i64::MAX);
    let mut expected = Vec::new();
    // SQLite numbers foreign keys from the last one written.
    for (key, id) in table.foreign_keys.iter().zip((0..count).rev()) {
        for (at, column) in key.columns.iter().enumerate() {
            let to = key
                .parent_columns
                .as_ref()
                .and_then(|columns| columns.get(at));
            expected.push((
                id,
                key.parent.to_ascii_lowercase(),
                column.to_ascii_lowercase(),
                to.map(|name| name.to_ascii_lowercase()),
                key.on_update.as_str().to_owned(),
                key.on_delete.as_str().to_owned(),
            ));
        }
    }
    Ok(found == expected)
}

/// Every index that SQLite makes for a constraint must be one of ours, and as many as ours.
fn uniques_agree(conn: &Connection, table: &Table) -> rusqlite::Result<bool> {
    let mut statement = conn.prepare(
        "SELECT l.name, lower(i.name) FROM pragma_index_list(?1) l, pragma_index_info(l.name) i \
         WHERE l.origin = 'u' ORDER BY l.name, i.seqno",
    )?;
    let rows = statement.query_map([&table.name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for row in rows {
        let (index, column): (String, String) = row?;
        match found.last_mut().filter(|(last, _)| *last == index) {
            Some((_, columns)) => columns.push(column),
            None => found.push((index, vec![column])),
        }
    }
    let names = |parts: &[Part]| {
        parts
            .iter()
            .map(|part| part.of.to_ascii_lowercase())
            .collect::<Vec<_>>()
    };
    let ours: Vec<_> = table
        .uniques
        .iter()
        .map(|unique| names(&unique.parts))
        .collect();
    let key = table
        .primary_key
        .as_ref()
        .map(|key| names(&key.parts))
        .unwrap_or_default();
    // A UNIQUE that repeats the primary key or another UNIQUE makes no index of its own.
    let covered =
        |parts: &Vec<String>| *parts == key || found.iter().any(|(_, columns)| columns == parts);
    Ok(found.iter().all(|(_, columns)| ours.contains(columns)) && ours.iter().all(covered))
}

/// The one index that somebody named: its terms in order, their direction and collation, and its sort.
fn index_agrees(conn: &Connection, table: &Table, index: &Index) -> rusqlite::Result<bool> {
    let mut statement = conn.prepare(
        "SELECT l.\"unique\", l.partial, x.name, x.\"desc\", x.coll \
         FROM pragma_index_list(?1) l, pragma_index_xinfo(l.name) x \
         WHERE l.origin = 'c' AND x.key ORDER BY x.seqno",
    )?;
    let mut rows = statement.query([&table.name])?;
    let mut parts = index.parts.iter();
    while let Some(row) = rows.next()? {
        let Some(part) = parts.next() else {
            return Ok(false);
        };
        let column: Option<String> = row.get(2)?;
        let collation: Option<String> = row.get(4)?;
        let agrees = row.get::<_, bool>(0)? == index.unique
            && row.get::<_, bool>(1)? == index.filter.is_some()
            && row.get::<_, bool>(3)? == part.descending
            && term_agrees(table, part, column.as_deref(), collation.as_deref());
        if !agrees {
            return Ok(false);
        }
    }
    Ok(parts.next().is_none())
}

/// Of an expression the pragmas tell only that it is one.
fn term_agrees(table: &Table, part: &Part, column: Option<&str>, collation: Option<&str>) -> bool {
    let named = part
        .of
        .strip_prefix('"')
        .and_then(|of| of.strip_suffix('"'));
    let own = named.and_then(|name| table.column(name));
    let same_column = match (own, column) {
        (Some(own), Some(column)) => own.name.eq_ignore_ascii_case(column),
        // A name for the rowid is no column, and no expression either.
        (None, None) => true,
        _ => false,
    };
    let told = part.collation.as_deref();
    let inherited = own.map(|own| own.collation.as_deref().unwrap_or("BINARY"));
    let wanted = told.or(inherited);
    same_column && wanted.is_none_or(|it| collation.is_some_and(|its| its.eq_ignore_ascii_case(it)))
}
