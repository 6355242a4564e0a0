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

/// A directory with scenario files.
fn dir(files: &[(&str, &str)]) -> (tempfile::TempDir, Lookup) {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("scenarios")).expect("scenarios/");
    for (name, text) in files {
        std::fs::write(dir.path().join("scenarios").join(name), text).expect("a file");
    }
    let lookup = Lookup { config_dir: None, current_dir: dir.path().into() };
    (dir, lookup)
}

fn err(name: &str, set: &[&str]) -> String {
    load(&embedded(), &args(name, set)).expect_err("must not load").to_string()
}

fn err_in(files: &[(&str, &str)], name: &str) -> String {
    let (dir, lookup) = dir(files);
    let e = load(&lookup, &args(name, &[])).expect_err("must not load").to_string();
    e.replace(&dir.path().display().to_string(), "DIR")
}

#[test]
fn the_default_sets_every_key_itself() {
    let l = ok("", &[]);
    let typed = serde_json::to_value(&l.scenario).expect("serializes");
    fn leaves(v: &serde_json::Value, path: &str, out: &mut Vec<String>) {
        match v {
            serde_json::Value::Object(o) if !o.is_empty() => {
                o.iter().for_each(|(k, v)| leaves(v, &crate::config::path::join(path, k), out));
            }
            serde_json::Value::Array(a) if !a.is_empty() => {
                a.iter().enumerate().for_each(|(i, v)| leaves(v, &format!("{path}[{i}]"), out));
            }
            _ => out.push(path.to_string()),
        }
    }
    let mut all = Vec::new();
    leaves(&typed, "", &mut all);
    // A hub tokenizer has no claim; by what runs are judged, the default leaves to its reader.
    let optional = ["load.guidellm.tokenizer.claim", "goal"];
    let missing: Vec<_> = all.iter().filter(|k| !l.provenance.contains_key(*k) && !optional.contains(&k.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn flags_win_over_environment_and_files_and_are_remembered() {
    let a = ScenarioArgs {
        env_set: Some("scaling.max_replicas=5; wva.thresholds.kv_spare_trigger=0.2".into()),
        namespace: Some("mine".into()),
        model: Some("x/y".into()),
        ..args(
            "simulated",
            &[
                "scaling.max_replicas=6",
                "namespace=other",
                "scaling.scale_up.policies[0].value=2",
                "load.guidellm.version='0.8.0'",
                "load.guidellm.image.name=g:v0.8.0",
            ],
        )
    };
    let l = load(&embedded(), &a).unwrap_or_else(|e| panic!("{e}"));
    let s = &l.scenario;
    assert_eq!((s.scaling.max_replicas, s.wva.thresholds.kv_spare_trigger, s.scaling.scale_up.policies[0].value), (6, 0.2, 2));
    assert_eq!((s.namespace.as_str(), s.model.as_str(), s.load.guidellm.version.as_str()), ("mine", "x/y", "0.8.0"));
    assert_eq!(l.provenance["scaling.max_replicas"].to_string(), "--set scaling.max_replicas=6");
    assert_eq!(l.provenance["wva.thresholds.kv_spare_trigger"].to_string(), "BENCH_SET wva.thresholds.kv_spare_trigger=0.2");
    assert_eq!(l.provenance["namespace"].to_string(), "-p/--namespace mine");
    assert!(l.provenance["wva.thresholds.kv_cache_threshold"].to_string().starts_with("embedded:scenarios/inference-scheduling.yaml:"));
}

#[test]
fn a_key_with_dots_can_be_set() {
    let s = ok("", &[r"model_server.resources.limits.nvidia\.com/gpu=2", r"model_server.resources.requests.nvidia\.com/gpu=2"]).scenario;
    assert_eq!(s.model_server.resources.limits["nvidia.com/gpu"], "2");
}

#[test]
fn a_misspelt_key_names_flag_or_line_and_the_nearest() {
    let e = err("", &["scaling.max_replica=4"]);
    assert!(e.starts_with("--set scaling.max_replica=4: unknown key `max_replica` in `scaling`\n  did you mean `max_replicas`?\n  valid keys in `scaling`: min_replicas,"), "{e}");
    let e = err("", &["wva.treshold.kv_spare_trigger=0.3"]);
    assert!(e.contains("unknown key `treshold` in `wva`\n  did you mean `thresholds`?"), "{e}");
    let e = err_in(&[("mine.yaml", "extends: simulated\nscalling:\n  max_replicas: 3\n")], "mine");
    assert!(e.starts_with("DIR/scenarios/mine.yaml:2:1: unknown key `scalling`\n  did you mean `scaling`?"), "{e}");
    let e = err_in(&[("mine.yaml", "extends: simulated\nscaling:\n  max_replicas: many\n")], "mine");
    assert!(e.starts_with("DIR/scenarios/mine.yaml:3:17: `scaling.max_replicas`: a whole number from 0 is expected, not `many`"), "{e}");
    let e = err("", &["scaling.max_replicas"]);
    assert!(e.contains("this is no assignment"), "{e}");
}

#[test]
fn an_unknown_scenario_lists_the_known_and_the_nearest() {
    let e = err("simulatd", &[]);
    assert!(
        e.starts_with(
            "there is no scenario `simulatd`\n  did you mean `simulated`?\n  known: inference-scheduling, optimized-baseline, simulated\n"
        ),
        "{e}"
    );
    let e = err_in(&[("mine.yaml", "# x\nextends: simulatd\n")], "mine");
    assert!(e.starts_with("DIR/scenarios/mine.yaml:2:10: `extends`: there is no scenario `simulatd`"), "{e}");
    assert!(e.contains("did you mean `simulated`?"), "{e}");
}

#[test]
fn files_win_over_embedded_ones_and_may_extend_them() {
    let (dir, lookup) = dir(&[("simulated.yaml", "extends: simulated\nscaling: {max_replicas: 3}\n")]);
    let l = load(&lookup, &args("simulated", &[])).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((l.scenario.scaling.max_replicas, l.scenario.name.as_str(), l.files.len()), (3, "simulated", 3));
    assert_eq!(
        known(&lookup).iter().map(|k| k.name.as_str()).collect::<Vec<_>>(),
        ["inference-scheduling", "optimized-baseline", "simulated"]
    );
    // By path, and the config directory before the current one.
    let path = dir.path().join("scenarios/simulated.yaml").display().to_string();
    assert_eq!(load(&embedded(), &args(&path, &[])).unwrap_or_else(|e| panic!("{e}")).scenario.scaling.max_replicas, 3);
    let config = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(config.path().join("scenarios")).expect("scenarios/");
    std::fs::write(config.path().join("scenarios/simulated.yaml"), "extends: inference-scheduling\nname: own\n").expect("a file");
    let both = Lookup { config_dir: Some(config.path().into()), ..lookup };
    assert_eq!(load(&both, &args("simulated", &[])).unwrap_or_else(|e| panic!("{e}")).scenario.name, "own");
}

#[test]
fn a_scenario_without_a_name_has_its_files() {
    let (_dir, lookup) = dir(&[("mine.yaml", "extends: simulated\n")]);
    assert_eq!(load(&lookup, &args("mine", &[])).unwrap_or_else(|e| panic!("{e}")).scenario.name, "mine");
}

#[test]
fn circles_are_told() {
    let e = err_in(&[("a.yaml", "extends: b\n"), ("b.yaml", "extends: a\n")], "a");
    assert!(e.starts_with("these scenarios extend each other in a circle: DIR/scenarios/a.yaml -> DIR/scenarios/b.yaml -> "), "{e}");
    let e = err_in(&[("a.yaml", "extends: a\n")], "a");
    assert!(e.contains("in a circle: DIR/scenarios/a.yaml -> a"), "{e}");
    let e = err_in(&[("a.yaml", "extends: [b, c]\n")], "a");
    assert!(e.contains("DIR/scenarios/a.yaml:1:10: `extends`: the name of one scenario is expected, not a list"), "{e}");
}

#[test]
fn a_parentless_file_must_set_everything() {
    let e = err_in(&[("a.yaml", "schema_version: 1\nname: a\n")], "a");
    assert!(e.contains("is missing"), "{e}");
}

#[test]
fn max_model_len_is_read_from_either_form() {
    let mut s = ok("simulated", &[]).scenario;
    assert_eq!(max_model_len(&s), Some(16384));
    s.model_server.args = vec!["--max-model-len=1000".into()];
    assert_eq!(max_model_len(&s), Some(1000));
    s.model_server.args = vec!["--max-model-len".into()];
    assert_eq!(max_model_len(&s), None);
}
