//! Sends runs: their files where they are not there already, then the manifest.

use super::store::Place;
use super::{Moved, go_on, hexadecimal};
use crate::agent;
use crate::failure::Failure;
use crate::ops::results;
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::manifest::{File, Manifest};
use bench_model::run::{RunRecord, RunState, files};
use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectStoreExt, PutPayload, WriteMultipart};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

/// Larger files go in parts of this size.
const PART: usize = 8 << 20;
/// Files that are asked for, or sent, at once.
const AT_ONCE: usize = 4;

/// How a run is sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// Nothing is sent, and it is told what would be.
    pub dry: bool,
    /// What is there already is read back and compared with its name.
    pub verify: bool,
    /// Also in the place of another one of the same id.
    pub replace: bool,
}

/// What of a run is to be sent, that it is whole, and what is left out of it.
///
/// # Errors
/// A run that is not at its end, or whose files are not those that `SHA256SUMS` tells of.
pub fn manifest(dir: &Path, run: &RunRecord) -> anyhow::Result<(Manifest, Vec<String>)> {
    if !matches!(run.state, RunState::Complete | RunState::Failed) {
        return Err(Failure::new(Exit::Usage, format!("{} is not at its end", run.id)).hint("bench resume carries it on").into());
    }
    // The report is made anew from all else by every `bench report`.
    let (listed, left_out) = agent::look(dir)?;
    let listed = listed.into_iter().filter(|f| f.path != files::REPORT);
    let files: Vec<File> = listed.map(|f| File { path: f.path, size: f.size, sha256: f.sha256 }).collect();
    let wrong = results::differing(dir, &files);
    if !wrong.is_empty() {
        return Err(Failure::new(Exit::Invalid, format!("{} is damaged: not as its {} says", run.id, files::CHECKSUMS))
            .evidence(wrong)
            .hint("a damaged run is not sent; pull it again if it was pushed before")
            .into());
    }
    let m = Manifest {
        schema_version: bench_model::SCHEMA_VERSION,
        run: run.id.clone(),
        arm: run.arm,
        source: run.source,
        state: run.state,
        model: run.model.clone(),
        profile: run.profile.clone(),
        created: run.times.created,
        hashes: run.hashes.clone(),
        files,
    };
    match m.faults() {
        Some(why) => Err(Failure::new(Exit::Usage, format!("{} cannot be sent: {why}", run.id)).into()),
        None => Ok((m, left_out)),
    }
}

/// What the place has as this run's manifest.
#[derive(PartialEq)]
enum There {
    /// None, or one in whose place this one may come.
    Older,
    Same,
}

/// # Errors
/// Another run of this id, of which this one would take something away.
async fn there(place: &Place, m: &Manifest, bytes: &str, replace: bool) -> anyhow::Result<There> {
    let Some(found) = place.small(&Manifest::place(&m.run)).await? else { return Ok(There::Older) };
    if found == bytes.as_bytes() {
        return Ok(There::Same);
    }
    // What cannot be read as a manifest is none: this heals it.
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(&found) else { return Ok(There::Older) };
    if replace {
        return Ok(There::Older);
    }
    let refuse = |why: Vec<String>| {
        Failure::new(Exit::Usage, format!("{} is at {} already, and not the same", m.run, place.url))
            .evidence(why)
            .hint("nothing was changed there; --replace sends this one in its place")
    };
    let known: Manifest = serde_json::from_value(json).map_err(|e| refuse(vec![format!("its manifest: {e}")]))?;
    if known.schema_version > bench_model::SCHEMA_VERSION {
        return Err(refuse(known.faults().into_iter().collect()).into());
    }
    if !matches!(known.state, RunState::Complete | RunState::Failed) {
        return Ok(There::Older);
    }
    // A run that only has more than the one there takes nothing away.
    let why: Vec<String> = known
        .files
        .iter()
        .filter_map(|f| match m.files.iter().find(|x| x.path == f.path) {
            None => Some(format!("{}: is not here", f.path)),
            Some(x) if x.sha256 != f.sha256 => Some(format!("{}: differs", f.path)),
            Some(_) => None,
        })
        .collect();
    if why.is_empty() { Ok(There::Older) } else { Err(refuse(why).into()) }
}

