//! The HPA's syncs, replayed from what was recorded by the exact controller. Every sync starts from the recorded replicas, and the
//! policies count the recorded scalings, so that a difference does not bend all that follows.

use super::input::Input;
use super::samples::{Metric, before};
use bench_model::plan::Arm;
use bench_model::quantity::milli;
use bench_model::scenario::{Behavior, PolicyKind, SelectPolicy};
use bench_model::tables::Decision;
use bench_sim::autoscaler::hpa;

/// Names under which WVA exports the number it wants; the first is v0.4's.
pub(super) const GAUGES: [&str; 2] = ["inferno_desired_replicas", "wva_desired_replicas"];

/// The arm's HPA.
pub(super) struct Scaler {
    pub spec: hpa::Spec,
    pub config: hpa::Config,
    /// Name and target in thousandths.
    pub targets: Vec<(String, i64)>,
    pub period_s: f64,
    /// It carries out what WVA wants.
    pub of_wva: bool,
}

impl Scaler {
    /// # Errors
    /// In one sentence, why the plan's HPA cannot be replayed.
    pub fn of(i: &Input<'_>) -> Result<Self, String> {
        let s = &i.plan.scenario;
        let of_wva = i.run.arm == Arm::Wva;
        let targets = if of_wva {
            let gauge = if super::wva::is_v04(&s.wva.chart_version) { GAUGES[0] } else { GAUGES[1] };
            vec![(gauge.to_owned(), 1000)]
        } else {
            let read = |m: &bench_model::scenario::HpaMetric| match milli(&m.average_value).filter(|v| *v > 0) {
                Some(v) => Ok((m.name.clone(), v)),
                None => Err(format!("The plan's target of {} is no quantity above 0, so the HPA is not replayed.", m.name)),
            };
            s.hpa.metrics.iter().map(read).collect::<Result<_, _>>()?
        };
        let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let spec = hpa::Spec {
            min: count(s.scaling.min_replicas),
            max: count(s.scaling.max_replicas),
            metrics: targets.iter().map(|(_, v)| hpa::MetricSpec::External(hpa::Target::AverageValue(*v))).collect(),
            behavior: Some(hpa::Behavior { up: rules(&s.scaling.scale_up), down: rules(&s.scaling.scale_down) }),
        };
        let old = i.plan.facts.as_ref().and_then(|f| minor(&f.kubernetes)).is_some_and(|v| v < (1, 33));
        let flavour = if old { hpa::ToleranceFlavour::Distance } else { hpa::ToleranceFlavour::Bounds };
        let period_s = f64::from(s.reset.hpa_sync_period_s).clamp(1.0, 3600.0);
        Ok(Self { spec, config: hpa::Config { flavour, ..hpa::Config::default() }, targets, period_s, of_wva })
    }

    pub fn window_s(&self, up: bool) -> i64 {
        let b = self.spec.behavior.as_ref();
        b.and_then(|b| if up { b.up.window_s } else { b.down.window_s }).map_or(self.config.down_window_s, i64::from)
    }
}

fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split('.').map(|p| p.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok());
    Some((parts.next()??, parts.next()??))
}

fn rules(b: &Behavior) -> hpa::Rules {
    let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    hpa::Rules {
        window_s: Some(count(b.stabilization_window_s)),
        select: match b.select_policy {
            SelectPolicy::Max => hpa::SelectPolicy::Max,
            SelectPolicy::Min => hpa::SelectPolicy::Min,
            SelectPolicy::Disabled => hpa::SelectPolicy::Disabled,
        },
        policies: b
            .policies
            .iter()
            .map(|p| hpa::Policy {
                kind: if p.kind == PolicyKind::Pods { hpa::PolicyKind::Pods } else { hpa::PolicyKind::Percent },
                value: count(p.value),
                period_s: count(p.period_s),
            })
            .collect(),
        tolerance: None,
    }
}

/// One sync.
pub(super) struct Sync<'a> {
    pub t: f64,
    /// `spec.replicas` and `status.replicas` that it found.
    pub spec: u32,
    pub status: u32,
    /// `spec.replicas` after it, as recorded.
    pub to: u32,
    /// Of each metric, the values by pod.
    pub values: Vec<Vec<(String, f64)>>,
    pub outcome: hpa::Outcome,
    /// When the lowest and the greatest recommendation within their windows were last made.
    pub lowest_at: Option<f64>,
    pub highest_at: Option<f64>,
    /// What the HPA's status said after it; `None` where it did not change.
    pub recorded: Option<&'a Decision>,
}

