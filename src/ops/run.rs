//! One run: reset the arm, make the load, follow it, wait for the tail, bring everything home, judge.

use super::recorder::Recorder;
use super::results::{self, save};
use super::{Session, follow, gather, harness, report, reset};
use crate::cluster::{Container, Ref};
use crate::config::manifests::labels;
use crate::failure::Failure;
use crate::load::job::{self, Harness};
use crate::metrics::Prometheus;
use crate::report::{Event, LoadProgress};
use crate::steps::record as record_of_stack;
use crate::steps::{Ctx, gateway, others, owner};
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::plan::Plan;
use bench_model::run::{RunRecord, RunState, Source, files};
use bench_model::summary::Summary;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Seconds of metrics before the load: what the windows of its first decisions look back on.
const LEAD_S: f64 = 180.0;

/// A run that has been brought home.
pub struct Finished {
    pub dir: PathBuf,
    pub run: RunRecord,
    pub summary: Summary,
    pub tables: bench_model::tables::Tables,
}

/// Begins a run and stays with it to its end.
pub async fn run(session: &Session, plan: Plan, skip_reset: &[String]) -> anyhow::Result<Finished> {
    let id = results::new_id(&plan);
    let dir = session.results.join(&id);
    let ctx = session.ctx(plan, &dir.join(files::JOURNAL));
    // What is refused leaves no run behind.
    owner::require(&ctx.cluster, ctx.namespace()).await?;
    record_of_stack::require_up(&ctx).await?;
    refuse_live_run(&ctx, "").await?;
    others::refuse(&ctx).await?;
    reset::check(&ctx.plan)?;
    let mut record = results::new_record(&ctx.plan, &id, Source::Measured);
    save(&dir, &record)?;
    let yaml = serde_yaml::to_string(&*ctx.plan).context("cannot write the plan as YAML")?;
    results::write_atomic(&dir.join(files::PLAN), yaml.as_bytes())?;
    session.report.note(format!("run {id}"));
    let outcome = interruptible(begin_and_finish(&ctx, &dir, &mut record, skip_reset)).await;
    if outcome.is_err() && record.state == RunState::Preparing {
        // Nothing has been measured yet: what was made for this run is of no use to anybody.
        if let Err(left) = remove_run_objects(&ctx, &record.id, &["Job", "Pod", "ConfigMap"]).await {
            ctx.report.warn(format!("not all of this run's objects could be removed: {left:#}"));
        }
        record.state = RunState::Failed;
    }
    conclude(&ctx, &dir, record, outcome)
}

/// Takes a run up again whose load was begun: waits, collects, judges.
pub async fn resume(session: &Session, dir: &Path, mut record: RunRecord) -> anyhow::Result<Finished> {
    let ctx = session.ctx(report::plan(dir)?, &dir.join(files::JOURNAL));
    let name = results::object_name("load", &record.id);
    let lost = follow::job(&ctx, &name).await?.is_none() && harness::fetched(&dir.join(files::LOAD)).is_none();
    let outcome = interruptible(async {
        let prometheus = Prometheus::discover(&ctx.cluster, &ctx.plan.scenario.monitoring.prometheus).await?;
        if lost {
            // The records and metrics of a load that is gone are still worth having.
            let recorder = Recorder::of(&ctx, &record.id);
            let (missing, _) = bring_home(&ctx, dir, &mut record, &recorder, &prometheus, Utc::now()).await;
            record.missing = missing;
            remove_run_objects(&ctx, &record.id, &["Job", "Pod", "ConfigMap"]).await?;
            record.state = RunState::Failed;
            return Err(Failure::new(Exit::Invalid, format!("the load of run {} is not in the cluster any more: it is lost", record.id))
                .hint(format!("what could still be collected is in {}", dir.display()))
                .into());
        }
        let load = job::harness(&ctx.plan, &record.id, &name)?;
        finish(&ctx, dir, &mut record, &load, &prometheus).await
    })
    .await;
    conclude(&ctx, dir, record, outcome)
}

