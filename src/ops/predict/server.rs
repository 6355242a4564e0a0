//! The model server of one replica: the scenario's arguments and the coefficients of its kind.

use super::arguments::{Arguments, milliseconds};
use super::{Options, refused};
use bench_model::coefficients::{Coefficients, Engine, FrontEnd, KvCache, PrefillMs, Simulator, StepMs};
use bench_model::plan::Plan;
use bench_model::scenario::{Method, Scenario};
use bench_sim::engine::{self, FixedParams, StepTime, VllmParams};
use bench_sim::input::Server;
use bench_sim::rng::Stream;
use bench_sim::time::{Ps, from_ms};

/// Arguments of vLLM that are read here, and those that change no time of a request whose prompt was never seen before.
const VLLM_KNOWN: [&str; 29] = [
    "block-size",
    "max-model-len",
    "gpu-memory-utilization",
    "enforce-eager",
    "max-num-seqs",
    "max-num-batched-tokens",
    "num-gpu-blocks-override",
    "tensor-parallel-size",
    "enable-prefix-caching",
    "enable-chunked-prefill",
    "kv-transfer-config",
    "host",
    "port",
    "served-model-name",
    "trust-remote-code",
    "seed",
    "tokenizer",
    "tokenizer-mode",
    "download-dir",
    "load-format",
    "revision",
    "uvicorn-log-level",
    "disable-log-requests",
    "disable-log-stats",
    "disable-uvicorn-access-log",
    "enable-log-requests",
    "enable-log-outputs",
    "generation-config",
    "async-scheduling",
];

/// The same of llm-d-inference-sim.
const SIMULATOR_KNOWN: [&str; 18] = [
    "time-to-first-token",
    "inter-token-latency",
    "max-num-seqs",
    "max-model-len",
    "kv-cache-size",
    "block-size",
    "enable-kvcache",
    "tokenizers-cache-dir",
    "mode",
    "seed",
    "hash-seed",
    "served-model-name",
    "zmq-endpoint",
    "zmq-max-connect-attempts",
    "event-batch-size",
    "max-loras",
    "max-cpu-loras",
    "lora-modules",
];

/// KV blocks of a simulator that simulates none: more than are ever used, so that its usage shows as 0.
const NO_KV_CACHE: u64 = 1 << 40;

/// What stands behind a scenario's model server.
pub(super) enum Found<'a> {
    Engine(&'a Engine),
    Simulator(&'a Simulator),
}

impl Found<'_> {
    pub fn is_vllm(&self) -> bool {
        matches!(self, Self::Engine(_))
    }
}

/// The coefficients that fit the plan.
///
/// # Errors
/// When there are none: what they would be for, and how to add them.
pub(super) fn find<'a>(plan: &Plan, c: &'a Coefficients) -> anyhow::Result<Found<'a>> {
    let s = &plan.scenario;
    if s.model_server.method == Method::Simulator {
        let image = s.model_server.image.tagged();
        let found = c.simulators.iter().find(|x| x.image.iter().any(|p| fits(p, image)));
        return found.map(Found::Simulator).ok_or_else(|| {
            let known: Vec<&str> = c.simulators.iter().map(|x| x.name.as_str()).collect();
            refused(
                format!("no coefficients for the simulated model server {image}; known: {}", listed(&known)),
                "bench predict --print-coefficients > my.yaml, add an entry under `simulators` with this image, then bench predict -C ./my.yaml",
            )
        });
    }
    let args = Arguments::new(&s.model_server.args);
    let eager = args.switch("enforce-eager");
    let parallel = args.count("tensor-parallel-size", 1)?;
    let gpus = gpus(plan);
    let of_model: Vec<&Engine> = c.engines.iter().filter(|e| e.model.iter().any(|p| fits(p, &s.model))).collect();
    if of_model.is_empty() {
        let mut known: Vec<&str> = c.engines.iter().flat_map(|e| e.model.iter().map(String::as_str)).collect();
        known.dedup();
        return Err(refused(
            format!("no coefficients for model {}; known: {}", s.model, listed(&known)),
            add_engine(&format!("model: [{}]", s.model)),
        ));
    }
    let on_gpu: Vec<&Engine> = gpus
        .iter()
        .map(|g| of_model.iter().copied().filter(|e| e.gpu.iter().any(|p| fits(p, g))).collect::<Vec<_>>())
        .find(|l| !l.is_empty())
        .unwrap_or_default();
    if on_gpu.is_empty() {
        let mut known: Vec<&str> = of_model.iter().filter_map(|e| e.gpu.first().map(String::as_str)).collect();
        known.dedup();
        return Err(refused(
            format!("no coefficients for {} on GPU {}; known for it: {}", s.model, gpus.join(", "), listed(&known)),
            format!(
                "the GPU is the scenario's wva.accelerator: --set wva.accelerator=NAME. For another card: {}",
                add_engine(&format!("gpu: [{}]", gpus.first().map_or("", String::as_str)))
            ),
        ));
    }
    on_gpu.iter().copied().find(|e| e.eager == eager && e.tensor_parallel == parallel).map(Found::Engine).ok_or_else(|| {
        let known: Vec<String> =
            on_gpu.iter().map(|e| format!("{} (eager: {}, tensor_parallel: {})", e.name, e.eager, e.tensor_parallel)).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        refused(
            format!(
                "no coefficients with eager: {eager} and tensor_parallel: {parallel} for {} on {}; known: {}",
                s.model,
                gpus.join(", "),
                listed(&known)
            ),
            add_engine(&format!("eager: {eager}, tensor_parallel: {parallel}")),
        )
    })
}

