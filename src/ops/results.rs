//! Run directories on this machine: making, finding, listing.

pub mod filter;
pub mod hold;
pub mod index;
pub mod prune;
pub mod trend;

use crate::failure::Failure;
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::plan::Plan;
use bench_model::run::{RunRecord, RunState, Source, Times, files};
use chrono::Utc;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};

/// `20261124T101500Z-ramp_small-wva-7f3a`: UTC time, profile, arm, and four random digits.
pub fn new_id(plan: &Plan) -> String {
    let random = std::hash::RandomState::new().build_hasher().finish() & 0xffff;
    let profile = plan.profile.as_ref().map_or("none", |p| p.name.as_str());
    // Bounded, because it becomes a label value of at most 63 characters.
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let profile: String = profile.chars().take(28).map(plain).collect();
    format!("{}-{profile}-{}-{random:04x}", Utc::now().format("%Y%m%dT%H%M%SZ"), plan.arm)
}

pub use bench_model::names::object_name;

/// Writes a file whole or not at all, and is sure of it when it returns.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_whole(path, bytes, true)
}

/// The same without waiting for the disk: for what can be made again.
pub fn write_soon(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_whole(path, bytes, false)
}

fn write_whole(path: &Path, bytes: &[u8], sync: bool) -> anyhow::Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    // A link is followed; and a device or a pipe is written to, not replaced by a file.
    let followed = std::fs::canonicalize(path);
    let path = followed.as_deref().unwrap_or(path);
    if path.metadata().is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        return std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()));
    }
    let part = temporary(path);
    let write = || -> std::io::Result<()> {
        let mut f = std::fs::File::create(&part)?;
        std::io::Write::write_all(&mut f, bytes)?;
        if sync {
            f.sync_all()?;
        }
        std::fs::rename(&part, path)?;
        // The name is in the directory, which is a file of its own.
        match path.parent().filter(|_| sync) {
            Some(dir) if !dir.as_os_str().is_empty() => std::fs::File::open(dir)?.sync_all(),
            _ => Ok(()),
        }
    };
    let written = write();
    if written.is_err() {
        // What is half there is of no use, and takes room on a full disk.
        let _ = std::fs::remove_file(&part);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// A name beside it that is nobody's own. Always the same, so that what a killed process left is written over by the next.
fn temporary(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".llmd-bench.part");
    path.with_file_name(name)
}

/// The record of a run that begins.
pub fn new_record(p: &Plan, id: &str, source: Source) -> RunRecord {
    RunRecord {
        schema_version: bench_model::SCHEMA_VERSION,
        id: id.into(),
        bench_version: env!("CARGO_PKG_VERSION").into(),
        source,
        arm: p.arm,
        profile: p.profile.as_ref().map(|p| p.name.clone()).unwrap_or_default(),
        model: p.scenario.model.clone(),
        namespace: p.scenario.namespace.clone(),
        deployment: p.deployment(),
        hashes: p.hashes.clone(),
        state: RunState::Preparing,
        failure: None,
        times: Times { created: Some(Utc::now()), ..Times::default() },
        reset: vec![],
        images: std::collections::BTreeMap::new(),
        nodes: p.facts.as_ref().map(|f| f.nodes.clone()).unwrap_or_default(),
        clocks: vec![],
        missing: vec![],
        // Those of the plan stand in plan.yaml.
        notes: vec![],
        load_uid: None,
        skip_reset: vec![],
    }
}

/// Writes `run.json`.
pub fn save(dir: &Path, run: &RunRecord) -> anyhow::Result<()> {
    write_atomic(&dir.join(files::RUN), format!("{}\n", serde_json::to_string_pretty(run)?).as_bytes())
}

/// A run and its directory.
pub type Stored = (PathBuf, RunRecord);

/// All readable runs, oldest first, and the directories whose `run.json` is not.
pub fn all(results: &Path) -> anyhow::Result<(Vec<Stored>, Vec<String>)> {
    let (runs, unreadable) = look(results)?;
    Ok((runs, unreadable.into_iter().map(|(_, why)| why).collect()))
}

/// A directory, and why its run cannot be read.
type Unreadable = (PathBuf, String);

/// The same, with the directories of those that cannot be read.
fn look(results: &Path) -> anyhow::Result<(Vec<Stored>, Vec<Unreadable>)> {
    let entries = match std::fs::read_dir(results) {
        Ok(e) => e,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok((vec![], vec![])),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", results.display())),
    };
    let (mut runs, mut unreadable) = (vec![], vec![]);
    for entry in entries {
        let dir = entry?.path();
        // What is hidden is on its way out.
        if dir.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.')) {
            continue;
        }
        if !dir.join(files::RUN).exists() {
            continue;
        }
        match bench_analysis::ingest::run_record(&dir) {
            Ok(r) => runs.push((dir, r)),
            // Removed since by another process.
            Err(_) if !dir.join(files::RUN).exists() => {}
            Err(e) => unreadable.push((dir, e.to_string())),
        }
    }
    // Ids count whole seconds; two runs may begin within one.
    runs.sort_by(|a, b| (a.1.times.created, &a.1.id).cmp(&(b.1.times.created, &b.1.id)));
    Ok((runs, unreadable))
}

/// The time that an id begins with, `20261124T101500Z`. As text it sorts like the time.
fn stamp(id: &str) -> Option<&str> {
    let fits = |(i, b): (usize, u8)| match i {
        8 => b == b'T',
        15 => b == b'Z',
        _ => b.is_ascii_digit(),
    };
    id.get(..16).filter(|s| s.bytes().enumerate().all(fits))
}

