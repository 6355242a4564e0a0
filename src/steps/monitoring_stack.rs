//! A Prometheus where there is none: kube-prometheus-stack with TLS. On OpenShift, monitoring of users' workloads.

use super::owned::Object;
use super::release::{self, Part, Removed, Wanted};
use super::{Ctx, adapter::deployment_ready, crds, marks, namespace, user_workload};
use crate::cluster::{ClusterError, Poll, Ref, items_at, text_at, wait_for};
use crate::config::llmd::{self, WEB_TLS};
use crate::config::manifests::own;
use anyhow::Context;
use base64::Engine;
use bench_model::scenario::Provision;
use serde_json::{Value, json};
use std::time::Duration;

pub const PART: Part = Part { installed: "monitoring-installed", used: "monitoring-used" };
/// Mark: the operator's CRDs that were there before.
const CRDS: &str = "monitoring-crds";
const GROUP: &str = "monitoring.coreos.com";

pub async fn ensure(ctx: &Ctx) -> anyhow::Result<((), String)> {
    let m = &ctx.plan.scenario.monitoring;
    if ctx.plan.on_openshift() {
        return user_workload::ensure(ctx).await;
    }
    if release::installed(ctx, PART).await?.is_some() {
        return Ok(((), install(ctx).await?));
    }
    let named = m.prometheus.namespace != "auto" || m.prometheus.service != "auto";
    let there = match ctx.cluster.list("Prometheus", None, "").await {
        Ok(all) => all,
        Err(e) if e.is_not_found() => vec![],
        // Whoever may not look is given one by name, or is told so when it is looked for.
        Err(e) if e.is_forbidden() => return Ok(((), "this user may not look for a Prometheus".into())),
        Err(e) => return Err(e.into()),
    };
    if let Some(p) = there.first() {
        let ns = text_at(p, "/metadata/namespace");
        // Only by this mark another stack knows that its Prometheus is used.
        if super::label(p, "release").is_some_and(|r| r == m.stack.release) && ns == m.stack.namespace {
            marks::save(ctx, PART.used, &Ref::new("Namespace", "", ns), &m.stack.release, ns, None).await?;
        }
        return Ok(((), format!("Prometheus {ns}/{} is there", text_at(p, "/metadata/name"))));
    }
    if named || m.stack.mode == Provision::Existing {
        return Ok(((), "no Prometheus object is there, and none is installed (monitoring.stack.mode)".into()));
    }
    Ok(((), install(ctx).await?))
}

async fn install(ctx: &Ctx) -> anyhow::Result<String> {
    let s = &ctx.plan.scenario.monitoring.stack;
    namespace::ensure_named(ctx, &s.namespace).await?;
    if marks::get(&ctx.cluster, ctx.namespace(), CRDS).await?.is_none() {
        let before: Vec<String> = operators_crds(ctx).await?.iter().map(|o| text_at(o, "/metadata/name").to_string()).collect();
        marks::save(ctx, CRDS, &Ref::new("Namespace", "", &s.namespace), "crds", &before.join(","), None).await?;
    }
    certificate(ctx).await?;
    let values = llmd::prometheus_values(&ctx.plan);
    let chart = Wanted {
        release: &s.release,
        chart: "",
        charts: &s.chart,
        version: &s.chart_version,
        values: &values,
        key: "monitoring.stack.chart",
    };
    let said = release::install(ctx, PART, &s.namespace, &[chart]).await?;
    deployment_ready(ctx, &s.namespace, &format!("{}-operator", s.release)).await?;
    // Labels that the operator gives the pods of a Prometheus.
    let selector = format!("app.kubernetes.io/name=prometheus,operator.prometheus.io/name={}-prometheus", s.release);
    wait_for("Prometheus to be ready", ctx.limit(300), Duration::from_secs(1), async || {
        let pods = ctx.cluster.list("Pod", Some(&s.namespace), &selector).await?;
        let ready = |p: &Value| items_at(p, "/status/conditions").any(|c| c["type"] == "Ready" && c["status"] == "True");
        Ok(match pods.first() {
            None => Poll::Not("the operator has made no pod yet".into()),
            Some(p) if ready(p) => Poll::Done(()),
            Some(p) => Poll::Not(format!("its pod is {}", text_at(p, "/status/phase"))),
        })
    })
    .await?;
    Ok(said)
}

/// The certificate of its Service, made once: WVA asks over TLS or not at all.
async fn certificate(ctx: &Ctx) -> anyhow::Result<()> {
    let s = &ctx.plan.scenario.monitoring.stack;
    let r = Ref::new("Secret", &s.namespace, WEB_TLS);
    if ctx.cluster.get(&r).await?.is_some() {
        return Ok(());
    }
    let service = format!("{}-prometheus.{}.svc", s.release, s.namespace);
    let names = vec![service.clone(), format!("{service}.cluster.local"), format!("prometheus-operated.{}.svc", s.namespace)];
    let encode = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    let made = rcgen::generate_simple_self_signed(names).context("cannot make a certificate")?;
    let mut object = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": WEB_TLS, "namespace": s.namespace},
        "data": {"tls.crt": encode(made.cert.pem()), "tls.key": encode(made.signing_key.serialize_pem())},
    });
    own(&mut object, ctx.namespace());
    match ctx.cluster.create(&object).await {
        Err(e) if e.is_conflict() => Ok(()),
        other => other.map(drop).map_err(Into::into),
    }
}

async fn operators_crds(ctx: &Ctx) -> Result<Vec<Value>, ClusterError> {
    let all = ctx.cluster.list("CustomResourceDefinition", None, "").await?;
    Ok(all.into_iter().filter(|o| text_at(o, "/spec/group") == GROUP).collect())
}

/// Is it part of what [`remove`] decides about: who else needs it?
pub fn is_part(o: &Object) -> bool {
    o.at.name == WEB_TLS || user_workload::is_config(&o.at)
}

/// Uninstalls bench's own, with the CRDs that came with it and nobody uses; or hands it over.
pub async fn remove(ctx: &Ctx) -> anyhow::Result<Vec<String>> {
    let mut done = user_workload::remove(ctx).await?;
    match release::remove(ctx, PART).await? {
        Removed::NotOurs => return Ok(done),
        Removed::HandedOver(said) => {
            let mark = marks::get(&ctx.cluster, ctx.namespace(), CRDS).await?;
            let heir = marks::of_others(&ctx.cluster, ctx.namespace(), PART.installed).await?;
            if let (Some(mark), Some(heir)) = (mark, heir.first()) {
                marks::create(&ctx.cluster, CRDS, &marks::Mark { stack: heir.stack.clone(), ..mark }).await?;
            }
            done.push(said);
            return Ok(done);
        }
        Removed::Gone(said) => done.push(said),
    }
    // Without the mark nobody knows which there were.
    let Some(mark) = marks::get(&ctx.cluster, ctx.namespace(), CRDS).await? else { return Ok(done) };
    let before: Vec<&str> = mark.before.split(',').collect();
    let made: Vec<Value> = operators_crds(ctx).await?.into_iter().filter(|o| !before.contains(&text_at(o, "/metadata/name"))).collect();
    let (gone, kept) = crds::delete_unused(ctx, &made).await?;
    if !gone.is_empty() {
        done.push(format!("{} CRDs of {GROUP}", gone.len()));
    }
    done.extend(kept.iter().map(|(name, user)| format!("CRD {name} stays: {} is an object of it", text_at(user, "/metadata/name"))));
    Ok(done)
}
