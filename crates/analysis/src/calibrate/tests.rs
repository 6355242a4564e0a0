//! Runs of the simulator, whose coefficients are known, fitted from another base: what comes back, and what is held.

use super::*;
use bench_model::profile::Lengths;
use bench_model::scenario::{Behavior, Scaling, SelectPolicy};
use bench_model::tables::Series;
use bench_sim::client::{Line, schedule::Window};
use bench_sim::engine::{self, FixedParams, StepTime, VllmParams};
use bench_sim::input::{self, Autoscaler, Experiment, Load, Monitoring, Router};
use bench_sim::router::Policy;
use bench_sim::tables::{Names, tables};
use bench_sim::time::{PS_PER_MS, PS_PER_S, PS_PER_US, from_ms};

const STEP: StepMs = StepMs { base: 4.0, per_sequence: 0.1, per_kv_token: 3.2e-5 };
const PREFILL: PrefillMs = PrefillMs { base: 1.1, per_token: 1.61e-3, per_token_squared: 1.96e-7 };
const FRONT: FrontEnd = FrontEnd { per_request_ms: 15.0, per_prompt_token_us: 0.0, per_output_token_us: 80.0 };
const LATENCY_MS: f64 = 60.0;

fn vllm() -> input::Server {
    input::Server::Vllm(VllmParams {
        step: StepTime {
            base: from_ms(STEP.base),
            per_sequence: from_ms(STEP.per_sequence),
            per_kv_token: from_ms(STEP.per_kv_token),
            prefill_base: from_ms(PREFILL.base),
            per_prompt_token: from_ms(PREFILL.per_token),
            per_prompt_token_squared: from_ms(PREFILL.per_token_squared),
        },
        front_end: engine::FrontEnd { per_request: from_ms(15.0), per_prompt_token: 0, per_output_token: 80 * PS_PER_US },
        kv_blocks: 40_000,
        block_size: 16,
        max_sequences: 1024,
        max_batched_tokens: 8192,
        max_model_len: 16_000,
    })
}

fn fixed() -> input::Server {
    input::Server::Fixed(FixedParams {
        ttft: 100 * PS_PER_MS,
        itl: 20 * PS_PER_MS,
        kv_blocks: 1024,
        block_size: 16,
        max_sequences: 32,
        max_model_len: 16_384,
    })
}

fn played(server: input::Server, rates: &[f64], replicas: u32, latency_ms: f64, lengths: (Lengths, Lengths)) -> Tables {
    let still = Behavior { stabilization_window_s: 0, select_policy: SelectPolicy::Max, policies: vec![] };
    let e = Experiment {
        load: Load {
            rates: rates.to_vec(),
            seconds: 300,
            prompt: lengths.0,
            output: lengths.1,
            seed: 42,
            line: Line::V04,
            per_rate: false,
            distinct_prompts: None,
            window: Window::Start,
            workers: 10,
            taken_ahead: 2,
            max_in_flight: 512,
            silence: Some(60 * PS_PER_S),
            gap: 2 * PS_PER_S,
            lead: 60 * PS_PER_S,
            settle: 30 * PS_PER_S,
            tail_limit: 600 * PS_PER_S,
        },
        server,
        router: Router { policy: Policy::least_loaded(), keep_alive: None, refresh: 0, latency: from_ms(latency_ms) },
        fleet: input::Fleet {
            name: "d".into(),
            start_replicas: replicas,
            start_median: 60 * PS_PER_S,
            start_spread: 0.1,
            readiness_period: 5 * PS_PER_S,
            actuation: PS_PER_S / 2,
            drain: None,
            capacity: None,
        },
        monitoring: Monitoring { scrape_interval: 15 * PS_PER_S, controller_scrape_interval: 10 * PS_PER_S, closed_ranges: false },
        autoscaler: Autoscaler::Static,
        scaling: Scaling {
            min_replicas: replicas,
            max_replicas: replicas,
            scale_up: still.clone(),
            scale_down: still,
            by: Default::default(),
        },
        seed: 1,
        stepping: input::Stepping::Coalesced,
    };
    e.check().unwrap();
    tables(&bench_sim::run(&e).unwrap(), &e, Names { model: "m", namespace: "n", deployment: "d", hpa: "h" })
}

fn long() -> (Lengths, Lengths) {
    (
        Lengths { mean: 4096, stdev: Some(2048), min: Some(10), max: Some(8192) },
        Lengths { mean: 1024, stdev: Some(512), min: Some(10), max: Some(2048) },
    )
}

fn constant() -> (Lengths, Lengths) {
    let of = |mean| Lengths { mean, stdev: None, min: None, max: None };
    (of(1000), of(200))
}

