use super::*;

const AVERAGE_ONE: MetricSpec = MetricSpec::External(Target::AverageValue(1000));

fn spec(metric: MetricSpec) -> Spec {
    let rules = |window_s| Rules {
        window_s: Some(window_s),
        select: SelectPolicy::Max,
        policies: vec![Policy { kind: PolicyKind::Percent, value: 100, period_s: 15 }],
        tolerance: None,
    };
    Spec { min: 1, max: 100, metrics: vec![metric], behavior: Some(Behavior { up: rules(0), down: rules(0) }) }
}

fn sync(controller: &mut Controller, spec: &Spec, now_s: i64, replicas: i32, total: i64) -> Outcome {
    let seen = Observation { spec_replicas: replicas, status_replicas: replicas, readings: &[Reading::Values(&[total * 1000])], pods: &[] };
    controller.sync(spec, now_s * 1000, &seen)
}

fn scaled(config: Config, replicas: i32, total: i64) -> Option<i32> {
    sync(&mut Controller::new(config), &spec(AVERAGE_ONE), 15, replicas, total).scale_to
}

#[test]
fn average_value_one_at_the_borders_of_both_tolerances() {
    let bounds = Config::default();
    let distance = Config { flavour: ToleranceFlavour::Distance, ..bounds };
    for config in [bounds, distance] {
        assert_eq!(scaled(config, 9, 10), Some(10));
        assert_eq!(scaled(config, 9, 8), Some(8));
        assert_eq!(scaled(config, 10, 9), None);
        assert_eq!(scaled(config, 11, 12), None);
        assert_eq!(scaled(config, 11, 10), None);
    }
    assert_eq!(scaled(distance, 10, 11), Some(11), "|1 − 1.1| is a little more than 0.1");
    assert_eq!(scaled(bounds, 10, 11), None);
}

#[test]
fn tolerance_of_the_hpa_needs_the_gate_and_the_newer_code() {
    let mut spec = spec(AVERAGE_ONE);
    if let Some(b) = &mut spec.behavior {
        b.up.tolerance = Some(0.0);
    }
    let gates = Gates { configurable_tolerance: true, scale_to_zero: false };
    let on = Config { gates, ..Config::default() };
    let old = Config { flavour: ToleranceFlavour::Distance, ..on };
    assert_eq!(sync(&mut Controller::new(on), &spec, 15, 20, 21).scale_to, Some(21));
    assert_eq!(sync(&mut Controller::new(on), &spec, 15, 20, 19).scale_to, None, "the other direction keeps the flag's");
    assert_eq!(sync(&mut Controller::new(Config::default()), &spec, 15, 20, 21).scale_to, None);
    assert_eq!(sync(&mut Controller::new(old), &spec, 15, 20, 21).scale_to, None);
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
    let zero = Gates { scale_to_zero: true, ..off };
    let plain = WrittenSpec { max: 3, ..WrittenSpec::default() };
    let cpu = MetricSpec::Resource { resource: Resource::Cpu, target: ResourceTarget::Utilization(80) };
    assert_eq!(plain.clone().admit(off), Ok(Spec { min: 1, max: 3, metrics: vec![cpu], behavior: None }));

    let asks_zero = WrittenSpec { min: Some(0), metrics: vec![AVERAGE_ONE], ..plain.clone() };
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
    assert!(
        with_up(negative).admit(off).is_ok_and(|s| s.behavior.is_some_and(|b| b.up.tolerance.is_none())),
        "dropped before it is checked"
    );
}

#[test]
fn recommendation_at_the_edge_of_the_window_counts_only_without_behavior() {
    let mut with = spec(AVERAGE_ONE);
    if let Some(b) = &mut with.behavior {
        b.down.window_s = Some(300);
    }
    let without = Spec { behavior: None, ..with.clone() };
    for (spec, expected) in [(with, Some(2)), (without, None)] {
        let mut controller = Controller::new(Config::default());
        assert_eq!(sync(&mut controller, &spec, 15, 4, 4).scale_to, None);
        assert_eq!(sync(&mut controller, &spec, 314, 4, 2).able.map(|c| c.reason), Some(Reason::ScaleDownStabilized));
        assert_eq!(sync(&mut controller, &spec, 315, 4, 2).scale_to, expected);
    }
}

