//! `bench report`.

use super::shared::{Global, GoalArgs};
use crate::ops;
use crate::ops::report::Reported;
use crate::report::Output;
use bench_analysis::report::csv;
use bench_analysis::report::writer::terminal::{self, Terminal};
use bench_model::exit::Exit;
use bench_model::run::files;
use std::path::{Path, PathBuf};

/// The report of a run, from its directory alone
///
/// Prints what matters most, and writes the whole of it, with every plot, as report.html into the run's directory: one file that opens
/// offline.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run: its id, the end of its id, its directory, or `last`
    #[arg(default_value = "last", add = super::complete::runs())]
    run: String,
    /// Print all of it: every percentile, failures, pods, decisions, events, provenance
    #[arg(long)]
    full: bool,
    /// Only this form of it
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Which table, for --format csv
    #[arg(long, value_enum, default_value = "rates", requires = "format")]
    table: Table,
    #[command(flatten)]
    goal: GoalArgs,
    /// Where that goes: a file, or - for standard output; for benchmark-report also a directory [default: html into the run's directory, else standard output]
    #[arg(long, value_name = "PATH", requires = "format")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  bench report last                           # print it, and write report.html into the run's directory
  bench report 7f3a --full                    # every number of it
  bench report 7f3a --format html --out result.html  # the page alone, somewhere else
  bench report last --format md > comment.md  # for a pull request
  bench report last --format csv --table requests --out requests.csv  # a row for each request
  bench report last --format benchmark-report --out reports  # llm-d-benchmark's format";

/// A form that a report can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text with a picture of the replicas
    Terminal,
    /// One page with every plot, which opens offline
    Html,
    /// Markdown for a pull request
    Md,
    /// One JSON document: run, summary, problems (docs/schemas/report.schema.json)
    Json,
    /// One table of it; --table says which
    Csv,
    /// llm-d-benchmark's Benchmark Report v0.2.1, a YAML document for each rate
    BenchmarkReport,
}

/// A table of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Table {
    Rates,
    Requests,
    Replicas,
    Pods,
    Series,
    Decisions,
    Events,
}

impl From<Table> for csv::Table {
    fn from(t: Table) -> Self {
        match t {
            Table::Rates => Self::Rates,
            Table::Requests => Self::Requests,
            Table::Replicas => Self::Replicas,
            Table::Pods => Self::Pods,
            Table::Series => Self::Series,
            Table::Decisions => Self::Decisions,
            Table::Events => Self::Events,
        }
    }
}

pub fn run(g: &Global, a: &Args) -> anyhow::Result<Exit> {
    let (dir, _) = ops::results::find(&g.results, &a.run)?;
    let mut r = ops::report::read_stored(&dir)?;
    r.terms = a.goal.terms();
    for p in r.ingested.problems.iter().filter(|_| g.output != Output::Json) {
        errln!("warning: {p}");
    }
    match a.format {
        Some(format) => only(&dir, &r, format, a)?,
        None => everything(g, &dir, &r, a)?,
    }
    Ok(ops::report::exit_of(&r.summary))
}

fn everything(g: &Global, dir: &Path, r: &Reported, a: &Args) -> anyhow::Result<()> {
    let page = ops::report::write_html(dir, r);
    if g.output == Output::Json {
        // The summary's fields, with the judgement beside them.
        let mut all = serde_json::to_value(&r.summary)?;
        all["judgement"] = serde_json::to_value(r.judged().map(|(_, j)| j))?;
        outln!("{}", super::show::event("report", &all)?);
        return Ok(());
    }
    let place = page.unwrap_or_else(|e| {
        errln!("warning: {e:#}");
        dir.to_path_buf()
    });
    show(r, a.full, &place, Some(&a.run));
    Ok(())
}

fn only(dir: &Path, r: &Reported, format: Format, a: &Args) -> anyhow::Result<()> {
    let out = a.out.as_deref();
    if let (Format::BenchmarkReport, Some(to)) = (format, out.filter(|o| *o != Path::new("-") && (o.is_dir() || o.extension().is_none()))) {
        for (name, text) in ops::formats::benchmark_reports(r)? {
            ops::results::write_soon(&to.join(&name), text.as_bytes())?;
            outln!("{}", to.join(name).display());
        }
        return Ok(());
    }
    let text = match format {
        Format::Terminal if out.is_none_or(|o| o == Path::new("-")) => {
            terminal::render(&ops::report::document(r), super::show::terminal(a.full))
        }
        Format::Terminal => terminal::render(&ops::report::document(r), Terminal { width: WIDTH, color: false, full: a.full }),
        Format::Html => ops::report::document(r).html(),
        Format::Md => ops::formats::markdown(r),
        Format::Json => ops::formats::json(r)?,
        Format::Csv => ops::formats::csv(r, a.table.into())?,
        Format::BenchmarkReport => ops::formats::benchmark_reports(r)?.into_iter().map(|(_, text)| format!("---\n{text}")).collect(),
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

/// The report of a run, and where the rest of it is. `name`: how the user called the run.
pub fn show(r: &Reported, full: bool, place: &Path, name: Option<&str>) {
    super::show::print(&ops::report::document(r), full);
    // A path is not broken, so it has a line of its own.
    let rest =
        if full { String::new() } else { format!("bench report {} --full prints all of it; the page:\n", short(&r.ingested.run.id, name)) };
    outln!("\n{rest}{}", place.display());
}

/// What a user can write for a run: what was written, or the end of its id where that was `last`.
pub fn short<'a>(id: &'a str, name: Option<&'a str>) -> &'a str {
    name.filter(|n| *n != "last").unwrap_or_else(|| id.rsplit('-').next().unwrap_or(id))
}

/// Columns where no terminal tells its width.
const WIDTH: usize = 80;
