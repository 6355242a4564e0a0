use super::*;
use crate::validity::testing::{load, point, rate, run, settings};
use bench_model::comparison::Level;
use bench_model::plan::Arm;

fn stored(id: &str, arm: Arm, slow_ms: f64) -> (RunRecord, Tables, Summary) {
    let mut r = run();
    (r.id, r.arm) = (id.into(), arm);
    let mut t = load(&[rate(0, 2.0, 100.0, 200.0), rate(1, 4.0, 300.0, 200.0)]);
    t.replicas.push(point(600.0, 1, 1));
    for (k, q) in t.requests.iter_mut().enumerate() {
        #[allow(clippy::cast_precision_loss)]
        let wait = slow_ms + (k % 7) as f64;
        q.first_token = q.first_token.map(|f| f + wait / 1000.0);
    }
    let s = crate::summarise(&r, &t, "0.8.1", &settings(&t));
    (r, t, s)
}

fn of(all: &[(RunRecord, Tables, Summary)], aa: bool) -> Comparison {
    let inputs: Vec<Input<'_>> =
        all.iter().map(|(run, tables, summary)| Input { run, label: None, plan: None, tables, summary, gpus_per_replica: 1.0 }).collect();
    compare(&inputs, &Question { goal: Goal { gpu_hour: Some(2.5), ..Goal::default() }, least_span_s: None, aa, matter: 0.1 })
}

fn difference<'a>(c: &'a Comparison, name: &str) -> &'a Difference {
    c.differences.iter().find(|d| d.quantity == name).unwrap()
}

#[test]
fn one_run_each_has_intervals_over_requests_and_says_so() {
    let c = of(&[stored("a", Arm::Wva, 0.0), stored("b", Arm::Hpa, 20.0)], false);
    let d = difference(&c, "TTFT mean");
    assert!((d.difference.unwrap() - 20.0).abs() < 1e-6);
    assert!(d.told_apart() && d.low.unwrap() < 20.0 + 1e-9 && d.high.unwrap() > 20.0 - 1e-9, "{d:?}");
    assert_eq!((d.basis, difference(&c, "good requests").basis), (Basis::Requests, Basis::None));
    assert!(!difference(&c, "goodput").told_apart());
    assert!(c.conclusions[0].starts_with("One run each"), "{:?}", c.conclusions);
    assert_eq!((c.kind, c.span_s), (Kind::Arms, 400.0));
    let json = serde_json::to_string(&c).unwrap();
    assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap().differences.len(), c.differences.len());
}

#[test]
fn arms_are_judged_over_one_span() {
    let paid = |id: &str, arm: Arm, pods: usize| {
        let (r, mut t, s) = stored(id, arm, 0.0);
        let pod = |n: usize| bench_model::tables::PodLife {
            name: n.to_string(),
            created: 0.0,
            scheduled: Some(50.0),
            ready: Some(60.0),
            deleted: None,
            restarts: 0,
        };
        t.pods = (0..pods).map(pod).collect();
        (r, t, s)
    };
    let all = [paid("a", Arm::Wva, 1), paid("b", Arm::Hpa, 3)];
    let inputs: Vec<Input<'_>> =
        all.iter().map(|(run, tables, summary)| Input { run, label: None, plan: None, tables, summary, gpus_per_replica: 2.0 }).collect();
    let goal = Goal { attain: 0.9, gpu_hour: Some(3.6), ..Goal::default() };
    let c = compare(&inputs, &Question { goal, least_span_s: None, aa: false, matter: 0.1 });
    // To the end of the load: nothing changed after it.
    assert_eq!(c.span_s, 400.0);
    let j = judged(&c, &inputs, goal, judgement::Beside::default(), vec![]).unwrap();
    assert_eq!((j.winner.as_deref(), j.predicted), (Some("wva"), false));
    let told: Vec<_> = j.arms.iter().map(|a| (a.replica_seconds, a.gpu_seconds, a.cost, a.dominated)).collect();
    assert_eq!(told, [(Some(400.0), Some(800.0), Some(0.8), false), (Some(1200.0), Some(2400.0), Some(2.4), true)]);
    // Runs of one arm and a prediction of it have no winner.
    assert_eq!(judged(&of(&all[..1], true), &inputs[..1], goal, judgement::Beside::default(), vec![]), None);
}

