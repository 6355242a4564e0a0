//! `bench plan` of the published stack on both kinds of cluster, under every arm: what is applied, and what charts are given.

use crate::plan::yaml;
use crate::support::bench;
use serde_json::Value;

const CLUSTERS: [&str; 2] = ["openshift", "kubernetes"];
const ARMS: [&[&str]; 3] = [&["--wva"], &["--hpa"], &["--static", "2"]];
/// KEDA's kinds, and the Secret by which OpenShift's Prometheus lets it in, are the arm's too.
const OF_AN_ARM: [&str; 5] = ["HorizontalPodAutoscaler", "VariantAutoscaling", "ScaledObject", "TriggerAuthentication", "Secret"];

fn facts(cluster: &str) -> String {
    format!("{}/tests/fixtures/facts-{cluster}.yaml", env!("CARGO_MANIFEST_DIR"))
}

/// The plan's event with the published command's flags.
fn planned(cluster: &str, args: &[&str]) -> Value {
    plan_of(&["-m", "Qwen/Qwen3-0.6B", "-c", "inference-scheduling"], cluster, args)
}

/// The same of the newest llm-d.
fn newest(cluster: &str, args: &[&str]) -> Value {
    plan_of(&["-c", "optimized-baseline"], cluster, args)
}

fn plan_of(scenario: &[&str], cluster: &str, args: &[&str]) -> Value {
    let facts = facts(cluster);
    let namespace: &[&str] = if args.contains(&"-p") { &[] } else { &["-p", "llm-d-test-exp"] };
    let all = [&["plan"][..], scenario, namespace, &["--facts", &facts], args];
    let r = bench(&[all.concat(), vec!["--output", "json"]].concat()).exits(0);
    r.json().into_iter().find(|e| e["event"] == "plan").expect("a plan")
}

fn objects(plan: &Value) -> Vec<Value> {
    plan["objects"].as_array().expect("objects").clone()
}

fn of_an_arm(o: &Value) -> bool {
    OF_AN_ARM.iter().any(|k| o["kind"] == *k)
}

/// Both scenarios: what their snapshots begin with, and how they are planned.
type Planned = fn(&str, &[&str]) -> Value;
const BOTH: [(&str, Planned); 2] = [("", planned), ("newest_", newest)];

#[test]
fn the_stack_on_both_kinds_of_cluster() {
    for ((of, planned), cluster) in BOTH.into_iter().flat_map(|b| CLUSTERS.map(|c| (b, c))) {
        let stack = |arm: &[&str]| objects(&planned(cluster, arm)).into_iter().filter(|o| !of_an_arm(o)).collect::<Vec<_>>();
        let wva = stack(ARMS[0]);
        for arm in ARMS {
            assert_eq!(wva, stack(arm), "{cluster}: the stack is the same under every arm");
        }
        insta::assert_snapshot!(format!("{of}stack_{cluster}"), yaml(&wva));
    }
}

#[test]
fn arms_and_charts_of_the_stack() {
    for ((of, planned), cluster) in BOTH.into_iter().flat_map(|b| CLUSTERS.map(|c| (b, c))) {
        for arm in ARMS {
            let plan = planned(cluster, arm);
            let own: Vec<Value> = objects(&plan).into_iter().filter(of_an_arm).collect();
            let releases = serde_yaml::to_string(&plan["releases"]).expect("YAML");
            let text = format!("{}--- charts\n{releases}", yaml(&own));
            insta::assert_snapshot!(format!("{of}arm_{cluster}_{}", arm.join("_").trim_start_matches('-')), text);
        }
    }
}

/// The namespace of WVA has one source: given another one, nothing of the plan speaks of the default any more.
#[test]
fn another_namespace_of_wva_is_taken_everywhere() {
    for (of, planned) in BOTH {
        for cluster in CLUSTERS {
            let plan = planned(cluster, &["--wva", "--set", "wva.namespace=wva-elsewhere"]);
            let (objects, releases) = (plan["objects"].to_string(), &plan["releases"]);
            let of_wva = |r: &&Value| r["namespace"] == "wva-elsewhere";
            assert_eq!(releases.as_array().unwrap().iter().filter(of_wva).count(), 1, "{of}{cluster}: {releases}");
            for text in [objects, releases.to_string()] {
                assert!(!text.contains("llm-d-autoscaler"), "{of}{cluster}: {text}");
            }
        }
    }
}

#[test]
fn the_newest_stack_has_no_gateway_and_one_scaler() {
    for cluster in CLUSTERS {
        for arm in ARMS {
            let plan = newest(cluster, arm);
            let all = objects(&plan);
            let count = |kind: &str| all.iter().filter(|o| o["kind"] == kind).count();
            for kind in ["Gateway", "HTTPRoute", "HorizontalPodAutoscaler", "VariantAutoscaling"] {
                assert_eq!(count(kind), 0, "{cluster} {arm:?}: {kind}");
            }
            assert_eq!(count("ScaledObject"), usize::from(arm[0] != "--static"), "{cluster} {arm:?}");
            let charts: Vec<&str> = plan["releases"].as_array().unwrap().iter().map(|r| r["chart"].as_str().unwrap()).collect();
            let router = charts.iter().filter(|c| c.ends_with("/llm-d-router-standalone")).count();
            assert_eq!((router, charts.iter().any(|c| c.contains("istio"))), (1, false), "{charts:?}");
        }
    }
}

