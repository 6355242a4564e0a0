//! What a calibration found.

use super::document::{Badge, Block, Document, Section, Table};
use bench_model::calibration::{Calibrated, Coefficient, Outcome, Played, Residual, RunUsed};
use bench_model::run::Source;

/// The calibration as a document.
pub fn document(c: &Calibrated) -> Document {
    let k = &c.calibration;
    let runs = k.runs.iter().map(|r| {
        let source = told(std::slice::from_ref(r));
        let words = [r.run.clone(), r.arm.to_string(), source.into(), r.plan.clone()];
        words.into_iter().chain([r.requests.to_string(), format!("{:.0} s", r.one_replica_s)]).collect()
    });
    let runs = table("", 4, &["run", "arm", "source", "plan", "requests", "one replica"], runs.collect());
    let all = told(&k.runs);
    let of_run = |id: &str| k.runs.iter().find(|r| r.run == id).map_or(all, |r| told(std::slice::from_ref(r)));
    let mut sections = vec![
        Section::new("runs", "Runs", "Runs", vec![runs]),
        Section::new("coefficients", "Coefficients", "Coefficients", coefficients(&k.coefficients)),
        Section::new("residuals", &format!("Residuals, fit less {all}"), "Residuals", vec![residuals(&k.residuals, all)]),
    ];
    for (n, l) in c.leave_one_out.iter().enumerate() {
        let heading = format!("{} by a fit to the other runs", l.run);
        sections.push(Section::new(&format!("left-out-{n}"), &heading, "Left out", vec![residuals(&l.residuals, of_run(&l.run))]));
    }
    if !c.played.is_empty() {
        let heading = "Played in the simulator, means of the successes";
        sections.push(Section::new("played", heading, "Played", played(&c.played, &of_run)));
    }
    if !c.notes.is_empty() {
        sections.push(Section::new("notes", "Notes", "Notes", vec![Block::Items { items: c.notes.clone() }]));
    }
    let has = |source: Source| k.runs.iter().any(|r| r.source == source).then(|| Badge::source(source));
    let badges = [has(Source::Predicted), has(Source::Measured)].into_iter().flatten().collect();
    Document { title: k.entry.clone(), lead: format!("Fitted to runs, from {}", k.base), badges, axis: None, sections }
}

/// What runs hold: nothing of a predicted one was measured.
pub fn told(runs: &[RunUsed]) -> &'static str {
    match (runs.iter().any(|r| r.source == Source::Measured), runs.iter().any(|r| r.source == Source::Predicted)) {
        (true, true) => "recorded",
        (false, true) => "predicted",
        _ => "measured",
    }
}

fn table(caption: &str, words: usize, head: &[&str], rows: Vec<Vec<String>>) -> Block {
    Block::Table(Table { caption: caption.into(), words, head: head.iter().map(|h| (*h).to_owned()).collect(), rows })
}

/// Four digits, or powers of ten for what is very small.
fn short(v: f64) -> String {
    let a = v.abs();
    if a < 1e-9 {
        "0".into()
    } else if a >= 1000.0 {
        format!("{v:.0}")
    } else if a < 1e-3 {
        format!("{v:.2e}")
    } else {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let places = (3.0 - a.log10().floor()).clamp(0.0, 6.0) as usize;
        format!("{v:.places$}")
    }
}

fn coefficients(all: &[Coefficient]) -> Vec<Block> {
    let row = |c: &Coefficient| {
        let interval = c.low.zip(c.high).map_or_else(|| "one value".into(), |(a, b)| format!("{}..{}", short(a), short(b)));
        vec![c.name.clone(), short(c.base), short(c.value), interval, c.stated.map(short).unwrap_or_default()]
    };
    let rows: Vec<Vec<String>> = all.iter().filter(|c| c.outcome != Outcome::Held).map(row).collect();
    let kept = |c: &Coefficient| {
        let word = if c.outcome == Outcome::Held { format!("stays {}", short(c.value)) } else { "is set to 0".into() };
        format!("{} {word}: {}", c.name, c.why.as_deref().unwrap_or_default())
    };
    let kept: Vec<String> = all.iter().filter(|c| c.outcome != Outcome::Fitted).map(kept).collect();
    let mut out = vec![match rows.is_empty() {
        true => Block::Text { text: "No coefficient was fitted.".into() },
        false => table("", 1, &["", "before", "after", "95 %", "stated"], rows),
    }];
    if !kept.is_empty() {
        out.push(Block::Items { items: kept });
    }
    out
}

