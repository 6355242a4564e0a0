//! The lock: digests of the images and charts that a scenario names, so that a tag that is moved later changes no run.

mod reference;
mod registry;

pub use reference::{Reference, is_digest};
pub use registry::{Fault, Registries};

use super::plan::releases;
use crate::failure::Failure;
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::lock::{Lock, LockedChart, LockedImage};
use bench_model::plan::{Arm, Plan};
use bench_model::scenario::{GatewayKind, Method, Provision, Scaler, Scenario};
use futures::future::join_all;
use std::path::Path;

/// Where it is written, unless told otherwise.
pub const FILE: &str = "bench.lock.yaml";

/// An image of a scenario.
struct Named<'a> {
    key: &'static str,
    name: &'a mut String,
    /// Is it written into a manifest as it is? Istio's chart composes its proxy's from hub and version.
    pinnable: bool,
}

/// Images that a scenario brings up under any arm.
fn images(s: &mut Scenario) -> Vec<Named<'_>> {
    let (method, gateway) = (s.model_server.method, s.gateway.kind);
    let sidecar = method == Method::Modelservice && s.model_server.sidecar.enabled;
    let scheduler = gateway.can_schedule() && s.scheduler.enabled;
    let (adapter, wva) = (s.adapter.mode != Provision::Existing, s.wva.mode != Provision::Existing);
    let agent = !s.recording.agent_image.is_empty();
    let written = matches!(gateway, GatewayKind::Haproxy | GatewayKind::Epponly);
    let adapter = adapter && s.scaling.by == Scaler::Hpa;
    let all = [
        (method != Method::Existing, true, "model_server.image.name", &mut s.model_server.image.name),
        (sidecar, true, "model_server.sidecar.image.name", &mut s.model_server.sidecar.image.name),
        (written || gateway == GatewayKind::Istio, written, "gateway.image.name", &mut s.gateway.image.name),
        (scheduler, true, "scheduler.image.name", &mut s.scheduler.image.name),
        (adapter, true, "adapter.image.name", &mut s.adapter.image.name),
        (wva, true, "wva.image.name", &mut s.wva.image.name),
        (true, true, "load.guidellm.image.name", &mut s.load.guidellm.image.name),
        (agent, true, "recording.agent_image", &mut s.recording.agent_image),
    ];
    all.into_iter().filter(|(used, ..)| *used).map(|(_, pinnable, key, name)| Named { key, name, pinnable }).collect()
}

/// Charts of a plan and their versions, those of a repository as `URL NAME`.
fn charts(plan: &Plan) -> Vec<(String, String)> {
    let mut all: Vec<_> = releases(plan).into_iter().map(|r| (r.chart, r.version)).collect();
    all.dedup();
    all
}

/// Asks every registry for what the plan names, all at once. What has no digest says why.
pub async fn make(plan: &Plan, registries: &Registries) -> Lock {
    let mut scenario = plan.scenario.clone();
    let images = join_all(images(&mut scenario).into_iter().map(async |i| {
        let (digest, why) = known(registries, i.name).await;
        LockedImage { key: i.key.into(), image: i.name.clone(), digest, why }
    }))
    .await;
    // Under the arm that needs most, and for a cluster that has nothing.
    let most = Plan { arm: Arm::Wva, facts: None, ..plan.clone() };
    let charts = join_all(charts(&most).into_iter().map(async |(chart, version)| {
        let (digest, why) = match oci(&chart, &version) {
            Ok(name) => known(registries, &name).await,
            Err(why) => (None, Some(why.into())),
        };
        LockedChart { chart, version, digest, why }
    }))
    .await;
    Lock {
        schema_version: bench_model::SCHEMA_VERSION,
        bench_version: env!("CARGO_PKG_VERSION").into(),
        made: chrono::DateTime::from_timestamp(chrono::Utc::now().timestamp(), 0).unwrap_or_default(),
        scenario: plan.scenario.name.clone(),
        images,
        charts,
    }
}

