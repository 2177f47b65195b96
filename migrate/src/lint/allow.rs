//! `-- actor-migrate: allow L1nn <reason>`: what a person has looked at and wants as it is.

use std::collections::BTreeSet;

use crate::bundle::Migration;
use crate::finding::{Finding, Severity};
use crate::sql::{Kind, LineIndex, tokens};

const MARK: &str = "actor-migrate:";

/// Rules that no comment silences: writing it is the edit that they find.
const NEVER: [&str; 2] = ["L101", "L102"];

/// One comment.
struct Allow {
    code: String,
    /// The statement that it stands before, in, or behind on the same line; `None` at the end of the file.
    statement: Option<usize>,
    has_reason: bool,
    line: usize,
    column: usize,
}

/// Takes out what comments of `migration` allow, and finds comments that allow nothing.
pub(super) fn apply(migration: &Migration, findings: &mut Vec<Finding>) {
    if !migration.text.contains(MARK) {
        return;
    }
    for allow in comments(migration) {
        let at = |code, severity, message: String| Finding {
            line: Some(allow.line),
            column: Some(allow.column),
            ..Finding::new(code, severity, message).of(migration)
        };
        if !allow.has_reason {
            let message = format!(
                "{} is not allowed by this: the comment gives no reason",
                allow.code
            );
            findings.push(at("L148", Severity::Warning, message));
            continue;
        }
        let before = findings.len();
        findings.retain(|finding| !allow.covers(finding));
        if findings.len() == before {
            let message = format!("there is no {} here to allow", allow.code);
            findings.push(at("L147", Severity::Note, message));
        }
    }
}

impl Allow {
    fn covers(&self, finding: &Finding) -> bool {
        finding.code == self.code
            && !NEVER.contains(&finding.code)
            && (finding.statement.is_none() || finding.statement == self.statement)
    }
}

/// Every comment of this sort; a second one with the same words about the same statement is one with the first.
fn comments(migration: &Migration) -> Vec<Allow> {
    let lines = LineIndex::new(&migration.text);
    let mut seen = BTreeSet::new();
    let blanks = tokens(&migration.text).filter(|token| token.kind == Kind::Blank);
    let found = blanks.filter_map(|token| {
        let inner = token.text.strip_prefix("--")?.trim().strip_prefix(MARK)?;
        let mut words = inner.trim().strip_prefix("allow")?.split_whitespace();
        let code = words.next()?.trim_end_matches([',', ':']).to_uppercase();
        let (line, column) = lines.place(token.start);
        Some(Allow {
            code,
            statement: statement_at(migration, token.start),
            has_reason: words.next().is_some(),
            line,
            column,
        })
    });
    found
        .filter(|allow| seen.insert((allow.code.clone(), allow.statement)))
        .collect()
}

fn statement_at(migration: &Migration, offset: usize) -> Option<usize> {
    let statements = &migration.statements;
    let next = statements.partition_point(|statement| statement.span.end <= offset);
    let same_line = |at: usize| {
        let between = migration.text.get(statements[at].span.end..offset);
        between.is_some_and(|between| !between.contains('\n'))
    };
    match next.checked_sub(1).filter(|before| same_line(*before)) {
        Some(before) => Some(statements[before].number),
        None => statements.get(next).map(|statement| statement.number),
    }
}