#[test]
fn new_hpa_waits_a_whole_window_and_so_does_a_restarted_controller() {
    let mut spec = spec(AVERAGE_ONE);
    if let Some(b) = &mut spec.behavior {
        b.up.window_s = Some(240);
    }
    let mut controller = Controller::new(Config::default());
    let rises = |controller: &mut Controller, from_s: i64| {
        (0..=240).step_by(15).find(|s| sync(controller, &spec, from_s + s, 2, 8).scale_to.is_some())
    };
    assert_eq!(rises(&mut controller, 15), Some(240));
    controller.restart();
    assert_eq!(rises(&mut controller, 1000), Some(240));
    controller.hpa_deleted();
    assert_eq!(sync(&mut controller, &spec, 1255, 2, 8).scale_to, Some(4), "recreated before a sync fell due");
    controller.hpa_deleted();
    controller.sync_without_hpa();
    let first = sync(&mut controller, &spec, 1300, 2, 8);
    assert_eq!((first.scale_to, first.desired, first.limited.map(|c| c.status)), (None, 2, Some(false)));
}

#[test]
fn outcome_tells_each_step() {
    let mut spec = spec(AVERAGE_ONE);
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

/// A small generator (SplitMix64), so that the test needs no crate and fails the same way everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> usize {
        (self.next() % n) as usize
    }

    fn i64(&mut self) -> i64 {
        let any = self.next() as i64;
        [i64::MIN, i64::MIN + 1, -1000, -1, 0, 1, 2, 1000, 15_000, i64::MAX - 1, i64::MAX, any, any % 100][self.below(13)]
    }

    fn i32(&mut self) -> i32 {
        let any = self.next() as i32;
        [i32::MIN, i32::MIN + 1, -1, 0, 1, 2, 3, 100, i32::MAX - 1, i32::MAX, any, any % 10][self.below(12)]
    }

    fn f64(&mut self) -> f64 {
        [f64::NEG_INFINITY, -1.0, -0.0, 0.0, 0.1, 1.0, f64::MAX, f64::INFINITY, f64::NAN][self.below(9)]
    }

    fn rules(&mut self) -> Rules {
        let policies = (0..self.below(3))
            .map(|_| Policy {
                kind: if self.below(2) == 0 { PolicyKind::Pods } else { PolicyKind::Percent },
                value: self.i32(),
                period_s: self.i32(),
            })
            .collect();
        Rules {
            window_s: [None, Some(0), Some(self.i32())][self.below(3)],
            select: [SelectPolicy::Max, SelectPolicy::Min, SelectPolicy::Disabled][self.below(3)],
            policies,
            tolerance: [None, Some(self.f64())][self.below(2)],
        }
    }

    fn metric(&mut self) -> MetricSpec {
        let target = [Target::Value(self.i64()), Target::AverageValue(self.i64())][self.below(2)];
        let resource = [Resource::Cpu, Resource::Memory][self.below(2)];
        let of = [ResourceTarget::Utilization(self.i32()), ResourceTarget::AverageValue(self.i64())][self.below(2)];
        [
            MetricSpec::External(target),
            MetricSpec::Object(target),
            MetricSpec::Pods { average_value: self.i64() },
            MetricSpec::Resource { resource, target: of },
        ][self.below(4)]
    }

    fn spec(&mut self) -> Spec {
        Spec {
            min: self.i32(),
            max: self.i32(),
            metrics: (0..self.below(4)).map(|_| self.metric()).collect(),
            behavior: if self.below(3) == 0 { None } else { Some(Behavior { up: self.rules(), down: self.rules() }) },
        }
    }

    fn pod(&mut self) -> Pod {
        Pod {
            id: [self.below(5) as u32, u32::MAX][self.below(2)],
            phase: [Phase::Pending, Phase::Running, Phase::Running, Phase::Running, Phase::Succeeded, Phase::Failed, Phase::Unknown]
                [self.below(7)],
            ready: [Readiness::True, Readiness::True, Readiness::False, Readiness::Unknown, Readiness::Absent][self.below(5)],
            ready_changed_ms: self.i64(),
            start_ms: [None, Some(self.i64())][self.below(2)],
            deleting: self.below(6) == 0,
            cpu_request: [None, Some(self.i64()), Some(self.i64())][self.below(3)],
            memory_request: [None, Some(self.i64()), Some(self.i64())][self.below(3)],
        }
    }

    fn sample(&mut self) -> PodSample {
        PodSample { pod: [self.below(5) as u32, u32::MAX][self.below(2)], milli: self.i64(), at_ms: self.i64(), window_s: self.i64() }
    }

    fn config(&mut self) -> Config {
        Config {
            tolerance: self.f64(),
            flavour: [ToleranceFlavour::Distance, ToleranceFlavour::Bounds][self.below(2)],
            down_window_s: self.i64(),
            cpu_init_s: self.i64(),
            ready_delay_s: self.i64(),
            gates: Gates { configurable_tolerance: self.below(2) == 0, scale_to_zero: self.below(2) == 0 },
        }
    }
}

