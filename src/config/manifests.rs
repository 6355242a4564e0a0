//! From a plan to Kubernetes objects: the templates under `templates/`, rendered and labelled. Pure.

use bench_model::plan::{Arm, Plan};
use bench_model::scenario::{GatewayKind, Method};
use serde_json::{Value, json};
use tera::{Context, Tera};

/// Labels that say whose an object is.
pub mod labels {
    /// Always `llmd-bench`.
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    /// Namespace of the stack that owns it.
    pub const STACK: &str = "llmd-bench/stack";
    /// Run that owns it; only on what a run makes.
    pub const RUN: &str = "llmd-bench/run";
    /// Value of [`MANAGED_BY`].
    pub const BENCH: &str = "llmd-bench";
}

/// Name of the HPA that follows WVA, as its chart names it.
pub const WVA_HPA: &str = "vllm-deployment-hpa";
/// ServiceAccount that asks OpenShift's Thanos querier.
pub const METRICS_ACCOUNT: &str = "llmd-bench-metrics";
/// Namespace of OpenShift's Prometheus for other people's workloads.
pub const USER_WORKLOAD: &str = "openshift-user-workload-monitoring";
/// Gauge by which WVA v0.4.2 says how many replicas it wants. Only that line is scaled by way of prometheus-adapter.
pub const WVA_GAUGE: &str = "inferno_desired_replicas";
/// Label of pods by which WVA 0.8 tells whose a metric is; as a metric's, `llm_d_ai_variant`.
pub const VARIANT: &str = "llm-d.ai/variant";

#[derive(Debug, thiserror::Error)]
#[error("template {template}: {reason}")]
pub struct RenderError {
    template: String,
    reason: String,
}

/// All templates that ship with `bench`.
pub const TEMPLATES: &[(&str, &str)] = &[
    ("model-server.yaml", include_str!("../../templates/model-server.yaml")),
    ("vllm.yaml", include_str!("../../templates/vllm.yaml")),
    ("model-service.yaml", include_str!("../../templates/model-service.yaml")),
    ("weights.yaml", include_str!("../../templates/weights.yaml")),
    ("gateway-istio.yaml", include_str!("../../templates/gateway-istio.yaml")),
    ("gateway-kgateway.yaml", include_str!("../../templates/gateway-kgateway.yaml")),
    ("gateway-none.yaml", include_str!("../../templates/gateway-none.yaml")),
    ("route.yaml", include_str!("../../templates/route.yaml")),
    ("monitoring-reader.yaml", include_str!("../../templates/monitoring-reader.yaml")),
    ("gateway-haproxy.yaml", include_str!("../../templates/gateway-haproxy.yaml")),
    ("haproxy.cfg.tera", include_str!("../../templates/haproxy.cfg.tera")),
    ("pod-monitor.yaml", include_str!("../../templates/pod-monitor.yaml")),
    ("agent-rbac.yaml", include_str!("../../templates/agent-rbac.yaml")),
    ("agent-pod.yaml", include_str!("../../templates/agent-pod.yaml")),
    ("variant-autoscaling.yaml", include_str!("../../templates/variant-autoscaling.yaml")),
    ("hpa.yaml", include_str!("../../templates/hpa.yaml")),
    ("adapter.yaml", include_str!("../../templates/adapter.yaml")),
    ("harness.yaml", include_str!("../../templates/harness.yaml")),
];

/// Renders one template to text; `extra` adds to the plan's own names.
pub fn text(plan: &Plan, template: &str, extra: Value) -> Result<String, RenderError> {
    let fail = |reason: String| RenderError { template: template.into(), reason };
    let source =
        TEMPLATES.iter().find(|(name, _)| *name == template).map(|(_, s)| *s).ok_or_else(|| fail("there is no such template".into()))?;
    let s = &plan.scenario;
    let mut context = json!({
        "namespace": s.namespace,
        "model": s.model,
        "label": plan.label(),
        "deployment": plan.deployment(),
        "gateway": plan.gateway_service(),
        "ms": s.model_server,
        "ms_env": super::secrets::env_list(s.model_server.env.iter().map(|(k, v)| (k.as_str(), v.as_str()))),
        "gw": s.gateway,
        "wva": s.wva,
        "adapter": s.adapter,
        "scaling": s.scaling,
        "scrape_interval_s": s.monitoring.scrape_interval_s,
        "start_failures": s.model_server.start_timeout_s.div_ceil(s.model_server.readiness_period_s.max(1)),
        "openshift": plan.on_openshift(),
        "existing": s.existing,
        // WVA 0.8 finds the variant of a metric by it: what owns the pod is ambiguous to it once KEDA has made an HPA beside
        // the ScaledObject, with the same annotations.
        "variant": (s.wva.by_annotations() && !plan.is_adopted()).then_some(VARIANT),
    });
    if let (Some(into), Value::Object(extra)) = (context.as_object_mut(), extra) {
        into.extend(extra);
    }
    let context = Context::from_value(context).map_err(|e| fail(e.to_string()))?;
    Tera::one_off(source, &context, false).map_err(|e| {
        let cause = std::error::Error::source(&e).map(ToString::to_string).unwrap_or_default();
        fail(format!("{e}: {cause}"))
    })
}

