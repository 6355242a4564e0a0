use super::*;
use crate::validity::judge;
use crate::validity::testing::{load, rate, run, settings};
use bench_model::run::ClockSample;
use bench_model::tables::{Decision, Gap, Series};
use chrono::DateTime;

fn good() -> Tables {
    load(&[rate(0, 2.0, 100.0, 60.0)])
}

fn codes(run: &RunRecord, t: &Tables, s: &Settings) -> (Verdict, Vec<String>) {
    let v = judge(run, t, "0.8.1", s);
    (v.verdict, v.findings.into_iter().map(|f| f.code).collect())
}

fn only(verdict: Verdict, code: &str) -> (Verdict, Vec<String>) {
    (verdict, vec![code.into()])
}

#[test]
fn an_autoscaler_without_a_record_of_replicas_cannot_be_judged() {
    let t = Tables { replicas: vec![], ..good() };
    assert_eq!(codes(&run(), &t, &settings(&t)), only(Verdict::Invalid, "no-replicas"));
    let fixed = RunRecord { arm: Arm::Static(3), ..run() };
    assert_eq!(codes(&fixed, &t, &settings(&t)), only(Verdict::Valid, "no-replicas"));
}

#[test]
fn the_record_must_reach_the_end_of_the_load() {
    // The load ends at 160.
    let ending = |t: i64| {
        let mut r = run();
        r.times.recording_ended = DateTime::from_timestamp(t, 0);
        r
    };
    assert_eq!(codes(&ending(100), &good(), &settings(&good())).1, Vec::<String>::new());
    assert_eq!(codes(&ending(99), &good(), &settings(&good())), only(Verdict::Invalid, "short-record"));
    let fixed = RunRecord { arm: Arm::None, ..ending(99) };
    assert_eq!(codes(&fixed, &good(), &settings(&good())), only(Verdict::Valid, "short-record"));
}

#[test]
fn missing_data_is_invalid_missing_context_is_only_told() {
    let mut t = good();
    t.gaps = vec![Gap { kind: "watch".into(), from: 110.0, to: 113.0, detail: String::new() }];
    assert_eq!(codes(&run(), &t, &settings(&t)), only(Verdict::Valid, "watch-gap"));
    let t = Tables { series: vec![], ..good() };
    assert_eq!(codes(&run(), &t, &settings(&t)), only(Verdict::Invalid, "no-metrics"));
    let t = good();
    let s = Settings { problems: vec!["plan.yaml: missing".into()], guidellm_version: "0.5.4".into(), ..settings(&t) };
    let r = RunRecord { missing: vec!["logs of pod x".into()], ..run() };
    assert_eq!(codes(&r, &t, &s), (Verdict::Valid, ["guidellm-version", "missing-part", "unreadable-part"].map(String::from).to_vec()));
    for part in ["metrics: 503", "events.jsonl: gone", "load: the keeper does not answer"] {
        let r = RunRecord { missing: vec![part.into()], ..run() };
        assert_eq!(codes(&r, &t, &settings(&t)), only(Verdict::Invalid, "missing-part"), "{part}");
    }
}

#[test]
fn a_hole_in_the_metrics_counts_only_under_load() {
    let with = |times: &[f64]| {
        let mut t = good();
        let labels = [("pod".to_owned(), "p".to_owned())].into();
        t.series = vec![Series { name: "m".into(), labels, samples: times.iter().map(|x| (*x, 0.0)).collect() }];
        t
    };
    assert_eq!(codes(&run(), &with(&[100.0, 150.0, 160.0]), &settings(&good())), only(Verdict::Valid, "scrape-gap"));
    assert_eq!(codes(&run(), &with(&[100.0, 130.0, 160.0, 900.0]), &settings(&good())).1, Vec::<String>::new());
}

#[test]
fn a_failed_run_is_invalid_even_with_numbers() {
    let r = RunRecord { state: RunState::Failed, failure: Some("the HPA was deleted".into()), ..run() };
    let v = judge(&r, &good(), "0.8.1", &settings(&good()));
    assert_eq!((v.verdict, v.findings[0].message.as_str()), (Verdict::Invalid, "the run failed: the HPA was deleted"));
}

#[test]
fn a_second_autoscaler_makes_it_invalid() {
    let d = |t: f64, name: &str| Decision {
        t,
        by: "hpa".into(),
        name: name.into(),
        current: None,
        desired: None,
        inputs: [].into(),
        conditions: [].into(),
    };
    let mut t = good();
    t.decisions = vec![d(50.0, "old"), d(110.0, "mine"), d(120.0, "mine"), d(170.0, "later")];
    assert_eq!(codes(&run(), &t, &settings(&t)).1, Vec::<String>::new());
    assert_eq!(codes(&RunRecord { arm: Arm::Static(1), ..run() }, &t, &settings(&t)), only(Verdict::Invalid, "foreign-autoscaler"));
    t.decisions.push(d(115.0, "theirs"));
    assert_eq!(codes(&run(), &t, &settings(&t)), only(Verdict::Invalid, "foreign-autoscaler"));
}

#[test]
fn clocks_that_differ_more_than_they_can_tell_are_told() {
    let skew = |offset_s: f64, uncertainty_s: f64| {
        let at = DateTime::from_timestamp(100, 0).unwrap();
        RunRecord { clocks: vec![ClockSample { clock: "harness".into(), at, offset_s, uncertainty_s }], ..run() }
    };
    assert_eq!(codes(&skew(-1.4, 0.5), &good(), &settings(&good())).1, Vec::<String>::new());
    assert_eq!(codes(&skew(-1.6, 0.5), &good(), &settings(&good())), only(Verdict::Valid, "clock-skew"));
}

#[test]
fn a_prediction_needs_no_record() {
    let t = Tables { replicas: vec![], series: vec![], ..good() };
    assert_eq!(codes(&RunRecord { source: Source::Predicted, ..run() }, &t, &settings(&t)), (Verdict::Valid, vec![]));
}

#[test]
fn what_the_servers_finished_is_held_against_what_was_sent() {
    let finished = |n: f64| {
        let mut t = load(&[rate(0, 1.0, 100.0, 100.0)]);
        let labels = [("pod".to_owned(), "d-1-a".to_owned())].into();
        t.series.push(Series { name: "vllm:request_success_total".into(), labels, samples: vec![(95.0, 7.0), (205.0, 7.0 + n)] });
        let s = settings(&t);
        findings(&run(), &t, "0.8.1", &s).into_iter().filter(|f| f.code == "requests-differ").map(|f| f.message).collect::<Vec<_>>()
    };
    assert_eq!([95.0, 100.0, 105.0].map(|n| finished(n).len()), [0, 0, 0]);
    assert!(finished(200.0)[0].starts_with("the servers counted 200 finished requests, while the load sent 100: somebody else"));
    assert!(finished(60.0)[0].contains("while 100 of the load's succeeded"));
}
