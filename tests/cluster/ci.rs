//! bench as a Job from inside the cluster: its image, the in-cluster configuration, a user's rights, its results on a claim, its exit code.
//!
//! `BENCH_CI_IMAGE` is the image's name in the cluster's store: `tests/testbed/images.sh ci=target/static/bench REF` makes it.

use super::support::{Place, json};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const NS: &str = "ci-x";

/// A file of `deploy/` for this namespace and image.
fn deploy(file: &str, image: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file);
    let text = std::fs::read_to_string(path).unwrap().replace("llmdbench", NS).replace("registry.example.com/bench:0.1.0", image);
    serde_yaml::from_multiple(&text).unwrap()
}

/// `deploy/ci-job.yaml` with a small experiment of a fixed fleet; a busy machine may make the generator late, and the run another one.
fn objects(image: &str, rule: &str) -> Vec<Value> {
    let mut docs = deploy("ci-job.yaml", image);
    let config = docs.iter_mut().find(|d| d["kind"] == "ConfigMap").expect("a ConfigMap");
    config["data"]["nightly.yaml"] = format!(
        "scenario: simulated\nprofile: sanity_random\nrates: [1]\nmax_seconds: 20\nnamespace: {NS}\narms: [static-1]\n\
         set:\n- monitoring.prometheus.namespace=monitoring\n- monitoring.prometheus.service=kube-prometheus-stack-prometheus\n\
         - recording.agent_image={image}\n- recording.settle_s=5\ngate: {{rules: ['{rule}']}}\non_invalid: {{repeat: 2}}\n"
    )
    .into();
    docs
}

fn apply(p: &Place, docs: &[Value]) {
    let file = p.dir.join("objects.json");
    std::fs::write(&file, json!({"apiVersion": "v1", "kind": "List", "items": docs}).to_string()).unwrap();
    p.kubectl(&["apply", "-f", file.to_str().unwrap()]).exits(0);
}

/// A volume for the claim where the cluster makes none by itself; its only node is then taken to be this machine. It is root's, as a
/// provisioner's would be: that the Job's user can write there is the pod's `fsGroup`.
fn volume(p: &Place) {
    if p.get(&["storageclass"])["items"].as_array().is_some_and(|all| !all.is_empty()) {
        return;
    }
    let dir = p.dir.join("volume");
    std::fs::create_dir(&dir).unwrap();
    let nodes = p.get(&["node"]);
    let host = nodes["items"][0]["metadata"]["labels"]["kubernetes.io/hostname"].clone();
    let here = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [host]});
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": NS}, "spec": {
        "capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain",
        "claimRef": {"namespace": NS, "name": "llmd-bench-results"}, "local": {"path": dir},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
    }});
    apply(p, &[volume]);
}

/// The pods of a Job, oldest first.
fn pods(p: &Place, job: &str) -> Vec<Value> {
    // A pod of an earlier Job of this name may still be leaving.
    let uid = p.get(&["job", "-n", NS, job])["metadata"]["uid"].as_str().expect("a Job").to_string();
    let found =
        p.get(&["pod", "-n", NS, "-l", &format!("batch.kubernetes.io/controller-uid={uid}"), "--sort-by=.metadata.creationTimestamp"]);
    found["items"].as_array().cloned().unwrap_or_default()
}

fn name(pod: &Value) -> &str {
    pod["metadata"]["name"].as_str().unwrap_or_default()
}

fn log(p: &Place, pod: &str) -> String {
    p.kubectl(&["logs", "-n", NS, pod]).stdout
}

fn until<T>(p: &Place, job: &str, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(900);
    loop {
        if let Some(found) = look() {
            return found;
        }
        if Instant::now() > deadline {
            let all = pods(p, job);
            panic!("{job}: {what} did not come\n{all:#?}\n{}", all.last().map(|l| log(p, name(l))).unwrap_or_default());
        }
        std::thread::sleep(Duration::from_secs(2));
    }
}

/// What a drained node does to the pod of a Job, once its load is at work: the log up to there.
fn evicted_under_load(p: &Place, job: &str) -> String {
    let (pod, told) = until(p, job, "a load at work", || {
        let pod = pods(p, job).last().map(|l| name(l).to_owned())?;
        let told = log(p, &pod);
        told.contains("guidellm is at work").then_some((pod, told))
    });
    let file = p.dir.join("eviction.json");
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": NS}});
    std::fs::write(&file, eviction.to_string()).unwrap();
    p.kubectl(&["create", "--raw", &format!("/api/v1/namespaces/{NS}/pods/{pod}/eviction"), "-f", file.to_str().unwrap()]).exits(0);
    told
}

/// Waits for the end of a Job: exit code and log of its last pod, and the Job's status.
fn ended(p: &Place, job: &str) -> (i64, String, Value) {
    let status = until(p, job, "the Job's end", || {
        let status = p.get(&["job", "-n", NS, job])["status"].clone();
        let is = |c: &Value| (c["type"] == "Complete" || c["type"] == "Failed") && c["status"] == "True";
        status["conditions"].as_array().is_some_and(|c| c.iter().any(is)).then_some(status)
    });
    let all = pods(p, job);
    let last = all.last().expect("a pod");
    let code = last["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"].as_i64().expect("an exit code");
    (code, log(p, name(last)), status)
}

