use super::*;
use crate::validity::testing::{load, rate, run};
use bench_model::tables::{Outcome, PodLife, ReplicaPoint, Series};

fn series(name: &str, pod: &str, samples: &[(f64, f64)]) -> Series {
    Series { name: name.into(), labels: [("pod".to_owned(), pod.to_owned())].into(), samples: samples.to_vec() }
}

/// Two pods, sampled every 15 s from 0 to 300 s after the load began at 1000; the second one is full.
fn two_pods() -> Tables {
    let mut t = load(&[rate(0, 2.0, 1000.0, 300.0)]);
    let flat = |v: f64| (0..=20).map(|k| (1000.0 + 15.0 * f64::from(k), v)).collect::<Vec<_>>();
    t.series = vec![
        series("vllm:kv_cache_usage_perc", "a", &flat(0.2)),
        series("vllm:kv_cache_usage_perc", "b", &flat(0.9)),
        series("vllm:num_requests_waiting", "a", &flat(1.0)),
        series("vllm:num_requests_waiting", "b", &flat(7.0)),
        series(
            "vllm:request_success_total",
            "a",
            &(0..=20).map(|k| (1000.0 + 15.0 * f64::from(k), 10.0 * f64::from(k))).collect::<Vec<_>>(),
        ),
        series(
            "vllm:request_success_total",
            "b",
            &(0..=20).map(|k| (1000.0 + 15.0 * f64::from(k), 30.0 * f64::from(k))).collect::<Vec<_>>(),
        ),
    ];
    // Four by status: two of them are starting and report nothing.
    t.replicas = vec![ReplicaPoint { t: 990.0, desired: 4, current: 4, ready: 2 }];
    t
}

fn panel<'a>(p: &'a Panels, id: &str) -> &'a Panel {
    p.panels.iter().find(|p| p.id == id).unwrap_or_else(|| panic!("no panel {id}"))
}

fn line(p: &Panel, role: Role) -> &[(f64, f64)] {
    &p.lines.iter().find(|l| l.role == role).unwrap_or_else(|| panic!("no line {role}")).points
}

fn near(points: &[(f64, f64)], want: f64) {
    assert!(!points.is_empty());
    assert!(points.iter().all(|p| (p.1 - want).abs() < 1e-9), "{points:?} is not {want}");
}

#[test]
fn the_hpa_divides_by_status_and_wva_leaves_the_full_pod_out() {
    let p = panels(&run(), &two_pods(), None);
    let kv = panel(&p, "average-kv");
    near(line(kv, Role::Hpa), (0.2 + 0.9) / 4.0);
    near(line(kv, Role::Wva), 0.2);
    let waiting = panel(&p, "average-waiting");
    near(line(waiting, Role::Hpa), 8.0 / 4.0);
    near(line(waiting, Role::Wva), 1.0);
    near(line(panel(&p, "saturated"), Role::Wva), 1.0);
    near(line(panel(&p, "saturated"), Role::Current), 2.0);
    assert!(p.missing.iter().any(|m| m.contains("plan.yaml")), "{:?}", p.missing);
    assert!((kv.limits[0].value - 0.7).abs() < 1e-9, "0.8 − 0.1: {:?}", kv.limits);
}

#[test]
fn a_deleted_pod_leaves_the_sum_at_once() {
    let mut t = two_pods();
    t.pods = vec![PodLife { name: "b".into(), created: 900.0, scheduled: None, ready: None, deleted: Some(1150.0), restarts: 0 }];
    t.series.iter_mut().filter(|s| s.labels["pod"] == "b").for_each(|s| s.samples.retain(|s| s.0 <= 1150.0));
    let p = panels(&run(), &t, None);
    let points = line(panel(&p, "average-kv"), Role::Hpa);
    let (before, after): (Vec<_>, Vec<_>) = points.iter().partition(|p| p.0 < 150.0);
    near(&before, 1.1 / 4.0);
    near(&after, 0.2 / 4.0);
}

#[test]
fn with_every_pod_full_wva_sees_a_gap() {
    let mut t = two_pods();
    t.series[0].samples.iter_mut().for_each(|s| s.1 = 0.95);
    let p = panels(&run(), &t, None);
    assert!(line(panel(&p, "average-kv"), Role::Wva).iter().all(|p| p.1.is_nan()));
}