fn add_engine(what: &str) -> String {
    format!("bench predict --print-coefficients > my.yaml, add an entry under `engines` with {what}, then bench predict -C ./my.yaml")
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// Names of the GPU: the scenario's, then those of the cluster's nodes.
pub(super) fn gpus(plan: &Plan) -> Vec<String> {
    let mut out = vec![plan.scenario.wva.accelerator.clone()];
    for product in plan.facts.iter().flat_map(|f| &f.nodes).filter_map(|n| n.gpu_product.as_ref()) {
        if !out.contains(product) {
            out.push(product.clone());
        }
    }
    out
}

/// Whether a name fits a pattern in which `*` stands for anything; case does not count.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Arguments that the simulation does not know.
pub(super) fn unknown_arguments(s: &Scenario, found: &Found<'_>) -> Vec<String> {
    let args = Arguments::new(&s.model_server.args);
    args.others(if found.is_vllm() { &VLLM_KNOWN } else { &SIMULATOR_KNOWN })
}

/// The server in the simulation's units.
///
/// # Errors
/// When an argument cannot be read, or leaves no memory for a KV cache.
pub(super) fn server(s: &Scenario, found: &Found<'_>, options: &Options, seed: u64) -> anyhow::Result<Server> {
    match found {
        Found::Engine(e) => vllm(s, e, options.draw_coefficients.then_some(seed)).map(Server::Vllm),
        Found::Simulator(x) => simulator(s, x).map(Server::Fixed),
    }
}

fn vllm(s: &Scenario, e: &Engine, draw: Option<u64>) -> anyhow::Result<VllmParams> {
    let args = Arguments::new(&s.model_server.args);
    let d = &e.defaults;
    let block_size = args.count("block-size", d.block_size)?;
    let share = |v: &str| v.parse::<f64>().ok().filter(|u| *u > 0.0 && *u <= 1.0);
    let utilization = args.value("gpu-memory-utilization", d.gpu_memory_utilization, "a number between 0 and 1", share)?;
    let blocks = match args.count("num-gpu-blocks-override", 0)? {
        0 => kv_blocks(&e.kv_cache, utilization, block_size),
        n => n.into(),
    };
    if blocks == 0 {
        return Err(refused(
            format!(
                "with --gpu-memory-utilization {utilization} no memory is left for a KV cache: {} GiB of the card less {} GiB for all else",
                e.kv_cache.card_gib, e.kv_cache.overhead_gib
            ),
            "raise --gpu-memory-utilization in model_server.args; vLLM would not start either",
        ));
    }
    let mut c = Drawn { step: e.step_ms, prefill: e.prefill_ms, front_end: e.front_end };
    if let Some(seed) = draw {
        c.draw(e, seed);
    }
    Ok(VllmParams {
        step: c.step_time(),
        front_end: engine::FrontEnd {
            per_request: from_ms(c.front_end.per_request_ms),
            per_prompt_token: from_us(c.front_end.per_prompt_token_us),
            per_output_token: from_us(c.front_end.per_output_token_us),
        },
        kv_blocks: blocks,
        block_size,
        max_sequences: args.count("max-num-seqs", d.max_num_seqs)?,
        max_batched_tokens: args.count("max-num-batched-tokens", d.max_num_batched_tokens)?,
        max_model_len: args.count("max-model-len", d.max_model_len)?,
    })
}

fn from_us(us: f64) -> Ps {
    from_ms(us / 1000.0)
}

/// Tokens that one replica's KV cache holds, by the coefficients of its model and card; `None` where there are none.
pub fn kv_tokens(lookup: &crate::config::Lookup, plan: &Plan) -> Option<u64> {
    let c = crate::config::coefficients::load(lookup, crate::config::coefficients::DEFAULT).ok()?.coefficients;
    let Ok(Found::Engine(e)) = find(plan, &c) else { return None };
    let args = Arguments::new(&plan.scenario.model_server.args);
    let block = args.count("block-size", e.defaults.block_size).ok()?;
    let share = |v: &str| v.parse::<f64>().ok().filter(|u| *u > 0.0 && *u <= 1.0);
    let utilization = args.value("gpu-memory-utilization", e.defaults.gpu_memory_utilization, "a number between 0 and 1", share).ok()?;
    Some(
        match args.count("num-gpu-blocks-override", 0).ok()? {
            0 => kv_blocks(&e.kv_cache, utilization, block),
            n => n.into(),
        } * u64::from(block),
    )
}

/// Whole blocks of the memory that is left.
fn kv_blocks(kv: &KvCache, utilization: f64, block_size: u32) -> u64 {
    const KIB_PER_GIB: f64 = 1_048_576.0;
    let left_kib = (utilization * kv.card_gib - kv.overhead_gib) * KIB_PER_GIB;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let blocks = (left_kib / (kv.kib_per_token * f64::from(block_size))).max(0.0) as u64;
    blocks
}

/// One draw of what is not known for sure.
struct Drawn {
    step: StepMs,
    prefill: PrefillMs,
    front_end: FrontEnd,
}

impl Drawn {
    /// The same for every arm of a seed, so that arms are compared on the same machine.
    fn draw(&mut self, e: &Engine, seed: u64) {
        let u = &e.uncertainty;
        let mut stream = Stream::new(seed, "coefficients", 0);
        let sets = u32::try_from(u.step_ms.len()).unwrap_or(u32::MAX - 1);
        let set = stream.below(sets + 1);
        if let Some(step) = set.checked_sub(1).and_then(|i| u.step_ms.get(i as usize)) {
            self.step = *step;
        }
        let mut between = |range: [f64; 2]| range[0] + (range[1] - range[0]) * stream.unit();
        let factor = u.factor.map_or(1.0, &mut between);
        let (s, p) = (&mut self.step, &mut self.prefill);
        for v in [&mut s.base, &mut s.per_sequence, &mut s.per_kv_token, &mut p.base, &mut p.per_token, &mut p.per_token_squared] {
            *v *= factor;
        }
        if let Some(range) = u.per_request_ms {
            self.front_end.per_request_ms = between(range);
        }
    }

    fn step_time(&self) -> StepTime {
        StepTime {
            base: from_ms(self.step.base),
            per_sequence: from_ms(self.step.per_sequence),
            per_kv_token: from_ms(self.step.per_kv_token),
            prefill_base: from_ms(self.prefill.base),
            per_prompt_token: from_ms(self.prefill.per_token),
            per_prompt_token_squared: from_ms(self.prefill.per_token_squared),
        }
    }
}

/// Milliseconds to the first token and between tokens, by the arguments or their defaults.
pub(super) fn stated(s: &Scenario, x: &Simulator) -> anyhow::Result<(f64, f64)> {
    let args = Arguments::new(&s.model_server.args);
    let time = |name: &str, default: f64| args.value(name, default, "a time in milliseconds", milliseconds);
    let d = &x.defaults;
    Ok((time("time-to-first-token", d.time_to_first_token_ms)?, time("inter-token-latency", d.inter_token_latency_ms)?))
}

fn simulator(s: &Scenario, x: &Simulator) -> anyhow::Result<FixedParams> {
    let args = Arguments::new(&s.model_server.args);
    let d = &x.defaults;
    let o = x.overhead.unwrap_or_default();
    let stated = stated(s, x)?;
    let kv_blocks = if args.switch("enable-kvcache") {
        args.count("kv-cache-size", u32::try_from(d.kv_cache_size).unwrap_or(u32::MAX))?.into()
    } else {
        NO_KV_CACHE
    };
    Ok(FixedParams {
        ttft: from_ms((stated.0 + o.time_to_first_token_ms).max(0.0)),
        itl: from_ms((stated.1 + o.inter_token_latency_ms).max(0.0)),
        kv_blocks,
        block_size: args.count("block-size", d.block_size)?,
        max_sequences: args.count("max-num-seqs", d.max_num_seqs)?,
        max_model_len: args.count("max-model-len", d.max_model_len)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, yes) in [
            ("*", "anything", true),
            ("H100", "h100", true),
            ("H100", "H100-80", false),
            ("*H100*80GB*", "NVIDIA-H100-80GB-HBM3", true),
            ("*H100*80GB*", "NVIDIA-H100-NVL", false),
            ("A100-80*", "A100-80G", true),
            ("*aa", "aaa", true),
            ("a*a", "a", false),
            ("", "", true),
        ] {
            assert_eq!(fits(pattern, name), yes, "{pattern} {name}");
        }
    }

    #[test]
    fn kv_blocks_are_vllms() {
        let kv = KvCache { card_gib: 79.2, overhead_gib: 2.575, kib_per_token: 112.0 };
        assert_eq!(kv_blocks(&kv, 0.9, 16) * 16, 643_232);
        assert_eq!(kv_blocks(&kv, 0.95, 64) * 64, 680_256);
        assert_eq!(kv_blocks(&kv, 0.01, 16), 0);
    }
}
