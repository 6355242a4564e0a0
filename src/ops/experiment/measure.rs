//! The measured way: whatever stack there is becomes the one that the next run needs, the run is made or taken up, and judged; until
//! none is left. The cluster says what is there, the record what was begun: so it carries on from wherever it was.

use super::change::{Change, needed};
use super::progress::Table;
use super::state::Kept;
use crate::failure::{Failure, ends_with};
use crate::ops::gate::{self, Ready};
use crate::ops::run::Until;
use crate::ops::{Session, results, run, standup, stop, swap, teardown};
use crate::steps::record;
use bench_analysis::report::gate::sentence;
use bench_model::exit::Exit;
use bench_model::experiment::{AtEnd, Attempt, Renew, RunIs};
use bench_model::gate::{GateVerdict, RuleVerdict};
use bench_model::intent::{Intent, Operation};
use bench_model::plan::Plan;
use bench_model::run::{RunState, files};
use bench_model::summary::Verdict;
use chrono::Utc;
use std::time::Duration;

/// Makes every run that is left.
///
/// # Errors
/// Exit 7 when it was interrupted, the cluster's own otherwise; what was begun is carried on when the command is given again.
pub async fn measure(session: &Session, kept: &mut Kept, gate: Option<&Ready>, replace: bool) -> anyhow::Result<()> {
    let outcome = all(session, kept, gate, replace).await;
    // What is refused leaves no experiment behind that would stand in the way of the next one.
    let begun = kept.record.stood_up || kept.record.runs.iter().any(|r| !r.attempts.is_empty());
    if outcome.as_ref().is_err_and(|e| !begun && !ends_with(e, Exit::Interrupted))
        && let Err(e) = std::fs::remove_dir_all(&kept.dir)
    {
        session.report.warn(format!("{}: {e}", kept.dir.display()));
    }
    outcome
}

async fn all(session: &Session, kept: &mut Kept, gate: Option<&Ready>, replace: bool) -> anyhow::Result<()> {
    let _driven = stop::Driven::begin();
    let cluster = &session.cluster.url;
    if !kept.record.cluster.is_empty() && kept.record.cluster != *cluster {
        let text = format!("experiment {} was begun on {}, and this is {cluster}", kept.record.id, kept.record.cluster);
        return Err(Failure::new(Exit::Usage, text).hint("choose that cluster with --kubeconfig or --context").into());
    }
    kept.record.cluster.clone_from(cluster);
    kept.save()?;
    let table = Table::begin(session.report.clone(), &kept.record, true);
    for k in 0..kept.record.runs.len() {
        if super::stops(&kept.record) {
            session.report.warn("a run is not valid: the experiment ends here, as on_invalid says");
            break;
        }
        if kept.record.runs[k].state.is_over() {
            continue;
        }
        // What was begun is at work already.
        if kept.record.runs[k].state == RunIs::Planned && super::runs_over(&kept.record) > 0 {
            pause(session, kept.record.definition.between.pause_s).await?;
        }
        table.begun(&kept.record, k);
        one(session, kept, k, gate, replace).await?;
        table.ended(&kept.record, k);
    }
    Ok(())
}

/// One run of the schedule, as often as it takes.
async fn one(session: &Session, kept: &mut Kept, k: usize, gate: Option<&Ready>, replace: bool) -> anyhow::Result<()> {
    let wanted = kept.plan(&kept.record.runs[k])?;
    loop {
        if stop::is_requested() {
            return Err(interrupted());
        }
        let open = kept.record.runs[k].last().filter(|a| a.ended.is_none()).map(|a| a.run.clone());
        // A load that is at work has its stack; looking after it would only get in its way.
        let under_way = open.as_ref().is_some_and(|id| session.results.join(id).join(files::RUN).exists());
        if !under_way {
            make_ready(session, kept, &wanted, replace).await?;
        }
        let id = match open {
            Some(id) => id,
            None => attempt(kept, k, &wanted)?,
        };
        let outcome = carry(session, kept, &wanted, &id).await;
        kept.fresh = false;
        if outcome.is_err() && !has_ended(session, &id) {
            return outcome;
        }
        judge(session, kept, k, gate)?;
        let last = kept.record.runs[k].last();
        if let (Err(e), Some(None)) = (outcome, last.map(|a| a.verdict)) {
            // It never had a load: that is the cluster's fault, and would be the next run's too.
            return Err(e);
        }
        let valid = last.is_some_and(|a| a.verdict.is_some_and(|v| v != Verdict::Invalid));
        let tries = kept.record.runs[k].attempts.iter().filter(|a| a.verdict.is_some()).count();
        if valid || tries > kept.record.definition.on_invalid.repeat as usize {
            kept.record.runs[k].state = if valid { RunIs::Valid } else { RunIs::Invalid };
            return kept.save();
        }
        let why = kept.record.runs[k].last().and_then(|a| a.why.clone()).unwrap_or_default();
        session.report.warn(format!(
            "{id} is not valid ({why}): it is made again, try {} of {}",
            tries + 1,
            kept.record.definition.on_invalid.repeat + 1
        ));
    }
}

