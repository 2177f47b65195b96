//! What is measured on one side in one round.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::time::Instant;

use crate::Options;
use crate::fleet::{ACTORS, Fleet, Insert, Session};
use crate::process;

const THREADS: usize = 16;
/// Actors that the threads keep awake. A plain file in WAL mode takes three descriptors, and 1,024 is a common limit.
const AWAKE: usize = 256;
const EACH: usize = AWAKE / THREADS;
const OPENS: usize = 200;

/// The values of each measure, one a round.
pub(crate) type Results = BTreeMap<&'static str, Vec<f64>>;

pub(crate) fn round(fleet: &dyn Fleet, round: usize, options: &Options, results: &mut Results) {
    let mut say = |name, value| results.entry(name).or_default().push(value);
    opens(fleet, round, &mut say);
    alone(fleet, options.commits, &mut say);
    together(fleet, options.commits, &mut say);
}

/// Opens actors that nobody has open, up to the first row.
fn opens(fleet: &dyn Fleet, round: usize, say: &mut impl FnMut(&'static str, f64)) {
    let times = |open: &dyn Fn(usize) -> Session, first: usize| -> Vec<f64> {
        let one = |number: usize| {
            let start = Instant::now();
            let session = open((first + number) % ACTORS);
            session.read();
            microseconds(start)
        };
        (0..OPENS).map(one).collect()
    };
    let first = 2 * round * OPENS;
    let mut wakes = times(&|actor| fleet.wake(actor), first);
    let mut peeks = times(&|actor| fleet.peek(actor), first + OPENS);
    say("wake_p50", percentile(&mut wakes, 50));
    say("wake_p99", percentile(&mut wakes, 99));
    say("peek_p50", percentile(&mut peeks, 50));
    say("peek_p99", percentile(&mut peeks, 99));
}

/// One connection, one commit after the other.
fn alone(fleet: &dyn Fleet, commits: usize, say: &mut impl FnMut(&'static str, f64)) {
    let session = fleet.wake(0);
    let mut insert = session.insert();
    let written = process::bytes_written();
    let start = Instant::now();
    let mut times: Vec<f64> = (0..commits).map(|_| timed(&mut insert)).collect();
    let seconds = start.elapsed().as_secs_f64();
    say("alone_per_s", times.len() as f64 / seconds);
    say(
        "alone_bytes",
        (process::bytes_written() - written) / times.len() as f64,
    );
    say("alone_p50", percentile(&mut times, 50));
    say("alone_p99", percentile(&mut times, 99));
}

/// Sixteen threads, each with its own actors.
fn together(fleet: &dyn Fleet, commits: usize, say: &mut impl FnMut(&'static str, f64)) {
    let start_line = Barrier::new(THREADS + 1);
    let work = |thread: usize| {
        let sessions: Vec<Session> = (0..EACH)
            .map(|n| fleet.wake(n * THREADS + thread))
            .collect();
        let mut inserts: Vec<Insert<'_>> = sessions.iter().map(Session::insert).collect();
        start_line.wait();
        let turns = (0..commits / THREADS).map(|turn| turn % EACH);
        let times: Vec<f64> = turns.map(|actor| timed(&mut inserts[actor])).collect();
        drop(inserts);
        (times, sessions)
    };
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || work(thread)))
            .collect();
        start_line.wait();
        let written = process::bytes_written();
        let start = Instant::now();
        let joined = threads
            .into_iter()
            .map(|it| it.join().expect("no commit fails"));
        // The sessions come along: closing a file in WAL mode writes to it, and is not measured here.
        let (times, _sessions): (Vec<Vec<f64>>, Vec<Vec<Session>>) = joined.unzip();
        let seconds = start.elapsed().as_secs_f64();
        let mut times = times.concat();
        say("together_per_s", times.len() as f64 / seconds);
        say(
            "together_bytes",
            (process::bytes_written() - written) / times.len() as f64,
        );
        say("together_p50", percentile(&mut times, 50));
        say("together_p99", percentile(&mut times, 99));
    });
}

fn timed(insert: &mut Insert<'_>) -> f64 {
    let start = Instant::now();
    insert.commit();
    microseconds(start)
}

fn microseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}

fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * percent / 100]
}