#[test]
fn time_counts_from_the_load_and_shares_are_of_the_counters() {
    let p = panels(&run(), &two_pods(), None);
    assert_eq!((p.zero, p.epoch, p.bands[0].from, p.bands[0].to), (1000.0, true, 0.0, 300.0));
    let share = panel(&p, "share");
    near(&line(share, Role::Pod(0))[..4], 0.25);
    near(&line(share, Role::Pod(1))[..4], 0.75);
    let begun = line(panel(&p, "load"), Role::Begun);
    // The load is over with its 60th bin; what follows is the tail of the last answers.
    near(&begun[..60], 2.0);
    near(&begun[60..], 0.0);
}

#[test]
fn between_two_rates_the_offered_load_has_a_gap_and_no_zero() {
    let p = panels(&run(), &load(&[rate(0, 2.0, 1000.0, 60.0), rate(1, 4.0, 1072.0, 60.0)]), None);
    let offered = line(panel(&p, "load"), Role::Offered);
    assert_eq!(offered[..2], [(0.0, 2.0), (60.0, 2.0)]);
    assert!(offered[2].0 == 60.0 && offered[2].1.is_nan(), "{offered:?}");
    assert_eq!(offered[3..5], [(72.0, 4.0), (132.0, 4.0)]);
}

#[test]
fn ttft_counts_from_due_and_failures_from_when_they_happened() {
    let mut t = two_pods();
    t.requests[10].outcome = Outcome::Errored;
    t.requests[10].error = Some("HTTP 503".into());
    let p = panels(&run(), &t, None);
    // 5 ms late and 50 ms to the token.
    assert!(line(panel(&p, "ttft"), Role::Median).iter().all(|p| p.1.is_nan() || (p.1 - 55.0).abs() < 1e-6));
    let failed = panel(&p, "failures");
    assert_eq!(failed.lines[0].name, "HTTP 503");
    let total: f64 = failed.lines[0].points.iter().map(|p| p.1).sum();
    assert!((total * 5.0 - 1.0).abs() < 1e-9, "one request in bins of 5 s");
}

#[test]
fn pods_stand_in_the_order_of_creation_and_a_silence_is_a_break() {
    let mut t = two_pods();
    let pod = |name: &str, created: f64| PodLife { name: name.into(), created, scheduled: None, ready: None, deleted: None, restarts: 0 };
    t.pods = vec![pod("b", 900.0), pod("a", 950.0)];
    t.series[0].samples.retain(|s| !(1100.0..1200.0).contains(&s.0));
    let p = panels(&run(), &t, None);
    let kv = panel(&p, "kv");
    assert_eq!(kv.lines.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(line(kv, Role::Pod(1)).iter().filter(|p| p.1.is_nan()).count(), 1);
    assert_eq!(describe(kv), "2 pods; lowest 0.2 at +0:00, highest 0.9 at +0:00 (b).");
}

#[test]
fn without_anything_every_panel_is_a_sentence() {
    let p = panels(&run(), &Tables::default(), None);
    assert!(p.panels.is_empty(), "{:?}", p.panels);
    for word in ["Load", "Replicas", "KV", "Running", "Waiting", "Share", "Averages"] {
        assert!(p.missing.iter().any(|m| m.contains(word)), "{word}: {:?}", p.missing);
    }
}

#[test]
fn times_beyond_reason_end_nothing() {
    for bad in [f64::NAN, f64::INFINITY, -1e300, 1e300] {
        let mut t = two_pods();
        t.requests[3].end = Some(bad);
        t.requests[4].start = Some(bad);
        t.series[0].samples.push((bad, 1.0));
        t.replicas.push(ReplicaPoint { t: bad, desired: 1, current: 1, ready: 1 });
        let p = panels(&run(), &t, None);
        assert!(p.panels.iter().all(|p| p.lines.iter().all(|l| l.points.len() < 20_000)));
        let mut t = two_pods();
        (t.rates[0].end, t.rates[0].start) = (bad, 1000.0);
        panels(&run(), &t, None);
    }
}
