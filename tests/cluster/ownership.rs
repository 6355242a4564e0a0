//! Whose is what: other users, other autoscalers, things that cannot be deleted, things that nobody needs any more.

use super::support::Place;
use serde_json::{Value, json};
use std::io::Write;

const NS: &str = "bench-ownership";
const OTHER: &str = "bench-ownership-other";
const STANDUP: [&str; 7] = ["standup", "-c", "simulated", "-p", NS, "--static", "1"];

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_ownership() {
    let p = Place::new("ownership");
    forget(&p);
    p.kubectl(&["create", "namespace", OTHER]).exits(0);
    // Names and labels that look like bench's, but are not all of them.
    for (name, label) in [("llmd-bench-stack", "llmd-bench/stack=bench-ownership"), ("mine", "app.kubernetes.io/managed-by=llmd-bench")] {
        p.kubectl(&["create", "configmap", "-n", OTHER, name]).exits(0);
        p.kubectl(&["label", "configmap", "-n", OTHER, name, label]).exits(0);
    }
    let others = versions(&p);

    p.bench(&STANDUP).exits(0);
    let record = p.get(&["configmap", "-n", NS, "llmd-bench-stack"]);
    let owner = record["metadata"]["annotations"]["llmd-bench/owner"].as_str().expect("an owner").to_string();
    assert!(record["metadata"]["annotations"]["llmd-bench/made-at"].is_string(), "{record}");
    another_autoscaler(&p);
    another_user(&p, &owner);
    what_cannot_be_deleted_is_told(&p);
    what_somebody_put_there_keeps_the_namespace(&p);
    what_nobody_needs_is_found(&p);
    assert_eq!(versions(&p), others, "what is somebody else's is as it was");
    forget(&p);
}

/// What all stacks of a cluster would suffer from while it lasts.
#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_ownership_of_what_there_is_once() {
    let p = Place::new("ownership-once");
    forget(&p);
    p.kubectl(&["create", "namespace", OTHER]).exits(0);
    another_wva(&p);
    p.bench(&STANDUP).exits(0);
    p.kubectl(&["delete", "configmap", "-n", NS, "llmd-bench-stack", "--cascade=orphan"]).exits(0);
    an_api_that_is_down(&p);
    forget(&p);
}

/// Removes what an earlier try of this test left, ours and what plays the others.
fn forget(p: &Place) {
    for (kind, name) in [("validatingwebhookconfiguration", "bench-ownership"), ("apiservice", "v1.dead.bench-ownership.example.com")] {
        p.kubectl(&["delete", kind, name, "--ignore-not-found"]);
    }
    p.kubectl(&["delete", "crd", "widgets.bench-ownership.example.com", "--ignore-not-found"]);
    p.kubectl(&["delete", "namespace", OTHER, "--ignore-not-found"]);
    p.clean_namespace(NS);
    p.kubectl(&["delete", "namespace", NS, "--ignore-not-found"]);
}

fn versions(p: &Place) -> Value {
    let all = p.get(&["configmap,namespace", "-n", OTHER, "--field-selector", "metadata.name!=kube-root-ca.crt"]);
    let rows = all["items"].as_array().expect("objects").iter().filter(|o| o["kind"] == "ConfigMap");
    Value::from_iter(rows.map(|o| json!([o["metadata"]["name"], o["metadata"]["uid"], o["metadata"]["resourceVersion"]])))
}

fn apply(p: &Place, object: &Value) {
    let mut file = std::fs::File::create(p.dir.join("object.json")).expect("a file");
    file.write_all(object.to_string().as_bytes()).expect("written");
    p.kubectl(&["apply", "-f", p.dir.join("object.json").to_str().expect("UTF-8")]).exits(0);
}

/// A controller of another name, which acts on VariantAutoscalings of its own instance only.
fn another_wva(p: &Place) {
    let labels = json!({"app": "other-wva"});
    apply(
        p,
        &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "other-wva", "namespace": OTHER}, "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{
                "name": "manager", "image": "busybox:1.36", "command": ["sleep", "600"],
                "env": [{"name": "CONTROLLER_INSTANCE", "value": "theirs"}],
            }]}},
        }}),
    );
    p.bench(&["standup", "-c", "simulated", "-p", NS, "--wva"])
        .exits(6)
        .says("another WVA acts in this cluster: Deployment bench-ownership-other/other-wva (CONTROLLER_INSTANCE=theirs)")
        .says("--replicas=0");
    p.kubectl(&["delete", "deployment", "-n", OTHER, "other-wva"]).exits(0);
}

