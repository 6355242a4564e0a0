//! The model's weights: the Hub's token, the claim, and the Job that loads them once.

use super::deployment::with_evidence;
use super::{Ctx, is_ours};
use crate::cluster::{Container, Poll, Ref, items_at, text_at, wait_for};
use crate::config::llmd::{self, WEIGHTS_JOB};
use crate::config::manifests::own;
use crate::failure::Failure;
use anyhow::Context;
use base64::Engine;
use bench_model::exit::Exit;
use serde_json::{Value, json};
use std::time::Duration;

/// Variable of the environment with the Hub's token, and key of its Secret.
const TOKEN: &str = "HF_TOKEN";

fn job(ctx: &Ctx) -> Ref {
    Ref::new("Job", ctx.namespace(), WEIGHTS_JOB)
}

/// The Secret with the Hub's token, from this process' environment; somebody's is used as it is. The token is never printed.
pub async fn token(ctx: &Ctx) -> anyhow::Result<((), String)> {
    let name = &ctx.plan.scenario.model_server.weights.token_secret;
    if name.is_empty() {
        return Ok(((), "no Secret is named".into()));
    }
    let r = Ref::new("Secret", ctx.namespace(), name);
    let value = std::env::var(TOKEN).ok().map(|v| v.trim().to_string()).filter(|v| !v.is_empty());
    let Some(value) = value else {
        let there = ctx.cluster.get_if_allowed(&r).await?.is_some();
        return Ok((
            (),
            if there { format!("{r} is there") } else { format!("{TOKEN} is not set: enough for a model that is open to all") },
        ));
    };
    // Looked at by its labels alone.
    if ctx.cluster.get(&r).await?.is_some_and(|o| !is_ours(&o, ctx.namespace())) {
        return Ok(((), format!("{r} is somebody's, and used as it is; {TOKEN} of this environment is not")));
    }
    let mut object = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": name, "namespace": ctx.namespace()},
        "data": {TOKEN: base64::engine::general_purpose::STANDARD.encode(value)},
    });
    own(&mut object, ctx.namespace());
    let tally = ctx.apply_all(vec![object]).await?;
    Ok(((), format!("{r} {tally}")))
}

/// The claim, and the model on it.
pub async fn ensure(ctx: &Ctx) -> anyhow::Result<((), String)> {
    let Some(claim) = llmd::claim(&ctx.plan) else { return Ok(((), "every pod loads them for itself".into())) };
    let r = Ref::of(&claim)?;
    // No owner: it outlives the stack. One that is there is used, whoever made it and however large it is.
    let made = match ctx.cluster.get(&r).await? {
        Some(o) if o.pointer("/metadata/deletionTimestamp").is_some() => {
            return Err(Failure::new(Exit::Cluster, format!("{r} is being deleted"))
                .hint("it is gone once no pod mounts it any more; then again")
                .into());
        }
        Some(_) => format!("{r} is there"),
        None => {
            ctx.cluster.create(&claim).await?;
            format!("{r} made")
        }
    };
    let wanted = llmd::weights(&ctx.plan)?;
    let mut found = ctx.cluster.get(&job(ctx)).await?;
    // A Job cannot be changed: one that failed, or loaded something else, is made anew.
    if let Some(o) = found.as_ref().filter(|o| is_ours(o, ctx.namespace()))
        && (failed(o).is_some() || args(o) != args(wanted.first().context("there is a Job")?))
    {
        ctx.cluster.delete_and_wait(&job(ctx), ctx.limit(60)).await?;
        found = None;
    }
    if found.is_none() {
        ctx.apply_all(wanted).await?;
    } else if found.is_some_and(|o| !is_ours(&o, ctx.namespace())) {
        return Err(Failure::new(Exit::Cluster, format!("{} exists already and is not bench's", job(ctx)))
            .hint("llm-d-benchmark's stack may be in this namespace: another one with -p, or remove the Job")
            .into());
    }
    let limit = ctx.limit(u64::from(ctx.plan.scenario.model_server.weights.download_timeout_s) + 120);
    let done = wait_for(&format!("{} to load {}", job(ctx), ctx.plan.scenario.model), limit, Duration::from_secs(1), async || {
        let Some(o) = ctx.cluster.get(&job(ctx)).await? else { return Ok(Poll::Not("it is gone".into())) };
        if let Some(why) = failed(&o) {
            return Err(Failure::new(Exit::Cluster, format!("the weights of {} could not be loaded: {why}", ctx.plan.scenario.model))
                .hint(format!(
                    "a gated model needs a token that may read it, in ${TOKEN} or Secret {}; a cluster without the Hub needs them on \
                     claim {} under {}",
                    ctx.plan.scenario.model_server.weights.token_secret,
                    r.name,
                    ctx.plan.weights_path()
                ))
                .evidence(log(ctx).await)
                .into());
        }
        if items_at(&o, "/status/conditions").any(|c| c["type"] == "Complete" && c["status"] == "True") {
            return Ok(Poll::Done(()));
        }
        Ok(Poll::Not(state(ctx, &r).await))
    })
    .await;
    with_evidence(ctx, done, ctx.namespace(), "app.kubernetes.io/name=llmd-bench-weights").await?;
    Ok(((), format!("{made}; {} is on it", ctx.plan.scenario.model)))
}

fn args(job: &Value) -> Option<&Value> {
    job.pointer("/spec/template/spec/containers/0/args")
}

/// Why a Job has failed, when it has.
fn failed(job: &Value) -> Option<String> {
    let c = items_at(job, "/status/conditions").find(|c| c["type"] == "Failed" && c["status"] == "True")?;
    Some(format!("{}: {}", text_at(c, "/reason"), text_at(c, "/message")))
}

/// What it waits for.
async fn state(ctx: &Ctx, claim: &Ref) -> String {
    let phase = ctx.cluster.get(claim).await.ok().flatten().map(|o| text_at(&o, "/status/phase").to_string()).unwrap_or_default();
    if phase == "Pending" { format!("{claim} is not bound yet") } else { "it is at work".into() }
}

/// The last lines of its newest pod.
async fn log(ctx: &Ctx) -> Vec<String> {
    let pods = ctx.cluster.list("Pod", Some(ctx.namespace()), &format!("job-name={WEIGHTS_JOB}")).await.unwrap_or_default();
    let newest = pods.iter().max_by_key(|p| text_at(p, "/metadata/creationTimestamp").to_string());
    let Some(pod) = newest.map(|p| text_at(p, "/metadata/name").to_string()) else { return vec![] };
    let text = ctx.cluster.logs(&Container::new(ctx.namespace(), &pod, "download"), 20, false).await.unwrap_or_default();
    text.lines().map(|l| format!("{pod}: {}", crate::config::secrets::redact_text(l))).collect()
}
