use super::*;
use crate::validity::judge;
use crate::validity::testing::{load, rate, run, settings};
use bench_model::tables::Tables;

/// Verdict and codes.
fn judged(t: &Tables) -> (Verdict, Vec<String>) {
    judged_with(t, &settings(t))
}

fn judged_with(t: &Tables, s: &Settings) -> (Verdict, Vec<String>) {
    let v = judge(&run(), t, "0.8.1", s);
    (v.verdict, v.findings.into_iter().map(|f| f.code).collect())
}

fn one(r: f64, seconds: f64) -> Tables {
    load(&[rate(0, r, 100.0, seconds)])
}

fn is_valid(t: &Tables) -> bool {
    judged(t) == (Verdict::Valid, vec![])
}

fn is_invalid(t: &Tables, code: &str) -> bool {
    judged(t) == (Verdict::Invalid, vec![code.to_owned()])
}

/// Takes away the last `n` requests.
fn lacking(mut t: Tables, n: u64) -> Tables {
    t.requests.truncate(t.requests.len() - usize::try_from(n).unwrap());
    t.rates[0].successful -= n;
    t
}

/// Every request sent this much later.
fn late(mut t: Tables, by: f64, of_every: usize) -> Tables {
    for r in t.requests.iter_mut().step_by(of_every) {
        r.start = r.start.map(|s| s + by);
        r.end = r.end.map(|s| s + by);
    }
    t
}

#[test]
fn a_good_run_has_no_finding() {
    assert!(is_valid(&one(2.0, 60.0)));
    assert!(is_valid(&load(&[rate(0, 2.0, 100.0, 60.0), rate(1, 3.0, 170.0, 60.0)])));
}

#[test]
fn the_counting_edge_of_a_short_run_is_no_fault() {
    // 1/s for 30 s: 30 due; 29 may be there, because old guidellm sends the first one second after the start.
    assert!(is_valid(&lacking(one(1.0, 30.0), 1)));
    assert!(is_invalid(&lacking(one(1.0, 30.0), 2), "late-generator"));
}

#[test]
fn two_percent_may_be_lacking_no_more() {
    assert!(is_valid(&lacking(one(5.0, 100.0), 10)));
    assert!(is_invalid(&lacking(one(5.0, 100.0), 11), "late-generator"));
}

#[test]
fn lateness_on_average_is_limited() {
    assert_eq!((late_mean_limit_s(1.0), late_mean_limit_s(2.0), late_mean_limit_s(50.0)), (0.1, 0.05, 0.05));
    // 5 ms are there already.
    assert!(is_valid(&late(one(5.0, 60.0), 0.044, 1)));
    assert!(is_invalid(&late(one(5.0, 60.0), 0.046, 1), "late-generator"));
    assert!(is_valid(&late(one(1.0, 60.0), 0.094, 1)));
    assert!(is_invalid(&late(one(1.0, 60.0), 0.096, 1), "late-generator"));
}

#[test]
fn lateness_of_one_in_twenty_is_limited() {
    // Every 19th request (more than 5 %) 0.3 s late: 16 ms on average, but a p95 above 250 ms.
    assert!(is_invalid(&late(one(5.0, 60.0), 0.3, 19), "late-generator"));
    assert!(is_valid(&late(one(5.0, 60.0), 0.24, 19)));
    // One hiccup of a second in a smoke run of 30 requests.
    assert!(is_valid(&late(one(1.0, 30.0), 1.0, 30)));
}

#[test]
fn guidellms_own_lateness_counts_where_requests_do_not_tell() {
    let mut t = one(5.0, 60.0);
    t.requests.iter_mut().for_each(|r| r.due = None);
    assert!(is_valid(&t));
    t.rates[0].schedule_delay_avg_s = Some(1.2);
    assert!(is_invalid(&t, "late-generator"));
}

#[test]
fn at_its_cap_the_generator_is_excused() {
    // 10/s, each 60 s long: 512 in flight after 51 s, then closed-loop and ever later.
    let mut t = one(10.0, 100.0);
    t.requests.iter_mut().for_each(|r| r.end = r.start.map(|s| s + 60.0));
    t = late(lacking(t, 200), 3.0, 1);
    assert!(peak_in_flight(&t, 0) >= 590);
    assert_eq!(judged(&t), (Verdict::ValidClosedLoop, vec!["client-cap".to_owned()]));
    // The same lateness with room to spare is the generator's fault.
    t.rates[0].max_concurrency = Some(10240);
    assert!(is_invalid(&t, "late-generator"));
}

#[test]
fn the_cap_is_the_reports_or_the_versions() {
    let mut w = rate(0, 1.0, 0.0, 10.0);
    assert_eq!(cap(&w, "0.8.1"), 512);
    w.max_concurrency = None;
    for (version, want) in [("0.4", 512), ("0.5.0", 512), ("0.6.1", 512), ("0.7.4", 10240), ("0.8.1", 10240), ("1.0", 10240), ("", 512)] {
        assert_eq!(cap(&w, version), want, "{version}");
    }
}

#[test]
fn the_cap_may_be_split_over_workers() {
    let mut t = one(10.0, 60.0);
    t.rates[0].max_concurrency = Some(512);
    let spans = |t: &mut Tables, n: usize| {
        t.requests.iter_mut().for_each(|r| r.end = r.start.map(|s| s + 0.01));
        t.requests.iter_mut().take(n).for_each(|r| r.end = None);
    };
    spans(&mut t, 509);
    assert_eq!(peak_in_flight(&t, 0), 510, "509 to the end of the rate and one at a time beside them");
    assert_eq!(judged(&t).1, ["client-cap"]);
    spans(&mut t, 499);
    assert!(is_valid(&t));
}

