//! Finds what bench made and nobody needs any more, by labels and marks alone, says why, and removes it.

use super::drive::drive;
use super::{Session, stop, teardown};
use crate::cluster::{Ref, text_at};
use crate::config::manifests::labels;
use crate::failure::Failure;
use crate::steps::lease::{self, Lease};
use crate::steps::owned::{self, Object};
use crate::steps::{Ctx, adapter, record, strangers, stuck, wva};
use bench_model::exit::Exit;
use bench_model::intent::{Intent, Operation};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What to look for.
#[derive(Debug, Clone)]
pub struct Options {
    /// This stack's alone.
    pub namespace: Option<String>,
    pub dry_run: bool,
    /// Younger things are left: somebody may be making them.
    pub older_than: Duration,
    /// Also claims for volumes.
    pub volumes: bool,
}

/// What is to go, and why.
enum Orphan {
    /// All there is of a stack that has no record.
    Stack { stack: String, what: Vec<String>, why: String },
    /// Single objects.
    Objects { stack: String, objects: Vec<Object>, why: String },
}

/// Removes what is orphaned; gives how much.
///
/// # Errors
/// Exit 8 with what stays and why.
pub async fn gc(session: &Session, o: &Options) -> anyhow::Result<usize> {
    let (orphans, mut left) = find(session, o).await?;
    for orphan in &orphans {
        let (names, why) = match orphan {
            Orphan::Stack { what, why, .. } => (what.clone(), why),
            Orphan::Objects { objects, why, .. } => (objects.iter().map(|x| x.at.to_string()).collect(), why),
        };
        let verb = if o.dry_run { "would remove" } else { "removes" };
        for name in names {
            session.report.note(format!("{verb} {name}: {why}"));
        }
    }
    if o.dry_run {
        return finish(0, left);
    }
    let mut removed = 0;
    for orphan in orphans {
        match orphan {
            Orphan::Stack { stack, .. } => {
                match carry_out(session, Intent::new(Operation::Gc, (*bare_ctx(session, &stack)?.plan).clone())).await {
                    Ok(n) => removed += n,
                    Err(e) if stop::is_requested() => return Err(e),
                    Err(e) => {
                        let failure = e.downcast_ref::<Failure>();
                        left.extend(
                            failure
                                .map(|f| f.evidence.clone())
                                .filter(|l| !l.is_empty())
                                .unwrap_or_else(|| vec![format!("stack {stack}: {e:#}")]),
                        );
                    }
                }
            }
            Orphan::Objects { stack, objects, .. } => match objects_of(session, &stack, &objects, &mut left).await {
                Ok(n) => removed += n,
                Err(e) if stop::is_requested() => return Err(e),
                Err(e) => left.push(format!("stack {stack}: {e:#}")),
            },
        }
    }
    finish(removed, left)
}

/// Single objects of a stack that may be up: under its lease, so that nobody begins anything meanwhile.
async fn objects_of(session: &Session, stack: &str, objects: &[Object], left: &mut Vec<String>) -> anyhow::Result<usize> {
    let ctx = bare_ctx(session, stack)?;
    let _driven = stop::Driven::begin();
    let lease = Lease::take(&ctx, tokio::sync::watch::channel(None).0).await?;
    // Its own, or a stale one that was taken over: it goes when it is given back.
    let others: Vec<Object> = objects.iter().filter(|o| o.at != lease::at(stack)).cloned().collect();
    let mut refused = vec![];
    let outcome = tokio::select! {
        n = teardown::delete_all(&ctx, &others, &mut refused) => Ok(n + objects.len() - others.len()),
        name = stop::requested() => Err(Failure::new(Exit::Interrupted, format!("interrupted by {name}")).hint("bench gc again").into()),
    };
    lease.release().await;
    if outcome.is_ok() {
        for x in &others {
            let Ok(Some(now)) = ctx.cluster.get(&x.at).await else { continue };
            if now.pointer("/metadata/uid").and_then(Value::as_str) == Some(&x.uid) {
                let why = refused.iter().find(|(r, _)| *r == x.at).map(|(_, e)| e);
                left.push(stuck::line(&ctx.cluster, &x.at, &now, why).await);
            }
        }
    }
    outcome
}

