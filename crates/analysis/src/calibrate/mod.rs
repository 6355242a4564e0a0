//! From recorded runs to the simulator's coefficients: least squares over requests, counters and pods.
//!
//! Pure: tables and a base come in, coefficients with intervals and residuals go out. What the runs cannot tell stays the base's, and
//! that is said. Nothing here plays the simulator, so nothing is tuned until a prediction looks right.

mod counters;
pub mod lsq;
mod residuals;
mod rows;
mod starts;
mod timeline;

#[cfg(test)]
mod tests;

use bench_model::calibration::{Coefficient, Outcome, Residual};
use bench_model::coefficients::{FrontEnd, PrefillMs, StepMs};
use bench_model::run::Source;
use bench_model::tables::Tables;
use lsq::{Fate, MOST, Solution, Unknown, solve};
use rows::{FIXED, FIXED_ORDER, Quantity, Seen, Told, VLLM, VLLM_ORDER, rows};

/// The model server before the fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Server {
    Vllm(Vllm),
    Fixed(Fixed),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vllm {
    pub step: StepMs,
    pub prefill: PrefillMs,
    pub front_end: FrontEnd,
    /// `max_num_batched_tokens`.
    pub budget: f64,
}

/// A simulator of constant times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fixed {
    /// By its arguments, and what it takes beyond them.
    pub ttft_ms: f64,
    pub itl_ms: f64,
    pub max_sequences: f64,
    pub kv_blocks: f64,
    /// Tokens.
    pub block_size: f64,
}

/// What the fit begins with, and keeps where the runs tell nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Base {
    pub server: Server,
    pub latency_ms: f64,
    pub start_median_s: f64,
    pub start_spread: f64,
    pub readiness_period_s: f64,
}

/// A run to fit.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    pub source: Source,
    pub tables: &'a Tables,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Fitted {
    pub server: Server,
    pub latency_ms: f64,
    pub start_median_s: f64,
    pub start_spread: f64,
    pub coefficients: Vec<Coefficient>,
    pub residuals: Vec<Residual>,
    /// Step times that, with the fitted one, have the fit's covariance; none when no step time was fitted.
    pub step_sets: Vec<StepMs>,
    /// Of each run: requests with a row, and seconds under load in which one replica served alone.
    pub used: Vec<(u64, f64)>,
}

/// Rounds of fitting, weighting, leaving out and fitting again; the third changes nothing that can be seen.
const ROUNDS: usize = 5;
/// Rows that lie farther off, in robust standard deviations, are of another kind: a queue that was not seen, a lost packet.
const FAR: f64 = 6.0;

