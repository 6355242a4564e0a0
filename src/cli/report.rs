//! `bench report`.

use super::shared::Global;
use crate::ops;
use crate::report::Output;
use bench_model::exit::Exit;
use bench_model::run::RunRecord;
use bench_model::summary::Summary;
use bench_model::tables::Tables;
use std::io::IsTerminal;

/// The report of a run, from its directory alone
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run: its id, the end of its id, its directory, or `last`
    #[arg(default_value = "last")]
    run: String,
}

pub fn run(g: &Global, a: &Args) -> anyhow::Result<Exit> {
    let (dir, _) = ops::results::find(&g.results, &a.run)?;
    let r = ops::report::read(&dir)?;
    if g.output == Output::Json {
        outln!("{}", serde_json::to_string(&r.summary)?);
    } else {
        for p in &r.ingested.problems {
            eprintln!("warning: {p}");
        }
        out!("{}", terminal(&r.ingested.run, &r.summary, &r.ingested.tables));
        outln!("\n{}", dir.display());
    }
    Ok(ops::report::exit_of(&r.summary))
}

/// The terminal report at this terminal's width.
pub fn terminal(run: &RunRecord, summary: &Summary, tables: &Tables) -> String {
    let out = std::io::stdout();
    let color = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    bench_analysis::report::terminal::render(run, summary, tables, width(), color)
}

/// Columns of the terminal, as far as the shell tells.
pub fn width() -> usize {
    std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).unwrap_or(110)
}
