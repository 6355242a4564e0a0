//! Follows the load until its container has ended: what the screen shows, and why it cannot go on.

use super::collect;
use crate::cluster::{Container, Ref, is_hopeless, items_at, pod_reasons, text_at};
use crate::failure::Failure;
use crate::load::progress;
use crate::metrics::Prometheus;
use crate::report::{Event, LoadProgress};
use crate::steps::{Ctx, arm, deployment, model_server};
use bench_model::exit::Exit;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// How the load's container ended.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    pub pod: String,
    pub started: Option<DateTime<Utc>>,
    pub finished: Option<DateTime<Utc>>,
    /// guidellm's exit code, 124 when its time ran out; `None` when the pod is gone.
    pub code: Option<i64>,
    /// `OOMKilled`, `Error`, `Completed`, …
    pub reason: String,
}

fn time(v: &Value, path: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text_at(v, path)).ok().map(Into::into)
}

/// The pod of a Job.
pub async fn pod_of(ctx: &Ctx, job: &str) -> anyhow::Result<Option<Value>> {
    Ok(ctx.cluster.list("Pod", Some(ctx.namespace()), &format!("job-name={job}")).await?.into_iter().next())
}

/// A container's status.
pub(super) fn container<'a>(pod: &'a Value, name: &str) -> Option<&'a Value> {
    items_at(pod, "/status/containerStatuses").find(|c| c["name"] == name)
}

/// Waits until guidellm's container runs (or ran).
pub async fn started(ctx: &Ctx, job: &str) -> anyhow::Result<(String, DateTime<Utc>)> {
    let wait = crate::cluster::wait_for("the load's container to start", ctx.limit(600), Duration::from_millis(300), async || {
        use crate::cluster::Poll;
        let Some(pod) = pod_of(ctx, job).await? else { return Ok(Poll::Not("its pod does not exist".into())) };
        let name = text_at(&pod, "/metadata/name").to_string();
        if let Some(c) = container(&pod, "guidellm")
            && let Some(t) = time(c, "/state/running/startedAt").or_else(|| time(c, "/state/terminated/startedAt"))
        {
            return Ok(Poll::Done((name, t)));
        }
        if let Some(why) = is_hopeless(&pod) {
            return Err(Failure::new(Exit::Cluster, format!("the load cannot start: {why}"))
                .hint("another image: --set load.guidellm.image.name=… --set load.guidellm.version=…")
                .into());
        }
        let reasons = pod_reasons(&pod);
        Ok(Poll::Not(if reasons.is_empty() { format!("its pod is {}", text_at(&pod, "/status/phase")) } else { reasons.join("; ") }))
    })
    .await;
    deployment::with_evidence(ctx, wait, ctx.namespace(), &format!("job-name={job}")).await
}

/// Is the Job there, and has guidellm's container certainly not started?
pub async fn waits(ctx: &Ctx, job: &str) -> bool {
    match pod_of(ctx, job).await {
        Ok(None) => true,
        Ok(Some(pod)) => container(&pod, "guidellm")
            .is_none_or(|c| c.pointer("/state/waiting").is_some() && c.pointer("/lastState/terminated").is_none()),
        Err(_) => false,
    }
}

/// Seconds between two looks at the node of a pod that says nothing new.
const NODE_EVERY: Duration = Duration::from_secs(30);

/// The cluster may be silent for so long before it is told.
const SILENCE: Duration = Duration::from_secs(10);

