//! The arm's scaler by KEDA: a ScaledObject out of which KEDA makes the HPA, and how KEDA is let in by Prometheus. Pure.

use super::manifests::{self, METRICS_ACCOUNT};
use bench_model::plan::{Arm, Plan};
use bench_model::scenario::{Behavior, PolicyKind, SelectPolicy};
use serde_json::{Value, json};

/// How KEDA is let in by OpenShift's Thanos querier.
pub const AUTHENTICATION: &str = "llmd-bench-prometheus";
/// Token of [`METRICS_ACCOUNT`] that KEDA shows there; OpenShift puts the CA of its services beside it.
pub const TOKEN: &str = "llmd-bench-metrics-token";

/// Name of the arm's ScaledObject. WVA takes it for the variant's, so in its arm it is the Deployment's.
pub fn name(plan: &Plan) -> String {
    if plan.arm == Arm::Hpa { plan.scenario.hpa.name.clone() } else { plan.deployment() }
}

/// What the arm's triggers ask Prometheus for, and how much of it there is to be a replica.
///
/// `max by (pod)` first, as in the adapter's rules: a pod that is scraped twice must not count twice. WVA's gauge has a
/// maximum, because there are two series for some seconds while its leader changes.
fn triggers(plan: &Plan) -> Vec<(String, String, String)> {
    let ns = plan.namespace();
    match plan.arm {
        Arm::Wva => {
            let gauge = plan.scenario.wva.gauge();
            let query = format!("max({gauge}{{variant_name=\"{}\",exported_namespace=\"{ns}\"}})", plan.deployment());
            vec![(gauge.into(), query, "1".into())]
        }
        Arm::Hpa => {
            let of = |m: &bench_model::scenario::HpaMetric| {
                let query = format!("sum(max by (namespace, pod) ({}{{namespace=\"{ns}\"}}))", m.name);
                // KEDA reads a number, not a quantity. `check` has seen that it is one.
                let threshold =
                    bench_model::quantity::quantity(&m.average_value).map_or_else(|| m.average_value.clone(), |n| n.to_string());
                (m.name.clone(), query, threshold)
            };
            plan.scenario.hpa.metrics.iter().map(of).collect()
        }
        Arm::Static(_) | Arm::None | Arm::Existing => vec![],
    }
}

fn rules(b: &Behavior) -> Value {
    let select = match b.select_policy {
        SelectPolicy::Max => "Max",
        SelectPolicy::Min => "Min",
        SelectPolicy::Disabled => "Disabled",
    };
    let kind = |k: PolicyKind| if k == PolicyKind::Pods { "Pods" } else { "Percent" };
    let policies: Vec<Value> =
        b.policies.iter().map(|p| json!({"type": kind(p.kind), "value": p.value, "periodSeconds": p.period_s})).collect();
    json!({"stabilizationWindowSeconds": b.stabilization_window_s, "selectPolicy": select, "policies": policies})
}

/// The ScaledObject, and what it is let in by; `prometheus` is the URL that KEDA asks.
pub fn objects(plan: &Plan, prometheus: &str) -> Vec<Value> {
    if !plan.by_keda() {
        return vec![];
    }
    let s = &plan.scenario;
    let with_token = plan.on_openshift();
    let trigger = |(name, query, threshold): (String, String, String)| {
        let mut metadata = json!({
            "serverAddress": prometheus, "query": query, "threshold": threshold,
            // A series that is not there is an error, as it is for an HPA; KEDA would take it for 0 and scale down.
            "ignoreNullValues": "false",
        });
        let mut t = json!({"type": "prometheus", "name": name.replace(':', "-"), "metricType": "AverageValue"});
        if with_token {
            metadata["authModes"] = json!("bearer");
            t["authenticationRef"] = json!({"name": AUTHENTICATION});
        } else if prometheus.starts_with("https") {
            // KEDA takes a CA only together with a credential, and this Prometheus asks for none.
            metadata["unsafeSsl"] = json!("true");
        }
        t["metadata"] = metadata;
        t
    };
    let mut scaled = json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "metadata": {"name": name(plan), "namespace": plan.namespace()},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": plan.deployment()},
            "pollingInterval": s.keda.polling_interval_s,
            "minReplicaCount": s.scaling.min_replicas,
            "maxReplicaCount": s.scaling.max_replicas,
            "advanced": {"horizontalPodAutoscalerConfig": {
                // KEDA's own would be keda-hpa-NAME; so it is found under the name that it has without KEDA.
                "name": manifests::hpa_name(plan),
                "behavior": {"scaleUp": rules(&s.scaling.scale_up), "scaleDown": rules(&s.scaling.scale_down)},
            }},
            "triggers": triggers(plan).into_iter().map(trigger).collect::<Vec<_>>(),
        },
    });
    if plan.arm == Arm::Wva && s.wva.by_annotations() {
        scaled["metadata"]["annotations"] = annotations(plan);
    }
    let mut out = if with_token { let_in(plan) } else { vec![] };
    out.push(scaled);
    for o in &mut out {
        manifests::own(o, plan.namespace());
    }
    out
}

/// By which WVA 0.8 finds what it is to decide about; KEDA writes them on its HPA too.
fn annotations(plan: &Plan) -> Value {
    json!({
        "llm-d.ai/managed": "true",
        "llm-d.ai/model-id": plan.scenario.model,
        "llm-d.ai/variant-cost": plan.scenario.wva.variant_cost,
    })
}

/// OpenShift: the token of the account that reads its metrics, and the TriggerAuthentication that names it.
fn let_in(plan: &Plan) -> Vec<Value> {
    let ns = plan.namespace();
    let from = |parameter: &str, key: &str| json!({"parameter": parameter, "name": TOKEN, "key": key});
    vec![
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {
                "name": TOKEN, "namespace": ns,
                "annotations": {"kubernetes.io/service-account.name": METRICS_ACCOUNT},
            },
        }),
        json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication",
            "metadata": {"name": AUTHENTICATION, "namespace": ns},
            "spec": {"secretTargetRef": [from("bearerToken", "token"), from("ca", "service-ca.crt")]},
        }),
    ]
}

#[cfg(test)]
#[path = "keda_tests.rs"]
mod tests;
