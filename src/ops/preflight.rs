//! Can this cluster and this user do it? Every check, its verdict, and the remedy.

mod serving;

use super::facts;
use super::rights::{self, Answer, Part, Places};
use crate::cluster::{Cluster, ClusterError, Ref, text_at};
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
    /// Rights that were asked for.
    pub rights: Vec<Answer>,
    pub lines: Vec<String>,
}

impl Check {
    fn new(name: &str, ok: bool, detail: &str, remedy: Option<&str>) -> Self {
        Self { name: name.into(), ok, detail: detail.trim().into(), remedy: remedy.map(Into::into), rights: vec![], lines: vec![] }
    }
}

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
    c.nodes(cluster, plan, &facts).await?;
    c.apis(cluster, plan).await?;
    let mut places = Places { stack: plan.namespace().into(), ..Places::default() };
    let mut there = There::default();
    c.serving(cluster, plan, &mut there).await?;
    if !c.is_to_come(cluster, plan, &mut there).await? {
        c.prometheus(cluster, plan, &mut places).await;
        there.proxied = !(plan.on_openshift() && serving::makes_prometheus(plan));
    }
    c.external_metrics(cluster, plan, &mut places, &mut there).await?;
    c.wva(cluster, plan, &mut places, &mut there).await?;
    c.others(cluster, plan).await?;
    there.namespace = match cluster.get(&Ref::new("Namespace", "", plan.namespace())).await {
        Ok(found) => found.is_some(),
        // Whoever may not look has been given one.
        Err(e) if e.is_forbidden() => true,
        Err(e) => return Err(e.into()),
    };
    c.rights(cluster, plan, &places, &there).await?;
    Ok(c.done)
}

/// Which of the cluster's part need not be made.
#[derive(Debug, Default)]
struct There {
    namespace: bool,
    /// Gateway API, its control plane, a Prometheus.
    platform: bool,
    /// A Prometheus that the API server's proxy is asked for: not OpenShift's, and not one that is to come.
    proxied: bool,
    adapter: bool,
    wva: bool,
}

struct Checks<'a> {
    report: &'a Reporter,
    done: Vec<Check>,
}

