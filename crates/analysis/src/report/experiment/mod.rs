//! What came of an experiment, or would: [`document`] for people, JUnit XML for machines, and rows that are told while it runs. The
//! columns are the same all the way, so that rows told one by one stand under each other.

mod document;
pub mod junit;
#[cfg(test)]
pub(crate) mod testing;

pub use document::{document, outlook};

use crate::words::{brief, clock, duration, percent, visible};
use bench_model::experiment::{ExperimentRecord, RunIs, Scheduled, State};
use bench_model::forecast::ArmForecast;
use bench_model::gate::GateVerdict;
use bench_model::plan::Arm;
use bench_model::summary::Verdict;
use std::fmt::Write as _;

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

/// The heading, and the row of one run, in columns that every row of this experiment fits into.
pub fn lines(r: &ExperimentRecord, k: usize) -> (String, String) {
    let factors = labels(r.runs.iter().map(|s| s.levels.as_slice()));
    let all = (0..r.runs.len()).map(|k| row(r, k, &factors));
    // The widest that a cell may become.
    let widest: Vec<String> = all.clone().fold(columns(&factors), |w, row| w.into_iter().zip(row).map(|(a, b)| longer(a, b)).collect());
    let n = widest.len();
    let later = ["100", "closed loop", "10 h 00 min", "INVALID", "7f3a"].map(String::from);
    let widest: Vec<String> = widest
        .into_iter()
        .enumerate()
        .map(|(c, w)| if c + later.len() >= n { longer(w, later[c + later.len() - n].clone()) } else { w })
        .collect();
    let padded = |cells: Vec<String>| {
        let mut line = String::new();
        for (c, (cell, widest)) in cells.iter().zip(&widest).enumerate() {
            let pad = " ".repeat(widest.chars().count().saturating_sub(cell.chars().count()));
            let (before, after) = if c < 2 + factors.len() { ("", pad.as_str()) } else { (pad.as_str(), "") };
            line.extend(["  ", before, cell, after]);
        }
        line.trim_end().to_owned()
    };
    (padded(columns(&factors)), padded(row(r, k, &factors)))
}

fn longer(a: String, b: String) -> String {
    if a.chars().count() >= b.chars().count() { a } else { b }
}

/// Labels of all factors, in the order in which they come.
fn labels<'a>(all: impl Iterator<Item = &'a [(String, String)]>) -> Vec<String> {
    let mut out: Vec<String> = vec![];
    for (label, _) in all.flatten() {
        if !out.contains(label) {
            out.push(label.clone());
        }
    }
    out
}

fn level(levels: &[(String, String)], factor: &str) -> String {
    levels.iter().find(|(k, _)| k == factor).map_or_else(|| "-".into(), |(_, v)| visible(v))
}

fn columns(factors: &[String]) -> Vec<String> {
    let words = |all: &[&str]| all.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    [words(&["run", "arm"]), factors.iter().map(|f| visible(f)).collect(), words(&["repeat", "tries", "state", "took", "gate", "id"])]
        .concat()
}

fn row(r: &ExperimentRecord, k: usize, factors: &[String]) -> Vec<String> {
    let s = &r.runs[k];
    let last = s.last();
    let took = last.and_then(|a| Some(a.ended? - a.begun)).map_or_else(|| "-".into(), |t| duration(t.as_seconds_f64()));
    let gate = last.and_then(|a| a.gate).map_or("-", gate_word);
    let id = last.map_or("-", |a| a.run.rsplit('-').next().unwrap_or_default());
    let mut out = vec![format!("{} of {}", k + 1, r.runs.len()), s.arm.to_string()];
    out.extend(factors.iter().map(|f| level(&s.levels, f)));
    out.extend([s.repeat.to_string(), s.attempts.len().to_string(), state_word(s).into(), took, gate.into(), visible(id)]);
    out
}

/// How a run of the schedule is called by what came of it.
pub fn state_word(s: &Scheduled) -> &'static str {
    match (s.state, s.last().and_then(|a| a.verdict)) {
        (RunIs::Planned, _) => "planned",
        (RunIs::Begun, _) => "begun",
        (RunIs::Valid, Some(Verdict::ValidClosedLoop)) => "closed loop",
        (RunIs::Valid, _) => "valid",
        (RunIs::Invalid, _) => "invalid",
    }
}

/// The word for a gate's verdict.
pub fn gate_word(v: GateVerdict) -> &'static str {
    match v {
        GateVerdict::Pass => "passed",
        GateVerdict::Fail => "FAILED",
        GateVerdict::Invalid => "INVALID",
    }
}

/// What a prediction says of an arm, in a few words.
pub fn says(a: &ArmForecast) -> String {
    let scaling = &a.scaling;
    let mut out = match (a.arm, scaling.first_scale_up_s) {
        (Arm::Static(_) | Arm::None | Arm::Existing, _) => "fixed".to_owned(),
        (_, None) => "never up".into(),
        (_, Some(at)) => {
            let most = scaling.max_ready.map_or_else(String::new, |b| format!(", max {}", brief(b.median)));
            format!("up at {}{most}", clock(at.median))
        }
    };
    if a.overall.failed_fraction.median >= 0.005 {
        let _ = write!(out, ", {} fail", percent(a.overall.failed_fraction.median));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::testing::record;
    use super::*;

    #[test]
    fn rows_that_are_told_one_by_one_stand_under_each_other() {
        let mut r = record();
        let (head, first) = lines(&r, 0);
        let at = |line: &str, word: &str| line.find(word).map(|n| line[..n].chars().count() + word.chars().count());
        assert_eq!(at(&head, "state"), at(&first, "valid"), "{head}\n{first}");
        r.runs[1].state = RunIs::Begun;
        let (again, second) = lines(&r, 1);
        assert_eq!(head, again, "the columns move while it runs");
        assert_eq!(at(&head, "state"), at(&second, "begun"), "{head}\n{second}");
    }
}
