//! A stack that somebody else stood up: adopted, measured as it is, put under other arms, given back.

use crate::cycle::{Course, every_call_of, leaves_nothing, undisturbed_of};
use crate::lab::{Lab, Op, scenario};
use crate::setting::{self, STACK, by_hand};
use crate::world::{Id, World};
use bench::config::Lookup;
use bench::config::scenario::ScenarioArgs;
use bench::failure::Failure;
use bench::ops::existing::{Hints, adopt};
use bench_model::plan::Arm;
use serde_json::{Value, json};

const ALL: [Op; 6] = [Op::Adopt, Op::Run, Op::Swap(Arm::Wva), Op::Swap(Arm::Hpa), Op::Swap(Arm::Static(2)), Op::Teardown];

/// Everything of somebody's, by what he wrote.
fn somebodys(w: &World) -> Vec<(String, Value)> {
    let written = |o: &Value| {
        let mut o = o.clone();
        for key in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"] {
            o["metadata"].as_object_mut().expect("metadata").shift_remove(key);
        }
        o.as_object_mut().expect("an object").shift_remove("status");
        o
    };
    let kinds = ["Deployment", "Service", "HorizontalPodAutoscaler"];
    let all = w.objects.iter().filter(|(id, o)| {
        id.ns == STACK && kinds.contains(&id.kind) && o["metadata"]["labels"]["app.kubernetes.io/managed-by"] != "llmd-bench"
    });
    all.map(|(id, o)| (id.to_string(), written(o))).collect()
}

fn course() -> Course {
    undisturbed_of(by_hand(), &ALL)
}

#[test]
fn what_was_adopted_is_given_back_as_it_was_written() {
    let course = course();
    leaves_nothing(&course);
    let at = |k: usize| somebodys(&course.before[k].server.world());
    let before = at(0);
    assert!(before.iter().any(|(id, _)| id == "HorizontalPodAutoscaler lab/chat"), "{before:?}");
    assert_eq!(at(1), before, "adopting changes nothing of the stack");
    assert_eq!(at(2), before, "nor does a run of it as it is");
    let set_aside = at(3);
    assert!(!set_aside.iter().any(|(id, _)| id.contains("HorizontalPodAutoscaler")), "{set_aside:?}");
    assert_eq!(at(6), before, "and all is as it was in the end");
}

#[test]
fn a_run_of_the_stack_as_it_is_makes_only_objects_of_its_own() {
    let lab = Lab::new(by_hand());
    lab.until_done(Op::Adopt).expect("adopted");
    lab.arrange(std::collections::BTreeMap::new());
    lab.until_done(Op::Run).expect("run");
    let writes = lab.server.world().writes.clone();
    assert!(writes.iter().all(|w| w.contains("llmd-bench")), "{writes:?}");
    let run = only_run(&lab);
    assert_eq!(run["arm"], "existing");
    assert_eq!(run["deployment"], "chat");
    let skipped = run["reset"].as_array().expect("steps").iter().filter(|s| s["skipped"] == true).count();
    assert_eq!(skipped, 8, "all but the warm-up: {}", run["reset"]);
}

fn only_run(lab: &Lab) -> Value {
    let dirs = std::fs::read_dir(lab.dir.path()).expect("results").map(|e| e.expect("an entry").path().join("run.json"));
    let runs: Vec<_> = dirs.filter(|p| p.exists()).collect();
    assert_eq!(runs.len(), 1);
    serde_json::from_slice(&std::fs::read(&runs[0]).expect("run.json")).expect("JSON")
}

#[test]
fn an_endpoint_is_loaded_from_a_namespace_in_which_nothing_stays() {
    let course = undisturbed_of(by_hand(), &[Op::Endpoint]);
    let (first, last) = (&course.before[0], &course.before[1]);
    assert_eq!(somebodys(&last.server.world()), somebodys(&first.server.world()));
    leaves_nothing(&course);
    let run = only_run(last);
    assert_eq!((&run["arm"], &run["state"], &run["deployment"]), (&json!("existing"), &json!("complete"), &json!("chat")));
}

