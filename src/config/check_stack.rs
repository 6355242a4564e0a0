//! Rules for the published stack's own keys: weights, Gateway, control plane, CRDs.

use super::check::Findings;
use super::values::label_fault;
use bench_model::quantity::quantity;
use bench_model::scenario::{CrdBundle, GatewayKind, Method, Provision, Scaler, Scenario, WeightsSource};

pub(super) fn stack(s: &Scenario, f: &mut Findings<'_>) {
    model_server(s, f);
    gateway(s, f);
    keda(s, f);
    let m = &s.monitoring.stack;
    if m.mode != Provision::Existing {
        name("monitoring.stack.namespace", &m.namespace, f);
        // 26: what the chart leaves of it.
        if let Some(fault) = label_fault(&m.release, 26) {
            f.bad("monitoring.stack.release", format!("{:?} {fault}", m.release), "use lower-case letters, digits and `-`, at most 26");
        }
        filled("monitoring.stack.chart", &m.chart, f);
        filled("monitoring.stack.chart_version", &m.chart_version, f);
    }
}

fn name(key: &str, text: &str, f: &mut Findings<'_>) {
    if let Some(fault) = label_fault(text, 63) {
        f.bad(key, format!("{text:?} {fault}"), "use lower-case letters, digits and `-`, at most 63, a letter or digit at both ends");
    }
}

fn filled(key: &str, text: &str, f: &mut Findings<'_>) {
    if text.trim().is_empty() {
        f.bad(key, "empty", "inference-scheduling has a value for it");
    }
}

fn model_server(s: &Scenario, f: &mut Findings<'_>) {
    let ms = &s.model_server;
    if ms.method == Method::Modelservice && ms.sidecar.enabled && ms.port == ms.metrics_port {
        f.bad(
            f.users(&["model_server.metrics_port", "model_server.port"]),
            "the routing sidecar and vLLM cannot listen on one port",
            "use another metrics_port, as published 8200, or model_server.sidecar.enabled=false",
        );
    }
    let bare = ms.method == Method::Standalone || (ms.method == Method::Modelservice && !ms.sidecar.enabled);
    if bare && ms.port != ms.metrics_port {
        f.bad(
            f.users(&["model_server.metrics_port", "model_server.port"]),
            "without a sidecar vLLM has its metrics on its one port",
            "make model_server.metrics_port equal to model_server.port (and so for method=standalone)",
        );
    }
    if !ms.shared_memory.is_empty() && quantity(&ms.shared_memory).is_none() {
        f.bad("model_server.shared_memory", format!("{:?} is no Kubernetes quantity", ms.shared_memory), "write it like 16Gi");
    }
    let w = &ms.weights;
    if !w.token_secret.is_empty() && w.token_secret.split('.').any(|part| label_fault(part, 253).is_some()) {
        f.bad(
            "model_server.weights.token_secret",
            format!("{:?} names no Secret", w.token_secret),
            "use lower-case letters, digits and `-`",
        );
    }
    if ms.method.is_vllm() && w.source == WeightsSource::Pvc {
        name("model_server.weights.claim", &w.claim, f);
        if quantity(&w.size).is_none_or(|v| v <= 0.0) {
            f.bad("model_server.weights.size", format!("{:?} is no quantity above 0", w.size), "write it like 1Ti");
        }
        match w.access_mode.as_str() {
            "ReadWriteMany" => {}
            "ReadWriteOnce" if s.scaling.max_replicas > 1 => {
                f.warn("model_server.weights.access_mode", "ReadWriteOnce: all replicas must run on the one node that has the volume");
            }
            "ReadWriteOnce" => {}
            other => f.bad("model_server.weights.access_mode", format!("{other:?}"), "use ReadWriteMany or ReadWriteOnce"),
        }
        if w.download_timeout_s == 0 {
            f.bad("model_server.weights.download_timeout_s", "0 seconds", "the published download had 2400");
        }
    }
}

fn gateway(s: &Scenario, f: &mut Findings<'_>) {
    let g = &s.gateway;
    if g.kind == GatewayKind::Epponly {
        filled("gateway.log_level", &g.log_level, f);
        crds("gateway.inference_api", &g.inference_api, f);
        plugins(s, f);
    }
    if !g.kind.is_gateway_api() {
        return;
    }
    // Istio adds its class to it.
    if let Some(fault) = label_fault(&g.name, 57) {
        f.bad("gateway.name", format!("{:?} {fault}", g.name), "use lower-case letters, digits and `-`, at most 57");
    }
    if !["ClusterIP", "NodePort", "LoadBalancer"].contains(&g.service_type.as_str()) {
        f.bad("gateway.service_type", format!("{:?}", g.service_type), "use ClusterIP, NodePort or LoadBalancer");
    }
    filled("gateway.log_level", &g.log_level, f);
    let c = &g.control_plane;
    if c.mode != Provision::Existing {
        name("gateway.control_plane.namespace", &c.namespace, f);
        filled("gateway.control_plane.charts", &c.charts, f);
        filled("gateway.control_plane.version", &c.version, f);
    }
    crds("gateway.api", &g.api, f);
    crds("gateway.inference_api", &g.inference_api, f);
    plugins(s, f);
}

fn crds(key: &str, b: &CrdBundle, f: &mut Findings<'_>) {
    filled(&format!("{key}.version"), &b.version, f);
    filled(&format!("{key}.crds"), &b.crds, f);
    if b.crds.starts_with("http://") {
        f.bad(&format!("{key}.crds"), "CRDs over http could be anybody's", "use https, or a local directory");
    }
}

fn keda(s: &Scenario, f: &mut Findings<'_>) {
    let k = &s.keda;
    if s.scaling.by == Scaler::Hpa {
        return;
    }
    if k.polling_interval_s == 0 {
        f.bad("keda.polling_interval_s", "0 seconds", "use 1 or more; KEDA's own default is 30");
    }
    if k.mode != Provision::Existing {
        name("keda.namespace", &k.namespace, f);
        filled("keda.release", &k.release, f);
        filled("keda.charts", &k.charts, f);
        filled("keda.chart_version", &k.chart_version, f);
    }
}

fn plugins(s: &Scenario, f: &mut Findings<'_>) {
    if !s.scheduler.plugins.is_empty() {
        let read = serde_yaml::from_str::<serde_json::Value>(&s.scheduler.plugins);
        if !read.is_ok_and(|v| v["kind"] == "EndpointPickerConfig") {
            f.bad("scheduler.plugins", "this is no EndpointPickerConfig in YAML", "begin it with apiVersion, kind: EndpointPickerConfig");
        }
    }
}
