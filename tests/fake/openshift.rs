//! OpenShift's monitoring, tokens in Secrets, and the world outside of the cluster.

use crate::world::{Id, World, text};
use bench::cluster::{ClusterError, Page};
use serde_json::{Value, json};

const USER_WORKLOAD: &str = "openshift-user-workload-monitoring";
pub const THANOS: &str = "https://thanos.apps.example.com";

impl World {
    pub fn openshifts(&mut self) {
        let secrets: Vec<(Id, Value)> = self
            .of_kind("Secret")
            .filter(|(_, o)| o["type"] == "kubernetes.io/service-account-token" && o.get("data").is_none())
            .map(|(i, o)| (i.clone(), o.clone()))
            .collect();
        for (id, mut o) in secrets {
            o["data"] = json!({"token": "dA=="});
            self.update(&id, o);
        }
        if !self.openshift() {
            return;
        }
        let config = self.get("ConfigMap", "openshift-monitoring", "cluster-monitoring-config");
        let on = config.is_some_and(|c| text(c, "/data/config.yaml").lines().any(|l| l == "enableUserWorkload: true"));
        let id = Id::new("Deployment", USER_WORKLOAD, "prometheus-user-workload");
        let there = self.objects.contains_key(&id);
        if on && !there {
            let labels = json!({"app.kubernetes.io/name": "prometheus"});
            let spec = json!({"replicas": 1, "selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels}, "spec": {"containers": [{"name": "prometheus", "image": "prometheus"}]}}});
            self.insert(id, json!({"metadata": {"labels": labels}, "spec": spec}));
        } else if !on && there {
            self.delete(&id);
        }
    }
}

/// A page of somewhere: a CRD of a release, or the Thanos querier.
pub fn web(w: &World, page: &Page<'_>) -> Result<String, ClusterError> {
    let api = |code: u16| ClusterError::Api { what: format!("get {}", page.url), code, reason: String::new(), message: "no".into() };
    if let Some(rest) = page.url.strip_prefix(THANOS) {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let token = page.bearer.ok_or_else(|| api(401))?;
        assert!(page.ca.contains("BEGIN CERTIFICATE"), "the Route's authority is known");
        return crate::metrics::thanos(w, path, query, token).map(|v| v.to_string()).map_err(api);
    }
    let parts: Vec<&str> = page.url.split('/').collect();
    let ["https:", "", "raw.githubusercontent.com", "kubernetes-sigs", repository, version, .., file] = parts.as_slice() else {
        return Err(api(404));
    };
    let (group, plural) = file.trim_end_matches(".yaml").split_once('_').ok_or_else(|| api(404))?;
    let annotation = if *repository == "gateway-api" { "gateway" } else { "inference" };
    Ok(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{plural}.{group}"), "annotations": {format!("{annotation}.networking.k8s.io/bundle-version"): version},
        },
        "spec": {"group": group, "names": {"plural": plural}, "versions": [{"name": "v1", "served": true}]},
        "status": {"left": "by a generator"},
    })
    .to_string())
}
