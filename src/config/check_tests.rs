use crate::config::scenario::{ScenarioArgs, load};
use crate::config::{ConfigError, Lookup};

fn loaded(set: &[&str]) -> Result<crate::config::scenario::LoadedScenario, ConfigError> {
    let lookup = Lookup { config_dir: None, current_dir: "/nonexistent".into() };
    load(&lookup, &ScenarioArgs { name: "simulated".into(), set: set.iter().map(ToString::to_string).collect(), ..ScenarioArgs::default() })
}

/// One assignment, and what the finding says.
#[track_caller]
fn refused(set: &[&str], key: &str, words: &str) {
    match loaded(set) {
        Err(ConfigError::Invalid(problems)) => {
            let p = problems.iter().find(|p| p.key == key && p.message.contains(words));
            let p = p.unwrap_or_else(|| panic!("{set:?}: {problems:#?}"));
            assert!(!p.remedy.is_empty());
        }
        other => panic!("{set:?}: {other:?}"),
    }
}

#[test]
fn nonsense_is_refused() {
    let cases: &[(&[&str], &str, &str)] = &[
        (&["schema_version=2"], "schema_version", "no version"),
        (&["namespace=Llm"], "namespace", "contains 'L'"),
        (&["namespace=a,b"], "namespace", "contains ','"),
        (&["wva.release=x_y"], "wva.release", "contains '_'"),
        (&["model="], "model", "no model name"),
        (&["model=_ab_"], "model", "contains '_'"),
        (&["model_server.image.name=a/b"], "model_server.image.name", "neither tag nor digest"),
        (&["gateway.image.name=haproxy:latest"], "gateway.image.name", "another image tomorrow"),
        (&["recording.agent_image=bench"], "recording.agent_image", "neither tag"),
        (&["gateway.port=0"], "gateway.port", "no port"),
        (&["model_server.resources.limits.cpu=lots"], "model_server.resources.limits.cpu", "no Kubernetes quantity"),
        (&["model_server.resources.requests.memory=1Ti"], "model_server.resources.requests.memory", "above the limit"),
        (&["model_server.resources.limits.memory=1Mi"], "model_server.resources.limits.memory", "above the limit of 1Mi"),
        (&["model_server.args=[--port, \"1\"]"], "model_server.args[0]", "bench sets --port itself"),
        (&["monitoring.prometheus.scheme=ftp"], "monitoring.prometheus.scheme", "neither http nor https"),
        (&["monitoring.scrape_interval_s=0"], "monitoring.scrape_interval_s", "0 seconds"),
        (&["scheduler.enabled=true"], "scheduler.enabled", "Gateway API"),
        (&["wva.thresholds.kv_spare_trigger=0"], "wva.thresholds.kv_spare_trigger", "cannot be configured"),
        (&["wva.thresholds.queue_spare_trigger=-1"], "wva.thresholds.queue_spare_trigger", "negative"),
        (&["wva.thresholds.kv_cache_threshold=80"], "wva.thresholds.kv_cache_threshold", "above 1"),
        (&["wva.thresholds.kv_cache_threshold=0.2"], "wva.thresholds.kv_cache_threshold", "above kv_cache_threshold, 0.2"),
        (&["wva.thresholds.kv_spare_trigger=0.9"], "wva.thresholds.kv_spare_trigger", "above kv_cache_threshold, 0.8"),
        (&["wva.accelerator=A"], "wva.accelerator", "two characters"),
        (&["wva.accelerator=A 100"], "wva.accelerator", "label"),
        (&["wva.variant_cost=cheap"], "wva.variant_cost", "no cost"),
        (&["wva.interval_s=0"], "wva.interval_s", "0 seconds"),
        (&["scaling.min_replicas=0"], "scaling.min_replicas", "scales to zero"),
        (&["scaling.min_replicas=5"], "scaling.min_replicas", "5 is above scaling.max_replicas, 4"),
        (&["scaling.min_replicas=3", "scaling.max_replicas=2"], "scaling.min_replicas", "above scaling.max_replicas, 2 (--set"),
        (&["reset.start_replicas=9"], "reset.start_replicas", "9 is above scaling.max_replicas, 4"),
        (&["reset.start_replicas=1", "scaling.min_replicas=2"], "reset.start_replicas", "below scaling.min_replicas, 2 (--set"),
        (&["scaling.scale_up.stabilization_window_s=3601"], "scaling.scale_up.stabilization_window_s", "0 to 3600"),
        (&["scaling.scale_up.policies=[]"], "scaling.scale_up.policies", "no policy"),
        (&["scaling.scale_down.policies[0].period_s=1801"], "scaling.scale_down.policies[0].period_s", "1 to 1800"),
        (&["scaling.scale_down.policies[0].value=0"], "scaling.scale_down.policies[0].value", "lets nothing change"),
        (&["hpa.metrics=[]"], "hpa.metrics", "no metric"),
        (&["hpa.metrics[0].average_value=0"], "hpa.metrics[0].average_value", "no quantity above 0"),
        (&["hpa.metrics[0].name=a-b"], "hpa.metrics[0].name", "no Prometheus metric"),
        (&["hpa.name=vllm-deployment-hpa"], "hpa.name", "WVA's chart"),
        (&["load.guidellm.version=0.6.1"], "load.guidellm.version", "silently sends chat requests"),
        (&["load.guidellm.version=0.5.4"], "load.guidellm.version", "not that of the image"),
        (&["load.guidellm.tokenizer.source=directory"], "load.guidellm.tokenizer.path", "needs a directory"),
        (&["load.guidellm.tokenizer={source: pvc, path: /x}"], "load.guidellm.tokenizer.claim", "both claim and path"),
        (&["load.guidellm.request_timeout_s=0"], "load.guidellm.request_timeout_s", "every request would fail"),
    ];
    for (set, key, words) in cases {
        refused(set, key, words);
    }
}

