//! What carries a Gateway out: Istio or kgateway, one that is there or bench's own.

use super::marks;
use super::release::{self, Part, Removed, Wanted};
use super::{Ctx, adapter::deployment_ready, crds, namespace};
use crate::cluster::{Cluster, Poll, Ref, items_at, text_at, wait_for};
use crate::config::llmd::{self, EXTENSION, ISTIOD};
use crate::failure::Failure;
use bench_model::exit::Exit;
use bench_model::plan::Plan;
use bench_model::scenario::{GatewayKind, Provision};
use serde_json::Value;
use std::time::Duration;

pub const PART: Part = Part { installed: "control-plane-installed", used: "control-plane-used" };
/// In every namespace, by Istio's control plane; it takes them away with nothing.
pub const ISTIO_CA: &str = "istio-ca-root-cert";

/// A control plane that is there.
struct Found {
    namespace: String,
    deployment: String,
    version: String,
    /// Is the inference extension on?
    extended: bool,
}

/// What people call it, and how its Deployment is found.
fn traits(kind: GatewayKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        GatewayKind::Kgateway => ("kgateway", "app.kubernetes.io/name=kgateway", "kgateway"),
        _ => ("Istio", "app=istiod", ISTIOD),
    }
}

async fn find(cluster: &Cluster, kind: GatewayKind) -> anyhow::Result<Vec<Found>> {
    let (_, selector, _) = traits(kind);
    let all = match cluster.list("Deployment", None, selector).await {
        Err(e) if e.is_forbidden() => vec![],
        other => other?,
    };
    Ok(all.iter().map(|d| of(d, kind)).collect())
}

fn of(d: &Value, kind: GatewayKind) -> Found {
    let container = items_at(d, "/spec/template/spec/containers").next();
    let image = container.map(|c| text_at(c, "/image")).unwrap_or_default();
    let tag = image.split('@').next().and_then(|i| i.rsplit_once(':')).map(|(_, t)| t).filter(|t| !t.contains('/'));
    let labelled = text_at(d, "/metadata/labels/app.kubernetes.io~1version");
    // Variants of an image are of the same version.
    let version = tag.unwrap_or(labelled).trim_end_matches("-distroless").trim_end_matches("-debug");
    let on = |e: &Value| {
        (e["name"] == EXTENSION || e["name"] == "KGW_ENABLE_INFER_EXT")
            && e["value"].as_str().is_some_and(|v| v.eq_ignore_ascii_case("true"))
    };
    Found {
        namespace: text_at(d, "/metadata/namespace").into(),
        deployment: text_at(d, "/metadata/name").into(),
        version: if version.is_empty() { "an unknown version".into() } else { version.into() },
        extended: kind == GatewayKind::Kgateway || container.is_some_and(|c| items_at(c, "/env").any(on)),
    }
}

pub async fn ensure(ctx: &Ctx) -> anyhow::Result<((), String)> {
    let g = &ctx.plan.scenario.gateway;
    let c = &g.control_plane;
    let (what, _, class) = traits(g.kind);
    let class = if g.kind == GatewayKind::Istio { "istio" } else { class };
    let said = if release::installed(ctx, PART).await?.is_some() {
        install(ctx).await?
    } else {
        match (find(&ctx.cluster, g.kind).await?.into_iter().next(), c.mode) {
            // Whoever may not look sees by the class whether there is one.
            (None, Provision::Auto | Provision::Install) if !accepted(ctx, class).await? => install(ctx).await?,
            (None, Provision::Existing) if !accepted(ctx, class).await? => {
                return Err(Failure::new(Exit::Cluster, format!("{what} is not installed, and the scenario says that it exists"))
                    .hint("let bench install it: --set gateway.control_plane.mode=auto")
                    .into());
            }
            (None, _) => format!("GatewayClass {class} is accepted by somebody"),
            (Some(f), Provision::Install) => {
                return Err(Failure::new(Exit::Cluster, format!("{what} {} is in namespace {} already", f.version, f.namespace))
                    .hint("use it: --set gateway.control_plane.mode=auto")
                    .into());
            }
            (Some(f), mode) => use_found(ctx, what, &f, mode).await?,
        }
    };
    wait_for(&format!("GatewayClass {class} to be accepted"), ctx.limit(120), Duration::from_secs(1), async || {
        Ok(if accepted(ctx, class).await? { Poll::Done(()) } else { Poll::Not(format!("{what} has not accepted it yet")) })
    })
    .await?;
    Ok(((), said))
}

