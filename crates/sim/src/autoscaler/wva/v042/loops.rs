//! When reconciles run: every queue key has a timer of its own, and each run does the whole job.

/// The independent loops of one controller: one per VA ever created and one for the main ConfigMap. A deleted VA's loop goes on.
///
/// Runs never overlap; loops due at the same time run one after the other, in the order they were added. So at a start with V variants
/// every interval begins with a burst of V + 1 runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loops {
    /// Next run in ms (`None`: never again) and failures in a row.
    loops: Vec<(Option<i64>, u32)>,
}

impl Loops {
    /// A controller that starts at `now_ms` and finds `variants` VAs: that many loops and one more, all due at once.
    #[must_use]
    pub fn start(now_ms: i64, variants: usize) -> Self {
        Self { loops: vec![(Some(now_ms), 0); variants.saturating_add(1)] }
    }

    /// A VA created at `now_ms` adds a loop of its own phase.
    pub fn add(&mut self, now_ms: i64) {
        self.loops.push((Some(now_ms), 0));
    }

    /// The next run: its time and its loop.
    #[must_use]
    pub fn next(&self) -> Option<(i64, usize)> {
        self.loops.iter().enumerate().filter_map(|(i, (at, _))| at.map(|at| (at, i))).min()
    }

    /// A run of `index` ended at `now_ms`. `requeue_ns` is what the reconcile asked for, `None` an error: then the rate limiter decides
    /// (5 ms doubling to 1000 s). A requeue of zero or less means that the key is not queued again.
    pub fn finished(&mut self, index: usize, now_ms: i64, requeue_ns: Option<i64>) {
        let Some((next, failures)) = self.loops.get_mut(index) else { return };
        match requeue_ns {
            Some(ns) => {
                *failures = 0;
                *next = (ns > 0).then(|| now_ms.saturating_add((ns / 1_000_000).max(1)));
            }
            None => {
                let delay = 5i64.checked_shl(*failures).filter(|d| *failures < 40 && *d < 1_000_000).unwrap_or(1_000_000);
                *failures = failures.saturating_add(1);
                *next = Some(now_ms.saturating_add(delay));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_burst_and_a_later_variant_keeps_its_phase() {
        let mut loops = Loops::start(0, 1);
        loops.add(7_000);
        let mut seen = Vec::new();
        while let Some((at, i)) = loops.next().filter(|(at, _)| *at < 120_000) {
            seen.push((at, i));
            loops.finished(i, at, Some(60_000_000_000));
        }
        assert_eq!(seen, [(0, 0), (0, 1), (7_000, 2), (60_000, 0), (60_000, 1), (67_000, 2)]);
    }

    #[test]
    fn errors_back_off_and_success_forgets_them() {
        let mut loops = Loops::start(0, 0);
        let mut delays = Vec::new();
        for _ in 0..20 {
            let (at, i) = loops.next().expect("a loop is due");
            loops.finished(i, at, None);
            delays.push(loops.next().map_or(0, |(next, _)| next - at));
        }
        assert_eq!(delays[..4], [5, 10, 20, 40]);
        assert_eq!(delays[17..], [655_360, 1_000_000, 1_000_000]);
        loops.finished(0, 0, Some(30_000_000_000));
        assert_eq!(loops.next(), Some((30_000, 0)));
        loops.finished(0, 0, None);
        assert_eq!(loops.next(), Some((5, 0)));
        loops.finished(0, 0, Some(0));
        assert_eq!(loops.next(), None);
        loops.finished(9, i64::MAX, None);
    }
}
