//! A gate for people: what came of it, then a row a rule, then what there is to say of those that do not hold.

use super::{headline, margin, sentence, sides, tally};
use crate::gate::{names as known, slo};
use crate::report::document::{Badge, Block, Document, Finding, Section};
use crate::words::{capital, number};
use bench_model::gate::{GateReport, GateVerdict, Numbers, RestsOn, RuleResult, RuleVerdict};

/// The whole gate.
pub fn document(g: &GateReport) -> Document {
    let baseline = g.baseline.as_ref().map(|b| format!(", against the baseline {b}")).unwrap_or_default();
    let slo = if g.slo == slo::NONE { String::new() } else { format!(", SLO {}", g.slo) };
    let class = if g.verdict == GateVerdict::Pass { "good" } else { "bad" };
    // Without a rule there is nothing to be proud of.
    let verdict = (!g.rules.is_empty() || class == "bad").then(|| Badge::new(headline(g).trim_start_matches("gate "), class));
    let warnings = g.warnings.iter().map(|w| Finding::new("fair", "warning", "", w));
    let rules: Vec<Finding> = if g.verdict == GateVerdict::Invalid { vec![] } else { g.rules.iter().filter_map(told).collect() };
    let mut blocks = vec![];
    if !g.rules.is_empty() {
        blocks.push(Block::table(2, &["", "rule", "found", "limit", "room"], g.rules.iter().map(|r| row(g, r)).collect()));
    }
    let findings: Vec<Finding> = warnings.chain(rules).collect();
    if !findings.is_empty() {
        blocks.push(Block::Findings { findings });
    }
    Document {
        title: format!("{}: {}", capital(headline(g)), tally(g)),
        lead: format!("Run {}, arm {}{slo}{baseline}", g.run, g.arm),
        badges: std::iter::once(Badge::source(g.source)).chain(verdict).collect(),
        axis: None,
        sections: if blocks.is_empty() { vec![] } else { vec![Section::new("rules", "Rules", "Rules", blocks)] },
    }
}

fn row(g: &GateReport, r: &RuleResult) -> Vec<String> {
    let (left, right) = sides(r);
    let mark = match (g.verdict, r.verdict) {
        (GateVerdict::Invalid, _) => "-",
        (_, RuleVerdict::Pass) => "ok",
        (_, RuleVerdict::Warn) => "warn",
        (_, RuleVerdict::Fail) => "FAIL",
    };
    vec![mark.into(), r.name.clone(), left, format!("{} {right}", r.op), margin(r)]
}

/// What the row of a rule cannot hold: the rule below its name, and why a side of it could not be told.
fn told(r: &RuleResult) -> Option<Finding> {
    let more = r.reason.is_some() || r.name != r.rule;
    match r.verdict {
        RuleVerdict::Pass => None,
        RuleVerdict::Warn => more.then(|| Finding::new("fair", "warn", "", sentence(r))),
        RuleVerdict::Fail => more.then(|| Finding::new("bad", "FAIL", "", sentence(r))),
    }
}

/// Every name that a rule may use, what it is, and its value in a run when there is one.
pub fn names(run: Option<&Numbers>) -> Document {
    let values = |n: &known::Name| -> Vec<String> {
        let Some(run) = run else { return vec![] };
        let show = |there: bool, v: Option<&f64>, rests: Option<&RestsOn>| match v {
            Some(v) => rests.map_or_else(|| number(*v), |b| format!("{} ({} of {})", number(*v), b.n, b.of)),
            // Where a number cannot be, nothing is missing.
            None => if there { "n/a" } else { "" }.into(),
        };
        let whole = show(n.scope != known::Scope::Rate, run.whole.get(&n.name), run.rests_on.get(&n.name));
        let rates = run.rates.iter().map(|r| show(n.scope != known::Scope::Whole, r.numbers.get(&n.name), r.rests_on.get(&n.name)));
        std::iter::once(whole).chain(rates).collect()
    };
    let mut head = vec!["name".to_owned(), "what".into()];
    if let Some(run) = run {
        head.push("whole load".into());
        head.extend(run.rates.iter().map(|r| format!("rate[{}]", r.rate)));
    }
    let rows = known::all().iter().map(|n| {
        let scope = match n.scope {
            known::Scope::Both => "",
            known::Scope::Whole => " (whole run only)",
            known::Scope::Rate => " (of a rate only)",
        };
        [vec![n.name.clone(), format!("{}{scope}", n.what)], values(n)].concat()
    });
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let blocks = vec![Block::table(2, &head, rows.collect())];
    Document {
        title: "Numbers that a rule can name".into(),
        sections: vec![Section::new("names", "Names", "Names", blocks)],
        ..Document::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::gate::testing::report;

    fn table(d: &Document) -> &crate::report::document::Table {
        d.blocks().find_map(|b| if let Block::Table(t) = b { Some(t) } else { None }).unwrap()
    }

    #[test]
    fn a_row_a_rule_and_the_verdict_first() {
        let d = document(&report());
        assert_eq!(d.title, "Gate failed: 1 of 4 rules holds, 1 broken that only warns");
        assert_eq!(d.badges.iter().map(|b| b.word.as_str()).collect::<Vec<_>>(), ["MEASURED", "failed"]);
        assert_eq!(table(&d).rows.iter().map(|r| r[0].as_str()).collect::<Vec<_>>(), ["ok", "FAIL", "warn", "FAIL"]);
        let text =
            crate::report::writer::terminal::render(&d, crate::report::writer::terminal::Terminal { width: 80, color: true, full: false });
        assert!(text.contains("100%\\u{d}\\u{a}::error::") && !text.contains("\u{1b}[2J"), "{text}");
        let md = crate::report::writer::markdown::render(&d);
        assert!(!md.contains("<script>") && !md.contains('\u{1b}') && !md.contains('\r') && !md.contains(" @here"), "{md}");
        let cells = |l: &str| l.replace("\\|", "").matches('|').count();
        assert!(md.lines().filter(|l| l.starts_with("| ")).all(|l| cells(l) == 6), "{md}");
    }

    #[test]
    fn numbers_without_rules_have_not_passed() {
        let d = document(&GateReport { rules: vec![], warnings: vec![], verdict: GateVerdict::Pass, ..report() });
        assert!(d.title.starts_with("Gate without rules: the numbers were taken") && d.sections.is_empty(), "{}", d.title);
        assert_eq!(d.badges.len(), 1);
    }

    #[test]
    fn every_name_is_listed() {
        assert_eq!(table(&names(None)).rows.len(), known::all().len());
        assert!(table(&names(Some(&Numbers::default()))).rows.iter().all(|r| r.len() == 3));
    }
}
