//! `bench results push` and `pull`.

use super::{Filter, Global, Output, all_fit, hold, index, size};
use crate::failure::Failure;
use crate::ops::remote::store::{Place, Why};
use crate::ops::remote::{Moved, pull as fetch, push as send};
use crate::ops::{results, stop};
use anyhow::Context;
use bench_model::exit::Exit;
use serde_json::json;

/// Send runs to a bucket or a directory, as far as they are not there already
///
/// Every file is asked for, so a push also heals a store that lost some. A run of the same id that is there and differs is refused.
/// Credentials come from the environment alone: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, GOOGLE_APPLICATION_CREDENTIALS, or a role of
/// the machine. The bucket must be there. What was interrupted is given again.
#[derive(Debug, clap::Args)]
#[command(after_help = PUSH)]
pub struct PushArgs {
    /// s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or file:///DIRECTORY
    url: String,
    /// Runs: the id, the end of the id, the directory, or `last`
    #[arg(add = crate::cli::complete::runs())]
    runs: Vec<String>,
    /// Every run at its end that the filters mean
    #[arg(long, conflicts_with = "runs")]
    all: bool,
    /// With --all: only runs whose KEY is VALUE, as of `bench results ls`
    #[arg(long, value_name = "KEY=VALUE", value_parser = Filter::parse, requires = "all")]
    filter: Vec<Filter>,
    /// Read back what is there, and send anew what is not what its name says
    #[arg(long)]
    verify: bool,
    /// Also in the place of a run of the same id that differs
    #[arg(long)]
    replace: bool,
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
  bench results push s3://bucket/bench --all --verify                  # heals what was damaged there
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
    let place = Place::open(&a.url, if a.dry_run { Why::DryRun } else { Why::Write })?;
    let _driven = stop::Driven::begin();
    let how = send::How { dry: a.dry_run, verify: a.verify, replace: a.replace };
    let mut bad = Bad::of(runs.len());
    for (dir, run) in &runs {
        match send::push(&place, dir, run, how).await {
            Ok(moved) => {
                moved.left_out.iter().for_each(|f| errln!("warning: {}: {f} is no file, and is left out", moved.run));
                tell(g, "push", &moved, a.dry_run, None);
            }
            Err(e) => bad.take(&run.id, e)?,
        }
    }
    bad.end("were not sent")
}

pub async fn pull(g: &Global, a: &PullArgs) -> anyhow::Result<()> {
    if a.runs.is_empty() && !a.all {
        return Err(none());
    }
    let place = Place::open(&a.url, Why::Read)?;
    let _driven = stop::Driven::begin();
    let there = place.runs().await?;
    let wanted = if a.all { there } else { fetch::meant(&there, &a.runs, &a.url)? };
    let mut bad = Bad::of(wanted.len());
    for run in &wanted {
        let _held = if a.dry_run { None } else { Some(held(g).await?) };
        match fetch::pull(&place, run, &g.results, a.dry_run).await {
            Ok((dir, moved)) => tell(g, "pull", &moved, a.dry_run, Some(&dir.display().to_string())),
            Err(e) => bad.take(run, e)?,
        }
    }
    if wanted.is_empty() && g.output == Output::Human {
        outln!("there is no run at {}", a.url);
    }
    bad.end("were not fetched")
}

/// Another process that pulls or prunes here has ended; it waits on a thread of its own, so that signals are heard.
async fn held(g: &Global) -> anyhow::Result<hold::Hold> {
    let dir = g.results.clone();
    let wait = move || {
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        hold::hold(&dir, |t| errln!("{t}"))
    };
    tokio::task::spawn_blocking(wait).await?
}

/// Runs that were left out: one that is bad does not keep the others.
struct Bad {
    of: usize,
    exits: Vec<Exit>,
}

impl Bad {
    fn of(runs: usize) -> Self {
        Self { of: runs, exits: vec![] }
    }

    /// Names it and goes on, unless it is the only one, or what failed is not the run's.
    fn take(&mut self, run: &str, e: anyhow::Error) -> anyhow::Result<()> {
        let its_own = e.downcast_ref::<Failure>().is_some_and(|f| matches!(f.exit, Exit::Invalid | Exit::Usage));
        if !its_own || self.of == 1 {
            return Err(e);
        }
        let f = Failure::of(e);
        let why = [&f.evidence[..], &f.hint.into_iter().collect::<Vec<_>>()].concat().join("; ");
        let name = if f.message.contains(run) { String::new() } else { format!("{run}: ") };
        errln!("warning: {name}{}{}{why}", f.message, if why.is_empty() { "" } else { ": " });
        self.exits.push(f.exit);
        Ok(())
    }

    /// Invalid before refused.
    fn end(self, what: &str) -> anyhow::Result<()> {
        let exit = self.exits.iter().find(|e| **e == Exit::Invalid).or(self.exits.first());
        match exit {
            None => Ok(()),
            Some(exit) => Err(Failure::new(*exit, format!("{} of {} runs {what}; all others are", self.exits.len(), self.of)).into()),
        }
    }
}

pub async fn ls(g: &Global, url: &str, filters: &[Filter]) -> anyhow::Result<()> {
    if let Some(f) = filters.iter().find(|f| ["scenario", "verdict"].contains(&f.key())) {
        let hint = "pull the runs, and filter them here";
        return Err(Failure::new(Exit::Usage, format!("manifests do not tell a run's {}", f.key())).hint(hint).into());
    }
    let place = Place::open(url, Why::Read)?;
    let all = place.runs().await?;
    let mut bad = Bad::of(all.len());
    let mut shown = 0;
    for id in &all {
        let m = match place.manifest(id).await {
            Ok(Some(m)) if all_fit(filters, &index::of_manifest(&m)) => m,
            Ok(_) => continue,
            Err(e) => {
                bad.take(id, e)?;
                continue;
            }
        };
        shown += 1;
        let bytes = m.files.iter().map(|f| f.size).sum();
        let (source, state) = (format!("{:?}", m.source).to_lowercase(), format!("{:?}", m.state).to_lowercase());
        match g.output {
            Output::Json => outln!(
                "{}",
                json!({"event": "listing", "run": m.run, "arm": m.arm, "source": m.source, "state": m.state, "plan": m.hashes.plan, "files": m.files.len(), "bytes": bytes})
            ),
            Output::Human => {
                if shown == 1 {
                    outln!("{:<52} {:<9} {:<10} {:<11} {:<12}  SIZE", "RUN", "ARM", "SOURCE", "STATE", "PLAN");
                }
                outln!("{:<52} {:<9} {source:<10} {state:<11} {:<12}  {}", m.run, m.arm.to_string(), m.hashes.plan, size(bytes));
            }
        }
    }
    if shown == 0 && g.output == Output::Human && bad.exits.is_empty() {
        if all.is_empty() { outln!("there is no run at {url}") } else { outln!("no run at {url} fits") }
    }
    bad.end("cannot be read")
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
