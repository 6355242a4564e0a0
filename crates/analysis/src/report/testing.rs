use super::Material;
use crate::summarise;
use crate::validity::testing::{run, settings};
use bench_model::judgement::{ArmJudgement, Goal, Judgement, Role};
use bench_model::tables::Tables;

/// Hands a valid run with these tables to `f`.
pub(crate) fn material<T>(tables: &Tables, f: impl FnOnce(&Material<'_>) -> T) -> T {
    let run = run();
    let summary = summarise(&run, tables, "0.8.1", &settings(tables));
    f(&Material { run: &run, plan: None, summary: &summary, tables, problems: &[], explanation: None, scorecard: None, judgement: None })
}

/// Two arms, one of which keeps the goal; predicted.
pub(crate) fn judgement() -> Judgement {
    let arm = |name: &str, good: u64, paid: f64| ArmJudgement {
        arm: name.into(),
        role: Role::Arm,
        predicted: true,
        runs: 20,
        due: 384_000,
        counted: 384_000,
        good,
        attainment: Some(good as f64 / 384_000.0),
        keeps: good > 380_160,
        replica_seconds: Some(paid),
        gpu_seconds: Some(paid),
        cost: None,
        cost_per_million_output_tokens: None,
        cost_per_million_good_output_tokens: None,
        dominated: false,
        dominated_by: None,
        band: None,
    };
    Judgement {
        schema_version: 1,
        goal: Goal::default(),
        predicted: true,
        span_s: 6_000.0,
        arms: vec![arm("wva", 382_000, 14_000.0), arm("hpa", 310_000, 9_000.0)],
        beside: vec![],
        fleets: vec![],
        winner: Some("wva".into()),
        why: "wva is the only arm that keeps the goal.".into(),
        assumptions: vec!["The coefficients were fitted to one run.".into()],
        notes: vec![],
    }
}
