//! Who else acts: another autoscaler on our Deployment, another WVA, another stack's model. Refused by name.

use super::{Ctx, is_ours};
use crate::cluster::{items_at, text_at};
use crate::failure::Failure;
use bench_model::existing::ExistingAutoscaler;
use bench_model::exit::Exit;
use bench_model::plan::Arm;
use serde_json::Value;

/// Where an object is, for people.
fn at(o: &Value) -> String {
    format!("{}/{}", text_at(o, "/metadata/namespace"), text_at(o, "/metadata/name"))
}

/// Does its `scaleTargetRef` name our Deployment? KEDA leaves the kind out for Deployments.
pub fn targets(o: &Value, deployment: &str) -> bool {
    matches!(text_at(o, "/spec/scaleTargetRef/kind"), "Deployment" | "") && text_at(o, "/spec/scaleTargetRef/name") == deployment
}

/// Every HPA that targets our Deployment.
pub async fn hpas(ctx: &Ctx) -> anyhow::Result<Vec<Value>> {
    let mut all = ctx.cluster.list("HorizontalPodAutoscaler", Some(ctx.namespace()), "").await?;
    all.retain(|h| targets(h, &ctx.plan.deployment()));
    Ok(all)
}

/// KEDA's ScaledObject that an HPA was made from, as its owner reference.
pub fn scaled_object_of(hpa: &Value) -> Option<&Value> {
    items_at(hpa, "/metadata/ownerReferences").find(|o| o["kind"] == "ScaledObject")
}

/// All that would act beside the arm. Asked for at standup, at a swap, when a run begins, and again right before its load.
///
/// # Errors
/// Exit 6 with its name.
pub async fn refuse(ctx: &Ctx) -> anyhow::Result<()> {
    refuse_autoscalers(ctx).await?;
    if ctx.plan.arm == Arm::Wva {
        refuse_wva(ctx).await?;
        refuse_same_model(ctx).await?;
    }
    Ok(())
}

/// # Errors
/// Exit 6 with the name when somebody else's HPA or KEDA's ScaledObject scales our Deployment.
pub async fn refuse_autoscalers(ctx: &Ctx) -> anyhow::Result<()> {
    refuse_autoscalers_but(ctx, &[]).await
}

/// The same, but for those that an adopted stack had: they are about to be set aside.
pub async fn refuse_unadopted(ctx: &Ctx) -> anyhow::Result<()> {
    let known = ctx.plan.scenario.existing.as_ref().map_or(&[][..], |e| &e.autoscalers);
    refuse_autoscalers_but(ctx, known).await
}

async fn refuse_autoscalers_but(ctx: &Ctx, known: &[ExistingAutoscaler]) -> anyhow::Result<()> {
    let is_known = |kind: &str, name: &str| known.iter().any(|a| a.kind == kind && a.name == name);
    let (ns, deployment) = (ctx.namespace(), ctx.plan.deployment());
    let mut found: Option<(&str, String, String)> = None;
    for h in hpas(ctx).await?.iter().filter(|h| !is_ours(h, ns)) {
        let name = text_at(h, "/metadata/name");
        let owner = scaled_object_of(h);
        if owner.map_or_else(|| is_known("HorizontalPodAutoscaler", name), |o| is_known("ScaledObject", text_at(o, "/name"))) {
            continue;
        }
        // Deleting the HPA would not help: KEDA makes it again.
        found = match owner {
            Some(o) => {
                Some(("scaledobject", text_at(o, "/name").into(), format!("KEDA's ScaledObject {}, by HPA {name},", text_at(o, "/name"))))
            }
            None => Some(("hpa", name.into(), format!("HPA {name} of somebody else"))),
        };
    }
    if found.is_none() {
        // KEDA may not have made its HPA yet; a paused one comes back when it likes.
        let scaled = ctx.cluster.list_if_any("ScaledObject", Some(ns)).await?;
        let names = scaled.iter().filter(|s| targets(s, &deployment) && !is_ours(s, ns)).map(|s| text_at(s, "/metadata/name"));
        let name = names.into_iter().find(|n| !is_known("ScaledObject", n));
        found = name.map(|n| ("scaledobject", n.into(), format!("KEDA's ScaledObject {n}")));
    }
    let Some((kind, name, what)) = found else { return Ok(()) };
    let adopt = if ctx.plan.is_adopted() { ". It was not there when the stack was adopted" } else { "" };
    Err(Failure::new(Exit::Cluster, format!("{what} scales Deployment {deployment}"))
        .hint(format!("two autoscalers on one Deployment measure nothing; remove it: kubectl -n {ns} delete {kind} {name}{adopt}"))
        .into())
}

fn containers(d: &Value) -> impl Iterator<Item = &Value> {
    items_at(d, "/spec/template/spec/containers")
}

