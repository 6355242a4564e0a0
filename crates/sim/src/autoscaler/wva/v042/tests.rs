//! Decisions one by one as a table, the rules of publication, and inputs that no cluster gives.

use super::*;
use crate::autoscaler::wva::config::{BUILT_IN, CapacityConfigMap, MainConfigMap, Thresholds};

const MAIN: MainConfigMap = MainConfigMap::Found { interval: None };

pub(super) fn variant(name: &str, cost: &str, replicas: i32) -> Variant {
    Variant {
        name: name.to_owned(),
        namespace: "n".to_owned(),
        model: "m".to_owned(),
        cost: cost.to_owned(),
        accelerator: "H100".to_owned(),
        deleting: false,
        deployment: Some(Deployment {
            spec_replicas: replicas,
            status_replicas: replicas,
            ready_replicas: replicas,
            selector: name.to_owned(),
        }),
    }
}

fn reconcile(c: &mut Controller, variants: &[Variant], answers: &FixedAnswers) -> Reconciled {
    let view = View { main_config: &MAIN, capacity_config: &CapacityConfigMap::NotFound, variants, pods: &[], answers };
    c.reconcile(60_000, &view)
}

/// A variant of a row: name, cost, C, D, its replicas (KV, queue), the target.
type Row<'a> = (&'a str, &'a str, i32, i64, &'a [(f64, f64)], i64);

struct Vector<'a> {
    number: u32,
    variants: &'a [Row<'a>],
    /// Some rounded.
    spare: (f64, f64),
    up: bool,
    safe: bool,
}