async fn accepted(ctx: &Ctx, class: &str) -> anyhow::Result<bool> {
    let found = ctx.cluster.get_if_allowed(&Ref::new("GatewayClass", "", class)).await?;
    Ok(found.is_some_and(|o| items_at(&o, "/status/conditions").any(|c| c["type"] == "Accepted" && c["status"] == "True")))
}

async fn install(ctx: &Ctx) -> anyhow::Result<String> {
    let g = &ctx.plan.scenario.gateway;
    let c = &g.control_plane;
    namespace::ensure_named(ctx, &c.namespace).await?;
    let charts = llmd::control_plane(&ctx.plan);
    let wanted: Vec<Wanted<'_>> = charts
        .iter()
        .map(|chart| Wanted {
            release: chart.release,
            chart: chart.chart,
            charts: &c.charts,
            version: &c.version,
            values: &chart.values,
            key: "gateway.control_plane.charts",
        })
        .collect();
    let said = release::install(ctx, PART, &c.namespace, &wanted).await?;
    deployment_ready(ctx, &c.namespace, traits(g.kind).2).await?;
    Ok(said)
}

async fn use_found(ctx: &Ctx, what: &str, f: &Found, mode: Provision) -> anyhow::Result<String> {
    let wanted = &ctx.plan.scenario.gateway.control_plane.version;
    let there = fitting(&ctx.plan, what, f, mode)?;
    if !f.is(wanted) {
        ctx.report.warn(format!("{there} is used, the scenario has {wanted}: compare with runs on the same one only"));
    }
    marks::save(ctx, PART.used, &Ref::new("Namespace", "", &f.namespace), &f.deployment, &f.namespace, None).await?;
    Ok(format!("{there} is used"))
}

impl Found {
    fn is(&self, version: &str) -> bool {
        self.version.trim_start_matches('v') == version.trim_start_matches('v')
    }
}

/// A control plane that may be used, in words.
///
/// # Errors
/// Exit 6 for one of another version, unless that was asked for, and for one that knows no pools.
fn fitting(plan: &Plan, what: &str, f: &Found, mode: Provision) -> anyhow::Result<String> {
    let wanted = &plan.scenario.gateway.control_plane.version;
    let there = format!("{what} {} in namespace {}", f.version, f.namespace);
    if !f.is(wanted) && mode != Provision::Existing {
        return Err(Failure::new(Exit::Cluster, format!("{there} is there, the scenario has {wanted}"))
            .hint("--set gateway.control_plane.mode=existing uses it as it is; what is measured then is another gateway")
            .into());
    }
    if plan.scenario.scheduler.enabled && !f.extended {
        return Err(Failure::new(Exit::Cluster, format!("{there} does not know the inference extension: requests would reach no pool"))
            .hint(format!("set {EXTENSION}=true in the environment of {}/{} (its chart: pilot.env)", f.namespace, f.deployment))
            .into());
    }
    Ok(there)
}

/// What standing up would find, or do: for `preflight`. `true` when one is there.
pub async fn look(cluster: &Cluster, plan: &Plan) -> anyhow::Result<(bool, String)> {
    let g = &plan.scenario.gateway;
    let what = traits(g.kind).0;
    match (find(cluster, g.kind).await?.into_iter().next(), g.control_plane.mode) {
        (Some(f), mode) => Ok((true, fitting(plan, what, &f, mode)?)),
        (None, Provision::Existing) => {
            Err(Failure::new(Exit::Cluster, format!("{what} is not to be seen, and the scenario says that it exists"))
                .hint("let bench install it: --set gateway.control_plane.mode=auto")
                .into())
        }
        (None, _) => Ok((false, format!("{what} is not there; bench installs {}", g.control_plane.version))),
    }
}

