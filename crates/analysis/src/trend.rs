//! A number over runs of one plan: what earlier runs allow the newest.

use crate::stats::bootstrap::{deviation, t_975};
use crate::stats::mean;
use bench_model::summary::Verdict;
use bench_model::trend::{Limits, Point, Worse};

/// Fewer earlier runs say too little of what differs from run to run.
pub const LEAST_RUNS: usize = 3;

/// Names whose numbers get worse when they fall; all others do when they rise.
const GOOD: [&str; 6] = ["successful", "achieved", "output_tokens", "goodput", "good", "counted"];

/// By the first name of the expression.
pub fn worse(metric: &str) -> Worse {
    let name = metric.rsplit('.').next().unwrap_or(metric).trim();
    if GOOD.iter().any(|g| name.starts_with(g)) { Worse::Down } else { Worse::Up }
}

/// May this run be compared with?
pub fn counts(p: &Point) -> bool {
    p.verdict != Verdict::Invalid && p.value.is_some_and(f64::is_finite)
}

/// The interval of 95 % for one more run like the earlier ones, `mean ± t·s·√(1 + 1/n)`; at least `tolerance` of the mean to either
/// side, because a few runs may agree by chance. `None` with fewer than [`LEAST_RUNS`] that count.
pub fn limits(earlier: &[Point], tolerance: f64, worse: Worse) -> Option<Limits> {
    let values: Vec<f64> = earlier.iter().filter(|p| counts(p)).filter_map(|p| p.value).collect();
    let (m, s) = (mean(&values)?, deviation(&values).filter(|_| values.len() >= LEAST_RUNS)?);
    #[allow(clippy::cast_precision_loss)]
    let n = values.len() as f64;
    let half = (t_975(n - 1.0) * s * (1.0 + 1.0 / n).sqrt()).max(tolerance * m.abs());
    // What was never below 0 does not get there.
    let least = if values.iter().all(|v| *v >= 0.0) { 0.0 } else { f64::NEG_INFINITY };
    Some(Limits { runs: values.len() as u64, mean: m, deviation: s, low: (m - half).max(least), high: m + half, worse })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_sim::rng::Stream;

    fn point(value: f64, verdict: Verdict) -> Point {
        Point { run: "r".into(), created: None, verdict, value: Some(value), why: None }
    }

    #[test]
    fn invalid_and_missing_ones_do_not_count_and_three_are_needed() {
        let mut earlier = vec![point(10.0, Verdict::Valid), point(1e6, Verdict::Invalid), point(12.0, Verdict::ValidClosedLoop)];
        earlier.push(Point { value: None, ..point(0.0, Verdict::Valid) });
        assert_eq!(limits(&earlier, 0.0, Worse::Up), None);
        earlier.push(point(11.0, Verdict::Valid));
        let l = limits(&earlier, 0.0, Worse::Up).unwrap();
        assert_eq!((l.runs, l.mean, l.deviation), (3, 11.0, 1.0));
        // t for two degrees of freedom.
        assert!((l.high - (11.0 + 4.303 * (4.0_f64 / 3.0).sqrt())).abs() < 1e-9, "{l:?}");
        let same = [point(5.0, Verdict::Valid), point(5.0, Verdict::Valid), point(5.0, Verdict::Valid)];
        let l = limits(&same, 0.02, Worse::Up).unwrap();
        assert!((l.low - 4.9).abs() < 1e-12 && (l.high - 5.1).abs() < 1e-12, "{l:?}");
    }

    #[test]
    fn one_more_run_like_the_others_is_rarely_told_worse() {
        let mut over = 0;
        for seed in 0..2000 {
            let mut s = Stream::new(seed, "trend", 0);
            let earlier: Vec<Point> = (0..5).map(|_| point(100.0 + s.normal(), Verdict::Valid)).collect();
            over += u32::from(100.0 + s.normal() > limits(&earlier, 0.0, Worse::Up).unwrap().high);
        }
        // 2.5 % each side.
        assert!((30..=72).contains(&over), "{over} of 2000");
    }

    #[test]
    fn which_way_is_worse() {
        for (metric, w) in [
            ("p99_ttft_ms", Worse::Up),
            ("rate[5].goodput_fraction", Worse::Down),
            ("output_tokens_per_s", Worse::Down),
            ("replica_seconds", Worse::Up),
            ("failed_fraction", Worse::Up),
        ] {
            assert_eq!(worse(metric), w, "{metric}");
        }
    }
}