fn finish(removed: usize, left: Vec<String>) -> anyhow::Result<usize> {
    if left.is_empty() {
        return Ok(removed);
    }
    Err(Failure::new(Exit::Leftovers, format!("{} things stay", left.len()))
        .hint("bench gc again, once their causes are gone")
        .evidence(left)
        .into())
}

/// A context for a stack of which nothing but the name is known.
fn bare_ctx(session: &Session, stack: &str) -> anyhow::Result<Ctx> {
    let intent = super::plan::Intent {
        scenario: crate::config::scenario::ScenarioArgs { name: "simulated".into(), namespace: Some(stack.into()), ..Default::default() },
        ..Default::default()
    };
    // The embedded scenario, whatever lies in the current directory: of the plan only the namespace is used.
    let lookup = crate::config::Lookup { config_dir: None, current_dir: std::path::PathBuf::from("/nonexistent") };
    let (plan, _) = super::plan::resolve(&lookup, &intent, None)?;
    Ok(session.stack_ctx(plan))
}

/// All there is of one stack that has no record any more.
pub async fn carry_out(session: &Session, intent: Intent) -> anyhow::Result<usize> {
    drive(session, intent, async |d| {
        d.stoppable(async {
            d.lease_if_it_can_be().await?;
            d.begin();
            sweep(&d.ctx).await
        })
        .await
    })
    .await
}

/// As teardown does it; then what was changed of others by a stack whose very marks are gone, and its lease.
async fn sweep(ctx: &Ctx) -> anyhow::Result<usize> {
    let stack = ctx.namespace();
    let mut count = 0;
    for (_, ns) in wva::stacks_with_overrides(ctx).await?.iter().filter(|(s, _)| s == stack) {
        count += wva::forget(ctx, ns).await?.len();
    }
    count += teardown::sweep(ctx).await?;
    // Teardown leaves it to its holder; this one has none.
    for o in owned::of_stack(&ctx.cluster, stack).await.objects.iter().filter(|o| o.at.kind.kind == "Lease") {
        ctx.cluster.delete(&o.at, Some(&o.uid)).await?;
        count += 1;
    }
    Ok(count)
}

/// Everything of bench's, sorted by stack.
struct Seen {
    stacks: BTreeMap<String, Vec<Object>>,
    now: DateTime<Utc>,
}

impl Seen {
    fn of(&self, stack: &str) -> &[Object] {
        self.stacks.get(stack).map(Vec::as_slice).unwrap_or_default()
    }

    fn has_record(&self, stack: &str) -> bool {
        self.of(stack).iter().any(|o| o.at == record::at(stack))
    }

    fn age(&self, o: &Object) -> Duration {
        let made = o.object.pointer("/metadata/creationTimestamp").and_then(Value::as_str).and_then(|t| t.parse::<DateTime<Utc>>().ok());
        made.and_then(|t| (self.now - t).to_std().ok()).unwrap_or_default()
    }

    /// Runs of which a pod is alive: it measures, or holds results that nobody has fetched yet.
    fn live_runs(&self, stack: &str) -> BTreeSet<String> {
        let alive = |o: &&Object| {
            o.at.kind.kind == "Pod"
                && !o.label(labels::RUN).is_empty()
                && !matches!(o.object.pointer("/status/phase").and_then(Value::as_str), Some("Succeeded" | "Failed"))
        };
        self.of(stack).iter().filter(alive).map(|o| o.label(labels::RUN).to_string()).collect()
    }
}

