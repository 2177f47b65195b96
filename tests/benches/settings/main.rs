//! What compression and encryption cost: the same work under each setting of the store, in one run.

mod content;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use actor_vfs::engines::{MemoryEngine, RedbEngine};
use actor_vfs::keys::{DerivedKeys, Key};
use actor_vfs::kv::Engine;
use actor_vfs::{ActorId, Compression, IfExists, Store, StoreOptions};
use rusqlite::Connection;

const SETTINGS: [(&str, Compression, bool); 4] = [
    ("plain", Compression::Off, false),
    ("LZ4", Compression::Lz4, false),
    ("encrypted", Compression::Off, true),
    ("LZ4, encrypted", Compression::Lz4, true),
];
const MEASURES: [&str; 4] = [
    "small commit, µs",
    "every message updated in one commit, ms",
    "every message read, pages from the engine, ms",
    "bytes stored, KiB",
];
const COMMITS: usize = 60;
const USAGE: &str = "\
Measures commits, reads and bytes of the store with and without compression and encryption.

Usage: cargo bench -p actor-tests --bench settings [-- --rounds N]

  --rounds N  interleaved rounds, of which the median is printed [9]";

/// One value of each measure.
type Values = [f64; MEASURES.len()];

fn main() -> ExitCode {
    let Some(rounds) = rounds() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    // Cargo starts a bench in its package's folder.
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench-settings");
    std::fs::create_dir_all(folder).expect("a folder for the data");
    let data = tempfile::tempdir_in(folder).expect("a folder for the data");
    let template = content::template(&data.path().join("template.sqlite"));
    for engine in ["memory", "redb"] {
        let mut results = SETTINGS.map(|_| Vec::new());
        for round in 0..rounds {
            eprintln!("{engine}: round {} of {rounds}", round + 1);
            // Each setting is first in every fourth round.
            for turn in 0..SETTINGS.len() {
                let setting = (round + turn) % SETTINGS.len();
                let file = data.path().join(format!("{round}-{setting}.redb"));
                let engine = engine_named(engine, &file);
                results[setting].push(measure(&engine, setting, &template));
                _ = std::fs::remove_file(file);
            }
        }
        println!("{}", table(engine, &results));
    }
    ExitCode::SUCCESS
}

fn rounds() -> Option<usize> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| it != "--bench")
        .collect();
    match &arguments[..] {
        [] => Some(9),
        [name, rounds] if name == "--rounds" => rounds.parse().ok().filter(|it| *it > 0),
        _ => None,
    }
}

fn engine_named(name: &str, file: &Path) -> Arc<dyn Engine> {
    if name == "memory" {
        return Arc::new(MemoryEngine::new());
    }
    Arc::new(RedbEngine::create(file, 128 << 20).expect("redb makes its file"))
}

fn measure(engine: &Arc<dyn Engine>, setting: usize, template: &Path) -> Values {
    let (_, compression, encrypted) = SETTINGS[setting];
    let mut options = StoreOptions::default();
    options.compression = compression;
    if encrypted {
        options.keys = Some(Arc::new(DerivedKeys::new(Key::new([7; 32]))));
    }
    let store = options.with_engine(engine.clone()).expect("a new store");
    let id: ActorId = "workspace/42".parse().expect("a good id");
    store
        .import(&id, template, IfExists::Refuse)
        .expect("the template is imported");
    let stored = bytes_stored(&**engine);
    let actor = store.open(&id).expect("nobody else owns it");
    let connection = actor.connect().expect("the actor connects");
    let small = small_commits(&connection);
    let large = timed(|| {
        let sql = "UPDATE message SET at = at + 1, body = body || ' ok'";
        connection.execute(sql, []).expect("the commit is durable");
    });
    let read = timed(|| read_all(&store, &id));
    [small * 1e6, large * 1e3, read * 1e3, stored / 1024.0]
}

/// The median time of commits of one row.
fn small_commits(connection: &Connection) -> f64 {
    let sql = "INSERT INTO message (role, body, at) VALUES ('user', 'what does the second test say now?', 17700)";
    let mut insert = connection.prepare(sql).expect("the schema is known");
    let mut commit = || {
        timed(|| {
            insert.execute([]).expect("the commit is durable");
        })
    };
    median((0..COMMITS).map(|_| commit()).collect())
}

/// Reads by a snapshot of its own, so nothing is in a cache of SQLite.
fn read_all(store: &Store, id: &ActorId) {
    let snapshot = store.snapshot(id).expect("the actor exists");
    let connection = snapshot.connect().expect("the snapshot connects");
    let sql = "SELECT sum(length(body)) FROM message NOT INDEXED";
    let bytes: i64 = connection
        .query_row(sql, [], |row| row.get(0))
        .expect("all rows");
    assert!(bytes > 1_000_000);
}

/// All keys and values: what the engine is given to keep, whatever it makes of it.
fn bytes_stored(engine: &dyn Engine) -> f64 {
    let snapshot = engine.snapshot().expect("the engine reads");
    let all = snapshot
        .scan(&[]..&[u8::MAX], usize::MAX)
        .expect("all entries");
    let bytes: usize = all.iter().map(|(key, value)| key.len() + value.len()).sum();
    bytes as f64
}

fn timed(act: impl FnOnce()) -> f64 {
    let start = Instant::now();
    act();
    start.elapsed().as_secs_f64()
}

/// Values, and beside each of the others their ratio to the plain ones.
fn table(engine: &str, results: &[Vec<Values>; SETTINGS.len()]) -> String {
    let names = SETTINGS.map(|(name, _, _)| name).join(" | ");
    let mut lines = vec![
        format!("| {engine} | {names} |"),
        "|---|---|---|---|---|".to_owned(),
    ];
    for (at, title) in MEASURES.iter().enumerate() {
        let of = |results: &Vec<Values>| median(results.iter().map(|it| it[at]).collect());
        let plain = of(&results[0]);
        let cells = results.iter().map(|results| {
            let value = of(results);
            format!("{value:.1} ({:.2})", value / plain)
        });
        let cells: Vec<_> = cells.collect();
        lines.push(format!("| {title} | {} |", cells.join(" | ")));
    }
    lines.join("\n")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
