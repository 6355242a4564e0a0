use super::*;
use crate::validity::testing::{load, point, rate, run};
use bench_model::tables::{Outcome, PodLife};

fn pod(name: &str, scheduled: Option<f64>, ready: Option<f64>, deleted: Option<f64>) -> PodLife {
    PodLife { name: name.into(), created: 90.0, scheduled, ready, deleted, restarts: 0 }
}

/// 200 requests at 2/s from 100 s on.
fn tables() -> Tables {
    let mut t = load(&[rate(0, 2.0, 100.0, 100.0)]);
    t.pods = vec![pod("a", Some(91.0), Some(95.0), None), pod("b", Some(140.0), Some(160.0), Some(180.0)), pod("c", None, None, None)];
    t.replicas = vec![point(90.0, 1, 1), point(139.0, 2, 1), point(160.0, 2, 2), point(175.0, 1, 1), point(210.0, 1, 1)];
    t
}

fn of(t: &Tables, terms: &Terms) -> Scorecard {
    score(&run(), t, Verdict::Valid, terms)
}

#[test]
fn every_kind_of_request_is_counted_once() {
    let mut t = tables();
    let r = &mut t.requests;
    r[0].outcome = Outcome::Errored;
    // Sent too late: guidellm's own figure is as good as that of the others.
    (r[1].start, r[1].first_token, r[1].end) = (Some(101.0), Some(101.2), Some(102.0));
    r[2].itl_ms = Some(50.1);
    // Cut off: young, with a late first token, too old without one.
    for (k, first, end) in [(3, Some(101.6), 101.7), (4, Some(102.6), 110.0), (5, None, 103.1)] {
        (r[k].outcome, r[k].first_token, r[k].ttft_ms, r[k].end) = (Outcome::Incomplete, first, None, Some(end));
    }
    // The last ten were due and never sent; guidellm lists one of them.
    r.truncate(191);
    (r[190].outcome, r[190].start, r[190].first_token, r[190].ttft_ms) = (Outcome::Incomplete, None, None, None);
    t.rates[0].successful = 184;
    (t.rates[0].errored, t.rates[0].incomplete) = (1, 3);
    let c = of(&t, &Terms::default()).overall;
    assert_eq!((c.failed, c.cut_off, c.censored), (1, 3, 1));
    // Due from 100.0 to the end of the rate at 200.0, which counts.
    assert_eq!((c.unsent, c.due, c.counted), (11, 201, 200));
    assert_eq!((c.successful, c.good), (186, 184));
    assert_eq!(c.goodput_fraction, Some(184.0 / 200.0));
    assert_eq!((c.goodput_per_s, c.seconds), (1.84, 100.0));
    assert_eq!(c.ttft_ms.unwrap().max, 700.0_f64.max(c.ttft_ms.unwrap().max));
    assert_eq!(c.ttft_sent_ms.unwrap().max, 50.0);
}

#[test]
fn each_limit_counts_by_itself() {
    let t = tables();
    let good = |slo: &str| of(&t, &Terms { slo: slo.parse().unwrap(), ..Terms::default() }).overall.good;
    assert_eq!((good("ttft=54ms"), good("ttft=56ms"), good("itl=4ms"), good("e2e=504ms"), good("e2e=506ms")), (0, 200, 0, 0, 200));
}

#[test]
fn replicas_are_paid_from_scheduled_to_gone_within_the_span() {
    let s = of(&tables(), &Terms { span_s: Some(100.0), gpu_hour: Some(3.6), gpus_per_replica: 2.0, ..Terms::default() });
    // a the whole span, b 40 s; c never had a node.
    assert_eq!(s.paid_replica_s, Some(140.0));
    assert_eq!(s.ready_replica_s, Some(100.0 + 15.0));
    assert!((s.gpu_cost.unwrap() - 0.28).abs() < 1e-12);
    assert_eq!((s.max_ready, s.scale_ups, s.scale_downs), (Some(2), 1, 1));
    let s = of(&tables(), &Terms { span_s: Some(50.0), ..Terms::default() });
    assert_eq!((s.paid_replica_s, s.max_ready, s.scale_downs), (Some(60.0), Some(1), 0));
    // Without a span of its own: until it had settled.
    assert_eq!(of(&tables(), &Terms::default()).span_s, 100.0);
}

#[test]
fn a_reaction_is_told_for_each_step() {
    let mut t = load(&[rate(0, 1.0, 100.0, 300.0), rate(1, 2.0, 400.0, 300.0), rate(2, 1.0, 700.0, 300.0)]);
    t.replicas =
        vec![point(90.0, 1, 1), point(430.0, 3, 1), point(460.0, 3, 2), point(470.0, 3, 3), point(500.0, 2, 2), point(760.0, 1, 1)];
    let s = of(&t, &Terms::default());
    let told: Vec<_> = s.reactions.iter().map(|r| (r.from_rate, r.to_rate, r.first_change_s, r.first_ready_s, r.settled_s)).collect();
    assert_eq!(
        told,
        [
            (0.0, 1.0, None, None, Some(0.0)),
            (1.0, 2.0, Some(30.0), Some(60.0), Some(100.0)),
            (2.0, 1.0, Some(60.0), Some(60.0), Some(60.0)),
        ]
    );
    // Up at 430, down at 500 although the load stayed; the way down at 760 is what the load asked for.
    assert_eq!(s.flaps, 1);
    // Two were enough for 2/s (from 500 on), three were ready; one was enough for 1/s, and two were ready.
    assert_eq!(s.overshoot, Some(2.0));
}

#[test]
fn no_flap_when_the_load_turned_or_the_time_was_long() {
    let mut t = load(&[rate(0, 2.0, 100.0, 1000.0), rate(1, 1.0, 1100.0, 1000.0)]);
    t.replicas = vec![point(90.0, 1, 1), point(150.0, 2, 2), point(800.0, 1, 1), point(1090.0, 2, 2), point(1110.0, 1, 1)];
    // 650 s apart; then up after 290 s: a flap; then down with the load.
    assert_eq!(of(&t, &Terms::default()).flaps, 1);
}

#[test]
fn an_empty_or_failed_run_has_a_card() {
    let s = of(&Tables::default(), &Terms::default());
    assert_eq!((s.overall.due, s.overall.goodput_fraction, s.paid_replica_s, s.overshoot, s.flaps), (0, None, None, None, 0));
    assert_eq!(s.notes.len(), 2);
    let mut t = tables();
    t.requests.iter_mut().for_each(|r| r.outcome = Outcome::Errored);
    t.replicas.clear();
    let s = of(&t, &Terms::default());
    assert_eq!((s.overall.failed, s.overall.goodput_fraction, s.max_ready), (200, Some(0.0), None));
    let json = serde_json::to_string(&s).unwrap();
    assert_eq!(serde_json::from_str::<Scorecard>(&json).unwrap(), s);
}

#[test]
fn an_irregular_load_has_no_unsent_requests() {
    let mut t = tables();
    t.requests.truncate(100);
    t.rates[0].successful = 100;
    t.requests.iter_mut().enumerate().for_each(|(i, r)| r.due = r.due.map(|d| d + [0.0, 0.11, 0.23][i % 3]));
    let s = of(&t, &Terms::default());
    assert_eq!(s.overall.unsent, 0);
    assert!(s.notes.iter().any(|n| n.contains("not due at a constant rate")), "{:?}", s.notes);
}
