//! The printed result: one row a measure, one column a setup.

use crate::rounds::Measured;
use crate::weight::Weight;

/// The measures, in the order of the table, with what they are called.
const ROWS: &[(&str, &str)] = &[
    ("open_ms", "open after a clean close, ms"),
    ("recover_ms", "open after a kill, ms"),
    ("wake_by_page_us", "cold wake, a range scan a page, µs"),
    (
        "wake_by_ranges_us",
        "cold wake, all ranges in one snapshot, µs",
    ),
    ("wake_by_scan_us", "cold wake, one scan, µs"),
    ("floor_us", "warm read of a page at a commit, µs"),
    ("floor_p50_us", "16 KiB appended and fdatasync, p50, µs"),
    ("commit_p50_us", "durable commit p50, µs"),
    ("commit_p99_us", "durable commit p99, µs"),
    ("commit_bytes", "device bytes a commit"),
    ("threads_per_s", "16 threads, commits/s"),
    ("threads_p50_us", "16 threads, p50, µs"),
    ("threads_p99_us", "16 threads, p99, µs"),
    ("threads_bytes", "16 threads, device bytes a commit"),
    ("load_s", "import of all actors, s"),
    ("load_written_mb", "device bytes of the import, MB"),
    ("disk_mb", "on disk after the import, MB"),
    ("disk_after_commits_mb", "on disk after the commits, MB"),
    ("rss_open_mb", "resident after open, MB"),
    ("rss_read_mb", "resident after reads, MB"),
    ("rss_commit_mb", "resident after commits, MB"),
];

pub(crate) fn markdown(measured: &Measured, weights: &[Weight]) -> String {
    let columns: Vec<&str> = measured.iter().map(|(setup, _)| setup.name).collect();
    let mut lines = vec![
        format!("| | {} |", columns.join(" | ")),
        format!("|---|{}", "---|".repeat(columns.len())),
    ];
    for (key, title) in ROWS {
        let cells = measured
            .iter()
            .map(|(_, values)| number(median(&values[*key])));
        lines.push(format!(
            "| {title} | {} |",
            cells.collect::<Vec<_>>().join(" | ")
        ));
    }
    lines.push(String::new());
    lines.push("| build weight | crates | cold release build, s | program, kB |".to_owned());
    lines.push("|---|---|---|---|".to_owned());
    for weight in weights {
        let engine = if weight.engine.is_empty() {
            "no engine"
        } else {
            weight.engine
        };
        let (build, program) = (number(weight.build_s), number(weight.program_kb));
        lines.push(format!(
            "| {engine} | {} | {build} | {program} |",
            weight.crates
        ));
    }
    lines.join("\n")
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Three digits are more than the noise allows.
fn number(value: f64) -> String {
    match value {
        it if it < 10.0 => format!("{it:.1}"),
        it if it < 1000.0 => format!("{it:.0}"),
        it => {
            let whole = format!("{:.0}", (it / 10.0).round() * 10.0);
            let (head, tail) = whole.split_at(whole.len() - 3);
            format!("{head},{tail}")
        }
    }
}
