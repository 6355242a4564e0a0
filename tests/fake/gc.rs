//! What `gc` takes for an orphan and what it leaves, by what lies in the cluster alone.

use crate::lab::{End, Lab};
use crate::setting::{self, STACK};
use crate::world::{Id, World};
use bench::config::manifests::labels::{BENCH, MANAGED_BY, RUN, STACK as OF};
use bench::ops::gc::{Options, gc};
use bench::steps::record;
use serde_json::{Value, json};
use std::time::Duration;

fn put(w: &mut World, kind: &'static str, name: &str, run: &str, more: &Value) {
    let mut labels = json!({MANAGED_BY: BENCH, OF: STACK});
    if !run.is_empty() {
        labels[RUN] = json!(run);
    }
    let mut object = json!({"metadata": {"labels": labels}});
    for (k, v) in more.as_object().into_iter().flatten() {
        object[k] = v.clone();
    }
    let id = Id::new(kind, STACK, name);
    w.insert(id.clone(), object);
    // An hour old, by the clock that the server's answers carry.
    let made = (chrono::Utc::now() - chrono::TimeDelta::hours(1)).to_rfc3339();
    w.objects.get_mut(&id).expect("it is there")["metadata"]["creationTimestamp"] = json!(made);
}

/// A run's record and its load's ConfigMap.
fn run(w: &mut World, name: &str, phase: Option<&str>) {
    put(w, "ConfigMap", &format!("load-{name}"), name, &json!({}));
    if let Some(phase) = phase {
        put(w, "ConfigMap", &format!("run-{name}"), name, &json!({"data": {"phase": phase}}));
        let id = Id::new("ConfigMap", STACK, &format!("run-{name}"));
        w.objects.get_mut(&id).expect("it is there")["metadata"]["labels"]["app.kubernetes.io/name"] = json!("llmd-bench-run");
    }
}

/// A stack that is up, in a namespace that somebody gave it.
fn living() -> World {
    let mut w = setting::bare();
    w.insert(Id::new("Namespace", "", STACK), json!({"metadata": {}}));
    put(&mut w, "ConfigMap", &record::at(STACK).name, "", &json!({"data": {}}));
    w
}

fn collect(w: World, older_than: Duration, volumes: bool) -> World {
    let lab = Lab::new(w);
    let o = Options { namespace: Some(STACK.into()), dry_run: false, older_than, volumes };
    match lab.process_of(async |s| gc(s, &o).await.map(drop)) {
        End::Done => {}
        End::Failed(e) => panic!("{e}"),
        End::Killed => panic!("nobody killed it"),
    }
    lab.server.world().clone()
}

fn has(w: &World, kind: &'static str, name: &str) -> bool {
    w.objects.contains_key(&Id::new(kind, STACK, name))
}

#[test]
fn of_a_living_stack_go_runs_that_are_over_and_no_others() {
    let mut w = living();
    run(&mut w, "over", Some("complete"));
    run(&mut w, "dead", Some("failed"));
    run(&mut w, "unknown", None);
    run(&mut w, "open", Some("load"));
    run(&mut w, "alive", Some("complete"));
    put(&mut w, "Pod", "load-alive-x", "alive", &json!({"spec": {"containers": []}, "status": {"phase": "Running"}}));
    // Another run's pod that has ended keeps nothing.
    put(&mut w, "Pod", "load-over-x", "over", &json!({"spec": {"containers": []}, "status": {"phase": "Succeeded"}}));
    put(&mut w, "PersistentVolumeClaim", "models", "", &json!({"spec": {"resources": {"requests": {"storage": "1Ti"}}}}));
    let before = w.objects.len();

    let young = collect(w.clone(), Duration::from_secs(2 * 3600), false);
    assert_eq!(young.objects.len(), before, "nothing is old enough");

    let after = collect(w.clone(), Duration::from_secs(600), false);
    for name in ["load-over", "run-over", "load-dead", "run-dead", "load-unknown"] {
        assert!(!has(&after, "ConfigMap", name), "{name} is an orphan");
    }
    for name in ["load-open", "run-open", "load-alive", "run-alive", record::at(STACK).name.as_str()] {
        assert!(has(&after, "ConfigMap", name), "{name} is in use");
    }
    assert!(has(&after, "Pod", "load-alive-x") && !has(&after, "Pod", "load-over-x"));
    assert!(has(&after, "PersistentVolumeClaim", "models"), "a claim holds data");

    let after = collect(w, Duration::from_secs(600), true);
    assert!(!has(&after, "PersistentVolumeClaim", "models"), "unless it is asked for");
}

#[test]
fn a_lease_that_nobody_renews_goes() {
    let mut w = living();
    put(&mut w, "Lease", "llmd-bench", "", &json!({"spec": {"holderIdentity": "laptop/1", "leaseDurationSeconds": 15}}));
    let after = collect(w, Duration::from_secs(600), false);
    assert!(!has(&after, "Lease", "llmd-bench"));
    assert!(has(&after, "ConfigMap", &record::at(STACK).name), "the stack is nobody's orphan");
}

#[test]
fn a_stack_that_somebody_works_on_is_left_alone() {
    let mut w = living();
    w.objects.remove(&Id::new("ConfigMap", STACK, &record::at(STACK).name));
    run(&mut w, "over", Some("complete"));
    put(&mut w, "Lease", "llmd-bench", "", &json!({"spec": {"holderIdentity": "laptop/1", "leaseDurationSeconds": 15}}));
    let lab = Lab::new(w.clone());
    let o = Options { namespace: Some(STACK.into()), dry_run: false, older_than: Duration::ZERO, volumes: false };
    let end = lab.process_of(async |s| {
        let server = lab.server.clone();
        let renewed = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            let id = Id::new("Lease", STACK, "llmd-bench");
            server.world().objects.get_mut(&id).expect("it is there")["metadata"]["resourceVersion"] = json!("999999");
        };
        tokio::join!(gc(s, &o), renewed).0.map(drop)
    });
    assert!(matches!(end, End::Done));
    assert!(has(&lab.server.world(), "ConfigMap", "load-over"), "its holder is alive");

    // The same without anybody alive is all orphaned.
    let after = collect(w, Duration::ZERO, false);
    assert!(!has(&after, "ConfigMap", "load-over") && !has(&after, "Lease", "llmd-bench"));
}
