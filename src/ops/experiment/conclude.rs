//! The end of an experiment: a comparison for each load, over all valid repeats, and the files that tell it.

use super::state::Kept;
use crate::config::coefficients::LoadedCoefficients;
use crate::failure::Failure;
use crate::ops::compare::{self, Request};
use crate::ops::results::write_atomic;
use crate::report::Reporter;
use bench_analysis::report::writer::markdown;
use bench_analysis::report::{experiment, json};
use bench_model::comparison::Comparison;
use bench_model::exit::Exit;
use bench_model::experiment::{Compared, ExperimentRecord, RunIs, Scheduled, State, files};
use bench_model::gate::GateVerdict;
use bench_model::judgement::GoalTerms;
use bench_model::run::{self, Source};
use chrono::Utc;
use std::path::Path;

/// What the comparisons are made with.
pub struct With<'a> {
    pub results: &'a Path,
    /// What is said of the goal instead of what the experiment says.
    pub terms: GoalTerms,
    pub coefficients: &'a LoadedCoefficients,
    pub threads: usize,
    pub report: &'a Reporter,
}

/// Compares, writes everything, and says that it is over. Gives the comparisons, in the record's order.
pub fn conclude(kept: &mut Kept, w: &With<'_>) -> anyhow::Result<Vec<Option<Comparison>>> {
    let mut comparisons = vec![];
    kept.record.comparisons.clear();
    let loads = loads(&kept.record);
    let several = loads.len() > 1;
    for (n, load) in loads.iter().enumerate() {
        let name = if several { format!("comparison-{}", n + 1) } else { "comparison".to_owned() };
        let (compared, full) = one(kept, load, &name, several, w)?;
        kept.record.comparisons.push(compared);
        comparisons.push(full);
    }
    let left = kept.record.runs.iter().any(|s| !s.state.is_over());
    kept.record.state = if left { State::Stopped } else { State::Complete };
    kept.record.ended.get_or_insert_with(Utc::now);
    let write = |file: &str, text: &str| write_atomic(&kept.dir.join(file), text.as_bytes());
    write(files::REPORT, &markdown::render(&experiment::document(&kept.record, &comparisons)))?;
    write(files::JUNIT, &experiment::junit::render(&kept.record)?)?;
    // Last: with it, the experiment is over.
    kept.save()?;
    Ok(comparisons)
}

/// Something of its end is still to be done: the teardown of its stack, or sending its runs.
pub fn reopen(kept: &mut Kept) -> anyhow::Result<()> {
    (kept.record.state, kept.record.ended) = (State::Running, None);
    kept.save()
}

/// Exit code that an experiment stands for: an invalid run, and runs that cannot be compared, before a failed gate.
pub fn exit_of(r: &ExperimentRecord, comparisons: &[Option<Comparison>]) -> Exit {
    let gate = |s: &Scheduled| s.last().and_then(|a| a.gate);
    // Runs that are gone, or do not fit together, answer nothing.
    let uncompared = r.comparisons.iter().zip(comparisons).any(|(c, full)| full.is_none() && c.runs.len() > 1);
    if uncompared || r.runs.iter().any(|s| s.state == RunIs::Invalid || gate(s) == Some(GateVerdict::Invalid)) {
        Exit::Invalid
    } else if r.runs.iter().any(|s| gate(s) == Some(GateVerdict::Fail)) {
        Exit::GateFailed
    } else {
        Exit::Done
    }
}

/// Hashes of the loads, in the order in which they come.
fn loads(r: &ExperimentRecord) -> Vec<String> {
    let mut out: Vec<String> = vec![];
    for s in &r.runs {
        if !out.contains(&s.hashes.load) {
            out.push(s.hashes.load.clone());
        }
    }
    out
}

