//! `completions` and `man`: what a package installs beside the command.

use clap::{Args, CommandFactory};

use crate::args::Cli;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::raw;

/// Print the completion script of a shell
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate completions bash > /etc/bash_completion.d/actor-migrate")]
pub(crate) struct CompletionsArgs {
    /// The shell to write for
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Print the manual page
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate man > /usr/share/man/man1/actor-migrate.1")]
pub(crate) struct ManArgs {}

pub(crate) fn completions(args: &CompletionsArgs) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "actor-migrate",
        &mut script,
    );
    raw(&script)?;
    Ok(Exit::Yes)
}

pub(crate) fn man(_: &ManArgs) -> Result<Exit, CliError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(CliError::Answer)?;
    raw(&page)?;
    Ok(Exit::Yes)
}
