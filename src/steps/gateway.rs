//! What stands before the model servers, and the proof that it answers.

use super::Ctx;
use super::deployment::{self, Wanted};
use crate::cluster::{Poll, Ref, ServicePort, wait_for};
use crate::config::manifests;
use crate::failure::Failure;
use bench_model::exit::Exit;
use serde_json::{Value, json};
use std::time::Duration;

pub async fn ensure(ctx: &Ctx) -> anyhow::Result<((), String)> {
    let tally = ctx.apply_all(manifests::gateway(&ctx.plan)?).await?;
    let name = ctx.plan.gateway_service();
    let wanted = Wanted {
        what: &format!("gateway {name}"),
        replicas: None,
        limit: ctx.limit(120),
        remedy: Some("another image: --set gateway.image.name=REGISTRY/haproxy:TAG"),
    };
    deployment::settle(ctx, &Ref::new("Deployment", ctx.namespace(), &name), &wanted).await?;
    Ok(((), tally.to_string()))
}

/// The endpoint as reached through the API server.
pub fn endpoint(ctx: &Ctx) -> ServicePort {
    ServicePort {
        namespace: ctx.namespace().into(),
        service: ctx.plan.gateway_service(),
        port: ctx.plan.scenario.gateway.port,
        scheme: "http".into(),
    }
}

/// Waits until a real completion comes back for the plan's model.
///
/// # Errors
/// Exit 6 when the endpoint serves other models than this one.
pub async fn answers(ctx: &Ctx, limit: Duration) -> anyhow::Result<((), String)> {
    let at = endpoint(ctx);
    let model = &ctx.plan.scenario.model;
    let tokens = wait_for(&format!("a completion from {}", ctx.plan.target()), limit, Duration::from_secs(1), async || {
        let served = match ctx.cluster.proxy_get(&at, "/v1/models").await {
            Ok(v) => v,
            Err(e) => return Ok(Poll::Not(e.to_string())),
        };
        let names: Vec<&str> = served["data"].as_array().into_iter().flatten().filter_map(|m| m["id"].as_str()).collect();
        if !names.contains(&model.as_str()) {
            return Err(Failure::new(Exit::Cluster, format!("the endpoint does not serve {model}; it serves {}", names.join(", ")))
                .hint("the model is chosen at standup: bench standup -m MODEL")
                .into());
        }
        let body = json!({"model": model, "prompt": "ready?", "max_tokens": 2, "ignore_eos": true}).to_string();
        Ok(match ctx.cluster.proxy_post(&at, "/v1/completions", "application/json", body).await {
            Ok(v) => match v.pointer("/usage/completion_tokens").and_then(Value::as_u64) {
                Some(n) if n > 0 => Poll::Done(n),
                _ => Poll::Not(format!("it answered without tokens: {v}")),
            },
            Err(e) => Poll::Not(e.to_string()),
        })
    })
    .await?;
    Ok(((), format!("{model} answered with {tokens} tokens")))
}
