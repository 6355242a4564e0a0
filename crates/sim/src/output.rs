//! What a simulation gives: compact records, from which [`crate::tables`] makes the tables of a run.

use crate::autoscaler::{hpa, wva};
use crate::engine::Gauges;
use crate::time::Ps;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Not over yet; at the end of a simulation there is none of these.
    Open,
    Served,
    /// Nothing came for as long as the client waits.
    Silent,
    /// Its pod was deleted.
    Broken,
    /// There was no replica to send it to.
    Refused,
    /// In flight when its rate ended.
    CutOff,
}

/// One request. Times are [`crate::time::NEVER`] where the thing did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    pub due: Ps,
    pub sent: Ps,
    /// The first token reached the client.
    pub first: Ps,
    /// The last one did, or the client gave up.
    pub end: Ps,
    /// Since then its client has heard nothing for a preemption; [`crate::time::NEVER`] outside of one.
    pub(crate) stalled: Ps,
    pub prompt_tokens: u32,
    pub output_tokens: u32,
    /// Number of its pod; `u32::MAX` when there was none.
    pub pod: u32,
    pub(crate) ticket: u32,
    /// Place in the list of open requests.
    pub(crate) open: u32,
    pub rate: u16,
    pub(crate) worker: u16,
    pub fate: Fate,
}

/// One rate as it ran.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateSpan {
    pub rate: f64,
    pub start: Ps,
    pub end: Ps,
    /// Requests that were due in it.
    pub due: u64,
}

/// The Deployment from that moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replicas {
    pub t: Ps,
    pub desired: u32,
    pub current: u32,
    pub ready: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodLife {
    pub name: String,
    pub created: Ps,
    pub scheduled: Option<Ps>,
    pub ready: Option<Ps>,
    pub deleted: Option<Ps>,
    /// Its process ended and its slot is free.
    pub ended: Option<Ps>,
}

/// What Prometheus got of a pod.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scrape {
    pub t: Ps,
    pub pod: u32,
    /// Share of the blocks, 0..1.
    pub kv: f64,
    pub gauges: Gauges,
}

/// What an autoscaler said, with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Hpa(hpa::Outcome),
    Wva(wva::v042::Reconciled),
    Wva05(wva::v05::Optimized),
}

/// Everything that happened in one arm.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    pub rates: Vec<RateSpan>,
    pub requests: Vec<Request>,
    pub replicas: Vec<Replicas>,
    pub pods: Vec<PodLife>,
    pub scrapes: Vec<Scrape>,
    pub decisions: Vec<(Ps, Said)>,
    /// WVA's gauge as Prometheus got it.
    pub desired_gauge: Vec<(Ps, f64)>,
    pub end: Ps,
    /// Events that were carried out, and engine steps that they stand for.
    pub events: u64,
    pub steps: u64,
    pub preemptions: u64,
    /// Most requests in flight.
    pub peak_in_flight: u32,
}
