//! Values for charts, against what the charts read: a value that no template looks at is a setting that silently does nothing.

use super::*;
use crate::config::Lookup;
use crate::config::manifests::wva_values;
use crate::config::scenario::ScenarioArgs;
use crate::ops::plan::{Intent, resolve};
use bench_model::plan::{Arm, ClusterFacts};

/// Keys that the templates of inferencepool v1.2.0 read; below `*` everything is passed on as it is.
const INFERENCEPOOL: &[&str] = &[
    "inferenceExtension.replicas",
    "inferenceExtension.image.name",
    "inferenceExtension.image.hub",
    "inferenceExtension.image.tag",
    "inferenceExtension.image.pullPolicy",
    "inferenceExtension.extProcPort",
    "inferenceExtension.metricsPort",
    "inferenceExtension.env.*",
    "inferenceExtension.pluginsConfigFile",
    "inferenceExtension.pluginsCustomConfig.*",
    "inferenceExtension.extraContainerPorts.*",
    "inferenceExtension.extraServicePorts.*",
    "inferenceExtension.flags.*",
    "inferenceExtension.affinity.*",
    "inferenceExtension.tolerations.*",
    "inferenceExtension.monitoring.interval",
    "inferenceExtension.monitoring.prometheus.enabled",
    "inferenceExtension.monitoring.prometheus.auth.enabled",
    "inferenceExtension.monitoring.prometheus.auth.secretName",
    "inferenceExtension.monitoring.prometheus.extraLabels.*",
    "inferencePool.apiVersion",
    "inferencePool.modelServerType",
    "inferencePool.modelServers.matchLabels.*",
    "inferencePool.targetPorts.*",
    "provider.name",
];

/// The same of istiod 1.28.1, of what concerns us.
const ISTIOD_READS: &[&str] = &["meshConfig.*", "pilot.env.*", "tag", "hub", "global.platform"];

const KGATEWAY: &[&str] = &["inferenceExtension.enabled"];

/// The same of workload-variant-autoscaler 0.4.2.
const WVA: &[&str] = &[
    "wva.image.repository",
    "wva.image.tag",
    "wva.reconcileInterval",
    "wva.prometheus.baseURL",
    "wva.prometheus.monitoringNamespace",
    "wva.prometheus.serviceAccountName",
    "wva.prometheus.caCert",
    "wva.prometheus.tls.insecureSkipVerify",
    "wva.prometheus.tls.caCertPath",
    "wva.capacityScaling.default.kvCacheThreshold",
    "wva.capacityScaling.default.queueLengthThreshold",
    "wva.capacityScaling.default.kvSpareTrigger",
    "wva.capacityScaling.default.queueSpareTrigger",
    "llmd.namespace",
    "llmd.modelName",
    "llmd.modelID",
    "va.enabled",
    "hpa.enabled",
    "vllmService.enabled",
];

/// What the same chart reads in 0.8.0, beside those.
const WVA_08: &[&str] = &["fullnameOverride", "wva.replicaCount", "wva.namespaceScoped", "wva.poolGroup"];

/// The same of llm-d-router-standalone v0.10.0 with its routerlib; of the proxy what its preset takes.
const ROUTER: &[&str] = &[
    "router.epp.replicas",
    "router.epp.image.registry",
    "router.epp.image.repository",
    "router.epp.image.tag",
    "router.epp.image.pullPolicy",
    "router.epp.extProcPort",
    "router.epp.env.*",
    "router.epp.extraContainerPorts.*",
    "router.epp.pluginsConfigFile",
    "router.epp.pluginsCustomConfig.*",
    "router.epp.flags.*",
    "router.epp.resources.*",
    "router.proxy.enabled",
    "router.proxy.proxyType",
    "router.proxy.mode",
    "router.proxy.image",
    "router.proxy.args.*",
    "router.proxy.resources.*",
    "router.extraServicePorts.*",
    "router.inferencePool.create",
    "router.inferencePool.failureMode",
    "router.modelServers.type",
    "router.modelServers.protocol",
    "router.modelServers.targetPorts.*",
    "router.modelServers.matchLabels.*",
    "router.monitoring.interval",
    "router.monitoring.prometheus.enabled",
    "router.monitoring.prometheus.auth.enabled",
    "router.monitoring.prometheus.auth.secretName",
];

