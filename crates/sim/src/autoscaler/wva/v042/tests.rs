//! Single decisions at the borders of each rule, and that no input panics.

use std::collections::BTreeMap;

use super::*;
use crate::autoscaler::wva::config::{BUILT_IN, CapacityConfigMap, MainConfigMap, Thresholds};

/// One variant of a row: name, cost, replicas there are (C), last desired (D), and per reporting pod KV and queue.
type Row<'a> = (&'a str, &'a str, i32, i64, &'a [(f64, f64)]);

struct Vector<'a> {
    variants: &'a [Row<'a>],
    /// Average spares, to three digits.
    spares: (f64, f64),
    scale_up: bool,
    down_safe: bool,
    /// By variant, in the order of `variants`.
    targets: &'a [i64],
}

const fn vector<'a>(variants: &'a [Row<'a>], spares: (f64, f64), up_safe: (bool, bool), targets: &'a [i64]) -> Vector<'a> {
    Vector { variants, spares, scale_up: up_safe.0, down_safe: up_safe.1, targets }
}

const NEITHER: (bool, bool) = (false, false);
const UP: (bool, bool) = (true, false);
const SAFE: (bool, bool) = (false, true);

/// A single variant of cost 10.
macro_rules! one {
    ($c:expr, $d:expr, $pods:expr, $spares:expr, $verdict:expr, $target:expr) => {
        vector(&[("a", "10", $c, $d, $pods)], $spares, $verdict, &[$target])
    };
}

/// With the built-in thresholds .80, 5, .10, 3.
const VECTORS: [Vector<'static>; 29] = [
    // An idle replica stays.
    one!(1, 0, &[(0.0, 0.0)], (0.8, 5.0), NEITHER, 1),
    // .80 − .70 is a little above .10 in binary, so KV of exactly .70 does not trigger.
    one!(1, 1, &[(0.7, 0.0)], (0.1, 5.0), NEITHER, 1),
    one!(1, 1, &[(0.7000001, 0.0)], (0.1, 5.0), UP, 2),
    one!(1, 1, &[(0.1, 2.0)], (0.7, 3.0), NEITHER, 1),
    one!(1, 1, &[(0.1, 3.0)], (0.7, 2.0), UP, 2),
    // All saturated: both averages are 0.
    one!(1, 1, &[(0.95, 0.0)], (0.0, 0.0), UP, 2),
    one!(2, 2, &[(0.0, 0.0), (0.0, 0.0)], (0.8, 5.0), SAFE, 1),
    one!(2, 2, &[(0.35, 0.0), (0.35, 0.0)], (0.45, 5.0), SAFE, 1),
    one!(2, 2, &[(0.3501, 0.0), (0.3501, 0.0)], (0.4499, 5.0), NEITHER, 2),
    one!(3, 3, &[(0.46, 0.0), (0.46, 0.0), (0.46, 0.0)], (0.34, 5.0), SAFE, 2),
    // A saturated replica is left out of both tests.
    one!(3, 3, &[(0.95, 9.0), (0.1, 0.0), (0.1, 0.0)], (0.7, 5.0), SAFE, 2),
    one!(2, 2, &[(0.95, 9.0), (0.1, 0.0)], (0.7, 5.0), NEITHER, 2),
    one!(2, 2, &[(0.95, 9.0), (0.71, 0.0)], (0.09, 5.0), UP, 3),
    // One of two reports: the target starts from one.
    one!(2, 2, &[(0.5, 0.0)], (0.3, 5.0), NEITHER, 1),
    one!(2, 2, &[(0.75, 0.0)], (0.05, 5.0), UP, 2),
    // A deleted pod still reports.
    one!(1, 1, &[(0.5, 0.0), (0.3, 0.0)], (0.4, 5.0), NEITHER, 2),
    one!(1, 1, &[(0.1, 0.0), (0.1, 0.0)], (0.7, 5.0), SAFE, 1),
    // D ≠ C: preserved, whatever the load.
    one!(10, 11, &[(0.0, 0.0); 10], (0.8, 5.0), SAFE, 11),
    one!(2, 1, &[(0.99, 50.0), (0.99, 50.0)], (0.0, 0.0), UP, 1),
    // The cheapest grows; where it is preserved, the next.
    vector(&[("cheap", "5", 1, 1, &[(0.75, 0.0)]), ("dear", "20", 1, 1, &[(0.75, 0.0)])], (0.05, 5.0), UP, &[2, 1]),
    vector(&[("cheap", "5", 1, 2, &[(0.75, 0.0)]), ("dear", "20", 1, 1, &[(0.75, 0.0)])], (0.05, 5.0), UP, &[2, 2]),
    // The dearest with more than one shrinks.
    vector(&[("cheap", "5", 2, 2, &[(0.1, 0.0); 2]), ("dear", "20", 2, 2, &[(0.1, 0.0); 2])], (0.7, 5.0), SAFE, &[2, 1]),
    vector(&[("cheap", "5", 2, 2, &[(0.1, 0.0); 2]), ("dear", "20", 1, 1, &[(0.1, 0.0)])], (0.7, 5.0), SAFE, &[1, 1]),
    vector(&[("cheap", "5", 1, 1, &[(0.1, 0.0)]), ("dear", "20", 1, 1, &[(0.1, 0.0)])], (0.7, 5.0), SAFE, &[1, 1]),
    // Equal costs: the first name grows, the last shrinks.
    vector(&[("alpha", "10", 1, 1, &[(0.75, 0.0)]), ("zeta", "10", 1, 1, &[(0.75, 0.0)])], (0.05, 5.0), UP, &[2, 1]),
    vector(&[("alpha", "10", 2, 2, &[(0.1, 0.0); 2]), ("zeta", "10", 2, 2, &[(0.1, 0.0); 2])], (0.7, 5.0), SAFE, &[2, 1]),
    // The queue alone.
    one!(3, 3, &[(0.1, 2.0), (0.1, 2.0), (0.1, 3.0)], (0.7, 8.0 / 3.0), UP, 4),
    one!(2, 2, &[(0.1, 1.0), (0.1, 1.0)], (0.7, 4.0), SAFE, 1),
    one!(2, 2, &[(0.1, 1.0), (0.1, 2.0)], (0.7, 3.5), NEITHER, 2),
];

