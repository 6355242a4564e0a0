//! Curves of each pod: KV usage, running, waiting, share of the traffic.

use super::series::{Samples, broken, by_pod};
use super::{Line, Panel, Role, Scene};
use std::collections::BTreeMap;

pub(super) const KV: &str = "vllm:kv_cache_usage_perc";
pub(super) const WAITING: &str = "vllm:num_requests_waiting";
const RUNNING: &str = "vllm:num_requests_running";
const FINISHED: &str = "vllm:request_success_total";

pub(super) fn pods(scene: &Scene<'_>, missing: &mut Vec<String>) -> Vec<Panel> {
    let gauges = [
        ("kv", "KV cache usage per pod", KV, "0..1", "Share of a model server's KV cache in use"),
        ("running", "Running requests per pod", RUNNING, "requests", "Requests that a model server works on"),
        ("waiting", "Waiting requests per pod", WAITING, "requests", "Requests that wait inside a model server"),
    ];
    let mut out = Vec::new();
    for (id, title, metric, unit, about) in gauges {
        let all = by_pod(scene, metric);
        if all.is_empty() {
            missing.push(format!("{title}: there are no samples of {metric}."));
            continue;
        }
        let lines = lines(scene, &all, |s| broken(s, scene.held_s(), scene.span));
        let about = format!("{about}, as scraped ({metric}).");
        out.push(Panel { id, title, about, unit, stacked: false, lines, limits: vec![] });
    }
    match share(scene) {
        Some(p) => out.push(p),
        None => missing.push(format!("Share of the traffic per pod: there are no samples of {FINISHED} or {RUNNING}.")),
    }
    out
}

fn lines(scene: &Scene<'_>, all: &BTreeMap<String, Samples>, points: impl Fn(&Samples) -> Vec<(f64, f64)>) -> Vec<Line> {
    let line = |(n, pod): (usize, &String)| {
        let points = points(all.get(pod)?);
        (!points.is_empty()).then(|| Line { name: pod.clone(), role: Role::Pod(n), steps: false, points })
    };
    scene.pods.iter().enumerate().filter_map(line).collect()
}

/// Each pod's part of the requests finished in a bin, or, without such counters, of those running.
fn share(scene: &Scene<'_>) -> Option<Panel> {
    let counters = by_pod(scene, FINISHED);
    let running = by_pod(scene, RUNNING);
    let by_counter = !counters.is_empty();
    let all = if by_counter { counters } else { running };
    if all.is_empty() {
        return None;
    }
    let every = (4.0 * scene.scrape_s).max((scene.span.1 - scene.span.0) / 200.0);
    let grid = scene.grid(&all);
    let (first, last) = (*grid.first()?, *grid.last()?);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let bins = ((last - first) / every).ceil().clamp(1.0, 400.0) as usize;
    #[allow(clippy::cast_precision_loss)]
    let edge = |i: usize| first + every * i as f64;
    let value = |s: &Samples, i: usize| {
        if by_counter { increase(s, edge(i), edge(i + 1)) } else { scene.at(s, edge(i + 1)).unwrap_or(0.0) }
    };
    let values: BTreeMap<&String, Vec<f64>> = all.iter().map(|(pod, s)| (pod, (0..bins).map(|i| value(s, i)).collect())).collect();
    let total: Vec<f64> = (0..bins).map(|i| values.values().map(|v| v[i]).sum()).collect();
    let part = |v: &[f64]| -> Vec<(f64, f64)> {
        v.iter().zip(&total).enumerate().map(|(i, (v, t))| (edge(i) + every / 2.0, if *t > 0.0 { v / t } else { 0.0 })).collect()
    };
    let line =
        |(n, pod): (usize, &String)| Some(Line { name: pod.clone(), role: Role::Pod(n), steps: false, points: part(values.get(pod)?) });
    let lines: Vec<Line> = scene.pods.iter().enumerate().filter_map(line).filter(|l| l.points.iter().any(|p| p.1 > 0.0)).collect();
    if lines.is_empty() {
        return None;
    }
    let about = if by_counter {
        format!("Each pod's part of all requests finished in {every:.0} s, by the pods' own counters ({FINISHED}).")
    } else {
        format!("Each pod's part of all running requests ({RUNNING}); there are no samples of {FINISHED}.")
    };
    Some(Panel { id: "share", title: "Share of the traffic per pod", about, unit: "0..1", stacked: true, lines, limits: vec![] })
}

/// Increase of a counter over (from, to]: a counter that begins or falls counts from 0.
fn increase(samples: &Samples, from: f64, to: f64) -> f64 {
    let (a, b) = (samples.partition_point(|s| s.0 <= from), samples.partition_point(|s| s.0 <= to));
    let mut last = a.checked_sub(1).and_then(|i| samples.get(i)).map(|s| s.1);
    let mut sum = 0.0;
    for (_, v) in samples.get(a..b).unwrap_or_default() {
        sum += match last {
            Some(l) if *v >= l => v - l,
            Some(_) => *v,
            // The first sample of all may hold a past that is not this load's; with a vLLM that is born under load it is small.
            None => 0.0,
        };
        last = Some(*v);
    }
    sum
}
