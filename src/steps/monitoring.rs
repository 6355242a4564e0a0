//! Prometheus sees every model-server pod, once.

use super::Ctx;
use crate::cluster::{Poll, Ref, wait_for};
use crate::config::manifests;
use crate::metrics::Prometheus;
use bench_model::scenario::PodMonitor;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Series whose presence says that a pod is scraped.
const PROBE: &str = "vllm:num_requests_running";

pub async fn ensure(ctx: &Ctx) -> anyhow::Result<(Prometheus, String)> {
    let prometheus = Prometheus::discover(&ctx.cluster, &ctx.plan).await?;
    let monitor = Ref::new("PodMonitor", ctx.namespace(), &ctx.plan.deployment());
    let how = ctx.plan.scenario.monitoring.pod_monitor;
    let mut said = "scraped already".to_string();
    let own = match how {
        PodMonitor::Always => true,
        PodMonitor::Never => false,
        PodMonitor::Auto => {
            ctx.cluster.get_if_allowed(&monitor).await?.is_some_and(|o| super::is_ours(&o, ctx.namespace()))
                || !scraped_already(ctx, &prometheus).await?
        }
    };
    if own {
        said = format!("PodMonitor {}", ctx.apply_all(manifests::objects(&ctx.plan, "pod-monitor.yaml", Value::Null)?).await?);
    }
    if how == PodMonitor::Never && ctx.cluster.get_if_allowed(&monitor).await?.is_some_and(|o| super::is_ours(&o, ctx.namespace())) {
        ctx.cluster.delete(&monitor, None).await?;
        said = "bench's PodMonitor removed".into();
    }
    // A new PodMonitor reaches Prometheus through a mounted Secret, which the kubelet refreshes every minute or two; where nothing tells
    // of its change, it is looked at every three minutes.
    let pods = wait_for("Prometheus to scrape every model server", ctx.limit(420), Duration::from_secs(1), async || {
        let seen = scrapes(ctx, &prometheus).await?;
        let missing: Vec<String> = ready_pods(ctx).await?.into_iter().filter(|p| !seen.contains_key(p)).collect();
        Ok(if missing.is_empty() && !seen.is_empty() {
            Poll::Done(seen)
        } else {
            Poll::Not(format!("no sample yet of {}", missing.join(", ")))
        })
    })
    .await?;
    if let Some((pod, n)) = pods.iter().find(|(_, n)| **n > 1) {
        let remedy = if ctx.plan.scenario.wva.by_annotations() {
            "bench's own PodMonitor is needed all the same: WVA goes by a label that only it gives"
        } else {
            "--set monitoring.pod_monitor=never removes bench's own PodMonitor"
        };
        ctx.report.warn(format!(
            "pod {pod} is scraped {n} times: rates over both jobs count double; the rules of bench take the maximum by pod. {remedy}"
        ));
    }
    Ok((prometheus.clone(), format!("{}; {said}, {} pods seen", prometheus.url(), pods.len())))
}

/// Does somebody else's scrape configuration cover the pods? Looked for during three scrape intervals.
async fn scraped_already(ctx: &Ctx, prometheus: &Prometheus) -> anyhow::Result<bool> {
    // Pods may be discovered only some seconds after they became ready.
    let patience = Duration::from_secs(u64::from(ctx.plan.scenario.monitoring.scrape_interval_s) * 3 + 10);
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < patience {
        if !scrapes(ctx, prometheus).await?.is_empty() {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(false)
}

/// Pod → how many targets deliver its metrics now.
async fn scrapes(ctx: &Ctx, prometheus: &Prometheus) -> anyhow::Result<BTreeMap<String, u32>> {
    let expression = format!("count by (pod) ({PROBE}{{namespace=\"{}\",pod=~\"{}-.+\"}})", ctx.namespace(), ctx.plan.deployment());
    let rows = prometheus.query(&ctx.cluster, &expression).await?;
    Ok(rows.into_iter().filter_map(|r| Some((r.labels.get("pod")?.clone(), r.value as u32))).collect())
}

/// Names of the model-server pods that are ready.
pub async fn ready_pods(ctx: &Ctx) -> anyhow::Result<Vec<String>> {
    let pods = ctx.cluster.list("Pod", Some(ctx.namespace()), &super::model_server::selector(ctx)).await?;
    let ready = |p: &&Value| {
        let conditions = p.pointer("/status/conditions").and_then(Value::as_array);
        p.pointer("/metadata/deletionTimestamp").is_none()
            && conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
    };
    Ok(pods.iter().filter(ready).filter_map(|p| Some(p.pointer("/metadata/name")?.as_str()?.to_string())).collect())
}

/// Waits until every ready pod, and no other, is what the metrics speak of, and nothing runs or waits.
pub async fn drained(ctx: &Ctx, prometheus: &Prometheus) -> anyhow::Result<()> {
    let ns = ctx.namespace();
    let expression = format!("sum(vllm:num_requests_running{{namespace=\"{ns}\"}}) + sum(vllm:num_requests_waiting{{namespace=\"{ns}\"}})");
    wait_for("the model servers to be idle", ctx.limit(180), Duration::from_secs(1), async || {
        Ok(match prometheus.value(&ctx.cluster, &expression).await? {
            Some(0.0) => Poll::Done(()),
            Some(n) => Poll::Not(format!("{n} requests are running or waiting")),
            None => Poll::Not("no sample".into()),
        })
    })
    .await
}
