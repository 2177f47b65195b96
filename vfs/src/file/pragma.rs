//! The pragmas that an actor's database refuses, and what to use instead.

/// SQLite's journal modes in its own order. It takes any prefix of a name, and the first match.
/// (`sqlite3JournalModename` and its use in `pragma.c`.)
const JOURNAL_MODES: [&str; 6] = ["delete", "persist", "off", "truncate", "memory", "wal"];

/// Says why a pragma may not run, if it may not.
pub(crate) fn refusal(name: &str, value: Option<&str>) -> Option<&'static str> {
    let value = value?.trim();
    match name.to_ascii_lowercase().as_str() {
        "journal_mode" => journal_mode(value),
        _ => None,
    }
}

fn journal_mode(value: &str) -> Option<&'static str> {
    let asked = value.to_ascii_lowercase();
    match JOURNAL_MODES.iter().find(|mode| mode.starts_with(&asked)) {
        Some(&"wal") => Some(
            "journal_mode=WAL: an actor's commits are atomic and durable without a log, and its \
             snapshots never block the writer; keep journal_mode=MEMORY",
        ),
        Some(&"off") => Some(
            "journal_mode=OFF: ROLLBACK could not undo what the cache has spilled; \
             keep journal_mode=MEMORY, which writes no journal either",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wal_and_off_are_refused_however_sqlite_lets_them_be_written() {
        for value in ["wal", "WAL", "w", " Wal ", "off", "OFF", "o"] {
            assert!(refusal("Journal_Mode", Some(value)).is_some(), "{value}");
        }
        for value in ["delete", "d", "", "persist", "truncate", "memory", "M", "x"] {
            assert_eq!(refusal("journal_mode", Some(value)), None, "{value}");
        }
        assert_eq!(refusal("journal_mode", None), None);
    }
}