#[test]
fn what_nobody_has_seen_work_is_refused() {
    let newest = |set: &[&str]| {
        let args: Vec<&str> = set.iter().flat_map(|s| ["--set", s]).collect();
        bench(&[&["plan", "-c", "optimized-baseline", "--wva"][..], &args].concat())
    };
    newest(&["scaling.by=hpa"]).exits(2).says(&["scaling.by", "KEDA"]);
    newest(&["wva.chart_version=0.6.0"]).exits(2).says(&["wva.chart_version", "0.4 and 0.8"]);
    newest(&["scheduler.enabled=false"]).exits(2).says(&["scheduler.enabled", "epponly"]);
    newest(&["keda.mode=install", "keda.charts="]).exits(2).says(&["keda.charts"]);
    newest(&["scaling.by=kedda"]).exits(2).says(&["did you mean", "keda"]);
    let predict = ["predict", "-c", "optimized-baseline", "-m", "Qwen/Qwen3-0.6B", "-w", "chatbot_synthetic", "--wva"];
    bench(&predict).exits(2).says(&["wva.chart_version", "0.8.0", "0.4.*"]);
}

fn find<'a>(all: &'a [Value], kind: &str) -> &'a Value {
    all.iter().find(|o| o["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
}

#[test]
fn the_gpu_is_the_clusters_and_wva_is_told_the_same() {
    for (cluster, product, name) in [("openshift", "NVIDIA-H100-80GB-HBM3", "H100"), ("kubernetes", "NVIDIA-A100-SXM4-80GB", "A100")] {
        let plan = planned(cluster, &["--wva"]);
        let all = objects(&plan);
        let term = "/spec/template/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchExpressions/0";
        let affinity = find(&all, "Deployment").pointer(term).expect("an affinity");
        assert_eq!(*affinity, serde_json::json!({"key": "nvidia.com/gpu.product", "operator": "In", "values": [product]}));
        assert_eq!(find(&all, "VariantAutoscaling")["metadata"]["labels"]["inference.optimization/acceleratorName"], name);
        assert_eq!(plan["plan"]["scenario"]["wva"]["accelerator"], name);
    }
    bench(&["plan", "--facts", &facts("kubernetes"), "--set", "model_server.accelerator=NVIDIA-H200"])
        .exits(6)
        .says(&["no node has GPU NVIDIA-H200", "NVIDIA-A100-SXM4-80GB"]);
}

#[test]
fn the_published_names_and_ports_are_kept() {
    let plan = planned("openshift", &["-p", "llmdbench", "--wva"]);
    let all = objects(&plan);
    let label = "qwen-qwe-07df2612-en3-0-6b";
    assert_eq!(find(&all, "Deployment")["metadata"]["name"], format!("{label}-decode"));
    assert_eq!(find(&all, "HTTPRoute")["metadata"]["name"], label);
    assert_eq!(find(&all, "Gateway")["metadata"]["name"], "infra-llmdbench-inference-gateway");
    assert_eq!(find(&all, "PersistentVolumeClaim")["metadata"]["name"], "model-pvc");
    let release = |name: &str| plan["releases"].as_array().unwrap().iter().any(|r| r["release"] == name);
    assert!(release(&format!("{label}-gaie")) && release("istiod") && release("workload-variant-autoscaler"));
    let text = bench(&["plan", "-p", "llmdbench", "--facts", &facts("openshift")]).exits(0).stdout;
    assert!(text.contains("http://infra-llmdbench-inference-gateway-istio.llmdbench.svc.cluster.local:80"), "{text}");
}

#[test]
fn other_ways_of_serving_render() {
    let kinds = |set: &[&str]| -> Vec<String> {
        let args: Vec<&str> = set.iter().flat_map(|s| ["--set", s]).collect();
        objects(&planned("kubernetes", &[&["--static", "1"][..], &args].concat()))
            .iter()
            .map(|o| format!("{} {}", o["kind"].as_str().unwrap(), o["metadata"]["name"].as_str().unwrap()))
            .collect()
    };
    let alone = ["model_server.method=standalone", "model_server.port=8000", "model_server.metrics_port=8000"];
    let none = kinds(&[&alone[..], &["gateway.kind=none", "scheduler.enabled=false"]].concat());
    assert!(none.iter().any(|k| k.ends_with("-gateway") && k.starts_with("Service ")), "{none:?}");
    assert!(!none.iter().any(|k| k.starts_with("Gateway ") || k.starts_with("HTTPRoute ")), "{none:?}");
    let k = kinds(&["gateway.kind=kgateway", "gateway.control_plane.namespace=kgateway-system"]);
    assert!(k.iter().any(|k| k == "GatewayParameters infra-llmdbench-inference-gateway"), "{k:?}");
    let hub = kinds(&["model_server.weights.source=hub"]);
    assert!(!hub.iter().any(|k| k.starts_with("PersistentVolumeClaim ") || k == "Job download-model"), "{hub:?}");
    let existing = kinds(&["model_server.method=existing"]);
    assert!(!existing.iter().any(|k| k.starts_with("Deployment ")), "{existing:?}");
}

#[test]
fn what_does_not_fit_together_is_refused_by_its_key() {
    for (set, key) in [
        ("model_server.method=standalone", "model_server.metrics_port"),
        ("model_server.port=8200", "model_server.port"),
        ("model_server.weights.size=much", "model_server.weights.size"),
        ("model_server.weights.access_mode=Any", "model_server.weights.access_mode"),
        ("gateway.kind=none", "scheduler.enabled"),
        ("gateway.name=UPPER", "gateway.name"),
        ("gateway.service_type=Any", "gateway.service_type"),
        ("gateway.api.crds=http://example.com/x", "gateway.api.crds"),
        ("gateway.control_plane.version=", "gateway.control_plane.version"),
        ("scheduler.plugins=words", "scheduler.plugins"),
        ("monitoring.stack.namespace=-", "monitoring.stack.namespace"),
    ] {
        bench(&["plan", "--set", set]).exits(2).says(&[key]);
    }
}
