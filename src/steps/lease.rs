//! One bench at a time on a namespace: a Lease, held while something is changed, renewed by a task of its own.
//!
//! Somebody else's lease is taken over only after it stood still for its whole duration by our own clock, or at once when
//! its holder was a process of this very machine that is dead. Both are told. Whoever lost it ends before the next step.

use super::{Ctx, is_ours, owner, record};
use crate::cluster::{Cluster, ClusterError, Ref, text_at};
use crate::config::manifests::own;
use crate::failure::Failure;
use crate::report::Reporter;
use bench_model::exit::Exit;
use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Name of the lease.
pub const NAME: &str = "llmd-bench";
/// After so long without a renewal it is stale.
const DURATION: Duration = Duration::from_secs(15);
const RENEW: Duration = Duration::from_secs(5);
/// Annotation that tells processes apart: boot, process namespace, process id, its start time.
const PROCESS: &str = "llmd-bench/process";

/// Where it is.
pub fn at(namespace: &str) -> Ref {
    Ref::new("Lease", namespace, NAME)
}

fn process_of(lease: &Value) -> Option<&str> {
    lease.pointer("/metadata/annotations")?.get(PROCESS)?.as_str()
}

/// Who holds a lease, as people read it.
pub fn holder(lease: &Value) -> &str {
    let name = text_at(lease, "/spec/holderIdentity");
    if name.is_empty() { "an unknown holder" } else { name }
}

/// This process for people: `user@host pid N`.
pub fn myself() -> String {
    format!("{} pid {}", owner::of_the_machine(), std::process::id())
}

/// Boot and process namespace: where a process id means something. `None` where there is no /proc.
fn here() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

/// Start time of a living process, in ticks since boot; `None` for one that is gone, a zombie too.
fn started(pid: &str) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command in brackets may hold anything, brackets and spaces too.
    let mut after = stat.rsplit_once(')')?.1.split_whitespace();
    let state = after.next()?;
    if matches!(state, "Z" | "X") { None } else { after.nth(18).map(String::from) }
}

/// This process for programs.
fn process() -> String {
    let pid = std::process::id().to_string();
    match (here(), started(&pid)) {
        (Some(here), Some(start)) => format!("{here} {pid} {start}"),
        _ => {
            // Drawn once: this process must know its own lease again.
            static DRAWN: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
            let drawn = DRAWN.get_or_init(|| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), &pid));
            format!("unknown {drawn}")
        }
    }
}

/// What can be said at once of a holder.
#[derive(Debug, PartialEq, Eq)]
enum Holder {
    /// A process of this machine that lives.
    Alive,
    /// A process of this machine that is gone.
    Dead,
    /// Only its renewals can tell.
    Elsewhere,
}

fn look(theirs: &str, here: Option<&str>, started: impl Fn(&str) -> Option<String>) -> Holder {
    let Some((place, pid, start)) = theirs.rsplit_once(' ').and_then(|(rest, start)| rest.rsplit_once(' ').map(|(p, pid)| (p, pid, start)))
    else {
        return Holder::Elsewhere;
    };
    // A process id is a number; anything else must not become a path.
    if Some(place) != here || !pid.bytes().all(|b| b.is_ascii_digit()) {
        return Holder::Elsewhere;
    }
    if started(pid).as_deref() == Some(start) { Holder::Alive } else { Holder::Dead }
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn spec(acquired: &str, transitions: u64) -> Value {
    json!({
        "holderIdentity": myself(), "leaseDurationSeconds": DURATION.as_secs(),
        "acquireTime": acquired, "renewTime": now(), "leaseTransitions": transitions,
    })
}

/// A lease of ours that nobody had before.
fn fresh(stack: &str) -> Value {
    let mut object = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": NAME, "namespace": stack, "annotations": {PROCESS: process()}},
        "spec": spec(&now(), 0),
    });
    own(&mut object, stack);
    object
}

/// Our hold of a namespace. [`Lease::release`] gives it back; without that it becomes stale by itself.
pub struct Lease {
    cluster: Cluster,
    namespace: String,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Lease {
    /// Takes the lease of the context's namespace, which must exist.
    ///
    /// # Errors
    /// Exit 6 with the holder's name while another bench is alive.
    ///
    /// Whoever takes it over later is named on `lost`.
    pub async fn take(ctx: &Ctx, lost: watch::Sender<Option<String>>) -> anyhow::Result<Self> {
        let acquired = acquire(ctx).await?;
        let (stop, stopped) = watch::channel(false);
        let keeper = Keeper {
            cluster: ctx.cluster.clone(),
            report: ctx.report.clone(),
            stack: ctx.namespace().into(),
            version: text_at(&acquired, "/metadata/resourceVersion").into(),
            owned: acquired.pointer("/metadata/ownerReferences/0").is_some(),
        };
        let task = tokio::spawn(keeper.keep(lost, stopped));
        Ok(Self { cluster: ctx.cluster.clone(), namespace: ctx.namespace().into(), stop, task })
    }

