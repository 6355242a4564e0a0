//! What is up, which arm, how many replicas, what the metrics say.

use super::follow;
use crate::cluster::{Cluster, text_at};
use crate::config::manifests::labels;
use crate::metrics::Prometheus;
use crate::report::LoadProgress;
use crate::steps::{Ctx, arm, model_server, record};
use bench_model::plan::Arm;
use serde::Serialize;
use serde_json::Value;

#[derive(Debug, Clone, Serialize)]
pub struct Status {
    pub namespace: String,
    pub scenario: String,
    pub model: String,
    pub arm: Arm,
    pub deployment: String,
    /// `standing-up`, `swapping`, `up`.
    pub phase: String,
    pub live: LoadProgress,
    /// Name, current, desired replicas and whether it acts.
    pub hpas: Vec<HpaStatus>,
    /// Run whose load is at work.
    pub running: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct HpaStatus {
    pub name: String,
    pub current: u64,
    pub desired: u64,
    pub active: bool,
    /// metric: average value / target
    pub metrics: Vec<String>,
}

pub async fn status(ctx: &Ctx) -> anyhow::Result<Status> {
    let plan = &ctx.plan;
    let mut live = LoadProgress { phase: "now".into(), ..LoadProgress::default() };
    match Prometheus::discover(&ctx.cluster, plan).await {
        Ok(p) => follow::cluster_state(ctx, &p, &mut live).await,
        Err(e) => {
            ctx.report.warn(format!("no live metrics: {e:#}"));
            if let Some(r) = model_server::replicas(ctx).await? {
                (live.replicas, live.ready) = (Some(r.desired), Some(r.ready));
            }
        }
    }
    let hpas = arm::hpas(ctx).await?.iter().map(hpa).collect();
    Ok(Status {
        namespace: plan.namespace().into(),
        scenario: plan.scenario.name.clone(),
        model: plan.scenario.model.clone(),
        arm: plan.arm,
        deployment: plan.deployment(),
        phase: record::phase(&ctx.cluster, plan.namespace()).await?,
        live,
        hpas,
        running: running(&ctx.cluster, plan.namespace()).await?,
    })
}

fn hpa(h: &Value) -> HpaStatus {
    let text = |v: &Value, p: &str| text_at(v, p).to_string();
    let count = |p: &str| h.pointer(p).and_then(Value::as_u64).unwrap_or(0);
    let conditions = h.pointer("/status/conditions").and_then(Value::as_array);
    let current = h.pointer("/status/currentMetrics").and_then(Value::as_array).cloned().unwrap_or_default();
    let targets = h.pointer("/spec/metrics").and_then(Value::as_array).cloned().unwrap_or_default();
    HpaStatus {
        name: text(h, "/metadata/name"),
        current: count("/status/currentReplicas"),
        desired: count("/status/desiredReplicas"),
        active: conditions.into_iter().flatten().any(|c| c["type"] == "ScalingActive" && c["status"] == "True"),
        metrics: targets.iter().map(|m| metric(m, &current)).collect(),
    }
}

/// Name, value now, target, of a metric of whatever type: an HPA of somebody's may go by CPU.
fn metric(target: &Value, current: &[Value]) -> String {
    let kind = text_at(target, "/type").to_lowercase();
    // `containerResource` is the only type whose key is not its name in lower case.
    let part = |m: &Value| m.get(&kind).or_else(|| m.get("containerResource")).cloned().unwrap_or_default();
    let name = |p: &Value| [text_at(p, "/metric/name"), text_at(p, "/name")].concat();
    let of = |p: &Value, side: &str| {
        let v = &p[side];
        match v["averageUtilization"].as_u64() {
            Some(percent) => format!("{percent}%"),
            None => [text_at(v, "/averageValue"), text_at(v, "/value")].into_iter().find(|t| !t.is_empty()).unwrap_or("?").to_string(),
        }
    };
    let wanted = part(target);
    let now = current.iter().map(part).find(|c| name(c) == name(&wanted)).map_or("?".into(), |c| of(&c, "current"));
    format!("{} {now} / {}", name(&wanted), of(&wanted, "target"))
}

/// Run whose load is active in a namespace.
async fn running(cluster: &Cluster, namespace: &str) -> anyhow::Result<Option<String>> {
    let jobs = cluster.list("Job", Some(namespace), "app.kubernetes.io/name=llmd-bench-harness").await?;
    let active = jobs.iter().find(|j| j.pointer("/status/active").and_then(Value::as_u64).unwrap_or(0) > 0);
    Ok(active.and_then(|j| crate::steps::label(j, labels::RUN)).map(String::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn metrics_of_every_type_are_named_with_value_and_target() {
        let external = json!({"type": "External", "external": {"metric": {"name": "waiting"}, "target": {"type": "AverageValue", "averageValue": "3"}}});
        let now = json!({"type": "External", "external": {"metric": {"name": "waiting"}, "current": {"averageValue": "1500m"}}});
        let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}});
        let busy = json!({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 12, "averageValue": "40m"}}});
        let all = [now, busy];
        assert_eq!(metric(&external, &all), "waiting 1500m / 3");
        assert_eq!(metric(&cpu, &all), "cpu 12% / 80%");
        assert_eq!(metric(&cpu, &[]), "cpu ? / 80%");
    }
}
