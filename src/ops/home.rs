//! From the running load to everything on this machine's disk. Each part is tried even when one before it failed; what may still be
//! got later stays in its pod, and what is lost is named.

use super::collect::Lost;
use super::recorder::Recorder;
use super::results::save;
use super::run::store_if_possible;
use super::tend::Tender;
use super::{account, disk, follow, gather, harness};
use crate::cluster::{ClusterError, Container, Ref};
use crate::config::manifests::labels;
use crate::failure::Failure;
use crate::load::job::Harness;
use crate::metrics::Prometheus;
use crate::report::{Event, LoadProgress};
use crate::steps::{Ctx, run_record};
use bench_model::exit::Exit;
use bench_model::plan::Arm;
use bench_model::run::{RunRecord, RunState, files};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// Seconds of metrics before the load: what the windows of its first decisions look back on.
const LEAD_S: f64 = 180.0;

/// What could not be brought home.
#[derive(Default)]
struct Lack {
    /// For `run.json`.
    missing: Vec<String>,
    /// What another try may still get.
    later: Vec<&'static str>,
    /// Why the load's files are gone for good.
    load_lost: Option<String>,
}

/// Follows the load and brings everything home.
///
/// # Errors
/// Exit 7 when something is still in a pod (which is kept) or the disk is full; the load's own failure otherwise.
pub async fn finish(ctx: &Ctx, dir: &Path, record: &mut RunRecord, load: &Harness, prometheus: &Prometheus) -> anyhow::Result<()> {
    let limit = ctx.limit(load.limit_s + 120);
    let load_dir = dir.join(files::LOAD);
    let recorder = Recorder::of(ctx, &record.id);
    let run = record.id.clone();
    let tender = Tender { ctx, recorder: &recorder, run_dir: dir, run: &run, job: &load.job, load_limit_s: load.limit_s };
    // Taken up again in its tail: the load's files are here and its keeper is gone.
    let fetched = harness::fetched(&load_dir);
    let ended = match &fetched {
        Some(e) => e.clone(),
        None => tender.beside(follow::follow(ctx, prometheus, &load.job, limit)).await?,
    };
    record.times.harness_started = record.times.harness_started.or(ended.started);
    record.times.harness_ended = record.times.harness_ended.or(ended.finished);
    record.state = RunState::Collecting;
    store_if_possible(ctx, dir, record).await;
    let mut lack = Lack::default();
    if fetched.is_none() {
        record.clocks.extend(gather::harness_clock(&ctx.cluster, &Container::new(ctx.namespace(), &ended.pod, "keeper")).await);
        // A step's error is words for the user: what kind it was has to be known before.
        let (mut full, mut keeps) = (false, true);
        let got = ctx.step("results", "the load's files", async {
            harness::collect(ctx, &ended, &load_dir).await.inspect_err(|e| (full, keeps) = (disk::ran_out(e), Lost::keeps(e)))
        });
        match got.await {
            Ok(()) => {}
            // A full disk ends it at once: nothing else can be written either, and the pods keep everything.
            Err(e) if full => return Err(disk::failure(&e, &run).into()),
            // The pod is the only place that has them.
            Err(e) if keeps => {
                lack.later.push("load");
                lack.missing.push(format!("load: {e:#}"));
            }
            Err(e) => lack.load_lost = Some(format!("{e:#}")),
        }
    }
    record.state = RunState::Settling;
    store_if_possible(ctx, dir, record).await;
    if !recorder.is_home(dir) {
        match tender.beside(settle(ctx, &recorder, prometheus)).await {
            Ok(why) => ctx.report.note(format!("recording ended: {why}")),
            Err(e) => lack.missing.push(format!("recorder: {e:#}")),
        }
        record.times.recording_ended.get_or_insert_with(Utc::now);
        store_if_possible(ctx, dir, record).await;
    }
    bring_and_judge(ctx, dir, record, &recorder, prometheus, lack, &ended).await
}

