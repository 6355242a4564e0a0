//! From a plan and coefficients to the simulation's input: everything decided, in its units.

use super::server::{Found, find, server};
use super::{Options, refused};
use crate::config::coefficients::{minor_version, version};
use crate::failure::Failure;
use bench_model::coefficients::{Coefficients, Picker};
use bench_model::exit::Exit;
use bench_model::plan::{Arm, Plan};
use bench_model::profile::Profile;
use bench_model::quantity;
use bench_model::scenario::{GatewayKind, HpaMetric, LoadMode, Scenario};
use bench_sim::client::schedule::{Traits, WORKERS};
use bench_sim::input::{self, Autoscaler, Experiment, Fleet, HpaArm, HpaLoop, Load, Monitoring, Router, Source, WvaArm, WvaVersion};
use bench_sim::router::{Epp, Policy, Weights};
use bench_sim::time::{PS_PER_S, Ps, from_ms, from_seconds};

/// From this version of Kubernetes on the HPA compares a ratio with its tolerance in another way.
const NEW_TOLERANCE_CODE: (u64, u64) = (1, 33);

/// The plan as one experiment of the simulation; `seed` chooses phases, start times and ties, not the requests' lengths.
///
/// # Errors
/// Exit code 2: what the simulation does not know, where it stands, and what to do.
pub fn experiment(plan: &Plan, coefficients: &Coefficients, options: &Options, seed: u64) -> anyhow::Result<Experiment> {
    let s = &plan.scenario;
    let profile = plan
        .profile
        .as_ref()
        .ok_or_else(|| refused("there is no load to predict", "name one: -w PROFILE; bench plan --list shows them"))?;
    let traits = traits(s)?;
    let found = find(plan, coefficients)?;
    Ok(Experiment {
        load: load(s, profile, &traits, coefficients),
        server: server(s, &found, options, seed)?,
        router: router(s, coefficients, options.router, &traits)?,
        fleet: fleet(plan, &found, coefficients),
        monitoring: Monitoring {
            scrape_interval: seconds(s.monitoring.scrape_interval_s),
            controller_scrape_interval: from_seconds(coefficients.cluster.controller_scrape_s),
            closed_ranges: coefficients.cluster.prometheus < 3,
        },
        autoscaler: autoscaler(plan, coefficients)?,
        scaling: s.scaling.clone(),
        seed,
        stepping: options.stepping,
    })
}

fn seconds(s: u32) -> Ps {
    i64::from(s) * PS_PER_S
}

pub(super) fn traits(s: &Scenario) -> anyhow::Result<Traits> {
    let text = &s.load.guidellm.version;
    version(text).and_then(Traits::of).ok_or_else(|| {
        refused(
            format!("load.guidellm.version: how guidellm {text} sends its requests is not known"),
            "set it to 0.8.1, or to 0.5.4 to do as published: --set load.guidellm.version=0.8.1",
        )
    })
}

fn load(s: &Scenario, p: &Profile, traits: &Traits, c: &Coefficients) -> Load {
    let g = &s.load.guidellm;
    let workers = if g.workers == 0 { WORKERS } else { g.workers };
    let per_rate = s.load.mode == LoadMode::PerRate;
    let own = version(&g.version);
    let gap = c.client.gaps.iter().rfind(|gap| version(&gap.from) <= own).or(c.client.gaps.first());
    let gap = gap.map_or(0.0, |gap| if per_rate { gap.new_process_s } else { gap.base_s + gap.per_worker_s * f64::from(workers) });
    Load {
        rates: p.rates.clone(),
        seconds: p.max_seconds,
        prompt: p.prompt_tokens,
        output: p.output_tokens,
        seed: p.effective_seed,
        line: traits.line,
        per_rate,
        // Prompts of every supported guidellm are endless.
        distinct_prompts: None,
        window: traits.window,
        workers,
        taken_ahead: traits.taken_ahead,
        max_in_flight: g.env.get("GUIDELLM__MAX_CONCURRENCY").and_then(|n| n.parse().ok()).unwrap_or(traits.cap),
        silence: g.request_timeout_s.map(seconds).or(traits.silence_s.map(from_seconds)),
        gap: from_seconds(gap),
        lead: from_seconds(c.client.lead_s),
        settle: seconds(s.recording.settle_s),
        tail_limit: seconds(s.recording.tail_limit_s),
    }
}

