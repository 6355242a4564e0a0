//! A report of guidellm as large as one of 80 minutes with every request's body, made from a genuine one; and how long it takes to read.
//!
//!     cargo run --release -p bench-analysis --example big_report -- write FILE [MEGABYTES] [REQUESTS]
//!     cargo run --release -p bench-analysis --example big_report -- read FILE|samples.om.txt|RUN_DIRECTORY
//!
//! `scripts/measure-ingest` uses both.

use bench_analysis::ingest::{guidellm, openmetrics};
use serde_json::{Value, json};
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, or: usize| args.get(i).map_or(Ok(or), |n| n.parse());
    match (args.first().map(String::as_str), args.get(1)) {
        (Some("write"), Some(file)) => write(Path::new(file), number(2, 500)?, number(3, 19_200)?),
        (Some("read"), Some(file)) => {
            let start = Instant::now();
            let path = Path::new(file);
            let what = if path.is_dir() {
                let read = bench_analysis::ingest::run_dir(path)?;
                format!("{} requests, {} series, {} events", read.tables.requests.len(), read.tables.series.len(), read.tables.events.len())
            } else if file.ends_with(".om.txt") {
                let (series, _) = openmetrics::read_file(path)?;
                format!("{} samples of {} series", series.iter().map(|s| s.samples.len()).sum::<usize>(), series.len())
            } else {
                let load = guidellm::read_file(path)?;
                format!("{} requests of {} rates", load.requests.len(), load.rates.len())
            };
            let took = start.elapsed().as_secs_f64();
            let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).map_or("?", str::trim);
            println!("{what} in {took:.3} s, peak memory {peak}");
            Ok(())
        }
        _ => Err("write FILE [MEGABYTES] [REQUESTS] | read FILE|RUN_DIRECTORY".into()),
    }
}

/// The genuine report with its requests repeated, their prompts and answers longer.
fn write(file: &Path, megabytes: usize, requests: usize) -> Result<(), Box<dyn Error>> {
    let genuine = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/guidellm/0.8.1/benchmarks.json");
    let mut report: Value = serde_json::from_reader(File::open(genuine)?)?;
    let benchmarks = report["benchmarks"].as_array_mut().map(std::mem::take).ok_or("no benchmarks")?;
    let of_each = requests / benchmarks.len();
    let mut out = BufWriter::new(File::create(file)?);
    report["benchmarks"] = "@".into();
    let text = report.to_string();
    let (before, after) = text.split_once("\"@\"").ok_or("no place for benchmarks")?;
    write!(out, "{before}[")?;
    for (i, mut b) in benchmarks.into_iter().enumerate() {
        let templates = b["requests"]["successful"].as_array_mut().map(std::mem::take).ok_or("no requests")?;
        let bare = templates.first().map_or(0, |t| t.to_string().len());
        // Four fifths of the rest for prompts, one for answers, as with 4,096 and 1,024 tokens.
        let body = (megabytes * 1_000_000 / requests).saturating_sub(bare);
        let rate = b["config"]["strategy"]["rate"].as_f64().unwrap_or(1.0);
        b["metrics"]["request_totals"] = json!({"successful": of_each, "errored": 0, "incomplete": 0, "total": of_each});
        b["requests"] = json!({"successful": "@", "errored": [], "incomplete": [], "total": null});
        let text = b.to_string();
        let (before, after) = text.split_once("\"@\"").ok_or("no place for requests")?;
        write!(out, "{}{before}[", if i > 0 { "," } else { "" })?;
        for n in 0..of_each {
            let mut request = templates[n % templates.len()].clone();
            #[allow(clippy::cast_precision_loss)]
            shift(&mut request, (n - n % templates.len()) as f64 / rate);
            lengthen(&mut request, body);
            write!(out, "{}{request}", if n > 0 { "," } else { "" })?;
        }
        write!(out, "]{after}")?;
    }
    write!(out, "]{after}")?;
    Ok(out.flush()?)
}

/// Every moment of a request that many seconds later.
fn shift(v: &mut Value, by: f64) {
    match v {
        Value::Number(n) => {
            if let Some(t) = n.as_f64().filter(|t| *t > 1e9) {
                *v = json!(t + by);
            }
        }
        Value::Object(o) => o.values_mut().for_each(|v| shift(v, by)),
        Value::Array(a) => a.iter_mut().for_each(|v| shift(v, by)),
        _ => {}
    }
}

/// The prompt within `request_args`, which is JSON in a text, and the answer, with their own words over and over.
fn lengthen(request: &mut Value, body: usize) {
    let again = |text: &str, bytes: usize| -> String {
        text.split_inclusive(' ')
            .cycle()
            .scan(0, |n, w| {
                *n += w.len();
                (*n < bytes + w.len()).then_some(w)
            })
            .collect()
    };
    if let Some(mut args) = request["request_args"].as_str().and_then(|a| serde_json::from_str::<Value>(a).ok()) {
        let prompt = args.pointer("/body/prompt").and_then(Value::as_str).unwrap_or_default();
        args["body"]["prompt"] = again(prompt, body * 4 / 5).into();
        request["request_args"] = args.to_string().into();
    }
    let answer = request["output"].as_str().unwrap_or_default();
    request["output"] = again(answer, body / 5).into();
}
