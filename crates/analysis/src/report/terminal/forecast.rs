//! What `bench predict` says: the arms side by side, what differs in words, and what to know before GPUs are spent.

use super::grid::{Cell, Row, grid};
use super::text::{Paint, clock, wrap};
use super::{WIDTH, chart};
use crate::forecast::verdict;
use crate::summary::{load_span, predicted_recording};
use crate::words::brief;
use bench_model::forecast::{ArmForecast, Band, Forecast, RateForecast, ScalingForecast};
use bench_model::plan::Arm;
use bench_model::tables::Tables;
use std::fmt::Write as _;

/// The stored run of an arm.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    pub arm: Arm,
    pub tables: &'a Tables,
    /// Where it is stored, as a reader would type it; `None`: it is not.
    pub place: Option<&'a str>,
}

/// The whole forecast, ended by a line feed. `width` is the terminal's, in columns; without `color` there is no escape
/// sequence in it.
pub fn render(f: &Forecast, stored: &[Stored<'_>], width: usize, color: bool) -> String {
    let (width, paint) = (width.clamp(*WIDTH.start(), *WIDTH.end()), Paint(color));
    let parts = [
        heading(f, width, paint),
        load(f, width, paint),
        replicas(f, stored, width, paint),
        sentences("Verdict", &verdict(&f.arms), width, paint),
        warnings(f, width, paint),
        sentences("Not modelled", &f.not_modelled, width, paint),
        places(stored, f.seeds, paint),
    ];
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("\n")
}

fn heading(f: &Forecast, width: usize, paint: Paint) -> String {
    let seeds = if f.seeds == 1 { "1 seed".into() } else { format!("{} seeds", f.seeds) };
    let mut out = format!("{}  predicted, {seeds} each arm\n", paint.bold(&f.load));
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "  {} {}", paint.dim(&format!("{name:<7}")), wrap(value, 10, width));
    };
    line("model", &f.model);
    line("speed", &format!("{} ({})", f.coefficients.name, f.coefficients.source));
    line("router", &f.router);
    line(
        "numbers",
        match f.seeds {
            1 => "of one seed: points, not bands. `--seeds 20` shows how much chance is in them",
            _ => "the median over the seeds (5th to 95th percentile)",
        },
    );
    out
}

type Of = fn(&RateForecast) -> Option<Band>;

/// A block a metric with a row a rate, a column an arm.
fn load(f: &Forecast, width: usize, paint: Paint) -> String {
    let head = paint.bold("Load") + "\n";
    let rates = f.arms.iter().map(|a| a.rates.len()).max().unwrap_or(0);
    if rates == 0 {
        return head + "  n/a: nothing was played\n";
    }
    let percent = |b: Band| Band { median: 100.0 * b.median, p5: 100.0 * b.p5, p95: 100.0 * b.p95 };
    let all = || f.arms.iter().flat_map(|a| &a.rates);
    let fails = all().any(|r| r.failed_fraction.p95 > 0.0);
    let behind = all().any(|r| r.achieved_rate.p5 < 0.98 * r.rate);
    let metrics: [(&str, bool, Of); 8] = [
        ("TTFT ms p50", true, |r| r.ttft_ms.map(|t| t.p50)),
        ("TTFT ms p99", true, |r| r.ttft_ms.map(|t| t.p99)),
        ("ITL ms mean", true, |r| r.itl_ms_mean),
        ("E2E s mean", true, |r| r.e2e_s.map(|e| e.mean)),
        ("E2E s p99", true, |r| r.e2e_s.map(|e| e.p99)),
        ("failed %", fails, |r| Some(r.failed_fraction)),
        ("sent/s", behind, |r| Some(r.achieved_rate)),
        ("tokens/s", true, |r| Some(r.output_tokens_per_s)),
    ];
    let mut rows = Vec::new();
    for (label, _, of) in metrics.into_iter().filter(|(_, shown, _)| *shown) {
        for k in 0..rates {
            let cell = |a: &ArmForecast| {
                let band = a.rates.get(k).and_then(of);
                Cell::of(if label == "failed %" { band.map(percent) } else { band }, brief)
            };
            let rate = f.arms.iter().find_map(|a| a.rates.get(k)).map_or_else(String::new, |r| format!("{}/s", r.rate));
            let label = if k == 0 { label.into() } else { String::new() };
            rows.push(Row { labels: vec![label, rate], cells: f.arms.iter().map(cell).collect() });
        }
    }
    let mut note = String::from("latencies are of the successful requests");
    for (shown, text) in [(!fails, "no request fails in any seed"), (!behind, "every arm is sent what was asked for")] {
        if shown {
            note = format!("{note}; {text}");
        }
    }
    format!("{head}{}  {}\n", grid(&names(f), &rows, width, paint), paint.dim(&wrap(&note, 2, width)))
}

