//! Removes old runs: the newest stay, and so does everything that is not surely a run at its end.

use super::filter::{Filter, all_fit};
use super::index;
use crate::ops::experiment::{baseline_place, state};
use anyhow::Context;
use bench_model::experiment;
use bench_model::run::{RunRecord, RunState};
use serde::Serialize;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A directory that is being removed has this before its name; one that a kill left is removed the next time.
const GOING: &str = ".pruned-";

/// A run that goes, or would.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gone {
    pub run: String,
    pub directory: PathBuf,
    pub bytes: u64,
}

/// A run that stays although it is old, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    pub run: String,
    pub why: String,
}

/// What went, what stayed against the count, and how many stayed by it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Pruned {
    pub gone: Vec<Gone>,
    pub kept: Vec<Kept>,
    pub newest: usize,
    /// Leftovers of an interrupted prune that went as well.
    pub leftovers: usize,
}

/// Removes all but the newest `keep` of the runs that the filters mean. With `dry` nothing is touched; else the caller
/// [holds](super::hold::hold) the directory. What somebody else removed meanwhile is gone, and no error.
///
/// # Errors
/// When directories cannot be read or removed; what was removed until then is gone.
pub fn prune(results: &Path, keep: usize, filters: &[Filter], dry: bool) -> anyhow::Result<Pruned> {
    let listed = index::list(results)?;
    let mut out = Pruned { leftovers: leftovers(results, dry)?, ..Pruned::default() };
    out.kept.extend(listed.unreadable.into_iter().map(|e| Kept { run: String::new(), why: format!("cannot be read: {e}") }));
    // Read after the runs: a run's id is in the record of its experiment before there is anything of the run.
    let (experiments, links) = (open_experiments(results), links(results));
    let mut candidates = Vec::new();
    for (dir, run, _) in listed.runs.into_iter().filter(|(_, _, e)| all_fit(filters, e)) {
        let wanted = || experiments.iter().find_map(|x| x.wants(&run.id, &dir)).or_else(|| linked(&dir, &links));
        match reason_to_keep(&dir, &run).or_else(wanted) {
            Some(why) => out.kept.push(Kept { run: run.id, why }),
            None => candidates.push((dir, run)),
        }
    }
    // Oldest first.
    let going = candidates.len().saturating_sub(keep);
    out.newest = candidates.len() - going;
    for (dir, run) in candidates.into_iter().take(going) {
        let gone = size(&dir).and_then(|bytes| if dry { Ok(bytes) } else { remove(&dir).map(|()| bytes) });
        match gone {
            Ok(bytes) => out.gone.push(Gone { run: run.id, directory: dir, bytes }),
            Err(e) if e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::NotFound) => {}
            Err(e) => return Err(e),
        }
    }
    if !dry && !out.gone.is_empty() {
        index::list(results)?;
    }
    Ok(out)
}

fn reason_to_keep(dir: &Path, run: &RunRecord) -> Option<String> {
    if !matches!(run.state, RunState::Complete | RunState::Failed) {
        return Some("it is not at its end; bench resume carries it on".into());
    }
    if dir.symlink_metadata().is_ok_and(|m| m.is_symlink()) {
        return Some("its directory is a link".into());
    }
    // Who gave it a name of its own wants to find it there.
    (dir.file_name().and_then(|n| n.to_str()) != Some(run.id.as_str()))
        .then(|| format!("its directory has a name of its own, {}", dir.display()))
}

/// An experiment that is not surely at its end.
struct Open {
    text: String,
    /// Ids of its runs; `None` where the record cannot be read.
    runs: Option<Vec<String>>,
    /// Where its gate's baseline is.
    baseline: Option<PathBuf>,
    name: String,
}

impl Open {
    fn wants(&self, run: &str, dir: &Path) -> Option<String> {
        // The runs that are still to be made are judged by it: without it the experiment could not be carried on.
        let within = |p: &PathBuf| dir.canonicalize().is_ok_and(|d| p.starts_with(d));
        if self.baseline.as_ref().is_some_and(within) {
            return Some(format!("experiment {} is not at its end and has it as its gate's baseline", self.name));
        }
        match &self.runs {
            Some(runs) => runs.iter().any(|r| r == run).then(|| format!("experiment {} is not at its end and needs it", self.name)),
            // What it says of the run is not known, only that it does.
            None => self.text.contains(run).then(|| format!("experiment {}, whose record cannot be read, names it", self.name)),
        }
    }
}

fn open_experiments(results: &Path) -> Vec<Open> {
    let dirs = std::fs::read_dir(state::directory(results)).into_iter().flatten().flatten();
    let open = |e: std::fs::DirEntry| {
        let bytes = std::fs::read(e.path().join(experiment::files::RECORD)).ok()?;
        let name = e.file_name().to_string_lossy().into_owned();
        let record = match state::parse(&bytes).ok() {
            Some(r) if r.state != experiment::State::Running => return None,
            r => r,
        };
        let baseline = record.as_ref().and_then(|r| baseline_place(results, r)?.canonicalize().ok());
        let runs = record.map(|r| r.runs.into_iter().flat_map(|s| s.attempts).map(|a| a.run).collect());
        Some(Open { text: String::from_utf8_lossy(&bytes).into_owned(), runs, baseline, name })
    };
    dirs.filter_map(open).collect()
}

/// Links beside the runs, and where they lead to.
fn links(results: &Path) -> Vec<(PathBuf, PathBuf)> {
    let entries = std::fs::read_dir(results).into_iter().flatten().flatten();
    let links = entries.filter(|e| e.file_type().is_ok_and(|t| t.is_symlink()));
    links.filter_map(|e| Some((e.path(), e.path().canonicalize().ok()?))).collect()
}

/// Who made a link to it wants to find it there.
fn linked(dir: &Path, links: &[(PathBuf, PathBuf)]) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    let (link, _) = links.iter().find(|(_, to)| to.starts_with(&dir))?;
    Some(format!("{} is a link to it", link.display()))
}

/// Out of sight at once, then away: half a directory is never taken for a run.
fn remove(dir: &Path) -> anyhow::Result<()> {
    let name = dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let aside = dir.with_file_name(format!("{GOING}{name}"));
    std::fs::rename(dir, &aside).with_context(|| format!("cannot remove {}", dir.display()))?;
    away(&aside)
}

fn away(dir: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e).with_context(|| format!("cannot remove {}", dir.display())),
        _ => Ok(()),
    }
}

fn leftovers(results: &Path, dry: bool) -> anyhow::Result<usize> {
    let Ok(entries) = std::fs::read_dir(results) else { return Ok(0) };
    let mut n = 0;
    for entry in entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(GOING)) {
        n += 1;
        if !dry {
            away(&entry.path())?;
        }
    }
    Ok(n)
}

fn size(dir: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    let mut open = vec![dir.to_path_buf()];
    while let Some(d) = open.pop() {
        for entry in std::fs::read_dir(&d).with_context(|| format!("cannot read {}", d.display()))? {
            let entry = entry?;
            let m = entry.metadata()?;
            if m.is_dir() { open.push(entry.path()) } else { bytes += m.len() }
        }
    }
    Ok(bytes)
}
