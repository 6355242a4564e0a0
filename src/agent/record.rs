//! The recorder's main loop: write what the watches see, know when the load ended and when replicas have settled.

use super::logs::{follow_load, keep_leaving};
use super::names;
use super::watch::{Watched, follow};
use crate::cluster::kind;
use anyhow::Context;
use bench_model::record::{Record, What};
use bench_model::target;
use chrono::Utc;
use kube::Client;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How long files are kept for a bench that does not come back.
const KEEP: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[arg(long)]
    pub run: String,
    #[arg(long)]
    pub namespace: String,
    /// The scaled Deployment.
    #[arg(long)]
    pub deployment: String,
    /// The load's Job.
    #[arg(long)]
    pub job: String,
    /// Replicas at which the Deployment counts as settled.
    #[arg(long)]
    pub settle_replicas: u64,
    /// Seconds it must stay there.
    #[arg(long)]
    pub settle_s: u64,
    /// Seconds after the load at which recording ends in any case.
    #[arg(long)]
    pub tail_limit_s: u64,
    /// Seconds after which recording ends even when no end of the load was seen.
    #[arg(long)]
    pub max_s: u64,
    /// Where files are written.
    #[arg(long, default_value = "/agent")]
    pub dir: PathBuf,
}

/// What the loop knows.
struct State {
    begun: Instant,
    load_ended: Option<Instant>,
    /// Since when the Deployment has stood at the settled number.
    settled_since: Option<Instant>,
}

impl State {
    /// Why recording is over, if it is.
    fn over(&self, a: &Args) -> Option<&'static str> {
        let after = |since: Option<Instant>, seconds: u64| since.is_some_and(|t| t.elapsed() >= Duration::from_secs(seconds));
        if after(self.load_ended, 0) && after(self.settled_since, a.settle_s) && after(self.load_ended, a.settle_s) {
            return Some("settled");
        }
        if after(self.load_ended, a.tail_limit_s) {
            return Some("tail limit");
        }
        (self.begun.elapsed() >= Duration::from_secs(a.max_s)).then_some("no end of the load was seen in time")
    }

    fn see(&mut self, r: &Record, a: &Args) {
        match r.kind.as_str() {
            "Deployment" if r.name == a.deployment => {
                let n = |p: &str| r.object.pointer(p).and_then(Value::as_u64).unwrap_or(0);
                let still =
                    [n("/spec/replicas"), n("/status/replicas"), n("/status/readyReplicas")].iter().all(|v| *v == a.settle_replicas);
                if !still || r.what == What::Deleted {
                    self.settled_since = None;
                } else if self.settled_since.is_none() {
                    self.settled_since = Some(Instant::now());
                }
            }
            "Pod" if harness_ended(r, &a.job) && self.load_ended.is_none() => self.load_ended = Some(Instant::now()),
            _ => {}
        }
    }
}

/// Has the load's container ended, or its pod gone?
fn harness_ended(r: &Record, job: &str) -> bool {
    if r.object.pointer("/metadata/labels").and_then(|l| l.get("job-name")).and_then(Value::as_str) != Some(job) {
        return false;
    }
    if r.what == What::Deleted || matches!(r.object.pointer("/status/phase").and_then(Value::as_str), Some("Failed" | "Succeeded")) {
        return true;
    }
    let statuses = r.object.pointer("/status/containerStatuses").and_then(Value::as_array);
    statuses.into_iter().flatten().any(|c| c["name"] == "guidellm" && c.pointer("/state/terminated").is_some())
}

/// The load's pod once its container can have a log.
fn load_pod<'a>(r: &'a Record, job: &str) -> Option<&'a str> {
    let of_job = r.object.pointer("/metadata/labels").and_then(|l| l.get("job-name")).and_then(Value::as_str) == Some(job);
    let statuses = r.object.pointer("/status/containerStatuses").and_then(Value::as_array);
    let begun = statuses.into_iter().flatten().any(|c| c["name"] == "guidellm" && c.pointer("/state/waiting").is_none());
    (r.kind == "Pod" && of_job && begun && r.what != What::Deleted).then_some(&r.name)
}

