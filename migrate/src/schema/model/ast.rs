//! The second reading of CREATE TABLE and CREATE INDEX: the `sqlite3-parser` crate, generated from SQLite's grammar.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sqlite3_parser::ast::{
    self, Cmd, ColumnConstraint, ColumnDefinition, CreateTableBody, Expr, ForeignKeyClause,
    IndexedColumn, NamedColumnConstraint, NamedTableConstraint, RefAct, RefArg, ResolveType,
    SortOrder, SortedColumn, Stmt, TabFlags, TableConstraint, TypeSize,
};
use sqlite3_parser::lexer::sql::Parser;
use sqlite3_parser::{Bump, FallibleIterator};

use super::ddl::{type_size, type_words};
use super::{
    Check, Column, Conflict, ForeignKey, Generated, Index, Part, PrimaryKey, Reaction, Table,
    Unique,
};
use crate::sql::{Kind, tokens, unquote};

pub(super) fn table(sql: &str) -> Option<Table> {
    parse(sql, |statement| {
        let Stmt::CreateTable {
            tbl_name,
            body,
            temporary: false,
            ..
        } = statement
        else {
            return None;
        };
        let CreateTableBody::ColumnsAndConstraints {
            columns,
            constraints,
            flags,
        } = body
        else {
            return None;
        };
        let mut table = Table {
            name: unquote(tbl_name.name.0),
            strict: flags.contains(TabFlags::Strict),
            without_rowid: flags.contains(TabFlags::WithoutRowid),
            ..Table::default()
        };
        for definition in columns {
            column(definition, &mut table)?;
        }
        for constraint in constraints.iter().flat_map(|list| list.iter()) {
            table_constraint(constraint, &mut table)?;
        }
        Some(table)
    })
}

pub(super) fn index(sql: &str) -> Option<Index> {
    parse(sql, |statement| {
        let Stmt::CreateIndex {
            unique,
            tbl_name,
            columns,
            where_clause,
            ..
        } = statement
        else {
            return None;
        };
        Some(Index {
            unique: *unique,
            table: unquote(tbl_name.0),
            parts: columns.iter().map(term).collect::<Option<_>>()?,
            filter: where_clause.as_ref().map(Expr::to_string),
        })
    })
}

/// The crate may panic on input it does not foresee; that, too, means "not understood".
fn parse<T>(sql: &str, read: impl FnOnce(&Stmt<'_>) -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(|| {
        let bump = Bump::new();
        let mut parser = Parser::new(&bump, sql.as_bytes());
        let Ok(Some(Cmd::Stmt(statement))) = parser.next() else {
            return None;
        };
        read(&statement)
    }))
    .ok()
    .flatten()
}

fn column(definition: &ColumnDefinition<'_>, table: &mut Table) -> Option<()> {
    let mut column = Column {
        name: unquote(definition.col_name.0),
        ..Column::default()
    };
    if let Some(declared) = &definition.col_type {
        let words: Vec<_> = tokens(declared.name)
            .filter(|token| token.kind != Kind::Blank)
            .collect();
        column.declared = type_words(&words);
        match &declared.size {
            Some(TypeSize::MaxSize(size)) => {
                column.declared.push_str(&type_size(&size.to_string()))
            }
            Some(TypeSize::TypeSize(size, scale)) => {
                column
                    .declared
                    .push_str(&type_size(&format!("{size},{scale}")));
            }
            None => {}
        }
    }
    for constraint in definition.constraints {
        column_constraint(constraint, &mut column, table)?;
    }
    table.columns.push(column);
    Some(())
}

fn column_constraint(
    named: &NamedColumnConstraint<'_>,
    column: &mut Column,
    table: &mut Table,
) -> Option<()> {
    let own = |descending| Part::column(&column.name, descending);
    match &named.constraint {
        ColumnConstraint::PrimaryKey {
            order,
            conflict_clause,
            auto_increment,
        } => {
            table.primary_key = Some(PrimaryKey {
                parts: vec![own(descending(*order))],
                conflict: conflict(*conflict_clause),
                autoincrement: *auto_increment,
                inline: true,
                rowid: false,
            });
        }
        ColumnConstraint::NotNull { nullable: true, .. } => {}
        ColumnConstraint::NotNull {
            nullable: false,
            conflict_clause,
        } => {
            column.not_null = Some(conflict(*conflict_clause));
        }
        ColumnConstraint::Unique(clause) => {
            table.uniques.insert(Unique {
                parts: vec![own(false)],
                conflict: conflict(*clause),
            });
        }
        ColumnConstraint::Check(expr) => table.checks.push(Check {
            expr: expr.to_string(),
            name: named.name.as_ref().map(|name| unquote(name.0)),
        }),
        ColumnConstraint::Default(expr) => column.default = Some(expr.to_string()),
        ColumnConstraint::Collate { collation_name } => {
            column.collation = Some(unquote(collation_name.0));
        }
        ColumnConstraint::ForeignKey {
            clause,
            defer_clause,
        } => {
            let key = foreign_key(vec![column.name.clone()], clause, defer_clause.as_ref())?;
            table.foreign_keys.push(key);
        }
        // The grammar reads it as a constraint of its own after the key that it belongs to.
        ColumnConstraint::Defer(clause) => {
            table.foreign_keys.last_mut()?.deferred = is_deferred(clause);
        }
        ColumnConstraint::Generated { expr, typ } => {
            let stored = typ
                .as_ref()
                .is_some_and(|typ| typ.0.eq_ignore_ascii_case("STORED"));
            column.generated = Some(Generated {
                expr: expr.to_string(),
                stored,
            });
        }
    }
    Some(())
}

