//! Everything over time, on one axis.

use crate::panels::{Panel, Panels, describe};
use crate::report::document::{Axis, Block, Drawn, Figure, Kind, Mark, Section, Trace};
use crate::words::brief;

/// The shared axis of a run's curves.
pub fn axis(curves: &Panels) -> Axis {
    Axis {
        from: curves.span.0,
        to: curves.span.1,
        zero_ms: curves.epoch.then_some(curves.zero * 1000.0),
        bands: curves.bands.iter().map(|b| (b.from, b.to, format!("{}/s", brief(b.rate)))).collect(),
    }
}

/// A panel as a figure. Several arms need an `id` and a `heading` of their own each.
pub fn figure(p: &Panel, id: &str, heading: &str, marks: bool) -> Figure {
    let trace =
        |l: &crate::panels::Line| Trace { name: l.name.clone(), role: l.role.to_string(), steps: l.steps, points: l.points.clone() };
    Figure {
        id: id.into(),
        heading: heading.into(),
        about: p.about.clone(),
        summary: describe(p),
        drawn: Drawn {
            kind: Kind::Time,
            unit: p.unit.into(),
            stacked: p.stacked,
            log_y: p.id == "ttft",
            traces: p.lines.iter().map(trace).collect(),
            limits: p.limits.iter().map(|l| (l.label.clone(), l.value, l.role.to_string())).collect(),
            marks,
            ..Drawn::default()
        },
    }
}

pub(super) fn section(curves: &Panels, marks: Vec<Mark>) -> Section {
    let mut blocks = Vec::new();
    if !curves.panels.is_empty() {
        blocks.push(Block::Zoom { bands: curves.bands.iter().map(|b| format!("{}/s", brief(b.rate))).collect() });
    }
    let mut marks = Some(marks).filter(|m| !m.is_empty());
    for p in &curves.panels {
        let is_replicas = p.id == "replicas";
        blocks.push(Block::Figure(figure(p, p.id, p.title, is_replicas && marks.is_some())));
        if is_replicas {
            blocks.extend(marks.take().map(|marks| Block::Marks { marks }));
        }
    }
    // Decisions can be known where replicas are not.
    blocks.extend(marks.map(|marks| Block::Marks { marks }));
    Section::new("time", "Over time", "Over time", blocks)
}
