//! The published stack: vLLM, its weights, the Gateway, its routes, and the values of the charts beside them. Pure.

use super::manifests::{RenderError, objects};
use super::secrets::env_list;
use bench_model::plan::Plan;
use bench_model::scenario::{GatewayKind, Method, Scenario, WeightsSource};
use serde_json::{Value, json};

/// Group of the InferencePool.
pub const INFERENCE: &str = "inference.networking.k8s.io";
/// Name of the Job that loads the model.
pub const WEIGHTS_JOB: &str = "download-model";
/// The Deployment of Istio's control plane.
pub const ISTIOD: &str = "istiod";
/// Switches Istio's part of the inference extension on.
pub const EXTENSION: &str = "ENABLE_GATEWAY_API_INFERENCE_EXTENSION";
/// File of the scheduler's plugins, when they are the scenario's.
const PLUGINS: &str = "bench-plugins.yaml";
/// Secret and key pair by which an own Prometheus has TLS.
pub const WEB_TLS: &str = "llmd-bench-prometheus-tls";

fn is_on_claim(plan: &Plan) -> bool {
    plan.scenario.model_server.method.is_vllm() && plan.scenario.model_server.weights.source == WeightsSource::Pvc
}

/// The model as the Hub names it; a name before a colon is the stack's own.
fn repository(plan: &Plan) -> &str {
    plan.scenario.model.rsplit(':').next().unwrap_or_default()
}

pub fn vllm(plan: &Plan) -> Result<Vec<Value>, RenderError> {
    let s = &plan.scenario;
    let ms = &s.model_server;
    let sidecar = ms.method == Method::Modelservice && ms.sidecar.enabled;
    let on_claim = is_on_claim(plan);
    // Whoever it runs as has no home in the image and no name.
    let mut env = vec![("HOME", "/tmp"), ("USER", "vllm"), ("LOGNAME", "vllm")];
    if !on_claim {
        env.push(("HF_HOME", "/model-cache"));
    }
    env.retain(|(k, _)| !ms.env.contains_key(*k));
    env.extend(ms.env.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    let mut list = env_list(env);
    if let Some(list) = list.as_array_mut() {
        let mut add = |name: &str, from: Value| {
            if !ms.env.contains_key(name) {
                list.push(json!({"name": name, "valueFrom": from}));
            }
        };
        add("VLLM_NIXL_SIDE_CHANNEL_HOST", json!({"fieldRef": {"fieldPath": "status.podIP"}}));
        // What is on a claim already needs no token any more.
        if !on_claim && !ms.weights.token_secret.is_empty() {
            add("HF_TOKEN", json!({"secretKeyRef": {"name": ms.weights.token_secret, "key": "HF_TOKEN", "optional": true}}));
        }
    }
    let extra = json!({
        "accelerator": plan.facts.as_ref().and_then(|f| f.accelerator.as_ref()),
        "sidecar": sidecar,
        "vllm_port": if sidecar { ms.metrics_port } else { ms.port },
        "vllm_env": list,
        "weights_at": if on_claim { format!("/model-cache/{}", plan.weights_path()) } else { repository(plan).to_string() },
        "weights_claim": if on_claim { ms.weights.claim.as_str() } else { "" },
        // 30 s before the first, then one every 30 s.
        "start_failures": ms.start_timeout_s.saturating_sub(30).div_ceil(30).max(1),
    });
    objects(plan, "vllm.yaml", extra)
}

/// The claim for the weights. Not part of [`weights`]: one that somebody made is used, and none goes with the stack.
pub fn claim(plan: &Plan) -> Option<Value> {
    let w = &plan.scenario.model_server.weights;
    if !is_on_claim(plan) {
        return None;
    }
    let mut spec = json!({"accessModes": [w.access_mode], "resources": {"requests": {"storage": w.size}}});
    if !w.storage_class.is_empty() {
        spec["storageClassName"] = json!(w.storage_class);
    }
    let mut object = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": w.claim, "namespace": plan.namespace()},
        "spec": spec,
    });
    super::manifests::own(&mut object, plan.namespace());
    Some(object)
}

/// The Job that loads the model; none where every pod does it for itself.
pub fn weights(plan: &Plan) -> Result<Vec<Value>, RenderError> {
    if !is_on_claim(plan) {
        return Ok(vec![]);
    }
    let extra = json!({
        "weights_job": WEIGHTS_JOB,
        // It has the Hub's library, is small beside vLLM's, and the load needs it anyway.
        "download_image": plan.scenario.load.guidellm.image.name,
        "script": include_str!("../../templates/weights.py"),
        "model_repository": repository(plan),
        "weights_target": format!("/model-cache/{}", plan.weights_path()),
    });
    objects(plan, "weights.yaml", extra)
}

