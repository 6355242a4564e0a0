//! `bench results`.

mod elsewhere;
mod trend;

use super::shared::Global;
use crate::failure::Failure;
use crate::ops;
use crate::ops::results::filter::{Filter, all_fit};
use crate::ops::results::{hold, index, prune};
use crate::report::Output;
use bench_analysis::count;
use bench_analysis::report::document::{Badge, Block, Document, Section};
use bench_analysis::report::run::own_notes;
use bench_model::exit::Exit;
use bench_model::run::{RunRecord, RunState, Source};
use bench_model::summary::Score;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Runs on this machine, and elsewhere
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  bench results ls
  bench results show last
  bench results trend p99_ttft_ms --gate      # the newest run against the last ones of its plan
  bench results prune --keep 10 -n            # what would go
  bench results push s3://bucket/bench last   # sends what is not there already
  bench results pull s3://bucket/bench --all  # on another machine";

const LS: &str = "\
Examples:
  bench results ls
  bench results ls --filter arm=wva,hpa --filter verdict=valid  # all must fit
  bench results ls --at s3://bucket/bench --filter arm=wva      # those that were pushed there";

const SHOW: &str = "\
Examples:
  bench results show                     # the newest
  bench results show 7f3a --output json  # by the end of its id";

const EXPORT: &str = "\
Examples:
  bench results export last --to metrics  # the newest run, with a dashboard
  bench results export 7f3a c97c --to metrics --start 2026-01-01T00:00:00Z  # two arms on top of each other";

const REINDEX: &str = "\
Examples:
  bench results reindex  # from then on every listing keeps it up to date";

const PRUNE: &str = "\
Examples:
  bench results prune --keep 10 -n                        # what would go
  bench results prune --keep 10
  bench results prune --keep 2 --filter source=predicted  # only predictions";

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List all runs, oldest first
    #[command(after_help = LS)]
    Ls {
        /// Only runs whose KEY is VALUE, or one of VALUE,VALUE; `*` stands for anything; again: all must fit. Keys: run, arm, source,
        /// state, model, profile, scenario, verdict, and the hashes stack, load and plan
        #[arg(long, value_name = "KEY=VALUE", value_parser = Filter::parse)]
        filter: Vec<Filter>,
        /// List those at s3://…, gs://… or file:///… instead; filters by scenario and verdict are not for these
        #[arg(long, value_name = "URL")]
        at: Option<String>,
    },
    /// What there is to know of one; with --output json, its run.json
    #[command(after_help = SHOW)]
    Show {
        /// Run: its id, the end of its id, its directory, or `last`
        #[arg(default_value = "last", add = super::complete::runs())]
        run: String,
    },
    /// Write runs as OpenMetrics for promtool, with a dashboard and provisioning files for Grafana
    #[command(after_help = EXPORT)]
    Export {
        /// Runs: the id, the end of the id, the directory, or `last`
        #[arg(default_value = "last", add = super::complete::runs())]
        runs: Vec<String>,
        /// Directory to write into; it is made if need be
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// When the load is to begin [default: when it did; for a prediction, when that was made]
        #[arg(long, value_name = "RFC3339")]
        start: Option<DateTime<Utc>>,
    },
    /// Make index.json anew from the run directories
    #[command(after_help = REINDEX)]
    Reindex,
    /// Remove all but the newest runs; never one that is not at its end
    #[command(after_help = PRUNE)]
    Prune {
        /// How many stay, of those that the filters mean
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        keep: u32,
        /// Only runs whose KEY is VALUE go, or stay by count; as of `ls`
        #[arg(long, value_name = "KEY=VALUE", value_parser = Filter::parse)]
        filter: Vec<Filter>,
        /// Tell what would go, and remove nothing
        #[arg(short = 'n', long)]
        dry_run: bool,
    },
    Trend(trend::Args),
    Push(elsewhere::PushArgs),
    Pull(elsewhere::PullArgs),
}

pub async fn run(g: &Global, a: &Args) -> anyhow::Result<Exit> {
    act(g, a).await.map_err(no_room)
}

/// Nothing here is carried on by `bench resume`.
fn no_room(e: anyhow::Error) -> anyhow::Error {
    if e.downcast_ref::<Failure>().is_some() || !ops::disk::ran_out(&e) {
        return e;
    }
    let hint = "make room, and give the command again: what is whole stays";
    Failure::new(Exit::Interrupted, format!("the disk is full: {e:#}")).hint(hint).into()
}

