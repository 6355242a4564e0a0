//! Tests of the HPA controller: borders and memory, one at a time. Whole histories are compared in tests/oracle.

use super::*;
use crate::rng::Stream;

const TARGET: i64 = 1000;

/// One External metric with AverageValue 1, from 1 to `max` replicas.
fn average_one(max: i32, behavior: Option<WrittenBehavior>) -> Spec {
    let written =
        WrittenSpec { max, metrics: vec![MetricSpec::External(Target::AverageValue(TARGET))], behavior, ..WrittenSpec::default() };
    written.admit(Gates::default()).expect("a valid HPA")
}

/// Both windows set, the policies too wide to matter.
fn windows(up_s: i32, down_s: i32) -> Option<WrittenBehavior> {
    let rules =
        |window_s| WrittenRules { window_s: Some(window_s), policies: Some(vec![pods_policy(10_000, 15)]), ..WrittenRules::default() };
    Some(WrittenBehavior { up: rules(up_s), down: rules(down_s) })
}

fn pods_policy(value: i32, period_s: i32) -> Policy {
    Policy { kind: PolicyKind::Pods, value, period_s }
}

/// A sync at which the metric asks for `wanted` replicas and the scale's spec and status are the same.
fn sync(c: &mut Controller, spec: &Spec, at_s: i64, replicas: i32, wanted: i64) -> Outcome {
    sync_ms(c, spec, at_s * 1000, replicas, wanted)
}

fn sync_ms(c: &mut Controller, spec: &Spec, now_ms: i64, replicas: i32, wanted: i64) -> Outcome {
    let seen =
        Observation { spec_replicas: replicas, status_replicas: replicas, readings: &[Reading::Values(&[wanted * TARGET])], pods: &[] };
    c.sync(spec, now_ms, &seen)
}

fn fresh() -> Controller {
    Controller::new(Config::default())
}

fn reason(c: Option<Condition>) -> Option<(bool, Reason)> {
    c.map(|c| (c.status, c.reason))
}

/// Whether a target that asks for `wanted` of `replicas` is changed by a controller with that comparison.
fn scales(flavour: ToleranceFlavour, replicas: i32, wanted: i64) -> bool {
    let mut c = Controller::new(Config { flavour, ..Config::default() });
    let scaled_to = sync(&mut c, &average_one(500, windows(0, 0)), 15, replicas, wanted).scale_to;
    assert!(scaled_to.is_none() || scaled_to.map(i64::from) == Some(wanted));
    scaled_to.is_some()
}

#[test]
fn tolerance_at_the_borders_around_ten() {
    use ToleranceFlavour::{Bounds, Distance};
    for (replicas, wanted, old, new) in [
        (9, 10, true, true),
        (9, 8, true, true),
        (10, 11, true, false),
        (10, 9, false, false),
        (11, 12, false, false),
        (11, 10, false, false),
    ] {
        assert_eq!(scales(Distance, replicas, wanted), old, "{replicas} → {wanted}, up to 1.32");
        assert_eq!(scales(Bounds, replicas, wanted), new, "{replicas} → {wanted}, from 1.33");
    }
}

#[test]
fn tolerance_in_float64_is_that_of_fractions_except_up_with_the_old_comparison() {
    use ToleranceFlavour::{Bounds, Distance};
    for replicas in 1..=100 {
        for wanted in 1..=150 {
            let tenths = (wanted - i64::from(replicas)) * 10;
            let beyond = tenths.abs() > i64::from(replicas);
            assert_eq!(scales(Bounds, replicas, wanted), beyond, "{replicas} → {wanted}, from 1.33");
            let exactly_up = tenths == i64::from(replicas);
            assert_eq!(scales(Distance, replicas, wanted), beyond || exactly_up, "{replicas} → {wanted}, up to 1.32");
        }
    }
}

#[test]
fn tolerance_of_the_hpa_needs_the_gate_and_the_newer_comparison() {
    let mut behavior = windows(0, 0);
    if let Some(b) = &mut behavior {
        b.up.tolerance = Some(quantity_as_f64(5, -1));
    }
    let gates = Gates { configurable_tolerance: true, ..Gates::default() };
    let metrics = vec![MetricSpec::External(Target::AverageValue(TARGET))];
    let written = WrittenSpec { max: 20, metrics, behavior, ..WrittenSpec::default() };
    let with = |gates: Gates, flavour| {
        let spec = written.clone().admit(gates).expect("a valid HPA");
        let mut c = Controller::new(Config { gates, flavour, ..Config::default() });
        (sync(&mut c, &spec, 15, 10, 15).scale_to, sync(&mut c, &spec, 30, 10, 16).scale_to, sync(&mut c, &spec, 45, 10, 8).scale_to)
    };
    assert_eq!(with(gates, ToleranceFlavour::Bounds), (None, Some(16), Some(8)));
    assert_eq!(with(gates, ToleranceFlavour::Distance), (Some(15), Some(16), Some(8)));
    assert_eq!(with(Gates::default(), ToleranceFlavour::Bounds), (Some(15), Some(16), Some(8)));
}

/// Replicas after a proposal of 1, so long after the first and only proposal of 5.
fn down_after(behavior: Option<WrittenBehavior>, gap_ms: i64) -> Option<i32> {
    let spec = average_one(10, behavior);
    let mut c = fresh();
    assert_eq!(sync(&mut c, &spec, 15, 5, 5).scale_to, None);
    sync_ms(&mut c, &spec, 15_000 + gap_ms, 5, 1).scale_to
}

#[test]
fn legacy_window_includes_what_is_exactly_as_old() {
    assert_eq!(down_after(None, 299_999), None);
    assert_eq!(down_after(None, 300_000), None);
    assert_eq!(down_after(None, 300_001), Some(1));
}

#[test]
fn window_with_behavior_excludes_what_is_exactly_as_old() {
    // An unset window is the flag's.
    let unset = || Some(WrittenBehavior::default());
    for behavior in [unset, || windows(0, 300)] {
        assert_eq!(down_after(behavior(), 299_999), None);
        assert_eq!(down_after(behavior(), 300_000), Some(1));
        assert_eq!(down_after(behavior(), 300_001), Some(1));
    }
}