fn another_autoscaler(p: &Place) {
    let deployment = p.get(&["deployment", "-n", NS, "-l", "llm-d.ai/role=decode"])["items"][0]["metadata"]["name"].clone();
    let mut hpa = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "theirs", "namespace": NS},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment}, "minReplicas": 1, "maxReplicas": 1},
    });
    let commands: [&[&str]; 3] = [&STANDUP, &["swap-to-hpa", "-p", NS], &["run", "-p", NS, "-w", "sanity_random", "--max-seconds", "8"]];
    apply(p, &hpa);
    for c in commands {
        p.bench(c).exits(6).says("HPA theirs of somebody else").says("kubectl -n bench-ownership delete hpa theirs");
    }
    p.kubectl(&["delete", "hpa", "-n", NS, "theirs"]).exits(0);
    // As KEDA makes it.
    hpa["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "their-scaler", "uid": "00000000-0000-0000-0000-000000000001",
        "controller": true,
    }]);
    apply(p, &hpa);
    p.bench(&["run", "-p", NS, "-w", "sanity_random"])
        .exits(6)
        .says("KEDA's ScaledObject their-scaler")
        .says("delete scaledobject their-scaler");
    p.kubectl(&["delete", "hpa", "-n", NS, "theirs"]).exits(0);
}

fn another_user(p: &Place, owner: &str) {
    p.kubectl(&["create", "serviceaccount", "-n", OTHER, "colleague"]).exits(0);
    for role in ["admin", "view"] {
        let name = format!("colleague-{role}");
        p.kubectl(&["create", "rolebinding", "-n", NS, &name, "--clusterrole", role, &format!("--serviceaccount={OTHER}:colleague")])
            .exits(0);
    }
    let token = p.kubectl(&["create", "token", "-n", OTHER, "colleague"]).exits(0).stdout.trim().to_string();
    let view = p.kubectl(&["config", "view", "--raw", "--minify", "-o", "json"]).exits(0).stdout;
    let mut config: Value = serde_json::from_str(&view).expect("kubectl writes JSON");
    config["users"][0]["user"] = json!({ "token": token });
    let file = p.dir.join("colleague.kubeconfig");
    std::fs::write(&file, config.to_string()).expect("written");
    let k = file.to_str().expect("UTF-8");
    let commands: [&[&str]; 4] = [
        &[&STANDUP[..], &["-k", k]].concat(),
        &["swap-to-static", "2", "-p", NS, "-k", k],
        &["run", "-p", NS, "-w", "sanity_random", "-k", k],
        &["teardown", "-p", NS, "-k", k],
    ];
    for c in commands {
        p.bench(c)
            .exits(6)
            .says(&format!("the stack in namespace {NS} is {owner}'s, since "))
            .says(&format!("you are system:serviceaccount:{OTHER}:colleague"))
            .says("--take-over");
    }
    // What changes nothing may be done by everybody.
    p.bench(&["teardown", "-p", NS, "-k", k, "-n"]).exits(6).says("would remove Deployment");
    std::fs::remove_file(file).expect("removed");
    // His rights are somebody's, too.
    p.kubectl(&["delete", "rolebinding", "-n", NS, "colleague-admin", "colleague-view"]).exits(0);
}

fn hold(p: &Place) -> String {
    let gateway = p.get(&["configmap", "-n", NS, "-l", "llmd-bench/stack"])["items"]
        .as_array()
        .expect("objects")
        .iter()
        .map(|o| o["metadata"]["name"].as_str().unwrap_or_default().to_string())
        .find(|n| n.ends_with("-gateway"))
        .expect("the gateway's");
    p.kubectl(&["patch", "configmap", "-n", NS, &gateway, "--type=merge", "-p", r#"{"metadata":{"finalizers":["example.com/hold"]}}"#])
        .exits(0);
    gateway
}

fn let_go(p: &Place, gateway: &str) {
    p.kubectl(&["patch", "configmap", "-n", NS, gateway, "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]).exits(0);
}

fn what_cannot_be_deleted_is_told(p: &Place) {
    let gateway = hold(p);
    // A webhook nobody answers for, asked about Services of this namespace only.
    apply(
        p,
        &json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "bench-ownership"},
            "webhooks": [{
                "name": "keep.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 1,
                "failurePolicy": "Fail",
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NS}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["services"], "operations": ["DELETE"]}],
                "clientConfig": {"service": {"namespace": OTHER, "name": "nobody", "path": "/"}, "caBundle": ""},
            }],
        }),
    );
    // The API server learns of it within a second or so.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let begun = std::time::Instant::now();
    p.bench(&["teardown", "-p", NS, "-s", "5"])
        .exits(8)
        .says(&format!("ConfigMap {NS}/{gateway}: being deleted since "))
        .says("finalizer example.com/hold, set by kubectl-patch at ")
        .says("webhook keep.example.com refuses its deletion");
    assert!(begun.elapsed().as_secs() < 100, "its waits end");
    // Everything else is gone, and the record is there for the second try.
    assert_eq!(p.get(&["deployment", "-n", NS])["items"], json!([]));
    assert_ne!(p.get(&["configmap", "-n", NS, "llmd-bench-stack"]), Value::Null);
    p.kubectl(&["delete", "validatingwebhookconfiguration", "bench-ownership"]).exits(0);
    let_go(p, &gateway);
    std::thread::sleep(std::time::Duration::from_secs(2));
    p.bench(&["teardown", "-p", NS]).exits(0).says("nothing of bench's is left");
    assert_eq!(p.get(&["namespace", NS]), Value::Null);
    p.bench(&["teardown", "-p", NS]).exits(0).says("nothing to remove");
}

