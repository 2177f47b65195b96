//! Ctrl-C: the first asks to stop between two actors, the second stops at once.

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Listens for SIGINT, SIGTERM and SIGHUP.
///
/// Stopping at once loses nothing either: an actor changes in one transaction.
pub(crate) fn install() {
    let listening = ctrlc::try_set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
    if listening.is_err() {
        // Someone else listens, so Ctrl-C ends us as it would any program: safe, only less polite.
        ASKED.store(false, Ordering::SeqCst);
    }
}

/// Whether somebody asked us to stop.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
