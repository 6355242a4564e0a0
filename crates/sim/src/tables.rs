//! From what was played to the tables of a run, the same that a measured run is read into. Times are seconds since the beginning of
//! the recording.

use crate::autoscaler::hpa;
use crate::autoscaler::wva::v042::{Analysis, Reconciled};
use crate::autoscaler::wva::{Thresholds, v05};
use crate::engine::Gauges;
use crate::input::{Autoscaler, Experiment};
use crate::output::{Fate, Prediction, Replicas, Request, Said};
use crate::time::{NEVER, PS_PER_MS, Ps, seconds};
use bench_model::tables::{self, Decision, Outcome, PodLife, RateWindow, ReplicaPoint, Series, Tables};
use std::collections::BTreeMap;

/// How the objects of the run are called.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    pub model: &'a str,
    pub namespace: &'a str,
    /// Deployment and VariantAutoscaling.
    pub deployment: &'a str,
    /// Of the arm's HPA.
    pub hpa: &'a str,
}

/// All tables of a prediction.
pub fn tables(p: &Prediction, e: &Experiment, names: Names<'_>) -> Tables {
    Tables { series: series(p, e, names), decisions: decisions(p, e, names), ..served(p, e) }
}

/// How a prediction served and scaled, without what Prometheus and the autoscalers saw: half of the work.
pub fn served(p: &Prediction, e: &Experiment) -> Tables {
    Tables {
        rates: rates(p, e),
        requests: p.requests.iter().map(request).collect(),
        replicas: replicas(p),
        pods: p
            .pods
            .iter()
            .map(|l| PodLife {
                name: l.name.clone(),
                created: seconds(l.created),
                scheduled: l.scheduled.map(seconds),
                ready: l.ready.map(seconds),
                deleted: l.ended.map(seconds),
                restarts: 0,
            })
            .collect(),
        series: Vec::new(),
        decisions: Vec::new(),
        events: Vec::new(),
        gaps: Vec::new(),
        findings: Vec::new(),
    }
}

/// The last point is where the recording ends, changed or not.
fn replicas(p: &Prediction) -> Vec<ReplicaPoint> {
    let end = p.replicas.last().filter(|r| r.t < p.end).map(|r| Replicas { t: p.end, ..*r });
    let point = |r: &Replicas| ReplicaPoint { t: seconds(r.t), desired: r.desired, current: r.current, ready: r.ready };
    p.replicas.iter().chain(&end).map(point).collect()
}

fn rates(p: &Prediction, e: &Experiment) -> Vec<RateWindow> {
    let count = |k: usize, fates: &[Fate]| p.requests.iter().filter(|r| usize::from(r.rate) == k && fates.contains(&r.fate)).count() as u64;
    let window = |(k, r): (usize, &crate::output::RateSpan)| {
        let late: Vec<Ps> = p.requests.iter().filter(|q| usize::from(q.rate) == k).map(|q| q.sent - q.due).collect();
        #[allow(clippy::cast_precision_loss)]
        let mean = late.iter().map(|l| seconds(*l)).sum::<f64>() / late.len().max(1) as f64;
        RateWindow {
            index: k,
            rate: r.rate,
            start: seconds(r.start),
            end: seconds(r.end),
            planned_s: Some(f64::from(e.load.seconds)),
            successful: count(k, &[Fate::Served]),
            errored: count(k, &[Fate::Silent, Fate::Broken, Fate::Refused]),
            incomplete: count(k, &[Fate::CutOff]),
            ended_by: "max_duration".into(),
            schedule_delay_avg_s: (!late.is_empty()).then_some(mean),
            max_concurrency: Some(e.load.max_in_flight.into()),
            warnings: Vec::new(),
        }
    };
    p.rates.iter().enumerate().map(window).collect()
}

/// A failure in words; guidellm's own text for silence is empty or `ReadTimeout('')`.
pub fn failure(fate: Fate) -> Option<&'static str> {
    match fate {
        Fate::Silent => Some("no byte for as long as the client waits"),
        Fate::Broken => Some("its pod was deleted"),
        Fate::Refused => Some("no replica was ready"),
        Fate::Open | Fate::Served | Fate::CutOff => None,
    }
}

