//! A run as curves over one time axis: what every picture of it is drawn from, on a page, in Grafana or as text.
//!
//! Pure: from the tables, the run's record and, for limits, its plan. Time is in seconds from the load's start. A curve that cannot
//! be had is a sentence in [`Panels::missing`], not a hole.

mod averages;
mod describe;
mod load;
mod pods;
mod replicas;
mod series;

use crate::summary::{load_span, recording};
use bench_model::plan::Plan;
use bench_model::run::{RunRecord, Source};
use bench_model::tables::Tables;
pub use describe::describe;
pub(crate) use load::ttft_from_due_ms;
pub(crate) use series::pod_order;
use std::collections::BTreeMap;

/// All curves of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Panels {
    /// The load's start as the tables count time: what the axis calls 0. The first thing known where there was no load.
    pub zero: f64,
    /// Whether `zero` is seconds since the Unix epoch; a prediction has no calendar.
    pub epoch: bool,
    /// First and last moment of the axis, seconds from the load's start.
    pub span: (f64, f64),
    /// The rates, in order.
    pub bands: Vec<Band>,
    /// In the order in which they are read.
    pub panels: Vec<Panel>,
    /// What could not be shown and why, a sentence each.
    pub missing: Vec<String>,
}

/// A rate on the axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    pub from: f64,
    pub to: f64,
    /// Requests per second asked for.
    pub rate: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Short and stable, e.g. `kv`.
    pub id: &'static str,
    pub title: &'static str,
    /// What is drawn and from what, in a sentence or two.
    pub about: String,
    /// Of the values; empty for a plain number.
    pub unit: &'static str,
    /// Lines are shares of one whole, to be drawn upon each other.
    pub stacked: bool,
    pub lines: Vec<Line>,
    /// Values that something happens at.
    pub limits: Vec<Limit>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// A pod's whole name, or what it is.
    pub name: String,
    pub role: Role,
    /// A value holds until the next one.
    pub steps: bool,
    /// (seconds from the load's start, value); a NaN is a break.
    pub points: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    pub label: String,
    pub value: f64,
    pub role: Role,
}

/// What a line stands for, the same colour everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// By order of creation.
    Pod(usize),
    Desired,
    Current,
    Ready,
    Offered,
    Begun,
    Finished,
    Hpa,
    Wva,
    Median,
    Tail,
    /// A class of failures, the most frequent first.
    Failure(usize),
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match self {
            Self::Pod(n) => return write!(f, "pod-{n}"),
            Self::Failure(n) => return write!(f, "failure-{n}"),
            Self::Desired => "desired",
            Self::Current => "current",
            Self::Ready => "ready",
            Self::Offered => "offered",
            Self::Begun => "begun",
            Self::Finished => "finished",
            Self::Hpa => "hpa",
            Self::Wva => "wva",
            Self::Median => "median",
            Self::Tail => "tail",
        };
        f.write_str(word)
    }
}

/// What the parts of this room share.
struct Scene<'a> {
    tables: &'a Tables,
    plan: Option<&'a Plan>,
    zero: f64,
    /// From the load's start.
    span: (f64, f64),
    /// Start and end of the load, from its start.
    load: Option<(f64, f64)>,
    scrape_s: f64,
    /// Pod names in order of creation.
    pods: Vec<String>,
    /// When a pod was deleted.
    gone: BTreeMap<&'a str, f64>,
}

/// Seconds of a bin of requests: about 160 of them over the load, but none so short that it is mostly noise.
pub fn bin_s(load_s: f64) -> f64 {
    const ROUND: [f64; 8] = [5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0];
    let least = if load_s.is_finite() { load_s / 160.0 } else { 600.0 };
    ROUND.into_iter().find(|b| *b >= least).unwrap_or(least)
}

/// Scrape interval where no plan tells it: the median distance of the samples of all series, seconds.
fn scrape_interval(tables: &Tables) -> f64 {
    let mut apart: Vec<f64> = tables.series.iter().flat_map(|s| s.samples.windows(2)).map(|w| w[1].0 - w[0].0).collect();
    apart.retain(|d| d.is_finite() && *d > 0.0);
    apart.sort_by(f64::total_cmp);
    crate::stats::percentile(&apart, 50.0).unwrap_or(15.0)
}

/// Every curve of a run. Without a `plan` the limits of the autoscalers are the ones that they are built with.
pub fn panels(run: &RunRecord, tables: &Tables, plan: Option<&Plan>) -> Panels {
    let finite = |t: &f64| t.is_finite();
    let load = load_span(tables).filter(|(a, b)| a.is_finite() && b.is_finite() && a <= b);
    let whole = recording(run, tables).filter(|(a, b)| a.is_finite() && b.is_finite());
    let sampled = || tables.series.iter().flat_map(|s| s.samples.iter().map(|(t, _)| *t)).filter(finite);
    let zero = load.map(|l| l.0).or(whole.map(|w| w.0)).or_else(|| sampled().min_by(f64::total_cmp)).unwrap_or(0.0);
    let last = [load.map(|l| l.1), whole.map(|w| w.1)].into_iter().flatten().max_by(f64::total_cmp);
    let last = last.or_else(|| sampled().max_by(f64::total_cmp)).unwrap_or(zero);
    // What the reset before the load did is not asked for; its last minute shows what the load found.
    let first = whole.map_or(zero, |w| w.0.clamp(zero - 60.0, zero));
    let scene = Scene {
        tables,
        plan,
        zero,
        span: (first - zero, (last - zero).max(1.0)),
        load: load.map(|(a, b)| (a - zero, b - zero)),
        scrape_s: plan
            .map(|p| f64::from(p.scenario.monitoring.scrape_interval_s))
            .filter(|s| *s > 0.0)
            .unwrap_or_else(|| scrape_interval(tables)),
        pods: pod_order(tables),
        gone: tables.pods.iter().filter_map(|p| Some((p.name.as_str(), p.deleted? - zero))).collect(),
    };
    let mut missing = Vec::new();
    let mut all: Vec<Panel> = load::load(&scene, &mut missing).into_iter().collect();
    all.extend(replicas::replicas(&scene, &mut missing));
    all.extend(pods::pods(&scene, &mut missing));
    all.extend(averages::averages(&scene, &mut missing));
    all.extend(load::latency(&scene, &mut missing));
    all.extend(load::failures(&scene));
    Panels {
        zero,
        epoch: run.source == Source::Measured,
        span: scene.span,
        bands: tables
            .rates
            .iter()
            .filter(|r| r.start.is_finite() && r.end.is_finite())
            .map(|r| Band { from: r.start - zero, to: r.end - zero, rate: r.rate })
            .collect(),
        panels: all,
        missing,
    }
}

#[cfg(test)]
mod tests;
