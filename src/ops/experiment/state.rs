//! Experiments on this disk: `results/experiments/ID/`. What is about to be done is written before it is done, so that whatever is
//! given again carries on.

use super::schedule::Treatment;
use crate::failure::Failure;
use crate::ops::drive;
use crate::ops::results::{is_called, write_atomic};
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::experiment::{Experiment, ExperimentRecord, Scheduled, State, files};
use bench_model::names::sha256_hex;
use bench_model::plan::Plan;
use bench_model::run::Source;
use chrono::Utc;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};

/// An experiment's directory and its record.
pub struct Kept {
    pub dir: PathBuf,
    pub record: ExperimentRecord,
    /// The stack was just stood up, and no run was made on it.
    pub fresh: bool,
}

/// Of all experiments.
pub fn directory(results: &Path) -> PathBuf {
    results.join("experiments")
}

/// `wva-vs-hpa-20261128T014500Z-7f3a`.
fn new_id(name: &str) -> String {
    let random = std::hash::RandomState::new().build_hasher().finish() & 0xffff;
    format!("{name}-{}-{random:04x}", Utc::now().format("%Y%m%dT%H%M%SZ"))
}

/// What makes two experiments the same one: the definition, what it was resolved to, and the content of files that it names.
pub fn hash(e: &Experiment, runs: &[Scheduled], source: Source, named: &[&str]) -> anyhow::Result<String> {
    let plans: Vec<&str> = runs.iter().map(|r| r.hashes.plan.as_str()).collect();
    let text = serde_json::to_string(&(e, plans, source, named))?;
    Ok(sha256_hex(text.as_bytes())[..12].to_owned())
}

impl Kept {
    /// A new one, with a plan for each treatment: the rest of it does not change with files that do.
    pub fn begin(results: &Path, mut record: ExperimentRecord, treatments: &[Treatment]) -> anyhow::Result<Self> {
        record.id = new_id(&record.definition.name);
        let dir = directory(results).join(&record.id);
        for t in treatments {
            let yaml = serde_yaml::to_string(&t.plan).context("cannot write the plan as YAML")?;
            write_atomic(&plan_file(&dir, &t.plan.hashes.plan), yaml.as_bytes())?;
        }
        // The record last: where it is, the plans are too.
        let kept = Self { dir, record, fresh: false };
        kept.save()?;
        Ok(kept)
    }

    /// Keeps another process out, and looks what an earlier one has done since.
    ///
    /// # Errors
    /// Exit 6 with the name of the process that is at work on it.
    pub fn hold(&mut self) -> anyhow::Result<impl Sized + use<>> {
        let lock = drive::lock(&self.dir, &format!("on experiment {}", self.record.id))?;
        let path = self.dir.join(files::RECORD);
        let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        self.record = serde_json::from_slice(&text).map_err(|e| Failure::new(Exit::Usage, format!("{}: {e}", path.display())))?;
        Ok(lock)
    }

    pub fn save(&self) -> anyhow::Result<()> {
        write_atomic(&self.dir.join(files::RECORD), format!("{}\n", serde_json::to_string_pretty(&self.record)?).as_bytes())
    }

    pub fn plan(&self, run: &Scheduled) -> anyhow::Result<Plan> {
        let path = plan_file(&self.dir, &run.hashes.plan);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_yaml::from_str(&text).map_err(|e| Failure::new(Exit::Usage, format!("{} is not a plan: {e}", path.display())).into())
    }
}

fn plan_file(dir: &Path, hash: &str) -> PathBuf {
    dir.join(files::PLANS).join(format!("{hash}.yaml"))
}

/// While one looks whether there is one to carry on and writes its own, another that was begun in the same moment waits.
pub fn alone(results: &Path) -> anyhow::Result<File> {
    let path = directory(results).join("lock");
    std::fs::create_dir_all(directory(results)).with_context(|| format!("cannot make {}", directory(results).display()))?;
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    // A file system without locks: then there is no telling, as before.
    let _ = file.lock();
    Ok(file)
}

