//! What the recorded controller saw at a time, put together from the scenario and the record: objects, ConfigMaps, answers.

use std::collections::BTreeMap;

use bench_sim::autoscaler::wva::config::{CapacityConfigMap, Entry, MainConfigMap, Thresholds};
use bench_sim::autoscaler::wva::v042::{Answers, Deployment, ListedPod, Load, QueryError, Variant};
use bench_sim::autoscaler::wva::window::{RangeFlavour, peaks};
use serde::Deserialize;

use super::format::{Data, Reconcile, Scenario};

/// How far back the instant selector looks.
const LOOKBACK_MS: i64 = 300_000;

/// One sample of a series: its time, KV and queue.
type Sample = (i64, Option<f64>, Option<f64>);

pub struct World<'a> {
    pub scenario: &'a Scenario,
    /// By `namespace/pod`, in order of time.
    samples: BTreeMap<&'a str, Vec<Sample>>,
}

impl<'a> World<'a> {
    pub fn new(scenario: &'a Scenario) -> Self {
        let mut samples: BTreeMap<&str, Vec<Sample>> = BTreeMap::new();
        for scrape in &scenario.scrapes {
            for (series, kv, queue) in &scrape.samples {
                samples.entry(series).or_default().push((scrape.t_ms, *kv, *queue));
            }
        }
        Self { scenario, samples }
    }

    pub fn outage(&self, t_ms: i64, kinds: &[&str]) -> bool {
        self.scenario.outages.iter().any(|o| o.from_ms <= t_ms && t_ms < o.to_ms && kinds.contains(&o.kind.as_str()))
    }

    pub fn main_config(&self, t_ms: i64) -> MainConfigMap {
        let mut data = self.scenario.main_config.as_ref();
        for change in self.scenario.changes.iter().filter(|c| c.at_ms <= t_ms) {
            data = if change.remove_main { None } else { change.main_config.as_ref().or(data) };
        }
        match data {
            None => MainConfigMap::Missing,
            Some(data) => MainConfigMap::Found { interval: data.get("GLOBAL_OPT_INTERVAL").cloned() },
        }
    }

    pub fn capacity_config(&self, t_ms: i64) -> CapacityConfigMap {
        let mut data = self.scenario.capacity_config.as_ref();
        for change in self.scenario.changes.iter().filter(|c| c.at_ms <= t_ms) {
            data = if change.remove_capacity { None } else { change.capacity_config.as_ref().or(data) };
        }
        data.map_or(CapacityConfigMap::NotFound, |data| CapacityConfigMap::Found(entries(data)))
    }

    /// The VAs in the order of the list, with their Deployments as recorded.
    pub fn variants(&self, record: &Reconcile) -> Vec<Variant> {
        let deleted = |name: &str| self.scenario.changes.iter().any(|c| c.at_ms <= record.t_ms && c.delete_va.as_deref() == Some(name));
        let mut out = Vec::new();
        for v in self.scenario.variants.iter().filter(|v| !deleted(&v.name)) {
            let seen = record.variants.iter().find(|r| r.name == v.name && r.namespace == v.namespace);
            let deployment = seen.filter(|_| !v.no_deployment).map(|r| Deployment {
                spec_replicas: r.spec_replicas,
                status_replicas: r.status_replicas,
                ready_replicas: r.status_replicas,
                selector: v.name.clone(),
            });
            out.push(Variant {
                name: v.name.clone(),
                namespace: v.namespace.clone(),
                model: v.model.clone(),
                cost: v.cost.clone(),
                accelerator: v.accelerator.clone(),
                deleting: false,
                deployment,
            });
        }
        out.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        if self.scenario.reverse_list {
            out.reverse();
        }
        out
    }

