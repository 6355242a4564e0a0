//! `results.observability` and `component_health`: pods and replicas while a rate ran.

use super::{stack, statistics};
use crate::Calendar;
use crate::report::Material;
use bench_model::tables::{PodLife, RateWindow, ReplicaPoint, Series};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Metric, its name among the aggregates, its name over time, its units.
const METRICS: [(&str, Option<&str>, &str, &str); 6] = [
    ("vllm:kv_cache_usage_perc", Some("kv_cache_usage"), "kv_cache_usage", "fraction"),
    ("vllm:num_requests_running", Some("running_requests"), "num_requests_running", "count"),
    ("vllm:num_requests_waiting", Some("waiting_requests"), "num_requests_waiting", "count"),
    ("vllm:num_preemptions_total", None, "num_preemptions", "count"),
    ("vllm:prompt_tokens_total", None, "prompt_tokens", "count"),
    ("vllm:generation_tokens_total", None, "generation_tokens", "count"),
];

pub(super) fn all(m: &Material<'_>, calendar: Calendar, w: &RateWindow) -> Value {
    json!({
        "components": components(m, calendar, w),
        "pod_startup_times": startups(m, calendar, w),
        "replica_status": replicas(m, calendar, w),
    })
}

fn components(m: &Material<'_>, calendar: Calendar, w: &RateWindow) -> Vec<Value> {
    // A series that is not alone under its name in its pod (a model's, an engine's) cannot be told apart here: the first stands.
    let mut pods: BTreeMap<&str, BTreeMap<&str, &Series>> = BTreeMap::new();
    for s in &m.tables.series {
        if let (Some(pod), true) = (s.labels.get("pod"), METRICS.iter().any(|x| x.0 == s.name)) {
            pods.entry(pod).or_default().entry(&s.name).or_insert(s);
        }
    }
    let component = |(pod, series): (&str, BTreeMap<&str, &Series>)| {
        let (mut aggregate, mut over_time) = (Map::new(), Map::new());
        for (name, total, timed, units) in METRICS {
            let samples: Vec<(f64, f64)> = (series.get(name).into_iter().flat_map(|s| &s.samples).copied())
                .filter(|(t, v)| *t >= w.start && *t <= w.end && v.is_finite())
                .collect();
            if samples.is_empty() {
                continue;
            }
            if let Some(total) = total {
                aggregate.insert(total.into(), statistics(units, samples.iter().map(|s| s.1)));
            }
            let points: Vec<Value> = samples.iter().map(|(t, v)| json!({"ts": calendar.rfc3339(*t), "value": v})).collect();
            over_time.insert(timed.into(), json!({"units": units, "series": points}));
        }
        (!over_time.is_empty()).then(|| {
            json!({"component_label": stack::ENGINE, "replica_id": pod, "aggregate": aggregate, "time_series": over_time,
                   "raw_data_path": bench_model::run::files::METRICS})
        })
    };
    pods.into_iter().filter_map(component).collect()
}

/// Those that were there at some time of the rate.
fn pods<'a>(m: &'a Material<'_>, w: &'a RateWindow) -> impl Iterator<Item = &'a PodLife> {
    m.tables.pods.iter().filter(|p| p.created <= w.end && p.deleted.is_none_or(|d| d >= w.start))
}

fn startups(m: &Material<'_>, calendar: Calendar, w: &RateWindow) -> Value {
    let took = |p: &PodLife| p.ready.map(|r| r - p.created).filter(|s| *s >= 0.0);
    let all: Vec<Value> = pods(m, w)
        .map(|p| {
            json!({"name": p.name, "model": m.run.model, "role": "decode", "creation_timestamp": calendar.rfc3339(p.created),
                   "ready_timestamp": p.ready.map(|t| calendar.rfc3339(t)), "startup_seconds": took(p)})
        })
        .collect();
    if all.is_empty() {
        return Value::Null;
    }
    json!({"collected_at": calendar.rfc3339(w.end), "pods": all, "aggregate": statistics("s", pods(m, w).filter_map(took))})
}

/// A snapshot at the rate's begin and at each change. `available` is `ready`: the Deployment has no `minReadySeconds`.
fn replicas(m: &Material<'_>, calendar: Calendar, w: &RateWindow) -> Value {
    let points = &m.tables.replicas;
    let before = points.iter().rfind(|p| p.t <= w.start);
    let within: Vec<(f64, &ReplicaPoint)> = (before.map(|p| (w.start, p)).into_iter())
        .chain(points.iter().filter(|p| p.t > w.start && p.t <= w.end).map(|p| (p.t, p)))
        .collect();
    let Some((_, last)) = within.last() else { return Value::Null };
    let controllers = |p: &ReplicaPoint| {
        json!([{"kind": "Deployment", "name": m.run.deployment, "model": m.run.model, "role": "decode",
                "desired_replicas": p.desired, "available_replicas": p.ready, "ready_replicas": p.ready}])
    };
    let snapshot = |(t, p): &(f64, &ReplicaPoint)| json!({"timestamp": calendar.rfc3339(*t), "namespace": m.run.namespace, "controllers": controllers(p)});
    let until = within.iter().skip(1).map(|x| x.0).chain([w.end]);
    let (area, seconds) = within.iter().zip(until).fold((0.0, 0.0), |(a, s), ((t, p), u)| (a + f64::from(p.ready) * (u - t), s + (u - t)));
    let ready = || within.iter().map(|x| x.1.ready);
    json!({
        "namespace": m.run.namespace,
        "timestamp": calendar.rfc3339(w.end),
        "controllers": controllers(last),
        "time_series": within.iter().map(snapshot).collect::<Vec<_>>(),
        "aggregate_ready_replicas": if seconds > 0.0 {
            json!({"units": "count", "mean": area / seconds, "min": ready().min(), "max": ready().max()})
        } else {
            Value::Null
        },
    })
}

/// Restarts over each pod's life.
pub(super) fn health(m: &Material<'_>, w: &RateWindow) -> Value {
    let each: Vec<Value> = pods(m, w).map(|p| json!({"replica_id": p.name, "restarts": p.restarts})).collect();
    if each.is_empty() {
        return Value::Null;
    }
    let restarted = pods(m, w).filter(|p| p.restarts > 0).count();
    let total: u64 = pods(m, w).map(|p| u64::from(p.restarts)).sum();
    json!([{"component_label": stack::ENGINE, "total_restarts": total, "failed_replicas": restarted, "replica_health": each}])
}
