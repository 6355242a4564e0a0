use super::*;
use crate::report::document::{self as shown, Block};
use crate::report::writer;
use crate::summarise;
use crate::validity::testing::{load, rate, run, settings};
use bench_model::explanation::{Explanation, Moment, MomentKind, Pattern, Replay};
use bench_model::plan::NodeFact;
use bench_model::run::RunRecord;
use bench_model::tables::{Decision, Event, Gap, Outcome, PodLife, Series, Tables};

const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}<!--data--><!--script-->\u{2028}";

fn hostile() -> (RunRecord, Tables, Explanation) {
    let h = || HOSTILE.to_owned();
    let mut t = load(&[rate(0, 2.0, 1000.0, 60.0), rate(1, 4.0, 1060.0, 60.0)]);
    t.rates[0].warnings = vec![h()];
    t.rates[0].ended_by = h();
    t.requests[0].error = Some(h());
    t.requests[0].outcome = Outcome::Errored;
    t.pods = vec![PodLife { name: h(), created: 990.0, scheduled: None, ready: Some(1000.0), deleted: None, restarts: 0 }];
    t.series.push(Series {
        name: "vllm:kv_cache_usage_perc".into(),
        labels: [("pod".into(), h()), (h(), h())].into(),
        samples: vec![(1000.0, 0.5), (1015.0, 0.6)],
    });
    t.decisions = [1, 2]
        .map(|n| Decision {
            t: 1000.0 + f64::from(n),
            by: h(),
            name: h(),
            current: Some(n),
            desired: Some(n),
            inputs: [(h(), (h(), h()))].into(),
            conditions: [(h(), ("True".into(), h()))].into(),
        })
        .to_vec();
    t.events = vec![Event { t: 1010.0, kind: h(), reason: h(), object: h(), message: h(), count: 1 }];
    t.gaps = vec![Gap { kind: h(), from: 1010.0, to: 1020.0, detail: h() }];
    let mut r = run();
    (r.id, r.profile, r.model, r.namespace, r.deployment, r.bench_version) = (h(), h(), h(), h(), h(), h());
    r.failure = Some(h());
    r.state = bench_model::run::RunState::Failed;
    r.images = [(h(), h())].into();
    r.nodes =
        vec![NodeFact { name: h(), arch: h(), os_image: h(), gpu_product: Some(h()), gpus: 1, gpu_label: Some(h()), gpu_memory_mib: None }];
    (r.missing, r.notes) = (vec![h()], vec![h()]);
    r.hashes.plan = h();
    let e = Explanation {
        schema_version: 1,
        run: h(),
        load_start: 0.0,
        autoscaler: h(),
        moments: vec![Moment {
            t: 1005.0,
            until: None,
            by: h(),
            kind: MomentKind::ScaledUp,
            from: Some(1),
            to: Some(2),
            reason: h(),
            steps: vec![h()],
            difference: Some(h()),
        }],
        findings: vec![Pattern { code: h(), from: 0.0, to: 1.0, message: h() }],
        replay: Replay { note: h(), ..Replay::default() },
        missing: vec![h()],
    };
    (r, t, e)
}

fn html(input: &Input<'_>) -> String {
    document(input).html()
}

fn page(r: &RunRecord, t: &Tables, e: Option<&Explanation>) -> String {
    let mut s = settings(t);
    s.problems = vec![HOSTILE.into()];
    let summary = summarise(r, t, HOSTILE, &s);
    html(&Input {
        run: r,
        plan: None,
        summary: &summary,
        tables: t,
        problems: &[HOSTILE.into()],
        explanation: e,
        scorecard: None,
        judgement: None,
    })
}

/// The page without its own style, library and script.
fn written(html: &str) -> (String, String) {
    let (head, rest) = html.split_once("<script type=\"application/json\" id=\"data\">").expect("data");
    let (data, _) = rest.split_once("</script>").expect("an end");
    (head.to_owned(), data.to_owned())
}

#[test]
fn nothing_recorded_becomes_markup() {
    let (r, t, e) = hostile();
    for e in [None, Some(&e)] {
        let html = page(&r, &t, e);
        let (head, data) = written(&html);
        for bad in ["<img", "alert(1)</script>", "onerror=alert(2)>", "<!--data-->", "49"] {
            // 49 would be a template that was evaluated; digits of other numbers are no tags.
            let found = if bad == "49" { head.contains("&amp;49") } else { head.contains(bad) };
            assert!(!found, "{bad}");
        }
        assert!(head.matches("&lt;img").count() > 20, "the strings are shown as they are");
        assert!(!data.contains('<'), "JSON cannot end its element");
        let value: serde_json::Value = serde_json::from_str(&data).expect("JSON");
        assert_eq!(value["title"], HOSTILE);
        // Its own three scripts and no other.
        assert_eq!(html.matches("<script").count() - plotly_scripts(), 3);
        assert!(html.ends_with("</body>\n</html>\n"));
    }
}