/// The results out of the claim, as docs/ci.md says.
fn fetched(p: &Place, image: &str) -> PathBuf {
    apply(p, &deploy("results-pod.yaml", image));
    p.kubectl(&["wait", "-n", NS, "--for=condition=Ready", "pod/llmd-bench-results", "--timeout=120s"]).exits(0);
    let to = p.dir.join("results");
    p.kubectl(&["cp", &format!("{NS}/llmd-bench-results:/results"), to.to_str().unwrap()]).exits(0);
    p.kubectl(&["delete", "pod", "-n", NS, "llmd-bench-results"]).exits(0);
    to
}

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG, BENCH_CI_IMAGE"]
fn cluster_ci_job() {
    let image = std::env::var("BENCH_CI_IMAGE").expect("BENCH_CI_IMAGE names the image of bench in the cluster's store");
    let p = Place::new("ci");
    p.kubectl(&["delete", "namespace", NS, "--ignore-not-found", "--wait"]).exits(0);
    p.kubectl(&["delete", "persistentvolume", NS, "--ignore-not-found", "--wait"]).exits(0);
    apply(
        &p,
        &[json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS, "labels": {
            "pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest",
        }}})],
    );
    volume(&p);
    let nothing_is_left = || {
        let left = p.get(&["all,configmap,role,rolebinding,serviceaccount", "-n", NS, "-l", "app.kubernetes.io/managed-by=llmd-bench"]);
        assert_eq!(left["items"].as_array().map(Vec::len), Some(0), "{left:#}");
    };

    // A gate that holds; the pod is evicted under its load, and another one carries on out of the claim.
    apply(&p, &objects(&image, "failed_fraction < 50%"));
    let before = evicted_under_load(&p, "llmd-bench-job");
    let (code, log, status) = ended(&p, "llmd-bench-job");
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("complete: 1 of 1 runs valid") && log.contains("passed"), "{log}");
    for told in [&before, &log] {
        assert!(!told.contains("streamed into"), "the recorder comes as an image: {told}");
    }
    let carried_on = log.split("it is made again").next().unwrap_or_default();
    assert!(carried_on.contains("checksums agree") && !carried_on.contains("Job made"), "the load at work was not brought home:\n{log}");
    assert_eq!(status["succeeded"], 1, "{status:#}");
    nothing_is_left();

    // A gate that does not hold, in a Job of the CronJob, on the same claim: the container's exit code is the gate's.
    apply(&p, &objects(&image, "max_ready < 1").into_iter().filter(|d| d["kind"] == "ConfigMap").collect::<Vec<_>>());
    let mut nightly = deploy("cronjob.yaml", &image);
    nightly[0]["spec"]["suspend"] = true.into();
    apply(&p, &nightly);
    p.kubectl(&["create", "job", "-n", NS, "by-hand", "--from=cronjob/llmd-bench-nightly"]).exits(0);
    let (code, log, status) = ended(&p, "by-hand");
    assert_eq!(code, 3, "{log}");
    let told: Vec<Value> = log.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
    let last = told.iter().rfind(|e| e["event"] == "experiment").unwrap_or_else(|| panic!("no experiment in {log}"));
    let tries = last["experiment"]["runs"][0]["attempts"].as_array().expect("tries");
    assert_eq!(tries.last().expect("a try")["gate"], "fail", "{last:#}");
    // A failed gate is final: no second pod is made.
    assert!(status["conditions"].to_string().contains("PodFailurePolicy"), "{status:#}");
    assert_eq!(pods(&p, "by-hand").len(), 1);
    nothing_is_left();

    let results = fetched(&p, &image);
    let all = |below: &str, file: &str| -> Vec<Value> {
        let dirs = std::fs::read_dir(results.join(below)).unwrap().map(|e| e.unwrap().path().join(file));
        dirs.filter(|f| f.exists()).map(|f| json(&f)).collect()
    };
    let experiments = all("experiments", "experiment.json");
    assert_eq!(experiments.len(), 2, "{experiments:#?}");
    assert!(experiments.iter().all(|e| e["state"] == "complete"), "{experiments:#?}");
    let tries: Vec<&Value> = experiments.iter().flat_map(|e| e["runs"][0]["attempts"].as_array().expect("tries")).collect();
    assert!(tries.iter().any(|t| before.contains(t["run"].as_str().expect("an id"))), "the evicted run is a try: {tries:#?}");
    let mut runs: Vec<Value> = all(".", "run.json").iter().map(|r| r["id"].clone()).collect();
    let mut tried: Vec<Value> = tries.iter().map(|t| t["run"].clone()).collect();
    for ids in [&mut runs, &mut tried] {
        ids.sort_by_key(ToString::to_string);
    }
    assert_eq!(runs, tried, "every run directory is a try of an experiment's");
    let junit = std::fs::read_to_string(results.join("junit.xml")).unwrap();
    assert!(junit.contains("tests=\"1\"") && junit.contains("failures=\"0\""), "{junit}");
    assert!(std::fs::read_to_string(results.join("summary.md")).unwrap().contains("1 of 1 runs valid"));

    p.kubectl(&["delete", "-n", "monitoring", "role,rolebinding", "llmd-bench-job", "--ignore-not-found"]);
    p.kubectl(&["delete", "namespace", NS, "--ignore-not-found", "--wait=false"]);
    p.kubectl(&["delete", "persistentvolume", NS, "--ignore-not-found", "--wait=false"]);
}
