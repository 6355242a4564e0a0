//! A run: what it came to, the numbers of each rate, and everything that is known of it.
//!
//! What is shown without being asked for fits a screen: the answer, what changes how the numbers are read, replicas over time, a row a
//! rate. The rest is detail.

mod decisions;
pub(crate) mod distributions;
mod first;
mod provenance;
mod tables;
mod time;

use super::document::{Badge, Document, Section};
use super::judgement;
use crate::panels::{Panels, panels};
use bench_model::run::Source;

pub use super::Material as Input;
pub use provenance::own_notes;
pub use time::{axis, figure};

/// The run as a document.
pub fn document(input: &Input<'_>) -> Document {
    let curves = panels(input.run, input.tables, input.plan);
    let marks = decisions::marks(input, &curves);
    let sections = [
        first::in_numbers(input).detail(),
        first::section(input, &curves),
        tables::rates(input),
        time::section(&curves, marks).detail(),
        decisions::section(input).detail(),
        tables::load(input, &curves).detail(),
        distributions::section(input, &curves).detail(),
        tables::pods(input, &curves).detail(),
        tables::events(input, &curves).detail(),
        first::notes(input).detail(),
        provenance::section(input).detail(),
        provenance::missing(input, &curves).detail(),
    ];
    let answer = input.judgement.map(judgement::section);
    let rests = input.judgement.map(|j| judgement::assumptions(j).detail());
    let all: Vec<Section> = answer.into_iter().chain(sections).chain(rests).collect();
    Document {
        title: input.run.id.clone(),
        lead: lead(input),
        badges: badges(input),
        axis: Some(axis(&curves)),
        sections: all.into_iter().filter(|s| !s.blocks.is_empty()).collect(),
    }
}

fn lead(input: &Input<'_>) -> String {
    let run = input.run;
    // Behind an endpoint there may be no Deployment that anybody knows.
    let by = if run.deployment.is_empty() { String::new() } else { format!(" as {}", run.deployment) };
    format!("arm {}: {}{by}, load {}", run.arm, run.model, run.profile)
}

/// Where the numbers are from; then whether they may be used, which is a fact and no praise.
fn badges(input: &Input<'_>) -> Vec<Badge> {
    use bench_model::summary::Verdict;
    let predicted = input.run.source == Source::Predicted;
    let validity = match input.summary.validity.verdict {
        Verdict::Valid if predicted => None,
        Verdict::Valid => Some(Badge::new("measurement valid", "")),
        Verdict::ValidClosedLoop => Some(Badge::new("closed-loop", "fair")),
        Verdict::Invalid => Some(Badge::new("not valid", "bad")),
    };
    std::iter::once(Badge::source(input.run.source)).chain(validity).collect()
}

/// A moment against the load's start, with the calendar's beside it where there is one.
fn moment(curves: &Panels, t: f64) -> String {
    let relative = crate::words::clock(t);
    #[allow(clippy::cast_possible_truncation)]
    let calendar = curves.epoch.then(|| chrono::DateTime::from_timestamp((curves.zero + t) as i64, 0)).flatten();
    match calendar {
        Some(c) => format!("{relative} ({})", c.format("%Y-%m-%dT%H:%M:%SZ")),
        None => relative,
    }
}

#[cfg(test)]
mod tests;