/// What is left of a run whose load is not in the cluster any more.
///
/// # Errors
/// Always: exit 4 with what there is.
pub async fn salvage(ctx: &Ctx, dir: &Path, record: &mut RunRecord, prometheus: &Prometheus, why: String) -> anyhow::Result<()> {
    let recorder = Recorder::of(ctx, &record.id);
    if !recorder.is_home(dir)
        && let Err(e) = recorder.end(ctx).await
    {
        ctx.report.warn(format!("the recorder could not be told to end: {e:#}"));
    }
    let lack = Lack { load_lost: Some(why), ..Lack::default() };
    record.times.recording_ended = record.times.recording_ended.or(Some(Utc::now()));
    bring_and_judge(ctx, dir, record, &recorder, prometheus, lack, &follow::Ended::default()).await
}

async fn bring_and_judge(
    ctx: &Ctx,
    dir: &Path,
    record: &mut RunRecord,
    recorder: &Recorder,
    prometheus: &Prometheus,
    mut lack: Lack,
    ended: &follow::Ended,
) -> anyhow::Result<()> {
    let begun = Utc::now();
    let mut full = false;
    let home = ctx.step("collect", "records, metrics, logs", async {
        let samples = bring_home(ctx, dir, record, recorder, prometheus, &mut lack).await.inspect_err(|e| full = disk::ran_out(e))?;
        let seconds = (Utc::now() - begun).num_milliseconds() as f64 / 1000.0;
        Ok(((), format!("{samples} samples; all on disk {seconds:.1} s after the recording's end")))
    });
    if let Err(e) = home.await {
        return Err(if full { disk::failure(&e, &record.id).into() } else { e });
    }
    let account = account::take(&ctx.plan, dir)?;
    if !lack.later.contains(&"load") {
        let why = lack.load_lost.as_ref().map(|w| format!(" ({w})")).unwrap_or_default();
        lack.missing.extend(account.missing().into_iter().map(|m| format!("{m}{why}")));
    }
    for what in &lack.missing {
        ctx.report.warn(format!("missing: {what}"));
    }
    record.missing = lack.missing;
    if !lack.later.is_empty() {
        store_if_possible(ctx, dir, record).await;
        let text = format!("not everything could be fetched ({}); the pods are kept", lack.later.join(", "));
        return Err(Failure::new(Exit::Interrupted, text).hint(format!("bench resume {}   tries again", record.id)).into());
    }
    record.times.collected = Some(Utc::now());
    // From here on the cluster is emptied: that all is here must be on this disk before.
    if let Err(e) = save(dir, record) {
        record.times.collected = None;
        return Err(if disk::ran_out(&e) {
            disk::failure(&e, &record.id).into()
        } else {
            Failure::new(Exit::Interrupted, format!("{e:#}; the pods are kept"))
                .hint(format!("bench resume {}   tries again", record.id))
                .into()
        });
    }
    if let Err(e) = remove_run_objects(ctx, &record.id).await {
        ctx.report.warn(format!("not all of this run's objects could be removed: {e:#}"));
    }
    harness::judge(ended, &dir.join(files::LOAD), lack.load_lost.as_deref(), &account)
}

