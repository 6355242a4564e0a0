//! Helm with the charts of the stack. It writes its release before it makes anything, and is killed with bench.

use crate::charts;
use crate::world::{Id, Release, Server, Silence, World};
use bench::cluster::ClusterError;
use serde_json::{Value, json};

pub const SYSTEM: &str = "workload-variant-autoscaler-system";
const CONTROLLER: &str = "workload-variant-autoscaler-controller-manager";

async fn step<T>(server: &Server, what: &str, act: impl FnOnce(&mut World) -> T) -> Result<T, ClusterError> {
    match server.perform(what, act) {
        Ok(t) => Ok(t),
        Err(Silence::Lost(_)) => Err(ClusterError::Helm("connection reset by peer".into())),
        Err(Silence::Dead(_)) => std::future::pending().await,
    }
}

pub async fn helm(server: &Server, args: &[&str]) -> Result<String, ClusterError> {
    let option = |name: &str| args.iter().skip_while(|a| **a != name).nth(1).copied().unwrap_or_default();
    let ns = option("-n");
    match args {
        ["version", ..] => step(server, "helm version", |_| "v3.19.0".into()).await,
        ["list", ..] => {
            let name = option("--filter").trim_start_matches('^').trim_end_matches('$').to_string();
            step(server, &format!("helm list {name}"), |w| {
                let row = w.releases.get(&name);
                let rows: Vec<Value> = row
                    .map(|r| json!({"name": name, "namespace": r.namespace, "status": r.status, "chart": r.chart}))
                    .into_iter()
                    .collect();
                Value::Array(rows).to_string()
            })
            .await
        }
        ["get", "values", release, ..] => {
            step(server, &format!("helm get values {release}"), |w| {
                // As helm says of one that was given none.
                let given = w.releases.get(*release).filter(|r| r.values != json!({}));
                given.map_or("null".into(), |r| r.values.to_string())
            })
            .await
        }
        ["upgrade", "--install", release, reference, ..] => {
            let chart = reference.rsplit('/').next().unwrap_or_default();
            let text = std::fs::read_to_string(option("-f")).map_err(|e| ClusterError::Helm(e.to_string()))?;
            let values: Value = serde_json::from_str(&text).map_err(|e| ClusterError::Helm(e.to_string()))?;
            let pending = Release {
                namespace: ns.into(),
                status: "pending-install".into(),
                chart: format!("{chart}-{}", option("--version")),
                values: values.clone(),
            };
            let what = format!("helm upgrade {release}: its release");
            let begun = step(server, &what, |w| {
                if w.get("Namespace", "", ns).is_none() {
                    return Err(ClusterError::Helm(format!("namespace {ns} not found")));
                }
                w.wrote(format!("helm upgrade {release}"));
                w.releases.insert((*release).into(), pending);
                Ok(())
            });
            begun.await??;
            step(server, &format!("helm upgrade {release}: its objects"), |w| {
                match charts::objects(chart, release, ns, &values) {
                    Some(objects) => charts::make(w, objects),
                    None => {
                        let interval = values.pointer("/wva/reconcileInterval").and_then(Value::as_str).unwrap_or("60s");
                        install(w, ns, interval);
                    }
                }
                if let Some(r) = w.releases.get_mut(*release) {
                    r.status = "deployed".into();
                }
                String::new()
            })
            .await
        }
        ["uninstall", release, ..] => {
            step(server, &format!("helm uninstall {release}: its objects"), |w| {
                w.wrote(format!("helm uninstall {release}"));
                let found = w.releases.get(*release).cloned();
                if let Some(objects) = found.as_ref().and_then(|r| charts::objects(charts::name(&r.chart), release, ns, &r.values)) {
                    // Charts say that CRDs are kept, but for KEDA's.
                    let kept = |id: &Id| id.kind == "CustomResourceDefinition" && !id.name.ends_with(".keda.sh");
                    for (id, _) in objects.iter().filter(|(id, _)| !kept(id)) {
                        w.delete(id);
                    }
                    if let Some(r) = w.releases.get_mut(*release) {
                        r.status = "uninstalling".into();
                    }
                    return;
                }
                for (kind, name) in [
                    ("Deployment", CONTROLLER),
                    ("ConfigMap", "capacity-scaling-config"),
                    ("ConfigMap", "workload-variant-autoscaler-variantautoscaling-config"),
                ] {
                    w.delete(&Id::new(kind, ns, name));
                }
                if let Some(r) = w.releases.get_mut(*release) {
                    r.status = "uninstalling".into();
                }
            })
            .await?;
            step(server, &format!("helm uninstall {release}: its release"), |w| {
                w.releases.remove(*release);
                String::new()
            })
            .await
        }
        other => Err(ClusterError::Helm(format!("the fake knows no helm {other:?}"))),
    }
}

/// What the chart makes.
pub fn install(w: &mut World, ns: &str, interval: &str) {
    let crd = Id::new("CustomResourceDefinition", "", "variantautoscalings.llmd.ai");
    let labels = json!({"control-plane": "controller-manager", "app.kubernetes.io/name": "workload-variant-autoscaler"});
    // The real one reads it anew before every round: it needs no new pod.
    let config = "workload-variant-autoscaler-variantautoscaling-config";
    let objects = [
        (crd, json!({"metadata": {}, "spec": {"group": "llmd.ai"}})),
        (
            Id::new("ConfigMap", ns, "capacity-scaling-config"),
            json!({"metadata": {}, "data": {"default": "kvCacheThreshold: 0.8\nqueueLengthThreshold: 5\nkvSpareTrigger: 0.1\nqueueSpareTrigger: 3\n"}}),
        ),
        (Id::new("ConfigMap", ns, config), json!({"metadata": {}, "data": {"GLOBAL_OPT_INTERVAL": interval, "other": "kept"}})),
        (
            Id::new("Deployment", ns, CONTROLLER),
            json!({"metadata": {"labels": labels}, "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "manager", "image": "wva"}]},
            }}}),
        ),
    ];
    for (id, object) in objects {
        if w.objects.contains_key(&id) {
            if id.kind == "ConfigMap" {
                let mut now = w.objects[&id].clone();
                now["data"] = object["data"].clone();
                w.update(&id, now);
            }
            continue;
        }
        w.insert(id, object);
    }
}
