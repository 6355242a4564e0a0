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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::judgement;
    use crate::report::writer::terminal::{Terminal, render};
    use bench_model::plan::Arm;

    fn point(value: &str, met: f64, cost: f64, up: Option<f64>) -> SweepPoint {
        SweepPoint {
            arm: Arm::Hpa,
            values: vec![("stabilization".into(), value.into())],
            slo_met: Some(Band { median: met, p5: met - 0.01, p95: met + 0.01 }),
            replica_s: Band { median: cost, p5: cost - 40.0, p95: cost + 60.0 },
            ttft_p99_s: Some(12.25),
            failed: 3.0,
            max_ready: 4.0,
            first_scale_up_s: up,
            on_front: false,
        }
    }

    fn sweep(points: Vec<SweepPoint>) -> Sweep {
        let mut s = Sweep {
            schema_version: 1,
            bench_version: "0.0.0".into(),
            load: "chatbot_synthetic".into(),
            model: "m".into(),
            router: "pinned".into(),
            seeds: 5,
            slo: "TTFT from due 1 s, mean ITL 50 ms".into(),
            span_s: 6_606.0,
            points,
            judgement: judgement(),
        };
        s.mark_front();
        s
    }

    #[test]
    fn points_and_which_nothing_beats() {
        let s = sweep(vec![point("0", 0.91, 9_000.0, Some(70.0)), point("60", 0.9, 9_100.0, Some(130.0)), point("240", 0.7, 7_000.0, None)]);
        insta::assert_snapshot!(render(&document(&s), Terminal { width: 100, color: false, full: false }));
    }

    #[test]
    fn a_large_sweep_shows_its_front() {
        let points = (0..50u32).map(|k| point(&k.to_string(), 0.5 + f64::from(k) / 200.0, 9_000.0 + 10.0 * f64::from(k), None));
        let d = document(&sweep(points.collect()));
        let rows = |d: &Document| d.blocks().filter_map(|b| if let Block::Table(t) = b { Some(t.rows.len()) } else { None }).collect::<Vec<_>>();
        assert_eq!(rows(&d), [ROWS, 50]);
        assert!(d.sections.iter().any(|s| s.id == "all-points" && s.detail));
    }
}
