//! A report of a gate to render.

use bench_model::SCHEMA_VERSION;
use bench_model::gate::{GateReport, GateVerdict, Level, RuleResult, RuleVerdict};
use bench_model::plan::Arm;
use bench_model::run::Source;
use bench_model::summary::Verdict;

pub(crate) fn result(rule: &str, holds: bool) -> RuleResult {
    RuleResult {
        name: rule.into(),
        rule: rule.into(),
        level: Level::Fail,
        verdict: if holds { RuleVerdict::Pass } else { RuleVerdict::Fail },
        left: Some(464.0),
        op: "<".into(),
        right: Some(if holds { 800.0 } else { 400.0 }),
        unit: "ms".into(),
        margin: Some(if holds { 0.42 } else { -0.16 }),
        reason: None,
    }
}

/// One rule holds, one is broken, one only warns, one was not measured; names and reasons are hostile.
pub(crate) fn report() -> GateReport {
    let mut warned = result("max_ready < 5", false);
    (warned.level, warned.verdict, warned.name) = (Level::Warn, RuleVerdict::Warn, "a|b <script>alert(1)</script> ]]> `x` @here".into());
    let mut absent = result("first_scale_up_s < 60", false);
    (absent.left, absent.margin, absent.reason) = (None, None, Some("not measured: 100%\r\n::error::\u{1b}[31m\u{202e}".into()));
    GateReport {
        judgement: None,
        schema_version: SCHEMA_VERSION,
        run: "20261124T031159Z-ramp<b>&\u{1b}[2J-wva-c97c".into(),
        arm: Arm::Wva,
        source: Source::Measured,
        verdict: GateVerdict::Fail,
        validity: Verdict::Valid,
        invalid_because: vec![],
        slo: crate::gate::slo::NONE,
        baseline: Some("before".into()),
        warnings: vec!["the baseline's load is another".into()],
        rules: vec![result("p99_ttft_ms < 800", true), result("mean_ttft_ms < 400", false), warned, absent],
    }
}
