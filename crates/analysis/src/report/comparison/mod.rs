//! A comparison for people: the answer, what stands against believing it, the arms side by side; the rest is detail.

mod figures;
mod tables;

use super::document::{Badge, Block, Document, Finding, Link, Section};
use super::judgement;
use crate::compare::Input;
use crate::words::{and, brief};
use bench_model::comparison::{Comparison, Kind, Level};
use bench_model::run::Source;
use bench_model::scorecard::Scorecard;

/// The whole comparison. `inputs` are those that it was made of, for the figures of a page; none without them.
pub fn document(c: &Comparison, inputs: &[Input<'_>]) -> Document {
    let (axis, of_runs) = figures::of_runs(c, inputs);
    let mut sections = vec![answer(c), doubts(c), sides(c)];
    sections.extend(of_runs);
    sections.push(Section::new("runs", "Each run", "Each run", tables::every_run(c)).detail());
    sections.extend(numbers(c));
    sections.push(Section::new("conclusions", "What can be concluded", "Conclusions", conclusions(c)).detail());
    sections.extend(c.judgement.as_ref().map(|j| judgement::assumptions(j).detail()));
    Document {
        title: match c.kind {
            Kind::Arms => "Comparison of arms",
            Kind::Aa => "Noise floor of an arm",
            Kind::Residual => "Predicted against measured",
        }
        .into(),
        lead: lead(c, inputs),
        badges: badges(c),
        axis,
        sections: sections.into_iter().filter(|s| !s.blocks.is_empty()).collect(),
    }
}

/// The same with every curve of the runs, and with links to their own reports.
pub fn page(c: &Comparison, inputs: &[Input<'_>], reports: Vec<Link>) -> Document {
    let mut d = document(c, inputs);
    let numbers = c.judgement.as_ref().map(judgement::numbers).filter(|n| !n.is_empty());
    let of = |id: &str, d: &mut Document, block: Block| {
        if let Some(s) = d.sections.iter_mut().find(|s| s.id == id) {
            s.blocks.insert(0, block);
        }
    };
    if let Some(numbers) = numbers {
        of("answer", &mut d, Block::Numbers { numbers });
    }
    if !reports.is_empty() {
        of("runs", &mut d, Block::Links { links: reports });
    }
    d
}

/// Which runs, by the ends of their ids, under which load.
fn lead(c: &Comparison, inputs: &[Input<'_>]) -> String {
    let sides = c.sides.iter().map(|s| {
        let ids: Vec<&str> = s.runs.iter().map(short).collect();
        format!("{} ({})", tables::name(c, s), ids.join(", "))
    });
    let load = inputs.first().map(|i| format!(" under the load {}", i.run.profile)).unwrap_or_default();
    format!("{}{load}; SLO {}; replicas over {} s from the load's start", and(sides), c.slo, brief(c.span_s))
}

fn badges(c: &Comparison) -> Vec<Badge> {
    let of = |source: Source| c.sides.iter().any(|s| s.source == source).then(|| Badge::source(source));
    // That runs are comparable is what everybody expects; only a doubt is worth a word.
    let doubt = match c.findings.iter().map(|f| f.level).max() {
        Some(Level::Refuse) => Some(Badge::new("not comparable", "bad")),
        Some(Level::Warn) => Some(Badge::new("compare with care", "fair")),
        _ => None,
    };
    [of(Source::Predicted), of(Source::Measured), doubt].into_iter().flatten().collect()
}

fn answer(c: &Comparison) -> Section {
    match (&c.judgement, c.kind) {
        (Some(j), _) => judgement::section(j),
        (None, Kind::Aa) => {
            let mut blocks: Vec<Block> = c.conclusions.iter().map(Block::text).collect();
            blocks.extend(tables::all_noise(c));
            Section::new("answer", "Answer", "Answer", blocks)
        }
        (None, Kind::Residual) => {
            Section::new("answer", "How far off the prediction is", "Answer", tables::residuals(c).into_iter().collect())
        }
        (None, Kind::Arms) => Section::new("answer", "Answer", "Answer", c.conclusions.iter().take(2).map(Block::text).collect()),
    }
}

/// What changes how the numbers are read, a line for each kind of it.
fn doubts(c: &Comparison) -> Section {
    let mut findings: Vec<Finding> = vec![];
    let mut seen: Vec<(Level, &str)> = vec![];
    for f in &c.findings {
        if seen.contains(&(f.level, f.code.as_str())) {
            continue;
        }
        seen.push((f.level, &f.code));
        let more = c.findings.iter().filter(|o| (o.level, &o.code) == (f.level, &f.code)).count() - 1;
        let (word, class) = match f.level {
            Level::Refuse => ("not comparable", "bad"),
            Level::Warn => ("with care", "fair"),
            Level::Note => ("note", ""),
        };
        let text = match (f.code.as_str(), more) {
            ("length", _) => {
                format!(
                    "The recordings are of unequal length; in every run, replicas count over {} s from the load's start.",
                    brief(c.span_s)
                )
            }
            (_, 0) => f.message.clone(),
            _ => format!("{} (and {more} more like it)", f.message),
        };
        findings.push(Finding::new(class, word, &f.code, text));
    }
    let blocks = if findings.is_empty() { vec![] } else { vec![Block::Findings { findings }] };
    let section = Section::new("doubts", "Read with care", "Doubts", blocks);
    // The answer's own notes already say which recordings were continued.
    if c.findings.iter().all(|f| f.level == Level::Note && f.code == "length") { section.detail() } else { section }
}

fn sides(c: &Comparison) -> Section {
    let heading = if c.sides.iter().any(|s| s.runs.len() > 1) { "Arms side by side, mean over their runs" } else { "Arms side by side" };
    Section::new("rates", heading, "Side by side", tables::sides(c).into_iter().collect())
}

/// Differences, noise and bounds, as far as there are any.
fn numbers(c: &Comparison) -> Vec<Section> {
    let mut out = vec![
        Section::new("differences", "Differences, with intervals of 95 %", "Differences", tables::all_differences(c).into_iter().collect())
            .detail(),
    ];
    if c.kind != Kind::Aa {
        out.push(Section::new("noise", "Between the runs", "Noise", tables::all_noise(c).into_iter().collect()).detail());
    }
    let mut blocks: Vec<Block> = tables::all_bounds(c).into_iter().collect();
    match (&c.bounds, &c.bounds_missing) {
        (Some(b), _) => blocks.push(Block::Items { items: b.basis.clone() }),
        (None, Some(why)) => blocks.push(Block::text(format!("No bounds: {}.", why.trim_end_matches('.')))),
        (None, None) => {}
    }
    out.push(Section::new("bounds", "Bounds, computed in the simulator's model", "Bounds", blocks).detail());
    out
}

/// Every sentence, every finding by itself, and what the records of each run do not tell.
fn conclusions(c: &Comparison) -> Vec<Block> {
    let notes = c.sides.iter().flat_map(|s| &s.runs).flat_map(|r| r.notes.iter().map(move |n| format!("{}: {n}", r.run)));
    let findings = c.findings.iter().map(|f| format!("{}: {}", f.code, f.message));
    let items: Vec<String> = c.conclusions.iter().cloned().chain(findings).chain(notes).collect();
    if items.is_empty() { vec![] } else { vec![Block::Items { items }] }
}

/// The end of a run's id, by which commands find it too.
fn short(r: &Scorecard) -> &str {
    r.run.rsplit('-').next().unwrap_or_default()
}

fn source(s: Source) -> &'static str {
    match s {
        Source::Measured => "measured",
        Source::Predicted => "predicted",
    }
}

#[cfg(test)]
mod tests;