/// Renders one template to labelled objects.
pub fn objects(plan: &Plan, template: &str, extra: Value) -> Result<Vec<Value>, RenderError> {
    let fail = |reason: String| RenderError { template: template.into(), reason };
    let text = text(plan, template, extra)?;
    let mut objects: Vec<Value> = serde_yaml::from_multiple(&text).map_err(|e| fail(e.to_string()))?;
    for o in &mut objects {
        own(o, &plan.scenario.namespace);
    }
    Ok(objects)
}

/// Marks an object as made by `bench` for the stack in this namespace; and what its controller will make of a template.
pub fn own(object: &mut Value, stack: &str) {
    label(object, labels::MANAGED_BY, labels::BENCH);
    label(object, labels::STACK, stack);
}

/// Marks an object as a run's.
pub fn own_by_run(object: &mut Value, run: &str) {
    label(object, labels::RUN, run);
}

/// Sets a label of an object and of its pod template: pods and ReplicaSets carry the template's labels only.
fn label(object: &mut Value, name: &str, value: &str) {
    let set = |at: &mut Value| {
        if !at["metadata"]["labels"].is_object() {
            at["metadata"]["labels"] = json!({});
        }
        at["metadata"]["labels"][name] = json!(value);
    };
    set(object);
    if let Some(template) = object.pointer_mut("/spec/template").filter(|t| t.is_object()) {
        set(template);
    }
}

/// Model servers, gateway and the recorder's rights.
pub fn stack(plan: &Plan) -> Result<Vec<Value>, RenderError> {
    if plan.is_adopted() {
        // Everything else is somebody's.
        return objects(plan, "agent-rbac.yaml", Value::Null);
    }
    if plan.is_endpoint() {
        return Ok(vec![]);
    }
    let mut out = super::llmd::weights(plan)?;
    out.extend(model_server(plan)?);
    out.extend(gateway(plan)?);
    out.extend(super::llmd::route(plan)?);
    if plan.on_openshift() {
        out.extend(objects(plan, "monitoring-reader.yaml", Value::Null)?);
    }
    out.extend(objects(plan, "agent-rbac.yaml", Value::Null)?);
    Ok(out)
}

pub fn model_server(plan: &Plan) -> Result<Vec<Value>, RenderError> {
    match plan.scenario.model_server.method {
        Method::Simulator => objects(plan, "model-server.yaml", Value::Null),
        Method::Modelservice | Method::Standalone => {
            let mut out = super::llmd::vllm(plan)?;
            if plan.scenario.gateway.kind == GatewayKind::Haproxy {
                out.extend(objects(plan, "model-service.yaml", Value::Null)?);
            }
            Ok(out)
        }
        Method::Existing if plan.scenario.gateway.kind == GatewayKind::Haproxy => objects(plan, "model-service.yaml", Value::Null),
        Method::Existing => Ok(vec![]),
    }
}

/// Slots for pods in HAProxy: swapping to another number of replicas must not need another gateway.
pub fn max_servers(plan: &Plan) -> u32 {
    plan.scenario.scaling.max_replicas.max(30) + 2
}

pub fn gateway(plan: &Plan) -> Result<Vec<Value>, RenderError> {
    match plan.scenario.gateway.kind {
        GatewayKind::Haproxy => haproxy(plan),
        GatewayKind::None => objects(plan, "gateway-none.yaml", Value::Null),
        GatewayKind::Istio | GatewayKind::Kgateway => super::llmd::gateway(plan),
        // Its proxy is in the scheduler's own pod.
        GatewayKind::Epponly => Ok(vec![]),
    }
}

fn haproxy(plan: &Plan) -> Result<Vec<Value>, RenderError> {
    let cfg = text(
        plan,
        "haproxy.cfg.tera",
        json!({
            "service": plan.deployment(),
            "port": plan.scenario.model_server.port,
            "max_servers": max_servers(plan),
            "balance": plan.scenario.gateway.balance,
        }),
    )?;
    let sum = bench_model::names::sha256_hex(cfg.as_bytes());
    objects(plan, "gateway-haproxy.yaml", json!({ "haproxy_cfg": cfg, "haproxy_sum": &sum[..16] }))
}

/// The VariantAutoscaling of the WVA arm; none for a WVA that goes by annotations.
pub fn variant_autoscaling(plan: &Plan) -> Result<Vec<Value>, RenderError> {
    if plan.scenario.wva.by_annotations() {
        return Ok(vec![]);
    }
    objects(plan, "variant-autoscaling.yaml", Value::Null)
}

