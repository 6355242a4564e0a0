//! The tables of a comparison.

use super::{short, source};
use crate::report::document::{Block, Table};
use crate::words::{brief, clock};
use bench_model::comparison::{Basis, Comparison, Kind, Side};
use bench_model::scorecard::{Card, Scorecard};

/// A row of cells, the heading first.
type Rows = Vec<Vec<String>>;

/// A block of rows, the heading first; none without a row below it.
fn block(caption: &str, words: usize, mut rows: Rows) -> Option<Block> {
    if rows.len() < 2 {
        return None;
    }
    let head = rows.remove(0);
    Some(Block::Table(Table { caption: caption.into(), words, head, rows }))
}

/// Rows of the table that is shown before all others.
const ROWS: usize = 12;

/// A row a rate and side, the mean over the side's runs; where that is too long to read at a glance, a row a side over the whole load.
pub(super) fn sides(c: &Comparison) -> Option<Block> {
    let most = c.sides.iter().flat_map(|s| &s.runs).map(|r| r.rates.len()).max().unwrap_or(0);
    let mut rows = vec![row(&["rate", "arm", "good %", "failed", "TTFT p50", "p99 ms", "ITL ms", "E2E p99 s"])];
    let whole = most * c.sides.len() > ROWS;
    for k in 0..if whole { 1 } else { most } {
        for side in &c.sides {
            let cards: Vec<&Card> = side.runs.iter().filter_map(|r| if whole { Some(&r.overall) } else { r.rates.get(k) }).collect();
            let Some(first) = cards.first() else { continue };
            let of = |value: &dyn Fn(&Card) -> Option<f64>| number(mean(cards.iter().filter_map(|o| value(o))));
            #[allow(clippy::cast_precision_loss)]
            rows.push(vec![
                first.rate.filter(|_| !whole).map_or_else(|| "all".into(), |r| format!("{r}/s")),
                name(c, side),
                of(&|o| o.goodput_fraction.map(|f| 100.0 * f)),
                of(&|o| Some(o.failed as f64)),
                of(&|o| Some(o.ttft_ms?.p50)),
                of(&|o| Some(o.ttft_ms?.p99)),
                of(&|o| Some(o.itl_ms?.p50)),
                of(&|o| Some(o.e2e_ms?.p99 / 1000.0)),
            ]);
        }
    }
    block("", 2, rows)
}

/// What a prediction was off by: a row a quantity.
pub(super) fn residuals(c: &Comparison) -> Option<Block> {
    let mut rows = vec![row(&["quantity", "unit", "measured", "predicted", "off by %", "low", "high"])];
    for d in c.differences.iter().filter(|d| d.a.or(d.b).is_some()) {
        let mut line = vec![d.quantity.clone(), d.unit.clone()];
        line.extend([d.a, d.b, d.relative.map(|r| 100.0 * r)].map(number));
        line.extend([d.low, d.high].map(|v| v.map_or_else(|| "-".into(), brief)));
        rows.push(line);
    }
    block("", 2, rows)
}

pub(super) fn every_run(c: &Comparison) -> Vec<Block> {
    [block("Runs", 3, runs(c)), block("Each rate", 3, rates(c)), block("After each step of the load", 3, reactions(c))]
        .into_iter()
        .flatten()
        .collect()
}

pub(super) fn all_differences(c: &Comparison) -> Option<Block> {
    block("", 4, differences(c))
}

pub(super) fn all_noise(c: &Comparison) -> Option<Block> {
    block("", 2, noise(c))
}

pub(super) fn all_bounds(c: &Comparison) -> Option<Block> {
    block("", 1, bounds(c))
}

/// What a side is called beside the others.
pub(super) fn name(c: &Comparison, s: &Side) -> String {
    if c.kind == Kind::Residual { source(s.source).into() } else { s.name() }
}

#[allow(clippy::cast_precision_loss)]
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let all: Vec<f64> = values.collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| (*c).to_owned()).collect()
}

fn number(v: Option<f64>) -> String {
    v.map_or_else(|| "n/a".into(), brief)
}

/// Every run with the side it belongs to.
fn all(c: &Comparison) -> impl Iterator<Item = (&Side, &Scorecard)> {
    c.sides.iter().flat_map(|s| s.runs.iter().map(move |r| (s, r)))
}

fn runs(c: &Comparison) -> Vec<Vec<String>> {
    let mut out = vec![row(&[
        "run",
        "arm",
        "source",
        "goodput %",
        "failed",
        "cut off",
        "censored",
        "unsent",
        "paid s",
        "ready s",
        "cost",
        "max",
        "overshoot",
        "flaps",
        "up",
        "down",
    ])];
    for (side, r) in all(c) {
        let o = &r.overall;
        let counts = [o.failed, o.cut_off, o.censored, o.unsent].map(|n| n.to_string());
        let mut line = vec![short(r).to_owned(), side.name(), source(r.source).into(), number(o.goodput_fraction.map(|f| 100.0 * f))];
        line.extend(counts);
        line.extend([r.paid_replica_s, r.ready_replica_s, r.gpu_cost, r.max_ready.map(f64::from), r.overshoot].map(number));
        // Without a record of replicas they are not known, and not 0.
        let known = |n: u32| r.ready_replica_s.map_or_else(|| "n/a".into(), |_| n.to_string());
        line.extend([r.flaps, r.scale_ups, r.scale_downs].map(known));
        out.push(line);
    }
    out
}

