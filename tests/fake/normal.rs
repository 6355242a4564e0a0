//! What is compared: the cluster and the results without what is new in every run of the same thing.

use crate::world::{World, is_leaving, text};
use bench_model::names::sha256_hex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

pub type Normal = BTreeMap<String, String>;

/// Takes out what the server or the clock gave, and runs' names.
fn clean(v: &mut Value, runs: &[(String, &'static str)]) {
    match v {
        Value::Object(m) => {
            for k in ["uid", "resourceVersion", "creationTimestamp", "generation", "status"] {
                m.shift_remove(k);
            }
            // A certificate is drawn anew with every one that is made.
            for key in ["tls.crt", "tls.key"] {
                if m.get(key).is_some_and(Value::is_string) {
                    m.insert(key.into(), json!("drawn"));
                }
            }
            m.values_mut().for_each(|v| clean(v, runs));
        }
        Value::Array(a) => a.iter_mut().for_each(|v| clean(v, runs)),
        Value::String(s) if s.contains("BEGIN CERTIFICATE") => *s = "a certificate".into(),
        Value::String(s) => *s = anonymous(s, runs),
        _ => {}
    }
}

/// Replaces runs' names, and moments as RFC 3339 has them.
pub fn anonymous(s: &str, runs: &[(String, &'static str)]) -> String {
    let mut s = s.to_string();
    for (name, is) in runs {
        if s.contains(name.as_str()) {
            s = s.replace(name.as_str(), is);
        }
    }
    let b = s.as_bytes();
    let (mut out, mut last, mut i) = (String::new(), 0, 0);
    // 2026-11-24T03:12:05[.123456][Z|+00:00]
    while i + 19 <= b.len() {
        let fits = b[i..i + 19].iter().zip(b"0000-00-00T00:00:00").all(|(c, p)| if *p == b'0' { c.is_ascii_digit() } else { c == p });
        if !fits {
            i += 1;
            continue;
        }
        out.push_str(&s[last..i]);
        out.push_str("MOMENT");
        i += 19;
        while i < b.len() && (b[i].is_ascii_digit() || matches!(b[i], b'.' | b'Z' | b'+' | b':')) {
            i += 1;
        }
        last = i;
    }
    out.push_str(&s[last..]);
    out
}

/// Ids of the runs of a results directory, and the parts of them that objects are called by.
pub fn runs(results: &Path) -> Vec<(String, &'static str)> {
    let mut out = vec![];
    for e in std::fs::read_dir(results).into_iter().flatten().flatten() {
        let id = e.file_name().to_string_lossy().into_owned();
        if e.path().join("run.json").exists() {
            let (time, random) = (id.split('-').next().unwrap_or_default(), id.rsplit('-').next().unwrap_or_default());
            out.push((format!("{time}-{random}").to_lowercase(), "RUN"));
            out.push((id.to_lowercase(), "run"));
            out.push((id.clone(), "RUN"));
        }
    }
    out
}

/// Objects but for leases and events; pods counted by their owners.
pub fn cluster(w: &World, runs: &[(String, &'static str)]) -> Normal {
    let mut out = Normal::new();
    let mut pods: BTreeMap<String, (usize, bool)> = BTreeMap::new();
    for (id, o) in &w.objects {
        let leaving = if is_leaving(o) { " (leaving)" } else { "" };
        match id.kind {
            // Helm leaves a chart's CRDs.
            "Lease" | "Event" | "CustomResourceDefinition" => {}
            "Pod" => {
                let owner = format!("{} {}", text(o, "/metadata/ownerReferences/0/kind"), text(o, "/metadata/ownerReferences/0/name"));
                let stale = w.loaded.get(text(o, "/metadata/uid")).is_some_and(|l| *l != w.config_of(o));
                let entry = pods.entry(anonymous(&format!("pods of {}/{owner}", id.ns), runs)).or_default();
                entry.0 += 1;
                entry.1 |= stale;
            }
            _ => {
                let mut o = o.clone();
                clean(&mut o, runs);
                out.insert(anonymous(&format!("{id}{leaving}"), runs), o.to_string());
            }
        }
    }
    for (k, (n, stale)) in pods {
        out.insert(k, format!("{n}{}", if stale { ", with configuration that is no more" } else { "" }));
    }
    for ((_, ns, variant), n) in &w.gauges {
        out.insert(format!("gauge of {ns}/{variant}"), n.to_string());
    }
    for (name, r) in &w.releases {
        let mut values = r.values.clone();
        clean(&mut values, runs);
        out.insert(format!("release {name}"), json!([r.namespace, r.status, r.chart, values]).to_string());
    }
    out
}

/// Files of the runs that are complete, by name and checksum: what was measured, and how.
pub fn results(dir: &Path, runs: &[(String, &'static str)]) -> Normal {
    let mut out = Normal::new();
    for (path, bytes) in files(dir) {
        let Some((run, file)) = path.split_once('/') else { continue };
        let record = std::fs::read(dir.join(run).join("run.json")).ok();
        let Some(record) = record.and_then(|t| serde_json::from_slice::<Value>(&t).ok()) else { continue };
        if record["state"] == "failed" {
            continue;
        }
        out.insert("state".into(), record["state"].to_string());
        out.insert("missing".into(), record["missing"].to_string());
        let derived = matches!(file, "run.json" | "journal.jsonl" | "summary.json" | "report.html" | "SHA256SUMS");
        // Pods are called anew when they are made again.
        let file = if let Some(log) = file.strip_prefix("logs/") {
            let (pod, container) = log.split_once('.').unwrap_or((log, ""));
            format!("logs/{}.{container}", pod.rsplit_once('-').map_or(pod, |p| p.0))
        } else {
            anonymous(file, runs)
        };
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        if file.starts_with("metrics/") {
            text = text.lines().filter(|l| !l.starts_with("up{")).collect::<Vec<_>>().join("\n");
        }
        let content = if derived { "there".into() } else { sha256_hex(anonymous(&text, runs).as_bytes()) };
        out.insert(format!("file {file}"), content);
    }
    out
}

/// All files below a directory.
pub fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut out, mut todo) = (vec![], vec![dir.to_path_buf()]);
    while let Some(d) = todo.pop() {
        for e in std::fs::read_dir(&d).into_iter().flatten().flatten() {
            let p = e.path();
            if p.is_dir() {
                todo.push(p);
            } else if let (Ok(r), Ok(b)) = (p.strip_prefix(dir), std::fs::read(&p)) {
                out.push((r.to_string_lossy().into_owned(), b));
            }
        }
    }
    out
}

/// Changes with everything that is written below a directory.
pub fn sizes(dir: &Path) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let (mut hash, mut todo) = (DefaultHasher::new(), vec![dir.to_path_buf()]);
    while let Some(d) = todo.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(&d).into_iter().flatten().flatten().map(|e| e.path()).collect();
        entries.sort();
        for p in entries {
            if p.is_dir() {
                todo.push(p);
            } else if let Ok(m) = p.metadata() {
                (p, m.len(), m.modified().ok()).hash(&mut hash);
            }
        }
    }
    hash.finish()
}

/// What differs, in a few lines.
pub fn difference(a: &Normal, b: &Normal) -> Option<String> {
    let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let short = |s: Option<&String>| s.map_or("nothing".to_string(), |s| s.chars().take(700).collect());
    let lines: Vec<String> = keys
        .into_iter()
        .filter(|k| a.get(*k) != b.get(*k))
        .take(4)
        .map(|k| format!("{k}: wanted {}, is {}", short(a.get(k)), short(b.get(k))))
        .collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}
