//! When guidellm sends its requests at a constant rate, and how it differs between versions in that. Pure.
//!
//! Read in the sources of guidellm 0.4.0 to 0.8.1 (`scheduler/strategies.py`, `worker.py`, `worker_group.py`,
//! `constraints/request.py`, `utils/messaging.py`, `backends/openai`, `settings.py`), and seen in runs of 0.5.4 and 0.8.1.
//!
//! The moment 0 of a rate is its scheduler's start: 1 s after its workers are ready. Request i, from 1, is due at
//! i/rate ([`due_ps`]). A worker takes the next i as soon as it has a free slot, so indices go to the workers in turn, and one that
//! is full holds nobody up. When all are full the next i waits, and goes off at once when a slot frees, however late.

use super::Line;
use crate::time::PS_PER_S as PS;
use std::collections::VecDeque;

/// Worker processes when nothing else is set (`GUIDELLM__MAX_WORKER_PROCESSES`).
pub const WORKERS: u32 = 10;

/// The moment from which `max_seconds` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The moment 0 of the rate.
    Start,
    /// The start of the first request, 1/rate later.
    FirstRequest,
}

/// What differs between versions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traits {
    pub line: Line,
    pub window: Window,
    /// Requests in flight at most, over all workers (`GUIDELLM__MAX_CONCURRENCY`).
    pub cap: u32,
    /// Requests that each worker takes from the common queue ahead of its schedule: one in its buffer, one in its hand. From 0.7.4
    /// none, so they are sent in the order of the draws.
    pub taken_ahead: u32,
    /// Seconds without a byte, after which a request has failed; None is for ever. Only where the profile sets no timeout.
    pub silence_s: Option<f64>,
    /// Seconds for a connection to be made.
    pub connect_s: f64,
    /// Whether a connection carries further requests. From 0.6 the client stops reading at `[DONE]`, before the body's end, and so
    /// the connection is closed.
    pub keeps_connections: bool,
}

impl Traits {
    /// The traits of a version (major, minor, patch); None as in [`Line::of`].
    pub fn of(version: (u64, u64, u64)) -> Option<Self> {
        let line = Line::of(version)?;
        let old = line == Line::V04;
        Some(Self {
            line,
            window: if version >= (0, 5, 2) { Window::FirstRequest } else { Window::Start },
            cap: if old { 512 } else { 10_240 },
            taken_ahead: if version >= (0, 7, 4) { 0 } else { 2 },
            silence_s: old.then_some(60.0),
            connect_s: if old { 60.0 } else { 5.0 },
            keeps_connections: old,
        })
    }
}

/// Picoseconds from the moment 0 at which request `i` (from 1) is due. Each is computed by itself, so no error adds up: it is off
/// by less than 10^-15 of itself. A rate that is not above 0 makes no request due.
pub fn due_ps(i: u64, rate: f64) -> i64 {
    if rate > 0.0 { (i as f64 / rate * PS as f64).round() as i64 } else { i64::MAX }
}

/// Picoseconds from the moment 0 at which the window of a rate begins and ends.
///
/// guidellm notices the end at an update of any request (from 0.8.0 also on its own every 0.1 s); its workers up to 0.1 s
/// later, and until then they send what is due. Then all in flight are cancelled.
pub fn window_ps(window: Window, rate: f64, max_seconds: u32) -> (i64, i64) {
    let begin = match window {
        Window::Start => 0,
        Window::FirstRequest => due_ps(1, rate),
    };
    (begin, begin.saturating_add(i64::from(max_seconds).saturating_mul(PS)))
}

/// Requests that are due in the window of a rate. One that is due at its very end is sent: the end is noticed by its update.
pub fn requests(window: Window, rate: f64, max_seconds: u32) -> u64 {
    let (_, end) = window_ps(window, rate, max_seconds);
    if end == i64::MAX {
        return 0;
    }
    // The inverse of due_ps to within one, corrected by due_ps itself.
    let guess = (end as f64 / PS as f64 * rate) as u64;
    let from = guess.saturating_sub(2);
    let more = (1..=4).take_while(|n| due_ps(from.saturating_add(*n), rate) <= end).count() as u64;
    from.saturating_add(more)
}

/// Slots of each worker: `cap` over as many workers as are set, at most one a slot; the first ones have the remainder.
pub fn slots(cap: u32, workers: u32) -> Vec<u32> {
    let n = workers.min(cap).max(1);
    (0..n).map(|rank| cap / n + u32::from(rank < cap % n)).collect()
}

/// Which draw (of [`super::lengths::lengths`], from 0) a worker sends next.
///
/// Each worker holds as many draws as it takes ahead, and with each that it sends takes the next one of the common queue. While the
/// workers send in turn, that keeps the order of the draws; the draws of a full worker wait with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    held: Vec<VecDeque<u64>>,
    next: u64,
}

