//! A run as one page that opens offline: template, style and script are embedded, the plots are drawn by plotly.js.
//!
//! A page is made of sections, a section of blocks ([`page`]); what a run's page holds is decided here, how a page is written and
//! drawn knows nothing of runs. Nothing that was recorded is trusted: text goes through the template's escaping, or into a JSON
//! block in which `<` is escaped, from where the script puts it only into text nodes and escapes it for plotly.

mod decisions;
pub(crate) mod distributions;
mod first;
mod provenance;
mod tables;
mod time;
pub mod trend;

use super::document::{Badge, Document};
use crate::panels::{Panels, panels};
use bench_model::explanation::Explanation;
use bench_model::plan::Plan;
use bench_model::run::{RunRecord, Source};
use bench_model::scorecard::Scorecard;
use bench_model::summary::Summary;
use bench_model::tables::Tables;

pub use time::{axis, figure};

/// What a page is made of.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub run: &'a RunRecord,
    pub plan: Option<&'a Plan>,
    pub summary: &'a Summary,
    pub tables: &'a Tables,
    /// What could not be read.
    pub problems: &'a [String],
    /// Reasons of the scalings; without it the recorded conditions stand for them.
    pub explanation: Option<&'a Explanation>,
    pub scorecard: Option<&'a Scorecard>,
}

/// The page, ended by a line feed.
pub fn render(input: &Input<'_>) -> String {
    page_of(input).html()
}

/// The page of a run before it is written.
pub fn page_of(input: &Input<'_>) -> Document {
    let curves = panels(input.run, input.tables, input.plan);
    let marks = decisions::marks(input, &curves);
    let (word, class) = first::verdict(input.summary.validity.verdict);
    let source = match input.run.source {
        Source::Measured => "measured",
        Source::Predicted => "predicted",
    };
    let sections = vec![
        first::section(input, &curves),
        time::section(&curves, marks),
        tables::rates(input, &curves),
        distributions::section(input, &curves),
        tables::pods(input, &curves),
        tables::events(input, &curves),
        provenance::section(input),
        provenance::missing(input, &curves),
    ];
    Document {
        title: input.run.id.clone(),
        lead: format!(
            "Autoscaling by {}, {source}: {} serves {} under the load {}",
            first::arm(input.run.arm),
            input.run.deployment,
            input.run.model,
            input.run.profile
        ),
        badges: vec![Badge::new(word, class)],
        axis: Some(axis(&curves)),
        sections: sections.into_iter().filter(|s| !s.blocks.is_empty()).collect(),
    }
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
