//! Many settings at once: every combination of the values that are given, each played with a few seeds, and which of them no other
//! one beats.

use super::experiment::experiment;
use super::parallel::in_order;
use super::{Options, assumptions, invalid, refused};
use crate::config::coefficients::LoadedCoefficients;
use crate::config::scenario::override_resolved;
use crate::report::Reporter;
use bench_analysis::forecast::band;
use bench_model::forecast::Band;
use bench_model::plan::{Arm, Plan};
use bench_model::sweep::{Sweep, SweepPoint};
use bench_sim::input::Experiment;
use bench_sim::score::{Score, Slo, score};
use bench_sim::time::{Ps, seconds};

/// Points that a sweep may have; each is several runs.
const MAX_POINTS: usize = 100_000;

/// One swept setting: `KEY=0.5..0.9/5` (five values, both ends included) or `KEY=0,60,240`.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    pub key: String,
    pub values: Vec<String>,
}

impl Axis {
    /// # Errors
    /// A sentence that says how it is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "write KEY=FROM..TO/COUNT or KEY=A,B,C, e.g. arm.hpa.target.kv=0.5..0.9/5 or stabilization=0,60,240";
        let (key, values) = text.split_once('=').ok_or_else(|| format!("`{text}` has no `=`: {FORM}"))?;
        if key.is_empty() || values.is_empty() {
            return Err(format!("`{text}` lacks a key or values: {FORM}"));
        }
        let values: Vec<String> = match values.split_once("..") {
            None => values.split(',').map(|v| v.trim().to_owned()).collect(),
            Some((from, rest)) => {
                let (to, count) = rest.split_once('/').ok_or_else(|| format!("`{values}` says not how many values: {FORM}"))?;
                let number = |t: &str| t.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| format!("`{t}` is no number: {FORM}"));
                let (from, to) = (number(from)?, number(to)?);
                let count: u32 = count
                    .parse()
                    .ok()
                    .filter(|n| (2..=10_000).contains(n))
                    .ok_or_else(|| format!("`{count}` in `{text}` is no count of values from 2 to 10000: {FORM}"))?;
                // From a whole number to a whole number, far enough apart: whole steps, as seconds and replicas must be.
                let whole = from.fract() == 0.0 && to.fract() == 0.0 && (to - from).abs() >= f64::from(count - 1);
                let at = |i: u32| from + (to - from) * f64::from(i) / f64::from(count - 1);
                (0..count).map(|i| plain(if whole { at(i).round() } else { at(i) })).collect()
            }
        };
        let mut seen = std::collections::BTreeSet::new();
        let values: Vec<String> = values.into_iter().filter(|v| seen.insert(v.clone())).collect();
        if values.iter().any(String::is_empty) {
            return Err(format!("a value in `{text}` is empty: {FORM}"));
        }
        Ok(Self { key: key.trim().to_owned(), values })
    }
}

/// A number without the noise of its last binary digits.
fn plain(v: f64) -> String {
    let rounded = (v * 1e6).round() / 1e6;
    // No minus zero.
    format!("{}", rounded + 0.0)
}

/// What one value of an axis changes.
enum Change {
    Arm(Arm),
    Set(Vec<String>),
}

