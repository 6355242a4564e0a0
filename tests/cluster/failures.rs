//! Bad input and bad luck: a clear message, the documented exit code, and what was collected is kept.

use super::support::{Place, json};

/// A short load for runs whose end is not the point.
const SHORT: [&str; 6] = ["run", "-w", "sanity_random", "--max-seconds", "8", "--skip-reset=replicas,pods,warmup,drain,window"];

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_failures() {
    let p = Place::new("failures");
    p.clean();

    p.bench(&["run", "-w", "ramp_small"]).exits(6).says("no stack of bench is up").says("bench standup");
    // The cluster for tests has ten GPUs: refused before anything is made, and before any chart is asked for.
    p.bench(&["standup", "--wva", "-p", "llmdbench", "--set", "scaling.max_replicas=11"])
        .exits(6)
        .says("no room for the stack: GPUs")
        .says("model_server.check_capacity=false");
    p.bench(&["status", "--context", "nowhere"]).exits(6).says("nowhere");
    foreign_objects_are_refused(&p);
    a_user_without_rights(&p);

    p.bench(&["standup", "-c", "simulated", "--static", "1"]).exits(0);
    p.bench(&["run", "-w", "chatbot_synthetik"]).exits(2).says("chatbot_synthetic");
    p.bench(&["run", "-w", "sanity_random", "-o", "data.promt_tokens=5"]).exits(2).says("prompt_tokens");

    a_model_that_is_not_served(&p);
    every_request_fails(&p);
    the_harness_is_out_of_memory(&p);
    guidellm_hangs(&p);

    p.bench(&["teardown"]).exits(0);
}

fn foreign_objects_are_refused(p: &Place) {
    let ns = "bench-foreign";
    p.kubectl(&["create", "namespace", ns]);
    p.kubectl(&["create", "configmap", "-n", ns, "llmd-bench-stack"]);
    p.bench(&["standup", "-c", "simulated", "--static", "1", "-p", ns]).exits(6).says("is not bench's");
    p.kubectl(&["delete", "namespace", ns, "--wait=false"]).exits(0);
}

fn a_user_without_rights(p: &Place) {
    let ns = "bench-norights";
    p.kubectl(&["create", "namespace", ns]);
    p.kubectl(&["create", "serviceaccount", "-n", ns, "nobody"]);
    let token = p.kubectl(&["create", "token", "-n", ns, "nobody"]).exits(0).stdout.trim().to_string();
    let view = p.kubectl(&["config", "view", "--raw", "--minify", "-o", "json"]).exits(0).stdout;
    let mut config: serde_json::Value = serde_json::from_str(&view).unwrap();
    config["users"][0]["user"] = serde_json::json!({ "token": token });
    let file = p.dir.join("nobody.kubeconfig");
    std::fs::write(&file, config.to_string()).unwrap();
    let file = file.to_str().unwrap();
    p.bench(&["preflight", "-c", "simulated", "-k", file])
        .exits(6)
        .says("rights in namespace")
        .says("missing")
        .says("create, patch, delete jobs.batch")
        .says("pods/exec");
    p.bench(&["standup", "-c", "simulated", "--wva", "-k", file]).exits(6).says("not allowed to").says("bench preflight");
    std::fs::remove_file(file).unwrap();
    p.kubectl(&["delete", "namespace", ns, "--wait=false"]);
}

fn a_model_that_is_not_served(p: &Place) {
    let at = ["get", "deploy", "-n", "llmdbench", "-o", "name"];
    assert!(p.kubectl(&at).stdout.contains("decode"));
    // The stack's record says another model than the servers do.
    let text = p.get(&["configmap", "-n", "llmdbench", "llmd-bench-stack"])["data"]["plan.yaml"].as_str().unwrap().to_string();
    let patch = |text: &str| {
        let patch = serde_json::json!({"data": {"plan.yaml": text}}).to_string();
        p.kubectl(&["patch", "configmap", "-n", "llmdbench", "llmd-bench-stack", "--type=merge", "-p", &patch]).exits(0);
    };
    // Same length and letters where the hash looks would need another Deployment; a tag before ':' is not part of the label.
    patch(&text.replacen("model: Qwen/Qwen3-0.6B", "model: \"other:Qwen/Qwen3-0.6B\"", 1));
    p.bench(&SHORT).exits(6).says("does not serve");
    patch(&text);
}

fn every_request_fails(p: &Place) {
    // Longer than the server's context window: it refuses each request with 400, and guidellm exits 0.
    let mut args = SHORT.to_vec();
    args.extend(["-o", "data.output_tokens=20000,data.output_tokens_min=20000,data.output_tokens_max=20000"]);
    p.bench(&args).exits(4).says("no-success");
    let run = p.runs().pop().unwrap();
    assert_eq!(json(&run.join("run.json"))["state"], "complete");
    assert!(run.join("load/benchmarks.json").exists());
}

fn the_harness_is_out_of_memory(p: &Place) {
    let mut args = SHORT.to_vec();
    args.extend(["--set", "load.guidellm.resources={requests: {memory: 60Mi}, limits: {memory: 60Mi}}", "--set", "recording.settle_s=1"]);
    p.bench(&args).exits(4).says("OOMKilled").says("load.guidellm.resources.limits.memory");
    let run = p.runs().pop().unwrap();
    assert_eq!(json(&run.join("run.json"))["state"], "failed");
    assert!(run.join("events.jsonl").metadata().unwrap().len() > 0, "records were collected all the same");
    assert!(run.join("metrics/samples.om.txt").exists());
}

fn guidellm_hangs(p: &Place) {
    // Its limit is shorter than its own start: what a hang looks like from outside.
    let mut args = SHORT.to_vec();
    args.extend(["--set", "load.guidellm.overhead_s=1", "--set", "recording.settle_s=1"]);
    p.bench(&args).exits(5).says("time limit");
    let run = p.runs().pop().unwrap();
    assert!(run.join("load/stderr.log").exists() || run.join("load/stdout.log").exists());
}
