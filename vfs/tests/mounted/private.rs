//! Running a test in a process that has mounts of its own, which end with it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Which test a process with mounts of its own runs.
const TEST: &str = "ACTOR_MOUNTED_TEST";
/// The folder that it mounts its disk on.
const FOLDER: &str = "ACTOR_MOUNTED_FOLDER";
/// How such a process ends that may not mount.
const NOT_PERMITTED: u8 = 77;

/// A test that needs a disk of its own.
pub(crate) struct Test {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Disk),
}

/// How a test ended.
pub(crate) enum Ended {
    Passed,
    Skipped(String),
    Failed(String),
}

/// Runs a test in a process of its own.
pub(crate) fn run(test: &Test) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let started = Command::new("unshare")
        .arg("--map-root-user")
        .arg("--mount")
        .arg(std::env::current_exe().unwrap())
        .env(TEST, test.name)
        .env(FOLDER, folder.path())
        .output();
    let output = match started {
        Ok(output) => output,
        Err(error) => return Ended::Skipped(format!("needs Linux's unshare: {error}")),
    };
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let (out, err) = (said(&output.stdout), said(&output.stderr));
    match output.status.code() {
        Some(0) => Ended::Passed,
        Some(code) if code == i32::from(NOT_PERMITTED) => Ended::Skipped(err),
        // `unshare` itself was refused.
        Some(1) if err.starts_with("unshare:") => Ended::Skipped(format!("may not mount: {err}")),
        _ => Ended::Failed(format!("{out}\n{err}")),
    }
}

/// Runs the test that this process is for, if it is one with mounts of its own.
pub(crate) fn inside(tests: &[Test]) -> Option<ExitCode> {
    let name = std::env::var(TEST).ok()?;
    let folder = std::env::var_os(FOLDER).unwrap();
    let test = tests.iter().find(|test| test.name == name).unwrap();
    let disk = Disk(folder.into());
    // Enough for a store and little more.
    let mounted = disk.mount(&["-t", "tmpfs", "-o", "size=6m", "tmpfs"]);
    if let Err(why) = mounted {
        eprintln!("may not mount: {why}");
        return Some(NOT_PERMITTED.into());
    }
    (test.run)(&disk);
    Some(ExitCode::SUCCESS)
}

/// A disk that nobody else sees.
pub(crate) struct Disk(PathBuf);

impl Disk {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Mounts it again with other options.
    pub(crate) fn remount(&self, options: &str) {
        self.mount(&["-o", &format!("remount,{options}")]).unwrap();
    }

    fn mount(&self, words: &[&str]) -> Result<(), String> {
        let ran = Command::new("mount").args(words).arg(&self.0).output();
        let output = ran.map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }
}
