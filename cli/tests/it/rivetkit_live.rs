//! The incident under the real RivetKit 2.2, and its cure. npm installs it with bun, once.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Run, copy, finished, fixtures, folder, run, write};

/// Where `tests/rivetkit` is installed.
fn installed() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/rivetkit");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real-rivetkit");
    let lock = std::fs::read(source.join("package-lock.json")).expect("a lock");
    let stamp = home.join("installed-package-lock.json");
    let is_installed = std::fs::read(&stamp).is_ok_and(|installed| installed == lock);
    copy(&source, &home);
    if !is_installed {
        // Without scripts nothing is compiled; only bun's own has to run, which puts its binary in place.
        let install = ["install", "--ignore-scripts", "--no-audit", "--no-fund"];
        done(Command::new("npm").args(install).current_dir(&home));
        let bun = home.join("node_modules/bun");
        done(Command::new("node").arg("install.js").current_dir(bun));
        // Written last, so an installation that was interrupted is not taken for whole.
        write(&stamp, &lock);
    }
    home
}

fn done(command: &mut Command) -> Run {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}: this test runs the real RivetKit, for which it needs Node.js 18 with npm")
    });
    let run = finished(output);
    assert_eq!(run.code, 0, "{command:?}\n{run:?}");
    run
}

/// Wakes the one actor of `storage` under the release `migrations` and runs `sql` in it.
fn wake(home: &Path, storage: &Path, migrations: &Path, sql: &str) -> Value {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr());
    let port = free.expect("a free port").port().to_string();
    let mut command = Command::new(home.join("node_modules/.bin/bun"));
    command
        .arg("wake.mjs")
        .args([storage, migrations])
        .args([&port, sql])
        .current_dir(home);
    done(&mut command).json()
}

#[test]
fn an_actor_of_the_real_rivetkit_that_a_squash_poisoned_is_adopted_and_served_again() {
    let (home, here) = (installed(), folder());
    let (storage, old) = (here.path().join("storage"), here.path().join("old"));
    let squashed = fixtures().join("ledgers/squashed");
    copy(&squashed, &here.path().join("drizzle"));
    copy(&fixtures().join("ledgers/chain"), &old);
    let journal = std::fs::read(old.join("meta/_journal.json")).expect("a journal");
    let mut journal: Value = serde_json::from_slice(&journal).expect("JSON");
    journal["entries"]
        .as_array_mut()
        .expect("entries")
        .truncate(2);
    write(&old.join("meta/_journal.json"), journal.to_string());

    let born = wake(
        &home,
        &storage,
        &old,
        "INSERT INTO notes (body) VALUES ('kept') RETURNING body",
    );
    assert_eq!(born, json!({ "ok": true, "rows": [{ "body": "kept" }] }));
    let poisoned = wake(&home, &storage, &squashed, "SELECT body FROM notes");
    assert_eq!(poisoned["ok"], false);
    let told = poisoned["message"].as_str().expect("a message");
    assert!(
        told.starts_with("Internal error"),
        "all that its caller hears: {told}"
    );

    let cli = |verb: &[&str]| {
        run(
            here.path(),
            &[verb, &["storage", "--dir", "drizzle"]].concat(),
        )
    };
    assert_eq!(cli(&["check"]).code, 1);
    let adopted = cli(&["adopt", "--yes"]);
    assert_eq!(adopted.code, 0, "{adopted:?}");

    let served = wake(
        &home,
        &storage,
        &squashed,
        "SELECT body, archived_at FROM notes",
    );
    assert_eq!(
        served,
        json!({ "ok": true, "rows": [{ "body": "kept", "archived_at": null }] })
    );
    let checked = cli(&["check"]);
    assert_eq!(checked.code, 0, "{checked:?}");
}
