//! What was there before bench came.

use crate::helm::{SYSTEM, install};
use crate::world::{Id, Release, World};
use serde_json::json;

/// The stack's namespace.
pub const STACK: &str = "lab";

/// A cluster with a Prometheus and nothing else that bench needs; somebody's things lie about.
pub fn bare() -> World {
    let mut w = World::default();
    for ns in ["default", "kube-system", "monitoring", "somebody"] {
        w.insert(Id::new("Namespace", "", ns), json!({"metadata": {}}));
    }
    w.insert(
        Id::new("Node", "", "node-1"),
        json!({"metadata": {}, "status": {"nodeInfo": {"architecture": "amd64", "osImage": "none"}, "allocatable": {}}}),
    );
    for name in ["podmonitors.monitoring.coreos.com", "servicemonitors.monitoring.coreos.com"] {
        w.insert(Id::new("CustomResourceDefinition", "", name), json!({"metadata": {}}));
    }
    let tls = json!({"web": {"tlsConfig": {"cert": {"secret": {"name": "web-tls", "key": "tls.crt"}}}}});
    w.insert(Id::new("Prometheus", "monitoring", "k8s"), json!({"metadata": {}, "spec": tls}));
    // "-----BEGIN CERTIFICATE-----" in base64.
    let pem = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==";
    w.insert(Id::new("Secret", "monitoring", "web-tls"), json!({"metadata": {}, "data": {"ca.crt": pem, "tls.crt": pem}}));
    deployment(&mut w, "monitoring", "prometheus", &json!([{"name": "prometheus", "image": "prometheus"}]), &json!([]));
    w.insert(
        Id::new("Service", "monitoring", "prometheus"),
        json!({"metadata": {}, "spec": {"selector": {"app": "prometheus"}, "ports": [{"port": 9090}]}}),
    );
    deployment(&mut w, "somebody", "web", &json!([{"name": "web", "image": "web"}]), &json!([]));
    w.insert(Id::new("ConfigMap", "somebody", "settings"), json!({"metadata": {}, "data": {"a": "b\n"}}));
    rest(&mut w);
    w
}

/// The same with somebody's prometheus-adapter and WVA, and with somebody's things in the stack's namespace.
pub fn furnished() -> World {
    let mut w = bare();
    for ns in [SYSTEM, STACK] {
        w.insert(Id::new("Namespace", "", ns), json!({"metadata": {"labels": {"team": "somebody"}}}));
    }
    // Indented, with a comment, and keys after the list: what a rewrite would not give back.
    let rules = "rules: []\nexternalRules:\n  - seriesQuery: 'a'   # somebody's\n    metricsQuery: 'b'\nresourceRules: {}\n";
    w.insert(Id::new("ConfigMap", "monitoring", "prometheus-adapter"), json!({"metadata": {}, "data": {"config.yaml": rules}}));
    let container = json!([{"name": "adapter", "image": "adapter", "args": ["--config=/etc/adapter/config.yaml"],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/adapter"}]}]);
    let volumes = json!([{"name": "config", "configMap": {"name": "prometheus-adapter"}}]);
    deployment(&mut w, "monitoring", "prometheus-adapter", &container, &volumes);
    w.insert(
        Id::new("Service", "monitoring", "prometheus-adapter"),
        json!({"metadata": {}, "spec": {"selector": {"app": "prometheus-adapter"}, "ports": [{"port": 443}]}}),
    );
    w.insert(
        Id::new("APIService", "", "v1beta1.external.metrics.k8s.io"),
        json!({"metadata": {}, "spec": {"service": {"name": "prometheus-adapter", "namespace": "monitoring"}}}),
    );
    install(&mut w, SYSTEM, "60s");
    w.releases.insert(
        "workload-variant-autoscaler".into(),
        Release {
            namespace: SYSTEM.into(),
            status: "deployed".into(),
            chart: "workload-variant-autoscaler-0.4.2".into(),
            values: json!({}),
        },
    );
    deployment(&mut w, STACK, "neighbour", &json!([{"name": "n", "image": "n"}]), &json!([]));
    w.insert(Id::new("ConfigMap", STACK, "notes"), json!({"metadata": {}, "data": {"x": "y"}}));
    rest(&mut w);
    w
}

fn deployment(w: &mut World, ns: &str, name: &str, containers: &serde_json::Value, volumes: &serde_json::Value) {
    let labels = json!({"app": name});
    let object = json!({"metadata": {"labels": labels}, "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {
        "metadata": {"labels": labels}, "spec": {"containers": containers, "volumes": volumes}}}});
    w.insert(Id::new("Deployment", ns, name), object);
}

/// Everything that was there has been there for long.
fn rest(w: &mut World) {
    w.tick();
    for t in w.born.values_mut() {
        *t = -100.0;
    }
    w.dirty = true;
    w.tick();
    w.writes.clear();
}