    /// Gives it back: the object is deleted, unless it is somebody else's by now.
    pub async fn release(self) {
        self.stop.send_replace(true);
        // A renewal that is under way must not come after the delete.
        let _ = self.task.await;
        delete_ours(&self.cluster, &self.namespace).await;
    }
}

/// Gives back what an interrupted [`Lease::take`] may have got.
pub async fn give_back(ctx: &Ctx) {
    delete_ours(&ctx.cluster, ctx.namespace()).await;
}

async fn delete_ours(cluster: &Cluster, namespace: &str) {
    let r = at(namespace);
    if let Ok(Some(found)) = cluster.get(&r).await
        && process_of(&found) == Some(&process())
    {
        // What cannot be deleted now becomes stale in a few seconds.
        let _ = cluster.delete(&r, Some(text_at(&found, "/metadata/uid"))).await;
    }
}

/// For a command that only looks: is another bench at work here?
///
/// # Errors
/// Exit 6 with the name of a holder that is alive. One on another machine is named and not waited for.
pub async fn refuse_held(ctx: &Ctx) -> anyhow::Result<()> {
    let Some(found) = ctx.cluster.get_if_allowed(&at(ctx.namespace())).await? else { return Ok(()) };
    let theirs = process_of(&found).unwrap_or_default();
    match look(theirs, here().as_deref(), started) {
        _ if theirs == process() => {}
        Holder::Dead => {}
        Holder::Alive => return Err(held(ctx.namespace(), holder(&found))),
        Holder::Elsewhere => {
            ctx.report.warn(format!("namespace {} is held by {}; whether it is alive was not waited for", ctx.namespace(), holder(&found)));
        }
    }
    Ok(())
}

async fn acquire(ctx: &Ctx) -> anyhow::Result<Value> {
    let r = at(ctx.namespace());
    let mut object = fresh(ctx.namespace());
    if let Some(owner) = record::owner(&ctx.cluster, ctx.namespace()).await? {
        object["metadata"]["ownerReferences"] = json!([owner]);
    }
    // What stood there when it was last seen to move, and since when.
    let mut still: Option<(String, Instant)> = None;
    loop {
        let Some(found) = ctx.cluster.get(&r).await? else {
            match ctx.cluster.create(&object).await {
                Ok(made) => return Ok(made),
                // Somebody was faster, or the answer to an earlier try was lost.
                Err(e) if e.is_conflict() => continue,
                Err(e) => return Err(e.into()),
            }
        };
        let theirs = process_of(&found).unwrap_or_default().to_string();
        if theirs == process() {
            return Ok(found);
        }
        if !is_ours(&found, ctx.namespace()) {
            return Err(Failure::new(Exit::Cluster, format!("{r} exists but is not bench's"))
                .hint("choose another namespace with -p")
                .into());
        }
        let version = text_at(&found, "/metadata/resourceVersion").to_string();
        let lasts = Duration::from_secs(found.pointer("/spec/leaseDurationSeconds").and_then(Value::as_u64).unwrap_or(DURATION.as_secs()));
        let who = holder(&found).to_string();
        let why = match look(&theirs, here().as_deref(), started) {
            Holder::Alive => return Err(held(ctx.namespace(), &who)),
            Holder::Dead => "that process is dead".to_string(),
            Holder::Elsewhere => match &still {
                Some((seen, _)) if *seen != version => return Err(held(ctx.namespace(), &who)),
                Some((_, since)) if since.elapsed() >= lasts => format!("it was not renewed for {} s", lasts.as_secs()),
                Some(_) => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    continue;
                }
                None => {
                    ctx.report.note(format!(
                        "namespace {} is held by {who}; looking for up to {} s whether it is alive",
                        ctx.namespace(),
                        lasts.as_secs()
                    ));
                    still = Some((version, Instant::now()));
                    continue;
                }
            },
        };
        let transitions = found.pointer("/spec/leaseTransitions").and_then(Value::as_u64).unwrap_or(0) + 1;
        // The resourceVersion makes it compare-and-swap: of two that see it stale, one wins.
        let mut patch = json!({
            "metadata": {"resourceVersion": version, "annotations": {PROCESS: process()}},
            "spec": spec(&now(), transitions),
        });
        if let Some(owner) = object.pointer("/metadata/ownerReferences") {
            patch["metadata"]["ownerReferences"] = owner.clone();
        }
        match ctx.cluster.merge_patch(&r, None, &patch).await {
            Ok(taken) => {
                ctx.report.warn(format!("the lease of namespace {} is taken over from {who}: {why}", ctx.namespace()));
                return Ok(taken);
            }
            Err(e) if e.is_conflict() || e.is_not_found() => {}
            Err(e) => return Err(e.into()),
        }
    }
}

