//! What there is of the load, rate by rate: whole, as a summary that left the node in time, or not at all.

use super::results;
use crate::agent::names;
use bench_model::plan::Plan;
use bench_model::run::files;
use bench_model::scenario::LoadMode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

const REPORT: &str = "benchmarks.json";
const RATES: &str = "rates.jsonl";

/// The state of each rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Has {
    Whole,
    Summary,
    Nothing,
}

/// Account of the load of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Account {
    rates: Vec<(f64, Has)>,
}

impl Has {
    fn of(whole: bool, summary: bool) -> Self {
        if whole {
            Self::Whole
        } else if summary {
            Self::Summary
        } else {
            Self::Nothing
        }
    }
}

/// Looks at the load's files and, where they are not whole, takes summaries out of the records into `load/rates.jsonl`.
pub fn take(plan: &Plan, run_dir: &Path) -> anyhow::Result<Account> {
    let Some(profile) = &plan.profile else { return Ok(Account::default()) };
    let load = run_dir.join(files::LOAD);
    let per_rate = plan.scenario.load.mode == LoadMode::PerRate;
    let whole = |k: usize| is_whole(&if per_rate { load.join(format!("rate-{k}")).join(REPORT) } else { load.join(REPORT) });
    let whole: Vec<bool> = (0..profile.rates.len()).map(whole).collect();
    if whole.iter().all(|w| *w) {
        return Ok(Account { rates: profile.rates.iter().map(|r| (*r, Has::Whole)).collect() });
    }
    let mut summaries = BTreeMap::new();
    // The harness' own file first: it is the better of both where it came home.
    for (path, recorded) in [(load.join(RATES), false), (run_dir.join(names::EVENTS), true)] {
        read_summaries(&path, recorded, &profile.rates, &mut summaries);
    }
    if !summaries.is_empty() {
        let lines: String = summaries.values().map(|v| format!("{v}\n")).collect();
        results::write_atomic(&load.join(RATES), lines.as_bytes())?;
    }
    let has = |(k, rate): (usize, &f64)| (*rate, Has::of(whole[k], summaries.contains_key(&k)));
    Ok(Account { rates: profile.rates.iter().enumerate().map(has).collect() })
}

/// A report that was written to its end.
fn is_whole(path: &Path) -> bool {
    let end = || -> std::io::Result<bool> {
        let mut f = File::open(path)?;
        let length = f.metadata()?.len();
        f.seek(SeekFrom::Start(length.saturating_sub(64)))?;
        let mut tail = vec![];
        f.read_to_end(&mut tail)?;
        Ok(tail.trim_ascii_end().ends_with(b"}"))
    };
    end().unwrap_or(false)
}

/// Summaries by position of the rate. What cannot be read is no summary.
fn read_summaries(path: &Path, recorded: bool, rates: &[f64], into: &mut BTreeMap<usize, Value>) {
    let Ok(file) = File::open(path) else { return };
    let mut reader = BufReader::new(file);
    let mut line = vec![];
    // guidellm's own words of a rate count only where there is no summary of it.
    let mut completed = BTreeMap::new();
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(n) if n > 0 => {}
            _ => break,
        }
        // Records are mostly whole objects; only the agent's own can hold a rate.
        if recorded && !line.windows(14).any(|w| w == br#""what":"agent""#) {
            continue;
        }
        let Ok(v) = serde_json::from_slice::<Value>(&line) else { continue };
        let rate = if recorded { v["object"]["rate"].clone() } else { v.clone() };
        if let Some(k) = rate["k"].as_u64().and_then(|k| usize::try_from(k).ok()).filter(|k| *k < rates.len()) {
            into.entry(k).or_insert(rate);
        } else if let Some(p) = v["object"]["progress"].as_object()
            && let Some(k) = p["rate"].as_f64().and_then(|r| rates.iter().position(|x| (x - r).abs() < 0.005))
        {
            completed.insert(
                k,
                json!({"k": k, "rate": rates[k], "successful": p["successful"], "errored": p["errored"], "duration_s": p["elapsed_s"],
                    "source": "guidellm's progress"}),
            );
        }
    }
    for (k, v) in completed {
        into.entry(k).or_insert(v);
    }
}