/// Uninstalls bench's own, and what it made beside its chart; or hands it over.
pub async fn remove(ctx: &Ctx) -> anyhow::Result<Vec<String>> {
    let Some(mark) = release::installed(ctx, PART).await? else { return Ok(vec![]) };
    match release::remove(ctx, PART).await? {
        Removed::NotOurs => Ok(vec![]),
        Removed::HandedOver(said) => Ok(vec![said]),
        Removed::Gone(said) if !mark.key.contains(ISTIOD) => {
            Ok([vec![said], leftover_crds(ctx, "kgateway-crds", &mark.before).await?].concat())
        }
        Removed::Gone(said) => {
            let mut done = vec![said];
            for class in ["istio", "istio-remote"] {
                let r = Ref::new("GatewayClass", "", class);
                let made = ctx.cluster.get(&r).await?.filter(|o| text_at(o, "/spec/controllerName").starts_with("istio.io/"));
                if made.is_some() && ctx.cluster.delete(&r, None).await? {
                    done.push(r.to_string());
                }
            }
            let copies = ctx.cluster.list("ConfigMap", None, "istio.io/config=true").await?;
            let mut n = 0;
            for o in copies.iter().filter(|o| text_at(o, "/metadata/name") == ISTIO_CA) {
                let r = Ref::new("ConfigMap", text_at(o, "/metadata/namespace"), ISTIO_CA);
                n += usize::from(ctx.cluster.delete(&r, o.pointer("/metadata/uid").and_then(Value::as_str)).await?);
            }
            if n > 0 {
                done.push(format!("{n} ConfigMaps {ISTIO_CA}"));
            }
            done.extend(leftover_crds(ctx, "istio-base", &mark.before).await?);
            Ok(done)
        }
    }
}

/// CRDs that a chart of ours made and helm keeps: away with those that nobody uses.
async fn leftover_crds(ctx: &Ctx, release: &str, namespace: &str) -> anyhow::Result<Vec<String>> {
    let all = ctx.cluster.list("CustomResourceDefinition", None, "app.kubernetes.io/managed-by=Helm").await?;
    let annotation = |o: &Value, name: &str| text_at(o, &format!("/metadata/annotations/meta.helm.sh~1{name}")).to_string();
    let mine: Vec<Value> =
        all.into_iter().filter(|o| annotation(o, "release-name") == release && annotation(o, "release-namespace") == namespace).collect();
    let (gone, kept) = crds::delete_unused(ctx, &mine).await?;
    for (name, user) in kept {
        ctx.report.warn(format!("CRD {name} stays: {} is an object of it", text_at(&user, "/metadata/name")));
    }
    Ok(if gone.is_empty() { vec![] } else { vec![format!("{} CRDs of {release}", gone.len())] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(image: &str, env: &Value) -> Value {
        json!({"metadata": {"name": "istiod", "namespace": "istio-system"}, "spec": {"template": {"spec": {"containers": [{"image": image, "env": env}]}}}})
    }

    #[test]
    fn an_istio_tells_its_version_and_whether_it_knows_pools() {
        let on = json!([{"name": "ENABLE_GATEWAY_API_INFERENCE_EXTENSION", "value": "true"}]);
        let f = of(&deployment("docker.io/istio/pilot:1.28.1-distroless", &on), GatewayKind::Istio);
        assert_eq!((f.version.as_str(), f.extended), ("1.28.1", true));
        let f = of(&deployment("registry:5000/istio/pilot@sha256:0", &json!([])), GatewayKind::Istio);
        assert_eq!((f.version.as_str(), f.extended), ("an unknown version", false));
        let off = json!([{"name": "ENABLE_GATEWAY_API_INFERENCE_EXTENSION", "value": "false"}]);
        assert!(!of(&deployment("x:1", &off), GatewayKind::Istio).extended);
    }
}
