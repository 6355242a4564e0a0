//! A run that is valid in every respect, for tests to break in one.

use crate::Settings;
use bench_model::plan::{Arm, Hashes};
use bench_model::run::{RunRecord, RunState, Source, Times};
use bench_model::tables::{Outcome, RateWindow, ReplicaPoint, Request, Series, Tables};

pub fn run() -> RunRecord {
    RunRecord {
        schema_version: 1,
        id: "20261124T101500Z-chat-wva-7f3a".into(),
        bench_version: "0.1.0".into(),
        source: Source::Measured,
        arm: Arm::Wva,
        profile: "chat".into(),
        model: "m".into(),
        namespace: "n".into(),
        deployment: "d".into(),
        hashes: Hashes::default(),
        state: RunState::Complete,
        failure: None,
        times: Times::default(),
        reset: vec![],
        images: [].into(),
        nodes: vec![],
        clocks: vec![],
        missing: vec![],
        notes: vec![],
        load_uid: None,
        skip_reset: vec![],
    }
}

pub fn rate(index: usize, rate: f64, start: f64, seconds: f64) -> RateWindow {
    let due = (rate * seconds).floor();
    RateWindow {
        index,
        rate,
        start,
        end: start + seconds,
        planned_s: Some(seconds),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        successful: due as u64,
        errored: 0,
        incomplete: 0,
        ended_by: "max_duration".into(),
        schedule_delay_avg_s: Some(0.005),
        max_concurrency: Some(512),
        warnings: vec![],
    }
}

/// Every request on its time: 5 ms late, 50 ms to the first token, half a second long, 40 tokens.
pub fn load(rates: &[RateWindow]) -> Tables {
    let mut requests = Vec::new();
    for (position, w) in rates.iter().enumerate() {
        for k in 0..w.successful {
            #[allow(clippy::cast_precision_loss)]
            let due = w.start + k as f64 / w.rate;
            let start = due + 0.005;
            requests.push(Request {
                rate: position,
                outcome: Outcome::Successful,
                due: Some(due),
                start: Some(start),
                first_token: Some(start + 0.05),
                end: Some(start + 0.5),
                prompt_tokens: Some(100),
                output_tokens: Some(40),
                ttft_ms: Some(50.0),
                itl_ms: Some(5.0),
                latency_s: Some(0.5),
                error: None,
            });
        }
    }
    let first = rates.first().map_or(0.0, |r| r.start);
    let last = rates.last().map_or(0.0, |r| r.end);
    Tables {
        rates: rates.to_vec(),
        requests,
        replicas: vec![point(first - 10.0, 1, 1)],
        series: vec![Series { name: "up".into(), labels: [].into(), samples: vec![(first, 1.0), (last, 1.0)] }],
        ..Tables::default()
    }
}

pub fn point(t: f64, desired: u32, ready: u32) -> ReplicaPoint {
    ReplicaPoint { t, desired, current: desired, ready }
}

/// Planned exactly as the tables are.
pub fn settings(t: &Tables) -> Settings {
    Settings {
        scrape_interval_s: 15.0,
        planned_rates: t.rates.iter().map(|r| r.rate).collect(),
        planned_seconds: t.rates.first().and_then(|r| r.planned_s).unwrap_or(0.0),
        guidellm_version: "0.8.1".into(),
        problems: vec![],
    }
}
