//! A gate: one line says what came of it, then a row a rule.

use super::text::{Paint, table, wrap};
use super::verdict;
use crate::gate::{names, slo};
use crate::report::gate::{headline, margin, sides, tally};
use crate::words::visible;
use bench_model::gate::{GateReport, GateVerdict, Numbers, RuleVerdict};
use std::fmt::Write as _;

/// The whole gate, ended by a line feed. `width` is the terminal's, in columns.
pub fn render(g: &GateReport, width: usize, color: bool) -> String {
    let (width, paint) = (width.clamp(*super::WIDTH.start(), *super::WIDTH.end()), Paint(color));
    let mut out = format!("{}  arm {}  {}\n", paint.bold(&visible(&g.run)), paint.bold(&g.arm.to_string()), verdict(g.validity, paint));
    let told = headline(g.verdict);
    let told = if g.verdict == GateVerdict::Pass { paint.green(told) } else { paint.red(told) };
    let _ = writeln!(out, "  {told}: {}", wrap(&tally(g), 4, width));
    if let Some(b) = &g.baseline {
        let _ = writeln!(out, "  {} {}", paint.dim("baseline"), visible(b));
    }
    if g.slo != slo::NONE {
        let _ = writeln!(out, "  {} {}", paint.dim("SLO     "), g.slo);
    }
    for w in &g.warnings {
        let _ = writeln!(out, "  {} {}", paint.yellow("warning:"), wrap(&visible(w), 4, width));
    }
    if g.rules.is_empty() {
        return out;
    }
    let mut rows = vec![["", "rule", "found", "", "limit", "room"].map(String::from).to_vec()];
    for r in &g.rules {
        let (left, right) = sides(r);
        let mark = match (g.verdict, r.verdict) {
            (GateVerdict::Invalid, _) => "-",
            (_, RuleVerdict::Pass) => "ok",
            (_, RuleVerdict::Warn) => "warn",
            (_, RuleVerdict::Fail) => "FAIL",
        };
        rows.push(vec![mark.into(), visible(&r.name), left, r.op.clone(), right, margin(r)]);
    }
    out.push('\n');
    let mut lines = table(&rows, 2, paint).lines().map(String::from).collect::<Vec<_>>().into_iter();
    out.extend(lines.next().map(|l| l + "\n"));
    for (line, r) in lines.zip(&g.rules) {
        let line = match (g.verdict, r.verdict) {
            (GateVerdict::Invalid, _) => line,
            (_, RuleVerdict::Fail) => line.replacen("FAIL", &paint.red("FAIL"), 1),
            (_, RuleVerdict::Warn) => line.replacen("warn", &paint.yellow("warn"), 1),
            (_, RuleVerdict::Pass) => line.replacen("ok", &paint.green("ok"), 1),
        };
        let _ = writeln!(out, "{line}");
        if r.name != r.rule {
            let _ = writeln!(out, "        {}", paint.dim(&wrap(&r.rule, 8, width)));
        }
        if let Some(why) = &r.reason {
            let _ = writeln!(out, "        {}", wrap(&visible(why), 8, width));
        }
    }
    out
}

/// Every name that a rule may use, what it is, and its value in a run when there is one.
pub fn names(run: Option<&Numbers>, color: bool) -> String {
    let paint = Paint(color);
    let values = |name: &str| -> Vec<String> {
        let Some(run) = run else { return vec![] };
        let show = |v: Option<&f64>| v.map_or_else(|| "n/a".into(), |v| super::number(*v));
        std::iter::once(&run.whole).chain(run.rates.iter().map(|r| &r.numbers)).map(|n| show(n.get(name))).collect()
    };
    let mut heading = vec!["name".to_owned(), "what".into()];
    if let Some(run) = run {
        heading.push("whole load".into());
        heading.extend(run.rates.iter().map(|r| format!("rate[{}]", r.rate)));
    }
    let mut rows = vec![heading];
    for n in names::all() {
        let scope = match n.scope {
            names::Scope::Both => "",
            names::Scope::Whole => " (whole run only)",
            names::Scope::Rate => " (of a rate only)",
        };
        let mut row = vec![n.name.clone(), format!("{}{scope}", n.what)];
        let mut found = values(&n.name);
        // Where a number cannot be, nothing is missing.
        for (k, v) in found.iter_mut().enumerate() {
            if (k == 0 && n.scope == names::Scope::Rate) || (k > 0 && n.scope == names::Scope::Whole) {
                *v = String::new();
            }
        }
        row.extend(found);
        rows.push(row);
    }
    table(&rows, 2, paint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::gate::testing::report;

    #[test]
    fn it_reads_at_a_glance() {
        let text = render(&report(), 100, false);
        let want = "20261124T031159Z-ramp<b>&\\u{1b}[2J-wva-c97c  arm wva  valid
  gate FAILED: 1 of 4 rules hold, 1 broken that only warn
  baseline before
  warning: the baseline's load is another

        rule                                              found       limit   room
  ok    p99_ttft_ms < 800                                464 ms  <   800 ms  +42 %
  FAIL  mean_ttft_ms < 400                               464 ms  <   400 ms  -16 %
  warn  a|b <script>alert(1)</script> ]]> `x` @here      464 ms  <   400 ms  -16 %
        max_ready < 5
  FAIL  first_scale_up_s < 60                               n/a  <   400 ms      -
        not measured: 100%\\u{d}\\u{a}::error::\\u{1b}[31m\\u{202e}
";
        assert_eq!(
            text.replace("  <  ", " < ").split_whitespace().collect::<Vec<_>>(),
            want.split_whitespace().collect::<Vec<_>>(),
            "{text}"
        );
        assert!(!render(&report(), 0, true).contains("\u{1b}[2J"));
    }

    #[test]
    fn every_name_is_listed() {
        let text = names(None, false);
        assert_eq!(text.lines().count(), 1 + names::all().len());
        assert!(names(Some(&Numbers::default()), false).lines().all(|l| l.chars().count() < 140));
    }
}
