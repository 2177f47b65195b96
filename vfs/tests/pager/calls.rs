//! Hears what SQLite calls, from the traces that the shim emits.

use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// One call from SQLite on a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) kind: String,
    pub(crate) call: String,
    pub(crate) detail: String,
    pub(crate) code: i64,
}

/// The calls that were made on this thread while something ran.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    /// Listens while `work` runs.
    pub(crate) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::subscriber::with_default(Listener(self.clone()), work)
    }

    /// What was heard since the last time.
    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// What was heard since the last time, in short.
    ///
    /// Of the main file: `W` a write, `lock1` … `lock4`, `BEGIN`, `COMMIT` and `ROLLBACK` of the
    /// atomic window, `SYNC` the file control, `sync` the method. Other files have their kind
    /// before it. Reads and questions are left out; what fails ends in `!`.
    pub(crate) fn story(&self) -> String {
        let mut words: Vec<(String, usize)> = Vec::new();
        for word in self.take().iter().filter_map(word) {
            match words.last_mut() {
                Some((last, times)) if *last == word => *times += 1,
                _ => words.push((word, 1)),
            }
        }
        let counted = |(word, times): (String, usize)| match times {
            1 => word,
            _ => format!("{word}*{times}"),
        };
        let words: Vec<String> = words.into_iter().map(counted).collect();
        words.join(" ")
    }
}

fn word(call: &Call) -> Option<String> {
    let word = match call.call.as_str() {
        "read" | "size" | "state?" | "reserved?" | "pragma" => return None,
        "write" => "W".to_owned(),
        "begin-atomic" => "BEGIN".to_owned(),
        "commit-atomic" => "COMMIT".to_owned(),
        "rollback-atomic" => "ROLLBACK".to_owned(),
        other => format!("{other}{}", call.detail),
    };
    let failed = if call.code == 0 { "" } else { "!" };
    Some(match call.kind.as_str() {
        "main" => format!("{word}{failed}"),
        kind => format!("{kind}:{word}{failed}"),
    })
}

struct Listener(Calls);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "actor_vfs::calls"
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut call = Call::default();
        event.record(&mut call);
        self.0.0.lock().unwrap().push(call);
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

impl Visit for Call {
    fn record_i64(&mut self, field: &Field, value: i64) {
        assert_eq!(field.name(), "code");
        self.code = value;
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "kind" => value.clone_into(&mut self.kind),
            "call" => value.clone_into(&mut self.call),
            other => panic!("a new field {other}"),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        assert_eq!(field.name(), "detail");
        self.detail = format!("{value:?}");
    }
}
