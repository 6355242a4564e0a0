//! Syncs in words: why one scaled, and why a span of them did not.

use super::hpa::{Scaler, Sync};
use super::input::Input;
use crate::words::{and, duration, number, visible};
use bench_model::explanation::{Moment, MomentKind};
use bench_sim::autoscaler::hpa::{self, Branch, PolicyKind, Reason, SelectPolicy, Verdict};

/// Thousandths as a decimal number, without zeros at its end.
pub(super) fn decimal(milli: f64) -> String {
    if !milli.is_finite() {
        return milli.to_string();
    }
    let text = format!("{:.3}", milli / 1000.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn replicas(n: u32) -> String {
    if n == 1 { "1 replica".into() } else { format!("{n} replicas") }
}

/// `1 pod per 60 s or 10 % per 60 s`.
fn policies(s: &Scaler, up: bool) -> String {
    let Some(b) = &s.spec.behavior else { return "the built-in limit".into() };
    let r = if up { &b.up } else { &b.down };
    let one = |p: &hpa::Policy| match p.kind {
        PolicyKind::Pods if p.value == 1 => format!("1 pod per {} s", p.period_s),
        PolicyKind::Pods => format!("{} pods per {} s", p.value, p.period_s),
        PolicyKind::Percent => format!("{} % per {} s", p.value, p.period_s),
    };
    let word = match r.select {
        SelectPolicy::Max => " or, if more, ",
        SelectPolicy::Min => " and no more than ",
        SelectPolicy::Disabled => return "scaling in this direction is disabled".into(),
    };
    r.policies.iter().map(one).collect::<Vec<_>>().join(word)
}

/// One metric of a sync: what it was on average over what it should be.
fn against(s: &Scaler, y: &Sync<'_>, k: usize) -> String {
    let Some((name, target)) = s.targets.get(k) else { return String::new() };
    match y.outcome.metrics.get(k) {
        Some(Ok(e)) if s.of_wva => format!("WVA's gauge was {}", decimal(e.ratio * f64::from(y.status) * 1000.0)),
        #[allow(clippy::cast_precision_loss)]
        Some(Ok(e)) => format!("{} averaged {} (target {})", visible(name), decimal(e.ratio * *target as f64), decimal(*target as f64)),
        Some(Err(_)) => format!("{} had no value", visible(name)),
        None => format!("{} was not read", visible(name)),
    }
}

fn all_against(s: &Scaler, y: &Sync<'_>) -> String {
    and((0..s.targets.len()).map(|k| against(s, y, k)))
}

/// The metric that decided, with how far it was beyond its target.
fn winner(s: &Scaler, y: &Sync<'_>) -> String {
    let Some(k) = y.outcome.winner else { return all_against(s, y) };
    match y.outcome.metrics.get(k) {
        Some(Ok(e)) if !s.of_wva => format!("{} over {}, {} times its target", against(s, y, k), replicas(y.status), number(e.ratio)),
        _ => against(s, y, k),
    }
}

/// Inputs, threshold, proposal, stabilization, policies: a line each.
pub(super) fn steps(i: &Input<'_>, s: &Scaler, y: &Sync<'_>) -> Vec<String> {
    let mut out = vec![format!("found: spec.replicas {}, status.replicas {}", y.spec, y.status)];
    for (k, (name, target)) in s.targets.iter().enumerate() {
        let name = visible(name);
        match y.outcome.metrics.get(k) {
            Some(Ok(e)) => {
                let values = y.values.get(k).map(Vec::as_slice).unwrap_or_default();
                let verdict = match e.verdict {
                    Verdict::WithinTolerance => {
                        format!("within the tolerance of {}: proposes status.replicas, {}", s.config.tolerance, e.proposal)
                    }
                    _ => format!("beyond the tolerance of {}: proposes {}", s.config.tolerance, e.proposal),
                };
                #[allow(clippy::cast_precision_loss)]
                let target = *target as f64;
                out.push(format!(
                    "{name}: {} in sum{} ÷ {} = {}; target {}; ratio {}, {verdict}",
                    decimal(e.ratio * target * f64::from(y.status)),
                    most(i, values),
                    y.status,
                    decimal(e.ratio * target),
                    decimal(target),
                    number(e.ratio)
                ));
            }
            Some(Err(_)) => out.push(format!("{name}: no value was served; the HPA takes that for a failure, not for 0")),
            None => {}
        }
    }
    if let Some(d) = y.recorded {
        let shown = d.inputs.iter().filter(|(_, (_, target))| !target.is_empty());
        let shown = and(shown.map(|(name, (v, target))| format!("{} {} of {}", visible(name), visible(v), visible(target))));
        let conditions =
            and(d.conditions.iter().map(|(k, (status, reason))| format!("{} {} ({})", visible(k), visible(status), visible(reason))));
        out.push(format!(
            "as the HPA showed it: {}",
            [shown, conditions].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("; ")
        ));
    }
    match y.outcome.branch {
        Branch::Metrics => {}
        Branch::Disabled => out.push("0 replicas while the minimum is not 0: the HPA does nothing".into()),
        Branch::AboveMax => out.push(format!("more than the maximum of {}: set to it at once", s.spec.max)),
        Branch::BelowMin => out.push(format!("fewer than the minimum of {}: set to it at once", s.spec.min)),
        Branch::MetricsFailed => out.push("a metric failed and the others do not ask for more: nothing is scaled".into()),
    }
    if let (Some(p), Some(x)) = (y.outcome.proposal, y.outcome.stabilized) {
        let at = |t: Option<f64>| t.map_or_else(String::new, |t| format!(", made at {}", i.clock(t)));
        out.push(format!(
            "stabilization: proposal {p}; lowest of the last {} s: {}{}; greatest of the last {} s: {}{}: {}",
            s.window_s(true),
            x.lowest,
            at(y.lowest_at),
            s.window_s(false),
            x.highest,
            at(y.highest_at),
            x.value
        ));
        if let Some(l) = y.outcome.limit {
            let up = x.value > i32::try_from(y.spec).unwrap_or(i32::MAX);
            let rule = match l.bound {
                Some(b) => format!(
                    "policies ({}), {} to {}: at {} {b}",
                    policies(s, up),
                    s.spec.min,
                    s.spec.max,
                    if up { "most" } else { "least" }
                ),
                None => "policies: nothing to limit".into(),
            };
            out.push(format!("{rule}: {} ({})", l.value, l.reason.as_str()));
        }
    }
    out.push(if y.to == y.spec { format!("result: stays at {}", y.spec) } else { format!("result: {} → {}", y.spec, y.to) });
    out
}

/// That one pod carries nearly all of a sum over several.
fn most(i: &Input<'_>, values: &[(String, f64)]) -> String {
    let sum: f64 = values.iter().map(|v| v.1).sum();
    match values.iter().max_by(|a, b| a.1.total_cmp(&b.1)) {
        Some((pod, v)) if values.len() > 1 && sum > 0.0 => {
            format!(" over {} pods (most: {} with {})", values.len(), i.short(pod), decimal(v * 1000.0))
        }
        _ => String::new(),
    }
}

/// What delayed or bounded a scaling.
fn how(i: &Input<'_>, s: &Scaler, y: &Sync<'_>, since: Option<f64>) -> Vec<String> {
    let (Some(p), Some(x), Some(l)) = (y.outcome.proposal, y.outcome.stabilized, y.outcome.limit) else { return vec![] };
    let up = y.to > y.spec;
    let mut out = Vec::new();
    #[allow(clippy::cast_precision_loss)]
    let window_s = s.window_s(up) as f64;
    let (what, side, n) = if up { ("more", "lowest", x.lowest) } else { ("fewer", "greatest", x.highest) };
    // The last recommendation that stood against it has just left the window.
    let waited = since.filter(|t| window_s > 0.0 && y.t - t + 1.5 * s.period_s >= window_s && y.t > *t);
    let bounded = matches!(l.reason, Reason::ScaleUpLimit | Reason::ScaleDownLimit);
    if let Some(t) = waited {
        out.push(format!(
            "it had asked for {what} since {}, and only now every recommendation of its stabilization window of {} does",
            i.clock(t),
            duration(window_s)
        ));
    }
    if n != p && !bounded {
        let which = if waited.is_some() { "that window".into() } else { format!("its stabilization window of {}", duration(window_s)) };
        out.push(format!("the {side} recommendation of {which} is {n}"));
    }
    match l.reason {
        Reason::ScaleUpLimit | Reason::ScaleDownLimit => out.push(format!("its policy allows {}", policies(s, up))),
        Reason::TooManyReplicas => out.push(format!("the maximum is {}", s.spec.max)),
        Reason::TooFewReplicas => out.push(format!("the minimum is {}", s.spec.min)),
        _ => {}
    }
    out
}

/// Why `spec.replicas` changed at this sync. `since`: from when on it was asked for without a break.
pub(super) fn scaled(i: &Input<'_>, s: &Scaler, y: &Sync<'_>, since: Option<f64>) -> Moment {
    let up = y.to > y.spec;
    let asked = match y.outcome.proposal {
        Some(p) if up => format!("{}: the HPA asked for {p}", winner(s, y)),
        Some(p) => format!("{}: the HPA asked for {p}", all_against(s, y)),
        None => match y.outcome.branch {
            Branch::AboveMax => format!("there were more than the maximum of {}", s.spec.max),
            Branch::BelowMin => format!("there were fewer than the minimum of {}", s.spec.min),
            _ => format!("{}: by what was recorded nothing asked for it", all_against(s, y)),
        },
    };
    let how = how(i, s, y, since);
    let reason = if how.is_empty() { format!("{asked}.") } else { format!("{asked}; {}.", and(how)) };
    Moment {
        t: y.t,
        until: None,
        by: "hpa".into(),
        kind: if up { MomentKind::ScaledUp } else { MomentKind::ScaledDown },
        from: Some(y.spec),
        to: Some(y.to),
        reason,
        steps: steps(i, s, y),
        difference: difference(y),
    }
}

/// Replay against record, where they differ.
pub(super) fn difference(y: &Sync<'_>) -> Option<String> {
    (y.replayed() != y.to).then(|| format!("by the recorded metrics it would have been {}; recorded is {}", y.replayed(), y.to))
}

/// Why nothing was scaled in a span of syncs that wanted it; `syncs` is not empty and all want the same direction, or all failed.
pub(super) fn held(i: &Input<'_>, s: &Scaler, syncs: &[&Sync<'_>]) -> Option<Moment> {
    let (first, last) = (syncs.first()?, syncs.last()?);
    let n = u32::try_from(syncs.len()).unwrap_or(u32::MAX);
    let long = duration(f64::from(n) * s.period_s);
    // The sync that asked loudest says most.
    let loud = |y: &Sync<'_>| y.outcome.proposal.unwrap_or(0).abs_diff(i32::try_from(y.spec).unwrap_or(0));
    let top = syncs.iter().copied().max_by_key(|y| loud(y))?;
    let up = first.wants();
    let why = match (up, top.outcome.stabilized, top.outcome.limit) {
        (Some(up), Some(x), Some(l)) => {
            let spec = i32::try_from(top.spec).unwrap_or(i32::MAX);
            let (word, side, n) = if up { ("scale-up", "lowest", x.lowest) } else { ("scale-down", "greatest", x.highest) };
            if x.value == spec {
                format!("the {word} stabilization window of {} s kept the {side} recommendation, {n}, of that window", s.window_s(up))
            } else {
                match l.reason {
                    Reason::TooManyReplicas => format!("the maximum of {} was reached", s.spec.max),
                    Reason::TooFewReplicas => format!("the minimum of {} was reached", s.spec.min),
                    _ if l.value == spec => format!("the policies ({}) allowed no more yet", policies(s, up)),
                    _ => "by what was recorded it should have been scaled".into(),
                }
            }
        }
        _ => "without a value the HPA scales nothing".into(),
    };
    let what = match up {
        Some(true) if s.of_wva => format!("{}, more than the {}, for {long}", against(s, top, 0), top.spec),
        Some(true) => {
            let name = top.outcome.winner.and_then(|w| s.targets.get(w)).map_or_else(String::new, |t| visible(&t.0));
            let most = top.outcome.winner.and_then(|w| top.outcome.metrics.get(w)?.as_ref().ok());
            #[allow(clippy::cast_precision_loss)]
            let target = top.outcome.winner.and_then(|w| s.targets.get(w)).map_or(0.0, |t| t.1 as f64);
            let most = most.map_or_else(String::new, |e| format!(", at most {} ({} times)", decimal(e.ratio * target), number(e.ratio)));
            let spell = if (last.t - first.t) > (f64::from(n) - 0.5) * s.period_s { format!("{long} in all") } else { long };
            format!("the average of {name} was above its target {} for {spell}{most}", decimal(target))
        }
        Some(false) if s.of_wva => format!("{}, fewer than the {}, for {long}", against(s, top, 0), top.spec),
        Some(false) => format!(
            "the metrics asked for {} of {} replicas for {long} ({})",
            top.outcome.proposal.unwrap_or(0),
            top.spec,
            all_against(s, top)
        ),
        None => format!("{} for {long}", all_against(s, first)),
    };
    Some(Moment {
        t: first.t,
        until: Some(last.t + s.period_s),
        by: "hpa".into(),
        kind: MomentKind::Held,
        from: Some(first.spec),
        to: Some(last.to),
        reason: format!("{}, and nothing was scaled: {why}.", capital(&what)),
        steps: steps(i, s, top),
        difference: difference(top),
    })
}

pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    // Names of metrics are what they are.
    match chars.next() {
        Some(c) if !text.split(' ').next().is_some_and(|w| w.contains([':', '_'])) => c.to_uppercase().chain(chars).collect(),
        _ => text.into(),
    }
}
