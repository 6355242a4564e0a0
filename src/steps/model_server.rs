//! The model servers: Deployment, headless Service, replica count, fresh pods.

use super::Ctx;
use crate::cluster::{Poll, Ref, explain, is_hopeless, wait_for};
use crate::config::manifests;
use crate::failure::Failure;
use bench_model::exit::Exit;
use serde_json::{Value, json};
use std::time::Duration;

/// `spec.replicas`, `status.replicas`, ready and updated ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replicas {
    pub desired: u32,
    pub current: u32,
    pub ready: u32,
    pub updated: u32,
    /// The Deployment's controller has seen the newest spec.
    pub observed: bool,
}

fn number(v: &Value, path: &str) -> u32 {
    v.pointer(path).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}

impl Replicas {
    pub fn of(deployment: &Value) -> Self {
        Self {
            desired: number(deployment, "/spec/replicas"),
            current: number(deployment, "/status/replicas"),
            ready: number(deployment, "/status/readyReplicas"),
            updated: number(deployment, "/status/updatedReplicas"),
            observed: number(deployment, "/status/observedGeneration") >= number(deployment, "/metadata/generation"),
        }
    }
}

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
    let limit = ctx.limit(u64::from(ctx.plan.scenario.model_server.start_timeout_s));
    let what = format!("Deployment {} to be ready", ctx.plan.deployment());
    let result = wait_for(&what, limit, Duration::from_millis(500), async || {
        let Some(r) = replicas(ctx).await? else { return Ok(Poll::Not("it does not exist".into())) };
        let n = wanted.unwrap_or(r.desired);
        if r.observed && r.desired == n && r.current == n && r.ready == n && r.updated == n {
            // status.replicas no longer counts terminating pods; they still serve and are still scraped.
            let pods = ctx.cluster.list("Pod", Some(ctx.namespace()), &selector(ctx)).await?;
            let leaving = pods.iter().filter(|p| p.pointer("/metadata/deletionTimestamp").is_some()).count();
            return Ok(if leaving == 0 { Poll::Done(r) } else { Poll::Not(format!("{leaving} old pods are still terminating")) });
        }
        for pod in ctx.cluster.list("Pod", Some(ctx.namespace()), &selector(ctx)).await? {
            if let Some(why) = is_hopeless(&pod) {
                let name = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_string();
                return Err(Failure::new(Exit::Cluster, format!("model server pod {name} cannot start: {why}")).into());
            }
        }
        Ok(Poll::Not(format!("{} of {n} replicas ready, {} exist", r.ready, r.current)))
    })
    .await;
    with_evidence(ctx, result, &selector(ctx)).await
}

/// Adds to a failed wait what the pods and events say.
pub async fn with_evidence<T>(ctx: &Ctx, result: anyhow::Result<T>, selector: &str) -> anyhow::Result<T> {
    match result {
        Err(e) => {
            let evidence = explain(&ctx.cluster, ctx.namespace(), selector).await;
            Err(match e.downcast::<Failure>() {
                Ok(f) => f.evidence(evidence).into(),
                Err(other) => other,
            })
        }
        ok => ok,
    }
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
