//! What the published stack needs: GPUs, Gateway API, weights, a Prometheus.

use super::{Checks, There};
use crate::cluster::{Cluster, ClusterError, Ref, text_at};
use crate::config::{llmd, manifests};
use crate::ops::capacity;
use crate::steps::{control_plane, keda};
use bench_model::plan::{ClusterFacts, Plan};
use bench_model::scenario::{GatewayKind, Method, Provision};

/// Minor version of Kubernetes, by the plan's facts.
fn minor(plan: &Plan) -> Option<u32> {
    plan.facts.as_ref()?.kubernetes.trim_start_matches('v').split('.').nth(1)?.trim_end_matches('+').parse().ok()
}

/// Does standing up make a Prometheus, or switch one on?
pub(super) fn makes_prometheus(plan: &Plan) -> bool {
    let m = &plan.scenario.monitoring;
    m.stack.mode != Provision::Existing && m.prometheus.namespace == "auto" && m.prometheus.service == "auto"
}

impl Checks<'_> {
    /// GPUs, and memory for the lengths.
    pub(super) async fn nodes(&mut self, cluster: &Cluster, plan: &Plan, facts: &ClusterFacts) -> Result<(), ClusterError> {
        let verdicts = capacity::check(cluster, plan).await?;
        if verdicts.is_empty() {
            self.pass("nodes", &format!("{}; no GPU is needed", facts.nodes.len()));
        }
        for v in verdicts {
            match v.ok {
                true => self.pass(v.what, &v.detail),
                false => self.fail(v.what, &v.detail, &v.remedy),
            }
        }
        Ok(())
    }

    /// Gateway API, its control plane, and what vLLM's weights need.
    pub(super) async fn serving(&mut self, cluster: &Cluster, plan: &Plan, there: &mut There) -> Result<(), ClusterError> {
        let s = &plan.scenario;
        there.platform = true;
        if s.gateway.kind.is_gateway_api() {
            let api = cluster.serves("Gateway").await? && (!s.scheduler.enabled || cluster.serves("InferencePool").await?);
            there.platform &= api;
            let (has, hasnt) = (
                "its kinds are served".to_string(),
                format!("bench makes {} and {}", s.gateway.api.version, s.gateway.inference_api.version),
            );
            self.pass("Gateway API", &if api { has } else { hasnt });
            self.platform("control plane", control_plane::look(cluster, plan).await, there);
        }
        if s.gateway.kind == GatewayKind::Epponly {
            let pools = cluster.serves("InferencePool").await?;
            there.platform &= pools;
            let said = if pools { "InferencePools are served".into() } else { format!("bench makes {}", s.gateway.inference_api.version) };
            self.pass("inference extension", &said);
        }
        if let Some(claim) = llmd::claim(plan) {
            let r = Ref::of(&claim)?;
            let found = cluster.get_if_allowed(&r).await?;
            let w = &s.model_server.weights;
            let detail = match &found {
                Some(o) => format!("{r} is there, {}", text_at(o, "/status/phase")),
                None => format!("bench makes {r}: {} {}", w.size, w.access_mode),
            };
            self.pass("weights", &detail);
        }
        if s.model_server.sidecar.enabled && s.model_server.method == Method::Modelservice && minor(plan).is_some_and(|v| v < 29) {
            self.fail(
                "Kubernetes",
                "the routing sidecar is a container that starts before the others and stays, which Kubernetes knows from 1.29 on",
                "--set model_server.sidecar.enabled=false --set model_server.metrics_port=8000",
            );
        }
        Ok(())
    }

    /// What makes the arm's HPA, where that is KEDA.
    pub(super) async fn keda(&mut self, cluster: &Cluster, plan: &Plan, there: &mut There) {
        self.platform("KEDA", keda::look(cluster, plan).await, there);
    }

    /// What a step says of a part of the platform: whether it is there, or why it cannot be made.
    fn platform(&mut self, part: &'static str, looked: anyhow::Result<(bool, String)>, there: &mut There) {
        match looked {
            Ok((found, said)) => {
                there.platform &= found;
                self.pass(part, &said);
            }
            Err(e) => {
                let hint = crate::failure::classify(&e).1.unwrap_or_default();
                self.fail(part, &e.to_string(), &hint);
            }
        }
    }

    /// `true` when standing up makes one, or what it is asked by.
    pub(super) async fn is_to_come(&mut self, cluster: &Cluster, plan: &Plan, there: &mut There) -> Result<bool, ClusterError> {
        if !makes_prometheus(plan) {
            return Ok(false);
        }
        if plan.on_openshift() {
            let account = Ref::new("ServiceAccount", plan.namespace(), manifests::METRICS_ACCOUNT);
            let to_come = cluster.get_if_allowed(&account).await?.is_none();
            if to_come {
                there.platform = false;
                self.pass("Prometheus", "OpenShift's Thanos querier; it is asked once bench has made an account that may");
            }
            return Ok(to_come);
        }
        let none = match cluster.list("Prometheus", None, "").await {
            Ok(all) => all.is_empty(),
            Err(e) => e.is_not_found(),
        };
        if none {
            there.platform = false;
            let s = &plan.scenario.monitoring.stack;
            self.pass("Prometheus", &format!("none; bench installs {} {} with TLS", s.chart, s.chart_version));
        }
        Ok(none)
    }
}
