use super::{RateFacts, Seed};
use crate::stats;
use bench_model::forecast::{ArmForecast, Band, E2eBands, LoadForecast, RateForecast, ScalingForecast, TtftBands};
use bench_model::plan::Arm;
use bench_model::summary::{RateSummary, ScalingSummary, Stats};

/// Median, 5th and 95th percentile, by linear interpolation between closest ranks (R's type 7, numpy's default); of one
/// number the number itself. `None` of nothing; what is not finite does not count.
pub fn band(values: impl IntoIterator<Item = f64>) -> Option<Band> {
    let v = stats::sorted(values);
    Some(Band { median: stats::percentile(&v, 50.0)?, p5: stats::percentile(&v, 5.0)?, p95: stats::percentile(&v, 95.0)? })
}

/// Bands of an arm over its seeds. `run` is the id of the stored run. `None` without a seed.
pub fn arm(arm: Arm, run: Option<String>, seeds: &[Seed]) -> Option<ArmForecast> {
    let rates = (0..seeds.first()?.summary.rates.len()).map(|k| rate(seeds, k)).collect();
    Some(ArmForecast { arm, seeds: count(seeds.len()), run, rates, overall: overall(seeds), scaling: scaling(seeds) })
}

/// Over every seed: where there is a seed there is a number, but for nonsense, which becomes 0.
fn always(values: impl IntoIterator<Item = f64>) -> Band {
    band(values).unwrap_or(Band { median: 0.0, p5: 0.0, p95: 0.0 })
}

/// Over the seeds in which it happened, if those are most of them.
fn mostly(values: impl Iterator<Item = Option<f64>>) -> Option<Band> {
    let all: Vec<Option<f64>> = values.collect();
    let known = all.iter().flatten().count();
    (2 * known > all.len()).then(|| band(all.into_iter().flatten())).flatten()
}

fn rate(seeds: &[Seed], k: usize) -> RateForecast {
    let of = |value: fn(&RateSummary) -> f64| always(seeds.iter().filter_map(|s| s.summary.rates.get(k)).map(value));
    let latency = |stats: fn(&RateSummary) -> Option<Stats>, value: fn(&Stats) -> f64| {
        mostly(seeds.iter().map(|s| s.summary.rates.get(k).and_then(stats).as_ref().map(value)))
    };
    let facts = || seeds.iter().filter_map(|s| s.rates.get(k));
    let number = |value: fn(&RateFacts) -> u64| always(facts().map(|f| float(value(f))));
    let ttft = |value| latency(|r| r.ttft_ms, value);
    let e2e = |value| latency(|r| r.e2e_s, value);
    RateForecast {
        rate: seeds.iter().find_map(|s| s.summary.rates.get(k)).map_or(0.0, |r| r.rate),
        succeeded_seeds: count(seeds.iter().filter(|s| s.summary.rates.get(k).is_some_and(|r| r.successful > 0)).count()),
        ttft_ms: ttft(|s| s.mean).zip(ttft(|s| s.p50)).zip(ttft(|s| s.p99)).map(|((mean, p50), p99)| TtftBands { mean, p50, p99 }),
        itl_ms_mean: latency(|r| r.itl_ms, |s| s.mean),
        e2e_s: e2e(|s| s.mean).zip(e2e(|s| s.p99)).map(|(mean, p99)| E2eBands { mean, p99 }),
        failed_fraction: of(|r| fraction(r.errored, r.requests)),
        // A simulated server tells its tokens.
        output_tokens_per_s: of(|r| r.output_tokens_per_s.unwrap_or(0.0)),
        achieved_rate: of(|r| r.achieved_rate),
        peak_in_flight: number(|f| f.peak_in_flight),
        waiting_at_end: number(|f| f.waiting_at_end),
        ready_at_end: mostly(facts().map(|f| f.ready_at_end.map(f64::from))),
        closed_loop_seeds: count(facts().filter(|f| f.closed_loop).count()),
    }
}

fn overall(seeds: &[Seed]) -> LoadForecast {
    let sum = |s: &Seed, value: fn(&RateSummary) -> u64| s.summary.rates.iter().map(value).fold(0, u64::saturating_add);
    let mean = |stats: fn(&RateSummary) -> Option<Stats>| {
        mostly(seeds.iter().map(|s| {
            let (mut total, mut n) = (0.0, 0.0);
            for s in s.summary.rates.iter().filter_map(stats) {
                total += s.mean * float(s.count);
                n += float(s.count);
            }
            (n > 0.0).then(|| total / n)
        }))
    };
    LoadForecast {
        failed_fraction: always(seeds.iter().map(|s| fraction(sum(s, |r| r.errored), sum(s, |r| r.requests)))),
        ttft_ms_mean: mean(|r| r.ttft_ms),
        e2e_s_mean: mean(|r| r.e2e_s),
        successful: always(seeds.iter().map(|s| float(sum(s, |r| r.successful)))),
    }
}

