//! Known defects and patterns, each with its evidence; `docs/explain.md` lists them.

use super::hpa::{Scaler, Sync};
use super::input::Input;
use super::wva::{Reconcile, view};
use super::wva_words::{named, opposed, spares};
use crate::words::{and, duration, number};
use bench_model::explanation::Pattern;
use bench_sim::autoscaler::hpa::{Branch, Verdict};
use bench_sim::autoscaler::wva::v042::{Analysis, ReplicaSeen};

fn pattern(code: &str, from: f64, to: f64, message: String) -> Pattern {
    Pattern { code: code.into(), from, to, message }
}

/// Runs of neighbours for which `yes` holds.
fn spans<'a, T>(all: &'a [T], yes: impl Fn(&T) -> bool + 'a) -> impl Iterator<Item = &'a [T]> {
    all.chunk_by(move |a, b| yes(a) == yes(b))
}

/// Of the HPA of either arm.
pub(super) fn of_hpa(i: &Input<'_>, s: &Scaler, syncs: &[Sync<'_>]) -> Vec<Pattern> {
    let mut out = Vec::new();
    let blind = |y: &Sync<'_>| y.outcome.branch == Branch::MetricsFailed;
    let at_max = |y: &Sync<'_>| y.spec >= u32::try_from(s.spec.max).unwrap_or(0) && y.wants() == Some(true);
    for all in spans(syncs, blind).filter(|a| blind(&a[0]) && a.len() >= 4) {
        let (from, to) = (all[0].t, all[all.len() - 1].t + s.period_s);
        let names = s.targets.iter().enumerate().filter(|(k, _)| all[0].outcome.metrics.get(*k).is_some_and(Result::is_err));
        let names = and(names.map(|(_, t)| crate::words::visible(&t.0)));
        out.push(pattern(
            "metrics-unavailable",
            from,
            to,
            format!("For {} the HPA had no value of {names} and scaled nothing.", duration(to - from)),
        ));
    }
    for all in spans(syncs, at_max).filter(|a| at_max(&a[0]) && a.len() >= 4) {
        let (from, to) = (all[0].t, all[all.len() - 1].t + s.period_s);
        let most = all.iter().filter_map(|y| y.outcome.proposal).max().unwrap_or(0);
        let message =
            format!("For {} the HPA asked for up to {most} replicas and the maximum of {} kept it.", duration(to - from), s.spec.max);
        out.push(pattern("at-max", from, to, message));
    }
    if !s.of_wva {
        out.extend(one_replica(i, s, syncs));
    }
    out
}

/// The HPA scaled on because one replica held the average up; WVA leaves such a replica out.
fn one_replica(i: &Input<'_>, s: &Scaler, syncs: &[Sync<'_>]) -> Option<Pattern> {
    let alone = |y: &Sync<'_>| -> Option<(Vec<ReplicaSeen>, Analysis)> {
        let values = y.values.get(y.outcome.winner?)?;
        let sum: f64 = values.iter().map(|v| v.1).sum();
        let top = values.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        let (replicas, analysis) = view(i, y.t);
        // One is saturated and carries nearly everything, and by the others nothing were needed.
        let one = replicas.iter().filter(|r| r.saturated).count() == 1 && replicas.iter().any(|r| r.saturated && r.pod == top.0);
        (one && values.len() > 1 && top.1 >= 0.8 * sum && analysis.non_saturated > 0 && !analysis.scale_up).then_some((replicas, analysis))
    };
    let mut seen: Vec<(&Sync<'_>, Vec<ReplicaSeen>, Analysis)> = Vec::new();
    for y in syncs.iter().filter(|y| y.to > y.spec) {
        if let Some((replicas, analysis)) = alone(y) {
            seen.push((y, replicas, analysis));
        }
    }
    let ((first, ..), (last, replicas, analysis)) = (seen.first()?, seen.last()?);
    let target = last.outcome.winner.and_then(|w| s.targets.get(w)).map_or_else(String::new, |t| crate::words::visible(&t.0));
    let average = last.outcome.winner.and_then(|w| last.outcome.metrics.get(w)?.as_ref().ok()).map_or(0.0, |e| e.ratio);
    let others: Vec<&ReplicaSeen> = replicas.iter().filter(|r| !r.saturated).collect();
    let busiest = others.iter().map(|r| r.kv).fold(0.0, f64::max);
    let removal = if analysis.down_safe { ", and it would even have taken one away" } else { "" };
    let message = format!(
        "From {} to {} the HPA scaled on, from {} up to {}, because one replica's queue held the average up: at the last of these {} scalings {} was at {} times \
         its target, which {} carried almost alone, while the {} others that reported were idle (KV at most {}, {} waiting in all). \
         WVA leaves that replica out: of the others it sees {}, no reason for another one{removal}.",
        i.clock(first.t),
        i.clock(last.t),
        first.spec,
        seen.iter().map(|(y, ..)| y.to).max().unwrap_or(last.to),
        seen.len(),
        target,
        number(average),
        named(i, replicas.iter().filter(|r| r.saturated)),
        others.len(),
        number(busiest),
        others.iter().map(|r| r.queue).sum::<i64>(),
        spares(i, analysis)
    );
    Some(pattern("one-replica-holds-average", first.t, last.t, message))
}

