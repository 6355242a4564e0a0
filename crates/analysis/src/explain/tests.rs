//! Hand-made runs that show one thing each. Whole predicted runs are explained in `tests/cli/explain.rs`.

use super::*;
use crate::report::writer;
use crate::validity::testing::{load, rate, run};
use bench_model::run::Source;
use bench_model::tables::{Decision, PodLife, ReplicaPoint, Series};

const PLAN: &str = include_str!("../../../../tests/fixtures/runs/20261124T031159Z-ramp_small-wva-c97c/plan.yaml");

/// As published: 240 s both ways, one pod a minute, a sync and a scrape every 15 s.
fn plan() -> Plan {
    let mut p: Plan = serde_yaml::from_str(PLAN).unwrap();
    let s = &mut p.scenario;
    s.monitoring.scrape_interval_s = 15;
    s.scaling.max_replicas = 10;
    (s.scaling.scale_up.stabilization_window_s, s.scaling.scale_down.stabilization_window_s) = (240, 240);
    s.scaling.scale_up.policies[0].period_s = 60;
    s.scaling.scale_down.policies[0].period_s = 60;
    s.wva.interval_s = 60;
    p
}

fn record(arm: Arm) -> RunRecord {
    let mut r = run();
    (r.arm, r.source, r.deployment, r.namespace, r.model) =
        (arm, Source::Predicted, "d".into(), "llmdbench".into(), "Qwen/Qwen3-0.6B".into());
    r
}

