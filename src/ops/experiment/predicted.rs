//! The same schedule played in the simulator: a seed a repeat, each run kept as a predicted one.

use super::Defined;
use super::measure::conclude;
use super::progress::Table;
use super::state::Kept;
use crate::config::coefficients::LoadedCoefficients;
use crate::failure::Failure;
use crate::ops::gate::Ready;
use crate::ops::predict::{self, Options};
use crate::ops::stop;
use crate::report::Reporter;
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::experiment::{Attempt, RunIs};
use bench_model::judgement::Goal;
use bench_model::summary::Verdict;
use chrono::Utc;
use std::path::Path;

/// Plays every run that is left.
///
/// # Errors
/// Exit 2 for what cannot be simulated, 7 when it was interrupted.
pub fn play(
    kept: &mut Kept,
    results: &Path,
    coefficients: &LoadedCoefficients,
    gate: Option<&Ready>,
    threads: usize,
    report: &Reporter,
) -> anyhow::Result<()> {
    let table = Table::begin(report.clone(), &kept.record, false);
    for k in 0..kept.record.runs.len() {
        if super::stops(&kept.record) {
            break;
        }
        if kept.record.runs[k].state.is_over() {
            continue;
        }
        if stop::is_requested() {
            return Err(Failure::new(Exit::Interrupted, "interrupted between two runs").into());
        }
        let plan = [kept.plan(&kept.record.runs[k])?];
        let begun = Utc::now();
        let silent = Reporter::silent();
        let predicted = predict::predict(&predict::Request {
            plans: &plan,
            coefficients,
            options: Options::default(),
            // The requests are the profile's; a seed draws phases, starts of pods and ties.
            first_seed: u64::from(kept.record.runs[k].repeat),
            seeds: 1,
            with: predict::With { goal: Goal::default(), threads, report: &silent },
            beside: false,
            keep_in: Some(results),
        })?;
        let dir = predicted.first.into_iter().next().and_then(|s| s.dir).context("a prediction kept no run")?;
        let run = dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let mut attempt = Attempt { run, begun, ended: None, verdict: None, gate: None, broken: vec![], why: None };
        let judges = kept.record.definition.gate.as_ref().is_some_and(|g| g.judges(kept.record.runs[k].arm));
        conclude(&mut attempt, results, gate.filter(|_| judges))?;
        let valid = attempt.verdict != Some(Verdict::Invalid);
        let s = &mut kept.record.runs[k];
        // Another try would be the same again.
        s.attempts = vec![attempt];
        s.state = if valid { RunIs::Valid } else { RunIs::Invalid };
        kept.save()?;
        table.ended(&kept.record, k);
    }
    Ok(())
}

/// Whether every treatment can be simulated at all, asked before anything is kept.
pub fn check(d: &Defined) -> anyhow::Result<()> {
    for t in &d.treatments.all {
        predict::check(&t.plan, &d.coefficients.coefficients, &Options::default())?;
    }
    Ok(())
}