/// May a run that cannot be read be the last one? Not where its directory's name says that it is older than one that can.
fn may_be_last(dir: &Path, newest: Option<&RunRecord>) -> bool {
    let name = dir.file_name().map(|n| n.to_string_lossy()).unwrap_or_default();
    match (stamp(&name), newest.and_then(|r| stamp(&r.id))) {
        (Some(bad), Some(newest)) => bad >= newest,
        _ => true,
    }
}

/// May a run be called so: by its id, or the beginning or end of it? Names of a run's objects are its id in lower case.
pub fn is_called(id: &str, wanted: &str) -> bool {
    let (id, wanted) = (id.to_lowercase(), wanted.to_lowercase());
    id.starts_with(&wanted) || id.ends_with(&wanted)
}

/// A run by its directory, its id, the beginning or end of its id, or `last`.
pub fn find(results: &Path, wanted: &str) -> anyhow::Result<Stored> {
    let path = Path::new(wanted);
    if path.join(files::RUN).exists() {
        return Ok((path.into(), bench_analysis::ingest::run_record(path).map_err(|e| Failure::new(Exit::Usage, e.to_string()))?));
    }
    let (mut runs, unreadable) = look(results)?;
    let newest = runs.last().map(|(_, r)| r);
    if wanted == "last"
        && let Some((_, bad)) = unreadable.iter().find(|(dir, _)| may_be_last(dir, newest))
    {
        return Err(no_run(results, &format!("which run is the last one is not sure, as one cannot be read: {bad}")));
    }
    if wanted == "last" {
        return runs.pop().ok_or_else(|| no_run(results, "there is no run yet"));
    }
    let mut found: Vec<_> = runs.into_iter().filter(|(_, r)| is_called(&r.id, wanted)).collect();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => match unreadable.iter().find(|(_, why)| why.contains(wanted)) {
            Some((_, bad)) => Err(no_run(results, &format!("the run called {wanted} cannot be read: {bad}"))),
            None => Err(no_run(results, &format!("no run is called {wanted}"))),
        },
        n => Err(no_run(results, &format!("{n} runs match {wanted}"))),
    }
}

/// The newest run that has not come to its end, of one stack or of any.
pub fn unfinished(results: &Path, namespace: Option<&str>) -> anyhow::Result<Option<Stored>> {
    let (mut runs, _) = all(results)?;
    runs.retain(|(_, r)| !matches!(r.state, RunState::Complete | RunState::Failed) && namespace.is_none_or(|n| n == r.namespace));
    Ok(runs.pop())
}

pub fn no_run(results: &Path, what: &str) -> anyhow::Error {
    Failure::new(Exit::Usage, format!("{what} (in {})", results.display()))
        .hint("`bench results ls` lists them; --results names another directory")
        .into()
}

/// `SHA256SUMS` over everything else in the directory, for `sha256sum -c`.
pub fn write_checksums(dir: &Path) -> anyhow::Result<()> {
    write_atomic(&dir.join(files::CHECKSUMS), checksums(dir)?.as_bytes())
}

/// Files that are not as `SHA256SUMS` says, a sentence each; without one nothing is known to differ. `is` says what there is.
pub fn differing(dir: &Path, is: &[bench_model::manifest::File]) -> Vec<String> {
    let text = std::fs::read_to_string(dir.join(files::CHECKSUMS)).unwrap_or_default();
    let said = text.lines().filter_map(|l| l.split_once("  "));
    said.filter_map(|(sum, path)| match is.iter().find(|f| f.path == path) {
        None => Some(format!("{path}: is missing")),
        Some(f) if f.sha256 != sum => Some(format!("{path}: differs")),
        Some(_) => None,
    })
    .collect()
}

/// The same, of what there is now; a run without `SHA256SUMS` is not at its end.
pub fn changed(dir: &Path) -> anyhow::Result<Vec<String>> {
    if !dir.join(files::CHECKSUMS).exists() {
        return Ok(vec![]);
    }
    let is = crate::agent::list(dir)?.into_iter().map(|f| bench_model::manifest::File { path: f.path, size: f.size, sha256: f.sha256 });
    Ok(differing(dir, &is.collect::<Vec<_>>()))
}

/// Its content; only regular files are among it.
pub fn checksums(dir: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    for f in crate::agent::list(dir)? {
        if ![files::CHECKSUMS, files::JOURNAL, files::RUN, files::REPORT].contains(&f.path.as_str()) {
            text.push_str(&format!("{}  {}\n", f.sha256, f.path));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes of a plan are about the plan: they are in its file, and a run that copied them all the same is still read.
    #[test]
    fn a_run_does_not_repeat_its_plans_notes() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runs/20261124T031159Z-ramp_small-wva-c97c");
        let plan = crate::ops::report::plan(&dir).unwrap();
        assert!(!plan.notes.is_empty() && new_record(&plan, "id", Source::Measured).notes.is_empty());
        let old = bench_analysis::ingest::run_record(&dir).unwrap();
        assert!(plan.notes.iter().all(|n| old.notes.contains(n)));
        let document = crate::ops::report::document(&crate::ops::report::read(&dir).unwrap());
        let text = bench_analysis::report::writer::markdown::render(&document);
        assert_eq!((text.matches("Notes of the plan:").count(), text.matches("seed: 1234 is given").count()), (1, 1), "{text}");
    }

    #[test]
    fn an_id_begins_with_its_time() {
        assert_eq!(stamp("20261124T101500Z-ramp_small-wva-7f3a"), Some("20261124T101500Z"));
        for none in ["newer", "20261124", "2026112XT101500Z-x", "20261124t101500Z-x", "äääääääääääääääää"] {
            assert_eq!(stamp(none), None, "{none}");
        }
    }
}
