//! The published comparison, small: both arms scale the Deployment up under load and down again afterwards.

use super::support::{Place, checksums_agree, events, json};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const NS: &str = "llmdbench";
const DEPLOYMENT: &str = "qwen-qwe-07df2612-en3-0-6b-decode";

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_published_comparison() {
    let p = Place::new("published");
    p.clean();
    let adapter_before = config_data(&p, "monitoring", "prometheus-adapter");
    let wva_before = wva_config(&p);

    p.bench(&["preflight", "-c", "simulated"]).exits(0).says("checks passed");
    p.bench(&["standup", "-p", NS, "-m", "Qwen/Qwen3-0.6B", "-c", "simulated", "--wva"]).exits(0);
    assert_eq!(hpa_names(&p), ["vllm-deployment-hpa"]);
    standing_up_again_changes_nothing(&p);

    p.bench(&["run", "-l", "guidellm", "-w", "ramp_small"]).exits(0);
    let wva = p.runs().remove(0);
    scaled_up_served_and_came_back(&wva);
    wva_decided_it(&wva);
    run_directory_is_whole(&wva);

    p.bench(&["swap-to-hpa"]).exits(0);
    exactly_the_manual_hpa(&p);
    p.bench(&["run", "-w", "ramp_small"]).exits(0);
    let hpa = p.runs().remove(1);
    scaled_up_served_and_came_back(&hpa);
    assert!(decisions(&hpa, "VariantAutoscaling").is_empty(), "WVA does not act in the HPA arm");
    same_load_other_arm(&wva, &hpa);

    let status = p.bench(&["status", "--output", "json"]).exits(0);
    assert_eq!(serde_json::from_str::<Value>(&status.stdout).unwrap()["arm"], "hpa");
    let ls = p.bench(&["results", "ls"]).exits(0).stdout;
    assert_eq!(ls.lines().filter(|l| l.contains("ramp_small")).count(), 2, "{ls}");
    p.bench(&["report", hpa.file_name().unwrap().to_str().unwrap()]).exits(0).says("TTFT");

    p.bench(&["swap-to-wva"]).exits(0);
    assert_eq!(hpa_names(&p), ["vllm-deployment-hpa"]);
    p.bench(&["teardown"]).exits(0);
    nothing_is_left(&p);
    assert_eq!(config_data(&p, "monitoring", "prometheus-adapter"), adapter_before, "the adapter's rules are as they were");
    assert_eq!(wva_config(&p), wva_before, "WVA's settings are as they were");
}

fn config_data(p: &Place, ns: &str, name: &str) -> Value {
    p.get(&["configmap", "-n", ns, name])["data"].clone()
}

/// Settings of a WVA that was there before us; null when there is none.
fn wva_config(p: &Place) -> Value {
    let ns = "workload-variant-autoscaler-system";
    json!([config_data(p, ns, "capacity-scaling-config"), config_data(p, ns, "workload-variant-autoscaler-variantautoscaling-config")])
}

fn hpa_names(p: &Place) -> Vec<String> {
    let list = p.get(&["hpa", "-n", NS]);
    list["items"].as_array().unwrap().iter().map(|h| h["metadata"]["name"].as_str().unwrap().to_string()).collect()
}

/// Kind/name → resourceVersion of everything labelled, but for what controllers write by themselves.
fn versions(p: &Place) -> BTreeMap<String, String> {
    let kinds = "configmap,service,serviceaccount,role,rolebinding,podmonitor";
    let list = p.get(&[kinds, "-n", NS, "-l", "app.kubernetes.io/managed-by=llmd-bench"]);
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for o in list["items"].as_array().unwrap() {
        all.insert(format!("{}/{}", o["kind"], o["metadata"]["name"]), o["metadata"]["resourceVersion"].to_string());
    }
    // A generation counts changes of the spec only; status is the controllers'.
    for o in p.get(&["deployment", "-n", NS])["items"].as_array().unwrap() {
        all.insert(format!("{}/{}", o["kind"], o["metadata"]["name"]), o["metadata"]["generation"].to_string());
    }
    // An HPA has no generation.
    for o in p.get(&["hpa", "-n", NS])["items"].as_array().unwrap() {
        all.insert(format!("{}/{}", o["kind"], o["metadata"]["name"]), format!("{} {}", o["metadata"]["uid"], o["spec"]));
    }
    all
}

