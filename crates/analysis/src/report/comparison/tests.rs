use super::*;
use crate::compare::{Question, compare};
use crate::summarise;
use crate::validity::testing::{load, point, rate, run, settings};
use bench_model::plan::Arm;

#[test]
fn arms_share_an_axis_and_nothing_recorded_is_markup() {
    let mut t = load(&[rate(0, 2.0, 100.0, 60.0), rate(1, 4.0, 160.0, 60.0)]);
    t.replicas = vec![point(90.0, 1, 1), point(180.0, 2, 1), point(200.0, 2, 2)];
    let (mut a, mut b) = (run(), run());
    (a.id, a.profile) = ("<img src=x>-aaaa".into(), "</script><b>".into());
    (b.id, b.arm) = ("b-bbbb".into(), Arm::Hpa);
    let s = summarise(&a, &t, "0.8.1", &settings(&t));
    let inputs = [&a, &b].map(|run| Input { run, label: None, plan: None, tables: &t, summary: &s, gpus_per_replica: 1.0 });
    let q = Question { slo: bench_model::scorecard::Slo::default(), gpu_hour: None, aa: false, matter: 0.1 };
    let c = compare(&inputs, &q);
    let page = page_of(&c, &inputs);
    let ready = page.figures().find(|f| f.heading == "Ready replicas").unwrap();
    let names: Vec<&str> = ready.drawn.traces.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["wva", "hpa"]);
    assert_eq!(ready.drawn.traces[0].points, ready.drawn.traces[1].points);
    assert_eq!(page.axis.as_ref().map(|a| (a.from, a.to, a.zero_ms)), Some((-10.0, 120.0, None)));
    assert_eq!(page.figures().filter(|f| f.drawn.kind == Kind::Ecdf).count(), 3);
    let html = page.html();
    assert!(!html.contains("<img") && !html.contains("</script><b>"), "markup was recorded");
    assert!(html.contains("What this says") && html.contains("paid s"));
}

#[test]
fn nothing_to_draw_is_still_a_page() {
    let t = bench_model::tables::Tables::default();
    let (a, mut b) = (run(), run());
    (b.id, b.arm) = ("b".into(), Arm::Static(2));
    let s = summarise(&a, &t, "", &crate::Settings::default());
    let inputs = [&a, &b].map(|run| Input { run, label: None, plan: None, tables: &t, summary: &s, gpus_per_replica: 1.0 });
    let q = Question { slo: bench_model::scorecard::Slo::default(), gpu_hour: None, aa: false, matter: 0.1 };
    let page = page_of(&compare(&inputs, &q), &inputs);
    assert_eq!((page.badges[0].word.as_str(), page.figures().count()), ("not comparable", 0));
    assert!(page.html().contains("What is missing"));
}
