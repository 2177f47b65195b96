//! The one place that writes to the terminal.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

use serde::Serialize;

use super::{Diagnostic, Format, Progress, SCHEMA_VERSION};
use crate::args::{Color, Global};
use crate::error::CliError;
use crate::exit::Exit;

/// Writes answers, notes, progress and errors as the global options ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    format: Format,
    quiet: bool,
    verbose: bool,
}

/// A JSON answer: the version of the contract, then the answer's own fields.
#[derive(Serialize)]
struct Envelope<'a, T> {
    schema_version: u32,
    #[serde(flatten)]
    answer: &'a T,
}

#[derive(Serialize)]
struct Failure<'a> {
    error: &'a Diagnostic,
}

impl Printer {
    pub(crate) fn new(global: &Global) -> Self {
        match global.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
        Self {
            format: global.format,
            quiet: global.quiet,
            verbose: global.verbose,
        }
    }

    /// Whether the user asked for every detail.
    pub(crate) fn verbose(&self) -> bool {
        self.verbose
    }

    /// Whether a question can be put to a person.
    pub(crate) fn can_ask(&self) -> bool {
        self.format == Format::Human && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Writes the answer of this run: its `Display` for people, its fields for scripts.
    pub(crate) fn answer<T: Serialize + Display>(&self, answer: &T) -> Result<(), CliError> {
        match self.format {
            Format::Human => out(format_args!("{answer}")),
            Format::Json => json(answer),
        }
    }

    /// Writes an answer that is an object of the library, which names the version of the contract itself.
    pub(crate) fn answer_of_library<T: Serialize + Display>(
        &self,
        answer: &T,
    ) -> Result<(), CliError> {
        match self.format {
            Format::Human => out(format_args!("{answer}")),
            Format::Json => plain_json(answer),
        }
    }

    /// Says a part of the answer before the rest is known, for people.
    pub(crate) fn say(&self, text: impl Display) -> Result<(), CliError> {
        out(format_args!("{text}\n"))
    }

    /// Whether the answer is for people.
    pub(crate) fn for_people(&self) -> bool {
        self.format == Format::Human
    }

    /// Says something in passing, to people only.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.quiet {
            // A closed stderr is no reason to stop the work.
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }

    /// A progress bar on stderr; silent where nobody watches.
    pub(crate) fn progress(&self, label: &'static str, total: usize) -> Progress {
        let watched = !self.quiet && io::stderr().is_terminal();
        Progress::new(label, total, watched)
    }

    /// Says that Ctrl-C came between two actors, and how the run ends.
    pub(crate) fn interrupted(&self, done: usize, of: usize) -> Exit {
        let actors = super::count(of, "actor");
        self.note(format_args!(
            "interrupted after {done} of {actors}; every one of them is whole"
        ));
        Exit::Interrupted
    }

    /// Shows what is about to happen and asks yes or no, on stderr. Anything but a yes is a no.
    pub(crate) fn ask(&self, shown: impl Display, question: impl Display) -> bool {
        let _ = write!(anstream::stderr(), "{shown}{question} [y/N] ");
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
    }

    /// Shows an error to people.
    pub(crate) fn show(&self, diagnostic: &Diagnostic) {
        // When even this cannot be written, the exit code still says it.
        let _ = writeln!(anstream::stderr(), "{}", diagnostic.render());
    }

    /// Says why there is no answer, and returns how the run ends.
    pub(crate) fn failure(&self, error: &CliError) -> Exit {
        let diagnostic = error.diagnostic();
        match self.format {
            Format::Human => self.show(&diagnostic),
            // As above.
            Format::Json => drop(json(&Failure { error: &diagnostic })),
        }
        Exit::Unknown
    }
}

fn json<T: Serialize>(answer: &T) -> Result<(), CliError> {
    plain_json(&Envelope {
        schema_version: SCHEMA_VERSION,
        answer,
    })
}

fn plain_json<T: Serialize>(answer: &T) -> Result<(), CliError> {
    let text =
        serde_json::to_string_pretty(answer).map_err(|source| CliError::Answer(source.into()))?;
    out(format_args!("{text}\n"))
}

/// Writes bytes that are no answer, such as a completion script.
pub(crate) fn raw(bytes: &[u8]) -> Result<(), CliError> {
    out(format_args!("{}", String::from_utf8_lossy(bytes)))
}

/// Writes to stdout. A reader that went away (`| head`) had what it wanted.
fn out(text: std::fmt::Arguments<'_>) -> Result<(), CliError> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_fmt(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CliError::Answer(error)),
        _ => Ok(()),
    }
}
