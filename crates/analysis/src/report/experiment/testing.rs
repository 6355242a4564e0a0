//! An experiment for tests: two runs over, one of them invalid, one to come.

use bench_model::experiment::{Attempt, Experiment, ExperimentRecord, RunIs, Scheduled, State};
use bench_model::gate::GateVerdict;
use bench_model::plan::{Arm, Hashes};
use bench_model::run::Source;
use bench_model::summary::Verdict;
use chrono::{DateTime, TimeDelta, Utc};

fn attempt(run: &str, seconds: i64, verdict: Verdict, gate: Option<GateVerdict>) -> Attempt {
    let begun: DateTime<Utc> = "2026-11-28T01:00:00Z".parse().unwrap();
    let why = (verdict == Verdict::Invalid).then(|| "late & <slow> generator | @you".to_owned());
    let ended = Some(begun + TimeDelta::seconds(seconds));
    Attempt { run: run.into(), begun, ended, verdict: Some(verdict), gate, broken: vec![], why }
}

pub fn record() -> ExperimentRecord {
    let definition: Experiment = serde_json::from_str(r#"{"name": "mine", "arms": ["hpa", "static-2"]}"#).unwrap();
    let run = |arm: Arm, kv: Option<&str>, state: RunIs, attempts: Vec<Attempt>| Scheduled {
        arm,
        levels: kv.map(|v| ("kv".to_owned(), v.to_owned())).into_iter().collect(),
        repeat: 1,
        hashes: Hashes::default(),
        expected_s: 700.0,
        state,
        attempts,
    };
    let tried = vec![
        attempt("20261128T010000Z-ramp-hpa-0000", 100, Verdict::Invalid, None),
        attempt("20261128T011000Z-ramp-hpa-7f3a", 700, Verdict::Valid, Some(GateVerdict::Pass)),
    ];
    ExperimentRecord {
        schema_version: 1,
        id: "mine-20261128T010000Z-0001".into(),
        bench_version: "0.1.0".into(),
        source: Source::Measured,
        state: State::Running,
        hash: "abc".into(),
        cluster: "https://x".into(),
        namespace: "llmdbench".into(),
        definition,
        beside: None,
        begun: "2026-11-28T01:00:00Z".parse().unwrap(),
        ended: None,
        stood_up: true,
        runs: vec![
            run(Arm::Hpa, Some("0.8"), RunIs::Valid, tried),
            run(Arm::Static(2), None, RunIs::Invalid, vec![attempt("x-static-2-11aa", 240, Verdict::Invalid, None)]),
            run(Arm::Hpa, Some("0.9"), RunIs::Planned, vec![]),
        ],
        comparisons: vec![],
        notes: vec![],
    }
}
