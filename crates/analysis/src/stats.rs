//! Statistics of a list of numbers, exact: sorted, no sketches.

pub mod bootstrap;

use bench_model::summary::Stats;

/// Percentile `q` (0..=100) of sorted numbers by linear interpolation between the closest ranks: position
/// `(n − 1)·q/100`, counted from 0. This is numpy's default (`method="linear"`). `None` of nothing.
pub fn percentile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    #[allow(clippy::cast_precision_loss)]
    let position = last as f64 * (q / 100.0).clamp(0.0, 1.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let below = (position.floor() as usize).min(last);
    let (a, b) = (sorted[below], sorted[(below + 1).min(last)]);
    Some(a + (b - a) * (position - position.floor()))
}

/// The finite ones of some numbers, sorted.
pub fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut v: Vec<f64> = values.into_iter().filter(|x| x.is_finite()).collect();
    v.sort_unstable_by(f64::total_cmp);
    v
}

/// Mean of numbers; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    #[allow(clippy::cast_precision_loss)]
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Count, mean, extremes and percentiles; `None` of nothing. What is not finite does not count.
pub fn stats(values: impl IntoIterator<Item = f64>) -> Option<Stats> {
    let v = sorted(values);
    Some(Stats {
        count: v.len() as u64,
        mean: mean(&v)?,
        min: *v.first()?,
        p50: percentile(&v, 50.0)?,
        p90: percentile(&v, 90.0)?,
        p99: percentile(&v, 99.0)?,
        max: *v.last()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_numpys() {
        // numpy.percentile([1, 2, 4, 8, 16], [0, 10, 50, 90, 99, 100])
        let v = [1.0, 2.0, 4.0, 8.0, 16.0];
        for (q, want) in [(0.0, 1.0), (10.0, 1.4), (50.0, 4.0), (90.0, 12.8), (99.0, 15.68), (100.0, 16.0)] {
            let got = percentile(&v, q).unwrap();
            assert!((got - want).abs() < 1e-12, "p{q}: {got}");
        }
        assert_eq!(percentile(&[7.0], 99.0), Some(7.0));
        assert_eq!(percentile(&[], 50.0), None);
    }

    #[test]
    fn order_and_nonsense_do_not_matter() {
        let s = stats([4.0, f64::NAN, 1.0, f64::INFINITY, 3.0, 2.0]).unwrap();
        assert_eq!((s.count, s.mean, s.min, s.p50, s.max), (4, 2.5, 1.0, 2.5, 4.0));
        assert_eq!(stats([]), None);
        assert_eq!(stats([f64::NAN]), None);
    }
}
