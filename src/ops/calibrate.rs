//! Fits coefficients to runs, from their directories alone; needs no cluster.
//!
//! The fit is `bench_analysis::calibrate`'s. Here runs are read, the base is found, and each run is played before and after, which decides
//! nothing: it shows what the fit is worth.

use super::predict::calibration::{apply, base, rounded, staleness, state};
use super::predict::parallel::in_order;
use super::predict::{Options, experiment};
use super::report::Reported;
use super::{bounds, report, results};
use crate::config::coefficients::LoadedCoefficients;
use crate::failure::Failure;
use crate::report::Reporter;
use bench_analysis::calibrate::{Base, Fitted, Input, fit, told_by_others};
use bench_analysis::stats::{mean, percentile, sorted};
use bench_model::calibration::{Calibrated, Calibration, LeftOut, Outcome, Played, Residual, RunUsed};
use bench_model::coefficients::{Coefficients, Picker};
use bench_model::exit::Exit;
use bench_model::plan::Plan;
use bench_model::run::Source;
use bench_model::summary::Verdict;
use bench_model::tables::{Outcome as Ended, Request as Sent};
use bench_sim::tables::{Names, tables};
use chrono::Utc;
use std::path::Path;

/// What is asked.
pub struct Request<'a> {
    pub results: &'a Path,
    pub runs: &'a [String],
    pub coefficients: &'a LoadedCoefficients,
    /// Instead of what the gateway stands for.
    pub router: Option<Picker>,
    pub allow_invalid: bool,
    /// Each run is played with so many seeds; 0 plays nothing.
    pub seeds: u32,
    /// The result does not depend on it.
    pub threads: usize,
    pub report: &'a Reporter,
}

/// What was found, and the coefficients with it put in.
pub struct Found {
    pub calibrated: Calibrated,
    pub coefficients: Coefficients,
    /// What could not be read.
    pub problems: Vec<String>,
}

struct Run {
    read: Reported,
    plan: Plan,
}

impl Run {
    fn input(&self) -> Input<'_> {
        Input { source: self.read.ingested.run.source, tables: &self.read.ingested.tables }
    }
}

/// Fits all runs, and each without it.
///
/// # Errors
/// Exit code 2 for runs that cannot be fitted together or have no coefficients to begin with, 4 for one that is not valid.
pub fn calibrate(r: &Request<'_>) -> anyhow::Result<Found> {
    let runs = read(r)?;
    let (first, c) = (runs.first().ok_or_else(|| Failure::new(Exit::Usage, "no run is named"))?, &r.coefficients.coefficients);
    let (entry, base) = one_base(&runs, c)?;
    let inputs: Vec<Input<'_>> = runs.iter().map(Run::input).collect();
    let f = fit(&inputs, &base);
    let calibration = Calibration {
        made: Utc::now(),
        bench_version: env!("CARGO_PKG_VERSION").into(),
        base: r.coefficients.source.clone(),
        entry,
        runs: runs.iter().zip(&f.used).map(used).collect(),
        coefficients: coefficients(r, first, &f)?,
        residuals: f.residuals.iter().cloned().map(residual).collect(),
    };
    let coefficients = apply(&first.plan, c, &f, &calibration)?;
    let others: Vec<Fitted> = if runs.len() > 1 {
        let without = |k: usize| inputs.iter().enumerate().filter(|(i, _)| *i != k).map(|(_, input)| *input).collect::<Vec<_>>();
        (0..runs.len()).map(|k| fit(&without(k), &base)).collect()
    } else {
        Vec::new()
    };
    let leave_one_out = runs
        .iter()
        .zip(&others)
        .map(|(run, others)| LeftOut { run: run.read.ingested.run.id.clone(), residuals: told_by_others(run.input(), &base, others) });
    let leave_one_out = leave_one_out.collect();
    let left_out = others.iter().map(|o| apply(&first.plan, c, o, &calibration)).collect::<anyhow::Result<Vec<_>>>()?;
    let played = play(r, &runs, &coefficients, &left_out);
    let notes = notes(&runs, &f);
    let problems = runs.iter().flat_map(|x| x.read.ingested.problems.iter().map(|p| format!("{}: {p}", x.read.ingested.run.id))).collect();
    let schema_version = bench_model::SCHEMA_VERSION;
    Ok(Found { calibrated: Calibrated { schema_version, calibration, leave_one_out, played, notes }, coefficients, problems })
}

