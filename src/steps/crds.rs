//! CRDs of the Gateway API and of its inference extension: installed when missing, never over another version; taken away only
//! if bench made them and nobody has an object of theirs.

use super::{Ctx, label};
use crate::cluster::{Cluster, Page, Poll, Ref, items_at, text_at, wait_for};
use crate::config::manifests::{labels, own};
use crate::failure::Failure;
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::scenario::{CrdBundle, GatewayKind};
use serde_json::{Value, json};
use std::time::Duration;

/// Group, plural, and whether the stack cannot do without it.
type Crd = (&'static str, &'static str, bool);

const GATEWAY: &str = "gateway.networking.k8s.io";
const GATEWAY_API: &[Crd] = &[
    (GATEWAY, "gatewayclasses", true),
    (GATEWAY, "gateways", true),
    (GATEWAY, "httproutes", true),
    (GATEWAY, "grpcroutes", false),
    (GATEWAY, "referencegrants", false),
];
/// As the published stand-up looked for them, and the pool's own.
const INFERENCE_API: &[Crd] = &[
    ("inference.networking.k8s.io", "inferencepools", true),
    ("inference.networking.x-k8s.io", "inferenceobjectives", true),
    ("inference.networking.x-k8s.io", "inferencepoolimports", false),
    ("inference.networking.x-k8s.io", "inferencepools", false),
];

/// What is left of them from v1.6 on; the endpoint picker that comes without a Gateway looks for the others, and does without.
const POOLS_ONLY: &[Crd] =
    &[("inference.networking.k8s.io", "inferencepools", true), ("inference.networking.x-k8s.io", "inferencepoolimports", false)];

struct Bundle<'a> {
    what: &'static str,
    key: &'static str,
    /// Annotation by which a CRD says its version.
    version_at: &'static str,
    crds: &'static [Crd],
    wanted: &'a CrdBundle,
}

impl Bundle<'_> {
    fn version<'v>(&self, crd: &'v Value) -> &'v str {
        crd.pointer("/metadata/annotations").and_then(|a| a[self.version_at].as_str()).unwrap_or("an unknown version")
    }
}

fn at((group, plural, _): &Crd) -> Ref {
    Ref::new("CustomResourceDefinition", "", &format!("{plural}.{group}"))
}

pub async fn ensure(ctx: &Ctx) -> anyhow::Result<((), String)> {
    let g = &ctx.plan.scenario.gateway;
    let api = Bundle {
        what: "Gateway API",
        key: "gateway.api",
        version_at: "gateway.networking.k8s.io/bundle-version",
        crds: GATEWAY_API,
        wanted: &g.api,
    };
    let inference = Bundle {
        what: "inference extension",
        key: "gateway.inference_api",
        version_at: "inference.networking.k8s.io/bundle-version",
        crds: if g.kind == GatewayKind::Epponly { POOLS_ONLY } else { INFERENCE_API },
        wanted: &g.inference_api,
    };
    let mut said = vec![];
    if g.kind.is_gateway_api() {
        said.push(bundle(ctx, &api).await?);
    }
    if ctx.plan.scenario.scheduler.enabled {
        said.push(bundle(ctx, &inference).await?);
    }
    Ok(((), said.join("; ")))
}

