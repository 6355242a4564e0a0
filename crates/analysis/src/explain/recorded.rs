//! What was recorded, where nothing can be replayed: the autoscalers' own words.

use super::input::{KV, QUEUE, short, zero};
use super::samples::{Metric, before};
use crate::summary::recording;
use crate::words::{and, clock, number, visible};
use bench_model::explanation::{Moment, MomentKind};
use bench_model::run::RunRecord;
use bench_model::tables::{Decision, Tables};

/// An HPA's status may be recorded a little after the Deployment.
const LATE_S: f64 = 3.0;

/// Each change of `spec.replicas`, with what its HPA said of it.
pub(super) fn moments(run: &RunRecord, tables: &Tables) -> Vec<Moment> {
    let by = |d: &&Decision| d.by == "hpa";
    let changes = tables.replicas.windows(2).filter(|w| w[0].desired != w[1].desired && w[1].t.is_finite());
    changes
        .map(|w| {
            let (from, to, t) = (w[0].desired, w[1].desired, w[1].t);
            let said = tables.decisions.iter().filter(by).rev().find(|d| d.t <= t + LATE_S && d.desired == Some(to));
            let reason = said.map_or_else(
                || format!("{} went from {from} to {to}; no autoscaler's word on it was recorded.", visible(&run.deployment)),
                |d| format!("As the HPA said itself: {}.", said_by(d)),
            );
            Moment {
                t,
                until: None,
                by: "hpa".into(),
                kind: if to > from { MomentKind::ScaledUp } else { MomentKind::ScaledDown },
                from: Some(from),
                to: Some(to),
                reason,
                steps: Vec::new(),
                difference: None,
            }
        })
        .collect()
}

fn said_by(d: &Decision) -> String {
    let inputs = d.inputs.iter().map(|(k, (v, target))| match target.as_str() {
        "" => format!("{} {}", visible(k), visible(v)),
        t => format!("{} {} (limit {})", visible(k), visible(v), visible(t)),
    });
    let conditions = d.conditions.iter().map(|(k, (status, reason))| format!("{} {} ({})", visible(k), visible(status), visible(reason)));
    let all: Vec<String> = inputs.chain(conditions).collect();
    if all.is_empty() { "no inputs and no conditions".into() } else { and(all) }
}

/// Replicas, pods and the last words of each autoscaler at `t`.
///
/// # Errors
/// One sentence when nothing was recorded then.
pub(super) fn asked(run: &RunRecord, tables: &Tables, t: f64) -> Result<Moment, String> {
    let start = zero(tables);
    let told = |t: f64| clock(t - start);
    let (from, to) = recording(run, tables).ok_or("Nothing was recorded.")?;
    // To the second: a moment read off a report is rounded.
    if !t.is_finite() || t < from - 1.0 || t > to + 1.0 {
        return Err(format!("Nothing was recorded at {}: the recording runs from {} to {}.", told(t), told(from), told(to)));
    }
    let point = before(&tables.replicas, t).ok_or("Nothing was recorded.")?;
    let mut steps = vec![format!("replicas: {} wanted, {} there, {} ready", point.desired, point.current, point.ready)];
    let of = |name: &str| Metric::of(tables, name, &[], "pod", 15.0);
    let queue = of(QUEUE);
    let waiting = queue.instant(t);
    for (pod, kv) in of(KV).instant(t) {
        let waits =
            waiting.iter().find(|w| w.0 == pod).map_or_else(String::new, |w| format!(", {} waiting", number(w.1).trim_end_matches(".00")));
        steps.push(format!("replica {}: KV {}{waits}", short(run, pod), number(kv)));
    }
    for by in ["wva", "hpa"] {
        if let Some(d) = tables.decisions.iter().rev().find(|d| d.by == by && d.t <= t) {
            let wants = d.desired.map_or_else(|| "?".into(), |n| n.to_string());
            steps.push(format!("{by} last said, at {}: {wants} wanted; {}", told(d.t), said_by(d)));
        }
    }
    Ok(Moment {
        t,
        until: None,
        by: if run.arm == bench_model::plan::Arm::Wva { "wva" } else { "hpa" }.into(),
        kind: MomentKind::Asked,
        from: Some(point.current),
        to: Some(point.desired),
        reason: format!("{} replicas were wanted, {} were there and {} ready.", point.desired, point.current, point.ready),
        steps,
        difference: None,
    })
}
