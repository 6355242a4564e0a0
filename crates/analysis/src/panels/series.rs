//! Series by pod, and what an instant or a range of Prometheus would find in them.

use super::Scene;
use crate::ingest::series::pod as pod_of;
use bench_model::tables::{Series, Tables};
use std::collections::BTreeMap;

/// A sample is taken for a pod's state for this many scrape intervals, or until the pod is gone.
const HELD_SCRAPES: f64 = 2.5;
/// The range that WVA takes peaks of, seconds (`max_over_time(…[1m])`).
const PEAK_S: f64 = 60.0;

/// Samples of one pod in order of time, seconds from the load's start.
pub(super) type Samples = Vec<(f64, f64)>;

/// Every pod that anything tells of, in the order of creation; those without a life last, by name.
pub(crate) fn pod_order(tables: &Tables) -> Vec<String> {
    let mut lives: Vec<_> = tables.pods.iter().collect();
    lives.sort_by(|a, b| a.created.total_cmp(&b.created).then_with(|| a.name.cmp(&b.name)));
    let mut out: Vec<String> = lives.into_iter().map(|p| p.name.clone()).collect();
    let is_vllm = |s: &&Series| s.name.starts_with("vllm:");
    let mut others: Vec<&str> = tables.series.iter().filter(is_vllm).filter_map(pod_of).collect();
    others.sort_unstable();
    others.dedup();
    others.retain(|n| !out.iter().any(|p| p == n));
    out.extend(others.into_iter().map(String::from));
    out
}

/// Samples of a metric by pod. Where a pod has several series of the name (finished reasons), those of one scrape are summed.
pub(super) fn by_pod(scene: &Scene<'_>, name: &str) -> BTreeMap<String, Samples> {
    let mut all: BTreeMap<String, Vec<&Series>> = BTreeMap::new();
    for s in scene.tables.series.iter().filter(|s| s.name == name) {
        if let Some(pod) = pod_of(s) {
            all.entry(pod.into()).or_default().push(s);
        }
    }
    all.into_iter()
        .map(|(pod, series)| {
            let mut samples: Samples = series.iter().flat_map(|s| &s.samples).map(|(t, v)| (t - scene.zero, *v)).collect();
            samples.retain(|(t, v)| t.is_finite() && v.is_finite());
            if series.len() > 1 {
                samples.sort_by(|a, b| a.0.total_cmp(&b.0));
                samples.dedup_by(|b, a| {
                    a.0 == b.0 && {
                        a.1 += b.1;
                        true
                    }
                });
            }
            (pod, samples)
        })
        .filter(|(_, s)| !s.is_empty())
        .collect()
}

impl Scene<'_> {
    /// Seconds for which a sample is taken for the pod's state.
    pub(super) fn held_s(&self) -> f64 {
        HELD_SCRAPES * self.scrape_s
    }

    /// The values of the pods that are there, each its last one at or before `t`, if it is not too old.
    pub(super) fn there<'s>(&'s self, all: &'s BTreeMap<String, Samples>, t: f64) -> impl Iterator<Item = f64> + 's {
        let gone = move |pod: &str| self.gone.get(pod).is_some_and(|g| *g <= t);
        all.iter().filter(move |(pod, _)| !gone(pod)).filter_map(move |(_, s)| self.at(s, t))
    }

    /// The last value at or before `t`, if it is not too old.
    pub(super) fn at(&self, samples: &Samples, t: f64) -> Option<f64> {
        let n = samples.partition_point(|s| s.0 <= t);
        samples.get(n.checked_sub(1)?).filter(|s| t - s.0 <= self.held_s()).map(|s| s.1)
    }

    /// Moments a scrape interval apart over which anything was sampled, at most 4000.
    pub(super) fn grid(&self, of: &BTreeMap<String, Samples>) -> Vec<f64> {
        let first = of.values().filter_map(|s| s.first()).map(|s| s.0).min_by(f64::total_cmp);
        let last = of.values().filter_map(|s| s.last()).map(|s| s.0).max_by(f64::total_cmp);
        let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
        let (first, last) = (first.max(self.span.0), last.min(self.span.1));
        let step = self.scrape_s.max((last - first) / 4000.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let n = ((last - first) / step).max(0.0) as usize;
        #[allow(clippy::cast_precision_loss)]
        (0..=n).map(|k| first + step * k as f64).collect()
    }
}

/// The greatest value in the minute before `t`.
pub(super) fn peak(samples: &Samples, t: f64) -> Option<f64> {
    let (from, to) = (samples.partition_point(|s| s.0 < t - PEAK_S), samples.partition_point(|s| s.0 <= t));
    samples.get(from..to)?.iter().map(|s| s.1).max_by(f64::total_cmp)
}

/// Points with a break wherever nothing was sampled for longer than `held` seconds.
pub(super) fn broken(samples: &Samples, held: f64, span: (f64, f64)) -> Vec<(f64, f64)> {
    let mut out: Vec<(f64, f64)> = Vec::with_capacity(samples.len());
    for s in samples.iter().filter(|s| s.0 >= span.0 && s.0 <= span.1) {
        if let Some(before) = out.last().filter(|b| s.0 - b.0 > held) {
            out.push((before.0 + held / 2.0, f64::NAN));
        }
        out.push(*s);
    }
    out
}
