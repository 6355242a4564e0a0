//! `bench report`.

use super::shared::Global;
use crate::ops;
use crate::ops::report::Reported;
use crate::report::Output;
use bench_model::exit::Exit;
use bench_model::run::{RunRecord, files};
use bench_model::summary::Summary;
use bench_model::tables::Tables;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// The report of a run, from its directory alone
///
/// Prints it, and writes the whole of it, with every plot, as report.html into the run's directory: one file that opens offline.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run: its id, the end of its id, its directory, or `last`
    #[arg(default_value = "last")]
    run: String,
    /// Only this form of it
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Where that goes: a file, or - for standard output [default: html into the run's directory, else standard output]
    #[arg(long, value_name = "PATH", requires = "format")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  bench report last                                  print it, and write report.html into the run's directory
  bench report 7f3a --format html --out result.html  the page alone, somewhere else";

/// A form that a report can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text with a picture of the replicas
    Terminal,
    /// One page with every plot, which opens offline
    Html,
}

pub fn run(g: &Global, a: &Args) -> anyhow::Result<Exit> {
    let (dir, _) = ops::results::find(&g.results, &a.run)?;
    let r = ops::report::read(&dir)?;
    for p in r.ingested.problems.iter().filter(|_| g.output != Output::Json) {
        eprintln!("warning: {p}");
    }
    match a.format {
        Some(format) => only(&dir, &r, format, a.out.as_deref())?,
        None => everything(g, &dir, &r)?,
    }
    Ok(ops::report::exit_of(&r.summary))
}

fn everything(g: &Global, dir: &Path, r: &Reported) -> anyhow::Result<()> {
    let page = ops::report::write_html(dir, r);
    if g.output == Output::Json {
        outln!("{}", serde_json::to_string(&r.summary)?);
        return Ok(());
    }
    out!("{}", terminal(&r.ingested.run, &r.summary, &r.ingested.tables));
    match page {
        Ok(path) => outln!("\n{}", path.display()),
        Err(e) => {
            eprintln!("warning: {e:#}");
            outln!("\n{}", dir.display());
        }
    }
    Ok(())
}

fn only(dir: &Path, r: &Reported, format: Format, out: Option<&Path>) -> anyhow::Result<()> {
    let text = match format {
        Format::Terminal if out.is_none_or(|o| o == Path::new("-")) => terminal(&r.ingested.run, &r.summary, &r.ingested.tables),
        Format::Terminal => bench_analysis::report::terminal::render(&r.ingested.run, &r.summary, &r.ingested.tables, WIDTH, false),
        Format::Html => ops::report::html(r),
    };
    let place = out.map(Path::to_path_buf).or_else(|| (format == Format::Html).then(|| dir.join(files::REPORT)));
    match place.filter(|p| p != Path::new("-")) {
        None => out!("{text}"),
        Some(path) => {
            ops::results::write_soon(&path, text.as_bytes())?;
            outln!("{}", path.display());
        }
    }
    Ok(())
}

/// Columns of a report that is not for a terminal of known width.
const WIDTH: usize = 110;

/// The terminal report at this terminal's width.
pub fn terminal(run: &RunRecord, summary: &Summary, tables: &Tables) -> String {
    let out = std::io::stdout();
    let color = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    bench_analysis::report::terminal::render(run, summary, tables, width(), color)
}

/// Columns of the terminal, as far as the shell tells.
pub fn width() -> usize {
    std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).unwrap_or(WIDTH)
}
