//! JUnit XML: a suite for each treatment, a test case for each run of the schedule.

use super::{headline, state_word};
use crate::words::visible;
use bench_model::experiment::{ExperimentRecord, RunIs, Scheduled};
use bench_model::gate::GateVerdict;
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

/// The document. A run that is not valid is an error, a failed gate a failure, a run that was not made is skipped. Rules of level
/// `warn` that are broken stand in the output.
///
/// # Errors
/// None that an experiment can cause.
pub fn render(r: &ExperimentRecord) -> Result<String, SerializeError> {
    let mut suites: Vec<(String, TestSuite)> = vec![];
    for s in &r.runs {
        let name = s.treatment();
        let at = suites.iter().position(|(n, _)| *n == name).unwrap_or_else(|| {
            suites.push((name.clone(), TestSuite::new(visible(&name))));
            suites.len() - 1
        });
        suites[at].1.add_test_case(case(s));
    }
    let mut report = Report::new(format!("bench experiment {}: {}", visible(&r.id), headline(r)));
    for (_, suite) in suites {
        report.add_test_suite(suite);
    }
    report.to_string()
}

fn case(s: &Scheduled) -> TestCase {
    let last = s.last();
    let bad = |kind: NonSuccessKind, ty: &str, message: String| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(ty).set_message(message);
        status
    };
    let broken = || last.map(|a| visible(&a.broken.join("; "))).unwrap_or_default();
    let status = match (s.state, last.and_then(|a| a.gate)) {
        (RunIs::Invalid, _) => bad(NonSuccessKind::Error, "invalid", last.and_then(|a| a.why.as_deref()).map(visible).unwrap_or_default()),
        (RunIs::Valid, Some(GateVerdict::Fail)) => bad(NonSuccessKind::Failure, "gate", broken()),
        (RunIs::Valid, Some(GateVerdict::Invalid)) => bad(NonSuccessKind::Error, "invalid", "the gate could not be judged".into()),
        (RunIs::Valid, _) => TestCaseStatus::success(),
        (RunIs::Planned | RunIs::Begun, _) => TestCaseStatus::skipped(),
    };
    let mut c = TestCase::new(format!("repeat {}", s.repeat), status);
    c.set_classname("bench.experiment");
    if let Some(a) = last {
        let tries: Vec<String> = s.attempts.iter().map(|a| format!("{} {}", a.run, a.why.as_deref().unwrap_or_default())).collect();
        let warned =
            if a.gate == Some(GateVerdict::Pass) && !a.broken.is_empty() { format!("\nwarning: {}", broken()) } else { String::new() };
        c.set_system_out(format!("{}: {}{warned}\n", state_word(s), visible(&tries.join("; "))));
        if let Some(took) = a.ended.and_then(|e| (e - a.begun).to_std().ok()) {
            c.set_time(took);
        }
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::experiment::testing::record;

    #[test]
    fn it_reads_back_with_the_same_counts() {
        let mut r = record();
        r.runs[2].state = RunIs::Valid;
        r.runs[2].attempts = r.runs[0].attempts.clone();
        let a = r.runs[2].attempts.last_mut().unwrap();
        (a.gate, a.broken) = (Some(GateVerdict::Fail), vec!["max_ready < 2: 3 is not < 2".into()]);
        let text = render(&r).unwrap();
        let back = Report::deserialize_from_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!((back.tests, back.failures, back.errors), (3, 1, 1), "{text}");
        let names: Vec<&str> = back.test_suites.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["hpa, kv=0.8", "static-2", "hpa, kv=0.9"]);
        let TestCaseStatus::NonSuccess { message, .. } = &back.test_suites[1].test_cases[0].status else { panic!("{back:?}") };
        assert_eq!(message.as_ref().map(quick_junit::XmlString::as_str), Some("late & <slow> generator | @you"));
    }

    #[test]
    fn what_was_not_made_is_skipped() {
        let back = Report::deserialize_from_str(&render(&record()).unwrap()).unwrap();
        assert!(matches!(back.test_suites[2].test_cases[0].status, TestCaseStatus::Skipped { .. }));
    }
}