#[test]
fn windows_of_zero_look_at_no_history() {
    assert_eq!(down_after(windows(0, 0), 0), Some(1));
}

/// Seconds after its first sync at which a controller first writes the scale, if `wanted` does not change.
fn first_write_after_s(c: &mut Controller, spec: &Spec, first_s: i64, replicas: i32, wanted: i64) -> i64 {
    (0..100).map(|i| i * 15).find(|after| sync(c, spec, first_s + after, replicas, wanted).scale_to.is_some()).expect("a write")
}

#[test]
fn initial_recommendation_holds_a_fresh_hpa_for_the_window() {
    // The windows of the WVA chart's HPA.
    let spec = average_one(10, windows(240, 240));
    assert_eq!(first_write_after_s(&mut fresh(), &spec, 15, 1, 3), 240, "up");
    assert_eq!(first_write_after_s(&mut fresh(), &spec, 15, 3, 1), 240, "down");
    let held = sync(&mut fresh(), &spec, 15, 1, 3);
    assert_eq!(held.stabilized, Some(Stabilized { value: 1, lowest: 1, highest: 3 }));
    assert_eq!(reason(held.able), Some((true, Reason::ScaleUpStabilized)));
    // Only scale-down has a window without behavior, and the default one is as long again after a restart.
    let legacy = average_one(10, None);
    assert_eq!(first_write_after_s(&mut fresh(), &legacy, 15, 1, 3), 0, "up, legacy");
    let mut c = fresh();
    assert_eq!(first_write_after_s(&mut c, &legacy, 15, 3, 1), 315, "down, legacy");
    c.restart();
    assert_eq!(first_write_after_s(&mut c, &legacy, 345, 3, 1), 315, "down, legacy, restarted");
}

#[test]
fn stabilization_takes_the_least_rise_and_the_least_fall() {
    let spec = average_one(10, windows(30, 30));
    let mut c = fresh();
    assert_eq!(sync(&mut c, &spec, 15, 4, 9).scale_to, None, "the initial 4");
    assert_eq!(sync(&mut c, &spec, 30, 4, 7).scale_to, None, "the initial 4");
    assert_eq!(sync(&mut c, &spec, 45, 4, 8).scale_to, Some(7));
    assert_eq!(sync(&mut c, &spec, 60, 7, 2).scale_to, None);
    assert_eq!(sync(&mut c, &spec, 75, 7, 1).scale_to, Some(2));
}

#[test]
fn recommendation_at_a_cutoff_is_not_overwritten() {
    let (short, long) = (average_one(10, windows(0, 300)), average_one(10, windows(0, 600)));
    let highest = |c: &mut Controller, spec, now_ms| sync_ms(c, spec, now_ms, 1, 1).stabilized.map(|s| s.highest);
    // Two entries of 15 s: the initial 5, and 8.
    let mut kept = fresh();
    sync(&mut kept, &short, 15, 5, 8);
    let mut lost = kept.clone();
    // Exactly at the cutoff: no longer counted, but there again once the window is longer.
    assert_eq!(highest(&mut kept, &short, 315_000), Some(1));
    assert_eq!(highest(&mut kept, &long, 330_000), Some(8));
    // A millisecond older: the later is overwritten, then the earlier.
    assert_eq!(highest(&mut lost, &short, 315_001), Some(1));
    assert_eq!(highest(&mut lost.clone(), &long, 330_000), Some(5));
    assert_eq!(highest(&mut lost, &short, 330_000), Some(1));
    assert_eq!(highest(&mut lost, &long, 345_000), Some(1));
}

/// Scale-up by one policy of 15 s, scale-down by one pod in half an hour.
fn short_up_long_down() -> Spec {
    let rules = |policy| WrittenRules { window_s: Some(0), policies: Some(vec![policy]), ..WrittenRules::default() };
    average_one(100, Some(WrittenBehavior { up: rules(pods_policy(50, 15)), down: rules(pods_policy(1, 1800)) }))
}

#[test]
fn recycling_overwrites_only_one_outdated_event() {
    let spec = short_up_long_down();
    let mut c = fresh();
    assert_eq!(sync(&mut c, &spec, 15, 1, 3).scale_to, Some(3));
    assert_eq!(sync(&mut c, &spec, 30, 3, 6).scale_to, Some(6));
    // Both events are outdated for scale-up by now. The later, of 3 pods, is overwritten; the earlier, of 2, still counts for
    // scale-down: 7 − (2 + 1) − 1.
    assert_eq!(sync(&mut c, &spec, 75, 6, 7).scale_to, Some(7));
    let down = sync(&mut c, &spec, 90, 7, 1);
    assert_eq!(down.limit, Some(Limit { value: 3, bound: Some(3), reason: Reason::ScaleDownLimit }));
    assert_eq!(reason(down.limited), Some((true, Reason::ScaleDownLimit)));
}

#[test]
fn recycling_keeps_an_event_exactly_as_old_as_the_period() {
    let spec = short_up_long_down();
    let mut c = fresh();
    assert_eq!(sync(&mut c, &spec, 15, 1, 3).scale_to, Some(3));
    // Exactly 15 s: out of the period (so 50 more are allowed), but not outdated.
    assert_eq!(sync(&mut c, &spec, 30, 3, 60).scale_to, Some(53));
    // 53 − (2 + 50) − 1, raised to the minimum.
    assert_eq!(sync(&mut c, &spec, 45, 53, 1).scale_to, Some(1));
}

#[test]
fn recycling_overwrites_what_was_outdated_before_periods_became_longer() {
    let mut spec = short_up_long_down();
    let mut c = fresh();
    for (at_s, replicas, wanted) in [(15, 1, 3), (30, 3, 6), (75, 6, 7)] {
        assert_eq!(sync(&mut c, &spec, at_s, replicas, wanted).scale_to, Some(wanted as i32));
    }
    // The event of 2 pods is left, and marked. With half an hour it would be young, but it goes before a new one is added.
    let behavior = spec.behavior.as_mut().expect("behavior");
    behavior.up.policies = vec![pods_policy(50, 1800)];
    assert_eq!(sync(&mut c, &spec, 90, 7, 17).scale_to, Some(17));
    // 17 − (1 + 10) − 1
    assert_eq!(sync(&mut c, &spec, 105, 17, 1).scale_to, Some(5));
}

