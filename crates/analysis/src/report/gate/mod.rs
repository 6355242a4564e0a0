//! What came of a gate: [`document`] for people, JUnit XML and annotations for machines.

mod document;
pub mod github;
pub mod junit;
#[cfg(test)]
pub(crate) mod testing;

pub use document::{document, names};

use crate::words::visible;
use bench_model::gate::{GateReport, GateVerdict, RuleResult, RuleVerdict};

/// `3 of 4 rules hold`, or what else there is to say of all of them.
pub(crate) fn tally(g: &GateReport) -> String {
    let (n, pass, warn) = (g.rules.len(), g.count(RuleVerdict::Pass), g.count(RuleVerdict::Warn));
    let hold = if pass == 1 { "holds" } else { "hold" };
    let rules = if n == 1 && pass == 1 { "rule" } else { "rules" };
    let warned = if warn == 0 { String::new() } else { format!(", {warn} broken that only {}", if warn == 1 { "warns" } else { "warn" }) };
    match g.verdict {
        GateVerdict::Invalid => format!("not judged: {}", visible(&g.invalid_because.join("; "))),
        _ if n == 0 => "the numbers were taken, nothing was judged".into(),
        _ => format!("{pass} of {n} {rules} {hold}{warned}"),
    }
}

/// The word for what came of it. Numbers may be taken without any rule; then nothing has passed.
pub(crate) fn headline(g: &GateReport) -> &'static str {
    match g.verdict {
        GateVerdict::Invalid => "gate invalid",
        _ if g.rules.is_empty() => "gate without rules",
        GateVerdict::Pass => "gate passed",
        GateVerdict::Fail => "gate failed",
    }
}

/// Both sides with their unit. They get as many digits as it takes to tell them apart, from three on.
pub(crate) fn sides(r: &RuleResult) -> (String, String) {
    let show = |v: Option<f64>, digits: usize| v.map_or_else(|| "n/a".into(), |v| quantity(v, &r.unit, digits));
    let mut digits = 3;
    loop {
        let (left, right) = (show(r.left, digits), show(r.right, digits));
        if left != right || r.left == r.right || digits >= 17 {
            return (left, right);
        }
        digits += 1;
    }
}

/// A value with so many significant digits at least; the digits before the point are never cut.
fn quantity(v: f64, unit: &str, digits: usize) -> String {
    let (v, unit) = match unit {
        "fraction" => (v * 100.0, " %"),
        "ms" => (v, " ms"),
        "s" => (v, " s"),
        _ => (v, ""),
    };
    if v != 0.0 && !(1e-6..1e12).contains(&v.abs()) {
        return format!("{v:.*e}{unit}", digits - 1);
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let before = if v.abs() >= 1.0 { v.abs().log10().floor() as usize + 1 } else { 0 };
    let leading = if v.abs() < 1.0 && v != 0.0 { (-v.abs().log10()).floor().max(0.0) } else { 0.0 };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let after = digits.saturating_sub(before) + leading as usize;
    let text = format!("{v:.after$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

/// Room up to the limit, `+42 %`, or by how much it is missed.
pub(crate) fn margin(r: &RuleResult) -> String {
    match r.margin {
        None => "-".into(),
        Some(m) if m.abs() >= 1000.0 => format!("{}{:.0}×", if m < 0.0 { '-' } else { '+' }, m.abs()),
        Some(m) => {
            let digits = if m.abs() < 0.0995 { 1 } else { 0 };
            let text = format!("{:+.digits$} %", 100.0 * m);
            if m != 0.0 && text.starts_with(['+', '-']) && text[1..].starts_with("0.0 ") { format!("{:+.1e} %", 100.0 * m) } else { text }
        }
    }
}

/// The broken rule in a sentence: what it is, what was found.
pub fn sentence(r: &RuleResult) -> String {
    let (left, right) = sides(r);
    let found = match &r.reason {
        Some(why) => visible(why),
        None => format!("{left} is not {} {right}", r.op),
    };
    if r.name == r.rule { format!("{}: {found}", r.rule) } else { format!("{} ({}): {found}", visible(&r.name), r.rule) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_apart() {
        let r = |left: f64, right: f64, unit: &str| {
            sides(&RuleResult { left: Some(left), right: Some(right), unit: unit.into(), ..testing::result("max_ready < 1", true) })
        };
        assert_eq!(r(464.2, 800.0, "ms"), ("464 ms".into(), "800 ms".into()));
        assert_eq!(r(800.25, 800.0, "ms"), ("800.2 ms".into(), "800 ms".into()));
        assert_eq!(r(0.004, 0.01, "fraction"), ("0.4 %".into(), "1 %".into()));
        assert_eq!(r(19_200.0, 19_199.0, ""), ("19200".into(), "19199".into()));
        assert_eq!(r(0.0, 1e-9, "s"), ("0 s".into(), "1.00e-9 s".into()));
        assert_eq!(r(-2.5, f64::MAX, ""), ("-2.5".into(), "1.80e308".into()));
        assert_eq!(r(3.0, 3.0, ""), ("3".into(), "3".into()));
    }

    #[test]
    fn one_rule_is_one_rule() {
        let of = |pass: usize, n: usize| {
            let rules = (0..n).map(|k| testing::result("max_ready < 1", k < pass)).collect();
            let verdict = if pass == n { GateVerdict::Pass } else { GateVerdict::Fail };
            let g = GateReport { rules, verdict, ..testing::report() };
            format!("{}: {}", headline(&g), tally(&g))
        };
        assert_eq!(of(0, 1), "gate failed: 0 of 1 rules hold");
        assert_eq!(of(1, 1), "gate passed: 1 of 1 rule holds");
        assert_eq!(of(1, 2), "gate failed: 1 of 2 rules holds");
        assert_eq!(of(2, 3), "gate failed: 2 of 3 rules hold");
        assert_eq!(of(0, 0), "gate without rules: the numbers were taken, nothing was judged");
    }

    #[test]
    fn margins_are_short() {
        let m = |v: f64| margin(&RuleResult { margin: Some(v), ..testing::result("max_ready < 1", true) });
        assert_eq!([m(0.42), m(-0.0312), m(0.0), m(-1e-5), m(5e3)], ["+42 %", "-3.1 %", "+0.0 %", "-1.0e-3 %", "+5000×"]);
    }
}
