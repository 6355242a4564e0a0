//! Idempotent acts on the cluster: is it so already? make it so; wait until it is; undo it. One file a component.
//!
//! The cluster decides, the journal remembers. Steps know nothing of commands and print nothing; they tell events.

pub mod adapter;
mod adapter_rules;
pub mod arm;
pub mod control_plane;
pub mod crds;
pub mod deployment;
pub mod gateway;
pub mod hand_over;
pub mod journal;
pub mod keda;
pub mod lease;
pub mod marks;
pub mod model_server;
pub mod monitoring;
pub mod monitoring_stack;
pub mod namespace;
pub mod others;
pub mod owned;
pub mod owner;
pub mod record;
pub mod release;
pub mod run_record;
pub mod scheduler;
pub mod set_aside;
pub mod strangers;
pub mod stuck;
pub mod user_workload;
pub mod weights;
pub mod wva;

use crate::cluster::{Applied, Cluster, ClusterError, Ref, explain};
use crate::config::manifests::labels;
use crate::failure::Failure;
use crate::report::{Event, Reporter};
use bench_model::exit::Exit;
use bench_model::plan::Plan;
use journal::Journal;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What every step needs.
#[derive(Clone)]
pub struct Ctx {
    pub cluster: Cluster,
    pub plan: Arc<Plan>,
    pub report: Reporter,
    pub journal: Arc<Mutex<Journal>>,
    /// Longest wait for one condition; `-s`.
    pub patience: Option<Duration>,
    /// Set once a load is at work: a journal that cannot be written is then told, and no reason to end.
    pub at_work: Arc<AtomicBool>,
}

impl Ctx {
    pub fn namespace(&self) -> &str {
        self.plan.namespace()
    }

    /// The wait's own limit, or the user's.
    pub fn limit(&self, seconds: u64) -> Duration {
        self.patience.unwrap_or(Duration::from_secs(seconds))
    }

    /// Journals something that is no step of its own.
    pub fn journal(&self, step: &str, state: &str, detail: &str) -> anyhow::Result<()> {
        let mut j = self.journal.lock().map_err(|_| anyhow::anyhow!("the journal's lock is poisoned"))?;
        let written = j.write(step, state, detail);
        if let Some(aside) = j.told_aside() {
            self.report.warn(aside);
        }
        match written {
            Err(e) if self.at_work.load(Ordering::Relaxed) => {
                self.report.warn(format!("{e:#}; the load goes on"));
                Ok(())
            }
            other => other,
        }
    }

    /// Runs one step: journal its intent, do it, journal its end, tell both.
    pub async fn step<T>(&self, step: &str, detail: &str, act: impl Future<Output = anyhow::Result<(T, String)>>) -> anyhow::Result<T> {
        let begun = Instant::now();
        self.journal(step, "begun", detail)?;
        self.report.emit(Event::StepBegun { step: step.into(), detail: detail.into() });
        match act.await {
            Ok((value, outcome)) => {
                self.journal(step, "done", &outcome)?;
                self.report.emit(Event::StepDone { step: step.into(), outcome, seconds: begun.elapsed().as_secs_f64() });
                Ok(value)
            }
            Err(e) => {
                let error = format!("{e:#}");
                let kept = self.journal(step, "failed", &error);
                self.report.emit(Event::StepFailed { step: step.into(), error, seconds: begun.elapsed().as_secs_f64() });
                // The step's own error says more than that it could not be written down.
                if let Err(unwritten) = kept {
                    self.report.warn(format!("{unwritten:#}"));
                }
                Err(self.explained(step, e).await)
            }
        }
    }

    /// Adds to a step's failure where it happened and, when the cluster has a part in it, what explains it.
    async fn explained(&self, step: &str, e: anyhow::Error) -> anyhow::Error {
        let unreachable = e.chain().filter_map(|c| c.downcast_ref::<ClusterError>()).any(|c| c.is_timeout() || c.is_unreachable());
        let mut f = Failure::of(e).step(step);
        if f.evidence.is_empty() && !unreachable && matches!(f.exit, Exit::TimedOut | Exit::Cluster) {
            f.evidence = explain(&self.cluster, self.namespace(), "").await;
        }
        f.into()
    }

    /// Applies rendered objects in order, each owned by the stack's record when it lives in its namespace.
    ///
    /// # Errors
    /// Exit 6 when an object of that name belongs to somebody else.
    pub async fn apply_all(&self, mut objects: Vec<Value>) -> anyhow::Result<Tally> {
        let owner = record::owner(&self.cluster, self.namespace()).await?;
        let mut tally = Tally::default();
        for object in &mut objects {
            let r = Ref::of(object)?;
            if r.namespace.as_deref() == Some(self.namespace())
                && let Some(owner) = &owner
            {
                object["metadata"]["ownerReferences"] = json!([owner]);
            }
            refuse_foreign(&self.cluster, &r, self.namespace()).await?;
            match self.cluster.apply(object).await?.0 {
                Applied::Created => tally.created += 1,
                Applied::Changed => tally.changed += 1,
                Applied::Unchanged => tally.unchanged += 1,
            }
        }
        Ok(tally)
    }
}

/// How many objects an apply created, changed, left as they were.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub created: u32,
    pub changed: u32,
    pub unchanged: u32,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = [(self.created, "created"), (self.changed, "changed"), (self.unchanged, "unchanged")]
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{n} {what}"))
            .collect();
        f.write_str(&parts.join(", "))
    }
}

/// A label of an object.
pub fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(name)?.as_str()
}

/// Is it ours, of this stack?
pub fn is_ours(object: &Value, stack: &str) -> bool {
    label(object, labels::MANAGED_BY) == Some(labels::BENCH) && label(object, labels::STACK) == Some(stack)
}

/// An existing object that this stack did not make is never taken over.
async fn refuse_foreign(cluster: &Cluster, r: &Ref, stack: &str) -> anyhow::Result<()> {
    let Some(found) = cluster.get(r).await? else { return Ok(()) };
    if is_ours(&found, stack) {
        return Ok(());
    }
    let owner = label(&found, labels::MANAGED_BY).unwrap_or("an unknown owner");
    let stack = label(&found, labels::STACK).map(|s| format!(", stack {s}")).unwrap_or_default();
    Err(Failure::new(Exit::Cluster, format!("{r} exists already and belongs to {owner}{stack}"))
        .hint("bench never takes over what it did not make: remove it, or choose another namespace with -p")
        .into())
}