#[test]
fn policies_count_events_strictly_within_the_period() {
    let rules = WrittenRules { window_s: Some(0), policies: Some(vec![pods_policy(4, 60)]), ..WrittenRules::default() };
    let spec = average_one(100, Some(WrittenBehavior { up: rules.clone(), down: rules }));
    let mut c = fresh();
    assert_eq!(sync(&mut c, &spec, 15, 1, 50).scale_to, Some(5));
    let exhausted = sync(&mut c, &spec, 30, 5, 50);
    assert_eq!((exhausted.scale_to, reason(exhausted.limited)), (None, Some((true, Reason::ScaleUpLimit))));
    assert_eq!(sync_ms(&mut c, &spec, 74_999, 5, 50).scale_to, None);
    assert_eq!(sync(&mut c, &spec, 75, 5, 50).scale_to, Some(9));
    // The policy of scale-down begins from the 5 there were before the rise.
    assert_eq!(sync(&mut c, &spec, 90, 9, 1).scale_to, Some(1));
}

#[test]
fn policies_are_selected_by_the_greatest_or_smallest_change() {
    let percent = |value| Policy { kind: PolicyKind::Percent, value, period_s: 15 };
    let to = |select, wanted| {
        let rules = WrittenRules {
            window_s: Some(0),
            select: Some(select),
            policies: Some(vec![pods_policy(2, 15), percent(25)]),
            ..WrittenRules::default()
        };
        let spec = average_one(100, Some(WrittenBehavior { up: rules.clone(), down: rules }));
        sync(&mut fresh(), &spec, 15, 10, wanted).scale_to
    };
    // Up is rounded up, down towards zero: 12.5 and 7.5.
    assert_eq!((to(SelectPolicy::Max, 100), to(SelectPolicy::Min, 100), to(SelectPolicy::Disabled, 100)), (Some(13), Some(12), None));
    assert_eq!((to(SelectPolicy::Max, 1), to(SelectPolicy::Min, 1), to(SelectPolicy::Disabled, 1)), (Some(7), Some(8), None));
}

#[test]
fn legacy_scale_up_is_limited_to_double_and_four() {
    let spec = average_one(9, None);
    let to = |replicas| sync(&mut fresh(), &spec, 15, replicas, 50);
    assert_eq!((to(1).scale_to, reason(to(1).limited)), (Some(4), Some((true, Reason::ScaleUpLimit))));
    assert_eq!((to(3).scale_to, reason(to(3).limited)), (Some(6), Some((true, Reason::ScaleUpLimit))));
    assert_eq!((to(5).scale_to, reason(to(5).limited)), (Some(9), Some((true, Reason::TooManyReplicas))));
}

#[test]
fn deletion_without_a_sync_in_between_keeps_the_history() {
    let spec = average_one(10, windows(240, 240));
    let mut c = fresh();
    assert_eq!(sync(&mut c, &spec, 15, 1, 3).scale_to, None);
    c.hpa_deleted();
    let mut forgotten = c.clone();
    forgotten.sync_without_hpa();
    assert_eq!(sync(&mut c, &spec, 255, 1, 3).scale_to, Some(3));
    // With a sync in between, the new HPA gets an initial recommendation of its own.
    assert_eq!(first_write_after_s(&mut forgotten, &spec, 255, 1, 3), 240);
}

#[test]
fn deletion_without_a_sync_in_between_keeps_the_scale_events() {
    let spec = short_up_long_down();
    let mut c = fresh();
    assert_eq!(sync(&mut c, &spec, 15, 2, 50).scale_to, Some(50));
    c.hpa_deleted();
    let mut forgotten = c.clone();
    forgotten.sync_without_hpa();
    assert_eq!(sync(&mut c, &spec, 60, 50, 1).scale_to, Some(1));
    assert_eq!(sync(&mut forgotten, &spec, 60, 50, 1).scale_to, Some(49));
}

#[test]
fn deletion_takes_the_status_and_a_restart_leaves_it() {
    let spec = average_one(10, None);
    let mut c = fresh();
    sync(&mut c, &spec, 15, 2, 3);
    let mut restarted = c.clone();
    restarted.restart();
    c.hpa_deleted();
    let (recreated, restarted) = (sync(&mut c, &spec, 30, 20, 3), sync(&mut restarted, &spec, 30, 20, 3));
    assert_eq!((recreated.active, recreated.limited), (None, None));
    assert_eq!(reason(restarted.active), Some((true, Reason::ValidMetricFound)));
    assert_eq!(reason(restarted.limited), Some((false, Reason::DesiredWithinRange)));
}

#[test]
fn forced_to_minimum_or_maximum_leaves_conditions_alone() {
    let mut spec = average_one(10, windows(240, 240));
    spec.min = 3;
    for (replicas, branch, to) in [(1, Branch::BelowMin, 3), (25, Branch::AboveMax, 10)] {
        let mut c = fresh();
        let first = sync(&mut c, &spec, 15, replicas, 5);
        assert_eq!((first.branch, first.scale_to, first.desired), (branch, Some(to), to));
        assert_eq!((first.active, first.limited), (None, None));
        assert_eq!(reason(first.able), Some((true, Reason::SucceededRescale)));
        assert_eq!((first.proposal, first.stabilized, first.limit, first.metrics.len()), (None, None, None, 0));

        let at_max = sync(&mut c, &spec, 30, 10, 50);
        assert_eq!(at_max.branch, Branch::Metrics);
        let again = sync(&mut c, &spec, 45, replicas, 5);
        assert_eq!((again.scale_to, again.active, again.limited), (Some(to), at_max.active, at_max.limited));

        let failed = Observation { spec_replicas: 5, status_replicas: 5, readings: &[], pods: &[] };
        let failed = c.sync(&spec, 60, &failed);
        let again = sync(&mut c, &spec, 75, replicas, 5);
        assert_eq!(reason(again.active), Some((false, Reason::FailedGetExternalMetric)));
        assert_eq!((again.active, again.limited), (failed.active, failed.limited));
    }
}

