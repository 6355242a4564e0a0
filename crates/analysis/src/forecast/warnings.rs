use super::differs;
use crate::words::{and, brief, duration};
use bench_model::forecast::{ArmForecast, RateForecast, Warning};
use bench_model::plan::Arm;

/// A queue counts when it is more than what arrives in this many seconds.
const QUEUE_S: f64 = 5.0;

/// What was planned, for the warnings to compare with.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Length of each rate.
    pub seconds_per_rate: f64,
    pub start_replicas: u32,
    pub min_replicas: u32,
    pub max_replicas: u32,
    /// `select_policy: Disabled` of scale-ups, of scale-downs.
    pub up_disabled: bool,
    pub down_disabled: bool,
    /// Stabilization windows of the HPA.
    pub stabilization_up_s: f64,
    pub stabilization_down_s: f64,
    /// From a metric over its target to the next decision, at most: the HPA's sync period, with WVA its interval as well.
    pub sync_s: f64,
    /// From a pod created to a pod that serves.
    pub pod_start_s: f64,
    /// The client's limit of requests in flight.
    pub client_cap: u64,
    /// The most requests a second that one replica carries; `None`: not known.
    pub knee_req_s: Option<f64>,
}

/// Everything to know before GPUs are spent, each with the option that helps.
pub fn warnings(arms: &[ArmForecast], facts: &Facts) -> Vec<Warning> {
    let found = [
        never_scales(arms, facts),
        knee(arms, facts),
        closed_loop(arms, facts),
        reaction(arms, facts),
        max_replicas(arms, facts),
        stuck(arms, facts),
        differs::little(arms).map(|text| ("differs-little", text)),
    ];
    found.into_iter().flatten().map(|(code, text)| Warning { code: code.into(), text }).collect()
}

