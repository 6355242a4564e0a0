//! What a run pays for: its pods from scheduled to their end, counted from the load's start, and when the run had settled.

use crate::summary::{load_span, recording};
use crate::words::few;
use bench_model::plan::{Arm, Plan};
use bench_model::run::RunRecord;
use bench_model::tables::Tables;
use bench_sim::output::Prediction;
use bench_sim::time::seconds;

/// Seconds are counted from the load's start.
#[derive(Debug, Clone, PartialEq)]
pub struct Lives {
    /// From scheduled to its end; `None`: it had not ended when the recording did. Empty without a record of pods.
    pods: Vec<(f64, Option<f64>)>,
    load_s: f64,
    recorded_s: f64,
    settled_s: Option<f64>,
    replicas: Option<(u32, u32)>,
}

/// The number of replicas at which an arm rests without load; `None` where nobody knows.
pub fn rest(plan: &Plan) -> Option<u32> {
    match plan.arm {
        Arm::Static(n) => Some(n),
        Arm::Wva | Arm::Hpa => Some(plan.scenario.scaling.min_replicas.max(1)),
        Arm::None | Arm::Existing => None,
    }
}

/// Replicas from a moment on: desired, and whether as many exist and are ready.
type Point = (f64, u32, bool);

impl Lives {
    /// Of a recorded run. `None` without a load. `rest` is that of [`rest`].
    pub fn of_tables(run: &RunRecord, tables: &Tables, rest: Option<u32>) -> Option<Self> {
        let (start, end) = load_span(tables)?;
        let (_, recorded) = recording(run, tables).unwrap_or((start, end));
        // One that became ready was scheduled, even where that was not seen.
        let life =
            |p: &bench_model::tables::PodLife| Some((p.scheduled.or(p.ready.map(|_| p.created))? - start, p.deleted.map(|d| d - start)));
        let point = |p: &bench_model::tables::ReplicaPoint| (p.t - start, p.desired, p.desired == p.current && p.desired == p.ready);
        Some(Self::new(
            tables.pods.iter().filter_map(life).collect(),
            &tables.replicas.iter().map(point).collect::<Vec<_>>(),
            end - start,
            recorded.max(end) - start,
            rest,
        ))
    }

    /// Of a run as it was played; the same numbers as those of its tables.
    pub fn of_prediction(p: &Prediction, rest: Option<u32>) -> Option<Self> {
        let (start, end) = (seconds(p.rates.first()?.start), seconds(p.rates.last()?.end));
        let life = |l: &bench_sim::output::PodLife| {
            Some((seconds(l.scheduled.or(l.ready.map(|_| l.created))?) - start, l.ended.map(|e| seconds(e) - start)))
        };
        let point = |r: &bench_sim::output::Replicas| (seconds(r.t) - start, r.desired, r.desired == r.current && r.desired == r.ready);
        Some(Self::new(
            p.pods.iter().filter_map(life).collect(),
            &p.replicas.iter().map(point).collect::<Vec<_>>(),
            end - start,
            seconds(p.end).max(end) - start,
            rest,
        ))
    }

    fn new(pods: Vec<(f64, Option<f64>)>, points: &[Point], load_s: f64, recorded_s: f64, rest: Option<u32>) -> Self {
        let first = points.iter().rfind(|p| p.0 <= 0.0).or(points.first());
        let last = points.last();
        // The last point of a recording repeats the state before it.
        let changed = points.windows(2).filter(|w| (w[0].1, w[0].2) != (w[1].1, w[1].2)).map(|w| w[1].0);
        let ended = pods.iter().flat_map(|p| [Some(p.0), p.1]).flatten();
        let quiet_since = changed.chain(ended).filter(|t| *t <= recorded_s).fold(load_s, f64::max);
        let at_rest = last.is_some_and(|p| p.2 && rest.is_none_or(|r| p.1 <= r));
        Self {
            pods,
            load_s,
            recorded_s,
            // A fleet without a record of replicas is not known to have moved at all.
            settled_s: (at_rest || points.is_empty()).then_some(quiet_since),
            replicas: first.zip(last).map(|(a, b)| (a.1, b.1)),
        }
    }

    /// The moment from which nothing changed any more; where the arm had not come to rest, the end of its recording.
    pub fn settled_s(&self) -> f64 {
        self.settled_s.unwrap_or(self.recorded_s).max(self.load_s)
    }

    pub fn has_settled(&self) -> bool {
        self.settled_s.is_some()
    }

    /// How long the recording lasted.
    pub fn recorded_s(&self) -> f64 {
        self.recorded_s
    }

