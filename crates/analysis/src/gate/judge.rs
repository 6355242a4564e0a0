//! Rules against numbers.

use super::parse::{Ref, Rule, Which, Wrong};
use super::units::{Quantity, align};
use super::{Named, names};
use bench_model::gate::{GateVerdict, Level, Numbers, RateNumbers, RestsOn, RuleResult, RuleVerdict};

/// Values that differ by less than this fraction are equal: 0.1 + 0.2 is 0.3.
const EQUAL: f64 = 1e-9;

/// Judges every rule; one over `rate[*]` becomes one a rate of the run. A side that has no value breaks the rule.
pub fn judge(rules: &[Named], run: &Numbers, baseline: Option<&Numbers>) -> Vec<RuleResult> {
    let mut out = vec![];
    for named in rules {
        if !named.rule.of_each_rate() {
            out.push(one(named, named.name.clone(), &Place { run, baseline, each: None }));
        } else if run.rates.is_empty() {
            out.push(one(named, named.name.clone(), &Place { run, baseline, each: Some(0) }));
        } else {
            for (k, rate) in run.rates.iter().enumerate() {
                out.push(one(named, format!("{} [{}/s]", named.name, rate.rate), &Place { run, baseline, each: Some(k) }));
            }
        }
    }
    out
}

/// What the results say of the gate, of a run that is valid.
pub fn broken(rules: &[RuleResult]) -> GateVerdict {
    if rules.iter().any(|r| r.verdict == RuleVerdict::Fail) { GateVerdict::Fail } else { GateVerdict::Pass }
}

/// What the rules' numbers rest on, where that is not all that there could be.
pub fn on_parts(rules: &[Named], run: &Numbers, baseline: Option<&Numbers>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut refs: Vec<Ref> = Vec::new();
    for named in rules {
        named.rule.each(&mut |r| refs.push(r.clone()));
    }
    for r in refs {
        let Some(numbers) = (if r.baseline { baseline } else { Some(run) }) else { continue };
        let name = &r.name.name;
        let part =
            |rests: &std::collections::BTreeMap<String, RestsOn>| rests.get(name).copied().filter(|b| is_statistic(name) && b.n < b.of);
        let whole = || part(&numbers.rests_on).map(|b| (b, String::new()));
        let of_rates = || numbers.rates.iter().find_map(|x| Some((part(&x.rests_on)?, format!(" at {}/s", x.rate))));
        if let Some((b, at)) = if r.rate.is_none() { whole() } else { of_rates() } {
            let whose = if r.baseline { " of the baseline" } else { "" };
            let share = name.split_once('_').and_then(|(_, m)| m.rsplit_once('_')).map_or("", |(m, _)| m.trim_end_matches("_due"));
            let demand = match share {
                "ttft" | "itl" | "e2e" => format!("; a rule such as `{share}_measured_fraction >= 95%` demands more"),
                _ => String::new(),
            };
            let told = format!("{name}{whose}{at} is over {} of {} requests{demand}", b.n, b.of);
            if !out.contains(&told) {
                out.push(told);
            }
        }
    }
    out
}

/// A percentile, a mean or an extreme of what was measured, or a rate of tokens.
fn is_statistic(name: &str) -> bool {
    name == "output_tokens_per_s" || names::STATS.iter().any(|(stat, _)| name.strip_prefix(stat).is_some_and(|rest| rest.starts_with('_')))
}

struct Place<'a> {
    run: &'a Numbers,
    baseline: Option<&'a Numbers>,
    /// Index of the rate that `rate[*]` stands for.
    each: Option<usize>,
}

