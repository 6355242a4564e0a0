//! Removes old runs: the newest stay, and so does everything that is not surely a run at its end.

use super::filter::{Filter, all_fit};
use super::index;
use anyhow::Context;
use bench_model::run::{RunRecord, RunState};
use serde::Serialize;
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

/// Removes all but the newest `keep` of the runs that the filters mean. With `dry` nothing is touched.
///
/// # Errors
/// When directories cannot be read or removed; what was removed until then is gone.
pub fn prune(results: &Path, keep: usize, filters: &[Filter], dry: bool) -> anyhow::Result<Pruned> {
    let listed = index::list(results)?;
    let mut out = Pruned { leftovers: leftovers(results, dry)?, ..Pruned::default() };
    out.kept.extend(listed.unreadable.into_iter().map(|e| Kept { run: String::new(), why: format!("cannot be read: {e}") }));
    let mut candidates = Vec::new();
    for (dir, run, _) in listed.runs.into_iter().filter(|(_, _, e)| all_fit(filters, e)) {
        match reason_to_keep(&dir, &run) {
            Some(why) => out.kept.push(Kept { run: run.id, why }),
            None => candidates.push((dir, run)),
        }
    }
    // Oldest first.
    let going = candidates.len().saturating_sub(keep);
    out.newest = candidates.len() - going;
    for (dir, run) in candidates.into_iter().take(going) {
        let bytes = size(&dir)?;
        if !dry {
            remove(&dir)?;
        }
        out.gone.push(Gone { run: run.id, directory: dir, bytes });
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

/// Out of sight at once, then away: half a directory is never taken for a run.
fn remove(dir: &Path) -> anyhow::Result<()> {
    let name = dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let aside = dir.with_file_name(format!("{GOING}{name}"));
    std::fs::rename(dir, &aside).with_context(|| format!("cannot remove {}", dir.display()))?;
    std::fs::remove_dir_all(&aside).with_context(|| format!("cannot remove {}", aside.display()))
}

fn leftovers(results: &Path, dry: bool) -> anyhow::Result<usize> {
    let Ok(entries) = std::fs::read_dir(results) else { return Ok(0) };
    let mut n = 0;
    for entry in entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(GOING)) {
        n += 1;
        if !dry {
            std::fs::remove_dir_all(entry.path()).with_context(|| format!("cannot remove {}", entry.path().display()))?;
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