fn change(plan: &Plan, key: &str, value: &str) -> anyhow::Result<Change> {
    let set = |path: &str| Ok(Change::Set(vec![format!("{path}={value}")]));
    let window = |direction: &str| format!("scaling.{direction}.stabilization_window_s={value}");
    match key {
        "stabilization" => Ok(Change::Set(vec![window("scale_up"), window("scale_down")])),
        "stabilization.up" => Ok(Change::Set(vec![window("scale_up")])),
        "stabilization.down" => Ok(Change::Set(vec![window("scale_down")])),
        "max_replicas" => set("scaling.max_replicas"),
        "start_replicas" => set("reset.start_replicas"),
        "up.pods" => set("scaling.scale_up.policies[0].value"),
        "arm.wva.interval" => set("wva.interval_s"),
        "arm.static" => {
            let n = value
                .parse()
                .map_err(|_| refused(format!("--sweep arm.static: `{value}` is no number of replicas"), "arm.static=1..6/6"))?;
            Ok(Change::Arm(Arm::Static(n)))
        }
        _ => {
            if let Some(metric) = key.strip_prefix("arm.hpa.target.") {
                let name = match metric {
                    "waiting" => "vllm:num_requests_waiting",
                    "running" => "vllm:num_requests_running",
                    "kv" => "vllm:kv_cache_usage_perc",
                    other => other,
                };
                let metrics = &plan.scenario.hpa.metrics;
                let Some(i) = metrics.iter().position(|m| m.name == name) else {
                    let known: Vec<&str> = metrics.iter().map(|m| m.name.as_str()).collect();
                    return Err(refused(format!("--sweep {key}: the HPA has no metric {name}"), format!("it has {}", known.join(", "))));
                };
                return Ok(Change::Set(vec![format!("hpa.metrics[{i}].average_value=\"{value}\"")]));
            }
            set(&key.strip_prefix("arm.wva.").map_or_else(|| key.to_owned(), |k| format!("wva.thresholds.{k}")))
        }
    }
}

/// Which arms a sweep is about, when no flag says so: those that its keys can change.
pub fn arms(axes: &[Axis]) -> Vec<Arm> {
    let about = |prefix: &str| axes.iter().any(|a| a.key.starts_with(prefix));
    if about("arm.static") {
        // The axis says how many.
        return vec![Arm::Static(1)];
    }
    match (about("arm.wva.") || about("wva."), about("arm.hpa.") || about("hpa.")) {
        (true, false) => vec![Arm::Wva],
        (false, true) => vec![Arm::Hpa],
        _ => vec![Arm::Wva, Arm::Hpa],
    }
}

/// A sweep as asked for.
pub struct Request<'a> {
    /// One an arm.
    pub plans: &'a [Plan],
    pub axes: &'a [Axis],
    pub coefficients: &'a LoadedCoefficients,
    pub options: Options,
    pub first_seed: u64,
    pub seeds: u32,
    pub threads: usize,
    pub report: &'a Reporter,
    pub slo: Slo,
}

/// Every combination, in the order of arms and axes, the last axis fastest.
///
/// # Errors
/// Exit code 2: a key or value that the scenario does not take, or a point that cannot be simulated.
pub fn sweep(s: &Request<'_>) -> anyhow::Result<Sweep> {
    let points = points(s)?;
    let seeds = s.seeds as usize;
    let jobs = points.len() * seeds;
    let played = in_order(jobs, s.threads, s.report, |job| one(s, &points[job / seeds].plan, (job % seeds) as u64));
    let scores = played.into_iter().collect::<anyhow::Result<Vec<Score>>>()?;
    let (Some(first), Some(plan)) = (points.first(), s.plans.first()) else {
        return Err(refused("there is no arm to sweep", "name one or more: --arms wva,hpa"));
    };
    let e = experiment(&first.plan, &s.coefficients.coefficients, &s.options, s.first_seed)?;
    let mut out = Sweep {
        schema_version: bench_model::SCHEMA_VERSION,
        bench_version: env!("CARGO_PKG_VERSION").into(),
        load: plan.profile.as_ref().map(|p| p.name.clone()).unwrap_or_default(),
        model: plan.scenario.model.clone(),
        router: assumptions(plan, &s.coefficients.coefficients, &s.options)?.router,
        seeds: s.seeds,
        slo: slo_text(&s.slo),
        span_s: seconds(span(&e)),
        points: points.iter().zip(scores.chunks(seeds.max(1))).map(|(p, scores)| summary(p, scores)).collect(),
    };
    out.mark_front();
    Ok(out)
}

struct Planned {
    plan: Plan,
    values: Vec<(String, String)>,
}