/// Containers of a model server that is being deleted.
fn leaving(r: &Record, deployment: &str) -> Option<Vec<String>> {
    let ours = r.kind == "Pod" && target::owns(deployment, &r.name, &r.object);
    if !ours || r.what == What::Deleted || r.object.pointer("/metadata/deletionTimestamp").is_none() {
        return None;
    }
    let containers = r.object.pointer("/spec/containers").and_then(Value::as_array);
    Some(containers.into_iter().flatten().filter_map(|c| c["name"].as_str().map(Into::into)).collect())
}

/// Readers of logs that were begun, so that each is begun once.
struct Readers {
    client: Client,
    out: tokio::sync::mpsc::UnboundedSender<Record>,
    /// The load's container has ended.
    over: Arc<AtomicBool>,
    begun: HashSet<String>,
}

impl Readers {
    fn see(&mut self, r: &Record, a: &Args) {
        if let Some(pod) = load_pod(r, &a.job)
            && self.begun.insert(pod.into())
        {
            tokio::spawn(follow_load(self.client.clone(), a.namespace.clone(), pod.into(), self.over.clone(), self.out.clone()));
        }
        if let Some(containers) = leaving(r, &a.deployment)
            && self.begun.insert(r.name.clone())
        {
            let (client, out, a, pod) = (self.client.clone(), self.out.clone(), a.clone(), r.name.clone());
            tokio::spawn(async move {
                if let Err(e) = keep_leaving(&client, &a.namespace, &pod, &containers, &a.dir.join(names::LEFT)).await {
                    let object = json!({"agent": "the log of a pod that leaves cannot be kept", "error": format!("{e:#}")});
                    // Nobody listens any more when recording is over.
                    drop(out.send(Record { t: Utc::now(), what: What::Agent, kind: String::new(), name: pod, object }));
                }
            });
        }
    }
}

struct Writer {
    file: File,
    dirty: bool,
}

impl Writer {
    fn put(&mut self, r: &Record) -> anyhow::Result<()> {
        let line = format!("{}\n", serde_json::to_string(r)?);
        self.dirty = true;
        self.file.write_all(line.as_bytes()).context("cannot write events.jsonl")
    }

    fn own(&mut self, object: Value) -> anyhow::Result<()> {
        self.put(&Record { t: Utc::now(), what: What::Agent, kind: String::new(), name: String::new(), object })
    }

