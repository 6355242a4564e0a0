//! Loads coefficients: what a prediction takes for granted. Checked as strictly as a scenario.

use super::de::from_tree;
use super::error::{ConfigError, Problem};
use super::lookup::{Kind, Known, Lookup};
use super::tree::{At, parse};
use bench_model::coefficients::{Coefficients, Engine, Simulator, StepMs};
use std::collections::BTreeMap;

/// Coefficients that are used when none are named.
pub const DEFAULT: &str = "default";

/// Coefficients and where they stood.
#[derive(Debug, Clone)]
pub struct LoadedCoefficients {
    pub coefficients: Coefficients,
    /// File name without its extension.
    pub name: String,
    /// Path, or `embedded:…`.
    pub source: String,
    /// The file as it is, to be copied and changed.
    pub text: String,
}

/// Coefficients that can be named, with the file that wins.
pub fn known(lookup: &Lookup) -> Vec<Known> {
    lookup.known(Kind::Coefficients)
}

/// Loads and validates; an empty name is [`DEFAULT`].
///
/// # Errors
/// Every way in which the file can be wrong; the message says where.
pub fn load(lookup: &Lookup, name: &str) -> Result<LoadedCoefficients, ConfigError> {
    let found = lookup.find(Kind::Coefficients, if name.is_empty() { DEFAULT } else { name }, &[])?;
    let root = parse(&found.text, &found.source)?;
    let coefficients: Coefficients = from_tree(&root)?;
    let places = root.leaves().into_iter().map(|(path, node)| (path, node.at.clone())).collect();
    let mut f = Findings { places, root: root.at.clone(), problems: Vec::new() };
    check(&coefficients, &mut f);
    if !f.problems.is_empty() {
        return Err(ConfigError::Invalid(f.problems));
    }
    Ok(LoadedCoefficients { coefficients, name: found.name, source: found.source, text: found.text })
}

struct Findings {
    places: BTreeMap<String, At>,
    root: At,
    problems: Vec<Problem>,
}

/// Longest time that anything may be said to take, in seconds.
const LONGEST_S: f64 = 86_400.0;

