//! An error as people and scripts see it: a code, what is so, where, and what to type next.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;

/// Everything an error says. The JSON fields are the same as the words.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Diagnostic {
    pub code: String,
    pub message: String,
    #[serde(rename = "where", skip_serializing_if = "Place::is_nowhere")]
    pub place: Place,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    pub next: String,
}

/// Where an error happened. What is unknown is left out.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Place {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    #[serde(skip)]
    pub excerpt: Option<Excerpt>,
}

/// The text at fault and the bytes of it to underline.
#[derive(Clone, Debug)]
pub(crate) struct Excerpt {
    pub text: String,
    /// The line that the text begins with, from 1.
    pub first_line: usize,
    pub span: Range<usize>,
    pub label: String,
}

impl Place {
    pub(crate) fn is_nowhere(&self) -> bool {
        self.target.is_none()
            && self.path.is_none()
            && self.migration.is_none()
            && self.excerpt.is_none()
    }

    /// A place that is only a file.
    pub(crate) fn path(path: &std::path::Path) -> Self {
        Self {
            path: Some(path.display().to_string()),
            ..Self::default()
        }
    }

    /// A place that is only a target: an actor or a file.
    pub(crate) fn target(name: impl Into<String>) -> Self {
        Self {
            target: Some(name.into()),
            ..Self::default()
        }
    }

    /// What stands behind the arrow: the file, else the target.
    fn origin(&self) -> Option<&str> {
        self.path.as_deref().or(self.target.as_deref())
    }
}

impl Diagnostic {
    /// The text for people, with colours that the stream may strip.
    pub(crate) fn render(&self) -> String {
        self.render_as(Level::ERROR)
    }

    /// The same of something less grave than an error.
    pub(crate) fn render_as(&self, level: Level<'_>) -> String {
        Renderer::styled().render(&[self.group(level)])
    }

    /// The error in one line, for lists.
    pub(crate) fn line(&self) -> String {
        let place = match (&self.place.path, self.place.line, self.place.column) {
            (Some(path), Some(line), Some(column)) => format!(" ({path}:{line}:{column})"),
            _ => String::new(),
        };
        let cause = self
            .causes
            .first()
            .map(|cause| format!(": {cause}"))
            .unwrap_or_default();
        format!("{}: {}{cause}{place}", self.code, self.message)
    }

    fn group<'a>(&'a self, level: Level<'a>) -> Group<'a> {
        let title = level
            .primary_title(self.message.as_str())
            .id(self.code.as_str());
        let mut group = match (&self.place.excerpt, self.place.origin()) {
            (Some(excerpt), origin) => title.element(excerpt.snippet(origin)),
            (None, Some(origin)) => title.element(self.place.arrow(origin)),
            (None, None) => Group::with_title(title),
        };
        let told = |target: &&String| {
            self.place
                .origin()
                .is_some_and(|origin| origin.starts_with(target.as_str()))
        };
        if let Some(target) = self.place.target.as_ref().filter(|target| !told(target)) {
            group = group.element(Level::NOTE.message(format!("in {target}")));
        }
        for cause in &self.causes {
            group = group.element(Level::NOTE.message(cause.as_str()));
        }
        group.element(Level::HELP.message(self.next.as_str()))
    }
}

impl Place {
    fn arrow<'a>(&self, origin: &'a str) -> Origin<'a> {
        let arrow = Origin::path(origin);
        match self.line {
            Some(line) => arrow.line(line).char_column(self.column.unwrap_or(1)),
            None => arrow,
        }
    }
}

/// The longest line that is shown; what is longer was not written by a person.
const LINE_BYTES_MAX: usize = 4096;

impl Excerpt {
    /// One line of `text` with the word at `column` underlined; both are counted from 1, the column in characters.
    pub(crate) fn of_line(text: &str, line: usize, column: usize, label: &str) -> Option<Self> {
        let whole = text.split('\n').nth(line.checked_sub(1)?)?;
        let whole = whole.strip_suffix('\r').unwrap_or(whole);
        let span = word(whole, column).filter(|_| whole.len() <= LINE_BYTES_MAX)?;
        Some(Self {
            text: whole.to_owned(),
            first_line: line,
            span,
            label: label.to_owned(),
        })
    }

    fn snippet<'a>(
        &'a self,
        origin: Option<&'a str>,
    ) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        Snippet::source(self.text.as_str())
            .line_start(self.first_line)
            .path(origin)
            .annotation(
                AnnotationKind::Primary
                    .span(self.span.clone())
                    .label(self.label.as_str()),
            )
    }
}

/// The bytes of the word that begins at a character of a line, counted from 1.
fn word(line: &str, column: usize) -> Option<Range<usize>> {
    let (start, first) = line.char_indices().nth(column.checked_sub(1)?)?;
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let rest = &line[start..];
    let length = match first {
        '`' | '"' | '[' => rest[1..].find(['`', '"', ']']).map_or(1, |end| end + 2),
        first if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
        first => first.len_utf8(),
    };
    Some(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_at_a_place_is_found_whole() {
        let text = "CREATE TABLE `tä sks` (\r\n\tid integer,\n  ü_x text);\n";
        let at = |line, column| {
            Excerpt::of_line(text, line, column, "").map(|it| it.text[it.span].to_owned())
        };
        assert_eq!(at(1, 1).as_deref(), Some("CREATE"));
        assert_eq!(at(1, 14).as_deref(), Some("`tä sks`"));
        assert_eq!(at(2, 2).as_deref(), Some("id"));
        assert_eq!(at(3, 3).as_deref(), Some("ü_x"));
        assert_eq!(at(3, 12).as_deref(), Some(";"));
        assert_eq!(at(9, 1), None);
        assert_eq!(at(0, 0), None);
    }
}
