//! Reconciles in words: what WVA saw, whom it left out, what came of it.

use super::input::Input;
use super::wva::Reconcile;
use crate::words::{and, duration, number};
use bench_model::explanation::{Moment, MomentKind};
use bench_model::scenario::Thresholds;
use bench_sim::autoscaler::wva::v042::{Analysis, ReplicaSeen};

fn limits<'a>(i: &'a Input<'_>) -> &'a Thresholds {
    &i.plan.scenario.wva.thresholds
}

fn of_replicas(n: usize) -> String {
    if n == 1 { "replica".into() } else { format!("{n} replicas") }
}

/// `000 (KV 0.97, 12 waiting)`.
pub(super) fn named<'a>(i: &Input<'_>, replicas: impl IntoIterator<Item = &'a ReplicaSeen>) -> String {
    and(replicas.into_iter().map(|r| format!("{} (KV {}, {} waiting)", i.short(&r.pod), number(r.kv), r.queue)))
}

/// Spares against their triggers.
pub(super) fn spares(i: &Input<'_>, a: &Analysis) -> String {
    let t = limits(i);
    format!(
        "spare KV {} (trigger {}) and spare queue {} (trigger {})",
        number(a.spare_kv),
        t.kv_spare_trigger,
        number(a.spare_queue),
        t.queue_spare_trigger
    )
}

/// Why the analysis says what it says.
fn verdict(i: &Input<'_>, r: &Reconcile) -> String {
    let Some(a) = &r.analysis else { return "no replica reported, so WVA decided nothing".into() };
    let left = r.saturated().count();
    let left_out = match left {
        0 => String::new(),
        n => format!(", with {} left out as saturated", if n == 1 { named(i, r.saturated()) } else { format!("{n} of {}", a.total) }),
    };
    let spare = if a.non_saturated == 0 {
        match a.total {
            1 => "the only replica that reported was saturated, so nothing was spare".into(),
            n => format!("all of the {n} replicas that reported were saturated, so nothing was spare"),
        }
    } else {
        format!("the {} not saturated had {} on average{left_out}", of_replicas(a.non_saturated), spares(i, a))
    };
    let then = match (a.kv_triggered, a.queue_triggered, a.down_safe, a.after_removal) {
        (true, true, ..) => "both below: one more".into(),
        (true, ..) => "the KV below: one more".into(),
        (_, true, ..) => "the queue below: one more".into(),
        (_, _, true, Some((kv, queue))) => format!("with one fewer {} and {} would be left: one fewer is safe", number(kv), number(queue)),
        (_, _, _, Some((kv, queue))) => {
            format!("with one fewer only {} and {} would be left: as many as report", number(kv), number(queue))
        }
        _ => "enough, and no second one to take away: as many as report".into(),
    };
    format!("{spare}; {then}")
}

/// Replicas, averages, triggers, target: a line each.
pub(super) fn steps(i: &Input<'_>, r: &Reconcile) -> Vec<String> {
    let t = limits(i);
    let mut out: Vec<String> = r
        .replicas
        .iter()
        .map(|p| {
            let ghost = if r.ghosts.contains(&p.pod) { "; it had been deleted, its last minute still counts" } else { "" };
            let state = if p.saturated {
                format!("saturated (KV from {}, waiting from {}): left out", t.kv_cache_threshold, t.queue_length_threshold)
            } else {
                "counts".into()
            };
            format!("replica {}: peak of the last minute KV {}, {} waiting: {state}{ghost}", i.short(&p.pod), number(p.kv), p.queue)
        })
        .collect();
    if r.replicas.is_empty() {
        out.push("no replica reported in the last minute".into());
    }
    out.push(verdict(i, r));
    if let Some(d) = &r.target {
        out.push(format!(
            "reporting {}, status.replicas {}, published before: {}",
            d.reporting,
            d.state.current,
            if r.before == 0 { "none".into() } else { r.before.to_string() }
        ));
        if d.preserved {
            out.push(format!(
                "{} was published and {} is there: WVA keeps {} until they agree, whatever the load",
                r.before, d.state.current, d.target
            ));
        }
    }
    out.push(format!("result: it publishes {}", r.replayed));
    out
}

fn difference(r: &Reconcile) -> Option<String> {
    let recorded = r.recorded?;
    (i64::from(recorded) != r.replayed)
        .then(|| format!("by the recorded metrics it would have published {}; recorded is {recorded}", r.replayed))
}

/// Each change of the published number, and the spans in which the analysis asked for something and an older number was kept.
pub(super) fn moments(i: &Input<'_>, all: &[Reconcile]) -> Vec<Moment> {
    let number = |n: i64| u32::try_from(n).ok();
    let mut out = Vec::new();
    let mut kept: Vec<&Reconcile> = Vec::new();
    for r in all {
        let now = r.recorded.map_or(r.replayed, i64::from);
        let preserved = r.target.as_ref().is_some_and(|t| t.preserved);
        // It asks for something else than what it keeps.
        let muzzled = preserved && opposed(r);
        if !muzzled {
            out.extend(held(i, &kept));
            kept.clear();
        } else {
            kept.push(r);
        }
        if r.before == 0 || now == r.before {
            continue;
        }
        let up = now > r.before;
        let missing = r.target.as_ref().filter(|t| !up && r.wants() != Some(false) && t.reporting < t.state.current);
        let dead = r.without_ghosts.filter(|n| *n != r.replayed);
        let reason = match missing {
            _ if dead.is_some() => format!(
                "The last minute of {}, deleted by then, still counted: without, it would have been {}; {}.",
                and(r.ghosts.iter().map(|g| i.short(g))),
                dead.unwrap_or(0),
                verdict(i, r)
            ),
            Some(t) => format!(
                "Only {} of {} replicas reported, and WVA starts from those that report: {}.",
                t.reporting,
                t.state.current,
                verdict(i, r)
            ),
            None => format!("{}.", super::hpa_words::capital(&verdict(i, r))),
        };
        out.push(Moment {
            t: r.t,
            until: None,
            by: "wva".into(),
            kind: if up { MomentKind::ScaledUp } else { MomentKind::ScaledDown },
            from: number(r.before),
            to: number(now),
            reason,
            steps: steps(i, r),
            difference: difference(r),
        });
    }
    out.extend(held(i, &kept));
    out
}

/// What the analysis asks for contradicts the number that is kept.
pub(super) fn opposed(r: &Reconcile) -> bool {
    match r.wants() {
        Some(true) => r.before <= i64::from(r.current),
        Some(false) => r.before >= i64::from(r.current),
        None => false,
    }
}

fn held(i: &Input<'_>, kept: &[&Reconcile]) -> Option<Moment> {
    let (first, last) = (kept.first()?, kept.last()?);
    let asks = if last.wants() == Some(true) { "for one more" } else { "for one fewer" };
    let until = last.t + f64::from(i.plan.scenario.wva.interval_s);
    Some(Moment {
        t: first.t,
        until: Some(until),
        by: "wva".into(),
        kind: MomentKind::Held,
        from: Some(first.current),
        to: u32::try_from(first.before).ok(),
        reason: format!(
            "The load asked {asks} for {}, and WVA kept the {} that it had published: it waits until status.replicas ({}) agrees with that.",
            duration(until - first.t),
            first.before,
            first.current
        ),
        steps: steps(i, last),
        difference: difference(last),
    })
}
