//! The peak-of-minute queries: `max by (pod) (max_over_time(metric[1m]))` over the scraped samples.

use std::collections::BTreeMap;

/// Which samples a range of `length` before `t` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RangeFlavour {
    /// t − length ≤ time ≤ t: Prometheus 2.x.
    #[default]
    Closed,
    /// t − length < time ≤ t: Prometheus 3.x.
    LeftOpen,
}

impl RangeFlavour {
    /// Whether a sample taken at `at` is in the range of `length` that ends at `now`, all in one unit.
    #[must_use]
    pub fn contains(self, at: i64, now: i64, length: i64) -> bool {
        let from = now.saturating_sub(length);
        at <= now
            && match self {
                Self::Closed => at >= from,
                Self::LeftOpen => at > from,
            }
    }
}

/// The window of the controller's queries.
pub const WINDOW_MS: i64 = 60_000;

/// The peak of each pod in the minute before `now_ms`, by pod name; pods without a sample there are absent.
///
/// `samples` are `(pod, taken at in ms, value)` in order of time. A deleted pod's samples stay in the range: it is still in the answer.
/// As in Prometheus a NaN yields to any number.
pub fn peaks<'a>(samples: impl IntoIterator<Item = (&'a str, i64, f64)>, now_ms: i64, flavour: RangeFlavour) -> Vec<(&'a str, f64)> {
    let mut best: BTreeMap<&str, f64> = BTreeMap::new();
    for (pod, at_ms, value) in samples {
        if flavour.contains(at_ms, now_ms, WINDOW_MS) {
            let peak = best.entry(pod).or_insert(value);
            if value > *peak || peak.is_nan() {
                *peak = value;
            }
        }
    }
    best.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_left_edge_belongs_to_one_flavour_only() {
        let samples = [("a", 0, 0.9), ("a", 15_000, 0.2), ("b", 60_000, 0.1), ("c", 60_001, 1.0)];
        assert_eq!(peaks(samples, 60_000, RangeFlavour::Closed), [("a", 0.9), ("b", 0.1)]);
        assert_eq!(peaks(samples, 60_000, RangeFlavour::LeftOpen), [("a", 0.2), ("b", 0.1)]);
    }

    #[test]
    fn a_number_beats_nan() {
        assert_eq!(peaks([("a", 1, f64::NAN), ("a", 2, 0.3), ("a", 3, f64::NAN)], 10, RangeFlavour::Closed), [("a", 0.3)]);
        assert!(peaks([("a", 1, f64::NAN)], i64::MAX, RangeFlavour::Closed).is_empty());
    }
}
