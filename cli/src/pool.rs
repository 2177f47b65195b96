//! The same work on many actors, on a bounded number of threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::interrupt;

/// More than most machines have cores: writers wait for the disk, and those that wait share a flush.
const THREADS: usize = 16;
/// Answers that may wait for the collecting thread.
const WAITING_MAX: usize = 256;

/// Runs `work` on every item and hands each answer to `collect`, in no order, on the calling thread.
///
/// After Ctrl-C no further item is begun. Returns how many were done.
pub(crate) fn each<'a, T: Sync, R: Send>(
    items: &'a [T],
    work: impl Fn(&'a T) -> R + Sync,
    mut collect: impl FnMut(&'a T, R),
) -> usize {
    let next = AtomicUsize::new(0);
    let (sender, answers) = mpsc::sync_channel(WAITING_MAX);
    let mut done = 0;
    thread::scope(|scope| {
        for _ in 0..THREADS.min(items.len()) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                let take = || {
                    items
                        .get(next.fetch_add(1, Ordering::Relaxed))
                        .filter(|_| !interrupt::asked())
                };
                while let Some(item) = take() {
                    // The collector outlives us, so this cannot fail.
                    let _ = sender.send((item, work(item)));
                }
            });
        }
        drop(sender);
        for (item, answer) in answers {
            collect(item, answer);
            done += 1;
        }
    });
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        let items: Vec<usize> = (0..1000).collect();
        let mut seen = Vec::new();
        let done = each(
            &items,
            |item| item * 2,
            |item, twice| seen.push((*item, twice)),
        );
        seen.sort_unstable();
        let expected: Vec<_> = items.iter().map(|item| (*item, item * 2)).collect();
        assert_eq!((done, seen), (1000, expected));
    }
}
