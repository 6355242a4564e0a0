//! The recorded samples as an instant query, a range query or the adapter's rule sees them.

use bench_model::tables::{ReplicaPoint, Tables};
use std::collections::BTreeMap;

/// Of WVA's queries, seconds.
const WINDOW_S: f64 = 60.0;

/// A series that a scrape adds to; at the first scrape that misses it, its value ends (Prometheus' staleness marker).
struct Line {
    samples: Vec<(f64, f64)>,
    interval_s: f64,
}

impl Line {
    fn of(samples: &[(f64, f64)], interval_s: f64) -> Self {
        let mut samples: Vec<_> = samples.iter().copied().filter(|(t, v)| t.is_finite() && !v.is_nan()).collect();
        samples.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut steps: Vec<f64> = samples.windows(2).map(|w| w[1].0 - w[0].0).collect();
        steps.sort_by(f64::total_cmp);
        // The record knows the interval better than the plan, which knows nothing of the controller's.
        let interval_s = steps.get(steps.len() / 2).copied().filter(|s| steps.len() > 2 && *s > 0.0).unwrap_or(interval_s);
        Self { samples, interval_s }
    }

    fn instant(&self, t: f64) -> Option<f64> {
        let n = self.samples.partition_point(|s| s.0 <= t);
        let (at, value) = *self.samples.get(n.checked_sub(1)?)?;
        let goes_on = self.samples.get(n).is_some_and(|next| next.0 - at <= 1.5 * self.interval_s);
        (goes_on || t < at + self.interval_s).then_some(value)
    }

    /// The greatest value of the minute before `t`, its left edge left out as by Prometheus 3.
    fn peak(&self, t: f64) -> Option<f64> {
        let range = self.samples.partition_point(|s| s.0 <= t - WINDOW_S)..self.samples.partition_point(|s| s.0 <= t);
        self.samples.get(range)?.iter().map(|s| s.1).reduce(f64::max)
    }
}

/// All series of one metric, by pod; those without a pod under the empty name.
pub(super) struct Metric(BTreeMap<String, Vec<Line>>);

impl Metric {
    /// Series whose label, where they have it, has the wanted value. `by`: the label that tells them apart.
    pub fn of(tables: &Tables, name: &str, labels: &[(&str, &str)], by: &str, interval_s: f64) -> Self {
        let mut out: BTreeMap<String, Vec<Line>> = BTreeMap::new();
        let fits = |l: &BTreeMap<String, String>| labels.iter().all(|(k, v)| l.get(*k).is_none_or(|w| w == v));
        for s in tables.series.iter().filter(|s| s.name == name && fits(&s.labels)) {
            out.entry(s.labels.get(by).cloned().unwrap_or_default()).or_default().push(Line::of(&s.samples, interval_s));
        }
        Self(out)
    }

    pub fn none() -> Self {
        Self(BTreeMap::new())
    }

    pub fn is_empty(&self) -> bool {
        self.0.values().flatten().all(|l| l.samples.is_empty())
    }

    /// Whoever is there at `t`, with the greatest of its equal series.
    pub fn instant(&self, t: f64) -> Vec<(&str, f64)> {
        self.each(|l| l.instant(t))
    }

    /// The peaks of the last minute; also of pods that have gone since.
    pub fn peaks(&self, t: f64) -> Vec<(&str, f64)> {
        self.each(|l| l.peak(t))
    }

    fn each(&self, value: impl Fn(&Line) -> Option<f64>) -> Vec<(&str, f64)> {
        let greatest = |lines: &[Line]| lines.iter().filter_map(&value).reduce(f64::max);
        self.0.iter().filter_map(|(pod, lines)| Some((pod.as_str(), greatest(lines)?))).collect()
    }
}

/// The recorded point that holds just before `t`; the first one, if none does.
pub(super) fn before(points: &[ReplicaPoint], t: f64) -> Option<&ReplicaPoint> {
    points.get(points.partition_point(|p| p.t < t).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_at_the_scrape_that_misses_it() {
        let l = Line::of(&[(0.0, 1.0), (15.0, 2.0), (30.0, 3.0), (75.0, 4.0)], 15.0);
        assert_eq!(
            [14.9, 15.0, 44.9, 45.0, 74.0, 75.0, 90.0].map(|t| l.instant(t)),
            [Some(1.0), Some(2.0), Some(3.0), None, None, Some(4.0), None]
        );
        assert_eq!(l.instant(-1.0), None);
        assert_eq!([74.0, 75.0, 200.0].map(|t| l.peak(t)), [Some(3.0), Some(4.0), None]);
        assert_eq!(Line::of(&[(0.0, 9.0), (60.0, 1.0)], 15.0).peak(60.0), Some(1.0));
    }
}
