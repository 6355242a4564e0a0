//! A sweep: which point, and a row a point.

use super::document::{Badge, Block, Document, Section};
use super::judgement;
use crate::words::{brief, count};
use bench_model::forecast::Band;
use bench_model::run::Source;
use bench_model::sweep::{Sweep, SweepPoint};

/// Rows that a reader meets without `--full`.
const ROWS: usize = 20;

/// The whole sweep.
pub fn document(s: &Sweep) -> Document {
    let all: Vec<&SweepPoint> = s.points.iter().collect();
    let mut sections = vec![judgement::section(&s.judgement)];
    let star = "`*`: no other point meets the SLO as often for as few replica-seconds.";
    if all.len() <= ROWS {
        sections.push(Section::new("points", "Points", "Points", vec![table(&all, s.seeds), Block::text(star)]));
    } else {
        // The cheapest of those that nothing beats, in the order in which somebody with more money would take them.
        let mut front: Vec<&SweepPoint> = all.iter().copied().filter(|p| p.on_front).collect();
        front.sort_by(|a, b| a.replica_s.median.total_cmp(&b.replica_s.median));
        let shown = &front[..front.len().min(ROWS)];
        let note = format!("{star} {} of {}, the cheapest first.", shown.len(), count(all.len(), "point"));
        sections.push(Section::new("points", "Points that nothing beats", "Points", vec![table(shown, s.seeds), Block::text(note)]));
        sections.push(Section::new("all-points", "All points", "All points", vec![table(&all, s.seeds)]).detail());
    }
    sections.push(judgement::assumptions(&s.judgement).detail());
    Document {
        title: format!("Sweep over {}", s.load),
        lead: format!(
            "{}, {} with {} each; replica-seconds are paid, from scheduled to ended, over {} min from the load's start; router: {}",
            s.model,
            count(s.points.len(), "point"),
            count(s.seeds as usize, "seed"),
            brief(s.span_s / 60.0),
            s.router
        ),
        badges: vec![Badge::source(Source::Predicted)],
        axis: None,
        sections: sections.into_iter().filter(|s| !s.blocks.is_empty()).collect(),
    }
}

fn table(points: &[&SweepPoint], seeds: u32) -> Block {
    let keys: Vec<&str> = points.first().map(|p| p.values.iter().map(|(k, _)| k.as_str()).collect()).unwrap_or_default();
    let head = [vec!["", "arm"], keys.clone(), vec!["SLO met %", "replica-s", "TTFT p99", "failed", "max", "first up"]].concat();
    let rows = points.iter().map(|p| {
        let mut row = vec![if p.on_front { "*" } else { "" }.to_owned(), p.arm.to_string()];
        row.extend(p.values.iter().map(|(_, v)| v.clone()));
        let percent = |b: Band| Band { median: b.median * 100.0, p5: b.p5 * 100.0, p95: b.p95 * 100.0 };
        row.push(p.slo_met.map_or_else(|| "-".into(), |b| band(percent(b), seeds)));
        row.push(band(p.replica_s, seeds));
        row.push(p.ttft_p99_s.map_or_else(|| "-".into(), |v| format!("{} s", brief(v))));
        row.extend([brief(p.failed), brief(p.max_ready)]);
        row.push(p.first_scale_up_s.map_or_else(|| "never".into(), |v| format!("{} min", brief(v / 60.0))));
        row
    });
    Block::table(2 + keys.len(), &head, rows.collect())
}

fn band(b: Band, seeds: u32) -> String {
    let range = if seeds == 1 { String::new() } else { format!(" ({}–{})", brief(b.p5), brief(b.p95)) };
    format!("{}{range}", brief(b.median))
}