/// The same of kube-prometheus-stack 81.6.2, of what concerns us.
const PROMETHEUS: &[&str] = &[
    "fullnameOverride",
    "prometheus.prometheusSpec.serviceMonitorSelectorNilUsesHelmValues",
    "prometheus.prometheusSpec.podMonitorSelectorNilUsesHelmValues",
    "prometheus.prometheusSpec.ruleSelectorNilUsesHelmValues",
    "prometheus.prometheusSpec.retention",
    "prometheus.prometheusSpec.scrapeInterval",
    "prometheus.prometheusSpec.web.*",
    "prometheus.prometheusSpec.resources.*",
    "prometheus.serviceMonitor.selfMonitor",
    "prometheusOperator.admissionWebhooks.enabled",
    "prometheusOperator.tls.enabled",
    "prometheusOperator.serviceMonitor.selfMonitor",
    "defaultRules.create",
    "alertmanager.enabled",
    "grafana.enabled",
    "nodeExporter.enabled",
    "kubeStateMetrics.enabled",
    "kubeApiServer.enabled",
    "kubelet.enabled",
    "kubeControllerManager.enabled",
    "coreDns.enabled",
    "kubeEtcd.enabled",
    "kubeScheduler.enabled",
    "kubeProxy.enabled",
];

fn plan(openshift: bool, set: &[&str]) -> Plan {
    plan_of("", openshift, set)
}

fn plan_of(name: &str, openshift: bool, set: &[&str]) -> Plan {
    let intent = Intent {
        scenario: ScenarioArgs { name: name.into(), set: set.iter().map(ToString::to_string).collect(), ..ScenarioArgs::default() },
        arm: Some(Arm::Wva),
        ..Intent::default()
    };
    let facts = ClusterFacts { openshift, ..ClusterFacts::default() };
    resolve(&Lookup { config_dir: None, current_dir: "/nonexistent".into() }, &intent, Some(facts)).unwrap().0
}

/// Dotted paths of the leaves; a list is one.
fn paths(at: &str, v: &Value, out: &mut Vec<String>) {
    match v {
        Value::Object(m) if !m.is_empty() => {
            for (k, v) in m {
                paths(&if at.is_empty() { k.clone() } else { format!("{at}.{k}") }, v, out);
            }
        }
        _ => out.push(at.into()),
    }
}

/// Values that no template reads.
fn unread(values: &Value, reads: &[&str]) -> Vec<String> {
    let mut all = vec![];
    paths("", values, &mut all);
    let read = |path: &String| {
        reads.iter().any(|r| match r.strip_suffix(".*") {
            Some(table) => path == table || path.strip_prefix(table).is_some_and(|rest| rest.starts_with('.')),
            None => path == r,
        })
    };
    all.into_iter().filter(|p| !p.is_empty() && !read(p)).collect()
}

#[test]
fn charts_are_given_nothing_that_they_do_not_read() {
    let plugins = "scheduler.plugins=\"{apiVersion: inference.networking.x-k8s.io/v1alpha1, kind: EndpointPickerConfig}\"";
    for openshift in [true, false] {
        for set in [&[][..], &[plugins], &["scheduler.monitoring=false", "model_server.weights.token_secret="]] {
            let p = plan(openshift, set);
            assert_eq!(unread(&pool_values(&p), INFERENCEPOOL), [""; 0]);
            assert_eq!(unread(&wva_values(&p, "https://p", "m", "pem"), WVA), [""; 0]);
            assert_eq!(unread(&prometheus_values(&p), PROMETHEUS), [""; 0]);
            for (kind, reads) in [("istio", ISTIOD_READS), ("kgateway", KGATEWAY)] {
                let kind = format!("gateway.kind={kind}");
                for c in control_plane(&plan(openshift, &[&kind])) {
                    assert_eq!(unread(&c.values, reads), [""; 0], "{}", c.release);
                }
            }
        }
    }
}

#[test]
fn the_newest_charts_are_given_nothing_that_they_do_not_read() {
    let reads = [WVA, WVA_08].concat();
    for openshift in [true, false] {
        for set in [
            &[][..],
            &["scheduler.plugins=", "scheduler.resources={}", "gateway.resources={}"],
            &["scheduler.monitoring=false", "model_server.weights.token_secret=", "wva.namespace=llmdbench"],
        ] {
            let p = plan_of("optimized-baseline", openshift, set);
            assert_eq!(unread(&scheduler_values(&p), ROUTER), [""; 0]);
            assert_eq!(unread(&wva_values(&p, "https://p", "m", "pem"), &reads), [""; 0]);
            assert!(control_plane(&p).is_empty(), "nothing carries out a Gateway that is not there");
        }
    }
    let p = plan_of("optimized-baseline", false, &["wva.namespace=llmdbench"]);
    assert_eq!(wva_values(&p, "https://p", "m", "pem")["wva"]["namespaceScoped"], true);
    // And what is new in it, 0.4 does not read.
    assert!(!unread(&wva_values(&p, "https://p", "m", "pem"), WVA).is_empty());
}