/// A Deployment that looks like a WVA's controller: by its label, its image, or WVA 0.5's variable for several of them.
fn is_controller(d: &Value) -> bool {
    super::label(d, "app.kubernetes.io/name") == Some("workload-variant-autoscaler")
        || containers(d).any(|c| text_at(c, "/image").contains("workload-variant-autoscaler"))
        || instance(d).is_some()
}

/// WVA 0.5's CONTROLLER_INSTANCE, when it has one.
fn instance(d: &Value) -> Option<&str> {
    let mut env = containers(d).flat_map(|c| items_at(c, "/env"));
    env.find(|e| e["name"] == "CONTROLLER_INSTANCE").map(|e| e["value"].as_str().unwrap_or_default())
}

/// # Errors
/// Exit 6 when a WVA acts beside the one that the stack uses. Also one that looks only at VariantAutoscalings of its own
/// CONTROLLER_INSTANCE: its gauge has the same name, and an HPA adds series up.
pub async fn refuse_wva(ctx: &Ctx) -> anyhow::Result<()> {
    let used = super::wva::in_use(ctx).await?;
    let controllers: Vec<Value> = ctx.cluster.list_if_any("Deployment", None).await?.into_iter().filter(is_controller).collect();
    let other = controllers.iter().find(|d| {
        let idle = d.pointer("/spec/replicas").and_then(Value::as_u64) == Some(0);
        let ours = used.as_deref() == Some(text_at(d, "/metadata/namespace")) && text_at(d, "/metadata/name") == super::wva::CONTROLLER;
        // Before the stack uses one, the only one there is may become it.
        let candidate = used.is_none() && controllers.len() == 1 && text_at(d, "/metadata/name") == super::wva::CONTROLLER;
        !idle && !ours && !candidate
    });
    let Some(d) = other else { return Ok(()) };
    let instance = instance(d).map(|i| format!(" (CONTROLLER_INSTANCE={i})")).unwrap_or_default();
    let image = text_at(d, "/spec/template/spec/containers/0/image");
    Err(Failure::new(Exit::Cluster, format!("another WVA acts in this cluster: Deployment {}{instance}, {image}", at(d)))
        .hint(format!(
            "two of them publish one gauge, and an HPA adds it up. Stop it: kubectl -n {} scale deployment {} --replicas=0",
            text_at(d, "/metadata/namespace"),
            text_at(d, "/metadata/name")
        ))
        .into())
}

/// # Errors
/// Exit 6 when another namespace, or somebody else in ours, has a VariantAutoscaling of the same model: v0.4.2 groups by
/// model alone, and takes metrics and thresholds from whichever it lists first.
pub async fn refuse_same_model(ctx: &Ctx) -> anyhow::Result<()> {
    // 0.8 keeps namespaces apart.
    if ctx.plan.scenario.wva.by_annotations() {
        return Ok(());
    }
    let all = ctx.cluster.list_if_any("VariantAutoscaling", None).await?;
    let model = &ctx.plan.scenario.model;
    let ours = |v: &Value| text_at(v, "/metadata/namespace") == ctx.namespace() && is_ours(v, ctx.namespace());
    let Some(v) = all.iter().find(|v| text_at(v, "/spec/modelID") == model && !ours(v)) else { return Ok(()) };
    let whose = super::label(v, crate::config::manifests::labels::STACK).map(|s| format!(" of bench's stack {s}")).unwrap_or_default();
    Err(Failure::new(Exit::Cluster, format!("VariantAutoscaling {}{whose} is about the same model, {model}", at(v)))
        .hint("WVA v0.4.2 mixes up namespaces that serve one model; remove that one or use another cluster")
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_wva_is_known_by_label_image_or_instance() {
        let with = |labels: Value, image: &str, env: Value| json!({"metadata": {"labels": labels}, "spec": {"template": {"spec": {"containers": [{"image": image, "env": env}]}}}});
        assert!(is_controller(&with(json!({"app.kubernetes.io/name": "workload-variant-autoscaler"}), "x", json!([]))));
        assert!(is_controller(&with(json!({}), "ghcr.io/llm-d/llm-d-workload-variant-autoscaler:v0.5.1", json!([]))));
        let renamed = with(json!({}), "mirror/wva:1", json!([{"name": "CONTROLLER_INSTANCE", "value": "b"}]));
        assert!(is_controller(&renamed));
        assert_eq!(instance(&renamed), Some("b"));
        assert!(!is_controller(&with(json!({}), "nginx", json!([{"name": "OTHER", "value": "b"}]))));
    }

    #[test]
    fn a_target_without_a_kind_is_a_deployment() {
        assert!(targets(&json!({"spec": {"scaleTargetRef": {"name": "d"}}}), "d"));
        assert!(targets(&json!({"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "d"}}}), "d"));
        assert!(!targets(&json!({"spec": {"scaleTargetRef": {"kind": "StatefulSet", "name": "d"}}}), "d"));
        assert!(!targets(&json!({"spec": {"scaleTargetRef": {"name": "e"}}}), "d"));
    }
}