fn standing_up_again_changes_nothing(p: &Place) {
    let before = versions(p);
    assert!(before.len() > 8, "{before:?}");
    p.bench(&["standup", "-c", "simulated", "--wva"]).exits(0);
    assert_eq!(versions(p), before);
}

fn scaled_up_served_and_came_back(run: &Path) {
    let s = json(&run.join("summary.json"));
    assert_eq!(s["validity"]["verdict"], "valid", "{:#}", s["validity"]);
    assert_eq!(s["scaling"]["start_replicas"], 1, "{:#}", s["scaling"]);
    assert!(s["scaling"]["max_ready"].as_u64().unwrap() >= 2, "{:#}", s["scaling"]);
    assert_eq!(s["scaling"]["end_replicas"], 1, "{:#}", s["scaling"]);
    let served: Vec<f64> = s["requests_per_pod"].as_object().unwrap().values().map(|v| v.as_f64().unwrap()).collect();
    assert!(served.iter().filter(|n| **n >= 5.0).count() >= 2, "added pods serve: {:#}", s["requests_per_pod"]);
    let rates = s["rates"].as_array().unwrap();
    assert_eq!(rates.len(), 2);
    for r in rates {
        assert_eq!(r["errored"], 0, "{r:#}");
        assert!(r["successful"].as_u64().unwrap() > 20, "{r:#}");
    }
}

/// (time, desired) of an autoscaler's objects, in the order of the records.
fn decisions(run: &Path, kind: &str) -> Vec<(String, u64)> {
    let path = if kind == "VariantAutoscaling" { "/status/desiredOptimizedAlloc/numReplicas" } else { "/status/desiredReplicas" };
    events(run)
        .iter()
        .filter(|e| e["kind"] == kind && e["what"] != "deleted")
        .filter_map(|e| Some((e["t"].as_str()?.to_string(), e["object"].pointer(path)?.as_u64()?)))
        .collect()
}

/// First time at which the Deployment was told to have two replicas during the load.
fn raised_at(run: &Path) -> String {
    let start = json(&run.join("run.json"))["times"]["harness_started"].as_str().unwrap().to_string();
    let raised = |e: &&Value| {
        e["kind"] == "Deployment" && e["t"].as_str().unwrap() > start.as_str() && e["object"]["spec"]["replicas"].as_u64() >= Some(2)
    };
    events(run).iter().find(raised).expect("the Deployment was raised")["t"].as_str().unwrap().to_string()
}

fn wva_decided_it(run: &Path) {
    let at = raised_at(run);
    let said = decisions(run, "VariantAutoscaling");
    let first = said.iter().find(|(_, n)| *n >= 2).expect("WVA wanted two replicas");
    assert!(first.0 < at, "WVA's decision {} comes before the Deployment's raise {at}", first.0);
    assert!(said.iter().take_while(|(t, _)| *t < first.0).all(|(_, n)| *n == 1), "it wanted one until then: {said:?}");
    // The HPA that raised it looks at WVA's gauge and at nothing else, and saw two.
    let hpas: Vec<Value> = events(run).into_iter().filter(|e| e["kind"] == "HorizontalPodAutoscaler" && e["what"] != "deleted").collect();
    assert!(!hpas.is_empty());
    for h in &hpas {
        let metrics = h["object"]["spec"]["metrics"].as_array().unwrap();
        assert_eq!(metrics.len(), 1);
        assert_eq!(metrics[0]["external"]["metric"]["name"], "inferno_desired_replicas");
    }
    // Its controller scales first and writes its status after: the first status that wants more tells what it had seen.
    let start = json(&run.join("run.json"))["times"]["harness_started"].as_str().unwrap().to_string();
    let wants_more = |h: &&Value| h["t"].as_str().unwrap() > start.as_str() && h["object"]["status"]["desiredReplicas"].as_u64() >= Some(2);
    let raised = hpas.iter().find(wants_more).expect("the HPA wanted two");
    assert_eq!(raised["object"].pointer("/status/currentMetrics/0/external/current/averageValue"), Some(&json!("2")), "it saw WVA's 2");
}

