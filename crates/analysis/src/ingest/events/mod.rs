//! `events.jsonl` → replicas, pods, decisions, events and gaps. The file is what the agent saw: whole objects, one a line.

mod decisions;
mod pods;

use crate::ingest::Error;
use bench_model::record::{Record, What};
use bench_model::tables::{Decision, Event, Gap, PodLife, ReplicaPoint};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Lines told one by one before the rest is only counted.
const TOLD: usize = 3;

/// What the agent saw of one Deployment and its namespace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    pub replicas: Vec<ReplicaPoint>,
    pub pods: Vec<PodLife>,
    pub decisions: Vec<Decision>,
    pub events: Vec<Event>,
    /// Of kind `watch`.
    pub gaps: Vec<Gap>,
    /// Time of the last record.
    pub last: Option<DateTime<Utc>>,
    pub problems: Vec<String>,
}

/// Reads the records of one Deployment. What could not be read is told in [`Seen::problems`].
///
/// # Errors
/// When the file cannot be read.
pub fn read_file(path: &Path, deployment: &str) -> Result<Seen, Error> {
    let file = File::open(path).map_err(|e| Error::read(path, e))?;
    let mut seen = read(BufReader::with_capacity(1 << 20, file), deployment).map_err(|e| Error::read(path, e))?;
    for p in &mut seen.problems {
        *p = format!("{}: {p}", path.display());
    }
    Ok(seen)
}

/// As [`read_file`], from anything.
///
/// # Errors
/// When `reader` does.
pub fn read(mut reader: impl BufRead, deployment: &str) -> std::io::Result<Seen> {
    let mut seen = Seen::default();
    let mut pods = pods::Pods::new(deployment);
    let mut known_events = BTreeSet::new();
    let (mut number, mut bad) = (0usize, 0usize);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        number += 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let record: Record = match serde_json::from_slice(&line) {
            Ok(r) => r,
            // Only the last line can be torn: lines are appended whole and one by one.
            Err(_) if !line.ends_with(b"\n") => {
                seen.problems.push(format!("line {number}: the last line is torn; the agent was stopped while it wrote"));
                break;
            }
            Err(e) => {
                bad += 1;
                if bad <= TOLD {
                    seen.problems.push(format!("line {number}: {e}"));
                }
                continue;
            }
        };
        let t = seconds(record.t);
        seen.last = seen.last.max(Some(record.t));
        match (record.what, record.kind.as_str()) {
            (What::Gap, kind) => seen.gaps.push(gap(t, kind, &record)),
            (What::Agent, _) => {}
            (_, "Deployment") if record.name == deployment => seen.replicas.push(replicas(t, &record)),
            (_, "Pod") => pods.see(t, &record),
            (What::Deleted, _) => {}
            (_, "HorizontalPodAutoscaler") => seen.decisions.extend(decisions::hpa(t, &record, deployment)),
            (_, "VariantAutoscaling") => seen.decisions.extend(decisions::wva(t, &record)),
            (_, "Event") => seen.events.extend(event(t, &record, &mut known_events)),
            _ => {}
        }
    }
    if bad > TOLD {
        seen.problems.push(format!("{} more lines were not understood", bad - TOLD));
    }
    seen.pods = pods.finish();
    seen.replicas.sort_by(|a, b| a.t.total_cmp(&b.t));
    seen.decisions.sort_by(|a, b| a.t.total_cmp(&b.t));
    seen.events.sort_by(|a, b| a.t.total_cmp(&b.t));
    Ok(seen)
}

fn replicas(t: f64, r: &Record) -> ReplicaPoint {
    if r.what == What::Deleted {
        return ReplicaPoint { t, desired: 0, current: 0, ready: 0 };
    }
    let at = |p: &str| number(&r.object, p);
    // The API server omits zeros in status, and fills spec.replicas with 1.
    ReplicaPoint {
        t,
        desired: at("/spec/replicas").unwrap_or(1),
        current: at("/status/replicas").unwrap_or(0),
        ready: at("/status/readyReplicas").unwrap_or(0),
    }
}

fn gap(t: f64, kind: &str, r: &Record) -> Gap {
    let from = r.object.get("from").and_then(|v| v.as_f64().or_else(|| parse_time(v))).unwrap_or(t).min(t);
    let what = if kind.is_empty() { "objects".to_owned() } else { format!("{kind} objects") };
    Gap { kind: "watch".into(), from, to: t, detail: format!("the watch on {what} broke; changes in between may be missing") }
}

/// A core event; `None` for one that was seen already, because a watch begun anew lists all of them again.
fn event(t: f64, r: &Record, known: &mut BTreeSet<(String, u32)>) -> Option<Event> {
    let o = &r.object;
    let time = ["/series/lastObservedTime", "/lastTimestamp", "/deprecatedLastTimestamp", "/eventTime", "/firstTimestamp"];
    let count = ["/series/count", "/count", "/deprecatedCount"].iter().find_map(|p| number(o, p)).unwrap_or(1);
    let id = o.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or(&r.name);
    if !known.insert((id.to_owned(), count)) {
        return None;
    }
    let about = o.get("involvedObject").or_else(|| o.get("regarding")).unwrap_or(&Value::Null);
    Some(Event {
        t: time.iter().find_map(|p| o.pointer(p).and_then(parse_time)).unwrap_or(t),
        kind: text(o, "/type"),
        reason: text(o, "/reason"),
        object: format!("{}/{}", text(about, "/kind"), text(about, "/name")),
        message: Some(text(o, "/message")).filter(|m| !m.is_empty()).unwrap_or_else(|| text(o, "/note")),
        count,
    })
}

/// Epoch seconds of a moment.
fn seconds(t: DateTime<Utc>) -> f64 {
    #[allow(clippy::cast_precision_loss)] // microseconds since 1970 need 51 bits; f64 holds 53
    let us = t.timestamp_micros() as f64;
    us / 1e6
}

fn parse_time(v: &Value) -> Option<f64> {
    DateTime::parse_from_rfc3339(v.as_str()?).ok().map(|t| seconds(t.to_utc()))
}

fn number(v: &Value, pointer: &str) -> Option<u32> {
    u32::try_from(v.pointer(pointer)?.as_u64()?).ok()
}

fn text(v: &Value, pointer: &str) -> String {
    v.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
