//! The recorder's records on this machine: fetched piece by piece while it records, so that its pod's end costs a minute at
//! most, and put together at the end. A recorder that was made again has a file of its own.
//!
//! `records/N-UID.jsonl.part` grows; `records/N-UID.jsonl` is whole and its checksum was compared; `events.jsonl` is all of them in
//! their order, with a gap where one took over from another.

use super::collect::safe;
use crate::agent::Listed;
use anyhow::Context;
use bench_model::record::{Record, What};
use bench_model::run::files;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

const DIR: &str = "records";

/// What putting together found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Assembled {
    pub records: u64,
    /// What is missing, as sentences.
    pub missing: Vec<String>,
}

/// Where the records of a recorder's pod are staged: `None` for a uid that is no file name.
pub fn stage(run_dir: &Path, uid: &str) -> anyhow::Result<PathBuf> {
    safe(uid)?;
    let all = pieces(run_dir)?;
    let of_uid = |p: &PathBuf| number_and_uid(p).is_some_and(|(_, u)| u == uid);
    let n = match all.iter().find(|p| of_uid(p)).and_then(|p| number_and_uid(p)) {
        Some((n, _)) => n,
        None => all.iter().filter_map(|p| number_and_uid(p)).map(|(n, _)| n + 1).max().unwrap_or(0),
    };
    Ok(run_dir.join(DIR).join(format!("{n}-{uid}.jsonl")))
}

/// What the agent calls its file; its size and checksum are not known while it grows.
pub fn growing() -> Listed {
    Listed { path: crate::agent::names::EVENTS.into(), size: 0, sha256: String::new() }
}

fn number_and_uid(path: &Path) -> Option<(u32, String)> {
    let name = path.file_name()?.to_str()?;
    let (n, uid) = name.strip_suffix(".part").unwrap_or(name).strip_suffix(".jsonl")?.split_once('-')?;
    Some((n.parse().ok()?, uid.into()))
}

/// All pieces in their order.
fn pieces(run_dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let dir = run_dir.join(DIR);
    let entries = match std::fs::read_dir(&dir) {
        Ok(e) => e,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", dir.display())),
    };
    let mut all = vec![];
    for entry in entries {
        let path = entry?.path();
        if number_and_uid(&path).is_some() {
            all.push(path);
        }
    }
    all.sort_by_key(|p| number_and_uid(p));
    Ok(all)
}

/// Notes that a recorder's pod is gone of which nothing had come: an empty piece stands for it.
pub fn lost(run_dir: &Path) -> anyhow::Result<()> {
    if !pieces(run_dir)?.is_empty() {
        return Ok(());
    }
    let part = format!("{}.part", stage(run_dir, "lost")?.display());
    std::fs::create_dir_all(run_dir.join(DIR)).and_then(|()| File::create(&part)).with_context(|| format!("cannot write {part}"))?;
    Ok(())
}

/// Is anything staged that no `events.jsonl` holds yet?
pub fn staged(run_dir: &Path) -> bool {
    pieces(run_dir).is_ok_and(|p| !p.is_empty())
}

/// Joins all pieces to `events.jsonl`. Staged pieces go only when it is on the disk: killed at any moment, it is done again.
pub fn assemble(run_dir: &Path) -> anyhow::Result<Assembled> {
    let all = pieces(run_dir)?;
    let target = run_dir.join(files::EVENTS);
    let mut found = Assembled::default();
    if all.is_empty() {
        return Ok(found);
    }
    let part = PathBuf::from(format!("{}.part", target.display()));
    let file = File::create(&part).with_context(|| format!("cannot write {}", part.display()))?;
    let mut out = BufWriter::new(file);
    let mut last: Option<DateTime<Utc>> = None;
    for (i, piece) in all.iter().enumerate() {
        let (records, end) = copy_whole_lines(piece, &mut out, (i > 0).then_some(last))?;
        found.records += records;
        let cut = piece.extension().is_some_and(|e| e == "part");
        last = end.or(last);
        let until = last.map_or("its beginning".into(), |t| t.format("%H:%M:%S UTC").to_string());
        if cut && i + 1 < all.len() {
            let text = format!("records: a recorder's pod was lost; from {until} to the next one's beginning there are none");
            found.missing.push(text);
        } else if cut {
            found.missing.push(format!("events.jsonl: the recorder's pod was lost; its records after {until} are missing"));
        }
    }
    out.flush()?;
    out.get_ref().sync_all()?;
    if found.records == 0 {
        std::fs::remove_file(&part)?;
        return Ok(found);
    }
    std::fs::rename(&part, &target)?;
    Ok(found)
}