#[test]
fn repeats_have_intervals_over_runs() {
    let all = [stored("a", Arm::Wva, 0.0), stored("b", Arm::Wva, 0.5), stored("c", Arm::Hpa, 20.0), stored("d", Arm::Hpa, 20.5)];
    let c = of(&all, false);
    let d = difference(&c, "TTFT mean");
    assert_eq!((c.sides.len(), d.basis), (2, Basis::Runs));
    assert!(d.told_apart() && (d.difference.unwrap() - 20.0).abs() < 1e-6, "{d:?}");
}

#[test]
fn runs_of_one_arm_show_their_noise() {
    let c = of(&[stored("a", Arm::Wva, 0.0), stored("b", Arm::Wva, 10.0)], true);
    let n = c.noise.iter().find(|n| n.quantity == "TTFT mean").unwrap();
    assert!((n.deviation - 10.0 / 2.0_f64.sqrt()).abs() < 1e-6 && n.detectable > 10.0 && n.repeats.unwrap() > 2, "{n:?}");
    assert_eq!(c.differences, []);
}

#[test]
fn a_prediction_and_its_measurement_are_a_residual_report() {
    let mut p = stored("p", Arm::Wva, 5.0);
    p.0.source = Source::Predicted;
    let c = of(&[p, stored("m", Arm::Wva, 0.0)], false);
    assert_eq!((c.kind, c.sides[0].source), (Kind::Residual, Source::Measured));
    assert!((difference(&c, "TTFT mean").difference.unwrap() - 5.0).abs() < 1e-6);
    assert!(c.findings.iter().all(|f| f.level < Level::Refuse), "{:?}", c.findings);
}

#[test]
fn what_cannot_be_compared_names_both_values() {
    let a = stored("a", Arm::Wva, 0.0);
    let refused = |change: &dyn Fn(&mut (RunRecord, Tables, Summary))| {
        let mut b = stored("b", Arm::Hpa, 0.0);
        change(&mut b);
        let c = of(&[a.clone(), b], false);
        c.findings.into_iter().filter(|f| f.level == Level::Refuse).map(|f| (f.code, f.message)).collect::<Vec<_>>()
    };
    assert_eq!(refused(&|_| ()), []);
    for (code, change, names) in [
        (
            "load",
            (&|b: &mut (RunRecord, Tables, Summary)| b.0.hashes.load = "x1".into()) as &dyn Fn(&mut (RunRecord, Tables, Summary)),
            "(x1)",
        ),
        ("model", &|b| b.0.model = "other".into(), "a has m, b has other"),
        ("guidellm", &|b| b.2.guidellm_version = "0.5.4".into(), "a has 0.8.1, b has 0.5.4"),
        ("source", &|b| b.0.source = Source::Predicted, "a has measured, b has predicted"),
        ("same-run", &|b| b.0.id = "a".into(), "given twice"),
        ("invalid", &|b| b.2.validity.verdict = bench_model::summary::Verdict::Invalid, "b is not a valid measurement"),
    ] {
        let found = refused(change);
        assert!(found.iter().any(|(c, m)| c == code && m.contains(names)), "{code}: {found:?}");
    }
}

#[test]
fn empty_and_failed_runs_are_compared_without_a_panic() {
    let mut a = stored("a", Arm::Wva, 0.0);
    a.1 = Tables::default();
    let mut b = stored("b", Arm::Hpa, 0.0);
    b.1.requests.iter_mut().for_each(|r| (r.outcome, r.first_token, r.ttft_ms) = (bench_model::tables::Outcome::Errored, None, None));
    let c = of(&[a, b], false);
    assert_eq!(c.sides[1].runs[0].overall.goodput_fraction, Some(0.0));
    assert!(c.differences.iter().all(|d| d.difference.is_none() || d.a.is_some()));
    assert_eq!(of(&[], false).sides.len(), 0);
}
