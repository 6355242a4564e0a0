//! Removes what bench made, by label, and puts back what it changed; then looks whether anything is left, and why.

use super::Session;
use super::drive::{Driver, drive};
use crate::cluster::{ClusterError, Ref};
use crate::failure::Failure;
use crate::steps::owned::{self, Object};
use crate::steps::{
    Ctx, adapter, hand_over, lease, marks, model_server, monitoring_stack, namespace, owner, record, scheduler, set_aside, stuck, wva,
};
use bench_model::exit::Exit;
use bench_model::intent::{Intent, Operation};
use bench_model::plan::Plan;
use std::time::Duration;

/// What acts on others, and goes first: autoscalers, loads.
const ACTING: [&str; 5] = ["ScaledObject", "HorizontalPodAutoscaler", "VariantAutoscaling", "Job", "Pod"];

/// The plan of the stack that is to go; `None`, and told, when there is none and nothing of one is left.
///
/// # Errors
/// Exit 8 when there is no record of the stack any more, and something of it is left.
pub async fn find(session: &Session, namespace: Option<&str>) -> anyhow::Result<Option<Plan>> {
    // Somebody else's record of that name is there, too: it is refused by its name.
    let there = match namespace {
        Some(stack) => session.cluster.get(&record::at(stack)).await?.is_some(),
        None => !record::all(&session.cluster, None).await?.is_empty(),
    };
    if there {
        return record::find(&session.cluster, namespace).await.map(Some);
    }
    let Some(stack) = namespace else {
        session.report.note("no stack of bench is up: nothing to remove (bench gc looks for what a lost one left)");
        return Ok(None);
    };
    let found = owned::of_stack(&session.cluster, stack).await;
    let namespaces = owned::namespaces(&session.cluster, Some(stack)).await?;
    let mut left: Vec<String> = found.objects.iter().chain(&namespaces).map(|o| o.at.to_string()).collect();
    left.extend(found.blind.iter().map(|(kind, why)| format!("perhaps objects of kind {kind}, which cannot be looked for: {why}")));
    if left.is_empty() {
        session.report.note(format!("no stack of bench is in namespace {stack}, and nothing of one: nothing to remove"));
        return Ok(None);
    }
    Err(Failure::new(
        Exit::Leftovers,
        format!("the record of the stack in namespace {stack} is gone, but {} things of it are left", left.len()),
    )
    .hint(format!("bench gc -p {stack}   removes them by their labels"))
    .evidence(left)
    .into())
}

/// What would be removed or put back, and what speaks against it: everybody may look. With `take_over` another user's stack would be
/// this user's first, and that it is another's speaks against nothing.
pub async fn dry_run(session: &Session, plan: Plan, force: bool, take_over: bool) -> anyhow::Result<(Vec<String>, anyhow::Result<()>)> {
    let ctx = session.stack_ctx(plan);
    let refused = async {
        lease::refuse_held(&ctx).await?;
        if !take_over {
            owner::require(&ctx.cluster, ctx.namespace()).await?;
        }
        refuse_live_run(&ctx, force).await
    };
    let stack = ctx.namespace();
    let found = owned::of_stack(&session.cluster, stack).await;
    let from = if take_over { owner::another(&ctx.cluster, stack).await? } else { None };
    let mut out: Vec<String> = from.iter().map(|o| format!("would take the stack over from {o}")).collect();
    out.extend(found.objects.iter().filter(|o| !o.is_child()).map(|o| format!("would remove {}", o.at)));
    out.extend(owned::namespaces(&session.cluster, Some(stack)).await?.iter().map(|o| format!("would remove {}", o.at)));
    out.extend(
        found.blind.iter().map(|(kind, why)| format!("would remove what there is of kind {kind}, which cannot be listed now: {why}")),
    );
    out.extend(set_aside::held(&session.cluster, stack).await?.iter().map(|r| format!("would put back {r} as it was")));
    Ok((out, refused.await))
}

/// Every step is tried, also after one that failed. The stack's record goes last: it is what a second try needs.
///
/// # Errors
/// Exit 6 while a run is at work, unless forced, and when the stack is another user's; exit 8 with a list when something is left.
pub async fn teardown(session: &Session, plan: Plan, force: bool) -> anyhow::Result<usize> {
    carry_out(session, Intent { force, ..Intent::new(Operation::Teardown, plan) }).await
}

/// From whatever is left.
pub async fn carry_out(session: &Session, intent: Intent) -> anyhow::Result<usize> {
    let force = intent.force;
    drive(session, intent, async |d| d.stoppable(act(d, force)).await).await
}

