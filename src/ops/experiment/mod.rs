//! An experiment: arms × levels × repeats of one profile, in a stated order, measured or predicted.
//!
//! [`schedule`] says which runs there are, [`change`] what stands between two of them, [`state`] is where it is on disk, [`measure`] and
//! `predicted` make what is left, [`conclude`] compares, [`send`] stores. Each run is made by the operations of `bench run`, `swap-to-…`, `standup`
//! and `teardown`; nothing here talks to a cluster by itself.

pub mod change;
pub mod conclude;
pub mod measure;
pub mod outlook;
pub mod predicted;
pub mod progress;
mod reckon;
pub mod schedule;
pub mod send;
pub mod state;

use crate::config::coefficients::{self, LoadedCoefficients};
use crate::config::experiment::{self, ExperimentArgs, LoadedExperiment};
use crate::config::gate::Gate;
use crate::config::{At, ConfigError, Lookup};
use crate::failure::Failure;
use crate::ops::drive;
use crate::ops::gate::{self, Ready};
use crate::report::Reporter;
use bench_model::exit::Exit;
use bench_model::experiment::{ExperimentRecord, RunIs, Scheduled, State, Then};
use bench_model::plan::ClusterFacts;
use bench_model::run::Source;
use chrono::Utc;
use schedule::Treatments;
use state::Kept;
use std::path::{Path, PathBuf};

/// An experiment as it was asked for, resolved: which runs there are.
#[derive(Debug)]
pub struct Defined {
    pub loaded: LoadedExperiment,
    pub coefficients: LoadedCoefficients,
    pub treatments: Treatments,
    pub runs: Vec<Scheduled>,
}

/// Reads and resolves it. `facts` of the cluster decide what a scenario leaves to them, such as which GPU; without a cluster there
/// are none.
///
/// # Errors
/// Exit 2: whatever is wrong with its file, its scenario or its profile.
pub fn define(lookup: &Lookup, args: &ExperimentArgs, facts: Option<&ClusterFacts>) -> anyhow::Result<Defined> {
    let loaded = experiment::load(lookup, args)?;
    let coefficients = coefficients::load(lookup, &loaded.experiment.compare.coefficients)?;
    let env = std::env::var("BENCH_SET").ok();
    let treatments = schedule::treatments(lookup, &loaded, env.as_deref(), facts)?;
    let runs = schedule::schedule(&loaded.experiment, &treatments.all, &coefficients.coefficients);
    Ok(Defined { loaded, coefficients, treatments, runs })
}

/// The one of this definition and this gate that is not at its end, or else a new one.
///
/// # Errors
/// Exit 2 when one of this name is unfinished that was defined otherwise.
pub fn begin(results: &Path, d: &Defined, gate: Option<&Ready>, source: Source, anew: bool) -> anyhow::Result<Kept> {
    let e = &d.loaded.experiment;
    let judged_by = gate.map(Ready::terms).transpose()?.unwrap_or_default();
    let hash = state::hash(e, &d.runs, source, &[&judged_by, &serde_json::to_string(&d.coefficients.coefficients)?])?;
    let _alone = state::alone(results)?;
    if !anew && let Some(kept) = state::to_carry_on(results, &e.name, &hash, source)? {
        return Ok(kept);
    }
    let record = ExperimentRecord {
        schema_version: bench_model::SCHEMA_VERSION,
        id: String::new(),
        bench_version: env!("CARGO_PKG_VERSION").into(),
        source,
        state: State::Running,
        hash,
        cluster: String::new(),
        namespace: d.treatments.all.first().map(|t| t.plan.namespace().to_owned()).unwrap_or_default(),
        definition: e.clone(),
        beside: d.loaded.beside.as_ref().map(|p| absolute(p).to_string_lossy().into_owned()),
        begun: Utc::now(),
        ended: None,
        stood_up: false,
        runs: d.runs.clone(),
        comparisons: vec![],
        notes: d.treatments.notes.clone(),
    };
    Kept::begin(results, record, &d.treatments.all)
}