fn read(r: &Request<'_>) -> anyhow::Result<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    for wanted in r.runs {
        let (dir, record) = results::find(r.results, wanted)?;
        if runs.iter().any(|x| x.read.ingested.run.id == record.id) {
            return Err(Failure::new(Exit::Usage, format!("{} is named twice", record.id)).into());
        }
        let read = report::read_stored(&dir)?;
        if read.summary.validity.verdict == Verdict::Invalid && !r.allow_invalid {
            let findings = read.summary.validity.findings.iter().filter(|f| f.verdict == Verdict::Invalid);
            return Err(Failure::new(Exit::Invalid, format!("{} is not valid", record.id))
                .evidence(findings.map(|f| format!("{}: {}", f.code, f.message)).collect())
                .hint("--allow-invalid fits it all the same")
                .into());
        }
        let plan = report::plan(&dir)?;
        runs.push(Run { read, plan });
    }
    Ok(runs)
}

/// The base that all runs share.
fn one_base(runs: &[Run], c: &Coefficients) -> anyhow::Result<(String, Base)> {
    let mut all = Vec::new();
    for run in runs {
        all.push((run.read.ingested.run.id.as_str(), base(&run.plan, c)?));
    }
    let Some((one, shared)) = all.first().cloned() else { return Err(Failure::new(Exit::Usage, "no run is named").into()) };
    match all.iter().find(|(_, b)| *b != shared) {
        Some((other, _)) => Err(Failure::new(Exit::Usage, format!("{one} and {other} are of different model servers or gateways"))
            .hint("runs of one model, card, gateway and list of model_server.args are fitted together; calibrate each kind by itself")
            .into()),
        None => Ok(shared),
    }
}

fn used((run, (requests, alone)): (&Run, &(u64, f64))) -> RunUsed {
    let r = &run.read.ingested.run;
    RunUsed {
        run: r.id.clone(),
        plan: r.hashes.plan.clone(),
        source: r.source,
        arm: r.arm,
        requests: *requests,
        one_replica_s: rounded(*alone),
    }
}

fn residual(mut r: Residual) -> Residual {
    let (before, after) = (&mut r.before, &mut r.after);
    [&mut r.measured_mean, &mut before.mean, &mut before.rms, &mut after.mean, &mut after.rms].into_iter().for_each(|v| *v = rounded(*v));
    r
}

fn coefficients(r: &Request<'_>, first: &Run, f: &Fitted) -> anyhow::Result<Vec<bench_model::calibration::Coefficient>> {
    let c = &r.coefficients.coefficients;
    let mut all = f.coefficients.clone();
    let router = r.router.or_else(|| bounds::router(&first.read.ingested.run));
    all.push(staleness(&first.plan, c, router)?);
    for x in &mut all {
        x.value = rounded(x.value);
        (x.low, x.high) = (x.low.map(rounded), x.high.map(rounded));
    }
    state(&first.plan, c, &mut all)?;
    Ok(all)
}

fn notes(runs: &[Run], f: &Fitted) -> Vec<String> {
    let mut out = vec![];
    if runs.iter().any(|x| x.read.ingested.run.source == Source::Predicted) {
        out.push("a predicted run tells what the simulator itself was given, and nothing of a machine".into());
    }
    if f.used.iter().all(|(_, alone)| *alone <= 0.0) && f.coefficients.iter().any(|c| c.name == "step_ms.base") {
        let help = "a run of arm static-1, or the beginning of one that starts with one replica, tells the most";
        out.push(format!("in none of these runs one replica served alone, and only there it is known what a step held: {help}"));
    }
    if f.coefficients.iter().all(|c| c.outcome == Outcome::Held) {
        out.push("nothing was fitted: the file would hold the base's numbers".into());
    }
    out.push(
        "intervals hold noise and queues of these runs; they say nothing of loads unlike theirs, nor of whether the model is right".into(),
    );
    out
}

