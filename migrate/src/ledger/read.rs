//! Reads a ledger table of any shape without trusting it: what cannot be understood is named, never guessed.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::{Ledger, LedgerFormat, LedgerRow};
use crate::bundle::{Millis, shorten};
use crate::error::MigrateError;
use crate::limits::{LEDGER_ROWS_MAX, LEDGER_TEXT_BYTES_MAX};
use crate::schema::{Kind, Schema};
use crate::sql::{quote_name, tokens};

/// Reads the ledger `table` of the database whose objects are `schema`.
pub(crate) fn read(
    conn: &Connection,
    schema: &Schema,
    table: &str,
) -> Result<Ledger, MigrateError> {
    check_name(table)?;
    let Some(object) = schema.ledger_object(table) else {
        return Ok(Ledger::absent(table));
    };
    let mut ledger = Ledger::absent(&object.name);
    if object.kind != Kind::Table {
        ledger.unreadable = Some(format!("{} is a {}, not a table", object.name, object.kind));
        return Ok(ledger);
    }
    let columns = columns(conn, &object.name)?;
    match Shape::of(&columns, &object.sql) {
        Ok(shape) => {
            ledger.format = shape.format;
            read_rows(conn, &shape, &mut ledger)?;
        }
        Err(reason) => ledger.unreadable = Some(reason),
    }
    Ok(ledger)
}

fn check_name(table: &str) -> Result<(), MigrateError> {
    let reserved = table
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("sqlite_"));
    if table.is_empty() || reserved || table.contains('\0') {
        return Err(MigrateError::BadTableName {
            table: table.to_owned(),
        });
    }
    Ok(())
}

struct Column {
    name: String,
    declared: String,
    primary_key: bool,
}

fn columns(conn: &Connection, table: &str) -> Result<Vec<Column>, MigrateError> {
    let failed = || MigrateError::sqlite("read the columns of the ledger");
    let sql = format!("PRAGMA table_info({})", quote_name(table));
    let mut statement = conn.prepare(&sql).map_err(failed())?;
    let rows = statement.query_map([], |row| {
        Ok(Column {
            name: row.get::<_, String>("name")?.to_ascii_lowercase(),
            declared: row.get("type")?,
            primary_key: row.get::<_, i64>("pk")? > 0,
        })
    });
    rows.map_err(failed())?
        .collect::<Result<_, _>>()
        .map_err(failed())
}

/// Which of the known ledgers a table is.
struct Shape {
    format: LedgerFormat,
}

impl Shape {
    fn of(columns: &[Column], sql: &str) -> Result<Self, String> {
        let has = |name: &str| columns.iter().any(|column| column.name == name);
        if has("name") && has("applied_at") && !has("hash") && !has("created_at") {
            return Ok(Self {
                format: LedgerFormat::Wrangler,
            });
        }
        if !has("id") || !has("hash") || !has("created_at") {
            let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
            return Err(format!(
                "its columns are {}; a ledger has id, hash and created_at",
                names.join(", ")
            ));
        }
        let rowid_alias = columns.iter().any(|column| {
            column.name == "id"
                && column.primary_key
                && column.declared.eq_ignore_ascii_case("INTEGER")
        });
        let counts_up = tokens(sql).any(|token| token.is_word("AUTOINCREMENT"));
        let format = match (has("name"), rowid_alias, counts_up) {
            (true, ..) => LedgerFormat::Drizzle1,
            (false, true, true) => LedgerFormat::RivetKit,
            (false, true, false) => LedgerFormat::Drizzle1Beta,
            (false, false, _) => LedgerFormat::Drizzle0x,
        };
        Ok(Self { format })
    }
}

fn read_rows(conn: &Connection, shape: &Shape, ledger: &mut Ledger) -> Result<(), MigrateError> {
    let failed = || MigrateError::sqlite("read the rows of the ledger");
    let columns = match shape.format {
        LedgerFormat::Drizzle1 => "id, hash, created_at, name",
        LedgerFormat::Wrangler => "id, NULL, NULL, name",
        _ => "id, hash, created_at, NULL",
    };
    let table = quote_name(&ledger.table);
    let sql = format!(
        "SELECT {columns} FROM {table} LIMIT {}",
        LEDGER_ROWS_MAX + 1
    );
    let mut statement = conn.prepare(&sql).map_err(failed())?;
    let mut rows = statement.query([]).map_err(failed())?;
    while let Some(row) = rows.next().map_err(failed())? {
        if ledger.rows.len() == LEDGER_ROWS_MAX {
            ledger.unreadable = Some(format!("it has more than {LEDGER_ROWS_MAX} rows"));
            break;
        }
        match read_row(row, shape.format, &mut ledger.text_times) {
            Ok(row) => ledger.rows.push(row),
            Err(reason) => {
                ledger.unreadable = Some(format!("row {}: {reason}", ledger.rows.len() + 1));
                break;
            }
        }
    }
    ledger.rows.sort_by_key(|row| (row.created_at, row.id));
    Ok(())
}

fn read_row(
    row: &Row<'_>,
    format: LedgerFormat,
    text_times: &mut usize,
) -> Result<LedgerRow, String> {
    let cell = |index| row.get_ref(index).map_err(|error| error.to_string());
    let name = match cell(3)? {
        ValueRef::Null => None,
        value => Some(text("name", value)?),
    };
    let name = match format {
        LedgerFormat::Wrangler => name.map(|file| file.trim_end_matches(".sql").to_owned()),
        _ => name,
    };
    let created_at = match cell(2)? {
        ValueRef::Null => None,
        ValueRef::Text(bytes) => {
            *text_times += 1;
            Some(text_millis(bytes)?)
        }
        value => Some(whole("created_at", value).map(Millis)?),
    };
    // Drizzle 0.x leaves it NULL and SQLite lets SERIAL hold anything, so an odd id says nothing.
    let id = whole("id", cell(0)?).ok();
    Ok(LedgerRow {
        id,
        hash: text("hash", cell(1)?)?,
        created_at,
        name,
    })
}

fn text(column: &str, value: ValueRef<'_>) -> Result<String, String> {
    match value {
        ValueRef::Null => Ok(String::new()),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if text.len() <= LEDGER_TEXT_BYTES_MAX => Ok(text.to_owned()),
            Ok(text) => Err(format!("{column} has {} bytes", text.len())),
            Err(_) => Err(format!("{column} is not UTF-8")),
        },
        other => Err(format!(
            "{column} is a {}",
            other.data_type().to_string().to_lowercase()
        )),
    }
}

fn whole(column: &str, value: ValueRef<'_>) -> Result<i64, String> {
    match value {
        ValueRef::Integer(whole) => Ok(whole),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked to be a whole number below 2^53"
        )]
        ValueRef::Real(real) if real.fract() == 0.0 && real.abs() < 9e15 => Ok(real as i64),
        other => Err(format!("{column} is not a whole number: {other:?}")),
    }
}

fn text_millis(bytes: &[u8]) -> Result<Millis, String> {
    let text = String::from_utf8_lossy(bytes);
    let number = text.trim().parse().map(Millis);
    number.map_err(|_| format!("created_at is the text {:?}", shorten(&text, 40)))
}
