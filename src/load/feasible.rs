//! Can guidellm make this load at all? Rules of thumb, told as warnings before a run is spent on it. Pure.
//!
//! Measured with guidellm 0.5 and 0.8 on two cores: a process makes about 263 prompts a second of 128 tokens, 97 of 1024, 25 of 4096, 10
//! of 8192; a request costs 10 to 15 ms of a core, a streamed token 0.2 ms; a request takes 2.3 to 3.3 kB of the result, and what is
//! written in the end is held some ten times over.

use super::render::{Dialect, dialect};
use bench_model::profile::Profile;
use bench_model::quantity::quantity;
use bench_model::scenario::{Guidellm, LoadMode};

/// Seconds of the one process that makes all prompts: for each, and for each of its tokens.
const PROMPT_S: [f64; 2] = [2.5e-3, 1.0e-5];
/// Seconds of a core: for each request, and for each token that comes back.
const REQUEST_S: [f64; 2] = [1.0e-2, 2.0e-4];
/// guidellm's own.
const WORKERS: u32 = 10;
/// Memory that a request takes until the result is written, and guidellm without any.
const REQUEST_BYTES: f64 = 33e3;
const BASE_BYTES: f64 = 1e9;

/// What a load asks of guidellm that it cannot do, a sentence each with what helps.
pub fn warnings(p: &Profile, g: &Guidellm, mode: LoadMode) -> Vec<String> {
    let most = p.rates.iter().copied().fold(0.0, f64::max);
    [prompts(p, most), cores(p, g, most), in_flight(p, g, most), memory(p, g, mode)].into_iter().flatten().collect()
}

fn prompts(p: &Profile, most: f64) -> Option<String> {
    let can = 1.0 / (PROMPT_S[0] + PROMPT_S[1] * p.prompt_tokens.mean as f64);
    (most > can).then(|| {
        format!(
            "rate {most}: one process of guidellm makes all prompts, about {can:.0} a second of {} tokens, so the load will come late. Lower \
             --rates, or shorten prompts: -o data.prompt_tokens=N",
            p.prompt_tokens.mean
        )
    })
}

fn cores(p: &Profile, g: &Guidellm, most: f64) -> Option<String> {
    let each = REQUEST_S[0] + REQUEST_S[1] * p.output_tokens.mean as f64;
    let needs = most * each;
    let workers = workers(g);
    let limit = g.resources.limits.get("cpu").and_then(|c| quantity(c));
    let says = |has: String, help: &str| {
        let tokens = p.output_tokens.mean;
        format!(
            "rate {most}: with {tokens} tokens each it takes guidellm about {needs:.0} cores ({:.0} ms a request), and {has}, so the load will come \
             late. Lower --rates, or {help}",
            each * 1000.0
        )
    };
    if needs > f64::from(workers) {
        let enough = needs.ceil();
        return Some(says(
            format!("it has {workers} worker processes of one core"),
            &format!("give it more: --set load.guidellm.workers={enough:.0}, on a node that has these cores"),
        ));
    }
    let limit = limit.filter(|l| needs > *l)?;
    Some(says(
        format!("its pod may use {limit}"),
        &format!("raise the limit: --set load.guidellm.resources.limits.cpu={:.0}", needs.ceil()),
    ))
}

fn in_flight(p: &Profile, g: &Guidellm, most: f64) -> Option<String> {
    let default = if dialect(&g.version).ok()? == Dialect::Flat { 512.0 } else { 10_240.0 };
    let cap = g.env.get("GUIDELLM__MAX_CONCURRENCY").and_then(|n| n.parse().ok()).unwrap_or(default);
    // A rate that is over before the cap is reached never meets it.
    (most > cap && most * f64::from(p.max_seconds) > cap).then(|| {
        format!(
            "rate {most}: guidellm has at most {cap} requests in flight, so each would have to be answered within {:.0} ms; else the load \
             waits for answers and comes late. Lower --rates, or --set load.guidellm.env.GUIDELLM__MAX_CONCURRENCY={:.0}",
            1000.0 * cap / most,
            (most * 60.0).ceil()
        )
    })
}

fn memory(p: &Profile, g: &Guidellm, mode: LoadMode) -> Option<String> {
    let limit = g.resources.limits.get("memory").and_then(|m| quantity(m))?;
    let seconds = f64::from(p.max_seconds);
    let per_rate = mode == LoadMode::PerRate;
    // Of one process: all rates, or the largest.
    let rate = if per_rate { p.rates.iter().copied().fold(0.0, f64::max) } else { p.rates.iter().sum() };
    let requests = rate * seconds;
    let needs = BASE_BYTES + REQUEST_BYTES * requests;
    (needs > limit).then(|| {
        let split = if per_rate || p.rates.len() == 1 { "" } else { ", --per-rate" };
        format!(
            "{requests:.0} requests in one guidellm process: it keeps them all until its end and may need {:.0} GB of memory, more than its \
             limit of {:.1} GB; if it is killed they are lost. Lower --rates or --max-seconds{split}, or \
             --set load.guidellm.resources.limits.memory={:.0}Gi",
            needs / 1e9,
            limit / 1e9,
            (needs / f64::from(1 << 30)).ceil()
        )
    })
}

