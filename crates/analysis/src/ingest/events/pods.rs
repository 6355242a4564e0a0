use super::{parse_time, text};
use bench_model::record::{Record, What};
use bench_model::tables::PodLife;
use serde_json::Value;
use std::collections::BTreeMap;

/// Gathers the lives of one Deployment's pods.
pub(super) struct Pods {
    prefix: String,
    lives: BTreeMap<String, Life>,
}

struct Life {
    pod: PodLife,
    /// The API's own mark, used when the watch missed the end.
    marked: Option<f64>,
}

impl Pods {
    pub fn new(deployment: &str) -> Self {
        Self { prefix: format!("{deployment}-"), lives: BTreeMap::new() }
    }

    pub fn see(&mut self, t: f64, r: &Record) {
        if !r.name.starts_with(&self.prefix) {
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
        if r.what == What::Deleted {
            pod.deleted = Some(t);
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
