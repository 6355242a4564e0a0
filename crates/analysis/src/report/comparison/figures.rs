//! What only a page has: every curve of all runs on one axis.

use super::source;
use crate::compare::Input;
use crate::panels::{Line, Panel, Panels, Role, describe, panels};
use crate::report::document::{Axis, Block, Drawn, Figure, Kind, Section, Trace};
use crate::report::run::{axis, distributions};
use bench_model::comparison::{Comparison, Kind as Asked, Side};

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
    /// Of its arm: all runs of one share it.
    role: String,
    input: &'a Input<'a>,
    curves: Panels,
}

/// The axis, and the sections that are made of the runs themselves.
pub(super) fn of_runs(c: &Comparison, inputs: &[Input<'_>]) -> (Option<Axis>, Vec<Section>) {
    let shown: Vec<Shown<'_>> =
        inputs.iter().map(|i| Shown { name: name(c, i), role: role(c, i), input: i, curves: panels(i.run, i.tables, i.plan) }).collect();
    (shared_axis(&shown), vec![over_time(&shown), latency(&shown), missing(&shown)])
}

/// As short as tells it from the others: the arm, and where an arm has several runs or sources, these.
fn name(c: &Comparison, i: &Input<'_>) -> String {
    let arm = i.label.map_or_else(|| i.run.arm.to_string(), String::from);
    if c.kind == Asked::Residual {
        return format!("{arm}, {}", source(i.run.source));
    }
    let several = c.sides.iter().any(|s| s.name() == arm && s.runs.len() > 1);
    if several { format!("{arm} {}", i.run.id.rsplit('-').next().unwrap_or_default()) } else { arm }
}

/// The colour of a run's arm: as in the picture of the decision, which counts the arms that were judged; else the position of its side.
fn role(c: &Comparison, i: &Input<'_>) -> String {
    let own = |s: &&Side| (s.arm, s.source, s.label.as_deref()) == (i.run.arm, i.run.source, i.label);
    let side = c.sides.iter().position(|s| own(&s)).unwrap_or(c.sides.len());
    let judged = c.judgement.as_ref().zip(c.sides.get(side)).and_then(|(j, s)| j.arms.iter().position(|a| a.arm == s.name()));
    format!("arm-{}", judged.unwrap_or(side))
}

/// From the earliest to the latest moment of any run; the rates are those of the first.
fn shared_axis(shown: &[Shown<'_>]) -> Option<Axis> {
    let all = shown.iter().map(|s| s.curves.span);
    let (from, to) = all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    // Runs of different days share no calendar.
    Some(Axis { from, to, zero_ms: None, ..axis(&shown.first()?.curves) })
}

fn over_time(shown: &[Shown<'_>]) -> Section {
    let mut blocks = vec![];
    for (n, (panel, role, heading)) in CURVES.into_iter().enumerate() {
        let mut lines = Vec::new();
        let mut about = None;
        for s in shown {
            let Some(p) = s.curves.panels.iter().find(|p| p.id == panel) else { continue };
            let Some(line) = p.lines.iter().find(|l| l.role == role) else { continue };
            about.get_or_insert(p);
            lines.push((s.role.as_str(), Line { name: s.name.clone(), ..line.clone() }));
        }
        if let Some(of) = about {
            blocks.push(Block::Figure(figure(of, &format!("{panel}-{n}"), heading, &lines)));
        }
    }
    if !blocks.is_empty() {
        let bands = shown.first().map(|s| axis(&s.curves).bands).unwrap_or_default();
        blocks.insert(0, Block::Zoom { bands: bands.into_iter().map(|b| b.2).collect() });
        let text = "A colour an arm, all on one axis: time since each run's load began. Zooming one zooms all. The pods of each run, and the \
                    reasons of its scalings, stand in the run's own report.";
        blocks.insert(0, Block::Text { text: text.into() });
    }
    Section::new("time", "Over time", "Over time", blocks)
}

/// `lines` with their roles.
fn figure(of: &Panel, id: &str, heading: &str, lines: &[(&str, Line)]) -> Figure {
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
                .map(|(role, l)| Trace { name: l.name.clone(), role: (*role).to_owned(), steps: l.steps, points: l.points.clone() })
                .collect(),
            ..Drawn::default()
        },
    }
}

fn latency(shown: &[Shown<'_>]) -> Section {
    let groups: Vec<_> = shown.iter().map(|s| (s.name.clone(), s.role.clone(), s.input.tables)).collect();
    let blocks = distributions::of_runs(&groups).into_iter().map(Block::Figure).collect();
    Section::new("latency", "Latency distributions", "Distributions", blocks)
}

fn missing(shown: &[Shown<'_>]) -> Section {
    let items: Vec<String> = shown.iter().flat_map(|s| s.curves.missing.iter().map(move |m| format!("{}: {m}", s.name))).collect();
    let blocks = if items.is_empty() { vec![] } else { vec![Block::Items { items }] };
    Section::new("missing", "What is missing", "Missing", blocks)
}
