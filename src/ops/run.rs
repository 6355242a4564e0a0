//! One run: reset the arm, make the load, follow it, wait for the tail, bring everything home, judge.

use super::drive::{Driver, drive};
use super::recorder::Recorder;
use super::results::{self, save};
use super::{Session, account, disk, follow, gather, harness, home, report, reset, stop};
use crate::cluster::{Container, Ref};
use crate::config::manifests::labels;
use crate::failure::{Failure, ends_with, enrich};
use crate::load::job::{self, Harness};
use crate::metrics::Prometheus;
use crate::steps::record as record_of_stack;
use crate::steps::{Ctx, arm, gateway, others, owner, run_record};
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::intent::{Intent, Operation};
use bench_model::plan::{Arm, Hashes, Plan};
use bench_model::run::{RunRecord, RunState, Source, files};

use chrono::Utc;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A run that has been brought home.
pub struct Finished {
    pub dir: PathBuf,
    pub run: RunRecord,
    pub reported: report::Reported,
}

/// How far bench stays with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The load is at work.
    Loading,
    /// Everything is home and judged.
    Home,
}

/// Begins a run and stays with it; `None` when it was only to be begun.
pub async fn run(session: &Session, plan: Plan, skip_reset: &[String], until: Until) -> anyhow::Result<Option<Finished>> {
    let id = results::new_id(&plan);
    let intent = Intent { run: Some(id), skip_reset: skip_reset.to_vec(), ..Intent::new(Operation::Run, plan) };
    begin_anew(session, intent, until).await
}

/// A run of which there is nothing but the intent.
pub async fn begin_anew(session: &Session, intent: Intent, until: Until) -> anyhow::Result<Option<Finished>> {
    let id = intent.run.clone().context("the intent names no run")?;
    let dir = session.results.join(&id);
    let (plan, skip) = (intent.plan.clone(), intent.skip_reset.clone());
    drive(session, intent, async |d| {
        let ctx = session.ctx(plan, &dir.join(files::JOURNAL));
        // What is refused leaves no run behind.
        d.stoppable(async {
            d.lease().await?;
            may_begin(&ctx, &id).await
        })
        .await?;
        d.begin();
        let mut record = results::new_record(&ctx.plan, &id, Source::Measured);
        record.skip_reset = skip;
        // run.json last: where it is, the plan is too.
        let yaml = serde_yaml::to_string(&*ctx.plan).context("cannot write the plan as YAML")?;
        results::write_atomic(&dir.join(files::PLAN), yaml.as_bytes())?;
        save(&dir, &record)?;
        disk::warn_if_small(&session.report, &dir, &ctx.plan);
        session.report.note(format!("run {id}"));
        carry(d, &ctx, &dir, record, until).await
    })
    .await
}

/// Takes a run up again, wherever it was.
pub async fn resume(session: &Session, dir: &Path, record: RunRecord, until: Until) -> anyhow::Result<Option<Finished>> {
    let plan = report::plan(dir)?;
    unedited(dir, &plan, &record)?;
    let intent = Intent {
        run: Some(record.id.clone()),
        skip_reset: record.skip_reset.clone(),
        begun: record.times.created.unwrap_or_else(Utc::now),
        ..Intent::new(Operation::Run, plan.clone())
    };
    drive(session, intent, async |d| {
        let ctx = session.ctx(plan, &dir.join(files::JOURNAL));
        // Of a stack that was torn down, namespace and all, there is still what can be said of the run.
        d.stoppable(d.lease_if_it_can_be()).await?;
        d.begin();
        carry(d, &ctx, dir, record, until).await
    })
    .await
}

/// A load is that of the plan whose hashes its run bears: runs are compared by them. What another version reads may hash otherwise, and
/// a load that was made comes home whatever its file says now.
fn unedited(dir: &Path, plan: &Plan, record: &RunRecord) -> anyhow::Result<()> {
    let now = Hashes::of(&plan.scenario, plan.profile.as_ref(), plan.arm);
    if record.load_uid.is_some() || record.bench_version != env!("CARGO_PKG_VERSION") || now == record.hashes {
        return Ok(());
    }
    let text = format!(
        "{} was changed since the run began: its plan was {}, and is {}",
        dir.join(files::PLAN).display(),
        record.hashes.plan,
        now.plan
    );
    Err(Failure::new(Exit::Usage, text).hint("put it back, or make another run: bench run").into())
}

