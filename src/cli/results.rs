//! `bench results`.

use super::shared::Global;
use crate::ops;
use crate::report::Output;
use bench_model::exit::Exit;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Runs on this machine
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  bench results ls
  bench results export last --to DIR                       series for promtool, a dashboard and provisioning for Grafana
  bench results export RUN RUN --to DIR --start 2026-01-01T00:00:00Z    two arms on top of each other";

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List all runs, oldest first
    Ls,
    /// What run.json says of one
    Show {
        /// Run: its id, the end of its id, its directory, or `last`
        #[arg(default_value = "last")]
        run: String,
    },
    /// Write runs as OpenMetrics for promtool, with a dashboard and provisioning files for Grafana
    Export {
        /// Runs: the id, the end of the id, the directory, or `last`
        #[arg(default_value = "last")]
        runs: Vec<String>,
        /// Directory to write into; it is made if need be
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// When the load is to begin [default: when it did; for a prediction, when that was made]
        #[arg(long, value_name = "RFC3339")]
        start: Option<DateTime<Utc>>,
    },
}

pub fn run(g: &Global, a: &Args) -> anyhow::Result<Exit> {
    match &a.command {
        Command::Ls => ls(g)?,
        Command::Export { runs, to, start } => export(g, runs, to, *start)?,
        Command::Show { run } => {
            let (dir, record) = ops::results::find(&g.results, run)?;
            match g.output {
                Output::Json => outln!("{}", json!({"directory": dir, "run": record})),
                Output::Human => outln!("{}\n{}", dir.display(), serde_json::to_string_pretty(&record)?),
            }
        }
    }
    Ok(Exit::Done)
}

fn export(g: &Global, runs: &[String], to: &Path, start: Option<DateTime<Utc>>) -> anyhow::Result<()> {
    let dirs = runs.iter().map(|r| ops::results::find(&g.results, r)).collect::<anyhow::Result<Vec<_>>>()?;
    let grafana = ops::formats::grafana(to)?;
    for (dir, _) in dirs {
        let r = ops::report::read(&dir)?;
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
                json!({"run": e.run, "file": e.file, "series": e.written.series, "samples": e.written.samples, "from": from, "to": until, "grafana": grafana})
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

fn ls(g: &Global) -> anyhow::Result<()> {
    let (runs, unreadable) = ops::results::all(&g.results)?;
    if g.output == Output::Human && !runs.is_empty() {
        outln!("{:<52} {:<9} {:<10} {:<11} {:<12}  VERDICT", "RUN", "ARM", "SOURCE", "STATE", "PLAN");
    }
    for (dir, r) in &runs {
        let verdict = verdict(dir);
        match g.output {
            Output::Json => outln!(
                "{}",
                json!({"run": r.id, "arm": r.arm, "source": r.source, "state": r.state, "plan": r.hashes.plan, "verdict": verdict, "directory": dir})
            ),
            Output::Human => {
                let (source, state) = (format!("{:?}", r.source).to_lowercase(), format!("{:?}", r.state).to_lowercase());
                outln!("{:<52} {:<9} {source:<10} {state:<11} {:<12}  {verdict}", r.id, r.arm.to_string(), r.hashes.plan);
            }
        }
    }
    for u in unreadable {
        errln!("warning: {u}");
    }
    if runs.is_empty() && g.output == Output::Human {
        outln!("no run in {} yet; bench run -w PROFILE makes one", g.results.display());
    }
    Ok(())
}

/// As stored in summary.json; reading the raw data anew would take long for many runs.
fn verdict(dir: &std::path::Path) -> String {
    let text = std::fs::read(dir.join(bench_model::run::files::SUMMARY)).unwrap_or_default();
    let v: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    v.pointer("/validity/verdict").and_then(|v| v.as_str()).unwrap_or("-").to_string()
}
