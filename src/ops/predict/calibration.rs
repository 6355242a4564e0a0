//! What of the coefficients a plan uses, as a fit begins with it, and the coefficients with what a fit found put in.

use super::experiment::picker;
use super::refused;
use super::server::{Found, find, gpus, server, stated};
use crate::ops::predict::Options;
use bench_analysis::calibrate::{Base, Fitted, Fixed, Server, Vllm};
use bench_model::calibration::{Calibration, Coefficient, Outcome};
use bench_model::coefficients::{Basis, Coefficients, Engine, Overhead, Picker, Simulator, Uncertainty};
use bench_model::plan::Plan;
use bench_model::scenario::GatewayKind;
use bench_sim::input;
use bench_sim::time::seconds;

/// The base of a plan, and the name of the entry that it uses.
///
/// # Errors
/// As `bench predict` with the same coefficients.
pub fn base(plan: &Plan, c: &Coefficients) -> anyhow::Result<(String, Base)> {
    let s = &plan.scenario;
    let found = find(plan, c)?;
    let ms = |t: i64| seconds(t) * 1000.0;
    let (name, server) = match (&found, server(s, &found, &Options::default(), 1)?) {
        (Found::Engine(e), input::Server::Vllm(v)) => {
            let own = Vllm { step: e.step_ms, prefill: e.prefill_ms, front_end: e.front_end, budget: f64::from(v.max_batched_tokens) };
            (&e.name, Server::Vllm(own))
        }
        (Found::Simulator(x), input::Server::Fixed(f)) => {
            #[allow(clippy::cast_precision_loss)]
            let own = Fixed {
                ttft_ms: ms(f.ttft),
                itl_ms: ms(f.itl),
                max_sequences: f.max_sequences.into(),
                kv_blocks: f.kv_blocks as f64,
                block_size: f.block_size.into(),
            };
            (&x.name, Server::Fixed(own))
        }
        // `server` makes of each kind its own.
        _ => return Err(refused("the model server is of no kind that can be calibrated", "vLLM and llm-d-inference-sim are")),
    };
    let start = if found.is_vllm() { &c.cluster.pod_start.vllm } else { &c.cluster.pod_start.simulator };
    let base = Base {
        server,
        latency_ms: latency(plan, &mut c.clone()).map_or(0.0, |l| *l),
        start_median_s: start.median_s,
        start_spread: start.spread,
        readiness_period_s: f64::from(s.model_server.readiness_period_s),
    };
    Ok((name.clone(), base))
}

/// The way's latency of the plan's gateway; without one the file has no place for it.
fn latency<'a>(plan: &Plan, c: &'a mut Coefficients) -> Option<&'a mut f64> {
    let s = &plan.scenario;
    match s.gateway.kind {
        GatewayKind::Haproxy => Some(&mut c.router.haproxy.latency_ms),
        GatewayKind::Istio | GatewayKind::Kgateway | GatewayKind::Epponly if s.scheduler.enabled => {
            Some(&mut c.router.istio_scheduler.latency_ms)
        }
        GatewayKind::Istio | GatewayKind::Kgateway | GatewayKind::Epponly => Some(&mut c.router.istio.latency_ms),
        GatewayKind::None => None,
    }
}

/// How old what the picker sees is: no run tells it, and why.
pub fn staleness(plan: &Plan, c: &Coefficients, named: Option<Picker>) -> anyhow::Result<Coefficient> {
    let picker = picker(&plan.scenario, c, named)?;
    let why = if matches!(picker, Picker::Epp | Picker::PinnedEpp) {
        format!(
            "which replica a request went to is not recorded, and samples every {} s do not show what the picker saw",
            plan.scenario.monitoring.scrape_interval_s
        )
    } else {
        format!("the router of these runs ({}) looks at no metrics", picker.name())
    };
    let value = c.router.epp_refresh_ms;
    let name = "router.epp_refresh_ms".into();
    Ok(Coefficient { name, outcome: Outcome::Held, base: value, value, low: None, high: None, stated: None, why: Some(why) })
}

/// Numbers in a file have no more digits than anybody reads.
pub fn rounded(v: f64) -> f64 {
    format!("{v:.5e}").parse().unwrap_or(v)
}

/// Coefficients in which the fit stands before all others, so that it is taken for plans like this one.
///
/// # Errors
/// As [`base`].
pub fn apply(plan: &Plan, c: &Coefficients, f: &Fitted, made: &Calibration) -> anyhow::Result<Coefficients> {
    let told = |name: &str| f.coefficients.iter().find(|c| c.name == name).filter(|c| c.outcome != Outcome::Held);
    let runs = made.runs.iter().map(|r| r.run.as_str()).collect::<Vec<_>>().join(", ");
    let kind = if made.predicted() { "predicted runs" } else { "runs" };
    let source = format!("bench calibrate on {}, {kind} {runs}; what they did not tell: ", made.made.format("%Y-%m-%dT%H:%M:%SZ"));
    let mut out = c.clone();
    let is_vllm = match find(plan, c)? {
        Found::Engine(e) => {
            let engine = engine(plan, e, f, &told, &source, made.predicted());
            out.engines.retain(|o| o.name != engine.name);
            out.engines.insert(0, engine);
            true
        }
        Found::Simulator(x) => {
            let simulator = simulator(plan, x, f, &source)?;
            out.simulators.retain(|o| o.name != simulator.name);
            out.simulators.insert(0, simulator);
            false
        }
    };
    if told("router.latency_ms").is_some()
        && let Some(latency) = latency(plan, &mut out)
    {
        *latency = rounded(f.latency_ms);
    }
    let start = if is_vllm { &mut out.cluster.pod_start.vllm } else { &mut out.cluster.pod_start.simulator };
    if told("pod_start.median_s").is_some() {
        start.source = format!("bench calibrate: {} starts of pods in {kind}", starts(f));
        start.median_s = rounded(f.start_median_s);
    }
    if told("pod_start.spread").is_some() {
        start.spread = rounded(f.start_spread);
    } else if told("pod_start.median_s").is_some() {
        start.source.push_str("; the spread is the base's");
    }
    out.description = format!("{} calibrated from {}", made.entry, made.base);
    out.calibration = Some(made.clone());
    Ok(out)
}

