//! What `bench predict` says: which arm, how the replicas go, what to know before GPUs are spent; every band is detail.

mod picture;

use super::document::{Badge, Block, Document, Finding, Section, Table};
use super::judgement;
use crate::summary::{load_span, predicted_recording};
use crate::words::{brief, capital, clock, count};
use bench_model::forecast::{ArmForecast, Band, Forecast, RateForecast, ScalingForecast, Warning};
use bench_model::plan::Arm;
use bench_model::run::Source;
use bench_model::tables::Tables;

/// The stored run of an arm.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    pub arm: Arm,
    pub tables: &'a Tables,
    /// Where it is stored, as a reader would type it; `None`: it is not.
    pub place: Option<&'a str>,
}

/// Warnings that a reader meets without `--full`.
const FEW: usize = 3;
/// Those that change how every number is read.
const FIRST: [&str; 5] = ["never-scales", "closed-loop", "differs-little", "max-replicas", "stuck"];

/// The whole forecast.
pub fn document(f: &Forecast, stored: &[Stored<'_>]) -> Document {
    let sections = vec![
        judgement::section(&f.judgement),
        replicas(f, stored),
        few(f),
        places(stored),
        Section::new("load", "Load", "Load", load(f)).detail(),
        Section::new("scaling", "Scaling", "Scaling", scaling(f)).detail(),
        Section::new("warnings", "Before you spend GPUs", "Warnings", findings(f.warnings.iter(), false)).detail(),
        Section::new("not-modelled", "Not modelled", "Not modelled", items(&f.not_modelled)).detail(),
        judgement::assumptions(&f.judgement).detail(),
        Section::new("played", "How it was played", "Played", played(f, stored)).detail(),
    ];
    Document {
        title: format!("Prediction for {}", f.load),
        lead: format!("{}, {} each arm", f.model, count(f.seeds as usize, "seed")),
        badges: vec![Badge::source(Source::Predicted)],
        axis: None,
        sections: sections.into_iter().filter(|s| !s.blocks.is_empty()).collect(),
    }
}

fn items(all: &[String]) -> Vec<Block> {
    if all.is_empty() { vec![] } else { vec![Block::Items { items: all.to_vec() }] }
}

fn replicas(f: &Forecast, stored: &[Stored<'_>]) -> Section {
    let lines: Vec<picture::Line<'_>> = stored
        .iter()
        .filter_map(|s| {
            let (from, until) = predicted_recording(s.tables)?;
            let zero = load_span(s.tables).map_or(from, |(start, _)| start);
            Some(picture::Line { name: s.arm.to_string(), zero, until, points: &s.tables.replicas, rates: &s.tables.rates })
        })
        .collect();
    let lines = picture::lines(&lines);
    let heading = if f.seeds == 1 { "Ready replicas" } else { "Ready replicas, first seed" };
    let blocks = if lines.is_empty() { vec![] } else { vec![Block::Picture { lines }] };
    Section::new("replicas", heading, "Replicas", blocks)
}

/// The first sentence of each, so that all of them are read.
fn few(f: &Forecast) -> Section {
    let wanted = || f.warnings.iter().filter(|w| FIRST.contains(&w.code.as_str()));
    let mut blocks = findings(wanted().take(FEW), true);
    let more = f.warnings.len() - wanted().count().min(FEW);
    if more > 0 && !blocks.is_empty() {
        blocks.push(Block::text(format!("{} more among the details.", count(more, "warning"))));
    }
    Section::new("care", "Read with care", "Care", blocks)
}

fn findings<'a>(all: impl Iterator<Item = &'a Warning>, short: bool) -> Vec<Block> {
    let text = |w: &Warning| match w.text.split_once(". ") {
        Some((first, _)) if short => format!("{}.", capital(first)),
        _ => format!("{}.", capital(w.text.trim_end_matches('.'))),
    };
    let findings: Vec<Finding> = all.map(|w| Finding::new("fair", "warning", &w.code, text(w))).collect();
    if findings.is_empty() { vec![] } else { vec![Block::Findings { findings }] }
}

/// By the ends of their ids, which is what commands take.
fn places(stored: &[Stored<'_>]) -> Section {
    let runs: Vec<String> = stored.iter().filter_map(|s| Some(format!("{} {}", s.arm, s.place?.rsplit('-').next()?))).collect();
    let text = format!("Kept of the first seed: {}. `bench report ID` shows one.", runs.join(", "));
    Section::new("kept", "Runs", "Runs", if runs.is_empty() { vec![] } else { vec![Block::text(text)] })
}

fn played(f: &Forecast, stored: &[Stored<'_>]) -> Vec<Block> {
    let mut items = vec![
        format!("Speed of the model servers: {} ({}).", f.coefficients.name, f.coefficients.source),
        format!("Router: {}.", f.router),
        match f.seeds {
            1 => "Numbers are of one seed: points, not bands. `--seeds 20` shows how much chance is in them.".into(),
            _ => "Numbers are the median over the seeds, with the 5th to 95th percentile in parentheses.".into(),
        },
    ];
    items.extend(stored.iter().filter_map(|s| Some(format!("{}: {}", s.arm, s.place?))));
    vec![Block::Items { items }]
}

type Of = fn(&RateForecast) -> Option<Band>;

/// A row a metric and rate, a column an arm.
fn load(f: &Forecast) -> Vec<Block> {
    let rates = f.arms.iter().map(|a| a.rates.len()).max().unwrap_or(0);
    if rates == 0 {
        return vec![Block::text("Nothing was played.")];
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
    for (label, _, of) in metrics.iter().filter(|(_, shown, _)| *shown) {
        for k in 0..rates {
            let cell = |a: &ArmForecast| {
                let band = a.rates.get(k).and_then(of);
                cell(if *label == "failed %" { band.map(percent) } else { band }, brief)
            };
            let rate = f.arms.iter().find_map(|a| a.rates.get(k)).map_or_else(String::new, |r| format!("{}/s", r.rate));
            let label = if k == 0 { (*label).into() } else { String::new() };
            rows.push([vec![label, rate], f.arms.iter().map(cell).collect()].concat());
        }
    }
    let mut note = String::from("Latencies are of the successful requests.");
    for (shown, text) in [(!fails, " No request fails in any seed."), (!behind, " Every arm is sent what was asked for.")] {
        note.push_str(if shown { text } else { "" });
    }
    vec![beside(f, &["", "rate"], rows), Block::text(note)]
}

/// A table with a column an arm.
fn beside(f: &Forecast, labels: &[&str], rows: Vec<Vec<String>>) -> Block {
    let head = labels.iter().map(|l| (*l).to_owned()).chain(f.arms.iter().map(|a| a.arm.to_string())).collect();
    Block::Table(Table { caption: String::new(), words: labels.len(), head, rows })
}

/// A median with its band; one that is as narrow as its numbers are printed is left out.
fn cell(band: Option<Band>, show: fn(f64) -> String) -> String {
    let Some(b) = band else { return "n/a".into() };
    let (median, p5, p95) = (show(b.median), show(b.p5), show(b.p95));
    if p5 == median && p95 == median { median } else { format!("{median} ({p5}–{p95})") }
}

fn scaling(f: &Forecast) -> Vec<Block> {
    type Of = fn(&ScalingForecast) -> Option<Band>;
    let numbers: [(&str, Of); 7] = [
        ("most wanted", |s| s.max_desired),
        ("most ready", |s| s.max_ready),
        ("at the end", |s| s.end_replicas),
        ("scale-ups", |s| Some(s.scale_ups)),
        ("scale-downs", |s| Some(s.scale_downs)),
        ("replica-seconds ready", |s| Some(s.ready_replica_s)),
        ("replica-seconds wanted", |s| Some(s.desired_replica_s)),
    ];
    let first = std::iter::once("first scale-up".to_owned()).chain(f.arms.iter().map(first_scale_up)).collect();
    let others = numbers
        .iter()
        .map(|(label, of)| std::iter::once((*label).to_owned()).chain(f.arms.iter().map(|a| cell(of(&a.scaling), brief))).collect());
    vec![beside(f, &[""], std::iter::once(first).chain(others).collect())]
}

/// Minutes and seconds after the load began; in how many seeds, where not in all.
fn first_scale_up(a: &ArmForecast) -> String {
    let n = a.scaling.scaled_up_seeds;
    if !matches!(a.arm, Arm::Wva | Arm::Hpa) {
        "-".into()
    } else if n == 0 {
        "never".into()
    } else if n < a.seeds {
        format!("{} in {n}/{}", cell(a.scaling.first_scale_up_s, clock), a.seeds)
    } else {
        cell(a.scaling.first_scale_up_s, clock)
    }
}

#[cfg(test)]
mod tests;
