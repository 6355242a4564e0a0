//! What the recorder reads out of logs: the load's finished rates as records, and the last lines of model servers that leave.

use crate::load::progress;
use anyhow::Context;
use bench_model::record::{Record, What};
use chrono::{DateTime, Utc};
use futures::{AsyncBufReadExt, AsyncReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use kube::{Api, Client};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// What the harness writes before each summary (`templates/summary.py`).
pub const MARK: &str = "llmd-bench-rate ";
/// A longer line is no summary.
const LONGEST: usize = 16 << 10;
/// Of a model server's log when its pod leaves.
const LEAVING_LINES: i64 = 5_000;
const LEAVING_BYTES: u64 = 1 << 20;

/// The record of a line of the load's log: a finished rate's summary, or guidellm's own word that a rate is completed.
pub fn record_of(line: &str) -> Option<Value> {
    if line.len() > LONGEST {
        return None;
    }
    if let Some(at) = line.find(MARK) {
        let rate: Value = serde_json::from_str(line[at + MARK.len()..].trim()).ok()?;
        return rate.is_object().then(|| json!({"agent": "a rate is finished", "rate": rate}));
    }
    let seen = progress::parse(line).filter(|l| l.status == "completed")?;
    let rate = json!({"rate": seen.rate, "successful": seen.successful, "errored": seen.errored, "elapsed_s": seen.elapsed_s});
    Some(json!({"agent": "guidellm says a rate is completed", "progress": rate}))
}

/// Follows the load's log until its container has ended (`over`) and everything was read. A stream that breaks is taken up again;
/// what was seen is not told twice.
pub async fn follow_load(client: Client, namespace: String, pod: String, over: Arc<AtomicBool>, out: UnboundedSender<Record>) {
    let api: Api<Pod> = Api::namespaced(client, &namespace);
    let mut told: HashSet<String> = HashSet::new();
    let mut seen_until: Option<DateTime<Utc>> = None;
    let mut failures = 0u32;
    loop {
        let last_pass = over.load(Ordering::Relaxed);
        // A bit more than was missed: clocks differ, and a second time the same line is nothing new.
        let since_seconds = seen_until.map(|t| (Utc::now() - t).num_seconds().max(0) + 30);
        let params =
            LogParams { container: Some("guidellm".into()), follow: true, timestamps: true, since_seconds, ..LogParams::default() };
        let read = async {
            let mut lines = api.log_stream(&pod, &params).await?.lines();
            while let Some(line) = lines.try_next().await.map_err(|e| kube::Error::Service(Box::new(e)))? {
                seen_until = Some(Utc::now());
                if let Some(object) = record_of(&line)
                    && told.insert(line)
                {
                    let r = Record { t: Utc::now(), what: What::Agent, kind: String::new(), name: pod.clone(), object };
                    if out.send(r).is_err() {
                        break;
                    }
                }
            }
            Ok::<(), kube::Error>(())
        };
        match read.await {
            Ok(()) if last_pass => return,
            Ok(()) => failures = 0,
            // With its pod the log is gone.
            Err(kube::Error::Api(s)) if s.code == 404 => return,
            Err(e) => {
                failures += 1;
                if failures == 1 {
                    let object = json!({"agent": "the load's log cannot be followed", "error": e.to_string()});
                    let r = Record { t: Utc::now(), what: What::Agent, kind: String::new(), name: pod.clone(), object };
                    if out.send(r).is_err() {
                        return;
                    }
                }
                if last_pass && failures > 10 {
                    return;
                }
            }
        }
        if out.is_closed() {
            return;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Keeps the end of the log of a model server that is being deleted: with its pod it would be gone.
pub async fn keep_leaving(client: &Client, namespace: &str, pod: &str, containers: &[String], dir: &Path) -> anyhow::Result<()> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    for container in containers {
        let params = LogParams { container: Some(container.clone()), tail_lines: Some(LEAVING_LINES), ..LogParams::default() };
        let mut text = vec![];
        let mut stream = api.log_stream(pod, &params).await?.take(LEAVING_BYTES);
        stream.read_to_end(&mut text).await?;
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let path = dir.join(format!("{pod}.{container}.log"));
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_and_completed_rates_become_records_and_nothing_else_does() {
        let r = record_of("2026-11-24T03:11:59.123456789Z llmd-bench-rate {\"k\":0,\"rate\":2.0,\"successful\":30}").unwrap();
        assert_eq!(r["rate"]["successful"], 30);
        let line = |status: &str| {
            format!(
                "2026-11-24T03:11:59Z 26-11-23 19:10:54|INFO |x - Benchmark 1 (constant@2.00): {status} | elapsed=40.9s | successful=19 errored=1 incomplete=0 | requests/s=2.05"
            )
        };
        assert_eq!(
            record_of(&line("completed")).unwrap()["progress"],
            json!({"rate": 2.0, "successful": 19, "errored": 1, "elapsed_s": 40.9})
        );
        let long = format!("{MARK}{{\"a\":\"{}\"}}", "x".repeat(LONGEST));
        for other in [line("active"), "hello".into(), format!("{MARK}{{torn"), format!("{MARK}[1]"), long, String::new()] {
            assert_eq!(record_of(&other), None, "{other:.60}");
        }
    }
}