impl Place<'_> {
    fn number(&self, r: &Ref) -> Result<f64, String> {
        let (numbers, whose) = match (r.baseline, self.baseline) {
            (false, _) => (self.run, "the run"),
            (true, Some(b)) => (b, "the baseline"),
            (true, None) => return Err("there is no baseline".into()),
        };
        let found = match r.rate {
            None => &numbers.whole,
            Some(which) => &self.rate(which, numbers, whose, r.baseline)?.numbers,
        };
        let v = found.get(&r.name.name).map(|v| v * r.factor).filter(|v| v.is_finite());
        let of = if r.baseline { " in the baseline" } else { "" };
        v.ok_or_else(|| format!("{} was not measured{of}: {}", r.name.name, absent(r.name, numbers, r.rate.is_some())))
    }

    fn rate<'n>(&self, which: Which, numbers: &'n Numbers, whose: &str, baseline: bool) -> Result<&'n RateNumbers, String> {
        let has = || match numbers.rates.len() {
            0 => "it has none".into(),
            _ => format!("it has {}", numbers.rates.iter().map(|r| r.rate.to_string()).collect::<Vec<_>>().join(", ")),
        };
        let at = |k: usize| numbers.rates.get(k).ok_or_else(|| format!("{whose} has no rate #{}: {}", k + 1, has()));
        let value = match which {
            Which::Position(n) => return at(n - 1),
            Which::Value(v) => v,
            Which::Each => {
                let k = self.each.unwrap_or_default();
                if !baseline {
                    return at(k);
                }
                // The baseline's rate of the same place, where it is the same; else wherever it stands.
                let wanted = self.run.rates.get(k).map(|r| r.rate).ok_or_else(|| "the run has no rate".to_owned())?;
                if let Some(same) = numbers.rates.get(k).filter(|r| equal(r.rate, wanted)) {
                    return Ok(same);
                }
                wanted
            }
        };
        let mut matching = numbers.rates.iter().filter(|r| equal(r.rate, value));
        match (matching.next(), matching.next()) {
            (Some(r), None) => Ok(r),
            (None, _) => Err(format!("{whose} has no rate {value}: {}", has())),
            (Some(_), Some(_)) => Err(format!("{whose} has the rate {value} more than once: write rate[#1] for the first")),
        }
    }
}

fn absent(name: &names::Name, numbers: &Numbers, of_rate: bool) -> &'static str {
    if !of_rate && numbers.rates.is_empty() && name.scope != names::Scope::Whole { "there is no report of the load" } else { name.absent }
}

pub(super) fn equal(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= EQUAL * a.abs().max(b.abs())
}

fn one(named: &Named, name: String, place: &Place<'_>) -> RuleResult {
    let rule: &Rule = &named.rule;
    let number = |r: &Ref| place.number(r).map(|v| (v, r.unit)).map_err(Wrong::Absent);
    let side = |e: &super::parse::Expr| -> Result<Quantity, String> {
        match e.evaluate(&number) {
            Ok((v, _)) if !v.is_finite() => Err("no finite number: something is divided by zero, or too large".into()),
            Ok(q) => Ok(q),
            Err(Wrong::Absent(why) | Wrong::Unit(_, why)) => Err(why),
        }
    };
    let (left, right) = (side(&rule.left), side(&rule.right));
    let mut reasons: Vec<String> = [&left, &right].into_iter().filter_map(|s| s.clone().err()).collect();
    reasons.dedup();
    let both = match (&left, &right) {
        (Ok(l), Ok(r)) => align(*l, *r).map_err(|e| reasons.push(e)).ok(),
        _ => None,
    };
    let holds = both.is_some_and(|(l, r, _)| match rule.op {
        "<" => l < r && !equal(l, r),
        "<=" => l < r || equal(l, r),
        ">" => l > r && !equal(l, r),
        ">=" => l > r || equal(l, r),
        _ => equal(l, r),
    });
    let margin = both.and_then(|(l, r, _)| match rule.op {
        "<" | "<=" => Some((r - l) / r.abs()),
        ">" | ">=" => Some((l - r) / r.abs()),
        _ => None,
    });
    let verdict = match (holds, named.level) {
        (true, _) => RuleVerdict::Pass,
        (false, Level::Warn) => RuleVerdict::Warn,
        (false, Level::Fail) => RuleVerdict::Fail,
    };
    // What one side alone tells is shown, too.
    let (l, r, unit) = match (both, &left, &right) {
        (Some((l, r, u)), ..) => (Some(l), Some(r), u.word()),
        (None, Ok((v, u)), _) => (Some(*v), None, u.word()),
        (None, _, Ok((v, u))) => (None, Some(*v), u.word()),
        _ => (None, None, ""),
    };
    RuleResult {
        name,
        rule: rule.text.clone(),
        level: named.level,
        verdict,
        left: l,
        op: rule.op.into(),
        right: r,
        unit: unit.into(),
        margin: margin.filter(|m| m.is_finite()),
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
