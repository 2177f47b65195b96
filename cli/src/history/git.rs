//! A migration folder as it was in a git revision, read by the user's own git; nothing is checked out.

use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use actor_migrate::Bundle;
use tempfile::TempDir;

use crate::error::CliError;

/// The folder `dir` at a revision, or the folder that `<revision>:<path>` names.
pub(super) fn read(name: &str, dir: &Path) -> Result<Bundle, CliError> {
    let git = Git { name, dir };
    let files = git.files()?;
    let copy =
        tempfile::tempdir().map_err(|error| CliError::write(&std::env::temp_dir(), error))?;
    git.copy(&files, &copy)?;
    git.bundle(&copy)
}

/// One history that is read from git.
struct Git<'a> {
    name: &'a str,
    dir: &'a Path,
}

/// A file of the revision: its path in the folder, and the object that holds it.
struct File {
    path: PathBuf,
    object: String,
}

impl Git<'_> {
    /// What makes a migration folder, at the revision: the journal and the SQL.
    fn files(&self) -> Result<Vec<File>, CliError> {
        let folder = match self.name.contains(':') {
            true => self.name.to_owned(),
            false => format!("{}:./", self.name),
        };
        let list = ["ls-tree", "-r", "-z", "--full-tree", "--end-of-options"];
        let listed = self.run(&[&list[..], &[&folder]].concat())?;
        if !listed.status.success() {
            return Err(CliError::NoSuchHistory {
                history: self.name.to_owned(),
                dir: self.dir.to_owned(),
                said: words(&listed),
            });
        }
        let entries = listed.stdout.split(|byte| *byte == 0);
        let file = |entry: &[u8]| {
            let entry = std::str::from_utf8(entry).ok()?;
            let (about, path) = entry.split_once('\t')?;
            let object = about.split(' ').nth(2)?.to_owned();
            let path = PathBuf::from(path);
            let wanted = path.extension().is_some_and(|it| it == "sql")
                || path == Path::new("meta/_journal.json");
            // Git refuses such paths itself; we do not lean on that.
            let inside = path
                .components()
                .all(|it| matches!(it, Component::Normal(_)));
            (wanted && inside).then_some(File { path, object })
        };
        Ok(entries.filter_map(file).collect())
    }

    /// Writes the files as they were into `copy`.
    fn copy(&self, files: &[File], copy: &TempDir) -> Result<(), CliError> {
        let mut command = self.command(&["cat-file", "--batch"]);
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| self.failed(&error))?;
        let asked: String = files.iter().map(|it| format!("{}\n", it.object)).collect();
        let said = talk(&mut child, asked).map_err(|error| self.failed(&error));
        let said = said.and_then(|stdout| {
            let status = child.wait().map_err(|error| self.failed(&error))?;
            let stderr = Vec::new();
            Ok(Output {
                status,
                stdout,
                stderr,
            })
        })?;
        self.succeeded(&said)?;
        let mut rest = &said.stdout[..];
        for file in files {
            let Some((bytes, after)) = blob(rest) else {
                return Err(self.failed(&format!("it does not give {}", file.path.display())));
            };
            let to = copy.path().join(&file.path);
            let folder = to.parent().unwrap_or(copy.path());
            std::fs::create_dir_all(folder)
                .and_then(|()| std::fs::write(&to, bytes))
                .map_err(|error| CliError::write(&to, error))?;
            rest = after;
        }
        Ok(())
    }

    /// Reads the copy, and names its files as git does.
    fn bundle(&self, copy: &TempDir) -> Result<Bundle, CliError> {
        let shown = match self.name.contains(':') {
            true => self.name.to_owned(),
            false => format!("{}:{}", self.name, self.dir.display()),
        };
        let hide = |text: &str| text.replace(&copy.path().display().to_string(), &shown);
        let mut bundle = Bundle::read(copy.path()).map_err(|error| CliError::BadHistory {
            history: self.name.to_owned(),
            message: hide(&error.to_string()),
            next: error.hint(),
        })?;
        bundle.dir.clone_from(&shown);
        for entry in &mut bundle.entries {
            entry.file = hide(&entry.file);
        }
        Ok(bundle)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.dir).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Result<Output, CliError> {
        let ran = self.command(args).stderr(Stdio::piped()).output();
        ran.map_err(|error| self.failed(&error))
    }

    fn succeeded(&self, said: &Output) -> Result<(), CliError> {
        match said.status.success() {
            true => Ok(()),
            false => Err(self.failed(&words(said))),
        }
    }

    fn failed(&self, why: &dyn ToString) -> CliError {
        CliError::Git {
            history: self.name.to_owned(),
            said: why.to_string(),
        }
    }
}

/// Asks for objects and takes what comes. Git answers while it still reads, so both go on at once.
fn talk(child: &mut Child, asked: String) -> io::Result<Vec<u8>> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(mut stdin), Some(mut stdout)) = (stdin, stdout) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || stdin.write_all(asked.as_bytes()));
        let mut said = Vec::new();
        io::Read::read_to_end(&mut stdout, &mut said)?;
        match asking.join() {
            Ok(Ok(())) => Ok(said),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::ErrorKind::Other.into()),
        }
    })
}

/// One answer of `cat-file --batch`: `<object> blob <size>`, a line end, the bytes, a line end.
fn blob(said: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = said.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(&said[..end]).ok()?;
    let size: usize = head.rsplit_once(" ")?.1.parse().ok()?;
    let bytes = said.get(end + 1..end + 1 + size)?;
    Some((bytes, said.get(end + 2 + size..)?))
}

/// What git complained of, in one line.
fn words(said: &Output) -> String {
    let text = String::from_utf8_lossy(&said.stderr);
    let first = text.lines().next().unwrap_or_default();
    first.trim_start_matches("fatal: ").to_owned()
}