impl Findings {
    fn bad(&mut self, key: &str, message: impl Into<String>, remedy: &str) {
        let below = |k: &String| k.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', '[']));
        let at = self.places.get(key).or_else(|| self.places.iter().find(|(k, _)| below(k)).map(|(_, at)| at));
        let at = at.unwrap_or(&self.root).clone();
        self.problems.push(Problem { at, key: key.into(), message: message.into(), remedy: remedy.into() });
    }

    fn within(&mut self, key: &str, value: f64, least: f64, most: f64) {
        if !(least..=most).contains(&value) {
            self.bad(key, format!("{value} is not between {least} and {most}"), "put it into that range");
        }
    }

    fn positive(&mut self, key: &str, value: u64) {
        if value == 0 {
            self.bad(key, "0", "use 1 or more");
        }
    }

    fn list(&mut self, key: &str, list: &[String], what: &str) {
        if list.is_empty() || list.iter().any(String::is_empty) {
            self.bad(key, format!("no {what}, so it fits nothing"), "name one, or write \"*\" for any");
        }
    }
}

fn check(c: &Coefficients, f: &mut Findings) {
    if c.schema_version != bench_model::SCHEMA_VERSION {
        let message = format!("{} is no version that this bench reads", c.schema_version);
        f.bad("schema_version", message, &format!("write {}", bench_model::SCHEMA_VERSION));
    }
    for (i, e) in c.engines.iter().enumerate() {
        let key = format!("engines[{i}]");
        if let Some(other) = c.engines[..i].iter().find(|o| o.name == e.name) {
            f.bad(&format!("{key}.name"), format!("{} is there twice", other.name), "give each its own name");
        }
        engine(&key, e, f);
    }
    for (i, s) in c.simulators.iter().enumerate() {
        simulator(&format!("simulators[{i}]"), s, f);
    }
    cluster(c, f);
    let r = &c.router;
    for (key, value) in [
        ("router.istio_scheduler.latency_ms", r.istio_scheduler.latency_ms),
        ("router.istio.latency_ms", r.istio.latency_ms),
        ("router.haproxy.latency_ms", r.haproxy.latency_ms),
        ("router.epp_refresh_ms", r.epp_refresh_ms),
    ] {
        f.within(key, value, 0.0, 60_000.0);
    }
    f.within("router.keepalive_s", r.keepalive_s, 0.0, LONGEST_S);
    for (key, value) in [("queue", r.scorers.queue), ("kv_cache", r.scorers.kv_cache), ("prefix_cache", r.scorers.prefix_cache)] {
        f.within(&format!("router.scorers.{key}"), value, 0.0, 1e6);
    }
    client(c, f);
}

fn engine(key: &str, e: &Engine, f: &mut Findings) {
    f.list(&format!("{key}.model"), &e.model, "model");
    f.list(&format!("{key}.gpu"), &e.gpu, "GPU");
    f.positive(&format!("{key}.tensor_parallel"), e.tensor_parallel.into());
    step(&format!("{key}.step_ms"), &e.step_ms, f);
    let p = &e.prefill_ms;
    for (name, value) in [("base", p.base), ("per_token", p.per_token), ("per_token_squared", p.per_token_squared)] {
        f.within(&format!("{key}.prefill_ms.{name}"), value, 0.0, 10_000.0);
    }
    let a = &e.front_end;
    f.within(&format!("{key}.front_end.per_request_ms"), a.per_request_ms, 0.0, 10_000.0);
    f.within(&format!("{key}.front_end.per_prompt_token_us"), a.per_prompt_token_us, 0.0, 1e6);
    f.within(&format!("{key}.front_end.per_output_token_us"), a.per_output_token_us, 0.0, 1e6);
    let k = &e.kv_cache;
    f.within(&format!("{key}.kv_cache.card_gib"), k.card_gib, 1.0, 10_000.0);
    f.within(&format!("{key}.kv_cache.overhead_gib"), k.overhead_gib, 0.0, 10_000.0);
    f.within(&format!("{key}.kv_cache.kib_per_token"), k.kib_per_token, 0.1, 1e6);
    let d = &e.defaults;
    for (name, value) in [
        ("max_num_seqs", d.max_num_seqs),
        ("max_num_batched_tokens", d.max_num_batched_tokens),
        ("block_size", d.block_size),
        ("max_model_len", d.max_model_len),
    ] {
        f.positive(&format!("{key}.defaults.{name}"), value.into());
    }
    f.within(&format!("{key}.defaults.gpu_memory_utilization"), d.gpu_memory_utilization, 0.01, 1.0);
    let u = &e.uncertainty;
    for (i, s) in u.step_ms.iter().enumerate() {
        step(&format!("{key}.uncertainty.step_ms[{i}]"), s, f);
    }
    for (name, range, most) in [("factor", u.factor, 100.0), ("per_request_ms", u.per_request_ms, 10_000.0)] {
        let Some([least, largest]) = range else { continue };
        let key = format!("{key}.uncertainty.{name}");
        if least > largest {
            f.bad(&key, format!("{least} is above {largest}"), "write [least, largest]");
        }
        let floor = if name == "factor" { 0.01 } else { 0.0 };
        f.within(&key, least, floor, most);
        f.within(&key, largest, floor, most);
    }
}

fn step(key: &str, s: &StepMs, f: &mut Findings) {
    f.within(&format!("{key}.base"), s.base, 0.001, 10_000.0);
    f.within(&format!("{key}.per_sequence"), s.per_sequence, 0.0, 1_000.0);
    f.within(&format!("{key}.per_kv_token"), s.per_kv_token, 0.0, 1.0);
}

fn simulator(key: &str, s: &Simulator, f: &mut Findings) {
    f.list(&format!("{key}.image"), &s.image, "image");
    let d = &s.defaults;
    f.within(&format!("{key}.defaults.time_to_first_token_ms"), d.time_to_first_token_ms, 0.0, 100_000.0);
    f.within(&format!("{key}.defaults.inter_token_latency_ms"), d.inter_token_latency_ms, 0.0, 100_000.0);
    let o = s.overhead.unwrap_or_default();
    f.within(&format!("{key}.overhead.time_to_first_token_ms"), o.time_to_first_token_ms, -100_000.0, 100_000.0);
    f.within(&format!("{key}.overhead.inter_token_latency_ms"), o.inter_token_latency_ms, -100_000.0, 100_000.0);
    for (name, value) in [
        ("max_num_seqs", u64::from(d.max_num_seqs)),
        ("max_model_len", d.max_model_len.into()),
        ("kv_cache_size", d.kv_cache_size),
        ("block_size", d.block_size.into()),
    ] {
        f.positive(&format!("{key}.defaults.{name}"), value);
    }
}

fn cluster(c: &Coefficients, f: &mut Findings) {
    let k = &c.cluster;
    for (name, start) in [("vllm", &k.pod_start.vllm), ("simulator", &k.pod_start.simulator)] {
        f.within(&format!("cluster.pod_start.{name}.median_s"), start.median_s, 0.0, LONGEST_S);
        f.within(&format!("cluster.pod_start.{name}.spread"), start.spread, 0.0, 2.0);
    }
    f.within("cluster.actuation_s", k.actuation_s, 0.0, LONGEST_S);
    f.within("cluster.controller_scrape_s", k.controller_scrape_s, 0.1, LONGEST_S);
    f.within("cluster.hpa_tolerance", k.hpa_tolerance, 0.0, 1.0);
    if !(1..=3).contains(&k.prometheus) {
        f.bad("cluster.prometheus", format!("{} is no major version of Prometheus that is known", k.prometheus), "write 2 or 3");
    }
    if minor_version(&k.kubernetes).is_none() {
        f.bad("cluster.kubernetes", format!("{:?} is no version", k.kubernetes), "write it like \"1.34\"");
    }
}

fn client(c: &Coefficients, f: &mut Findings) {
    f.within("client.lead_s", c.client.lead_s, 0.0, LONGEST_S);
    if c.client.gaps.is_empty() {
        f.bad("client.gaps", "there is none", "add one with from: 0.4.0");
    }
    let mut before = None;
    for (i, g) in c.client.gaps.iter().enumerate() {
        let key = format!("client.gaps[{i}]");
        let version = version(&g.from);
        if version.is_none() {
            f.bad(&format!("{key}.from"), format!("{:?} is no version", g.from), "write it like 0.8.0");
        } else if version < before {
            f.bad(&format!("{key}.from"), format!("{} is below the one before it", g.from), "put them in rising order");
        }
        before = version.or(before);
        for (name, value) in [("base_s", g.base_s), ("per_worker_s", g.per_worker_s), ("new_process_s", g.new_process_s)] {
            f.within(&format!("{key}.{name}"), value, 0.0, LONGEST_S);
        }
    }
}

/// `0.8.1` as numbers.
pub(crate) fn version(text: &str) -> Option<(u64, u64, u64)> {
    let mut parts = text.split('.').map(|p| p.parse::<u64>().ok());
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Some(major)), Some(Some(minor)), Some(Some(patch)), None) => Some((major, minor, patch)),
        _ => None,
    }
}

/// Major and minor number of `v1.34.2+k3s1` or `1.34`.
pub(crate) fn minor_version(text: &str) -> Option<(u64, u64)> {
    let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
    let digits = |p: &str| p.split(|c: char| !c.is_ascii_digit()).next().and_then(|d| d.parse().ok());
    Some((digits(parts.next()?)?, digits(parts.next()?)?))
}

#[cfg(test)]
#[path = "coefficients_tests.rs"]
mod tests;