fn conclude(ctx: &Ctx, dir: &Path, mut record: RunRecord, outcome: anyhow::Result<()>) -> anyhow::Result<Finished> {
    if let Err(e) = &outcome {
        // A run whose load was begun can be taken up again, unless its own end says otherwise.
        let ended =
            e.chain().any(|c| c.downcast_ref::<Failure>().is_some_and(|f| f.exit == Exit::Invalid)) || record.times.collected.is_some();
        if record.state != RunState::Failed {
            record.state = if ended { RunState::Failed } else { RunState::Interrupted };
        }
        record.failure = Some(format!("{e:#}"));
        save(dir, &record)?;
        // A load that failed has numbers too, as far as it came.
        if dir.join(files::EVENTS).exists() {
            let summarised = report::read(dir).and_then(|r| report::write_summary(dir, &r.summary).map(|()| r)).and_then(|r| {
                results::write_checksums(dir)?;
                report::write_html(dir, &r).map(drop)
            });
            if let Err(e) = summarised {
                ctx.report.warn(format!("no summary: {e:#}"));
            }
        }
        ctx.report.note(format!("kept: {}", dir.display()));
    }
    outcome?;
    record.state = RunState::Complete;
    record.failure = None;
    record.times.collected = Some(Utc::now());
    save(dir, &record)?;
    let reported = report::read(dir)?;
    report::write_summary(dir, &reported.summary)?;
    results::write_checksums(dir)?;
    // It can be made again at any time: no reason to fail a run.
    match report::write_html(dir, &reported) {
        Ok(path) => ctx.report.note(format!("report: {}", path.display())),
        Err(e) => ctx.report.warn(format!("no {}: {e:#}", files::REPORT)),
    }
    Ok(Finished { dir: dir.into(), run: record, summary: reported.summary, tables: reported.ingested.tables })
}

async fn begin_and_finish(ctx: &Ctx, dir: &Path, record: &mut RunRecord, skip: &[String]) -> anyhow::Result<()> {
    ctx.step("endpoint", &ctx.plan.target(), gateway::answers(ctx, ctx.limit(60))).await?;
    let prometheus = Prometheus::discover(&ctx.cluster, &ctx.plan.scenario.monitoring.prometheus).await?;
    let load = job::harness(&ctx.plan, &record.id, &results::object_name("load", &record.id))?;
    for w in &load.rendered.warnings {
        ctx.report.warn(w.clone());
    }
    write_manifests(ctx, dir, &load)?;
    begin(ctx, record, &load, &prometheus, skip).await?;
    record.state = RunState::Loading;
    save(dir, record)?;
    finish(ctx, dir, record, &load, &prometheus).await
}

/// Recorder, reset, and the load's Job up to its running container.
async fn begin(ctx: &Ctx, record: &mut RunRecord, load: &Harness, prometheus: &Prometheus, skip: &[String]) -> anyhow::Result<()> {
    let recorder = ctx
        .step("recorder", "records replicas, pods, autoscalers and events", Recorder::start(ctx, &record.id, &load.job, load.limit_s))
        .await?;
    record.clocks.extend(gather::clocks(&ctx.cluster, prometheus, Some((recorder.container(), &recorder.bench))).await);
    record.reset = reset::reset(ctx, prometheus, skip).await?;
    // Resetting took a while; somebody may have begun another run meanwhile, or another autoscaler.
    refuse_live_run(ctx, &record.id).await?;
    others::refuse(ctx).await?;
    let (pod, at) = ctx
        .step("load", &load.job, async {
            ctx.apply_all(load.objects.clone()).await?;
            if load.streams_tokenizer {
                harness::stream_tokenizer(ctx, &load.job).await?;
            }
            let (pod, at) = follow::started(ctx, &load.job).await?;
            Ok(((pod.clone(), at), format!("container of {pod} started")))
        })
        .await?;
    record.times.harness_started = Some(at);
    record.clocks.extend(gather::harness_clock(&ctx.cluster, &Container::new(ctx.namespace(), &pod, "keeper")).await);
    Ok(())
}

