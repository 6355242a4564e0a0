//! A run in forms that are neither for a terminal nor a page, and its export for other programs.

use super::report::Reported;
use crate::failure::Failure;
use anyhow::Context;
use bench_analysis::Calendar;
use bench_analysis::export::openmetrics::{self, Written};
use bench_analysis::report::writer::markdown;
use bench_analysis::report::{Material, benchmark_report, csv, json};
use bench_model::exit::Exit;
use bench_model::report::Report;
use chrono::{DateTime, Utc};
use include_dir::{Dir, include_dir};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Dashboards and provisioning, written beside the exported series.
static GRAFANA: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/grafana");

fn material(r: &Reported) -> Material<'_> {
    Material {
        run: &r.ingested.run,
        plan: r.plan.as_ref(),
        summary: &r.summary,
        tables: &r.ingested.tables,
        problems: &r.ingested.problems,
        explanation: None,
        scorecard: None,
        judgement: None,
    }
}

pub fn markdown(r: &Reported) -> String {
    markdown::render(&super::report::document(r))
}

pub fn json(r: &Reported) -> anyhow::Result<String> {
    let (scorecard, judgement) = r.judged().unzip();
    let report = Report {
        schema_version: bench_model::SCHEMA_VERSION,
        run: r.ingested.run.clone(),
        summary: r.summary.clone(),
        scorecard,
        judgement,
        explanation: Some(super::report::explanation(r)),
        problems: r.ingested.problems.clone(),
    };
    Ok(json::render(&report)?)
}

pub fn csv(r: &Reported, table: csv::Table) -> anyhow::Result<String> {
    let mut out = Vec::new();
    csv::write(&mut out, table, &material(r)).context("cannot write the table")?;
    Ok(String::from_utf8(out)?)
}

/// llm-d-benchmark's reports as YAML: the name of a file for each, and its text.
pub fn benchmark_reports(r: &Reported) -> anyhow::Result<Vec<(String, String)>> {
    let all = benchmark_report::reports(&material(r));
    if all.is_empty() {
        let message = format!("{} has no rate to report: a benchmark report is about one rate", r.ingested.run.id);
        return Err(Failure::new(Exit::Usage, message).hint("bench report RUN says what is missing").into());
    }
    let name = |k: usize| format!("benchmark_report_v{}_{}_rate-{k}.yaml", benchmark_report::VERSION, file_name(&r.ingested.run.id));
    all.iter().enumerate().map(|(k, v)| Ok((name(k), serde_yaml::to_string(v)?))).collect()
}

/// What one run left in the directory of an export.
pub struct Exported {
    pub run: String,
    pub file: PathBuf,
    pub written: Written,
}

/// Writes a run's series as OpenMetrics into `dir`. `start`: when its load is to begin.
pub fn export(r: &Reported, dir: &Path, start: Option<DateTime<Utc>>) -> anyhow::Result<Exported> {
    let m = material(r);
    let file = dir.join(format!("{}.om.txt", file_name(&m.run.id)));
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let part = PathBuf::from(format!("{}.part", file.display()));
    let write = || -> std::io::Result<Written> {
        let mut out = std::io::BufWriter::new(std::fs::File::create(&part)?);
        let written = openmetrics::write(&mut out, &m, Calendar::new(m.run, m.tables, start))?;
        out.flush()?;
        std::fs::rename(&part, &file)?;
        Ok(written)
    };
    let written = write().with_context(|| format!("cannot write {}", file.display()))?;
    if written.series == 0 {
        let message = format!("{} has neither series, replicas nor a load to export", m.run.id);
        return Err(Failure::new(Exit::Usage, message).hint("bench report RUN says what is missing").into());
    }
    Ok(Exported { run: m.run.id.clone(), file, written })
}

/// Writes what Grafana and Prometheus need to show the export.
pub fn grafana(dir: &Path) -> anyhow::Result<PathBuf> {
    fn below(d: &Dir<'_>, to: &Path) -> anyhow::Result<()> {
        for f in d.files() {
            super::results::write_soon(&to.join(f.path()), f.contents())?;
        }
        d.dirs().try_for_each(|d| below(d, to))
    }
    let to = dir.join("grafana");
    below(&GRAFANA, &to)?;
    Ok(to)
}

/// A run's id as a file's name, whatever a stored record holds.
fn file_name(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = id.chars().take(120).map(plain).collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() { "run".into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn an_id_cannot_leave_the_directory() {
        assert_eq!(file_name("../../etc/x"), "_.._etc_x");
        assert_eq!(file_name("20261124T031159Z-ramp_small-wva-c97c"), "20261124T031159Z-ramp_small-wva-c97c");
        assert_eq!(file_name(".."), "run");
    }
}