impl Account {
    /// Sentences for `run.json`'s list of what is missing.
    pub fn missing(&self) -> Vec<String> {
        let at = |has: Has| self.rates.iter().filter(move |(_, h)| *h == has).map(|(r, _)| format!("{r}/s")).collect::<Vec<_>>();
        let (summaries, nothing) = (at(Has::Summary), at(Has::Nothing));
        let mut out = vec![];
        if !summaries.is_empty() {
            out.push(format!("load: the requests of {}; their summaries are in load/{RATES}", summaries.join(", ")));
        }
        if !nothing.is_empty() {
            out.push(format!("load: everything of {}", nothing.join(", ")));
        }
        out
    }

    /// What is there and what is not, for the failure's text; empty when all is there.
    pub fn words(&self) -> String {
        if self.rates.iter().all(|(_, h)| *h == Has::Whole) {
            return String::new();
        }
        let each = self.rates.iter().map(|(r, h)| {
            let what = match h {
                Has::Whole => "complete",
                Has::Summary => "summary only",
                Has::Nothing => "missing",
            };
            format!("{r}/s {what}")
        });
        format!("rates: {}", each.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/runs/20261124T031159Z-ramp_small-wva-c97c");

    fn plan(mode: LoadMode, rates: &[f64]) -> Plan {
        let mut plan = crate::ops::report::plan(Path::new(RUN)).unwrap();
        plan.scenario.load.mode = mode;
        plan.profile.as_mut().unwrap().rates = rates.to_vec();
        plan
    }

    #[test]
    fn rates_are_whole_or_summaries_or_missing() {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan(LoadMode::PerRate, &[2.0, 3.0, 5.0, 6.0]);
        std::fs::create_dir_all(dir.path().join("load/rate-0")).unwrap();
        std::fs::create_dir_all(dir.path().join("load/rate-1")).unwrap();
        std::fs::write(dir.path().join("load/rate-0/benchmarks.json"), "{\"benchmarks\": []}\n").unwrap();
        std::fs::write(dir.path().join("load/rate-1/benchmarks.json"), "{\"benchmarks\": [{\"a\"").unwrap();
        let record = |object: Value| format!("{}\n", json!({"t": "2026-11-24T03:11:59Z", "what": "agent", "object": object}));
        let events = [
            record(json!({"agent": "a rate is finished", "rate": {"k": 1, "rate": 3.0, "successful": 30}})),
            record(json!({"agent": "x", "progress": {"rate": 3.0, "successful": 29, "errored": 0, "elapsed_s": 9.0}})),
            record(json!({"agent": "x", "progress": {"rate": 5.0, "successful": 50, "errored": 1, "elapsed_s": 9.0}})),
            record(json!({"agent": "x", "rate": {"k": 77}})),
            "torn".into(),
        ];
        std::fs::write(dir.path().join("events.jsonl"), events.concat()).unwrap();
        let account = take(&plan, dir.path()).unwrap();
        assert_eq!(account.words(), "rates: 2/s complete, 3/s summary only, 5/s summary only, 6/s missing");
        assert_eq!(
            account.missing(),
            ["load: the requests of 3/s, 5/s; their summaries are in load/rates.jsonl", "load: everything of 6/s"]
        );
        let rates = std::fs::read_to_string(dir.path().join("load/rates.jsonl")).unwrap();
        let rates: Vec<Value> = rates.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!((rates[0]["successful"].as_u64(), rates[1]["errored"].as_u64(), rates.len()), (Some(30), Some(1), 2));
    }

    #[test]
    fn a_run_that_has_everything_has_nothing_to_say() {
        let account = take(&crate::ops::report::plan(Path::new(RUN)).unwrap(), Path::new(RUN)).unwrap();
        assert_eq!((account.words(), account.missing()), (String::new(), vec![]));
    }
}