/// Fits all runs together.
pub fn fit(inputs: &[Input<'_>], base: &Base) -> Fitted {
    let seen: Vec<Seen<'_>> = inputs.iter().map(|i| Seen::new(i.tables)).collect();
    let problem = Problem::new(&base.server, base.latency_ms);
    let (solution, rows) = problem.solve(&seen.iter().collect::<Vec<_>>(), base);
    let all: Vec<f64> = inputs.iter().flat_map(|i| starts::starts(i.tables)).collect();
    let measured = inputs.iter().any(|i| i.source == Source::Measured);
    let source = if measured { Source::Measured } else { Source::Predicted };
    let start = starts::fit(&all, base.readiness_period_s, source, base.start_median_s);
    let mut coefficients: Vec<Coefficient> =
        problem.unknowns.iter().zip(&solution.fates).map(|(u, f)| coefficient(u.name, u.base, f)).collect();
    coefficients.push(coefficient("pod_start.median_s", base.start_median_s, &start.median_s));
    coefficients.push(coefficient("pod_start.spread", base.start_spread, &start.spread));
    let n = coefficients.len();
    let (median, spread) = (coefficients[n - 2].value, coefficients[n - 1].value);
    let before: Vec<f64> = problem.unknowns.iter().map(|u| u.base).collect();
    let mut residuals = residuals::of(&seen.iter().collect::<Vec<_>>(), &rows, &before, &solution.values);
    residuals.extend(residuals::of_starts(&all, base.readiness_period_s, base.start_median_s, median));
    let used = seen
        .iter()
        .zip(&rows)
        .map(|(s, rows)| {
            let mut requests: Vec<usize> = rows.iter().filter(|r| r.row.weight > 0.0).filter_map(|r| r.request).collect();
            requests.sort_unstable();
            requests.dedup();
            (requests.len() as u64, s.alone.iter().map(|(a, b)| b - a).sum())
        })
        .collect();
    let (server, latency_ms) = with(&base.server, &solution.values);
    Fitted {
        server,
        latency_ms,
        start_median_s: median,
        start_spread: spread,
        coefficients,
        residuals,
        step_sets: step_sets(&server, &solution),
        used,
    }
}

/// Residuals of one run under coefficients that were fitted to others.
pub fn told_by_others(run: Input<'_>, base: &Base, others: &Fitted) -> Vec<Residual> {
    let seen = Seen::new(run.tables);
    let problem = Problem::new(&base.server, base.latency_ms);
    let before: Vec<f64> = problem.unknowns.iter().map(|u| u.base).collect();
    let after: Vec<f64> = others.coefficients.iter().take(before.len()).map(|c| c.value).collect();
    let mut told = vec![rows(&seen, &others.server)];
    let scales = scales(&told, &after);
    weigh(&mut told, &after, &scales);
    let mut out = residuals::of(&[&seen], &told, &before, &after);
    let starts = starts::starts(run.tables);
    out.extend(residuals::of_starts(&starts, base.readiness_period_s, base.start_median_s, others.start_median_s));
    out
}

fn coefficient(name: &str, base: f64, fate: &Fate) -> Coefficient {
    let (outcome, value, half, why) = match fate {
        Fate::Fitted { value, half } => (Outcome::Fitted, *value, Some(*half), None),
        Fate::Bound { half } => (Outcome::Bound, 0.0, Some(*half), Some("the runs tell that it is as good as nothing".to_owned())),
        Fate::Held { why } => (Outcome::Held, base, None, Some(why.clone())),
    };
    let half = half.filter(|h| h.is_finite());
    Coefficient {
        name: name.into(),
        outcome,
        base,
        value,
        low: half.map(|h| (value - h).max(0.0)),
        high: half.map(|h| value + h),
        stated: None,
        why,
    }
}

/// The server and the way's latency with these values of the unknowns.
fn with(server: &Server, v: &[f64]) -> (Server, f64) {
    match server {
        Server::Vllm(s) => {
            let step = StepMs { base: v[0].max(0.001), per_sequence: v[1], per_kv_token: v[2] };
            let prefill = PrefillMs { base: v[3], per_token: v[4], per_token_squared: v[5] };
            let front_end = FrontEnd { per_request_ms: v[6], per_prompt_token_us: v[7], per_output_token_us: v[8] };
            (Server::Vllm(Vllm { step, prefill, front_end, ..*s }), v[9])
        }
        Server::Fixed(f) => (Server::Fixed(Fixed { ttft_ms: v[0], itl_ms: v[1], ..*f }), v[2]),
    }
}

struct Problem {
    unknowns: Vec<Unknown>,
    order: Vec<usize>,
}

impl Problem {
    fn new(server: &Server, latency_ms: f64) -> Self {
        let (unknowns, order, bases): (&[Unknown], &[usize], Vec<f64>) = match server {
            Server::Vllm(s) => {
                let (a, b, c) = (s.step, s.prefill, s.front_end);
                let own = [a.base, a.per_sequence, a.per_kv_token, b.base, b.per_token, b.per_token_squared];
                let more = [c.per_request_ms, c.per_prompt_token_us, c.per_output_token_us, latency_ms];
                (&VLLM, &VLLM_ORDER, own.into_iter().chain(more).collect())
            }
            Server::Fixed(f) => (&FIXED, &FIXED_ORDER, vec![f.ttft_ms, f.itl_ms, latency_ms]),
        };
        Self { unknowns: unknowns.iter().zip(bases).map(|(u, base)| Unknown { base, ..*u }).collect(), order: order.to_vec() }
    }

    fn solve(&self, seen: &[&Seen<'_>], base: &Base) -> (Solution, Vec<Vec<Told>>) {
        let mut values: Vec<f64> = self.unknowns.iter().map(|u| u.base).collect();
        let mut server = base.server;
        let mut last = None;
        for _ in 0..ROUNDS {
            let mut told: Vec<Vec<Told>> = seen.iter().map(|s| rows(s, &server)).collect();
            block(seen, &mut told);
            let scales = scales(&told, &values);
            weigh(&mut told, &values, &scales);
            let flat: Vec<lsq::Row> = told.iter().flatten().map(|t| t.row).filter(|r| r.weight > 0.0).collect();
            let solution = self.once(&flat);
            values.clone_from(&solution.values);
            server = with(&base.server, &values).0;
            last = Some((solution, told));
        }
        // ROUNDS is above 0.
        last.unwrap_or_else(|| (solve(&[], &self.unknowns, &self.order), Vec::new()))
    }

    /// The order holds the way's latency where it cannot be told from the front-end. Where that leaves less than nothing for the
    /// front-end, the way cannot take so long: then it is the front-end that stays.
    fn once(&self, rows: &[lsq::Row]) -> Solution {
        let first = solve(rows, &self.unknowns, &self.order);
        let (request, way) = (6, 9);
        if self.unknowns.len() != MOST
            || matches!(first.fates[request], Fate::Fitted { .. })
            || matches!(first.fates[way], Fate::Fitted { .. })
        {
            return first;
        }
        let swapped = |i: &usize| match *i {
            i if i == request => way,
            i if i == way => request,
            i => i,
        };
        let second = solve(rows, &self.unknowns, &self.order.iter().map(swapped).collect::<Vec<_>>());
        if matches!(second.fates[way], Fate::Fitted { .. }) { second } else { first }
    }
}

fn tell(x: &[f64; MOST], values: &[f64]) -> f64 {
    x.iter().zip(values).map(|(x, v)| x * v).sum()
}

/// Robust standard deviation of each quantity's residuals, and their median.
fn scales(told: &[Vec<Told>], values: &[f64]) -> Vec<(f64, f64)> {
    Quantity::ALL
        .iter()
        .map(|q| {
            let of = || told.iter().flatten().filter(|t| t.quantity == *q);
            let errors = crate::stats::sorted(of().map(|t| t.row.y - tell(&t.row.x, values)));
            let middle = crate::stats::percentile(&errors, 50.0).unwrap_or(0.0);
            // What has a smaller weight errs more.
            let off = crate::stats::sorted(of().map(|t| (t.row.y - tell(&t.row.x, values) - middle).abs() * unit(t)));
            let robust = 1.4826 * crate::stats::percentile(&off, 50.0).unwrap_or(0.0);
            let usual = crate::stats::percentile(&crate::stats::sorted(of().map(|t| t.row.y.abs())), 50.0).unwrap_or(0.0);
            // No clock and no model is better than this.
            (robust.max(0.002 * usual).max(1e-6), middle)
        })
        .collect()
}

/// The weight that a row came with.
fn unit(t: &Told) -> f64 {
    t.row.weight
}

/// Each quantity counts by how well it is told; rows far off count nothing.
fn weigh(told: &mut [Vec<Told>], values: &[f64], scales: &[(f64, f64)]) {
    for t in told.iter_mut().flatten() {
        let (scale, middle) = scales[t.quantity as usize];
        let error = (t.row.y - tell(&t.row.x, values) - middle) * unit(t);
        t.row.weight = if error.abs() <= FAR * scale { unit(t) / scale } else { 0.0 };
    }
}

/// Requests near to each other shared a queue: blocks of three mean requests, at least ten over all.
fn block(seen: &[&Seen<'_>], told: &mut [Vec<Told>]) {
    let (mut sum, mut n) = (0.0, 0.0);
    for r in seen.iter().flat_map(|s| &s.served) {
        (sum, n) = (sum + (r.end - r.start), n + 1.0);
    }
    let spans: Vec<(f64, f64)> =
        told.iter().map(|rows| rows.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), t| (a.min(t.t), b.max(t.t)))).collect();
    let whole: f64 = spans.iter().map(|(a, b)| (b - a).max(0.0)).sum();
    let length = (3.0 * sum / f64::max(n, 1.0)).max(10.0).min(whole / 10.0).max(1e-3);
    let mut offset = 0;
    for (rows, (from, _)) in told.iter_mut().zip(&spans) {
        let mut most = 0;
        for t in rows {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let k = (((t.t - from) / length) as usize).min(100_000);
            t.row.block = offset + k;
            most = most.max(k + 1);
        }
        offset += most;
    }
}

/// Six step times around the fitted one whose covariance, with it and each as likely, is the fit's: the columns of its Cholesky factor,
/// both ways, √3.5 long. None is below 0.
#[allow(clippy::needless_range_loop)]
fn step_sets(server: &Server, s: &Solution) -> Vec<StepMs> {
    let Server::Vllm(v) = server else { return Vec::new() };
    let c = |i: usize, j: usize| s.covariance[i][j];
    let mut l = [[0.0_f64; 3]; 3];
    for i in 0..3 {
        for j in 0..=i {
            let rest = c(i, j) - (0..j).map(|k| l[i][k] * l[j][k]).sum::<f64>();
            l[i][j] = if i == j {
                rest.max(0.0).sqrt()
            } else if l[j][j] > 0.0 {
                rest / l[j][j]
            } else {
                0.0
            };
        }
    }
    let mut out = Vec::new();
    for k in (0..3).filter(|k| l[*k][*k] > 0.0) {
        for sign in [-1.0, 1.0] {
            let at = |i: usize, value: f64| (value + sign * 3.5_f64.sqrt() * l[i][k]).max(0.0);
            out.push(StepMs {
                base: at(0, v.step.base).max(0.001),
                per_sequence: at(1, v.step.per_sequence),
                per_kv_token: at(2, v.step.per_kv_token),
            });
        }
    }
    out
}
