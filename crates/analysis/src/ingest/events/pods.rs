use super::{parse_time, text};
use bench_model::record::{Record, What};
use bench_model::tables::PodLife;
use bench_model::target;
use serde_json::Value;
use std::collections::BTreeMap;

/// Gathers the lives of one Deployment's pods.
pub(super) struct Pods {
    deployment: String,
    lives: BTreeMap<String, Life>,
}

struct Life {
    pod: PodLife,
    /// The API's own mark, used when the watch missed the end.
    marked: Option<f64>,
}

impl Pods {
    pub fn new(deployment: &str) -> Self {
        Self { deployment: deployment.into(), lives: BTreeMap::new() }
    }

    pub fn see(&mut self, t: f64, r: &Record) {
        if !target::owns(&self.deployment, &r.name, &r.object) {
            return;
        }
        let created = r.object.pointer("/metadata/creationTimestamp").and_then(parse_time);
        let life = self.lives.entry(r.name.clone()).or_insert_with(|| Life {
            pod: PodLife { name: r.name.clone(), created: created.unwrap_or(t), scheduled: None, ready: None, deleted: None, restarts: 0 },
            marked: None,
        });
        let pod = &mut life.pod;
        pod.scheduled = earliest(pod.scheduled, condition(&r.object, "PodScheduled"));
        // The first time it was ready: a probe that fails later does not make it young again.
        pod.ready = earliest(pod.ready, condition(&r.object, "Ready"));
        pod.restarts = pod.restarts.max(restarts(&r.object));
        life.marked = r.object.pointer("/metadata/deletionTimestamp").and_then(parse_time).or(life.marked);
        // Its processes have ended, and its GPUs are free, once its phase says so; the object may be there for days.
        if matches!(text(&r.object, "/status/phase").as_str(), "Failed" | "Succeeded") {
            let seen = if r.what == What::Present { ended_before(&r.object, t) } else { t };
            pod.deleted = earliest(pod.deleted, Some(seen));
        }
        if r.what == What::Deleted {
            pod.deleted = earliest(pod.deleted, Some(t));
        }
    }

    /// In order of creation.
    pub fn finish(self) -> Vec<PodLife> {
        let mut pods: Vec<PodLife> = self.lives.into_values().map(|l| PodLife { deleted: l.pod.deleted.or(l.marked), ..l.pod }).collect();
        pods.sort_by(|a, b| a.created.total_cmp(&b.created));
        pods
    }
}

fn earliest(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// When a pod ended that was found so: by its containers, by the last change of a condition, or before it was found.
fn ended_before(pod: &Value, found: f64) -> f64 {
    let list = |p: &str| pod.pointer(p).and_then(Value::as_array).into_iter().flatten();
    let finished = list("/status/containerStatuses").filter_map(|c| c.pointer("/state/terminated/finishedAt").and_then(parse_time));
    let changed = list("/status/conditions").filter_map(|c| c.get("lastTransitionTime").and_then(parse_time));
    let created = pod.pointer("/metadata/creationTimestamp").and_then(parse_time);
    let at = finished.max_by(f64::total_cmp).or_else(|| changed.max_by(f64::total_cmp)).or(created);
    at.unwrap_or(found).min(found)
}

/// Since when a condition is True.
fn condition(pod: &Value, kind: &str) -> Option<f64> {
    let all = pod.pointer("/status/conditions")?.as_array()?;
    let c = all.iter().find(|c| text(c, "/type") == kind && text(c, "/status") == "True")?;
    c.get("lastTransitionTime").and_then(parse_time)
}

fn restarts(pod: &Value) -> u32 {
    let all = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
    let n: u64 = all.into_iter().flatten().filter_map(|c| c.get("restartCount")?.as_u64()).fold(0, u64::saturating_add);
    u32::try_from(n).unwrap_or(u32::MAX)
}
