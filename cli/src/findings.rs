//! Findings about a folder, for people with the line at fault and for scripts with what to do next.

use std::collections::HashMap;
use std::fmt;

use actor_migrate::{Finding, Severity};
use annotate_snippets::Level;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use crate::output::{Diagnostic, Excerpt, Place};

/// How many findings people are shown; scripts get all.
const SHOWN_MAX: usize = 100;

/// Findings as an answer shows them.
#[derive(Debug, Default)]
pub(crate) struct Findings(pub Vec<Finding>);

/// A finding and what to do about it.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    next: &'static str,
}

impl Findings {
    /// How many are this grave.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        let same = |finding: &&Finding| finding.severity == severity;
        self.0.iter().filter(same).count()
    }

    /// Whether one of them stands against a deploy.
    pub(crate) fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }
}

impl Serialize for Findings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_seq(Some(self.0.len()))?;
        for finding in &self.0 {
            let next = finding.next();
            all.serialize_element(&Told { finding, next })?;
        }
        all.end()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut files = HashMap::new();
        for finding in self.0.iter().take(SHOWN_MAX) {
            let level = match finding.severity {
                Severity::Error => Level::ERROR,
                Severity::Warning => Level::WARNING,
                Severity::Note => Level::NOTE,
            };
            let shown = diagnostic(finding, &mut files).render_as(level);
            writeln!(f, "{shown}\n")?;
        }
        match self.0.len().checked_sub(SHOWN_MAX) {
            Some(more @ 1..) => writeln!(f, "and {more} more; for all: --format json\n"),
            _ => Ok(()),
        }
    }
}

/// The finding with the line it speaks of. Several findings of one file read it once.
fn diagnostic(finding: &Finding, files: &mut HashMap<String, Option<String>>) -> Diagnostic {
    let excerpt = match (&finding.file, finding.line, finding.column) {
        (Some(file), Some(line), Some(column)) => {
            let text = files.entry(file.clone()).or_insert_with(|| read(file));
            let text = text.as_deref();
            text.and_then(|text| Excerpt::of_line(text, line, column, ""))
        }
        _ => None,
    };
    Diagnostic {
        code: finding.code.to_owned(),
        message: finding.message.clone(),
        place: Place {
            path: finding.file.clone(),
            migration: finding.migration.clone(),
            statement: finding.statement,
            line: finding.line,
            column: finding.column,
            excerpt,
            ..Place::default()
        },
        causes: Vec::new(),
        next: finding.next().to_owned(),
    }
}

/// The finding in one line, for lists.
pub(crate) fn line(finding: &Finding) -> String {
    let place = match (&finding.file, finding.line, finding.column) {
        (Some(file), Some(line), Some(column)) => format!(" ({file}:{line}:{column})"),
        (Some(file), _, _) => format!(" ({file})"),
        _ => String::new(),
    };
    format!("{}: {}{place}", finding.code, finding.message)
}

/// The text of a file, if it can be read again.
fn read(file: &str) -> Option<String> {
    let bytes = std::fs::read(file).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
