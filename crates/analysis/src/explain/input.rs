//! What a run brings to its explanation.

use super::samples::Metric;
use crate::summary::{load_span, recording};
use bench_model::plan::Plan;
use bench_model::run::{RunRecord, Source};
use bench_model::tables::{Decision, Tables};

pub(super) const KV: &str = "vllm:kv_cache_usage_perc";
pub(super) const QUEUE: &str = "vllm:num_requests_waiting";

pub(super) struct Input<'a> {
    pub run: &'a RunRecord,
    pub plan: &'a Plan,
    pub tables: &'a Tables,
    /// The load's start.
    pub zero: f64,
    /// First and last moment that anything tells of.
    pub span: (f64, f64),
    pub kv: Metric,
    pub queue: Metric,
}

/// The load's start, or the first thing known.
pub(super) fn zero(tables: &Tables) -> f64 {
    load_span(tables).map(|(t, _)| t).or(tables.replicas.first().map(|p| p.t)).filter(|t| t.is_finite()).unwrap_or(0.0)
}

impl<'a> Input<'a> {
    /// `None` where nobody recorded replicas: then there is nothing to explain.
    pub fn new(run: &'a RunRecord, plan: &'a Plan, tables: &'a Tables) -> Option<Self> {
        let span = recording(run, tables).filter(|(a, b)| a.is_finite() && b.is_finite() && b > a)?;
        let mut i = Self { run, plan, tables, zero: zero(tables), span, kv: Metric::none(), queue: Metric::none() };
        (i.kv, i.queue) = (i.metric(KV), i.metric(QUEUE));
        Some(i)
    }

    pub fn measured(&self) -> bool {
        self.run.source == Source::Measured
    }

    /// A metric of the model's pods.
    pub fn metric(&self, name: &str) -> Metric {
        let labels = [("namespace", self.run.namespace.as_str()), ("model_name", self.run.model.as_str())];
        Metric::of(self.tables, name, &labels, "pod", f64::from(self.plan.scenario.monitoring.scrape_interval_s))
    }

    pub fn decisions(&self, by: &str) -> Vec<&'a Decision> {
        let mut all: Vec<&Decision> = self.tables.decisions.iter().filter(|d| d.by == by && d.t.is_finite()).collect();
        all.sort_by(|a, b| a.t.total_cmp(&b.t));
        all
    }

    pub fn clock(&self, t: f64) -> String {
        crate::words::clock(t - self.zero)
    }

    /// A pod's name without its Deployment's.
    pub fn short(&self, pod: &str) -> String {
        short(self.run, pod)
    }
}

/// A pod's name without its Deployment's.
pub(super) fn short(run: &RunRecord, pod: &str) -> String {
    let rest = pod.strip_prefix(run.deployment.as_str()).map(|r| r.trim_start_matches('-')).filter(|r| !r.is_empty());
    crate::words::visible(rest.unwrap_or(pod))
}