fn names(f: &Forecast) -> Vec<String> {
    f.arms.iter().map(|a| a.arm.to_string()).collect()
}

fn replicas(f: &Forecast, stored: &[Stored<'_>], width: usize, paint: Paint) -> String {
    let mut out = paint.bold("Replicas") + "\n";
    let of = |label: &str, value: fn(&ScalingForecast) -> Option<Band>| Row {
        labels: vec![label.into()],
        cells: f.arms.iter().map(|a| Cell::of(value(&a.scaling), brief)).collect(),
    };
    let rows = [
        Row { labels: vec!["first scale-up".into()], cells: f.arms.iter().map(first_scale_up).collect() },
        of("most wanted", |s| s.max_desired),
        of("most ready", |s| s.max_ready),
        of("at the end", |s| s.end_replicas),
        of("scale-ups", |s| Some(s.scale_ups)),
        of("scale-downs", |s| Some(s.scale_downs)),
        of("replica-seconds ready", |s| Some(s.ready_replica_s)),
        of("replica-seconds wanted", |s| Some(s.desired_replica_s)),
    ];
    out.push_str(&grid(&names(f), &rows, width, paint));
    let mut drawn = false;
    for s in stored {
        let Some(span) = predicted_recording(s.tables) else { continue };
        let zero = load_span(s.tables).map_or(span.0, |(start, _)| start);
        let picture = chart::render(&s.tables.replicas, &s.tables.rates, span, zero, width.min(chart::WIDTH), paint);
        let which = if f.seeds == 1 { "" } else { ", first seed" };
        let _ = write!(out, "\n  {}{which}\n{picture}", paint.bold(&s.arm.to_string()));
        drawn = true;
    }
    if drawn {
        out.push_str(&chart::legend(paint));
    }
    out
}

/// Minutes and seconds after the load began; in how many seeds, where not in all.
fn first_scale_up(a: &ArmForecast) -> Cell {
    if !matches!(a.arm, Arm::Wva | Arm::Hpa) {
        return Cell { median: "-".into(), band: String::new() };
    }
    let n = a.scaling.scaled_up_seeds;
    if n == 0 {
        return Cell { median: "never".into(), band: String::new() };
    }
    let mut cell = Cell::of(a.scaling.first_scale_up_s, clock);
    if n < a.seeds {
        cell.band = format!("{} in {n}/{}", cell.band, a.seeds).trim_start().to_owned();
    }
    cell
}

/// Sentences below a heading; empty without any.
fn sentences(title: &str, all: &[String], width: usize, paint: Paint) -> String {
    if all.is_empty() {
        return String::new();
    }
    let lines = all.iter().map(|s| format!("  - {}\n", wrap(s, 4, width)));
    paint.bold(title) + "\n" + &lines.collect::<String>()
}

fn warnings(f: &Forecast, width: usize, paint: Paint) -> String {
    if f.warnings.is_empty() {
        return String::new();
    }
    let mut out = paint.bold("Before GPUs are spent") + "\n";
    for w in &f.warnings {
        let _ = writeln!(out, "  {}\n    {}", paint.yellow(&w.code), wrap(&w.text, 4, width));
    }
    out
}

fn places(stored: &[Stored<'_>], seeds: u32, paint: Paint) -> String {
    let lines: String = stored.iter().filter_map(|s| Some(format!("  {:<10} {}\n", s.arm.to_string(), s.place?))).collect();
    if lines.is_empty() {
        return lines;
    }
    let title = if seeds == 1 { "Stored runs" } else { "Stored runs, of the first seed" };
    format!("{}{}\n{lines}", paint.bold(title), paint.dim(" (`bench report` shows one)"))
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;
