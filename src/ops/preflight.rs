//! Can this cluster and this user do it? Every check, its verdict, and the remedy.

use super::facts;
use crate::cluster::{Cluster, ClusterError, Ref};
use crate::metrics::Prometheus;
use crate::report::{Event, Reporter};
use bench_model::plan::{Arm, Plan};
use bench_model::scenario::Provision;
use serde_json::Value;

/// One verdict.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Check {
    pub name: String,
    pub ok: bool,
    pub detail: String,
    /// What to do when it is not ok.
    pub remedy: Option<String>,
}

/// Kinds and verbs that standing up, running and tearing down need in the stack's namespace.
const NAMESPACED: &[(&str, &str)] = &[
    ("ConfigMap", "get,list,create,patch,delete"),
    ("Service", "get,list,create,patch,delete"),
    ("ServiceAccount", "get,create,patch,delete"),
    ("Role", "get,create,patch,delete"),
    ("RoleBinding", "get,create,patch,delete"),
    ("Deployment", "get,list,create,patch,delete"),
    ("Pod", "get,list,create,patch,delete"),
    ("Job", "get,list,create,patch,delete"),
    ("Event", "list"),
    ("HorizontalPodAutoscaler", "get,list,create,patch,delete"),
    ("PodMonitor", "get,create,patch,delete"),
    ("Prometheus", "list"),
];

/// Subresources: (kind, subresource, verb, what for).
const SUBRESOURCES: &[(&str, &str, &str, &str)] = &[
    ("Pod", "exec", "create", "fetch results"),
    ("Pod", "log", "get", "show progress"),
    ("Deployment", "scale", "patch", "set the start replicas"),
    ("Service", "proxy", "get", "ask Prometheus and the endpoint"),
    ("Service", "proxy", "create", "send a completion"),
];

/// Runs all checks and tells each; `true` when every one passed.
pub async fn preflight(cluster: &Cluster, plan: &Plan, report: &Reporter) -> anyhow::Result<Vec<Check>> {
    let mut c = Checks { report, done: vec![] };
    let facts = facts::gather(cluster).await?;
    c.pass("cluster", &format!("{} {}", facts.kubernetes, if facts.openshift { "on OpenShift" } else { "" }));
    if let Err(e) = super::plan::buildable(plan) {
        let hint = crate::failure::classify(&e).1.unwrap_or_default();
        c.fail("scenario", &e.to_string(), &hint);
    } else {
        c.pass("scenario", &format!("{} for {}", plan.scenario.name, plan.scenario.model));
    }
    c.nodes(plan, &facts);
    c.rights(cluster, plan).await?;
    c.crds(cluster, plan).await?;
    match Prometheus::discover(cluster, &plan.scenario.monitoring.prometheus).await {
        Ok(p) => {
            c.pass("Prometheus", &p.url());
            if plan.arm == Arm::Wva {
                match p.ca(cluster).await {
                    Ok(_) if p.at.scheme == "https" => c.pass("Prometheus' certificate", "found; WVA can verify it"),
                    Ok(_) => c.fail(
                        "Prometheus' certificate",
                        "Prometheus answers without TLS",
                        "WVA accepts only https: give Prometheus a web TLS certificate",
                    ),
                    Err(e) => c.fail("Prometheus' certificate", &e.to_string(), &crate::failure::classify(&e).1.unwrap_or_default()),
                }
            }
        }
        Err(e) => c.fail("Prometheus", &e.to_string(), &crate::failure::classify(&e).1.unwrap_or_default()),
    }
    c.external_metrics(cluster, plan).await?;
    c.wva(cluster, plan).await;
    c.others(cluster, plan).await?;
    Ok(c.done)
}

struct Checks<'a> {
    report: &'a Reporter,
    done: Vec<Check>,
}

