//! Made-up forecasts for tests to change in one respect.

use super::Facts;
use bench_model::forecast::{ArmForecast, Band, E2eBands, LoadForecast, RateForecast, ScalingForecast, TtftBands};
use bench_model::plan::Arm;

/// A band as wide as ± this share of its median.
pub fn around(median: f64, share: f64) -> Band {
    Band { median, p5: median * (1.0 - share), p95: median * (1.0 + share) }
}

/// A rate that is served well.
pub fn rate(rate: f64) -> RateForecast {
    RateForecast {
        rate,
        succeeded_seeds: 20,
        ttft_ms: Some(TtftBands { mean: around(60.0, 0.1), p50: around(55.0, 0.1), p99: around(180.0, 0.2) }),
        itl_ms_mean: Some(around(6.0, 0.02)),
        e2e_s: Some(E2eBands { mean: around(1.2, 0.05), p99: around(2.0, 0.1) }),
        failed_fraction: around(0.0, 0.0),
        output_tokens_per_s: around(200.0 * rate, 0.01),
        achieved_rate: around(rate, 0.0),
        peak_in_flight: around(20.0, 0.2),
        waiting_at_end: around(0.0, 0.0),
        ready_at_end: Some(around(2.0, 0.0)),
        closed_loop_seeds: 0,
    }
}

/// 20 seeds; scales from 1 to 4 and back.
pub fn arm(arm: Arm) -> ArmForecast {
    ArmForecast {
        arm,
        seeds: 20,
        run: Some(format!("20261124T101500Z-chat-{arm}-7f3a")),
        rates: [2.0, 3.0, 5.0, 6.0].map(rate).to_vec(),
        overall: LoadForecast {
            failed_fraction: around(0.0, 0.0),
            ttft_ms_mean: Some(around(60.0, 0.1)),
            e2e_s_mean: Some(around(1.2, 0.05)),
            successful: around(19_200.0, 0.0),
        },
        scaling: ScalingForecast {
            scaled_up_seeds: 20,
            first_scale_up_s: Some(around(1300.0, 0.05)),
            start_replicas: Some(around(1.0, 0.0)),
            max_desired: Some(around(4.0, 0.0)),
            max_ready: Some(around(4.0, 0.0)),
            end_replicas: Some(around(1.0, 0.0)),
            stuck_seeds: 0,
            ready_replica_s: around(12_000.0, 0.05),
            desired_replica_s: around(12_500.0, 0.05),
            scale_ups: around(3.0, 0.0),
            scale_downs: around(3.0, 0.0),
        },
    }
}

/// A load that asks for nothing odd.
pub fn facts() -> Facts {
    Facts {
        seconds_per_rate: 1200.0,
        start_replicas: 1,
        min_replicas: 1,
        max_replicas: 10,
        up_disabled: false,
        down_disabled: false,
        stabilization_up_s: 240.0,
        stabilization_down_s: 240.0,
        sync_s: 15.0,
        pod_start_s: 60.0,
        client_cap: 512,
        knee_req_s: None,
    }
}
