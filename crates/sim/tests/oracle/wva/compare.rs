//! The comparison of one reconcile, value by value.

use std::fmt::Debug;

use bench_sim::autoscaler::wva::v042::{ModelOutcome, Reconciled, VariantOutcome};

use super::format::{Model, Reconcile, VariantRecord};
use super::world::World;

/// How many differences are shown.
const SHOWN: usize = 20;

/// What was compared, and what differed.
#[derive(Default)]
pub struct Differences {
    place: String,
    compared: usize,
    differing: usize,
    shown: Vec<String>,
}

impl Differences {
    pub fn at(&mut self, place: &str) {
        place.clone_into(&mut self.place);
    }

    pub fn compared(&self) -> usize {
        self.compared
    }

    pub fn differing(&self) -> usize {
        self.differing
    }

    fn equal<T: PartialEq + Debug>(&mut self, what: &str, expected: &T, got: &T) {
        self.note(expected == got, what, expected, got);
    }

    /// Recorded spares are rounded to 1e-12.
    fn close(&mut self, what: &str, expected: f64, got: f64) {
        self.note((expected - got).abs() <= 1e-12, what, &expected, &got);
    }

    fn note<T: Debug>(&mut self, agrees: bool, what: &str, expected: &T, got: &T) {
        self.compared += 1;
        if !agrees {
            self.differing += 1;
            if self.shown.len() < SHOWN {
                self.shown.push(format!("{}: {what}: expected {expected:?}, got {got:?}", self.place));
            }
        }
    }

    pub fn assert_none(&self) {
        assert!(self.differing == 0, "{} of {} values differ, first:\n{}", self.differing, self.compared, self.shown.join("\n"));
    }
}

/// Compares what the reconcile did. `analysed` is the outcome that has the analysis: `got` itself, except after an error, where the record
/// still shows what an analysis would have given.
pub fn reconcile(record: &Reconcile, got: &Reconciled, analysed: &Reconciled, found: &mut Differences) {
    found.equal("error", &record.error, &got.error.is_some());
    found.equal("requeue_ms", &record.requeue_ms, &(got.requeue_ns.unwrap_or(0) / 1_000_000));
    let names = |m: &Model| (m.model.clone(), m.namespace.clone());
    let mut expected: Vec<_> = record.models.iter().map(names).collect();
    expected.sort();
    found.equal("models", &expected, &analysed.models.iter().map(|m| (m.model.clone(), m.namespace.clone())).collect());
    for m in &record.models {
        if let Some(outcome) = analysed.models.iter().find(|o| o.model == m.model) {
            model(m, outcome, found);
        }
    }
    let names = |v: &VariantRecord| (v.namespace.clone(), v.name.clone());
    let mut expected: Vec<_> = record.variants.iter().map(names).collect();
    let mut listed: Vec<_> = got.variants.iter().map(|v| (v.namespace.clone(), v.name.clone())).collect();
    expected.sort();
    listed.sort();
    found.equal("variants", &expected, &listed);
    for v in &record.variants {
        let of = |r: &Reconciled| r.variants.iter().find(|o| o.name == v.name && o.namespace == v.namespace).cloned();
        if let (Some(outcome), Some(analysed)) = (of(got), of(analysed)) {
            found.equal("reporting", &v.reporting, &analysed.decision.map(|d| d.reporting));
            variant(v, &outcome, found);
        }
    }
}

fn model(m: &Model, got: &ModelOutcome, found: &mut Differences) {
    let t = &got.thresholds;
    let config = (m.config.kv_threshold, m.config.queue_threshold, m.config.kv_spare, m.config.queue_spare);
    found.equal("config", &config, &(t.kv_cache, t.queue_length, t.kv_spare, t.queue_spare));
    found.equal("failed", &m.failed, &got.failed.is_some());
    let mut expected = m.replicas.clone().unwrap_or_default();
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    let replicas: Vec<_> = got.replicas.iter().map(|r| (r.pod.clone(), r.variant.clone(), r.kv, r.queue)).collect();
    found.equal("replicas", &expected, &replicas);
    found.equal("analysis is there", &m.analysis.is_some(), &got.analysis.is_some());
    let (Some(a), Some(g)) = (&m.analysis, &got.analysis) else { return };
    found.equal("total, non_saturated", &(a.total, a.non_saturated), &(g.total, g.non_saturated));
    found.close("spare_kv", a.spare_kv, g.spare_kv);
    found.close("spare_queue", a.spare_queue, g.spare_queue);
    found.equal("scale_up, down_safe", &(a.scale_up, a.down_safe), &(g.scale_up, g.down_safe));
}

fn variant(v: &VariantRecord, got: &VariantOutcome, found: &mut Differences) {
    let name = format!("{}/{}", v.namespace, v.name);
    let what = |field: &str| format!("{name} {field}");
    let decision = got.decision.as_ref();
    found.equal(&what("desired_before"), &v.desired_before, &got.desired_before);
    found.equal(&what("current"), &v.current, &decision.map(|d| d.state.current));
    found.equal(&what("target"), &v.target, &decision.map(|d| d.target));
    found.equal(&what("action"), &v.action.as_deref().unwrap_or(""), &got.action().map_or("", |a| a.as_str()));
    found.equal(&what("published"), &v.published, &got.published);
    found.equal(&what("safety_net"), &v.safety_net, &got.safety_net);
    found.equal(&what("desired_after"), &v.desired_after, &got.status.desired);
    found.equal(&what("alloc_replicas"), &v.alloc_replicas, &got.status.alloc.replicas);
    found.equal(&what("alloc_accelerator"), &v.alloc_accelerator, &got.status.alloc.accelerator);
    found.equal(&what("gauge_desired"), &v.gauge_desired, &got.gauges.map(|g| g.desired));
    found.equal(&what("gauge_current"), &v.gauge_current, &got.gauges.map(|g| g.current));
    found.equal(&what("gauge_ratio"), &v.gauge_ratio, &got.gauges.map(|g| g.ratio));
}

/// The recorded answers against the peaks of the scrapes.
pub fn peaks(world: &World<'_>, record: &Reconcile, found: &mut Differences) {
    for m in record.models.iter().filter(|m| !m.failed) {
        for (what, answer, kv) in [("kv peaks", &m.kv, true), ("queue peaks", &m.queue, false)] {
            let mut expected: Vec<(&str, f64)> = answer.iter().flatten().map(|(pod, value)| (pod.as_str(), *value)).collect();
            expected.sort_by(|a, b| a.0.cmp(b.0));
            found.equal(what, &expected, &world.peaks(&m.model, &m.namespace, record.t_ms, kv));
        }
    }
}