/// Each run's own plan in the simulator: before, after, and with the fit to all others.
fn play(r: &Request<'_>, runs: &[Run], after: &Coefficients, left_out: &[Coefficients]) -> Vec<Played> {
    let sets = if left_out.is_empty() { 2 } else { 3 };
    let seeds = r.seeds as usize;
    let jobs = runs.len() * sets * seeds;
    let one = |job: usize| -> Option<Vec<[Option<f64>; 2]>> {
        let (k, set, seed) = (job / (sets * seeds), job / seeds % sets, job % seeds);
        let run = runs.get(k)?;
        let c = match set {
            0 => &r.coefficients.coefficients,
            1 => after,
            _ => left_out.get(k)?,
        };
        means_of(run, c, r.router.or_else(|| bounds::router(&run.read.ingested.run)), seed as u64 + 1)
    };
    let all = in_order(jobs, r.threads, r.report, one);
    let mut out = Vec::new();
    for (k, run) in runs.iter().enumerate() {
        let summary = &run.read.summary;
        for (i, rate) in summary.rates.iter().enumerate() {
            for (q, measured) in [rate.ttft_ms.map(|s| s.mean), rate.e2e_s.map(|s| s.mean)].into_iter().enumerate() {
                let Some(measured) = measured else { continue };
                let median = |set: usize| {
                    let from = (k * sets + set) * seeds;
                    let values = all.get(from..from + seeds)?.iter().filter_map(|p| p.as_ref()?.get(i)?[q]);
                    percentile(&sorted(values), 50.0)
                };
                out.push(Played {
                    run: run.read.ingested.run.id.clone(),
                    rate: rate.rate,
                    quantity: ["ttft_ms", "e2e_s"][q].into(),
                    measured,
                    before: median(0),
                    after: median(1),
                    left_out: (sets == 3).then(|| median(2)).flatten(),
                });
            }
        }
    }
    if seeds == 0 { Vec::new() } else { out }
}

/// Mean TTFT and end-to-end time of the successes of each rate; `None` where the plan cannot be played.
fn means_of(run: &Run, c: &Coefficients, router: Option<Picker>, seed: u64) -> Option<Vec<[Option<f64>; 2]>> {
    let e = experiment(&run.plan, c, &Options { router, ..Options::default() }, seed).ok()?;
    let t = tables(&bench_sim::run(&e).ok()?, &e, Names { model: "", namespace: "", deployment: "", hpa: "" });
    let of = |k: usize, value: fn(&Sent) -> Option<f64>| {
        let good = t.requests.iter().filter(|r| r.rate == k && r.outcome == Ended::Successful);
        mean(&good.filter_map(value).collect::<Vec<_>>())
    };
    Some((0..t.rates.len()).map(|k| [of(k, |r| r.ttft_ms), of(k, |r| r.latency_s)]).collect())
}

/// The file: where it comes from in comments, then the coefficients, which say it once more as data.
///
/// # Errors
/// When they cannot be written as YAML, which would be a defect.
pub fn text(found: &Found) -> anyhow::Result<String> {
    let c = &found.calibrated.calibration;
    let mut out = format!("# Made by bench calibrate {} on {}.\n", c.bench_version, c.made.format("%Y-%m-%d %H:%M:%S UTC"));
    out.push_str(&format!("# Base: {} of {}. Runs, with the hashes of their plans:\n", c.entry, c.base));
    for r in &c.runs {
        let source = if r.source == Source::Predicted { ", PREDICTED" } else { "" };
        out.push_str(&format!("#   {}  {}{source}\n", r.run, r.plan));
    }
    out.push_str("# Fitted, with intervals of 95 %:\n");
    let of = |outcome: Outcome| c.coefficients.iter().filter(move |x| x.outcome == outcome);
    for x in of(Outcome::Fitted) {
        let interval = x.low.zip(x.high).map(|(a, b)| format!(" [{a}, {b}]")).unwrap_or_default();
        out.push_str(&format!("#   {}: {}{interval}, was {}\n", x.name, x.value, x.base));
    }
    for x in of(Outcome::Bound) {
        out.push_str(&format!("#   {}: 0, was {}; {}\n", x.name, x.base, x.why.as_deref().unwrap_or_default()));
    }
    out.push_str("# Not told by these runs, so the base's:\n");
    for x in of(Outcome::Held) {
        out.push_str(&format!("#   {}: {}; {}\n", x.name, x.value, x.why.as_deref().unwrap_or_default()));
    }
    let told = bench_analysis::report::calibration::told(&c.runs);
    out.push_str(&format!("# Fit less {told}, before and after (root of the mean square):\n"));
    for x in &c.residuals {
        out.push_str(&format!("#   {}: {:.4} -> {:.4} {} over {} rows\n", x.quantity, x.before.rms, x.after.rms, x.unit, x.rows));
    }
    out.push_str(&serde_yaml::to_string(&found.coefficients)?);
    Ok(out)
}
