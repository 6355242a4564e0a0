//! Many settings at once: every combination of the values that are given, each played with a few seeds, and which of them no other
//! one beats.

use super::experiment::experiment;
use super::judged::{self, Run};
use super::parallel::in_order;
use super::{Options, With, assumptions, invalid, refused};
use crate::config::coefficients::LoadedCoefficients;
use crate::config::scenario::override_resolved;
use bench_analysis::forecast::band;
use bench_model::plan::{Arm, Plan};
use bench_model::sweep::{Sweep, SweepPoint};
use bench_sim::input::Experiment;
use bench_sim::score::Score;

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

/// Arms that are played when no flag names them.
pub const ARMS: [Arm; 2] = [Arm::Wva, Arm::Hpa];

/// Whether a key can change anything of an arm.
fn concerns(key: &str, arm: Arm) -> bool {
    const SCALING: [&str; 6] = ["stabilization", "max_replicas", "start_replicas", "up.pods", "scaling.", "reset.start_replicas"];
    let about = |prefixes: &[&str]| prefixes.iter().any(|p| key.starts_with(p));
    match arm {
        Arm::Hpa => !about(&["arm.wva.", "wva.", "arm.static"]),
        Arm::Wva => !about(&["arm.hpa.", "hpa.", "arm.static"]),
        // A fixed fleet has its size from the arm, and nothing scales it.
        _ => !about(&["arm.", "hpa.", "wva."]) && !about(&SCALING),
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
    /// `None`: as many as [`SEEDS`] says.
    pub seeds: Option<u32>,
    pub with: With<'a>,
}

/// Seeds of a sweep of at most so many points: as many as of a plain prediction, so that both say the same; and of a larger one.
pub const SEEDS: (usize, u32, u32) = (20, 20, 5);

/// Every arm over the values of its own keys, and those that have none as they are. In the order of arms and axes, the last axis fastest.
///
/// # Errors
/// Exit code 2: a key or value that the scenario does not take, that no arm has, or a point that cannot be simulated.
pub fn sweep(s: &Request<'_>) -> anyhow::Result<Sweep> {
    let points = points(s)?;
    let n = s.seeds.unwrap_or(if points.len() <= SEEDS.0 { SEEDS.1 } else { SEEDS.2 });
    let seeds = n as usize;
    let c = &s.coefficients.coefficients;
    let slo = judged::slo(&s.with.goal.slo);
    let one = |plan: &Plan, k: u64| -> anyhow::Result<Run> {
        let e: Experiment = experiment(plan, c, &s.options, s.first_seed.wrapping_add(k))?;
        Run::play(&e, slo).map_err(|e| invalid(&e, plan))
    };
    let played = in_order(points.len() * seeds, s.with.threads, s.with.report, |job| one(&points[job / seeds].plan, (job % seeds) as u64));
    let played = played.into_iter().collect::<anyhow::Result<Vec<Run>>>()?;
    let Some(plan) = s.plans.first().or(points.first().map(|p| &p.plan)) else {
        return Err(refused("there is no arm to sweep", "name one or more: --arms wva,hpa"));
    };
    let told = assumptions(plan, c, &s.options)?;
    let all_seeds =
        (0..u64::from(n)).map(|k| experiment(&Plan { arm: Arm::None, ..plan.clone() }, c, &s.options, s.first_seed.wrapping_add(k)));
    let all_seeds = all_seeds.collect::<anyhow::Result<Vec<Experiment>>>()?;
    let yard = judged::yardstick(&all_seeds, plan, s.first_seed, vec![], &s.with).map_err(|e| invalid(&e, plan))?;
    let of_points = points.iter().zip(played.chunks(seeds.max(1)));
    let arms: Vec<judged::Arm<'_>> =
        of_points.clone().map(|(p, runs)| judged::Arm { name: p.name(), plan: &p.plan, runs: runs.to_vec() }).collect();
    Ok(Sweep {
        schema_version: bench_model::SCHEMA_VERSION,
        bench_version: env!("CARGO_PKG_VERSION").into(),
        load: plan.profile.as_ref().map(|p| p.name.clone()).unwrap_or_default(),
        model: plan.scenario.model.clone(),
        router: told.router.clone(),
        seeds: n,
        points: of_points.map(|(p, runs)| summary(p, runs)).collect(),
        judgement: judged::judge(&arms, yard.as_ref(), s.with.goal, told.in_short(s.first_seed, n)),
    })
}

struct Planned {
    plan: Plan,
    values: Vec<(String, String)>,
}

impl Planned {
    /// The arm with the settings that tell it from others: `hpa, kv=0.5`.
    fn name(&self) -> String {
        let short =
            |key: &str| ["arm.hpa.target.", "arm.hpa.", "arm.wva."].iter().find_map(|p| key.strip_prefix(p)).unwrap_or(key).to_owned();
        let own = self.values.iter().filter(|(k, _)| k != "arm.static").map(|(k, v)| format!("{}={v}", short(k)));
        std::iter::once(self.plan.arm.to_string()).chain(own).collect::<Vec<_>>().join(", ")
    }
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
    let Some(base) = s.plans.first() else { return Ok(vec![]) };
    refuse_overlap(base, s.axes)?;
    // Fleets that an axis names are arms like the others; one that is named twice is one.
    let mut arms: Vec<(Plan, Vec<(String, String)>)> = s.plans.iter().map(|p| (p.clone(), vec![])).collect();
    for axis in s.axes.iter().filter(|a| a.key == "arm.static") {
        for value in &axis.values {
            let values = vec![(axis.key.clone(), value.clone())];
            let plan = changed(base, &values)?;
            arms.retain(|(p, _)| p.arm != plan.arm);
            arms.push((plan, values));
        }
    }
    if let Some(axis) = s.axes.iter().find(|a| a.key != "arm.static" && !arms.iter().any(|(p, _)| concerns(&a.key, p.arm))) {
        let named = bench_analysis::and(arms.iter().map(|(p, _)| p.arm.to_string()));
        return Err(refused(format!("--sweep {}: it changes nothing of {named}", axis.key), "name an arm that has it: --arms wva,hpa"));
    }
    let own = |arm: Arm| s.axes.iter().filter(move |a| concerns(&a.key, arm));
    let count = arms.iter().try_fold(0_usize, |all, (p, _)| {
        own(p.arm).try_fold(1_usize, |n, a| n.checked_mul(a.values.len()))?.checked_add(all).filter(|n| *n <= MAX_POINTS)
    });
    let Some(count) = count else {
        return Err(refused(format!("the sweep has over {MAX_POINTS} points"), "fewer values on an axis: KEY=FROM..TO/COUNT"));
    };
    let mut out = Vec::with_capacity(count);
    for (plan, fixed) in &arms {
        let axes: Vec<&Axis> = own(plan.arm).collect();
        for i in 0..axes.iter().map(|a| a.values.len()).product::<usize>() {
            let mut rest = i;
            let mut values: Vec<(String, String)> = Vec::new();
            for axis in axes.iter().rev() {
                values.push((axis.key.clone(), axis.values[rest % axis.values.len()].clone()));
                rest /= axis.values.len();
            }
            values.reverse();
            out.push(Planned { plan: changed(plan, &values)?, values: [fixed.clone(), values].concat() });
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

fn summary(p: &Planned, runs: &[Run]) -> SweepPoint {
    let over = |value: &dyn Fn(&Score) -> f64| band(runs.iter().map(|r| value(&r.score)));
    let median = |value: &dyn Fn(&Score) -> f64| over(value).map_or(0.0, |b| b.median);
    // What happens in half of the seeds or fewer is not said to happen.
    let mostly = |value: &dyn Fn(&Score) -> f64| {
        let known = runs.iter().filter(|r| value(&r.score).is_finite()).count();
        over(value).filter(|_| known * 2 > runs.len()).map(|b| b.median)
    };
    #[allow(clippy::cast_precision_loss)]
    SweepPoint {
        arm: p.plan.arm,
        values: p.values.clone(),
        ttft_p99_s: mostly(&|s| s.ttft_p99_s),
        failed: median(&|s| s.failed as f64),
        max_ready: median(&|s| f64::from(s.max_ready)),
        first_scale_up_s: mostly(&|s| s.first_scale_up_s),
    }
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
}
