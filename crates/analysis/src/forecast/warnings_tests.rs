use super::*;
use crate::forecast::testing::{arm, around, facts};

fn arms() -> Vec<ArmForecast> {
    let mut both = vec![arm(Arm::Wva), arm(Arm::Hpa)];
    // They differ in what they cost, so that this is no load that tells nothing.
    both[1].scaling.ready_replica_s = around(20_000.0, 0.05);
    both
}

fn codes(arms: &[ArmForecast], facts: &Facts) -> Vec<String> {
    warnings(arms, facts).into_iter().map(|w| w.code).collect()
}

/// The text of the only warning.
#[track_caller]
fn only(arms: &[ArmForecast], facts: &Facts, code: &str) -> String {
    let all = warnings(arms, facts);
    assert_eq!(all.iter().map(|w| w.code.as_str()).collect::<Vec<_>>(), [code], "{all:#?}");
    all.into_iter().map(|w| w.text).collect()
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for p in parts {
        assert!(text.contains(p), "{p:?} is not in {text:?}");
    }
}

#[test]
fn a_sound_plan_has_no_warning() {
    assert_eq!(codes(&arms(), &facts()), Vec::<String>::new());
    assert_eq!(codes(&[], &facts()), Vec::<String>::new());
}

#[test]
fn a_load_that_scales_nothing() {
    let mut a = arms();
    a[0].scaling.scaled_up_seeds = 0;
    says(&only(&a, &facts(), "never-scales"), &["arm wva never scales up", "--rates", "wva.thresholds"]);
    a[1].scaling.scaled_up_seeds = 0;
    let text = only(&a, &facts(), "never-scales");
    says(&text, &["this load never scales anything: no autoscaler wants another replica in 20 seeds", "hpa.metrics[0].average_value"]);
    a[1].scaling.scaled_up_seeds = 10;
    says(&only(&a, &facts(), "never-scales"), &["arm wva never scales up and arm hpa scales up only in 10 of 20 seeds"]);
    a.iter_mut().for_each(|x| x.scaling.scaled_up_seeds = 11);
    assert_eq!(codes(&a, &facts()), Vec::<String>::new());
    // A fixed fleet is not meant to.
    let mut fixed = arm(Arm::Static(3));
    fixed.scaling.scaled_up_seeds = 0;
    assert_eq!(codes(&[fixed], &facts()), Vec::<String>::new());
}

#[test]
fn the_knee_says_what_each_rate_needs() {
    let knee = |k: f64| Facts { knee_req_s: Some(k), ..facts() };
    says(&only(&arms(), &knee(3.3), "knee"), &["one replica carries 3.3 req/s at most; 5 and 6 req/s need 2. `--rates`"]);
    says(&only(&arms(), &knee(2.5), "knee"), &["3 and 5 req/s need 2, 6 req/s needs 3"]);
    says(&only(&arms(), &knee(6.0), "knee"), &["no rate asks for more: there is nothing to scale. Raise `--rates`"]);
    says(&only(&arms(), &knee(1.5), "knee"), &["Every rate is above it"]);
    says(&only(&arms(), &knee(0.5), "knee"), &["scaling.max_replicas=12"]);
    says(&only(&arms(), &Facts { start_replicas: 2, ..knee(3.3) }, "knee"), &["2 stand there from the start", "reset.start_replicas=1"]);
    for none in [f64::NAN, 0.0, -1.0, f64::INFINITY] {
        assert_eq!(codes(&arms(), &knee(none)), Vec::<String>::new());
    }
}

#[test]
fn a_full_client_closes_the_loop() {
    let mut a = arms();
    a[1].rates[2].closed_loop_seeds = 18;
    let text = only(&a, &facts(), "closed-loop");
    says(&text, &["cap of 512 requests in flight", "arm hpa at 5/s, in 18 of 20 seeds", "GUIDELLM__MAX_CONCURRENCY=2048"]);
    a[1].rates[3].closed_loop_seeds = 20;
    a[0].rates[3].closed_loop_seeds = 1;
    says(&only(&a, &facts(), "closed-loop"), &["arm wva at 6/s, in 1 of 20 seeds; arm hpa from 5/s on, in 20 of 20 seeds"]);
}

#[test]
fn a_rate_must_outlast_the_reaction() {
    let f = Facts { seconds_per_rate: 314.0, ..facts() };
    let text = only(&arms(), &f, "rate-shorter-than-reaction");
    says(&text, &["a rate lasts 5 min 14 s", "up to 5 min 15 s: 4 min of stabilization window, 15 s", "--max-seconds 660"]);
    assert_eq!(codes(&arms(), &Facts { seconds_per_rate: 315.0, ..f.clone() }), Vec::<String>::new());
    assert_eq!(codes(&[arm(Arm::Static(1))], &f), Vec::<String>::new());
}

