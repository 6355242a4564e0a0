//! `bench results`.

use super::shared::Global;
use crate::ops;
use crate::report::Output;
use bench_model::exit::Exit;
use serde_json::json;

/// Runs on this machine
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

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
}

pub fn run(g: &Global, a: &Args) -> anyhow::Result<Exit> {
    match &a.command {
        Command::Ls => ls(g)?,
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
        eprintln!("warning: {u}");
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