async fn find(session: &Session, o: &Options) -> anyhow::Result<(Vec<Orphan>, Vec<String>)> {
    let cluster = &session.cluster;
    let fallback = o.namespace.as_deref().unwrap_or(&cluster.default_namespace);
    let found = match &o.namespace {
        Some(stack) => owned::of_stack(cluster, stack).await,
        None => owned::of_all(cluster, fallback).await,
    };
    let blind: Vec<String> = found.blind.iter().map(|(k, why)| format!("objects of kind {k} cannot be looked for: {why}")).collect();
    let namespaces = owned::namespaces(cluster, o.namespace.as_deref()).await?;
    let mut seen = Seen { stacks: BTreeMap::new(), now: cluster.server_date().await? };
    for x in found.objects.into_iter().chain(namespaces) {
        seen.stacks.entry(x.label(labels::STACK).to_string()).or_default().push(x);
    }
    // Of a stack whose namespace was deleted by hand, what it changed of others is left.
    let any = bare_ctx(session, fallback)?;
    let mut marked: Vec<String> = adapter::stacks_with_rules(&any).await?;
    marked.extend(wva::stacks_with_overrides(&any).await?.into_iter().map(|(s, _)| s));
    for stack in marked.into_iter().filter(|s| o.namespace.as_ref().is_none_or(|n| n == s)) {
        seen.stacks.entry(stack).or_default();
    }
    let held = held(session, &seen).await?;
    let mut orphans = vec![];
    for stack in seen.stacks.keys() {
        if let Some(who) = held.get(stack) {
            session.report.note(format!("stack {stack} is left alone: {who} is at work on it"));
            continue;
        }
        if seen.has_record(stack) {
            orphans.extend(of_living_stack(session, &seen, stack, o));
        } else {
            orphans.extend(of_dead_stack(session, &any, &seen, stack, o).await?);
        }
    }
    orphans.extend(volumes(session, o).await?);
    Ok((orphans, blind))
}

/// Stacks whose lease is renewed while we look, by stack, with who holds it. Clocks of other machines say nothing.
async fn held(session: &Session, seen: &Seen) -> anyhow::Result<BTreeMap<String, String>> {
    let leases: Vec<&Object> = seen.stacks.values().flatten().filter(|o| o.at.kind.kind == "Lease").collect();
    let holder = |o: &Value| o.pointer("/spec/holderIdentity").and_then(Value::as_str).filter(|h| !h.is_empty()).map(String::from);
    let lasts = |o: &Value| o.pointer("/spec/leaseDurationSeconds").and_then(Value::as_u64).unwrap_or(15).min(60);
    let taken: Vec<&&Object> = leases.iter().filter(|l| holder(&l.object).is_some()).collect();
    let Some(longest) = taken.iter().map(|l| lasts(&l.object)).max() else { return Ok(BTreeMap::new()) };
    session.report.note(format!("{} stacks are held; looking for {longest} s whether by anybody alive", taken.len()));
    tokio::time::sleep(Duration::from_secs(longest)).await;
    let mut out = BTreeMap::new();
    for l in taken {
        let Some(now) = session.cluster.get(&l.at).await? else { continue };
        if now.pointer("/metadata/resourceVersion") != l.object.pointer("/metadata/resourceVersion") {
            out.insert(l.label(labels::STACK).to_string(), holder(&now).unwrap_or_else(|| "somebody".into()));
        }
    }
    Ok(out)
}

/// A stack without a record: all of it, unless a run is alive or it is only just being made.
async fn of_dead_stack(session: &Session, any: &Ctx, seen: &Seen, stack: &str, o: &Options) -> anyhow::Result<Option<Orphan>> {
    if let Some(run) = seen.live_runs(stack).first() {
        session.report.warn(format!(
            "stack {stack} has no record any more, but run {run} is at work or not collected: it is left alone. Standing the stack up again \
             makes its record anew; bench resume then collects the run"
        ));
        return Ok(None);
    }
    let all = seen.of(stack);
    // What a controller made goes by itself; it is named all the same when nothing else is left.
    let of: Vec<&Object> = all.iter().filter(|x| !x.is_child()).collect();
    if let Some(youngest) = of.iter().map(|x| seen.age(x)).min().filter(|a| *a < o.older_than) {
        session.report.note(format!(
            "stack {stack} has no record, but something of it is only {} s old: left alone (--older-than)",
            youngest.as_secs()
        ));
        return Ok(None);
    }
    let mut what = vec![];
    for x in of {
        if x.at.kind.kind == "Namespace" {
            let strangers = strangers::strangers(any, &x.at.name).await?;
            if !strangers.is_empty() {
                session.report.note(format!("namespace {} is kept: somebody else has {} in it", x.at.name, strangers.join(", ")));
                continue;
            }
        }
        what.push(x.at.to_string());
    }
    if all.is_empty() {
        what.push(format!("the settings of stack {stack} in somebody's adapter or WVA"));
    }
    let why = format!("its stack, {stack}, has no record any more");
    Ok((!what.is_empty()).then(|| Orphan::Stack { stack: stack.into(), what, why }))
}