pub(super) fn variant(name: &str, cost: &str, replicas: i32) -> Variant {
    Variant {
        name: name.to_owned(),
        namespace: "n".to_owned(),
        model: "m".to_owned(),
        cost: cost.to_owned(),
        accelerator: "H100".to_owned(),
        deleting: false,
        deployment: Some(Deployment { spec_replicas: replicas, status_replicas: replicas, selector: name.to_owned() }),
    }
}

fn status(desired: i64) -> Status {
    Status { desired, desired_accelerator: "H100".to_owned(), ..Status::default() }
}

/// A reconcile with the built-in thresholds.
fn reconcile(controller: &mut Controller, variants: &[Variant], answers: &FixedAnswers) -> Reconciled {
    let view = View {
        main_config: &MainConfigMap::Found { interval: None },
        capacity_config: &CapacityConfigMap::NotFound,
        variants,
        pods: &[],
        answers,
    };
    controller.reconcile(0, &view)
}

#[test]
fn single_decisions() {
    for (i, v) in VECTORS.iter().enumerate() {
        let row = i + 1;
        let mut controller = Controller::new();
        let mut variants = Vec::new();
        let mut pods = Vec::new();
        for (name, cost, replicas, desired, reporting) in v.variants {
            variants.push(variant(name, cost, *replicas));
            controller.set_status("n", name, status(*desired));
            pods.extend(reporting.iter().enumerate().map(|(p, (kv, queue))| (format!("{name}-{p}"), *kv, *queue)));
        }
        let answers = FixedAnswers::peaks(pods.iter().map(|(pod, kv, queue)| (pod.as_str(), *kv, *queue)));
        let got = reconcile(&mut controller, &variants, &answers);

        let analysis = got.models[0].analysis.as_ref().expect("pods report");
        assert_eq!((analysis.scale_up, analysis.down_safe), (v.scale_up, v.down_safe), "row {row}");
        assert!(
            (analysis.spare_kv - v.spares.0).abs() < 1e-6 && (analysis.spare_queue - v.spares.1).abs() < 1e-6,
            "row {row}: {analysis:?}"
        );
        let targets: Vec<i64> = got.variants.iter().map(|o| o.decision.as_ref().expect("a decision").target).collect();
        assert_eq!(targets, v.targets, "row {row}");
        assert!(got.variants.iter().zip(v.targets).all(|(o, t)| o.published && o.status.desired == *t), "row {row}");
    }
}

#[test]
fn an_override_of_the_model_is_in_force_in_the_namespace_of_the_first_listed_va() {
    use crate::autoscaler::wva::config::Entry;
    let thresholds = Thresholds { kv_cache: 0.5, ..Thresholds::ZERO };
    let entry = Entry { model_id: "m".to_owned(), namespace: "n".to_owned(), thresholds };
    let map = CapacityConfigMap::Found(BTreeMap::from([("any".to_owned(), Some(entry))]));
    let answers = FixedAnswers::peaks([("a-1", 0.45, 0.0)]);
    let elsewhere = Variant { namespace: "elsewhere".to_owned(), ..variant("b", "1", 1) };
    for (variants, kv_cache) in [([variant("a", "1", 1), elsewhere.clone()], 0.5), ([elsewhere, variant("a", "1", 1)], 0.8)] {
        let view = View {
            main_config: &MainConfigMap::Found { interval: None },
            capacity_config: &map,
            variants: &variants,
            pods: &[],
            answers: &answers,
        };
        assert_eq!(Controller::new().reconcile(0, &view).models[0].thresholds, Thresholds { kv_cache, ..BUILT_IN });
    }
}

