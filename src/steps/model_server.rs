//! The model servers: Deployment, headless Service, replica count, fresh pods.

use super::Ctx;
use super::deployment::{Replicas, Wanted};
use crate::cluster::{Poll, Ref, wait_for};
use crate::config::manifests;
use serde_json::{Value, json};
use std::time::Duration;

/// Selector of the model-server pods.
pub fn selector(ctx: &Ctx) -> String {
    format!("llm-d.ai/model={},llm-d.ai/role=decode", ctx.plan.label())
}

pub fn deployment(ctx: &Ctx) -> Ref {
    Ref::new("Deployment", ctx.namespace(), &ctx.plan.deployment())
}

pub async fn ensure(ctx: &Ctx) -> anyhow::Result<((), String)> {
    let tally = ctx.apply_all(manifests::model_server(&ctx.plan)?).await?;
    let r = settle(ctx, None).await?;
    Ok(((), format!("{tally}; {} ready", r.ready)))
}

/// The Deployment as it is.
pub async fn replicas(ctx: &Ctx) -> anyhow::Result<Option<Replicas>> {
    Ok(ctx.cluster.get(&deployment(ctx)).await?.as_ref().map(Replicas::of))
}

/// Waits until exactly the wanted number of replicas exists and is ready (`None`: what the spec wants).
pub async fn settle(ctx: &Ctx, wanted: Option<u32>) -> anyhow::Result<Replicas> {
    let wanted = Wanted {
        what: &format!("Deployment {}", ctx.plan.deployment()),
        replicas: wanted,
        limit: ctx.limit(u64::from(ctx.plan.scenario.model_server.start_timeout_s)),
        remedy: None,
    };
    super::deployment::settle(ctx, &deployment(ctx), &wanted).await
}

/// Sets `spec.replicas` through the scale subresource, so that no field ownership of the Deployment is taken.
pub async fn scale(ctx: &Ctx, n: u32) -> anyhow::Result<()> {
    let now = replicas(ctx).await?;
    if now.is_some_and(|r| r.desired == n) {
        return Ok(());
    }
    ctx.cluster.merge_patch(&deployment(ctx), Some("scale"), &json!({"spec": {"replicas": n}})).await?;
    Ok(())
}

/// Replaces every pod, so that nothing cached or counted is left of the last run.
pub async fn replace_pods(ctx: &Ctx) -> anyhow::Result<usize> {
    let pods = ctx.cluster.list("Pod", Some(ctx.namespace()), &selector(ctx)).await?;
    for pod in &pods {
        let name = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let uid = pod.pointer("/metadata/uid").and_then(Value::as_str);
        ctx.cluster.delete(&Ref::new("Pod", ctx.namespace(), name), uid).await?;
    }
    let gone: Vec<&str> = pods.iter().filter_map(|p| p.pointer("/metadata/name")?.as_str()).collect();
    let limit = ctx.limit(u64::from(ctx.plan.scenario.model_server.termination_grace_s) + 60);
    wait_for("the old pods to be gone", limit, Duration::from_millis(500), async || {
        let now = ctx.cluster.list("Pod", Some(ctx.namespace()), &selector(ctx)).await?;
        let left = now.iter().filter_map(|p| p.pointer("/metadata/name")?.as_str()).filter(|n| gone.contains(n)).count();
        Ok(if left == 0 { Poll::Done(()) } else { Poll::Not(format!("{left} are terminating")) })
    })
    .await?;
    Ok(gone.len())
}
