//! What can be concluded, and what cannot.

use super::Question;
use crate::words::{and, brief};
use bench_model::comparison::{Basis, Comparison, Difference, Kind, Level};
use bench_model::run::Source;

pub(super) fn sentences(c: &Comparison, q: &Question) -> Vec<String> {
    let mut out = Vec::new();
    if c.findings.iter().any(|f| f.level == Level::Refuse) {
        out.push("These runs are not comparable, see the findings: nothing below says which arm is better.".into());
    }
    match c.kind {
        Kind::Aa => aa(c, q, &mut out),
        Kind::Arms | Kind::Residual => {
            let single = c.sides.iter().all(|s| s.runs.len() == 1);
            if single {
                out.push(
                    "One run each: intervals are over the requests of these runs, and say nothing of how much another run of the same arm would differ. Repeats, or --aa with runs of one arm, tell that."
                        .into(),
                );
            } else if c.sides.iter().any(|s| s.runs.len() == 1) {
                out.push(
                    "An arm has only one run: intervals are over requests, and say nothing of how much another run of it would differ."
                        .into(),
                );
            } else {
                let runs = c.sides.iter().map(|s| s.runs.len()).min().unwrap_or(0);
                out.push(format!("Intervals are over runs ({runs} or more an arm): they hold for other runs under the same conditions."));
            }
            for to in 1..c.sides.len() {
                of_pair(c, to, &mut out);
            }
        }
    }
    out
}

fn of_pair(c: &Comparison, to: usize, out: &mut Vec<String>) {
    let several = |s: &bench_model::comparison::Side| c.sides.iter().filter(|o| o.name() == s.name()).count() > 1;
    let of = |s: &bench_model::comparison::Side| {
        let source = if s.source == Source::Predicted { "predicted" } else { "measured" };
        if several(s) { format!("{} ({source})", s.name()) } else { s.name() }
    };
    let name = |k: usize| c.sides.get(k).map_or_else(String::new, of);
    let residual = c.kind == Kind::Residual;
    let (a, b) = if residual { ("the measurement".into(), "The prediction".to_owned()) } else { (name(0), name(to)) };
    let refused = c.findings.iter().any(|f| f.level == Level::Refuse);
    let own: Vec<&Difference> = c.differences.iter().filter(|d| d.to == to).collect();
    let told = |d: &&Difference| {
        let by = d.difference.unwrap_or(0.0);
        let word = if by > 0.0 { "more" } else { "less" };
        let share = d.relative.map(|r| format!(", {} %", brief(100.0 * r.abs()))).unwrap_or_default();
        // Of a share in percent, the difference is in points.
        let unit = if d.unit == "%" { "points" } else { &d.unit };
        let judged = judged(d, residual || refused);
        format!("{} {} {word} ({judged}{share})", d.quantity, format!("{} {unit}", brief(by.abs())).trim())
    };
    let apart: Vec<String> = own.iter().filter(|d| d.told_apart()).map(told).collect();
    if !apart.is_empty() {
        out.push(format!("{b} against {a}, told apart: {}.", apart.join("; ")));
    }
    let open: Vec<String> = own.iter().filter(|d| d.basis != Basis::None && !d.told_apart()).map(|d| d.quantity.clone()).collect();
    if !open.is_empty() {
        out.push(format!("{b} against {a}, not told apart: {}. That is no proof that they are the same.", and(open)));
    }
    let bare: Vec<String> = own.iter().filter(|d| d.basis == Basis::None).map(|d| d.quantity.clone()).collect();
    if !bare.is_empty() {
        out.push(format!("Without an interval, because one run has one value of it: {}.", and(bare)));
    }
}

fn judged(d: &Difference, residual: bool) -> &'static str {
    match d.more_is_better.filter(|_| !residual) {
        Some(more) if more == (d.difference.unwrap_or(0.0) > 0.0) => "better",
        Some(_) => "worse",
        None => "differs",
    }
}

fn aa(c: &Comparison, q: &Question, out: &mut Vec<String>) {
    let runs = c.sides.first().map_or(0, |s| s.runs.len());
    out.push(format!("{runs} runs of one arm: what differs between them is noise. A smaller difference between two arms means nothing."));
    if runs < 4 {
        out.push(format!(
            "A deviation from {runs} runs is itself known only roughly: true ones up to some times as large are compatible with it."
        ));
    }
    let percent = brief(100.0 * q.matter);
    let most = c.noise.iter().filter_map(|n| n.repeats.map(|r| (r, &n.quantity))).max();
    if let Some((n, quantity)) = most {
        out.push(format!("To show a difference of {percent} % in each of the quantities takes up to {n} runs of each arm ({quantity})."));
    }
}
