//! Independent pieces of work over threads. Each is done by itself and results stand in the order of the work, so the number of threads
//! changes nothing but the time.

use crate::report::Reporter;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `work(0)`, `work(1)`, … `work(count - 1)`, begun in that order. What takes longer than moments tells how far it is.
pub(in crate::ops) fn in_order<T: Send + Sync>(
    count: usize,
    threads: usize,
    report: &Reporter,
    work: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let progress = report.progress("played", count);
    let results: Vec<OnceLock<T>> = (0..count).map(|_| OnceLock::new()).collect();
    let worker = || {
        while let Some((i, slot)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, results.get(i)?))) {
            // Each place is taken by one thread alone.
            let _ = slot.set(work(i));
            progress.one_more();
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.clamp(1, count.max(1)) {
            scope.spawn(worker);
        }
        worker();
    });
    results.into_iter().filter_map(OnceLock::into_inner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_work() {
        let report = Reporter::new(crate::report::Output::Human);
        let squares: Vec<usize> = (0..1000).map(|i| i * i).collect();
        for threads in [0, 1, 2, 7, 5000] {
            assert_eq!(in_order(1000, threads, &report, |i| i * i), squares, "{threads} threads");
        }
        assert_eq!(in_order(0, 3, &report, |i| i), [0; 0]);
    }
}