#[test]
fn forced_changes_are_scale_events() {
    let mut spec = short_up_long_down();
    spec.min = 5;
    let mut c = fresh();
    assert_eq!(sync(&mut c, &spec, 15, 2, 9).scale_to, Some(5));
    spec.min = 1;
    // 9 − 3 − 1: the 3 of the forced rise count, the 4 made by hand do not.
    assert_eq!(sync(&mut c, &spec, 30, 9, 1).scale_to, Some(5));
}

#[test]
fn no_replicas_switch_the_hpa_off_unless_the_minimum_is_none() {
    let mut spec = average_one(10, None);
    let off = sync(&mut fresh(), &spec, 15, 0, 3);
    assert_eq!((off.branch, off.scale_to, off.desired), (Branch::Disabled, None, 0));
    assert_eq!(reason(off.active), Some((false, Reason::ScalingDisabled)));
    spec.min = 0;
    assert_eq!(sync(&mut fresh(), &spec, 15, 0, 3).scale_to, Some(3));
    assert_eq!(sync(&mut fresh(), &spec, 15, 0, 0).scale_to, None);
}

fn external(c: &mut Controller, spec: &Spec, at_s: i64, readings: &[Reading<'_>]) -> Outcome {
    c.sync(spec, at_s * 1000, &Observation { spec_replicas: 3, status_replicas: 3, readings, pods: &[] })
}

#[test]
fn missing_series_is_an_error_and_not_zero() {
    let spec = average_one(10, windows(0, 0));
    let mut c = fresh();
    for (i, readings) in [&[][..], &[Reading::Failed], &[Reading::Values(&[])], &[Reading::Pods(&[])]].into_iter().enumerate() {
        let o = external(&mut c, &spec, 15 * (i as i64 + 1), readings);
        assert_eq!((o.branch, o.scale_to, o.proposal), (Branch::MetricsFailed, None, None));
        assert_eq!(o.metrics, [Err(Failure::Unavailable)]);
        assert_eq!(reason(o.able), Some((true, Reason::SucceededGetScale)));
        assert_eq!(reason(o.active), Some((false, Reason::FailedGetExternalMetric)));
        assert_eq!((o.limited, o.desired), (None, 0));
    }
    let zero = external(&mut c, &spec, 90, &[Reading::Values(&[0])]);
    assert_eq!((zero.proposal, zero.winner, zero.scale_to), (Some(0), Some(0), Some(1)));
    assert_eq!(reason(zero.active), Some((true, Reason::ValidMetricFound)));
    assert_eq!(reason(zero.limited), Some((true, Reason::TooFewReplicas)));
    // What was wanted last stays in the status.
    assert_eq!(external(&mut c, &spec, 105, &[]).desired, 1);
}

#[test]
fn a_missing_series_forbids_only_to_scale_down() {
    let mut spec = average_one(10, windows(0, 0));
    spec.metrics = vec![MetricSpec::Object(Target::AverageValue(TARGET)), MetricSpec::External(Target::AverageValue(TARGET))];
    for (wanted, to) in [(5_000, Some(5)), (3_000, None), (1_000, None)] {
        let o = external(&mut fresh(), &spec, 15, &[Reading::Failed, Reading::Values(&[wanted])]);
        assert_eq!(o.scale_to, to);
        let down = wanted < 3_000;
        let active = if down { (false, Reason::FailedGetObjectMetric) } else { (true, Reason::ValidMetricFound) };
        assert_eq!(reason(o.active), Some(active));
        assert_eq!(o.branch, if down { Branch::MetricsFailed } else { Branch::Metrics });
        assert_eq!(o.winner, (!down).then_some(1));
    }
}

#[test]
fn a_negative_proposal_wins_over_none_and_counts_as_zero() {
    let mut spec = average_one(10, windows(0, 0));
    spec.metrics = vec![MetricSpec::Object(Target::AverageValue(TARGET)); 2];
    let o = external(&mut fresh(), &spec, 15, &[Reading::Values(&[-9_000]), Reading::Values(&[-5_000])]);
    assert_eq!((o.proposal, o.winner, o.scale_to), (Some(-5), Some(1), Some(1)));
}

#[test]
fn within_tolerance_an_external_average_proposes_the_status() {
    let spec = average_one(10, windows(0, 0));
    let seen = Observation { spec_replicas: 5, status_replicas: 3, readings: &[Reading::Values(&[1_000, 2_000])], pods: &[] };
    let o = fresh().sync(&spec, 15_000, &seen);
    assert_eq!((o.proposal, o.scale_to), (Some(3), Some(3)));
}

/// Running and ready for long.
fn pod(id: u32) -> Pod {
    Pod {
        id,
        phase: Phase::Running,
        ready: Readiness::True,
        ready_changed_ms: 0,
        start_ms: Some(0),
        deleting: false,
        cpu_request: Some(1000),
        memory_request: Some(1000),
    }
}

fn pending(id: u32) -> Pod {
    Pod { phase: Phase::Pending, ready: Readiness::False, ..pod(id) }
}

const NOW_MS: i64 = 3_600_000;

/// The evaluation of one Pods or Resource metric; the samples are of pods 0, 1, …, and `None` is a pod without one.
fn of_pods(metric: MetricSpec, pods: &[Pod], samples: &[Option<i64>]) -> Result<Evaluation, Failure> {
    of_pods_and_scale(metric, pods, samples, pods.len().max(1) as i32)
}

fn of_pods_and_scale(metric: MetricSpec, pods: &[Pod], samples: &[Option<i64>], replicas: i32) -> Result<Evaluation, Failure> {
    let samples: Vec<PodSample> =
        (0..).zip(samples).filter_map(|(pod, milli)| Some(PodSample { pod, milli: (*milli)?, at_ms: NOW_MS, window_s: 30 })).collect();
    let spec = Spec { min: 1, max: 100, metrics: vec![metric], behavior: None };
    let seen = Observation { spec_replicas: replicas, status_replicas: replicas, readings: &[Reading::Pods(&samples)], pods };
    fresh().sync(&spec, NOW_MS, &seen).metrics.swap_remove(0)
}

const PODS: MetricSpec = MetricSpec::Pods { average_value: TARGET };

fn proposed(pods: &[Pod], samples: &[Option<i64>]) -> (i32, Verdict) {
    of_pods(PODS, pods, samples).map(|e| (e.proposal, e.verdict)).expect("a proposal")
}

#[test]
fn missing_pods_are_on_target_on_the_way_down() {
    use Verdict::{Scale, WithinTolerance};
    let pods: Vec<Pod> = (0..4).map(pod).collect();
    assert_eq!(proposed(&pods, &[Some(100), Some(100), Some(100), Some(100)]), (1, Scale));
    // (3 × 100 + 1000) / 4 = 325
    assert_eq!(proposed(&pods, &[Some(100), Some(100), Some(100), None]), (2, Scale));
    // (600 + 3 × 1000) / 4 = 900
    assert_eq!(proposed(&pods, &[Some(600), None, None, None]), (4, WithinTolerance));
    let e = of_pods(PODS, &pods, &[Some(100), Some(100), Some(100), None]).expect("a proposal");
    assert_eq!((e.ratio, e.refilled_ratio, e.shown.average), (0.1, Some(0.325), Some(100)));
    assert_eq!(e.pods, Some(PodCounts { ready: 3, missing: 1, ..PodCounts::default() }));
}

#[test]
fn missing_pods_use_nothing_on_the_way_up() {
    use Verdict::{Scale, WithinTolerance, WouldReverse};
    let pods: Vec<Pod> = (0..3).map(pod).collect();
    assert_eq!(proposed(&pods, &[Some(3000), Some(3000), Some(3000)]), (9, Scale));
    assert_eq!(proposed(&pods, &[Some(3000), Some(3000), None]), (6, Scale));
    assert_eq!(proposed(&pods, &[Some(1500), Some(1500), None]), (3, WithinTolerance));
    assert_eq!(proposed(&pods, &[Some(1500), None, None]), (3, WouldReverse));
    // At exactly 1 nothing is assumed.
    assert_eq!(proposed(&pods, &[Some(1000), None, None]), (3, WithinTolerance));
}

#[test]
fn assumed_values_must_not_turn_the_direction_against_the_scale() {
    let pods: Vec<Pod> = (0..4).map(pod).collect();
    let proposed =
        |pods: &[Pod], samples: &[Option<i64>], replicas| of_pods_and_scale(PODS, pods, samples, replicas).map(|e| (e.proposal, e.verdict));
    // Fewer pods are listed than the scale has: twice the 2 would be 4.
    assert_eq!(proposed(&pods[..2], &[Some(4000), None], 5), Ok((5, Verdict::WouldReverse)));
    assert_eq!(proposed(&pods[..2], &[Some(4000), None], 4), Ok((4, Verdict::Scale)));
    assert_eq!(proposed(&pods[..2], &[Some(2000), Some(2000)], 5), Ok((4, Verdict::Scale)), "nothing assumed");
    // More are listed: a third of the 4 is 2.
    assert_eq!(proposed(&pods, &[Some(100), Some(100), Some(100), None], 1), Ok((1, Verdict::WouldReverse)));
    assert_eq!(proposed(&pods, &[Some(100), Some(100), Some(100), None], 2), Ok((2, Verdict::Scale)));
}

#[test]
fn pending_pods_use_nothing_on_the_way_up_and_do_not_count_on_the_way_down() {
    use Verdict::Scale;
    let pods = [pod(0), pending(1)];
    assert_eq!(proposed(&pods, &[Some(3000), None]), (3, Scale));
    // Its sample, should there be one, does not count.
    assert_eq!(proposed(&pods, &[Some(3000), Some(9000)]), (3, Scale));
    assert_eq!(proposed(&pods, &[Some(500), Some(9000)]), (1, Scale));
    let e = of_pods(PODS, &pods, &[Some(500), None]).expect("a proposal");
    assert_eq!(e.refilled_ratio, None);
    assert_eq!(e.pods, Some(PodCounts { ready: 1, unready: 1, ..PodCounts::default() }));
}

#[test]
fn deleting_and_failed_pods_are_ignored() {
    let pods = [pod(0), Pod { deleting: true, ..pod(1) }, Pod { phase: Phase::Failed, ..pod(2) }, Pod { deleting: true, ..pending(3) }];
    let e = of_pods(PODS, &pods, &[Some(3000), Some(9000), Some(9000), None]).expect("a proposal");
    assert_eq!((e.proposal, e.verdict, e.ratio), (3, Verdict::Scale, 3.0));
    assert_eq!(e.pods, Some(PodCounts { ready: 1, ignored: 3, ..PodCounts::default() }));
}

#[test]
fn samples_of_no_pod_that_counts_are_an_error() {
    assert_eq!(of_pods(PODS, &[], &[Some(1000)]), Err(Failure::NoPods));
    assert_eq!(of_pods(PODS, &[pod(0)], &[None]), Err(Failure::Unavailable));
    assert_eq!(of_pods(PODS, &[pending(0)], &[Some(1000)]), Err(Failure::NoSamples));
    let cpu = MetricSpec::Resource { resource: Resource::Cpu, target: ResourceTarget::Utilization(50) };
    assert_eq!(of_pods(cpu, &[Pod { cpu_request: None, ..pod(0) }], &[Some(1000)]), Err(Failure::NoRequest));
    assert_eq!(of_pods(cpu, &[Pod { cpu_request: Some(0), ..pod(0) }], &[Some(1000)]), Err(Failure::NothingRequested));
}

#[test]
fn readiness_is_examined_for_cpu_only() {
    // Never ready since it started.
    let unready = Pod { ready: Readiness::False, ready_changed_ms: 10_000, ..pod(1) };
    let samples = [Some(3000), Some(3000)];
    let target = ResourceTarget::AverageValue(TARGET);
    let proposal = |metric| of_pods(metric, &[pod(0), unready], &samples).map(|e| (e.proposal, e.pods.map(|p| p.unready)));
    assert_eq!(proposal(PODS), Ok((6, Some(0))));
    assert_eq!(proposal(MetricSpec::Resource { resource: Resource::Memory, target }), Ok((6, Some(0))));
    assert_eq!(proposal(MetricSpec::Resource { resource: Resource::Cpu, target }), Ok((3, Some(1))));
}

#[test]
fn cpu_samples_count_from_readiness_on() {
    let cpu = MetricSpec::Resource { resource: Resource::Cpu, target: ResourceTarget::AverageValue(TARGET) };
    let unready = |p: Pod| of_pods(cpu, &[pod(0), p], &[Some(3000), Some(3000)]).map(|e| e.pods.map(|p| p.unready)) == Ok(Some(1));
    // Within the initialization period of 300 s: the sample's window of 30 s must have begun after the pod became ready.
    let young = Pod { start_ms: Some(NOW_MS - 299_999), ..pod(1) };
    assert!(unready(Pod { ready_changed_ms: NOW_MS - 29_999, ..young }));
    assert!(!unready(Pod { ready_changed_ms: NOW_MS - 30_000, ..young }));
    assert!(unready(Pod { ready: Readiness::False, ready_changed_ms: NOW_MS - 30_000, ..young }));
    assert!(!unready(Pod { ready: Readiness::Unknown, ready_changed_ms: NOW_MS - 30_000, ..young }));
    // After it: only one that was never ready beyond the first 30 s.
    let old = Pod { start_ms: Some(NOW_MS - 300_000), ready: Readiness::False, ..pod(1) };
    assert!(unready(Pod { ready_changed_ms: NOW_MS - 270_001, ..old }));
    assert!(!unready(Pod { ready_changed_ms: NOW_MS - 270_000, ..old }));
    assert!(!unready(Pod { ready: Readiness::True, ready_changed_ms: NOW_MS, ..old }));
    // Not seen by the kubelet, or without the condition.
    assert!(unready(Pod { start_ms: None, ..pod(1) }));
    assert!(unready(Pod { ready: Readiness::Absent, ..pod(1) }));
}

#[test]
fn missing_pods_use_their_request_or_the_target_when_that_is_more() {
    let memory = |percent| MetricSpec::Resource { resource: Resource::Memory, target: ResourceTarget::Utilization(percent) };
    let pods = [pod(0), pod(1)];
    let refilled = |percent, milli| of_pods(memory(percent), &pods, &[Some(milli), None]).map(|e| e.refilled_ratio);
    // (200 + 1000) / 2000 = 60 % of 80 %; (500 + 1500) / 2000 = 100 % of 150 %
    assert_eq!(refilled(80, 200), Ok(Some(60.0 / 80.0)));
    assert_eq!(refilled(150, 500), Ok(Some(100.0 / 150.0)));
}

/// Draws with a liking for extreme values.
struct Random(Stream);

impl Random {
    fn new(seed: u64) -> Self {
        Self(Stream::new(seed, "hpa", 0))
    }

    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn i64(&mut self) -> i64 {
        const EXTREME: [i64; 14] = [
            i64::MIN,
            i64::MIN + 1,
            i64::MAX,
            i64::MAX - 1,
            -1,
            0,
            1,
            1000,
            i32::MAX as i64,
            i32::MIN as i64,
            1 << 31,
            1 << 53,
            100,
            -1000,
        ];
        match self.below(4) {
            0 => EXTREME[self.below(EXTREME.len())],
            1 => self.next() as i64,
            _ => (self.next() as i64) >> self.below(64),
        }
    }

    fn i32(&mut self) -> i32 {
        const EXTREME: [i32; 8] = [i32::MIN, i32::MIN + 1, i32::MAX, i32::MAX - 1, -1, 0, 1, 1 << 30];
        match self.below(4) {
            0 => EXTREME[self.below(EXTREME.len())],
            1 => self.next() as i32,
            _ => (self.next() as i32) >> self.below(32),
        }
    }

    fn f64(&mut self) -> f64 {
        const EXTREME: [f64; 8] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1e308, -0.1, 0.1];
        if self.one_in(2) { EXTREME[self.below(EXTREME.len())] } else { f64::from_bits(self.next()) }
    }

    fn some<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (!self.one_in(3)).then(|| f(self))
    }

    fn many<T>(&mut self, most: usize, mut f: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| f(self)).collect()
    }

    fn metric(&mut self) -> MetricSpec {
        let amount = self.i64();
        let target = if self.one_in(2) { Target::Value(amount) } else { Target::AverageValue(amount) };
        let resource = if self.one_in(2) { Resource::Cpu } else { Resource::Memory };
        match self.below(5) {
            0 => MetricSpec::External(target),
            1 => MetricSpec::Object(target),
            2 => MetricSpec::Pods { average_value: amount },
            3 => MetricSpec::Resource { resource, target: ResourceTarget::AverageValue(amount) },
            _ => MetricSpec::Resource { resource, target: ResourceTarget::Utilization(self.i32()) },
        }
    }

    fn rules(&mut self) -> WrittenRules {
        WrittenRules {
            window_s: self.some(Self::i32),
            select: self.some(|r| [SelectPolicy::Max, SelectPolicy::Min, SelectPolicy::Disabled][r.below(3)]),
            policies: self.some(|r| {
                r.many(3, |r| Policy {
                    kind: if r.one_in(2) { PolicyKind::Pods } else { PolicyKind::Percent },
                    value: r.i32(),
                    period_s: r.i32(),
                })
            }),
            tolerance: self.some(Self::f64),
        }
    }

    fn written(&mut self) -> WrittenSpec {
        WrittenSpec {
            min: self.some(Self::i32),
            max: self.i32(),
            metrics: self.many(4, Self::metric),
            behavior: self.some(|r| WrittenBehavior { up: r.rules(), down: r.rules() }),
        }
    }

    /// What the API would refuse comes all the same.
    fn spec(&mut self, gates: Gates) -> Spec {
        let written = self.written();
        if let Ok(spec) = written.clone().admit(gates) {
            return spec;
        }
        let mut behavior = written.behavior.map(WrittenBehavior::with_defaults);
        if let (Some(b), true) = (&mut behavior, self.one_in(4)) {
            b.up.window_s = None;
        }
        Spec { min: written.min.unwrap_or(1), max: written.max, metrics: written.metrics, behavior }
    }

    fn pod(&mut self) -> Pod {
        Pod {
            // So few that some are twice in the list.
            id: self.below(6) as u32,
            phase: [Phase::Pending, Phase::Running, Phase::Succeeded, Phase::Failed, Phase::Unknown][self.below(5)],
            ready: [Readiness::True, Readiness::False, Readiness::Unknown, Readiness::Absent][self.below(4)],
            ready_changed_ms: self.i64(),
            start_ms: self.some(Self::i64),
            deleting: self.one_in(4),
            cpu_request: self.some(Self::i64),
            memory_request: self.some(Self::i64),
        }
    }

    fn sample(&mut self) -> PodSample {
        PodSample { pod: self.below(8) as u32, milli: self.i64(), at_ms: self.i64(), window_s: self.i64() }
    }

    fn config(&mut self) -> Config {
        if self.one_in(3) {
            return Config::default();
        }
        Config {
            tolerance: self.f64(),
            flavour: if self.one_in(2) { ToleranceFlavour::Distance } else { ToleranceFlavour::Bounds },
            down_window_s: self.i64(),
            cpu_init_s: self.i64(),
            ready_delay_s: self.i64(),
            gates: Gates { configurable_tolerance: self.one_in(2), scale_to_zero: self.one_in(2) },
        }
    }

    /// Syncs of an HPA at any times, also backwards, with edits to another of `specs`, deletions and restarts in between.
    fn play(&mut self, specs: &[Spec], config: Config, mut look: impl FnMut(&Outcome)) {
        let mut c = Controller::new(config);
        let mut spec = &specs[0];
        for _ in 0..12 {
            if self.one_in(4) {
                spec = &specs[self.below(specs.len())];
            }
            let values = self.many(3, Self::i64);
            let samples = self.many(8, Self::sample);
            let pods = self.many(6, Self::pod);
            let mut readings = Vec::new();
            for metric in &spec.metrics {
                readings.push(match (self.below(10), metric) {
                    (0, _) => Reading::Failed,
                    (1, _) => Reading::Values(&values),
                    (2, _) | (_, MetricSpec::Pods { .. } | MetricSpec::Resource { .. }) => Reading::Pods(&samples),
                    _ => Reading::Values(&values),
                });
            }
            if self.one_in(10) {
                readings.pop();
            }
            // Mostly where the metrics are looked at.
            let within = i64::from(spec.min) + (self.next() >> 33) as i64 % (i64::from(spec.max) - i64::from(spec.min)).max(1);
            let spec_replicas = if self.one_in(4) { self.i32() } else { within as i32 };
            let seen = Observation { spec_replicas, status_replicas: self.i32(), readings: &readings, pods: &pods };
            let o = c.sync(spec, self.i64(), &seen);
            assert_eq!(o.current, spec_replicas);
            assert!(o.scale_to.is_none_or(|to| to == o.desired && to != o.current), "{o:?}");
            look(&o);
            match self.below(12) {
                0 => c.restart(),
                1 => c.hpa_deleted(),
                2 => c.sync_without_hpa(),
                _ => {}
            }
        }
    }
}