async fn act(g: &Global, a: &Args) -> anyhow::Result<Exit> {
    match &a.command {
        Command::Ls { at: Some(url), filter } => elsewhere::ls(g, url, filter).await?,
        Command::Ls { filter, at: None } => ls(g, filter)?,
        Command::Export { runs, to, start } => export(g, runs, to, *start)?,
        Command::Show { run } => {
            let (dir, record) = ops::results::find(&g.results, run)?;
            match g.output {
                Output::Json => outln!("{}", json!({"event": "result", "directory": dir, "run": record})),
                Output::Human => super::show::document(&facts(&dir, &record), true),
            }
        }
        Command::Reindex => reindex(g)?,
        Command::Prune { keep, filter, dry_run } => pruned(g, *keep, filter, *dry_run)?,
        Command::Trend(a) => return trend::run(g, a),
        Command::Push(a) => elsewhere::push(g, a).await?,
        Command::Pull(a) => elsewhere::pull(g, a).await?,
    }
    Ok(Exit::Done)
}

fn export(g: &Global, runs: &[String], to: &Path, start: Option<DateTime<Utc>>) -> anyhow::Result<()> {
    let dirs = runs.iter().map(|r| ops::results::find(&g.results, r)).collect::<anyhow::Result<Vec<_>>>()?;
    let grafana = ops::formats::grafana(to)?;
    for (dir, _) in dirs {
        let r = ops::report::read_stored(&dir)?;
        for p in &r.ingested.problems {
            errln!("warning: {p}");
        }
        let e = ops::formats::export(&r, to, start)?;
        let at =
            |t: f64| DateTime::from_timestamp_millis((t * 1000.0).round() as i64).map(|t| t.to_rfc3339_opts(SecondsFormat::Secs, true));
        let (from, until) = e.written.span.map_or((None, None), |(a, b)| (at(a), at(b)));
        match g.output {
            Output::Json => outln!(
                "{}",
                json!({"event": "export", "run": e.run, "file": e.file, "series": e.written.series, "samples": e.written.samples, "from": from, "to": until, "grafana": grafana})
            ),
            Output::Human => {
                let (from, until) = (from.unwrap_or_default(), until.unwrap_or_default());
                outln!("{}  {} series, {} samples, {from} to {until}", e.file.display(), e.written.series, e.written.samples);
            }
        }
    }
    if g.output == Output::Human {
        outln!("{} says how Prometheus and Grafana take it", grafana.join("README.md").display());
    }
    Ok(())
}

fn ls(g: &Global, filters: &[Filter]) -> anyhow::Result<()> {
    let listed = index::list(&g.results)?;
    let none = listed.runs.is_empty();
    let runs: Vec<_> = listed.runs.into_iter().filter(|(_, _, e)| all_fit(filters, e)).collect();
    let mut rows = vec![["RUN", "MADE", "STATE", "GOOD %", "P99 TTFT", "PAID S"].map(String::from).to_vec()];
    for (dir, r, e) in &runs {
        let verdict = if e.verdict.is_empty() { "-" } else { &e.verdict };
        let s = e.score.unwrap_or_default();
        match g.output {
            Output::Json => outln!(
                "{}",
                json!({"event": "listing", "run": r.id, "arm": r.arm, "source": r.source, "state": r.state, "plan": r.hashes.plan, "verdict": verdict,
                       "model": e.model, "profile": e.profile, "scenario": e.scenario, "stack": e.stack, "load": e.load, "directory": dir,
                       "attainment": s.attainment, "ttft_p99_ms": s.ttft_p99_ms, "replica_seconds": s.replica_seconds})
            ),
            Output::Human => rows.push(line(r, verdict, &s)),
        }
    }
    if g.output == Output::Human && !runs.is_empty() {
        out!("{}", bench_analysis::report::writer::text::columns(&rows, 3));
    }
    listed.unreadable.iter().for_each(|u| errln!("warning: {u}"));
    if g.output == Output::Human && runs.is_empty() {
        let dir = g.results.display();
        if none { outln!("no run in {dir} yet; bench run -w PROFILE makes one") } else { outln!("no run in {dir} fits") }
    }
    Ok(())
}