/// Of a stack that is up: objects of runs that are over, and a lease that nobody renews.
fn of_living_stack(session: &Session, seen: &Seen, stack: &str, o: &Options) -> Vec<Orphan> {
    let mut out = vec![];
    let live = seen.live_runs(stack);
    let mut runs: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
    for x in seen.of(stack).iter().filter(|x| !x.label(labels::RUN).is_empty()) {
        runs.entry(x.label(labels::RUN)).or_default().push(x);
    }
    for (run, objects) in runs {
        if live.contains(run) || objects.iter().any(|x| seen.age(x) < o.older_than) {
            continue;
        }
        let record = objects.iter().find(|x| x.label("app.kubernetes.io/name") == "llmd-bench-run");
        let phase = record.map(|r| r.object.pointer("/data/phase").and_then(Value::as_str).unwrap_or_default());
        let why = match phase {
            None => format!("run {run} is not known in the cluster, and none of its pods is alive"),
            Some(p @ ("complete" | "failed")) => format!("run {run} is over ({p})"),
            Some(p) => {
                session.report.note(format!("run {run} of stack {stack} is not at its end ({p}): bench resume {run} carries it on"));
                continue;
            }
        };
        let objects = objects.into_iter().filter(|x| !x.is_child()).cloned().collect();
        out.push(Orphan::Objects { stack: stack.into(), objects, why });
    }
    // A live one is not even asked about here.
    let stale: Vec<Object> = seen.of(stack).iter().filter(|x| x.at.kind.kind == "Lease").cloned().collect();
    if let Some(l) = stale.first() {
        let who = l.object.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or("nobody");
        let why = format!("nobody renews it; {who} had it last");
        out.push(Orphan::Objects { stack: stack.into(), objects: stale, why });
    }
    out
}

/// Claims for volumes that carry bench's labels: told always, removed only when asked, for they hold data.
async fn volumes(session: &Session, o: &Options) -> anyhow::Result<Vec<Orphan>> {
    let mut selector = format!("{}={}", labels::MANAGED_BY, labels::BENCH);
    if let Some(stack) = &o.namespace {
        selector.push_str(&format!(",{}={stack}", labels::STACK));
    }
    let found = match session.cluster.list("PersistentVolumeClaim", o.namespace.as_deref(), &selector).await {
        Err(e) if e.is_forbidden() => vec![],
        other => other?,
    };
    let text = |v: &Value, p: &str| text_at(v, p).to_string();
    let mut out = vec![];
    for v in found {
        let (ns, name) = (text(&v, "/metadata/namespace"), text(&v, "/metadata/name"));
        let size = text(&v, "/spec/resources/requests/storage");
        if !o.volumes {
            session.report.note(format!(
                "PersistentVolumeClaim {ns}/{name} ({size}) carries bench's labels and is kept, it may hold data: --volumes removes it"
            ));
            continue;
        }
        let object = Object { at: Ref::new("PersistentVolumeClaim", &ns, &name), uid: text(&v, "/metadata/uid"), object: v };
        out.push(Orphan::Objects { stack: ns, objects: vec![object], why: format!("a claim for {size}, --volumes") });
    }
    Ok(out)
}
