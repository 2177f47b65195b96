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
        Renderer::styled().render(&[self.group()])
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

    fn group(&self) -> Group<'_> {
        let title = Level::ERROR
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

impl Excerpt {
    fn snippet<'a>(
        &'a self,
        origin: Option<&'a str>,
    ) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        Snippet::source(self.text.as_str()).path(origin).annotation(
            AnnotationKind::Primary
                .span(self.span.clone())
                .label(self.label.as_str()),
        )
    }
}
