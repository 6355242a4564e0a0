//! What stands before the model servers, and the proof that it answers.

use super::Ctx;
use super::deployment::{self, Wanted};
use crate::cluster::{Poll, Ref, ServicePort, items_at, text_at, wait_for};
use crate::config::manifests;
use crate::failure::Failure;
use bench_model::exit::Exit;
use bench_model::scenario::GatewayKind;
use serde_json::{Value, json};
use std::time::Duration;

pub async fn ensure(ctx: &Ctx) -> anyhow::Result<((), String)> {
    let tally = ctx.apply_all(manifests::gateway(&ctx.plan)?).await?;
    let name = ctx.plan.gateway_service();
    let g = &ctx.plan.scenario.gateway;
    match g.kind {
        GatewayKind::None => return Ok(((), tally.to_string())),
        // The scheduler's own step has waited for it.
        GatewayKind::Epponly => return Ok(((), "in the scheduler's pod".into())),
        GatewayKind::Istio | GatewayKind::Kgateway => programmed(ctx).await?,
        GatewayKind::Haproxy => {}
    }
    let remedy = match g.kind {
        GatewayKind::Haproxy => "another image: --set gateway.image.name=REGISTRY/haproxy:TAG",
        _ => "its image is the control plane's; its size is gateway.resources",
    };
    // A Gateway's Deployment is called as its Service.
    let wanted = Wanted { what: &format!("gateway {name}"), replicas: None, limit: ctx.limit(120), remedy: Some(remedy) };
    deployment::settle(ctx, &Ref::new("Deployment", ctx.namespace(), &name), &wanted).await?;
    Ok(((), tally.to_string()))
}

/// Waits until the control plane has made a proxy for the Gateway.
async fn programmed(ctx: &Ctx) -> anyhow::Result<()> {
    let r = Ref::new("Gateway", ctx.namespace(), &ctx.plan.scenario.gateway.name);
    wait_for(&format!("{r} to be programmed"), ctx.limit(180), Duration::from_millis(500), async || {
        let Some(o) = ctx.cluster.get(&r).await? else { return Ok(Poll::Not("it is gone".into())) };
        let condition = |kind: &str| items_at(&o, "/status/conditions").find(|c| c["type"] == kind);
        Ok(match (condition("Accepted"), condition("Programmed")) {
            (_, Some(c)) if c["status"] == "True" && c.get("observedGeneration").is_none_or(|g| *g == o["metadata"]["generation"]) => {
                Poll::Done(())
            }
            (Some(c), _) if c["status"] == "False" => Poll::Not(format!("it is not accepted: {}", text_at(c, "/message"))),
            (_, Some(c)) => Poll::Not(format!("it is not programmed: {}", text_at(c, "/message"))),
            (_, None) => Poll::Not("its control plane has not looked at it yet".into()),
        })
    })
    .await
}

/// Selector of the gateway's pods; `None` where there is no gateway.
pub fn selector(ctx: &Ctx) -> Option<String> {
    let g = &ctx.plan.scenario.gateway;
    match g.kind {
        GatewayKind::Haproxy => Some(format!("app.kubernetes.io/name={}", ctx.plan.gateway_service())),
        GatewayKind::Istio | GatewayKind::Kgateway => Some(format!("gateway.networking.k8s.io/gateway-name={}", g.name)),
        GatewayKind::Epponly => Some(super::scheduler::selector(ctx)),
        GatewayKind::None => None,
    }
}

/// The endpoint as reached through the API server.
///
/// `None` for an existing one that is no Service of this cluster.
pub fn endpoint(ctx: &Ctx) -> Option<ServicePort> {
    if let Some(e) = &ctx.plan.scenario.existing {
        let s = e.service.as_ref()?;
        return Some(ServicePort { namespace: s.namespace.clone(), service: s.name.clone(), port: s.port, scheme: s.scheme.clone() });
    }
    Some(ServicePort {
        namespace: ctx.namespace().into(),
        service: ctx.plan.gateway_service(),
        port: ctx.plan.scenario.gateway.port,
        scheme: "http".into(),
    })
}

/// Waits until a real completion comes back for the plan's model.
///
/// # Errors
/// Exit 6 when the endpoint serves other models than this one.
pub async fn answers(ctx: &Ctx, limit: Duration) -> anyhow::Result<((), String)> {
    let Some(at) = endpoint(ctx) else { return Ok(((), "not reached from here; the load is the first to ask it".into())) };
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
