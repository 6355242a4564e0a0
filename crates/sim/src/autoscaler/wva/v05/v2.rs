//! The token-based analysis and the cost-aware optimiser: capacities and demands in tokens instead of percentages.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::State;
use crate::autoscaler::wva::config::Thresholds;

/// How many observations of k2 are kept per model, accelerator and length of output.
const HISTORY: usize = 10;

/// The two bounds of utilisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Utilization {
    /// Above this share of supply (pending replicas included) capacity is added.
    pub scale_up: f64,
    /// Below this share of supply capacity is taken away.
    pub scale_down: f64,
}

impl Default for Utilization {
    fn default() -> Self {
        Self { scale_up: 0.85, scale_down: 0.70 }
    }
}

/// A replica's metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Replica<'a> {
    pub pod: &'a str,
    pub variant: &'a str,
    pub accelerator: &'a str,
    /// Peak KV usage, 0..1.
    pub kv: f64,
    /// Peak waiting requests.
    pub queue: i64,
    /// num_gpu_blocks × block_size of `vllm:cache_config_info`; without it the replica is left out.
    pub kv_tokens: i64,
    /// Averages over 5 min per request.
    pub input_tokens: f64,
    pub output_tokens: f64,
}

/// The arguments of a variant's engine that k2 is derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineArgs {
    /// max_num_batched_tokens in effect (B).
    pub max_batched_tokens: i64,
    /// max_num_seqs (S).
    pub max_seqs: i64,
}

/// A variant: its state and, where known, its engine's arguments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variant<'a> {
    pub name: &'a str,
    pub state: State,
    pub args: Option<EngineArgs>,
}

/// The capacity of one replica, in tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaCapacity {
    pub pod: String,
    /// Bound by memory.
    pub k1: i64,
    /// Bound by compute.
    pub k2: i64,
    /// Where k2 comes from.
    pub source: Source,
    /// min(k1, k2).
    pub capacity: i64,
    /// Tokens in use plus those of the waiting requests' inputs.
    pub demand: i64,
}

/// Where a k2 comes from, the first that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The queue is full: the tokens in use are what the engine can do.
    Observed,
    /// The mean of the last observations for this model, accelerator and length of output.
    History,
    /// From the engine's arguments.
    Args,
    /// Nothing known: k1.
    Memory,
}

/// The capacity of one variant.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantCapacity {
    pub name: String,
    pub cost: f64,
    pub ready: i64,
    pub pending: i64,
    /// Median of its replicas, or the last known one where none reports.
    pub per_replica: f64,
    pub demand: f64,
}

/// The signals of one model, in tokens.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Analysis {
    pub replicas: Vec<ReplicaCapacity>,
    pub variants: Vec<VariantCapacity>,
    pub supply: f64,
    pub demand: f64,
    /// demand / 0.85 − (ready + pending) · capacity, at least 0.
    pub required: f64,
    /// supply − demand / 0.70, at least 0.
    pub spare: f64,
}

/// The analyser with what it has learned; one for all models.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Analyzer {
    /// By model, accelerator and bucket of output length.
    history: BTreeMap<(String, String, u8), VecDeque<f64>>,
    /// The last capacity of a replica, by namespace, model and variant.
    known: BTreeMap<(String, String, String), i64>,
}