type Found = Option<(&'static str, String)>;

fn scaled(arms: &[ArmForecast]) -> impl Iterator<Item = &ArmForecast> {
    arms.iter().filter(|a| matches!(a.arm, Arm::Wva | Arm::Hpa))
}

fn per_s(r: &RateForecast) -> String {
    format!("{}/s", r.rate)
}

/// `in 18 of 20 seeds`.
fn seeds(n: u32, a: &ArmForecast) -> String {
    if a.seeds == 1 { "in the one seed".into() } else { format!("in {n} of {} seeds", a.seeds) }
}

/// Autoscalers that do nothing in half of the seeds or more.
fn never_scales(arms: &[ArmForecast], facts: &Facts) -> Found {
    let all = scaled(arms).count();
    let idle: Vec<&ArmForecast> = scaled(arms).filter(|a| 2 * a.scaling.scaled_up_seeds <= a.seeds).collect();
    let first = idle.first()?;
    let what = if idle.len() == all && idle.iter().all(|a| a.scaling.scaled_up_seeds == 0) {
        let n = if first.seeds == 1 { "the one seed".into() } else { format!("{} seeds", first.seeds) };
        format!(
            "this load never scales anything: no autoscaler wants another replica in {n}, and a run would measure the start replicas alone"
        )
    } else {
        and(idle.iter().map(|a| match a.scaling.scaled_up_seeds {
            0 => format!("arm {} never scales up", a.arm),
            n => format!("arm {} scales up only {}", a.arm, seeds(n, a)),
        }))
    };
    let load_s = facts.seconds_per_rate * first.rates.len() as f64;
    // What forbids it is named before what could have caused it.
    let forbidden = if facts.up_disabled {
        Some("Scale-ups are disabled: `--set scaling.scale_up.select_policy=Max`".to_owned())
    } else if facts.start_replicas >= facts.max_replicas {
        Some(format!(
            "It starts with {} replicas, and max_replicas is {}: raise `--set scaling.max_replicas=…`, or lower `--set reset.start_replicas=…`",
            facts.start_replicas, facts.max_replicas
        ))
    } else if facts.stabilization_up_s >= load_s {
        Some(format!(
            "The stabilization window of scale-ups ({}) is as long as the load: lower `--set scaling.scale_up.stabilization_window_s=…`",
            duration(facts.stabilization_up_s)
        ))
    } else {
        None
    };
    if let Some(why) = forbidden {
        return Some(("never-scales", format!("{what}. {why}")));
    }
    let lower = idle.iter().map(|a| match a.arm {
        Arm::Wva => "`--set wva.thresholds.…`",
        _ => "`--set hpa.metrics[0].average_value=…`",
    });
    Some(("never-scales", format!("{what}. Raise `--rates`, or change what starts a scale-up: {}", and(lower.map(str::to_owned)))))
}

/// How many replicas each rate needs, if one is known to carry so much.
fn knee(arms: &[ArmForecast], facts: &Facts) -> Found {
    let knee = facts.knee_req_s.filter(|k| k.is_finite() && *k > 0.0)?;
    let rates = &arms.first()?.rates;
    let need = |r: &RateForecast| (r.rate / knee).ceil();
    let mut groups: Vec<(f64, Vec<String>)> = Vec::new();
    for r in rates.iter().filter(|r| r.rate > knee) {
        match groups.last_mut().filter(|(n, _)| *n == need(r)) {
            Some((_, names)) => names.push(r.rate.to_string()),
            None => groups.push((need(r), vec![r.rate.to_string()])),
        }
    }
    let most = rates.iter().map(need).fold(0.0, f64::max);
    let one = format!("one replica carries {} req/s at most", brief(knee));
    let text = if groups.is_empty() {
        format!("{one}, and no rate asks for more: there is nothing to scale. Raise `--rates`")
    } else {
        let parts = groups.iter().map(|(n, names)| {
            let verb = if names.len() == 1 { "needs" } else { "need" };
            format!("{} req/s {verb} {n:.0}", and(names.iter().cloned()))
        });
        let help = if most > f64::from(facts.max_replicas) {
            format!(
                ". That is more than max_replicas ({}): raise `--set scaling.max_replicas={most:.0}`, or lower `--rates`",
                facts.max_replicas
            )
        } else if rates.iter().all(|r| r.rate > knee) {
            format!(". Every rate is above it: a first rate below shows the scale-up from its start, `--rates {},…`", brief(0.6 * knee))
        } else if most <= f64::from(facts.start_replicas) {
            format!(". {} stand there from the start: nothing has to scale. Lower `--set reset.start_replicas=1`", facts.start_replicas)
        } else {
            ". `--rates` chooses where the load crosses it".into()
        };
        format!("{one}; {}{help}", parts.collect::<Vec<_>>().join(", "))
    };
    Some(("knee", text))
}

/// Where the client's own cap, not the schedule, sets the rate.
fn closed_loop(arms: &[ArmForecast], facts: &Facts) -> Found {
    let mut parts = Vec::new();
    for a in arms {
        let full: Vec<&RateForecast> = a.rates.iter().filter(|r| r.closed_loop_seeds > 0).collect();
        let (Some(first), Some(most)) = (full.first(), full.iter().map(|r| r.closed_loop_seeds).max()) else { continue };
        let on = if full.len() > 1 { format!("from {} on", per_s(first)) } else { format!("at {}", per_s(first)) };
        parts.push(format!("arm {} {on}, {}", a.arm, seeds(most, a)));
    }
    (!parts.is_empty()).then(|| {
        let text = format!(
            "the client's cap of {} requests in flight makes the load closed-loop: {}. What would not fit is sent later or never, and latencies look \
             better than users would find them. `--set load.guidellm.env.GUIDELLM__MAX_CONCURRENCY={}` raises the cap; lower `--rates` stay below it",
            facts.client_cap,
            parts.join("; "),
            facts.client_cap.saturating_mul(4)
        );
        ("closed-loop", text)
    })
}

/// A rate that is over before what it started can serve.
fn reaction(arms: &[ArmForecast], facts: &Facts) -> Found {
    scaled(arms).next()?;
    let whole = facts.stabilization_up_s + facts.sync_s + facts.pod_start_s;
    (facts.seconds_per_rate < whole).then(|| {
        let text = format!(
            "a rate lasts {}, and an answer to it takes up to {}: {} of stabilization window, {} to the next decision, {} until a pod serves. \
             Replicas come when the rate that needed them is over. `--max-seconds {:.0}` or more, or a shorter \
             `--set scaling.scale_up.stabilization_window_s=…`",
            duration(facts.seconds_per_rate),
            duration(whole),
            duration(facts.stabilization_up_s),
            duration(facts.sync_s),
            duration(facts.pod_start_s),
            (2.0 * whole / 60.0).ceil() * 60.0
        );
        ("rate-shorter-than-reaction", text)
    })
}

/// The fleet is as large as it may be, and the load still queues.
fn max_replicas(arms: &[ArmForecast], facts: &Facts) -> Found {
    let max = f64::from(facts.max_replicas);
    let mut parts = Vec::new();
    for a in scaled(arms) {
        let queues = |r: &&RateForecast| r.waiting_at_end.median > QUEUE_S * r.rate && r.ready_at_end.is_some_and(|b| b.median >= max);
        let over: Vec<&RateForecast> = a.rates.iter().filter(queues).collect();
        let Some(worst) = over.iter().max_by(|x, y| x.waiting_at_end.median.total_cmp(&y.waiting_at_end.median)) else { continue };
        parts.push(format!(
            "arm {} at {}, with {} requests waiting when {} ends",
            a.arm,
            and(over.iter().map(|r| per_s(r))),
            brief(worst.waiting_at_end.median),
            per_s(worst)
        ));
    }
    (!parts.is_empty()).then(|| {
        let text = format!(
            "all {} replicas are ready and the load still queues: {}. Raise `--set scaling.max_replicas=…`, or lower `--rates`: beyond this point both \
             arms show the same overload",
            facts.max_replicas,
            parts.join("; ")
        );
        ("max-replicas", text)
    })
}

/// Arms that do not come back to where they began.
fn stuck(arms: &[ArmForecast], facts: &Facts) -> Found {
    let stuck: Vec<&ArmForecast> = scaled(arms).filter(|a| 2 * a.scaling.stuck_seeds > a.seeds).collect();
    if stuck.is_empty() {
        return never_down(arms, facts);
    }
    let parts = stuck.iter().map(|a| {
        let n = a.scaling.end_replicas.map_or_else(|| "more".into(), |b| brief(b.median));
        format!("arm {} still wants {n} replicas, {}", a.arm, seeds(a.scaling.stuck_seeds, a))
    });
    let text = format!(
        "when the recording ends, {}; at the start there were {}. GPUs stay taken until the next reset. A longer tail, `--set recording.tail_limit_s=…`, shows \
         whether it comes down late (its stabilization window is {}) or never; if never, {}",
        parts.collect::<Vec<_>>().join(", "),
        facts.start_replicas,
        duration(facts.stabilization_down_s),
        kept_up(facts)
    );
    Some(("stuck", text))
}

fn kept_up(facts: &Facts) -> &'static str {
    if facts.down_disabled {
        "because scale-downs are disabled (`--set scaling.scale_down.select_policy=Max`)"
    } else {
        "its thresholds keep it up, or it waits for a number that max_replicas or the HPA's tolerance forbids"
    }
}

/// Arms that begin above the minimum, end there, and never scaled down in between.
fn never_down(arms: &[ArmForecast], facts: &Facts) -> Found {
    let start = f64::from(facts.start_replicas);
    let stays = |a: &&ArmForecast| a.scaling.scale_downs.median == 0.0 && a.scaling.end_replicas.is_some_and(|e| e.median >= start);
    let names: Vec<String> = scaled(arms).filter(stays).map(|a| format!("arm {}", a.arm)).collect();
    if facts.start_replicas <= facts.min_replicas || names.is_empty() {
        return None;
    }
    let verb = if names.len() == 1 { "never comes" } else { "never come" };
    Some((
        "stuck",
        format!(
            "{} {verb} down from {} start replicas: {}. Lower `--set reset.start_replicas=…`",
            and(names),
            facts.start_replicas,
            kept_up(facts)
        ),
    ))
}

#[cfg(test)]
#[path = "warnings_tests.rs"]
mod tests;
