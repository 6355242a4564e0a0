//! A comparison as text: for a terminal, or as Markdown for a pull request. Both are made of the same tables.

use crate::words::{brief, clock};
use bench_model::comparison::{Basis, Comparison, Kind, Level, Side};
use bench_model::run::Source;
use bench_model::scorecard::Scorecard;
use std::fmt::Write as _;

/// How tables and headings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Terminal,
    Markdown,
}

/// The whole comparison, ended by a line feed.
pub fn render(c: &Comparison, form: Form) -> String {
    let mut out = String::new();
    let what = match c.kind {
        Kind::Arms => "Comparison",
        Kind::Aa => "Noise floor",
        Kind::Residual => "Residuals: predicted against measured",
    };
    let _ = writeln!(out, "{}\n", heading(&format!("{what}, SLO {}, replicas over {:.0} s from the load's start", c.slo, c.span_s), form));
    for r in c.sides.iter().flat_map(|s| &s.runs) {
        let _ = writeln!(out, "- {}: {}", plain(&short(r), form), plain(&r.run, form));
    }
    for f in &c.findings {
        let level = match f.level {
            Level::Refuse => "NOT COMPARABLE",
            Level::Warn => "warning",
            Level::Note => "note",
        };
        let _ = writeln!(out, "- {level} ({}): {}", f.code, plain(&f.message, form));
    }
    let mut part = |title: &str, rows: Vec<Vec<String>>| {
        if rows.len() > 1 {
            let _ = writeln!(out, "\n{}\n\n{}", heading(title, form), table(&rows, form).trim_end());
        }
    };
    for (title, _, rows) in tables(c) {
        part(title, rows);
    }
    if let Some(b) = &c.bounds {
        for s in &b.basis {
            let _ = writeln!(out, "- {}", plain(s, form));
        }
    } else if let Some(why) = &c.bounds_missing {
        let _ = writeln!(out, "\nNo bounds: {}", plain(why, form));
    }
    let _ = writeln!(out, "\n{}\n", heading("What this says", form));
    let notes = c.sides.iter().flat_map(|s| &s.runs).flat_map(|r| r.notes.iter().map(move |n| format!("{}: {n}", r.run)));
    for s in c.conclusions.iter().cloned().chain(notes) {
        let _ = writeln!(out, "- {}", plain(&s, form));
    }
    out
}

/// Every table: its title, how many columns from the left hold words, and its rows, the head first. Without a row below it, it
/// has nothing to tell.
pub(crate) fn tables(c: &Comparison) -> [(&'static str, usize, Vec<Vec<String>>); 6] {
    [
        ("Runs", 3, runs(c)),
        ("Each rate", 3, rates(c)),
        ("After each step of the load", 3, reactions(c)),
        ("Differences, with intervals of 95 %", 4, differences(c)),
        ("Between the runs", 2, noise(c)),
        ("Bounds, computed in the simulator's model", 1, bounds(c)),
    ]
}

fn heading(text: &str, form: Form) -> String {
    if form == Form::Markdown { format!("### {text}") } else { text.to_owned() }
}

/// Names and messages come from recorded data: nothing of them is markup, a control character or a line's end.
fn plain(text: &str, form: Form) -> String {
    match form {
        Form::Markdown => super::writer::markdown::plain(text),
        Form::Terminal => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
    }
}

fn table(rows: &[Vec<String>], form: Form) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(|c| plain(c, form)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for (n, row) in rows.iter().enumerate() {
        let cells: Vec<String> =
            row.iter().zip(&widths).enumerate().map(|(c, (s, w))| if c == 0 { format!("{s:<w$}") } else { format!("{s:>w$}") }).collect();
        if form == Form::Markdown {
            let _ = writeln!(out, "| {} |", cells.join(" | "));
            if n == 0 {
                let rules: Vec<&str> = (0..columns).map(|c| if c == 0 { "---" } else { "---:" }).collect();
                let _ = writeln!(out, "| {} |", rules.join(" | "));
            }
        } else {
            let _ = writeln!(out, "  {}", cells.join("  ").trim_end());
        }
    }
    out
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| (*c).to_owned()).collect()
}

/// The end of a run's id, by which commands find it too.
fn short(r: &Scorecard) -> String {
    r.run.rsplit('-').next().unwrap_or_default().to_owned()
}

fn number(v: Option<f64>) -> String {
    v.map_or_else(|| "n/a".into(), brief)
}

pub(crate) fn source(s: Source) -> &'static str {
    match s {
        Source::Measured => "measured",
        Source::Predicted => "predicted",
    }
}

/// Every run with the side it belongs to.
fn all(c: &Comparison) -> impl Iterator<Item = (&Side, &Scorecard)> {
    c.sides.iter().flat_map(|s| s.runs.iter().map(move |r| (s, r)))
}

fn runs(c: &Comparison) -> Vec<Vec<String>> {
    let mut out = vec![row(&[
        "run",
        "arm",
        "source",
        "goodput %",
        "failed",
        "cut off",
        "censored",
        "unsent",
        "paid s",
        "ready s",
        "cost",
        "max",
        "overshoot",
        "flaps",
        "up",
        "down",
    ])];
    for (side, r) in all(c) {
        let o = &r.overall;
        let counts = [o.failed, o.cut_off, o.censored, o.unsent].map(|n| n.to_string());
        let mut line = vec![short(r), side.name(), source(r.source).into(), number(o.goodput_fraction.map(|f| 100.0 * f))];
        line.extend(counts);
        line.extend([r.paid_replica_s, r.ready_replica_s, r.gpu_cost, r.max_ready.map(f64::from), r.overshoot].map(number));
        // Without a record of replicas they are not known, and not 0.
        let known = |n: u32| r.ready_replica_s.map_or_else(|| "n/a".into(), |_| n.to_string());
        line.extend([r.flaps, r.scale_ups, r.scale_downs].map(known));
        out.push(line);
    }
    out
}

