//! Panics: each is a bug of ours and is said to be one, but for those that are told as an error.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Display;
use std::io::Write;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use actor_vfs::engines::panic_is_caught;

static REPORTED: AtomicBool = AtomicBool::new(false);

/// From now on a panic is reported as a bug, once. Over a damaged file the engine of a store panics
/// too; that becomes an error, which says more.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|panic| {
        // What waits for a thread that panicked panics as well.
        if !panic_is_caught() && !REPORTED.swap(true, Ordering::Relaxed) {
            // A closed stderr changes nothing about the exit code.
            let _ = write!(anstream::stderr(), "{}", report_of(panic));
        }
    }));
}

/// Runs `work`, and gives nothing if it panicked, which is then reported.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

fn report_of(panic: &PanicHookInfo<'_>) -> String {
    let payload = panic.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let what = text.or(payload.downcast_ref::<&str>().copied());
    let what = what.unwrap_or("it says nothing");
    let place = panic.location().map(ToString::to_string);
    let mut report = report(what, place.as_deref().unwrap_or("an unknown place"));
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        report += &format!("{trace}\n");
    }
    report
}

fn report(what: impl Display, place: impl Display) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!(
        "error: this is a bug in actor-migrate: {what}
 --> {place}
  |
  = version: {version}, {os} {arch}, SQLite {}
  = note: every actor is whole, since each changes in one transaction
  = help: report it to whom you have actor-migrate from: these lines, what you typed, and what the
          same prints with RUST_BACKTRACE=1
",
        rusqlite::version()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_says_that_it_is_one_and_what_to_do_about_it() {
        let report = report("half a page", "vfs/src/page.rs:7:9");
        let known = report
            .replace(rusqlite::version(), "<sqlite>")
            .replace(env!("CARGO_PKG_VERSION"), "<version>")
            .replace(std::env::consts::OS, "<os>")
            .replace(std::env::consts::ARCH, "<arch>");
        insta::assert_snapshot!(known, @"
        error: this is a bug in actor-migrate: half a page
         --> vfs/src/page.rs:7:9
          |
          = version: <version>, <os> <arch>, SQLite <sqlite>
          = note: every actor is whole, since each changes in one transaction
          = help: report it to whom you have actor-migrate from: these lines, what you typed, and what the
                  same prints with RUST_BACKTRACE=1
        ");
    }

    #[test]
    fn work_that_panics_gives_nothing() {
        assert_eq!(catch(|| 7), Some(7));
        assert_eq!(
            catch(|| -> u8 { panic!("a panic that the test expects") }),
            None
        );
    }
}
