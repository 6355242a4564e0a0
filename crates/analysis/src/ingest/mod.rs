//! From the files of a run directory to tables. Raw data first: what is missing or unreadable becomes a sentence for the
//! reader, never the loss of the rest.

mod clean;
pub mod events;
pub mod guidellm;
pub mod openmetrics;
pub mod predicted;
pub(crate) mod series;

use crate::gaps;
use crate::validity::SILENCE_S;
use bench_model::predicted::PredictedTables;
use bench_model::run::{RunRecord, Source, files};
use bench_model::summary::{Finding, Verdict};
use bench_model::tables::Tables;
use std::path::{Path, PathBuf};

/// Why a file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {source}", file.display())]
    Read { file: PathBuf, source: std::io::Error },
    #[error("{}: {reason}", file.display())]
    Invalid { file: PathBuf, reason: String },
    #[error("{}: schema version {found} is newer than this bench reads ({known}); use a newer bench", file.display())]
    TooNew { file: PathBuf, found: u64, known: u32 },
}

impl Error {
    pub(crate) fn read(file: &Path, source: std::io::Error) -> Self {
        Self::Read { file: file.into(), source }
    }

    pub(crate) fn invalid(file: &Path, reason: &impl ToString) -> Self {
        Self::Invalid { file: file.into(), reason: reason.to_string() }
    }
}

/// A run directory as tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Ingested {
    pub run: RunRecord,
    /// `plan.yaml`, unread: its type belongs to who wrote it.
    pub plan_yaml: Option<String>,
    pub tables: Tables,
    /// Of the report; empty without one.
    pub guidellm_version: String,
    /// Parts that are missing or unreadable, each with its file and the reason.
    pub problems: Vec<String>,
}

/// Reads `run.json`.
///
/// # Errors
/// When it cannot be read, or was written by a newer version of the format.
pub fn run_record(dir: &Path) -> Result<RunRecord, Error> {
    let file = dir.join(files::RUN);
    let text = std::fs::read(&file).map_err(|e| Error::read(&file, e))?;
    let mut run: RunRecord = versioned(&file, &text)?;
    clean::record(&mut run);
    Ok(run)
}

/// Reads a JSON file that carries `schema_version`; one of a newer version is refused as such, whatever else it holds by then.
fn versioned<T: serde::de::DeserializeOwned + Versioned>(file: &Path, text: &[u8]) -> Result<T, Error> {
    #[derive(serde::Deserialize)]
    struct Version {
        schema_version: u64,
    }
    let known = bench_model::SCHEMA_VERSION;
    let newer = |found: u64| (found > u64::from(known)).then(|| Error::TooNew { file: file.into(), found, known });
    match serde_json::from_slice::<T>(text) {
        Ok(v) => newer(v.schema_version().into()).map_or(Ok(v), Err),
        // What does not fit may be of a newer format: then that is the reason to tell.
        Err(e) => {
            let found = serde_json::from_slice::<Version>(text).map_or(0, |v| v.schema_version);
            Err(newer(found).unwrap_or_else(|| Error::invalid(file, &e)))
        }
    }
}

trait Versioned {
    fn schema_version(&self) -> u32;
}

impl Versioned for RunRecord {
    fn schema_version(&self) -> u32 {
        self.schema_version
    }
}

impl Versioned for PredictedTables {
    fn schema_version(&self) -> u32 {
        self.schema_version
    }
}

/// Reads a whole run directory. Gaps between rates are part of the tables; whether one is long is judged later, by
/// [`crate::summarise`], because that needs the scrape interval.
///
/// # Errors
/// Only when `run.json` cannot be read: all else is told in [`Ingested::problems`].
pub fn run_dir(dir: &Path) -> Result<Ingested, Error> {
    let mut run = run_record(dir)?;
    let mut problems = Vec::new();
    let plan = dir.join(files::PLAN);
    let plan_yaml = std::fs::read_to_string(&plan).map_err(|e| problems.push(Error::read(&plan, e).to_string())).ok();

    let (mut tables, guidellm_version) = match run.source {
        Source::Measured => measured(dir, &mut run, &mut problems),
        Source::Predicted => predicted::read_file(&dir.join(files::TABLES)).unwrap_or_else(|e| {
            problems.push(e.to_string());
            Default::default()
        }),
    };
    match openmetrics::read_file(&dir.join(files::METRICS)) {
        Ok((series, told)) => {
            problems.extend(told);
            (tables.series, tables.findings) = match run.source {
                Source::Measured => series::of_target(series, &run, &tables.pods),
                Source::Predicted => (series, Vec::new()),
            };
        }
        Err(e) => problems.push(e.to_string()),
    }
    let absurd = clean::tables(&mut tables);
    if absurd > 0 {
        problems.push(format!("{absurd} recorded numbers are beyond anything that a run can have; they are left out or cut"));
    }
    let odd = clean::durations(&mut tables);
    if odd > 0 {
        tables.findings.push(Finding {
            verdict: Verdict::Valid,
            code: "impossible-times".into(),
            message: format!(
                "{odd} of {} requests have a negative duration, or a first token before they began or after they ended: these times are left out",
                tables.requests.len()
            ),
        });
    }
    // Computed anew even where a prediction holds them: one rule for both.
    tables.gaps.retain(|g| g.kind != gaps::BETWEEN_RATES);
    tables.gaps.extend(gaps::between_rates(&tables));
    tables.gaps.sort_by(|a, b| a.from.total_cmp(&b.from));
    // Absolute paths differ between machines; within a run directory the relative one says all.
    let prefix = format!("{}/", dir.display());
    let problems = problems.into_iter().map(|p| clean::word(p.replace(&prefix, ""))).collect();
    let guidellm_version = clean::word(guidellm_version);
    Ok(Ingested { run, plan_yaml, tables, guidellm_version, problems })
}

/// Load and objects of a measured run, and the version of guidellm's report.
fn measured(dir: &Path, run: &mut RunRecord, problems: &mut Vec<String>) -> (Tables, String) {
    let load = guidellm::read_load_dir(&dir.join(files::LOAD));
    problems.extend(load.problems);
    let mut tables = Tables { rates: load.rates, requests: load.requests, ..Tables::default() };
    match events::read_file(&dir.join(files::EVENTS), &run.deployment) {
        Ok(seen) => {
            problems.extend(seen.problems);
            // A driver that was killed did not write down what the agent's file still tells.
            let ended = run.times.recording_ended;
            run.times.recording_ended = ended.or(seen.last);
            // The recorder's last words are its stopping: a file without them was cut, and what it does not hold was not seen.
            if let (Some(ended), Some(last)) = (ended, seen.last)
                && (ended - last).as_seconds_f64() > SILENCE_S
            {
                problems.push(format!("{}: ends {:.0} s before the recording did", files::EVENTS, (ended - last).as_seconds_f64()));
                run.times.recording_ended = Some(last);
            }
            tables.replicas = seen.replicas;
            tables.pods = seen.pods;
            tables.decisions = seen.decisions;
            tables.events = seen.events;
            tables.gaps = seen.gaps;
        }
        Err(e) => problems.push(e.to_string()),
    }
    (tables, load.version)
}
