//! The scenes of the demo, each with the commands that a user would type.

use std::process::{Command, Stdio};

use serde::Serialize;

use super::project::Project;
use super::rows::Rows;
use super::stock;
use crate::error::CliError;
use crate::output::{Printer, style};

/// The story as far as it was told.
pub(super) struct Story<'a> {
    project: &'a Project,
    printer: &'a Printer,
    ran: Vec<Ran>,
}

/// A command that was run, and how it ended.
#[derive(Debug, Serialize)]
pub(super) struct Ran {
    command: String,
    exit: i32,
}

impl<'a> Story<'a> {
    pub(super) fn new(project: &'a Project, printer: &'a Printer) -> Self {
        Self {
            project,
            printer,
            ran: Vec::new(),
        }
    }

    /// The commands that were run.
    pub(super) fn ran(self) -> Vec<Ran> {
        self.ran
    }

    /// Tells it all. Returns the rows of every actor at the end, which are those of before the squash.
    pub(super) fn tell(&mut self, actors: usize) -> Result<Rows, CliError> {
        self.scene(
            "A store of actors of four kinds. Some slept while two migrations were deployed",
        )?;
        self.project.build(actors, self.printer)?;
        self.show("status", 0)?;
        self.scene("May we deploy? What is pending is rehearsed on a copy of each actor's data")?;
        self.show("check", 0)?;
        self.show("apply --yes", 0)?;
        let before = Rows::read(self.project)?;
        self.scene("Then somebody squashes every chain of migrations into one new baseline")?;
        self.project.squash()?;
        self.show("generate", 0)?;
        self.say(&stock::attempt(self.project)?)?;
        self.scene("May we deploy that?")?;
        self.show("check", 1)?;
        self.scene("The cure: make every ledger say what the schema of its actor proves")?;
        self.show("adopt --dry-run", 1)?;
        self.scene(
            "A baseline that also writes rows is accepted by name: these actors have them already",
        )?;
        self.show("adopt --allow data:0000_baseline --yes", 0)?;
        self.show("check", 0)?;
        let after = Rows::read(self.project)?;
        claim(after == before, "every row is as it was before the squash")?;
        Ok(after)
    }

    fn scene(&mut self, title: &str) -> Result<(), CliError> {
        let bold = style::BOLD;
        self.say(&format!("\n{bold}{title}{bold:#}"))
    }

    fn say(&self, text: &str) -> Result<(), CliError> {
        if self.printer.for_people() {
            self.printer.say(text)
        } else {
            Ok(())
        }
    }

    /// Runs a command as a user would, and holds it to the exit code that the story promises.
    fn show(&mut self, words: &str, promised: i32) -> Result<(), CliError> {
        let command = format!("actor-migrate {words}");
        let look = style::TYPE;
        self.say(&format!("{look}$ {command}{look:#}"))?;
        let out = if self.printer.for_people() {
            Stdio::inherit()
        } else {
            Stdio::null()
        };
        let program = std::env::current_exe().map_err(CliError::Scratch)?;
        let status = Command::new(program)
            .args(words.split(' '))
            .current_dir(self.project.dir())
            .stdout(out)
            .status();
        let exit = status.map_err(CliError::Scratch)?.code().unwrap_or(-1);
        claim(
            exit == promised,
            &format!("`{command}` exits {promised} (it was {exit})"),
        )?;
        self.ran.push(Ran { command, exit });
        Ok(())
    }
}

fn claim(holds: bool, claim: &str) -> Result<(), CliError> {
    if holds {
        Ok(())
    } else {
        Err(CliError::Claim {
            claim: claim.to_owned(),
        })
    }
}
