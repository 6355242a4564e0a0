use std::collections::BTreeMap;

use super::v2::{Analyzer, EngineArgs, Source, Utilization, Variant as V2Variant, optimize};
use super::*;
use crate::autoscaler::wva::config::{BUILT_IN, Thresholds};
use crate::autoscaler::wva::v042::{Deployment, ListedPod, QueryError, Replica, Variant};

fn variant(name: &str, cost: &str, status: i32, ready: i32) -> Variant {
    Variant {
        name: name.to_owned(),
        namespace: "n".to_owned(),
        model: "m".to_owned(),
        cost: cost.to_owned(),
        accelerator: "H100".to_owned(),
        deleting: false,
        deployment: Some(Deployment {
            spec_replicas: status,
            status_replicas: status,
            ready_replicas: ready,
            selector: format!("{name}-app"),
        }),
    }
}

struct Fixed {
    pods: Vec<(&'static str, f64, f64)>,
    requests: Result<f64, QueryError>,
    failing: bool,
}

impl Answers for Fixed {
    fn kv(&self, _: &str, _: &str) -> Result<Vec<(&str, f64)>, QueryError> {
        if self.failing { Err(QueryError) } else { Ok(self.pods.iter().map(|p| (p.0, p.1)).collect()) }
    }
    fn queue(&self, _: &str, _: &str) -> Result<Vec<(&str, f64)>, QueryError> {
        Ok(self.pods.iter().map(|p| (p.0, p.2)).collect())
    }
    fn requests(&self, _: &str, _: &str, _: i64) -> Result<f64, QueryError> {
        self.requests
    }
}

fn pods(kv: &[(&'static str, f64)]) -> Fixed {
    Fixed { pods: kv.iter().map(|(pod, kv)| (*pod, *kv, 0.0)).collect(), requests: Ok(1.0), failing: false }
}

fn run(engine: &mut Engine, variants: &[Variant], answers: &Fixed, scale_to_zero: ScaleToZero) -> Optimized {
    let names = ["a-1", "a-2", "a-3", "b-1", "b-2"];
    let apps = ["a-app", "a-app", "a-app", "b-app", "b-app"];
    let pods: Vec<ListedPod> = names.iter().zip(apps).map(|(name, app)| ListedPod { namespace: "n", name, app }).collect();
    engine.optimize(&View { thresholds: Some(BUILT_IN), scale_to_zero, variants, pods: &pods, answers })
}

fn desired(got: &Optimized) -> Vec<i64> {
    got.variants.iter().map(|v| v.desired_after).collect()
}

#[test]
fn a_transition_of_one_variant_blocks_the_model() {
    let both = [variant("a", "5", 1, 1), variant("b", "20", 1, 1)];
    let high = pods(&[("a-1", 0.75), ("b-1", 0.75)]);
    let off = ScaleToZero::default();
    let mut e = Engine::new();
    assert_eq!(desired(&run(&mut e, &both, &high, off)), [2, 1]);
    // a's decision is not carried out yet: b is not raised instead, as v0.4.2 would.
    let got = run(&mut e, &both, &high, off);
    assert_eq!(desired(&got), [2, 1]);
    assert!(got.variants.iter().all(|v| v.decision.as_ref().is_some_and(|d| d.blocked)));
    // The pod is there but does not report yet: it is not shed either.
    let starting = [variant("a", "5", 2, 1), variant("b", "20", 1, 1)];
    assert_eq!(desired(&run(&mut e, &starting, &pods(&[("a-1", 0.3), ("b-1", 0.3)]), off)), [2, 1]);
}

#[test]
fn a_variant_with_pending_replicas_is_passed_over() {
    // The Deployment does not count the second pod as ready though it reports.
    let both = [variant("a", "5", 2, 1), variant("b", "20", 1, 1)];
    let got = run(&mut Engine::new(), &both, &pods(&[("a-1", 0.75), ("a-2", 0.75), ("b-1", 0.75)]), ScaleToZero::default());
    assert_eq!(desired(&got), [2, 2]);
}

#[test]
fn deleted_pods_do_not_count() {
    let got = run(&mut Engine::new(), &[variant("a", "5", 1, 1)], &pods(&[("a-1", 0.5), ("a-9", 0.3)]), ScaleToZero::default());
    assert_eq!(got.models[0].unmatched, ["a-9"]);
    assert_eq!(desired(&got), [1]);
}

#[test]
fn models_are_kept_apart_by_namespace() {
    let other = Variant { namespace: "o".to_owned(), ..variant("a", "5", 1, 1) };
    let got = run(&mut Engine::new(), &[variant("a", "5", 1, 1), other], &pods(&[("a-1", 0.75)]), ScaleToZero::default());
    assert_eq!(got.models.len(), 2);
    assert_eq!(desired(&got), [2, 0]);
}

#[test]
fn stuck_at_max_lives_on() {
    let mut e = Engine::new();
    e.set_status("n", "a", 4, "H100");
    let three = pods(&[("a-1", 0.0), ("a-2", 0.0), ("a-3", 0.0)]);
    assert_eq!(desired(&run(&mut e, &[variant("a", "5", 3, 3)], &three, ScaleToZero::default())), [4]);
}

#[test]
fn without_metrics_the_last_number_is_given_again() {
    let mut e = Engine::new();
    e.set_status("n", "a", 3, "H100");
    let got = run(&mut e, &[variant("a", "5", 2, 0)], &pods(&[]), ScaleToZero::default());
    assert_eq!((desired(&got), got.variants[0].gauges.map(|g| g.desired)), (vec![3], Some(3.0)));
    let failing = Fixed { failing: true, ..pods(&[]) };
    let got = run(&mut Engine::new(), &[variant("a", "5", 2, 0)], &failing, ScaleToZero::default());
    assert_eq!((desired(&got), got.variants[0].gauges.map(|g| g.desired)), (vec![0], Some(2.0)));
}

#[test]
fn scale_to_zero_needs_the_switch_and_no_requests() {
    let on = ScaleToZero { enabled: true, ..ScaleToZero::default() };
    let idle = |requests| Fixed { requests, ..pods(&[("a-1", 0.0)]) };
    let after = |policy, requests| desired(&run(&mut Engine::new(), &[variant("a", "5", 1, 1)], &idle(requests), policy));
    assert_eq!(after(on, Ok(0.0)), [0]);
    assert_eq!(after(on, Ok(1.0)), [1]);
    assert_eq!(after(on, Err(QueryError)), [1]);
    assert_eq!(after(ScaleToZero::default(), Ok(0.0)), [1]);
}

#[test]
fn the_cheapest_keeps_one_where_all_would_be_zero() {
    let (mut a, mut b) = (0, 0);
    assert!(enforce(ScaleToZero::default(), Ok(0.0), &mut [("b", 5.0, &mut b), ("a", 5.0, &mut a)]));
    assert_eq!((a, b), (1, 0));
    assert!(!enforce(ScaleToZero::default(), Ok(0.0), &mut []));
}

#[test]
fn down_safety_by_averages_agrees_away_from_borders() {
    for i in 0..200 {
        let kv = f64::from(i) / 199.0;
        for n in 1..5 {
            let replicas: Vec<Replica> = (0..n).map(|q| Replica { pod: "p", variant: "v", kv: kv * 0.999, queue: q % 3 }).collect();
            let (new, old) = (v1::analyze(&replicas, &BUILT_IN), crate::autoscaler::wva::v042::analyze(&replicas, &BUILT_IN));
            assert_eq!(new.down_safe, old.down_safe, "{kv} {n}");
        }
    }
}

#[test]
fn polling_is_30_s_and_retries_fast() {
    let mut p = Polling::start(0);
    let mut seen = Vec::new();
    for ok in [true, false, false, false, false, false, false, false, true, false] {
        seen.push(p.next_ms);
        p.finished(p.next_ms, ok);
    }
    assert_eq!(seen, [0, 30_000, 30_100, 30_300, 30_700, 31_500, 33_100, 36_300, 40_300, 70_300]);
    assert_eq!(p.next_ms, 70_400);
}

fn v2_replica(kv: f64, queue: i64) -> v2::Replica<'static> {
    let (variant, accelerator) = ("a", "H100");
    v2::Replica { pod: "a-1", variant, accelerator, kv, queue, kv_tokens: 10_000, input_tokens: 100.0, output_tokens: 200.0 }
}

fn v2_variant(name: &str, current: i64, pending: i64, cost: f64, args: Option<EngineArgs>) -> V2Variant<'_> {
    V2Variant { name, state: State { current, desired: 0, pending, cost }, args }
}

#[test]
fn v2_capacity_comes_from_observation_then_history_then_arguments_then_memory() {
    let mut analyzer = Analyzer::default();
    let mut capacity = |kv, queue, args| {
        let got =
            analyzer.analyze("m", "n", &[v2_replica(kv, queue)], &[v2_variant("a", 1, 0, 10.0, args)], &BUILT_IN, Utilization::default());
        (got.replicas[0].k2, got.replicas[0].source, got.replicas[0].capacity, got.replicas[0].demand)
    };
    assert_eq!(capacity(0.1, 1, None), (8_000, Source::Memory, 8_000, 1_100));
    // N = min(3000 · 200/300, 10) = 10 requests of 100 + 200/2 tokens.
    let args = EngineArgs { max_batched_tokens: 3_000, max_seqs: 10 };
    assert_eq!(capacity(0.1, 0, Some(args)), (2_000, Source::Args, 2_000, 1_000));
    assert_eq!(capacity(0.3, 5, Some(args)), (3_000, Source::Observed, 3_000, 3_500));
    assert_eq!(capacity(0.5, 9, Some(args)), (5_000, Source::Observed, 5_000, 5_900));
    assert_eq!(capacity(0.1, 0, Some(args)), (4_000, Source::History, 4_000, 1_000));
}

#[test]
fn v2_orders_all_that_is_missing_at_once_and_counts_what_is_pending() {
    let decide = |kv: f64, current, pending| {
        let variants = [v2_variant("a", current, pending, 10.0, None)];
        let got = Analyzer::default().analyze("m", "n", &[v2_replica(kv, 0)], &variants, &BUILT_IN, Utilization::default());
        (got.required, optimize(&got, &variants)["a"])
    };
    // 10 000 tokens in use over 0.85 against one replica of 8000.
    let (required, target) = decide(1.0, 1, 0);
    assert!((required - (10_000.0 / 0.85 - 8_000.0)).abs() < 1e-9);
    assert_eq!(target, 2);
    assert_eq!(decide(1.0, 2, 1), (0.0, 2));
    // Four ready, one would do: the cheapest variant keeps one as the last.
    assert_eq!(decide(0.1, 4, 0).1, 1);
}

#[test]
fn v2_adds_the_cheapest_per_token_and_removes_the_dearest() {
    let capacity =
        |name: &str, cost, per_replica| v2::VariantCapacity { name: name.to_owned(), cost, ready: 1, pending: 0, per_replica, demand: 0.0 };
    let variants = [v2_variant("big", 2, 0, 15.0, None), v2_variant("small", 2, 0, 10.0, None)];
    let capacities = vec![capacity("big", 15.0, 2_000.0), capacity("small", 10.0, 1_000.0)];
    let with = |required, spare| v2::Analysis { variants: capacities.clone(), required, spare, ..v2::Analysis::default() };
    let targets = |big, small| BTreeMap::from([("big".to_owned(), big), ("small".to_owned(), small)]);
    assert_eq!(optimize(&with(4_001.0, 0.0), &variants), targets(5, 2));
    assert_eq!(optimize(&with(0.0, 2_999.0), &variants), targets(1, 2));
    assert_eq!(optimize(&with(0.0, 3_500.0), &variants), targets(1, 1));
    // The dear ones all go; the last of all stays.
    assert_eq!(optimize(&with(0.0, 1e9), &variants), targets(0, 1));
}

#[test]
fn no_input_panics() {
    let odd = [0.0, -1.0, 5.0, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    for a in odd {
        for b in odd {
            for n in [i64::MIN, -1, 0, 1, i64::MAX] {
                let t = Thresholds { kv_cache: a, queue_length: b, kv_spare: b, queue_spare: a };
                let args = Some(EngineArgs { max_batched_tokens: n, max_seqs: n });
                let variants = [v2_variant("a", n, n, a, args), v2_variant("", n, 0, b, None)];
                let replica = v2::Replica { kv: a, queue: n, kv_tokens: n, input_tokens: b, output_tokens: a, ..v2_replica(a, 0) };
                let mut analyzer = Analyzer::default();
                for _ in 0..2 {
                    let u = Utilization { scale_up: a, scale_down: b };
                    let got = analyzer.analyze("m", "n", &[replica.clone(), replica.clone()], &variants, &t, u);
                    let _ = optimize(&got, &variants);
                }
                let _ = v1::analyze(&[Replica { pod: "p", variant: "v", kv: a, queue: n }], &t);
                let mut e = Engine::new();
                e.set_status("n", "a", n, "");
                let answers = Fixed { pods: vec![("a-1", a, b), ("", b, a)], requests: Ok(a), failing: false };
                let replicas = n.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
                run(&mut e, &[variant("a", "nan", replicas, -1)], &answers, ScaleToZero { enabled: n == 1, retention_ms: n });
            }
        }
    }
}