/// Follows the load and brings everything home. Each part is tried even when one before it failed.
async fn finish(ctx: &Ctx, dir: &Path, record: &mut RunRecord, load: &Harness, prometheus: &Prometheus) -> anyhow::Result<()> {
    let limit = ctx.limit(load.limit_s + 120);
    let load_dir = dir.join(files::LOAD);
    // Taken up again in its tail: the load's files are here and its keeper is gone.
    let fetched = harness::fetched(&load_dir);
    let ended = match &fetched {
        Some(e) => e.clone(),
        None => follow::follow(ctx, prometheus, &load.job, limit).await?,
    };
    record.times.harness_started = record.times.harness_started.or(ended.started);
    record.times.harness_ended = record.times.harness_ended.or(ended.finished);
    record.state = RunState::Collecting;
    save(dir, record)?;
    let mut failed: Vec<String> = vec![];
    let mut keep: Vec<&str> = vec![];
    record.clocks.extend(gather::harness_clock(&ctx.cluster, &Container::new(ctx.namespace(), &ended.pod, "keeper")).await);
    if fetched.is_none()
        && let Err(e) = ctx.step("results", "the load's files", harness::collect(ctx, &ended, &load_dir)).await
    {
        failed.push(format!("load: {e:#}"));
        // The pod is the only place that has them.
        if ended.code.is_some() {
            keep.push("load");
        }
    }
    record.state = RunState::Settling;
    save(dir, record)?;
    let recorder = Recorder::of(ctx, &record.id);
    match settle(ctx, &recorder, prometheus).await {
        Ok(why) => ctx.report.note(format!("recording ended: {why}")),
        Err(e) => failed.push(format!("recorder: {e:#}")),
    }
    let recording_ended = Utc::now();
    record.times.recording_ended = Some(recording_ended);
    let home = ctx.step("collect", "records, metrics, logs", async {
        let (missing, samples) = bring_home(ctx, dir, record, &recorder, prometheus, recording_ended).await;
        let seconds = (Utc::now() - recording_ended).num_milliseconds() as f64 / 1000.0;
        Ok((missing, format!("{samples} samples; all on disk {seconds:.1} s after the recording's end")))
    });
    failed.extend(home.await?);
    for what in &failed {
        ctx.report.warn(format!("missing: {what}"));
    }
    record.missing = failed;
    save(dir, record)?;
    if !dir.join(files::EVENTS).exists() {
        keep.push("recorder");
    }
    if !keep.is_empty() {
        let text = format!("not everything could be fetched ({}); the pods are kept", keep.join(", "));
        return Err(Failure::new(Exit::Interrupted, text).hint(format!("bench resume {}   tries again", record.id)).into());
    }
    if let Err(e) = remove_run_objects(ctx, &record.id, &["Job", "Pod", "ConfigMap"]).await {
        ctx.report.warn(format!("not all of this run's objects could be removed: {e:#}"));
    }
    record.times.collected = Some(Utc::now());
    harness::judge(&ended, &load_dir)
}

