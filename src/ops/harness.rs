//! The load's pod from outside: what goes into it, what comes out of it, what its end means.

use super::account::Account;
use super::collect::{Remote, reach};
use super::disk;
use super::follow::{self, Ended};
use super::recorder::REACH_S;
use super::results;
use crate::cluster::Container;
use crate::failure::Failure;
use crate::load::job::RESULTS_DIR;
use crate::steps::Ctx;
use anyhow::Context;
use bench_model::exit::Exit;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Written when every file of the load is here, checksums compared; holds how guidellm ended.
const FETCHED: &str = "FETCHED";

/// How the load ended, when its files were fetched by an earlier try.
pub fn fetched(load_dir: &Path) -> Option<Ended> {
    let text = std::fs::read(load_dir.join(FETCHED)).ok()?;
    let end: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let reason = end["reason"].as_str().unwrap_or_default().to_string();
    Some(Ended { code: end["code"].as_i64(), reason, ..Ended::default() })
}

/// Fetches everything the load left, and says in [`FETCHED`] that it is here.
///
/// # Errors
/// [`super::collect::Lost`] says whether the pod still has it.
pub async fn collect(ctx: &Ctx, ended: &Ended, into: &Path) -> anyhow::Result<((), String)> {
    let remote = Remote { at: Container::new(ctx.namespace(), &ended.pod, "keeper"), dir: RESULTS_DIR.into(), bench: None };
    let got = reach(ctx, &remote.at, ctx.limit(REACH_S), async || {
        let listed = remote.list(&ctx.cluster).await?;
        let mut bytes = 0;
        for file in &listed {
            bytes += remote.fetch(&ctx.cluster, file, into).await?;
        }
        Ok((listed.len(), bytes))
    })
    .await;
    let (files, bytes) = match got {
        Ok(n) => n,
        Err(e) => {
            if !disk::ran_out(&e) {
                // Without the keeper the log is all that is left.
                let log = ctx.cluster.logs(&Container::new(ctx.namespace(), &ended.pod, "guidellm"), 20_000, false).await;
                if let Ok(text) = log {
                    results::write_atomic(&into.join("container.log"), text.as_bytes())?;
                }
            }
            return Err(e);
        }
    };
    let end = serde_json::json!({"code": ended.code, "reason": ended.reason});
    results::write_atomic(&into.join(FETCHED), end.to_string().as_bytes())?;
    remote.acknowledge(&ctx.cluster).await?;
    Ok(((), format!("{files} files, {:.1} MB, checksums agree", bytes as f64 / 1e6)))
}

/// What guidellm's end means. Its results have been judged by nobody yet.
/// `lost`: why its files are gone for good, if they are; `account`: which rates there are.
pub fn judge(ended: &Ended, load_dir: &Path, lost: Option<&str>, account: &Account) -> anyhow::Result<()> {
    let tail = |n: usize| -> Vec<String> {
        let mut logs: Vec<PathBuf> = vec![load_dir.join("stderr.log"), load_dir.join("container.log")];
        logs.extend((0..64).map(|k| load_dir.join(format!("rate-{k}/stderr.log"))));
        let text: String = logs.iter().filter_map(|p| std::fs::read_to_string(p).ok()).collect();
        let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(n)..].iter().map(|l| format!("guidellm: {l}")).collect()
    };
    let mut failure = match (ended.code, ended.reason.as_str()) {
        (code, reason) if lost.is_some() => {
            let how = if code == Some(0) || reason.is_empty() { String::new() } else { format!(" ({reason})") };
            Failure::new(Exit::Invalid, format!("the load's files are lost: {}{how}", lost.unwrap_or_default()))
                .hint("records and metrics were collected all the same; `bench run` makes the load again")
        }
        (Some(0), _) => return Ok(()),
        (_, "OOMKilled") => Failure::new(Exit::Invalid, "guidellm was killed for its memory (OOMKilled); the results end there")
            .hint("give it more: --set load.guidellm.resources.limits.memory=8Gi"),
        (Some(124), _) => Failure::new(Exit::TimedOut, "guidellm hung and was ended by its time limit")
            .hint("a worker that was killed makes it hang; --set load.guidellm.overhead_s=… gives it longer"),
        (None, why) => Failure::new(Exit::Invalid, format!("the load is lost: {why}"))
            .hint("its pod was deleted or evicted; records and metrics were collected all the same"),
        (Some(code), _) => Failure::new(Exit::Invalid, format!("guidellm failed with exit code {code}")),
    };
    let rates = account.words();
    if !rates.is_empty() {
        failure.message = format!("{}; {rates}", failure.message);
    }
    Err(failure.evidence(tail(6)).into())
}

/// Puts a local tokenizer into the load's pod; a ConfigMap cannot hold a real one.
pub async fn stream_tokenizer(ctx: &Ctx, job: &str) -> anyhow::Result<()> {
    let from = PathBuf::from(&ctx.plan.scenario.load.guidellm.tokenizer.path);
    let (pod, _) = follow::started(ctx, job).await?;
    let at = Container::new(ctx.namespace(), &pod, "keeper");
    let entries = std::fs::read_dir(&from).map_err(|e| {
        Failure::new(Exit::Usage, format!("the tokenizer's directory {}: {e}", from.display()))
            .hint("load.guidellm.tokenizer.path names it")
    })?;
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()).filter(|_| path.is_file()) else { continue };
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let script = format!("head -c {} >\"/tokenizer/$1\"", bytes.len());
        ctx.cluster.exec_stream(&at, &["sh", "-c", &script, "sh", name], Some(&bytes), Duration::from_secs(60), |_| Ok(())).await?;
    }
    ctx.cluster.exec(&at, &["touch", "/tokenizer/READY"]).await?;
    Ok(())
}