#[test]
fn no_input_panics() {
    let mut r = Random(1);
    let mut branches = [0u32; 5];
    for _ in 0..20_000 {
        let mut controller = Controller::new(r.config());
        let mut spec = r.spec();
        for _ in 0..8 {
            if r.below(4) == 0 {
                spec = r.spec();
            }
            let values: Vec<i64> = (0..r.below(4)).map(|_| r.i64()).collect();
            let samples: Vec<PodSample> = (0..r.below(6)).map(|_| r.sample()).collect();
            let pods: Vec<Pod> = (0..r.below(6)).map(|_| r.pod()).collect();
            let readings: Vec<Reading> = (0..r.below(5))
                .map(|_| [Reading::Failed, Reading::Values(&values), Reading::Values(&values), Reading::Pods(&samples)][r.below(4)])
                .collect();
            let seen = Observation { spec_replicas: r.i32(), status_replicas: r.i32(), readings: &readings, pods: &pods };
            let o = controller.sync(&spec, r.i64(), &seen);
            branches[o.branch as usize] += 1;
            assert_eq!(o.current, seen.spec_replicas);
            assert!(o.scale_to.is_none_or(|n| n == o.desired && n != o.current));
            // The same HPA through admission must not panic either.
            let rules = |r: &Rules| WrittenRules {
                window_s: r.window_s,
                select: Some(r.select),
                policies: Some(r.policies.clone()),
                tolerance: r.tolerance,
            };
            let behavior = spec.behavior.as_ref().map(|b| WrittenBehavior { up: rules(&b.up), down: rules(&b.down) });
            let written = WrittenSpec { min: Some(spec.min), max: spec.max, metrics: spec.metrics.clone(), behavior };
            if let Ok(admitted) = written.admit(controller.config().gates) {
                assert!(admitted.max >= admitted.min && admitted.min >= 0);
            }
        }
    }
    assert!(branches.iter().all(|n| *n > 1000), "each branch is met often: {branches:?}");
}

#[test]
fn conversions_of_floats_are_those_of_amd64() {
    use super::number::{to_i32, to_i64};
    let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300];
    assert!(bad.iter().all(|f| to_i32(*f) == i32::MIN && to_i64(*f) == i64::MIN));
    assert_eq!([3e9, -3e9, 2_147_483_648.0].map(to_i32), [i32::MIN; 3]);
    assert_eq!([2_147_483_647.9, -2_147_483_648.9, -1.9, 0.9].map(to_i32), [i32::MAX, i32::MIN, -1, 0]);
    assert_eq!([9.3e18, -9.3e18].map(to_i64), [i64::MIN; 2]);
    assert_eq!([4e18, -1.9].map(to_i64), [4_000_000_000_000_000_000, -1]);
}
