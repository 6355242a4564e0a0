//! The model servers: Deployment, headless Service, replica count, fresh pods.

use super::deployment::{Replicas, Wanted};
use super::{Ctx, marks};
use crate::cluster::{Poll, Ref, wait_for};
use crate::config::manifests;
use crate::failure::Failure;
use bench_model::exit::Exit;
use bench_model::scenario::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Selector of the model-server pods.
///
/// Of an existing stack: its Deployment's own; of an endpoint without one, what no pod has, for an empty one selects all.
pub fn selector(ctx: &Ctx) -> String {
    if let Some(e) = &ctx.plan.scenario.existing {
        return e.pods().unwrap_or_else(|| format!("{}=none", crate::config::manifests::labels::STACK));
    }
    format!("llm-d.ai/model={},llm-d.ai/role=decode", ctx.plan.label())
}

pub fn deployment(ctx: &Ctx) -> Ref {
    Ref::new("Deployment", ctx.namespace(), &ctx.plan.deployment())
}

/// Mark: how many replicas somebody's Deployment had.
pub(super) const REPLICAS: &str = "replicas";

pub async fn ensure(ctx: &Ctx) -> anyhow::Result<((), String)> {
    if ctx.plan.scenario.model_server.method == Method::Existing {
        return existing(ctx).await;
    }
    let tally = ctx.apply_all(manifests::model_server(&ctx.plan)?).await?;
    let r = settle(ctx, None).await?;
    Ok(((), format!("{tally}; {} ready", r.ready)))
}

/// Somebody's Deployment: it must be there, and its pods must be found by the labels that everything else goes by.
async fn existing(ctx: &Ctx) -> anyhow::Result<((), String)> {
    let r = deployment(ctx);
    let refuse = |why: &str| {
        Failure::new(Exit::Cluster, format!("{r} {why}"))
            .hint("the name follows from namespace and model (-p, -m); bench makes one with --set model_server.method=modelservice")
    };
    let found = ctx.cluster.get(&r).await?.ok_or_else(|| refuse("does not exist, and the scenario says that it does"))?;
    let labels = found.pointer("/spec/template/metadata/labels").cloned().unwrap_or_default();
    if labels["llm-d.ai/model"] != ctx.plan.label() || labels["llm-d.ai/role"] != "decode" {
        let wanted = selector(ctx);
        return Err(refuse(&format!("has pods without the labels {wanted}")).into());
    }
    if super::is_ours(&found, ctx.namespace()) {
        return Err(refuse("is bench's own, of an earlier stand-up by another method").into());
    }
    ctx.apply_all(manifests::model_server(&ctx.plan)?).await?;
    let now = settle(ctx, None).await?;
    // What a second stand-up finds may be an autoscaler's doing.
    if marks::get(&ctx.cluster, ctx.namespace(), REPLICAS).await?.is_none() {
        marks::save(ctx, REPLICAS, &r, "spec.replicas", &now.desired.to_string(), None).await?;
    }
    Ok(((), format!("{r} is used as it is; {} ready", now.ready)))
}

/// Gives somebody's Deployment the replicas that it had.
pub async fn restore(ctx: &Ctx) -> anyhow::Result<Option<String>> {
    let Some(mark) = marks::get(&ctx.cluster, ctx.namespace(), REPLICAS).await? else { return Ok(None) };
    let (Some(name), Ok(n)) = (mark.object.rsplit_once('/').map(|(_, n)| n), mark.before.parse::<u32>()) else { return Ok(None) };
    let r = Ref::new("Deployment", ctx.namespace(), name);
    let Some(found) = ctx.cluster.get(&r).await? else { return Ok(None) };
    if super::is_ours(&found, ctx.namespace()) || Replicas::of(&found).desired == n {
        return Ok(None);
    }
    ctx.cluster.merge_patch(&r, Some("scale"), &json!({"spec": {"replicas": n}})).await?;
    Ok(Some(format!("{r} has {n} replicas again")))
}

/// The Deployment as it is.
pub async fn replicas(ctx: &Ctx) -> anyhow::Result<Option<Replicas>> {
    if ctx.plan.deployment().is_empty() {
        return Ok(None);
    }
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
