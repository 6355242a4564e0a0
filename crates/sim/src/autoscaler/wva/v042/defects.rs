//! Defects of the decisions, each brought about by the controller and the exact HPA of this crate on a small cluster in virtual time.
//!
//! They are the original's, not this module's: reproducing it means having them. Each test has its counterpart in which the one
//! circumstance that matters is absent.

use super::tests::variant;
use super::*;
use crate::autoscaler::hpa;
use crate::autoscaler::wva::config::{CapacityConfigMap, MainConfigMap};
use crate::autoscaler::wva::window::{RangeFlavour, peaks};

const MINUTE: i64 = 60_000;

struct Pod {
    name: String,
    ready_ms: i64,
    /// When and how it was sampled: KV and queue.
    samples: Vec<(i64, f64, f64)>,
}

struct Fleet {
    name: &'static str,
    cost: &'static str,
    /// Alive, oldest first; a scale-down takes the youngest.
    pods: Vec<Pod>,
    /// Deleted pods' samples stay in Prometheus.
    gone: Vec<Pod>,
    hpa: (hpa::Controller, hpa::Spec),
    /// Desired as Prometheus has it.
    scraped: Option<f64>,
    /// Every change of replicas: when, and to what.
    changes: Vec<(i64, i32)>,
    named: usize,
}

/// KV and queue of a ready pod, from the time, its place in the fleet and the number of ready pods.
type Load = fn(i64, usize, usize) -> (f64, f64);

struct Cluster {
    wva: Controller,
    fleets: Vec<Fleet>,
    start_ms: i64,
    load: Load,
    log: Vec<(i64, Reconciled)>,
}

/// The HPA that scales to the gauge, with rules of `pods` per `period_s` after `window_s` in both directions.
fn hpa(min: i32, max: i32, window_s: i32, pods: i32, period_s: i32) -> hpa::Spec {
    let rules = hpa::Rules {
        window_s: Some(window_s),
        select: hpa::SelectPolicy::Max,
        policies: vec![hpa::Policy { kind: hpa::PolicyKind::Pods, value: pods, period_s }],
        tolerance: None,
    };
    let metrics = vec![hpa::MetricSpec::External(hpa::Target::AverageValue(1000))];
    hpa::Spec { min, max, metrics, behavior: Some(hpa::Behavior { up: rules.clone(), down: rules }) }
}

/// As in the sample manifest: at once.
fn prompt(min: i32, max: i32) -> hpa::Spec {
    hpa(min, max, 0, 10, 15)
}

/// As the chart renders it.
fn chart(min: i32, max: i32) -> hpa::Spec {
    hpa(min, max, 240, 10, 150)
}

impl Fleet {
    fn new(name: &'static str, cost: &'static str, replicas: i32, spec: hpa::Spec) -> Self {
        let hpa = (hpa::Controller::new(hpa::Config::default()), spec);
        let mut fleet = Self { name, cost, pods: Vec::new(), gone: Vec::new(), hpa, scraped: None, changes: Vec::new(), named: 0 };
        fleet.scale(i64::MIN, replicas, 0);
        fleet.changes.clear();
        fleet
    }

    fn replicas(&self) -> i32 {
        self.pods.len() as i32
    }

    fn scale(&mut self, now_ms: i64, replicas: i32, start_ms: i64) {
        while self.replicas() < replicas {
            self.pods.push(Pod { name: format!("{}-{}", self.name, self.named), ready_ms: now_ms + start_ms, samples: Vec::new() });
            self.named += 1;
        }
        while self.replicas() > replicas {
            self.gone.extend(self.pods.pop());
        }
        self.changes.push((now_ms, replicas));
    }
}

impl Cluster {
    /// Pods take `start_s` to become ready; those there are at the start are ready.
    fn new(fleets: Vec<Fleet>, start_s: i64, load: Load) -> Self {
        Self { wva: Controller::new(), fleets, start_ms: start_s * 1000, load, log: Vec::new() }
    }

    /// Runs to `end_ms`: scrapes each 15 s, reconciles each minute (5 s before a scrape), the gauge scraped each 10 s, the HPA's
    /// sync each 15 s.
    fn run(mut self, end_ms: i64) -> Self {
        for now in (0..=end_ms).step_by(1000) {
            if now % 15_000 == 0 {
                self.scrape(now);
            }
            if now % MINUTE == 55_000 {
                self.reconcile(now);
            }
            if now % 10_000 == 3_000 {
                for fleet in &mut self.fleets {
                    let series: Vec<f64> = self.wva.series("n", fleet.name).map(|(_, g)| g.desired).collect();
                    fleet.scraped = (!series.is_empty()).then(|| series.iter().sum());
                }
            }
            if now % 15_000 == 4_000 {
                for fleet in &mut self.fleets {
                    sync(fleet, now, self.start_ms);
                }
            }
        }
        self
    }