impl Analyzer {
    /// Analyses one model in one namespace; learns from it.
    pub fn analyze(
        &mut self,
        model: &str,
        namespace: &str,
        replicas: &[Replica<'_>],
        variants: &[Variant<'_>],
        t: &Thresholds,
        utilization: Utilization,
    ) -> Analysis {
        let mut out = Analysis::default();
        let mut by_variant: BTreeMap<&str, (Vec<i64>, f64)> = BTreeMap::new();
        for r in replicas.iter().filter(|r| r.kv_tokens > 0) {
            let args = variants.iter().find(|v| v.name == r.variant).and_then(|v| v.args);
            let capacity = self.replica(model, r, args, t);
            self.known.insert((namespace.to_owned(), model.to_owned(), r.variant.to_owned()), capacity.capacity);
            let group = by_variant.entry(r.variant).or_default();
            group.0.push(capacity.capacity);
            group.1 += capacity.demand as f64;
            out.replicas.push(capacity);
        }
        let reporting: BTreeSet<&str> = replicas.iter().map(|r| r.variant).collect();
        let mut anticipated = 0.0;
        for v in variants {
            let (per_replica, demand) = match by_variant.get_mut(v.name) {
                Some((capacities, demand)) => (median(capacities), *demand),
                None => {
                    let key = (namespace.to_owned(), model.to_owned(), v.name.to_owned());
                    (self.known.get(&key).map_or(0.0, |c| *c as f64), 0.0)
                }
            };
            let (ready, pending) = (v.state.current.saturating_sub(v.state.pending).max(0), v.state.pending);
            out.supply += ready as f64 * per_replica;
            anticipated += ready.saturating_add(pending) as f64 * per_replica;
            out.demand += demand;
            // The cost is known from replicas only; a variant without any counts as costing nothing.
            let cost = if reporting.contains(v.name) { v.state.cost } else { 0.0 };
            out.variants.push(VariantCapacity { name: v.name.to_owned(), cost, ready, pending, per_replica, demand });
        }
        if utilization.scale_up > 0.0 {
            out.required = (out.demand / utilization.scale_up - anticipated).max(0.0);
        }
        if utilization.scale_down > 0.0 {
            out.spare = (out.supply - out.demand / utilization.scale_down).max(0.0);
        }
        out
    }

    fn replica(&mut self, model: &str, r: &Replica<'_>, args: Option<EngineArgs>, t: &Thresholds) -> ReplicaCapacity {
        let in_use = ((r.kv * r.kv_tokens as f64).round() as i64).clamp(0, r.kv_tokens.max(0));
        let waiting = if r.input_tokens > 0.0 { r.queue.wrapping_mul(r.input_tokens as i64) } else { 0 };
        let k1 = (r.kv_tokens as f64 * t.kv_cache) as i64;
        let (k2, source) = self.k2(model, r, in_use, args, t, k1);
        ReplicaCapacity { pod: r.pod.to_owned(), k1, k2, source, capacity: k1.min(k2), demand: in_use.wrapping_add(waiting) }
    }

    fn k2(&mut self, model: &str, r: &Replica<'_>, in_use: i64, args: Option<EngineArgs>, t: &Thresholds, k1: i64) -> (i64, Source) {
        let bucket = if r.output_tokens < 100.0 {
            0
        } else if r.output_tokens < 500.0 {
            1
        } else {
            2
        };
        let key = (model.to_owned(), r.accelerator.to_owned(), bucket);
        if r.queue >= t.queue_length as i64 && in_use > 0 {
            let seen = self.history.entry(key).or_default();
            if seen.len() >= HISTORY {
                seen.pop_front();
            }
            seen.push_back(in_use as f64);
            return (in_use, Source::Observed);
        }
        if let Some(seen) = self.history.get(&key).filter(|seen| !seen.is_empty()) {
            let mean = seen.iter().sum::<f64>() / seen.len() as f64;
            if mean > 0.0 {
                return (mean as i64, Source::History);
            }
        }
        match args.map(|a| derived(a, r.input_tokens, r.output_tokens)) {
            Some(k2) if k2 > 0 => (k2, Source::Args),
            _ => (k1, Source::Memory),
        }
    }
}

/// N·(I + O/2) with N = min(B·O/(I + O), S), the requests in a steady state; 0 where it cannot be told.
fn derived(args: EngineArgs, input: f64, output: f64) -> i64 {
    if args.max_batched_tokens <= 0 || output.is_nan() || output <= 0.0 {
        return 0;
    }
    let steady = (args.max_batched_tokens as f64 * output / (input + output)).min(args.max_seqs as f64);
    (steady * (input + output / 2.0)) as i64
}

fn median(values: &mut [i64]) -> f64 {
    values.sort_unstable();
    let n = values.len();
    match (n, n % 2) {
        (0, _) => 0.0,
        (_, 0) => (values[n / 2 - 1].wrapping_add(values[n / 2]) / 2) as f64,
        _ => values[n / 2] as f64,
    }
}

/// The targets by variant name, from the replicas there are (C): neither the reporting ones nor an earlier decision matter, so
/// being stuck at the maximum, dead at a minimum of 2, and frozen while the HPA stabilises are gone.
///
/// Up: as many replicas at once as are missing, of the variant cheapest per token. Down: of the dearest variants first; the cheapest
/// keeps one only where no other has any. Ties go by name (they are left to the sort in the original).
#[must_use]
pub fn optimize(analysis: &Analysis, variants: &[Variant<'_>]) -> BTreeMap<String, i64> {
    let mut targets: BTreeMap<String, i64> = variants.iter().map(|v| (v.name.to_owned(), v.state.current)).collect();
    let mut sorted: Vec<&VariantCapacity> = analysis.variants.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    if analysis.required > 0.0 {
        let per_token = |v: &VariantCapacity| if v.per_replica > 0.0 { v.cost / v.per_replica } else { f64::MAX };
        sorted.sort_by(|a, b| per_token(a).total_cmp(&per_token(b)));
        let mut remaining = analysis.required;
        for v in sorted.into_iter().filter(|v| v.per_replica > 0.0) {
            if remaining <= 0.0 {
                break;
            }
            let needed = (remaining / v.per_replica).ceil();
            let target = targets.entry(v.name.clone()).or_default();
            *target = target.saturating_add(needed as i64);
            remaining -= needed * v.per_replica;
        }
    } else if analysis.spare > 0.0 {
        let mut cheapest: Option<&VariantCapacity> = None;
        for v in sorted.iter().filter(|v| v.cost < f64::MAX) {
            if cheapest.is_none_or(|c| v.cost < c.cost) {
                cheapest = Some(v);
            }
        }
        let cheapest = cheapest.map_or("", |v| v.name.as_str());
        sorted.sort_by(|a, b| b.cost.total_cmp(&a.cost));
        let mut remaining = analysis.spare;
        for v in sorted.iter().filter(|v| v.per_replica > 0.0) {
            if remaining <= 0.0 {
                break;
            }
            let others = targets.iter().any(|(name, t)| name != cheapest && *t > 0);
            let keep = i64::from(v.name == cheapest && !others);
            let current = targets.get(&v.name).copied().unwrap_or(0);
            let removed = ((remaining / v.per_replica).floor() as i64).min(current.saturating_sub(keep));
            if removed > 0 {
                targets.insert(v.name.clone(), current - removed);
                remaining -= removed as f64 * v.per_replica;
            }
        }
    }
    targets
}
