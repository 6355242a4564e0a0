//! A schedule as leases: each replica above the least number is held from one moment to another. Shortening one is a step of the search.

use crate::input::Change;
use crate::time::Ps;

/// Above the least number of replicas. Times from the load's start; from 0 or earlier: part of the first fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lease {
    pub from: Ps,
    pub to: Ps,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leases {
    pub least: u32,
    /// Ascending.
    pub all: Vec<Lease>,
}

/// One step: `count` of the leases that equal `lease` become `parts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub lease: Lease,
    pub count: usize,
    pub parts: [Option<Lease>; 2],
}

impl Leases {
    /// From the number of replicas in each rate; `up` is how long before a rate its additional pods are asked for.
    pub fn of_levels(least: u32, levels: &[u32], rates: &[(Ps, Ps)], up: Ps) -> Self {
        let most = levels.iter().copied().max().unwrap_or(least);
        let mut all = Vec::new();
        for layer in least..most {
            let mut open: Option<Lease> = None;
            for (level, (start, end)) in levels.iter().zip(rates) {
                if *level > layer {
                    open = Some(Lease { from: open.map_or((start - up).max(0), |l| l.from), to: *end });
                } else {
                    all.extend(open.take());
                }
            }
            all.extend(open);
        }
        all.sort_unstable();
        Self { least, all }
    }

    /// First fleet, and every later change.
    pub fn schedule(&self) -> (u32, Vec<Change>) {
        let mut steps: Vec<(Ps, i64)> = self.all.iter().flat_map(|l| [(l.from.max(0), 1), (l.to, -1)]).collect();
        steps.sort_unstable();
        let mut replicas = i64::from(self.least);
        let mut changes: Vec<Change> = Vec::new();
        let mut first = self.least;
        let number = |n: i64| u32::try_from(n).unwrap_or(self.least);
        for group in steps.chunk_by(|a, b| a.0 == b.0) {
            let change: i64 = group.iter().map(|(_, by)| by).sum();
            replicas += change;
            if group[0].0 <= 0 {
                first = number(replicas);
            } else if change != 0 {
                changes.push(Change { at: group[0].0, replicas: number(replicas) });
            }
        }
        (first, changes)
    }

    pub fn total(&self) -> Ps {
        self.all.iter().map(|l| l.to - l.from.max(0)).sum()
    }

    /// Each lease shortened by `by` from either side, or left out there: `hole` of it in the middle. Of many equal ones half are, or one.
    pub fn steps(&self, by: Ps, hole: bool) -> Vec<Step> {
        let part = |from: Ps, to: Ps| (to > from).then_some(Lease { from, to });
        let mut out = Vec::new();
        for group in self.all.chunk_by(|a, b| a == b) {
            let l = group[0];
            let mut cuts = vec![[part(l.from + by, l.to), None], [part(l.from, l.to - by), None]];
            if by >= l.to - l.from {
                cuts.truncate(1);
            } else if hole {
                let mut at = l.from + by;
                while at + 2 * by <= l.to {
                    cuts.push([part(l.from, at), part(at + by, l.to)]);
                    at += by;
                }
            }
            for parts in cuts {
                let half = group.len() / 2;
                out.extend((half > 1).then_some(Step { lease: l, count: half, parts }));
                out.push(Step { lease: l, count: 1, parts });
            }
        }
        out
    }

    /// The leases after a step; `None` when it is about leases that are not there any more.
    pub fn after(&self, s: &Step) -> Option<Self> {
        let mut left = s.count;
        let mut all: Vec<Lease> = Vec::with_capacity(self.all.len() + s.count);
        for l in &self.all {
            if left > 0 && *l == s.lease {
                left -= 1;
                all.extend(s.parts.iter().flatten());
            } else {
                all.push(*l);
            }
        }
        all.sort_unstable();
        (left == 0).then_some(Self { least: self.least, all })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(from: Ps, to: Ps) -> Lease {
        Lease { from, to }
    }

    #[test]
    fn levels_become_leases_and_leases_a_schedule() {
        let rates = [(0, 100), (110, 200), (210, 300)];
        let l = Leases::of_levels(1, &[2, 1, 3], &rates, 20);
        assert_eq!(l.all, [lease(0, 100), lease(190, 300), lease(190, 300)]);
        let change = |at, replicas| Change { at, replicas };
        assert_eq!(l.schedule(), (2, vec![change(100, 1), change(190, 3), change(300, 1)]));
        assert_eq!(l.total(), 320);
        // Ends and begins at the same moment: no change at all.
        let same = Leases { least: 1, all: vec![lease(0, 50), lease(50, 90)] };
        assert_eq!(same.schedule(), (2, vec![change(90, 1)]));
        assert_eq!(Leases::of_levels(2, &[2, 2, 2], &rates, 20).schedule(), (2, vec![]));
    }

    #[test]
    fn steps_shorten_and_never_lengthen() {
        let l = Leases { least: 1, all: vec![lease(0, 100), lease(0, 100), lease(0, 100), lease(0, 100), lease(40, 60)] };
        for by in [7, 20, 30, 100, 500] {
            for s in l.steps(by, true) {
                let after = l.after(&s).unwrap();
                assert!(after.total() < l.total(), "{s:?}");
                assert!(after.all.iter().all(|a| a.from < a.to));
                assert!(after.all.is_sorted());
            }
        }
        let gone = Step { lease: lease(1, 2), count: 1, parts: [None, None] };
        assert_eq!(l.after(&gone), None);
        let too_many = Step { lease: lease(40, 60), count: 2, parts: [None, None] };
        assert_eq!(l.after(&too_many), None);
        // Four equal ones: half of them or one; the short one: one.
        assert_eq!(l.steps(100, true).len(), 3);
    }
}
