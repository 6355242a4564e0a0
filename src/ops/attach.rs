//! Finds a run that is in the cluster, and makes it one of this machine.

use super::Session;
use super::report;
use super::results::{self, Stored, no_run};
use crate::failure::Failure;
use crate::steps::run_record::{self, InCluster};
use bench_model::exit::Exit;
use bench_model::run::{RunRecord, RunState, files};
use std::path::Path;

/// The run that is wanted, or the only one: first on this machine, then in the cluster.
pub async fn find(session: &Session, wanted: Option<&str>, namespace: Option<&str>) -> anyhow::Result<Stored> {
    match wanted {
        Some(w) => {
            let found = named(session, w, namespace).await?;
            return over(&found.1).map(|()| found);
        }
        None => {
            if let Some(found) = results::unfinished(&session.results, namespace)? {
                return Ok(found);
            }
        }
    }
    take(session, wanted, namespace).await
}

/// A run of this machine; from the cluster when it is not here, or its files cannot be read any more.
pub async fn named(session: &Session, wanted: &str, namespace: Option<&str>) -> anyhow::Result<Stored> {
    match here(&session.results, wanted) {
        Ok(found) => Ok(found),
        // What is wrong here says more than that the cluster has no such run.
        Err(e) => take(session, Some(wanted), namespace).await.map_err(|_| e),
    }
}

/// With a plan that can be read.
fn here(results: &Path, wanted: &str) -> anyhow::Result<Stored> {
    let found = results::find(results, wanted)?;
    report::plan(&found.0)?;
    Ok(found)
}

/// # Errors
/// Exit 2 for a run that has come to its end.
pub fn over(run: &RunRecord) -> anyhow::Result<()> {
    if !matches!(run.state, RunState::Complete | RunState::Failed) {
        return Ok(());
    }
    let text = format!("run {} has come to its end ({})", run.id, format!("{:?}", run.state).to_lowercase());
    Err(Failure::new(Exit::Usage, text).hint(format!("bench report {}", run.id)).into())
}

/// Takes a run from the cluster: its plan and run.json come from its record there, unless both can be read here.
pub async fn take(session: &Session, wanted: Option<&str>, namespace: Option<&str>) -> anyhow::Result<Stored> {
    let all = run_record::all(&session.cluster, namespace).await?;
    let found = choose(all, wanted, &session.results)?;
    let dir = session.results.join(&found.run.id);
    if dir.join(files::RUN).exists() {
        match here(&session.results, &dir.to_string_lossy()) {
            Ok(run) => return Ok(run),
            Err(e) => session.report.warn(format!("{e:#}; it is written anew from the run's record in the cluster")),
        }
    }
    results::write_atomic(&dir.join(files::PLAN), found.plan_text.as_bytes())?;
    results::save(&dir, &found.run)?;
    session.report.note(format!("run {} comes from the cluster; it was driven by {}", found.run.id, found.home));
    Ok((dir, found.run))
}

fn choose(mut all: Vec<InCluster>, wanted: Option<&str>, results: &Path) -> anyhow::Result<InCluster> {
    if let Some(w) = wanted {
        all.retain(|r| results::is_called(&r.run.id, w));
    }
    let named = wanted.map(|w| format!(" called {w}")).unwrap_or_default();
    match all.len() {
        1 => Ok(all.remove(0)),
        0 => Err(no_run(results, &format!("no run{named} is in the cluster, and none that is unfinished is here"))),
        _ => {
            let runs: Vec<String> = all.iter().map(|r| format!("{} (stack {})", r.run.id, r.run.namespace)).collect();
            Err(Failure::new(Exit::Usage, format!("several runs{named} are in the cluster: {}", runs.join(", ")))
                .hint("name one, or its stack: bench attach RUN, bench attach -p NAMESPACE")
                .into())
        }
    }
}