/// Of WVA v0.4.
pub(super) fn of_wva(i: &Input<'_>, s: &Scaler, syncs: &[Sync<'_>], all: &[Reconcile]) -> Vec<Pattern> {
    let mut out = kept(i, s, syncs, all);
    out.extend(ghosts(i, all));
    out.extend(shed(i, all));
    out.extend(hot_spot(i, all));
    out.sort_by(|a, b| a.from.total_cmp(&b.from));
    out
}

/// A published number that is never carried out blocks every later decision.
fn kept(i: &Input<'_>, s: &Scaler, syncs: &[Sync<'_>], all: &[Reconcile]) -> Vec<Pattern> {
    let preserved = |r: &Reconcile| r.target.as_ref().is_some_and(|t| t.preserved);
    let (min, max) = (i64::from(s.spec.min), i64::from(s.spec.max));
    let interval = f64::from(i.plan.scenario.wva.interval_s);
    let mut out = Vec::new();
    let blocks =
        spans(all, preserved).filter(|b| preserved(&b[0])).flat_map(|b| b.chunk_by(|x, y| x.before == y.before && x.current == y.current));
    for b in blocks {
        let (first, last) = (&b[0], &b[b.len() - 1]);
        let (from, to) = (first.t, last.t + interval);
        let (d, c) = (first.before, i64::from(first.current));
        let (long, at) = (duration(to - from), i.clock(from));
        let opposed = b.iter().filter(|r| opposed(r)).count();
        let fewer = b.iter().filter(|r| r.wants() == Some(false)).count();
        let lasting = to - from >= 2.0 * interval;
        let tolerated = || {
            let during = syncs.iter().filter(|y| y.t > from && y.t < to).collect::<Vec<_>>();
            let within =
                |y: &&&Sync<'_>| y.outcome.metrics.first().is_some_and(|m| m.as_ref().is_ok_and(|e| e.verdict == Verdict::WithinTolerance));
            // The gauge is scraped later than it is set: the last ones count.
            !during.is_empty() && during.iter().rev().take(3).filter(within).count() == during.len().min(3)
        };
        if d > max && c >= max && lasting {
            let down =
                if fewer > 0 { format!(" In {fewer} of {} runs its analysis found one fewer to be safe.", b.len()) } else { String::new() };
            let message = format!(
                "From {at} on, for {long}: WVA published {d}, the HPA's maximum is {max}, and because {c} replicas never become {d} WVA decides nothing any more.{down}"
            );
            out.push(pattern("stuck-at-max", from, to, message));
        } else if d < min && c <= min && lasting {
            let message = format!(
                "From {at} on, for {long}: WVA published {d}, the HPA's minimum is {min}, and because {c} replicas never become {d} WVA decides nothing any more."
            );
            out.push(pattern("stuck-at-min", from, to, message));
        } else if lasting && tolerated() {
            let message = format!(
                "From {at} on, for {long}: WVA published {d} while {c} were there; {d}/{c} is within the HPA's tolerance of {}, so nothing was scaled, and WVA decides nothing until the two agree.",
                s.config.tolerance
            );
            out.push(pattern("frozen-by-tolerance", from, to, message));
        } else if opposed > 0 && lasting {
            let asked = if b.iter().any(opposed_up) { "one more" } else { "one fewer" };
            let message = format!(
                "From {at} for {long} WVA kept {d} while {c} replicas were there: until the HPA has carried that out it decides nothing, although the load had changed and asked for {asked} in {opposed} of {} runs.",
                b.len()
            );
            out.push(pattern("frozen", from, to, message));
        }
    }
    out
}