#[test]
fn a_fleet_at_its_end_that_still_queues() {
    let mut a = arms();
    let r = &mut a[1].rates[3];
    (r.waiting_at_end, r.ready_at_end) = (around(300.0, 0.2), Some(around(10.0, 0.0)));
    says(
        &only(&a, &facts(), "max-replicas"),
        &["all 10 replicas are ready", "arm hpa at 6/s, with 300 requests waiting", "scaling.max_replicas"],
    );
    // Not at its end yet, or nothing that waits.
    a[1].rates[3].ready_at_end = Some(around(9.0, 0.0));
    assert_eq!(codes(&a, &facts()), Vec::<String>::new());
    (a[1].rates[3].ready_at_end, a[1].rates[3].waiting_at_end) = (Some(around(10.0, 0.0)), around(29.0, 0.0));
    assert_eq!(codes(&a, &facts()), Vec::<String>::new());
}

#[test]
fn an_arm_that_does_not_come_back() {
    let mut a = arms();
    (a[0].scaling.stuck_seeds, a[0].scaling.end_replicas) = (11, Some(around(10.0, 0.0)));
    let text = only(&a, &facts(), "stuck");
    says(&text, &["arm wva still wants 10 replicas, in 11 of 20 seeds", "at the start there were 1", "recording.tail_limit_s"]);
    a[0].scaling.stuck_seeds = 10;
    assert_eq!(codes(&a, &facts()), Vec::<String>::new());
}

#[test]
fn arms_that_hardly_differ() {
    let mut a = vec![arm(Arm::Wva), arm(Arm::Hpa)];
    says(&only(&a, &facts(), "differs-little"), &["no number of wva and hpa differs by more than 5 %", "--rates"]);
    // 11,000 ± 20 % against 12,000 ± 5 %: variance (1337² + 365²)/2, squared difference 10⁶.
    a[0].scaling.ready_replica_s = around(11_000.0, 0.2);
    says(&only(&a, &facts(), "differs-little"), &["about 16 repeats of each to show a difference, in replica-seconds first"]);
    a[0].scaling.ready_replica_s = around(11_000.0, 0.4);
    says(&only(&a, &facts(), "differs-little"), &["even 20 repeats would hardly show"]);
    // Separate bands, but by less than anybody cares about.
    a[0].scaling.ready_replica_s = around(11_900.0, 0.0001);
    a[1].scaling.ready_replica_s = around(12_000.0, 0.0001);
    says(&only(&a, &facts(), "differs-little"), &["differs by more than 5 %"]);
    a[0].scaling.ready_replica_s = around(9_000.0, 0.05);
    assert_eq!(codes(&a, &facts()), Vec::<String>::new());
    // One of them answers nothing: that is no small difference.
    a[0].scaling.ready_replica_s = a[1].scaling.ready_replica_s;
    (a[0].rates[3].ttft_ms, a[0].rates[3].e2e_s) = (None, None);
    assert_eq!(codes(&a, &facts()), Vec::<String>::new());
    // Few failures against none are a difference that every seed shows.
    a = vec![arm(Arm::Wva), arm(Arm::Hpa)];
    a[0].rates[3].failed_fraction = around(0.003, 0.1);
    assert_eq!(codes(&a, &facts()), Vec::<String>::new());
    // One seed has no spread to judge by.
    a = vec![arm(Arm::Wva), arm(Arm::Hpa)];
    a[0].seeds = 1;
    assert_eq!(codes(&a, &facts()), Vec::<String>::new());
}

#[test]
fn what_forbids_a_scale_up_is_named_before_what_might_cause_one() {
    let mut a = arms();
    a.iter_mut().for_each(|a| a.scaling.scaled_up_seeds = 0);
    let told = |f: Facts| warnings(&a, &f).into_iter().find(|w| w.code == "never-scales").unwrap().text;
    says(&told(facts()), &["Raise `--rates`"]);
    says(&told(Facts { up_disabled: true, ..facts() }), &["disabled", "scale_up.select_policy=Max"]);
    says(&told(Facts { start_replicas: 10, ..facts() }), &["max_replicas is 10", "raise `--set scaling.max_replicas=…`"]);
    says(&told(Facts { stabilization_up_s: 1e5, ..facts() }), &["as long as the load", "stabilization_window_s"]);
}

#[test]
fn a_fleet_that_never_comes_down_from_its_start_is_stuck() {
    let mut a = arms();
    a[0].scaling.scale_downs = around(0.0, 0.0);
    a[0].scaling.end_replicas = Some(around(10.0, 0.0));
    let told = |f: Facts| warnings(&a, &f).into_iter().find(|w| w.code == "stuck").map(|w| w.text);
    says(&told(Facts { start_replicas: 10, ..facts() }).unwrap(), &["arm wva never comes down from 10 start replicas", "max_replicas"]);
    says(&told(Facts { start_replicas: 10, down_disabled: true, ..facts() }).unwrap(), &["scale-downs are disabled"]);
    assert_eq!(told(Facts { start_replicas: 10, min_replicas: 10, ..facts() }), None);
}