async fn known(registries: &Registries, name: &str) -> (Option<String>, Option<String>) {
    let read = match Reference::parse(name) {
        Ok(r) => r,
        Err(why) => return (None, Some(format!("{name} names nothing in a registry: {why}"))),
    };
    match registries.digest(&read).await {
        Ok(digest) => (Some(digest), None),
        Err(e) => (None, Some(e.to_string())),
    }
}

/// A chart as an image's name; why not, where no registry has it.
fn oci(chart: &str, version: &str) -> Result<String, &'static str> {
    let Some(place) = chart.strip_prefix("oci://") else {
        return Err(match chart.starts_with("https://") {
            true => "a repository of charts: only OCI registries are asked",
            false => "a local chart",
        });
    };
    // A tag cannot have what a version may; helm replaces it in this way.
    Ok(format!("{}:{}", place.replace("/ ", "/").replace(' ', "/"), version.replace('+', "_")))
}

/// Writes the file.
///
/// # Errors
/// What the system says.
pub fn write(lock: &Lock, file: &Path) -> anyhow::Result<()> {
    let head = "# What the names of images and charts stood for. Made by bench plan --lock, read by --locked.\n";
    let text = head.to_string() + &serde_yaml::to_string(lock)?;
    super::results::write_soon(file, text.as_bytes())
}

/// Reads the file.
///
/// # Errors
/// Exit code 2 for what is no lock, or one of a newer bench.
pub fn read(file: &Path) -> anyhow::Result<Lock> {
    let wrong =
        |why: String| Failure::new(Exit::Usage, format!("{} is no lock: {why}", file.display())).hint("bench plan --lock FILE makes one");
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let lock: Lock = serde_yaml::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    if lock.schema_version > bench_model::SCHEMA_VERSION {
        return Err(wrong(format!("its schema_version {} is newer than this bench", lock.schema_version)).into());
    }
    let digests = lock.images.iter().map(|i| &i.digest).chain(lock.charts.iter().map(|c| &c.digest));
    if let Some(odd) = digests.flatten().find(|d| !is_digest(d)) {
        return Err(wrong(format!("{odd:?} is no digest")).into());
    }
    Ok(lock)
}

/// Pins the plan's images by the lock; warnings say what could not be.
///
/// # Errors
/// Exit code 2 when the plan names an image or a chart that the lock does not. What only the lock has does no harm.
pub fn pin(plan: &Plan, lock: &Lock, file: &Path) -> anyhow::Result<(Plan, Vec<String>)> {
    let mut scenario = plan.scenario.clone();
    let (mut other, mut open) = (vec![], vec![]);
    for i in images(&mut scenario) {
        match lock.images.iter().find(|l| l.key == i.key) {
            None => other.push(format!("{}: {} is not in the lock", i.key, i.name)),
            Some(l) if l.image != *i.name => other.push(format!("{}: {}, in the lock {}", i.key, i.name, l.image)),
            Some(_) if i.name.contains('@') => {}
            Some(l) => match &l.digest {
                Some(digest) if i.pinnable => *i.name = format!("{}@{digest}", i.name),
                Some(_) => open.push(format!("{} (its chart knows only versions)", i.key)),
                None => open.push(format!("{} (the lock has no digest)", i.key)),
            },
        }
    }
    for (chart, version) in charts(plan) {
        match lock.charts.iter().find(|l| l.chart == chart) {
            None => other.push(format!("chart {chart} is not in the lock")),
            Some(l) if l.version != version => other.push(format!("chart {chart}: {version}, in the lock {}", l.version)),
            Some(_) => {}
        }
    }
    if !other.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("{} does not fit the plan, {} differ", file.display(), other.len()))
            .evidence(other)
            .hint("the same scenario, --set and BENCH_SET as when it was made; or make it anew: bench plan --lock FILE")
            .into());
    }
    let warnings = if open.is_empty() { vec![] } else { vec![format!("not pinned by {}: {}", file.display(), open.join(", "))] };
    Ok((Plan::new(scenario, plan.profile.clone(), plan.arm, plan.facts.clone(), plan.notes.clone()), warnings))
}

#[cfg(test)]
#[path = "lock/tests.rs"]
mod tests;