impl Checks<'_> {
    fn tell(&mut self, check: Check) {
        self.report.emit(Event::Check {
            name: check.name.clone(),
            ok: check.ok,
            detail: check.detail.clone(),
            remedy: check.remedy.clone(),
            rights: check.rights.clone(),
            lines: check.lines.clone(),
        });
        self.done.push(check);
    }

    fn pass(&mut self, name: &str, detail: &str) {
        self.tell(Check::new(name, true, detail, None));
    }

    fn fail(&mut self, name: &str, detail: &str, remedy: &str) {
        self.tell(Check::new(name, false, detail, Some(remedy)));
    }

    /// Kinds of other people, by discovery.
    async fn apis(&mut self, cluster: &Cluster, plan: &Plan) -> Result<(), ClusterError> {
        let mut wanted = vec!["PodMonitor", "ServiceMonitor"];
        if plan.arm == Arm::Wva && plan.scenario.wva.mode == Provision::Existing {
            wanted.push("VariantAutoscaling");
        }
        for kind in wanted {
            let k = crate::cluster::kind(kind);
            let name = format!("{}.{}", k.plural, k.group);
            if cluster.serves(kind).await? {
                self.pass(&format!("CRD {kind}"), &name);
            } else if kind == "VariantAutoscaling" {
                self.fail(&format!("CRD {kind}"), "missing", "no WVA is installed: --set wva.mode=install");
            } else if serving::makes_prometheus(plan) && !plan.on_openshift() {
                self.pass(&format!("CRD {kind}"), "missing; kube-prometheus-stack, which bench installs, brings it");
            } else {
                self.fail(&format!("CRD {kind}"), "missing", "install the Prometheus operator (kube-prometheus-stack brings it)");
            }
        }
        Ok(())
    }

    async fn prometheus(&mut self, cluster: &Cluster, plan: &Plan, places: &mut Places) {
        let wanted = &plan.scenario.monitoring.prometheus;
        let found = Prometheus::discover(cluster, plan).await;
        // Where the rights must hold, also when it does not answer for want of them.
        let known = |s: &str, auto: &str| if s == "auto" { auto.to_string() } else { s.to_string() };
        places.prometheus = found.as_ref().map_or_else(|_| known(&wanted.namespace, ""), |p| p.at.namespace.clone());
        places.prometheus_name = match &found {
            Ok(p) => format!("{}:{}:{}", p.at.scheme, p.at.service, p.at.port),
            Err(_) if wanted.service == "auto" => String::new(),
            Err(_) => format!("{}:{}:{}", wanted.scheme, wanted.service, wanted.port),
        };
        let failed = |e: &anyhow::Error| crate::failure::classify(e).1.unwrap_or_default();
        match found {
            Ok(p) => {
                self.pass("Prometheus", &p.url());
                if plan.arm != Arm::Wva {
                    return;
                }
                match p.ca(cluster).await {
                    Ok(_) if p.at.scheme == "https" => self.pass("Prometheus' certificate", "found; WVA can verify it"),
                    Ok(_) => self.fail(
                        "Prometheus' certificate",
                        "Prometheus answers without TLS",
                        "WVA accepts only https: give Prometheus a web TLS certificate",
                    ),
                    Err(e) if crate::cluster::is_forbidden(&e) => {
                        self.pass("Prometheus' certificate", "not allowed to look; only whoever installs WVA or an adapter needs it");
                    }
                    Err(e) => self.fail("Prometheus' certificate", &e.to_string(), &failed(&e)),
                }
            }
            Err(e) => self.fail("Prometheus", &e.to_string(), &failed(&e)),
        }
    }

    /// All that the plan may use, part by part: what is missing of the user's own fails, what is missing of the cluster's
    /// part only where that part is not there yet.
    async fn rights(&mut self, cluster: &Cluster, plan: &Plan, places: &Places, there: &There) -> Result<(), ClusterError> {
        let answers = rights::ask(cluster, plan, places).await?;
        // Namespaces of an own adapter and an own WVA are made too.
        let namespaces = there.namespace && (there.adapter || !plan.by_adapter()) && there.wva;
        let ns = plan.namespace();
        let parts = [
            (Part::Stack, format!("rights in namespace {ns}"), true, ""),
            (Part::Served, format!("rights for the GPU stack in namespace {ns}"), true, ""),
            (Part::Adopted, format!("rights for the adopted stack in namespace {ns}"), true, ""),
            (Part::Prometheus, "rights on Prometheus".into(), there.proxied, "not needed, it is not asked through the API server's proxy"),
            (Part::Viewer, "rights to look around".into(), false, "not needed; bench sees less of the cluster without"),
            (Part::Namespaces, "cluster part: namespaces".into(), !namespaces, "not needed, they are there"),
            (Part::Platform, "cluster part: Gateway API and monitoring".into(), !there.platform, "not needed where they are there already"),
            (Part::Adapter, "cluster part: adapter".into(), !there.adapter, "not needed where an adapter serves the metrics already"),
            (Part::Wva, "cluster part: WVA".into(), !there.wva, "not needed where a WVA is at work already; it is used as it is set"),
        ];
        for (part, name, needed, otherwise) in parts {
            let asked: Vec<Answer> = answers.iter().filter(|a| a.part == part).cloned().collect();
            if asked.is_empty() {
                continue;
            }
            let missing: Vec<&Answer> = asked.iter().filter(|a| !a.allowed).collect();
            let (n, of) = (missing.len(), asked.len());
            let mut check = Check::new(&name, n == 0 || !needed, &format!("all {of} held"), None);
            if n > 0 && needed {
                check.detail = format!("{n} of {of} missing");
                let namespace = match part {
                    Part::Stack | Part::Served | Part::Adopted => format!(" -n {ns}"),
                    // Nobody has said yet where it is.
                    Part::Prometheus if places.prometheus.is_empty() => " -n MONITORING-NAMESPACE".into(),
                    Part::Prometheus => format!(" -n {}", places.prometheus),
                    _ => String::new(),
                };
                check.remedy = Some(format!(
                    "an administrator grants them: kubectl apply{namespace} -f docs/rbac/{}, and binds it to you (docs/rbac/README.md)",
                    part.file()
                ));
                check.lines = rights::lines(missing);
            } else if n > 0 {
                check.detail = format!("{n} of {of} missing: {otherwise}");
            }
            check.rights = asked;
            self.tell(check);
        }
        Ok(())
    }

    async fn external_metrics(
        &mut self,
        cluster: &Cluster,
        plan: &Plan,
        places: &mut Places,
        there: &mut There,
    ) -> Result<(), ClusterError> {
        if plan.by_keda() {
            there.adapter = true;
            self.keda(cluster, plan, there).await;
            return Ok(());
        }
        let name = "external.metrics.k8s.io";
        places.adapter.clone_from(&plan.scenario.adapter.namespace);
        match cluster.get(&Ref::new("APIService", "", "v1beta1.external.metrics.k8s.io")).await {
            Ok(None) if plan.scenario.adapter.mode == Provision::Existing => {
                self.fail(name, "nobody serves it", "install prometheus-adapter, or --set adapter.mode=auto");
            }
            Ok(None) => self.pass(name, "nobody serves it; bench installs an adapter"),
            Ok(Some(api)) => {
                let text = |p: &str| text_at(&api, p).to_string();
                let service = text("/spec/service/name");
                places.adapter = text("/spec/service/namespace");
                there.adapter = true;
                if service.contains("keda") {
                    self.fail(
                        name,
                        &format!("KEDA ({service}) serves it"),
                        "KEDA and prometheus-adapter exclude each other; use a cluster without KEDA",
                    );
                } else {
                    self.pass(name, &format!("served by {service}; bench adds its rules, or uses those that are there"));
                }
            }
            Err(e) if e.is_forbidden() => {
                there.adapter = cluster.serves_group(name).await?;
                if there.adapter {
                    self.pass(name, "somebody serves it; its rules must be there (docs/rbac/adapter-rules.yaml)");
                } else {
                    self.fail(name, "nobody serves it", "an administrator installs prometheus-adapter (docs/rbac/README.md)");
                }
            }
            Err(e) => return Err(e),
        }
        Ok(())
    }

    async fn wva(&mut self, cluster: &Cluster, plan: &Plan, places: &mut Places, there: &mut There) -> Result<(), ClusterError> {
        if plan.arm != Arm::Wva {
            there.wva = true;
            return Ok(());
        }
        let w = &plan.scenario.wva;
        places.wva.clone_from(&w.namespace);
        let helm = cluster.helm();
        let found = match helm.find(&w.release).await {
            Ok(found) => found,
            Err(e) if e.is_forbidden() => {
                there.wva = w.mode != Provision::Install && cluster.serves("VariantAutoscaling").await?;
                if there.wva {
                    self.pass(
                        "WVA",
                        "not allowed to look at helm's releases; the API knows VariantAutoscalings, and one that decides is used",
                    );
                } else {
                    self.fail(
                        "WVA",
                        "no WVA to be seen, and helm's releases may not be listed",
                        "an administrator installs it (docs/rbac/README.md)",
                    );
                }
                return Ok(());
            }
            Err(e) => {
                self.fail("WVA", &e.to_string(), "install helm 3 and put it on the PATH; it must be able to list releases");
                return Ok(());
            }
        };
        if let Some(r) = found.first() {
            places.wva.clone_from(&r.namespace);
            there.wva = w.mode != Provision::Install;
        }
        match (found.first(), w.mode) {
            (None, Provision::Existing) => self.fail("WVA", "no release", "--set wva.mode=install"),
            (None, _) => self.pass("WVA", &format!("not installed; bench installs {} {}", w.chart, w.chart_version)),
            (Some(r), _) if w.by_annotations() && r.namespace != w.namespace => {
                self.fail(
                    "WVA",
                    &format!("{} is in namespace {}; bench uses somebody's only of the 0.4 line", r.chart, r.namespace),
                    &format!("remove it, and bench installs its own: helm uninstall {} -n {}", r.name, r.namespace),
                );
            }
            (Some(r), Provision::Install) if r.namespace != w.namespace => {
                self.fail(
                    "WVA",
                    &format!("another release {} is in namespace {}", r.name, r.namespace),
                    "only one fits a cluster: --set wva.mode=existing uses it",
                );
            }
            (Some(r), _) => self.pass("WVA", &format!("{} in namespace {} is used", r.chart, r.namespace)),
        }
        Ok(())
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
