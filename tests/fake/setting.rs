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
    crds(&mut w);
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

/// The Prometheus operator's.
fn crds(w: &mut World) {
    for plural in ["podmonitors", "servicemonitors", "prometheuses"] {
        let spec = json!({"group": "monitoring.coreos.com", "names": {"plural": plural}, "versions": [{"name": "v1", "served": true}]});
        w.insert(
            Id::new("CustomResourceDefinition", "", &format!("{plural}.monitoring.coreos.com")),
            json!({"metadata": {}, "spec": spec}),
        );
    }
}

fn gpus(w: &mut World, product: &str) {
    w.insert(
        Id::new("Node", "", "gpu-1"),
        json!({
            "metadata": {"labels": {"nvidia.com/gpu.product": product, "nvidia.com/gpu.memory": "81559"}},
            "status": {"nodeInfo": {"architecture": "amd64", "osImage": "none"}, "allocatable": {"nvidia.com/gpu": "16"}},
        }),
    );
}

fn namespaces(w: &mut World, names: &[&str]) {
    for ns in names {
        w.insert(Id::new("Namespace", "", ns), json!({"metadata": {}}));
    }
}

/// An OpenShift with GPUs as it is delivered: monitoring of users' workloads is off. Somebody gave the namespace and a claim.
pub fn openshift() -> World {
    let mut w = World::default();
    w.scenario.0 = "inference-scheduling";
    let system = ["openshift-monitoring", "openshift-user-workload-monitoring", "openshift-config-managed"];
    namespaces(&mut w, &["default", "kube-system", "somebody", STACK]);
    namespaces(&mut w, &system);
    gpus(&mut w, "NVIDIA-H100-80GB-HBM3");
    crds(&mut w);
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    w.insert(Id::new("ConfigMap", STACK, "openshift-service-ca.crt"), json!({"metadata": {}, "data": {"service-ca.crt": pem}}));
    for (name, key, text) in
        [("monitoring-shared-config", "thanosPublicURL", crate::openshift::THANOS), ("default-ingress-cert", "ca-bundle.crt", pem)]
    {
        w.insert(Id::new("ConfigMap", "openshift-config-managed", name), json!({"metadata": {}, "data": {key: text}}));
    }
    // With a comment and a key of somebody's: what a rewrite would not give back.
    let config = "# by the administrators\nprometheusK8s:\n  retention: 3d   # three\n";
    let id = Id::new("ConfigMap", "openshift-monitoring", "cluster-monitoring-config");
    w.insert(id, json!({"metadata": {}, "data": {"config.yaml": config}}));
    let spec = json!({"host": "thanos.apps.example.com"});
    w.insert(Id::new("Route", "openshift-monitoring", "thanos-querier"), json!({"metadata": {}, "spec": spec}));
    for name in ["anyuid", "privileged", "restricted-v2"] {
        w.insert(Id::new("SecurityContextConstraints", "", name), json!({"metadata": {}, "users": ["system:admin"], "groups": []}));
    }
    w.insert(Id::new("PersistentVolumeClaim", STACK, "model-pvc"), json!({"metadata": {}, "spec": {}, "status": {"phase": "Bound"}}));
    deployment(&mut w, "somebody", "web", &json!([{"name": "web", "image": "web"}]), &json!([]));
    rest(&mut w);
    w
}

/// A plain Kubernetes with GPUs and nothing else: no Prometheus, no Gateway API, no namespace.
pub fn empty() -> World {
    let mut w = World::default();
    w.scenario = ("inference-scheduling", vec!["model_server.weights.source=hub".into()]);
    namespaces(&mut w, &["default", "kube-system", "somebody"]);
    gpus(&mut w, "NVIDIA-A100-SXM4-80GB");
    deployment(&mut w, "somebody", "web", &json!([{"name": "web", "image": "web"}]), &json!([]));
    rest(&mut w);
    w
}

/// The same with somebody's Istio of another version, Gateway API of another version, and model servers.
pub fn others() -> World {
    let mut w = empty();
    namespaces(&mut w, &["istio-system", STACK]);
    crds(&mut w);
    for plural in ["gatewayclasses", "gateways", "httproutes"] {
        let meta = json!({"annotations": {"gateway.networking.k8s.io/bundle-version": "v1.4.0"}});
        let spec = json!({"group": "gateway.networking.k8s.io", "names": {"plural": plural}, "versions": [{"name": "v1", "served": true}]});
        w.insert(
            Id::new("CustomResourceDefinition", "", &format!("{plural}.gateway.networking.k8s.io")),
            json!({"metadata": meta, "spec": spec}),
        );
    }
    let env = json!([{"name": "ENABLE_GATEWAY_API_INFERENCE_EXTENSION", "value": "true"}]);
    deployment(&mut w, "istio-system", "istiod", &json!([{"name": "discovery", "image": "istio/pilot:1.29.0", "env": env}]), &json!([]));
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

/// A model server, its Service and its HPA, made by hand in the stack's namespace, where others were before.
pub fn by_hand() -> World {
    let mut w = furnished();
    namespaces(&mut w, &[STACK]);
    let args = json!(["--model", "meta-llama/Llama-3.1-8B-Instruct", "--port", "8000"]);
    let container = json!([{"name": "vllm", "image": "vllm/vllm-openai:v0.11.0", "args": args, "ports": [{"containerPort": 8000}]}]);
    deployment(&mut w, STACK, "chat", &container, &json!([]));
    deployment(&mut w, STACK, "web", &json!([{"name": "web", "image": "web"}]), &json!([]));
    let ports = json!([{"port": 8000, "targetPort": 8000}]);
    w.insert(Id::new("Service", STACK, "chat"), json!({"metadata": {}, "spec": {"selector": {"app": "chat"}, "ports": ports}}));
    w.insert(Id::new("HorizontalPodAutoscaler", STACK, "chat"), hpa("chat"));
    rest(&mut w);
    w
}

pub fn hpa(target: &str) -> serde_json::Value {
    json!({
        "metadata": {"labels": {"team": "chat"}, "annotations": {"why": "nights are quiet"}},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}, "minReplicas": 1, "maxReplicas": 4,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}],
        },
    })
}

fn deployment(w: &mut World, ns: &str, name: &str, containers: &serde_json::Value, volumes: &serde_json::Value) {
    let labels = json!({"app": name});
    let object = json!({"metadata": {"labels": labels}, "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {
        "metadata": {"labels": labels}, "spec": {"containers": containers, "volumes": volumes}}}});
    w.insert(Id::new("Deployment", ns, name), object);
}

/// Everything that was there has been there for long.
pub fn rest(w: &mut World) {
    w.tick();
    for t in w.born.values_mut() {
        *t = -100.0;
    }
    w.dirty = true;
    w.tick();
    w.writes.clear();
}