/// A namespace that bench made stays for whatever anybody put into it, of kinds that bench knows nothing of.
fn what_somebody_put_there_keeps_the_namespace(p: &Place) {
    p.bench(&STANDUP).exits(0);
    let crd = "widgets.bench-ownership.example.com";
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    apply(
        p,
        &json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": crd},
            "spec": {"group": "bench-ownership.example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}]}}),
    );
    p.kubectl(&["wait", "--for=condition=Established", &format!("crd/{crd}"), "--timeout=30s"]).exits(0);
    apply(p, &json!({"apiVersion": "bench-ownership.example.com/v1", "kind": "Widget", "metadata": {"name": "theirs", "namespace": NS}}));
    let job = json!({"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}}});
    apply(
        p,
        &json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "theirs", "namespace": NS},
            "spec": {"schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": job}}),
    );
    p.bench(&["teardown", "-p", NS]).exits(0).says("is kept").says("CronJob theirs").says("Widget theirs");
    assert_ne!(p.get(&["cronjob", "-n", NS, "theirs"]), Value::Null);
    assert_ne!(p.get(&["widgets", "-n", NS, "theirs"]), Value::Null);
    assert_eq!(p.get(&["deployment", "-n", NS])["items"], json!([]));
    p.kubectl(&["delete", "cronjob", "-n", NS, "theirs"]).exits(0);
    p.kubectl(&["delete", "crd", crd]).exits(0);
    p.bench(&["gc", "-p", NS, "--older-than", "0"]).exits(0);
    assert_eq!(p.get(&["namespace", NS]), Value::Null);
}

fn what_nobody_needs_is_found(p: &Place) {
    p.bench(&STANDUP).exits(0);
    p.bench(&["gc", "-p", NS]).exits(0).says("no orphan is left");
    assert_ne!(p.get(&["deployment", "-n", NS])["items"], json!([]), "a stack with a record is no orphan");
    let gateway = hold(p);
    p.kubectl(&["delete", "configmap", "-n", NS, "llmd-bench-stack", "--cascade=orphan"]).exits(0);
    p.bench(&["gc", "-p", NS, "--older-than", "3600"]).exits(0).says("left alone (--older-than)");
    p.bench(&["gc", "-p", NS, "-n", "--older-than", "0"])
        .exits(0)
        .says(&format!("would remove Namespace {NS}: its stack, {NS}, has no record any more"))
        .says(&format!("would remove ConfigMap {NS}/{gateway}"))
        .says("would remove Deployment");
    assert_ne!(p.get(&["deployment", "-n", NS])["items"], json!([]), "a dry run changes nothing");
    p.bench(&["gc", "-p", NS, "--older-than", "0", "-s", "5"]).exits(8).says("finalizer example.com/hold");
    let_go(p, &gateway);
    p.bench(&["gc", "-p", NS, "--older-than", "0"]).exits(0).says("no orphan is left");
    nothing_is_left(p);
}

fn an_api_that_is_down(p: &Place) {
    // An API that nobody answers for keeps every namespace from ending.
    apply(
        p,
        &json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
            "metadata": {"name": "v1.dead.bench-ownership.example.com"},
            "spec": {"group": "dead.bench-ownership.example.com", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100,
                "insecureSkipTLSVerify": true, "service": {"namespace": OTHER, "name": "nobody"}},
        }),
    );
    std::thread::sleep(std::time::Duration::from_secs(3));
    p.bench(&["gc", "-p", NS, "--older-than", "0", "-s", "12"])
        .exits(8)
        .says("NamespaceDeletionDiscoveryFailure")
        .says("APIService v1.dead.bench-ownership.example.com of Service bench-ownership-other/nobody is down");
    p.kubectl(&["delete", "apiservice", "v1.dead.bench-ownership.example.com"]).exits(0);
    p.kubectl(&["wait", "--for=delete", &format!("namespace/{NS}"), "--timeout=60s"]);
    p.bench(&["gc", "-p", NS]).exits(0);
    nothing_is_left(p);
}

fn nothing_is_left(p: &Place) {
    assert_eq!(p.get(&["namespace", NS]), Value::Null);
    let left =
        p.get(&["all,configmap,lease,rolebinding,clusterrole,clusterrolebinding,namespace", "-A", "-l", &format!("llmd-bench/stack={NS}")]);
    let ours: Vec<&Value> = left["items"].as_array().expect("objects").iter().filter(|o| o["metadata"]["namespace"] != OTHER).collect();
    assert_eq!(ours, [&json!(null); 0]);
}
