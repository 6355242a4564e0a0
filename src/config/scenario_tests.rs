use super::*;
use bench_model::names::decode_deployment;
use bench_model::scenario::{GatewayKind, LoadMode, Method, Pinned, PolicyKind, Provision, SelectPolicy, TokenizerSource};

/// Nothing but the embedded files.
fn embedded() -> Lookup {
    Lookup { config_dir: None, current_dir: "/nonexistent".into() }
}

fn args(name: &str, set: &[&str]) -> ScenarioArgs {
    ScenarioArgs { name: name.into(), set: set.iter().map(ToString::to_string).collect(), ..ScenarioArgs::default() }
}

fn ok(name: &str, set: &[&str]) -> LoadedScenario {
    load(&embedded(), &args(name, set)).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn the_default_is_the_published_stack() {
    let s = ok("", &[]).scenario;
    assert_eq!(s.name, DEFAULT);
    assert_eq!(decode_deployment(&s.namespace, &s.model), "qwen-qwe-07df2612-en3-0-6b-decode");
    assert_eq!(s.model_server.method, Method::Modelservice);
    let t = s.wva.thresholds;
    assert_eq!((t.kv_cache_threshold, t.queue_length_threshold, t.kv_spare_trigger, t.queue_spare_trigger), (0.8, 5.0, 0.3, 3.0));
    assert_eq!((s.scaling.min_replicas, s.scaling.max_replicas), (1, 10));
    for (b, kind, value) in [(&s.scaling.scale_up, PolicyKind::Pods, 1), (&s.scaling.scale_down, PolicyKind::Percent, 10)] {
        assert_eq!((b.stabilization_window_s, b.select_policy), (240, SelectPolicy::Max));
        assert_eq!(b.policies.len(), 1);
        assert_eq!((b.policies[0].kind, b.policies[0].value, b.policies[0].period_s), (kind, value, 60));
    }
    assert_eq!(s.hpa.name, "vllm-deployment-hpa-manual");
    let metrics: Vec<_> = s.hpa.metrics.iter().map(|m| (m.name.as_str(), m.average_value.as_str())).collect();
    assert_eq!(metrics, [("vllm:num_requests_waiting", "3"), ("vllm:kv_cache_usage_perc", "600m")]);
    assert_eq!((s.load.mode, s.load.guidellm.version.as_str()), (LoadMode::Continuous, "0.5.4"));
    assert_eq!(s.load.guidellm.request_timeout_s, None);
    assert_eq!((s.wva.chart_version.as_str(), s.wva.namespace.as_str()), ("0.4.2", "llm-d-autoscaler"));
}

#[test]
fn the_default_says_which_versions_were_published() {
    let s = ok(DEFAULT, &[]).scenario;
    let published: Vec<_> =
        [&s.gateway.image, &s.scheduler.image, &s.wva.image, &s.model_server.image, &s.load.guidellm.image, &s.adapter.image]
            .into_iter()
            .filter(|i| i.pinned == Pinned::Published)
            .map(|i| i.name.as_str())
            .collect();
    assert_eq!(
        published,
        [
            "docker.io/istio/proxyv2:1.28.1",
            "ghcr.io/llm-d/llm-d-inference-scheduler:v0.5.0-rc.1",
            "ghcr.io/llm-d-incubation/workload-variant-autoscaler:v0.4.2"
        ]
    );
}

#[test]
fn simulated_needs_no_gpu_and_keeps_what_it_does_not_name() {
    let l = ok("simulated", &[]);
    let s = &l.scenario;
    assert_eq!((s.model_server.method, s.gateway.kind), (Method::Simulator, GatewayKind::Haproxy));
    assert!(!s.model_server.resources.limits.contains_key("nvidia.com/gpu"), "null takes it out");
    assert!(s.model_server.env.is_empty());
    assert_eq!(s.gateway.port, 80, "from the parent");
    assert_eq!(s.scaling.scale_up.select_policy, SelectPolicy::Max, "from the parent");
    assert_eq!((s.wva.mode, s.load.guidellm.tokenizer.source), (Provision::Auto, TokenizerSource::Embedded));
    assert_eq!(l.files, ["embedded:scenarios/inference-scheduling.yaml", "embedded:scenarios/simulated.yaml"]);
    assert_eq!(&*l.provenance["scaling.max_replicas"].source, "embedded:scenarios/simulated.yaml");
    assert_eq!(&*l.provenance["scaling.min_replicas"].source, "embedded:scenarios/inference-scheduling.yaml");
    assert_eq!(l.warnings, Vec::<String>::new());
}
