//! Fetches runs: every file is compared with its checksum before it has its name; `run.json` comes last, and makes it a run.

use super::store::Place;
use super::{Moved, go_on, hexadecimal};
use crate::agent::checksum;
use crate::failure::Failure;
use crate::ops::results;
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::manifest::File;
use bench_model::run::files;
use futures::StreamExt;
use object_store::ObjectStoreExt;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The ids that are meant: `last`, or the beginning or end of an id.
///
/// # Errors
/// When one means no run, or several.
pub fn meant(all: &[String], wanted: &[String], url: &str) -> anyhow::Result<Vec<String>> {
    let mut out: Vec<String> = Vec::new();
    for w in wanted {
        let found: Vec<&String> =
            if w == "last" { all.last().into_iter().collect() } else { all.iter().filter(|id| results::is_called(id, w)).collect() };
        let why = match found.as_slice() {
            [one] => {
                if !out.contains(one) {
                    out.push((*one).clone());
                }
                continue;
            }
            [] => format!("no run at {url} is called {w}"),
            several => format!("{} runs at {url} match {w}", several.len()),
        };
        return Err(Failure::new(Exit::Usage, why).hint(format!("bench results ls --at {url} lists them")).into());
    }
    Ok(out)
}

/// Fetches a run into `results`. With `dry` nothing is written, and `bytes` is what would be fetched; else the caller
/// [holds](results::hold::hold) the directory.
///
/// # Errors
/// When the place does not answer, holds other bytes than its manifest says, or when the run is here already and differs. A run that
/// is not what its `SHA256SUMS` says is none: nothing of it stays that was not here before.
pub async fn pull(place: &Place, run: &str, results_dir: &Path, dry: bool) -> anyhow::Result<(PathBuf, Moved)> {
    let m = place.manifest(run).await?.ok_or_else(|| Failure::new(Exit::Usage, format!("{run} is not at {}", place.url)))?;
    let dir = results_dir.join(&m.run);
    let mut moved = Moved { run: m.run.clone(), files: m.files.len(), ..Moved::default() };
    let (here, fresh) = (dir.join(files::RUN).exists(), dir.symlink_metadata().is_err());
    let mut missing: Vec<&File> = Vec::new();
    let mut differing = Vec::new();
    for f in &m.files {
        let path = dir.join(&f.path);
        let inside = path.parent().is_none_or(|p| is_below(p, &dir));
        let kind = path.symlink_metadata().ok();
        if !inside || kind.as_ref().is_some_and(std::fs::Metadata::is_symlink) {
            return Err(Failure::new(Exit::Usage, format!("{} is a link, or behind one: nothing is written there", path.display())).into());
        }
        if kind.is_some_and(|m| !m.is_file()) {
            return Err(Failure::new(Exit::Usage, format!("{} is no file: nothing is written there", path.display())).into());
        }
        match checksum(&path) {
            Ok((size, sha)) if size == f.size && sha == f.sha256 => moved.there += 1,
            // What a pull that was interrupted, or nobody, left.
            Ok(_) if !here => missing.push(f),
            Ok(_) => differing.push(format!("{}: differs", f.path)),
            Err(_) => missing.push(f),
        }
    }
    if !differing.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("{} is here already, and not the same", m.run))
            .evidence(differing)
            .hint(format!("nothing was changed; move {} away to have the other one", dir.display()))
            .into());
    }
    moved.bytes = missing.iter().map(|f| f.size).sum();
    moved.whole = missing.is_empty();
    if dry {
        return Ok((dir, moved));
    }
    // Without run.json the directory is no run yet.
    let (last, others): (Vec<&File>, Vec<&File>) = missing.into_iter().partition(|f| f.path == files::RUN);
    for f in others {
        go_on()?;
        fetch(place, &dir, f).await?;
    }
    let wrong = results::differing(&dir, &m.files);
    if !wrong.is_empty() {
        if fresh {
            std::fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        let message = format!("{} came as it was sent, and that is not what its {} says", m.run, files::CHECKSUMS);
        return Err(Failure::new(Exit::Invalid, message).evidence(wrong).hint(format!("{HEALS} --replace {} {}", place.url, m.run)).into());
    }
    for f in last {
        go_on()?;
        fetch(place, &dir, f).await?;
    }
    Ok((dir, moved))
}

/// Looks at every blob, and sends what is not there or not whole.
const HEALS: &str = "where the run is whole, this heals it:   bench results push";

/// No directory on the way is a link.
fn is_below(parent: &Path, dir: &Path) -> bool {
    let Ok(rest) = parent.strip_prefix(dir) else { return false };
    let mut at = dir.to_path_buf();
    rest.components().all(|c| {
        at.push(c);
        !at.symlink_metadata().is_ok_and(|m| m.is_symlink())
    })
}

async fn fetch(place: &Place, dir: &Path, f: &File) -> anyhow::Result<()> {
    let run = dir.file_name().map(|n| n.to_string_lossy()).unwrap_or_default();
    let path = dir.join(&f.path);
    let parent = path.parent().unwrap_or(dir);
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let part = PathBuf::from(format!("{}.part", path.display()));
    let failed = || format!("cannot write {}", path.display());
    let found = place.store.get(&place.key(&f.blob())).await.map_err(|e| match e {
        object_store::Error::NotFound { .. } => Failure::new(Exit::Invalid, format!("{} lacks {}: {}", place.url, f.path, f.blob()))
            .hint(format!("{HEALS} {} {run}", place.url))
            .into(),
        e => place.told(&e),
    })?;
    let mut out = std::fs::File::create(&part).with_context(failed)?;
    let mut stream = found.into_stream();
    let (mut hash, mut size) = (Sha256::new(), 0);
    while let Some(piece) = stream.next().await {
        go_on()?;
        let piece = piece.map_err(|e| place.told(&e))?;
        size += piece.len() as u64;
        if size > f.size {
            break;
        }
        hash.update(&piece);
        out.write_all(&piece).with_context(failed)?;
    }
    if size != f.size || hexadecimal(&hash.finalize()) != f.sha256 {
        drop(out);
        std::fs::remove_file(&part).ok();
        return Err(Failure::new(Exit::Invalid, format!("{} at {} is not what its name says: {}", f.path, place.url, f.blob()))
            .hint(format!("{HEALS} --verify {} {run}", place.url))
            .into());
    }
    out.sync_all().with_context(failed)?;
    std::fs::rename(&part, &path).with_context(failed)
}