/// A run in the list. It is called by the end of its id, which every command takes.
fn line(r: &RunRecord, verdict: &str, s: &Score) -> Vec<String> {
    let named = r.id.split_once('-').filter(|(time, _)| time.ends_with('Z')).map_or(r.id.as_str(), |(_, rest)| rest);
    let state = match (r.state, r.source) {
        (RunState::Complete, Source::Predicted) if verdict == "valid" => "predicted".into(),
        (RunState::Complete, _) => verdict.to_owned(),
        (other, _) => format!("{other:?}").to_lowercase(),
    };
    let or_none = |v: Option<String>| v.unwrap_or_else(|| "-".into());
    vec![
        named.to_owned(),
        or_none(r.times.created.map(|t| t.format("%m-%d %H:%M").to_string())),
        state,
        or_none(s.attainment.map(|a| format!("{:.1}", (1000.0 * a).floor() / 10.0))),
        or_none(s.ttft_p99_ms.map(|t| if t >= 10_000.0 { format!("{:.1} s", t / 1000.0) } else { format!("{t:.0} ms") })),
        or_none(s.replica_seconds.map(|p| format!("{p:.0}"))),
    ]
}

/// What there is to know of a run without its report, of one that failed, too.
fn facts(dir: &Path, r: &RunRecord) -> Document {
    let mut rows: Vec<Vec<String>> = vec![];
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            rows.push(vec![name.into(), value]);
        }
    };
    add("directory", dir.display().to_string());
    add("state", format!("{:?}", r.state).to_lowercase());
    add("failure", r.failure.clone().unwrap_or_default());
    add("model", r.model.clone());
    add("deployment", r.deployment.clone());
    add("namespace", r.namespace.clone());
    add("created", r.times.created.map(|t| t.to_rfc3339_opts(SecondsFormat::Secs, true)).unwrap_or_default());
    for (name, hash) in [("plan", &r.hashes.plan), ("stack", &r.hashes.stack), ("load", &r.hashes.load)] {
        add(name, hash.clone());
    }
    for (name, image) in &r.images {
        add("image", format!("{name}: {image}"));
    }
    r.missing.iter().for_each(|m| add("missing", m.clone()));
    let of_plan = ops::report::plan(dir).map(|p| p.notes).unwrap_or_default();
    own_notes(r, &of_plan).into_iter().for_each(|n| add("note", n));
    Document {
        title: r.id.clone(),
        lead: format!("Arm {} under the load {}", r.arm, r.profile),
        badges: vec![Badge::source(r.source)],
        axis: None,
        sections: vec![Section::new("facts", "", "Facts", vec![Block::table(2, &["fact", "value"], rows)])],
    }
}

fn reindex(g: &Global) -> anyhow::Result<()> {
    let listed = index::rebuild(&g.results)?;
    listed.unreadable.iter().for_each(|u| errln!("warning: {u}"));
    let file = g.results.join(bench_model::index::FILE);
    match g.output {
        Output::Json => {
            outln!("{}", json!({"event": "index", "file": file, "runs": listed.runs.len(), "unreadable": listed.unreadable.len()}));
        }
        Output::Human => outln!("{}  {}", file.display(), count(listed.runs.len(), "run")),
    }
    Ok(())
}

fn pruned(g: &Global, keep: u32, filters: &[Filter], dry: bool) -> anyhow::Result<()> {
    let _held = if dry { None } else { Some(hold::hold(&g.results, |t| errln!("{t}"))?) };
    let p = prune::prune(&g.results, keep as usize, filters, dry)?;
    if g.output == Output::Json {
        outln!("{}", json!({"event": "prune", "pruned": p, "dry_run": dry}));
        return Ok(());
    }
    let word = if dry { "would go" } else { "gone" };
    for gone in &p.gone {
        outln!("{word:<9} {}  {}", gone.run, size(gone.bytes));
    }
    for k in &p.kept {
        outln!("{:<9} {}", "kept", [k.run.as_str(), k.why.as_str()].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(": "));
    }
    let bytes = p.gone.iter().map(|x| x.bytes).sum();
    let stay = if p.newest == 1 { "stays" } else { "stay" };
    outln!("{} {word}, {}; the newest {} {stay}", count(p.gone.len(), "run"), size(bytes), p.newest);
    Ok(())
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss)]
    let b = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", b / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", b / 1e6),
        _ => format!("{:.1} GB", b / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_full_disk_is_not_carried_on_by_resume() {
        let full = || anyhow::Error::from(std::io::Error::from(std::io::ErrorKind::StorageFull)).context("cannot write x.part");
        let f = Failure::of(no_room(full()));
        assert_eq!(f.exit, Exit::Interrupted);
        assert!(f.message.contains("cannot write x.part") && f.hint.is_some_and(|h| h.contains("give the command again")));
        let other = Failure::of(no_room(std::fs::read("/no/such/file").context("reading").unwrap_err()));
        assert_eq!(other.exit, Exit::Usage);
    }
}
