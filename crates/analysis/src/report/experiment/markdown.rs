//! An experiment for a pull request or a job's summary, as Markdown of GitHub. Names and messages were recorded, so they are escaped.

use super::headline;
use crate::report::comparison::{self, Form};
use crate::report::terminal::experiment::{gate_word, state_word};
use crate::report::writer::markdown::plain;
use crate::words::duration;
use bench_model::comparison::Comparison;
use bench_model::experiment::ExperimentRecord;
use bench_model::gate::GateVerdict;
use bench_model::run::Source;
use std::fmt::Write as _;

/// The whole document: what can be concluded first, then each run, then the comparisons folded away. `comparisons` are those of
/// the record, in its order, where there are any.
pub fn render(r: &ExperimentRecord, comparisons: &[Option<Comparison>]) -> String {
    let source = if r.source == Source::Measured { "measured" } else { "predicted by simulation, not measured" };
    let mut out = format!("## Experiment {}: {}\n\n{}, {source}.", plain(&r.definition.name), headline(r), plain(&r.id));
    if !r.definition.description.is_empty() {
        let _ = write!(out, " {}", plain(&r.definition.description));
    }
    out.push('\n');
    for c in &r.comparisons {
        let _ =
            writeln!(out, "\n### What this says{}\n", if c.load.is_empty() { String::new() } else { format!(" with {}", plain(&c.load)) });
        for s in &c.says {
            let _ = writeln!(out, "- {}", plain(s));
        }
    }
    out.push_str("\n### Runs\n\n| run | treatment | repeat | state | tries | took | gate | id |\n|---:|---|---:|---|---:|---:|---|---|\n");
    for (k, s) in r.runs.iter().enumerate() {
        let last = s.last();
        let took = last.and_then(|a| Some(a.ended? - a.begun)).map_or_else(|| "-".into(), |t| duration(t.as_seconds_f64()));
        let bold = |word: &str, bad: bool| if bad { format!("**{word}**") } else { word.into() };
        let gate = last.and_then(|a| a.gate).map_or_else(|| "-".into(), |g| bold(gate_word(g), g != GateVerdict::Pass));
        let state = state_word(s);
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {took} | {gate} | {} |",
            k + 1,
            plain(&s.treatment()),
            s.repeat,
            bold(state, state == "invalid"),
            s.attempts.len(),
            last.map_or_else(|| "-".into(), |a| plain(&a.run)),
        );
    }
    let told: Vec<String> = r
        .runs
        .iter()
        .enumerate()
        .flat_map(|(k, s)| s.last().into_iter().flat_map(move |a| a.why.iter().chain(&a.broken).map(move |why| (k, s.treatment(), why))))
        .map(|(k, treatment, why)| format!("- run {} ({}): {}\n", k + 1, plain(&treatment), plain(why)))
        .collect();
    if !told.is_empty() {
        let _ = write!(out, "\n{}", told.concat());
    }
    for n in &r.notes {
        let _ = writeln!(out, "\n> {}", plain(n));
    }
    for (c, full) in r.comparisons.iter().zip(comparisons) {
        let Some(full) = full else { continue };
        let title = if c.load.is_empty() { "Comparison".into() } else { format!("Comparison with {}", plain(&c.load)) };
        let _ = writeln!(out, "\n<details><summary>{title}</summary>\n\n{}\n</details>", comparison::render(full, Form::Markdown));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::experiment::testing::record;
    use bench_model::experiment::Compared;

    #[test]
    fn a_row_a_run_and_no_markup_of_others() {
        let mut r = record();
        r.comparisons =
            vec![Compared { load: "rate=[1, 2]".into(), name: "comparison".into(), runs: vec![], says: vec!["a|b <b>".into()] }];
        let text = render(&r, &[None]);
        assert_eq!(text.lines().filter(|l| l.starts_with("| ")).count(), 1 + 3, "{text}");
        assert!(text.lines().filter(|l| l.starts_with("| ")).all(|l| l.matches('|').count() == 9), "{text}");
        assert!(text.contains("1 of 3 runs valid, 1 not valid, 1 not made"), "{text}");
        assert!(!text.contains("<slow>") && !text.contains("<b>") && !text.contains("@you"), "{text}");
        assert!(text.contains("run 2 (static-2): late"), "{text}");
    }
}