    /// The pods that a list holds at a time: the static ones marked so, and of the others those not deleted by then. The record does
    /// not tell when a pod went; one that is not in the next undisturbed scrape counts as gone, which can be early by one interval.
    pub fn pods(&self, t_ms: i64) -> Vec<ListedPod<'a>> {
        let mut out = Vec::new();
        for series in self.scenario.series.keys() {
            let Some((namespace, name)) = series.split_once('/') else { continue };
            let app = match self.scenario.static_pods.iter().find(|p| p.namespace == namespace && p.pod == name) {
                Some(p) if !p.listed => continue,
                // A pod of nobody carries a label that no variant selects.
                Some(p) if p.variant.is_empty() => name,
                Some(p) => p.variant.as_str(),
                None if self.alive(series, t_ms) => name.rsplit_once('-').map_or(name, |(app, _)| app),
                None => continue,
            };
            out.push(ListedPod { namespace, name, app });
        }
        out
    }

    fn alive(&self, series: &str, t_ms: i64) -> bool {
        if self.scenario.static_pods.iter().any(|p| series == format!("{}/{}", p.namespace, p.pod)) {
            return true;
        }
        let Some(samples) = self.samples.get(series) else { return false };
        if samples.first().is_none_or(|s| s.0 > t_ms) {
            return false;
        }
        if samples.last().is_some_and(|s| s.0 >= t_ms) {
            return true;
        }
        // It has no later sample. Was there a scrape that it should have been in?
        let last = samples.last().map_or(i64::MIN, |s| s.0);
        let period = 15_000;
        (1..).map(|n| last + n * period).take_while(|due| *due <= t_ms).all(|due| self.outage(due, &["scrape", "pod"]))
    }

    /// The peaks of a model's pods in a namespace, from the scrapes: of KV or of the queue.
    pub fn peaks(&self, model: &str, namespace: &str, t_ms: i64, kv: bool) -> Vec<(&str, f64)> {
        let mut flat = Vec::new();
        for (series, samples) in &self.samples {
            if self.scenario.series.get(*series).map(String::as_str) != Some(model) {
                continue;
            }
            let Some(pod) = series.strip_prefix(namespace).and_then(|rest| rest.strip_prefix('/')) else { continue };
            let from = samples.partition_point(|s| s.0 < t_ms - 60_000);
            for (at, k, q) in samples[from..].iter().take_while(|s| s.0 <= t_ms) {
                flat.extend(if kv { *k } else { *q }.map(|value| (pod, *at, value)));
            }
        }
        peaks(flat, t_ms, RangeFlavour::Closed)
    }

    /// Whether the instant query for running requests gives a series.
    fn running(&self, model: &str, namespace: Option<&str>, t_ms: i64) -> bool {
        self.samples.iter().any(|(series, samples)| {
            self.scenario.series.get(*series).map(String::as_str) == Some(model)
                && namespace.is_none_or(|n| series.split_once('/').is_some_and(|(ns, _)| ns == n))
                && samples.iter().any(|s| s.0 > t_ms - LOOKBACK_MS && s.0 <= t_ms && !self.outage(s.0, &["no_running"]))
                && self.alive(series, t_ms)
        })
    }
}

/// The answers at one reconcile: the recorded ones, or those computed from the scrapes.
pub struct Recorded<'a> {
    pub world: &'a World<'a>,
    pub record: &'a Reconcile,
    pub from_scrapes: bool,
}

impl Recorded<'_> {
    fn ask(&self, model: &str, namespace: &str, kv: bool) -> Result<Vec<(&str, f64)>, QueryError> {
        if self.world.outage(self.record.t_ms, &["prom", if kv { "kv_query" } else { "queue_query" }]) {
            return Err(QueryError);
        }
        if self.from_scrapes {
            return Ok(self.world.peaks(model, namespace, self.record.t_ms, kv));
        }
        let found = self.record.models.iter().find(|m| m.model == model && m.namespace == namespace);
        let answer = found.and_then(|m| if kv { m.kv.as_ref() } else { m.queue.as_ref() });
        Ok(answer.into_iter().flatten().map(|(pod, value)| (pod.as_str(), *value)).collect())
    }
}

impl Answers for Recorded<'_> {
    fn kv(&self, model: &str, namespace: &str) -> Result<Vec<(&str, f64)>, QueryError> {
        self.ask(model, namespace, true)
    }
    fn queue(&self, model: &str, namespace: &str) -> Result<Vec<(&str, f64)>, QueryError> {
        self.ask(model, namespace, false)
    }
    fn running(&self, model: &str, namespace: Option<&str>) -> Result<bool, QueryError> {
        if self.world.outage(self.record.t_ms, &["prom", "running_query"]) {
            return Err(QueryError);
        }
        Ok(self.world.running(model, namespace, self.record.t_ms))
    }
    fn load(&self, _: &str, _: &str) -> Result<Load, QueryError> {
        if self.world.outage(self.record.t_ms, &["prom", "rate_query"]) { Err(QueryError) } else { Ok(Load::default()) }
    }
}

/// The texts of `capacity-scaling-config`, parsed as the controller's YAML parser does: unknown fields are ignored, an empty text and a
/// null set nothing.
fn entries(data: &Data) -> BTreeMap<String, Option<Entry>> {
    #[derive(Deserialize, Default)]
    #[serde(default, rename_all = "camelCase")]
    struct Fields {
        #[serde(rename = "model_id")]
        model_id: Option<String>,
        namespace: Option<String>,
        kv_cache_threshold: Option<f64>,
        queue_length_threshold: Option<f64>,
        kv_spare_trigger: Option<f64>,
        queue_spare_trigger: Option<f64>,
    }
    let parse = |text: &String| {
        let fields: Option<Fields> = if text.trim().is_empty() { Some(None) } else { serde_yaml::from_str::<Option<Fields>>(text).ok() }?;
        let f = fields.unwrap_or_default();
        Some(Entry {
            model_id: f.model_id.unwrap_or_default(),
            namespace: f.namespace.unwrap_or_default(),
            thresholds: Thresholds {
                kv_cache: f.kv_cache_threshold.unwrap_or_default(),
                queue_length: f.queue_length_threshold.unwrap_or_default(),
                kv_spare: f.kv_spare_trigger.unwrap_or_default(),
                queue_spare: f.queue_spare_trigger.unwrap_or_default(),
            },
        })
    };
    data.iter().map(|(key, text)| (key.clone(), parse(text))).collect()
}
