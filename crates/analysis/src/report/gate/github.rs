//! Annotations of GitHub Actions: workflow commands on standard output.

use super::{headline, sentence, tally};
use crate::words::visible;
use bench_model::gate::{GateReport, GateVerdict, RuleVerdict};

/// A line for each broken rule and each warning, and one for the gate.
pub fn render(g: &GateReport) -> String {
    let mut out = String::new();
    for w in &g.warnings {
        out.push_str(&command("warning", "bench gate", w));
    }
    for r in g.rules.iter().filter(|r| r.verdict != RuleVerdict::Pass) {
        // Of a run that is not valid they are no verdicts.
        let kind = if r.verdict == RuleVerdict::Fail && g.verdict != GateVerdict::Invalid { "error" } else { "warning" };
        out.push_str(&command(kind, &format!("bench gate: {}", r.name), &sentence(r)));
    }
    let kind = if g.verdict == GateVerdict::Pass { "notice" } else { "error" };
    out.push_str(&command(kind, headline(g), &format!("{} (run {}, arm {})", tally(g), g.run, g.arm)));
    out
}

/// As @actions/core escapes: `%`, CR and LF everywhere, `:` and `,` in properties too.
fn command(kind: &str, title: &str, message: &str) -> String {
    let data = |s: &str| s.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |s: &str| data(s).replace(':', "%3A").replace(',', "%2C");
    format!("::{kind} title={}::{}\n", property(&visible(title)), data(&visible(message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::gate::testing::report;

    #[test]
    fn every_line_is_one_command() {
        let text = render(&report());
        assert_eq!(text.lines().count(), 5, "{text}");
        for line in text.lines() {
            let (head, message) = line.strip_prefix("::").and_then(|l| l.split_once("::")).unwrap_or_else(|| panic!("{line}"));
            assert!(head.starts_with("error title=") || head.starts_with("warning title="), "{line}");
            assert!(!head["error title=".len()..].contains([':', ',']) && !message.contains('\r') && !message.contains('\u{1b}'), "{line}");
        }
        assert!(text.contains("::error title=bench gate%3A mean_ttft_ms < 400::mean_ttft_ms < 400: 464 ms is not < 400 ms\n"), "{text}");
        assert!(text.contains("not measured: 100%25\\u{d}\\u{a}::error::"), "{text}");
        assert!(text.ends_with(", arm wva)\n") && text.contains("::error title=gate failed::1 of 4 rules holds, 1 broken"), "{text}");
    }

    #[test]
    fn what_steers_is_escaped() {
        assert_eq!(command("error", "a:b,c%\n", "x%0A:,"), "::error title=a%3Ab%2Cc%25\\u{a}::x%250A:,\n");
    }
}
