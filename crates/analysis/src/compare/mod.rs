//! Runs against each other: may they be compared, by how much do they differ, and what may be concluded of it.

mod comparability;
mod conclude;
mod quantities;

pub use comparability::comparability;

use crate::judgement::{self, Lives};
use crate::scorecard::{Terms, judge, score};
use crate::stats::{bootstrap, mean};
use bench_model::comparison::{Basis, Comparison, Difference, Kind, Level, Noise, Side};
use bench_model::judgement::{Goal, Judgement};
use bench_model::plan::Plan;
use bench_model::run::{RunRecord, Source};
use bench_model::scorecard::{Scorecard, Slo};
use bench_model::summary::Summary;
use bench_model::tables::Tables;
use quantities::{QUANTITIES, Quantity};

/// A run that is to be compared.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    pub run: &'a RunRecord,
    /// Tells it from runs of the same arm that are no repeats of it; `None`: the arm alone does.
    pub label: Option<&'a str>,
    pub plan: Option<&'a Plan>,
    pub tables: &'a Tables,
    pub summary: &'a Summary,
    pub gpus_per_replica: f64,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    pub goal: Goal,
    /// Seconds from the load's start over which replicas are counted at least: a run that is shown by itself is paid for over the span
    /// of those that it was played with. `None`: to the latest moment at which one of the runs had settled.
    pub least_span_s: Option<f64>,
    /// Runs of one arm: how much they differ by themselves.
    pub aa: bool,
    /// Share of a value that is a difference that matters.
    pub matter: f64,
}

/// Judges the arms of a comparison. Runs of one arm, and those that are not comparable, are not judged.
pub fn judged(c: &Comparison, inputs: &[Input<'_>], goal: Goal, beside: judgement::Beside, assumptions: Vec<String>) -> Option<Judgement> {
    if c.kind != Kind::Arms || c.findings.iter().any(|f| f.level == Level::Refuse) {
        return None;
    }
    let of = |s: &Side| {
        inputs.iter().filter(|i| (i.run.arm, i.run.source, i.label) == (s.arm, s.source, s.label.as_deref())).collect::<Vec<_>>()
    };
    let mut notes = Vec::new();
    let mut arms = Vec::new();
    for s in &c.sides {
        let own = of(s);
        let lives: Vec<Lives> = own.iter().filter_map(|i| i.lives()).collect();
        notes.push((s.name(), lives));
        let measured = s.source == Source::Measured;
        let single = own.first().zip(s.runs.first()).filter(|_| measured && s.runs.len() == 1);
        arms.push(judgement::Side {
            name: s.name(),
            gpus_per_replica: own.first().map_or(1.0, |i| i.gpus_per_replica),
            measured,
            runs: s.runs.iter().map(judgement::Tally::of_card).collect(),
            requests: single.map(|(i, card)| strata(i.tables, card, &goal.slo, quantities::SERIES[0])),
        });
    }
    let notes = judgement::notes(&notes, c.span_s);
    Some(judgement::judge(&judgement::Case { goal, span_s: c.span_s, arms, beside, assumptions, notes }))
}

impl Input<'_> {
    /// What the run pays for; `None` without a load.
    pub fn lives(&self) -> Option<Lives> {
        Lives::of_tables(self.run, self.tables, self.plan.and_then(judgement::rest))
    }
}

