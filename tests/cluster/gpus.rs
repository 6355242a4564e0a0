//! GPUs as Kubernetes hands them out, by nodes that only claim to have ten: the published stack's vLLM without sidecar and gateway.
//! Its image is a stand-in with vLLM's command line (`tests/testbed/images.sh vllm`).

use super::support::Place;
use serde_json::Value;
use std::time::Duration;

const NS: &str = "bench-gpus";
const STACK: [&str; 18] = [
    "-c",
    "inference-scheduling",
    "-p",
    NS,
    "--set=model_server.method=standalone",
    "--set=model_server.metrics_port=8000",
    "--set=model_server.image.name=ghcr.io/llmd-bench/vllm-stand-in:1",
    "--set=model_server.weights.source=hub",
    "--set=model_server.shared_memory=",
    // The published ones want 16 processors and 64 GiB a replica.
    "--set=model_server.resources={requests: {cpu: 10m, memory: 64Mi, nvidia.com/gpu: \"1\"}, limits: {cpu: null, memory: 512Mi, nvidia.com/gpu: \"1\"}}",
    "--set=model_server.start_timeout_s=90",
    "--set=gateway.kind=none",
    "--set=scheduler.enabled=false",
    "--set=monitoring.stack.mode=existing",
    "--set=load.guidellm.version=0.8.1",
    "--set=load.guidellm.image.name=ghcr.io/vllm-project/guidellm:v0.8.1",
    "--set=load.guidellm.tokenizer.source=embedded",
    "--set=load.guidellm.resources={requests: {cpu: 250m, memory: 768Mi}, limits: {cpu: null, memory: 2Gi}}",
];

fn pods(p: &Place) -> Vec<Value> {
    let all = p.get(&["pods", "-n", NS, "-l", "llm-d.ai/role=decode"]);
    all["items"].as_array().cloned().unwrap_or_default()
}

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_gpus() {
    let p = Place::new("gpus");
    p.clean_namespace(NS);
    let standup = |more: &[&str]| p.bench(&[&["standup"], &STACK[..], more].concat());

    standup(&["--static", "11"]).exits(6).says("1 for each of 11 replicas: room for 10");
    assert_eq!(p.get(&["namespace", NS]), Value::Null, "refused before anything is made");
    standup(&["--static", "1", "--set=model_server.accelerator=NVIDIA-A100-SXM4-80GB"]).exits(6).says("NVIDIA-A100-SXM4-80GB");
    assert_eq!(p.get(&["namespace", NS]), Value::Null, "refused before anything is made");

    standup(&["--static", "10"]).exits(0);
    let product = p.get(&["nodes"])["items"][0]["metadata"]["labels"]["nvidia.com/gpu.product"].clone();
    assert!(product.is_string());
    assert_eq!(pods(&p).len(), 10);
    for pod in pods(&p) {
        assert_eq!(pod["status"]["containerStatuses"][0]["ready"], true, "{pod:#}");
        assert_eq!(pod["spec"]["containers"].as_array().map(Vec::len), Some(1), "no sidecar");
        assert_eq!(pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"], "1");
        let terms = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
        assert_eq!(terms[0]["matchExpressions"][0]["key"], "nvidia.com/gpu.product");
        assert_eq!(terms[0]["matchExpressions"][0]["values"][0], product);
    }
    let short = ["--rates", "2", "--max-seconds", "15", "--set=recording.settle_s=2", "--set=load.guidellm.workers=2"];
    p.run(&[&["-p", NS, "-w", "sanity_random"], &short[..]].concat());

    // The eleventh stays without a node, and whoever looks is told why.
    standup(&["--static", "11", "--set=model_server.check_capacity=false"]).exits(5).says("Insufficient nvidia.com/gpu");
    let ready = |pod: &Value| pod["status"]["containerStatuses"][0]["ready"] == true;
    assert_eq!((pods(&p).len(), pods(&p).iter().filter(|p| ready(p)).count()), (11, 10));

    // Ten GPUs of another kind are not those that the pods are bound to.
    let label = |value: &str| p.kubectl(&["label", "nodes", "--all", "--overwrite", &format!("nvidia.com/gpu.product={value}")]).exits(0);
    let mut pending = String::new();
    label("NVIDIA-A100-SXM4-80GB");
    // A new one: the scheduler does not look at a pod without room again because of a label.
    p.kubectl(&["delete", "pods", "-n", NS, "--field-selector", "status.phase=Pending"]).exits(0);
    for _ in 0..60 {
        let all = pods(&p);
        let waiting = all.iter().find(|p| p["status"]["phase"] == "Pending");
        pending = waiting.and_then(|p| p["status"]["conditions"][0]["message"].as_str()).unwrap_or_default().to_string();
        if pending.contains("affinity") {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    label(product.as_str().expect("a label"));
    assert!(pending.contains("didn't match Pod's node affinity"), "{pending}");
    p.bench(&["teardown", "-p", NS]).exits(0).says("nothing of bench's is left");
}
