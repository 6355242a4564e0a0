//! An experiment for people: the answer first, then a row a run, then the comparisons in full.

use super::{columns, headline, labels, row};
use crate::report::comparison;
use crate::report::document::{Badge, Block, Document, Section};
use crate::words::{brief, capital, count, duration};
use bench_model::comparison::Comparison;
use bench_model::experiment::{Expected, ExperimentRecord, Outlook};

/// What came of it, or how far it is. `comparisons` are those of the record, in its order, where there are any.
pub fn document(r: &ExperimentRecord, comparisons: &[Option<Comparison>]) -> Document {
    let mut sections = vec![];
    let mut details = vec![];
    for (n, c) in r.comparisons.iter().enumerate() {
        let with = if c.load.is_empty() { String::new() } else { format!(" with {}", c.load) };
        let part = |s: Section| Section { id: format!("{}-{}", s.id, n + 1), heading: format!("{}{with}", s.heading), ..s };
        match comparisons.get(n).and_then(Option::as_ref) {
            Some(full) => {
                let first = |s: &Section| ["answer", "doubts"].contains(&s.id.as_str());
                let (first, rest): (Vec<Section>, Vec<Section>) = comparison::document(full, &[]).sections.into_iter().partition(first);
                sections.extend(first.into_iter().map(part));
                details.extend(rest.into_iter().map(|s| part(s).detail()));
                // What the experiment adds to the comparison's own conclusions: runs that are left out, repeats that are none.
                let own: Vec<String> = c.says.iter().filter(|s| !full.conclusions.contains(s)).cloned().collect();
                if !own.is_empty() {
                    sections.push(part(Section::new("left-out", "Left out", "Left out", vec![Block::Items { items: own }])));
                }
            }
            None => sections.push(part(Section::new("answer", "Answer", "Answer", vec![Block::Items { items: c.says.clone() }]))),
        }
    }
    sections.push(runs(r));
    if !r.notes.is_empty() {
        sections.push(Section::new("notes", "Notes", "Notes", vec![Block::Items { items: r.notes.clone() }]));
    }
    sections.extend(details);
    let description = if r.definition.description.is_empty() { String::new() } else { format!(": {}", r.definition.description) };
    Document {
        title: format!("Experiment {}", r.definition.name),
        lead: format!("{} is {}{description}", r.id, headline(r)),
        badges: vec![Badge::source(r.source)],
        axis: None,
        sections,
    }
}

/// A row a run, and why those that are not good are not.
fn runs(r: &ExperimentRecord) -> Section {
    let factors = labels(r.runs.iter().map(|s| s.levels.as_slice()));
    let head = columns(&factors);
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let rows = (0..r.runs.len()).map(|k| row(r, k, &factors)).collect();
    let why = r.runs.iter().enumerate().flat_map(|(k, s)| {
        let last = s.last().into_iter().flat_map(|a| a.why.iter().chain(&a.broken));
        last.map(move |why| format!("run {} ({}): {why}", k + 1, s.treatment()))
    });
    let why: Vec<String> = why.collect();
    let mut blocks = vec![Block::table(2 + factors.len(), &head, rows)];
    if !why.is_empty() {
        blocks.push(Block::Items { items: why });
    }
    Section::new("runs", "Runs", "Runs", blocks)
}

/// Its schedule, what it takes, and what to know before GPUs are spent.
pub fn outlook(o: &Outlook) -> Document {
    let gpus = o.gpu_hours > 0.0;
    let again =
        if o.tries_s > 0.0 { format!(", up to {} with every allowed retry", duration(o.total_s + o.tries_s)) } else { String::new() };
    let hours = if gpus {
        format!("{} GPU-hours ({} replica-hours)", brief(o.gpu_hours), brief(o.replica_hours))
    } else {
        format!("{} replica-hours, no GPU", brief(o.replica_hours))
    };
    let price = match (o.cost, o.gpu_hour) {
        (Some(cost), Some(price)) => format!(", {} at {} a GPU-hour", brief(cost), brief(price)),
        _ if gpus => "; --gpu-hour PRICE adds the cost".into(),
        _ => String::new(),
    };
    let mut takes = vec![Block::text(format!("{} in all{again}. {hours}{price}.", duration(o.total_s)))];
    let nothing = o.runs.iter().filter(|e| e.tells_nothing.is_some()).count();
    if nothing > 0 {
        takes.push(Block::text(format!("By the prediction, {nothing} of {} will tell nothing.", count(o.runs.len(), "run"))));
    }
    let mut sections = vec![Section::new("takes", "What it takes", "Takes", takes), schedule(o, gpus)];
    let warnings = o.warnings.iter().map(|w| {
        let cell = |c: &Vec<(String, String)>| c.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(", ");
        let more = if w.with.len() > 1 { format!(" and {} more", w.with.len() - 1) } else { String::new() };
        let with = w.with.first().map(cell).filter(|c| !c.is_empty()).map_or_else(String::new, |c| format!("With {c}{more}: "));
        crate::report::document::Finding::new(
            "fair",
            "warning",
            &w.code,
            format!("{}.", capital(&format!("{with}{}", w.text.trim_end_matches('.')))),
        )
    });
    let findings: Vec<_> = warnings.collect();
    if !findings.is_empty() {
        sections.push(Section::new("warnings", "Before you spend GPUs", "Warnings", vec![Block::Findings { findings }]));
    }
    if !o.notes.is_empty() {
        sections.push(Section::new("notes", "Notes", "Notes", vec![Block::Items { items: o.notes.clone() }]));
    }
    let description = if o.description.is_empty() { String::new() } else { format!(": {}", o.description) };
    Document {
        title: format!("Experiment {}", o.name),
        lead: format!("Load {}, namespace {}{description}", o.load, o.namespace),
        badges: vec![Badge::new("PLANNED", "")],
        axis: None,
        sections,
    }
}

