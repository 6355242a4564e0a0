//! `bench results push` and `pull`.

use super::{Filter, Global, Output, all_fit, index, size};
use crate::failure::Failure;
use crate::ops::remote::store::Place;
use crate::ops::remote::{Moved, pull as fetch, push as send};
use crate::ops::{results, stop};
use bench_model::exit::Exit;
use serde_json::json;

/// Send runs to a bucket or a directory, as far as they are not there already
///
/// Credentials come from the environment alone: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, GOOGLE_APPLICATION_CREDENTIALS, or a role of
/// the machine. The bucket must be there. What was interrupted is given again.
#[derive(Debug, clap::Args)]
#[command(after_help = PUSH)]
pub struct PushArgs {
    /// s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or file:///DIRECTORY
    url: String,
    /// Runs: the id, the end of the id, the directory, or `last`
    runs: Vec<String>,
    /// Every run at its end that the filters mean
    #[arg(long, conflicts_with = "runs")]
    all: bool,
    /// With --all: only runs whose KEY is VALUE, as of `bench results ls`
    #[arg(long, value_name = "KEY=VALUE", value_parser = Filter::parse, requires = "all")]
    filter: Vec<Filter>,
    /// Tell what would be sent, and send nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// Fetch runs from a bucket or a directory, and compare every file with its checksum
///
/// A run that is here already and the same is left alone; one that differs is refused. What was interrupted is given again.
#[derive(Debug, clap::Args)]
#[command(after_help = PULL)]
pub struct PullArgs {
    /// s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or file:///DIRECTORY
    url: String,
    /// Runs: the id, its beginning or end, or `last`
    runs: Vec<String>,
    /// Every run that is there
    #[arg(long, conflicts_with = "runs")]
    all: bool,
    /// Tell what would be fetched, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

const PUSH: &str = "\
Examples:
  bench results push s3://bucket/bench last
  bench results push gs://bucket/bench --all --filter source=measured  # every measured run
  bench results push file:///var/tmp/bench --all -n                    # what would be sent to a directory";

const PULL: &str = "\
Examples:
  bench results pull s3://bucket/bench last
  bench results pull s3://bucket/bench 7f3a       # by the end of its id
  bench results pull file:///var/tmp/bench --all  # every run of a directory";

fn none() -> anyhow::Error {
    Failure::new(Exit::Usage, "no run is named").hint("name one or more, `last`, or --all").into()
}

pub async fn push(g: &Global, a: &PushArgs) -> anyhow::Result<()> {
    let mut runs = Vec::new();
    if a.all {
        let listed = index::list(&g.results)?;
        listed.unreadable.iter().for_each(|u| errln!("warning: {u}"));
        for (dir, run, e) in listed.runs.into_iter().filter(|(_, _, e)| all_fit(&a.filter, e)) {
            use bench_model::run::RunState::{Complete, Failed};
            if matches!(run.state, Complete | Failed) {
                runs.push((dir, run));
            } else {
                errln!("warning: {} is not at its end and stays here", e.run);
            }
        }
    } else {
        for r in &a.runs {
            runs.push(results::find(&g.results, r)?);
        }
    }
    if runs.is_empty() {
        return Err(none());
    }
    let place = Place::open(&a.url)?;
    let _driven = stop::Driven::begin();
    for (dir, run) in &runs {
        let moved = send::push(&place, dir, run, a.dry_run).await?;
        tell(g, "push", &moved, a.dry_run, None);
    }
    Ok(())
}

pub async fn pull(g: &Global, a: &PullArgs) -> anyhow::Result<()> {
    if a.runs.is_empty() && !a.all {
        return Err(none());
    }
    let place = Place::open(&a.url)?;
    let _driven = stop::Driven::begin();
    let there = place.runs().await?;
    let wanted = if a.all { there } else { fetch::meant(&there, &a.runs, &a.url)? };
    for run in &wanted {
        let (dir, moved) = fetch::pull(&place, run, &g.results, a.dry_run).await?;
        tell(g, "pull", &moved, a.dry_run, Some(&dir.display().to_string()));
    }
    if wanted.is_empty() && g.output == Output::Human {
        outln!("there is no run at {}", a.url);
    }
    Ok(())
}

pub async fn ls(g: &Global, url: &str) -> anyhow::Result<()> {
    let place = Place::open(url)?;
    let all = place.runs().await?;
    for id in &all {
        let Some(m) = place.manifest(id).await? else { continue };
        let bytes = m.files.iter().map(|f| f.size).sum();
        match g.output {
            Output::Json => outln!(
                "{}",
                json!({"run": m.run, "arm": m.arm, "source": m.source, "state": m.state, "plan": m.hashes.plan, "files": m.files.len(), "bytes": bytes})
            ),
            Output::Human => outln!("{:<52} {:<9} {:<12}  {}", m.run, m.arm.to_string(), m.hashes.plan, size(bytes)),
        }
    }
    if all.is_empty() && g.output == Output::Human {
        outln!("there is no run at {url}");
    }
    Ok(())
}

fn tell(g: &Global, what: &str, m: &Moved, dry: bool, dir: Option<&str>) {
    if g.output == Output::Json {
        outln!("{}", json!({"event": what, "moved": m, "directory": dir, "dry_run": dry}));
        return;
    }
    let moved = m.files - m.there;
    let word = match (what, dry) {
        ("push", true) => "to be sent",
        ("push", false) => "sent",
        (_, true) => "to be fetched",
        _ => "fetched",
    };
    if m.whole {
        outln!("{}  there already, {} files", m.run, m.files);
    } else {
        outln!("{}  {moved} of {} files {word}, {}", m.run, m.files, size(m.bytes));
    }
}