fn scaling(seeds: &[Seed]) -> ScalingForecast {
    let each = || seeds.iter().map(|s| &s.summary.scaling);
    let of = |value: fn(&ScalingSummary) -> f64| always(each().map(value));
    let replicas = |value: fn(&ScalingSummary) -> Option<u32>| mostly(each().map(|s| value(s).map(f64::from)));
    ScalingForecast {
        scaled_up_seeds: count(each().filter(|s| s.first_scale_up_s.is_some()).count()),
        first_scale_up_s: mostly(each().map(|s| s.first_scale_up_s)),
        start_replicas: replicas(|s| s.start_replicas),
        max_desired: replicas(|s| s.max_desired),
        max_ready: replicas(|s| s.max_ready),
        end_replicas: replicas(|s| s.end_replicas),
        stuck_seeds: count(each().filter(|s| s.end_replicas > s.start_replicas).count()),
        ready_replica_s: of(|s| s.ready_replica_s),
        desired_replica_s: of(|s| s.desired_replica_s),
        scale_ups: of(|s| s.scale_ups.into()),
        scale_downs: of(|s| s.scale_downs.into()),
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[allow(clippy::cast_precision_loss)]
fn float(n: u64) -> f64 {
    n as f64
}

fn fraction(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { float(part) / float(all) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::seed;
    use crate::validity::testing::{load, point, rate as window, run, settings};
    use bench_model::tables::Outcome;

    #[track_caller]
    fn near(b: Option<Band>, want: [f64; 3]) {
        let b = b.unwrap();
        assert!([b.median, b.p5, b.p95].iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12), "{b:?}");
    }

    #[test]
    fn quantiles_are_type_7() {
        // R: quantile(1:20, c(.5, .05, .95), type = 7)
        near(band((1..=20).map(f64::from)), [10.5, 1.95, 19.05]);
        // numpy.percentile([3, 1, 4, 1, 5, 9, 2, 6], [50, 5, 95])
        near(band([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0]), [3.5, 1.0, 7.95]);
        assert_eq!(band([7.0]), Some(Band { median: 7.0, p5: 7.0, p95: 7.0 }));
        assert_eq!(band([f64::NAN]), None);
    }

    /// Twenty requests; the first `failed` fail, the last `waiting` are cut off before their first token.
    fn one(failed: usize, waiting: usize, up: Option<f64>) -> Seed {
        let mut t = load(&[window(0, 2.0, 100.0, 10.0)]);
        t.requests.iter_mut().take(failed).for_each(|r| r.outcome = Outcome::Errored);
        for r in t.requests.iter_mut().rev().take(waiting) {
            (r.outcome, r.first_token, r.ttft_ms, r.latency_s, r.end) = (Outcome::Incomplete, None, None, None, Some(110.0));
        }
        (t.rates[0].errored, t.rates[0].incomplete) = (failed as u64, waiting as u64);
        t.rates[0].successful -= (failed + waiting) as u64;
        t.replicas.extend(up.map(|s| point(100.0 + s, 2, 2)));
        t.rates[0].max_concurrency = Some(5);
        seed(&run(), &t, "0.5.4", &settings(&t))
    }

    #[test]
    fn a_rate_is_a_band_over_the_seeds() {
        let a = arm(Arm::Hpa, Some("id".into()), &[one(0, 0, None), one(2, 4, Some(3.0)), one(4, 6, Some(5.0))]).unwrap();
        let r = &a.rates[0];
        assert_eq!((a.seeds, r.rate, r.succeeded_seeds), (3, 2.0, 3));
        near(Some(r.failed_fraction), [0.1, 0.01, 0.19]);
        assert_eq!(r.waiting_at_end.median, 4.0);
        // Requests last half a second, so one at a time, unless they wait for the end.
        assert_eq!((r.peak_in_flight.median, r.closed_loop_seeds), (4.0, 1));
        assert_eq!(r.ready_at_end.unwrap().median, 2.0);
        assert_eq!(r.ttft_ms.unwrap().p99.median, 50.0);
        assert_eq!(a.overall.failed_fraction, r.failed_fraction);
        assert_eq!((a.overall.successful.median, a.overall.ttft_ms_mean.unwrap().p95), (14.0, 50.0));
        let s = &a.scaling;
        assert_eq!((s.scaled_up_seeds, s.stuck_seeds), (2, 2));
        near(s.first_scale_up_s, [4.0, 3.1, 4.9]);
        assert_eq!((s.start_replicas.unwrap().median, s.max_ready.unwrap().median, s.scale_ups.median), (1.0, 2.0, 1.0));
    }

    #[test]
    fn what_did_not_happen_in_most_seeds_has_no_band() {
        let a = arm(Arm::Hpa, None, &[one(0, 0, None), one(20, 0, Some(3.0))]).unwrap();
        assert_eq!((a.scaling.scaled_up_seeds, a.scaling.first_scale_up_s), (1, None));
        assert_eq!((a.rates[0].succeeded_seeds, a.rates[0].ttft_ms, a.rates[0].e2e_s), (1, None, None));
        assert_eq!(arm(Arm::Hpa, None, &[]), None);
    }

    #[test]
    fn one_seed_is_a_point_and_an_empty_run_is_no_panic() {
        let a = arm(Arm::Wva, None, &[one(2, 0, Some(3.0))]).unwrap();
        assert_eq!(a.rates[0].failed_fraction, Band { median: 0.1, p5: 0.1, p95: 0.1 });
        let empty = seed(&run(), &Default::default(), "", &Default::default());
        assert_eq!(arm(Arm::Wva, None, &[empty]).unwrap().rates, vec![]);
    }
}