/// What scales: the arm's HPA, or the ScaledObject that KEDA makes it from; `prometheus` is the URL that KEDA asks.
pub fn scaler(plan: &Plan, prometheus: &str) -> Result<Vec<Value>, RenderError> {
    if plan.by_keda() { Ok(super::keda::objects(plan, prometheus)) } else { hpa(plan) }
}

/// The one HPA of the arm that bench makes; none for static arms.
pub fn hpa(plan: &Plan) -> Result<Vec<Value>, RenderError> {
    let metrics = match plan.arm {
        Arm::Wva => json!([{ "name": plan.scenario.wva.gauge(), "average_value": "1", "selector": { "variant_name": plan.deployment() } }]),
        // The published text selects three different namespaces; the metrics carry the model's.
        Arm::Hpa => plan
            .scenario
            .hpa
            .metrics
            .iter()
            .map(|m| json!({ "name": m.name, "average_value": m.average_value, "selector": { "namespace": plan.scenario.namespace } }))
            .collect(),
        Arm::Static(_) | Arm::None | Arm::Existing => return Ok(vec![]),
    };
    objects(plan, "hpa.yaml", json!({ "hpa_name": hpa_name(plan), "metrics": metrics }))
}

/// Name of the arm's HPA.
pub fn hpa_name(plan: &Plan) -> &str {
    if plan.arm == Arm::Hpa { &plan.scenario.hpa.name } else { WVA_HPA }
}

/// Values for WVA's chart: bench owns the VariantAutoscaling and the HPA itself.
pub fn wva_values(plan: &Plan, prometheus: &str, monitoring_namespace: &str, ca: &str) -> Value {
    // Whose token WVA's metrics are scraped with, and who may read the cluster's.
    let (account, monitoring_namespace) =
        if plan.on_openshift() { ("prometheus-k8s", USER_WORKLOAD) } else { ("kube-prometheus-stack-prometheus", monitoring_namespace) };
    let w = &plan.scenario.wva;
    let (repository, tag) = super::llmd::split_image(&w.image.name);
    let t = &w.thresholds;
    let mut values = json!({
        "wva": {
            "image": { "repository": repository, "tag": tag },
            "reconcileInterval": format!("{}s", w.interval_s),
            "prometheus": {
                "baseURL": prometheus,
                "monitoringNamespace": monitoring_namespace,
                "serviceAccountName": account,
                "caCert": ca,
                "tls": { "insecureSkipVerify": true, "caCertPath": "/etc/ssl/certs/prometheus-ca.crt" },
            },
            "capacityScaling": { "default": {
                "kvCacheThreshold": t.kv_cache_threshold,
                "queueLengthThreshold": t.queue_length_threshold,
                "kvSpareTrigger": t.kv_spare_trigger,
                "queueSpareTrigger": t.queue_spare_trigger,
            } },
        },
        "llmd": { "namespace": plan.scenario.namespace, "modelName": plan.label(), "modelID": plan.scenario.model },
        "va": { "enabled": false },
        "hpa": { "enabled": false },
        "vllmService": { "enabled": false },
    });
    if w.by_annotations() {
        // Its leader is one anyway, as llm-d-benchmark has it.
        values["wva"]["replicaCount"] = json!(1);
        // 0.4 has this name fixed; the controller's Deployment is found by it.
        values["fullnameOverride"] = json!("workload-variant-autoscaler");
        values["wva"]["namespaceScoped"] = json!(w.namespace == plan.namespace());
        values["wva"]["poolGroup"] = json!(super::llmd::INFERENCE);
    }
    values
}

/// The three external rules that both arms need, as the items of `externalRules`.
///
/// `max by (pod)` first: a pod that is scraped twice must not count twice. WVA's gauge has a maximum too, which its own
/// sample rule lacks: while its leader changes there are two series for some seconds, and an HPA adds series up.
pub fn adapter_rules() -> String {
    let mut out = String::new();
    for metric in ["vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"] {
        out.push_str(&format!(
            "- seriesQuery: '{metric}{{namespace!=\"\",pod!=\"\"}}'\n  \
             resources: {{overrides: {{namespace: {{resource: namespace}}}}}}\n  \
             name: {{matches: \"^{metric}$\", as: \"{metric}\"}}\n  \
             metricsQuery: 'sum(max by (namespace, pod) (<<.Series>>{{<<.LabelMatchers>>}})) by (namespace)'\n"
        ));
    }
    out.push_str(&format!(
        "- seriesQuery: '{WVA_GAUGE}{{variant_name!=\"\",exported_namespace!=\"\"}}'\n  \
         resources: {{overrides: {{exported_namespace: {{resource: namespace}}, variant_name: {{resource: deployment}}}}}}\n  \
         name: {{matches: \"^{WVA_GAUGE}$\", as: \"{WVA_GAUGE}\"}}\n  \
         metricsQuery: 'max({WVA_GAUGE}{{<<.LabelMatchers>>}}) by (exported_namespace, variant_name)'\n"
    ));
    out
}

#[cfg(test)]
#[path = "manifests_tests.rs"]
mod tests;
