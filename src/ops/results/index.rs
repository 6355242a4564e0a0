//! The index of all runs: read from their directories, kept in `index.json` so that the next time is quick.
//!
//! `run.json` is read every time. Of the other files an entry is taken over only while they look as they did when it was made.

use super::{all, write_soon};
use crate::ops::report;
use anyhow::Context;
use bench_model::index::{Entry, FILE, Index, Seen};
use bench_model::manifest::Manifest;
use bench_model::run::{RunRecord, files};
use bench_model::summary::Score;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// All readable runs, oldest first, with their directories; and what cannot be read.
pub struct Listed {
    pub runs: Vec<(PathBuf, RunRecord, Entry)>,
    pub unreadable: Vec<String>,
}

/// What there is. A file that is there is brought up to date if that can be done; if not, nothing depends on it. Listing makes none.
///
/// # Errors
/// When the directory of all runs cannot be read.
pub fn list(results: &Path) -> anyhow::Result<Listed> {
    let known = read(results).unwrap_or_default();
    let kept = results.join(FILE).exists();
    let found = look(results, &known, kept)?;
    let now = of(&found);
    if now != known && kept {
        let _ = write(results, &now);
    }
    Ok(found)
}

/// Makes the file anew from the directories alone.
///
/// # Errors
/// When they cannot be read or the file cannot be written.
pub fn rebuild(results: &Path) -> anyhow::Result<Listed> {
    let found = look(results, &Index::default(), true)?;
    write(results, &of(&found))?;
    Ok(found)
}

fn of(found: &Listed) -> Index {
    Index { schema_version: bench_model::SCHEMA_VERSION, runs: found.runs.iter().map(|(_, _, e)| e.clone()).collect() }
}

/// `count`: numbers that a summary lacks are counted from the raw data. That takes seconds for each such run, and is only done where the
/// index keeps them.
fn look(results: &Path, known: &Index, count: bool) -> anyhow::Result<Listed> {
    let (runs, unreadable) = all(results)?;
    let entry = |(dir, r): (PathBuf, RunRecord)| {
        let name = dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let now = seen(&dir);
        let before = known.runs.iter().find(|e| e.directory == name && e.seen == now);
        let (scenario, (verdict, stored)) =
            before.map_or_else(|| (scenario(&dir), summary(&dir)), |e| (e.scenario.clone(), (e.verdict.clone(), e.score)));
        let score = stored.or_else(|| count.then(|| counted(&dir)));
        let entry = Entry {
            directory: name,
            run: r.id.clone(),
            arm: r.arm,
            source: r.source,
            state: r.state,
            model: r.model.clone(),
            profile: r.profile.clone(),
            scenario,
            verdict,
            created: r.times.created,
            score,
            stack: r.hashes.stack.clone(),
            load: r.hashes.load.clone(),
            plan: r.hashes.plan.clone(),
            seen: now,
        };
        (dir, r, entry)
    };
    Ok(Listed { runs: runs.into_iter().map(entry).collect(), unreadable })
}

/// Of a run elsewhere. Its scenario and verdict are not known there.
pub fn of_manifest(m: &Manifest) -> Entry {
    Entry {
        directory: String::new(),
        run: m.run.clone(),
        arm: m.arm,
        source: m.source,
        state: m.state,
        model: m.model.clone(),
        profile: m.profile.clone(),
        scenario: String::new(),
        verdict: String::new(),
        created: m.created,
        score: None,
        stack: m.hashes.stack.clone(),
        load: m.hashes.load.clone(),
        plan: m.hashes.plan.clone(),
        seen: vec![],
    }
}

/// What an entry's expensive parts were read from.
fn seen(dir: &Path) -> Vec<Seen> {
    let one = |file: &str| {
        let m = std::fs::metadata(dir.join(file)).ok()?;
        let changed = m.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Seen { file: file.into(), size: m.len(), changed_ns: u64::try_from(changed.as_nanos()).unwrap_or(u64::MAX) })
    };
    [files::PLAN, files::SUMMARY].into_iter().filter_map(one).collect()
}

fn scenario(dir: &Path) -> String {
    report::plan(dir).map(|p| bench_analysis::visible(&p.scenario.name)).unwrap_or_default()
}

/// Verdict and numbers as stored in summary.json; reading the raw data anew would take long for many runs.
fn summary(dir: &Path) -> (String, Option<Score>) {
    let text = std::fs::read(dir.join(files::SUMMARY)).unwrap_or_default();
    let v: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let verdict = v.pointer("/validity/verdict").and_then(|v| v.as_str()).unwrap_or_default();
    (bench_analysis::visible(verdict), v.get("score").and_then(|s| Score::deserialize(s).ok()))
}

/// From the raw data. One that cannot be read has no numbers, and is not tried again.
fn counted(dir: &Path) -> Score {
    report::read(dir).ok().and_then(|r| r.summary.score).unwrap_or_default()
}

/// A file that cannot be read, or is of another version, is as good as none.
fn read(results: &Path) -> Option<Index> {
    let index: Index = serde_json::from_slice(&std::fs::read(results.join(FILE)).ok()?).ok()?;
    (index.schema_version == bench_model::SCHEMA_VERSION).then_some(index)
}

fn write(results: &Path, index: &Index) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(index).context("cannot write the index")?;
    write_soon(&results.join(FILE), format!("{text}\n").as_bytes())
}