/// `<script` within the library's own text.
fn plotly_scripts() -> usize {
    plotly::Plot::offline_js_sources().split_once("</script>").map_or(0, |(js, _)| js.matches("<script").count() - 1)
}

#[test]
fn every_figure_has_a_heading_an_alternative_and_data() {
    let (r, t, e) = hostile();
    let summary = summarise(&r, &t, "0.8.1", &settings(&t));
    let input = Input {
        run: &r,
        plan: None,
        summary: &summary,
        tables: &t,
        problems: &[],
        explanation: Some(&e),
        scorecard: None,
        judgement: None,
    };
    let page = document(&input);
    let mut ids = std::collections::BTreeSet::new();
    for f in page.figures() {
        assert!(ids.insert(f.id.clone()), "{} is there twice", f.id);
        assert!(!f.heading.is_empty() && f.summary.ends_with('.') && !f.about.is_empty(), "{f:?}");
        assert!(f.drawn.traces.iter().any(|t| !t.points.is_empty()), "{} is empty", f.id);
    }
    for id in ["load", "kv", "average-kv", "ttft", "failures", "ecdf-ttft", "requests-ttft", "pod-lives"] {
        assert!(ids.contains(id), "{id} is missing: {ids:?}");
    }
}

#[test]
fn nothing_at_all_is_still_a_page() {
    let t = Tables::default();
    let summary = summarise(&run(), &t, "", &crate::Settings::default());
    let html = html(&Input {
        run: &run(),
        plan: None,
        summary: &summary,
        tables: &t,
        problems: &[],
        explanation: None,
        scorecard: None,
        judgement: None,
    });
    let (head, _) = written(&html);
    assert!(head.contains("badge bad\">not valid") && head.contains("There is no report of any rate"), "{head}");
    assert!(head.contains("KV cache usage per pod: there are no samples"), "{head}");
}

#[test]
fn the_words_of_a_small_run() {
    let mut t = load(&[rate(0, 2.0, 1000.0, 60.0), rate(1, 4.0, 1062.0, 60.0)]);
    t.replicas.push(crate::validity::testing::point(1040.0, 2, 1));
    t.replicas.push(crate::validity::testing::point(1070.0, 2, 2));
    t.decisions = [(1001.0, 1), (1040.0, 2)]
        .map(|(t, n)| Decision {
            t,
            by: "hpa".into(),
            name: "x".into(),
            current: Some(1),
            desired: Some(n),
            inputs: [("waiting".into(), ("4".into(), "3".into()))].into(),
            conditions: [].into(),
        })
        .to_vec();
    let summary = summarise(&run(), &t, "0.8.1", &settings(&t));
    let html = html(&Input {
        run: &run(),
        plan: None,
        summary: &summary,
        tables: &t,
        problems: &[],
        explanation: None,
        scorecard: None,
        judgement: None,
    });
    let (head, _) = written(&html);
    let (_, body) = head.split_once("<body>").expect("a body");
    insta::assert_snapshot!(body);
}

/// Eight rates under an autoscaler that goes to ten replicas, with notes.
fn normal() -> (RunRecord, Tables) {
    let rates: Vec<_> = (0..8).map(|n| rate(n, f64::from(u32::try_from(n).unwrap() + 1), 1000.0 + 72.0 * n as f64, 60.0)).collect();
    let mut t = load(&rates);
    for n in 1..=10 {
        t.replicas.push(crate::validity::testing::point(1000.0 + 50.0 * f64::from(n), n, n - 1));
    }
    t.rates[0].warnings = vec!["a warning".into()];
    let mut r = run();
    r.deployment = "qwen-qwe-07df2612-en3-0-6b-decode".into();
    (r, t)
}