const fn one<'a>(number: u32, row: &'a [Row<'a>; 1], spare: (f64, f64), up: bool, safe: bool) -> Vector<'a> {
    Vector { number, variants: row, spare, up, safe }
}

#[test]
fn the_29_vectors_of_the_sheet() {
    const LIGHT: (f64, f64) = (0.1, 0.0);
    const HIGH: (f64, f64) = (0.75, 0.0);
    let vectors = [
        one(1, &[("a", "10", 1, 0, &[(0.0, 0.0)], 1)], (0.8, 5.0), false, false),
        one(2, &[("a", "10", 1, 1, &[(0.7, 0.0)], 1)], (0.100_000_000_000_000_09, 5.0), false, false),
        one(3, &[("a", "10", 1, 1, &[(0.700_000_1, 0.0)], 2)], (0.099_999_9, 5.0), true, false),
        one(4, &[("a", "10", 1, 1, &[(0.1, 2.0)], 1)], (0.7, 3.0), false, false),
        one(5, &[("a", "10", 1, 1, &[(0.1, 3.0)], 2)], (0.7, 2.0), true, false),
        one(6, &[("a", "10", 1, 1, &[(0.95, 0.0)], 2)], (0.0, 0.0), true, false),
        one(7, &[("a", "10", 2, 2, &[(0.0, 0.0); 2], 1)], (0.8, 5.0), false, true),
        one(8, &[("a", "10", 2, 2, &[(0.35, 0.0); 2], 1)], (0.45, 5.0), false, true),
        one(9, &[("a", "10", 2, 2, &[(0.3501, 0.0); 2], 2)], (0.4499, 5.0), false, false),
        one(10, &[("a", "10", 3, 3, &[(0.46, 0.0); 3], 2)], (0.34, 5.0), false, true),
        one(11, &[("a", "10", 3, 3, &[(0.95, 9.0), LIGHT, LIGHT], 2)], (0.7, 5.0), false, true),
        one(12, &[("a", "10", 2, 2, &[(0.95, 9.0), LIGHT], 2)], (0.7, 5.0), false, false),
        one(13, &[("a", "10", 2, 2, &[(0.95, 9.0), (0.71, 0.0)], 3)], (0.09, 5.0), true, false),
        one(14, &[("a", "10", 2, 2, &[(0.5, 0.0)], 1)], (0.3, 5.0), false, false),
        one(15, &[("a", "10", 2, 2, &[HIGH], 2)], (0.05, 5.0), true, false),
        one(16, &[("a", "10", 1, 1, &[(0.5, 0.0), (0.3, 0.0)], 2)], (0.4, 5.0), false, false),
        one(17, &[("a", "10", 1, 1, &[LIGHT, LIGHT], 1)], (0.7, 5.0), false, true),
        one(18, &[("a", "10", 10, 11, &[(0.0, 0.0); 10], 11)], (0.8, 5.0), false, true),
        one(19, &[("a", "10", 2, 1, &[(0.99, 50.0); 2], 1)], (0.0, 0.0), true, false),
        Vector {
            number: 20,
            variants: &[("cheap", "5", 1, 1, &[HIGH], 2), ("dear", "20", 1, 1, &[HIGH], 1)],
            spare: (0.05, 5.0),
            up: true,
            safe: false,
        },
        Vector {
            number: 21,
            variants: &[("cheap", "5", 1, 2, &[HIGH], 2), ("dear", "20", 1, 1, &[HIGH], 2)],
            spare: (0.05, 5.0),
            up: true,
            safe: false,
        },
        Vector {
            number: 22,
            variants: &[("cheap", "5", 2, 2, &[LIGHT; 2], 2), ("dear", "20", 2, 2, &[LIGHT; 2], 1)],
            spare: (0.7, 5.0),
            up: false,
            safe: true,
        },
        Vector {
            number: 23,
            variants: &[("cheap", "5", 2, 2, &[LIGHT; 2], 1), ("dear", "20", 1, 1, &[LIGHT], 1)],
            spare: (0.7, 5.0),
            up: false,
            safe: true,
        },
        Vector {
            number: 24,
            variants: &[("cheap", "5", 1, 1, &[LIGHT], 1), ("dear", "20", 1, 1, &[LIGHT], 1)],
            spare: (0.7, 5.0),
            up: false,
            safe: true,
        },
        Vector {
            number: 25,
            variants: &[("alpha", "10", 1, 1, &[HIGH], 2), ("zeta", "10", 1, 1, &[HIGH], 1)],
            spare: (0.05, 5.0),
            up: true,
            safe: false,
        },
        Vector {
            number: 26,
            variants: &[("alpha", "10", 2, 2, &[LIGHT; 2], 2), ("zeta", "10", 2, 2, &[LIGHT; 2], 1)],
            spare: (0.7, 5.0),
            up: false,
            safe: true,
        },
        one(27, &[("a", "10", 3, 3, &[(0.1, 2.0), (0.1, 2.0), (0.1, 3.0)], 4)], (0.7, 2.667), true, false),
        one(28, &[("a", "10", 2, 2, &[(0.1, 1.0); 2], 1)], (0.7, 4.0), false, true),
        one(29, &[("a", "10", 2, 2, &[(0.1, 1.0), (0.1, 2.0)], 2)], (0.7, 3.5), false, false),
    ];
    assert_eq!(vectors.len(), 29);
    for v in &vectors {
        let mut controller = Controller::new();
        let (mut variants, mut pods) = (Vec::new(), Vec::new());
        for (name, cost, current, desired, replicas, _) in v.variants {
            variants.push(variant(name, cost, *current));
            controller.set_status("n", name, Status { desired: *desired, ..Status::default() });
            pods.extend(replicas.iter().enumerate().map(|(i, (kv, queue))| (format!("{name}-{i}"), *kv, *queue)));
        }
        let answers = FixedAnswers::peaks(pods.iter().map(|(pod, kv, queue)| (pod.as_str(), *kv, *queue)));
        let got = reconcile(&mut controller, &variants, &answers);
        let analysis = got.models[0].analysis.as_ref().expect("there are replicas");
        let close = |a: f64, b: f64, digits: f64| (a - b).abs() < digits;
        // Row 2 is about a single ULP; the others are printed rounded.
        let digits = if v.number == 2 { f64::MIN_POSITIVE } else { 1e-3 };
        assert!(close(analysis.spare_kv, v.spare.0, digits), "vector {}: {}", v.number, analysis.spare_kv);
        assert!(close(analysis.spare_queue, v.spare.1, 1e-3), "vector {}: {}", v.number, analysis.spare_queue);
        assert_eq!((analysis.scale_up, analysis.down_safe), (v.up, v.safe), "vector {}", v.number);
        for ((name, .., target), outcome) in v.variants.iter().zip(&got.variants) {
            assert_eq!(outcome.decision.as_ref().map(|d| d.target), Some(*target), "vector {}, {name}", v.number);
            assert!(outcome.published, "vector {}, {name}", v.number);
            assert_eq!(outcome.status.desired, *target, "vector {}, {name}", v.number);
        }
    }
}

#[test]
fn nothing_is_published_without_a_label_a_cost_or_metrics() {
    let answers = FixedAnswers::peaks([("a-1", 0.9, 0.0)]);
    let published = |v: Variant, answers: &FixedAnswers| reconcile(&mut Controller::new(), &[v], answers).variants[0].published;
    assert!(published(variant("a", "10", 1), &answers));
    assert!(!published(Variant { accelerator: String::new(), ..variant("a", "10", 1) }, &answers));
    assert!(!published(Variant { accelerator: "L".to_owned(), ..variant("a", "10", 1) }, &answers));
    assert!(!published(variant("a", "", 1), &answers));
    assert!(!published(variant("a", "1e999", 1), &answers));
    assert!(!published(variant("a", "10", 1), &FixedAnswers { running: Ok(false), ..answers.clone() }));
    assert!(!published(variant("a", "10", 1), &FixedAnswers { running: Err(QueryError), ..answers.clone() }));
    assert!(!published(variant("a", "10", 1), &FixedAnswers { load: Err(QueryError), ..answers.clone() }));
    assert!(!published(Variant { deployment: None, ..variant("a", "10", 1) }, &answers));
}

#[test]
fn once_filled_current_alloc_lets_decisions_through_though_metrics_are_invalid() {
    let mut c = Controller::new();
    let answers = FixedAnswers::peaks([("a-1", 0.9, 0.0)]);
    reconcile(&mut c, &[variant("a", "10", 1)], &answers);
    let got = reconcile(&mut c, &[variant("a", "10", 2)], &FixedAnswers { running: Err(QueryError), ..answers });
    assert!(got.variants[0].published);
    // The numbers in it are the old ones.
    assert_eq!(got.variants[0].status.alloc.replicas, 1);
}

#[test]
fn a_failed_query_leaves_everything_and_no_replicas_bring_the_safety_net() {
    let mut c = Controller::new();
    reconcile(&mut c, &[variant("a", "10", 1)], &FixedAnswers::peaks([("a-1", 0.9, 0.0)]));
    let failed = FixedAnswers { queue: Err(QueryError), ..FixedAnswers::peaks([("a-1", 0.1, 0.0)]) };
    let got = reconcile(&mut c, &[variant("a", "10", 2)], &failed);
    assert_eq!(got.models[0].failed, Some(QueryError));
    assert_eq!(got.variants[0].gauges, Some(Gauges { desired: 2.0, current: 1.0, ratio: 2.0 }));
    assert!(!got.variants[0].safety_net);

    let got = reconcile(&mut c, &[variant("a", "10", 2)], &FixedAnswers::peaks([]));
    assert!(got.variants[0].safety_net && !got.variants[0].published);
    assert_eq!(got.variants[0].gauges, Some(Gauges { desired: 2.0, current: 2.0, ratio: 1.0 }));
    // Without a status the Deployment's replicas are emitted, also none; the ratio is then the desired number.
    let got = reconcile(&mut Controller::new(), &[variant("a", "10", 0)], &FixedAnswers::peaks([]));
    assert_eq!(got.variants[0].gauges, Some(Gauges { desired: 0.0, current: 0.0, ratio: 0.0 }));
}

#[test]
fn a_new_label_leaves_the_old_series() {
    let mut c = Controller::new();
    let answers = FixedAnswers::peaks([("a-1", 0.1, 0.0)]);
    reconcile(&mut c, &[variant("a", "10", 1)], &answers);
    reconcile(&mut c, &[Variant { accelerator: "A100".to_owned(), ..variant("a", "10", 1) }], &answers);
    assert_eq!(c.series("n", "a").map(|(label, g)| (label, g.desired)).collect::<Vec<_>>(), [("A100", 1.0), ("H100", 1.0)]);
    assert_eq!(c.series("n", "b").count(), 0);
}

#[test]
fn of_equal_names_the_first_namespace_gives_the_pods_and_the_last_is_written() {
    let mut c = Controller::new();
    let second = Variant { namespace: "o".to_owned(), cost: "5".to_owned(), ..variant("a", "10", 3) };
    let got = reconcile(&mut c, &[variant("a", "10", 1), second], &FixedAnswers::peaks([("a-1", 0.9, 0.0)]));
    assert_eq!(got.models[0].namespace, "n");
    assert_eq!(got.variants.iter().map(|v| v.published).collect::<Vec<_>>(), [false, true]);
    assert_eq!(got.variants[1].decision.as_ref().map(|d| (d.state.current, d.target)), Some((3, 2)));
    assert_eq!(c.status("n", "a"), None);
}

#[test]
fn of_equal_names_the_one_with_metrics_is_written() {
    // The second one's cost is invalid, so its currentAlloc is not refreshed and the lookup turns to the first.
    let second = Variant { namespace: "o".to_owned(), cost: "x".to_owned(), ..variant("a", "10", 3) };
    let got = reconcile(&mut Controller::new(), &[variant("a", "10", 1), second], &FixedAnswers::peaks([("a-1", 0.9, 0.0)]));
    assert_eq!(got.variants.iter().map(|v| v.published).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_status_of_no_replicas_counts_as_the_spec() {
    let mut v = variant("a", "10", 2);
    v.deployment.as_mut().expect("it has one").status_replicas = 0;
    let got = reconcile(&mut Controller::new(), &[v], &FixedAnswers::peaks([("a-1", 0.5, 0.0)]));
    let decision = got.variants[0].decision.as_ref().expect("a replica reports");
    assert_eq!((decision.state.current, decision.target, decision.action), (2, 1, Action::ScaleDown));
    // For the gauge it does not.
    assert_eq!(got.variants[0].gauges, Some(Gauges { desired: 1.0, current: 0.0, ratio: 1.0 }));
}

/// A reconcile reads the interval first: where that fails, the thresholds are not read, and a later failure to read them falls back to what
/// was read before it. All sequences of four reads of both maps.
#[test]
fn thresholds_are_those_of_the_last_reconcile_that_came_to_read_them() {
    let first = Thresholds { queue_length: 15.0, queue_spare: 9.0, ..BUILT_IN };
    let second = Thresholds { kv_cache: 0.5, ..BUILT_IN };
    let mains = [MAIN, MainConfigMap::Found { interval: Some("soon".to_owned()) }, MainConfigMap::Missing];
    let capacities = [
        (CapacityConfigMap::only_default(first), Some(first)),
        (CapacityConfigMap::only_default(second), Some(second)),
        (CapacityConfigMap::NotFound, Some(BUILT_IN)),
        (CapacityConfigMap::Unreadable, None),
    ];
    let variants = [variant("a", "10", 1)];
    let answers = FixedAnswers::peaks([("a-1", 0.5, 0.0)]);
    let reads = mains.len() * capacities.len();
    for sequence in 0..reads.pow(4) {
        let mut c = Controller::new();
        let mut in_force = BUILT_IN;
        for step in 0..4_u32 {
            let read = sequence / reads.pow(step) % reads;
            let (main_config, (capacity_config, reads_as)) = (&mains[read % mains.len()], &capacities[read / mains.len()]);
            let view = View { main_config, capacity_config, variants: &variants, pods: &[], answers: &answers };
            let got = c.reconcile(0, &view);
            if *main_config == MAIN {
                in_force = reads_as.unwrap_or(in_force);
                assert_eq!(got.models[0].thresholds, in_force, "sequence {sequence}, step {step}");
            } else {
                assert!(got.error.is_some() && got.models.is_empty(), "sequence {sequence}, step {step}");
            }
        }
    }
}

#[test]
fn no_input_panics() {
    let odd = [0.0, -0.0, -1.0, 1.0, 5.0, 1e300, f64::MAX, f64::MIN, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE];
    let names = ["", "-", "a", "a-", "a-1", "é-ü", "a-b-1"];
    let costs = ["", "10", "-1", "nan", "inf", "1e999", "x"];
    let mut c = Controller::new();
    for (i, &kv) in odd.iter().enumerate() {
        for (j, &queue) in odd.iter().enumerate() {
            let replicas = [i32::MIN, -1, 0, 1, i32::MAX][(i + j) % 5];
            let mut variants: Vec<Variant> = names
                .iter()
                .enumerate()
                .map(|(k, name)| Variant { model: ["", "m"][k % 2].to_owned(), ..variant(name, costs[(i + j + k) % 7], replicas) })
                .collect();
            variants[i % 7].deployment = None;
            variants[j % 7].deleting = true;
            c.set_status("n", "a", Status { desired: [i64::MIN, -1, 0, i64::MAX][(i + j) % 4], ..Status::default() });
            let t = Thresholds { kv_cache: kv, queue_length: queue, kv_spare: queue, queue_spare: kv };
            let answers = FixedAnswers::peaks(names.iter().map(|n| (*n, kv, queue)));
            let interval = ["", "1h", "-1ns", "µ", "é", "9999999999999999999h", "."][j % 7].to_owned();
            let main = MainConfigMap::Found { interval: Some(interval) };
            for main_config in [&main, &MAIN, &MainConfigMap::Missing] {
                let pods = [ListedPod { namespace: "n", name: "a-1", app: "a" }];
                let capacity_config = &CapacityConfigMap::only_default(t);
                let view = View { main_config, capacity_config, variants: &variants, pods: &pods, answers: &answers };
                c.reconcile([i64::MIN, 0, i64::MAX][j % 3], &view);
            }
            let _ = analyze(
                &[Replica { pod: "p", variant: "v", kv, queue: i64::MIN }, Replica { pod: "q", variant: "v", kv, queue: i64::MAX }],
                &t,
            );
        }
    }
    let _ = analyze(&[], &BUILT_IN);
    reconcile(&mut c, &[], &FixedAnswers::peaks([]));
}

#[test]
fn thousands_of_replicas_cost_little() {
    let names: Vec<String> = (0..5_000).map(|i| format!("a-{i}")).collect();
    let pods: Vec<ListedPod> = names[..4_000].iter().map(|name| ListedPod { namespace: "n", name, app: "a" }).collect();
    let answers = FixedAnswers::peaks(names.iter().map(|n| (n.as_str(), 0.5, 1.0)));
    let variants = [variant("a", "10", 5_000)];
    let mut c = Controller::new();
    for _ in 0..10 {
        let config = &CapacityConfigMap::NotFound;
        let view = View { main_config: &MAIN, capacity_config: config, variants: &variants, pods: &pods, answers: &answers };
        assert_eq!(c.reconcile(0, &view).models[0].replicas.len(), 5_000);
    }
}
