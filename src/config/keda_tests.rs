use super::*;
use crate::config::Lookup;
use crate::config::scenario::ScenarioArgs;
use crate::ops::plan::{Intent, resolve};
use bench_model::plan::ClusterFacts;

fn plan(arm: Arm, openshift: bool, set: &[&str]) -> Plan {
    let scenario =
        ScenarioArgs { name: "optimized-baseline".into(), set: set.iter().map(ToString::to_string).collect(), ..ScenarioArgs::default() };
    let intent = Intent { scenario, arm: Some(arm), ..Intent::default() };
    let facts = ClusterFacts { openshift, ..ClusterFacts::default() };
    resolve(&Lookup { config_dir: None, current_dir: "/nonexistent".into() }, &intent, Some(facts)).unwrap().0
}

fn scaled(all: &[Value]) -> &Value {
    all.iter().find(|o| o["kind"] == "ScaledObject").unwrap()
}

#[test]
fn a_static_arm_and_an_hpa_of_benchs_own_ask_nothing_of_keda() {
    assert_eq!(objects(&plan(Arm::Static(2), false, &[]), "https://p"), [Value::Null; 0]);
    assert_eq!(objects(&plan(Arm::Hpa, false, &["scaling.by=hpa"]), "https://p"), [Value::Null; 0]);
}

#[test]
fn wva_finds_its_variant_by_name_and_annotations_and_keda_follows_its_gauge() {
    let p = plan(Arm::Wva, false, &["wva.variant_cost=\"7.5\""]);
    let all = objects(&p, "https://p:9090");
    let o = scaled(&all);
    assert_eq!(o["metadata"]["name"], p.deployment(), "the variant's name, which the gauge and the pods' label carry");
    let expected = json!({"llm-d.ai/managed": "true", "llm-d.ai/model-id": "Qwen/Qwen3-32B", "llm-d.ai/variant-cost": "7.5"});
    assert_eq!(o["metadata"]["annotations"], expected);
    let metadata = &o["spec"]["triggers"][0]["metadata"];
    let query = format!("max(wva_desired_replicas{{variant_name=\"{}\",exported_namespace=\"llmdbench\"}})", p.deployment());
    assert_eq!((metadata["query"].as_str(), metadata["threshold"].as_str()), (Some(query.as_str()), Some("1")));
    assert!(manifests::variant_autoscaling(&p).unwrap().is_empty() && manifests::hpa(&p).is_ok());
    let labels = |p: &Plan| manifests::model_server(p).unwrap().into_iter().find(|o| o["kind"] == "Deployment").unwrap();
    assert_eq!(labels(&p)["spec"]["template"]["metadata"]["labels"]["llm-d.ai/variant"], p.deployment());
    assert!(labels(&p)["spec"]["selector"]["matchLabels"].get("llm-d.ai/variant").is_none(), "a selector cannot be changed");
}

#[test]
fn metrics_say_whose_they_are_and_are_no_instance_of_somebody_elses_scrape() {
    let monitor = manifests::objects(&plan(Arm::Wva, false, &[]), "pod-monitor.yaml", Value::Null).unwrap().remove(0);
    let taken = monitor["spec"]["podMetricsEndpoints"][0]["relabelings"].clone();
    let expected = json!([
        {"sourceLabels": ["__meta_kubernetes_pod_label_llm_d_ai_variant"], "targetLabel": "llm_d_ai_variant"},
        {"sourceLabels": ["__meta_kubernetes_pod_name"], "targetLabel": "instance"},
    ]);
    assert_eq!(taken, expected);
}

#[test]
fn the_plain_arm_is_not_wvas_and_its_quantities_are_numbers() {
    let all = objects(&plan(Arm::Hpa, false, &[]), "https://p");
    let o = scaled(&all);
    assert_eq!(o["metadata"]["name"], "vllm-deployment-hpa-manual");
    assert_eq!(o["metadata"].get("annotations"), None, "WVA would take it for a variant");
    let of = |k: &str| o["spec"]["triggers"].as_array().unwrap().iter().map(|t| t["metadata"][k].clone()).collect::<Vec<_>>();
    assert_eq!(of("threshold"), ["3", "0.6"]);
    assert_eq!(of("query")[1], "sum(max by (namespace, pod) (vllm:kv_cache_usage_perc{namespace=\"llmdbench\"}))");
}

#[test]
fn keda_is_let_in_by_a_token_on_openshift_and_needs_none_elsewhere() {
    let all = objects(&plan(Arm::Wva, true, &[]), "https://thanos:9091");
    assert_eq!(all.iter().map(|o| o["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["Secret", "TriggerAuthentication", "ScaledObject"]);
    let trigger = &scaled(&all)["spec"]["triggers"][0];
    assert_eq!((&trigger["metadata"]["authModes"], &trigger["authenticationRef"]["name"]), (&json!("bearer"), &json!(AUTHENTICATION)));
    assert_eq!(trigger["metadata"].get("unsafeSsl"), None, "the token goes only to whom the certificate names");
    for o in &all {
        assert_eq!(o["metadata"]["labels"]["llmd-bench/stack"], "llmdbench", "teardown goes by it: {o}");
    }
    let elsewhere = objects(&plan(Arm::Wva, false, &[]), "https://p");
    assert_eq!(elsewhere.len(), 1);
    assert_eq!(elsewhere[0]["spec"]["triggers"][0]["metadata"]["unsafeSsl"], "true");
    let plain = objects(&plan(Arm::Wva, false, &[]), "http://p");
    assert_eq!(plain[0]["spec"]["triggers"][0]["metadata"].get("unsafeSsl"), None);
}

#[test]
fn a_series_that_is_gone_is_no_zero() {
    for arm in [Arm::Wva, Arm::Hpa] {
        for t in scaled(&objects(&plan(arm, false, &[]), "https://p"))["spec"]["triggers"].as_array().unwrap() {
            assert_eq!(t["metadata"]["ignoreNullValues"], "false");
            assert_eq!(t["metricType"], "AverageValue");
        }
    }
}