/// Shows progress until guidellm's container has ended; `limit` is the load's own with some slack.
///
/// # Errors
/// When the limit has passed: exit 7 when the cluster has not answered or the pod's node is not ready (the load may be well), else 5.
pub async fn follow(ctx: &Ctx, prometheus: &Prometheus, job: &str, limit: Duration) -> anyhow::Result<Ended> {
    let deadline = Instant::now() + limit;
    let mut missing_since: Option<Instant> = None;
    let mut silent_since: Option<Instant> = None;
    let mut silence_told = false;
    let mut looked = Instant::now();
    let mut trouble: Option<String> = None;
    let mut pod_name = String::new();
    loop {
        match pod_of(ctx, job).await {
            Ok(found) => {
                if let Some(since) = silent_since.take()
                    && std::mem::take(&mut silence_told)
                {
                    ctx.report.note(format!("the cluster answers again after {} s", since.elapsed().as_secs()));
                }
                match found {
                    Some(pod) => {
                        missing_since = None;
                        pod_name = text_at(&pod, "/metadata/name").to_string();
                        if let Some(ended) = ended(&pod) {
                            return Ok(ended);
                        }
                    }
                    // A Job's pod that is gone will not come back: the load is lost, and is never made again by itself.
                    None if missing_since.get_or_insert_with(Instant::now).elapsed() > Duration::from_secs(30) => {
                        return Ok(Ended { pod: pod_name, reason: "its pod is gone".into(), ..Ended::default() });
                    }
                    None => {}
                }
            }
            Err(e) => {
                // One answer that is lost is nothing to worry about.
                let silence = silent_since.get_or_insert_with(Instant::now).elapsed();
                if silence >= SILENCE && !std::mem::replace(&mut silence_told, true) {
                    ctx.report.warn(format!("the cluster does not answer, the load goes on without bench: {e:#}"));
                }
            }
        }
        if silent_since.is_none() && looked.elapsed() >= NODE_EVERY {
            looked = Instant::now();
            let now = collect::node_trouble(ctx, &pod_name).await;
            match (&trouble, &now) {
                (None, Some(why)) => {
                    ctx.report.warn(format!("{why}; the load on it may go on all the same, waiting up to {} s", left(deadline)));
                }
                (Some(_), None) => ctx.report.note("the load's node is ready again"),
                _ => {}
            }
            trouble = now;
        }
        if Instant::now() >= deadline {
            return Err(out_of_time(limit, silent_since, trouble.as_deref()).into());
        }
        if silent_since.is_none() {
            let progress = look(ctx, prometheus, &pod_name).await;
            ctx.report.emit(Event::Load(progress));
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}

fn left(deadline: Instant) -> u64 {
    deadline.saturating_duration_since(Instant::now()).as_secs()
}

/// The limit has passed: whose fault is it?
fn out_of_time(limit: Duration, silent_since: Option<Instant>, trouble: Option<&str>) -> Failure {
    let resume = "bench resume   waits for the load and collects it; its pod is kept";
    if let Some(since) = silent_since {
        let text = format!("the cluster has not answered for {} s; the load's own limit has passed", since.elapsed().as_secs());
        return Failure::new(Exit::Interrupted, text).hint(resume);
    }
    if let Some(why) = trouble {
        let text = format!("the load is not over after {} s: {why}", limit.as_secs());
        return Failure::new(Exit::Interrupted, text).hint(resume);
    }
    Failure::new(Exit::TimedOut, format!("the load is not over after {} s, although its own limit has passed", limit.as_secs()))
        .hint(resume)
}

/// How guidellm's container ended, when it has.
fn ended(pod: &Value) -> Option<Ended> {
    let Some(c) = container(pod, "guidellm") else {
        // An evicted pod has no container states left.
        let failed = text_at(pod, "/status/phase") == "Failed";
        let reason = format!("{} {}", text_at(pod, "/status/reason"), text_at(pod, "/status/message"));
        return failed.then(|| Ended { pod: text_at(pod, "/metadata/name").into(), reason, ..Ended::default() });
    };
    let t = c.pointer("/state/terminated").or_else(|| c.pointer("/lastState/terminated"))?;
    Some(Ended {
        pod: text_at(pod, "/metadata/name").into(),
        started: time(t, "/startedAt"),
        finished: time(t, "/finishedAt"),
        code: t["exitCode"].as_i64(),
        reason: text_at(t, "/reason").into(),
    })
}

/// Everything that can be said now; a question without an answer leaves its field out.
pub async fn look(ctx: &Ctx, prometheus: &Prometheus, pod: &str) -> LoadProgress {
    let profile = ctx.plan.profile.as_ref();
    let rates = profile.map(|p| p.rates.clone()).unwrap_or_default();
    let mut p = LoadProgress { phase: "load".into(), rates: rates.len(), ..LoadProgress::default() };
    let at = Container::new(ctx.namespace(), pod, "guidellm");
    let log = if pod.is_empty() { String::new() } else { ctx.cluster.logs(&at, 40, false).await.unwrap_or_default() };
    match log.lines().rev().find_map(progress::parse) {
        Some(line) => {
            p.rate_index = line.rate.and_then(|r| rates.iter().position(|x| (x - r).abs() < 0.005)).unwrap_or(line.benchmark);
            p.rate = rates.get(p.rate_index).copied();
            (p.successful, p.errored) = (Some(line.successful), Some(line.errored));
            let max = f64::from(profile.map_or(0, |p| p.max_seconds));
            let after = rates.len().saturating_sub(p.rate_index + 1) as f64;
            p.left_s = Some(after * max + (max - line.elapsed_s).max(0.0));
        }
        None => p.phase = "guidellm is at work".into(),
    }
    cluster_state(ctx, prometheus, &mut p).await;
    p
}

/// Replicas, what the autoscaler wants, waiting requests, KV usage.
pub async fn cluster_state(ctx: &Ctx, prometheus: &Prometheus, p: &mut LoadProgress) {
    if let Ok(Some(r)) = model_server::replicas(ctx).await {
        (p.replicas, p.ready) = (Some(r.desired), Some(r.ready));
    }
    if let Ok(hpas) = arm::hpas(ctx).await {
        let wanted = hpas.iter().filter_map(|h| h.pointer("/status/desiredReplicas")?.as_u64()).max();
        p.desired = wanted.and_then(|n| u32::try_from(n).ok());
    }
    let ns = ctx.plan.serving_namespace();
    let ask = async |e: String| prometheus.value(&ctx.cluster, &e).await.ok().flatten();
    p.waiting = ask(format!("sum(max by (pod) (vllm:num_requests_waiting{{namespace=\"{ns}\"}}))")).await;
    p.kv = ask(format!("avg(max by (pod) (vllm:kv_cache_usage_perc{{namespace=\"{ns}\"}}))")).await;
}

/// The Job, when it exists.
pub async fn job(ctx: &Ctx, name: &str) -> anyhow::Result<Option<Value>> {
    Ok(ctx.cluster.get(&Ref::new("Job", ctx.namespace(), name)).await?)
}