#[test]
fn no_input_panics() {
    let mut r = Random::new(1);
    let mut branches = [0; 5];
    for _ in 0..20_000 {
        let config = r.config();
        let specs = [r.spec(config.gates), r.spec(config.gates)];
        r.play(&specs, config, |o| branches[o.branch as usize] += 1);
        quantity_as_f64(r.i64(), r.i32());
    }
    assert!(branches.iter().all(|n| *n > 1000), "{branches:?}");
}

#[test]
fn what_is_written_is_within_minimum_and_maximum() {
    let mut r = Random::new(2);
    let (mut admitted, mut written) = (0, 0);
    while admitted < 5_000 {
        let positive = |v: i64| v.checked_abs().unwrap_or(i64::MAX).max(1);
        let mut w = r.written();
        // Twice as many would no longer be an int32, and what the controller then does is not sensible.
        w.max = 1 + (w.max & 0x3fff_fffe);
        w.min = Some(1 + r.below(w.max as usize) as i32);
        for metric in &mut w.metrics {
            *metric = MetricSpec::External(Target::AverageValue(positive(r.i64())));
        }
        for rules in w.behavior.iter_mut().flat_map(|b| [&mut b.up, &mut b.down]) {
            rules.window_s = rules.window_s.map(|w| w & 0x7ff);
            for policy in rules.policies.iter_mut().flatten() {
                policy.value = 1 + (policy.value & 0x7fff_fffe);
                policy.period_s = 1 + (policy.period_s & 0x3ff);
            }
        }
        let config = r.config();
        let Ok(spec) = w.admit(config.gates) else { continue };
        admitted += 1;
        r.play(std::slice::from_ref(&spec), config, |o| {
            if let Some(to) = o.scale_to {
                written += 1;
                assert!((spec.min..=spec.max).contains(&to), "{to} of {spec:?}: {o:?}");
            }
        });
    }
    assert!(written > 5_000, "{written}");
}

