//! Distributions per rate or per run, and every request by itself.

use super::Input;
use crate::panels::{Panels, ttft_from_due_ms};
use crate::report::document::{Block, Drawn, Figure, Kind, Section, Trace};
use crate::stats;
use crate::words::{and, brief, clock};
use bench_model::tables::{Outcome, RateWindow, Request, Tables};

/// Points of a distribution's curve; the tail beyond the 99th percentile keeps as many again.
const POINTS: usize = 200;

type Value = fn(&Request) -> Option<f64>;
/// Figure, what it shows, its unit, and the value of a request.
type Metric<'a> = (&'a str, &'a str, &'a str, Box<dyn Fn(&Request) -> Option<f64>>);

pub(super) fn section(input: &Input<'_>, curves: &Panels) -> Section {
    let of_rate = |(i, rate): (usize, &RateWindow)| {
        let requests = input.tables.requests.iter().filter(|r| r.rate == i).collect();
        Group { name: format!("{}/s", brief(rate.rate)), role: format!("rate-{i}"), requests }
    };
    let groups: Vec<Group<'_>> = input.tables.rates.iter().enumerate().map(of_rate).collect();
    let mut blocks: Vec<Block> = ecdfs(&groups, "distribution per rate").into_iter().map(Block::Figure).collect();
    blocks.extend(scatter(input, curves).into_iter().map(Block::Figure));
    Section::new("latency", "Latency distributions and every request", "Distributions", blocks)
}

/// Distributions of whole runs beside each other: name, role and tables of each.
pub(crate) fn of_runs(runs: &[(String, String, &Tables)]) -> Vec<Figure> {
    let groups: Vec<Group<'_>> = runs
        .iter()
        .map(|(name, role, t)| Group { name: name.clone(), role: role.clone(), requests: t.requests.iter().collect() })
        .collect();
    ecdfs(&groups, "distribution per run")
}

/// Requests that make one curve.
struct Group<'a> {
    name: String,
    role: String,
    requests: Vec<&'a Request>,
}