/// Two axes that set the same key would show values that were not played.
fn refuse_overlap(plan: &Plan, axes: &[Axis]) -> anyhow::Result<()> {
    let mut owner: std::collections::BTreeMap<String, &str> = std::collections::BTreeMap::new();
    for axis in axes {
        let value = axis.values.first().map_or("", String::as_str);
        let paths: Vec<String> = match change(plan, &axis.key, value)? {
            Change::Arm(_) => vec!["the arm".into()],
            Change::Set(sets) => sets.iter().map(|s| s.split('=').next().unwrap_or_default().to_owned()).collect(),
        };
        for path in paths {
            if let Some(other) = owner.insert(path.clone(), &axis.key) {
                return Err(refused(
                    format!("--sweep {} and --sweep {other} both set {path}", axis.key),
                    "sweep each key once: one --sweep with all its values",
                ));
            }
        }
    }
    Ok(())
}

fn points(s: &Request<'_>) -> anyhow::Result<Vec<Planned>> {
    if let Some(plan) = s.plans.first() {
        refuse_overlap(plan, s.axes)?;
    }
    if s.axes.iter().any(|a| a.key == "arm.static") && s.plans.iter().any(|p| !matches!(p.arm, Arm::Static(_))) {
        return Err(refused("--sweep arm.static names the arms itself", "leave out --wva, --hpa and --arms"));
    }
    let count = s.axes.iter().try_fold(s.plans.len(), |n, a| n.checked_mul(a.values.len()).filter(|n| *n <= MAX_POINTS));
    let Some(count) = count else {
        return Err(refused(format!("the sweep has over {MAX_POINTS} points"), "fewer values on an axis: KEY=FROM..TO/COUNT"));
    };
    let mut out = Vec::with_capacity(count);
    for plan in s.plans {
        for i in 0..count / s.plans.len().max(1) {
            let mut rest = i;
            let mut values: Vec<(String, String)> = Vec::new();
            for axis in s.axes.iter().rev() {
                values.push((axis.key.clone(), axis.values[rest % axis.values.len()].clone()));
                rest /= axis.values.len();
            }
            values.reverse();
            out.push(Planned { plan: changed(plan, &values)?, values });
        }
    }
    Ok(out)
}

fn changed(plan: &Plan, values: &[(String, String)]) -> anyhow::Result<Plan> {
    let (mut scenario, mut arm) = (plan.scenario.clone(), plan.arm);
    let mut sets = Vec::new();
    for (key, value) in values {
        match change(plan, key, value)? {
            Change::Arm(a) => arm = a,
            Change::Set(s) => sets.extend(s),
        }
    }
    override_resolved(&mut scenario, &sets)?;
    Ok(Plan::new(scenario, plan.profile.clone(), arm, plan.facts.clone(), vec![]))
}

fn one(s: &Request<'_>, plan: &Plan, k: u64) -> anyhow::Result<Score> {
    let e: Experiment = experiment(plan, &s.coefficients.coefficients, &s.options, s.first_seed.wrapping_add(k))?;
    let played = bench_sim::run(&e).map_err(|e| invalid(&e, plan))?;
    Ok(score(&played, &e, s.slo, Some(span(&e))))
}

/// From the load's start: the load, its gaps, and the longest tail. A fleet that has settled stays as it is.
fn span(e: &Experiment) -> Ps {
    let rates = i64::try_from(e.load.rates.len()).unwrap_or(i64::MAX);
    i64::from(e.load.seconds) * bench_sim::time::PS_PER_S * rates + e.load.gap * (rates - 1).max(0) + e.load.tail_limit
}

