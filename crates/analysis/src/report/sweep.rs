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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::judgement;
    use crate::report::writer::terminal::{Terminal, render};
    use bench_model::judgement::ArmJudgement;
    use bench_model::plan::Arm;

    fn sweep(points: u32) -> Sweep {
        let point = |k: u32| SweepPoint {
            arm: Arm::Hpa,
            values: vec![("stabilization".into(), k.to_string())],
            ttft_p99_s: Some(12.25),
            failed: 3.0,
            max_ready: 4.0,
            first_scale_up_s: (k > 0).then_some(70.0),
        };
        let mut judgement = judgement();
        let first = judgement.arms[0].clone();
        judgement.arms = (0..points).map(|k| ArmJudgement { arm: format!("hpa, stabilization={k}"), ..first.clone() }).collect();
        judgement.winner = Some("hpa, stabilization=0".into());
        Sweep {
            schema_version: 1,
            bench_version: "0.0.0".into(),
            load: "chatbot_synthetic".into(),
            model: "m".into(),
            router: "pinned".into(),
            seeds: 5,
            points: (0..points).map(point).collect(),
            judgement,
        }
    }

    #[test]
    fn the_answer_first_and_every_point_in_full() {
        insta::assert_snapshot!(render(&document(&sweep(3)), Terminal { width: 80, color: false, full: true }));
        let few = render(&document(&sweep(50)), Terminal { width: 80, color: false, full: false });
        assert!(few.lines().count() <= 40 && !few.contains("first up"), "{few}");
        let all = render(&document(&sweep(50)), Terminal { width: 80, color: false, full: true });
        assert!((0..50).all(|k| all.contains(&format!("stabilization={k} "))), "{all}");
    }
}