/// What speaks against beginning a load now.
async fn may_begin(ctx: &Ctx, own: &str) -> anyhow::Result<()> {
    owner::require(&ctx.cluster, ctx.namespace()).await?;
    if !ctx.plan.is_endpoint() {
        record_of_stack::require_up(ctx).await?;
        record_of_stack::require_same(ctx).await?;
    }
    refuse_live_run(ctx, own).await?;
    refuse_others(ctx).await?;
    reset::check(&ctx.plan)
}

/// Whatever scales an existing stack is what is measured.
async fn refuse_others(ctx: &Ctx) -> anyhow::Result<()> {
    if ctx.plan.arm == Arm::Existing { Ok(()) } else { others::refuse(ctx).await }
}

/// What the Job's uid and the one written down say.
#[derive(Debug, PartialEq, Eq)]
enum Load {
    /// It was never made.
    Absent,
    /// It is there.
    There,
    /// It was made and is gone, or another one has its name: never made again by itself.
    Lost,
}

fn load_is(found: Option<&str>, written: Option<&str>) -> Load {
    match (found, written) {
        (None, None) => Load::Absent,
        (Some(_), None) => Load::There,
        (Some(f), Some(w)) if f == w => Load::There,
        _ => Load::Lost,
    }
}

fn uid_of(object: &Value) -> Option<String> {
    object.pointer("/metadata/uid").and_then(Value::as_str).map(String::from)
}

/// Stores what is known of the run here and in the cluster.
async fn store(ctx: &Ctx, dir: &Path, record: &RunRecord) -> anyhow::Result<()> {
    save(dir, record)?;
    run_record::write(ctx, record, dir).await.map(drop)
}

/// The same once a load is at work: neither a full disk nor an API server that is away is a reason to leave it.
pub(super) async fn store_if_possible(ctx: &Ctx, dir: &Path, record: &RunRecord) {
    if let Err(e) = save(dir, record) {
        ctx.report.warn(format!("{e:#}; the load goes on"));
    }
    if let Err(e) = run_record::write(ctx, record, dir).await {
        ctx.report.warn(format!("the run's record in the cluster is not up to date: {e:#}"));
    }
}

/// From wherever the run is to its end, and whatever happens to what has to be kept.
async fn carry(d: &Driver, ctx: &Ctx, dir: &Path, mut record: RunRecord, until: Until) -> anyhow::Result<Option<Finished>> {
    let outcome = Box::pin(advance(d, ctx, dir, &mut record, until)).await;
    match outcome {
        Ok(true) => Box::pin(conclude(d, ctx, dir, record, Ok(()))).await.map(Some),
        Ok(false) => Ok(None),
        Err(e) => {
            let e = Box::pin(stopped_before_its_load(d, ctx, dir, &mut record, e)).await;
            Box::pin(conclude(d, ctx, dir, record, Err(e))).await.map(Some)
        }
    }
}

