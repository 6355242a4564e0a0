//! A predicted run as a run directory: what a measured one has, but for what only a cluster leaves. No file waits for the disk: what a power
//! cut takes can be predicted again in a second. `run.json` comes last, and makes it a run.

use super::Request;
use super::assumptions::Assumptions;
use super::play::ArmPlayed;
use crate::failure::Failure;
use crate::ops::results;
use anyhow::Context;
use bench_analysis::ingest::{openmetrics, predicted};
use bench_analysis::judgement;
use bench_analysis::scorecard::{Terms, score};
use bench_analysis::summary::short_score;
use bench_model::exit::Exit;
use bench_model::forecast::{self, Forecast};
use bench_model::plan::Plan;
use bench_model::run::{RunRecord, RunState, Source, files};
use bench_model::summary::Verdict;
use bench_model::tables::Tables;
use std::path::{Path, PathBuf};

/// The record of a run that is played at once and whole.
pub(super) fn record(plan: &Plan, id: &str, told: &Assumptions) -> RunRecord {
    let mut record = results::new_record(plan, id, Source::Predicted);
    record.state = RunState::Complete;
    record.notes.extend(told.cautions.iter().cloned());
    record.notes.push(format!("predicted with coefficients {}, {}: {}", told.coefficients, told.basis, told.source));
    record.notes.push(format!("predicted with router {}", told.router));
    record
}

/// Whether runs can be kept there, asked before anything is played.
pub(super) fn try_to_write(results: &Path) -> anyhow::Result<()> {
    let probe = results.join(format!(".writable-{}", std::process::id()));
    let tried = std::fs::create_dir_all(results).and_then(|()| std::fs::write(&probe, "")).and_then(|()| std::fs::remove_file(&probe));
    tried.map_err(|e| {
        Failure::new(Exit::Usage, format!("runs cannot be kept in {}: {e}", results.display()))
            .hint("--results DIR names another directory, --no-save keeps no run")
            .into()
    })
}

/// Makes the directory and writes the big files. Without a `run.json` it is not taken for a run yet.
pub(super) fn begin(results: &Path, plan: &Plan, t: &Tables) -> anyhow::Result<String> {
    let id = results::new_id(plan);
    let dir = results.join(&id);
    let mut text = Vec::with_capacity(1 << 20);
    predicted::write(&mut text, t, &plan.scenario.load.guidellm.version).context("cannot write the tables")?;
    results::write_soon(&dir.join(files::TABLES), &text)?;
    text.clear();
    openmetrics::write(&mut text, t.series.clone()).context("cannot write the samples")?;
    results::write_soon(&dir.join(files::METRICS), &text)?;
    results::write_soon(&dir.join(files::PLAN), serde_yaml::to_string(plan)?.as_bytes())?;
    Ok(id)
}

/// Writes the rest; `None` when nothing is kept.
pub(super) fn finish(
    r: &Request<'_>,
    plan: &Plan,
    played: &ArmPlayed,
    told: &Assumptions,
    forecast: &Forecast,
) -> anyhow::Result<Option<PathBuf>> {
    let (Some(results), Some(id)) = (r.keep_in, &played.first.id) else { return Ok(None) };
    let dir = results.join(id);
    let Some(seed) = played.seeds.first() else { return Ok(None) };
    let mut summary = seed.summary.clone();
    summary.run.clone_from(id);
    let terms = Terms {
        slo: plan.scenario.goal.goal().slo,
        // As everywhere: over the span of the arms that it was played with.
        span_s: Some(forecast.judgement.span_s),
        rest: judgement::rest(plan),
        ..Terms::default()
    };
    summary.score = Some(short_score(&score(&record(plan, id, told), &played.first.tables, Verdict::Valid, &terms)));
    results::write_soon(&dir.join(files::SUMMARY), bench_analysis::report::json::render(&summary)?.as_bytes())?;
    results::write_soon(&dir.join(forecast::FILE), bench_analysis::report::json::render(forecast)?.as_bytes())?;
    results::write_soon(&dir.join(files::CHECKSUMS), results::checksums(&dir)?.as_bytes())?;
    results::save(&dir, &record(plan, id, told))?;
    Ok(Some(dir))
}
