//! Proposals of Pods and Resource metrics: which pods count, and what is assumed of those that do not (replica_calculator.go,
//! calcPlainMetricReplicas and GetResourceReplicas; metrics/utilization.go).

use super::metric::Context;
use super::number::{seconds_after, to_i32};
use super::observation::{Phase, Pod, PodSample, Readiness};
use super::outcome::{Evaluation, Failure, PodCounts, Shown, Verdict};
use super::spec::Resource;

/// What the samples are compared with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Usage {
    /// Their average with a target in milli-units. The resource only decides whether readiness is examined.
    Plain { target: i64, resource: Option<Resource> },
    /// Their sum with a percentage of their pods' requests.
    OfRequest { target: i32, resource: Resource },
}

/// A pod and its usage, or its request.
type Amounts = Vec<(u32, i64)>;

struct Measured {
    ratio: f64,
    shown: Shown,
}

pub(super) fn evaluate(cx: &Context<'_>, samples: &[PodSample], usage: Usage) -> Result<Evaluation, Failure> {
    let pods = cx.seen.pods;
    if pods.is_empty() {
        return Err(Failure::NoPods);
    }
    let examine = matches!(usage, Usage::Plain { resource: Some(Resource::Cpu), .. } | Usage::OfRequest { resource: Resource::Cpu, .. });
    let groups = Groups::of(cx, samples, examine);
    let mut counted = groups.counted;
    if counted.is_empty() {
        return Err(Failure::NoSamples);
    }
    let requests = match usage {
        Usage::Plain { .. } => Amounts::new(),
        Usage::OfRequest { resource, .. } => requests(pods, resource)?,
    };
    let first = measure(&counted, &requests, usage)?;
    let counts = groups.counts;
    let done = |proposal, refilled_ratio, verdict| Evaluation {
        proposal,
        ratio: first.ratio,
        refilled_ratio,
        verdict,
        shown: first.shown,
        pods: Some(counts),
    };

    let up_with_unready = !groups.unready.is_empty() && first.ratio > 1.0;
    if !up_with_unready && groups.missing.is_empty() {
        return Ok(if cx.tolerances.keep(first.ratio) {
            done(cx.seen.spec_replicas, None, Verdict::WithinTolerance)
        } else {
            done(to_i32((first.ratio * f64::from(counts.ready)).ceil()), None, Verdict::Scale)
        });
    }

    // On the way down missing pods are assumed to be on target (or to use their whole request), on the way up to use nothing, and
    // unready pods likewise. At a ratio of exactly 1 nothing is assumed.
    if first.ratio < 1.0 {
        counted.extend(groups.missing.iter().map(|pod| (*pod, on_target(*pod, &requests, usage))));
    } else if first.ratio > 1.0 {
        counted.extend(groups.missing.iter().map(|pod| (*pod, 0)));
    }
    if up_with_unready {
        counted.extend(groups.unready.iter().map(|pod| (*pod, 0)));
    }
    let refilled = measure(&counted, &requests, usage)?.ratio;

    let spec = cx.seen.spec_replicas;
    if cx.tolerances.keep(refilled) {
        return Ok(done(spec, Some(refilled), Verdict::WithinTolerance));
    }
    let crosses = (first.ratio < 1.0 && refilled > 1.0) || (first.ratio > 1.0 && refilled < 1.0);
    let replicas = to_i32((refilled * counted.len() as f64).ceil());
    let turns = (refilled < 1.0 && replicas > spec) || (refilled > 1.0 && replicas < spec);
    Ok(if crosses || turns { done(spec, Some(refilled), Verdict::WouldReverse) } else { done(replicas, Some(refilled), Verdict::Scale) })
}

/// The pods, grouped as by groupPods, and the samples that are left.
struct Groups {
    /// Samples without those of ignored and unready pods. A sample whose pod is not listed stays.
    counted: Amounts,
    unready: Vec<u32>,
    missing: Vec<u32>,
    counts: PodCounts,
}