/// `true` when everything is home, `false` when the load is at work and nobody is to wait for it.
async fn advance(d: &Driver, ctx: &Ctx, dir: &Path, record: &mut RunRecord, until: Until) -> anyhow::Result<bool> {
    let load_dir = dir.join(files::LOAD);
    if record.times.collected.is_some() {
        // Ended between the last file and the last word.
        d.stoppable(home::remove_run_objects(ctx, &record.id)).await?;
        let account = account::take(&ctx.plan, dir)?;
        return match (harness::fetched(&load_dir), &record.failure) {
            (Some(ended), _) => harness::judge(&ended, &load_dir, None, &account).map(|()| true),
            (None, Some(why)) => Err(Failure::new(Exit::Invalid, why.clone()).into()),
            (None, None) => {
                harness::judge(&follow::Ended::default(), &load_dir, Some("nothing of it could be fetched"), &account).map(|()| true)
            }
        };
    }
    let name = results::object_name("load", &record.id);
    let load = job::harness(&ctx.plan, &record.id, &name)?;
    if harness::fetched(&load_dir).is_none() {
        let known = d.stoppable(run_record::get(&ctx.cluster, ctx.namespace(), &record.id)).await?;
        let recorded = known.is_some();
        if let Some(uid) = known.and_then(|k| k.run.load_uid) {
            record.load_uid.get_or_insert(uid);
        }
        let found = d.stoppable(follow::job(ctx, &name)).await?;
        match load_is(found.as_ref().and_then(uid_of).as_deref(), record.load_uid.as_deref()) {
            Load::Lost => {
                let mut why = format!("the load of run {} is not in the cluster any more", record.id);
                if !recorded {
                    why.push_str(", nor is the run's record: another machine brought it home, or the stack was torn down");
                }
                // The records and metrics of a load that is gone are still worth having.
                return d
                    .stoppable(async {
                        let prometheus = Prometheus::if_any(&ctx.cluster, &ctx.plan).await;
                        home::salvage(ctx, dir, record, &prometheus, why).await.map(|()| true)
                    })
                    .await;
            }
            Load::There => record.load_uid = found.as_ref().and_then(uid_of),
            Load::Absent => {
                d.stoppable(prepare(ctx, dir, record, &load)).await?;
                // Not to be cut in the middle: whether a load is at work must be known.
                record.load_uid = Some(make(ctx, &load).await?);
            }
        }
        if record.times.harness_started.is_none() {
            record.state = RunState::Loading;
            ctx.at_work.store(true, std::sync::atomic::Ordering::Relaxed);
            store_if_possible(ctx, dir, record).await;
            d.stoppable(started(ctx, record, &load)).await?;
        }
        store_if_possible(ctx, dir, record).await;
        // A run that came from another machine has none; they follow from its plan.
        if !dir.join(files::MANIFESTS).exists()
            && let Err(e) = write_manifests(ctx, dir, &load)
        {
            ctx.report.warn(format!("{e:#}; the load goes on"));
        }
    }
    ctx.at_work.store(true, std::sync::atomic::Ordering::Relaxed);
    if until == Until::Loading {
        return Ok(false);
    }
    d.stoppable(async {
        // What the load leaves comes home without metrics too.
        let prometheus = Prometheus::if_any(&ctx.cluster, &ctx.plan).await;
        home::finish(ctx, dir, record, &load, &prometheus).await.map(|()| true)
    })
    .await
}

/// Everything before the load: the run's record first, then manifests, recorder, reset.
async fn prepare(ctx: &Ctx, dir: &Path, record: &mut RunRecord, load: &Harness) -> anyhow::Result<()> {
    may_begin(ctx, &record.id).await?;
    (record.state, record.failure) = (RunState::Preparing, None);
    ctx.step("run-record", "the run's record in the cluster", async {
        store(ctx, dir, record).await?;
        Ok(((), results::object_name("run", &record.id)))
    })
    .await?;
    ctx.step("endpoint", &ctx.plan.target(), gateway::answers(ctx, ctx.limit(60))).await?;
    let prometheus = Prometheus::discover(&ctx.cluster, &ctx.plan).await?;
    for w in &load.rendered.warnings {
        ctx.report.warn(w.clone());
    }
    write_manifests(ctx, dir, load)?;
    if ctx.plan.is_endpoint() {
        ctx.step("recorder-rights", "read-only ServiceAccount of the recorder", rights_of_the_run(ctx, &record.id)).await?;
    }
    let recorder = ctx
        .step("recorder", "records replicas, pods, autoscalers and events", Recorder::start(ctx, &record.id, &load.job, load.limit_s))
        .await?;
    record.clocks.extend(gather::clocks(&ctx.cluster, &prometheus, Some((recorder.container(), &recorder.bench))).await);
    let skip = record.skip_reset.clone();
    record.reset = reset::reset(ctx, &prometheus, &skip).await?;
    // Resetting took a while; somebody may have begun another run meanwhile, or another autoscaler.
    refuse_live_run(ctx, &record.id).await?;
    refuse_others(ctx).await?;
    save(dir, record)
}

