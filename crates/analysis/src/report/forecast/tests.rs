use super::*;
use crate::forecast::testing::{arm, around, facts};
use crate::forecast::{Facts, warnings};
use crate::report::testing::judgement;
use crate::report::writer::{markdown, terminal};
use crate::validity::testing::{load, point, rate};
use bench_model::forecast::Coefficients;

fn forecast(arms: Vec<ArmForecast>, facts: &Facts) -> Forecast {
    Forecast {
        schema_version: 1,
        bench_version: "0.1.0".into(),
        load: "chatbot_synthetic".into(),
        model: "Qwen/Qwen3-0.6B".into(),
        seeds: arms.first().map_or(0, |a| a.seeds),
        coefficients: Coefficients { name: "qwen3-0.6b-h100".into(), source: "fitted to the published HPA run".into() },
        router: "scorers queue 2, kv-cache 2, prefix 3, on metrics up to 50 ms old".into(),
        warnings: warnings(&arms, facts),
        arms,
        judgement: judgement(),
        not_modelled: vec!["network between gateway and pods".into(), "restarts of pods, and nodes that fail".into()],
    }
}

/// Both scale; the HPA later, with failures and a full client meanwhile.
fn published() -> Forecast {
    let (wva, mut hpa) = (arm(Arm::Wva), arm(Arm::Hpa));
    for (k, failed) in [(2, 0.12), (3, 0.25)] {
        let r = &mut hpa.rates[k];
        r.failed_fraction = around(failed, 0.1);
        r.ttft_ms = r.ttft_ms.map(|mut t| {
            (t.mean, t.p50, t.p99) = (around(9_000.0, 0.2), around(8_123.0, 0.2), around(41_500.0, 0.1));
            t
        });
        r.achieved_rate = around(0.8 * r.rate, 0.05);
        r.closed_loop_seeds = 18;
    }
    hpa.overall.failed_fraction = around(0.15, 0.1);
    hpa.overall.ttft_ms_mean = Some(around(5_100.0, 0.2));
    (hpa.scaling.scaled_up_seeds, hpa.scaling.ready_replica_s) = (18, around(9_000.0, 0.1));
    forecast(vec![wva, hpa], &Facts { knee_req_s: Some(3.3), ..facts() })
}

fn tables() -> Tables {
    let mut t = load(&[rate(0, 2.0, 60.0, 100.0), rate(1, 5.0, 162.0, 100.0)]);
    t.replicas = vec![point(0.0, 1, 1), point(170.0, 3, 1), point(185.0, 3, 3), point(300.0, 1, 1), point(400.0, 1, 1)];
    t
}

fn written(f: &Forecast, stored: &[Stored<'_>], width: usize, full: bool) -> String {
    terminal::render(&document(f, stored), terminal::Terminal { width, color: false, full })
}

#[test]
fn two_arms_on_one_screen() {
    let t = tables();
    let stored = [Arm::Wva, Arm::Hpa].map(|arm| Stored { arm, tables: &t, place: Some("results/20261124T101500Z-chatbot_synthetic-7f3a") });
    let text = written(&published(), &stored, 80, false);
    assert!(text.lines().count() <= 40 && text.lines().all(|l| l.chars().count() <= 80), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn many_arms_in_full_on_a_narrow_terminal() {
    let mut f = published();
    f.arms.extend([1, 2, 3].map(|n| arm(Arm::Static(n))));
    let text = written(&f, &[], 60, true);
    insta::assert_snapshot!(text);
    assert!(text.lines().all(|l| l.chars().count() <= 60), "{text}");
}

#[test]
fn one_seed_says_so() {
    let mut a = arm(Arm::Hpa);
    a.seeds = 1;
    a.scaling.scaled_up_seeds = 0;
    a.scaling.first_scale_up_s = None;
    let text = written(&forecast(vec![a], &facts()), &[], 80, true);
    for part in ["1 seed each arm", "points, not bands", "No request fails in any seed", "never", "never-scales"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_warning_is_short_first_and_whole_in_the_details() {
    let mut a = arm(Arm::Hpa);
    (a.scaling.scaled_up_seeds, a.scaling.first_scale_up_s) = (0, None);
    let f = forecast(vec![a], &Facts { knee_req_s: Some(3.3), ..facts() });
    let text = written(&f, &[], 200, false);
    assert!(text.contains("never-scales") && !text.contains("Raise `--rates`") && text.contains("1 warning more"), "{text}");
    assert!(written(&f, &[], 200, true).contains("Raise `--rates`"));
    let md = markdown::render(&document(&f, &[]));
    assert!(md.starts_with("### Prediction for chatbot&#95;synthetic\n\n**PREDICTED**") && md.contains("<details>"), "{md}");
}

#[test]
fn nothing_played_is_no_panic() {
    let text = written(&forecast(vec![], &facts()), &[], 10, true);
    assert!(text.contains("Nothing was played"), "{text}");
}
