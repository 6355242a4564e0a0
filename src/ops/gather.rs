//! What is kept of a run besides the load's own files: metrics, logs, images, clocks.

use crate::cluster::{Cluster, Container};
use crate::metrics::Prometheus;
use crate::steps::{Ctx, model_server, wva};
use anyhow::Context;
use bench_model::run::{ClockSample, files};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Lines of each container's log that are kept.
const LOG_LINES: i64 = 20_000;

/// Raw samples of everything that decided or was decided, with the scrapes' own timestamps.
///
/// Histogram buckets are left out: they are nine tenths of the samples, and the load generator measured latency itself.
pub async fn metrics(ctx: &Ctx, prometheus: &Prometheus, dir: &Path, from: f64, to: f64) -> anyhow::Result<usize> {
    let ns = ctx.namespace();
    let selectors = [
        format!("{{__name__=~\"vllm:.+\",__name__!~\".+_bucket\",namespace=\"{ns}\"}}"),
        format!("{{__name__=~\"(inferno|wva)_.+\",exported_namespace=\"{ns}\"}}"),
        format!("up{{namespace=\"{ns}\"}}"),
    ];
    let mut all = vec![];
    for selector in &selectors {
        all.extend(prometheus.raw(&ctx.cluster, selector, from, to).await?);
    }
    let samples = all.iter().map(|s| s.samples.len()).sum();
    let path = dir.join(files::METRICS);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let part = path.with_extension("part");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&part).with_context(|| format!("cannot write {}", part.display()))?);
    bench_analysis::ingest::openmetrics::write(&mut out, all)?;
    out.flush()?;
    std::fs::rename(&part, &path)?;
    Ok(samples)
}

/// Logs of model servers, gateway and WVA's controller, bounded. Gives what could not be read.
pub async fn logs(ctx: &Ctx, dir: &Path) -> Vec<String> {
    let mut missing = vec![];
    let ns = ctx.namespace().to_string();
    let mut sources =
        vec![(ns.clone(), model_server::selector(ctx)), (ns, format!("app.kubernetes.io/name={}", ctx.plan.gateway_service()))];
    match wva::controller_pods(ctx).await {
        Ok(found) => sources.extend(found.map(|(ns, selector)| (ns, selector.to_string()))),
        Err(e) => missing.push(format!("WVA's log: {e:#}")),
    }
    let logs = dir.join(files::LOGS);
    if let Err(e) = std::fs::create_dir_all(&logs) {
        return vec![format!("logs: {e}")];
    }
    for (ns, selector) in sources {
        let pods = match ctx.cluster.list("Pod", Some(&ns), &selector).await {
            Ok(p) => p,
            Err(e) => {
                missing.push(format!("logs of {selector}: {e}"));
                continue;
            }
        };
        for (pod, container) in containers(&pods) {
            let text = match ctx.cluster.logs(&Container::new(&ns, &pod, &container), LOG_LINES, false).await {
                Ok(t) => t,
                Err(e) => {
                    missing.push(format!("log of {pod}: {e}"));
                    continue;
                }
            };
            // A server may print what it was given; run directories are passed on.
            let text = crate::config::secrets::redact_text(&text);
            if let Err(e) = std::fs::write(logs.join(format!("{pod}.{container}.log")), text) {
                missing.push(format!("log of {pod}: {e}"));
            }
        }
    }
    missing
}

fn containers(pods: &[Value]) -> Vec<(String, String)> {
    let text = |v: &Value, p: &str| v.pointer(p).and_then(Value::as_str).unwrap_or_default().to_string();
    pods.iter()
        .flat_map(|p| {
            let names = p.pointer("/spec/containers").and_then(Value::as_array).cloned().unwrap_or_default();
            names.into_iter().map(|c| (text(p, "/metadata/name"), text(&c, "/name"))).collect::<Vec<_>>()
        })
        .collect()
}

/// container → image id of all pods of the namespace, as the kubelet reports it.
pub async fn images(cluster: &Cluster, namespace: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let mut out = BTreeMap::new();
    for pod in cluster.list("Pod", Some(namespace), "").await? {
        for c in pod.pointer("/status/containerStatuses").and_then(Value::as_array).into_iter().flatten() {
            let text = |k: &str| c[k].as_str().unwrap_or_default().to_string();
            out.insert(text("name"), format!("{} {}", text("image"), text("imageID")));
        }
    }
    Ok(out)
}

/// Offset of another clock, read between `before` and now.
fn offset(clock: &str, before: DateTime<Utc>, theirs: f64, resolution_s: f64) -> ClockSample {
    let after = Utc::now();
    let mid = (before.timestamp_millis() + after.timestamp_millis()) as f64 / 2000.0;
    let round_trip = (after - before).num_milliseconds() as f64 / 1000.0;
    ClockSample { clock: clock.into(), at: before, offset_s: theirs - mid, uncertainty_s: round_trip / 2.0 + resolution_s }
}

/// Clock of the load's container, by the Python that guidellm brings.
pub async fn harness_clock(cluster: &Cluster, at: &Container) -> Option<ClockSample> {
    let before = Utc::now();
    // Starting Python takes a while: the time is read at its end, so half the round trip would be too early.
    let out = cluster.exec(at, &["python3", "-c", "import time; print(time.time())"]).await.ok()?;
    let mut sample = offset("harness", before, out.text().parse().ok()?, 0.0);
    sample.uncertainty_s *= 2.0;
    Some(sample)
}

/// Clocks of API server, Prometheus and the recorder against this machine's. What does not answer is left out.
pub async fn clocks(cluster: &Cluster, prometheus: &Prometheus, agent: Option<(&Container, &str)>) -> Vec<ClockSample> {
    let mut out = vec![];
    let before = Utc::now();
    if let Ok(t) = cluster.server_date().await {
        // The header has whole seconds, rounded down: on average half a second early.
        out.push(offset("api-server", before, t.timestamp() as f64 + 0.5, 0.5));
    }
    let before = Utc::now();
    if let Ok(Some(t)) = prometheus.value(cluster, "time()").await {
        out.push(offset("prometheus", before, t, 0.001));
    }
    if let Some((at, bench)) = agent {
        let before = Utc::now();
        let said = cluster.exec(at, &[bench, "agent", "clock"]).await.ok().and_then(|o| o.text().parse::<f64>().ok());
        if let Some(t) = said {
            out.push(offset("agent", before, t, 0.001));
        }
    }
    out
}