fn workers(g: &Guidellm) -> u32 {
    let set = g.env.get("GUIDELLM__MAX_WORKER_PROCESSES").and_then(|n| n.parse().ok());
    set.unwrap_or(if g.workers > 0 { g.workers } else { WORKERS })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Lookup;
    use crate::config::profile::{self, ProfileArgs};
    use crate::config::scenario::{self, ScenarioArgs};
    use bench_model::scenario::Scenario;

    fn loaded(scenario: &str, profile: &str) -> (Scenario, Profile) {
        let lookup = Lookup { config_dir: None, current_dir: "/nowhere".into() };
        let s = scenario::load(&lookup, &ScenarioArgs { name: scenario.into(), ..ScenarioArgs::default() }).unwrap().scenario;
        let anywhere = profile::Context {
            target: "http://endpoint".into(),
            model: "model".into(),
            tokenizer: "model".into(),
            ..profile::Context::default()
        };
        let p = profile::load(&lookup, &ProfileArgs { name: profile.into(), ..ProfileArgs::default() }, &anywhere);
        (s, p.unwrap().profile)
    }

    fn said(scenario: &str, profile: &str, change: impl Fn(&mut Profile, &mut Guidellm)) -> Vec<String> {
        let (mut s, mut p) = loaded(scenario, profile);
        change(&mut p, &mut s.load.guidellm);
        warnings(&p, &s.load.guidellm, LoadMode::Continuous)
    }

    #[test]
    fn what_bench_carries_is_none_of_it() {
        let lookup = Lookup { config_dir: None, current_dir: "/nowhere".into() };
        for s in scenario::known(&lookup) {
            for p in profile::known(&lookup) {
                assert_eq!(said(&s.name, &p.name, |_, _| {}), [""; 0], "{} under {}", s.name, p.name);
            }
        }
    }

    #[test]
    fn each_limit_is_told_with_the_option_that_helps() {
        let one = |change: &dyn Fn(&mut Profile, &mut Guidellm)| {
            let said = said("inference-scheduling", "chatbot_synthetic", change);
            assert_eq!(said.len(), 1, "{said:?}");
            said[0].clone()
        };
        // 25 prompts of 4096 tokens a second, 46 requests of 1024 tokens back on ten cores.
        let text = one(&|p, _| p.rates = vec![2.0, 30.0]);
        assert!(text.starts_with("rate 30: one process of guidellm makes all prompts, about 23 a second of 4096 tokens"), "{text}");
        let text = one(&|p, _| (p.rates, p.prompt_tokens.mean, p.max_seconds) = (vec![60.0], 64, 60));
        assert!(text.contains("about 13 cores (215 ms a request), and it has 10 worker processes"), "{text}");
        assert!(text.contains("--set load.guidellm.workers=13"), "{text}");
        let text = one(&|_, g| drop(g.resources.limits.insert("cpu".into(), "500m".into())));
        assert!(text.contains("its pod may use 0.5") && text.contains("limits.cpu=2"), "{text}");
        let text = one(&|_, g| drop(g.resources.limits.insert("memory".into(), "1Gi".into())));
        assert!(text.contains("19200 requests") && text.contains("--per-rate") && text.contains("limits.memory=2Gi"), "{text}");
        let text = one(&|_, g| drop(g.env.insert("GUIDELLM__MAX_CONCURRENCY".into(), "4".into())));
        assert!(text.contains("at most 4 requests in flight") && text.contains("within 667 ms"), "{text}");
    }

    #[test]
    fn what_is_given_helps() {
        let fast = |p: &mut Profile| (p.rates, p.prompt_tokens.mean, p.max_seconds) = (vec![60.0], 64, 60);
        assert_eq!(said("inference-scheduling", "chatbot_synthetic", |p, g| (fast(p), g.workers = 13).0), [""; 0]);
        let (s, p) = loaded("inference-scheduling", "chatbot_synthetic");
        let mut g = s.load.guidellm;
        g.resources.limits.insert("memory".into(), "1.2G".into());
        assert_eq!(warnings(&p, &g, LoadMode::Continuous).len(), 1);
        g.resources.limits.insert("memory".into(), "1300M".into());
        assert_eq!(warnings(&p, &g, LoadMode::PerRate), [""; 0]);
    }

    #[test]
    fn a_rate_of_thousands_is_told() {
        let said = said("simulated", "sanity_random", |p, _| p.rates = vec![20_000.0]);
        let has = |piece: &str| said.iter().any(|w| w.contains(piece));
        assert!(has("prompts") && has("worker processes") && has("in flight") && has("600000 requests"), "{said:?}");
    }
}