/// It may be carried on from another directory.
fn absolute(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    std::path::absolute(path).unwrap_or_else(|_| path.into())
}

/// The gate of what is about to be begun, looked at as far as it can be without a run.
///
/// # Errors
/// Exit 2: a gate or a baseline that cannot be read, a rule about a rate that no load has.
pub fn check_gate(results: &Path, d: &Defined) -> anyhow::Result<Option<Ready>> {
    let l = &d.loaded;
    let Some(gate) = experiment::gate(&l.experiment, l.beside.as_deref(), &|key| l.at(key))? else { return Ok(None) };
    let ready = gate::prepare(results, gate, false)?;
    let judges = |arm| l.experiment.gate.as_ref().is_some_and(|g| g.judges(arm));
    for t in d.treatments.all.iter().filter(|t| judges(t.plan.arm)) {
        ready.fits(t.plan.profile.as_ref().map(|p| p.rates.as_slice()).unwrap_or_default())?;
    }
    Ok(Some(ready))
}

/// Its gate with the baseline read, before anything is begun.
///
/// # Errors
/// A gate or a baseline that cannot be read.
pub fn gate(results: &Path, record: &ExperimentRecord) -> anyhow::Result<Option<Ready>> {
    gate_of(record)?.map(|g| gate::prepare(results, g, false)).transpose()
}

fn gate_of(record: &ExperimentRecord) -> Result<Option<Gate>, ConfigError> {
    experiment::gate(&record.definition, record.beside.as_deref().map(Path::new), &|key| At::flag(key))
}

/// The run's directory, or the file, that its gate's baseline is read from; `None` where none is found.
pub fn baseline_place(results: &Path, record: &ExperimentRecord) -> Option<PathBuf> {
    gate::baseline_place(results, &gate_of(record).ok()??)
}

/// The experiment that `bench resume` carries on: the one that is named, or, unless something else was begun after it, the last one
/// that is not at its end.
///
/// # Errors
/// Exit 2 when the one that is named has come to its end, or when several are called so.
pub fn to_resume(results: &Path, wanted: Option<&str>, namespace: Option<&str>, report: &Reporter) -> anyhow::Result<Option<Kept>> {
    if let Some(wanted) = wanted {
        let Some(kept) = state::find(results, wanted)? else { return Ok(None) };
        if kept.record.state == State::Running {
            return Ok(Some(kept));
        }
        return Err(Failure::new(Exit::Usage, format!("experiment {} has come to its end", kept.record.id))
            .hint(format!("{} has its report", kept.dir.display()))
            .into());
    }
    let (mut open, unreadable) = state::unfinished(results)?;
    unreadable.iter().for_each(|u| report.warn(format!("an experiment is passed over, its record cannot be read: {u}")));
    open.retain(|k| namespace.is_none_or(|n| n == k.record.namespace));
    let Some(kept) = open.pop() else { return Ok(None) };
    // A run or a change of a stack that is none of the experiment's, and newer than it.
    let (intents, _) = drive::open_intents(results)?;
    let of_others = intents.iter().any(|i| i.begun > kept.record.begun && !measure::belongs(&kept, i));
    let stray = super::results::unfinished(results, None)?.is_some_and(|(_, r)| {
        let own = kept.record.runs.iter().flat_map(|s| &s.attempts).any(|a| a.run == r.id);
        !own && r.times.created.is_some_and(|t| t > kept.record.begun)
    });
    Ok((!of_others && !stray).then_some(kept))
}

/// Does it end early, because a run stayed invalid and `on_invalid` says so?
pub fn stops(r: &ExperimentRecord) -> bool {
    r.definition.on_invalid.then == Then::Stop && r.runs.iter().any(|s| s.state == RunIs::Invalid)
}

/// How many of its runs are over.
pub fn runs_over(r: &ExperimentRecord) -> usize {
    r.runs.iter().filter(|s| s.state.is_over()).count()
}