fn one(kept: &Kept, load: &str, name: &str, several: bool, w: &With<'_>) -> anyhow::Result<(Compared, Option<Comparison>)> {
    let r = &kept.record;
    let here: Vec<&Scheduled> = r.runs.iter().filter(|s| s.hashes.load == load).collect();
    // Levels that all of them have are the load's, where there are other loads.
    let common: Vec<&(String, String)> = here[0].levels.iter().filter(|l| several && here.iter().all(|s| s.levels.contains(l))).collect();
    let label = |s: &Scheduled| {
        let own = s.levels.iter().filter(|l| !common.contains(l)).map(|(k, v)| format!("{k}={v}"));
        std::iter::once(s.arm.to_string()).chain(own).collect::<Vec<_>>().join(", ")
    };
    // As the arms are declared: the first is what the others are compared with.
    let mut valid: Vec<&Scheduled> = here.iter().filter(|s| s.state == RunIs::Valid).copied().collect();
    let arm = |s: &Scheduled| r.definition.arms.iter().position(|a| *a == s.arm);
    valid.sort_by_key(|s| arm(s));
    let (runs, labels, mut says) = without_twins(&valid, label, r.source, w.results);
    let mut out = Compared {
        load: common.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(", "),
        name: name.into(),
        runs: runs.clone(),
        says: vec![],
    };
    let missing = here.len() - valid.len();
    if missing > 0 {
        says.push(format!("{missing} of {} runs are left out: they are not valid, or were not made.", here.len()));
    }
    let sides = labels.iter().collect::<std::collections::BTreeSet<_>>().len();
    if runs.len() < 2 {
        says.insert(0, "Nothing to compare: it takes two valid runs.".into());
        out.says = says;
        return Ok((out, None));
    }
    let c = &r.definition.compare;
    let request = Request {
        results: w.results,
        runs: &runs,
        labels: &labels,
        terms: w.terms.or(c.terms()),
        aa: sides == 1,
        matter: 0.1,
        force: false,
        coefficients: c.bounds.then_some(w.coefficients),
        threads: w.threads,
        report: w.report,
    };
    match compare::compare(&request) {
        Ok(compared) => {
            let full = &compared.comparison;
            let write = |ending: &str, text: &str| write_atomic(&kept.dir.join(format!("{name}.{ending}")), text.as_bytes());
            write("json", &json::render(full)?)?;
            write("md", &markdown::render(&compared.document()))?;
            let page = compared.page(Some(&kept.dir.join(format!("{name}.html"))));
            write("html", &page.html())?;
            out.says = [full.conclusions.clone(), says].concat();
            Ok((out, Some(compared.comparison)))
        }
        // The runs are there all the same: that they cannot be compared is what there is to say.
        Err(e) => {
            let f = Failure::of(e);
            let why = if f.evidence.is_empty() { f.message } else { f.evidence.join("; ") };
            out.says = [vec![format!("These runs cannot be compared: {}.", why.trim_end_matches('.'))], says].concat();
            Ok((out, None))
        }
    }
}

/// Runs and labels. Where nothing of a prediction is drawn by its seed, its repeats are one run played again, and no repeats.
fn without_twins(
    valid: &[&Scheduled],
    label: impl Fn(&Scheduled) -> String,
    source: Source,
    results: &Path,
) -> (Vec<String>, Vec<String>, Vec<String>) {
    let (mut runs, mut labels, mut says, mut seen) = (vec![], vec![], vec![], vec![]);
    for s in valid {
        let Some(a) = s.last() else { continue };
        let label = label(s);
        if source == Source::Predicted
            && let Some(sum) = checksum(&results.join(&a.run), run::files::TABLES)
        {
            if seen.contains(&(label.clone(), sum.clone())) {
                let text = format!("Repeats of {label} are alike in the simulator: no seed changes anything, and one of them counts.");
                if !says.contains(&text) {
                    says.push(text);
                }
                continue;
            }
            seen.push((label.clone(), sum));
        }
        runs.push(results.join(&a.run).to_string_lossy().into_owned());
        labels.push(label);
    }
    (runs, labels, says)
}

/// As the run's `SHA256SUMS` has it.
fn checksum(dir: &Path, file: &str) -> Option<String> {
    let text = std::fs::read_to_string(dir.join(run::files::CHECKSUMS)).ok()?;
    let mut lines = text.lines().filter_map(|l| l.split_once("  "));
    lines.find(|(_, name)| *name == file).map(|(sum, _)| sum.to_owned())
}
