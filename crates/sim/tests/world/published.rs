//! The published experiment "HPA-based vs WVA" as an [`Experiment`], by hand: what `bench predict` makes of its scenario and profile.

use bench_model::profile::Lengths;
use bench_model::scenario::{Behavior, Policy, PolicyKind, Scaling, SelectPolicy, Thresholds};
use bench_sim::client::{Line, schedule::Window};
use bench_sim::engine::{FrontEnd, StepTime, VllmParams};
use bench_sim::input::{self, *};
use bench_sim::router::{Epp, Policy as RouterPolicy, Weights};
use bench_sim::time::{PS_PER_MS, PS_PER_S, PS_PER_US, from_ms};

pub fn published(arm: &str, router: &str, seed: u64) -> Experiment {
    let controller = HpaLoop { sync: 15 * PS_PER_S, new_tolerance_code: false, tolerance: 0.1 };
    let behavior = |kind, value| Behavior {
        stabilization_window_s: 240,
        select_policy: SelectPolicy::Max,
        policies: vec![Policy { kind, value, period_s: 60 }],
    };
    Experiment {
        load: Load {
            rates: vec![2.0, 3.0, 5.0, 6.0],
            seconds: 1200,
            prompt: Lengths { mean: 4096, stdev: Some(2048), min: Some(10), max: Some(8192) },
            output: Lengths { mean: 1024, stdev: Some(512), min: Some(10), max: Some(2048) },
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
            settle: 120 * PS_PER_S,
            tail_limit: 1800 * PS_PER_S,
        },
        server: Server::Vllm(VllmParams {
            step: StepTime {
                base: from_ms(4.0),
                per_sequence: from_ms(0.1),
                per_kv_token: from_ms(3.2e-5),
                prefill_base: from_ms(1.1),
                per_prompt_token: from_ms(1.61e-3),
                per_prompt_token_squared: from_ms(1.96e-7),
            },
            front_end: FrontEnd { per_request: from_ms(15.0), per_prompt_token: 0, per_output_token: 80 * PS_PER_US },
            kv_blocks: 680_000 / 64,
            block_size: 64,
            max_sequences: 1024,
            max_batched_tokens: 8192,
            max_model_len: 16000,
        }),
        router: Router {
            policy: match router {
                "random" | "pinned" => RouterPolicy::Random,
                "rr" => RouterPolicy::round_robin(),
                "least" => RouterPolicy::least_loaded(),
                _ => RouterPolicy::Epp(Epp::new(Weights::CHART)),
            },
            keep_alive: router.starts_with("pinned").then_some(5 * PS_PER_S),
            refresh: 50 * PS_PER_MS,
            latency: 60 * PS_PER_MS,
        },
        fleet: input::Fleet {
            name: "qwen-decode".into(),
            start_replicas: 1,
            start_median: 60 * PS_PER_S,
            start_spread: 0.1,
            readiness_period: 5 * PS_PER_S,
            actuation: PS_PER_S / 2,
            drain: None,
            capacity: None,
        },
        monitoring: input::Monitoring { scrape_interval: 15 * PS_PER_S, controller_scrape_interval: 10 * PS_PER_S, closed_ranges: true },
        autoscaler: match arm {
            "wva" | "wva 0.5" => Autoscaler::Wva(WvaArm {
                version: if arm == "wva" { WvaVersion::V042 } else { WvaVersion::V05 },
                thresholds: Thresholds {
                    kv_cache_threshold: 0.8,
                    queue_length_threshold: 5.0,
                    kv_spare_trigger: 0.3,
                    queue_spare_trigger: 3.0,
                },
                interval: 60 * PS_PER_S,
                accelerator: "H100".into(),
                cost: "10.0".into(),
                model: "m".into(),
                namespace: "n".into(),
                hpa_name: "h".into(),
                controller,
            }),
            "static" => Autoscaler::Static,
            _ => Autoscaler::Hpa(HpaArm {
                name: "h".into(),
                controller,
                metrics: vec![
                    input::HpaMetric { name: "w".into(), source: Source::Waiting, target_milli: 3000 },
                    input::HpaMetric { name: "k".into(), source: Source::KvUsage, target_milli: 600 },
                ],
            }),
        },
        scaling: Scaling {
            min_replicas: 1,
            max_replicas: 10,
            scale_up: behavior(PolicyKind::Pods, 1),
            scale_down: behavior(PolicyKind::Percent, 10),
            by: Default::default(),
        },
        seed,
        stepping: Stepping::Coalesced,
    }
}