/// A row a run; repeats that take the same and say the same share one.
fn schedule(o: &Outlook, gpus: bool) -> Section {
    let factors = labels(o.runs.iter().map(|s| s.levels.as_slice()));
    let cost = o.cost.and(o.gpu_hour);
    let mut head = vec!["run".to_owned(), "arm".into()];
    head.extend(factors.iter().cloned());
    head.extend(["before it", "prediction", "repeat", "takes"].map(String::from));
    // With one GPU a replica both columns would hold the same.
    let replicas = !gpus || o.runs.iter().any(|e| e.gpu_hours != e.replica_hours);
    if replicas {
        head.push("replica-h".into());
    }
    if gpus {
        head.push("GPU-h".into());
    }
    if cost.is_some() {
        head.push("cost".into());
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let rows = o.runs.iter().enumerate().map(|(k, e)| expected(k, e, &factors, (replicas, gpus), cost)).collect();
    Section::new("schedule", "Schedule", "Schedule", vec![Block::table(4 + factors.len(), &head, rows)])
}

fn expected(k: usize, e: &Expected, factors: &[String], (replicas, gpus): (bool, bool), price: Option<f64>) -> Vec<String> {
    let mut out = vec![(k + 1).to_string(), e.arm.to_string()];
    out.extend(factors.iter().map(|f| super::level(&e.levels, f)));
    out.push(if e.change.is_empty() { "-".into() } else { e.change.clone() });
    out.push(match &e.tells_nothing {
        Some(code) => format!("{} [{code}]", e.says),
        None if e.says.is_empty() => "-".into(),
        None => e.says.clone(),
    });
    out.extend([e.repeat.to_string(), duration(e.run_s)]);
    if replicas {
        out.push(brief(e.replica_hours));
    }
    if gpus {
        out.push(brief(e.gpu_hours));
    }
    out.extend(price.map(|p| brief(e.gpu_hours * p)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::experiment::testing::record;
    use crate::report::writer::{markdown, terminal};
    use bench_model::experiment::Compared;

    #[test]
    fn a_row_a_run_and_no_markup_of_others() {
        let mut r = record();
        r.comparisons =
            vec![Compared { load: "rate=[1, 2]".into(), name: "comparison".into(), runs: vec![], says: vec!["a|b <b>".into()] }];
        let d = document(&r, &[None]);
        assert_eq!(d.sections[0].heading, "Answer with rate=[1, 2]");
        let text = markdown::render(&d);
        assert_eq!(text.lines().filter(|l| l.starts_with("| ") && !l.starts_with("| --")).count(), 1 + 3, "{text}");
        assert!(text.contains("is not at its end: 1 of 3 runs valid, 1 not valid, 1 not made"), "{text}");
        assert!(!text.contains("<slow>") && !text.contains("<b>") && !text.contains(" @you"), "{text}");
        assert!(text.contains("run 2 &#40;static-2&#41;: late"), "{text}");
    }

    #[test]
    fn the_table_has_a_row_a_run_and_a_column_a_factor() {
        let text = terminal::render(&document(&record(), &[]), terminal::Terminal { width: 100, color: false, full: false });
        let squeezed: Vec<String> = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        for want in [
            "run arm kv repeat tries state took gate id",
            "1 of 3 hpa 0.8 1 2 valid 11 min 40 s passed 7f3a",
            "2 of 3 static-2 - 1 1 invalid 4 min - 11aa",
            "3 of 3 hpa 0.9 1 0 planned - - -",
        ] {
            assert!(squeezed.iter().any(|l| l == want), "{want}\n{text}");
        }
    }
}