/// What picks the replica, by the gateway unless it was named.
pub(super) fn picker(s: &Scenario, c: &Coefficients, named: Option<Picker>) -> anyhow::Result<Picker> {
    if let Some(p) = named {
        return Ok(p);
    }
    if s.gateway.kind == GatewayKind::None {
        return Ok(Picker::Pinned);
    }
    // All are Envoy, with the same scheduler behind.
    if s.gateway.kind.can_schedule() {
        return Ok(if s.scheduler.enabled { c.router.istio_scheduler.picker } else { c.router.istio.picker });
    }
    let word = s.gateway.balance.split('(').next().unwrap_or_default().trim();
    c.router.haproxy.balance.get(word).copied().ok_or_else(|| {
        let known: Vec<&str> = c.router.haproxy.balance.keys().map(String::as_str).collect();
        refused(
            format!("gateway.balance: how HAProxy's {:?} spreads requests is not known; known: {}", s.gateway.balance, known.join(", ")),
            "name the picker that comes nearest: --router round-robin; or add the word under router.haproxy.balance of your own coefficients (--print-coefficients, -C)",
        )
    })
}

fn router(s: &Scenario, c: &Coefficients, named: Option<Picker>, traits: &Traits) -> anyhow::Result<Router> {
    let picker = picker(s, c, named)?;
    let r = &c.router;
    let epp = || Policy::Epp(Epp::new(Weights { queue: r.scorers.queue, kv: r.scorers.kv_cache, prefix: r.scorers.prefix_cache }));
    let (policy, pins) = match picker {
        Picker::Pinned => (Policy::Random, true),
        Picker::PinnedEpp => (epp(), true),
        Picker::Epp => (epp(), false),
        Picker::Random => (Policy::Random, false),
        Picker::RoundRobin => (Policy::round_robin(), false),
        Picker::LeastLoaded => (Policy::least_loaded(), false),
    };
    let latency = match s.gateway.kind {
        GatewayKind::Haproxy => r.haproxy.latency_ms,
        GatewayKind::Istio | GatewayKind::Kgateway | GatewayKind::Epponly if s.scheduler.enabled => r.istio_scheduler.latency_ms,
        GatewayKind::Istio | GatewayKind::Kgateway | GatewayKind::Epponly => r.istio.latency_ms,
        // Nothing stands between but the node's own address translation.
        GatewayKind::None => 0.0,
    };
    Ok(Router {
        policy,
        keep_alive: (pins && traits.keeps_connections).then(|| from_seconds(r.keepalive_s)),
        refresh: from_ms(r.epp_refresh_ms),
        latency: from_ms(latency),
    })
}

fn fleet(plan: &Plan, found: &Found<'_>, c: &Coefficients) -> Fleet {
    let s = &plan.scenario;
    let k = &c.cluster;
    let (start, drains) = if found.is_vllm() { (&k.pod_start.vllm, k.drain.vllm) } else { (&k.pod_start.simulator, k.drain.simulator) };
    Fleet {
        name: plan.deployment(),
        start_replicas: if let Arm::Static(n) = plan.arm { n } else { s.reset.start_replicas },
        start_median: from_seconds(start.median_s),
        start_spread: start.spread,
        readiness_period: seconds(s.model_server.readiness_period_s),
        actuation: from_seconds(k.actuation_s),
        drain: drains.then(|| seconds(s.model_server.termination_grace_s)),
        capacity: capacity(plan),
    }
}

/// How many pods the cluster's GPUs hold; `None` when the pods need none or the cluster is not known.
fn capacity(plan: &Plan) -> Option<u32> {
    const GPU: &str = "nvidia.com/gpu";
    let r = &plan.scenario.model_server.resources;
    let each: u32 = r.limits.get(GPU).or(r.requests.get(GPU))?.parse().ok().filter(|n| *n > 0)?;
    let all = plan.facts.as_ref()?.nodes.iter().map(|n| n.gpus).fold(0, u32::saturating_add);
    Some(all / each)
}