/// Far from the truth: another card's.
fn other() -> Base {
    Base {
        server: Server::Vllm(Vllm {
            step: StepMs { base: 7.0, per_sequence: 0.03, per_kv_token: 6e-5 },
            prefill: PrefillMs { base: 2.0, per_token: 4e-3, per_token_squared: 4e-7 },
            front_end: FrontEnd { per_request_ms: 5.0, per_prompt_token_us: 0.0, per_output_token_us: 80.0 },
            budget: 8192.0,
        }),
        latency_ms: LATENCY_MS,
        start_median_s: 60.0,
        start_spread: 0.1,
        readiness_period_s: 5.0,
    }
}

fn input(tables: &Tables) -> Input<'_> {
    Input { source: Source::Predicted, tables }
}

fn get<'a>(f: &'a Fitted, name: &str) -> &'a Coefficient {
    f.coefficients.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("{name} of {:?}", f.coefficients))
}

fn shown(f: &Fitted) -> String {
    let one = |c: &Coefficient| {
        format!(
            "{} {:?} base {} value {:.4e} [{:?}, {:?}] {}\n",
            c.name,
            c.outcome,
            c.base,
            c.value,
            c.low,
            c.high,
            c.why.as_deref().unwrap_or("")
        )
    };
    f.coefficients.iter().map(one).collect::<String>() + &format!("{:#?}", f.residuals)
}

#[track_caller]
fn near(f: &Fitted, name: &str, truth: f64, within: f64) {
    let c = get(f, name);
    assert_eq!(c.outcome, Outcome::Fitted, "{name}\n{}", shown(f));
    assert!((c.value - truth).abs() <= within * truth, "{name}: {} instead of {truth}\n{}", c.value, shown(f));
}

#[test]
fn vllms_coefficients_come_back() {
    let t = played(vllm(), &[0.5, 1.0, 2.0, 3.0], 1, LATENCY_MS, long());
    let f = fit(&[input(&t)], &other());
    near(&f, "step_ms.base", STEP.base, 0.05);
    near(&f, "step_ms.per_sequence", STEP.per_sequence, 0.05);
    near(&f, "step_ms.per_kv_token", STEP.per_kv_token, 0.05);
    // The prompt's parts and the front-end's make up for each other; of their sum little is left to doubt.
    let of = |c: &FrontEnd, p: &PrefillMs, t: f64| c.per_request_ms + p.base + p.per_token * t + p.per_token_squared * t * t;
    let v = vllm_of(&Base { server: f.server, ..other() });
    for tokens in [1000.0, 4000.0, 8000.0] {
        let (found, truth) = (of(&v.front_end, &v.prefill, tokens), of(&FRONT, &PREFILL, tokens));
        assert!((found / truth - 1.0).abs() < 0.05, "{tokens}: {found} instead of {truth}\n{}", shown(&f));
    }
    let token = get(&f, "prefill_ms.per_token");
    assert!(token.low.unwrap() < PREFILL.per_token && PREFILL.per_token < token.high.unwrap(), "{}", shown(&f));
    // With its base taken for known, the other part of the constant is the front-end's.
    near(&f, "front_end.per_request_ms", FRONT.per_request_ms, 0.15);
    let way = get(&f, "router.latency_ms");
    assert!(way.outcome == Outcome::Held && way.why.as_deref().unwrap().contains("front_end.per_request_ms"), "{way:?}");
    assert_eq!(get(&f, "front_end.per_prompt_token_us").outcome, Outcome::Held);
    assert_eq!(get(&f, "pod_start.median_s").outcome, Outcome::Held);
    for q in ["ttft", "itl", "e2e"] {
        let r = f.residuals.iter().find(|r| r.quantity == q).unwrap();
        // Where in a step a request comes is chance, and no coefficient tells it.
        let left = if q == "ttft" { 0.4 } else { 0.2 };
        assert!(r.after.rms < left * r.before.rms && r.after.mean.abs() < 0.02 * r.measured_mean, "{}", shown(&f));
    }
    assert_eq!(f.step_sets.len(), 6);
    assert!(f.used[0].0 > 500 && f.used[0].1 > 1100.0, "{:?}", f.used);
}

#[test]
fn requests_all_alike_do_not_tell_the_cost_of_a_sequence_from_that_of_its_tokens() {
    let t = played(vllm(), &[2.0], 1, LATENCY_MS, constant());
    let f = fit(&[input(&t)], &other());
    let (seq, kv) = (get(&f, "step_ms.per_sequence"), get(&f, "step_ms.per_kv_token"));
    assert!([seq, kv].iter().any(|c| c.outcome == Outcome::Held && c.value == c.base), "{}", shown(&f));
    let square = get(&f, "prefill_ms.per_token_squared");
    assert_eq!((square.outcome, square.value), (Outcome::Held, 4e-7), "all prompts are equally long\n{}", shown(&f));
}

#[test]
fn a_way_that_cannot_take_so_long_is_fitted_instead_of_the_front_end() {
    let t = played(vllm(), &[0.5, 2.0], 1, 1.0, long());
    let base = Base { server: Server::Vllm(Vllm { front_end: FRONT, ..vllm_of(&other()) }), ..other() };
    let f = fit(&[input(&t)], &base);
    assert_eq!(get(&f, "front_end.per_request_ms").value, 15.0, "{}", shown(&f));
    let way = get(&f, "router.latency_ms");
    assert!(way.outcome == Outcome::Fitted && way.value < 4.0, "{}", shown(&f));
}

