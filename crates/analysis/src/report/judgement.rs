//! The answer as sections: which arm, at what price, in a table of all of them, and what it hangs on.

use super::document::{Block, Section};
use bench_model::judgement::Judgement;

/// The first section of whatever compares arms.
pub fn section(j: &Judgement) -> Section {
    Section::new("answer", "Answer", "Answer", vec![Block::Text { text: j.why.clone() }])
}

/// What the answer hangs on.
pub fn assumptions(j: &Judgement) -> Section {
    Section::new("assumptions", "What this rests on", "Rests on", vec![Block::Items { items: j.assumptions.clone() }])
}