#[test]
fn all_findings_come_at_once_with_their_places() {
    let e = loaded(&["scaling.min_replicas=0", "wva.interval_s=0"]).expect_err("two faults").to_string();
    assert!(e.contains("--set scaling.min_replicas=0: `scaling.min_replicas`: 0 replicas"), "{e}");
    assert!(e.contains("--set wva.interval_s=0: `wva.interval_s`"), "{e}");
}

#[test]
fn the_doubtful_is_warned_about() {
    let cases: [(&[&str], &str); 3] = [
        (&["scaling.min_replicas=2", "reset.start_replicas=2"], "freeze"),
        (&["load.mode=per-rate"], "lengths of a per-rate run"),
        (&["load.guidellm.overhead_s=30"], "taken for hung"),
    ];
    for (set, words) in cases {
        let l = loaded(set).unwrap_or_else(|e| panic!("{e}"));
        assert!(l.warnings.iter().any(|w| w.contains(words)), "{set:?}: {:?}", l.warnings);
    }
}

/// The user never wrote the start replicas that bench brings: they follow what the user did write.
#[test]
fn start_replicas_follow_the_limits() {
    let l = loaded(&["scaling.min_replicas=2", "scaling.max_replicas=2"]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(l.scenario.reset.start_replicas, 2);
    assert_eq!(l.notes, ["reset.start_replicas is 2, not 1: it follows scaling.min_replicas (--set scaling.min_replicas=2)"]);
    assert_eq!(l.provenance["reset.start_replicas"].to_string(), "--set scaling.min_replicas=2");
    let stated = loaded(&["scaling.min_replicas=2", "reset.start_replicas=2"]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((stated.scenario.reset.start_replicas, stated.notes), (2, vec![]));
    // A record does not tell who wrote what: both keys are named.
    let mut s = loaded(&[]).unwrap_or_else(|e| panic!("{e}")).scenario;
    let e = crate::config::scenario::override_resolved(&mut s, &["scaling.min_replicas=2".into()]).expect_err("1 is below 2").to_string();
    assert!(e.starts_with("--set scaling.min_replicas=2: `scaling.min_replicas`: 2 is above reset.start_replicas, 1"), "{e}");
    assert!(e.contains("reset.start_replicas=2"), "{e}");
}

#[test]
fn a_target_that_is_never_or_always_reached_is_warned_about() {
    const VALUE: &str = "hpa.metrics[1].average_value=";
    let running = |n: &str| format!("hpa.metrics=[{{name: \"vllm:num_requests_running\", average_value: \"{n}\"}}]");
    let waiting = "hpa.metrics[0].average_value=8";
    let queue = r#"model_server.args=["--max-waiting-queue-length", "5"]"#;
    let cases: [(&[&str], &[&str]); 8] = [
        (&[&format!("{VALUE}60")], &["a share between 0 and 1", "target of 60 is never reached", "write 0.6 or 600m"]),
        (&[&format!("{VALUE}1500m")], &["target of 1.5", "write 0.6 or 600m"]),
        (&[&format!("{VALUE}0.95")], &["tolerance of 10 % of the target of 0.95", "set less than 0.909"]),
        (&[&running("64")], &["at most 32 requests running (--max-num-seqs)", "set less than 29.091"]),
        (&[&running("32")], &["tolerance of 10 %"]),
        (&[waiting, queue], &["at most 5 requests waiting (--max-waiting-queue-length)"]),
        (&["hpa.metrics[0].name=vllm:request_success_total"], &["is a counter and never falls"]),
        (&["hpa.metrics[0].name=vllm:cache_config_info"], &["is always 1"]),
    ];
    for (set, words) in cases {
        let l = loaded(set).unwrap_or_else(|e| panic!("{e}"));
        let [w] = &l.warnings[..] else { panic!("{set:?}: {:?}", l.warnings) };
        assert!(words.iter().all(|part| w.contains(part)) && w.starts_with("hpa.metrics["), "{set:?}: {w}");
    }
    let w = loaded(&[&format!("{VALUE}60")]).unwrap_or_else(|e| panic!("{e}")).warnings.remove(0);
    assert!(w.ends_with("(--set hpa.metrics[1].average_value=60)"), "{w}");
    for fine in [format!("{VALUE}0.9"), format!("{VALUE}900m"), running("29"), waiting.into()] {
        let l = loaded(&[&fine]).unwrap_or_else(|e| panic!("{e}"));
        assert!(l.warnings.is_empty(), "{fine}: {:?}", l.warnings);
    }
}

#[test]
fn a_plain_edge_is_allowed() {
    let set = [
        "scaling.scale_up.stabilization_window_s=3600",
        "scaling.scale_up.policies[0].period_s=1800",
        "scaling.scale_down.policies=[]",
        "scaling.scale_down.select_policy=Disabled",
        "wva.thresholds.kv_cache_threshold=0.3",
        "scaling.max_replicas=1",
    ];
    assert!(loaded(&set).is_ok_and(|l| l.warnings.is_empty()));
}

/// Whatever is wrong with it besides: a credential is refused, and not repeated.
#[test]
fn credentials_are_refused_without_being_repeated() {
    const TOKEN: &str = "hf_abcdefghijklmnopqrstuvwxyz";
    for (set, key) in [
        (format!("model_server.env.HF_TOKEN={TOKEN}"), "model_server.env.HF_TOKEN"),
        (format!("load.guidellm.env.HARMLESS={TOKEN}"), "load.guidellm.env.HARMLESS"),
        ("load.guidellm.env.OPENAI_API_KEY=correct-horse".into(), "load.guidellm.env.OPENAI_API_KEY"),
        (format!("model_server.args=[--hf-token, {TOKEN}]"), "model_server.args[1]"),
        ("model_server.args=[--api-key, correct-horse]".into(), "model_server.args[1]"),
        (r#"model_server.args=["--port", "1", "--api-key", "correct-horse"]"#.into(), "model_server.args[3]"),
        ("model_server.args=[--api-key=correct-horse]".into(), "model_server.args[0]"),
        (format!("model={TOKEN}!"), "model"),
        ("gateway.balance=http://me:correct-horse@proxy/".into(), "gateway.balance"),
    ] {
        let error = loaded(&[&set]).expect_err(&set);
        let text = error.to_string();
        assert!(text.contains(key) && text.contains("secret://NAME/KEY"), "{text}");
        assert!(!text.contains(TOKEN) && !text.contains("correct-horse"), "{text}");
    }
    refused(&["gateway.balance=secret://a/b"], "gateway.balance", "only an environment variable");
    refused(&["model_server.env.X=secret://a"], "model_server.env.X", "no key");
    let s = loaded(&[
        "model_server.env.HF_TOKEN=secret://hub/token",
        "load.guidellm.env.TOKENIZERS_PARALLELISM=false",
        "model_server.args=[--api-key, $(HF_TOKEN)]",
    ])
    .unwrap()
    .scenario;
    assert_eq!(s.model_server.env["HF_TOKEN"], "secret://hub/token");
}
