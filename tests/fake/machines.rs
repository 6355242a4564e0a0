//! What one machine began and another one ends: `resume --from-cluster`, `run --detach` and `attach`.

use crate::cycle::{CYCLE, undisturbed};
use crate::lab::{End, Lab, Op, load_of};
use crate::normal::difference;
use crate::setting::{self, STACK};
use crate::world::Fault;
use bench::ops::run::Until;
use bench::ops::{self, attach};
use bench_model::exit::Exit;
use std::collections::BTreeMap;

fn from_cluster(lab: &Lab, what: &str) {
    let end = lab.failure_of(async |s| ops::resume::resume(s, None, None, true).await.map(drop));
    assert!(end.is_none(), "{what}: {}", end.map(|f| f.message).unwrap_or_default());
}

#[test]
fn another_machine_adopts_a_load_and_brings_it_home() {
    let course = undisturbed(setting::furnished());
    let k = CYCLE.iter().position(|op| *op == Op::Run).expect("a run");
    let job = course.calls[k].iter().position(|c| c.starts_with("POST") && c.contains("/jobs")).expect("the load is made");
    // With it the load's files are on the first machine, and their pod ends.
    let fetched =
        course.calls[k].iter().position(|c| c.starts_with("exec") && c.contains("touch /results/ACK")).expect("it is acknowledged");
    // Right after the Job was made, while it works, while it is collected.
    for n in [job + 1, job + 4, (job + fetched) / 2, fetched] {
        let first = course.before[k].fork();
        first.arrange(BTreeMap::from([(n, Fault::CrashAfter)]));
        assert!(matches!(first.process(Op::Run), End::Killed));
        let what = format!("killed at call {n}: {}", course.calls[k][n - 1]);
        let lab = first.elsewhere();
        lab.arrange(BTreeMap::new());
        from_cluster(&lab, &what);
        assert_eq!(difference(&course.states[k + 1], &lab.normal()), None, "{what}");
        assert_eq!(lab.server.world().jobs.len(), 1, "{what}");
    }
}

#[test]
fn another_machine_carries_on_what_is_half_done_with_a_stack() {
    let course = undisturbed(setting::furnished());
    for (k, &op) in CYCLE.iter().enumerate().filter(|(_, op)| **op != Op::Run) {
        let calls = &course.calls[k];
        let mut carried = 0;
        for n in [calls.len() / 3, calls.len() / 2, calls.len() * 2 / 3, calls.len() * 4 / 5] {
            let first = course.before[k].fork();
            first.arrange(BTreeMap::from([(n, Fault::CrashAfter)]));
            assert!(matches!(first.process(op), End::Killed));
            let phase = first.server.world().get("ConfigMap", STACK, "llmd-bench-stack").map(|r| r["data"]["phase"].clone());
            if phase.is_none_or(|p| p == "up") {
                continue;
            }
            carried += 1;
            let lab = first.elsewhere();
            lab.arrange(BTreeMap::new());
            let what = format!("{op:?} killed at call {n}: {}", calls[n - 1]);
            from_cluster(&lab, &what);
            // What was brought home before is on the first machine.
            let cluster_of = |n: &crate::normal::Normal| -> crate::normal::Normal {
                let here = |k: &String| k.starts_with("file ") || matches!(k.as_str(), "state" | "missing");
                n.iter().filter(|(k, _)| !here(k)).map(|(k, v)| (k.clone(), v.clone())).collect()
            };
            assert_eq!(difference(&cluster_of(&course.states[k + 1]), &cluster_of(&lab.normal())), None, "{what}");
        }
        assert!(carried >= 2, "{op:?}: {carried}");
    }
}

#[test]
fn a_run_that_is_left_is_attached_to_and_ends_as_an_undisturbed_one() {
    let course = undisturbed(setting::furnished());
    let k = CYCLE.iter().position(|op| *op == Op::Run).expect("a run");
    for same_machine in [true, false] {
        let lab = course.before[k].fork();
        lab.arrange(BTreeMap::new());
        let end = lab.failure_of(async |s| {
            let stack = bench::steps::record::find(&s.cluster, Some(STACK)).await?;
            assert!(ops::run::run(s, load_of(&stack)?, &[], Until::Loading).await?.is_none(), "it is not waited for");
            Ok(())
        });
        assert!(end.is_none(), "{}", end.map(|f| f.message).unwrap_or_default());
        {
            let w = lab.server.world();
            assert_eq!(w.jobs.len(), 1);
            assert!(w.of_kind("Lease").next().is_none(), "who has gone holds no lease");
        }
        // Until it is home, no other one begins.
        let refused = lab.failure(CYCLE[2]).expect("a swap under a load");
        assert_eq!(refused.exit, Exit::Cluster, "{}", refused.message);
        let lab = if same_machine { lab } else { lab.elsewhere() };
        let end = lab.failure_of(async |s| {
            let (dir, run) = attach::find(s, None, None).await?;
            assert!(ops::run::resume(s, &dir, run, Until::Home).await?.is_some(), "it is brought home");
            Ok(())
        });
        assert!(end.is_none(), "{}", end.map(|f| f.message).unwrap_or_default());
        assert_eq!(difference(&course.states[k + 1], &lab.normal()), None, "same machine: {same_machine}");
        assert_eq!(lab.server.world().jobs.len(), 1);

        // Once it is home there is nothing to carry on, and asking for it writes nothing.
        lab.arrange(BTreeMap::new());
        let id = ops::results::find(lab.dir.path(), "last").expect("it is here").1.id;
        for wanted in [None, Some(id.as_str())] {
            let f = lab.failure_of(async |s| ops::resume::resume(s, wanted, None, false).await.map(drop)).expect("it is over");
            assert_eq!(f.exit, Exit::Usage, "{}", f.message);
            let f = lab.failure_of(async |s| attach::find(s, wanted, None).await.map(drop)).expect("it is over");
            assert_eq!(f.exit, Exit::Usage, "{}", f.message);
        }
        assert_eq!(lab.server.world().writes, [""; 0]);
    }
}

/// It asks too late: the load's files are on the first machine, which still ends its run as if nobody had asked.
#[test]
fn files_that_another_machine_fetched_are_told_as_lost_and_stay_there() {
    let course = undisturbed(setting::furnished());
    let k = CYCLE.iter().position(|op| *op == Op::Run).expect("a run");
    let fetched =
        course.calls[k].iter().position(|c| c.starts_with("exec") && c.contains("touch /results/ACK")).expect("it is acknowledged");
    let first = course.before[k].fork();
    first.arrange(BTreeMap::from([(fetched + 4, Fault::CrashAfter)]));
    assert!(matches!(first.process(Op::Run), End::Killed));
    let lab = first.elsewhere();
    lab.arrange(BTreeMap::new());
    let f = lab.failure_of(async |s| ops::resume::resume(s, None, None, true).await.map(drop)).expect("they are not here");
    assert_eq!(f.exit, Exit::Invalid, "{}", f.message);
    assert!(f.message.contains("the load's files are lost"), "{}", f.message);
    let after = lab.server.world().clone();
    *first.server.world() = after;
    first.arrange(BTreeMap::new());
    let end = first.failure(Op::Run);
    assert!(end.is_none(), "{}", end.map(|f| f.message).unwrap_or_default());
    let load = |n: &crate::normal::Normal| -> Vec<(String, String)> {
        n.iter().filter(|(k, _)| k.starts_with("file load/") || *k == "state").map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    assert_eq!(load(&first.normal()), load(&course.states[k + 1]));
}