fn ecdfs(groups: &[Group<'_>], of: &str) -> Vec<Figure> {
    let good = |value: Value| move |r: &Request| (r.outcome == Outcome::Successful).then(|| value(r)).flatten().filter(|v| v.is_finite());
    let metrics: [Metric<'_>; 3] = [
        ("ecdf-ttft", "Time to first token, from due", "ms", Box::new(ttft_from_due_ms)),
        ("ecdf-itl", "Inter-token latency", "ms", Box::new(good(|r| r.itl_ms))),
        ("ecdf-e2e", "End-to-end latency, from due", "s", Box::new(good(e2e_from_due_s))),
    ];
    metrics.iter().filter_map(|(id, name, unit, value)| ecdf(groups, id, (name, of), unit, value)).collect()
}

/// Seconds from due (or sent) to the last byte.
fn e2e_from_due_s(r: &Request) -> Option<f64> {
    Some(r.end? - r.due.or(r.start)?)
}

fn ecdf(groups: &[Group<'_>], id: &str, (name, per): (&str, &str), unit: &str, value: &dyn Fn(&Request) -> Option<f64>) -> Option<Figure> {
    let mut traces = Vec::new();
    let mut told = Vec::new();
    let (mut least, mut most) = (f64::INFINITY, 0.0f64);
    for g in groups {
        let values = stats::sorted(g.requests.iter().filter_map(|r| value(r)));
        let (Some(first), Some(last)) = (values.first(), values.last()) else { continue };
        (least, most) = (least.min(*first), most.max(*last));
        let label = g.name.clone();
        if let (Some(p50), Some(p99)) = (stats::percentile(&values, 50.0), stats::percentile(&values, 99.0)) {
            told.push(format!("{label}: half within {} and 99 % within {}", in_words(p50, unit), in_words(p99, unit)));
        }
        traces.push(Trace { name: label, role: g.role.clone(), steps: true, points: curve(&values) });
    }
    if traces.is_empty() {
        return None;
    }
    let of = if id == "ecdf-ttft" { "every request that got a first token" } else { "the successful requests" };
    Some(Figure {
        id: id.into(),
        heading: format!("{name}: {per}"),
        about: format!("Share of {of} that took at most so long."),
        summary: format!("{}.", told.join("; ")),
        drawn: Drawn {
            kind: Kind::Ecdf,
            unit: unit.into(),
            x_title: format!("{name} [{unit}]"),
            log_x: least > 0.0 && most / least > 50.0,
            traces,
            ..Drawn::default()
        },
    })
}

/// The steps of the empirical distribution, thinned out evenly; its ends and its tail stay.
fn curve(sorted: &[f64]) -> Vec<(f64, f64)> {
    let n = sorted.len();
    #[allow(clippy::cast_precision_loss)]
    let at = |i: usize| Some((*sorted.get(i)?, (i + 1) as f64 / n as f64));
    let tail = n - n.div_ceil(100).min(n);
    let (sparse, dense) = ((tail / POINTS).max(1), ((n - tail) / POINTS).max(1));
    let mut out: Vec<(f64, f64)> = sorted.first().map(|v| (*v, 0.0)).into_iter().collect();
    out.extend((0..tail).step_by(sparse).chain((tail..n).step_by(dense)).filter_map(at));
    out.extend(n.checked_sub(1).and_then(at));
    out
}

pub(crate) fn in_words(v: f64, unit: &str) -> String {
    if unit == "ms" && v >= 1000.0 { format!("{} s", brief(v / 1000.0)) } else { format!("{} {unit}", brief(v)) }
}

fn scatter(input: &Input<'_>, curves: &Panels) -> Vec<Figure> {
    let outcomes = [
        (Outcome::Successful, "succeeded", "good"),
        (Outcome::Incomplete, "cut off at a rate's end", "cut"),
        (Outcome::Errored, "failed", "bad"),
    ];
    let figure = |id: &str, heading: &str, about: &str, unit: &str, value: &dyn Fn(&Request) -> Option<f64>| {
        let mut traces = Vec::new();
        let mut highest: Option<(f64, f64)> = None;
        let mut counts = Vec::new();
        for (outcome, name, role) in outcomes {
            let of = input.tables.requests.iter().filter(|r| r.outcome == outcome);
            let point = |r: &Request| Some((r.due.or(r.start)? - curves.zero, value(r)?));
            let points: Vec<(f64, f64)> = of.filter_map(point).filter(|p| p.0.is_finite() && p.1.is_finite() && p.1 > 0.0).collect();
            if points.is_empty() {
                continue;
            }
            highest = points.iter().copied().chain(highest).max_by(|a, b| a.1.total_cmp(&b.1));
            counts.push(format!("{} {name}", points.len()));
            traces.push(Trace { name: name.into(), role: role.into(), steps: false, points });
        }
        let (t, v) = highest?;
        Some(Figure {
            id: id.into(),
            heading: heading.into(),
            about: about.into(),
            summary: format!("{}; the longest is {}, of a request due at {}.", and(counts), in_words(v, unit), clock(t)),
            drawn: Drawn { kind: Kind::Scatter, unit: unit.into(), log_y: true, traces, ..Drawn::default() },
        })
    };
    // Whoever never got a token waited as long as its request lived.
    let ttft = |r: &Request| ttft_from_due_ms(r).or_else(|| Some(1000.0 * e2e_from_due_s(r)?));
    [
        figure(
            "requests-ttft",
            "Every request: time to its first token",
            "By the time it was due. A request without a first token stands where it was given up.",
            "ms",
            &ttft,
        ),
        figure("requests-e2e", "Every request: from due to its end", "By the time it was due.", "s", &e2e_from_due_s),
    ]
    .into_iter()
    .flatten()
    .collect()
}
