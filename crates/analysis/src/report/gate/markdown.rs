//! A table for a pull request or a job's summary.

use super::{headline, margin, sides, tally};
use crate::words::visible;
use bench_model::gate::{GateReport, GateVerdict, RuleVerdict};
use std::fmt::Write as _;

/// The gate in GitHub's Markdown.
pub fn render(g: &GateReport) -> String {
    let mut out = format!("### bench {}: {}\n\n", headline(g.verdict), text(&tally(g)));
    let _ = writeln!(
        out,
        "Run {}, arm {}{}.",
        code(&g.run),
        g.arm,
        g.baseline.as_ref().map(|b| format!(", baseline {}", code(b))).unwrap_or_default()
    );
    if !g.rules.is_empty() {
        out.push_str("\n| | rule | found | limit | room |\n|---|---|---:|---:|---:|\n");
    }
    for r in &g.rules {
        let mark = match (g.verdict, r.verdict) {
            (GateVerdict::Invalid, _) => "—",
            (_, RuleVerdict::Pass) => "ok",
            (_, RuleVerdict::Warn) => "warning",
            (_, RuleVerdict::Fail) => "**FAIL**",
        };
        let name = if r.name == r.rule { code(&r.rule) } else { format!("{}<br>{}", text(&r.name), code(&r.rule)) };
        let why = r.reason.as_ref().map(|w| format!("<br>{}", text(w))).unwrap_or_default();
        let (left, right) = sides(r);
        let _ = writeln!(out, "| {mark} | {name}{why} | {left} | {} {right} | {} |", text(&r.op), margin(r));
    }
    for w in &g.warnings {
        let _ = writeln!(out, "\n> warning: {}", text(w));
    }
    out
}

/// Text that is only text: nothing of it is markup, a mention or a link.
fn text(s: &str) -> String {
    let mut out = String::new();
    for c in visible(s).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // Not by a backslash: GitHub makes a mention of `\@name` all the same.
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '$' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// Within a code span of a table's cell.
fn code(s: &str) -> String {
    format!("`{}`", visible(s).replace('`', "'").replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::gate::testing::report;

    #[test]
    fn a_row_a_rule_and_no_markup_of_others() {
        let text = render(&report());
        assert_eq!(text.lines().filter(|l| l.starts_with("| ")).count(), 1 + 4, "{text}");
        let cells = |l: &str| l.replace("\\|", "").matches('|').count();
        assert!(text.lines().filter(|l| l.starts_with("| ")).all(|l| cells(l) == 6), "{text}");
        assert!(text.contains("| ok | `p99_ttft_ms < 800` | 464 ms | &lt; 800 ms | +42 % |"), "{text}");
        assert!(text.contains("a\\|b &lt;script&gt;alert(1)&lt;/script&gt; \\]\\]&gt; \\`x\\` &#64;here<br>`max_ready < 5`"), "{text}");
        assert!(!text.contains("<script>") && !text.contains('\u{1b}') && !text.contains('\r'));
    }
}