impl Checks<'_> {
    fn tell(&mut self, name: &str, ok: bool, detail: &str, remedy: Option<&str>) {
        let check = Check { name: name.into(), ok, detail: detail.trim().into(), remedy: remedy.map(Into::into) };
        self.report.emit(Event::Check { name: check.name.clone(), ok, detail: check.detail.clone(), remedy: check.remedy.clone() });
        self.done.push(check);
    }

    fn pass(&mut self, name: &str, detail: &str) {
        self.tell(name, true, detail, None);
    }

    fn fail(&mut self, name: &str, detail: &str, remedy: &str) {
        self.tell(name, false, detail, Some(remedy));
    }

    fn nodes(&mut self, plan: &Plan, facts: &bench_model::plan::ClusterFacts) {
        let wanted: u32 = plan.scenario.model_server.resources.limits.get("nvidia.com/gpu").and_then(|g| g.parse().ok()).unwrap_or(0);
        let gpus: u32 = facts.nodes.iter().map(|n| n.gpus).sum();
        let need = wanted * plan.scenario.scaling.max_replicas;
        if wanted == 0 {
            self.pass("nodes", &format!("{}; no GPU is needed", facts.nodes.len()));
        } else if gpus >= need {
            self.pass("GPUs", &format!("{gpus} allocatable, {need} needed for {} replicas", plan.scenario.scaling.max_replicas));
        } else {
            let remedy = format!("add GPU nodes, or --set scaling.max_replicas={}", gpus / wanted);
            self.fail("GPUs", &format!("{gpus} allocatable, {need} needed for {} replicas", plan.scenario.scaling.max_replicas), &remedy);
        }
    }

    async fn rights(&mut self, cluster: &Cluster, plan: &Plan) -> Result<(), ClusterError> {
        let ns = plan.namespace();
        let mut questions: Vec<(String, &str, &str, &str)> = vec![];
        for (kind, verbs) in NAMESPACED {
            questions.extend(verbs.split(',').map(|v| (format!("{v} {kind}"), v, *kind, "")));
        }
        questions.extend(SUBRESOURCES.iter().map(|(k, sub, v, why)| (format!("{v} {k}/{sub} ({why})"), *v, *k, *sub)));
        if plan.arm == Arm::Wva {
            questions
                .extend(["get", "create", "patch", "delete"].map(|v| (format!("{v} VariantAutoscaling"), v, "VariantAutoscaling", "")));
        }
        if cluster.get(&Ref::new("Namespace", "", ns)).await.unwrap_or(None).is_none() {
            questions.push(("create Namespace".into(), "create", "Namespace", ""));
        }
        let answers = futures::future::join_all(questions.iter().map(|(_, v, k, sub)| cluster.can_i(v, k, ns, sub))).await;
        let mut missing = vec![];
        for ((what, ..), answer) in questions.iter().zip(answers) {
            if !answer? {
                missing.push(what.clone());
            }
        }
        if missing.is_empty() {
            self.pass("rights", &format!("all {} that are needed in namespace {ns}", questions.len()));
        } else {
            self.fail(
                "rights",
                &format!("missing in namespace {ns}: {}", missing.join(", ")),
                "ask a cluster administrator for a Role with these verbs",
            );
        }
        Ok(())
    }

    async fn crds(&mut self, cluster: &Cluster, plan: &Plan) -> Result<(), ClusterError> {
        let mut wanted =
            vec![("PodMonitor", "podmonitors.monitoring.coreos.com"), ("ServiceMonitor", "servicemonitors.monitoring.coreos.com")];
        if plan.arm == Arm::Wva && plan.scenario.wva.mode == Provision::Existing {
            wanted.push(("VariantAutoscaling", "variantautoscalings.llmd.ai"));
        }
        for (kind, name) in wanted {
            match cluster.get(&Ref::new("CustomResourceDefinition", "", name)).await {
                Ok(Some(_)) => self.pass(&format!("CRD {kind}"), name),
                Ok(None) => {
                    self.fail(&format!("CRD {kind}"), "missing", "install the Prometheus operator (kube-prometheus-stack brings it)");
                }
                // Whoever may not read CRDs learns it when the object is made.
                Err(e) if e.is_forbidden() => self.pass(&format!("CRD {kind}"), "not allowed to look; assumed"),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    async fn external_metrics(&mut self, cluster: &Cluster, plan: &Plan) -> Result<(), ClusterError> {
        let name = "external.metrics.k8s.io";
        match cluster.get(&Ref::new("APIService", "", "v1beta1.external.metrics.k8s.io")).await {
            Ok(None) if plan.scenario.adapter.mode == Provision::Existing => {
                self.fail(name, "nobody serves it", "install prometheus-adapter, or --set adapter.mode=auto");
            }
            Ok(None) => self.pass(name, "nobody serves it; bench installs an adapter"),
            Ok(Some(api)) => {
                let service = api.pointer("/spec/service/name").and_then(Value::as_str).unwrap_or_default().to_string();
                if service.contains("keda") {
                    self.fail(
                        name,
                        &format!("KEDA ({service}) serves it"),
                        "KEDA and prometheus-adapter exclude each other; use a cluster without KEDA",
                    );
                } else {
                    self.pass(name, &format!("served by {service}; bench adds its rules"));
                }
            }
            Err(e) if e.is_forbidden() => self.pass(name, "not allowed to look; assumed"),
            Err(e) => return Err(e),
        }
        Ok(())
    }

    async fn wva(&mut self, cluster: &Cluster, plan: &Plan) {
        if plan.arm != Arm::Wva {
            return;
        }
        let helm = cluster.helm();
        match helm.version().await {
            Ok(v) => self.pass("helm", &v),
            Err(e) => return self.fail("helm", &e.to_string(), "install helm 3 and put it on the PATH"),
        }
        let w = &plan.scenario.wva;
        match helm.find(&w.release).await {
            Ok(found) => match (found.first(), w.mode) {
                (None, Provision::Existing) => self.fail("WVA", "no release", "--set wva.mode=install"),
                (None, _) => self.pass("WVA", &format!("not installed; bench installs {} {}", w.chart, w.chart_version)),
                (Some(r), Provision::Install) if r.namespace != w.namespace => {
                    self.fail(
                        "WVA",
                        &format!("another release {} is in namespace {}", r.name, r.namespace),
                        "only one fits a cluster: --set wva.mode=existing uses it",
                    );
                }
                (Some(r), _) => self.pass("WVA", &format!("{} in namespace {} is used", r.chart, r.namespace)),
            },
            Err(e) => self.fail("WVA", &e.to_string(), "helm must be able to list releases"),
        }
    }

    async fn others(&mut self, cluster: &Cluster, plan: &Plan) -> Result<(), ClusterError> {
        let ns = plan.namespace();
        let deployment = plan.deployment();
        let hpas = match cluster.list("HorizontalPodAutoscaler", Some(ns), "").await {
            Ok(h) => h,
            Err(e) if e.is_forbidden() => {
                self.fail("other autoscalers", &e.to_string(), "this user must be able to list HPAs");
                return Ok(());
            }
            Err(e) => return Err(e),
        };
        let foreign = hpas
            .iter()
            .find(|h| h.pointer("/spec/scaleTargetRef/name").and_then(Value::as_str) == Some(&deployment) && !crate::steps::is_ours(h, ns));
        match foreign.and_then(|h| h.pointer("/metadata/name")?.as_str()) {
            Some(name) => {
                self.fail("other autoscalers", &format!("HPA {name} scales {deployment}"), &format!("kubectl -n {ns} delete hpa {name}"));
            }
            None => self.pass("other autoscalers", &format!("none on {deployment}")),
        }
        Ok(())
    }
}