/// Where there is no stack, the recorder's rights come and go with the run.
async fn rights_of_the_run(ctx: &Ctx, run: &str) -> anyhow::Result<((), String)> {
    if record_of_stack::owner(&ctx.cluster, ctx.namespace()).await?.is_some() {
        return Ok(((), "the stack's own".into()));
    }
    let mut objects = crate::config::manifests::objects(&ctx.plan, "agent-rbac.yaml", Value::Null)?;
    for o in &mut objects {
        crate::config::manifests::own_by_run(o, run);
    }
    Ok(((), ctx.apply_all(objects).await?.to_string()))
}

/// Makes the Job, once: by POST, which does nothing to one that is there. Gives its uid.
async fn make(ctx: &Ctx, load: &Harness) -> anyhow::Result<String> {
    ctx.step("load", &load.job, async {
        let (jobs, others): (Vec<Value>, Vec<Value>) = load.objects.iter().cloned().partition(|o| o["kind"] == "Job");
        ctx.apply_all(others).await?;
        let mut job = jobs.into_iter().next().context("the load has no Job")?;
        if let Some(owner) = record_of_stack::owner(&ctx.cluster, ctx.namespace()).await? {
            job["metadata"]["ownerReferences"] = serde_json::json!([owner]);
        }
        let made = match ctx.cluster.create(&job).await {
            Ok(made) => made,
            // The answer may have been lost, not the request.
            Err(e) if e.is_conflict() || e.is_passing() => match follow::job(ctx, &load.job).await? {
                Some(found) if crate::steps::is_ours(&found, ctx.namespace()) => found,
                _ => return Err(e.into()),
            },
            Err(e) => return Err(e.into()),
        };
        let uid = uid_of(&made).context("the Job has no uid")?;
        Ok((uid.clone(), format!("Job made, uid {uid}")))
    })
    .await
}