#[test]
fn conversions_of_floats_are_those_of_amd64() {
    use super::number::{to_i32, to_i64};
    for (f, i) in [(2.9, 2), (-2.9, -2), (2_147_483_647.9, i32::MAX), (-2_147_483_648.9, i32::MIN), (0.0, 0)] {
        assert_eq!(to_i32(f), i, "{f}");
    }
    for f in [2_147_483_648.0, -2_147_483_649.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        assert_eq!(to_i32(f), i32::MIN, "{f}");
    }
    assert_eq!((to_i64(-2.9), to_i64(9.0e18)), (-2, 9_000_000_000_000_000_000));
    for f in [9_223_372_036_854_775_808.0, -9.3e18, f64::INFINITY, f64::NAN] {
        assert_eq!(to_i64(f), i64::MIN, "{f}");
    }
}

#[test]
fn quantities_become_floats_as_in_the_controller() {
    assert_eq!(quantity_as_f64(50, -3), 50.0 * 0.001);
    assert_eq!(quantity_as_f64(1, 0), 1.0);
    assert_eq!(quantity_as_f64(7, 3), 7000.0);
}

#[test]
fn behavior_defaults_are_filled_field_by_field() {
    let percent = Policy { kind: PolicyKind::Percent, value: 100, period_s: 15 };
    let pods = Policy { kind: PolicyKind::Pods, value: 4, period_s: 15 };
    let empty = WrittenBehavior::default().with_defaults();
    assert_eq!(empty.up, Rules { window_s: Some(0), select: SelectPolicy::Max, policies: vec![pods, percent], tolerance: None });
    assert_eq!(empty.down, Rules { window_s: None, select: SelectPolicy::Max, policies: vec![percent], tolerance: None });

    let up = WrittenRules { select: Some(SelectPolicy::Min), ..WrittenRules::default() };
    let down = WrittenRules { window_s: Some(60), policies: Some(vec![pods]), ..WrittenRules::default() };
    let partly = WrittenBehavior { up, down }.with_defaults();
    assert_eq!(partly.up, Rules { select: SelectPolicy::Min, ..empty.up });
    assert_eq!(partly.down, Rules { window_s: Some(60), policies: vec![pods], ..empty.down });
}