#[test]
fn touching_requests_are_not_in_flight_together() {
    let mut t = one(1.0, 10.0);
    t.requests.iter_mut().for_each(|r| r.end = r.start.map(|s| s + 1.0));
    assert_eq!(peak_in_flight(&t, 0), 1);
    assert_eq!(peak_in_flight(&t, 7), 0);
}

#[test]
fn overload_is_a_result() {
    let mut t = one(5.0, 60.0);
    for r in t.requests.iter_mut().skip(1) {
        r.outcome = Outcome::Errored;
    }
    (t.rates[0].successful, t.rates[0].errored) = (1, 299);
    assert_eq!(judged(&t), (Verdict::Valid, vec!["failures".to_owned()]));
}

#[test]
fn no_success_in_any_rate_is_no_measurement() {
    let mut t = load(&[rate(0, 5.0, 100.0, 60.0), rate(1, 6.0, 170.0, 60.0)]);
    let fail = |t: &mut Tables, position: usize| {
        t.requests.iter_mut().filter(|r| r.rate == position).for_each(|r| r.outcome = Outcome::Errored);
        let w = &mut t.rates[position];
        (w.successful, w.errored) = (0, w.successful);
    };
    fail(&mut t, 1);
    assert_eq!(judged(&t), (Verdict::Valid, vec!["failures".to_owned()]));
    fail(&mut t, 0);
    assert_eq!(judged(&t), (Verdict::Invalid, ["no-success", "failures", "failures"].map(String::from).to_vec()));
}

#[test]
fn a_report_must_be_there_for_every_rate() {
    assert!(is_invalid(&Tables { replicas: one(1.0, 1.0).replicas, series: one(1.0, 1.0).series, ..Tables::default() }, "no-report"));
    let t = one(2.0, 60.0);
    let plan = |rates: &[f64]| Settings { planned_rates: rates.to_vec(), ..settings(&t) };
    let (verdict, codes) = judged_with(&t, &plan(&[2.0, 3.0]));
    assert_eq!((verdict, codes), (Verdict::Invalid, vec!["missing-rate".to_owned()]));
    assert_eq!(judged_with(&t, &plan(&[3.0])).1, ["wrong-rate"]);
    // The middle one of three is missing.
    let mut t = load(&[rate(0, 2.0, 100.0, 60.0), rate(2, 5.0, 170.0, 60.0)]);
    let s = Settings { planned_rates: vec![2.0, 3.0, 5.0], ..settings(&t) };
    let v = judge(&run(), &t, "0.8.1", &s);
    assert_eq!(v.findings.len(), 1, "{v:?}");
    assert_eq!(v.findings[0].message, "2 of 3 planned rates have a report; missing: 3/s (rate 2)");
    t.rates[1].index = 3;
    assert_eq!(judged_with(&t, &s).1, ["missing-rate", "wrong-rate"]);
}

#[test]
fn a_rate_must_last() {
    let lasting = |seconds: f64| {
        let mut t = one(2.0, seconds);
        t.rates[0].planned_s = Some(100.0);
        t
    };
    assert!(is_valid(&lasting(95.0)));
    assert!(is_invalid(&lasting(94.9), "short-rate"));
    // The plan wins over the report.
    let t = lasting(95.0);
    assert_eq!(judged_with(&t, &Settings { planned_seconds: 200.0, ..settings(&t) }).1, ["short-rate"]);
    assert_eq!(judged_with(&t, &Settings { planned_seconds: 0.0, ..settings(&t) }).1, Vec::<String>::new());
}

#[test]
fn running_out_of_prompts_is_not_the_generators_lateness() {
    let mut t = lacking(one(2.0, 100.0), 50);
    t.rates[0].ended_by = "requests_exhausted".into();
    assert!(is_invalid(&t, "requests-exhausted"));
}

#[test]
fn a_gap_longer_than_a_scrape_interval_is_told() {
    let t = |gap: f64| load(&[rate(0, 2.0, 100.0, 60.0), rate(1, 3.0, 160.0 + gap, 60.0)]);
    assert!(is_valid(&t(14.9)));
    assert_eq!(judged(&t(15.1)), (Verdict::Valid, vec!["long-gap".to_owned()]));
}

#[test]
fn a_sampled_report_is_told() {
    let mut t = one(2.0, 60.0);
    t.requests.truncate(10);
    assert_eq!(judged(&t), (Verdict::Valid, vec!["records-sampled".to_owned()]));
}

#[test]
fn guidellms_own_warnings_are_passed_on() {
    let mut t = one(2.0, 60.0);
    t.rates[0].warnings = vec!["generation_delay_ttft: slow".into()];
    let v = judge(&run(), &t, "0.8.1", &settings(&t));
    assert_eq!((v.verdict, v.findings.len()), (Verdict::Valid, 1));
    assert_eq!(v.findings[0].message, "2/s: guidellm warns: generation_delay_ttft: slow");
}

#[test]
fn absurd_windows_do_not_panic() {
    for w in [rate(0, 0.0, 0.0, 0.0), rate(0, 1e300, 0.0, 1e9), rate(0, -1.0, 5.0, -5.0), rate(0, f64::NAN, f64::NAN, 1.0)] {
        let t = Tables { rates: vec![w], ..Tables::default() };
        judge(&run(), &t, "x.y", &Settings::default());
    }
}
