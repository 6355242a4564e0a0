//! The one wait for a Deployment: exactly its replicas, all ready, all of the newest template, no old pod left.

use super::Ctx;
use crate::cluster::{Poll, Ref, explain, is_hopeless, wait_for};
use crate::failure::Failure;
use bench_model::exit::Exit;
use serde_json::Value;
use std::time::Duration;

/// `spec.replicas`, `status.replicas`, ready and updated ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replicas {
    pub desired: u32,
    pub current: u32,
    pub ready: u32,
    pub updated: u32,
    /// The Deployment's controller has seen the newest spec.
    pub observed: bool,
}

fn number(v: &Value, path: &str) -> u32 {
    v.pointer(path).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}

impl Replicas {
    pub fn of(deployment: &Value) -> Self {
        Self {
            desired: number(deployment, "/spec/replicas"),
            current: number(deployment, "/status/replicas"),
            ready: number(deployment, "/status/readyReplicas"),
            updated: number(deployment, "/status/updatedReplicas"),
            observed: number(deployment, "/status/observedGeneration") >= number(deployment, "/metadata/generation"),
        }
    }

    fn settled_at(&self, n: u32) -> bool {
        self.observed && self.desired == n && self.current == n && self.ready == n && self.updated == n
    }
}

/// Selector of a Deployment's pods.
pub fn selector_of(deployment: &Value) -> String {
    let labels = deployment.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let pairs: Vec<String> = labels.into_iter().flatten().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    pairs.join(",")
}

/// What to wait for.
pub struct Wanted<'a> {
    /// How messages call it.
    pub what: &'a str,
    /// Replicas; `None`: what its spec says, at least one.
    pub replicas: Option<u32>,
    pub limit: Duration,
    /// What to do when its pods cannot start.
    pub remedy: Option<&'a str>,
}

/// Waits until a Deployment of anybody's is as wanted.
///
/// # Errors
/// Exit 6 when waiting will not help: its image cannot be pulled, its container crashes. Exit 5 when the time is over. Both
/// with what its pods and events say.
pub async fn settle(ctx: &Ctx, r: &Ref, w: &Wanted<'_>) -> anyhow::Result<Replicas> {
    let namespace = r.namespace.as_deref().unwrap_or_default();
    let mut selector = String::new();
    let waited = wait_for(&format!("{} to be ready", w.what), w.limit, Duration::from_millis(500), async || {
        let Some(deployment) = ctx.cluster.get(r).await? else { return Ok(Poll::Not("it does not exist".into())) };
        let now = Replicas::of(&deployment);
        selector = selector_of(&deployment);
        let n = w.replicas.unwrap_or(now.desired.max(1));
        let pods = ctx.cluster.list("Pod", Some(namespace), &selector).await?;
        if now.settled_at(n) {
            // status.replicas no longer counts terminating pods; they still serve and are still scraped.
            let leaving = pods.iter().filter(|p| p.pointer("/metadata/deletionTimestamp").is_some()).count();
            return Ok(if leaving == 0 { Poll::Done(now) } else { Poll::Not(format!("{leaving} old pods are still terminating")) });
        }
        if let Some((pod, why)) = pods.iter().find_map(|p| Some((p, is_hopeless(p)?))) {
            let name = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            let failure = Failure::new(Exit::Cluster, format!("{}: pod {name} cannot start: {why}", w.what));
            return Err(match w.remedy {
                Some(remedy) => failure.hint(remedy),
                None => failure,
            }
            .into());
        }
        Ok(Poll::Not(format!("{} of {n} replicas ready, {} exist", now.ready, now.current)))
    })
    .await;
    with_evidence(ctx, waited, namespace, &selector).await
}

/// Adds to a failed wait what the pods and events say.
pub async fn with_evidence<T>(ctx: &Ctx, result: anyhow::Result<T>, namespace: &str, selector: &str) -> anyhow::Result<T> {
    match result {
        Err(e) => {
            let evidence = explain(&ctx.cluster, namespace, selector).await;
            Err(match e.downcast::<Failure>() {
                Ok(f) => f.evidence(evidence).into(),
                Err(other) => other,
            })
        }
        ok => ok,
    }
}
