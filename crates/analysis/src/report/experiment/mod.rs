//! What came of an experiment, for machines and pull requests; for people at a terminal it is [`super::terminal::experiment`].

pub mod junit;
pub mod markdown;
#[cfg(test)]
pub(crate) mod testing;

use bench_model::experiment::{ExperimentRecord, RunIs, State};
use bench_model::gate::GateVerdict;

/// How many runs ended so.
pub(crate) struct Tally {
    pub runs: usize,
    pub valid: usize,
    pub invalid: usize,
    pub gates_failed: usize,
}

pub(crate) fn tally(r: &ExperimentRecord) -> Tally {
    let is = |state: RunIs| r.runs.iter().filter(|s| s.state == state).count();
    let failed = r.runs.iter().filter(|s| s.last().is_some_and(|a| a.gate == Some(GateVerdict::Fail)));
    Tally { runs: r.runs.len(), valid: is(RunIs::Valid), invalid: is(RunIs::Invalid), gates_failed: failed.count() }
}

/// `9 runs: 8 valid, 1 invalid, 0 not made; gates: 1 failed`.
pub fn headline(r: &ExperimentRecord) -> String {
    let t = tally(r);
    let left = t.runs - t.valid - t.invalid;
    let state = match r.state {
        State::Complete => "complete",
        State::Stopped => "stopped",
        State::Running => "not at its end",
    };
    let mut out = format!("{state}: {} of {} runs valid", t.valid, t.runs);
    for (n, word) in [(t.invalid, "not valid"), (left, "not made"), (t.gates_failed, "with a failed gate")] {
        if n > 0 {
            out.push_str(&format!(", {n} {word}"));
        }
    }
    out
}
