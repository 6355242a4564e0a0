//! Intervals of 95 % for differences between two sets of requests, and between runs.
//!
//! Requests that follow each other share queues, so they are drawn in blocks: a circular block bootstrap (Politis & Romano 1992) within
//! each stratum (a rate of a run), its block length by the rule of Politis & White (2004, corrected 2009) from the autocorrelation. It is
//! 1 for independent values. Intervals are percentile intervals. Over runs it is Welch's t.

use super::{mean, percentile};
use bench_sim::rng::Stream;

/// Resamples of an interval.
pub const RESAMPLES: usize = 400;
/// Where the same comparison gives the same interval.
const SEED: u64 = 0x5eed;

/// What is told of a set of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// Of 0 and 1: a share.
    Mean,
    /// 0..=100.
    Percentile(f64),
}

impl Statistic {
    /// Of values in any order, which are reordered; `None` of nothing.
    fn of(self, values: &mut [f64]) -> Option<f64> {
        match self {
            Self::Mean => mean(values),
            Self::Percentile(q) => {
                let last = values.len().checked_sub(1)?;
                #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let below = ((last as f64 * q / 100.0).floor() as usize).min(last);
                let (_, low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
                let low = *low;
                let next = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
                // The same interpolation as `percentile`.
                percentile(&[low, next], 100.0 * fraction(last, q))
            }
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn fraction(last: usize, q: f64) -> f64 {
    let p = last as f64 * q / 100.0;
    p - p.floor()
}

/// Values in the order in which they came, a stratum a part of the load that is of one kind.
pub type Strata = Vec<Vec<f64>>;

/// The statistic of all strata together.
pub fn value(strata: &Strata, s: Statistic) -> Option<f64> {
    s.of(&mut strata.concat())
}

/// Interval of 95 % for `statistic(b) − statistic(a)` for each of the statistics; `None` where a side is empty.
pub fn differences(a: &Strata, b: &Strata, statistics: &[Statistic]) -> Vec<Option<(f64, f64)>> {
    let drawn = |strata: &Strata, name: &str| resampled(strata, statistics, &mut Stream::new(SEED, name, 0));
    let (left, right) = (drawn(a, "a"), drawn(b, "b"));
    let of = |k: usize| {
        let both = left.iter().zip(&right).filter_map(|(l, r)| Some(r[k]? - l[k]?));
        let d = super::sorted(both);
        Some((percentile(&d, 2.5)?, percentile(&d, 97.5)?))
    };
    (0..statistics.len()).map(of).collect()
}

/// Interval of 95 % for each of the statistics themselves; `None` of nothing.
pub fn intervals(values: &Strata, statistics: &[Statistic]) -> Vec<Option<(f64, f64)>> {
    let drawn = resampled(values, statistics, &mut Stream::new(SEED, "a", 0));
    let of = |k: usize| {
        let d = super::sorted(drawn.iter().filter_map(|r| r[k]));
        Some((percentile(&d, 2.5)?, percentile(&d, 97.5)?))
    };
    (0..statistics.len()).map(of).collect()
}

fn resampled(strata: &Strata, statistics: &[Statistic], draw: &mut Stream) -> Vec<Vec<Option<f64>>> {
    let blocks: Vec<usize> = strata.iter().map(|s| block_length(s)).collect();
    let mut sample: Vec<f64> = Vec::with_capacity(strata.iter().map(Vec::len).sum());
    let mut out = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        sample.clear();
        for (values, block) in strata.iter().zip(&blocks) {
            let (end, n) = (sample.len() + values.len(), u32::try_from(values.len()).unwrap_or(u32::MAX));
            while sample.len() < end {
                let from = draw.below(n) as usize;
                let take = (*block).min(end - sample.len());
                let first = take.min(values.len() - from);
                sample.extend_from_slice(&values[from..from + first]);
                sample.extend_from_slice(&values[..take - first]);
            }
        }
        out.push(statistics.iter().map(|s| s.of(&mut sample)).collect());
    }
    out
}

/// Length of the blocks for a series of values: Politis & White's rule for the circular bootstrap of a mean, at least 1, at most
/// `min(3·√n, n/3)`.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn block_length(values: &[f64]) -> usize {
    let n = values.len();
    let most = (3.0 * (n as f64).sqrt()).ceil().min(n as f64 / 3.0) as usize;
    let Some(m) = mean(values).filter(|_| most >= 2) else { return 1 };
    let covariance = |lag: usize| values[lag..].iter().zip(values).map(|(x, y)| (x - m) * (y - m)).sum::<f64>() / n as f64;
    let r0 = covariance(0);
    if r0.is_nan() || r0 <= 0.0 {
        return 1;
    }
    let log = (n as f64).log10();
    let quiet = (log.sqrt().ceil() as usize).max(5);
    let limit = 2.0 * (log / n as f64).sqrt();
    let last = ((n as f64).sqrt().ceil() as usize + quiet).min(n - 1);
    // The first lag after which `quiet` lags in a row tell of nothing.
    let mut r = vec![r0];
    let mut small = 0;
    while r.len() <= last && small < quiet {
        let c = covariance(r.len());
        small = if (c / r0).abs() < limit { small + 1 } else { 0 };
        r.push(c);
    }
    let told = (r.len() - 1 - small).max(1);
    let width = (2 * told).min(last).max(1);
    while r.len() <= width {
        r.push(covariance(r.len()));
    }
    // Flat to the half, then down to nothing.
    let weight = |k: usize| (2.0 * (1.0 - k as f64 / width as f64)).clamp(0.0, 1.0);
    let g: f64 = (1..=width).map(|k| 2.0 * weight(k) * k as f64 * r[k]).sum();
    let spectrum: f64 = r0 + (1..=width).map(|k| 2.0 * weight(k) * r[k]).sum::<f64>();
    let d = 4.0 / 3.0 * spectrum * spectrum;
    let b = (2.0 * g * g / d).cbrt() * (n as f64).cbrt();
    if b.is_finite() { (b.round() as usize).clamp(1, most) } else { most }
}

/// 97.5 % quantile of Student's t; between whole degrees of freedom its logarithm goes as a line over 1/df, which is at most 3 % too
/// wide below two and 1 % above.
pub fn t_975(df: f64) -> f64 {
    const T: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101,
        2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let k = df.floor().max(1.0) as usize;
    match (T.get(k - 1), T.get(k)) {
        (Some(low), Some(high)) if df > 1.0 => {
            let (a, b) = (1.0 / k as f64, 1.0 / (k + 1) as f64);
            high * (low / high).powf((1.0 / df - b) / (a - b))
        }
        (Some(last), _) => *last,
        // Beyond the table by the first terms in 1/df (Cornish and Fisher), to within 0.0005.
        _ => 1.96 + 2.3724 / df + 2.8227 / (df * df),
    }
}

/// 80 % quantile of Student's t, to within 0.02 from two degrees of freedom on.
fn t_80(df: f64) -> f64 {
    0.8416 + 0.44 / df.max(1.0)
}

/// Standard deviation, of at least two.
pub fn deviation(values: &[f64]) -> Option<f64> {
    let m = mean(values).filter(|_| values.len() > 1)?;
    #[allow(clippy::cast_precision_loss)]
    let variance = values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (values.len() - 1) as f64;
    Some(variance.sqrt())
}

/// Welch's interval of 95 % for `mean(b) − mean(a)` over runs; `None` unless both have two or more.
#[allow(clippy::cast_precision_loss)]
pub fn welch(a: &[f64], b: &[f64]) -> Option<(f64, f64)> {
    let share = |v: &[f64]| Some(deviation(v)?.powi(2) / v.len() as f64);
    let (sa, sb) = (share(a)?, share(b)?);
    let d = mean(b)? - mean(a)?;
    let df = (sa + sb).powi(2) / (sa * sa / (a.len() - 1) as f64 + sb * sb / (b.len() - 1) as f64);
    let half = if sa + sb > 0.0 { t_975(df) * (sa + sb).sqrt() } else { 0.0 };
    Some((d - half, d + half))
}

/// The least difference between two arms of `n` runs each that a test at 5 % finds four times out of five.
pub fn detectable(deviation: f64, n: u32) -> Option<f64> {
    let df = 2.0 * f64::from(n) - 2.0;
    (n >= 2).then(|| (t_975(df) + t_80(df)) * deviation * (2.0 / f64::from(n)).sqrt())
}

/// Fewest runs of each arm with which `difference` is detectable; `None` beyond 1000.
pub fn repeats(deviation: f64, difference: f64) -> Option<u32> {
    (2..=1000).find(|n| detectable(deviation, *n).is_some_and(|d| d <= difference))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Share of 300 intervals that hold the true difference of the means, which is 0.
    fn coverage(phi: f64, n: usize) -> f64 {
        let mut held = 0;
        for k in 0..300 {
            let series = |name: &str| {
                let mut s = Stream::new(99, name, k);
                let mut x = s.normal() / (1.0 - phi * phi).sqrt();
                let mut next = || {
                    x = phi * x + s.normal();
                    x
                };
                vec![(0..n).map(|_| next()).collect::<Vec<f64>>()]
            };
            let (low, high) = differences(&series("left"), &series("right"), &[Statistic::Mean])[0].unwrap();
            held += u32::from(low <= 0.0 && 0.0 <= high);
        }
        f64::from(held) / 300.0
    }

    #[test]
    fn intervals_hold_as_often_as_they_say() {
        for (phi, n) in [(0.0, 200), (0.5, 600), (0.8, 1500)] {
            let c = coverage(phi, n);
            assert!((0.90..=0.98).contains(&c), "AR(1) {phi}, n {n}: {c}");
        }
    }

    #[test]
    fn blocks_grow_with_the_autocorrelation() {
        let series = |phi: f64| {
            let mut s = Stream::new(5, "ar", 0);
            let mut x = 0.0;
            (0..4000)
                .map(|_| {
                    x = phi * x + s.normal();
                    x
                })
                .collect::<Vec<f64>>()
        };
        let lengths: Vec<usize> = [0.0, 0.5, 0.9].iter().map(|p| block_length(&series(*p))).collect();
        assert!(lengths[0] <= 4 && lengths[1] > lengths[0] && lengths[2] > 2 * lengths[1], "{lengths:?}");
        assert_eq!((block_length(&[]), block_length(&[1.0; 50]), block_length(&[1.0, 2.0])), (1, 1, 1));
    }

    #[test]
    fn statistics_are_those_of_the_reference() {
        let v = vec![vec![16.0, 1.0, 4.0], vec![2.0, 8.0]];
        // numpy.percentile([1, 2, 4, 8, 16], 90) and its mean.
        assert!((value(&v, Statistic::Percentile(90.0)).unwrap() - 12.8).abs() < 1e-12);
        assert_eq!(value(&v, Statistic::Mean), Some(6.2));
        assert_eq!(value(&vec![], Statistic::Mean), None);
        assert_eq!(differences(&vec![vec![]], &v, &[Statistic::Mean]), [None]);
    }

    #[test]
    fn the_same_input_gives_the_same_interval() {
        let a = vec![(0..500).map(f64::from).collect::<Vec<_>>()];
        let all = [Statistic::Mean, Statistic::Percentile(99.0)];
        assert_eq!(differences(&a, &a, &all), differences(&a, &a, &all));
    }

    #[test]
    fn over_runs_it_is_welch() {
        // R: t.test(c(3, 5, 4), c(6, 9, 7, 8)) has df 4.959, of which t is 2.5779, and 3.5 ± t·√(1/3 + 5/12).
        let (low, high) = welch(&[3.0, 5.0, 4.0], &[6.0, 9.0, 7.0, 8.0]).unwrap();
        assert!((low + high - 7.0).abs() < 1e-9);
        assert!(((high - low) / 2.0 - 2.578 * (1.0_f64 / 3.0 + 5.0 / 12.0).sqrt()).abs() < 2e-3, "{low} {high}");
        assert_eq!(welch(&[1.0], &[2.0, 3.0]), None);
        assert_eq!(welch(&[1.0, 1.0], &[3.0, 3.0]), Some((2.0, 2.0)));
    }

    #[test]
    fn t_is_students_between_whole_degrees_too() {
        // By integrating its density.
        for (df, t) in
            [(1.2, 8.6488), (1.5, 6.0167), (1.8, 4.7949), (2.5, 3.5747), (3.5, 2.9401), (4.41, 2.6775), (10.5, 2.2138), (29.5, 2.0437)]
        {
            let wide = t_975(df) / t - 1.0;
            assert!((-2e-4..if df < 2.0 { 0.03 } else { 0.01 }).contains(&wide), "{df}: {} for {t}", t_975(df));
        }
        assert!((t_975(1.0) - 12.706).abs() < 1e-9 && (t_975(30.0) - 2.042).abs() < 1e-9 && (t_975(31.0) - 2.0395).abs() < 5e-4);
    }

    #[test]
    fn more_runs_show_less() {
        // Textbooks: 17 a side for one standard deviation.
        let n = repeats(1.0, 1.0).unwrap();
        assert!((16..=18).contains(&n), "{n}");
        assert!(detectable(1.0, 3) > detectable(1.0, 10));
        assert_eq!((detectable(1.0, 1), repeats(1.0, 0.0)), (None, None));
    }
}
