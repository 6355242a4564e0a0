use super::*;
use crate::compare::{Question, compare};
use crate::report::document;
use crate::report::writer::{markdown, terminal};
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
    let q = Question { goal: bench_model::judgement::Goal::default(), least_span_s: None, aa: false, matter: 0.1 };
    let c = compare(&inputs, &q);
    let page = document(&c, &inputs);
    let ready = page.figures().find(|f| f.heading == "Ready replicas").unwrap();
    let names: Vec<&str> = ready.drawn.traces.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["wva", "hpa"]);
    assert_eq!(ready.drawn.traces[0].points, ready.drawn.traces[1].points);
    assert_eq!(page.axis.as_ref().map(|a| (a.from, a.to, a.zero_ms)), Some((-10.0, 120.0, None)));
    assert_eq!(page.figures().filter(|f| f.drawn.kind == document::Kind::Ecdf).count(), 3);
    let html = page.html();
    assert!(!html.contains("<img") && !html.contains("</script><b>"), "markup was recorded");
    assert!(html.contains("Arms side by side") && html.contains("paid s"));
}

#[test]
fn nothing_to_draw_is_still_a_page() {
    let t = bench_model::tables::Tables::default();
    let (a, mut b) = (run(), run());
    (b.id, b.arm) = ("b".into(), Arm::Static(2));
    let s = summarise(&a, &t, "", &crate::Settings::default());
    let inputs = [&a, &b].map(|run| Input { run, label: None, plan: None, tables: &t, summary: &s, gpus_per_replica: 1.0 });
    let q = Question { goal: bench_model::judgement::Goal::default(), least_span_s: None, aa: false, matter: 0.1 };
    let page = document(&compare(&inputs, &q), &inputs);
    assert_eq!((page.badges[1].word.as_str(), page.figures().count()), ("not comparable", 0));
    assert!(page.html().contains("What is missing"));
}

#[test]
fn repeats_are_averaged_and_fit_one_screen() {
    let all: Vec<_> = [("a", Arm::Wva), ("b", Arm::Hpa), ("c", Arm::Static(2))]
        .into_iter()
        .flat_map(|(name, arm)| (0..3).map(move |k| (format!("{name}-{k}{k}{k}{k}"), arm)))
        .map(|(id, arm)| {
            let k = f64::from(u32::from(id.as_bytes()[2] - b'0'));
            let mut t = load(&[rate(0, 2.0, 100.0, 60.0), rate(1, 4.0, 160.0, 60.0), rate(2, 5.0, 220.0, 60.0), rate(3, 6.0, 280.0, 60.0)]);
            t.replicas = vec![point(90.0, 1, 1), point(180.0, 2, 2), point(400.0 + 100.0 * k, 1, 1)];
            for r in &mut t.requests {
                r.first_token = r.first_token.map(|f| f + 0.01 * k);
            }
            let r = bench_model::run::RunRecord { id, arm, ..run() };
            let s = summarise(&r, &t, "0.8.1", &settings(&t));
            (r, t, s)
        })
        .collect();
    let inputs: Vec<Input<'_>> =
        all.iter().map(|(run, tables, summary)| Input { run, label: None, plan: None, tables, summary, gpus_per_replica: 1.0 }).collect();
    let q = Question { goal: bench_model::judgement::Goal::default(), least_span_s: None, aa: false, matter: 0.1 };
    let c = compare(&inputs, &q);
    let d = document(&c, &[]);
    let text = terminal::render(&d, terminal::Terminal { width: 80, color: false, full: false });
    assert!(text.lines().count() <= 40 && text.lines().all(|l| l.chars().count() <= 80), "{text}");
    // That recordings differ in length changes nothing once all are counted over one span: a detail, in one line.
    let full = terminal::render(&d, terminal::Terminal { width: 80, color: false, full: true });
    assert!(!text.contains("unequal length") && full.contains("unequal length"), "{full}");
    let d = document(&c, &inputs);
    assert!(d.badges.iter().all(|b| b.class != "good"), "{:?}", d.badges);
    let full = terminal::render(&d, terminal::Terminal { width: 120, color: false, full: true });
    assert!(full.contains("a-1111: ") || full.contains("1111"), "{full}");
    let md = markdown::render(&d);
    assert!(md.matches("<details>").count() >= 3 && md.matches("<details>").count() == md.matches("</details>").count(), "{md}");
}

/// Runs of one arm have its colour, the one that it has in the picture of the decision; and the page leads to their own pages.
#[test]
fn an_arm_has_one_colour_and_its_runs_have_links() {
    let t = load(&[rate(0, 2.0, 100.0, 60.0)]);
    let t = bench_model::tables::Tables { replicas: vec![point(90.0, 1, 1), point(130.0, 2, 2)], ..t };
    let all = [("h-1111", Arm::Hpa), ("w-2222", Arm::Wva), ("h-3333", Arm::Hpa)].map(|(id, arm)| bench_model::run::RunRecord {
        id: id.into(),
        arm,
        ..run()
    });
    let s = summarise(&all[0], &t, "0.8.1", &settings(&t));
    let inputs = all.each_ref().map(|run| Input { run, label: None, plan: None, tables: &t, summary: &s, gpus_per_replica: 1.0 });
    let q = Question { goal: bench_model::judgement::Goal::default(), least_span_s: None, aa: false, matter: 0.1 };
    let mut c = compare(&inputs, &q);
    let roles = |c: &Comparison| {
        let d = document(c, &inputs);
        let of = |f: &document::Figure| f.drawn.traces.iter().map(|t| t.role.clone()).collect::<Vec<_>>();
        let mut all: Vec<_> = d.figures().filter(|f| f.heading == "Ready replicas" || f.id == "ecdf-ttft").map(of).collect();
        all.dedup();
        all
    };
    assert_eq!(roles(&c), [["arm-0", "arm-1", "arm-0"]]);
    let mut j = crate::report::testing::judgement();
    assert_eq!((j.arms[0].arm.as_str(), j.arms[0].keeps), ("wva", true));
    c.judgement = Some(j.clone());
    assert_eq!(roles(&c), [["arm-1", "arm-0", "arm-1"]]);
    let link = Link { text: "h-1111".into(), href: "../../h-1111/report.html".into() };
    let page = page(&c, &inputs, vec![link]).html();
    assert!(page.contains("href=\"..&#x2F;..&#x2F;h-1111&#x2F;report.html\""), "no link");
    assert!(page.contains("<span class=\"value kept\">") && page.contains("<span class=\"value missed\">"), "no class");
    j.arms.clear();
    assert!(judgement::numbers(&j).is_empty());
}
