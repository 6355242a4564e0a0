//! bench as a Job from inside the cluster: its image, the in-cluster configuration, a user's rights, its exit code.
//!
//! `BENCH_CI_IMAGE` is the image's name in the cluster's store: `tests/testbed/images.sh ci=target/static/bench REF` makes it.

use super::support::Place;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

const NS: &str = "ci-x";

/// `deploy/ci-job.yaml` for this namespace and image, with a small experiment of a fixed fleet; without a volume that a cluster for
/// tests may not have.
fn objects(image: &str, rule: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/ci-job.yaml");
    let text = std::fs::read_to_string(path).unwrap().replace("llmdbench", NS).replace("registry.example.com/bench:0.1.0", image);
    let mut docs: Vec<Value> = serde_yaml::from_multiple(&text).unwrap();
    docs.retain(|d| d["kind"] != "PersistentVolumeClaim");
    for d in &mut docs {
        match d["kind"].as_str() {
            Some("ConfigMap") => {
                d["data"]["nightly.yaml"] = format!(
                    "scenario: simulated\nprofile: sanity_random\nrates: [1]\nmax_seconds: 20\nnamespace: {NS}\narms: [static-1]\n\
                     set:\n- monitoring.prometheus.namespace=monitoring\n- monitoring.prometheus.service=kube-prometheus-stack-prometheus\n\
                     - recording.agent_image={image}\n- recording.settle_s=5\ngate: {{rules: ['{rule}']}}\n"
                )
                .into();
            }
            Some("Job") => d["spec"]["template"]["spec"]["volumes"][1] = json!({"name": "results", "emptyDir": {}}),
            _ => {}
        }
    }
    docs
}

/// Applies the Job and waits for its pod's end; gives its exit code and its log.
fn ended(p: &Place, image: &str, rule: &str) -> (i64, String) {
    p.kubectl(&["delete", "job", "-n", NS, "llmd-bench-job", "--ignore-not-found", "--wait"]).exits(0);
    let file = p.dir.join("job.json");
    std::fs::write(&file, json!({"apiVersion": "v1", "kind": "List", "items": objects(image, rule)}).to_string()).unwrap();
    p.kubectl(&["apply", "-f", file.to_str().unwrap()]).exits(0);
    // The pod of an earlier Job may still be leaving.
    let uid = p.get(&["job", "-n", NS, "llmd-bench-job"])["metadata"]["uid"].as_str().expect("a Job").to_string();
    let selector = format!("batch.kubernetes.io/controller-uid={uid}");
    let deadline = Instant::now() + Duration::from_secs(900);
    loop {
        let pods = p.get(&["pod", "-n", NS, "-l", &selector]);
        let pod = &pods["items"][0];
        let log = || p.kubectl(&["logs", "-n", NS, pod["metadata"]["name"].as_str().unwrap_or_default()]).stdout;
        if let Some(code) = pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"].as_i64() {
            return (code, log());
        }
        assert!(Instant::now() < deadline, "it has no end:\n{pods:#}\n{}", log());
        std::thread::sleep(Duration::from_secs(2));
    }
}

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG, BENCH_CI_IMAGE"]
fn cluster_ci_job() {
    let image = std::env::var("BENCH_CI_IMAGE").expect("BENCH_CI_IMAGE names the image of bench in the cluster's store");
    let p = Place::new("ci");
    p.kubectl(&["delete", "namespace", NS, "--ignore-not-found", "--wait"]).exits(0);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS, "labels": {
        "pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest",
    }}});
    let file = p.dir.join("namespace.json");
    std::fs::write(&file, namespace.to_string()).unwrap();
    p.kubectl(&["apply", "-f", file.to_str().unwrap()]).exits(0);

    let nightly = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/cronjob.yaml")).unwrap();
    std::fs::write(&file, nightly.replace("llmdbench", NS)).unwrap();
    p.kubectl(&["apply", "--dry-run=server", "-f", file.to_str().unwrap()]).exits(0);

    // A gate that holds, one that does not: the container's exit code is the gate's.
    for (rule, code, says) in [("failed_fraction < 50%", 0, "passed"), ("max_ready < 1", 3, "FAILED")] {
        let (found, log) = ended(&p, &image, rule);
        assert_eq!(found, code, "{log}");
        assert!(log.contains("complete: 1 of 1 runs valid") && log.contains(says), "{log}");
        assert!(!log.contains("streamed into"), "the recorder comes as an image: {log}");
        let job = || p.get(&["job", "-n", NS, "llmd-bench-job"])["status"].clone();
        let deadline = Instant::now() + Duration::from_secs(60);
        while job()["conditions"].as_array().is_none_or(|c| c.iter().all(|c| c["type"] != "Complete" && c["type"] != "Failed")) {
            assert!(Instant::now() < deadline, "the Job has no end: {:#}", job());
            std::thread::sleep(Duration::from_secs(1));
        }
        // A failed gate is final: no second pod is made.
        let conditions = job()["conditions"].to_string();
        assert_eq!(conditions.contains("PodFailurePolicy"), code == 3, "{conditions}");
        let left = p.get(&["all,configmap,role,rolebinding,serviceaccount", "-n", NS, "-l", "app.kubernetes.io/managed-by=llmd-bench"]);
        assert_eq!(left["items"].as_array().map(Vec::len), Some(0), "{left:#}");
    }
    p.kubectl(&["delete", "-n", "monitoring", "role,rolebinding", "llmd-bench-job", "--ignore-not-found"]);
    p.kubectl(&["delete", "namespace", NS, "--ignore-not-found", "--wait=false"]);
}
