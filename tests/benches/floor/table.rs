//! The printed result: one row a measure, both sides, and their ratio.

use crate::measures::Results;

const ROWS: &[(&str, &str)] = &[
    ("wake_p50", "open as owner, read a row: p50, µs"),
    ("wake_p99", "open as owner, read a row: p99, µs"),
    ("peek_p50", "open to read, read a row: p50, µs"),
    ("peek_p99", "open to read, read a row: p99, µs"),
    ("alone_p50", "durable one-row commit: p50, µs"),
    ("alone_p99", "durable one-row commit: p99, µs"),
    ("alone_per_s", "commits/s"),
    ("alone_bytes", "device bytes a commit"),
    ("together_p50", "16 threads, 256 actors: commit p50, µs"),
    ("together_p99", "16 threads, 256 actors: commit p99, µs"),
    ("together_per_s", "16 threads, 256 actors: commits/s"),
    (
        "together_bytes",
        "16 threads, 256 actors: device bytes a commit",
    ),
];

pub(crate) fn markdown(sides: &[Results; 2]) -> String {
    let mut lines = vec![
        "| | our store | plain SQLite files | ratio |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    for (key, title) in ROWS {
        let [ours, files] = [&sides[0], &sides[1]].map(|results| median(&results[key]));
        let ratio = ours / files;
        lines.push(format!("| {title} | {ours:.0} | {files:.0} | {ratio:.2} |"));
    }
    lines.join("\n")
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
