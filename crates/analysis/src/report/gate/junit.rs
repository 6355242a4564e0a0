//! JUnit XML: a test case a rule, and one for the validity of the run.

use super::{headline, margin, sentence, sides, tally};
use crate::words::visible;
use bench_model::gate::{GateReport, GateVerdict, RuleVerdict};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

/// The document. A broken rule that only warns is a success whose output says so: JUnit knows no warnings.
///
/// # Errors
/// None that a gate can cause.
pub fn render(g: &GateReport) -> Result<String, SerializeError> {
    let mut suite = TestSuite::new(visible(&g.run));
    let mut case = |name: &str, status: TestCaseStatus, output: String| {
        let mut c = TestCase::new(visible(name), status);
        c.set_classname("bench.gate");
        if !output.is_empty() {
            c.set_system_out(output);
        }
        suite.add_test_case(c);
    };
    let bad = |kind: NonSuccessKind, ty: &str, message: String| {
        let mut s = TestCaseStatus::non_success(kind);
        s.set_type(ty).set_message(message);
        s
    };
    let warnings = g.warnings.iter().map(|w| format!("warning: {}\n", visible(w))).collect();
    let validity = match g.verdict {
        GateVerdict::Invalid => bad(NonSuccessKind::Error, "invalid", tally(g)),
        _ => TestCaseStatus::success(),
    };
    case("validity", validity, warnings);
    for r in &g.rules {
        let (left, right) = sides(r);
        let found = format!("found {left}, asked for {} {right}, room {}\n", r.op, margin(r));
        match (g.verdict, r.verdict) {
            (GateVerdict::Invalid, _) => {
                let mut s = TestCaseStatus::skipped();
                s.set_message("the measurement is not valid");
                case(&r.name, s, found);
            }
            (_, RuleVerdict::Pass) => case(&r.name, TestCaseStatus::success(), found),
            (_, RuleVerdict::Warn) => case(&r.name, TestCaseStatus::success(), format!("warning: {}\n{found}", sentence(r))),
            (_, RuleVerdict::Fail) => case(&r.name, bad(NonSuccessKind::Failure, "rule", sentence(r)), found),
        }
    }
    let mut report = Report::new(format!("bench {}", headline(g)));
    report.add_test_suite(suite);
    report.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::gate::testing::report;

    fn skipped(suite: &TestSuite) -> usize {
        suite.test_cases.iter().filter(|c| matches!(c.status, TestCaseStatus::Skipped { .. })).count()
    }

    #[test]
    fn it_reads_back_with_the_same_counts() {
        let text = render(&report()).unwrap();
        let back = Report::deserialize_from_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let suite = &back.test_suites[0];
        assert_eq!((back.tests, back.failures, back.errors), (5, 2, 0));
        assert_eq!((suite.tests, suite.failures, suite.errors, skipped(suite)), (5, 2, 0, 0));
        assert_eq!(suite.test_cases[0].name.as_str(), "validity");
        // Hostile text is text.
        assert_eq!(suite.test_cases[3].name.as_str(), "a|b <script>alert(1)</script> ]]> `x` @here");
        assert!(!text.contains("<script>") && !text.contains('\u{1b}'), "{text}");
        assert_eq!(suite.name.as_str(), "20261124T031159Z-ramp<b>&\\u{1b}[2J-wva-c97c");
    }

    #[test]
    fn rules_of_an_invalid_run_are_skipped() {
        let mut g = report();
        (g.verdict, g.invalid_because) = (GateVerdict::Invalid, vec!["late & <slow>".into()]);
        let back = Report::deserialize_from_str(&render(&g).unwrap()).unwrap();
        assert_eq!((back.tests, back.failures, back.errors, skipped(&back.test_suites[0])), (5, 0, 1, 4));
        let TestCaseStatus::NonSuccess { message, .. } = &back.test_suites[0].test_cases[0].status else { panic!("{back:?}") };
        assert!(message.as_ref().is_some_and(|m| m.as_str().contains("late & <slow>")), "{message:?}");
    }
}
