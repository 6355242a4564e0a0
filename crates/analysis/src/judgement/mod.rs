//! The one judge: which arm keeps the goal for the least, which cannot be told apart, and which nothing beats. Every command takes its
//! numbers and its words from here. Pure: runs come in as tallies, and what they paid over one span.

mod lives;
mod words;

pub use lives::{Lives, is_continued, notes, rest, span_s};
pub(crate) use words::share;
pub use words::turns;

use crate::stats::bootstrap::{self, Statistic, Strata};
use crate::stats::{mean, percentile, sorted};
use bench_model::judgement::{ArmJudgement, Goal, Interval, Judgement, Over, Role};
use bench_model::scorecard::Scorecard;
use bench_sim::score::Score;

/// One run, or one seed, in the numbers that are judged.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Requests that were due, sent or not.
    pub due: u64,
    /// Without those that were cut off before they could miss.
    pub counted: u64,
    pub good: u64,
    pub output_tokens: u64,
    /// Of good requests.
    pub good_output_tokens: u64,
    /// Paid over the span; `None` without a record of pods.
    pub replica_seconds: Option<f64>,
}

impl Tally {
    pub fn of_card(c: &Scorecard) -> Self {
        let o = &c.overall;
        Self {
            due: o.due,
            counted: o.counted,
            good: o.good,
            // Of a part of the tokens a million would be too dear.
            output_tokens: if o.output_tokens_per_s.is_some() { o.output_tokens } else { 0 },
            good_output_tokens: if o.output_tokens_per_s.is_some() { o.good_output_tokens } else { 0 },
            replica_seconds: c.paid_replica_s,
        }
    }