#[test]
fn admission_defaults_drops_and_refuses() {
    let off = Gates::default();
    let average = MetricSpec::External(Target::AverageValue(TARGET));
    let zero = Gates { scale_to_zero: true, ..off };
    let plain = WrittenSpec { max: 3, ..WrittenSpec::default() };
    let cpu = MetricSpec::Resource { resource: Resource::Cpu, target: ResourceTarget::Utilization(80) };
    assert_eq!(plain.clone().admit(off), Ok(Spec { min: 1, max: 3, metrics: vec![cpu], behavior: None }));

    let asks_zero = WrittenSpec { min: Some(0), metrics: vec![average], ..plain.clone() };
    let refusal = asks_zero.clone().admit(off).unwrap_err();
    assert_eq!(refusal, Refusal::Min { min: 0, lowest: 1 });
    assert_eq!(refusal.to_string(), "minReplicas 0 is below 1 (0 needs the feature gate HPAScaleToZero)");
    assert_eq!(asks_zero.clone().admit(zero).map(|s| s.min), Ok(0));
    assert_eq!(WrittenSpec { metrics: vec![], ..asks_zero }.admit(zero), Err(Refusal::ZeroNeedsObjectOrExternal));
    assert_eq!(WrittenSpec { min: Some(4), ..plain.clone() }.admit(off), Err(Refusal::Max { min: 4, max: 3 }));
    let no_target = WrittenSpec { metrics: vec![cpu, MetricSpec::Pods { average_value: 0 }], ..plain.clone() };
    assert_eq!(no_target.admit(off), Err(Refusal::Target { index: 1 }));

    let with_up = |up: WrittenRules| WrittenSpec { behavior: Some(WrittenBehavior { up, ..WrittenBehavior::default() }), ..plain.clone() };
    let direction = "scaleUp";
    let window = WrittenRules { window_s: Some(3601), ..WrittenRules::default() };
    assert_eq!(with_up(window).admit(off), Err(Refusal::Window { direction, window_s: 3601 }));
    let none = WrittenRules { policies: Some(vec![]), ..WrittenRules::default() };
    assert_eq!(with_up(none).admit(off), Err(Refusal::NoPolicy { direction }));
    let long = Policy { kind: PolicyKind::Pods, value: 1, period_s: 1801 };
    let long = WrittenRules { policies: Some(vec![long]), ..WrittenRules::default() };
    assert_eq!(with_up(long).admit(off), Err(Refusal::Policy { direction, index: 0 }));
    let negative = WrittenRules { tolerance: Some(-0.1), ..WrittenRules::default() };
    let configurable = Gates { configurable_tolerance: true, ..off };
    assert_eq!(with_up(negative.clone()).admit(configurable), Err(Refusal::Tolerance { direction }));
    let nan = WrittenRules { tolerance: Some(f64::NAN), ..WrittenRules::default() };
    assert_eq!(with_up(nan).admit(configurable), Err(Refusal::Tolerance { direction }));
    assert!(
        with_up(negative).admit(off).is_ok_and(|s| s.behavior.is_some_and(|b| b.up.tolerance.is_none())),
        "dropped before it is checked"
    );
}

