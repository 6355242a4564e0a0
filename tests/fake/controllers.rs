//! What a cluster does by itself: pods of Deployments and Jobs, states of containers, autoscalers, garbage, namespaces that end.

use crate::world::{Id, World, is_leaving, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Virtual seconds from a pod's making to its running.
const START: f64 = 1.0;
/// Virtual seconds that guidellm works.
pub const LOAD: f64 = 8.0;

fn stamp() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

pub fn ready(pod: &Value) -> bool {
    pod.pointer("/status/conditions/0/status") == Some(&json!("True"))
}

/// Do a pod's labels fit the `matchLabels` or selector of something?
pub fn fits(labels: Option<&Value>, selector: Option<&Value>) -> bool {
    let Some(s) = selector.and_then(Value::as_object) else { return false };
    !s.is_empty() && s.iter().all(|(k, v)| labels.and_then(|l| l.get(k)) == Some(v))
}

/// Does a Job end with the first container that ends with this code?
fn by_its_policy(job: &Value, code: i64) -> bool {
    let rules = job.pointer("/spec/podFailurePolicy/rules").and_then(Value::as_array);
    rules.into_iter().flatten().any(|r| {
        r["action"] == "FailJob" && r.pointer("/onExitCodes/values").and_then(Value::as_array).is_some_and(|v| v.contains(&json!(code)))
    })
}

fn number(v: &Value, path: &str) -> u64 {
    v.pointer(path).and_then(Value::as_u64).unwrap_or(0)
}

impl World {
    /// Lets the controllers work until nothing moves any more at this moment.
    pub fn tick(&mut self) {
        if !self.dirty && self.now() < self.due {
            return;
        }
        self.due = f64::INFINITY;
        for _ in 0..50 {
            self.dirty = false;
            self.leave();
            self.collect_garbage();
            self.deployments();
            self.jobs();
            self.pods();
            self.scaled_objects();
            self.autoscalers();
            self.gateways();
            self.openshifts();
            if !self.dirty {
                return;
            }
        }
        panic!("the controllers do not come to rest");
    }

    /// Lets two minutes pass, so that whatever is leaving by itself has left.
    pub fn rest(&mut self) {
        for _ in 0..12 {
            self.pass(10.0);
            self.dirty = true;
            self.tick();
        }
    }

    /// Has the moment come? If not, it is looked at again then.
    fn at(&mut self, t: f64) -> bool {
        let come = self.now() + 1e-6 >= t;
        if !come {
            self.due = self.due.min(t);
        }
        come
    }

    fn leave(&mut self) {
        for (uid, t) in self.leaves.clone() {
            if !self.at(t) {
                continue;
            }
            let Some(id) = self.objects.iter().find(|(_, o)| text(o, "/metadata/uid") == uid).map(|(id, _)| id.clone()) else {
                self.leaves.remove(&uid);
                continue;
            };
            if self.objects[&id].pointer("/metadata/finalizers").and_then(Value::as_array).is_some_and(|f| !f.is_empty()) {
                continue;
            }
            if id.kind == "Namespace" {
                let inside: Vec<Id> = self.objects.keys().filter(|i| i.ns == id.name).cloned().collect();
                for i in &inside {
                    self.objects.remove(i);
                }
            }
            self.objects.remove(&id);
            self.leaves.remove(&uid);
            self.files.remove(&uid);
            self.dirty = true;
        }
    }

    fn collect_garbage(&mut self) {
        let uids: BTreeSet<&str> = self.objects.values().map(|o| text(o, "/metadata/uid")).collect();
        let orphan = |o: &Value| {
            let owners = o.pointer("/metadata/ownerReferences").and_then(Value::as_array).cloned().unwrap_or_default();
            !owners.is_empty() && owners.iter().all(|r| !uids.contains(text(r, "/uid")))
        };
        let orphans: Vec<Id> = self.objects.iter().filter(|(_, o)| orphan(o) && !is_leaving(o)).map(|(id, _)| id.clone()).collect();
        for id in orphans {
            self.delete(&id);
        }
        let alive: BTreeSet<String> = self.objects.values().map(|o| text(o, "/metadata/uid").to_string()).collect();
        self.gauges.retain(|(pod, ..), _| alive.contains(pod));
    }

    pub fn pods_of(&self, uid: &str) -> Vec<(Id, Value)> {
        let owned = |o: &Value| text(o, "/metadata/ownerReferences/0/uid") == uid;
        self.of_kind("Pod").filter(|(_, o)| owned(o)).map(|(i, o)| (i.clone(), o.clone())).collect()
    }

    fn make_pod(&mut self, owner: &Value, prefix: &str, extra: &[(&str, &str)]) {
        let ns = text(owner, "/metadata/namespace").to_string();
        let name = format!("{prefix}-{:05}", self.next());
        let mut labels = owner.pointer("/spec/template/metadata/labels").cloned().unwrap_or_else(|| json!({}));
        for (k, v) in extra {
            labels[*k] = json!(v);
        }
        let mut spec = owner.pointer("/spec/template/spec").cloned().unwrap_or_default();
        spec["nodeName"] = json!("node-1");
        let reference = json!([{"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"], "controller": true}]);
        let pod = json!({"metadata": {"labels": labels, "ownerReferences": reference}, "spec": spec, "status": {"phase": "Pending"}});
        self.insert(Id::new("Pod", &ns, &name), pod);
    }

    fn deployments(&mut self) {
        let all: Vec<(Id, Value)> = self.of_kind("Deployment").map(|(i, o)| (i.clone(), o.clone())).collect();
        for (id, d) in all {
            let hash = bench_model::names::sha256_hex(d["spec"]["template"].to_string().as_bytes())[..8].to_string();
            let wanted = number(&d, "/spec/replicas") as usize;
            let pods = self.pods_of(text(&d, "/metadata/uid"));
            let here: Vec<&(Id, Value)> = pods.iter().filter(|(_, p)| !is_leaving(p)).collect();
            let (new, old): (Vec<_>, Vec<_>) =
                here.into_iter().partition(|(_, p)| p["metadata"]["labels"]["pod-template-hash"] == hash.as_str());
            for _ in new.len()..wanted {
                self.make_pod(&d, &format!("{}-{hash}", id.name), &[("pod-template-hash", &hash)]);
            }
            for (i, _) in new.iter().skip(wanted).chain(&old) {
                self.delete(i);
            }
            let ready = new.iter().filter(|(_, p)| ready(p)).count();
            let status = json!({"observedGeneration": d["metadata"]["generation"], "replicas": new.len() + old.len(),
                "readyReplicas": ready, "updatedReplicas": new.len(), "availableReplicas": ready});
            self.status(&id, status);
        }
    }

    fn jobs(&mut self) {
        let all: Vec<(Id, Value)> = self.of_kind("Job").map(|(i, o)| (i.clone(), o.clone())).collect();
        for (id, j) in all {
            let uid = text(&j, "/metadata/uid").to_string();
            if self.podded.insert(uid.clone()) {
                self.make_pod(&j, &id.name, &[("job-name", &id.name), ("batch.kubernetes.io/job-name", &id.name)]);
            }
            let status = match self.pods_of(&uid).first().map(|(_, p)| text(p, "/status/phase").to_string()).as_deref() {
                Some("Succeeded") => json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}),
                Some("Failed") if by_its_policy(&j, 3) => {
                    let message = format!(
                        "Container download for pod {}/{} failed with exit code 3 matching FailJob rule at index 0",
                        id.ns, id.name
                    );
                    let c = json!({"type": "Failed", "status": "True", "reason": "PodFailurePolicy", "message": message});
                    json!({"failed": 1, "conditions": [c]})
                }
                Some("Failed") | None => json!({"failed": 1, "conditions": [{"type": "Failed", "status": "True"}]}),
                Some(_) => json!({"active": 1}),
            };
            self.status(&id, status);
        }
    }

    pub fn status(&mut self, id: &Id, status: Value) {
        if let Some(mut o) = self.objects.get(id).cloned() {
            o["status"] = status;
            self.update(id, o);
        }
    }

    fn pods(&mut self) {
        let all: Vec<(Id, Value)> = self.of_kind("Pod").map(|(i, o)| (i.clone(), o.clone())).collect();
        for (id, p) in all {
            let uid = text(&p, "/metadata/uid").to_string();
            let born = self.born.get(&uid).copied().unwrap_or_default();
            let phase = text(&p, "/status/phase");
            if matches!(phase, "Succeeded" | "Failed") || !self.at(born + START) {
                continue;
            }
            if phase != "Running" {
                if self.waits_for_a_volume(&p) {
                    continue;
                }
                let names: Vec<&str> = p["spec"]["containers"].as_array().into_iter().flatten().map(|c| text(c, "/name")).collect();
                let states: Vec<Value> = names
                    .iter()
                    .map(|n| {
                        json!({"name": n, "ready": true, "restartCount": 0, "image": format!("image of {n}"),
                        "imageID": format!("sha256:{n}"), "state": {"running": {"startedAt": stamp()}}})
                    })
                    .collect();
                self.status(
                    &id,
                    json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": states}),
                );
                let text = self.config_of(&p);
                self.loaded.insert(uid, text);
                continue;
            }
            self.work(&id, &p, born + START);
        }
    }

    /// Does it mount a claim that has no volume yet? The scheduler leaves such a pod where it is.
    fn waits_for_a_volume(&self, pod: &Value) -> bool {
        let volumes = pod.pointer("/spec/volumes").and_then(Value::as_array).into_iter().flatten();
        let claims = volumes.map(|v| text(v, "/persistentVolumeClaim/claimName")).filter(|n| !n.is_empty());
        let mut found = claims.filter_map(|n| self.get("PersistentVolumeClaim", text(pod, "/metadata/namespace"), n));
        found.any(|c| text(c, "/status/phase") == "Pending")
    }

    /// What the ConfigMaps that a pod mounts say now.
    pub fn config_of(&self, pod: &Value) -> String {
        let volumes = pod.pointer("/spec/volumes").and_then(Value::as_array).cloned().unwrap_or_default();
        let names = volumes.iter().map(|v| text(v, "/configMap/name")).filter(|n| !n.is_empty());
        names.filter_map(|n| self.get("ConfigMap", text(pod, "/metadata/namespace"), n)).map(|m| m["data"].to_string()).collect()
    }

    fn autoscalers(&mut self) {
        let controller = self
            .of_kind("Pod")
            .find(|(_, p)| p["metadata"]["labels"]["control-plane"] == "controller-manager" && ready(p) && !is_leaving(p))
            .map(|(_, p)| text(p, "/metadata/uid").to_string());
        let variants: Vec<(Id, Value)> = self.of_kind("VariantAutoscaling").map(|(i, o)| (i.clone(), o.clone())).collect();
        for (id, _) in variants {
            let replicas = self.get("Deployment", &id.ns, &id.name).map_or(0, |d| number(d, "/status/readyReplicas"));
            let scraped = self.of_kind("PodMonitor").any(|(i, _)| i.ns == id.ns);
            if let Some(c) = controller.as_ref().filter(|_| replicas > 0 && scraped) {
                self.status(&id, json!({"desiredOptimizedAlloc": {"accelerator": "H100", "numReplicas": replicas}}));
                if self.gauges.insert((c.clone(), id.ns.clone(), id.name.clone()), replicas) != Some(replicas) {
                    self.dirty = true;
                }
            }
        }
        self.annotated(controller.as_deref());
        let hpas: Vec<(Id, Value)> = self.of_kind("HorizontalPodAutoscaler").map(|(i, o)| (i.clone(), o.clone())).collect();
        for (id, h) in hpas {
            let born = self.born.get(text(&h, "/metadata/uid")).copied().unwrap_or_default();
            if !self.at(born + 0.5) {
                continue;
            }
            let mut current = vec![];
            for m in h["spec"]["metrics"].as_array().into_iter().flatten() {
                let labels = m.pointer("/external/metric/selector/matchLabels").and_then(Value::as_object).cloned().unwrap_or_default();
                let selector: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
                let value = crate::metrics::external(self, &id.ns, text(m, "/external/metric/name"), &selector.join(","));
                if value.is_ok_and(|v| !v["items"].as_array().is_none_or(Vec::is_empty)) {
                    current.push(
                        json!({"type": "External", "external": {"metric": m["external"]["metric"], "current": {"averageValue": "0"}}}),
                    );
                }
            }
            let active = current.len() == h["spec"]["metrics"].as_array().map_or(0, Vec::len);
            let replicas = self.get("Deployment", &id.ns, text(&h, "/spec/scaleTargetRef/name")).map_or(0, |d| number(d, "/spec/replicas"));
            self.due = self.due.min(self.now() + 1.0);
            self.status(
                &id,
                json!({"currentReplicas": replicas, "desiredReplicas": replicas, "currentMetrics": current,
                    "conditions": [{"type": "ScalingActive", "status": if active { "True" } else { "False" }, "message": "by the fake"}]}),
            );
        }
    }
}
