//! A migration folder as it was in a git revision, read by the user's own git; nothing is checked out.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use actor_migrate::squash::OldFolder;
use actor_migrate::{Bundle, Layout, MigrateError};

use crate::error::CliError;

/// The folder `dir` at a revision, or the folder that `<revision>:<path>` names.
pub(super) fn read(name: &str, dir: &Path, layout: Layout) -> Result<Bundle, CliError> {
    let bundle = Bundle::from_memory(&shown(name, dir), layout, &files(name, dir)?);
    bundle.map_err(|error| bad(name, &error))
}

/// The same folder with its files.
pub(super) fn old(name: &str, dir: &Path, layout: Layout) -> Result<OldFolder, CliError> {
    let old = OldFolder::from_memory(&shown(name, dir), layout, files(name, dir)?);
    old.map_err(|error| bad(name, &error))
}

/// What makes it a migration folder, by path.
fn files(name: &str, dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, CliError> {
    let git = Git { name, dir };
    git.contents(git.objects()?)
}

/// The folder as messages name it.
fn shown(name: &str, dir: &Path) -> String {
    match name.contains(':') {
        true => name.to_owned(),
        false => format!("{name}:{}", dir.display()),
    }
}

fn bad(name: &str, error: &MigrateError) -> CliError {
    CliError::BadHistory {
        history: name.to_owned(),
        message: error.to_string(),
        next: error.hint(),
    }
}

/// One history that is read from git.
struct Git<'a> {
    name: &'a str,
    dir: &'a Path,
}

/// The path of a file in its folder, and the object that holds it.
type Object = (String, String);

impl Git<'_> {
    /// What makes a migration folder, at the revision: the journal and the SQL.
    fn objects(&self) -> Result<Vec<Object>, CliError> {
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
        let object = |entry: &[u8]| {
            let (about, path) = std::str::from_utf8(entry).ok()?.split_once('\t')?;
            let wanted = path.ends_with(".sql") || path == "meta/_journal.json";
            let object = about.split(' ').nth(2).filter(|_| wanted)?;
            Some((path.to_owned(), object.to_owned()))
        };
        Ok(entries.filter_map(object).collect())
    }

    /// The files as they were.
    fn contents(&self, objects: Vec<Object>) -> Result<BTreeMap<String, Vec<u8>>, CliError> {
        let mut command = self.command(&["cat-file", "--batch"]);
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| self.failed(&error))?;
        let asked: String = objects.iter().map(|(_, it)| format!("{it}\n")).collect();
        let said = talk(&mut child, asked).map_err(|error| self.failed(&error));
        child.wait().map_err(|error| self.failed(&error))?;
        let said = said?;
        let mut rest = &said[..];
        let mut files = BTreeMap::new();
        for (path, _) in objects {
            let Some((bytes, after)) = blob(rest) else {
                return Err(self.failed(&format!("it does not give {path}")));
            };
            files.insert(path, bytes.to_owned());
            rest = after;
        }
        Ok(files)
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