#[allow(clippy::cast_precision_loss)]
fn request(r: &Request) -> tables::Request {
    let at = |t: Ps| (t != NEVER).then(|| seconds(t));
    let ms = |t: Ps| t as f64 / PS_PER_MS as f64;
    let first = r.first != NEVER;
    let served = r.fate == Fate::Served;
    let gaps = r.output_tokens.saturating_sub(1);
    tables::Request {
        rate: r.rate.into(),
        outcome: match r.fate {
            Fate::Served => Outcome::Successful,
            Fate::Silent | Fate::Broken | Fate::Refused => Outcome::Errored,
            Fate::Open | Fate::CutOff => Outcome::Incomplete,
        },
        due: at(r.due),
        start: at(r.sent),
        first_token: at(r.first),
        end: at(r.end),
        prompt_tokens: Some(r.prompt_tokens.into()),
        output_tokens: (r.received > 0).then(|| r.received.into()),
        ttft_ms: first.then(|| ms(r.first - r.sent)),
        itl_ms: (served && gaps > 0).then(|| ms(r.end - r.first) / f64::from(gaps)),
        latency_s: served.then(|| seconds(r.end - r.sent)),
        error: failure(r.fate).map(Into::into),
    }
}

#[allow(clippy::cast_precision_loss)]
fn series(p: &Prediction, e: &Experiment, names: Names<'_>) -> Vec<Series> {
    type Value = fn(&Gauges) -> f64;
    let of_gauges: [(&str, Value); 6] = [
        ("vllm:num_requests_running", |g| f64::from(g.running)),
        ("vllm:num_requests_waiting", |g| f64::from(g.waiting)),
        ("vllm:request_success_total", |g| g.finished as f64),
        ("vllm:prompt_tokens_total", |g| g.prompt_tokens as f64),
        ("vllm:generation_tokens_total", |g| g.generated_tokens as f64),
        ("vllm:num_preemptions_total", |g| g.preemptions as f64),
    ];
    let mut by_pod: Vec<Vec<&crate::output::Scrape>> = vec![Vec::new(); p.pods.len()];
    for s in &p.scrapes {
        by_pod[s.pod as usize].push(s);
    }
    let mut out = Vec::new();
    for (pod, scrapes) in by_pod.iter().enumerate().filter(|(_, s)| !s.is_empty()) {
        let labels = |more: Option<(&str, &str)>| -> BTreeMap<String, String> {
            let own = [("model_name", names.model), ("namespace", names.namespace), ("pod", p.pods[pod].name.as_str())];
            own.into_iter().chain(more).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
        };
        let kv = scrapes.iter().map(|s| (seconds(s.t), s.kv)).collect();
        out.push(Series { name: "vllm:kv_cache_usage_perc".into(), labels: labels(None), samples: kv });
        for (name, value) in of_gauges {
            let reason = (name == "vllm:request_success_total").then_some(("finished_reason", "length"));
            let samples = scrapes.iter().map(|s| (seconds(s.t), value(&s.gauges))).collect();
            out.push(Series { name: name.into(), labels: labels(reason), samples });
        }
    }
    if let Autoscaler::Wva(a) = &e.autoscaler
        && !p.desired_gauge.is_empty()
    {
        let labels = [("exported_namespace", names.namespace), ("variant_name", names.deployment)];
        out.push(Series {
            name: a.version.gauge().into(),
            labels: labels.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            samples: p.desired_gauge.iter().map(|(t, v)| (seconds(*t), *v)).collect(),
        });
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

fn decisions(p: &Prediction, e: &Experiment, names: Names<'_>) -> Vec<Decision> {
    let targets: Vec<(String, i64)> = match &e.autoscaler {
        Autoscaler::Static | Autoscaler::Schedule(_) => Vec::new(),
        Autoscaler::Hpa(a) => a.metrics.iter().map(|m| (m.name.clone(), m.target_milli)).collect(),
        Autoscaler::Wva(a) => vec![(a.version.gauge().into(), 1000)],
    };
    let mut out: Vec<Decision> = Vec::new();
    for (t, said) in &p.decisions {
        let decision = match said {
            Said::Hpa(o) => Some(of_hpa(*t, o, &targets, names)),
            Said::Wva(r) => of_wva(*t, r, names),
            Said::Wva05(o) => of_wva_05(*t, o, e, names),
        };
        let Some(d) = decision else { continue };
        // As an observer sees it: a status that did not change is not told again.
        let before = out.iter().rev().find(|b| b.by == d.by);
        if before.is_none_or(|b| (&b.current, &b.desired, &b.inputs, &b.conditions) != (&d.current, &d.desired, &d.inputs, &d.conditions)) {
            out.push(d);
        }
    }
    out
}

/// A quantity of milli-units as Kubernetes prints it.
fn quantity(milli: i64) -> String {
    if milli % 1000 == 0 { (milli / 1000).to_string() } else { format!("{milli}m") }
}

fn of_hpa(t: Ps, o: &hpa::Outcome, targets: &[(String, i64)], names: Names<'_>) -> Decision {
    let shown = |i: usize| o.metrics.get(i).and_then(|m| m.as_ref().ok()).and_then(|m| m.shown.average);
    let conditions = [("AbleToScale", o.able), ("ScalingActive", o.active), ("ScalingLimited", o.limited)];
    Decision {
        t: seconds(t),
        by: "hpa".into(),
        name: names.hpa.into(),
        current: u32::try_from(o.current).ok(),
        desired: u32::try_from(o.desired).ok(),
        inputs: targets
            .iter()
            .enumerate()
            .map(|(i, (name, target))| (name.clone(), (shown(i).map_or_else(|| "<unknown>".into(), quantity), quantity(*target))))
            .collect(),
        conditions: conditions
            .into_iter()
            .filter_map(|(name, c)| c.map(|c| (name.into(), (c.status_str().into(), c.reason.as_str().into()))))
            .collect(),
    }
}

/// What WVA's analysis says, against its limits.
fn inputs(a: &Analysis, limits: &Thresholds) -> BTreeMap<String, (String, String)> {
    BTreeMap::from([
        ("spare KV".into(), (format!("{:.3}", a.spare_kv), limits.kv_spare.to_string())),
        ("spare queue".into(), (format!("{:.2}", a.spare_queue), limits.queue_spare.to_string())),
        ("unsaturated replicas".into(), (a.non_saturated.to_string(), a.total.to_string())),
    ])
}

fn of_wva(t: Ps, r: &Reconciled, names: Names<'_>) -> Option<Decision> {
    let v = r.variants.first()?;
    let analysis = r.models.first().and_then(|m| m.analysis.as_ref().map(|a| inputs(a, &m.thresholds)));
    Some(wva_decision(t, v.status.alloc.replicas, v.status.desired, analysis.unwrap_or_default(), names))
}

fn of_wva_05(t: Ps, o: &v05::Optimized, e: &Experiment, names: Names<'_>) -> Option<Decision> {
    let (v, Autoscaler::Wva(arm)) = (o.variants.first()?, &e.autoscaler) else { return None };
    let analysis = o.models.first().and_then(|m| m.analysis.as_ref()).map(|a| inputs(a, &arm.thresholds.into()));
    // Without a decision only its gauge tells how many there were.
    #[allow(clippy::cast_possible_truncation)]
    let gauge = v.gauges.map_or(0, |g| g.current as i64);
    let mut inputs = analysis.unwrap_or_default();
    if let Some(target) = v.decision.as_ref().filter(|d| d.blocked) {
        let why = match target.transition {
            Some(v05::v1::Transition::Desired) => "the desired number is not reached",
            Some(v05::v1::Transition::Reporting) | None => "not as many replicas report as there are",
        };
        // No metric: it has no target.
        inputs.insert("in transition".into(), (why.into(), String::new()));
    }
    let current = v.decision.as_ref().map_or(gauge, |d| d.state.current);
    Some(wva_decision(t, current, v.desired_after, inputs, names))
}

fn wva_decision(t: Ps, current: i64, desired: i64, inputs: BTreeMap<String, (String, String)>, names: Names<'_>) -> Decision {
    let number = |n: i64| u32::try_from(n).ok();
    Decision {
        t: seconds(t),
        by: "wva".into(),
        name: names.deployment.into(),
        current: number(current),
        desired: (desired > 0).then(|| number(desired)).flatten(),
        inputs,
        conditions: BTreeMap::new(),
    }
}
