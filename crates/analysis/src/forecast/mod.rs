//! From the runs of an arm, one a seed, to bands; from the bands of several arms to warnings in words.
//!
//! Pure: what was played comes in as tables, what was planned as [`Facts`].

mod bands;
mod differs;
mod warnings;

pub use bands::{arm, band};
pub use warnings::{Facts, warnings};

use crate::summary::of;
use crate::{Settings, summarise, validity};
use bench_model::run::RunRecord;
use bench_model::summary::Summary;
use bench_model::tables::{Outcome, Tables};

/// What is kept of one seed's run; its tables may go.
#[derive(Debug, Clone, PartialEq)]
pub struct Seed {
    pub summary: Summary,
    /// Of each rate, what a summary does not hold.
    pub rates: Vec<RateFacts>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateFacts {
    /// Most requests in flight at once.
    pub peak_in_flight: u64,
    /// The client reached its cap of them.
    pub closed_loop: bool,
    /// Requests that the end of the rate cut off before their first token.
    pub waiting_at_end: u64,
    /// Ready replicas when the rate ended; `None` without a record of replicas.
    pub ready_at_end: Option<u32>,
}

/// The numbers of one seed's run. `guidellm_version` is the one that was played.
pub fn seed(run: &RunRecord, tables: &Tables, guidellm_version: &str, settings: &Settings) -> Seed {
    let facts = |position: usize| {
        let w = &tables.rates[position];
        let peak_in_flight = validity::peak_in_flight(tables, position);
        let waits = of(tables, position).filter(|r| r.outcome == Outcome::Incomplete && r.first_token.is_none());
        RateFacts {
            peak_in_flight,
            closed_loop: validity::reaches_cap(peak_in_flight, validity::cap(w, guidellm_version)),
            waiting_at_end: waits.count() as u64,
            ready_at_end: tables.replicas.iter().rfind(|p| p.t <= w.end).map(|p| p.ready),
        }
    };
    Seed { summary: summarise(run, tables, guidellm_version, settings), rates: (0..tables.rates.len()).map(facts).collect() }
}

#[cfg(test)]
pub(crate) mod testing;
