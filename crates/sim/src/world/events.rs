//! What comes next: a heap, and beside it a plain queue for what is always planned the same time ahead.

use crate::time::{NEVER, Ps};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// What happens first at the same moment: servers before their clients, clients before what looks at both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Class {
    /// A replica's engine; number: the pod.
    Engine,
    /// The last token reaches the client; number: the request.
    Delivery,
    /// A request may have been silent for too long; number: the request.
    Silence,
    /// Before the rate's end: what is due at that very moment is still sent.
    Send,
    RateEnd,
    RateStart,
    /// A schedule's change; number: its place.
    Planned,
    /// The Deployment's controller carries out `spec.replicas`.
    Actuate,
    PodReady,
    /// A deleted pod's time to finish is over.
    PodGone,
    Scrape,
    /// Number: which of WVA's loops.
    Reconcile,
    ControllerScrape,
    HpaSync,
    /// The replicas have not changed since; number: how many changes there had been.
    Settled,
    End,
}

impl Class {
    const ALL: [Self; 16] = [
        Self::Engine,
        Self::Delivery,
        Self::Silence,
        Self::Send,
        Self::RateEnd,
        Self::RateStart,
        Self::Planned,
        Self::Actuate,
        Self::PodReady,
        Self::PodGone,
        Self::Scrape,
        Self::Reconcile,
        Self::ControllerScrape,
        Self::HpaSync,
        Self::Settled,
        Self::End,
    ];
}

/// Time, class and number in one integer, which compares faster than the three.
type Key = u128;

fn key(t: Ps, class: Class, number: u32) -> Key {
    // Times are not negative.
    u128::from(t.cast_unsigned()) << 40 | u128::from(class as u8) << 32 | u128::from(number)
}

#[allow(clippy::cast_possible_truncation)] // each part is cut to its own bits
fn parts(key: Key) -> (Ps, Class, u32) {
    ((key >> 40) as i64, Class::ALL[(key >> 32) as u8 as usize], key as u32)
}

#[derive(Debug, Default)]
pub(super) struct Events {
    heap: BinaryHeap<Reverse<Key>>,
    /// In order by themselves.
    in_order: VecDeque<Key>,
}

impl Events {
    pub fn push(&mut self, t: Ps, class: Class, number: u32) {
        if t < NEVER {
            self.heap.push(Reverse(key(t, class, number)));
        }
    }

    /// As [`Self::push`], cheaper where `t` is never below that of the one before.
    pub fn push_in_order(&mut self, t: Ps, class: Class, number: u32) {
        let key = key(t, class, number);
        if self.in_order.back().is_none_or(|last| *last <= key) {
            self.in_order.push_back(key);
        } else {
            self.heap.push(Reverse(key));
        }
    }

    pub fn pop(&mut self) -> Option<(Ps, Class, u32)> {
        let queued = self.in_order.front().copied();
        let from_heap = self.heap.peek().is_some_and(|Reverse(k)| queued.is_none_or(|q| *k <= q));
        let key = if from_heap { self.heap.pop().map(|Reverse(k)| k) } else { self.in_order.pop_front() };
        key.map(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn events_come_by_time_class_and_number() {
        let mut r = Stream::new(1, "events", 0);
        let (mut events, mut all) = (Events::default(), Vec::new());
        let mut late = 0;
        for _ in 0..2_000 {
            let (t, class, number) = (i64::from(r.below(50)), Class::ALL[r.below(16) as usize], r.below(9));
            all.push((t, class, number));
            events.push(t, class, number);
            late += i64::from(r.below(2));
            all.push((late, Class::Silence, number));
            events.push_in_order(late, Class::Silence, number);
        }
        all.sort_unstable();
        let popped: Vec<_> = std::iter::from_fn(|| events.pop()).collect();
        assert_eq!(popped, all);
        assert!(Class::ALL.windows(2).all(|w| w[0] < w[1]) && Class::ALL.iter().enumerate().all(|(i, c)| *c as usize == i));
        events.push(NEVER, Class::End, 0);
        assert_eq!(events.pop(), None);
    }
}