/// Waits for the load's running container.
async fn started(ctx: &Ctx, record: &mut RunRecord, load: &Harness) -> anyhow::Result<()> {
    let (pod, at) = ctx
        .step("load-started", &load.job, async {
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

/// A load that was not begun, or that cannot start, is withdrawn, and the arm's autoscaler put back.
async fn stopped_before_its_load(d: &Driver, ctx: &Ctx, dir: &Path, record: &mut RunRecord, e: anyhow::Error) -> anyhow::Error {
    // Refused before anything was made in this try: it is what it was.
    let untouched = record.state == RunState::Interrupted && record.load_uid.is_none();
    if d.is_lost() || record.times.collected.is_some() || untouched {
        return e;
    }
    if record.load_uid.is_none() {
        // Its making may have been cut short.
        match follow::job(ctx, &results::object_name("load", &record.id)).await {
            Ok(found) => record.load_uid = found.as_ref().and_then(uid_of),
            Err(_) => return e,
        }
    }
    let signalled = stop::is_requested();
    if record.load_uid.is_some() {
        if signalled {
            let what =
                if record.times.harness_ended.is_none() { "its load goes on in the cluster" } else { "its pods keep what is not here yet" };
            return Failure::new(Exit::Interrupted, format!("{e:#}; run {}: {what}", record.id))
                .hint(format!("bench attach {}   follows it and brings it home;   bench teardown --force   ends it", record.id))
                .into();
        }
        // What has started goes on; whether it has, only an API server that answers can say.
        let waits = record.times.harness_started.is_none() && follow::waits(ctx, &results::object_name("load", &record.id)).await;
        if !waits {
            return e;
        }
    }
    ctx.report.note("withdrawing the run");
    if let Err(left) = withdraw(ctx, record).await {
        ctx.report.warn(format!("not all of this run's objects could be removed: {left:#}"));
        return e;
    }
    record.load_uid = None;
    let f = Failure::of(e);
    if !signalled && !f.passing {
        record.state = RunState::Failed;
        return f.into();
    }
    record.state = RunState::Interrupted;
    (record.reset, record.clocks) = (vec![], vec![]);
    // Its recorder is gone; the next one begins anew.
    let _ = std::fs::remove_file(dir.join(files::EVENTS));
    Failure { message: format!("{}; run {} had no load yet and was withdrawn", f.message, record.id), ..f }
        .hint(format!("bench resume {}   begins it again", record.id))
        .into()
}

/// Removes the run's objects and puts the arm's autoscaler back, without waiting for it to act.
async fn withdraw(ctx: &Ctx, record: &RunRecord) -> anyhow::Result<()> {
    home::remove_run_objects(ctx, &record.id).await?;
    // Only on a stack that is under this arm still: another one's autoscaler must not come beside.
    if ctx.plan.arm != Arm::Existing
        && record_of_stack::phase(&ctx.cluster, ctx.namespace()).await? == record_of_stack::UP
        && record_of_stack::now(ctx).await?.is_none()
    {
        arm::put_back(ctx).await?;
    }
    run_record::remove(ctx, &record.id).await
}

async fn conclude(d: &Driver, ctx: &Ctx, dir: &Path, mut record: RunRecord, outcome: anyhow::Result<()>) -> anyhow::Result<Finished> {
    if let Err(e) = &outcome {
        // A run whose load was begun can be taken up again, unless its own end says otherwise.
        let invalid = ends_with(e, Exit::Invalid);
        if record.state != RunState::Failed {
            record.state = if invalid || record.times.collected.is_some() { RunState::Failed } else { RunState::Interrupted };
        }
        record.failure = Some(format!("{e:#}"));
        if record.state == RunState::Failed {
            d.settle();
        }
        if let Err(e) = save(dir, &record) {
            ctx.report.warn(format!("{e:#}"));
        } else if record.state == RunState::Failed {
            over(d, ctx, &record).await;
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
    }
    if let Err(e) = outcome {
        return Err(enrich(e, |f| {
            let f = f.kept(dir.display().to_string());
            if record.state == RunState::Interrupted { f.next(format!("bench resume {}", record.id)) } else { f }
        }));
    }
    record.state = RunState::Complete;
    record.failure = None;
    record.times.collected.get_or_insert_with(Utc::now);
    save(dir, &record)?;
    let reported = report::read(dir)?;
    report::write_summary(dir, &reported.summary)?;
    results::write_checksums(dir)?;
    // It can be made again at any time: no reason to fail a run.
    match report::write_html(dir, &reported) {
        Ok(path) => ctx.report.note(format!("report: {}", path.display())),
        Err(e) => ctx.report.warn(format!("no {}: {e:#}", files::REPORT)),
    }
    over(d, ctx, &record).await;
    Ok(Finished { dir: dir.into(), run: record, reported })
}

/// The run's record in the cluster goes last of all: all that can be had of the run is here.
async fn over(d: &Driver, ctx: &Ctx, record: &RunRecord) {
    if d.is_lost() {
        return;
    }
    if let Err(e) = run_record::remove(ctx, &record.id).await {
        ctx.report.warn(format!(
            "the run's record is still in the cluster, and keeps the next run out: {e:#}; bench resume {} removes it",
            record.id
        ));
    }
}

/// Two runs on one stack measure each other; a run is alive as long as its recorder is.
///
/// # Errors
/// Exit 6 with the name of a run other than `own` that is at work.
pub async fn refuse_live_run(ctx: &Ctx, own: &str) -> anyhow::Result<()> {
    run_record::refuse_other_run(ctx, own).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_made_only_when_none_was_ever_made() {
        assert_eq!(load_is(None, None), Load::Absent);
        // Made, and killed before its uid was written down.
        assert_eq!(load_is(Some("a"), None), Load::There);
        assert_eq!(load_is(Some("a"), Some("a")), Load::There);
        assert_eq!(load_is(None, Some("a")), Load::Lost);
        assert_eq!(load_is(Some("b"), Some("a")), Load::Lost);
    }
}
