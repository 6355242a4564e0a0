//! KEDA and the newest llm-d: whole cycles, with KEDA of somebody's and of bench's own.

use crate::controllers::ready;
use crate::cycle::{every_call, leaves_nothing, undisturbed};
use crate::lab::{End, Lab, Op, plan, scenario};
use crate::setting::{self, STACK};
use crate::world::{Id, Release, World, is_leaving, text};
use bench_model::plan::Arm;
use serde_json::{Value, json};

const FINALIZER: &str = "finalizer.keda.sh";

impl World {
    /// What KEDA's operator does: its certificate; an HPA of each ScaledObject, with its labels and annotations, and a finalizer on it.
    pub fn scaled_objects(&mut self) {
        let at_work = |p: &Value| p["metadata"]["labels"]["app"] == "keda-operator" && ready(p) && !is_leaving(p);
        let Some(ns) = self.of_kind("Pod").find(|(_, p)| at_work(p)).map(|(i, _)| i.ns.clone()) else { return };
        let certificate = Id::new("Secret", &ns, "kedaorg-certs");
        if !self.objects.contains_key(&certificate) {
            // As its chart's, but no object of helm's: it stays when that is uninstalled.
            self.insert(certificate, json!({"metadata": {"labels": {"app": "keda-operator"}}}));
        }
        let all: Vec<(Id, Value)> = self.of_kind("ScaledObject").map(|(i, o)| (i.clone(), o.clone())).collect();
        for (id, mut o) in all {
            if is_leaving(&o) {
                o["metadata"]["finalizers"] = json!([]);
                self.update(&id, o);
                continue;
            }
            if o["metadata"]["finalizers"] != json!([FINALIZER]) {
                o["metadata"]["finalizers"] = json!([FINALIZER]);
                self.update(&id, o.clone());
            }
            let config = &o["spec"]["advanced"]["horizontalPodAutoscalerConfig"];
            let hpa = Id::new("HorizontalPodAutoscaler", &id.ns, text(config, "/name"));
            let triggers = o["spec"]["triggers"].as_array().cloned().unwrap_or_default();
            let metric = |(i, t): (usize, &Value)| {
                json!({"type": "External", "external": {
                    "metric": {"name": format!("s{i}-prometheus"), "selector": {"matchLabels": {"scaledobject.keda.sh/name": id.name}}},
                    "target": {"type": "AverageValue", "averageValue": t["metadata"]["threshold"]}}})
            };
            let spec = json!({"scaleTargetRef": o["spec"]["scaleTargetRef"], "minReplicas": o["spec"]["minReplicaCount"],
                "maxReplicas": o["spec"]["maxReplicaCount"], "behavior": config["behavior"],
                "metrics": triggers.iter().enumerate().map(metric).collect::<Vec<_>>()});
            let owner = json!([{"apiVersion": o["apiVersion"], "kind": o["kind"], "name": id.name, "uid": o["metadata"]["uid"],
                "controller": true}]);
            let meta = json!({"labels": o["metadata"]["labels"], "annotations": o["metadata"]["annotations"], "ownerReferences": owner});
            match self.objects.get(&hpa).cloned() {
                None => drop(self.insert(hpa, json!({"metadata": meta, "spec": spec}))),
                Some(mut now) => {
                    now["spec"] = spec;
                    self.update(&hpa, now);
                }
            }
            self.status(&id, json!({"conditions": [{"type": "Ready", "status": "True"}], "hpaName": text(config, "/name")}));
        }
    }

    /// What WVA 0.8 does: it decides about what is annotated, and sees only metrics that say whose they are.
    pub fn annotated(&mut self, controller: Option<&str>) {
        let all: Vec<(Id, Value)> = self.of_kind("ScaledObject").map(|(i, o)| (i.clone(), o.clone())).collect();
        for (id, o) in all.iter().filter(|(_, o)| !is_leaving(o) && o["metadata"]["annotations"]["llm-d.ai/managed"] == "true") {
            let replicas = crate::metrics::attributed(self, &id.ns, &id.name).len() as u64;
            let Some(c) = controller.filter(|_| replicas > 0 && !text(o, "/metadata/annotations/llm-d.ai~1model-id").is_empty()) else {
                continue;
            };
            if self.gauges.insert((c.into(), id.ns.clone(), id.name.clone()), replicas) != Some(replicas) {
                self.dirty = true;
            }
        }
    }
}

