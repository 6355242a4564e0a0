//! What a run brings home when a part of the cluster is gone for good, not for a moment.

use crate::cycle::{CYCLE, undisturbed};
use crate::lab::{End, Op};
use crate::setting;
use crate::world::{Fault, Id};
use bench_model::plan::Arm;
use std::collections::BTreeMap;

/// A swap would call the stack up, and forget what is left to be done.
#[test]
fn what_did_not_come_to_its_end_is_not_swapped() {
    let course = undisturbed(setting::bare());
    for op in [CYCLE[0], Op::Teardown] {
        let k = CYCLE.iter().position(|o| *o == op).expect("one of the cycle");
        let lab = course.before[k].fork();
        lab.arrange(BTreeMap::from([(course.calls[k].len() / 2, Fault::CrashAfter)]));
        assert!(matches!(lab.process(op), End::Killed));
        let End::Failed(e) = lab.process(Op::Swap(Arm::Static(1))) else { panic!("{op:?}: a swap of what is half there") };
        assert!(e.contains("did not come to its end"), "{op:?}: {e}");
        assert_eq!(lab.until_done(op), Ok(()));
        assert_eq!(crate::normal::difference(&course.states[k + 1], &lab.normal()), None, "{op:?} is carried on");
    }
}

/// The load is at work, bench dies, and Prometheus is removed for good meanwhile.
#[test]
fn a_load_comes_home_without_prometheus() {
    let course = undisturbed(setting::furnished());
    let k = CYCLE.iter().position(|op| *op == Op::Run).expect("a run");
    let job = course.calls[k].iter().position(|c| c.starts_with("POST") && c.contains("/jobs")).expect("the load is made");
    let lab = course.before[k].fork();
    lab.arrange(BTreeMap::from([(job + 1, Fault::CrashAfter)]));
    assert!(matches!(lab.process(Op::Run), End::Killed));
    lab.server.world().delete(&Id::new("Service", "monitoring", "prometheus"));
    lab.server.world().delete(&Id::new("Prometheus", "monitoring", "k8s"));

    // Metrics may still come: asked for once more by the next one.
    let End::Failed(e) = lab.process(Op::Run) else { panic!("metrics are missing") };
    assert!(e.contains("not everything could be fetched (metrics)"), "{e}");
    match lab.process(Op::Run) {
        End::Done => {}
        End::Failed(e) => panic!("{e}"),
        End::Killed => panic!("nobody killed it"),
    }
    let found = lab.normal();
    assert_eq!(found["state"], "\"complete\"");
    assert!(
        found["missing"].contains("metrics: there is no Prometheus") || found["missing"].contains("no Prometheus answers"),
        "{found:?}"
    );
    let wanted = &course.states[k + 1];
    let of = |n: &crate::normal::Normal, what: &str| {
        n.iter().filter(|(k, _)| k.contains(what)).map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>()
    };
    assert!(!of(wanted, "load/").is_empty());
    assert_eq!(of(&found, "load/"), of(wanted, "load/"), "every file of the load is here");
}

/// Runs are compared by the hashes that they bear: another load under them would be told as this one.
#[test]
fn a_plan_that_was_edited_before_the_load_is_refused() {
    let course = undisturbed(setting::furnished());
    let k = CYCLE.iter().position(|op| *op == Op::Run).expect("a run");
    let job = course.calls[k].iter().position(|c| c.starts_with("POST") && c.contains("/jobs")).expect("the load is made");
    let lab = course.before[k].fork();
    lab.arrange(BTreeMap::from([(job, Fault::CrashBefore)]));
    assert!(matches!(lab.process(Op::Run), End::Killed));
    let runs = std::fs::read_dir(lab.dir.path()).expect("results").flatten().map(|e| e.path().join("plan.yaml"));
    let file = runs.filter(|p| p.parent().is_some_and(|d| d.join("run.json").exists())).max().expect("a run");
    let plan = std::fs::read_to_string(&file).expect("its plan");
    let edited = plan.replace("max_seconds: 8", "max_seconds: 2");
    assert_ne!(edited, plan);
    std::fs::write(&file, edited).expect("written");
    let End::Failed(e) = lab.process(Op::Run) else { panic!("another load than the run bears") };
    assert!(e.contains("was changed since the run began"), "{e}");
    assert!(lab.server.world().jobs.is_empty());
    std::fs::write(&file, plan).expect("written");
    assert_eq!(lab.until_done(Op::Run), Ok(()));
    assert_eq!(crate::normal::difference(&course.states[k + 1], &lab.normal()), None);
}