#[test]
fn an_endpoint_with_every_fault() {
    every_call_of(&undisturbed_of(by_hand(), &[Op::Endpoint]), |_| true, 23);
}

#[test]
fn adopting_swapping_and_giving_back_with_every_fault() {
    every_call_of(&course(), |op| op != Op::Run, 17);
}

/// A kill between the keeping of an autoscaler, its deletion, and its being made again: all cases, always.
#[test]
fn an_autoscaler_that_is_set_aside_is_never_lost() {
    let course = undisturbed_of(by_hand(), &[Op::Adopt, Op::Swap(Arm::Static(2)), Op::Teardown]);
    let touches = |c: &str| {
        (c.starts_with("POST") && c.contains("/horizontalpodautoscalers"))
            || (c.starts_with("DELETE") && c.contains("/horizontalpodautoscalers/chat"))
            || c.contains("llmd-bench-saved-autoscaler")
    };
    let found = crate::cycle::at_calls(&course, touches);
    assert!(found >= 6, "{found}");
}

fn look(world: World, hints: Hints) -> Result<Vec<String>, Box<Failure>> {
    let lab = Lab::new(world);
    let mut out = Ok(vec![]);
    let hints = Hints { namespace: STACK.into(), ..hints };
    let args = ScenarioArgs { namespace: None, ..scenario(("", vec![])) };
    lab.process_of(async |session| {
        out = match adopt::look(session, &Lookup::default(), &args, &hints).await {
            Ok((found, plan)) => Ok(adopt::lines(&found, &plan)),
            Err(e) => Err(Box::new(Failure::of(e))),
        };
        Ok(())
    });
    assert!(lab.server.world().writes.is_empty(), "looking writes nothing: {:?}", lab.server.world().writes);
    out
}

#[test]
fn what_is_found_is_told() {
    let found = look(by_hand(), Hints::default()).expect("a stack");
    insta::assert_snapshot!("found", found.join("\n"));
}

#[test]
fn what_is_ambiguous_is_refused_with_the_options_named() {
    let mut w = by_hand();
    let second = w.get("Deployment", STACK, "chat").expect("chat").clone();
    let spec = second["spec"].to_string().replace("\"chat\"", "\"code\"");
    w.insert(Id::new("Deployment", STACK, "code"), json!({"metadata": {}, "spec": serde_json::from_str::<Value>(&spec).expect("JSON")}));
    let f = look(w.clone(), Hints::default()).expect_err("two");
    assert_eq!(f.exit.code(), 6);
    insta::assert_snapshot!(
        "two_deployments",
        format!("{}\n{}\n{}", f.message, f.hint.as_deref().unwrap_or_default(), f.evidence.join("\n"))
    );
    assert!(look(w, Hints { deployment: Some("chat".into()), ..Hints::default() }).is_ok());

    let mut w = by_hand();
    let ports = json!([{"port": 80, "targetPort": 8000}]);
    w.insert(Id::new("Service", STACK, "front"), json!({"metadata": {}, "spec": {"selector": {"app": "chat"}, "ports": ports}}));
    let f = look(w, Hints::default()).expect_err("two ways");
    insta::assert_snapshot!("two_ways", format!("{}\n{}\n{}", f.message, f.hint.as_deref().unwrap_or_default(), f.evidence.join("\n")));
}

#[test]
fn an_autoscaler_that_came_after_adopting_is_refused_by_name() {
    let lab = Lab::new(by_hand());
    lab.until_done(Op::Adopt).expect("adopted");
    lab.server.world().insert(Id::new("HorizontalPodAutoscaler", STACK, "late"), setting::hpa("chat"));
    let e = lab.until_done(Op::Swap(Arm::Hpa)).expect_err("refused");
    assert!(e.contains("HPA late of somebody else scales Deployment chat"), "{e}");
    assert!(lab.server.world().get("HorizontalPodAutoscaler", STACK, "chat").is_some(), "nothing was set aside");
}