/// Compares runs whatever stands against it; [`Comparison::findings`] tells that. Bounds and the judgement are left to the caller.
pub fn compare(inputs: &[Input<'_>], q: &Question) -> Comparison {
    let span = judgement::span_s(&inputs.iter().filter_map(Input::lives).collect::<Vec<_>>());
    let span = span.map(|s| q.least_span_s.map_or(s, |least| s.max(least)));
    let mut groups: Vec<(Side, Vec<Input<'_>>)> = Vec::new();
    for i in inputs {
        let rest = i.plan.and_then(judgement::rest);
        let terms = Terms { slo: q.goal.slo, span_s: span, rest, gpu_hour: q.goal.gpu_hour, gpus_per_replica: i.gpus_per_replica };
        let card = score(i.run, i.tables, i.summary.validity.verdict, &terms);
        match groups.iter_mut().find(|(s, _)| (s.arm, s.source, s.label.as_deref()) == (i.run.arm, i.run.source, i.label)) {
            Some((side, own)) => {
                side.runs.push(card);
                own.push(*i);
            }
            None => {
                groups.push((Side { arm: i.run.arm, label: i.label.map(String::from), source: i.run.source, runs: vec![card] }, vec![*i]));
            }
        }
    }
    let residual = groups.len() == 2 && groups[0].0.arm == groups[1].0.arm && groups[0].0.source != groups[1].0.source;
    let kind = match () {
        () if q.aa => Kind::Aa,
        () if residual => Kind::Residual,
        () => Kind::Arms,
    };
    // Differences of a residual report are predicted − measured.
    if residual && groups[0].0.source == Source::Predicted {
        groups.swap(0, 1);
    }
    let differences = (1..groups.len()).flat_map(|to| differences(&groups, to, &q.goal.slo)).collect();
    let noise = if q.aa { groups.first().map(|(side, _)| noise(side, q.matter)).unwrap_or_default() } else { vec![] };
    let mut c = Comparison {
        schema_version: bench_model::SCHEMA_VERSION,
        bench_version: env!("CARGO_PKG_VERSION").into(),
        kind,
        slo: q.goal.slo,
        span_s: span.unwrap_or(0.0),
        findings: comparability(inputs),
        judgement: None,
        sides: groups.into_iter().map(|(side, _)| side).collect(),
        differences,
        noise,
        bounds: None,
        bounds_missing: None,
        conclusions: vec![],
    };
    c.conclusions = conclude::sentences(&c, q);
    c
}

/// The value of a quantity in each run that has it.
fn values(side: &Side, q: &Quantity) -> Vec<f64> {
    side.runs.iter().filter_map(q.of).filter(|v| v.is_finite()).collect()
}

fn differences(groups: &[(Side, Vec<Input<'_>>)], to: usize, slo: &Slo) -> Vec<Difference> {
    let ((left, left_runs), (right, right_runs)) = (&groups[0], &groups[to]);
    let mut intervals = vec![None; QUANTITIES.len()];
    // What is drawn from the same values is drawn once.
    for (series, of) in quantities::SERIES.iter().enumerate() {
        let places: Vec<usize> = (0..QUANTITIES.len()).filter(|k| QUANTITIES[*k].drawn.is_some_and(|d| d.0 == series)).collect();
        let statistics: Vec<_> = places.iter().filter_map(|k| QUANTITIES[*k].drawn.map(|d| d.1)).collect();
        let strata =
            |runs: &[Input<'_>], side: &Side| runs.iter().zip(&side.runs).flat_map(|(i, card)| strata(i.tables, card, slo, *of)).collect();
        let found = bootstrap::differences(&strata(left_runs, left), &strata(right_runs, right), &statistics);
        places.into_iter().zip(found).for_each(|(k, f)| intervals[k] = f);
    }
    let one = |(q, drawn): (&Quantity, Option<(f64, f64)>)| {
        let (va, vb) = (values(left, q), values(right, q));
        let (a, b) = (mean(&va), mean(&vb));
        let over_runs = bootstrap::welch(&va, &vb);
        let interval = over_runs.or(drawn.map(|(l, h)| (l * q.scale, h * q.scale)));
        let basis = match (over_runs, drawn) {
            (Some(_), _) => Basis::Runs,
            (None, Some(_)) => Basis::Requests,
            (None, None) => Basis::None,
        };
        let difference = a.zip(b).map(|(a, b)| b - a);
        Difference {
            quantity: q.name.into(),
            unit: q.unit.into(),
            more_is_better: q.more_is_better,
            from: 0,
            to,
            a,
            b,
            difference,
            relative: difference.zip(a.filter(|a| *a != 0.0)).map(|(d, a)| d / a.abs()),
            low: interval.map(|i| i.0),
            high: interval.map(|i| i.1),
            basis,
        }
    };
    let all = QUANTITIES.iter().zip(intervals).map(one);
    all.filter(|d| d.a.is_some() || d.b.is_some()).collect()
}

/// Values of a run's requests in the order in which they were due, a stratum a rate.
fn strata(tables: &Tables, card: &Scorecard, slo: &Slo, of: quantities::Of) -> bootstrap::Strata {
    let mut out: bootstrap::Strata = vec![Vec::new(); tables.rates.len()];
    let end = |rate: usize| tables.rates.get(rate).map_or(f64::NEG_INFINITY, |w| w.end);
    let mut judged: Vec<_> = tables.requests.iter().filter_map(|r| judge(r, end(r.rate), slo)).collect();
    judged.sort_by(|a, b| a.due.total_cmp(&b.due));
    for j in &judged {
        if let (Some(own), Some(v)) = (out.get_mut(j.rate), of(j)) {
            own.push(v);
        }
    }
    // What was never sent has no latency, and was not good.
    if let Some(v) = quantities::of_unsent(of) {
        for (own, c) in out.iter_mut().zip(&card.rates) {
            own.extend(std::iter::repeat_n(v, usize::try_from(c.unsent).unwrap_or(0)));
        }
    }
    out
}

fn noise(side: &Side, matter: f64) -> Vec<Noise> {
    let of = |q: &Quantity| {
        let v = values(side, q);
        let (mean, deviation) = (mean(&v)?, bootstrap::deviation(&v)?);
        let (runs, matters) = (u32::try_from(v.len()).ok()?, matter * mean.abs());
        Some(Noise {
            quantity: q.name.into(),
            unit: q.unit.into(),
            runs,
            mean,
            deviation,
            detectable: bootstrap::detectable(deviation, runs)?,
            matters,
            repeats: (matters > 0.0).then(|| bootstrap::repeats(deviation, matters)).flatten(),
        })
    };
    QUANTITIES.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests;