async fn refuse_live_run(ctx: &Ctx, force: bool) -> anyhow::Result<()> {
    if force { Ok(()) } else { super::run::refuse_live_run(ctx, "").await }
}

async fn act(d: &Driver, force: bool) -> anyhow::Result<usize> {
    let ctx = &d.ctx;
    owner::require(&ctx.cluster, ctx.namespace()).await?;
    d.lease_if_it_can_be().await?;
    refuse_live_run(ctx, force).await?;
    d.begin();
    record::set_phase(ctx, record::TEARING_DOWN).await?;
    sweep(ctx).await
}

/// Takes a stack away; of its plan it needs the namespace alone, so that it also serves a stack whose record is lost.
///
/// # Errors
/// Exit 8 with each thing that is left and its cause.
pub async fn sweep(ctx: &Ctx) -> anyhow::Result<usize> {
    let mut s = Sweep { ctx, refused: vec![], failed: vec![], count: 0 };
    s.remove("autoscalers", "HPAs, VariantAutoscaling, loads", |o| ACTING.contains(&o.at.kind.kind)).await?;
    // What was changed of others, and what others use, while the saved originals exist.
    let wva = ctx.step("wva", "Workload-Variant-Autoscaler", async {
        let done = wva::remove(ctx).await?;
        Ok(((), if done.is_empty() { "nothing of bench's".into() } else { done.join("; ") }))
    });
    let wva_done = s.note("wva", &wva.await);
    let adapter = ctx.step("adapter", "external metrics", async {
        let mut done: Vec<String> = hand_over::adapter(ctx).await?.into_iter().collect();
        done.extend(adapter::remove(ctx).await?);
        Ok(((), if done.is_empty() { "nothing of bench's in somebody's adapter".into() } else { done.join("; ") }))
    });
    let adapter_done = s.note("adapter", &adapter.await);
    let scheduler = ctx.step("scheduler", "inferencepool chart, what scaled an adopted stack", async {
        let mut done = scheduler::remove(ctx).await?;
        done.extend(model_server::restore(ctx).await?);
        done.extend(set_aside::give_back(ctx).await?);
        Ok(((), if done.is_empty() { "nothing of bench's".into() } else { done.join("; ") }))
    });
    let scheduler_done = s.note("scheduler", &scheduler.await);
    // Marks are what is put back by; what was to be handed over is still another stack's need.
    let keep = |o: &Object| {
        let outside = o.at.namespace.as_deref() != Some(ctx.namespace());
        o.at.name.starts_with(marks::PREFIX) || (!adapter_done && outside) || monitoring_stack::is_part(o)
    };
    s.remove("objects", "everything labelled", |o| !stays(ctx, o) && !keep(o)).await?;
    // What the objects stood on, once they are gone.
    let below = ctx.step("cluster-part", "control plane, CRDs, monitoring", async {
        let mut done = scheduler::remove_below(ctx).await?;
        done.extend(monitoring_stack::remove(ctx).await?);
        Ok(((), if done.is_empty() { "nothing of bench's".into() } else { done.join("; ") }))
    });
    let below_done = s.note("cluster-part", &below.await);
    let restored = wva_done && adapter_done && scheduler_done && below_done;
    let keep = |o: &Object| {
        let outside = o.at.namespace.as_deref() != Some(ctx.namespace());
        (!restored && o.at.name.starts_with(marks::PREFIX)) || (!adapter_done && outside) || (!below_done && monitoring_stack::is_part(o))
    };
    s.remove("marks", "what was kept to undo it all", |o| !stays(ctx, o) && !keep(o)).await?;
    let left = s.left().await;
    if left.is_empty() {
        return Ok(s.count + s.namespaces().await?);
    }
    Err(Failure::new(Exit::Leftovers, format!("teardown is not complete: {} things are left", left.len()))
        .hint("run bench teardown again once their causes are gone; an object with a finalizer waits for whoever put it there")
        .evidence(left)
        .into())
}

struct Sweep<'a> {
    ctx: &'a Ctx,
    /// Deletions that the API server refused.
    refused: Vec<(Ref, ClusterError)>,
    failed: Vec<String>,
    count: usize,
}

