//! Coefficients: what a prediction takes for granted of model servers, cluster, router and client, each with its source.
//! `coefficients/*.yaml` are its files.
//!
//! A file is whole: nothing is inherited and no code holds a default, so that what a prediction rests on can be read in one place.

use crate::calibration::Calibration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Coefficients {
    pub schema_version: u32,
    pub description: String,
    /// vLLM on a GPU; the first one that fits the scenario is taken.
    pub engines: Vec<Engine>,
    /// Model servers that only pretend; the first one whose image fits is taken.
    pub simulators: Vec<Simulator>,
    pub cluster: Cluster,
    pub router: Router,
    pub client: Client,
    /// Only of a file that `bench calibrate` wrote: where its numbers come from. Nothing is computed from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// vLLM with one model on one kind of GPU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Engine {
    pub name: String,
    /// Models that it is for; `*` stands for anything.
    pub model: Vec<String>,
    /// GPUs that it is for, by `wva.accelerator` or the label `nvidia.com/gpu.product`; `*` stands for anything, case does not count.
    pub gpu: Vec<String>,
    /// With `--enforce-eager`, so without CUDA graphs.
    pub eager: bool,
    /// `--tensor-parallel-size`.
    pub tensor_parallel: u32,
    pub basis: Basis,
    pub step_ms: StepMs,
    pub prefill_ms: PrefillMs,
    pub front_end: FrontEnd,
    pub kv_cache: KvCache,
    pub defaults: EngineDefaults,
    /// What `--uncertain` draws from.
    pub uncertainty: Uncertainty,
    /// Where the numbers come from.
    pub source: String,
}

/// How good the numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Measured step by step on such a card.
    Measured,
    /// Fitted so that a simulation shows what was observed on such a card.
    Fitted,
    /// Scaled from another card; told with every prediction.
    Guess,
    /// Fitted to predicted runs: it holds what the simulator was given, and nothing of a card; told with every prediction.
    Predicted,
}

/// One step of the engine, in milliseconds: base + per_sequence·running + per_kv_token·(tokens in the KV cache of those running).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StepMs {
    pub base: f64,
    pub per_sequence: f64,
    pub per_kv_token: f64,
}

/// What prompts add to a step, in milliseconds: base once, then per token and per token squared of the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PrefillMs {
    pub base: f64,
    pub per_token: f64,
    pub per_token_squared: f64,
}

/// vLLM's API server: one queue before and behind the engine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FrontEnd {
    pub per_request_ms: f64,
    pub per_prompt_token_us: f64,
    pub per_output_token_us: f64,
}

/// Tokens of KV cache follow: (utilization·card_gib − overhead_gib) / kib_per_token, in whole blocks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KvCache {
    /// The card's memory as PyTorch sees it.
    pub card_gib: f64,
    /// Weights, activations and the rest, once.
    pub overhead_gib: f64,
    /// 2 · layers · KV heads · head size · bytes of an element.
    pub kib_per_token: f64,
}

/// What vLLM takes where the scenario's arguments say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EngineDefaults {
    pub max_num_seqs: u32,
    pub max_num_batched_tokens: u32,
    pub block_size: u32,
    /// Share of the card's memory, 0..1.
    pub gpu_memory_utilization: f64,
    pub max_model_len: u32,
}

/// Other coefficients that fit what was observed as well; nothing in it: drawn is always the same.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Uncertainty {
    /// Sets in place of `step_ms`; they and `step_ms` itself are drawn with the same chance.
    #[serde(default)]
    pub step_ms: Vec<StepMs>,
    /// On all times of step and prefill: a factor between these two, each equally likely.
    #[serde(default)]
    pub factor: Option<[f64; 2]>,
    /// In place of `front_end.per_request_ms`: between these two.
    #[serde(default)]
    pub per_request_ms: Option<[f64; 2]>,
}

/// A model server that only pretends. All else is what its arguments say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Simulator {
    pub name: String,
    /// Images that it is for; `*` stands for anything.
    pub image: Vec<String>,
    pub defaults: SimulatorDefaults,
    /// What it takes beyond its arguments or their defaults; nothing unless it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overhead: Option<Overhead>,
    pub source: String,
}