/// Fetches records, metrics, logs; gives how many samples there are.
///
/// # Errors
/// When the disk is full.
async fn bring_home(
    ctx: &Ctx,
    dir: &Path,
    record: &mut RunRecord,
    recorder: &Recorder,
    prometheus: &Prometheus,
    lack: &mut Lack,
) -> anyhow::Result<usize> {
    let until = record.times.recording_ended.unwrap_or_else(Utc::now);
    let prometheus = &prometheus.again(&ctx.cluster, &ctx.plan).await;
    record.clocks.extend(gather::clocks(&ctx.cluster, prometheus, Some((recorder.container(), &recorder.bench))).await);
    match recorder.collect(ctx, dir).await {
        Ok(missing) => lack.missing.extend(missing),
        Err(e) if disk::ran_out(&e) => return Err(e),
        Err(e) => {
            if Lost::keeps(&e) {
                lack.later.push("recorder");
            }
            lack.missing.push(format!("events.jsonl: {e:#}"));
        }
    }
    let from = record.times.harness_started.or(record.times.created).unwrap_or(until);
    // Prometheus' clock decides which samples are inside.
    let offset = record.clocks.iter().rev().find(|c| c.clock == "prometheus").map_or(0.0, |c| c.offset_s);
    let seconds = |t: DateTime<Utc>| t.timestamp_millis() as f64 / 1000.0;
    let window = gather::Window { from: seconds(from) - LEAD_S, load: seconds(from) + offset, to: seconds(until) + offset };
    let mut samples = 0;
    lack.missing.extend(ctx.plan.scenario.existing.iter().flat_map(|e| e.missing.clone()));
    match gather::metrics(ctx, prometheus, dir, window).await {
        // An existing stack may never have one; asking again would not help.
        Err(e) if prometheus.absent().is_some() && ctx.plan.arm == Arm::Existing => lack.missing.push(format!("metrics: {e:#}")),
        Ok(got) => {
            samples = got.samples;
            lack.missing.extend(got.missing);
        }
        Err(e) if disk::ran_out(&e) => return Err(e),
        Err(e) => {
            // Prometheus keeps them for a while: one more try, by whoever takes the run up. After that the run ends without.
            if !record.missing.iter().any(|m| m.starts_with("metrics:")) {
                lack.later.push("metrics");
            }
            lack.missing.push(format!("metrics: {e:#}"));
        }
    }
    lack.missing.extend(gather::logs(ctx, dir).await?);
    match gather::images(ctx).await {
        Ok(i) => record.images = i,
        Err(e) => lack.missing.push(format!("image ids: {e:#}")),
    }
    Ok(samples)
}

/// Waits for the recorder's own end, which needs nothing of bench.
async fn settle(ctx: &Ctx, recorder: &Recorder, prometheus: &Prometheus) -> anyhow::Result<String> {
    let r = &ctx.plan.scenario.recording;
    let limit = Duration::from_secs(u64::from(r.tail_limit_s) + 60);
    let begun = tokio::time::Instant::now();
    loop {
        match recorder.done(ctx).await {
            Ok(Some(why)) => return Ok(why),
            Ok(None) => {}
            Err(e) if begun.elapsed() >= limit => return Err(e),
            Err(_) => {}
        }
        if begun.elapsed() >= limit {
            recorder.end(ctx).await?;
            return Ok("stopped by bench: its own limit has passed".into());
        }
        let mut p = LoadProgress { phase: "settling".into(), ..LoadProgress::default() };
        follow::cluster_state(ctx, prometheus, &mut p).await;
        ctx.report.emit(Event::Load(p));
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Deletes Jobs, pods and ConfigMaps of one run, but for its record; an answer that is lost does not leave them there.
pub async fn remove_run_objects(ctx: &Ctx, run: &str) -> anyhow::Result<()> {
    let mut pause = Duration::from_secs(1);
    loop {
        match remove_once(ctx, run).await {
            Err(e) if e.is_passing() && pause <= Duration::from_secs(16) => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            other => return Ok(other?),
        }
    }
}

async fn remove_once(ctx: &Ctx, run: &str) -> Result<(), ClusterError> {
    let selector = format!("{}={run}", labels::RUN);
    let record = run_record::at(ctx.namespace(), run).name;
    // The recorder's rights are the stack's; where there is none they are the run's.
    let rights: &[&str] = if ctx.plan.is_endpoint() { &["RoleBinding", "Role", "ServiceAccount"] } else { &[] };
    for kind in ["Job", "Pod", "ConfigMap"].iter().chain(rights) {
        for o in ctx.cluster.list(kind, Some(ctx.namespace()), &selector).await? {
            let text = |p: &str| o.pointer(p).and_then(Value::as_str);
            let name = text("/metadata/name").unwrap_or_default();
            if name != record {
                ctx.cluster.delete(&Ref::new(kind, ctx.namespace(), name), text("/metadata/uid")).await?;
            }
        }
    }
    Ok(())
}
