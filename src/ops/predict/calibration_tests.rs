use super::{apply, base};
use crate::config::{Lookup, coefficients};
use crate::ops::plan::{Intent, resolve};
use crate::ops::predict::Options;
use crate::ops::predict::assumptions::assumptions;
use bench_analysis::calibrate::fit;
use bench_model::calibration::{Calibration, Outcome, RunUsed};
use bench_model::coefficients::{Basis, Coefficients};
use bench_model::plan::{Arm, Plan};
use bench_model::run::Source;

fn calibrated(scenario: &str, source: Source) -> (Plan, Coefficients) {
    let lookup = Lookup { config_dir: None, current_dir: "/nonexistent".into() };
    let mut intent = Intent { arm: Some(Arm::Static(1)), ..Intent::default() };
    intent.scenario.name = scenario.into();
    let plan = resolve(&lookup, &intent, None).unwrap().0;
    let c = coefficients::load(&lookup, "").unwrap();
    let (entry, base) = base(&plan, &c.coefficients).unwrap();
    let mut f = fit(&[], &base);
    f.coefficients.iter_mut().for_each(|c| c.outcome = Outcome::Fitted);
    let run = RunUsed { run: "r".into(), plan: "p".into(), source, arm: Arm::Static(1), requests: 9, one_replica_s: 9.0 };
    let made = Calibration {
        made: chrono::DateTime::UNIX_EPOCH,
        bench_version: "0".into(),
        base: c.source.clone(),
        entry,
        runs: vec![run],
        coefficients: f.coefficients.clone(),
        residuals: vec![],
    };
    let out = apply(&plan, &c.coefficients, &f, &made).unwrap();
    (plan, out)
}

/// A prediction holds what the simulator was given: whatever is fitted to one must not pass for a measurement.
#[test]
fn what_is_fitted_to_predicted_runs_says_so() {
    for (source, basis, word) in
        [(Source::Measured, Basis::Fitted, ", runs r;"), (Source::Predicted, Basis::Predicted, ", predicted runs r;")]
    {
        let (plan, c) = calibrated("", source);
        assert_eq!(c.engines[0].basis, basis);
        assert!(c.engines[0].source.contains(word), "{}", c.engines[0].source);
        let told = assumptions(&plan, &c, &Options::default()).unwrap();
        assert_eq!(
            told.cautions.iter().any(|t| t.ends_with("predicted runs: nothing was measured")),
            source == Source::Predicted,
            "{told:?}"
        );
        let (plan, c) = calibrated("simulated", source);
        assert!(c.simulators[0].source.contains(word), "{}", c.simulators[0].source);
        let told = assumptions(&plan, &c, &Options::default()).unwrap();
        assert_eq!(told.basis.contains("measured"), source == Source::Measured, "{told:?}");
        assert_eq!(told.cautions.len(), usize::from(source == Source::Predicted), "{told:?}");
    }
}