    fn scrape(&mut self, now: i64) {
        let ready: usize = self.fleets.iter().flat_map(|f| &f.pods).filter(|p| p.ready_ms <= now).count();
        let pods = self.fleets.iter_mut().flat_map(|f| &mut f.pods).filter(|p| p.ready_ms <= now);
        for (place, pod) in pods.enumerate() {
            let (kv, queue) = (self.load)(now, place, ready);
            pod.samples.push((now, kv, queue));
        }
    }

    fn reconcile(&mut self, now: i64) {
        let pods = || self.fleets.iter().flat_map(|f| f.pods.iter().chain(&f.gone));
        let of = |value: fn(&(i64, f64, f64)) -> f64| {
            let flat = pods().flat_map(|p| p.samples.iter().map(move |s| (p.name.as_str(), s.0, value(s))));
            Ok(peaks(flat, now, RangeFlavour::Closed).into_iter().map(|(pod, v)| (pod.to_owned(), v)).collect())
        };
        let answers = FixedAnswers { kv: of(|s| s.1), queue: of(|s| s.2), running: Ok(true), load: Ok(super::Load::default()) };
        let variants: Vec<Variant> = self.fleets.iter().map(|f| variant(f.name, f.cost, f.replicas())).collect();
        let listed: Vec<ListedPod<'_>> =
            self.fleets.iter().flat_map(|f| f.pods.iter().map(|p| ListedPod { namespace: "n", name: &p.name, app: f.name })).collect();
        let view = View {
            main_config: &MainConfigMap::Found { interval: None },
            capacity_config: &CapacityConfigMap::NotFound,
            variants: &variants,
            pods: &listed,
            answers: &answers,
        };
        let done = self.wva.reconcile(now, &view);
        self.log.push((now, done));
    }

    fn desired(&self, fleet: usize) -> i64 {
        self.wva.status("n", self.fleets[fleet].name).map_or(0, |s| s.desired)
    }

    /// Desired and replicas at the end, of the first fleet.
    fn end(&self) -> (i64, i32) {
        (self.desired(0), self.fleets[0].replicas())
    }

    /// The decision on the first fleet at the first reconcile from `from_ms` on, and whether the analysis asks for more.
    fn decision(&self, from_ms: i64) -> (&Target, bool) {
        let (_, done) = self.log.iter().find(|(at, _)| *at >= from_ms).expect("a reconcile");
        let analysis = done.models[0].analysis.as_ref().expect("pods report");
        (done.variants[0].decision.as_ref().expect("a decision"), analysis.scale_up)
    }
}

fn sync(fleet: &mut Fleet, now: i64, start_ms: i64) {
    let value: Vec<i64> = fleet.scraped.iter().map(|d| (d * 1000.0) as i64).collect();
    let replicas = fleet.replicas();
    let readings = [hpa::Reading::Values(&value)];
    let seen = hpa::Observation { spec_replicas: replicas, status_replicas: replicas, readings: &readings, pods: &[] };
    let (controller, spec) = &mut fleet.hpa;
    if let Some(to) = controller.sync(spec, now, &seen).scale_to {
        fleet.scale(now, to, start_ms);
    }
}

/// `total` KV spread evenly; what does not fit waits.
fn even(total: f64, ready: usize) -> (f64, f64) {
    let kv = total / ready.max(1) as f64;
    (kv.min(1.0), if kv > 1.0 { 20.0 } else { 0.0 })
}

/// Overload for 20 min, then nothing.
fn burst(now: i64, _: usize, ready: usize) -> (f64, f64) {
    even(if now < 20 * MINUTE { 2.0 } else { 0.0 }, ready)
}

/// Nothing for 20 min, then overload.
fn late(now: i64, _: usize, ready: usize) -> (f64, f64) {
    even(if now < 20 * MINUTE { 0.0 } else { 2.0 }, ready)
}

fn idle(_: i64, _: usize, _: usize) -> (f64, f64) {
    (0.0, 0.0)
}

fn overload(_: i64, _: usize, _: usize) -> (f64, f64) {
    (1.0, 50.0)
}

/// Saturated at the HPA's maximum WVA asks for one more, which never comes; what it asked for it then keeps, also when idle.
#[test]
fn stuck_at_max() {
    let run = |max| Cluster::new(vec![Fleet::new("a", "10", 1, prompt(1, max))], 5, burst).run(120 * MINUTE).end();
    assert_eq!(run(2), (3, 2));
    assert_eq!(run(10), (1, 1));
}

/// Idle, WVA asks for one, the HPA holds two: the later overload is never answered.
#[test]
fn dead_at_min_2() {
    let run = |min| Cluster::new(vec![Fleet::new("a", "10", 2, prompt(min, 10))], 5, late).run(120 * MINUTE).end();
    assert_eq!(run(2), (1, 2));
    assert_eq!(run(1), (3, 3));
}

/// A step of one from ten is within the HPA's tolerance of 10 %.
#[test]
fn frozen_by_tolerance() {
    let run = |replicas, tolerance| {
        let mut fleet = Fleet::new("a", "10", replicas, prompt(1, 20));
        fleet.hpa.0 = hpa::Controller::new(hpa::Config { tolerance, ..hpa::Config::default() });
        Cluster::new(vec![fleet], 5, idle).run(120 * MINUTE).end()
    };
    assert_eq!(run(10, 0.1), (9, 10));
    assert_eq!(run(11, 0.1), (10, 11));
    assert_eq!(run(9, 0.1), (1, 1));
    assert_eq!(run(10, 0.0), (1, 1));
}