pub(super) fn gateway(plan: &Plan) -> Result<Vec<Value>, RenderError> {
    let template = if plan.scenario.gateway.kind == GatewayKind::Kgateway { "gateway-kgateway.yaml" } else { "gateway-istio.yaml" };
    let mut out = objects(plan, template, Value::Null)?;
    if !plan.scenario.scheduler.enabled {
        out.extend(objects(plan, "model-service.yaml", Value::Null)?);
    }
    Ok(out)
}

/// The HTTPRoute from the Gateway to the pool, or to the model servers themselves.
pub fn route(plan: &Plan) -> Result<Vec<Value>, RenderError> {
    let s = &plan.scenario;
    if !s.gateway.kind.is_gateway_api() {
        return Ok(vec![]);
    }
    let port = s.model_server.port;
    let backend = if s.scheduler.enabled {
        json!({"group": INFERENCE, "kind": "InferencePool", "name": plan.pool(), "port": port, "weight": 1})
    } else {
        json!({"group": "", "kind": "Service", "name": plan.deployment(), "port": port, "weight": 1})
    };
    objects(plan, "route.yaml", json!({"backends": [backend]}))
}

/// `registry/repository` and tag or digest of an image.
pub(super) fn split_image(name: &str) -> (&str, &str) {
    // Charts put both together again with a colon, so a digest goes with the tag.
    let end = name.find('@').unwrap_or(name.len());
    match name[..end].rfind(':') {
        Some(at) if !name[at..end].contains('/') => (&name[..at], &name[at + 1..]),
        _ => (name, ""),
    }
}

/// Values of the inferencepool chart.
pub fn pool_values(plan: &Plan) -> Value {
    let s = &plan.scenario;
    let (repository, tag) = split_image(&s.scheduler.image.name);
    let (hub, name) = repository.rsplit_once('/').unwrap_or(("docker.io/library", repository));
    let provider = if s.gateway.kind == GatewayKind::Istio { "istio" } else { "none" };
    let mut extension = json!({
        "replicas": 1,
        "image": {"name": name, "hub": hub, "tag": tag, "pullPolicy": "IfNotPresent"},
        "extProcPort": 9002,
        "extraContainerPorts": [{"name": "zmq", "containerPort": 5557, "protocol": "TCP"}],
        "extraServicePorts": [{"name": "zmq", "port": 5557, "targetPort": 5557, "protocol": "TCP"}],
        "pluginsConfigFile": "default-plugins.yaml",
        "flags": {"v": 1},
        "monitoring": {
            "interval": format!("{}s", s.monitoring.scrape_interval_s),
            "prometheus": {"enabled": s.scheduler.monitoring, "auth": {"enabled": s.scheduler.monitoring}},
        },
    });
    token_and_plugins(&mut extension, s);
    json!({
        "inferenceExtension": extension,
        "inferencePool": {
            "targetPorts": [{"number": s.model_server.port}],
            "modelServerType": "vllm",
            "apiVersion": format!("{INFERENCE}/v1"),
            "modelServers": {"matchLabels": {"llm-d.ai/inferenceServing": "true", "llm-d.ai/model": plan.label()}},
        },
        "provider": {"name": provider},
    })
}

/// What both charts of the picker call alike: the Hub's token, and plugins other than the chart's own.
fn token_and_plugins(picker: &mut Value, s: &Scenario) {
    if !s.model_server.weights.token_secret.is_empty() {
        let from = json!({"secretKeyRef": {"name": s.model_server.weights.token_secret, "key": "HF_TOKEN", "optional": true}});
        picker["env"] = json!([{"name": "HF_TOKEN", "valueFrom": from}]);
    }
    if !s.scheduler.plugins.is_empty() {
        picker["pluginsConfigFile"] = json!(PLUGINS);
        picker["pluginsCustomConfig"] = json!({ PLUGINS: s.scheduler.plugins });
    }
}

/// Where the scheduler's own Envoy listens, in the pod.
const ENVOY: u16 = 8081;