    /// Desired replicas at the load's start and at the recording's end.
    pub fn replicas(&self) -> Option<(u32, u32)> {
        self.replicas
    }

    /// Replica-seconds over `span_s`. What runs when the recording ends goes on. `None` without a record of pods.
    pub fn paid_s(&self, span_s: f64) -> Option<f64> {
        let within = |(from, to): &(f64, Option<f64>)| (to.unwrap_or(span_s).min(span_s) - from.max(0.0)).max(0.0);
        // A millisecond is finer than any record; the same pods give the same digits, however they were read.
        (!self.pods.is_empty() && span_s > 0.0).then(|| (self.pods.iter().map(within).sum::<f64>() * 1e3).round() / 1e3)
    }
}

/// The one span over which runs are paid for: to the latest moment at which one of them had settled. `None` without a run.
pub fn span_s<'a>(all: impl IntoIterator<Item = &'a Lives>) -> Option<f64> {
    // A whole millisecond, as it is told: whoever counts over it again comes to the same digits.
    all.into_iter().map(Lives::settled_s).max_by(f64::total_cmp).map(|s| (s * 1e3).ceil() / 1e3)
}

/// What a reader must know of the costs of arms: what was continued beyond its recording, and what had not settled.
pub fn notes(arms: &[(String, Vec<Lives>)], span_s: f64) -> Vec<String> {
    let mut out = Vec::new();
    for (name, lives) in arms {
        let open: Vec<&Lives> = lives.iter().filter(|l| !l.has_settled()).collect();
        let Some(first) = open.first() else { continue };
        let times = if lives.len() == 1 { String::new() } else { format!(" in {} of {} runs", open.len(), lives.len()) };
        let how = first.replicas().map_or_else(String::new, |(from, to)| format!(": {to} replicas at its end, {from} at the load's start"));
        out.push(format!("{name} had not settled{times} when its recording ended{how}. Its cost goes on."));
    }
    let shorter = |lives: &[Lives]| lives.iter().any(|l| l.recorded_s() + 1.0 < span_s);
    let continued: Vec<String> = arms.iter().filter(|(_, l)| shorter(l)).map(|(name, _)| name.clone()).collect();
    if !continued.is_empty() {
        out.push(format!("{CONTINUED}: {}.", few(continued)));
    }
    out
}

/// Beginning of the note that tells which costs reach beyond their recordings.
const CONTINUED: &str = "Recordings that end before the span go on at their last number of replicas";

/// Whether a note tells that, and nothing graver.
pub fn is_continued(note: &str) -> bool {
    note.starts_with(CONTINUED)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: [Point; 4] = [(-10.0, 1, true), (20.0, 2, false), (50.0, 2, true), (130.0, 1, true)];

    fn lives(points: &[Point], rest: Option<u32>) -> Lives {
        Lives::new(vec![(-5.0, None), (22.0, Some(160.0))], points, 100.0, 300.0, rest)
    }

    #[test]
    fn a_run_has_settled_when_its_last_pod_is_gone() {
        let l = lives(&QUIET, Some(1));
        assert_eq!((l.settled_s(), l.has_settled(), l.replicas()), (160.0, true, Some((1, 1))));
        // To the end of the load at least.
        let l = Lives::new(vec![(-5.0, None)], &QUIET[..1], 100.0, 300.0, Some(1));
        assert_eq!((l.settled_s(), l.has_settled()), (100.0, true));
    }

    #[test]
    fn what_is_above_its_rest_or_in_motion_has_not_settled() {
        let stuck = lives(&QUIET[..3], Some(1));
        assert_eq!((stuck.settled_s(), stuck.has_settled(), stuck.replicas()), (300.0, false, Some((1, 2))));
        assert!(lives(&QUIET[..3], Some(2)).has_settled() && lives(&QUIET[..3], None).has_settled());
        assert!(!lives(&QUIET[..2], None).has_settled());
    }

    #[test]
    fn a_span_longer_than_the_recording_goes_on_as_it_ended() {
        let l = lives(&QUIET, Some(1));
        assert_eq!(l.paid_s(100.0), Some(100.0 + 78.0));
        assert_eq!(l.paid_s(160.0), Some(160.0 + 138.0));
        assert_eq!(l.paid_s(1000.0), Some(1000.0 + 138.0));
        assert_eq!((l.paid_s(0.0), Lives::new(vec![], &QUIET, 100.0, 300.0, None).paid_s(50.0)), (None, None));
        assert_eq!(span_s([&l, &lives(&QUIET[..3], Some(1))]), Some(300.0));
    }
}
