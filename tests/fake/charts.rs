//! What the charts of the published stack make, as far as anything here looks at it.

use crate::world::{Id, World, text};
use serde_json::{Value, json};

/// A chart's name without its version.
pub fn name(chart: &str) -> &str {
    chart.rsplit_once("-v").or_else(|| chart.rsplit_once('-')).map_or(chart, |(n, _)| n)
}

fn deployment(ns: &str, name: &str, labels: &Value, container: &Value) -> (Id, Value) {
    let spec = json!({"replicas": 1, "selector": {"matchLabels": labels}, "template": {
        "metadata": {"labels": labels}, "spec": {"containers": [container]}}});
    (Id::new("Deployment", ns, name), json!({"metadata": {"labels": labels}, "spec": spec}))
}

fn service(ns: &str, name: &str, selector: &Value, port: u32) -> (Id, Value) {
    (Id::new("Service", ns, name), json!({"metadata": {}, "spec": {"selector": selector, "ports": [{"port": port}]}}))
}

fn crd(group: &str, plural: &str) -> (Id, Value) {
    let spec = json!({"group": group, "names": {"plural": plural}, "versions": [{"name": "v1", "served": true}]});
    (Id::new("CustomResourceDefinition", "", &format!("{plural}.{group}")), json!({"metadata": {}, "spec": spec}))
}

/// `None` for WVA's, which has its own place.
pub fn objects(chart: &str, release: &str, ns: &str, values: &Value) -> Option<Vec<(Id, Value)>> {
    let mut out = match chart {
        "base" => vec![
            crd("networking.istio.io", "destinationrules"),
            (Id::new("ServiceAccount", ns, "istio-reader-service-account"), json!({"metadata": {}})),
        ],
        "istiod" => {
            let env = values.pointer("/pilot/env").and_then(Value::as_object).cloned().unwrap_or_default();
            let env: Vec<Value> = env.iter().map(|(k, v)| json!({"name": k, "value": v})).collect();
            let image = format!("{}/pilot:{}", text(values, "/hub"), text(values, "/tag"));
            let labels = json!({"app": "istiod"});
            vec![
                deployment(ns, "istiod", &labels, &json!({"name": "discovery", "image": image, "env": env})),
                (Id::new("ClusterRole", "", "istiod-clusterrole-istio-system"), json!({"metadata": {}})),
            ]
        }
        "inferencepool" => {
            let picker = format!("{release}-epp");
            let labels = json!({"inferencepool": picker});
            vec![
                deployment(ns, &picker, &labels, &json!({"name": "epp", "image": "epp"})),
                service(ns, &picker, &labels, 9002),
                (Id::new("InferencePool", ns, release), json!({"metadata": {}, "spec": values["inferencePool"]})),
                (Id::new("ServiceMonitor", ns, &format!("{picker}-monitor")), json!({"metadata": {}})),
                (Id::new("ClusterRole", "", &format!("{release}-{ns}-epp")), json!({"metadata": {}})),
            ]
        }
        "llm-d-router-standalone" => {
            let picker = format!("{release}-epp");
            let labels = json!({"llm-d-router-gateway": picker});
            vec![
                deployment(ns, &picker, &labels, &json!({"name": "envoy-proxy", "image": values["router"]["proxy"]["image"]})),
                service(ns, &picker, &labels, 80),
                (Id::new("InferencePool", ns, release), json!({"metadata": {}, "spec": values["router"]["modelServers"]})),
                (Id::new("ServiceMonitor", ns, &format!("{picker}-monitor")), json!({"metadata": {}})),
                (Id::new("ClusterRole", "", &format!("{release}-{ns}-epp")), json!({"metadata": {}})),
            ]
        }
        "keda" => {
            let (operator, server) = (json!({"app": "keda-operator"}), json!({"app": "keda-operator-metrics-apiserver"}));
            let name = "keda-operator-metrics-apiserver";
            let api = json!({"service": {"name": name, "namespace": ns}});
            let crd = |plural: &str| {
                let spec = json!({"group": "keda.sh", "names": {"plural": plural}, "versions": [{"name": "v1alpha1", "served": true}]});
                (Id::new("CustomResourceDefinition", "", &format!("{plural}.keda.sh")), json!({"metadata": {}, "spec": spec}))
            };
            vec![
                crd("scaledobjects"),
                crd("triggerauthentications"),
                deployment(ns, "keda-operator", &operator, &json!({"name": "keda", "image": "keda"})),
                deployment(ns, name, &server, &json!({"name": "server", "image": "keda"})),
                service(ns, name, &server, 443),
                (Id::new("APIService", "", "v1beta1.external.metrics.k8s.io"), json!({"metadata": {}, "spec": api})),
            ]
        }
        "kube-prometheus-stack" => {
            let pods = json!({"app.kubernetes.io/name": "prometheus", "operator.prometheus.io/name": format!("{release}-prometheus")});
            let web = values.pointer("/prometheus/prometheusSpec/web").cloned().unwrap_or_default();
            vec![
                crd("monitoring.coreos.com", "prometheuses"),
                crd("monitoring.coreos.com", "podmonitors"),
                crd("monitoring.coreos.com", "servicemonitors"),
                deployment(
                    ns,
                    &format!("{release}-operator"),
                    &json!({"app": "operator"}),
                    &json!({"name": "operator", "image": "operator"}),
                ),
                (
                    Id::new("Prometheus", ns, &format!("{release}-prometheus")),
                    json!({"metadata": {"labels": {"release": release}}, "spec": {"web": web}}),
                ),
                deployment(ns, "its-pods", &pods, &json!({"name": "prometheus", "image": "prometheus"})),
                service(ns, &format!("{release}-prometheus"), &pods, 9090),
            ]
        }
        _ => return None,
    };
    let by_template = chart != "kube-prometheus-stack";
    for (id, o) in &mut out {
        // What lies beside the templates carries nothing of helm's.
        if id.kind != "CustomResourceDefinition" || by_template {
            o["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("Helm");
            o["metadata"]["annotations"] = json!({"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": ns});
        }
    }
    Some(out)
}

pub fn make(w: &mut World, objects: Vec<(Id, Value)>) {
    for (id, o) in objects {
        match w.objects.get(&id).cloned() {
            None => drop(w.insert(id, o)),
            Some(mut now) => {
                now["spec"] = o["spec"].clone();
                w.update(&id, now);
            }
        }
    }
}