fn held(namespace: &str, who: &str) -> anyhow::Error {
    Failure::new(Exit::Cluster, format!("another bench is at work in namespace {namespace}: {who}"))
        .hint("wait for it, or stop it (Ctrl-C there); once it is dead its lease is taken over by itself")
        .into()
}

/// Renews until it is told to stop.
struct Keeper {
    cluster: Cluster,
    report: Reporter,
    stack: String,
    version: String,
    owned: bool,
}

impl Keeper {
    async fn keep(mut self, lost: watch::Sender<Option<String>>, mut stop: watch::Receiver<bool>) {
        let mut last = Instant::now();
        let mut told = false;
        let mut pause = RENEW;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // Its sender goes with the lease.
                _ = stop.wait_for(|s| *s) => return,
            }
            match self.renew().await {
                Ok(None) => {
                    (last, told, pause) = (Instant::now(), false, RENEW);
                }
                Ok(Some(by)) => {
                    lost.send_replace(Some(by));
                    return;
                }
                Err(e) => {
                    // Whoever waits for it may take it now: the first sign of life must be ours.
                    pause = Duration::from_secs(1);
                    if last.elapsed() > DURATION && !std::mem::replace(&mut told, true) {
                        self.report.warn(format!(
                            "the lease of namespace {} could not be renewed for {} s: {e}",
                            self.stack,
                            DURATION.as_secs()
                        ));
                    }
                }
            }
        }
    }

    /// `Some` with its holder when it is somebody else's.
    async fn renew(&mut self) -> Result<Option<String>, ClusterError> {
        let r = at(&self.stack);
        let mut patch = json!({"metadata": {"resourceVersion": self.version}, "spec": {"renewTime": now()}});
        if !self.owned
            && let Ok(Some(owner)) = record::owner(&self.cluster, &self.stack).await
        {
            patch["metadata"]["ownerReferences"] = json!([owner]);
        }
        match self.cluster.merge_patch(&r, None, &patch).await {
            Ok(now) => {
                self.version = text_at(&now, "/metadata/resourceVersion").into();
                self.owned = now.pointer("/metadata/ownerReferences/0").is_some();
                Ok(None)
            }
            Err(e) if e.is_conflict() => {
                let Some(found) = self.cluster.get(&r).await? else { return Ok(None) };
                if process_of(&found) != Some(&process()) {
                    return Ok(Some(holder(&found).into()));
                }
                // Somebody touched it, or the answer to our own renewal was lost: the next renewal is on top of that.
                self.version = text_at(&found, "/metadata/resourceVersion").into();
                Ok(None)
            }
            // Deleted by hand, or its namespace ends.
            Err(e) if e.is_not_found() => self.again(e).await,
            Err(e) => Err(e),
        }
    }

    async fn again(&mut self, gone: ClusterError) -> Result<Option<String>, ClusterError> {
        match self.cluster.create(&fresh(&self.stack)).await {
            Ok(made) => {
                (self.version, self.owned) = (text_at(&made, "/metadata/resourceVersion").into(), false);
                Ok(None)
            }
            Err(e) if e.is_conflict() => match self.cluster.get(&at(&self.stack)).await? {
                Some(found) if process_of(&found) != Some(&process()) => Ok(Some(holder(&found).into())),
                _ => Ok(None),
            },
            // A namespace that ends takes no new objects: teardown is at its end.
            Err(e) if e.is_forbidden() || e.is_not_found() => Ok(None),
            Err(_) => Err(gone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_of_this_machine_is_known_to_be_dead() {
        let here = Some("boot pid:[1]");
        let alive = |pid: &str| (pid == "7").then(|| "100".to_string());
        assert_eq!(look("boot pid:[1] 7 100", here, alive), Holder::Alive);
        assert_eq!(look("boot pid:[1] 8 100", here, alive), Holder::Dead);
        // The number was given to another process.
        assert_eq!(look("boot pid:[1] 7 99", here, alive), Holder::Dead);
        for elsewhere in ["other pid:[1] 8 100", "boot pid:[2] 8 100", "unknown 12", "", "boot pid:[1] ../7 100"] {
            assert_eq!(look(elsewhere, here, alive), Holder::Elsewhere, "{elsewhere}");
        }
        assert_eq!(look("boot pid:[1] 8 100", None, alive), Holder::Elsewhere);
    }

    #[test]
    fn this_process_lives() {
        assert_eq!(look(&process(), here().as_deref(), started), if here().is_some() { Holder::Alive } else { Holder::Elsewhere });
    }
}
