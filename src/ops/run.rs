//! One run: reset the arm, make the load, follow it, wait for the tail, bring everything home, judge.

use super::recorder::Recorder;
use super::results::{self, save};
use super::{Session, disk, follow, gather, harness, home, report, reset};
use crate::cluster::{Container, Ref};
use crate::config::manifests::labels;
use crate::failure::Failure;
use crate::load::job::{self, Harness};
use crate::metrics::Prometheus;
use crate::steps::record as record_of_stack;
use crate::steps::{Ctx, gateway, others, owner};
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::plan::Plan;
use bench_model::run::{RunRecord, RunState, Source, files};
use bench_model::summary::Summary;
use chrono::Utc;
use serde_json::Value;
use std::path::{Path, PathBuf};

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
    disk::warn_if_small(&session.report, &dir, &ctx.plan);
    session.report.note(format!("run {id}"));
    let outcome = interruptible(begin_and_finish(&ctx, &dir, &mut record, skip_reset)).await;
    if outcome.is_err() && record.state == RunState::Preparing {
        // Nothing has been measured yet: what was made for this run is of no use to anybody.
        if let Err(left) = home::remove_run_objects(&ctx, &record.id, &["Job", "Pod", "ConfigMap"]).await {
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
            return home::salvage(&ctx, dir, &mut record, &prometheus).await;
        }
        let load = job::harness(&ctx.plan, &record.id, &name)?;
        home::finish(&ctx, dir, &mut record, &load, &prometheus).await
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
        // The failure is what the user must see, whatever the disk says to its being written down.
        if let Err(unsaved) = save(dir, &record) {
            ctx.report.warn(format!("{unsaved:#}"));
        }
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
    home::finish(ctx, dir, record, &load, &prometheus).await
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
