//! What a run brings home when a part of the cluster is gone for good, not for a moment.

use crate::cycle::{CYCLE, undisturbed};
use crate::lab::{End, Op};
use crate::setting;
use crate::world::{Fault, Id};
use std::collections::BTreeMap;

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