/// The id of a run that is about to be made, on disk before anything of it.
fn attempt(kept: &mut Kept, k: usize, plan: &Plan) -> anyhow::Result<String> {
    let id = results::new_id(plan);
    let run = &mut kept.record.runs[k];
    run.state = RunIs::Begun;
    run.attempts.push(Attempt { run: id.clone(), begun: Utc::now(), ended: None, verdict: None, gate: None, broken: vec![], why: None });
    kept.save()?;
    Ok(id)
}

/// Makes the run, or takes it up from wherever it is.
async fn carry(session: &Session, kept: &Kept, wanted: &Plan, id: &str) -> anyhow::Result<()> {
    let dir = session.results.join(id);
    let skip = kept.record.definition.between.skip_reset.clone();
    let outcome = if dir.join(files::RUN).exists() {
        let (dir, record) = results::find(&session.results, &dir.to_string_lossy())?;
        if matches!(record.state, RunState::Complete | RunState::Failed) {
            return Ok(());
        }
        Box::pin(run::resume(session, &dir, record, Until::Home)).await
    } else {
        // Facts of the stack are those of its standup.
        let stack = record::find(&session.cluster, Some(wanted.namespace())).await?;
        let plan = Plan::new(wanted.scenario.clone(), wanted.profile.clone(), wanted.arm, stack.facts, wanted.notes.clone());
        let intent = Intent { run: Some(id.into()), skip_reset: skip, ..Intent::new(Operation::Run, plan) };
        Box::pin(run::begin_anew(session, intent, Until::Home)).await
    };
    outcome.map(drop)
}

/// Has it come to its end, be it a bad one? Anything else can be taken up again.
fn has_ended(session: &Session, id: &str) -> bool {
    let record = bench_analysis::ingest::run_record(&session.results.join(id));
    record.is_ok_and(|r| matches!(r.state, RunState::Complete | RunState::Failed))
}

/// What came of the last attempt, from its directory.
fn judge(session: &Session, kept: &mut Kept, k: usize, gate: Option<&Ready>) -> anyhow::Result<()> {
    let arm = kept.record.runs[k].arm;
    let judges = kept.record.definition.gate.as_ref().is_some_and(|g| g.judges(arm));
    let Some(attempt) = kept.record.runs[k].attempts.last_mut() else { return Ok(()) };
    conclude(attempt, &session.results, gate.filter(|_| judges))?;
    kept.save()
}

/// Verdict, gate and reasons of a run that is at its end.
pub(super) fn conclude(attempt: &mut Attempt, runs: &std::path::Path, gate: Option<&Ready>) -> anyhow::Result<()> {
    let dir = runs.join(&attempt.run);
    let record = bench_analysis::ingest::run_record(&dir).map_err(|e| Failure::new(Exit::Usage, e.to_string()))?;
    attempt.ended = Some(record.times.collected.unwrap_or_else(Utc::now));
    if record.state == RunState::Failed && record.load_uid.is_none() && record.times.harness_started.is_none() {
        attempt.why = record.failure;
        return Ok(());
    }
    let read = match crate::ops::report::read(&dir) {
        Ok(r) => r,
        Err(e) => {
            attempt.verdict = Some(Verdict::Invalid);
            attempt.why = Some(record.failure.unwrap_or_else(|| format!("{e:#}")));
            return Ok(());
        }
    };
    let validity = &read.summary.validity;
    let failed = record.state == RunState::Failed;
    attempt.verdict = Some(if failed { Verdict::Invalid } else { validity.verdict });
    if attempt.verdict == Some(Verdict::Invalid) {
        let findings = validity.findings.iter().filter(|f| f.verdict == Verdict::Invalid).map(|f| f.message.clone());
        attempt.why = record.failure.or_else(|| Some(findings.collect::<Vec<_>>().join("; ")));
    }
    if let Some(ready) = gate.filter(|_| !failed) {
        let judged = gate::of_run(&dir, ready)?.report;
        attempt.gate = Some(judged.verdict);
        if judged.verdict != GateVerdict::Invalid {
            attempt.broken = judged.rules.iter().filter(|r| r.verdict != RuleVerdict::Pass).map(sentence).collect();
        }
    }
    Ok(())
}

