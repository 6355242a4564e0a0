//! Runs beside each other as one page: what may be concluded, every curve of all of them on one axis, and the tables.

use super::{axis, distributions};
use crate::compare::Input;
use crate::panels::{Line, Panel, Panels, Role, describe, panels};
use crate::report::comparison;
use crate::report::document::{Axis, Badge, Block, Document, Drawn, Figure, Finding, Kind, Number, Section, Table, Trace};
use crate::words::{brief, percent};
use bench_model::comparison::{Comparison, Kind as Asked, Level};
use bench_model::scorecard::{Card, Scorecard};

/// What is drawn of each run: panel, line, and what it is called among those of other runs.
const CURVES: [(&str, Role, &str); 10] = [
    ("load", Role::Begun, "Requests begun per second"),
    ("load", Role::Finished, "Requests finished per second"),
    ("replicas", Role::Desired, "Desired replicas"),
    ("replicas", Role::Ready, "Ready replicas"),
    ("average-kv", Role::Hpa, "Average KV cache usage, as an HPA sees it"),
    ("average-kv", Role::Wva, "Average KV cache usage, as WVA sees it"),
    ("average-waiting", Role::Hpa, "Average waiting requests, as an HPA sees them"),
    ("average-waiting", Role::Wva, "Average waiting requests, as WVA sees them"),
    ("ttft", Role::Median, "Time to first token, median"),
    ("ttft", Role::Tail, "Time to first token, 99th percentile"),
];

/// A run among others.
struct Shown<'a> {
    name: String,
    input: &'a Input<'a>,
    curves: Panels,
}

