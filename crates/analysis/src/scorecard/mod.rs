//! One run judged as its users and whoever pays for it would count; the definitions stand in `docs/compare.md`.
//!
//! It agrees with `bench_sim::score`, which counts a prediction straight from its records; a test holds them together. Nothing
//! here compares runs: see [`crate::compare`].

mod card;
mod judge;
mod scaling;

pub use judge::{Judged, Mark, judge};

use crate::judgement::Lives;
use crate::summary::{load_span, recording};
use bench_model::run::RunRecord;
use bench_model::scorecard::{Scorecard, Slo};
use bench_model::summary::Verdict;
use bench_model::tables::Tables;

/// By what a run is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    pub slo: Slo,
    /// Seconds from the load's start over which replicas are counted; `None`: until the run had settled. Runs that are compared need the
    /// same: [`crate::judgement::span_s`].
    pub span_s: Option<f64>,
    /// Replicas at which the arm rests without load: [`crate::judgement::rest`].
    pub rest: Option<u32>,
    /// Price of an hour of one GPU.
    pub gpu_hour: Option<f64>,
    pub gpus_per_replica: f64,
}

impl Default for Terms {
    fn default() -> Self {
        Self { slo: Slo::default(), span_s: None, rest: None, gpu_hour: None, gpus_per_replica: 1.0 }
    }
}

/// Seconds from the load's start to the end of the recording; `None` without a load or a record of replicas.
pub fn recorded_s(run: &RunRecord, tables: &Tables) -> Option<f64> {
    let (start, _) = load_span(tables)?;
    let (_, end) = recording(run, tables)?;
    Some((end - start).max(0.0))
}

/// The scorecard of a run. Whatever its records do not tell is null, and told in its notes.
pub fn score(run: &RunRecord, tables: &Tables, verdict: Verdict, terms: &Terms) -> Scorecard {
    let judged = judge::all(tables, &terms.slo);
    let mut notes = Vec::new();
    let rates: Vec<_> = (0..tables.rates.len()).map(|k| card::of_rate(tables, k, &judged, &mut notes)).collect();
    let overall = card::overall(tables, &judged, &rates);

    let lives = Lives::of_tables(run, tables, terms.rest);
    let span_s = terms.span_s.or(lives.as_ref().map(Lives::settled_s)).unwrap_or(0.0).max(0.0);
    let s = scaling::of(tables, span_s, &judged);
    let paid_replica_s = lives.and_then(|l| l.paid_s(span_s));
    if paid_replica_s.is_none() {
        notes.push("there is no record of pods: what was paid is not known".into());
    }
    if s.ready_s.is_none() {
        notes.push("there is no record of replicas: reactions, flaps and ready seconds are not known".into());
    }
    Scorecard {
        run: run.id.clone(),
        arm: run.arm,
        source: run.source,
        verdict,
        slo: terms.slo,
        span_s,
        overall,
        rates,
        paid_replica_s,
        ready_replica_s: s.ready_s,
        gpus_per_replica: terms.gpus_per_replica,
        gpu_cost: terms.gpu_hour.zip(paid_replica_s).map(|(price, paid)| price * terms.gpus_per_replica * paid / 3600.0),
        reactions: s.reactions,
        overshoot: s.overshoot,
        flaps: s.flaps,
        scale_ups: s.scale_ups,
        scale_downs: s.scale_downs,
        max_ready: s.max_ready,
        notes,
    }
}

#[cfg(test)]
mod tests;