/// A record as this bench reads it; else why it cannot.
pub fn parse(text: &[u8]) -> Result<ExperimentRecord, String> {
    match serde_json::from_slice::<ExperimentRecord>(text) {
        Ok(r) if r.schema_version <= bench_model::SCHEMA_VERSION => Ok(r),
        Ok(r) => Err(format!("schema version {} is newer than this bench", r.schema_version)),
        Err(e) => Err(e.to_string()),
    }
}

/// All of them, oldest first, and files that cannot be read.
pub fn all(results: &Path) -> anyhow::Result<(Vec<Kept>, Vec<String>)> {
    let dir = directory(results);
    let entries = match std::fs::read_dir(&dir) {
        Ok(e) => e,
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok((vec![], vec![])),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", dir.display())),
    };
    let (mut found, mut unreadable) = (vec![], vec![]);
    for entry in entries {
        let dir = entry?.path();
        let path = dir.join(files::RECORD);
        // Without a record it was killed before it began.
        let Ok(text) = std::fs::read(&path) else { continue };
        match parse(&text) {
            Ok(r) => found.push(Kept { dir, record: r, fresh: false }),
            Err(why) => unreadable.push(format!("{}: {why}", path.display())),
        }
    }
    found.sort_by(|a, b| (a.record.begun, &a.record.id).cmp(&(b.record.begun, &b.record.id)));
    Ok((found, unreadable))
}

/// Those that are not at their end, oldest first, and records that cannot be read. One of which another of its name was begun later
/// was given up.
pub fn unfinished(results: &Path) -> anyhow::Result<(Vec<Kept>, Vec<String>)> {
    let (all, unreadable) = all(results)?;
    let of = |k: &Kept| (k.record.definition.name.clone(), k.record.source);
    let last: Vec<bool> = all.iter().enumerate().map(|(n, k)| !all[n + 1..].iter().any(|later| of(later) == of(k))).collect();
    let open = all.into_iter().zip(last).filter(|(k, last)| *last && k.record.state == State::Running).map(|(k, _)| k);
    Ok((open.collect(), unreadable))
}

fn damaged(what: &str) -> anyhow::Error {
    Failure::new(Exit::Usage, format!("an experiment's record cannot be read: {what}"))
        .hint("its runs are in their own directories; move the experiment's directory away to begin anew")
        .into()
}

/// The one that is called so: by its id, its beginning, its end, or its directory.
pub fn find(results: &Path, wanted: &str) -> anyhow::Result<Option<Kept>> {
    let (all, unreadable) = all(results)?;
    let named = Path::new(wanted).file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    if let Some(bad) = unreadable.iter().find(|u| u.contains(wanted)) {
        return Err(damaged(bad));
    }
    let (mut exact, mut others): (Vec<Kept>, Vec<Kept>) = all.into_iter().partition(|k| k.record.id == named);
    if let Some(one) = exact.pop() {
        return Ok(Some(one));
    }
    others.retain(|k| is_called(&k.record.id, wanted));
    match others.len() {
        0 => Ok(None),
        1 => Ok(others.pop()),
        n => {
            let ids: Vec<&str> = others.iter().map(|k| k.record.id.as_str()).collect();
            Err(Failure::new(Exit::Usage, format!("{n} experiments match {wanted}: {}", ids.join(", "))).into())
        }
    }
}

/// The one that this definition carries on, if there is one.
///
/// # Errors
/// Exit 2 when an unfinished one of this name was defined otherwise, or cannot be read.
pub fn to_carry_on(results: &Path, name: &str, hash: &str, source: Source) -> anyhow::Result<Option<Kept>> {
    let (mut open, unreadable) = unfinished(results)?;
    if let Some(bad) = unreadable.iter().find(|u| u.contains(&format!("/{name}-"))) {
        return Err(damaged(bad));
    }
    open.retain(|k| k.record.definition.name == name && k.record.source == source);
    if let Some(i) = open.iter().rposition(|k| k.record.hash == hash) {
        return Ok(Some(open.swap_remove(i)));
    }
    match open.pop() {
        None => Ok(None),
        Some(other) => {
            let text = format!("experiment {} is not at its end, and was defined otherwise", other.record.id);
            Err(Failure::new(Exit::Usage, text)
                .hint(format!("bench resume {}   carries it on as it was begun;   --new begins another one", other.record.id))
                .into())
        }
    }
}
