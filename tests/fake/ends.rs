//! What is left to carry on after an end that was not the wanted one, and what a namespace is kept for.

use crate::cycle::{CYCLE, Course, undisturbed};
use crate::lab::{End, Lab, Op};
use crate::setting::{self, STACK};
use crate::world::{Fault, Id};
use bench::config::manifests::labels::{BENCH, MANAGED_BY};
use bench::ops::{self, attach};
use bench_model::plan::Arm;
use bench_model::run::RunState;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

fn told(end: End) -> String {
    match end {
        End::Failed(e) => e,
        End::Done => panic!("it was done"),
        End::Killed => panic!("nobody killed it"),
    }
}

fn done(end: End) {
    match end {
        End::Done => {}
        End::Failed(e) => panic!("{e}"),
        End::Killed => panic!("nobody killed it"),
    }
}

/// A run whose bench died once its load was made.
fn with_a_load(course: &Course) -> Lab {
    let k = CYCLE.iter().position(|op| *op == Op::Run).expect("a run");
    let job = course.calls[k].iter().position(|c| c.starts_with("POST") && c.contains("/jobs")).expect("the load is made");
    let lab = course.before[k].fork();
    lab.arrange(BTreeMap::from([(job + 3, Fault::CrashAfter)]));
    assert!(matches!(lab.process(Op::Run), End::Killed));
    lab.arrange(BTreeMap::new());
    lab
}

fn run_dir(lab: &Lab) -> PathBuf {
    let entries = std::fs::read_dir(lab.dir.path()).expect("results").flatten().map(|e| e.path());
    entries.filter(|d| d.join("run.json").exists()).max().expect("a run")
}

#[test]
fn a_run_that_was_torn_down_is_told_as_lost_and_not_carried_on_for_ever() {
    let lab = with_a_load(&undisturbed(setting::bare()));
    done(lab.process_of(async |s| {
        let plan = bench::steps::record::find(&s.cluster, Some(STACK)).await?;
        ops::teardown::teardown(s, plan, true).await.map(drop)
    }));
    assert!(!lab.server.world().objects.contains_key(&Id::new("Namespace", "", STACK)));
    let e = told(lab.process_of(async |s| ops::resume::resume(s, None, None, false).await.map(drop)));
    assert!(e.contains("is not in the cluster any more"), "{e}");
    let (_, run) = ops::results::find(lab.dir.path(), "last").expect("it is here");
    assert_eq!(run.state, RunState::Failed);
    let e = told(lab.process_of(async |s| ops::resume::resume(s, None, None, false).await.map(drop)));
    assert!(e.contains("nothing that was begun is unfinished"), "{e}");
}

#[test]
fn damaged_files_of_a_run_are_written_anew_from_its_record() {
    let course = undisturbed(setting::bare());
    for file in ["run.json", "plan.yaml"] {
        for by in ["attach", "resume"] {
            let lab = with_a_load(&course);
            let dir = run_dir(&lab);
            let id = dir.file_name().expect("a name").to_string_lossy().into_owned();
            std::fs::write(dir.join(file), "{ torn").expect("written");
            done(lab.process_of(async |s| {
                if by == "resume" {
                    return ops::resume::resume(s, Some(&id), None, false).await.map(drop);
                }
                let (dir, run) = attach::find(s, Some(&id), None).await?;
                ops::run::resume(s, &dir, run, ops::run::Until::Home).await.map(drop)
            }));
            let (_, run) = ops::results::find(lab.dir.path(), &id).expect("it is here");
            assert_eq!(run.state, RunState::Complete, "{file}, {by}");
        }
    }
}

