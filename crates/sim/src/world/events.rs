//! What comes next: a heap, and beside it plain queues for what is planned in the order in which it comes, and a place for each engine.

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
    /// What mostly comes in order by itself, a class each.
    lanes: [VecDeque<Key>; 3],
    engines: Engines,
}

impl Events {
    pub fn push(&mut self, t: Ps, class: Class, number: u32) {
        if t == NEVER {
            return;
        }
        let key = key(t, class, number);
        let lane = match class {
            Class::Delivery => 0,
            Class::Silence => 1,
            Class::Send => 2,
            _ => return self.heap.push(Reverse(key)),
        };
        let lane = &mut self.lanes[lane];
        if lane.back().is_none_or(|last| *last <= key) {
            lane.push_back(key);
        } else {
            self.heap.push(Reverse(key));
        }
    }

    /// When a replica's engine is next to be called, in place of what was said of it before; [`NEVER`]: not at all.
    pub fn plan_engine(&mut self, t: Ps, pod: u32) {
        self.engines.set(pod, t);
    }

    pub fn pop(&mut self) -> Option<(Ps, Class, u32)> {
        enum From {
            Heap,
            Lane(usize),
            Engine(u32),
        }
        let mut first = self.engines.first().map(|(t, pod)| (key(t, Class::Engine, pod), From::Engine(pod)));
        let mut compare = |key: Option<Key>, from: From| {
            if let Some(key) = key.filter(|key| first.as_ref().is_none_or(|(least, _)| key < least)) {
                first = Some((key, from));
            }
        };
        for (i, lane) in self.lanes.iter().enumerate() {
            compare(lane.front().copied(), From::Lane(i));
        }
        compare(self.heap.peek().map(|Reverse(key)| *key), From::Heap);
        let (key, from) = first?;
        match from {
            From::Heap => drop(self.heap.pop()),
            From::Lane(i) => drop(self.lanes[i].pop_front()),
            From::Engine(pod) => self.engines.set(pod, NEVER),
        }
        Some(parts(key))
    }
}

/// The next moment of each replica's engine, in a tournament: an engine's plan changes with every request that it gets, and a heap would
/// keep each former plan until its time comes.
#[derive(Debug, Default)]
struct Engines {
    /// A full binary tree, root at 1: leaves are the pods' moments, every other node the earlier of its two.
    tree: Vec<(Ps, u32)>,
}

impl Engines {
    fn leaves(&self) -> usize {
        self.tree.len() / 2
    }

    fn first(&self) -> Option<(Ps, u32)> {
        self.tree.get(1).copied().filter(|(t, _)| *t < NEVER)
    }

    fn set(&mut self, pod: u32, t: Ps) {
        if pod as usize >= self.leaves() {
            self.grow(pod);
        }
        let mut i = self.leaves() + pod as usize;
        self.tree[i] = (t, pod);
        while i > 1 {
            i /= 2;
            let winner = self.tree[2 * i].min(self.tree[2 * i + 1]);
            if winner == self.tree[i] {
                return;
            }
            self.tree[i] = winner;
        }
    }

    fn grow(&mut self, pod: u32) {
        let before = self.tree.split_off(self.leaves());
        let leaves = (pod as usize + 1).next_power_of_two();
        self.tree = vec![(NEVER, u32::MAX); 2 * leaves];
        for (t, pod) in before.into_iter().filter(|(t, _)| *t < NEVER) {
            self.set(pod, t);
        }
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
            let (t, class, number) = (i64::from(r.below(50)), Class::ALL[1 + r.below(15) as usize], r.below(9));
            all.push((t, class, number));
            events.push(t, class, number);
            late += i64::from(r.below(2));
            all.push((late, Class::Silence, number));
            events.push(late, Class::Silence, number);
        }
        let mut planned = [NEVER; 21];
        for _ in 0..500 {
            let (t, pod) = (if r.unit() < 0.2 { NEVER } else { i64::from(r.below(1_000)) }, r.below(21));
            planned[pod as usize] = t;
            events.plan_engine(t, pod);
        }
        all.extend((0..).zip(planned).filter(|(_, t)| *t < NEVER).map(|(pod, t)| (t, Class::Engine, pod)));
        all.sort_unstable();
        let popped: Vec<_> = std::iter::from_fn(|| events.pop()).collect();
        assert_eq!(popped, all);
        assert!(Class::ALL.windows(2).all(|w| w[0] < w[1]) && Class::ALL.iter().enumerate().all(|(i, c)| *c as usize == i));
        events.push(NEVER, Class::End, 0);
        assert_eq!(events.pop(), None);
    }
}