fn run_directory_is_whole(run: &Path) {
    for f in [
        "run.json",
        "plan.yaml",
        "journal.jsonl",
        "events.jsonl",
        "summary.json",
        "SHA256SUMS",
        "metrics/samples.om.txt",
        "load/benchmarks.json",
        "load/stderr.log",
    ] {
        assert!(run.join(f).metadata().is_ok_and(|m| m.len() > 0), "{f}");
    }
    assert!(run.join("manifests").read_dir().unwrap().count() > 8);
    assert!(run.join("logs").read_dir().unwrap().count() >= 2);
    let r = json(&run.join("run.json"));
    assert_eq!(r["state"], "complete");
    assert_eq!(r["missing"], json!([]));
    for clock in ["api-server", "prometheus", "agent", "harness"] {
        let n = r["clocks"].as_array().unwrap().iter().filter(|c| c["clock"] == clock).count();
        assert_eq!(n, 2, "{clock} was compared at the start and at the end");
    }
    let names: Vec<&str> = r["reset"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["delete-hpa", "delete-variant", "replicas", "pods", "warmup", "drain", "window", "variant", "hpa"]);
    assert!(checksums_agree(run), "SHA256SUMS agree");
    let metrics = std::fs::read_to_string(run.join("metrics/samples.om.txt")).unwrap();
    assert!(metrics.ends_with("# EOF\n"));
    for series in ["vllm:kv_cache_usage_perc{", "vllm:num_requests_waiting{", "vllm:request_success_total{", "inferno_desired_replicas{"] {
        assert!(metrics.contains(series), "{series}");
    }
    // A credential never enters a run directory.
    for word in ["BEGIN RSA PRIVATE KEY", "BEGIN EC PRIVATE KEY", "client-key-data", "\"token\":"] {
        let found = std::process::Command::new("grep").args(["-rlF", word, "."]).current_dir(run).output().unwrap();
        assert!(found.stdout.is_empty(), "{word} in {}", String::from_utf8_lossy(&found.stdout));
    }
}

fn exactly_the_manual_hpa(p: &Place) {
    assert_eq!(hpa_names(p), ["vllm-deployment-hpa-manual"]);
    assert_eq!(p.get(&["variantautoscaling", "-n", NS])["items"], json!([]), "the VariantAutoscaling is gone");
    let spec = p.get(&["hpa", "-n", NS, "vllm-deployment-hpa-manual"])["spec"].clone();
    assert_eq!(spec["scaleTargetRef"]["name"], DEPLOYMENT);
    let metrics: Vec<(Value, Value, Value)> = spec["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| {
            let e = &m["external"];
            (e["metric"]["name"].clone(), e["target"]["averageValue"].clone(), e["metric"]["selector"]["matchLabels"].clone())
        })
        .collect();
    let selector = json!({"namespace": NS});
    assert_eq!(
        metrics,
        [(json!("vllm:num_requests_waiting"), json!("3"), selector.clone()), (json!("vllm:kv_cache_usage_perc"), json!("600m"), selector),]
    );
}

fn same_load_other_arm(a: &Path, b: &Path) {
    let (a, b) = (json(&a.join("run.json")), json(&b.join("run.json")));
    assert_eq!(a["hashes"]["load"], b["hashes"]["load"]);
    assert_eq!(a["hashes"]["stack"], b["hashes"]["stack"]);
    assert_ne!(a["hashes"]["arm"], b["hashes"]["arm"]);
}

fn nothing_is_left(p: &Place) {
    assert_eq!(p.get(&["namespace", NS]), Value::Null, "bench made the namespace and removed it");
    for kinds in [
        "deployment,job,pod,service,configmap,hpa,role,rolebinding,serviceaccount,podmonitor",
        "namespace,clusterrole,clusterrolebinding,apiservice",
    ] {
        let left = p.get(&[kinds, "-A", "-l", "app.kubernetes.io/managed-by=llmd-bench"]);
        assert_eq!(left["items"], json!([]), "{kinds}");
    }
}