/// A pod deleted less than a minute ago still reports, so the target after a scale-down is the old number again.
#[test]
fn ghost_pods_flap() {
    let run = |load| {
        let cluster = Cluster::new(vec![Fleet::new("a", "10", 2, prompt(1, 10))], 5, load).run(40 * MINUTE);
        cluster.fleets[0].changes.clone()
    };
    let changes = run(|_, _, ready| even(0.6, ready));
    assert!(changes.len() >= 25, "{changes:?}");
    assert!(changes.iter().all(|(_, replicas)| (1..=2).contains(replicas)));
    assert_eq!(run(|_, _, ready| even(0.4, ready)).len(), 1);
}

/// One replica is saturated with a queue, two are idle: one is removed.
#[test]
fn hot_spot_blindness() {
    let skewed: Load = |_, place, _| if place == 0 { (0.95, 9.0) } else { (0.1, 0.0) };
    let cluster = Cluster::new(vec![Fleet::new("a", "10", 3, prompt(1, 10))], 5, skewed).run(30 * MINUTE);
    let (first, scale_up) = cluster.decision(0);
    assert_eq!((first.reporting, first.target, scale_up), (3, 2, false));
    assert_eq!(cluster.end(), (2, 2));
    // The same load evenly spread asks for one more.
    let evenly: Load = |_, _, ready| ((1.15 / ready as f64).min(1.0), (9.0 / ready as f64).floor());
    assert_eq!(Cluster::new(vec![Fleet::new("a", "10", 3, prompt(1, 10))], 5, evenly).run(2 * MINUTE).decision(0).0.target, 4);
}

/// While the cheapest variant waits for its HPA, the next cheapest grows, one each minute.
#[test]
fn multi_variant_cascade() {
    let run = |spec: hpa::Spec| {
        let fleets = vec![Fleet::new("cheap", "5", 1, spec.clone()), Fleet::new("dear", "20", 1, spec)];
        let cluster = Cluster::new(fleets, 5, |_, _, ready| even(1.5, ready)).run(4 * MINUTE);
        (cluster.desired(0), cluster.desired(1))
    };
    assert_eq!(run(chart(1, 20)), (2, 2));
    // One cheap replica more is all that was needed.
    assert_eq!(run(prompt(1, 20)), (2, 1));
}

/// The target starts from the pods that report, so a lull while a pod starts orders it away.
#[test]
fn pending_pods_shed() {
    let lull: Load = |now, _, ready| even(if now < MINUTE { 0.75 } else { 0.5 }, ready);
    let steady: Load = |_, _, ready| even(0.75, ready);
    let run = |load| Cluster::new(vec![Fleet::new("a", "10", 1, prompt(1, 10))], 200, load).run(6 * MINUTE).fleets.remove(0);
    let replicas = |fleet: &Fleet| fleet.changes.iter().map(|c| c.1).collect::<Vec<_>>();
    let shed = run(lull);
    assert_eq!(replicas(&shed), [2, 1]);
    assert!(shed.gone.iter().all(|p| p.samples.is_empty()), "it never served");
    assert_eq!(replicas(&run(steady)), [2]);
}

/// Decided to shrink, WVA looks away until the HPA's window is over, and the pod goes in the middle of an overload.
#[test]
fn freeze_while_hpa_stabilises() {
    let returns: Load = |now, _, ready| even(if now < 2 * MINUTE { 0.3 } else { 3.0 }, ready);
    let cluster = Cluster::new(vec![Fleet::new("a", "10", 3, chart(1, 10))], 5, returns).run(20 * MINUTE);
    assert_eq!(cluster.decision(0).0.target, 2);
    let (frozen, scale_up) = cluster.decision(3 * MINUTE);
    assert_eq!((frozen.target, frozen.preserved, scale_up), (2, true, true));
    let (at, replicas) = cluster.fleets[0].changes[0];
    assert!(replicas == 2 && at >= 4 * MINUTE, "{at}");
}

/// One replica per decision, and the next only when it reports: whatever the overload.
#[test]
fn slow_ramp() {
    let run = |spec, start_s| {
        let cluster = Cluster::new(vec![Fleet::new("a", "10", 1, spec)], start_s, overload).run(90 * MINUTE);
        let changes = &cluster.fleets[0].changes;
        assert!(changes.windows(2).all(|c| c[1].1 == c[0].1 + 1));
        changes[..8].windows(2).map(|c| (c[1].0 - c[0].0) / 1000).collect::<Vec<_>>()
    };
    assert_eq!(run(chart(1, 20), 120), [405, 420, 420, 420, 420, 420, 420]);
    assert_eq!(run(prompt(1, 20), 120), [180; 7]);
    assert_eq!(run(prompt(1, 20), 60), [120; 7]);
}
