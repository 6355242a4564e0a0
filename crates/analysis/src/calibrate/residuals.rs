//! How far off the coefficients are, by quantity: predicted less measured, before and after.

use super::rows::{Quantity, Seen, Told};
use super::tell;
use bench_model::calibration::{Errors, Residual};

/// Gathers errors of one quantity.
#[derive(Default)]
struct Sum {
    n: u64,
    left_out: u64,
    measured: f64,
    before: (f64, f64),
    after: (f64, f64),
}

impl Sum {
    fn add(&mut self, measured: f64, before: f64, after: f64) {
        let put = |sum: &mut (f64, f64), e: f64| *sum = (sum.0 + e, sum.1 + e * e);
        self.n += 1;
        self.measured += measured;
        put(&mut self.before, before - measured);
        put(&mut self.after, after - measured);
    }

    fn end(&self, quantity: &str, unit: &str) -> Option<Residual> {
        #[allow(clippy::cast_precision_loss)]
        let n = self.n as f64;
        let errors = |(sum, squares): (f64, f64)| Errors { mean: sum / n, rms: (squares / n).sqrt() };
        (self.n > 0).then(|| Residual {
            quantity: quantity.into(),
            unit: unit.into(),
            rows: self.n,
            left_out: self.left_out,
            measured_mean: self.measured / n,
            before: errors(self.before),
            after: errors(self.after),
        })
    }
}

/// Of the rows, and of the end-to-end time of requests both of whose parts are among them.
pub fn of(seen: &[&Seen<'_>], told: &[Vec<Told>], before: &[f64], after: &[f64]) -> Vec<Residual> {
    let mut sums: Vec<Sum> = Quantity::ALL.iter().map(|_| Sum::default()).collect();
    let mut whole = Sum::default();
    for (s, rows) in seen.iter().zip(told) {
        let mut parts: Vec<[Option<&Told>; 2]> = vec![[None; 2]; s.served.len()];
        for t in rows {
            let sum = &mut sums[t.quantity as usize];
            if t.row.weight > 0.0 {
                sum.add(t.row.y, tell(&t.row.x, before), tell(&t.row.x, after));
            } else {
                sum.left_out += 1;
            }
            if let Some(i) = t.request.filter(|_| t.row.weight > 0.0) {
                parts[i][usize::from(t.quantity == Quantity::Itl)] = Some(t);
            }
        }
        for (r, parts) in s.served.iter().zip(parts) {
            let [Some(first), Some(between)] = parts else { continue };
            let predicted = |v: &[f64]| (tell(&first.row.x, v) + tell(&between.row.x, v) * (r.output - 1.0)) / 1000.0;
            whole.add(r.end - r.start, predicted(before), predicted(after));
        }
    }
    let rows = Quantity::ALL.iter().zip(&sums).filter_map(|(q, s)| s.end(q.name(), "ms"));
    rows.chain(whole.end("e2e", "s")).collect()
}

/// Of the pods' starts, seen half a look late.
pub fn of_starts(starts: &[f64], period_s: f64, before_s: f64, after_s: f64) -> Option<Residual> {
    let mut sum = Sum::default();
    starts.iter().for_each(|s| sum.add(*s, before_s + period_s / 2.0, after_s + period_s / 2.0));
    sum.end("pod-start", "s")
}
