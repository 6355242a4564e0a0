//! One reconcile from reading the ConfigMaps to publishing, and the state that persists between reconciles.

use std::collections::{BTreeMap, BTreeSet};

use super::analysis::{Analysis, analyze};
use super::attribution::attribute;
use super::outcome::{Allocation, Gauges, ModelOutcome, Reconciled, ReplicaSeen, Status, VariantOutcome};
use super::targets::{State, Target, targets};
use super::view::{Answers, Deployment, Variant, View};
use crate::autoscaler::wva::config::ConfigCache;

type Key = (String, String);

/// The controller: the statuses of its VAs, the gauges of its process, the cached thresholds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Controller {
    statuses: BTreeMap<Key, Status>,
    /// By namespace, name and accelerator. A series lives as long as the process.
    gauges: BTreeMap<(Key, String), Gauges>,
    cache: ConfigCache,
}

fn key(v: &Variant) -> Key {
    (v.namespace.clone(), v.name.clone())
}

/// `strconv.ParseFloat` as far as the CRD's pattern lets texts through; out of range is an error there.
pub(crate) fn parse_cost(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    (value.is_finite() || !text.bytes().any(|b| b.is_ascii_digit())).then_some(value)
}

impl Controller {
    /// A controller that has just become the leader.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The status of a VA.
    #[must_use]
    pub fn status(&self, namespace: &str, name: &str) -> Option<&Status> {
        self.statuses.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// Writes a status from outside: a VA that exists before the controller starts, or a patch by hand.
    pub fn set_status(&mut self, namespace: &str, name: &str, status: Status) {
        self.statuses.insert((namespace.to_owned(), name.to_owned()), status);
    }

    /// A VA was deleted: its status is gone with it, its series stay. (A VA missing from a reconcile's list is forgotten as well.)
    pub fn forget(&mut self, namespace: &str, name: &str) {
        self.statuses.remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// All series of a VA, by accelerator; an HPA sums them.
    pub fn series(&self, namespace: &str, name: &str) -> impl Iterator<Item = (&str, &Gauges)> {
        let key = (namespace.to_owned(), name.to_owned());
        self.gauges.range((key.clone(), String::new())..).take_while(move |((k, _), _)| *k == key).map(|((_, acc), g)| (acc.as_str(), g))
    }

    /// One reconcile at `now_ms`. Every run handles all models, whichever loop it belongs to.
    pub fn reconcile(&mut self, now_ms: i64, view: &View<'_>) -> Reconciled {
        let active: Vec<&Variant> = view.variants.iter().filter(|v| !v.deleting).collect();
        // Statuses are objects of the API: they go with their VA.
        let existing: BTreeSet<Key> = view.variants.iter().map(key).collect();
        self.statuses.retain(|k, _| existing.contains(k));
        let before: Vec<i64> = active.iter().map(|v| self.statuses.get(&key(v)).map_or(0, |s| s.desired)).collect();

        let interval = match view.main_config.interval_ns() {
            Ok(interval) => interval,
            Err(error) => {
                let variants = self.outcomes(&active, &before, &BTreeMap::new(), &BTreeSet::new(), &BTreeSet::new());
                return Reconciled { error: Some(error), requeue_ns: None, models: Vec::new(), variants };
            }
        };
        self.cache.read(view.capacity_config);

        // The last VA of a name wins in the original's lookup, until one of its namesakes has its currentAlloc refreshed.
        let mut by_name: BTreeMap<&str, usize> = active.iter().enumerate().map(|(i, v)| (v.name.as_str(), i)).collect();
        let mut fresh: BTreeMap<usize, Allocation> = BTreeMap::new();
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (i, v) in active.iter().enumerate() {
            groups.entry(v.model.as_str()).or_default().push(i);
        }

        let mut models = Vec::with_capacity(groups.len());
        let mut decisions: Vec<(Target, String)> = Vec::new();
        let mut netted = BTreeSet::new();
        for (model, members) in &groups {
            for &i in members {
                if let Some(alloc) = refresh(active[i], view.answers) {
                    by_name.insert(active[i].name.as_str(), i);
                    fresh.insert(i, alloc);
                }
            }
            let group: Vec<&Variant> = members.iter().map(|&i| active[i]).collect();
            let outcome = self.analyze_model(model, &group, view);
            if let Some(analysis) = &outcome.analysis {
                decisions.extend(self.decide(&group, analysis));
            } else if outcome.failed.is_none() {
                for &i in members {
                    if self.safety_net(active[i]) {
                        netted.insert(i);
                    }
                }
            }
            models.push(outcome);
        }

        let mut published = BTreeSet::new();
        for (target, accelerator) in &decisions {
            let Some(&i) = by_name.get(target.variant.as_str()) else { continue };
            let status = self.statuses.entry(key(active[i])).or_default();
            let alloc = fresh.get(&i).unwrap_or(&status.alloc);
            // The CRD wants an accelerator of two characters at least, in bytes here.
            if alloc.accelerator.is_empty() || accelerator.len() < 2 {
                continue;
            }
            status.alloc = alloc.clone();
            status.desired = target.target;
            status.desired_accelerator.clone_from(accelerator);
            status.last_run_ms = Some(now_ms);
            // A negative number, which only a status patched by hand can bring, is written but not emitted.
            if target.target >= 0 {
                let current = current_replicas(active[i], status);
                self.gauges.insert((key(active[i]), accelerator.clone()), Gauges::new(target.target as i32, current));
            }
            published.insert(i);
        }

        let decisions: BTreeMap<&str, &Target> = decisions.iter().map(|(t, _)| (t.variant.as_str(), t)).collect();
        let variants = self.outcomes(&active, &before, &decisions, &published, &netted);
        Reconciled { error: None, requeue_ns: Some(interval), models, variants }
    }

    /// Collects, attributes and analyses one model.
    fn analyze_model(&self, model: &str, group: &[&Variant], view: &View<'_>) -> ModelOutcome {
        let namespace = group.first().map_or("", |v| v.namespace.as_str());
        let thresholds = self.cache.resolve(model, namespace);
        let mut outcome = ModelOutcome {
            model: model.to_owned(),
            namespace: namespace.to_owned(),
            thresholds,
            failed: None,
            replicas: Vec::new(),
            unmatched: Vec::new(),
            analysis: None,
        };
        let (kv, queue) = match (view.answers.kv(model, namespace), view.answers.queue(model, namespace)) {
            (Ok(kv), Ok(queue)) => (kv, queue),
            (Err(error), _) | (_, Err(error)) => {
                outcome.failed = Some(error);
                return outcome;
            }
        };
        let deployments: BTreeMap<&str, &Deployment> =
            group.iter().filter_map(|v| v.deployment.as_ref().map(|d| (v.name.as_str(), d))).collect();
        let (replicas, unmatched) = attribute(&kv, &queue, view.pods, namespace, &deployments);
        outcome.unmatched = unmatched.into_iter().map(str::to_owned).collect();
        if !replicas.is_empty() {
            outcome.analysis = Some(analyze(&replicas, &thresholds));
        }
        outcome.replicas = replicas
            .iter()
            .map(|r| ReplicaSeen {
                pod: r.pod.to_owned(),
                variant: r.variant.to_owned(),
                kv: r.kv,
                queue: r.queue,
                saturated: r.saturated(&thresholds),
            })
            .collect();
        outcome
    }

    /// The targets of one model, each with the accelerator label it is to be published under.
    fn decide(&self, group: &[&Variant], analysis: &Analysis) -> Vec<(Target, String)> {
        let mut states = BTreeMap::new();
        let mut accelerators = BTreeMap::new();
        // Of equal names the last listed wins, as everywhere.
        for v in group {
            let status = self.statuses.get(&key(v));
            let current = match &v.deployment {
                Some(d) if d.status_replicas == 0 => i64::from(d.spec_replicas),
                Some(d) => i64::from(d.status_replicas),
                None => status.map_or(0, |s| s.alloc.replicas),
            };
            let cost = parse_cost(&v.cost).unwrap_or(10.0);
            states.insert(v.name.as_str(), State { current, desired: status.map_or(0, |s| s.desired), cost });
            if v.deployment.is_some() {
                accelerators.insert(v.name.as_str(), v.accelerator.as_str());
            }
        }
        let accelerator = |t: &Target| accelerators.get(t.variant.as_str()).map_or_else(String::new, |a| (*a).to_owned());
        targets(analysis, &states).into_iter().map(|t| (accelerator(&t), t)).map(|(a, t)| (t, a)).collect()
    }

    /// Without any reporting replica the gauges are set again from what is known; the status is not written.
    fn safety_net(&mut self, v: &Variant) -> bool {
        let none = Status::default();
        let status = self.statuses.get(&key(v)).unwrap_or(&none);
        let current = current_replicas(v, status);
        let desired = if status.desired > 0 { status.desired as i32 } else { current };
        let known = [&status.desired_accelerator, &status.alloc.accelerator, &v.accelerator];
        let Some(accelerator) = known.into_iter().find(|a| !a.is_empty()).cloned() else { return false };
        self.gauges.insert((key(v), accelerator), Gauges::new(desired, current));
        true
    }

    fn outcomes(
        &self,
        active: &[&Variant],
        before: &[i64],
        decisions: &BTreeMap<&str, &Target>,
        published: &BTreeSet<usize>,
        netted: &BTreeSet<usize>,
    ) -> Vec<VariantOutcome> {
        let outcome = |(i, v): (usize, &&Variant)| {
            let status = self.statuses.get(&key(v)).cloned().unwrap_or_default();
            let series = |accelerator: &str| self.gauges.get(&(key(v), accelerator.to_owned())).copied();
            let gauges = series(&v.accelerator).or_else(|| series(&status.desired_accelerator));
            let replicas = v.deployment.as_ref().map_or((0, 0), |d| (d.spec_replicas, d.status_replicas));
            VariantOutcome {
                name: v.name.clone(),
                namespace: v.namespace.clone(),
                spec_replicas: replicas.0,
                status_replicas: replicas.1,
                desired_before: before[i],
                decision: decisions.get(v.name.as_str()).map(|t| (*t).clone()),
                published: published.contains(&i),
                safety_net: netted.contains(&i),
                status,
                gauges,
            }
        };
        active.iter().enumerate().map(outcome).collect()
    }
}

/// Deployment status.replicas, where 0 counts; without a Deployment what currentAlloc says.
fn current_replicas(v: &Variant, status: &Status) -> i32 {
    match &v.deployment {
        Some(d) if d.status_replicas >= 0 => d.status_replicas,
        Some(d) => d.spec_replicas,
        None => status.alloc.replicas as i32,
    }
}

/// A fresh currentAlloc, or `None` where the VA is skipped: no accelerator label, no valid cost, no Deployment, no metrics.
fn refresh(v: &Variant, answers: &dyn Answers) -> Option<Allocation> {
    if v.accelerator.is_empty() {
        return None;
    }
    let cost = parse_cost(&v.cost)?;
    let deployment = v.deployment.as_ref()?;
    let available = answers.running(&v.model, Some(&v.namespace)).ok()? || answers.running(&v.model, None).ok()?;
    if !available {
        return None;
    }
    let load = answers.load(&v.model, &v.namespace).ok()?;
    let replicas = deployment.spec_replicas;
    Some(Allocation { accelerator: v.accelerator.clone(), replicas: i64::from(replicas), cost: f64::from(replicas) * cost, load })
}
