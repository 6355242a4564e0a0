//! The polling engine of v0.5.x with the default analysis: one run for all models, and the state between runs.

use std::collections::{BTreeMap, BTreeSet};

use super::State;
use super::enforcer::{ScaleToZero, enforce};
use super::v1::{Target, analyze, targets};
use crate::autoscaler::wva::config::Thresholds;
use crate::autoscaler::wva::v042::{Analysis, Gauges, ListedPod, QueryError, Replica, Variant, go_int, parse_cost};

/// The answers of Prometheus at the time of a run.
pub trait Answers {
    /// Peak KV usage (0..1) of the last minute per pod name.
    fn kv(&self, model: &str, namespace: &str) -> Result<Vec<(&str, f64)>, QueryError>;
    /// Peak waiting requests of the last minute per pod name.
    fn queue(&self, model: &str, namespace: &str) -> Result<Vec<(&str, f64)>, QueryError>;
    /// sum(increase(`vllm:request_success_total`)) over the last `retention_ms`.
    fn requests(&self, model: &str, namespace: &str, retention_ms: i64) -> Result<f64, QueryError>;
}

/// Everything one run sees.
pub struct View<'a> {
    /// The `default` entry of the saturation ConfigMap; overrides per model are not applied any more. `None`: the models are skipped.
    pub thresholds: Option<Thresholds>,
    pub scale_to_zero: ScaleToZero,
    /// `deployment` is the scale target, whatever its name.
    pub variants: &'a [Variant],
    /// `app` names the owner by way of the ReplicaSet; it is matched with the selector of the scale target.
    pub pods: &'a [ListedPod<'a>],
    pub answers: &'a dyn Answers,
}

/// What a run made of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelOutcome {
    pub model: String,
    pub namespace: String,
    /// A query failed: the gauges are set by the safety net.
    pub failed: Option<QueryError>,
    /// Pods with metrics that no listed owner claims: deleted ones, above all. They do not count.
    pub unmatched: Vec<String>,
    /// `None` without a reporting replica or after a failure.
    pub analysis: Option<Analysis>,
    /// The enforcer changed the targets.
    pub enforced: bool,
}

/// What a run made of a VA.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantOutcome {
    pub name: String,
    pub namespace: String,
    pub desired_before: i64,
    /// With the enforcer's target in it.
    pub decision: Option<Target>,
    /// The status was written: with the decision, or without one with what it already was.
    pub published: bool,
    pub desired_after: i64,
    pub gauges: Option<Gauges>,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimized {
    /// By model and namespace.
    pub models: Vec<ModelOutcome>,
    /// The VAs that are not being deleted, in the order of the list.
    pub variants: Vec<VariantOutcome>,
}

type Key = (String, String);

/// The engine: desired numbers with their accelerators, and the gauges, by namespace and name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Engine {
    statuses: BTreeMap<Key, (i64, String)>,
    gauges: BTreeMap<Key, Gauges>,
}

fn key(v: &Variant) -> Key {
    (v.namespace.clone(), v.name.clone())
}

fn current_replicas(v: &Variant) -> i32 {
    v.deployment.as_ref().map_or(0, |d| d.status_replicas.max(0))
}

impl Engine {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number last published for a VA; 0: none yet.
    #[must_use]
    pub fn desired(&self, namespace: &str, name: &str) -> i64 {
        self.statuses.get(&(namespace.to_owned(), name.to_owned())).map_or(0, |s| s.0)
    }

    /// The gauges of a VA; `None`: never emitted.
    #[must_use]
    pub fn gauges(&self, namespace: &str, name: &str) -> Option<Gauges> {
        self.gauges.get(&(namespace.to_owned(), name.to_owned())).copied()
    }

    /// Writes a status from outside.
    pub fn set_status(&mut self, namespace: &str, name: &str, desired: i64, accelerator: &str) {
        self.statuses.insert((namespace.to_owned(), name.to_owned()), (desired, accelerator.to_owned()));
    }

    /// One run.
    pub fn optimize(&mut self, view: &View<'_>) -> Optimized {
        let existing: BTreeSet<Key> = view.variants.iter().map(key).collect();
        self.statuses.retain(|k, _| existing.contains(k));
        let active: Vec<&Variant> = view.variants.iter().filter(|v| !v.deleting).collect();
        let before: Vec<i64> = active.iter().map(|v| self.desired(&v.namespace, &v.name)).collect();
        let mut groups: BTreeMap<(&str, &str), Vec<&Variant>> = BTreeMap::new();
        for v in &active {
            groups.entry((v.model.as_str(), v.namespace.as_str())).or_default().push(v);
        }

        let mut models = Vec::new();
        let mut decisions: BTreeMap<Key, Target> = BTreeMap::new();
        if let Some(thresholds) = &view.thresholds {
            for ((model, namespace), group) in &groups {
                let (outcome, targets) = self.model(model, namespace, group, thresholds, view);
                decisions.extend(targets.into_iter().map(|t| (((*namespace).to_owned(), t.variant.clone()), t)));
                models.push(outcome);
            }
        }

        let mut variants = Vec::with_capacity(active.len());
        for (v, desired_before) in active.into_iter().zip(before) {
            let decision = decisions.remove(&key(v));
            let published = self.publish(v, decision.as_ref());
            variants.push(VariantOutcome {
                name: v.name.clone(),
                namespace: v.namespace.clone(),
                desired_before,
                decision,
                published,
                desired_after: self.desired(&v.namespace, &v.name),
                gauges: self.gauges.get(&key(v)).copied(),
            });
        }
        Optimized { models, variants }
    }

