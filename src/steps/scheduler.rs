//! llm-d's inference scheduler (endpoint picker) and its InferencePool: the inferencepool chart, and the route to it.

use super::deployment;
use super::release::{self, Part, Removed, Wanted};
use super::{Ctx, crds};
use crate::cluster::{Poll, Ref, items_at, text_at, wait_for};
use crate::config::llmd;
use crate::failure::Failure;
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::scenario::GatewayKind;
use serde_json::Value;
use std::time::Duration;

pub const PART: Part = Part { installed: "scheduler-installed", used: "" };

/// Selector of its pods.
pub fn selector(ctx: &Ctx) -> String {
    // The standalone chart takes the gateway's label too, unless it makes no pool.
    let label = if ctx.plan.scenario.gateway.kind == GatewayKind::Epponly { "llm-d-router-gateway" } else { "inferencepool" };
    format!("{label}={}", ctx.plan.picker())
}

pub async fn ensure(ctx: &Ctx) -> anyhow::Result<((), String)> {
    let s = &ctx.plan.scenario.scheduler;
    if s.monitoring && !ctx.cluster.serves("ServiceMonitor").await? {
        return Err(Failure::new(Exit::Cluster, "the scheduler's ServiceMonitor cannot be made: the API knows no such kind")
            .hint("--set scheduler.monitoring=false, or install the Prometheus operator")
            .into());
    }
    let (pool, values) = (ctx.plan.pool(), llmd::scheduler_values(&ctx.plan));
    let chart = Wanted { release: &pool, chart: "", charts: &s.chart, version: &s.chart_version, values: &values, key: "scheduler.chart" };
    let said = release::install(ctx, PART, ctx.namespace(), &[chart]).await?;
    let picker = Ref::new("Deployment", ctx.namespace(), &ctx.plan.picker());
    let wanted = deployment::Wanted {
        what: &format!("scheduler {}", picker.name),
        replicas: None,
        limit: ctx.limit(180),
        remedy: Some("another image: --set scheduler.image.name=REGISTRY/NAME:TAG"),
    };
    deployment::settle(ctx, &picker, &wanted).await?;
    Ok(((), said))
}

/// The HTTPRoute, accepted by the Gateway and with everything it names found.
pub async fn route(ctx: &Ctx) -> anyhow::Result<((), String)> {
    let objects = llmd::route(&ctx.plan)?;
    let at = Ref::of(objects.first().context("a Gateway has a route")?)?;
    let tally = ctx.apply_all(objects).await?;
    let gateway = ctx.plan.scenario.gateway.name.clone();
    wait_for(&format!("{at} to be accepted"), ctx.limit(120), Duration::from_millis(500), async || {
        let Some(o) = ctx.cluster.get(&at).await? else { return Ok(Poll::Not("it is gone".into())) };
        Ok(match unmet(&o, &gateway) {
            None => Poll::Done(()),
            Some(why) => Poll::Not(why),
        })
    })
    .await?;
    Ok(((), tally.to_string()))
}

/// What the Gateway has against a route; `None` when nothing.
fn unmet(route: &Value, gateway: &str) -> Option<String> {
    let parent = items_at(route, "/status/parents").find(|p| text_at(p, "/parentRef/name") == gateway);
    let Some(parent) = parent else { return Some(format!("Gateway {gateway} has not looked at it yet")) };
    let generation = &route["metadata"]["generation"];
    for kind in ["Accepted", "ResolvedRefs"] {
        match items_at(parent, "/conditions").find(|c| c["type"] == kind) {
            Some(c) if c["status"] == "True" && c.get("observedGeneration").is_none_or(|g| g == generation) => {}
            Some(c) => return Some(format!("{kind} is {}: {}", text_at(c, "/status"), text_at(c, "/message"))),
            None => return Some(format!("Gateway {gateway} does not say yet whether {kind}")),
        }
    }
    None
}

/// Uninstalls bench's release.
pub async fn remove(ctx: &Ctx) -> anyhow::Result<Vec<String>> {
    match release::remove(ctx, PART).await? {
        Removed::Gone(said) => Ok(vec![said]),
        Removed::NotOurs | Removed::HandedOver(_) => Ok(vec![]),
    }
}

/// KEDA, CRDs and control plane, once nothing of the stack needs them any more.
pub async fn remove_below(ctx: &Ctx) -> anyhow::Result<Vec<String>> {
    let mut done = super::keda::remove(ctx).await?;
    done.extend(super::control_plane::remove(ctx).await?);
    done.extend(crds::remove(ctx).await?);
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_route_says_what_is_against_it() {
        let route = |conditions: Value| json!({"metadata": {"generation": 2}, "status": {"parents": [{"parentRef": {"name": "g"}, "conditions": conditions}]}});
        let good = |kind: &str, at: u32| json!({"type": kind, "status": "True", "observedGeneration": at});
        assert_eq!(unmet(&route(json!([good("Accepted", 2), good("ResolvedRefs", 2)])), "g"), None);
        assert!(unmet(&route(json!([good("Accepted", 2), good("ResolvedRefs", 2)])), "other").unwrap().contains("not looked"));
        assert!(unmet(&route(json!([good("Accepted", 1)])), "g").is_some(), "of the old generation");
        let bad = json!([good("Accepted", 2), {"type": "ResolvedRefs", "status": "False", "message": "InferencePool is not enabled"}]);
        assert_eq!(unmet(&route(bad), "g").unwrap(), "ResolvedRefs is False: InferencePool is not enabled");
    }
}
