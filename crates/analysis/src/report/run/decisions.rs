//! The autoscaler's decisions as marks: from the replayed explanation, or, without one, from what was recorded.

use super::{Input, moment};
use crate::panels::{Panels, Role};
use crate::report::document::{Block, Finding, Mark, Section};
use crate::report::explain;
use crate::words::{duration, number as digits};
use bench_model::explanation::{Moment, MomentKind};
use bench_model::tables::Decision;
use std::collections::BTreeMap;

/// More marks than this are no help on one page; what is left out is told by the last of them.
const MOST: usize = 400;

/// What the autoscaler did, in sums; its single decisions are marks.
pub(super) fn section(input: &Input<'_>) -> Section {
    let mut blocks = Vec::new();
    if let Some(e) = input.explanation.filter(|e| !e.moments.is_empty()) {
        blocks.push(Block::Text { text: explain::tally(e) });
    }
    let findings: Vec<Finding> = input.explanation.map(explain::patterns).unwrap_or_default();
    if !findings.is_empty() {
        blocks.push(Block::Findings { findings });
    }
    let s = &input.summary.scaling;
    if let (Some(start), Some(desired), Some(ready), Some(end)) = (s.start_replicas, s.max_desired, s.max_ready, s.end_replicas) {
        let span = crate::summary::recording(input.run, input.tables).map_or(0.0, |(a, b)| b - a);
        blocks.push(Block::Items {
            items: vec![
                format!("Replicas: {start} at the start, at most {desired} desired, at most {ready} ready, {end} at the end."),
                format!(
                    "Over {} of recording, ready replicas sum up to {} replica-seconds and desired replicas to {}. Neither is what is paid: \
                     a pod is paid from scheduled to its end.",
                    duration(span),
                    digits(s.ready_replica_s),
                    digits(s.desired_replica_s)
                ),
            ],
        });
    }
    Section::new("autoscaler", "What the autoscaler did", "Autoscaler", blocks)
}

pub(super) fn marks(input: &Input<'_>, curves: &Panels) -> Vec<Mark> {
    let desired = curves.panels.iter().find(|p| p.id == "replicas").and_then(|p| p.lines.iter().find(|l| l.role == Role::Desired));
    let at = |t: f64| {
        let points = desired.map(|l| l.points.as_slice()).unwrap_or_default();
        let n = points.partition_point(|p| p.0 <= t);
        points.get(n.saturating_sub(1)).map(|p| p.1)
    };
    let mut marks = match input.explanation.filter(|e| !e.moments.is_empty()) {
        Some(e) => e.moments.iter().filter(|m| m.t.is_finite()).map(|m| explained(m, curves)).collect(),
        None => recorded(&input.tables.decisions, curves),
    };
    marks.retain(|m| m.t >= curves.span.0 && m.t <= curves.span.1);
    for m in &mut marks {
        m.y = m.y.or_else(|| at(m.t));
    }
    if marks.len() > MOST {
        let more = marks.len() - MOST;
        marks.truncate(MOST);
        if let Some(m) = marks.last_mut() {
            m.steps.push(format!("{more} later decisions are not shown here; bench report --output json and the run directory have them"));
        }
    }
    marks
}

fn number(v: Option<u32>) -> String {
    v.map_or_else(|| "?".into(), |v| v.to_string())
}

fn change(by: &str, from: Option<u32>, to: Option<u32>) -> String {
    match (from, to) {
        (Some(a), Some(b)) if a == b => format!("{by}: stays at {a}"),
        (None, b) => format!("{by}: {}", number(b)),
        (a, b) => format!("{by}: {} → {}", number(a), number(b)),
    }
}

fn explained(m: &Moment, curves: &Panels) -> Mark {
    let t = m.t - curves.zero;
    let until = m.until.filter(|u| u.is_finite()).map(|u| u - curves.zero);
    let (class, title) = match m.kind {
        MomentKind::ScaledUp => ("up", change(&m.by, m.from, m.to)),
        MomentKind::ScaledDown => ("down", change(&m.by, m.from, m.to)),
        MomentKind::Held => ("held", format!("{}: nothing was scaled", m.by)),
        MomentKind::Asked => ("held", change(&m.by, m.from, m.to)),
    };
    let mut when = moment(curves, t);
    if let Some(u) = until {
        when.push_str(&format!(" to {}", crate::words::clock(u)));
    }
    let mut steps = m.steps.clone();
    steps.extend(m.difference.iter().map(|d| format!("replay and record differ: {d}")));
    Mark { t, until, when, title, class: class.into(), reason: m.reason.clone(), steps, y: m.to.map(f64::from) }
}

/// A mark wherever an autoscaler began to want another number, with the inputs and conditions that it stated itself.
fn recorded(decisions: &[Decision], curves: &Panels) -> Vec<Mark> {
    let mut last: BTreeMap<(&str, &str), Option<u32>> = BTreeMap::new();
    let mut out = Vec::new();
    for d in decisions.iter().filter(|d| d.t.is_finite()) {
        let before = last.insert((&d.by, &d.name), d.desired);
        let Some(before) = before.filter(|b| *b != d.desired) else { continue };
        let t = d.t - curves.zero;
        let class = match (before, d.desired) {
            (Some(a), Some(b)) if b > a => "up",
            (Some(_), Some(_)) => "down",
            _ => "held",
        };
        out.push(Mark {
            t,
            until: None,
            when: moment(curves, t),
            title: change(&d.by, before, d.desired),
            class: class.into(),
            reason: reason(d),
            steps: steps(d),
            y: d.desired.map(f64::from),
        });
    }
    out
}

fn reason(d: &Decision) -> String {
    let inputs: Vec<String> = d
        .inputs
        .iter()
        .filter(|(_, (_, target))| !target.is_empty())
        .map(|(name, (v, target))| format!("{name} was {v} (limit {target})"))
        .collect();
    let limited = d.conditions.get("ScalingLimited").filter(|(status, _)| status == "True").map(|(_, r)| format!("limited by {r}"));
    let held = d.conditions.get("AbleToScale").filter(|(_, r)| r.ends_with("Stabilized")).map(|(_, r)| format!("held by {r}"));
    let parts: Vec<String> = inputs.into_iter().chain(limited).chain(held).collect();
    if parts.is_empty() {
        "The autoscaler stated no inputs with this decision.".into()
    } else {
        format!("As it stated itself: {}.", parts.join("; "))
    }
}

fn steps(d: &Decision) -> Vec<String> {
    let inputs = d.inputs.iter().filter(|(_, (_, target))| target.is_empty()).map(|(name, (v, _))| format!("{name}: {v}"));
    let conditions = d.conditions.iter().map(|(name, (status, reason))| format!("{name} is {status}: {reason}"));
    inputs.chain(conditions).collect()
}