/// Twenty minutes under load; replicas as told; each pod's KV and queue by a function of the time.
fn tables(replicas: &[(f64, u32)], pods: &[(&str, f64, f64)], value: impl Fn(&str, f64) -> (f64, f64)) -> Tables {
    let mut t = load(&[rate(0, 0.1, 0.0, 1200.0)]);
    t.replicas = replicas.iter().map(|(at, n)| ReplicaPoint { t: *at, desired: *n, current: *n, ready: *n }).collect();
    t.replicas.push(ReplicaPoint { t: 1200.0, ..t.replicas.last().unwrap().clone() });
    t.series.clear();
    for (pod, from, to) in pods {
        let times = (0..80).map(|k| f64::from(k) * 15.0 + 2.0).filter(|at| at >= from && at < to);
        let samples: Vec<(f64, (f64, f64))> = times.map(|at| (at, value(pod, at))).collect();
        let labels = [("pod", *pod), ("namespace", "llmdbench")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let series = |name: &str, samples| Series { name: name.into(), labels: labels.clone().into(), samples };
        t.series.push(series(KV, samples.iter().map(|s| (s.0, s.1.0)).collect()));
        t.series.push(series(QUEUE, samples.iter().map(|s| (s.0, s.1.1)).collect()));
        t.pods.push(PodLife {
            name: (*pod).into(),
            created: *from,
            scheduled: None,
            ready: None,
            deleted: (*to < 1200.0).then_some(*to),
            restarts: 0,
        });
    }
    t
}

fn said(by: &str, t: f64, desired: u32) -> Decision {
    Decision { t, by: by.into(), name: "d".into(), current: None, desired: Some(desired), inputs: [].into(), conditions: [].into() }
}

/// WVA's word at these moments, and its gauge from then on.
fn wva(t: &mut Tables, words: &[(f64, u32)]) {
    t.decisions.extend(words.iter().map(|(at, n)| said("wva", *at, *n)));
    t.decisions.push(said("hpa", 5.0, 1));
    let value = |at: f64| words.iter().rev().find(|w| w.0 <= at).map(|w| f64::from(w.1));
    let samples = (0..120).map(|k| f64::from(k) * 10.0 + 1.0).filter_map(|at| Some((at, value(at)?))).collect();
    let labels = [("variant_name", "d"), ("exported_namespace", "llmdbench")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    t.series.push(Series { name: "inferno_desired_replicas".into(), labels: labels.into(), samples });
}

fn codes(e: &Explanation) -> Vec<&str> {
    e.findings.iter().map(|f| f.code.as_str()).collect()
}

#[test]
fn a_spike_shorter_than_the_window_is_held_and_told_why() {
    let mut t = tables(&[(0.0, 1)], &[("d-a", 0.0, 1200.0)], |_, at| if (400.0..445.0).contains(&at) { (1.0, 1.0) } else { (0.2, 0.0) });
    t.decisions.push(said("hpa", 5.0, 1));
    let e = explain(&record(Arm::Hpa), Some(&plan()), &t, None);
    let [m] = e.moments.as_slice() else { panic!("{:#?}", e.moments) };
    assert_eq!((m.kind, m.from, m.to, m.until.unwrap() - m.t), (MomentKind::Held, Some(1), Some(1), 45.0));
    assert_eq!(
        m.reason,
        "The average of vllm:kv_cache_usage_perc was above its target 0.6 for 45 s, at most 1 (1.67 times), and nothing was scaled: \
         the scale-up stabilization window of 240 s kept the lowest recommendation, 1, of that window."
    );
    assert_eq!((e.replay.compared, e.replay.equal), (80, 80));
    assert!(m.steps.iter().any(|s| s.contains("lowest of the last 240 s: 1, made at +6:35")), "{:#?}", m.steps);
    // Within the tolerance nothing was asked for.
    let t = tables(&[(0.0, 1)], &[("d-a", 0.0, 1200.0)], |_, at| if at > 400.0 { (0.65, 0.0) } else { (0.2, 0.0) });
    assert!(explain(&record(Arm::Hpa), Some(&plan()), &t, None).moments.iter().all(|m| m.kind != MomentKind::Held));
}

#[test]
fn one_replica_that_holds_the_average_up_is_named_and_left_out_by_wva() {
    let scaled = [(0.0, 1), (605.0, 2), (665.0, 3), (725.0, 4)];
    let pods = [("d-hot", 0.0, 1200.0), ("d-b", 620.0, 1200.0), ("d-c", 680.0, 1200.0), ("d-d", 740.0, 1200.0)];
    let mut t = tables(&scaled, &pods, |pod, at| if pod == "d-hot" && at > 360.0 { (1.0, 300.0) } else { (0.02, 0.0) });
    t.decisions.push(said("hpa", 5.0, 1));
    let e = explain(&record(Arm::Hpa), Some(&plan()), &t, None);
    let f = e.findings.iter().find(|f| f.code == "one-replica-holds-average").unwrap_or_else(|| panic!("{:#?}", e.findings));
    for part in [
        "from 2 up to 4",
        "one replica's queue held the average up",
        "hot (KV 1.00, 300 waiting)",
        "WVA leaves that replica out",
        "would even have taken one away",
    ] {
        assert!(f.message.contains(part), "{part}: {}", f.message);
    }
    assert_eq!((f.from, f.to), (665.0, 725.0));
    // The load on all alike: nothing of the kind.
    let mut t = tables(&scaled, &pods, |_, at| if at > 360.0 { (1.0, 300.0) } else { (0.02, 0.0) });
    t.decisions.push(said("hpa", 5.0, 1));
    assert!(!codes(&explain(&record(Arm::Hpa), Some(&plan()), &t, None)).contains(&"one-replica-holds-average"));
}

#[test]
fn a_scaling_says_what_was_asked_since_when_and_what_bounded_it() {
    let mut t = tables(&[(0.0, 1), (605.0, 2), (665.0, 3)], &[("d-a", 0.0, 1200.0)], |_, at| (0.5, if at > 360.0 { 30.0 } else { 0.0 }));
    t.decisions.push(said("hpa", 5.0, 1));
    let e = explain(&record(Arm::Hpa), Some(&plan()), &t, None);
    let (first, second) = (&e.moments[0], &e.moments[1]);
    assert_eq!((first.kind, first.from, first.to, first.t), (MomentKind::ScaledUp, Some(1), Some(2), 605.0));
    for part in ["vllm:num_requests_waiting averaged 30 (target 3) over 1 replica, 10.0 times", "since +6:05", "window of 4 min"] {
        assert!(first.reason.contains(part), "{part}: {}", first.reason);
    }
    assert!(second.reason.contains("its policy allows 1 pod per 60 s"), "{}", second.reason);
    assert!(first.difference.is_none() && second.difference.is_none(), "{first:#?} {second:#?}");
}

#[test]
fn a_record_that_the_metrics_do_not_explain_is_said_to_differ() {
    let mut t = tables(&[(0.0, 1), (605.0, 3)], &[("d-a", 0.0, 1200.0)], |_, _| (0.5, 0.0));
    t.decisions.push(said("hpa", 5.0, 1));
    let e = explain(&record(Arm::Hpa), Some(&plan()), &t, None);
    let m = e.moments.iter().find(|m| m.t == 605.0).unwrap();
    assert_eq!(m.difference.as_deref(), Some("by the recorded metrics it would have been 1; recorded is 3"));
    assert!(e.replay.worst >= 2 && e.replay.equal < e.replay.compared && e.replay.note.contains("differ"), "{:?}", e.replay);
}

#[test]
fn wva_stuck_at_the_maximum_is_named() {
    let mut p = plan();
    p.scenario.scaling.max_replicas = 1;
    let mut t = tables(&[(0.0, 1)], &[("d-a", 0.0, 1200.0)], |_, at| if at < 500.0 { (0.95, 9.0) } else { (0.0, 0.0) });
    wva(&mut t, &[(30.0, 1), (90.0, 2)]);
    let e = explain(&record(Arm::Wva), Some(&p), &t, None);
    let f = e.findings.iter().find(|f| f.code == "stuck-at-max").unwrap_or_else(|| panic!("{:#?}", e.findings));
    assert!(f.message.contains("published 2") && f.message.contains("maximum is 1") && f.to > 1100.0, "{f:?}");
    // With room above it is none.
    let e = explain(&record(Arm::Wva), Some(&plan()), &t, None);
    assert!(!codes(&e).contains(&"stuck-at-max"), "{:?}", codes(&e));
}

#[test]
fn wva_frozen_while_the_load_changes_is_named() {
    // It asked for one; two stay there, and the load comes back.
    let pods = [("d-a", 0.0, 1200.0), ("d-b", 0.0, 1200.0)];
    let mut t = tables(&[(0.0, 2)], &pods, |_, at| if at < 400.0 { (0.0, 0.0) } else { (0.7, 0.0) });
    wva(&mut t, &[(30.0, 2), (90.0, 1)]);
    let e = explain(&record(Arm::Wva), Some(&plan()), &t, None);
    let f = e.findings.iter().find(|f| f.code == "frozen").unwrap_or_else(|| panic!("{:#?}", e.findings));
    assert!(f.message.contains("kept 1 while 2 replicas were there") && f.message.contains("asked for one more"), "{f:?}");
    let held = e.moments.iter().find(|m| m.by == "wva" && m.kind == MomentKind::Held).unwrap();
    assert!(held.reason.contains("asked for one more") && held.steps.iter().any(|s| s.contains("whatever the load")), "{held:#?}");
    // Nothing else was asked for: kept, and not frozen.
    let mut t = tables(&[(0.0, 2)], &pods, |_, _| (0.0, 0.0));
    wva(&mut t, &[(30.0, 2), (90.0, 1)]);
    assert!(!codes(&explain(&record(Arm::Wva), Some(&plan()), &t, None)).contains(&"frozen"));
}

#[test]
fn wva_frozen_by_the_tolerance_is_named() {
    let names: Vec<String> = (0..11).map(|k| format!("d-{k:02}")).collect();
    let pods: Vec<(&str, f64, f64)> = names.iter().map(|n| (n.as_str(), 0.0, 1200.0)).collect();
    let mut p = plan();
    p.scenario.scaling.max_replicas = 20;
    let mut t = tables(&[(0.0, 11)], &pods, |_, _| (0.0, 0.0));
    wva(&mut t, &[(30.0, 11), (90.0, 10)]);
    let e = explain(&record(Arm::Wva), Some(&p), &t, None);
    let f = e.findings.iter().find(|f| f.code == "frozen-by-tolerance").unwrap_or_else(|| panic!("{:#?}", e.findings));
    assert!(f.message.contains("10/11 is within the HPA's tolerance of 0.1"), "{f:?}");
}

#[test]
fn ghosts_and_pods_that_do_not_report_are_named() {
    // b is deleted at 600; at 630 its last minute makes WVA count two.
    let pods = [("d-a", 0.0, 1200.0), ("d-b", 0.0, 600.0)];
    let mut t = tables(&[(0.0, 2), (600.0, 1)], &pods, |_, _| (0.5, 0.0));
    wva(&mut t, &[(30.0, 2), (570.0, 1), (630.0, 2)]);
    let e = explain(&record(Arm::Wva), Some(&plan()), &t, None);
    let f = e.findings.iter().find(|f| f.code == "ghost-pods").unwrap_or_else(|| panic!("{:#?}", e.findings));
    assert!(f.message.contains("1 of them would have decided otherwise without: at +10:30 b made it 2 instead of 1"), "{f:?}");
    let m = e.moments.iter().find(|m| m.t == 630.0).unwrap();
    assert!(
        m.reason.contains("The last minute of b, deleted by then, still counted") && m.steps.iter().any(|s| s.contains("had been deleted")),
        "{m:#?}"
    );

    // Two are there and one reports.
    let mut t = tables(&[(0.0, 1), (300.0, 2)], &[("d-a", 0.0, 1200.0)], |_, _| (0.4, 0.0));
    wva(&mut t, &[(30.0, 1), (210.0, 2), (330.0, 1)]);
    let e = explain(&record(Arm::Wva), Some(&plan()), &t, None);
    let f = e.findings.iter().find(|f| f.code == "pending-pods-shed").unwrap_or_else(|| panic!("{:#?}", e.findings));
    assert!(f.message.contains("at +5:30 1 of 2 reported"), "{f:?}");
}

#[test]
fn wva_names_whom_it_left_out() {
    let pods = [("d-hot", 0.0, 1200.0), ("d-b", 0.0, 1200.0)];
    let mut t = tables(&[(0.0, 2)], &pods, |pod, _| if pod == "d-hot" { (0.99, 40.0) } else { (0.1, 0.0) });
    wva(&mut t, &[(30.0, 2)]);
    let e = explain(&record(Arm::Wva), Some(&plan()), &t, Some(600.0));
    let f = e.findings.iter().find(|f| f.code == "hot-spot-left-out").unwrap_or_else(|| panic!("{:#?}", e.findings));
    assert!(f.message.contains("it left out hot (KV 0.99, 40 waiting)"), "{f:?}");
    let m = e.moments.iter().find(|m| m.kind == MomentKind::Asked).unwrap();
    assert!(m.steps.iter().any(|s| s.contains("replica hot") && s.contains("left out")), "{m:#?}");
    assert!(m.steps.iter().any(|s| s.contains("replicas: 2 wanted, 2 there, 2 ready")), "{m:#?}");
}

#[test]
fn an_hpa_without_values_is_told_as_blind() {
    let mut t = tables(&[(0.0, 1)], &[("d-a", 0.0, 600.0)], |_, _| (0.2, 0.0));
    t.pods.clear();
    t.decisions.push(said("hpa", 5.0, 1));
    let e = explain(&record(Arm::Hpa), Some(&plan()), &t, None);
    assert!(codes(&e).contains(&"metrics-unavailable"), "{:?}", e.findings);
    assert!(
        e.moments.iter().any(|m| m.kind == MomentKind::Held && m.reason.contains("without a value the HPA scales nothing")),
        "{:#?}",
        e.moments
    );
}

#[test]
fn arms_without_autoscaler_say_so() {
    let t = tables(&[(0.0, 2)], &[("d-a", 0.0, 1200.0)], |_, _| (0.2, 0.0));
    for arm in [Arm::Static(2), Arm::None] {
        let e = explain(&record(arm), Some(&plan()), &t, Some(60.0));
        assert_eq!(e.replay.note, format!("Nothing scales in arm {arm}."));
        assert!(e.moments.iter().all(|m| m.kind == MomentKind::Asked) && e.moments.len() == 1 && e.findings.is_empty());
    }
    let t = tables(&[(0.0, 2), (600.0, 3)], &[], |_, _| (0.0, 0.0));
    assert_eq!(codes(&explain(&record(Arm::None), Some(&plan()), &t, None)), ["changed-by-others"]);
}

#[test]
fn what_is_missing_is_said_and_the_rest_is_shown() {
    let full = {
        let mut t = tables(&[(0.0, 1), (605.0, 2)], &[("d-a", 0.0, 1200.0)], |_, at| (0.5, if at > 360.0 { 30.0 } else { 0.0 }));
        t.decisions.push(said("hpa", 605.0, 2));
        t
    };
    for arm in [Arm::Hpa, Arm::Wva] {
        let r = record(arm);
        // No plan: the HPA's own words.
        let e = explain(&r, None, &full, Some(700.0));
        assert!(e.missing[0].starts_with("The plan cannot be read") && e.moments.len() == 2, "{e:#?}");
        // No series.
        let e = explain(&r, Some(&plan()), &Tables { series: vec![], ..full.clone() }, None);
        assert!(e.missing.iter().any(|m| m.contains("was not recorded")) && e.moments.len() == 1 && e.findings.is_empty(), "{e:#?}");
        // No decisions: an unknown phase.
        let e = explain(&r, Some(&plan()), &Tables { decisions: vec![], ..full.clone() }, None);
        assert!(e.missing.iter().any(|m| m.contains("unknown phase")), "{e:#?}");
        // Nothing at all.
        let e = explain(&r, Some(&plan()), &Tables::default(), Some(0.0));
        assert!(e.moments.is_empty() && e.missing.len() == 1, "{e:#?}");
        // A moment that was not recorded.
        let e = explain(&r, Some(&plan()), &full, Some(5000.0));
        assert!(e.missing.iter().any(|m| m.contains("Nothing was recorded at +1:23:20")), "{e:#?}");
    }
    let mut newer = plan();
    newer.scenario.wva.chart_version = "0.5.1".into();
    let e = explain(&record(Arm::Wva), Some(&newer), &full, None);
    assert!(e.missing.iter().any(|m| m.contains("How WVA 0.5.1 decides is not replayed")), "{e:#?}");
}

#[test]
fn nothing_recorded_brings_it_down() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e300, 1e300, 0.0];
    let mut p = plan();
    p.scenario.hpa.metrics[0].average_value = "a lot".into();
    for bad in odd {
        let mut t = tables(&[(0.0, 0), (600.0, u32::MAX)], &[("d-a", 0.0, 1200.0)], |_, _| (bad, bad));
        t.decisions.push(said("hpa", bad, 3));
        t.decisions.push(said("wva", bad, u32::MAX));
        t.pods[0].deleted = Some(bad);
        t.series[0].samples.push((bad, bad));
        t.replicas[0].t = bad.min(0.0);
        t.rates[0].start = bad;
        for arm in [Arm::Hpa, Arm::Wva, Arm::None] {
            for plan in [None, Some(&plan()), Some(&p)] {
                let e = explain(&record(arm), plan, &t, Some(bad));
                let d = crate::report::explain::document(&record(arm), &e);
                writer::terminal::render(&d, writer::terminal::Terminal { width: 0, color: true, full: true });
                writer::markdown::render(&d);
            }
        }
    }
}