    fn sync(&mut self) -> anyhow::Result<()> {
        if std::mem::take(&mut self.dirty) {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

/// Records until the tail has settled, then keeps the files until they were fetched.
pub async fn run(a: Args) -> anyhow::Result<()> {
    let path = a.dir.join(names::EVENTS);
    let again = path.exists();
    let file = OpenOptions::new().create(true).append(true).open(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = Writer { file, dirty: false };
    let note = if again { "started again; what happened since the last record may be missing" } else { "started" };
    out.own(json!({"agent": note, "run": a.run, "version": env!("CARGO_PKG_VERSION")}))?;
    if again {
        let gap = json!({"from": null, "why": "the recorder was restarted"});
        out.put(&Record { t: Utc::now(), what: What::Gap, kind: String::new(), name: String::new(), object: gap })?;
    }
    let client = Client::try_default().await.context("the recorder cannot reach the API server")?;
    let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
    let watched = [
        ("Deployment", Some(a.deployment.clone())),
        ("Pod", None),
        ("HorizontalPodAutoscaler", None),
        ("VariantAutoscaling", Some(a.deployment.clone())),
        ("Event", None),
    ];
    for (k, only) in watched {
        tokio::spawn(follow(client.clone(), a.namespace.clone(), Watched { kind: kind(k), only }, tx.clone()));
    }
    let mut state = State { begun: Instant::now(), load_ended: None, settled_since: None };
    let mut readers = Readers { client, out: tx, over: Arc::default(), begun: HashSet::new() };
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut beats = 0u64;
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let reason = loop {
        tokio::select! {
            Some(r) = rx.recv() => {
                let was = state.load_ended.is_some();
                state.see(&r, &a);
                readers.over.store(state.load_ended.is_some(), Ordering::Relaxed);
                readers.see(&r, &a);
                out.put(&r)?;
                if !was && state.load_ended.is_some() {
                    out.own(json!({"agent": "the load ended"}))?;
                }
            }
            _ = tick.tick() => {
                out.sync()?;
                beats += 1;
                if beats.is_multiple_of(30) {
                    out.own(json!({"agent": "alive"}))?;
                }
                if a.dir.join(names::STOP).exists() {
                    break "stopped";
                }
                if let Some(why) = state.over(&a) {
                    break why;
                }
            }
            _ = term.recv() => break "terminated",
        }
    };
    out.own(json!({"agent": "ended", "why": reason}))?;
    out.dirty = true;
    out.sync()?;
    std::fs::write(a.dir.join(names::DONE), reason)?;
    let ended = Instant::now();
    while reason != "terminated" && !a.dir.join(names::ACK).exists() && ended.elapsed() < KEEP {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
            _ = term.recv() => break,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> Args {
        Args {
            run: "r".into(),
            namespace: "n".into(),
            deployment: "d".into(),
            job: "j".into(),
            settle_replicas: 1,
            settle_s: 30,
            tail_limit_s: 100,
            max_s: 1000,
            dir: "/x".into(),
        }
    }

    fn deployment(spec: u64, ready: u64) -> Record {
        let object = json!({"spec": {"replicas": spec}, "status": {"replicas": spec, "readyReplicas": ready}});
        Record { t: Utc::now(), what: What::Applied, kind: "Deployment".into(), name: "d".into(), object }
    }

    #[tokio::test(start_paused = true)]
    async fn settled_needs_the_load_over_and_replicas_still_for_long_enough() {
        let (a, pass) = (args(), |s| tokio::time::advance(Duration::from_secs(s)));
        let mut s = State { begun: Instant::now(), load_ended: None, settled_since: None };
        s.see(&deployment(1, 1), &a);
        pass(60).await;
        assert_eq!(s.over(&a), None, "the load has not ended");
        s.load_ended = Some(Instant::now());
        assert_eq!(s.over(&a), None, "just ended: replicas may still move");
        s.see(&deployment(2, 1), &a);
        pass(40).await;
        assert_eq!(s.over(&a), None, "two replicas");
        s.see(&deployment(1, 1), &a);
        pass(29).await;
        assert_eq!(s.over(&a), None);
        pass(1).await;
        assert_eq!(s.over(&a), Some("settled"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_tail_limit_ends_a_fleet_that_never_settles() {
        let a = args();
        let s = State { begun: Instant::now(), load_ended: Some(Instant::now()), settled_since: None };
        tokio::time::advance(Duration::from_secs(99)).await;
        assert_eq!(s.over(&a), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(s.over(&a), Some("tail limit"));
    }

    #[test]
    fn the_load_ends_with_its_container_not_with_the_keeper() {
        let mut r = Record { t: Utc::now(), what: What::Applied, kind: "Pod".into(), name: "p".into(), object: Value::Null };
        r.object = json!({"metadata": {"labels": {"job-name": "j"}}, "status": {"phase": "Running", "containerStatuses": [
            {"name": "keeper", "state": {"running": {}}}, {"name": "guidellm", "state": {"running": {}}}]}});
        assert!(!harness_ended(&r, "j"));
        r.object["status"]["containerStatuses"][1]["state"] = json!({"terminated": {"exitCode": 0}});
        assert!(harness_ended(&r, "j"));
        assert!(!harness_ended(&r, "other"));
    }
}