fn rates(c: &Comparison) -> Vec<Vec<String>> {
    let mut out = vec![row(&[
        "rate",
        "arm",
        "run",
        "goodput %",
        "due",
        "failed",
        "TTFT p50 ms",
        "p99",
        "guidellm's p99",
        "ITL p50 ms",
        "p99",
        "E2E p50 ms",
        "p99",
        "tokens/s",
    ])];
    let most = c.sides.iter().flat_map(|s| &s.runs).map(|r| r.rates.len()).max().unwrap_or(0);
    for k in 0..most {
        for (side, r) in all(c) {
            let Some(o) = r.rates.get(k) else { continue };
            let mut line = vec![format!("{}/s", o.rate.unwrap_or(0.0)), side.name(), short(r).to_owned()];
            line.extend([number(o.goodput_fraction.map(|f| 100.0 * f)), o.due.to_string(), o.failed.to_string()]);
            line.extend([o.ttft_ms.map(|s| s.p50), o.ttft_ms.map(|s| s.p99), o.ttft_sent_ms.map(|s| s.p99)].map(number));
            line.extend([o.itl_ms.map(|s| s.p50), o.itl_ms.map(|s| s.p99), o.e2e_ms.map(|s| s.p50), o.e2e_ms.map(|s| s.p99)].map(number));
            line.push(number(o.output_tokens_per_s));
            out.push(line);
        }
    }
    out
}

fn reactions(c: &Comparison) -> Vec<Vec<String>> {
    let mut out = vec![row(&["step", "arm", "run", "first change", "first ready", "settled"])];
    let most = c.sides.iter().flat_map(|s| &s.runs).map(|r| r.reactions.len()).max().unwrap_or(0);
    let at = |t: Option<f64>| t.map_or_else(|| "-".into(), clock);
    for k in 0..most {
        for (side, r) in all(c) {
            let Some(s) = r.reactions.get(k) else { continue };
            out.push(vec![
                format!("{}→{}/s", s.from_rate, s.to_rate),
                side.name(),
                short(r).to_owned(),
                at(s.first_change_s),
                at(s.first_ready_s),
                at(s.settled_s),
            ]);
        }
    }
    out
}

fn differences(c: &Comparison) -> Vec<Vec<String>> {
    let mut out = vec![row(&["quantity", "unit", "from", "to", "is", "becomes", "difference", "%", "low", "high", "over"])];
    let name = |k: usize| c.sides.get(k).map_or_else(String::new, |s| name(c, s));
    for d in &c.differences {
        let basis = match d.basis {
            Basis::Requests => "requests",
            Basis::Runs => "runs",
            Basis::None => "-",
        };
        let mut line = vec![d.quantity.clone(), d.unit.clone(), name(d.from), name(d.to)];
        line.extend([d.a, d.b, d.difference, d.relative.map(|r| 100.0 * r)].map(number));
        line.extend([d.low, d.high].map(|v| v.map_or_else(|| "-".into(), brief)));
        line.push(basis.into());
        out.push(line);
    }
    out
}

fn noise(c: &Comparison) -> Vec<Vec<String>> {
    let mut out = vec![row(&["quantity", "unit", "runs", "mean", "deviation", "least shown", "matters", "runs needed"])];
    for n in &c.noise {
        let needed = n.repeats.map_or_else(|| "-".into(), |r| r.to_string());
        let mut line = vec![n.quantity.clone(), n.unit.clone(), n.runs.to_string()];
        line.extend([n.mean, n.deviation, n.detectable, n.matters].map(brief));
        line.push(needed);
        out.push(line);
    }
    out
}

fn bounds(c: &Comparison) -> Vec<Vec<String>> {
    let mut out = vec![row(&["fleet", "paid s", "goodput %", "keeps the SLO"])];
    let Some(b) = &c.bounds else { return out };
    out.push(vec!["no schedule below".into(), brief(b.least_replica_s), "-".into(), "-".into()]);
    let percent = |f: Option<f64>| number(f.map(|f| 100.0 * f));
    match &b.perfect {
        Some(p) => out.push(vec!["perfect autoscaler".into(), brief(p.paid_replica_s), percent(p.goodput_fraction), "yes".into()]),
        None => out.push(vec!["perfect autoscaler".into(), "n/a".into(), "n/a".into(), "no fleet within the limits does".into()]),
    }
    for f in &b.statics {
        let keeps = if f.meets { "yes" } else { "no" };
        out.push(vec![format!("static {}", f.replicas), brief(f.paid_replica_s), percent(f.goodput_fraction), keeps.into()]);
    }
    out
}