/// Sends a run. Every file is asked for, also where the run's manifest is there: so a push heals what was lost.
///
/// # Errors
/// When the place refuses or does not answer; what was sent until then is not sent again. Another run of the same id that is there.
pub async fn push(place: &Place, dir: &Path, run: &RunRecord, how: How) -> anyhow::Result<Moved> {
    let (m, left_out) = {
        let (dir, run) = (dir.to_path_buf(), run.clone());
        tokio::task::spawn_blocking(move || manifest(&dir, &run)).await??
    };
    let bytes = format!("{}\n", serde_json::to_string_pretty(&m)?);
    let there = there(place, &m, &bytes, how.replace).await?;
    // The same bytes under two names are one blob.
    let mut blobs: Vec<&File> = m.files.iter().collect();
    blobs.sort_by(|a, b| a.sha256.cmp(&b.sha256));
    blobs.dedup_by(|a, b| a.sha256 == b.sha256);
    let one = |f: File| async move {
        go_on()?;
        // One of another size is none of ours: a blob is named after its content.
        if place.size(&f.blob()).await? == Some(f.size) && (!how.verify || place.holds(&f).await?) {
            return Ok::<Option<u64>, anyhow::Error>(None);
        }
        if !how.dry {
            send(place, dir, &f).await?;
        }
        Ok(Some(f.size))
    };
    let asked = futures::stream::iter(blobs.iter().map(|f| one((*f).clone()))).buffer_unordered(AT_ONCE);
    let sent: Vec<u64> = asked.try_filter_map(async |sent| Ok(sent)).try_collect().await?;
    let moved = Moved {
        run: m.run.clone(),
        files: m.files.len(),
        there: m.files.len() - sent.len(),
        bytes: sent.iter().sum(),
        whole: there == There::Same && sent.is_empty(),
        left_out,
    };
    if !how.dry && there != There::Same {
        go_on()?;
        place.store.put(&place.key(&Manifest::place(&m.run)), PutPayload::from(bytes.into_bytes())).await.map_err(|e| place.told(&e))?;
    }
    Ok(moved)
}

async fn send(place: &Place, dir: &Path, f: &File) -> anyhow::Result<()> {
    let key = place.key(&f.blob());
    let path = dir.join(&f.path);
    let mut file = std::fs::File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut hash = Sha256::new();
    let mut part = Vec::new();
    let mut next = |part: &mut Vec<u8>| -> anyhow::Result<bool> {
        part.clear();
        let n = (&mut file).take(PART as u64).read_to_end(part).with_context(|| format!("cannot read {}", path.display()))?;
        hash.update(&part);
        Ok(n > 0)
    };
    if f.size <= PART as u64 {
        next(&mut part)?;
        same(&hash.finalize(), f)?;
        place.store.put(&key, PutPayload::from(part)).await.map_err(|e| place.told(&e))?;
        return Ok(());
    }
    let upload = place.store.put_multipart(&key).await.map_err(|e| place.told(&e))?;
    let mut parts = WriteMultipart::new_with_chunk_size(upload, PART);
    while next(&mut part)? {
        go_on()?;
        parts.wait_for_capacity(AT_ONCE).await.map_err(|e| place.told(&e))?;
        parts.write(&part);
    }
    if let Err(e) = same(&hash.finalize(), f) {
        let _ = parts.abort().await;
        return Err(e);
    }
    parts.finish().await.map_err(|e| place.told(&e))?;
    Ok(())
}

/// Nothing is stored under the name of other bytes.
fn same(hash: &[u8], f: &File) -> anyhow::Result<()> {
    if hexadecimal(hash) == f.sha256 {
        Ok(())
    } else {
        Err(Failure::new(Exit::Usage, format!("{} changed while it was read", f.path)).into())
    }
}
