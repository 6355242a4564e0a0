//! Random small experiments, over everything that an experiment can be given.

use bench_model::profile::Lengths;
use bench_model::scenario::{Behavior, Policy, PolicyKind, Scaling, SelectPolicy, Thresholds};
use bench_sim::client::{Line, schedule::Window};
use bench_sim::engine::{FixedParams, FrontEnd, StepTime, VllmParams};
use bench_sim::input::*;
use bench_sim::rng::Stream;
use bench_sim::router::{Epp, Policy as RouterPolicy, Weights};
use bench_sim::time::{PS_PER_MS, PS_PER_S, PS_PER_US, Ps};

/// Uniform in [low, high].
fn within(r: &mut Stream, low: u32, high: u32) -> u32 {
    low + r.below(high - low + 1)
}

fn ms(r: &mut Stream, low: u32, high: u32) -> Ps {
    PS_PER_MS * i64::from(within(r, low, high))
}

fn s(r: &mut Stream, low: u32, high: u32) -> Ps {
    PS_PER_S * i64::from(within(r, low, high))
}

fn server(r: &mut Stream) -> Server {
    let block_size = [1, 16, 64][r.below(3) as usize];
    let max_sequences = within(r, 1, 60);
    if r.below(6) == 0 {
        return Server::Fixed(FixedParams {
            ttft: ms(r, 0, 300),
            itl: ms(r, 0, 30),
            kv_blocks: u64::from(within(r, 600, 6_000).div_ceil(block_size)),
            block_size,
            max_sequences,
            max_model_len: 600,
        });
    }
    Server::Vllm(VllmParams {
        step: StepTime {
            base: ms(r, 2, 12),
            per_sequence: i64::from(r.below(400_000_000)),
            per_kv_token: i64::from(r.below(4_000_000)),
            prefill_base: ms(r, 0, 2),
            per_prompt_token: i64::from(r.below(50_000_000)),
            per_prompt_token_squared: i64::from(r.below(200_000)),
        },
        front_end: FrontEnd {
            per_request: ms(r, 0, 20),
            per_prompt_token: PS_PER_US * i64::from(r.below(40)),
            per_output_token: PS_PER_US * i64::from(r.below(3) * 400),
        },
        kv_blocks: u64::from(within(r, 700, 9_000).div_ceil(block_size)),
        block_size,
        max_sequences,
        max_batched_tokens: max_sequences.max(within(r, 64, 2_048)),
        max_model_len: 600,
    })
}

fn behavior(r: &mut Stream) -> Behavior {
    let policy = |r: &mut Stream| Policy {
        kind: if r.below(2) == 0 { PolicyKind::Pods } else { PolicyKind::Percent },
        value: within(r, 1, 120),
        period_s: within(r, 5, 60),
    };
    Behavior {
        stabilization_window_s: [0, 15, 40][r.below(3) as usize],
        select_policy: [SelectPolicy::Max, SelectPolicy::Max, SelectPolicy::Min][r.below(3) as usize],
        policies: (0..=r.below(2)).map(|_| policy(r)).collect(),
    }
}

fn autoscaler(r: &mut Stream) -> Autoscaler {
    let controller = HpaLoop { sync: s(r, 5, 15), new_tolerance_code: r.below(2) == 0, tolerance: 0.1 };
    let metric = |source, target_milli| HpaMetric { name: format!("{source:?}"), source, target_milli };
    match r.below(6) {
        0 => Autoscaler::Static,
        5 => {
            let mut at = 0;
            let mut next = |r: &mut Stream| {
                at += s(r, 0, 40);
                Change { at, replicas: within(r, 1, 6) }
            };
            Autoscaler::Schedule((0..=r.below(5)).map(|_| next(r)).collect())
        }
        1 | 2 => Autoscaler::Hpa(HpaArm {
            name: "hpa".into(),
            controller,
            metrics: vec![
                metric(Source::Waiting, i64::from(within(r, 1, 5)) * 1000),
                metric(Source::KvUsage, i64::from(within(r, 300, 900))),
                metric(Source::Running, i64::from(within(r, 1, 20)) * 1000),
            ],
        }),
        _ => Autoscaler::Wva(WvaArm {
            version: [WvaVersion::V042, WvaVersion::V05][r.below(2) as usize],
            thresholds: Thresholds {
                kv_cache_threshold: 0.8,
                queue_length_threshold: 5.0,
                kv_spare_trigger: 0.3,
                queue_spare_trigger: f64::from(within(r, 1, 4)),
            },
            interval: s(r, 5, 20),
            accelerator: "H100".into(),
            cost: "10.0".into(),
            model: "m".into(),
            namespace: "n".into(),
            hpa_name: "hpa".into(),
            controller,
        }),
    }
}

pub fn experiment(seed: u64) -> Experiment {
    let r = &mut Stream::new(seed, "random experiment", 0);
    let policy = match r.below(4) {
        0 => RouterPolicy::Random,
        1 => RouterPolicy::round_robin(),
        2 => RouterPolicy::least_loaded(),
        _ => RouterPolicy::Epp(Epp::new(Weights::CHART)),
    };
    let scaling =
        Scaling { min_replicas: 1, max_replicas: within(r, 1, 6), scale_up: behavior(r), scale_down: behavior(r), by: Default::default() };
    Experiment {
        load: Load {
            rates: (0..=r.below(2)).map(|_| f64::from(within(r, 1, 40)) / f64::from(within(r, 2, 9))).collect(),
            seconds: within(r, 20, 90),
            prompt: Lengths { mean: 150, stdev: Some(80), min: Some(1), max: Some(300) },
            output: Lengths { mean: 120, stdev: Some(100), min: Some(1), max: Some(300) },
            seed: r.next_u64() >> 20,
            line: if r.below(2) == 0 { Line::V04 } else { Line::V07 },
            per_rate: r.below(2) == 0,
            distinct_prompts: (r.below(4) == 0).then_some(5),
            window: if r.below(2) == 0 { Window::Start } else { Window::FirstRequest },
            workers: within(r, 1, 10),
            taken_ahead: r.below(3),
            max_in_flight: within(r, 1, 60),
            silence: (r.below(2) == 0).then(|| s(r, 2, 20)),
            gap: s(r, 0, 5),
            lead: s(r, 0, 30),
            settle: s(r, 0, 20),
            tail_limit: s(r, 0, 120),
        },
        server: server(r),
        router: Router { policy, keep_alive: (r.below(3) == 0).then(|| s(r, 1, 5)), refresh: ms(r, 0, 200), latency: ms(r, 0, 60) },
        fleet: Fleet {
            name: "decode".into(),
            start_replicas: within(r, 1, 3),
            start_median: s(r, 0, 20),
            start_spread: 0.2,
            readiness_period: s(r, 1, 5),
            actuation: ms(r, 0, 900),
            drain: (r.below(2) == 0).then(|| s(r, 0, 30)),
            capacity: (r.below(4) == 0).then(|| within(r, 1, 4)),
        },
        monitoring: Monitoring { scrape_interval: s(r, 1, 15), controller_scrape_interval: s(r, 1, 10), closed_ranges: r.below(2) == 0 },
        autoscaler: autoscaler(r),
        scaling,
        seed: r.next_u64(),
        stepping: Stepping::Coalesced,
    }
}
