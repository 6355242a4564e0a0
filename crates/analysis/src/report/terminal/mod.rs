//! What has no document yet, for a terminal: forecasts, sweeps, experiments, gates.

pub mod experiment;
pub mod forecast;
pub mod gate;
mod grid;
pub mod sweep;

use super::writer::{chart, text};
use crate::words::number;
use bench_model::summary::Verdict;
use text::Paint;

/// Narrowest and widest report, in columns.
const WIDTH: std::ops::RangeInclusive<usize> = 60..=200;

fn verdict(v: Verdict, paint: Paint) -> String {
    match v {
        Verdict::Valid => paint.green("valid"),
        Verdict::ValidClosedLoop => paint.yellow("valid, closed-loop"),
        Verdict::Invalid => paint.red("INVALID"),
    }
}
