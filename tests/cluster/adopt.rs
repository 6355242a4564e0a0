//! A stack that was stood up by hand: measured as it is, put under another arm, given back.

use super::support::{Place, json};
use serde_json::{Value, json};
use std::path::Path;

const NS: &str = "bench-adopt";
/// A credential that somebody gave to his servers in plain text. No record of bench's may have it.
const SECRET: &str = "wellington-correct-horse";
/// Where nothing is but what a load brings.
const EMPTY: &str = "bench-adopt-load";
const LOAD: [&str; 6] = ["-w", "sanity_random", "--rates", "2", "--max-seconds", "15"];

fn by_hand() -> String {
    let labels = json!({"app": "chat"});
    let args = [
        "--model",
        "Qwen/Qwen3-0.6B",
        "--port",
        "8000",
        "--max-num-seqs",
        "32",
        "--max-model-len",
        "16384",
        "--time-to-first-token",
        "100",
        "--inter-token-latency",
        "20",
    ];
    let container = json!({
        "name": "server", "image": "ghcr.io/llm-d/llm-d-inference-sim:v0.7.1", "args": args, "ports": [{"containerPort": 8000}],
        "env": [{"name": "HF_TOKEN", "value": SECRET}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 2},
    });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "chat", "namespace": NS, "labels": {"team": "chat"}},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            "spec": {"enableServiceLinks": false, "terminationGracePeriodSeconds": 5, "containers": [container]}}},
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "chat", "namespace": NS},
        "spec": {"selector": labels, "ports": [{"port": 8000, "targetPort": 8000}]},
    });
    let hpa = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "chat", "namespace": NS, "labels": {"team": "chat"}, "annotations": {"why": "nights are quiet"}},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"}, "minReplicas": 1, "maxReplicas": 3,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 120}},
        },
    });
    json!({"apiVersion": "v1", "kind": "List", "items": [deployment, service, hpa]}).to_string()
}

/// What somebody wrote, to the byte, without what the server counts or stamps.
fn written(p: &Place) -> String {
    let mut all = vec![];
    for kind in ["deployment", "service", "horizontalpodautoscaler"] {
        let mut o = p.get(&[kind, "chat", "-n", NS]);
        for key in ["resourceVersion", "managedFields", "uid", "creationTimestamp", "generation"] {
            o["metadata"].as_object_mut().unwrap_or_else(|| panic!("{kind} chat is gone")).remove(key);
        }
        o.as_object_mut().unwrap().remove("status");
        all.push(o.to_string());
    }
    all.join("\n")
}

/// The same with what the server gave: whoever touches an object, even to no effect, changes this.
fn touched(p: &Place) -> Vec<Value> {
    let meta = |kind: &str| p.get(&[kind, "chat", "-n", NS])["metadata"].clone();
    ["deployment", "service", "horizontalpodautoscaler"].map(|k| json!([meta(k)["uid"], meta(k)["generation"], meta(k)["labels"]])).to_vec()
}

/// What there is of bench's; a pod that leaves is given its time.
fn benchs(p: &Place, ns: &str) -> Value {
    let mut found = labelled(p, ns);
    for _ in 0..30 {
        let all = found.as_array().into_iter().flatten();
        if all.filter(|o| o["metadata"]["deletionTimestamp"].is_string()).count() == 0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
        found = labelled(p, ns);
    }
    found
}

fn labelled(p: &Place, ns: &str) -> Value {
    let kinds = "configmaps,serviceaccounts,roles,rolebindings,jobs,pods,leases,podmonitors,horizontalpodautoscalers";
    p.get(&[kinds, "-n", ns, "-l", "app.kubernetes.io/managed-by=llmd-bench"])["items"].clone()
}

fn forget(p: &Place) {
    p.clean_namespace(NS);
    for ns in [NS, EMPTY] {
        p.kubectl(&["delete", "namespace", ns, "--ignore-not-found"]);
    }
}

fn last(p: &Place) -> Value {
    let dir = p.runs().pop().expect("a run");
    assert!(super::support::checksums_agree(&dir), "{}", dir.display());
    let leaked = std::process::Command::new("grep").args(["-rlF", SECRET, "results"]).current_dir(&p.dir).output().unwrap();
    assert!(leaked.stdout.is_empty(), "{}", String::from_utf8_lossy(&leaked.stdout));
    json(&dir.join("run.json"))
}

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_adopts_a_stack_stood_up_by_hand() {
    let p = Place::new("adopt");
    forget(&p);
    for ns in [NS, EMPTY] {
        p.kubectl(&["create", "namespace", ns]).exits(0);
    }
    let file = p.dir.join("by-hand.json");
    std::fs::write(&file, by_hand()).unwrap();
    p.kubectl(&["apply", "-f", file.to_str().unwrap()]).exits(0);
    p.kubectl(&["rollout", "status", "-n", NS, "deployment/chat", "--timeout=120s"]).exits(0);
    let (before, uids) = (written(&p), touched(&p));

    an_endpoint_from_an_empty_namespace(&p);
    assert_eq!(touched(&p), uids);

    p.bench(&["adopt", "-p", NS, "-c", "simulated", "-n"]).exits(0).says("HPA chat (1 to 3 replicas)").says("Qwen/Qwen3-0.6B");
    assert_eq!(benchs(&p, NS), json!([]), "looking makes nothing");
    p.bench(&["adopt", "-p", NS, "-c", "simulated", "--set", "recording.settle_s=5"]).exits(0);
    p.run(&[&["-p", NS][..], &LOAD].concat()).says("arm existing");
    assert_eq!((touched(&p), written(&p)), (uids, before.clone()), "nothing of the stack was touched");
    let run = last(&p);
    assert_eq!((&run["arm"], &run["state"], &run["deployment"]), (&json!("existing"), &json!("complete"), &json!("chat")));

    p.bench(&["swap-to-static", "2", "-p", NS]).exits(0).says("kept and removed");
    assert_eq!(p.get(&["horizontalpodautoscaler", "-n", NS])["items"], json!([]));
    p.bench(&["teardown", "-p", NS, "-n"]).exits(0).says("would put back HorizontalPodAutoscaler");
    p.run(&[&["-p", NS][..], &LOAD].concat()).says("arm static-2");
    assert_eq!(last(&p)["arm"], "static-2");

    p.bench(&["teardown", "-p", NS]).exits(0).says("is back as it was");
    assert_eq!(written(&p), before, "byte for byte what was written");
    assert_eq!(benchs(&p, NS), json!([]));
    forget(&p);
}

fn an_endpoint_from_an_empty_namespace(p: &Place) {
    let url = format!("http://chat.{NS}.svc.cluster.local:8000/v1");
    p.run(&[&["--endpoint", &url, "-p", EMPTY, "-c", "simulated"][..], &LOAD].concat()).says("arm existing");
    let run = last(p);
    assert_eq!((&run["arm"], &run["model"], &run["state"]), (&json!("existing"), &json!("Qwen/Qwen3-0.6B"), &json!("complete")));
    let missing = run["missing"].to_string();
    assert!(missing.contains("the recorder sees bench-adopt-load alone"), "{missing}");
    let dir = p.runs().pop().expect("a run");
    assert!(Path::new(&dir).join("summary.json").exists());
    assert_eq!(benchs(p, EMPTY), json!([]), "nothing stays where the load was");
}