impl Sync<'_> {
    /// `spec.replicas` after it, as replayed.
    pub fn replayed(&self) -> u32 {
        self.outcome.scale_to.map_or(self.spec, |n| u32::try_from(n).unwrap_or(0))
    }

    /// A metric beyond its tolerance asks for more (`Some(true)`) or all ask for fewer.
    pub fn wants(&self) -> Option<bool> {
        let proposal = self.outcome.proposal?;
        let scales = self.outcome.winner.and_then(|w| self.outcome.metrics.get(w)?.as_ref().ok());
        // Within tolerance the proposal is the status, which may lag behind: nobody asks for that.
        scales.filter(|e| e.verdict == hpa::Verdict::Scale)?;
        match proposal.cmp(&i32::try_from(self.spec).unwrap_or(i32::MAX)) {
            std::cmp::Ordering::Greater => Some(true),
            std::cmp::Ordering::Less => Some(false),
            std::cmp::Ordering::Equal => None,
        }
    }
}

/// When the HPA synchronised: where its status changed, and every period between, counted back from the next change.
fn times<'a>(decisions: &[&'a Decision], period_s: f64, span: (f64, f64), measured: bool) -> Vec<(f64, Option<&'a Decision>)> {
    let off = |a: f64, b: f64| {
        let rest = (b - a) / period_s;
        (rest - rest.round()).abs() * period_s
    };
    let mut anchors: Vec<&Decision> = decisions.iter().copied().filter(|d| d.t >= span.0 && d.t <= span.1).collect();
    // What the recorder found when it came is older than that.
    if let (true, [first, second, ..]) = (measured, anchors.as_slice())
        && off(first.t, second.t) > 2.0
    {
        anchors.remove(0);
    }
    let mut out: Vec<(f64, Option<&Decision>)> = Vec::new();
    for d in anchors {
        let from = out.last().map_or(span.0, |l| l.0 + period_s / 2.0);
        if out.last().is_some() && d.t < from {
            // Two changes of the status within one sync.
            if let Some(last) = out.last_mut() {
                last.1 = Some(d);
            }
            continue;
        }
        let mut between: Vec<f64> = (1..20_000).map(|k| d.t - f64::from(k) * period_s).take_while(|t| *t > from).collect();
        between.reverse();
        out.extend(between.into_iter().map(|t| (t, None)));
        out.push((d.t, Some(d)));
    }
    let start = out.last().map_or(span.0, |l| l.0);
    out.extend((1..20_000).map(|k| start + f64::from(k) * period_s).take_while(|t| *t <= span.1).map(|t| (t, None)));
    out
}

/// Replays every sync; those without any recorded replicas before them are left out.
pub(super) fn replay<'a>(i: &Input<'a>, s: &Scaler) -> Vec<Sync<'a>> {
    let metrics: Vec<Metric> = s.targets.iter().map(|(name, _)| source(i, s, name)).collect();
    let mut controller = hpa::Controller::new(s.config);
    let half = s.period_s / 2.0;
    let points = &i.tables.replicas;
    let mut history: Vec<(f64, i64, i32)> = Vec::new();
    let (mut out, mut nominal, mut last) = (Vec::new(), 0i64, f64::NAN);
    for (t, recorded) in times(&i.decisions("hpa"), s.period_s, i.span, i.measured()) {
        // The recorder sees the Deployment and the HPA change some milliseconds apart, in either order.
        let lag = if i.measured() { 1.0 } else { 0.0 };
        let (Some(spec), Some(status), Some(after)) = (before(points, t - half), before(points, t - lag), before(points, t + half)) else {
            continue;
        };
        let now_ms = now(i.measured(), t, last, s.period_s, &mut nominal);
        last = t;
        let values: Vec<Vec<(String, f64)>> =
            metrics.iter().map(|m| m.instant(t).into_iter().map(|(pod, v)| (pod.to_owned(), v)).collect()).collect();
        let passed: Vec<Vec<i64>> = values.iter().map(|v| adapter(v, s.of_wva, i.measured())).collect();
        let readings: Vec<hpa::Reading<'_>> = passed.iter().map(|v| hpa::Reading::Values(v)).collect();
        let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let seen =
            hpa::Observation { spec_replicas: count(spec.desired), status_replicas: count(status.current), readings: &readings, pods: &[] };
        let outcome = controller.consider(&s.spec, now_ms, &seen);
        if after.desired != spec.desired {
            controller.wrote(&s.spec, count(spec.desired), count(after.desired), now_ms);
        }
        if history.is_empty() {
            history.push((t, now_ms, count(spec.desired)));
        }
        if let Some(p) = outcome.proposal.filter(|_| outcome.stabilized.is_some()) {
            history.push((t, now_ms, p));
        }
        let made = |up: bool, n: Option<i32>| {
            let cutoff = now_ms - s.window_s(up) * 1000;
            history.iter().rev().take_while(|h| h.1 > cutoff || h.1 == now_ms).find(|h| Some(h.2) == n).map(|h| h.0)
        };
        let (lowest, highest) = (outcome.stabilized.map(|x| x.lowest), outcome.stabilized.map(|x| x.highest));
        out.push(Sync {
            t,
            spec: spec.desired,
            status: status.current,
            to: after.desired,
            values,
            lowest_at: made(true, lowest),
            highest_at: made(false, highest),
            outcome,
            recorded,
        });
    }
    out
}