#[test]
fn a_namespace_that_bench_made_is_kept_for_whatever_somebody_put_there() {
    let course = undisturbed(setting::bare());
    let k = CYCLE.iter().position(|op| *op == Op::Teardown).expect("a teardown");
    for kind in ["HorizontalPodAutoscaler", "Role", "ServiceAccount", "PersistentVolumeClaim"] {
        let lab = course.before[k].fork();
        let theirs = Id::new(kind, STACK, "theirs");
        lab.server.world().insert(theirs.clone(), json!({"metadata": {}, "spec": {}}));
        done(lab.process(Op::Teardown));
        let w = lab.server.world();
        assert!(w.objects.contains_key(&theirs) && w.objects.contains_key(&Id::new("Namespace", "", STACK)), "{kind}");
    }
    // What bench itself labels keeps nothing.
    let lab = course.before[k].fork();
    let mine = json!({"metadata": {"labels": {MANAGED_BY: BENCH, "llmd-bench/stack": STACK}}});
    lab.server.world().insert(Id::new("ServiceAccount", STACK, "mine"), mine);
    done(lab.process(Op::Teardown));
    assert!(!lab.server.world().objects.contains_key(&Id::new("Namespace", "", STACK)));
}

#[test]
fn a_second_teardown_finds_nothing_and_a_record_of_somebodys_is_named() {
    let find = |lab: &Lab| lab.process_of(async |s| ops::teardown::find(s, Some(STACK)).await.map(|p| assert!(p.is_none())));
    let lab = Lab::new(setting::bare());
    done(find(&lab));

    lab.server.world().insert(Id::new("Namespace", "", STACK), json!({"metadata": {}}));
    lab.server.world().insert(Id::new("ConfigMap", STACK, "llmd-bench-stack"), json!({"metadata": {}, "data": {"plan.yaml": "a: 1"}}));
    let e = told(find(&lab));
    assert!(e.contains("exists but is not bench's"), "{e}");

    // Parts of a stack whose record was lost.
    let lab = Lab::new(setting::bare());
    lab.server.world().insert(Id::new("Namespace", "", STACK), json!({"metadata": {}}));
    let mine = json!({"metadata": {"labels": {MANAGED_BY: BENCH, "llmd-bench/stack": STACK}}});
    lab.server.world().insert(Id::new("ServiceAccount", STACK, "mine"), mine);
    let e = told(find(&lab));
    assert!(e.contains("1 things of it are left"), "{e}");
}

#[test]
fn dry_runs_are_refused_as_their_commands_are() {
    let lab = with_a_load(&undisturbed(setting::bare()));
    let dry = |force: bool| {
        lab.process_of(async move |s| {
            let plan = bench::steps::record::find(&s.cluster, Some(STACK)).await?;
            let (what, refused) = ops::teardown::dry_run(s, plan, force, false).await?;
            assert!(what.iter().any(|l| l.contains("Deployment")), "everybody may look");
            refused
        })
    };
    let e = told(dry(false));
    assert!(e.contains("is at work in namespace lab"), "{e}");
    done(dry(true));
    let e = told(lab.process_of(async |s| {
        let plan = bench::steps::record::find(&s.cluster, Some(STACK)).await?;
        ops::standup::dry_run(s, plan).await?.1
    }));
    assert!(e.contains("is at work in namespace lab"), "{e}");
}

#[test]
fn a_dry_run_that_takes_over_ends_as_its_command_would() {
    let lab = Lab::new(setting::bare());
    lab.until_done(Op::Standup(Arm::Static(1))).expect("stood up");
    let record = Id::new("ConfigMap", STACK, "llmd-bench-stack");
    {
        let mut w = lab.server.world();
        let mut o = w.objects[&record].clone();
        o["metadata"]["annotations"]["llmd-bench/owner"] = json!("colleague");
        w.update(&record, o);
        w.writes.clear();
    }
    let dry = |take_over: bool| {
        lab.process_of(async move |s| {
            let plan = bench::steps::record::find(&s.cluster, Some(STACK)).await?;
            let (what, refused) = ops::teardown::dry_run(s, plan, false, take_over).await?;
            assert_eq!(what.iter().any(|l| l == "would take the stack over from colleague"), take_over, "{what:?}");
            refused
        })
    };
    let e = told(dry(false));
    assert!(e.contains("the stack in namespace lab is colleague's"), "{e}");
    done(dry(true));
    assert_eq!(lab.server.world().writes, [""; 0], "it takes nothing");
    // And the command itself goes on.
    done(lab.process_of(async |s| {
        let plan = bench::steps::record::find(&s.cluster, Some(STACK)).await?;
        ops::take_over(s, STACK).await?;
        ops::teardown::teardown(s, plan, false).await.map(drop)
    }));
}