/// Values of the llm-d-router-standalone chart: the picker, and the Envoy in its pod that requests come in by.
///
/// Sizes and flags of both are those of llm-d-benchmark's guide optimized-baseline.
pub fn router_values(plan: &Plan) -> Value {
    let s = &plan.scenario;
    let (repository, tag) = split_image(&s.scheduler.image.name);
    let (registry, name) = repository.rsplit_once('/').unwrap_or(("docker.io/library", repository));
    let mut epp = json!({
        "replicas": 1,
        "image": {"registry": registry, "repository": name, "tag": tag, "pullPolicy": "IfNotPresent"},
        "extProcPort": 9002,
        "extraContainerPorts": [{"name": "zmq", "containerPort": 5557, "protocol": "TCP"}],
        "pluginsConfigFile": "default-plugins.yaml",
        "flags": {"v": 2},
    });
    token_and_plugins(&mut epp, s);
    if !s.scheduler.resources.is_empty() {
        epp["resources"] = json!(s.scheduler.resources);
    }
    let mut proxy = json!({
        "enabled": true,
        "proxyType": "envoy",
        "mode": "sidecar",
        "image": s.gateway.image.name,
        "args": [
            "--service-node", "envoy-sidecar", "--log-level", s.gateway.log_level, "--concurrency", "8",
            "--drain-strategy", "immediate", "--drain-time-s", "60", "-c", "/etc/envoy/envoy.yaml",
        ],
    });
    if !s.gateway.resources.is_empty() {
        proxy["resources"] = json!(s.gateway.resources);
    }
    json!({"router": {
        "epp": epp,
        "proxy": proxy,
        "extraServicePorts": [
            {"name": "zmq", "port": 5557, "targetPort": 5557, "protocol": "TCP"},
            {"name": "http", "port": s.gateway.port, "targetPort": ENVOY, "protocol": "TCP"},
        ],
        "inferencePool": {"create": true, "failureMode": "FailOpen"},
        "modelServers": {
            "type": "vllm", "protocol": "http",
            "targetPorts": [{"number": s.model_server.port}],
            "matchLabels": {"llm-d.ai/inferenceServing": "true", "llm-d.ai/model": plan.label()},
        },
        "monitoring": {
            "interval": format!("{}s", s.monitoring.scrape_interval_s),
            "prometheus": {"enabled": s.scheduler.monitoring, "auth": {"enabled": s.scheduler.monitoring}},
        },
    }})
}

/// Values of the chart that the scheduler comes by.
pub fn scheduler_values(plan: &Plan) -> Value {
    if plan.scenario.gateway.kind == GatewayKind::Epponly { router_values(plan) } else { pool_values(plan) }
}

/// A chart of the control plane: its release, its name in the repository, its values.
pub struct ControlChart {
    pub release: &'static str,
    pub chart: &'static str,
    pub values: Value,
}

/// Charts of the Gateway's control plane, in order.
pub fn control_plane(plan: &Plan) -> Vec<ControlChart> {
    let g = &plan.scenario.gateway;
    match g.kind {
        GatewayKind::Istio => {
            let (hub, _) = split_image(&g.image.name);
            let hub = hub.rsplit_once('/').map_or(hub, |(h, _)| h);
            let on = json!({ EXTENSION: "true" });
            let mut values = json!({
                "meshConfig": {"defaultConfig": {"proxyMetadata": on}},
                "pilot": {"env": on},
                "tag": g.control_plane.version,
                "hub": hub,
            });
            if plan.on_openshift() {
                values["global"] = json!({"platform": "openshift"});
            }
            vec![
                ControlChart { release: "istio-base", chart: "base", values: json!({}) },
                ControlChart { release: ISTIOD, chart: "istiod", values },
            ]
        }
        GatewayKind::Kgateway => vec![
            ControlChart { release: "kgateway-crds", chart: "kgateway-crds", values: json!({}) },
            ControlChart { release: "kgateway", chart: "kgateway", values: json!({"inferenceExtension": {"enabled": true}}) },
        ],
        GatewayKind::Epponly | GatewayKind::Haproxy | GatewayKind::None => vec![],
    }
}

/// Values of kube-prometheus-stack: a Prometheus with TLS that scrapes what the stack has, and nothing that is not needed.
pub fn prometheus_values(plan: &Plan) -> Value {
    let secret = |key: &str| json!({"name": WEB_TLS, "key": key});
    let all = json!({
        "serviceMonitorSelectorNilUsesHelmValues": false,
        "podMonitorSelectorNilUsesHelmValues": false,
        "ruleSelectorNilUsesHelmValues": false,
        "retention": "2d",
        "scrapeInterval": format!("{}s", plan.scenario.monitoring.scrape_interval_s),
        "web": {"tlsConfig": {"keySecret": secret("tls.key"), "cert": {"secret": secret("tls.crt")}}},
        "resources": {"requests": {"cpu": "200m", "memory": "512Mi"}},
    });
    let mut values = json!({
        "fullnameOverride": plan.scenario.monitoring.stack.release,
        "prometheus": {"prometheusSpec": all, "serviceMonitor": {"selfMonitor": false}},
        // Its certificates come from a Job that would stay behind; what it checks is only syntax.
        "prometheusOperator": {
            "admissionWebhooks": {"enabled": false}, "tls": {"enabled": false}, "serviceMonitor": {"selfMonitor": false},
        },
        "defaultRules": {"create": false},
    });
    for unused in [
        "alertmanager",
        "grafana",
        "nodeExporter",
        "kubeStateMetrics",
        "kubeApiServer",
        "kubelet",
        "kubeControllerManager",
        "coreDns",
        "kubeEtcd",
        "kubeScheduler",
        "kubeProxy",
    ] {
        values[unused] = json!({"enabled": false});
    }
    values
}

#[cfg(test)]
#[path = "llmd_tests.rs"]
mod tests;