/// Added to what the arguments say; below 0 where it is faster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Overhead {
    pub time_to_first_token_ms: f64,
    pub inter_token_latency_ms: f64,
}

/// What it takes where the scenario's arguments say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SimulatorDefaults {
    pub time_to_first_token_ms: f64,
    pub inter_token_latency_ms: f64,
    pub max_num_seqs: u32,
    pub max_model_len: u32,
    /// Blocks.
    pub kv_cache_size: u64,
    /// Tokens.
    pub block_size: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    pub pod_start: PodStarts,
    pub drain: Drain,
    /// From a changed `spec.replicas` to pods created or marked for deletion.
    pub actuation_s: f64,
    /// Between two scrapes of WVA's controller.
    pub controller_scrape_s: f64,
    /// Major version of Prometheus: up to 2 a range holds the sample at its left edge, from 3 on it does not.
    pub prometheus: u32,
    /// Version of Kubernetes where the plan does not know the cluster, e.g. `"1.34"`: from 1.33 on the HPA compares with its
    /// tolerance in another way.
    pub kubernetes: String,
    /// `--horizontal-pod-autoscaler-tolerance`.
    pub hpa_tolerance: f64,
    pub source: String,
}

/// From a pod created to a pod that answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PodStarts {
    pub vllm: PodStart,
    pub simulator: PodStart,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PodStart {
    pub median_s: f64,
    /// A start takes median·(1 + spread·z), z normally distributed.
    pub spread: f64,
    pub source: String,
}

/// Whether a pod that is deleted finishes its requests, within its grace period, or breaks them off at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Drain {
    pub vllm: bool,
    pub simulator: bool,
    pub source: String,
}

/// How the replica of a request is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Picker {
    /// The client's kept connections stay with the replica to which chance opened them.
    Pinned,
    /// llm-d's endpoint picker, anew for each request.
    Epp,
    /// By chance, anew for each request.
    Random,
    RoundRobin,
    /// Fewest requests in flight.
    LeastLoaded,
    /// The client's kept connections stay with the replica to which the endpoint picker opened them.
    PinnedEpp,
}

impl Picker {
    /// All, with their names.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Pinned, "pinned"),
        (Self::Epp, "epp"),
        (Self::Random, "random"),
        (Self::RoundRobin, "round-robin"),
        (Self::LeastLoaded, "least-loaded"),
        (Self::PinnedEpp, "pinned-epp"),
    ];

    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(p, _)| *p == self).map_or("", |(_, name)| name)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Router {
    /// Behind Istio with llm-d's scheduler.
    pub istio_scheduler: Path,
    /// Behind Istio without one.
    pub istio: Path,
    pub haproxy: Haproxy,
    pub scorers: Scorers,
    /// The endpoint picker looks at each replica's metrics this often; 0: always fresh.
    pub epp_refresh_ms: f64,
    /// An idle connection of the client is used again within this time.
    pub keepalive_s: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Path {
    pub picker: Picker,
    /// Between client and replica, both ways together.
    pub latency_ms: f64,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Haproxy {
    /// Word of `gateway.balance` → picker.
    pub balance: BTreeMap<String, Picker>,
    pub latency_ms: f64,
    pub source: String,
}

/// Weights of the endpoint picker's scorers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Scorers {
    pub queue: f64,
    pub kv_cache: f64,
    pub prefix_cache: f64,
    pub source: String,
}

/// guidellm, as far as its version does not say it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// From the beginning of the recording, with the autoscaler fresh, to the first rate.
    pub lead_s: f64,
    /// The last one whose `from` is not above the version is taken.
    pub gaps: Vec<Gap>,
}

/// Without load between two rates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// guidellm's version from which on it holds, e.g. `0.8.0`.
    pub from: String,
    /// base_s + per_worker_s·workers, when one process runs all rates.
    pub base_s: f64,
    pub per_worker_s: f64,
    /// When each rate has a process of its own.
    pub new_process_s: f64,
    pub source: String,
}