fn starts(f: &Fitted) -> u64 {
    f.residuals.iter().find(|r| r.quantity == "pod-start").map_or(0, |r| r.rows)
}

/// Entries keep one suffix, however often they are calibrated.
pub(super) fn name_of(base: &str) -> String {
    format!("{}-calibrated", base.trim_end_matches("-calibrated"))
}

/// What the names of an engine's own coefficients begin with.
const ENGINE: [&str; 3] = ["step_ms.", "prefill_ms.", "front_end."];

fn engine<'a>(
    plan: &Plan,
    e: &Engine,
    f: &Fitted,
    told: &dyn Fn(&str) -> Option<&'a Coefficient>,
    source: &str,
    predicted: bool,
) -> Engine {
    let Server::Vllm(v) = f.server else { return e.clone() };
    let (mut step, mut prefill, mut front) = (v.step, v.prefill, v.front_end);
    let all = [&mut step.base, &mut step.per_sequence, &mut step.per_kv_token].into_iter();
    let all = all.chain([&mut prefill.base, &mut prefill.per_token, &mut prefill.per_token_squared]);
    all.chain([&mut front.per_request_ms, &mut front.per_prompt_token_us, &mut front.per_output_token_us]).for_each(|v| *v = rounded(*v));
    let request = told("front_end.per_request_ms").and_then(|c| Some([rounded(c.low?), rounded(c.high?)]));
    let sets = f.step_sets.iter().map(|s| bench_model::coefficients::StepMs {
        base: rounded(s.base),
        per_sequence: rounded(s.per_sequence),
        per_kv_token: rounded(s.per_kv_token),
    });
    let fitted = f.coefficients.iter().any(|c| c.name.starts_with("step_ms") && c.outcome == Outcome::Fitted);
    let uncertainty = Uncertainty {
        step_ms: if fitted { sets.collect() } else { e.uncertainty.step_ms.clone() },
        factor: if fitted { None } else { e.uncertainty.factor },
        per_request_ms: request.or(e.uncertainty.per_request_ms),
    };
    Engine {
        name: name_of(&e.name),
        model: vec![plan.scenario.model.clone()],
        gpu: gpus(plan),
        basis: match f.coefficients.iter().any(|c| ENGINE.iter().any(|of| c.name.starts_with(of)) && c.outcome != Outcome::Held) {
            // Whatever such runs told is the simulator's own.
            true if predicted => Basis::Predicted,
            _ if fitted => Basis::Fitted,
            // Without a step time that the runs told, it is no better than the entry that it comes from.
            _ => e.basis,
        },
        step_ms: step,
        prefill_ms: prefill,
        front_end: front,
        uncertainty,
        source: format!("{source}{}", e.source),
        ..e.clone()
    }
}

fn simulator(plan: &Plan, x: &Simulator, f: &Fitted, source: &str) -> anyhow::Result<Simulator> {
    let Server::Fixed(v) = f.server else { return Ok(x.clone()) };
    let (ttft, itl) = stated(&plan.scenario, x)?;
    Ok(Simulator {
        name: name_of(&x.name),
        image: vec![plan.scenario.model_server.image.tagged().to_string()],
        overhead: Some(Overhead { time_to_first_token_ms: rounded(v.ttft_ms - ttft), inter_token_latency_ms: rounded(v.itl_ms - itl) }),
        source: format!("{source}{}", x.source),
        ..x.clone()
    })
}

/// What the arguments state of a simulator's times, to be shown beside what was found; and pods' start by its place in the file.
///
/// # Errors
/// When an argument cannot be read.
pub fn state(plan: &Plan, c: &Coefficients, coefficients: &mut [Coefficient]) -> anyhow::Result<()> {
    let found = find(plan, c)?;
    let kind = if found.is_vllm() { "vllm" } else { "simulator" };
    for c in coefficients.iter_mut() {
        if let Some(rest) = c.name.strip_prefix("pod_start.") {
            c.name = format!("cluster.pod_start.{kind}.{rest}");
        }
    }
    if latency(plan, &mut c.clone()).is_none() {
        for c in coefficients.iter_mut().filter(|c| c.name == "router.latency_ms" && c.outcome != Outcome::Held) {
            (c.outcome, c.value) = (Outcome::Held, c.base);
            c.why = Some("without a gateway the file has no place for a way's latency".into());
        }
    }
    if let Found::Simulator(x) = found {
        let (ttft, itl) = stated(&plan.scenario, x)?;
        for (name, value) in [("time_to_first_token_ms", ttft), ("inter_token_latency_ms", itl)] {
            coefficients.iter_mut().filter(|c| c.name == name).for_each(|c| c.stated = Some(value));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "calibration_tests.rs"]
mod tests;