#[test]
fn outcome_tells_each_step() {
    let percent = vec![Policy { kind: PolicyKind::Percent, value: 100, period_s: 15 }];
    let up = WrittenRules { policies: Some(percent), ..WrittenRules::default() };
    let mut spec = average_one(100, Some(WrittenBehavior { up, ..WrittenBehavior::default() }));
    spec.metrics.push(MetricSpec::External(Target::AverageValue(500)));
    let mut controller = Controller::new(Config::default());
    let readings = [Reading::Values(&[3000]), Reading::Values(&[4000, 1000])];
    let o = controller.sync(&spec, 15_000, &Observation { spec_replicas: 3, status_replicas: 3, readings: &readings, pods: &[] });
    assert_eq!((o.branch, o.proposal, o.winner), (Branch::Metrics, Some(10), Some(1)));
    let verdicts: Vec<_> = o.metrics.iter().flatten().map(|e| (e.proposal, e.verdict, e.shown.average)).collect();
    assert_eq!(verdicts, [(3, Verdict::WithinTolerance, Some(1000)), (10, Verdict::Scale, Some(1667))]);
    assert_eq!(o.stabilized, Some(Stabilized { value: 10, lowest: 10, highest: 10 }));
    assert_eq!(o.limit, Some(Limit { value: 6, bound: Some(6), reason: Reason::ScaleUpLimit }));
    assert_eq!((o.scale_to, o.desired, o.current), (Some(6), 6, 3));
    assert_eq!(o.able, Condition::yes(Reason::SucceededRescale));
    assert_eq!(o.limited, Condition::yes(Reason::ScaleUpLimit));

    let failed = [readings[0], Reading::Failed];
    let o = controller.sync(&spec, 30_000, &Observation { spec_replicas: 6, status_replicas: 3, readings: &failed, pods: &[] });
    assert_eq!((o.branch, o.proposal, o.scale_to, o.desired), (Branch::MetricsFailed, None, None, 6));
    assert_eq!(o.metrics[1], Err(Failure::Unavailable));
    assert_eq!(o.active, Condition::no(Reason::FailedGetExternalMetric));
}
