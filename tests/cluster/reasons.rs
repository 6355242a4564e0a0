//! What a failure says: the screen names the cause that a user would otherwise look for with kubectl. In a namespace of its own.

use super::support::{Done, Place};
use std::time::{Duration, Instant};

const NS: &str = "bench-reasons";

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_reasons() {
    let p = Place::new("reasons");
    let stand_up = |more: &[&str]| -> Done {
        let all = [&["standup", "-c", "simulated", "--static", "1", "-p", NS], more].concat();
        let begun = Instant::now();
        let d = p.bench(&all);
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
        let screen = d.stderr.lines().skip_while(|l| !l.starts_with("error:")).count();
        assert!((3..=25).contains(&screen), "{screen} lines");
        d
    };
    let away = || p.bench(&["teardown", "-p", NS, "--force"]).exits(0);

    stand_up(&["--set", "model_server.image.name=registry.invalid/nothing:1"])
        .exits(6)
        .says("step     model-server")
        .says("ImagePullBackOff")
        .says("registry.invalid/nothing:1");
    away();

    stand_up(&["--set", "model_server.args=[\"--no-such-flag\"]", "-s", "40"])
        .exits(6)
        .says("CrashLoopBackOff")
        .says("log ")
        .says("no-such-flag");
    away();

    let eleven = "model_server.resources={requests: {cpu: 10m, memory: 64Mi, nvidia.com/gpu: \"11\"}, limits: {nvidia.com/gpu: \"11\"}}";
    stand_up(&["--set", eleven, "-s", "6"])
        .exits(5)
        .says(" s for Deployment")
        .says("Unschedulable")
        .says("asks for 11 nvidia.com/gpu; node")
        .says("has 10");
    away();

    p.kubectl(&["create", "namespace", NS]).exits(0);
    p.kubectl(&["create", "quota", "none", "-n", NS, "--hard=pods=0"]).exits(0);
    stand_up(&["-s", "6"]).exits(5).says("ReplicaSet").says("FailedCreate").says("exceeded quota: none");
    p.kubectl(&["delete", "quota", "none", "-n", NS]).exits(0);
    away();

    // What never answers is named by the API server, in the words of the webhook's owner.
    let hole = format!(
        r#"{{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{{"name":"{NS}-hole"}},
        "webhooks":[{{"name":"hole.example.com","admissionReviewVersions":["v1"],"sideEffects":"None","failurePolicy":"Fail","timeoutSeconds":3,
        "clientConfig":{{"url":"https://192.0.2.1/never"}},"namespaceSelector":{{"matchLabels":{{"kubernetes.io/metadata.name":"{NS}"}}}},
        "rules":[{{"apiGroups":["apps"],"apiVersions":["v1"],"operations":["CREATE"],"resources":["deployments"]}}]}}]}}"#
    );
    let file = p.dir.join("hole.json");
    std::fs::write(&file, hole).unwrap();
    p.kubectl(&["apply", "-f", file.to_str().unwrap()]).exits(0);
    let d = stand_up(&["-s", "6"]);
    p.kubectl(&["delete", "validatingwebhookconfiguration", &format!("{NS}-hole")]).exits(0);
    d.exits(6).says("hole.example.com").says("validatingwebhookconfigurations");

    // A finalizer that nobody removes: named, and 8.
    let held = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "namespace": NS,
        "finalizers": ["example.com/forever"],
        "labels": {"app.kubernetes.io/managed-by": "llmd-bench", "llmd-bench/stack": NS}}});
    let file = p.dir.join("held.json");
    std::fs::write(&file, held.to_string()).unwrap();
    p.kubectl(&["apply", "-f", file.to_str().unwrap()]).exits(0);
    let d = p.bench(&["teardown", "-p", NS, "--force", "-s", "6"]);
    p.kubectl(&["patch", "configmap", "held", "-n", NS, "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]).exits(0);
    d.exits(8).says("example.com/forever");
    p.bench(&["teardown", "-p", NS, "--force"]);
    p.kubectl(&["delete", "namespace", NS, "--ignore-not-found", "--wait=false"]);
}
