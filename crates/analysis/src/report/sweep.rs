//! A sweep: which point, and a row a point.

use super::document::{Badge, Block, Document, Section};
use super::judgement;
use crate::words::{brief, count};
use bench_model::run::Source;
use bench_model::sweep::{Sweep, SweepPoint};

/// The whole sweep.
pub fn document(s: &Sweep) -> Document {
    let sections = vec![
        judgement::section(&s.judgement),
        Section::new("all-points", "All points", "All points", judgement::all(&s.judgement).into_iter().chain([table(s)]).collect())
            .detail(),
        judgement::assumptions(&s.judgement).detail(),
    ];
    Document {
        title: format!("Sweep over {}", s.load),
        lead: format!("{}, {} with {} each", s.model, count(s.points.len(), "point"), count(s.seeds as usize, "seed")),
        badges: vec![Badge::source(Source::Predicted)],
        axis: None,
        sections: sections.into_iter().filter(|s| !s.blocks.is_empty()).collect(),
    }
}

/// What was seen of each point beside its attainment and cost.
fn table(s: &Sweep) -> Block {
    let row = |(p, name): (&SweepPoint, &str)| {
        vec![
            name.to_owned(),
            p.ttft_p99_s.map_or_else(|| "-".into(), |v| format!("{} s", brief(v))),
            brief(p.failed),
            brief(p.max_ready),
            p.first_scale_up_s.map_or_else(|| "never".into(), |v| format!("{} min", brief(v / 60.0))),
        ]
    };
    let names = s.judgement.arms.iter().map(|a| a.arm.as_str());
    Block::table(1, &["arm", "TTFT p99", "failed", "most ready", "first up"], s.points.iter().zip(names).map(row).collect())
}
