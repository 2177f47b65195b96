//! What one process measures on one engine. It prints lines of `name value`.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::abort;
use std::sync::Barrier;
use std::time::Instant;

use crate::Options;
use crate::actors::{Actor, CHANGED, Templates};
use crate::engines::{Engine, Setup};
use crate::pages::{PAGE_BYTES, PAGES};
use crate::process;

type Wake = fn(&Actor, &dyn Engine);

const THREADS: usize = 16;
/// Reads of pages that the process has read before.
const WARM_READS: usize = 20_000;

/// Each in a process of its own, so that no phase finds the caches of another.
#[derive(Clone, Copy)]
pub(crate) enum Phase {
    /// Imports all actors, and closes.
    Load,
    /// Opens what was closed; wakes and reads.
    Read,
    /// Commits, then dies without closing.
    Commit,
    /// Opens what a dead process left.
    Recover,
}

impl Phase {
    pub(crate) const ALL: [Phase; 4] = [Phase::Load, Phase::Read, Phase::Commit, Phase::Recover];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Phase::Load => "load",
            Phase::Read => "read",
            Phase::Commit => "commit",
            Phase::Recover => "recover",
        }
    }

    pub(crate) fn named(name: &str) -> Phase {
        let found = Phase::ALL.into_iter().find(|phase| phase.name() == name);
        found.expect("a known phase")
    }
}

pub(crate) fn run(phase: Phase, setup: Setup, options: &Options) {
    let folder = options.folder.join("data");
    match phase {
        Phase::Load => load(&folder, setup, options),
        Phase::Read => read(&folder, setup, options),
        Phase::Commit => commit(&folder, setup, options),
        Phase::Recover => recover(&folder, setup),
    }
}

fn load(folder: &Path, setup: Setup, options: &Options) {
    let templates = Templates::new();
    let written = process::bytes_written();
    let start = Instant::now();
    let engine = setup.open(folder);
    for number in 0..options.actors {
        Actor::new(number).import(&*engine, &templates, setup.compresses);
    }
    drop(engine);
    say("load_s", start.elapsed().as_secs_f64());
    say(
        "load_written_mb",
        megabytes(process::bytes_written() - written),
    );
    say("disk_mb", megabytes(process::bytes_in(folder)));
}

fn read(folder: &Path, setup: Setup, options: &Options) {
    let engine = opened(folder, setup, "open_ms");
    say("rss_open_mb", megabytes(process::resident_bytes()));
    let third = options.actors / 3;
    let wakes: [(&str, Wake); 3] = [
        ("wake_by_page_us", Actor::wake_by_page),
        ("wake_by_ranges_us", Actor::wake_by_ranges),
        ("wake_by_scan_us", Actor::wake_by_scan),
    ];
    let mut number = 0;
    for (name, wake) in wakes {
        let times = (0..third).map(|_| {
            let actor = Actor::new(number);
            number += 1;
            timed(|| wake(&actor, &*engine))
        });
        say(name, percentile(&mut times.collect::<Vec<_>>(), 50));
    }
    let few: Vec<Actor> = (0..20.min(options.actors)).map(Actor::new).collect();
    few.iter().for_each(|actor| actor.wake_by_page(&*engine));
    let mut warm: Vec<f64> = (0..WARM_READS)
        .map(|_| {
            timed(|| few[fastrand::usize(..few.len())].read(&*engine, fastrand::usize(..PAGES)))
        })
        .collect();
    say("floor_us", percentile(&mut warm, 50));
    say("rss_read_mb", megabytes(process::resident_bytes()));
}

fn commit(folder: &Path, setup: Setup, options: &Options) {
    say("floor_p50_us", floor(folder, options.commits));
    let templates = Templates::new();
    let engine = setup.open(folder);
    let mut actors: Vec<Actor> = (0..options.actors).map(Actor::new).collect();

    let written = process::bytes_written();
    let mut times: Vec<f64> = (0..options.commits)
        .map(|_| {
            let number = fastrand::usize(..actors.len());
            timed(|| actors[number].commit(&*engine, &templates, setup))
        })
        .collect();
    let bytes = process::bytes_written() - written;
    say("commit_p50_us", percentile(&mut times, 50));
    say("commit_p99_us", percentile(&mut times, 99));
    say("commit_bytes", per_commit(bytes, options.commits));

    let written = process::bytes_written();
    let start = Instant::now();
    let mut times = commit_by_threads(&*engine, &mut actors, &templates, setup, options.commits);
    let seconds = start.elapsed().as_secs_f64();
    let bytes = process::bytes_written() - written;
    say("threads_per_s", times.len() as f64 / seconds);
    say("threads_bytes", per_commit(bytes, times.len()));
    say("threads_p50_us", percentile(&mut times, 50));
    say("threads_p99_us", percentile(&mut times, 99));
    say("rss_commit_mb", megabytes(process::resident_bytes()));
    abort();
}

/// What the disk takes to make durable as much as a commit changes, appended to a file.
fn floor(folder: &Path, commits: usize) -> f64 {
    let path = folder.with_extension("floor");
    let mut file = File::create(&path).expect("a file beside the data");
    let bytes = [0x5a; CHANGED * PAGE_BYTES];
    let append = |_| {
        timed(|| {
            file.write_all(&bytes).expect("the disk has room");
            file.sync_data().expect("the disk syncs");
        })
    };
    let mut times: Vec<f64> = (0..commits).map(append).collect();
    std::fs::remove_file(path).expect("our own file");
    percentile(&mut times, 50)
}

fn commit_by_threads(
    engine: &dyn Engine,
    actors: &mut [Actor],
    templates: &Templates,
    setup: Setup,
    commits: usize,
) -> Vec<f64> {
    let share = actors.len().div_ceil(THREADS);
    let start = Barrier::new(actors.chunks(share).len());
    let work = |actors: &mut [Actor]| -> Vec<f64> {
        start.wait();
        let one = |_| {
            let number = fastrand::usize(..actors.len());
            timed(|| actors[number].commit(engine, templates, setup))
        };
        (0..commits / THREADS).map(one).collect()
    };
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = actors
            .chunks_mut(share)
            .map(|mine| scope.spawn(move || work(mine)))
            .collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().expect("no commit fails"));
        joined.flatten().collect()
    })
}

fn recover(folder: &Path, setup: Setup) {
    let engine = opened(folder, setup, "recover_ms");
    Actor::newest(0).wake_by_ranges(&*engine);
    drop(engine);
    say(
        "disk_after_commits_mb",
        megabytes(process::bytes_in(folder)),
    );
}

fn opened(folder: &Path, setup: Setup, name: &str) -> Box<dyn Engine> {
    let start = Instant::now();
    let engine = setup.open(folder);
    say(name, start.elapsed().as_secs_f64() * 1e3);
    engine
}

/// Microseconds.
fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e6
}

fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * percent / 100]
}

fn per_commit(bytes: u64, commits: usize) -> f64 {
    bytes as f64 / commits as f64
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn say(name: &str, value: f64) {
    println!("{name} {value}");
}