    /// Of a run as it was played.
    pub fn of_score(s: &Score, lives: Option<&Lives>, span_s: f64) -> Self {
        Self {
            due: s.due,
            counted: s.counted,
            good: s.met,
            output_tokens: s.output_tokens,
            good_output_tokens: s.good_output_tokens,
            replica_seconds: lives.and_then(|l| l.paid_s(span_s)),
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn attainment(&self) -> Option<f64> {
        (self.counted > 0).then(|| self.good as f64 / self.counted as f64)
    }
}

/// All runs of an arm.
#[derive(Debug, Clone, Default)]
pub struct Side {
    /// With the settings that tell it from others of the same arm.
    pub name: String,
    pub gpus_per_replica: f64,
    /// Runs on a cluster, not seeds of the simulator.
    pub measured: bool,
    /// In the order of the seeds, where there are seeds.
    pub runs: Vec<Tally>,
    /// Of the only run of a measured arm: 1 for each good request and 0 for each miss, as they were due, a stratum a rate.
    pub requests: Option<Strata>,
}

/// What stands beside the arms; always predicted.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    pub best_static: Option<Side>,
    pub foresight: Option<Side>,
    /// Ascending.
    pub fleets: Vec<Side>,
}

/// What is asked of the judge.
#[derive(Debug, Clone, Default)]
pub struct Case {
    pub goal: Goal,
    pub span_s: f64,
    pub arms: Vec<Side>,
    pub beside: Beside,
    pub assumptions: Vec<String>,
    pub notes: Vec<String>,
}

/// A lower attainment that rounding alone explains.
const ROUNDING: f64 = 1e-12;

/// Holds the arms against the goal.
pub fn judge(case: &Case) -> Judgement {
    let arm = |s: &Side, role: Role| one(s, role, &case.goal);
    let mut arms: Vec<ArmJudgement> = case.arms.iter().map(|s| arm(s, Role::Arm)).collect();
    let predicted = case.arms.iter().all(|s| !s.measured);
    let b = &case.beside;
    let fixed = b.best_static.iter().map(|s| (s, arm(s, Role::Static)));
    let fixed: Vec<(&Side, ArmJudgement)> = fixed.collect();
    // A prediction beats no measurement.
    let rivals: Vec<(&Side, &ArmJudgement)> = fixed.iter().filter(|_| predicted).map(|(s, a)| (*s, a)).collect();
    let beaten: Vec<Option<String>> = (0..arms.len())
        .map(|k| {
            let others = case.arms.iter().zip(&arms).enumerate().filter(|(i, _)| *i != k).map(|(_, pair)| pair);
            let mut all = others.chain(rivals.iter().copied());
            all.find(|(s, a)| a.arm != arms[k].arm && dominates((s, a), (&case.arms[k], &arms[k]))).map(|(_, a)| a.arm.clone())
        })
        .collect();
    for (a, by) in arms.iter_mut().zip(beaten) {
        (a.dominated, a.dominated_by) = (by.is_some(), by);
    }
    let mut beside: Vec<ArmJudgement> = fixed.into_iter().map(|(_, a)| a).collect();
    beside.extend(b.foresight.iter().map(|s| arm(s, Role::Foresight)));
    let (winner, tied) = winner(case, &arms);
    let mut j = Judgement {
        schema_version: bench_model::SCHEMA_VERSION,
        goal: case.goal,
        predicted,
        span_s: case.span_s,
        arms,
        beside,
        fleets: b.fleets.iter().map(|s| arm(s, Role::Static)).collect(),
        winner,
        why: String::new(),
        assumptions: case.assumptions.clone(),
        notes: case.notes.clone(),
    };
    j.why = words::why(&j, &tied, &|a, b| apart_in_attainment(&case.arms[a], &case.arms[b]));
    j
}

fn one(s: &Side, role: Role, goal: &Goal) -> ArmJudgement {
    let sum = |of: fn(&Tally) -> u64| s.runs.iter().map(of).fold(0, u64::saturating_add);
    let attainments = attainments(s);
    let attainment = mean(&attainments);
    let paid = costs(s);
    // The mean of what was paid only where every run tells it.
    let replica_seconds = mean(&paid).filter(|_| paid.len() == s.runs.len()).map(|s| (s * 1e3).round() / 1e3);
    let gpu_seconds = replica_seconds.map(|r| r * s.gpus_per_replica);
    let cost = goal.gpu_hour.zip(gpu_seconds).map(|(price, s)| price * s / 3600.0);
    #[allow(clippy::cast_precision_loss)]
    let per_million = |of: fn(&Tally) -> u64| cost.filter(|_| sum(of) > 0).map(|c| c * s.runs.len() as f64 * 1e6 / sum(of) as f64);
    ArmJudgement {
        arm: s.name.clone(),
        role,
        predicted: !s.measured,
        runs: u32::try_from(s.runs.len()).unwrap_or(u32::MAX),
        due: sum(|t| t.due),
        counted: sum(|t| t.counted),
        good: sum(|t| t.good),
        attainment,
        keeps: attainment.is_some_and(|a| a + ROUNDING >= goal.attain),
        replica_seconds,
        gpu_seconds,
        cost,
        cost_per_million_output_tokens: per_million(|t| t.output_tokens),
        cost_per_million_good_output_tokens: per_million(|t| t.good_output_tokens),
        dominated: false,
        dominated_by: None,
        band: band(s, &attainments, &paid),
    }
}

fn attainments(s: &Side) -> Vec<f64> {
    s.runs.iter().filter_map(Tally::attainment).collect()
}

fn costs(s: &Side) -> Vec<f64> {
    s.runs.iter().filter_map(|t| t.replica_seconds).collect()
}

fn band(s: &Side, attainments: &[f64], paid: &[f64]) -> Option<Interval> {
    if s.runs.len() > 1 {
        let of = |v: &[f64]| if s.measured { confidence(v) } else { seeds(v) };
        let over = if s.measured { Over::Runs } else { Over::Seeds };
        return Some(Interval { over, attainment: of(attainments).map(|(l, h)| (l, h.min(1.0))), replica_seconds: of(paid) });
    }
    let requests = s.requests.as_ref().filter(|_| s.measured)?;
    let one = bootstrap::intervals(requests, &[Statistic::Mean]).into_iter().next().flatten()?;
    Some(Interval { over: Over::Requests, attainment: Some(one), replica_seconds: None })
}

fn seeds(v: &[f64]) -> Option<(f64, f64)> {
    let v = sorted(v.iter().copied());
    Some((percentile(&v, 5.0)?, percentile(&v, 95.0)?))
}

/// 95 % confidence of a mean over runs.
#[allow(clippy::cast_precision_loss)]
fn confidence(v: &[f64]) -> Option<(f64, f64)> {
    let (m, d, n) = (mean(v)?, bootstrap::deviation(v)?, v.len() as f64);
    let half = bootstrap::t_975(n - 1.0) * d / n.sqrt();
    Some((m - half, m + half))
}

/// Whether `a` and `b` differ by more than what their runs, or the requests of their only runs, would differ by themselves. Negative: `a`
/// is lower. 0: they cannot be told apart.
fn apart(a: &[f64], b: &[f64], paired: bool, requests: Option<(f64, f64)>) -> i8 {
    let side = |(low, high): (f64, f64)| i8::from(low > 0.0) - i8::from(high < 0.0);
    let (Some(x), Some(y)) = (mean(a), mean(b)) else { return 0 };
    let plain = i8::from(x > y) - i8::from(x < y);
    if a.len() == 1 && b.len() == 1 {
        // One value each: nothing but the requests tells how much they could differ by themselves.
        return requests.map_or(plain, side);
    }
    if paired && a.len() == b.len() {
        let d: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        return seeds(&d).map_or(0, side);
    }
    if paired {
        // Fewer seeds of one: apart where their bands have no value in common.
        return seeds(a).zip(seeds(b)).map_or(0, |(a, b)| i8::from(a.0 > b.1) - i8::from(a.1 < b.0));
    }
    bootstrap::welch(b, a).map_or(0, side)
}

/// Negative: `a` serves fewer well.
fn apart_in_attainment(a: &Side, b: &Side) -> i8 {
    let requests = a.requests.as_ref().zip(b.requests.as_ref());
    let interval = requests.and_then(|(a, b)| bootstrap::differences(b, a, &[Statistic::Mean]).into_iter().next().flatten());
    apart(&attainments(a), &attainments(b), is_seeds(a, b), interval)
}

/// Negative: `a` pays less.
fn apart_in_cost(a: &Side, b: &Side) -> i8 {
    let gpus = |s: &Side| costs(s).into_iter().map(|c| c * s.gpus_per_replica).collect::<Vec<f64>>();
    apart(&gpus(a), &gpus(b), is_seeds(a, b), None)
}

/// Only measured runs bring their requests or repeat without a seed.
fn is_seeds(a: &Side, b: &Side) -> bool {
    !a.measured && !b.measured
}

/// `a` is told apart as better in attainment or in cost, and as worse in neither.
fn dominates(a: (&Side, &ArmJudgement), b: (&Side, &ArmJudgement)) -> bool {
    if [a.1, b.1].iter().any(|x| x.attainment.is_none() || x.replica_seconds.is_none()) {
        return false;
    }
    let (served, paid) = (apart_in_attainment(a.0, b.0), apart_in_cost(a.0, b.0));
    served >= 0 && paid <= 0 && (served > 0 || paid < 0)
}

/// The cheapest arm that keeps the goal, and the positions of those that cannot be told from it.
fn winner(case: &Case, arms: &[ArmJudgement]) -> (Option<String>, Vec<usize>) {
    let mut keepers: Vec<usize> = (0..arms.len()).filter(|k| arms[*k].keeps && arms[*k].gpu_seconds.is_some()).collect();
    let cost = |k: usize| arms[k].gpu_seconds.unwrap_or(f64::INFINITY);
    keepers.sort_by(|a, b| cost(*a).total_cmp(&cost(*b)));
    let Some(first) = keepers.first().copied() else { return (None, vec![]) };
    let tied: Vec<usize> = keepers.into_iter().filter(|k| *k == first || apart_in_cost(&case.arms[first], &case.arms[*k]) == 0).collect();
    ((tied.len() == 1).then(|| arms[first].arm.clone()), tied)
}

#[cfg(test)]
mod tests;