fn summary(p: &Planned, scores: &[Score]) -> SweepPoint {
    let over = |value: &dyn Fn(&Score) -> f64| band(scores.iter().map(value));
    let median = |value: &dyn Fn(&Score) -> f64| over(value).map_or(0.0, |b| b.median);
    // What happens in half of the seeds or fewer is not said to happen.
    let mostly = |value: &dyn Fn(&Score) -> f64| {
        let known = scores.iter().filter(|s| value(s).is_finite()).count();
        over(value).filter(|_| known * 2 > scores.len()).map(|b| b.median)
    };
    #[allow(clippy::cast_precision_loss)]
    SweepPoint {
        arm: p.plan.arm,
        values: p.values.clone(),
        slo_met: over(&Score::attainment),
        replica_s: over(&|s| s.replica_s).unwrap_or(Band { median: 0.0, p5: 0.0, p95: 0.0 }),
        ttft_p99_s: mostly(&|s| s.ttft_p99_s),
        failed: median(&|s| s.failed as f64),
        max_ready: median(&|s| f64::from(s.max_ready)),
        first_scale_up_s: mostly(&|s| s.first_scale_up_s),
        on_front: false,
    }
}

/// `ttft=500ms,itl=50ms`; what is left out stays as it is.
///
/// # Errors
/// A sentence that says how it is written.
pub fn slo(text: &str) -> Result<Slo, String> {
    const FORM: &str = "write ttft=1s,itl=50ms";
    let mut slo = DEFAULT_SLO;
    for part in text.split(',').filter(|p| !p.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| format!("`{part}` has no `=`: {FORM}"))?;
        let (number, unit) = value.split_at(value.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(value.len()));
        let scale = match unit {
            "s" => 1.0,
            "ms" => 1e-3,
            _ => return Err(format!("`{value}` needs a unit, s or ms: {FORM}")),
        };
        let value = number
            .parse::<f64>()
            .ok()
            .filter(|v| v.is_finite() && *v > 0.0 && *v < 1e5)
            .ok_or_else(|| format!("`{number}` is no time: {FORM}"))?;
        let time = bench_sim::time::from_seconds(value * scale);
        match name {
            "ttft" => slo.ttft = time,
            "itl" => slo.itl = time,
            _ => return Err(format!("`{name}` is neither ttft nor itl: {FORM}")),
        }
    }
    Ok(slo)
}

/// What a sweep asks of a request when nothing else is said.
pub const DEFAULT_SLO: Slo = Slo { ttft: bench_sim::time::PS_PER_S, itl: 50 * bench_sim::time::PS_PER_MS, ..Slo::NONE };

/// `TTFT 1 s, ITL 50 ms`.
pub fn slo_text(slo: &Slo) -> String {
    format!("TTFT from due {} s, mean ITL {} ms", seconds(slo.ttft), seconds(slo.itl) * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_ranges_or_lists() {
        let values = |t: &str| Axis::parse(t).unwrap().values;
        assert_eq!(values("k=0.5..0.9/5"), ["0.5", "0.6", "0.7", "0.8", "0.9"]);
        assert_eq!(values("k=0..240/3"), ["0", "120", "240"]);
        assert_eq!(values("k=3..1/2"), ["3", "1"]);
        assert_eq!(values("k=60,60,0"), ["60", "0"]);
        assert_eq!(values("k=0..10/4"), ["0", "3", "7", "10"]);
        assert_eq!(values("k=0..1/3"), ["0", "0.5", "1"]);
        assert_eq!(values("stabilization=0, 60,240"), ["0", "60", "240"]);
        for (bad, said) in
            [("k", "no `=`"), ("k=", "lacks"), ("k=1..2", "how many"), ("k=1..x/3", "`x`"), ("k=1..2/1", "count"), ("k=1,,2", "empty")]
        {
            let message = Axis::parse(bad).unwrap_err();
            assert!(message.contains(said) && message.contains("KEY="), "{bad}: {message}");
        }
    }

    #[test]
    fn an_slo_has_units() {
        assert_eq!(slo("ttft=500ms").unwrap(), Slo { ttft: 500 * bench_sim::time::PS_PER_MS, ..DEFAULT_SLO });
        assert_eq!(slo("itl=0.02s,ttft=2s").unwrap().itl, 20 * bench_sim::time::PS_PER_MS);
        for (bad, said) in [("ttft=5", "unit"), ("e2e=1s", "neither"), ("ttft", "no `=`"), ("ttft=-1s", "no time")] {
            assert!(slo(bad).unwrap_err().contains(said), "{bad}");
        }
    }
}
