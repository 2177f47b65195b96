//! Runs the real Drizzle migrators from npm: installs them once, calls them as a host would.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// A driver of drizzle-orm that npm installs without downloading anything from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    Libsql,
    SqlJs,
    /// Like `durable-sqlite` it takes the folder as a bundler packs it, and notes no hashes.
    Expo,
    /// Runs in bun, on bun's own SQLite.
    Bun,
    Libsql1,
    SqlJs1,
    Bun1,
}

/// Of drizzle-orm 0.x.
pub(crate) const DRIVERS: [Driver; 2] = [Driver::Libsql, Driver::SqlJs];
/// Of drizzle-orm 1.0.
pub(crate) const DRIVERS_1: [Driver; 2] = [Driver::Libsql1, Driver::SqlJs1];

impl Driver {
    fn name(self) -> &'static str {
        match self {
            Self::Libsql => "libsql",
            Self::SqlJs => "sqljs",
            Self::Expo => "expo",
            Self::Bun => "bun",
            Self::Bun1 => "bun-1",
            Self::Libsql1 => "libsql-1",
            Self::SqlJs1 => "sqljs-1",
        }
    }

    fn runtime(self) -> PathBuf {
        match self {
            Self::Bun | Self::Bun1 => installed().join("node_modules/.bin/bun"),
            _ => PathBuf::from("node"),
        }
    }
}

/// What the real migrator said: the migrations that it ran, or the innermost error message.
pub(crate) type Outcome = Result<Vec<String>, String>;

/// Runs the migrator of `driver` with its usual settings over `folder` on the database `file`.
pub(crate) fn run(driver: Driver, folder: &Path, file: &Path) -> Outcome {
    run_with(driver, folder, file, &[])
}

/// The same with more arguments for `run-migrator.mjs`.
pub(crate) fn run_with(driver: Driver, folder: &Path, file: &Path, more: &[&str]) -> Outcome {
    let mut command = Command::new(driver.runtime());
    command
        .arg("run-migrator.mjs")
        .args(["--driver", driver.name(), "--folder"])
        .arg(folder)
        .arg("--db")
        .arg(file)
        .args(more)
        .current_dir(installed());
    outcome(&serde_json::from_str(&stdout(&mut command)).unwrap())
}

fn outcome(said: &Value) -> Outcome {
    if said["ok"] == true {
        let tags = said["applied"].as_array().unwrap().iter();
        return Ok(tags.map(|tag| tag.as_str().unwrap().to_owned()).collect());
    }
    let error = &said["error"];
    let text = error["cause"].as_str().or(error["message"].as_str());
    Err(text.unwrap().to_owned())
}

/// The folder in which `tests/drizzle` is installed: copied and filled by `npm ci` when missing.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("drizzle");
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real-drizzle");
        std::fs::create_dir_all(&home).unwrap();
        let lock = std::fs::read(source.join("package-lock.json")).unwrap();
        let stamp = home.join("installed-package-lock.json");
        // The stamp is written last, so an installation that was interrupted is not taken for whole.
        if std::fs::read(&stamp).ok().as_ref() != Some(&lock) {
            copy_files(&source, &home);
            npm_ci(&home);
            std::fs::write(&stamp, &lock).unwrap();
        }
        copy_files(&source, &home);
        home
    })
}

fn copy_files(source: &Path, home: &Path) {
    for entry in std::fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), home.join(entry.file_name())).unwrap();
        }
    }
}

fn npm_ci(home: &Path) {
    let mut command = Command::new("npm");
    command.args(["ci", "--no-audit", "--no-fund"]);
    stdout(command.current_dir(home));
}

fn stdout(command: &mut Command) -> String {
    let said = command.output().unwrap_or_else(|error| {
        panic!(
            "{command:?}: {error}\nthese tests run the real Drizzle: install Node.js 18 or newer \
             with npm (on Debian and Ubuntu: apt-get install nodejs npm)"
        )
    });
    let (out, err) = (
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr),
    );
    assert!(said.status.success(), "{command:?}\n{out}{err}");
    out.into_owned()
}