/// After everything was acknowledged: the pieces are in `events.jsonl`.
pub fn clear(run_dir: &Path) -> anyhow::Result<()> {
    let dir = run_dir.join(DIR);
    if !dir.exists() {
        return Ok(());
    }
    // First out of sight in one step: half of the pieces must never pass for all of them.
    let away = run_dir.join("records.part");
    std::fs::remove_dir_all(&away).or_else(|e| if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
    std::fs::rename(&dir, &away)?;
    std::fs::remove_dir_all(&away)?;
    Ok(())
}

/// Copies up to the last whole line; before the first one of a recorder `after` another a gap, since that one's last record if it has
/// one. Gives how many there were and the last one's time.
fn copy_whole_lines(
    piece: &Path,
    out: &mut impl Write,
    after: Option<Option<DateTime<Utc>>>,
) -> anyhow::Result<(u64, Option<DateTime<Utc>>)> {
    let file = File::open(piece).with_context(|| format!("cannot read {}", piece.display()))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let (mut line, mut records, mut last) = (vec![], 0, None);
    loop {
        line.clear();
        // A line without end costs no more memory than this.
        let n = reader.by_ref().take(64 << 20).read_until(b'\n', &mut line)?;
        if n == 0 || !line.ends_with(b"\n") {
            return Ok((records, last));
        }
        if let Some(t) = time_of(&line) {
            if records == 0
                && let Some(from) = after
            {
                let object = json!({"from": from, "why": "the recorder's pod was lost; another one carries on"});
                let gap = Record { t, what: What::Gap, kind: String::new(), name: String::new(), object };
                writeln!(out, "{}", serde_json::to_string(&gap)?)?;
            }
            last = Some(t);
        }
        out.write_all(&line)?;
        records += 1;
    }
}

fn time_of(line: &[u8]) -> Option<DateTime<Utc>> {
    #[derive(serde::Deserialize)]
    struct Timed {
        t: DateTime<Utc>,
    }
    serde_json::from_slice::<Timed>(line).ok().map(|r| r.t)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: u32, name: &str) -> String {
        format!("{{\"t\":\"2026-11-24T03:11:{second:02}Z\",\"what\":\"agent\",\"name\":\"{name}\"}}\n")
    }

    #[test]
    fn a_recorder_that_was_made_again_carries_on_and_the_gap_is_a_record() {
        let run = tempfile::tempdir().unwrap();
        let first = stage(run.path(), "uid-a").unwrap();
        std::fs::create_dir_all(first.parent().unwrap()).unwrap();
        let torn = format!("{}{}{{\"t\":\"2026", line(1, "a"), line(2, "b"));
        std::fs::write(format!("{}.part", first.display()), torn).unwrap();
        assert_eq!(stage(run.path(), "uid-a").unwrap(), first, "the same pod carries on its file");
        let second = stage(run.path(), "uid-b").unwrap();
        assert!(second.ends_with("records/1-uid-b.jsonl"));
        std::fs::write(&second, line(40, "c")).unwrap();
        for _ in 0..2 {
            let found = assemble(run.path()).unwrap();
            assert_eq!(found.records, 3);
            assert_eq!(found.missing.len(), 1);
            assert!(found.missing[0].starts_with("records: ") && found.missing[0].contains("03:11:02"), "{:?}", found.missing);
        }
        let text = std::fs::read_to_string(run.path().join("events.jsonl")).unwrap();
        let records: Vec<Record> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(records.iter().map(|r| r.what).collect::<Vec<_>>(), [What::Agent, What::Agent, What::Gap, What::Agent]);
        assert_eq!(records[2].object["from"], "2026-11-24T03:11:02Z");
        clear(run.path()).unwrap();
        assert!(!staged(run.path()) && run.path().join("events.jsonl").exists());
    }

    #[test]
    fn a_recorder_of_which_nothing_had_come_is_missed_too() {
        let run = tempfile::tempdir().unwrap();
        lost(run.path()).unwrap();
        lost(run.path()).unwrap();
        assert_eq!(assemble(run.path()).unwrap().records, 0);
        std::fs::write(stage(run.path(), "next").unwrap(), line(9, "a")).unwrap();
        let found = assemble(run.path()).unwrap();
        assert_eq!(found.records, 1);
        assert!(found.missing[0].contains("from its beginning to the next one's"), "{:?}", found.missing);
        let text = std::fs::read_to_string(run.path().join("events.jsonl")).unwrap();
        let first: Record = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!((first.what, &first.object["from"]), (What::Gap, &serde_json::Value::Null));
    }

    #[test]
    fn a_lost_recorder_leaves_what_had_come_and_nothing_is_no_file() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(assemble(run.path()).unwrap(), Assembled::default());
        let part = format!("{}.part", stage(run.path(), "u").unwrap().display());
        std::fs::create_dir_all(run.path().join(DIR)).unwrap();
        std::fs::write(&part, "{\"torn").unwrap();
        assert_eq!(assemble(run.path()).unwrap().records, 0);
        assert!(!run.path().join("events.jsonl").exists());
        std::fs::write(&part, line(7, "x")).unwrap();
        assert!(assemble(run.path()).unwrap().missing[0].starts_with("events.jsonl: "));
        assert!(stage(run.path(), "../x").is_err());
    }
}