fn residuals(all: &[Residual], told: &str) -> Block {
    if all.is_empty() {
        return Block::Text { text: "There is no row.".into() };
    }
    let row = |r: &Residual| {
        let n = |v: f64| format!("{} {}", short(v), r.unit);
        let counts = [r.quantity.clone(), r.rows.to_string(), r.left_out.to_string()];
        let of = [r.measured_mean, r.before.mean, r.after.mean, r.before.rms, r.after.rms];
        counts.into_iter().chain(of.map(n)).collect()
    };
    let head = ["", "rows", "left out", told, "mean before", "mean after", "RMS before", "RMS after"];
    table("", 1, &head, all.iter().map(row).collect())
}

/// A table a run.
fn played<'a>(all: &[Played], told: &dyn Fn(&str) -> &'a str) -> Vec<Block> {
    let of_run = |runs: &[Played]| {
        let others = runs.iter().any(|p| p.left_out.is_some());
        let mut head = vec!["rate", "", runs.first().map_or("measured", |p| told(&p.run)), "before", "", "after", ""];
        if others {
            head.extend(["by the others", ""]);
        }
        let row = |p: &Played| {
            let (name, unit) = p.quantity.rsplit_once('_').unwrap_or((&p.quantity, ""));
            let mut row = vec![format!("{}/s", p.rate), format!("{name} {unit}"), short(p.measured)];
            for v in [Some(p.before), Some(p.after), others.then_some(p.left_out)].into_iter().flatten() {
                row.push(v.map_or_else(|| "n/a".into(), short));
                row.push(v.map(|v| format!("{:+.0} %", 100.0 * (v / p.measured - 1.0))).unwrap_or_default());
            }
            row
        };
        table(runs.first().map_or("", |p| &p.run), 2, &head, runs.iter().map(row).collect())
    };
    all.chunk_by(|a, b| a.run == b.run).map(of_run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::writer::markdown;
    use bench_model::calibration::{Calibration, Errors, LeftOut};
    use bench_model::plan::Arm;

    fn said(source: Source) -> String {
        let run = RunUsed { run: "a".into(), plan: "p".into(), source, arm: Arm::Hpa, requests: 5, one_replica_s: 60.0 };
        let residual = Residual {
            quantity: "ttft".into(),
            unit: "ms".into(),
            rows: 5,
            left_out: 0,
            measured_mean: 100.0,
            before: Errors::default(),
            after: Errors::default(),
        };
        let played =
            Played { run: "a".into(), rate: 1.0, quantity: "ttft_ms".into(), measured: 100.0, before: None, after: None, left_out: None };
        let c = Calibrated {
            schema_version: 1,
            calibration: Calibration {
                made: chrono::DateTime::UNIX_EPOCH,
                bench_version: "0".into(),
                base: "b".into(),
                entry: "e".into(),
                runs: vec![run],
                coefficients: vec![],
                residuals: vec![residual.clone()],
            },
            leave_one_out: vec![LeftOut { run: "a".into(), residuals: vec![residual] }],
            played: vec![played],
            notes: vec![],
        };
        markdown::render(&document(&c))
    }

    #[test]
    fn a_predicted_run_is_nowhere_called_measured() {
        let measured = said(Source::Measured);
        assert!(measured.contains("MEASURED") && measured.matches("measured").count() >= 5 && !measured.contains("redicted"), "{measured}");
        let predicted = said(Source::Predicted);
        assert!(predicted.contains("PREDICTED") && !predicted.to_lowercase().contains("measured"), "{predicted}");
    }
}
