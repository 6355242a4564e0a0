//! The averages that the autoscalers act on. They differ: that is the heart of the comparison.
//!
//! The HPA divides the adapter's sum over all pods by `status.replicas` (External metric, AverageValue target): pods that are
//! starting count in the divisor and bring nothing to the sum. WVA v0.4.2 takes each pod's peak of the last minute, leaves out
//! the saturated ones (KV or queue at or above its threshold), and averages over the rest.

use super::pods::{KV, WAITING};
use super::series::{Samples, by_pod, peak};
use super::{Limit, Line, Panel, Role, Scene};
use bench_model::quantity::quantity;
use bench_sim::autoscaler::wva::Thresholds;
use std::collections::BTreeMap;

pub(super) fn averages(scene: &Scene<'_>, missing: &mut Vec<String>) -> Vec<Panel> {
    let (kv, waiting) = (by_pod(scene, KV), by_pod(scene, WAITING));
    if kv.is_empty() && waiting.is_empty() {
        missing.push(format!("Averages as the autoscalers see them: there are no samples of {KV} and {WAITING}."));
        return Vec::new();
    }
    if scene.tables.replicas.is_empty() {
        missing.push("Averages as the HPA sees them: they need status.replicas, which was not recorded.".into());
    }
    let limits = match scene.plan {
        Some(p) => p.scenario.wva.thresholds.into(),
        None => {
            missing.push(
                "The autoscalers' limits: plan.yaml cannot be read; WVA is drawn with the limits built into it, the HPA without targets."
                    .into(),
            );
            Thresholds::default()
        }
    };
    let seen = Wva::of(scene, &kv, &waiting, &limits);
    let target = |metric: &str| {
        let m = scene.plan?.scenario.hpa.metrics.iter().find(|m| m.name == metric)?;
        Some(Limit { label: format!("HPA target {}", m.average_value), value: quantity(&m.average_value)?, role: Role::Hpa })
    };
    let trigger = |value: f64| Limit { label: format!("WVA adds a replica above {}", crate::words::brief(value)), value, role: Role::Wva };
    let panel = |id, title, unit, metric: &str, all: &BTreeMap<String, Samples>, wva: Vec<(f64, f64)>, at: f64| {
        let hpa = hpa(scene, all);
        let mut lines = Vec::new();
        if !hpa.is_empty() {
            lines.push(Line { name: "as the HPA sees it".into(), role: Role::Hpa, steps: false, points: hpa });
        }
        lines.push(Line { name: "as WVA sees it".into(), role: Role::Wva, steps: false, points: wva });
        let about = format!(
            "HPA: sum of {metric} over all pods ÷ status.replicas. WVA: mean of each pod's peak of the last minute, without the saturated \
             pods; a gap is a moment at which every pod was saturated, which WVA takes for no spare at all."
        );
        Panel { id, title, about, unit, stacked: false, lines, limits: target(metric).into_iter().chain([trigger(at)]).collect() }
    };
    let mut out = Vec::new();
    if !kv.is_empty() {
        let at = limits.kv_cache - limits.kv_spare;
        out.push(panel("average-kv", "Average KV cache usage, as the autoscalers see it", "0..1", KV, &kv, seen.kv, at));
    }
    if !waiting.is_empty() {
        let at = limits.queue_length - limits.queue_spare;
        out.push(panel(
            "average-waiting",
            "Average waiting requests, as the autoscalers see them",
            "requests",
            WAITING,
            &waiting,
            seen.queue,
            at,
        ));
    }
    out.push(Panel {
        id: "saturated",
        title: "Pods that WVA leaves out as saturated",
        about: format!(
            "Pods whose peak of the last minute reached KV usage {} or {} waiting requests; WVA averages over the others only.",
            limits.kv_cache, limits.queue_length
        ),
        unit: "pods",
        stacked: false,
        lines: vec![
            Line { name: "pods that report".into(), role: Role::Current, steps: true, points: seen.reporting },
            Line { name: "saturated".into(), role: Role::Wva, steps: true, points: seen.saturated },
        ],
        limits: vec![],
    });
    out
}

/// Sum over pods ÷ `status.replicas` at each moment of the grid.
fn hpa(scene: &Scene<'_>, all: &BTreeMap<String, Samples>) -> Vec<(f64, f64)> {
    let points = &scene.tables.replicas;
    let current = |t: f64| {
        let n = points.partition_point(|p| p.t - scene.zero <= t);
        n.checked_sub(1).and_then(|i| points.get(i)).map(|p| f64::from(p.current)).filter(|c| *c > 0.0)
    };
    let value = |t: f64| {
        let sum: Option<f64> = scene.there(all, t).fold(None, |sum, v| Some(sum.unwrap_or(0.0) + v));
        Some(sum? / current(t)?)
    };
    if points.is_empty() {
        return Vec::new();
    }
    scene.grid(all).into_iter().map(|t| (t, value(t).unwrap_or(f64::NAN))).collect()
}

#[derive(Default)]
struct Wva {
    kv: Vec<(f64, f64)>,
    queue: Vec<(f64, f64)>,
    saturated: Vec<(f64, f64)>,
    reporting: Vec<(f64, f64)>,
}

impl Wva {
    fn of(scene: &Scene<'_>, kv: &BTreeMap<String, Samples>, queue: &BTreeMap<String, Samples>, limits: &Thresholds) -> Self {
        let none = Samples::new();
        let mut out = Self::default();
        for t in scene.grid(if kv.is_empty() { queue } else { kv }) {
            let (mut sum_kv, mut sum_queue, mut others, mut saturated) = (0.0, 0.0, 0.0, 0.0);
            for pod in &scene.pods {
                let of = |all: &BTreeMap<String, Samples>| peak(all.get(pod).unwrap_or(&none), t);
                let (k, q) = (of(kv), of(queue));
                if k.is_none() && q.is_none() {
                    continue;
                }
                // What does not report counts as 0, and a queue is an integer to WVA.
                let (k, q) = (k.unwrap_or(0.0), q.unwrap_or(0.0).trunc());
                if k >= limits.kv_cache || q >= limits.queue_length {
                    saturated += 1.0;
                } else {
                    (sum_kv, sum_queue, others) = (sum_kv + k, sum_queue + q, others + 1.0);
                }
            }
            // 0/0 is NaN: a break.
            out.kv.push((t, sum_kv / others));
            out.queue.push((t, sum_queue / others));
            out.saturated.push((t, saturated));
            out.reporting.push((t, saturated + others));
        }
        out
    }
}