impl Queue {
    /// The queue at the moment 0 of a rate. In reality the workers' first draws fall to them by chance; here in turn, so that an even
    /// flow of requests has the order of the draws from the first one on.
    pub fn new(workers: u32, taken_ahead: u32) -> Self {
        let (n, ahead) = (u64::from(workers), u64::from(taken_ahead));
        Self::with_held((0..n).map(|rank| (0..ahead).map(|k| k * n + rank).collect()).collect())
    }

    /// A queue with these draws held by the workers; all below the largest count as taken.
    pub fn with_held(held: Vec<VecDeque<u64>>) -> Self {
        let next = held.iter().flatten().max().map_or(0, |last| last.saturating_add(1));
        Self { held, next }
    }

    /// The draw that this worker sends now. A worker that is not there takes from the queue itself.
    pub fn send(&mut self, worker: usize) -> u64 {
        let new = self.next;
        self.next = self.next.saturating_add(1);
        match self.held.get_mut(worker) {
            Some(held) => {
                held.push_back(new);
                held.pop_front().unwrap_or(new)
            }
            None => new,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due() {
        assert_eq!((due_ps(1, 5.0), due_ps(6000, 5.0)), (PS / 5, 1200 * PS));
        assert_eq!((due_ps(1, 3.0), due_ps(2, 3.0), due_ps(3600, 3.0)), (333_333_333_333, 666_666_666_667, 1200 * PS));
        // Ten days at 0.1 a second.
        assert_eq!(due_ps(86_400, 0.1), 864_000 * PS);
        for rate in [0.0, -1.0, f64::NAN] {
            assert_eq!((due_ps(1, rate), requests(Window::FirstRequest, rate, 10), requests(Window::Start, rate, 10)), (i64::MAX, 0, 0));
        }
        assert_eq!((due_ps(u64::MAX, f64::MIN_POSITIVE), due_ps(u64::MAX, f64::INFINITY)), (i64::MAX, 0));
    }

    #[test]
    fn windows() {
        assert_eq!(window_ps(Window::Start, 2.0, 15), (0, 15 * PS));
        assert_eq!(window_ps(Window::FirstRequest, 2.0, 15), (PS / 2, 15 * PS + PS / 2));
        assert_eq!((requests(Window::Start, 2.0, 15), requests(Window::FirstRequest, 2.0, 15)), (30, 31));
        for rate in [0.01, 0.3, 1.0 / 3.0, 0.7, 2.0, 3.0, 6.1, 50.0, 1e6] {
            for window in [Window::Start, Window::FirstRequest] {
                let (n, end) = (requests(window, rate, 1200), window_ps(window, rate, 1200).1);
                assert!((n == 0 || due_ps(n, rate) <= end) && due_ps(n + 1, rate) > end, "{rate} {window:?} {n}");
            }
        }
        for rate in [f64::MIN_POSITIVE, f64::MAX, f64::INFINITY] {
            requests(Window::FirstRequest, rate, u32::MAX);
        }
    }

    #[test]
    fn slots_of_workers() {
        assert_eq!(slots(512, 10), [52, 52, 51, 51, 51, 51, 51, 51, 51, 51]);
        assert_eq!(slots(10_240, 10), [1024; 10]);
        assert_eq!((slots(3, 10), slots(7, 0), slots(0, 4)), (vec![1, 1, 1], vec![7], vec![0]));
    }

    #[test]
    fn queue() {
        for ahead in [0, 2] {
            let mut q = Queue::new(3, ahead);
            let sent: Vec<u64> = (0..12).map(|i| q.send(i % 3)).collect();
            assert_eq!(sent, (0..12).collect::<Vec<u64>>());
        }
        // Worker 1 is full for a while, with draws 1 and 4.
        let mut q = Queue::new(3, 2);
        let sent: Vec<u64> = [0, 2, 0, 2, 0, 1, 1, 1].into_iter().map(|w| q.send(w)).collect();
        assert_eq!(sent, [0, 2, 3, 5, 6, 1, 4, 11]);
        assert_eq!((Queue::new(0, 2).send(7), Queue::new(2, 0).send(7)), (0, 0));
    }

    #[test]
    fn versions() {
        let window = |v| Traits::of(v).map(|t| (t.window, t.cap, t.taken_ahead));
        assert_eq!(window((0, 5, 1)), Some((Window::Start, 512, 2)));
        assert_eq!(window((0, 5, 2)), Some((Window::FirstRequest, 512, 2)));
        assert_eq!(window((0, 7, 3)), Some((Window::FirstRequest, 10_240, 2)));
        assert_eq!(window((0, 8, 1)), Some((Window::FirstRequest, 10_240, 0)));
        assert_eq!([window((0, 3, 1)), window((0, 6, 1)), window((0, 7, 0))], [None; 3]);
    }
}
