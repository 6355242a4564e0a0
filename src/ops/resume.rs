//! Carries on whatever was begun and has not come to its end.

use super::run::{Finished, Until};
use super::{Session, attach, drive, gc, results, run, standup, swap, teardown};
use crate::failure::Failure;
use crate::steps::record;
use bench_model::exit::Exit;
use bench_model::intent::{Intent, Operation};
use bench_model::plan::Plan;
use bench_model::run::files;

/// What was carried on.
pub enum Resumed {
    Run(Box<Finished>),
    /// An operation on a stack, in words.
    Stack(String),
}

/// What there is to carry on.
#[derive(Debug)]
enum Open {
    Intent(Box<Intent>),
    Run(Box<results::Stored>),
}

/// The run that is wanted, or whatever was begun last.
pub async fn resume(session: &Session, wanted: Option<&str>, namespace: Option<&str>, from_cluster: bool) -> anyhow::Result<Resumed> {
    let open = if from_cluster { in_cluster(session, wanted, namespace).await? } else { here(session, wanted, namespace).await? };
    match open {
        Open::Run(stored) => finished(Box::pin(run::resume(session, &stored.0, stored.1, Until::Home)).await?),
        Open::Intent(intent) => Box::pin(carry_out(session, *intent)).await,
    }
}

/// Was it begun on the cluster of this session?
fn is_on(intent: &Intent, session: &Session) -> bool {
    intent.cluster.is_empty() || intent.cluster == session.cluster.url
}

fn finished(f: Option<Finished>) -> anyhow::Result<Resumed> {
    f.map(|f| Resumed::Run(Box::new(f))).ok_or_else(|| anyhow::anyhow!("a run that was to be brought home was left"))
}

async fn carry_out(session: &Session, intent: Intent) -> anyhow::Result<Resumed> {
    let (namespace, arm) = (intent.plan.namespace().to_string(), intent.plan.arm);
    if !is_on(&intent, session) {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "the {} in namespace {namespace} was begun on {}, and this is {}",
                intent.operation, intent.cluster, session.cluster.url
            ),
        )
        .hint(format!(
            "choose that cluster with --kubeconfig or --context; or carry on what this one says: bench resume --from-cluster; a cluster that \
             is gone is forgotten with {}",
            drive::directory(&session.results, &namespace).display()
        ))
        .into());
    }
    session.report.note(format!("carrying on: {} in namespace {namespace}, begun {}", intent.operation, intent.begun.format("%F %T UTC")));
    match intent.operation {
        Operation::Standup => {
            standup::carry_out(session, intent).await?;
            Ok(Resumed::Stack(format!("the stack in namespace {namespace} is up under arm {arm}")))
        }
        Operation::Adopt => {
            super::existing::adopt::carry_out(session, intent).await?;
            Ok(Resumed::Stack(format!("the stack in namespace {namespace} is adopted as it is")))
        }
        Operation::Swap => {
            swap::carry_out(session, intent).await?;
            Ok(Resumed::Stack(format!("the stack in namespace {namespace} is under arm {arm}")))
        }
        Operation::Teardown | Operation::Gc => {
            let n = match intent.operation {
                Operation::Gc => gc::carry_out(session, intent).await?,
                _ => teardown::carry_out(session, intent).await?,
            };
            Ok(Resumed::Stack(format!("{n} objects removed, nothing of bench's is left in namespace {namespace}")))
        }
        Operation::Run => {
            match intent.run.as_ref().filter(|r| session.results.join(r).join(files::RUN).exists()) {
                Some(run) => {
                    let (dir, record) = attach::named(session, run, Some(&namespace)).await?;
                    finished(run::resume(session, &dir, record, Until::Home).await?)
                }
                // Killed before its directory was made.
                None => finished(run::begin_anew(session, intent, Until::Home).await?),
            }
        }
    }
}

/// On this machine: the newest of what was begun.
async fn here(session: &Session, wanted: Option<&str>, namespace: Option<&str>) -> anyhow::Result<Open> {
    let (mut intents, unreadable) = drive::open_intents(&session.results)?;
    for u in unreadable {
        session.report.warn(u);
    }
    intents.retain(|i| namespace.is_none_or(|n| n == i.plan.namespace()));
    if let Some(w) = wanted {
        if let Some(i) = intents.into_iter().find(|i| i.run.as_ref().is_some_and(|r| results::is_called(r, w))) {
            return Ok(Open::Intent(Box::new(i)));
        }
        let stored = attach::named(session, w, namespace).await?;
        attach::over(&stored.1)?;
        return Ok(Open::Run(Box::new(stored)));
    }
    let run = results::unfinished(&session.results, namespace)?;
    // What was begun on other clusters counts only when there is nothing of this one.
    if intents.iter().any(|i| is_on(i, session)) {
        intents.retain(|i| is_on(i, session));
    }
    let intent = intents.pop();
    for other in &intents {
        let at = other.plan.namespace();
        session.report.note(format!("also begun: {} in namespace {at} (bench resume -p {at})", other.operation));
    }
    match (intent, run) {
        (Some(i), Some(r)) if r.1.times.created.is_some_and(|t| t > i.begun) && i.run.as_ref() != Some(&r.1.id) => Ok(Open::Run(Box::new(r))),
        (Some(i), _) => Ok(Open::Intent(Box::new(i))),
        (None, Some(r)) => Ok(Open::Run(Box::new(r))),
        (None, None) => Err(Failure::new(Exit::Usage, format!("nothing that was begun is unfinished (in {})", session.results.display()))
            .hint("what another machine began: bench resume --from-cluster;   bench results ls   lists runs; --results names another directory")
            .into()),
    }
}

/// What the cluster itself says: stacks that are not up, and runs that are not home.
async fn in_cluster(session: &Session, wanted: Option<&str>, namespace: Option<&str>) -> anyhow::Result<Open> {
    if wanted.is_none() {
        let mut open = vec![];
        for o in record::all(&session.cluster, namespace).await? {
            let text = |p: &str| crate::cluster::text_at(&o, p);
            let operation = match text("/data/phase") {
                record::STANDING_UP => Operation::Standup,
                record::ADOPTING => Operation::Adopt,
                record::SWAPPING => Operation::Swap,
                record::TEARING_DOWN => Operation::Teardown,
                _ => continue,
            };
            let plan: Plan = serde_yaml::from_str(text("/data/plan.yaml")).map_err(|e| {
                Failure::new(
                    Exit::Cluster,
                    format!("the record of a stack in namespace {} cannot be read: {e}", text("/metadata/namespace")),
                )
                .hint("it was written by another version of bench; `bench standup` writes it anew")
            })?;
            // Whatever it was begun with: a teardown that came so far had the right to go on.
            open.push(Intent { force: operation == Operation::Teardown, ..Intent::new(operation, plan) });
        }
        match open.len() {
            0 => {}
            1 => return Ok(Open::Intent(Box::new(open.remove(0)))),
            _ => {
                let all: Vec<String> = open.iter().map(|i| format!("{} in {}", i.operation, i.plan.namespace())).collect();
                return Err(Failure::new(Exit::Usage, format!("several stacks are not at the end of something: {}", all.join(", ")))
                    .hint("name one with -p NAMESPACE")
                    .into());
            }
        }
    }
    attach::take(session, wanted, namespace).await.map(|s| Open::Run(Box::new(s)))
}