impl Groups {
    fn of(cx: &Context<'_>, samples: &[PodSample], examine_readiness: bool) -> Groups {
        // The controller keeps samples in a map by pod: the last of a pod stays.
        let mut by_pod: Vec<&PodSample> = samples.iter().rev().collect();
        by_pod.sort_by_key(|s| s.pod);
        by_pod.dedup_by_key(|s| s.pod);

        let mut counts = PodCounts::default();
        let (mut unready, mut missing, mut removed) = (Vec::new(), Vec::new(), Vec::new());
        for pod in cx.seen.pods {
            if pod.deleting || pod.phase == Phase::Failed {
                counts.ignored += 1;
                removed.push(pod.id);
                continue;
            }
            let sample = by_pod.binary_search_by_key(&pod.id, |s| s.pod).ok().map(|i| by_pod[i]);
            match sample {
                _ if pod.phase == Phase::Pending => unready.push(pod.id),
                None => missing.push(pod.id),
                Some(sample) if examine_readiness && cpu_unready(cx, pod, sample) => unready.push(pod.id),
                Some(_) => counts.ready += 1,
            }
        }
        counts.unready = unready.len() as u32;
        counts.missing = missing.len() as u32;
        removed.extend_from_slice(&unready);
        removed.sort_unstable();
        let counted = by_pod.iter().filter(|s| removed.binary_search(&s.pod).is_err()).map(|s| (s.pod, s.milli)).collect();
        Groups { counted, unready, missing, counts }
    }
}

/// Whether a pod's CPU sample is not to be trusted yet: start-up burns CPU that says nothing about load.
fn cpu_unready(cx: &Context<'_>, pod: &Pod, sample: &PodSample) -> bool {
    let (Some(start_ms), true) = (pod.start_ms, pod.ready != Readiness::Absent) else {
        return true;
    };
    let not_ready = pod.ready == Readiness::False;
    if seconds_after(start_ms, cx.config.cpu_init_s) > cx.now_ms {
        not_ready || sample.at_ms < seconds_after(pod.ready_changed_ms, sample.window_s)
    } else {
        not_ready && seconds_after(start_ms, cx.config.ready_delay_s) > pod.ready_changed_ms
    }
}

/// calculateRequests: all pods listed must request the resource, also those that do not count.
fn requests(pods: &[Pod], resource: Resource) -> Result<Amounts, Failure> {
    let mut requests = Amounts::with_capacity(pods.len());
    for pod in pods {
        let request = match resource {
            Resource::Cpu => pod.cpu_request,
            Resource::Memory => pod.memory_request,
        };
        requests.push((pod.id, request.ok_or(Failure::NoRequest)?));
    }
    requests.sort_unstable_by_key(|(pod, _)| *pod);
    Ok(requests)
}

fn request_of(pod: u32, requests: &Amounts) -> Option<i64> {
    requests.binary_search_by_key(&pod, |(p, _)| *p).ok().map(|i| requests[i].1)
}

/// What a missing pod is assumed to use when the others are below target.
fn on_target(pod: u32, requests: &Amounts, usage: Usage) -> i64 {
    match usage {
        Usage::Plain { target, .. } => target,
        Usage::OfRequest { target, .. } => request_of(pod, requests).unwrap_or(0).wrapping_mul(i64::from(target.max(100))) / 100,
    }
}

/// GetMetricUsageRatio and GetResourceUtilizationRatio: integer averages, rounded towards zero before the ratio is taken.
/// `counted` is not empty.
fn measure(counted: &Amounts, requests: &Amounts, usage: Usage) -> Result<Measured, Failure> {
    match usage {
        Usage::Plain { target, .. } => {
            let total = counted.iter().fold(0i64, |sum, (_, v)| sum.wrapping_add(*v));
            let average = total / counted.len() as i64;
            Ok(Measured { ratio: average as f64 / target as f64, shown: Shown { average: Some(average), ..Shown::default() } })
        }
        Usage::OfRequest { target, .. } => {
            let (mut total, mut requested, mut entries) = (0i64, 0i64, 0i64);
            for (pod, v) in counted {
                if let Some(request) = request_of(*pod, requests) {
                    total = total.wrapping_add(*v);
                    requested = requested.wrapping_add(request);
                    entries += 1;
                }
            }
            if requested == 0 {
                return Err(Failure::NothingRequested);
            }
            let percent = total.wrapping_mul(100).wrapping_div(requested) as i32;
            let shown = Shown { average: Some(total / entries), utilization: Some(percent), value: None };
            Ok(Measured { ratio: f64::from(percent) / f64::from(target), shown })
        }
    }
}