/// Fetches records, metrics, logs; gives what is missing and how many samples there are.
async fn bring_home(
    ctx: &Ctx,
    dir: &Path,
    record: &mut RunRecord,
    recorder: &Recorder,
    prometheus: &Prometheus,
    until: DateTime<Utc>,
) -> (Vec<String>, usize) {
    let mut failed = vec![];
    record.clocks.extend(gather::clocks(&ctx.cluster, prometheus, Some((recorder.container(), &recorder.bench))).await);
    if let Err(e) = recorder.collect(ctx, dir).await {
        failed.push(format!("events.jsonl: {e:#}"));
    }
    let from = record.times.harness_started.or(record.times.created).unwrap_or(until);
    // Prometheus' clock decides which samples are inside.
    let offset = record.clocks.iter().rev().find(|c| c.clock == "prometheus").map_or(0.0, |c| c.offset_s);
    let seconds = |t: DateTime<Utc>| t.timestamp_millis() as f64 / 1000.0;
    let samples = match gather::metrics(ctx, prometheus, dir, seconds(from) - LEAD_S, seconds(until) + offset).await {
        Ok(n) => n,
        Err(e) => {
            failed.push(format!("metrics: {e:#}"));
            0
        }
    };
    failed.extend(gather::logs(ctx, dir).await);
    match gather::images(&ctx.cluster, ctx.namespace()).await {
        Ok(i) => record.images = i,
        Err(e) => failed.push(format!("image ids: {e:#}")),
    }
    (failed, samples)
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
            recorder.stop(ctx).await?;
            // Its last records are written after it was told.
            for _ in 0..30 {
                if let Ok(Some(_)) = recorder.done(ctx).await {
                    break;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            return Ok("stopped by bench: its own limit has passed".into());
        }
        let mut p = LoadProgress { phase: "settling".into(), ..LoadProgress::default() };
        follow::cluster_state(ctx, prometheus, &mut p).await;
        ctx.report.emit(Event::Load(p));
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Ends early and cleanly on Ctrl-C; the cluster goes on by itself.
async fn interruptible<T>(act: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::select! {
        result = act => result,
        _ = tokio::signal::ctrl_c() => {
            // A second Ctrl-C ends the process at once.
            tokio::spawn(async {
                if tokio::signal::ctrl_c().await.is_ok() {
                    std::process::exit(i32::from(Exit::Interrupted.code()));
                }
            });
            Err(Failure::new(Exit::Interrupted, "interrupted; a load that has begun goes on in the cluster, one that has not is withdrawn")
                .hint("bench resume   waits for a begun load and collects it;   bench teardown --force   ends it")
                .into())
        }
    }
}

/// Two runs on one stack measure each other; a run is alive as long as its recorder is.
///
/// # Errors
/// Exit 6 with the name of a run other than `own` that is at work.
pub async fn refuse_live_run(ctx: &Ctx, own: &str) -> anyhow::Result<()> {
    let selector = format!("app.kubernetes.io/name=llmd-bench-agent,{}={}", labels::STACK, ctx.namespace());
    for pod in ctx.cluster.list("Pod", Some(ctx.namespace()), &selector).await? {
        let run = crate::steps::label(&pod, labels::RUN).unwrap_or("unknown");
        // A recorder is only deleted when its records are home.
        let over = pod.pointer("/metadata/deletionTimestamp").is_some()
            || matches!(pod.pointer("/status/phase").and_then(Value::as_str), Some("Succeeded" | "Failed"));
        if !over && run != own {
            return Err(Failure::new(Exit::Cluster, format!("run {run} is at work in namespace {}", ctx.namespace()))
                .hint(format!("bench resume {run}   waits for it and collects it;   bench teardown --force   ends it"))
                .into());
        }
    }
    Ok(())
}

/// Deletes Jobs, pods and ConfigMaps of one run.
async fn remove_run_objects(ctx: &Ctx, run: &str, kinds: &[&str]) -> anyhow::Result<()> {
    let selector = format!("{}={run}", labels::RUN);
    for kind in kinds.iter().copied() {
        for o in ctx.cluster.list(kind, Some(ctx.namespace()), &selector).await? {
            let name = o.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            ctx.cluster.delete(&Ref::new(kind, ctx.namespace(), name), None).await?;
        }
    }
    Ok(())
}

/// Each object as applied, into `manifests/`.
fn write_manifests(ctx: &Ctx, dir: &Path, load: &Harness) -> anyhow::Result<()> {
    let mut objects = super::plan::objects(&Plan { profile: None, ..(*ctx.plan).clone() })?;
    objects.extend(load.objects.iter().cloned());
    for mut o in objects {
        crate::config::secrets::redact(&mut o);
        let r = Ref::of(&o)?;
        let yaml = serde_yaml::to_string(&o).context("cannot write a manifest as YAML")?;
        let name = format!("{}-{}.yaml", r.kind.kind.to_lowercase(), r.name);
        results::write_atomic(&dir.join(files::MANIFESTS).join(name), yaml.as_bytes())?;
    }
    Ok(())
}
