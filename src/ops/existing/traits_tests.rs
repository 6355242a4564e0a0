use super::*;
use serde_json::json;

fn deployment(labels: &Value, image: &str, command: &Value, args: &Value) -> Value {
    json!({
        "metadata": {"name": "d"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "c", "image": image, "command": command, "args": args, "ports": [{"containerPort": 9000}]}]},
            },
        },
    })
}

#[test]
fn a_model_server_is_known_by_pool_labels_or_arguments() {
    let plain = |labels: Value| deployment(&labels, "registry:5000/web:1", &json!([]), &json!([]));
    let pool = |selector: Value| vec![json!({"metadata": {"name": "p"}, "spec": {"selector": selector}})];
    let by = |d: &Value, pools: &[Value]| serves(d, pools).unwrap_or_default();
    let web = plain(json!({"app": "web"}));
    assert_eq!(serves(&web, &[]), None);
    assert_eq!(by(&web, &pool(json!({"matchLabels": {"app": "web"}}))), "InferencePool p selects its pods");
    assert_eq!(by(&web, &pool(json!({"app": "web"}))), "InferencePool p selects its pods", "as before v1");
    assert_eq!(serves(&web, &pool(json!({"matchLabels": {}}))), None, "an empty selector says nothing");
    assert_eq!(by(&plain(json!({"llm-d.ai/model": "m"})), &[]), "its pods are labelled llm-d.ai/model");
    assert_eq!(serves(&plain(json!({"llm-d.ai/model": "m", "llm-d.ai/role": "prefill"})), &[]), None);
    for (image, command, args) in [
        ("vllm/vllm-openai:v0.11.0", json!([]), json!(["--model", "a/b"])),
        ("x", json!(["vllm", "serve"]), json!(["a/b", "--port=8200"])),
        ("x", json!(["sh", "-c"]), json!(["exec vllm serve a/b --port 8200"])),
        ("x", json!(["python3", "-m", "vllm.entrypoints.openai.api_server"]), json!(["--model=a/b"])),
        ("x", json!([]), json!(["--model", "/models/x", "--served-model-name", "a/b", "--port", "8200"])),
    ] {
        let d = deployment(&json!({"app": "a"}), image, &command, &args);
        assert_eq!(by(&d, &[]), "container c takes a model server's arguments", "{d}");
        assert_eq!(model(&d).as_deref(), Some("a/b"), "{d}");
    }
    // A vLLM-like name of somebody's registry or tag is not an image's name.
    assert_eq!(serves(&deployment(&json!({"app": "a"}), "vllm/web:vllm", &json!([]), &json!(["serve"])), &[]), None);
}

#[test]
fn a_model_of_the_environment_is_not_known_by_the_arguments() {
    assert_eq!(model(&deployment(&json!({}), "vllm-openai", &json!([]), &json!(["--model", "$(MODEL)"]))), None);
    assert_eq!(model(&deployment(&json!({}), "vllm-openai", &json!([]), &json!(["--model"]))), None);
}

#[test]
fn the_port_of_metrics_is_the_servers_argument_or_its_container_port() {
    let port = |args: Value| metrics_port(&deployment(&json!({}), "vllm-openai", &json!([]), &args));
    assert_eq!(port(json!(["--model", "m", "--port", "8200"])), Some(8200));
    assert_eq!(port(json!(["--model", "m"])), Some(9000));
}

#[test]
fn what_scales_is_found_by_its_target_and_kedas_hpa_is_its_scaled_objects() {
    let hpa = |name: &str, target: Value, owner: Value| json!({"metadata": {"name": name, "ownerReferences": owner}, "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 4}});
    let target = json!({"kind": "Deployment", "name": "d"});
    let all = [
        hpa("mine", target.clone(), json!([])),
        hpa("keda-hpa-d", target, json!([{"kind": "ScaledObject", "name": "d"}])),
        hpa("other", json!({"kind": "StatefulSet", "name": "d"}), json!([])),
    ];
    let found = autoscalers(&all, "HorizontalPodAutoscaler", "d");
    assert_eq!(found.iter().map(super::super::words).collect::<Vec<_>>(), ["HPA mine (1 to 4 replicas)"]);
    let scaled = [json!({"metadata": {"name": "s"}, "spec": {"scaleTargetRef": {"name": "d"}, "maxReplicaCount": 8}})];
    assert_eq!(super::super::words(&autoscalers(&scaled, "ScaledObject", "d")[0]), "ScaledObject s (? to 8 replicas)");
    let variants = [json!({"metadata": {"name": "d"}, "spec": {"modelID": "m"}})];
    assert_eq!(autoscalers(&variants, "VariantAutoscaling", "d").len(), 1);
    assert_eq!(autoscalers(&variants, "VariantAutoscaling", "e").len(), 0);
}

#[test]
fn a_deployment_that_selects_by_expressions_is_not_followed() {
    let mut d = deployment(&json!({"app": "a"}), "x", &json!([]), &json!([]));
    assert_eq!(selector(&d).map(|s| s.len()), Some(1));
    d["spec"]["selector"]["matchExpressions"] = json!([{"key": "b", "operator": "Exists"}]);
    assert_eq!(selector(&d), None);
}