#[test]
fn the_pickers_own_proxy_is_reached_by_the_pickers_service() {
    let p = plan_of("optimized-baseline", false, &["gateway.port=8080"]);
    assert_eq!((p.pool(), p.picker()), (format!("{}-router", p.label()), format!("{}-router-epp", p.label())));
    assert_eq!(p.target(), format!("http://{}.llmdbench.svc.cluster.local:8080", p.picker()));
    let ports = router_values(&p)["router"]["extraServicePorts"].clone();
    assert_eq!(ports[1], json!({"name": "http", "port": 8080, "targetPort": 8081, "protocol": "TCP"}));
    assert!(super::super::manifests::gateway(&p).unwrap().is_empty() && route(&p).unwrap().is_empty());
    let long = plan_of("optimized-baseline", true, &["namespace=a-namespace-of-sixty-three-characters-is-the-longest-that-there"]);
    assert!(long.pool().len() <= 40, "the chart cuts what is longer: {}", long.pool());
}

#[test]
fn a_value_that_is_not_read_is_found() {
    // The published stand-up sent this one: the chart reads it for an older API only.
    let published = json!({"inferencePool": {"targetPortNumber": 8000}, "inferenceExtension": {"env": [1]}});
    assert_eq!(unread(&published, INFERENCEPOOL), ["inferencePool.targetPortNumber"]);
    assert_eq!(unread(&json!({"wva": {"enabled": "True"}}), WVA), ["wva.enabled"]);
}

#[test]
fn the_schedulers_names_are_those_that_its_chart_makes() {
    let p = plan(true, &[]);
    assert_eq!(p.pool(), "qwen-qwe-07df2612-en3-0-6b-gaie");
    assert_eq!(p.picker(), "qwen-qwe-07df2612-en3-0-6b-gaie-epp");
    let long = plan(true, &["namespace=a-namespace-of-sixty-three-characters-is-the-longest-that-there"]);
    assert!(long.pool().len() <= 40, "the chart cuts what is longer, and the pool's name would be another: {}", long.pool());
}

#[test]
fn an_image_is_cut_into_what_charts_want() {
    assert_eq!(split_image("ghcr.io/llm-d/x:v1"), ("ghcr.io/llm-d/x", "v1"));
    assert_eq!(split_image("localhost:5000/x"), ("localhost:5000/x", ""));
    assert_eq!(split_image("ghcr.io/llm-d/x:v1@sha256:ab"), ("ghcr.io/llm-d/x", "v1@sha256:ab"));
    assert_eq!(split_image("localhost:5000/x@sha256:ab"), ("localhost:5000/x@sha256:ab", ""));
    let p = plan(false, &["scheduler.image.name=registry:5000/a/b/epp:v2"]);
    let image = &pool_values(&p)["inferenceExtension"]["image"];
    assert_eq!(
        (image["hub"].as_str(), image["name"].as_str(), image["tag"].as_str()),
        (Some("registry:5000/a/b"), Some("epp"), Some("v2"))
    );
}

#[test]
fn no_pod_of_the_stack_is_more_than_it_must_be() {
    for openshift in [true, false] {
        for set in
            [&[][..], &["model_server.weights.source=hub"], &["model_server.sidecar.enabled=false", "model_server.metrics_port=8000"]]
        {
            let p = plan(openshift, set);
            for o in vllm(&p).unwrap().into_iter().chain(weights(&p).unwrap()) {
                let Some(spec) = o.pointer("/spec/template/spec") else { continue };
                assert_eq!(spec["automountServiceAccountToken"], false);
                assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
                assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
                // OpenShift's restricted-v2 gives it a user of the namespace's own.
                assert_eq!(spec["securityContext"].get("runAsUser").is_some(), !openshift);
                let all = ["containers", "initContainers"].iter().filter_map(|k| spec[*k].as_array()).flatten();
                for c in all {
                    assert_eq!(c["securityContext"]["allowPrivilegeEscalation"], false, "{c}");
                    assert_eq!(c["securityContext"]["capabilities"]["drop"], json!(["ALL"]), "{c}");
                    let names: Vec<&Value> = c["env"].as_array().into_iter().flatten().map(|e| &e["name"]).collect();
                    let mut once = names.clone();
                    once.dedup();
                    assert_eq!(names.len(), once.len(), "{c}");
                }
            }
        }
    }
}

#[test]
fn the_token_goes_only_where_it_is_needed() {
    let token = |p: &Plan| vllm(p).unwrap().iter().any(|o| o.to_string().contains("HF_TOKEN"));
    assert!(!token(&plan(false, &[])), "the weights are on a claim");
    assert!(token(&plan(false, &["model_server.weights.source=hub"])));
    assert!(weights(&plan(false, &[])).unwrap()[0].to_string().contains("HF_TOKEN"));
}