fn table_constraint(named: &NamedTableConstraint<'_>, table: &mut Table) -> Option<()> {
    match &named.constraint {
        TableConstraint::PrimaryKey {
            columns,
            auto_increment,
            conflict_clause,
        } => {
            table.primary_key = Some(PrimaryKey {
                parts: columns.iter().map(key_part).collect::<Option<_>>()?,
                conflict: conflict(*conflict_clause),
                autoincrement: *auto_increment,
                inline: false,
                rowid: false,
            });
        }
        TableConstraint::Unique {
            columns,
            conflict_clause,
        } => {
            let parts = columns.iter().map(key_part).collect::<Option<_>>()?;
            table.uniques.insert(Unique {
                parts,
                conflict: conflict(*conflict_clause),
            });
        }
        TableConstraint::Check(expr, _) => table.checks.push(Check {
            expr: expr.to_string(),
            name: named.name.as_ref().map(|name| unquote(name.0)),
        }),
        TableConstraint::ForeignKey {
            columns,
            clause,
            defer_clause,
        } => {
            let key = foreign_key(plain_names(columns)?, clause, defer_clause.as_ref())?;
            table.foreign_keys.push(key);
        }
    }
    Some(())
}

fn foreign_key(
    columns: Vec<String>,
    clause: &ForeignKeyClause<'_>,
    defer: Option<&ast::DeferSubclause>,
) -> Option<ForeignKey> {
    let mut key = ForeignKey {
        columns,
        parent: unquote(clause.tbl_name.0),
        parent_columns: match clause.columns {
            Some(columns) => Some(plain_names(columns)?),
            None => None,
        },
        on_delete: Reaction::NoAction,
        on_update: Reaction::NoAction,
        matching: None,
        deferred: defer.is_some_and(is_deferred),
    };
    for arg in clause.args {
        match arg {
            RefArg::OnDelete(act) => key.on_delete = reaction(*act),
            RefArg::OnUpdate(act) => key.on_update = reaction(*act),
            RefArg::Match(name) => key.matching = Some(unquote(name.0).to_ascii_uppercase()),
            RefArg::OnInsert(_) => return None,
        }
    }
    Some(key)
}

fn plain_names(columns: &[IndexedColumn<'_>]) -> Option<Vec<String>> {
    let plain = |column: &IndexedColumn<'_>| {
        (column.collation_name.is_none() && column.order.is_none())
            .then(|| unquote(column.col_name.0))
    };
    columns.iter().map(plain).collect()
}

fn is_deferred(clause: &ast::DeferSubclause) -> bool {
    clause.deferrable && clause.init_deferred == Some(ast::InitDeferredPred::InitiallyDeferred)
}

fn reaction(act: RefAct) -> Reaction {
    match act {
        RefAct::SetNull => Reaction::SetNull,
        RefAct::SetDefault => Reaction::SetDefault,
        RefAct::Cascade => Reaction::Cascade,
        RefAct::Restrict => Reaction::Restrict,
        RefAct::NoAction => Reaction::NoAction,
    }
}

fn conflict(clause: Option<ResolveType>) -> Conflict {
    match clause {
        None | Some(ResolveType::Abort) => Conflict::Abort,
        Some(ResolveType::Rollback) => Conflict::Rollback,
        Some(ResolveType::Fail) => Conflict::Fail,
        Some(ResolveType::Ignore) => Conflict::Ignore,
        Some(ResolveType::Replace) => Conflict::Replace,
    }
}

fn descending(order: Option<SortOrder>) -> bool {
    order == Some(SortOrder::Desc)
}

/// A term of a key is a column, perhaps with a collation.
fn key_part(column: &SortedColumn<'_>) -> Option<Part> {
    let part = term(column)?;
    let mut words = tokens(&part.of);
    let name = words.next().filter(|_| words.next().is_none())?;
    Some(Part {
        of: unquote(name.text),
        ..part
    })
}

fn term(column: &SortedColumn<'_>) -> Option<Part> {
    let (expr, collation) = match &column.expr {
        Expr::Collate(inner, name) => (*inner, Some(unquote(name))),
        other => (other, None),
    };
    let plain = column.nulls.is_none();
    plain.then(|| Part {
        of: expr.to_string(),
        collation,
        descending: descending(column.order),
    })
}