#[test]
fn an_outage_leaves_the_gauges_and_missing_metrics_bring_the_safety_net() {
    let mut controller = Controller::new();
    let variants = [variant("a", "1", 2)];
    let first = reconcile(&mut controller, &variants, &FixedAnswers::peaks([("a-1", 0.75, 0.0), ("a-2", 0.75, 0.0)]));
    assert_eq!(first.variants[0].gauges.map(|g| (g.desired, g.current, g.ratio)), Some((3.0, 2.0, 1.5)));

    let variants = [variant("a", "1", 3)];
    let down = FixedAnswers { kv: Err(QueryError), ..FixedAnswers::peaks([]) };
    let outage = reconcile(&mut controller, &variants, &down);
    assert_eq!(outage.models[0].failed, Some(QueryError));
    assert!(!outage.variants[0].safety_net);
    assert_eq!(outage.variants[0].gauges, first.variants[0].gauges);

    let silent = reconcile(&mut controller, &variants, &FixedAnswers::peaks([]));
    assert!(silent.variants[0].safety_net && !silent.variants[0].published);
    assert_eq!(silent.variants[0].gauges.map(|g| (g.desired, g.current, g.ratio)), Some((3.0, 3.0, 1.0)));
}

#[test]
fn within_one_burst_the_cheap_and_then_the_dear_variant_grow() {
    let mut controller = Controller::new();
    let variants = [variant("cheap", "5", 1), variant("dear", "20", 1)];
    let answers = FixedAnswers::peaks([("cheap-1", 0.75, 0.0), ("dear-1", 0.75, 0.0)]);
    let desired = |r: &Reconciled| r.variants.iter().map(|v| v.status.desired).collect::<Vec<_>>();
    assert_eq!(desired(&reconcile(&mut controller, &variants, &answers)), [2, 1]);
    assert_eq!(desired(&reconcile(&mut controller, &variants, &answers)), [2, 2]);
}

#[test]
fn a_changed_accelerator_label_leaves_the_old_series() {
    let mut controller = Controller::new();
    let answers = FixedAnswers::peaks([("a-1", 0.5, 0.0)]);
    let mut va = variant("a", "1", 1);
    reconcile(&mut controller, std::slice::from_ref(&va), &answers);
    va.accelerator = "L40S".to_owned();
    reconcile(&mut controller, std::slice::from_ref(&va), &answers);
    let series: Vec<_> = controller.series("n", "a").map(|(accelerator, g)| (accelerator.to_owned(), g.desired)).collect();
    assert_eq!(series, [("H100".to_owned(), 1.0), ("L40S".to_owned(), 1.0)]);
}

/// NaN, infinities, negative and huge numbers, empty texts, in every place at once.
#[test]
fn no_input_panics() {
    let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -0.0, 0.0, 0.7, 1e300, f64::MIN_POSITIVE];
    let counts = [i32::MIN, -1, 0, 1, i32::MAX];
    let mut seed = 1u64;
    let mut pick = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    for _ in 0..4_000 {
        let mut variants = Vec::new();
        let mut controller = Controller::new();
        for _ in 0..pick(4) {
            let name = ["", "a", "a-b", "ä"][pick(4)].to_owned();
            let namespace = ["", "n"][pick(2)].to_owned();
            let desired = [i64::MIN, -1, 0, 1, i64::MAX][pick(5)];
            let alloc = Allocation { accelerator: ["", "ab"][pick(2)].to_owned(), replicas: desired, ..Allocation::default() };
            controller.set_status(&namespace, &name, Status { desired, alloc, ..Status::default() });
            let deployment = Deployment {
                spec_replicas: counts[pick(5)],
                status_replicas: counts[pick(5)],
                selector: ["", "a", "-"][pick(3)].to_owned(),
            };
            variants.push(Variant {
                name,
                namespace,
                model: ["", "m"][pick(2)].to_owned(),
                cost: ["", "nan", "-1", "inf", "1e999", "x", "5"][pick(7)].to_owned(),
                accelerator: ["", "ä", "x", "H100"][pick(4)].to_owned(),
                deleting: pick(8) == 0,
                deployment: (pick(4) > 0).then_some(deployment),
            });
        }
        let mut pods = |n: usize| -> Result<Vec<(String, f64)>, QueryError> {
            if pick(10) == 0 {
                return Err(QueryError);
            }
            Ok((0..n).map(|_| (["", "-", "a-", "a-b-1", "ä-1", "other"][pick(6)].to_owned(), numbers[pick(9)])).collect())
        };
        let answers = FixedAnswers { kv: pods(5), queue: pods(4), running: Ok(true), load: Ok(Load::default()) };
        let thresholds = Thresholds {
            kv_cache: numbers[pick(9)],
            queue_length: numbers[pick(9)],
            kv_spare: numbers[pick(9)],
            queue_spare: numbers[pick(9)],
        };
        let listed = [ListedPod { namespace: "n", name: "a-b-1", app: "a" }, ListedPod { namespace: "", name: "", app: "" }];
        let interval = [None, Some("-9223372036854775808ns"), Some("µ"), Some("999999h9.9.9s")][pick(4)].map(str::to_owned);
        let view = View {
            main_config: &MainConfigMap::Found { interval },
            capacity_config: &CapacityConfigMap::only_default(thresholds),
            variants: &variants,
            pods: &listed,
            answers: &answers,
        };
        for now in [i64::MIN, 0, i64::MAX] {
            controller.reconcile(now, &view);
        }
    }
}
