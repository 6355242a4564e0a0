//! Why a run scaled as it did: what was found, then a reason for each decision.

use super::document::{Badge, Block, Document, Finding, Mark, Section};
use crate::words::{clock, scaled, times};
use bench_model::explanation::{Explanation, Moment, MomentKind};
use bench_model::run::{RunRecord, Source};
use chrono::DateTime;

/// The explanation as a document; how a decision came about is in the steps of its mark.
pub fn document(run: &RunRecord, e: &Explanation) -> Document {
    let mut about = vec![Block::Text { text: tally(e) }];
    #[allow(clippy::cast_possible_truncation)]
    let began = DateTime::from_timestamp(e.load_start as i64, 0).filter(|_| run.source == Source::Measured);
    let began = began.map(|t| format!("Times count from the load's start at {}.", t.format("%Y-%m-%dT%H:%M:%SZ")));
    let note = Some(e.replay.note.clone()).filter(|n| !n.is_empty());
    about.extend(note.into_iter().chain(began).map(|text| Block::Text { text }));
    let missing = |m: &String| Finding { class: "fair".into(), word: "missing".into(), code: String::new(), text: m.clone() };
    if !e.missing.is_empty() {
        about.push(Block::Findings { findings: e.missing.iter().map(missing).collect() });
    }
    let mut sections = vec![Section::new("summary", "Summary", "Summary", about)];
    for (n, m) in e.moments.iter().filter(|m| m.kind == MomentKind::Asked).enumerate() {
        let blocks = vec![Block::Text { text: reason(m) }, Block::Items { items: m.steps.clone() }];
        sections.push(Section::new(&format!("at-{n}"), &format!("At {}", when(e, m)), "At", blocks));
    }
    if !e.findings.is_empty() {
        sections.push(Section::new("patterns", "Patterns", "Patterns", vec![Block::Findings { findings: patterns(e) }]));
    }
    let marks: Vec<Mark> = e.moments.iter().filter(|m| m.kind != MomentKind::Asked).map(|m| mark(e, m)).collect();
    if !marks.is_empty() {
        sections.push(Section::new("decisions", "Decisions", "Decisions", vec![Block::Marks { marks }]));
    }
    let autoscaler = if e.autoscaler.is_empty() { "nothing that scales".into() } else { e.autoscaler.clone() };
    Document {
        title: e.run.clone(),
        lead: format!("Arm {}: {autoscaler}", run.arm),
        badges: vec![Badge::source(run.source)],
        axis: None,
        sections,
    }
}

/// Known patterns and defects that were seen, each with when it was.
pub(super) fn patterns(e: &Explanation) -> Vec<Finding> {
    let one = |f: &bench_model::explanation::Pattern| {
        let (from, to) = (clock(f.from - e.load_start), clock(f.to - e.load_start));
        let word = if from == to { from } else { format!("{from} to {to}") };
        Finding { class: "fair".into(), word, code: f.code.clone(), text: f.message.clone() }
    };
    e.findings.iter().map(one).collect()
}

/// How many moments of each kind.
pub(super) fn tally(e: &Explanation) -> String {
    let by =
        |who: &str, kind: MomentKind| u32::try_from(e.moments.iter().filter(|m| m.by == who && m.kind == kind).count()).unwrap_or(u32::MAX);
    if e.moments.iter().all(|m| m.kind == MomentKind::Asked) && e.findings.is_empty() {
        return "There is no decision to explain.".into();
    }
    let (up, down, held) = (by("hpa", MomentKind::ScaledUp), by("hpa", MomentKind::ScaledDown), by("hpa", MomentKind::Held));
    let mut out = format!("The HPA {}", scaled(up, down));
    if held > 0 {
        out.push_str(&format!("; {} more or fewer replicas were asked for and none came", times(held)));
    }
    let (up, down, held) = (by("wva", MomentKind::ScaledUp), by("wva", MomentKind::ScaledDown), by("wva", MomentKind::Held));
    if up + down + held > 0 {
        out.push_str(&format!(". WVA asked for more replicas {} and for fewer {}", times(up), times(down)));
    }
    if held > 0 {
        out.push_str(&format!("; {} it kept an older number against the load", times(held)));
    }
    out + "."
}

fn when(e: &Explanation, m: &Moment) -> String {
    let until = m.until.map_or_else(String::new, |u| format!(" to {}", clock(u - e.load_start)));
    format!("{}{until}", clock(m.t - e.load_start))
}

/// `hpa 1 → 2`, `hpa held at 1`, `wva kept 2`.
fn change(m: &Moment) -> String {
    let n = |v: Option<u32>| v.map_or_else(|| "?".into(), |v| v.to_string());
    match m.kind {
        MomentKind::ScaledUp | MomentKind::ScaledDown => format!("{} {} → {}", m.by, n(m.from), n(m.to)),
        MomentKind::Held if m.by == "wva" => format!("wva kept {}", n(m.to)),
        MomentKind::Held => format!("{} held at {}", m.by, n(m.to)),
        MomentKind::Asked => format!("{} {}", m.by, n(m.to)),
    }
}

/// With what the record says otherwise.
fn reason(m: &Moment) -> String {
    let differs = m.difference.as_ref().map_or_else(String::new, |d| format!(" Replay and record differ: {d}."));
    format!("{}{differs}", m.reason)
}

fn mark(e: &Explanation, m: &Moment) -> Mark {
    let class = match m.kind {
        MomentKind::ScaledUp => "up",
        MomentKind::ScaledDown => "down",
        MomentKind::Held | MomentKind::Asked => "held",
    };
    Mark {
        t: m.t - e.load_start,
        until: m.until.map(|u| u - e.load_start),
        when: when(e, m),
        title: change(m),
        class: class.into(),
        reason: reason(m),
        steps: m.steps.clone(),
        y: m.to.map(f64::from),
    }
}