/// The newest llm-d where nothing is; bench brings KEDA too.
fn empty() -> World {
    let mut w = setting::empty();
    w.scenario = ("optimized-baseline", vec!["model_server.weights.source=hub".into(), "keda.mode=auto".into(), "wva.mode=install".into()]);
    w
}

/// The same on OpenShift, with somebody's KEDA.
fn openshift() -> World {
    let mut w = setting::openshift();
    w.scenario = ("optimized-baseline", vec!["wva.mode=install".into()]);
    w.insert(Id::new("Namespace", "", "openshift-keda"), json!({"metadata": {}}));
    let objects = crate::charts::objects("keda", "theirs", "openshift-keda", &json!({})).expect("a chart");
    crate::charts::make(&mut w, objects);
    setting::rest(&mut w);
    w
}

#[test]
fn a_cycle_of_the_newest_where_nothing_is_leaves_nothing() {
    let course = undisturbed(empty());
    leaves_nothing(&course);
    let w = course.before[1].server.world();
    let releases: Vec<String> = w.releases.keys().cloned().collect();
    assert_eq!(releases.len(), 4, "KEDA, kube-prometheus-stack, the router, WVA: {releases:?}");
    for kind in ["Gateway", "HTTPRoute", "VariantAutoscaling"] {
        assert_eq!(w.of_kind(kind).count(), 0, "{kind}");
    }
    drop(w);
    let crds =
        |k: usize| course.before[k].server.world().of_kind("CustomResourceDefinition").map(|(i, _)| i.name.clone()).collect::<Vec<_>>();
    assert!(crds(1).iter().any(|c| c == "inferencepools.inference.networking.k8s.io") && !crds(1).iter().any(|c| c.contains("gateways")));
    assert_eq!(crds(4).into_iter().filter(|c| !crds(0).contains(c)).collect::<Vec<_>>(), ["variantautoscalings.llmd.ai"]);
}

#[test]
fn each_arm_has_one_scaler_and_kedas_hpa_under_the_name_that_it_has_without() {
    let course = undisturbed(openshift());
    leaves_nothing(&course);
    for (k, scaled, hpa) in [(1, "-decode", "vllm-deployment-hpa"), (3, "vllm-deployment-hpa-manual", "vllm-deployment-hpa-manual")] {
        let w = course.before[k].server.world();
        let names = |kind| w.of_kind(kind).map(|(i, _)| i.name.clone()).collect::<Vec<_>>();
        let all = names("ScaledObject");
        assert!(all.len() == 1 && all[0].ends_with(scaled), "{all:?}");
        assert_eq!(names("HorizontalPodAutoscaler"), [hpa]);
        assert!(w.get("TriggerAuthentication", STACK, "llmd-bench-prometheus").is_some());
    }
    let end = course.before[4].server.world();
    assert!(end.get("Deployment", "openshift-keda", "keda-operator").is_some(), "somebody's KEDA stays");
    assert!(end.get("CustomResourceDefinition", "", "scaledobjects.keda.sh").is_some());
}

#[test]
fn the_newest_with_every_fault_where_nothing_is() {
    every_call(empty(), |op| op != Op::Run, 101);
}

#[test]
fn the_newest_with_every_fault_on_openshift() {
    every_call(openshift(), |_| true, 101);
}

fn refused(world: World, arm: Arm) -> String {
    let lab = Lab::new(world);
    match lab.process(Op::Standup(arm)) {
        End::Failed(e) => e,
        End::Done => panic!("it must not stand"),
        End::Killed => panic!("nobody kills it"),
    }
}

#[test]
fn without_keda_nothing_scales_and_that_is_said() {
    let mut w = empty();
    w.scenario.1.retain(|s| s != "keda.mode=auto");
    let e = refused(w, Arm::Hpa);
    assert!(e.contains("KEDA is not installed") && e.contains("scaledobjects.keda.sh"), "{e}");
}