    fn model(&mut self, model: &str, ns: &str, group: &[&Variant], t: &Thresholds, view: &View<'_>) -> (ModelOutcome, Vec<Target>) {
        let mut outcome = ModelOutcome {
            model: model.to_owned(),
            namespace: ns.to_owned(),
            failed: None,
            unmatched: Vec::new(),
            analysis: None,
            enforced: false,
        };
        let (kv, queue) = match (view.answers.kv(model, ns), view.answers.queue(model, ns)) {
            (Ok(kv), Ok(queue)) => (kv, queue),
            (Err(error), _) | (_, Err(error)) => {
                outcome.failed = Some(error);
                group.iter().for_each(|v| self.safety_net(v));
                return (outcome, Vec::new());
            }
        };
        let (replicas, unmatched) = attribute(&kv, &queue, view.pods, ns, group);
        outcome.unmatched = unmatched;
        if replicas.is_empty() {
            return (outcome, Vec::new());
        }
        let analysis = analyze(&replicas, t);
        let states: BTreeMap<&str, State> = group.iter().filter_map(|v| Some((v.name.as_str(), self.state(v)?))).collect();
        let mut decided = targets(&analysis, &states);
        let requests = if view.scale_to_zero.enabled { view.answers.requests(model, ns, view.scale_to_zero.retention_ms) } else { Ok(0.0) };
        let mut numbers: Vec<(&str, f64, &mut i64)> =
            decided.iter_mut().map(|d| (d.variant.as_str(), d.state.cost, &mut d.target)).collect();
        outcome.enforced = enforce(view.scale_to_zero, requests, &mut numbers);
        for d in &mut decided {
            d.action = crate::autoscaler::wva::v042::Action::of(d.target, d.state.current);
        }
        outcome.analysis = Some(analysis);
        (outcome, decided)
    }

    fn state(&self, v: &Variant) -> Option<State> {
        let d = v.deployment.as_ref()?;
        let current = i64::from(if d.status_replicas == 0 { d.spec_replicas } else { d.status_replicas });
        let pending = (current - i64::from(d.ready_replicas)).max(0);
        let cost = parse_cost(&v.cost).unwrap_or(10.0);
        Some(State { current, desired: self.desired(&v.namespace, &v.name), pending, cost })
    }

    /// Every VA is written and emitted in every run: with its decision, or again with what it had. One that has neither is left.
    fn publish(&mut self, v: &Variant, decision: Option<&Target>) -> bool {
        let (desired, accelerator) = match decision {
            Some(d) => (d.target, v.accelerator.clone()),
            None => self.statuses.get(&key(v)).cloned().unwrap_or_default(),
        };
        if accelerator.is_empty() {
            return false;
        }
        if desired >= 0 {
            self.gauges.insert(key(v), Gauges::new(desired as i32, current_replicas(v)));
        }
        // The CRD refuses a shorter one; the gauge is set all the same.
        let written = accelerator.len() >= 2;
        if written {
            self.statuses.insert(key(v), (desired, accelerator));
        }
        written
    }

    fn safety_net(&mut self, v: &Variant) {
        let status = self.statuses.get(&key(v));
        if status.is_none_or(|s| s.1.is_empty()) && v.accelerator.is_empty() {
            return;
        }
        let current = current_replicas(v);
        let desired = status.map(|s| s.0).filter(|d| *d > 0).map_or(current, |d| d as i32);
        self.gauges.insert(key(v), Gauges::new(desired, current));
    }
}

/// Replicas by pod name; only pods that are listed and owned by a scale target of the group count.
fn attribute<'a>(
    kv: &[(&'a str, f64)],
    queue: &[(&'a str, f64)],
    pods: &[ListedPod<'_>],
    namespace: &str,
    group: &[&'a Variant],
) -> (Vec<Replica<'a>>, Vec<String>) {
    let mut merged: BTreeMap<&'a str, (f64, i64)> = BTreeMap::new();
    for (pod, value) in kv.iter().filter(|(pod, _)| !pod.is_empty()) {
        merged.entry(pod).or_default().0 = *value;
    }
    for (pod, value) in queue.iter().filter(|(pod, _)| !pod.is_empty()) {
        merged.entry(pod).or_default().1 = go_int(*value);
    }
    let owners: BTreeMap<&str, &'a str> =
        group.iter().filter_map(|v| Some((v.deployment.as_ref()?.selector.as_str(), v.name.as_str()))).collect();
    let listed: BTreeMap<&str, &str> = pods.iter().filter(|p| p.namespace == namespace).map(|p| (p.name, p.app)).collect();
    let (mut replicas, mut unmatched) = (Vec::with_capacity(merged.len()), Vec::new());
    for (pod, (kv, queue)) in merged {
        match listed.get(pod).and_then(|app| owners.get(app)) {
            Some(variant) => replicas.push(Replica { pod, variant, kv, queue }),
            None => unmatched.push(pod.to_owned()),
        }
    }
    (replicas, unmatched)
}

/// When runs happen: the first at the start, the next 30 s after the end of a successful one (the configured interval is not used);
/// after an error again in 100 ms, doubling to 4 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    pub next_ms: i64,
    retry_ms: i64,
}

impl Polling {
    /// Between the end of a successful run and the next one.
    pub const PERIOD_MS: i64 = 30_000;
    const RETRY_MS: i64 = 100;

    #[must_use]
    pub fn start(now_ms: i64) -> Self {
        Self { next_ms: now_ms, retry_ms: Self::RETRY_MS }
    }

    /// A run ended at `now_ms`.
    pub fn finished(&mut self, now_ms: i64, ok: bool) {
        if ok {
            *self = Self::start(now_ms.saturating_add(Self::PERIOD_MS));
        } else {
            self.next_ms = now_ms.saturating_add(self.retry_ms);
            self.retry_ms = (self.retry_ms * 2).min(4_000);
        }
    }
}