fn vllm_of(b: &Base) -> Vllm {
    let Server::Vllm(v) = b.server else { panic!("vLLM") };
    v
}

/// What a server counts that sees everything but the way.
fn counted(t: &Tables, name: &str, of: impl Fn(&bench_model::tables::Request) -> Option<f64>) -> [Series; 2] {
    let end = t.rates.last().unwrap().end;
    let at = |time: f64| {
        let done = t.requests.iter().filter(|r| r.first_token.is_some_and(|f| f <= time)).filter_map(&of);
        done.fold((0.0, 0.0), |(s, n), v| (s + v / 1000.0, n + 1.0))
    };
    let times: Vec<f64> = (0..).map(|k| f64::from(k) * 5.0).take_while(|s| *s < end + 5.0).collect();
    let series = |suffix: &str, which: fn((f64, f64)) -> f64| Series {
        name: format!("{name}_{suffix}"),
        labels: [("pod".to_owned(), "p".to_owned())].into(),
        samples: times.iter().map(|s| (*s, which(at(*s)))).collect(),
    };
    [series("sum", |v| v.0), series("count", |v| v.1)]
}

#[test]
fn the_servers_own_counters_tell_the_way_from_the_front_end() {
    let mut t = played(vllm(), &[0.3, 0.5], 1, LATENCY_MS, long());
    let counted = counted(&t, "vllm:time_to_first_token_seconds", |r| r.ttft_ms.map(|t| t - LATENCY_MS));
    t.series.extend(counted);
    let f = fit(&[input(&t)], &Base { latency_ms: 20.0, ..other() });
    near(&f, "router.latency_ms", LATENCY_MS, 0.05);
    near(&f, "front_end.per_request_ms", FRONT.per_request_ms, 0.15);
}

fn simulator() -> Base {
    let server = Server::Fixed(Fixed { ttft_ms: 80.0, itl_ms: 25.0, max_sequences: 32.0, kv_blocks: 1024.0, block_size: 16.0 });
    Base { server, latency_ms: 1.0, start_median_s: 3.0, start_spread: 0.1, readiness_period_s: 2.0 }
}

#[test]
fn a_simulators_constants_come_back_under_a_queue_and_on_several_replicas() {
    let lengths = || {
        (
            Lengths { mean: 768, stdev: Some(128), min: Some(256), max: Some(1280) },
            Lengths { mean: 128, stdev: Some(32), min: Some(32), max: Some(256) },
        )
    };
    for (rates, replicas) in [(vec![1.0, 3.0, 8.0], 1), (vec![4.0, 12.0], 3)] {
        let mut t = played(fixed(), &rates, replicas, 4.0, lengths());
        let f = fit(&[input(&t)], &simulator());
        near(&f, "inter_token_latency_ms", 20.0, 0.01);
        let ttft = get(&f, "time_to_first_token_ms");
        assert!(ttft.outcome == Outcome::Held && ttft.why.as_deref().unwrap().contains("router.latency_ms"), "{}", shown(&f));
        near(&f, "router.latency_ms", 24.0, 0.05);
        let counted = counted(&t, "vllm:request_prefill_time_seconds", |r| r.ttft_ms.map(|_| 100.0));
        t.series.extend(counted);
        let f = fit(&[input(&t)], &simulator());
        near(&f, "time_to_first_token_ms", 100.0, 0.01);
        near(&f, "router.latency_ms", 4.0, 0.1);
    }
}

#[test]
fn a_run_left_out_is_told_by_the_others() {
    let (a, b) = (played(vllm(), &[1.0, 2.0], 1, LATENCY_MS, long()), played(vllm(), &[3.0], 1, LATENCY_MS, long()));
    let others = fit(&[input(&a)], &other());
    let told = told_by_others(input(&b), &other(), &others);
    let e2e = told.iter().find(|r| r.quantity == "e2e").unwrap();
    assert!(e2e.after.mean.abs() < 0.03 * e2e.measured_mean && e2e.before.mean.abs() > 5.0 * e2e.after.mean.abs(), "{e2e:?}");
}

#[test]
fn several_replicas_tell_no_step_time_and_nothing_panics_on_nothing() {
    let t = played(vllm(), &[2.0], 2, LATENCY_MS, long());
    let f = fit(&[input(&t)], &other());
    assert!(f.coefficients.iter().all(|c| c.outcome == Outcome::Held && c.value == c.base), "{}", shown(&f));
    assert_eq!((f.residuals.len(), f.step_sets.len()), (0, 0));
    let none = Tables::default();
    for base in [other(), simulator()] {
        assert!(fit(&[input(&none)], &base).coefficients.iter().all(|c| c.outcome == Outcome::Held));
        assert!(fit(&[], &base).residuals.is_empty());
    }
}