/// The page, ended by a line feed. `inputs` are those that the comparison was made of.
pub fn render(c: &Comparison, inputs: &[Input<'_>]) -> String {
    page_of(c, inputs).html()
}

/// The page before it is written.
pub fn page_of(c: &Comparison, inputs: &[Input<'_>]) -> Document {
    let shown: Vec<Shown<'_>> =
        inputs.iter().map(|i| Shown { name: name(c, i), input: i, curves: panels(i.run, i.tables, i.plan) }).collect();
    let worst = c.findings.iter().map(|f| f.level).max();
    let (badge, class) = match worst {
        Some(Level::Refuse) => ("not comparable", "bad"),
        Some(Level::Warn) => ("comparable with care", "fair"),
        _ => ("comparable", "good"),
    };
    let sections = vec![said(c), over_time(&shown), latency(&shown), tables(c), missing(&shown)];
    Document {
        title: match c.kind {
            Asked::Arms => "Comparison of arms",
            Asked::Aa => "Noise floor of an arm",
            Asked::Residual => "Predicted against measured",
        }
        .into(),
        lead: format!(
            "{} under the load {}; SLO {}; replicas over {} s from the load's start",
            crate::words::and(shown.iter().map(|s| s.name.clone())),
            inputs.first().map_or("", |i| i.run.profile.as_str()),
            c.slo,
            brief(c.span_s)
        ),
        badges: vec![Badge::new(badge, class)],
        axis: shared_axis(&shown),
        sections: sections.into_iter().filter(|s| !s.blocks.is_empty()).collect(),
    }
}

/// As short as tells it from the others: the arm, and where an arm has several runs or sources, these.
fn name(c: &Comparison, i: &Input<'_>) -> String {
    let arm = i.label.map_or_else(|| i.run.arm.to_string(), String::from);
    if c.kind == Asked::Residual {
        return format!("{arm}, {}", comparison::source(i.run.source));
    }
    let several = c.sides.iter().any(|s| s.name() == arm && s.runs.len() > 1);
    if several { format!("{arm} {}", i.run.id.rsplit('-').next().unwrap_or_default()) } else { arm }
}

/// From the earliest to the latest moment of any run; the rates are those of the first.
fn shared_axis(shown: &[Shown<'_>]) -> Option<Axis> {
    let all = shown.iter().map(|s| s.curves.span);
    let (from, to) = all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    // Runs of different days share no calendar.
    Some(Axis { from, to, zero_ms: None, ..axis(&shown.first()?.curves) })
}

fn said(c: &Comparison) -> Section {
    let mut blocks: Vec<Block> = c.conclusions.iter().map(|s| Block::Text { text: s.clone() }).collect();
    blocks.push(Block::Numbers { numbers: numbers(c) });
    let findings: Vec<Finding> = c
        .findings
        .iter()
        .map(|f| {
            let (word, class) = match f.level {
                Level::Refuse => ("not comparable", "bad"),
                Level::Warn => ("with care", "fair"),
                Level::Note => ("note", "good"),
            };
            Finding { class: class.into(), word: word.into(), code: f.code.clone(), text: f.message.clone() }
        })
        .collect();
    if !findings.is_empty() {
        blocks.push(Block::Findings { findings });
    }
    Section::new("verdict", "What this says", "Verdict", blocks)
}

/// Each number of the first run of every side, in the sides' order.
fn numbers(c: &Comparison) -> Vec<Number> {
    let runs: Vec<&Scorecard> = c.sides.iter().filter_map(|s| s.runs.first()).collect();
    let of = |label: &str, value: &dyn Fn(&Scorecard) -> Option<String>, note: &str| Number {
        label: label.into(),
        value: runs.iter().map(|r| value(r).unwrap_or_else(|| "n/a".into())).collect::<Vec<_>>().join(" / "),
        note: note.into(),
        ..Number::default()
    };
    let order = c.sides.iter().map(|s| if c.kind == Asked::Residual { comparison::source(s.source).into() } else { s.name() });
    let order = order.collect::<Vec<_>>().join(" / ");
    let of_all = |value: &'static dyn Fn(&Card) -> Option<String>| move |r: &Scorecard| value(&r.overall);
    vec![
        of("Goodput", &of_all(&|o| o.goodput_fraction.map(percent)), &order),
        of("Failed requests", &of_all(&|o| Some(o.failed.to_string())), &order),
        of("TTFT p99, from due", &of_all(&|o| o.ttft_ms.map(|s| distributions::in_words(s.p99, "ms"))), &order),
        of("Replica-seconds paid", &|r| r.paid_replica_s.map(brief), &order),
        of("Most ready replicas", &|r| r.max_ready.map(|n| n.to_string()), &order),
        match c.bounds.as_ref().and_then(|b| b.perfect.as_ref()) {
            Some(p) => Number {
                label: "Replica-seconds of a perfect autoscaler".into(),
                value: brief(p.paid_replica_s),
                note: "best found, in the simulator's model".into(),
                ..Number::default()
            },
            None => of("Flaps", &|r| Some(r.flaps.to_string()), &order),
        },
    ]
}

fn over_time(shown: &[Shown<'_>]) -> Section {
    let mut blocks = vec![];
    for (n, (panel, role, heading)) in CURVES.into_iter().enumerate() {
        let mut lines = Vec::new();
        let mut about = None;
        for (k, s) in shown.iter().enumerate() {
            let Some(p) = s.curves.panels.iter().find(|p| p.id == panel) else { continue };
            let Some(line) = p.lines.iter().find(|l| l.role == role) else { continue };
            about.get_or_insert(p);
            lines.push((k, Line { name: s.name.clone(), ..line.clone() }));
        }
        if let Some(of) = about {
            blocks.push(Block::Figure(figure(of, &format!("{panel}-{n}"), heading, &lines)));
        }
    }
    if !blocks.is_empty() {
        let bands = shown.first().map(|s| axis(&s.curves).bands).unwrap_or_default();
        blocks.insert(0, Block::Zoom { bands: bands.into_iter().map(|b| b.2).collect() });
        let text = "A line a run, all on one axis: time since each run's load began. Zooming one zooms all. The pods of each run, and the \
                    reasons of its scalings, stand in the run's own report.";
        blocks.insert(0, Block::Text { text: text.into() });
    }
    Section::new("time", "Over time", "Over time", blocks)
}

/// `lines` with the position of their run, which decides the colour.
fn figure(of: &Panel, id: &str, heading: &str, lines: &[(usize, Line)]) -> Figure {
    let told = Panel { lines: lines.iter().map(|(_, l)| l.clone()).collect(), limits: vec![], ..of.clone() };
    Figure {
        id: id.into(),
        heading: heading.into(),
        about: match of.id {
            "replicas" => "By the Deployment's record; a number holds until the next.".into(),
            "load" => "Requests of each run, in bins of time.".into(),
            _ => of.about.clone(),
        },
        summary: describe(&told),
        drawn: Drawn {
            kind: Kind::Time,
            unit: of.unit.into(),
            log_y: of.id == "ttft",
            traces: lines
                .iter()
                .map(|(k, l)| Trace { name: l.name.clone(), role: format!("arm-{k}"), steps: l.steps, points: l.points.clone() })
                .collect(),
            ..Drawn::default()
        },
    }
}

fn latency(shown: &[Shown<'_>]) -> Section {
    let groups: Vec<_> = shown.iter().map(|s| (s.name.clone(), s.input.tables)).collect();
    let blocks = distributions::of_runs(&groups).into_iter().map(Block::Figure).collect();
    Section::new("latency", "Latency distributions", "Distributions", blocks)
}

fn tables(c: &Comparison) -> Section {
    let mut blocks = Vec::new();
    for (caption, words, rows) in comparison::tables(c) {
        let mut rows = rows.into_iter();
        let Some(head) = rows.next() else { continue };
        let rows: Vec<Vec<String>> = rows.collect();
        if !rows.is_empty() {
            blocks.push(Block::Table(Table { caption: caption.into(), words, head, rows }));
        }
    }
    if let Some(b) = &c.bounds {
        blocks.push(Block::Items { items: b.basis.clone() });
    } else if let Some(why) = &c.bounds_missing {
        blocks.push(Block::Text { text: format!("No bounds: {why}.") });
    }
    let notes: Vec<String> =
        c.sides.iter().flat_map(|s| &s.runs).flat_map(|r| r.notes.iter().map(move |n| format!("{}: {n}", r.run))).collect();
    if !notes.is_empty() {
        blocks.push(Block::Items { items: notes });
    }
    Section::new("tables", "In numbers", "Numbers", blocks)
}

fn missing(shown: &[Shown<'_>]) -> Section {
    let items: Vec<String> = shown.iter().flat_map(|s| s.curves.missing.iter().map(move |m| format!("{}: {m}", s.name))).collect();
    let blocks = if items.is_empty() { vec![] } else { vec![Block::Items { items }] };
    Section::new("missing", "What is missing", "Missing", blocks)
}

#[cfg(test)]
mod tests {
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
}
