//! How long a pod takes to start: from scheduled to the moment from which on it answers.

use super::lsq::Fate;
use crate::stats::bootstrap::{deviation, t_975};
use crate::stats::{mean, percentile, sorted};
use bench_model::run::Source;
use bench_model::tables::Tables;

/// Starts of pods, seconds from scheduled to ready; those that stood at the beginning of a prediction took none.
pub fn starts(tables: &Tables) -> Vec<f64> {
    let all = tables.pods.iter().filter_map(|p| Some(p.ready? - p.scheduled.unwrap_or(p.created)));
    all.filter(|s| s.is_finite() && *s > 0.0 && *s < 86_400.0).collect()
}

/// Median and spread.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    pub median_s: Fate,
    pub spread: Fate,
}

/// Seconds that a start lies off the median to be of another kind, in robust standard deviations.
const FAR: f64 = 6.0;

/// From starts of all runs: a look of the readiness probe sees an answering pod half a period late on average, and Kubernetes writes
/// both moments in whole seconds.
#[allow(clippy::cast_precision_loss)]
pub fn fit(all: &[f64], period_s: f64, source: Source, base_median_s: f64) -> Start {
    let why = |text: &str| Fate::Held { why: text.into() };
    let v = sorted(all.iter().copied());
    let Some(middle) = percentile(&v, 50.0) else {
        let none = "no pod started in these runs";
        return Start { median_s: why(none), spread: why(none) };
    };
    let off = sorted(v.iter().map(|s| (s - middle).abs()));
    let robust = 1.4826 * percentile(&off, 50.0).unwrap_or(0.0);
    let near: Vec<f64> = v.iter().copied().filter(|s| (s - middle).abs() <= FAR * robust.max(1.0)).collect();
    let n = near.len() as f64;
    let median = (mean(&near).unwrap_or(middle) - period_s / 2.0).max(0.0);
    // What the looks and the whole seconds add to the variance.
    let rounding = period_s * period_s / 12.0 + if source == Source::Measured { 1.0 / 6.0 } else { 0.0 };
    let Some(sd) = deviation(&near) else {
        // One start: as far as rounding alone can be off, and no spread at all.
        let half = period_s / 2.0 + if source == Source::Measured { 1.0 } else { 0.0 };
        let told = (median - base_median_s).abs() > half;
        let only = format!("one pod started, in {middle:.0} s, which does not tell it from the base's value");
        let median_s = if told { Fate::Fitted { value: median, half: f64::INFINITY } } else { why(&only) };
        return Start { median_s, spread: why("one pod started: one start has no spread") };
    };
    let half = t_975(n - 1.0) * (sd * sd).max(rounding).sqrt() / n.sqrt();
    let own = (sd * sd - rounding).max(0.0).sqrt() / median.max(1e-9);
    let spread = if near.len() < 5 {
        why("fewer than 5 pods started: that says little of the spread")
    } else {
        // Of a standard deviation, by its normal approximation.
        Fate::Fitted { value: own.min(2.0), half: t_975(n - 1.0) * own / (2.0 * (n - 1.0)).sqrt() }
    };
    // The same rule as for all others.
    let vague = (median - base_median_s).abs() <= half && half > median / 2.0;
    let untold = || why(&format!("the runs allow {median:.1} ± {half:.1}, which does not tell it from the base's value"));
    Start { median_s: if vague { untold() } else { Fate::Fitted { value: median, half } }, spread }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_sim::rng::Stream;

    #[test]
    fn what_was_drawn_comes_back() {
        let mut s = Stream::new(4, "starts", 0);
        // Answers after 40 s ± 10 %, seen at the next look of 5 s.
        let all: Vec<f64> = (0..40).map(|_| (40.0_f64 * (1.0 + 0.1 * s.normal()) / 5.0).ceil() * 5.0).collect();
        let Start { median_s: Fate::Fitted { value, half }, spread: Fate::Fitted { value: spread, .. } } =
            fit(&all, 5.0, Source::Predicted, 60.0)
        else {
            panic!("fitted")
        };
        assert!((value - 40.0).abs() < half && half < 3.0, "{value} ± {half}");
        assert!((spread - 0.1).abs() < 0.04, "{spread}");
    }

    #[test]
    fn few_starts_tell_little_and_one_that_pulled_its_image_is_another_kind() {
        let few = fit(&[12.0, 13.0, 90.0], 2.0, Source::Measured, 3.0);
        let Fate::Fitted { value, .. } = few.median_s else { panic!("{few:?}") };
        assert!((value - 11.5).abs() < 1e-9, "{value}");
        assert!(matches!(few.spread, Fate::Held { .. }));
        let one = fit(&[12.0], 2.0, Source::Measured, 3.0);
        assert_eq!(one.median_s, Fate::Fitted { value: 11.0, half: f64::INFINITY });
        let near = fit(&[4.0], 2.0, Source::Measured, 3.0);
        assert!(matches!(near.median_s, Fate::Held { .. }), "{near:?}");
        assert!(matches!(fit(&[], 2.0, Source::Measured, 3.0).median_s, Fate::Held { .. }));
    }
}
