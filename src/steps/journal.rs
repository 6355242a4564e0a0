//! The journal: each step begun and ended, on disk before the next thing happens.

use crate::failure::Failure;
use anyhow::Context;
use bench_model::exit::Exit;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// One line of `journal.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1 without holes.
    pub seq: u64,
    pub t: DateTime<Utc>,
    pub step: String,
    /// `begun`, `done`, `failed`, `skipped`.
    pub state: String,
    pub detail: String,
    /// First 8 digits of SHA-256 over the other fields: a torn or edited line shows.
    pub sum: String,
}

impl Entry {
    fn checksum(&self) -> String {
        let text = format!("{}|{}|{}|{}|{}", self.seq, self.t.to_rfc3339(), self.step, self.state, self.detail);
        bench_model::names::sha256_hex(text.as_bytes())[..8].to_string()
    }
}

/// A journal; appends only. Its file is opened by the first entry, so that a command which only looks leaves nothing.
pub struct Journal {
    path: PathBuf,
    open: Option<Open>,
    /// A damaged one that was put aside, and not told yet.
    aside: Option<String>,
}

struct Open {
    file: File,
    seq: u64,
    /// Bytes of whole entries.
    whole: u64,
}

impl Journal {
    pub fn at(path: &Path) -> Self {
        Self { path: path.into(), open: None, aside: None }
    }

    /// What there is to tell of a damaged journal, once.
    pub fn told_aside(&mut self) -> Option<String> {
        self.aside.take()
    }

    /// Appends one entry and waits until it is on the disk.
    pub fn write(&mut self, step: &str, state: &str, detail: &str) -> anyhow::Result<()> {
        let open = match &mut self.open {
            Some(o) => o,
            none => {
                self.aside = put_aside_if_damaged(&self.path)?;
                none.insert(Open::new(&self.path)?)
            }
        };
        // What others said stands here too; journals are passed on.
        let detail = crate::config::secrets::redact_text(detail);
        let mut e = Entry { seq: open.seq + 1, t: Utc::now(), step: step.into(), state: state.into(), detail, sum: String::new() };
        e.sum = e.checksum();
        let line = format!("{}\n", serde_json::to_string(&e)?);
        if let Err(e) = open.file.write_all(line.as_bytes()).and_then(|()| open.file.sync_data()) {
            // Half a line (of a full disk) must not stand before a later one.
            let cut = open.file.set_len(open.whole);
            if cut.is_err() {
                self.open = None;
            }
            return Err(e).with_context(|| format!("cannot write the journal {}", self.path.display()));
        }
        open.seq += 1;
        open.whole += line.len() as u64;
        Ok(())
    }
}

/// The cluster decides what is so: a journal that cannot be read is kept, and another one begun.
fn put_aside_if_damaged(path: &Path) -> anyhow::Result<Option<String>> {
    let Err(e) = read(path) else { return Ok(None) };
    let unreadable = e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() != std::io::ErrorKind::InvalidData);
    if unreadable {
        return Err(e);
    }
    let free = (1..).map(|n| PathBuf::from(format!("{}.damaged-{n}", path.display()))).find(|p| !p.exists());
    let Some(aside) = free else { return Err(e) };
    std::fs::rename(path, &aside).with_context(|| format!("cannot put {} aside", path.display()))?;
    Ok(Some(format!("{e:#}: it is kept as {}", aside.display())))
}

impl Open {
    /// Opens or begins the file; a torn last line is cut off.
    fn new(path: &Path) -> anyhow::Result<Self> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        let (entries, whole) = read(path)?;
        let file = OpenOptions::new().create(true).append(true).open(path).with_context(|| format!("cannot write {}", path.display()))?;
        file.set_len(whole)?;
        Ok(Self { file, seq: entries.last().map_or(0, |e| e.seq), whole })
    }
}

/// All whole entries and how many bytes they take. A missing file is an empty journal.
pub fn read(path: &Path) -> anyhow::Result<(Vec<Entry>, u64)> {
    let text = match std::fs::read_to_string(path) {
        Ok(t) => t,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok((vec![], 0)),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
    };
    let mut entries: Vec<Entry> = vec![];
    let mut whole = 0;
    for line in text.split_inclusive('\n') {
        let parsed = serde_json::from_str::<Entry>(line).ok().filter(|e| line.ends_with('\n') && e.sum == e.checksum());
        match parsed {
            Some(e) => {
                whole += line.len();
                entries.push(e);
            }
            // Only the very end may be torn; damage before it is not ours to cut.
            None if whole + line.len() == text.len() => break,
            None => {
                let text = format!("{}: entry {} is damaged", path.display(), entries.len() + 1);
                return Err(Failure::new(Exit::Usage, text).into());
            }
        }
    }
    Ok((entries, whole as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("llmd-bench-journal-{}-{name}", std::process::id()));
        std::fs::remove_dir_all(&dir).ok();
        std::fs::create_dir_all(&dir).unwrap();
        dir.join("journal.jsonl")
    }

    #[test]
    fn a_torn_last_line_is_cut_and_counting_goes_on() {
        let path = scratch("torn");
        Journal::at(&path).write("a", "begun", "").unwrap();
        let mut f = OpenOptions::new().append(true).open(&path).unwrap();
        f.write_all(b"{\"seq\":2,\"t\":\"20").unwrap();
        Journal::at(&path).write("a", "done", "x").unwrap();
        let (entries, _) = read(&path).unwrap();
        assert_eq!(entries.iter().map(|e| (e.seq, e.state.as_str())).collect::<Vec<_>>(), [(1, "begun"), (2, "done")]);
    }

    #[test]
    fn what_is_damaged_in_the_middle_is_put_aside() {
        let path = scratch("damaged");
        let mut j = Journal::at(&path);
        j.write("a", "begun", "").unwrap();
        j.write("a", "done", "").unwrap();
        let text = std::fs::read_to_string(&path).unwrap().replacen("\"a\"", "\"b\"", 1);
        std::fs::write(&path, text).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("entry 1 is damaged"));
        // It is kept, and another one begun.
        let mut j = Journal::at(&path);
        j.write("b", "begun", "").unwrap();
        let told = j.told_aside().unwrap();
        assert!(told.contains("entry 1 is damaged") && told.contains("journal.jsonl.damaged-1"), "{told}");
        assert_eq!((j.told_aside(), read(&path).unwrap().0.len()), (None, 1));
        assert!(path.with_extension("jsonl.damaged-1").exists());
        // One that is no text at all, too.
        std::fs::write(&path, b"\xff\xfe\n").unwrap();
        Journal::at(&path).write("c", "begun", "").unwrap();
        assert!(path.with_extension("jsonl.damaged-2").exists());
    }
}
