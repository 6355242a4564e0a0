//! A number over the last runs of one plan, and a gate against them.

use super::{find, index};
use crate::config::gate::Gate;
use crate::failure::Failure;
use crate::ops::gate::{Judged, of_directory, of_run, prepare};
use bench_analysis::gate::{Named, RuleError, judge, names};
use bench_analysis::trend::{LEAST_RUNS, counts, limits, worse};
use bench_model::SCHEMA_VERSION;
use bench_model::exit::Exit;
use bench_model::run::RunState;
use bench_model::scorecard::Slo;
use bench_model::summary::Verdict;
use bench_model::trend::{Point, Trend, Worse};
use std::path::{Path, PathBuf};

/// What is asked.
pub struct Request<'a> {
    pub results: &'a Path,
    /// A number's name or an expression over names, as in a rule.
    pub metric: &'a str,
    /// The newest of the runs.
    pub run: &'a str,
    /// How many earlier runs of its plan, at most.
    pub last: usize,
    pub slo: Slo,
    /// Share of the mean that a run may differ, however well the earlier ones agree.
    pub tolerance: f64,
    /// Instead of what the number's name says.
    pub worse: Option<Worse>,
}

/// The trend, and the directory of the newest run.
pub struct Found {
    pub trend: Trend,
    dir: PathBuf,
}

/// Reads the number of each run anew.
///
/// # Errors
/// A number that there is not, a run that cannot be found.
pub fn trend(r: &Request<'_>) -> anyhow::Result<Found> {
    // As a side of a rule it is read, checked and computed like everywhere else.
    let text = format!("{} >= 0", r.metric);
    let rule = Named::new(&text).map_err(|e| no_number(r.metric, &e))?;
    if rule.rule.needs_baseline() || rule.rule.of_each_rate() {
        return Err(Failure::new(Exit::Usage, format!("{} is not one number of a run", r.metric))
            .hint("write rate[5].NAME for one rate; bench gate --names lists what can be asked")
            .into());
    }
    let (dir, newest) = find(r.results, r.run)?;
    let mut same: Vec<(PathBuf, _)> = index::list(r.results)?
        .runs
        .into_iter()
        .map(|(dir, run, _)| (dir, run))
        .filter(|(_, run)| run.hashes.plan == newest.hashes.plan && run.source == newest.source && run.id != newest.id)
        .filter(|(_, run)| run.state == RunState::Complete && run.times.created <= newest.times.created)
        .collect();
    same.drain(..same.len().saturating_sub(r.last));
    same.push((dir.clone(), newest.clone()));
    let mut runs = Vec::new();
    let mut unit = String::new();
    for (dir, run) in &same {
        let found = of_directory(dir, gate_of(r).terms())?;
        let judged = judge(std::slice::from_ref(&rule), &found.numbers, None).into_iter().next();
        let value = judged.as_ref().and_then(|j| j.left);
        if let Some(j) = judged.as_ref().filter(|j| j.left.is_some()) {
            unit.clone_from(&j.unit);
        }
        let why = judged.and_then(|j| j.reason).filter(|_| value.is_none());
        runs.push(Point { run: run.id.clone(), created: run.times.created, verdict: found.verdict, value, why });
    }
    let earlier = &runs[..runs.len().saturating_sub(1)];
    let limits = limits(earlier, r.tolerance, r.worse.unwrap_or_else(|| worse(r.metric)));
    let plan = newest.hashes.plan.clone();
    Ok(Found { trend: Trend { schema_version: SCHEMA_VERSION, metric: r.metric.into(), unit, plan, runs, limits }, dir })
}

/// Judges the newest run by what the earlier ones allow, as `bench gate` does.
///
/// # Errors
/// Exit code 4 when there are too few of them: then the gate can neither pass nor fail.
pub fn gate(r: &Request<'_>, found: &Found) -> anyhow::Result<Judged> {
    let Some(l) = &found.trend.limits else { return Err(too_few(r.metric, &found.trend).into()) };
    let mut gate = gate_of(r);
    gate.rule(&match l.worse {
        Worse::Up => format!("{} <= {}", r.metric, digits(l.high, 1.0)),
        Worse::Down => format!("{} >= {}", r.metric, digits(l.low, -1.0)),
    })?;
    of_run(&found.dir, &prepare(r.results, gate, false)?)
}

fn gate_of(r: &Request<'_>) -> Gate {
    Gate { slo: r.slo, ..Gate::default() }
}

/// In the words of whoever wrote only the metric.
fn no_number(metric: &str, e: &RuleError) -> Failure {
    let near = e.unknown.as_ref().and_then(|word| crate::config::nearest(word, names::all().iter().map(|n| n.name.as_str())));
    let near = near.map(|n| format!("did you mean {n}? ")).unwrap_or_default();
    let why = match &e.unknown {
        Some(word) if word == metric => e.message.clone(),
        Some(_) => format!("{metric}: {}", e.message),
        None => format!("{metric} is no number of a run: {}", e.message),
    };
    Failure::new(Exit::Usage, why).hint(format!("{near}bench gate --names lists them"))
}

/// Is it runs that are missing, or what they should tell?
fn too_few(metric: &str, t: &Trend) -> Failure {
    let earlier = &t.runs[..t.runs.len().saturating_sub(1)];
    let n = earlier.len();
    let tell = earlier.iter().filter(|p| counts(p)).count();
    let hint = format!("{LEAST_RUNS} that are valid and have the number tell what differs from run to run; until then leave --gate out");
    if tell == n {
        return Failure::new(Exit::Invalid, format!("{n} earlier runs of plan {} are too few to judge by", t.plan)).hint(hint);
    }
    let why = |p: &Point| match (&p.why, p.verdict) {
        (_, Verdict::Invalid) => format!("{}: is not valid", p.run),
        (Some(why), _) => format!("{}: {why}", p.run),
        (None, _) => format!("{}: {metric} is no finite number", p.run),
    };
    let evidence = earlier.iter().filter(|p| !counts(p)).map(why).collect();
    Failure::new(Exit::Invalid, format!("{tell} of {n} earlier runs of plan {} are valid and have {metric}: too few to judge by", t.plan))
        .evidence(evidence)
        .hint(hint)
}

/// Six digits, rounded to the side that lets pass.
fn digits(v: f64, side: f64) -> String {
    let near: f64 = format!("{v:.5e}").parse().unwrap_or(v);
    let last = 10_f64.powf(v.abs().max(1e-300).log10().floor() - 5.0);
    let v = if (near - v) * side < 0.0 { near + side * last } else { near };
    format!("{v:.5e}").parse::<f64>().map_or_else(|_| v.to_string(), |v| v.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_has_digits_that_people_read() {
        assert_eq!(digits(1309.3862406, 1.0), "1309.39");
        assert_eq!(digits(1309.3842406, 1.0), "1309.39");
        assert_eq!(digits(0.987_654_399, -1.0), "0.987654");
        assert_eq!(digits(0.987_654_999, -1.0), "0.987654");
        assert_eq!(digits(0.0, 1.0), "0");
    }
}