#[test]
fn somebody_elses_external_metrics_are_told_before_anything_is_made() {
    let mut w = setting::furnished();
    w.scenario = ("", vec!["scaling.by=keda".into(), "keda.mode=auto".into()]);
    let lab = Lab::new(w);
    let End::Failed(e) = lab.process(Op::Standup(Arm::Hpa)) else { panic!("KEDA's HPAs would have no numbers") };
    assert!(e.contains("monitoring/prometheus-adapter") && e.contains("not by KEDA"), "{e}");
    assert_eq!(lab.server.world().writes, Vec::<String>::new(), "no model server is loaded for it");
}

#[test]
fn somebodys_wva_of_another_line_is_to_be_removed_and_not_used() {
    let mut w = openshift();
    let theirs = Release {
        namespace: "theirs".into(),
        status: "deployed".into(),
        chart: "workload-variant-autoscaler-0.4.2".into(),
        values: json!({}),
    };
    w.releases.insert("workload-variant-autoscaler".into(), theirs);
    let lab = Lab::new(w);
    let hint = std::sync::Mutex::new(String::new());
    let of = scenario(lab.server.world().scenario.clone());
    let end = lab.process_of(async |session| {
        let plan = plan(session, of.clone(), Arm::Wva).await?;
        let done = bench::ops::standup::standup(session, plan).await.map(drop);
        if let Err(e) = &done {
            *hint.lock().unwrap() = bench::failure::classify(e).1.unwrap_or_default();
        }
        done
    });
    let End::Failed(e) = end else { panic!("two of them would publish one gauge") };
    assert!(e.contains("0.4 line"), "{e}");
    let hint = hint.into_inner().unwrap();
    assert!(hint.contains("helm uninstall workload-variant-autoscaler -n theirs") && !hint.contains("wva.mode=existing"), "{hint}");
}

#[test]
fn an_arm_that_wva_does_not_see_is_not_called_alive() {
    let mut w = openshift();
    w.wva_is_blind = true;
    let e = refused(w, Arm::Wva);
    assert!(e.contains("takes no metric of the model servers") && e.contains("never scale"), "{e}");
}

#[test]
fn somebodys_scaled_object_keeps_benchs_keda() {
    let lab = Lab::new(empty());
    assert_eq!(lab.until_done(Op::Standup(Arm::Hpa)), Ok(()));
    let theirs = Id::new("ScaledObject", "somebody", "web");
    lab.server.world().insert(theirs.clone(), json!({"metadata": {}, "spec": {"scaleTargetRef": {"name": "web"}, "triggers": []}}));
    let End::Failed(e) = lab.process(Op::Teardown) else { panic!("its CRDs would take somebody's object along") };
    assert!(e.contains("not complete"), "{e}");
    let w = lab.server.world();
    assert!(w.objects.contains_key(&theirs) && w.get("Deployment", "keda", "keda-operator").is_some());
}

fn without_benchs_monitor() -> World {
    let mut w = openshift();
    w.scenario.1.push("monitoring.pod_monitor=never".into());
    w
}

/// What selects by another label or port brings no samples: told, and nothing is scaled by numbers that are not there.
#[test]
fn model_servers_that_nobody_scrapes_are_named() {
    let e = refused(without_benchs_monitor(), Arm::Hpa);
    assert!(e.contains("waiting for Prometheus to scrape every model server") && e.contains("no sample yet of"), "{e}");
}

/// Scraped by somebody's monitor, which leaves out the label that the query goes by.
#[test]
fn metrics_without_the_label_that_scaling_goes_by_are_told() {
    let mut w = without_benchs_monitor();
    w.insert(
        Id::new("PodMonitor", STACK, "theirs"),
        json!({"metadata": {}, "spec": {
        "selector": {"matchLabels": {"llm-d.ai/role": "decode"}}, "podMetricsEndpoints": [{"port": "http"}]}}),
    );
    let e = refused(w, Arm::Wva);
    assert!(e.contains("no metric of the model servers has llm_d_ai_variant=") && e.contains("-decode"), "{e}");
}