/// The stack that the run needs, out of whatever is there.
async fn make_ready(session: &Session, kept: &mut Kept, wanted: &Plan, replace: bool) -> anyhow::Result<()> {
    let namespace = wanted.namespace();
    let phase = record::phase(&session.cluster, namespace).await?;
    let now = match phase.as_str() {
        "" => None,
        _ => Some(record::find(&session.cluster, Some(namespace)).await?),
    };
    // What was cut short is carried on: a removal first of all.
    let change = match (phase.as_str(), &now) {
        (record::TEARING_DOWN, Some(now)) => {
            refuse_foreign(kept, now, replace)?;
            Change::Rebuild
        }
        (record::STANDING_UP, Some(now)) if needed(Some(now), wanted, Renew::WhenChanged) != Change::Rebuild => Change::Standup,
        (record::SWAPPING, Some(now)) if needed(Some(now), wanted, Renew::WhenChanged) != Change::Rebuild => Change::Swap,
        (_, now) => needed(now.as_ref(), wanted, if kept.fresh { Renew::WhenChanged } else { kept.record.definition.between.stack }),
    };
    if let Some(now) = now.as_ref().filter(|_| change == Change::Rebuild) {
        refuse_foreign(kept, now, replace)?;
        teardown::teardown(session, now.clone(), false).await?;
    }
    match change {
        Change::Nothing => {}
        Change::Swap => {
            let facts = now.and_then(|n| n.facts);
            let plan = Plan::new(wanted.scenario.clone(), None, wanted.arm, facts, wanted.notes.clone());
            crate::ops::plan::buildable(&plan)?;
            swap::carry_out(session, Intent::new(Operation::Swap, plan)).await?;
        }
        Change::Standup | Change::Rebuild => {
            // Before the first change: whose it is decides what becomes of it at the end.
            let first = !kept.record.stood_up;
            if first {
                kept.record.stood_up = true;
                kept.save()?;
            }
            let plan = Plan::new(wanted.scenario.clone(), None, wanted.arm, wanted.facts.clone(), wanted.notes.clone());
            if let Err(e) = standup::standup(session, plan).await {
                // Refused before it made anything: there is nothing to remove.
                if first && record::phase(&session.cluster, namespace).await.is_ok_and(|p| p.is_empty()) {
                    kept.record.stood_up = false;
                    kept.save()?;
                }
                return Err(e);
            }
            kept.fresh = true;
        }
    }
    Ok(())
}

/// # Errors
/// Exit 6 when the stack that would be removed is none of this experiment's.
fn refuse_foreign(kept: &Kept, now: &Plan, replace: bool) -> anyhow::Result<()> {
    let stack = bench_model::plan::Hashes::of(&now.scenario, None, now.arm).stack;
    if replace || kept.record.stood_up || kept.record.runs.iter().any(|r| r.hashes.stack == stack) {
        return Ok(());
    }
    let text = format!(
        "namespace {} holds another stack, which this experiment would have to remove (scenario {})",
        now.namespace(),
        now.scenario.name
    );
    Err(Failure::new(Exit::Cluster, text)
        .hint("--replace removes it; bench teardown does so by hand; -p NAMESPACE names another namespace")
        .into())
}

/// What `at_end` asks for of the stack.
///
/// # Errors
/// Exit 8 when the teardown left something.
pub async fn leave(session: &Session, kept: &Kept) -> anyhow::Result<()> {
    let namespace = kept.record.namespace.clone();
    let remove = match kept.record.definition.at_end {
        AtEnd::Teardown => true,
        AtEnd::Keep => false,
        AtEnd::Auto => kept.record.stood_up,
    };
    let there = record::phase(&session.cluster, &namespace).await?;
    if there.is_empty() {
        return Ok(());
    }
    let now = record::find(&session.cluster, Some(&namespace)).await?;
    if !remove {
        session.report.note(format!("the stack in namespace {namespace} is left under arm {}", now.arm));
        return Ok(());
    }
    teardown::teardown(session, now, false).await.map(drop)
}

async fn pause(session: &Session, seconds: u32) -> anyhow::Result<()> {
    if seconds == 0 {
        return Ok(());
    }
    session.report.note(format!("{seconds} s of rest before the next run"));
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(seconds.into())) => Ok(()),
        _ = stop::requested() => Err(interrupted()),
    }
}

fn interrupted() -> anyhow::Error {
    Failure::new(Exit::Interrupted, "interrupted between two runs").into()
}

/// Has this run been begun within an experiment that is not at its end, or was a stack changed for one?
pub fn belongs(kept: &Kept, intent: &Intent) -> bool {
    match &intent.run {
        Some(run) => kept.record.runs.iter().flat_map(|r| &r.attempts).any(|a| a.run == *run),
        None => intent.plan.namespace() == kept.record.namespace && intent.begun >= kept.record.begun,
    }
}