/// Milliseconds for the controller. A measured sync is seen some milliseconds early or late, which would decide at the edges of windows
/// that are a multiple of the period; the real one comes a little more than a period after the last.
fn now(measured: bool, t: f64, last: f64, period_s: f64, nominal: &mut i64) -> i64 {
    #[allow(clippy::cast_possible_truncation)]
    if measured {
        let periods = if last.is_nan() { 1.0 } else { ((t - last) / period_s).round().clamp(1.0, 1e6) };
        *nominal += (periods * (period_s * 1000.0 + 5.0)) as i64;
        *nominal
    } else {
        (t * 1000.0).floor().clamp(-1e15, 1e15) as i64
    }
}

/// Where the HPA's metric comes from: the pods, or WVA's gauge, one series whichever of its processes exports it.
fn source(i: &Input<'_>, s: &Scaler, name: &str) -> Metric {
    if !s.of_wva {
        return i.metric(name);
    }
    let labels = [("exported_namespace", i.run.namespace.as_str()), ("variant_name", i.run.deployment.as_str())];
    Metric::of(i.tables, name, &labels, "variant_name", 10.0)
}

/// What the adapter's rules make of the values by pod ([`docs/arms.md`]): a sum over the pods, cut off at a thousandth. The simulated
/// world cuts every pod's value.
#[allow(clippy::cast_possible_truncation)]
fn adapter(values: &[(String, f64)], of_wva: bool, measured: bool) -> Vec<i64> {
    let cut = |v: f64| (v * 1000.0) as i64;
    if values.is_empty() {
        vec![]
    } else if of_wva {
        values.iter().map(|v| v.1).reduce(f64::max).map(cut).into_iter().collect()
    } else if measured {
        vec![cut(values.iter().map(|v| v.1).sum())]
    } else {
        values.iter().map(|v| cut(v.1)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(t: f64) -> Decision {
        Decision { t, by: "hpa".into(), name: "h".into(), current: None, desired: None, inputs: [].into(), conditions: [].into() }
    }

    #[test]
    fn syncs_fall_every_period_counted_from_the_recorded_ones() {
        let all = [d(4.0), d(49.1), d(64.2)];
        let refs: Vec<&Decision> = all.iter().collect();
        let t: Vec<f64> = times(&refs, 15.0, (0.0, 95.0), false).iter().map(|x| (x.0 * 10.0).round() / 10.0).collect();
        assert_eq!(t, [4.0, 19.1, 34.1, 49.1, 64.2, 79.2, 94.2]);
        // What a recorder finds when it comes is no sync.
        let all = [d(1.0), d(11.0), d(26.0)];
        let refs: Vec<&Decision> = all.iter().collect();
        assert_eq!(times(&refs, 15.0, (0.0, 30.0), true).iter().map(|x| x.0).collect::<Vec<_>>(), [11.0, 26.0]);
        // Nothing recorded: an unknown phase.
        assert_eq!(times(&[], 15.0, (0.0, 30.0), true).len(), 2);
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(["v1.34.2", "1.32", "1.33+", "x"].map(minor), [Some((1, 34)), Some((1, 32)), Some((1, 33)), None]);
    }
}
