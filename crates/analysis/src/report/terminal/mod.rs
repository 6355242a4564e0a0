//! A run on one or two screens: may it be believed, what did the load meet, what did the autoscaler do.

pub mod calibrate;
mod decisions;
pub mod explain;
mod load;
pub mod trend;

use super::writer::{chart, text};
use crate::summary::{load_span, recording};
use crate::words::number;
use bench_model::run::{RunRecord, RunState, Source};
use bench_model::summary::{Summary, Verdict};
use bench_model::tables::Tables;
use chrono::DateTime;
use std::fmt::Write as _;
use text::{Paint, clock, duration, wrap};

/// Narrowest and widest report, in columns.
const WIDTH: std::ops::RangeInclusive<usize> = 60..=200;

/// The whole report, ended by a line feed. `width` is the terminal's, in columns; without `color` there is no escape
/// sequence in it. Latencies of a rate without success are `n/a`.
pub fn render(run: &RunRecord, summary: &Summary, tables: &Tables, width: usize, color: bool) -> String {
    let (width, paint) = (width.clamp(*WIDTH.start(), *WIDTH.end()), Paint(color));
    let parts = [
        heading(run, summary, tables, width, paint),
        findings(summary, width, paint),
        load::requests(summary, width, paint),
        load::latencies(summary, paint),
        load::failures(summary, width, paint),
        replicas(run, summary, tables, width, paint),
        load::pods(summary, tables, &run.deployment, paint),
        decisions::render(tables, &run.deployment, width, paint),
    ];
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("\n")
}

fn heading(run: &RunRecord, summary: &Summary, tables: &Tables, width: usize, paint: Paint) -> String {
    let source = match run.source {
        Source::Measured => "measured",
        Source::Predicted => "predicted",
    };
    let mut out = format!(
        "{}  arm {}  {source}  {}\n",
        paint.bold(&run.id),
        paint.bold(&run.arm.to_string()),
        verdict(summary.validity.verdict, paint)
    );
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "  {} {}", paint.dim(&format!("{name:<7}")), wrap(value, 10, width));
    };
    // Behind an endpoint there may be no Deployment that anybody knows.
    let by = if run.deployment.is_empty() { String::new() } else { format!(" as {}", run.deployment) };
    line("model", &format!("{}{by} in {}", run.model, run.namespace));
    let mut load = vec![run.profile.clone()];
    if !summary.guidellm_version.is_empty() {
        load.push(format!("guidellm {}", summary.guidellm_version));
    }
    if let Some((start, end)) = load_span(tables) {
        #[allow(clippy::cast_possible_truncation)]
        let began = DateTime::from_timestamp(start as i64, 0).filter(|_| run.source == Source::Measured);
        load.extend(began.map(|t| t.format("began %Y-%m-%d %H:%M:%S UTC").to_string()));
        load.push(format!("{} of load", duration(end - start)));
    }
    line("load", &load.join(", "));
    let state = match run.state {
        RunState::Complete => None,
        RunState::Failed => Some("failed"),
        RunState::Interrupted => Some("interrupted; `bench resume` carries on"),
        _ => Some("not complete"),
    };
    if let Some(s) = state {
        line("state", s);
    }
    out
}

fn verdict(v: Verdict, paint: Paint) -> String {
    match v {
        Verdict::Valid => paint.green("valid"),
        Verdict::ValidClosedLoop => paint.yellow("valid, closed-loop"),
        Verdict::Invalid => paint.red("INVALID"),
    }
}

fn findings(summary: &Summary, width: usize, paint: Paint) -> String {
    const WORD: usize = 11;
    let all = &summary.validity.findings;
    if all.is_empty() {
        return String::new();
    }
    let code_width = all.iter().map(|f| f.code.chars().count()).max().unwrap_or(0);
    let mut out = paint.bold("Findings") + "\n";
    for f in all {
        let (word, painted) = match f.verdict {
            Verdict::Valid => ("note", paint.dim("note")),
            Verdict::ValidClosedLoop => ("closed-loop", paint.yellow("closed-loop")),
            Verdict::Invalid => ("invalid", paint.red("invalid")),
        };
        let pad = " ".repeat(WORD - word.len());
        let message = wrap(&f.message, WORD + code_width + 6, width);
        let _ = writeln!(out, "  {painted}{pad}  {:<code_width$}  {message}", f.code);
    }
    out
}

fn replicas(run: &RunRecord, summary: &Summary, tables: &Tables, width: usize, paint: Paint) -> String {
    let mut out = paint.bold("Replicas") + "\n";
    let Some(span) = recording(run, tables) else { return out + "  n/a: there is no record of replicas\n" };
    let zero = load_span(tables).map_or(span.0, |(start, _)| start);
    out.push_str(&chart::render(&tables.replicas, &tables.rates, span, zero, width.min(chart::WIDTH), paint));
    out.push_str(&chart::legend(paint));
    let s = &summary.scaling;
    let n = |v: Option<u32>| v.map_or_else(|| "n/a".into(), |v| v.to_string());
    let first = match s.first_scale_up_s {
        Some(t) => format!("first scale-up {} after the load began", duration(t)),
        None => "no scale-up under load".into(),
    };
    let line = format!(
        "{} at the start, {} wanted at most, {} ready at most, {} at the end; {first}; {} up, {} down",
        n(s.start_replicas),
        n(s.max_desired),
        n(s.max_ready),
        n(s.end_replicas),
        s.scale_ups,
        s.scale_downs
    );
    let _ = writeln!(out, "  {}", wrap(&line, 2, width));
    let line = format!(
        "{:.0} replica-seconds ready, {:.0} wanted, over {} of recording ({} to {})",
        s.ready_replica_s,
        s.desired_replica_s,
        duration(span.1 - span.0),
        clock(span.0 - zero),
        clock(span.1 - zero)
    );
    let _ = writeln!(out, "  {}", wrap(&line, 2, width));
    out
}

/// A value, or that there is none.
fn or_na(v: Option<f64>) -> String {
    v.map_or_else(|| "n/a".into(), number)
}
