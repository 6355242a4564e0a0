//! What Istio does: it accepts its class, makes a proxy for each Gateway, and says what it thinks of routes.

use crate::controllers::ready;
use crate::world::{Id, World, is_leaving, text};
use serde_json::{Value, json};

impl World {
    pub fn gateways(&mut self) {
        let crds: Vec<Id> = self.of_kind("CustomResourceDefinition").map(|(i, _)| i.clone()).collect();
        for id in crds {
            self.status(&id, json!({"conditions": [{"type": "Established", "status": "True"}]}));
        }
        let istiod = self.of_kind("Pod").any(|(_, p)| p["metadata"]["labels"]["app"] == "istiod" && ready(p) && !is_leaving(p));
        if istiod && self.get("CustomResourceDefinition", "", "gatewayclasses.gateway.networking.k8s.io").is_some() {
            self.istio();
        }
    }

    fn istio(&mut self) {
        for class in ["istio", "istio-remote"] {
            let id = Id::new("GatewayClass", "", class);
            if !self.objects.contains_key(&id) {
                self.insert(id.clone(), json!({"metadata": {}, "spec": {"controllerName": "istio.io/gateway-controller"}}));
            }
            self.status(&id, json!({"conditions": [{"type": "Accepted", "status": "True"}]}));
        }
        let namespaces: Vec<String> = self.of_kind("Namespace").filter(|(_, o)| !is_leaving(o)).map(|(i, _)| i.name.clone()).collect();
        for ns in namespaces {
            let id = Id::new("ConfigMap", &ns, "istio-ca-root-cert");
            if !self.objects.contains_key(&id) {
                self.insert(id, json!({"metadata": {"labels": {"istio.io/config": "true"}}, "data": {"root-cert.pem": "x"}}));
            }
        }
        let all: Vec<(Id, Value)> = self.of_kind("Gateway").map(|(i, o)| (i.clone(), o.clone())).collect();
        for (id, gateway) in all.iter().filter(|(_, o)| o["spec"]["gatewayClassName"] == "istio") {
            let name = format!("{}-istio", id.name);
            let mut labels = gateway["metadata"]["labels"].clone();
            labels["gateway.networking.k8s.io/gateway-name"] = json!(id.name);
            let owner =
                json!([{"apiVersion": gateway["apiVersion"], "kind": "Gateway", "name": id.name, "uid": gateway["metadata"]["uid"]}]);
            let meta = json!({"labels": labels, "ownerReferences": owner});
            let selector = json!({"gateway.networking.k8s.io/gateway-name": id.name});
            let deployment = Id::new("Deployment", &id.ns, &name);
            if !self.objects.contains_key(&deployment) {
                let spec = json!({"replicas": 1, "selector": {"matchLabels": selector}, "template": {
                    "metadata": {"labels": labels}, "spec": {"containers": [{"name": "istio-proxy", "image": "proxyv2"}]}}});
                self.insert(deployment, json!({"metadata": meta, "spec": spec}));
            }
            let service = Id::new("Service", &id.ns, &name);
            if !self.objects.contains_key(&service) {
                self.insert(service, json!({"metadata": meta, "spec": {"selector": selector, "ports": [{"port": 80}]}}));
            }
            let conditions = ["Accepted", "Programmed"].map(|t| json!({"type": t, "status": "True"}));
            self.status(id, json!({"conditions": conditions}));
        }
        let routes: Vec<(Id, Value)> = self.of_kind("HTTPRoute").map(|(i, o)| (i.clone(), o.clone())).collect();
        for (id, route) in routes {
            let gateway = text(&route, "/spec/parentRefs/0/name");
            if self.get("Gateway", &id.ns, gateway).is_none() {
                continue;
            }
            let backend = &route["spec"]["rules"][0]["backendRefs"][0];
            let pool = backend["kind"] != "InferencePool" || self.get("InferencePool", &id.ns, text(backend, "/name")).is_some();
            let found = if pool { "True" } else { "False" };
            let conditions =
                json!([{"type": "Accepted", "status": "True"}, {"type": "ResolvedRefs", "status": found, "message": "by the fake"}]);
            self.status(&id, json!({"parents": [{"parentRef": {"name": gateway}, "conditions": conditions}]}));
        }
    }
}