async fn bundle(ctx: &Ctx, b: &Bundle<'_>) -> anyhow::Result<String> {
    let wanted = b.wanted.version.as_str();
    let (mut missing, mut others): (Vec<&Crd>, Vec<String>) = (vec![], vec![]);
    for crd in b.crds {
        match found(ctx, crd).await? {
            None => missing.push(crd),
            Some(o) if b.version(&o) != wanted => others.push(b.version(&o).to_string()),
            Some(_) => {}
        }
    }
    others.sort();
    others.dedup();
    if !others.is_empty() {
        let there = others.join(", ");
        if let Some(crd) = missing.iter().find(|c| c.2) {
            let text = format!("{} is there in {there}, but without {}: bench does not mix it with {wanted}", b.what, at(crd));
            return Err(Failure::new(Exit::Cluster, text)
                .hint(format!("install the rest of that version, or let bench: --set {}.version=VERSION", b.key))
                .into());
        }
        ctx.report.warn(format!("{} is there in {there}, the scenario has {wanted}: it is used as it is", b.what));
        return Ok(format!("{} {there} is there", b.what));
    }
    for crd in &missing {
        let object = load(ctx, b, crd).await?;
        match ctx.cluster.create(&object).await {
            // Somebody was quicker.
            Err(e) if e.is_conflict() => {}
            other => drop(other?),
        }
    }
    // Also those that a killed try made a moment ago.
    for crd in b.crds {
        established(ctx, crd).await?;
    }
    Ok(match missing.len() {
        0 => format!("{} {wanted} is there", b.what),
        n => format!("{n} CRDs of {} {wanted} made", b.what),
    })
}

/// A CRD, unless it is on its way out.
async fn found(ctx: &Ctx, crd: &Crd) -> anyhow::Result<Option<Value>> {
    let r = at(crd);
    let Some(o) = ctx.cluster.get(&r).await? else { return Ok(None) };
    if o.pointer("/metadata/deletionTimestamp").is_none() {
        return Ok(Some(o));
    }
    wait_for(&format!("the old {r} to be gone"), ctx.limit(60), Duration::from_secs(1), async || {
        Ok(match ctx.cluster.get(&r).await? {
            None => Poll::Done(()),
            Some(o) => Poll::Not(super::stuck::line(&ctx.cluster, &r, &o, None).await),
        })
    })
    .await?;
    Ok(None)
}

async fn established(ctx: &Ctx, crd: &Crd) -> anyhow::Result<()> {
    let r = at(crd);
    wait_for(&format!("{r} to be served"), ctx.limit(60), Duration::from_millis(500), async || {
        let Some(o) = ctx.cluster.get(&r).await? else { return Ok(Poll::Not("it is gone".into())) };
        let condition = items_at(&o, "/status/conditions").find(|c| c["type"] == "Established");
        Ok(match condition {
            Some(c) if c["status"] == "True" => Poll::Done(()),
            Some(c) => Poll::Not(format!("not established: {}", text_at(c, "/message"))),
            None => Poll::Not("the API server has not looked at it yet".into()),
        })
    })
    .await
}

/// Reads a CRD from where the scenario says, and looks whether it is the one that was asked for.
async fn load(ctx: &Ctx, b: &Bundle<'_>, crd: &Crd) -> anyhow::Result<Value> {
    let base = b.wanted.crds.replace("{version}", &b.wanted.version);
    let place = format!("{}/{}_{}.yaml", base.trim_end_matches('/'), crd.0, crd.1);
    let text = if place.starts_with("https://") {
        let page = Page { url: &place, bearer: None, ca: "" };
        ctx.cluster.web_get(&page).await.map_err(|e| unread(b, &place, &e.to_string()))?
    } else {
        std::fs::read_to_string(&place).map_err(|e| unread(b, &place, &e.to_string()))?
    };
    let mut object: Value = serde_yaml::from_str(&text).map_err(|e| unread(b, &place, &e.to_string()))?;
    let name = at(crd).name;
    if object["kind"] != "CustomResourceDefinition" || text_at(&object, "/metadata/name") != name {
        return Err(unread(b, &place, &format!("it is not CRD {name}")).into());
    }
    if b.version(&object) != b.wanted.version {
        return Err(unread(b, &place, &format!("it is of {}", b.version(&object))).into());
    }
    // What a generator left there is the API server's to write.
    object.as_object_mut().context("a CRD is a table")?.remove("status");
    own(&mut object, ctx.namespace());
    Ok(object)
}

fn unread(b: &Bundle<'_>, place: &str, why: &str) -> Failure {
    Failure::new(Exit::Cluster, format!("{} {} cannot be had from {place}: {why}", b.what, b.wanted.version))
        .hint(format!("install it yourself, or take it from a local copy: --set {}.crds=DIR (docs/stack.md)", b.key))
}

