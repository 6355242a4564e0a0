//! What cannot be simulated is said in one sentence; what can, ends, in bounded memory.

use super::published::published;
use super::random;
use bench_model::profile::Lengths;
use bench_sim::input::{Autoscaler, Experiment, Server};
use bench_sim::time::PS_PER_S;

fn refused(change: impl FnOnce(&mut Experiment)) -> String {
    let mut e = published("hpa", "pinned", 1);
    change(&mut e);
    bench_sim::run(&e).expect_err("this cannot be simulated").0
}

fn vllm(e: &mut Experiment) -> &mut bench_sim::engine::VllmParams {
    match &mut e.server {
        Server::Vllm(v) => v,
        Server::Fixed(_) => unreachable!("the published run is on vLLM"),
    }
}

#[test]
fn each_refusal_names_what_is_wrong() {
    let hpa = |e: &mut Experiment, change: &dyn Fn(&mut bench_sim::input::HpaArm)| {
        if let Autoscaler::Hpa(a) = &mut e.autoscaler {
            change(a);
        }
    };
    for (said, message) in [
        ("no rate", refused(|e| e.load.rates.clear())),
        ("not 0", refused(|e| e.load.rates[1] = 0.0)),
        ("not -3", refused(|e| e.load.rates[1] = -3.0)),
        ("not NaN", refused(|e| e.load.rates[1] = f64::NAN)),
        ("not inf", refused(|e| e.load.rates[1] = f64::INFINITY)),
        ("requests are more", refused(|e| e.load.rates[1] = 1e9)),
        ("sends nothing", refused(|e| e.load.rates[1] = f64::MIN_POSITIVE)),
        ("at least one second", refused(|e| e.load.seconds = 0)),
        ("longer than can be simulated", refused(|e| (e.load.seconds, e.load.rates) = (u32::MAX, vec![1e-3]))),
        ("max-model-len is 16000", refused(|e| e.load.prompt.max = Some(15_000))),
        ("prompt lengths", refused(|e| e.load.prompt = Lengths { mean: 5, stdev: None, min: Some(9), max: Some(3) })),
        ("output lengths", refused(|e| e.load.output = Lengths { mean: 0, stdev: None, min: None, max: None })),
        ("prompt lengths", refused(|e| e.load.prompt = Lengths { mean: u64::MAX, stdev: Some(u64::MAX), min: None, max: None })),
        ("it would never end", refused(|e| vllm(e).kv_blocks = 100)),
        ("KV cache must be above 0", refused(|e| vllm(e).kv_blocks = 0)),
        ("refuses to start", refused(|e| vllm(e).max_batched_tokens = 100)),
        ("base of a step", refused(|e| vllm(e).step.base = 0)),
        ("not be negative", refused(|e| vllm(e).step.per_kv_token = -1)),
        ("single step", refused(|e| vllm(e).step.per_kv_token = i64::MAX / 2)),
        ("has no metric", refused(|e| hpa(e, &|a| a.metrics.clear()))),
        ("target of w", refused(|e| hpa(e, &|a| a.metrics[0].target_milli = 0))),
        ("sync period", refused(|e| hpa(e, &|a| a.controller.sync = 0))),
        ("below min_replicas", refused(|e| e.scaling.max_replicas = 0)),
        ("more than 10000 replicas", refused(|e| e.scaling.max_replicas = 1_000_000)),
        ("without a replica", refused(|e| e.fleet.start_replicas = 0)),
        ("scrape intervals", refused(|e| e.monitoring.scrape_interval = 0)),
        ("spread", refused(|e| e.fleet.start_spread = f64::NAN)),
        ("between 0 and one day", refused(|e| e.load.gap = -1)),
        ("in flight above 0", refused(|e| e.load.max_in_flight = 0)),
        ("silence limit", refused(|e| e.load.silence = Some(0))),
    ] {
        assert!(message.contains(said), "{message:?} does not say {said:?}");
    }
}

#[test]
fn thousands_of_replicas_and_a_week_end() {
    let mut e = published("hpa", "epp", 1);
    (e.scaling.max_replicas, e.fleet.start_replicas) = (3_000, 3_000);
    (e.load.rates, e.load.seconds) = (vec![5.0], 300);
    let p = bench_sim::run(&e).unwrap();
    assert_eq!(p.requests.len(), 1500);

    let mut week = published("wva", "pinned", 1);
    (week.load.rates, week.load.seconds) = (vec![0.5], 7 * 86_400);
    let p = bench_sim::run(&week).unwrap();
    assert!(p.requests.len() > 300_000 && p.end > 7 * 86_400 * PS_PER_S);
}

#[test]
fn hpa_without_readings_does_nothing() {
    let mut e = published("hpa", "pinned", 1);
    // No target is scraped before the experiment is over.
    e.monitoring.scrape_interval = 86_400 * PS_PER_S;
    e.load.seconds = 60;
    let p = bench_sim::run(&e).unwrap();
    assert!(p.replicas.iter().all(|r| r.desired == 1));
}

/// Random damage to random experiments: an error or a result, never a panic.
#[test]
fn damaged_experiments_do_not_panic() {
    let (mut errors, mut results) = (0, 0);
    for seed in 0..600 {
        let mut r = bench_sim::rng::Stream::new(seed, "damage", 0);
        let mut e = random::experiment(seed);
        let odd = [0, 1, -1, i64::MAX, i64::MIN, 1 << 40][r.below(6) as usize];
        match r.below(12) {
            0 => e.load.gap = odd,
            1 => e.load.lead = odd,
            2 => e.load.silence = Some(odd),
            3 => e.load.rates = vec![f64::MIN_POSITIVE, 1.0],
            4 => e.router.refresh = odd,
            5 => e.router.latency = odd,
            6 => e.fleet.start_median = odd,
            7 => e.fleet.actuation = odd,
            8 => e.fleet.drain = Some(odd),
            9 => e.fleet.readiness_period = odd,
            10 => e.monitoring.scrape_interval = odd,
            _ => e.router.keep_alive = Some(odd),
        }
        match bench_sim::run(&e) {
            Ok(_) => results += 1,
            Err(_) => errors += 1,
        }
    }
    assert!(errors > 100 && results > 100, "{errors} errors, {results} results");
}