fn with<T>(r: &RunRecord, t: &Tables, f: impl FnOnce(&Input<'_>) -> T) -> T {
    let summary = summarise(r, t, "0.8.1", &settings(t));
    let card = crate::scorecard::score(r, t, summary.validity.verdict, &crate::scorecard::Terms::default());
    f(&Input {
        run: r,
        plan: None,
        summary: &summary,
        tables: t,
        problems: &[],
        explanation: None,
        scorecard: Some(&card),
        judgement: None,
    })
}

#[test]
fn what_is_shown_unasked_fits_a_screen() {
    let (r, t) = normal();
    let d = with(&r, &t, document);
    let text = |full| writer::terminal::render(&d, writer::terminal::Terminal { width: 80, color: false, full });
    // Three lines more say where the rest is.
    assert!(text(false).lines().count() <= 37, "{}", text(false));
    for word in ["MEASURED  measurement valid", "TTFT p50 ms", "8/s", "desired and ready", "Replica-seconds paid"] {
        assert!(text(false).contains(word), "{word}: {}", text(false));
    }
    for word in ["late p99", "What was not measured", "of recording"] {
        assert!(!text(false).contains(word) && text(true).contains(word), "{word}: {}", text(true));
    }
}

#[test]
fn the_source_is_the_first_badge_and_validity_is_no_praise() {
    let (mut r, mut t) = normal();
    let badges = |r: &RunRecord, t: &Tables| -> Vec<(String, String)> {
        with(r, t, document).badges.into_iter().map(|b| (b.word, b.class)).collect()
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(badges(&r, &t), [pair("MEASURED", ""), pair("measurement valid", "")]);
    r.source = bench_model::run::Source::Predicted;
    assert_eq!(badges(&r, &t), [pair("PREDICTED", "predicted")]);
    t.rates[0].max_concurrency = Some(1);
    assert_eq!(badges(&r, &t)[1], pair("closed-loop", "fair"));
    assert_eq!(badges(&r, &Tables::default())[1], pair("not valid", "bad"));
}

#[test]
fn an_answer_comes_first_and_what_it_rests_on_is_detail() {
    let (r, t) = normal();
    let j = crate::report::testing::judgement();
    let d = with(&r, &t, |i| document(&Input { judgement: Some(&j), ..*i }));
    assert_eq!(d.sections[0].id, "answer");
    assert!(d.sections.iter().any(|s| s.id == "assumptions" && s.detail));
    // The number says by itself whether it keeps the goal, on a page and in colour.
    let classes = |d: &Document| {
        let of = |b: &Block| if let Block::Numbers { numbers } = b { numbers.clone() } else { vec![] };
        d.blocks().flat_map(of).map(|n| n.class).collect::<Vec<_>>()
    };
    let mut missed = j.clone();
    missed.arms.remove(0);
    let d_missed = with(&r, &t, |i| document(&Input { judgement: Some(&missed), ..*i }));
    let unjudged = with(&r, &t, document);
    for (d, first, paint) in [(&d, "kept", "\x1b[32m"), (&d_missed, "missed", "\x1b[1;31m"), (&unjudged, "", "")] {
        let all = classes(d);
        assert!(all[0] == first && all[1..].iter().all(String::is_empty), "{all:?}");
        // Judged, the numbers are detail on a terminal: the answer holds them.
        let text = writer::terminal::render(d, writer::terminal::Terminal { width: 100, color: true, full: true });
        let line = text.lines().find(|l| l.contains("Goodput  ")).unwrap();
        assert!(line.contains(paint) && (first.is_empty() != line.contains('\x1b')), "{line:?}");
    }
}

#[test]
fn the_markdown_folds_what_is_detail() {
    let (r, t) = normal();
    let text = writer::markdown::render(&with(&r, &t, document));
    let (short, long) = text.split_once("<details>").expect("details");
    assert!(short.contains("| rate | good | failed |") && short.contains("```text"), "{text}");
    assert!(long.contains("late p99") && !text.contains('\u{200b}'), "{text}");
}

#[test]
fn arrays_are_little_endian_floats() {
    let f = shown::Drawn {
        traces: vec![shown::Trace { name: "a".into(), role: "hpa".into(), steps: false, points: vec![(1.0, f64::NAN)] }],
        ..Default::default()
    };
    let p = shown::Document {
        sections: vec![shown::Section {
            blocks: vec![Block::Figure(shown::Figure {
                id: "f".into(),
                heading: "h".into(),
                about: "a".into(),
                summary: "s".into(),
                drawn: f,
            })],
            ..Default::default()
        }],
        ..Default::default()
    };
    let (_, data) = written(&p.html());
    let v: serde_json::Value = serde_json::from_str(&data).expect("JSON");
    assert_eq!(v["figures"]["f"]["traces"][0]["x"], "AACAPw==");
    assert_eq!(v["figures"]["f"]["traces"][0]["y"], "AADAfw==");
}

#[test]
fn what_a_run_copied_from_its_plan_is_not_about_the_run() {
    let r = RunRecord { notes: vec!["of the plan".into(), "of the run".into()], ..run() };
    assert_eq!(own_notes(&r, &["of the plan".into(), "another".into()]), ["of the run"]);
}