fn rates(c: &Comparison) -> Vec<Vec<String>> {
    let mut out = vec![row(&[
        "rate",
        "arm",
        "run",
        "goodput %",
        "due",
        "failed",
        "TTFT p50 ms",
        "p99",
        "guidellm's p99",
        "ITL p50 ms",
        "p99",
        "E2E p50 ms",
        "p99",
        "tokens/s",
    ])];
    let most = c.sides.iter().flat_map(|s| &s.runs).map(|r| r.rates.len()).max().unwrap_or(0);
    for k in 0..most {
        for (side, r) in all(c) {
            let Some(o) = r.rates.get(k) else { continue };
            let mut line = vec![format!("{}/s", o.rate.unwrap_or(0.0)), side.name(), short(r)];
            line.extend([number(o.goodput_fraction.map(|f| 100.0 * f)), o.due.to_string(), o.failed.to_string()]);
            line.extend([o.ttft_ms.map(|s| s.p50), o.ttft_ms.map(|s| s.p99), o.ttft_sent_ms.map(|s| s.p99)].map(number));
            line.extend([o.itl_ms.map(|s| s.p50), o.itl_ms.map(|s| s.p99), o.e2e_ms.map(|s| s.p50), o.e2e_ms.map(|s| s.p99)].map(number));
            line.push(brief(o.output_tokens_per_s));
            out.push(line);
        }
    }
    out
}

fn reactions(c: &Comparison) -> Vec<Vec<String>> {
    let mut out = vec![row(&["step", "arm", "run", "first change", "first ready", "settled"])];
    let most = c.sides.iter().flat_map(|s| &s.runs).map(|r| r.reactions.len()).max().unwrap_or(0);
    let at = |t: Option<f64>| t.map_or_else(|| "-".into(), clock);
    for k in 0..most {
        for (side, r) in all(c) {
            let Some(s) = r.reactions.get(k) else { continue };
            out.push(vec![
                format!("{}→{}/s", s.from_rate, s.to_rate),
                side.name(),
                short(r),
                at(s.first_change_s),
                at(s.first_ready_s),
                at(s.settled_s),
            ]);
        }
    }
    out
}

fn differences(c: &Comparison) -> Vec<Vec<String>> {
    let mut out = vec![row(&["quantity", "unit", "from", "to", "is", "becomes", "difference", "%", "low", "high", "over"])];
    let name =
        |k: usize| c.sides.get(k).map_or_else(String::new, |s| if c.kind == Kind::Residual { source(s.source).into() } else { s.name() });
    for d in &c.differences {
        let basis = match d.basis {
            Basis::Requests => "requests",
            Basis::Runs => "runs",
            Basis::None => "-",
        };
        let mut line = vec![d.quantity.clone(), d.unit.clone(), name(d.from), name(d.to)];
        line.extend([d.a, d.b, d.difference, d.relative.map(|r| 100.0 * r)].map(number));
        line.extend([d.low, d.high].map(|v| v.map_or_else(|| "-".into(), brief)));
        line.push(basis.into());
        out.push(line);
    }
    out
}

fn noise(c: &Comparison) -> Vec<Vec<String>> {
    let mut out = vec![row(&["quantity", "unit", "runs", "mean", "deviation", "least shown", "matters", "runs needed"])];
    for n in &c.noise {
        let needed = n.repeats.map_or_else(|| "-".into(), |r| r.to_string());
        let mut line = vec![n.quantity.clone(), n.unit.clone(), n.runs.to_string()];
        line.extend([n.mean, n.deviation, n.detectable, n.matters].map(brief));
        line.push(needed);
        out.push(line);
    }
    out
}

fn bounds(c: &Comparison) -> Vec<Vec<String>> {
    let mut out = vec![row(&["fleet", "paid s", "goodput %", "keeps the SLO"])];
    let Some(b) = &c.bounds else { return out };
    out.push(vec!["no schedule below".into(), brief(b.least_replica_s), "-".into(), "-".into()]);
    let percent = |f: Option<f64>| number(f.map(|f| 100.0 * f));
    match &b.perfect {
        Some(p) => out.push(vec!["perfect autoscaler".into(), brief(p.paid_replica_s), percent(p.goodput_fraction), "yes".into()]),
        None => out.push(vec!["perfect autoscaler".into(), "n/a".into(), "n/a".into(), "no fleet within the limits does".into()]),
    }
    for f in &b.statics {
        let keeps = if f.meets { "yes" } else { "no" };
        out.push(vec![format!("static {}", f.replicas), brief(f.paid_replica_s), percent(f.goodput_fraction), keeps.into()]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_text_is_no_markup() {
        let text = plain("a<b>|\n`x` @you https://x", Form::Markdown);
        assert!(!text.contains(['|', '`', '@', '\n']) && !text.contains("<b") && !text.contains("://"), "{text}");
        assert_eq!(plain("a\x1b[31m", Form::Terminal), "a [31m");
    }
}
