use super::*;

fn bag(pairs: &[(&str, f64)]) -> std::collections::BTreeMap<String, f64> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect()
}

fn sample(ttft: f64) -> Numbers {
    let rate = |rate: f64, ttft: f64| RateNumbers {
        rate,
        numbers: bag(&[("p99_ttft_ms", ttft), ("failed_fraction", 0.02)]),
        ..RateNumbers::default()
    };
    Numbers {
        whole: bag(&[("p99_ttft_ms", ttft), ("p50_e2e_s", 2.5), ("max_ready", 3.0), ("replica_seconds", 1000.0), ("failed_fraction", 0.0)]),
        rates: vec![rate(2.0, ttft / 2.0), rate(5.0, ttft)],
        ..Numbers::default()
    }
}

fn results(rules: &[&str], run: &Numbers, baseline: Option<&Numbers>) -> Vec<RuleResult> {
    let rules: Vec<Named> = rules.iter().map(|r| Named::new(r).unwrap_or_else(|e| panic!("{e}"))).collect();
    judge(&rules, run, baseline)
}

fn verdict(rule: &str, baseline: Option<&Numbers>) -> (bool, Option<String>) {
    let r = results(&[rule], &sample(800.0), baseline).remove(0);
    (r.verdict == RuleVerdict::Pass, r.reason)
}

#[test]
fn comparisons_hold_or_do_not() {
    for (rule, holds) in [
        ("p99_ttft_ms < 801", true),
        ("p99_ttft_ms < 800", false),
        ("p99_ttft_ms <= 800", true),
        ("p99_ttft_ms <= 0.8s", true),
        ("p99_ttft_s == 800ms", true),
        ("p99_ttft_ms > 0.79s", true),
        ("p99_ttft_ms >= 13min", false),
        ("failed_fraction < 1%", true),
        ("failed_fraction == 0", true),
        ("rate[5].p99_ttft_ms > 2 * rate[2].p99_ttft_ms", false),
        ("rate[5].p99_ttft_ms >= 2 * rate[#1].p99_ttft_ms", true),
        ("rate[#2].failed_fraction <= 2%", true),
        ("max_ready * 0.1 + 0.2 - 0.5 == 0.0000000000000001", false),
        ("max_ready * 0.1 == 0.1 + 0.2", true),
        ("2 - 3 - 4 < -4 + (max_ready - max_ready)", true),
        ("12 / 2 / 3 == max_ready - 1", true),
        ("-max_ready < -2", true),
    ] {
        assert_eq!(verdict(rule, None), (holds, None), "{rule}");
    }
}

#[test]
fn what_is_not_there_never_passes() {
    for (rule, why) in [
        ("mean_itl_ms < 50", "mean_itl_ms was not measured: no request succeeded"),
        ("mean_itl_ms > 0", "mean_itl_ms was not measured"),
        ("first_scale_up_s < 100", "nothing was scaled up"),
        ("rate[7].p99_ttft_ms < 100", "the run has no rate 7: it has 2, 5"),
        ("rate[#3].p99_ttft_ms < 100", "the run has no rate #3"),
        ("replica_seconds < baseline", "there is no baseline"),
        ("max_ready / (max_ready - 3) > 0", "divided by zero"),
        ("max_ready * 1e300 * 1e300 > 0", "no finite number"),
    ] {
        let (holds, reason) = verdict(rule, None);
        assert!(!holds && reason.as_ref().is_some_and(|r| r.contains(why)), "{rule}: {reason:?}");
    }
    // NaN, should it ever get in.
    let mut run = sample(1.0);
    run.whole.insert("p99_ttft_ms".into(), f64::NAN);
    for op in ["<", "<=", ">", ">=", "=="] {
        assert_eq!(results(&[&format!("p99_ttft_ms {op} 5")], &run, None)[0].verdict, RuleVerdict::Fail, "{op}");
    }
    assert_eq!(results(&["rate[*].p99_ttft_ms < 5"], &Numbers::default(), None)[0].verdict, RuleVerdict::Fail);
    assert_eq!(
        results(&["p99_ttft_ms < 5"], &Numbers::default(), None)[0].reason.as_deref().unwrap_or(""),
        "p99_ttft_ms was not measured: there is no report of the load"
    );
}

#[test]
fn a_baseline_is_the_other_runs() {
    let before = sample(400.0);
    assert!(verdict("replica_seconds < baseline * 1.1", Some(&before)).0);
    assert!(!verdict("p99_ttft_ms < baseline * 150%", Some(&before)).0);
    assert!(verdict("rate[5].p99_ttft_ms == 2 * baseline", Some(&before)).0);
    assert!(verdict("p99_ttft_ms < baseline.replica_seconds * 1", Some(&before)).0);
    let r = results(&["p99_ttft_ms < baseline"], &sample(800.0), Some(&before)).remove(0);
    assert_eq!((r.left, r.right, r.unit.as_str(), r.margin), (Some(800.0), Some(400.0), "ms", Some(-1.0)));
    let mut less = before.clone();
    less.whole.clear();
    let (_, why) = verdict("p99_ttft_ms < baseline", Some(&less));
    assert!(why.unwrap().contains("not measured in the baseline"));
}

#[test]
fn each_rate_is_a_rule_of_its_own() {
    let r = results(&["rate[*].p99_ttft_ms < 500"], &sample(800.0), None);
    assert_eq!(
        r.iter().map(|r| (r.name.as_str(), r.verdict)).collect::<Vec<_>>(),
        [("rate[*].p99_ttft_ms < 500 [2/s]", RuleVerdict::Pass), ("rate[*].p99_ttft_ms < 500 [5/s]", RuleVerdict::Fail)]
    );
    assert_eq!(broken(&r), GateVerdict::Fail);
    // Rates of the baseline are found by their value, wherever they stand.
    let mut before = sample(800.0);
    before.rates.reverse();
    assert!(results(&["rate[*].p99_ttft_ms == baseline"], &sample(800.0), Some(&before)).iter().all(|r| r.verdict == RuleVerdict::Pass));
    before.rates.pop();
    let r = results(&["rate[*].p99_ttft_ms == baseline"], &sample(800.0), Some(&before));
    assert!(r[0].reason.as_ref().is_some_and(|w| w.contains("the baseline has no rate 2")), "{r:?}");
    let mut twice = sample(800.0);
    twice.rates[0].rate = 5.0;
    let r = results(&["rate[5].p99_ttft_ms < 1s"], &twice, None);
    assert!(r[0].reason.as_ref().is_some_and(|w| w.contains("more than once")), "{r:?}");
}

#[test]
fn a_warning_fails_nothing() {
    let mut rule = Named::new("max_ready < 2").unwrap();
    rule.level = Level::Warn;
    let r = judge(&[rule], &sample(1.0), None);
    assert_eq!((r[0].verdict, broken(&r)), (RuleVerdict::Warn, GateVerdict::Pass));
}