fn opposed_up(r: &Reconcile) -> bool {
    opposed(r) && r.wants() == Some(true)
}

/// Pods deleted within the last minute are counted.
fn ghosts(i: &Input<'_>, all: &[Reconcile]) -> Option<Pattern> {
    let counted: Vec<&Reconcile> = all.iter().filter(|r| !r.ghosts.is_empty()).collect();
    let changed: Vec<&&Reconcile> = counted.iter().filter(|r| r.without_ghosts.is_some_and(|n| n != r.replayed)).collect();
    let (first, last) = (counted.first()?, counted.last()?);
    let example = match changed.first() {
        Some(r) => format!(
            "; {} of them would have decided otherwise without: at {} {} made it {} instead of {}",
            changed.len(),
            i.clock(r.t),
            and(r.ghosts.iter().map(|g| i.short(g))),
            r.replayed,
            r.without_ghosts.unwrap_or(0)
        ),
        None => "; none of them would have decided otherwise without".into(),
    };
    let message =
        format!("{} of WVA's {} runs counted the last minute of replicas that had been deleted{example}.", counted.len(), all.len());
    Some(pattern("ghost-pods", first.t, last.t, message))
}

/// Replicas that are there and do not report yet are taken away again.
fn shed(i: &Input<'_>, all: &[Reconcile]) -> Option<Pattern> {
    let found: Vec<&Reconcile> = all
        .iter()
        .filter(|r| {
            let unsafe_down = r.wants() != Some(false);
            r.target.as_ref().is_some_and(|t| !t.preserved && t.reporting < t.state.current && t.target < t.state.current && unsafe_down)
        })
        .collect();
    let (first, last) = (found.first()?, found.last()?);
    let t = first.target.as_ref()?;
    let message = format!(
        "{} of WVA's runs took away replicas that did not report yet: at {} {} of {} reported, and the target starts from those, {}, though its own test did not find one fewer to be safe.",
        found.len(),
        i.clock(first.t),
        t.reporting,
        t.state.current,
        t.target
    );
    Some(pattern("pending-pods-shed", first.t, last.t, message))
}

/// A saturated replica leaves the averages: its load is nobody's.
fn hot_spot(i: &Input<'_>, all: &[Reconcile]) -> Option<Pattern> {
    let blind = |r: &&Reconcile| {
        let living = r.saturated().any(|p| !r.ghosts.contains(&p.pod) && p.queue > 0);
        living && r.analysis.as_ref().is_some_and(|a| a.non_saturated > 0 && !a.scale_up)
    };
    let found: Vec<&Reconcile> = all.iter().filter(blind).collect();
    let (first, last) = (found.first()?, found.last()?);
    let worst = found.iter().max_by_key(|r| r.saturated().map(|p| p.queue).sum::<i64>())?;
    let down = found.iter().filter(|r| r.wants() == Some(false)).count();
    let down = if down > 0 { format!("; in {down} of them it found one fewer to be safe") } else { String::new() };
    let a = worst.analysis.as_ref()?;
    let message = format!(
        "In {} runs WVA left out a saturated replica with waiting requests and saw no need for more{down}: at {} it left out {} and saw {} of the {}.",
        found.len(),
        i.clock(worst.t),
        named(i, worst.saturated()),
        spares(i, a),
        if a.non_saturated == 1 { "other one".into() } else { format!("{} others", a.non_saturated) }
    );
    Some(pattern("hot-spot-left-out", first.t, last.t, message))
}