impl Sweep<'_> {
    /// Keeps what went wrong; `true` when nothing did.
    fn note(&mut self, what: &str, result: &anyhow::Result<()>) -> bool {
        if let Err(e) = result {
            self.failed.push(format!("{what}: {e:#}"));
        }
        result.is_ok()
    }

    /// Deletes labelled objects and waits until they are gone; what stays is named at the end.
    async fn remove(&mut self, step: &str, detail: &str, which: impl Fn(&Object) -> bool) -> anyhow::Result<()> {
        let (ctx, refused) = (self.ctx, &mut self.refused);
        let count = ctx
            .step(step, detail, async {
                let found = owned::of_stack(&ctx.cluster, ctx.namespace()).await.objects;
                let mine: Vec<Object> = found.into_iter().filter(|o| !o.is_child() && !o.is_helms() && which(o)).collect();
                let gone = delete_all(ctx, &mine, refused).await;
                Ok((gone, format!("{gone} of {} removed", mine.len())))
            })
            .await?;
        self.count += count;
        Ok(())
    }

    /// What still carries our labels, but for the record, each with its cause; and what went wrong on the way.
    async fn left(&mut self) -> Vec<String> {
        let ctx = self.ctx;
        let mut left = std::mem::take(&mut self.failed);
        let deadline = tokio::time::Instant::now() + ctx.limit(120);
        let found = loop {
            let mut found = owned::of_stack(&ctx.cluster, ctx.namespace()).await;
            found.objects.retain(|o| !stays(ctx, o));
            // Pods end in their own time, after what made them.
            let ending = found.objects.iter().any(Object::is_child);
            if !ending || tokio::time::Instant::now() >= deadline {
                break found;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        };
        left.extend(found.blind.iter().map(|(kind, why)| format!("objects of kind {kind} cannot be looked for: {why}")));
        for o in &found.objects {
            let refused = self.refused.iter().find(|(r, _)| *r == o.at).map(|(_, e)| e);
            left.push(stuck::line(&ctx.cluster, &o.at, &o.object, refused).await);
        }
        left
    }

    /// Gives how many were removed.
    async fn namespaces(&mut self) -> anyhow::Result<usize> {
        let ctx = self.ctx;
        ctx.step("namespaces", ctx.namespace(), async {
            let mut names: Vec<String> =
                owned::namespaces(&ctx.cluster, Some(ctx.namespace())).await?.into_iter().map(|o| o.at.name).collect();
            // Its own comes last: its record is what a second try needs.
            names.sort_by_key(|n| n == ctx.namespace());
            let mut gone = vec![];
            for ns in names.iter().filter(|n| *n != ctx.namespace()) {
                gone.extend(namespace::remove(ctx, ns).await?);
            }
            // By its owner the lease goes with it; whoever holds it gives it back by himself.
            ctx.cluster.delete(&record::at(ctx.namespace()), None).await?;
            gone.extend(namespace::remove(ctx, ctx.namespace()).await?);
            Ok((gone.len(), if gone.is_empty() { "none was made by bench".into() } else { gone.join(", ") }))
        })
        .await
        .map_err(|e| {
            Failure::new(Exit::Leftovers, format!("a namespace is left: {e:#}"))
                .hint(format!(
                    "what holds it must be gone first; then bench gc -p {0}, for the stack's record is gone: nothing else of it is left",
                    ctx.namespace()
                ))
                .into()
        })
    }
}

/// Goes at the very end: the record, and the lease of whoever is doing this.
fn stays(ctx: &Ctx, o: &Object) -> bool {
    o.at == record::at(ctx.namespace()) || (o.at.kind.kind == "Lease" && o.at.namespace.as_deref() == Some(ctx.namespace()))
}

/// Deletes objects, those very ones, and waits until they are gone; gives how many are.
pub async fn delete_all(ctx: &Ctx, objects: &[Object], refused: &mut Vec<(Ref, ClusterError)>) -> usize {
    let mut waiting: Vec<&Object> = vec![];
    for o in objects {
        match ctx.cluster.delete(&o.at, Some(&o.uid)).await {
            Ok(_) => waiting.push(o),
            // Another uid by now: it is somebody else's.
            Err(e) if e.is_conflict() => {}
            Err(e) => refused.push((o.at.clone(), e)),
        }
    }
    let deadline = tokio::time::Instant::now() + ctx.limit(120);
    let asked = waiting.len();
    loop {
        let mut still = vec![];
        for o in waiting {
            match ctx.cluster.get(&o.at).await {
                Ok(now) if now.as_ref().and_then(|n| n.pointer("/metadata/uid")?.as_str()) != Some(&o.uid) => {}
                // Not known is not gone.
                Ok(_) | Err(_) => still.push(o),
            }
        }
        if still.is_empty() || tokio::time::Instant::now() >= deadline {
            return asked - still.len();
        }
        waiting = still;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