fn autoscaler(plan: &Plan, c: &Coefficients) -> anyhow::Result<Autoscaler> {
    let s = &plan.scenario;
    let kubernetes = plan.facts.as_ref().and_then(|f| minor_version(&f.kubernetes)).or_else(|| minor_version(&c.cluster.kubernetes));
    let controller = HpaLoop {
        sync: seconds(s.reset.hpa_sync_period_s),
        new_tolerance_code: kubernetes.is_none_or(|v| v >= NEW_TOLERANCE_CODE),
        tolerance: c.cluster.hpa_tolerance,
    };
    match plan.arm {
        Arm::Static(_) | Arm::None => Ok(Autoscaler::Static),
        Arm::Existing => Err(Failure::new(Exit::Usage, "what scales an existing stack is somebody else's and is not simulated")
            .hint("a forecast is of an arm of bench's: --wva, --hpa or --static N")
            .into()),
        Arm::Hpa => {
            let metrics = s.hpa.metrics.iter().enumerate().map(|(i, m)| hpa_metric(i, m)).collect::<Result<_, _>>()?;
            Ok(Autoscaler::Hpa(HpaArm { name: s.hpa.name.clone(), controller, metrics }))
        }
        Arm::Wva => Ok(Autoscaler::Wva(WvaArm {
            version: wva_version(s)?,
            thresholds: s.wva.thresholds,
            interval: seconds(s.wva.interval_s),
            accelerator: s.wva.accelerator.clone(),
            cost: s.wva.variant_cost.clone(),
            model: s.model.clone(),
            namespace: s.namespace.clone(),
            hpa_name: WVA_HPA.into(),
            controller,
        })),
    }
}

/// The HPA that WVA's chart makes.
const WVA_HPA: &str = "vllm-deployment-hpa";

/// Versions of WVA whose decisions are known, by their first two numbers.
const WVA_VERSIONS: [((u64, u64), WvaVersion); 2] = [((0, 4), WvaVersion::V042), ((0, 5), WvaVersion::V05)];

fn wva_version(s: &Scenario) -> anyhow::Result<WvaVersion> {
    let text = s.wva.chart_version.as_str();
    let own = version(text.trim_start_matches('v')).map(|(major, minor, _)| (major, minor));
    WVA_VERSIONS.iter().find(|(v, _)| Some(*v) == own).map(|(_, v)| *v).ok_or_else(|| {
        let known: Vec<String> = WVA_VERSIONS.iter().map(|((major, minor), _)| format!("{major}.{minor}.*")).collect();
        refused(
            format!("wva.chart_version: how WVA {text} decides is not known; known: {}", known.join(", ")),
            "predict with a version that is: --set wva.chart_version=0.4.2; or only the other arm: --hpa",
        )
    })
}

/// Metrics of vLLM by which an HPA can scale here.
const SOURCES: [(&str, Source); 3] = [
    ("vllm:num_requests_waiting", Source::Waiting),
    ("vllm:num_requests_running", Source::Running),
    ("vllm:kv_cache_usage_perc", Source::KvUsage),
];

fn hpa_metric(i: usize, m: &HpaMetric) -> anyhow::Result<input::HpaMetric> {
    let Some((_, source)) = SOURCES.iter().find(|(name, _)| *name == m.name) else {
        let near = crate::config::nearest(&m.name, SOURCES.iter().map(|(name, _)| *name));
        let near = near.map(|n| format!("; did you mean {n}?")).unwrap_or_default();
        let known: Vec<&str> = SOURCES.iter().map(|(name, _)| *name).collect();
        return Err(refused(
            format!("hpa.metrics[{i}].name: the simulation has no metric {}{near}", m.name),
            format!("it has {}; predict by one of these, or another arm: --wva", known.join(", ")),
        ));
    };
    let target_milli = quantity::milli(&m.average_value).filter(|v| (1..1_000_000_000_000_000).contains(v)).ok_or_else(|| {
        refused(
            format!("hpa.metrics[{i}].average_value: {:?} is no quantity above 0", m.average_value),
            "write it like \"3\" or 600m (0.6)",
        )
    })?;
    Ok(input::HpaMetric { name: m.name.clone(), source: *source, target_milli })
}

#[cfg(test)]
#[path = "experiment_tests.rs"]
mod tests;