/// All CRDs that this stack made.
async fn made(ctx: &Ctx) -> anyhow::Result<Vec<Value>> {
    let selector = format!("{}={},{}={}", labels::MANAGED_BY, labels::BENCH, labels::STACK, ctx.namespace());
    match ctx.cluster.list("CustomResourceDefinition", None, &selector).await {
        Ok(all) => Ok(all),
        // Whoever may not list them made none.
        Err(e) if e.is_forbidden() => Ok(vec![]),
        Err(e) => Err(e.into()),
    }
}

/// Objects of a CRD, in the whole cluster; those that are leaving do not count.
pub async fn objects_of(cluster: &Cluster, crd: &Value) -> anyhow::Result<Vec<Value>> {
    let (group, plural) = (text_at(crd, "/spec/group"), text_at(crd, "/spec/names/plural"));
    let version = items_at(crd, "/spec/versions").find(|v| v["served"] == true).map(|v| text_at(v, "/name").to_string());
    let Some(version) = version else { return Ok(vec![]) };
    match cluster.get_path(&format!("/apis/{group}/{version}/{plural}")).await {
        Ok(list) => Ok(items_at(&list, "/items").filter(|o| o.pointer("/metadata/deletionTimestamp").is_none()).cloned().collect()),
        Err(e) if e.is_not_found() => Ok(vec![]),
        Err(e) => Err(e.into()),
    }
}

/// Deletes CRDs that nobody uses; gives their names, and those of the others with who does.
pub async fn delete_unused(ctx: &Ctx, crds: &[Value]) -> anyhow::Result<(Vec<String>, Vec<(String, Value)>)> {
    let (mut gone, mut kept) = (vec![], vec![]);
    for crd in crds {
        let name = text_at(crd, "/metadata/name").to_string();
        if let Some(user) = objects_of(&ctx.cluster, crd).await?.into_iter().next() {
            kept.push((name, user));
            continue;
        }
        let r = Ref::new("CustomResourceDefinition", "", &name);
        ctx.cluster.delete(&r, crd.pointer("/metadata/uid").and_then(Value::as_str)).await?;
        gone.push(name);
    }
    for name in &gone {
        let r = Ref::new("CustomResourceDefinition", "", name);
        wait_for(&format!("{r} to be gone"), ctx.limit(60), Duration::from_millis(500), async || {
            Ok(match ctx.cluster.get(&r).await? {
                None => Poll::Done(()),
                Some(o) => Poll::Not(super::stuck::line(&ctx.cluster, &r, &o, None).await),
            })
        })
        .await?;
    }
    Ok((gone, kept))
}

/// Takes away the CRDs that this stack made. One that somebody uses is left to them: to their stack, or without bench's labels.
pub async fn remove(ctx: &Ctx) -> anyhow::Result<Vec<String>> {
    let (gone, kept) = delete_unused(ctx, &made(ctx).await?).await?;
    let mut said: Vec<String> = gone.iter().map(|n| format!("CRD {n}")).collect();
    for (name, user) in kept {
        let heir = label(&user, labels::STACK).filter(|s| *s != ctx.namespace() && label(&user, labels::MANAGED_BY) == Some(labels::BENCH));
        let to = heir.map(Value::from).unwrap_or_default();
        let by = heir.map(|_| Value::from(labels::BENCH)).unwrap_or_default();
        let patch = json!({"metadata": {"labels": {labels::STACK: to, labels::MANAGED_BY: by}}});
        ctx.cluster.merge_patch(&Ref::new("CustomResourceDefinition", "", &name), None, &patch).await?;
        let who = format!("{}/{}", text_at(&user, "/metadata/namespace"), text_at(&user, "/metadata/name"));
        said.push(format!("CRD {name} stays, {} has objects of it ({})", heir.unwrap_or("somebody"), who.trim_start_matches('/')));
    }
    Ok(said)
}
