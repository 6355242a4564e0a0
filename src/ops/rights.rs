//! Every right that `bench` uses: verb, resource, where, by which command, and why. The one table of them.
//!
//! `preflight` asks the API server about each; `docs/rbac/` holds the same as roles that can be applied, and a test compares
//! the two. Whoever adds a request adds its row here, and its verb there.

mod table;

use crate::cluster::{Access, Cluster, ClusterError};
use bench_model::plan::{Arm, Plan};
use bench_model::scenario::{GatewayKind, PodMonitor, Provision};
use futures::StreamExt;
use std::collections::BTreeMap;

pub use table::TABLE;

/// Questions that are under way at once.
const AT_ONCE: usize = 8;

/// Whose part a right belongs to, and so in which file of `docs/rbac/` it stands and where it must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// In the stack's namespace: whoever uses bench needs it.
    Stack,
    /// In the stack's namespace, for the published stack beside a simulated one: weights, Gateway, scheduler.
    Served,
    /// In the namespace of a stack that somebody else stood up, beside [`Self::Stack`].
    Adopted,
    /// In Prometheus' namespace: whoever uses bench needs it.
    Prometheus,
    /// In the whole cluster, reading only: nobody needs it, it makes bench see more.
    Viewer,
    /// Cluster part: namespaces that bench makes.
    Namespaces,
    /// Cluster part: CRDs and control plane of the Gateway, a Prometheus of bench's own, OpenShift's monitoring.
    Platform,
    /// Cluster part: prometheus-adapter, bench's own or rules in somebody's.
    Adapter,
    /// Cluster part: WVA, bench's own release or settings of somebody's.
    Wva,
}

impl Part {
    /// File in `docs/rbac/` that grants it.
    pub fn file(self) -> &'static str {
        match self {
            Self::Stack => "stack-user.yaml",
            Self::Served => "gpu-stack-user.yaml",
            Self::Adopted => "adopted-stack-user.yaml",
            Self::Platform => "platform-part.yaml",
            Self::Prometheus => "monitoring-reader.yaml",
            Self::Viewer => "cluster-viewer.yaml",
            Self::Namespaces | Self::Adapter | Self::Wva => "cluster-part.yaml",
        }
    }
}

/// For which plans a right is used at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Always,
    /// Arms wva and hpa, by an HPA over prometheus-adapter.
    Adapted,
    /// The same by KEDA.
    Keda,
    /// The same where bench may install KEDA.
    InstallsKeda,
    /// Arm wva.
    Wva,
    /// Arm wva with a VariantAutoscaling, which the 0.4 line has.
    Variant,
    /// Arm wva by way of prometheus-adapter.
    WvaAdapted,
    /// Unless `monitoring.pod_monitor` is `never`.
    PodMonitor,
    /// vLLM that bench deploys.
    Vllm,
    /// Behind a Gateway of the Gateway API.
    GatewayApi,
    /// The same, or with the endpoint picker alone.
    Scheduler,
    /// On OpenShift, unless another Prometheus is named.
    OpenShift,
    /// A stack that was adopted, or is to be.
    Adopted,
    /// Where bench may install or change something for the whole cluster.
    Platform,
}

impl When {
    fn of(self, plan: &Plan) -> bool {
        match self {
            Self::Always => true,
            Self::Adapted => plan.by_adapter(),
            Self::Keda => plan.by_keda(),
            Self::InstallsKeda => plan.by_keda() && plan.scenario.keda.mode != Provision::Existing,
            Self::Wva => plan.arm == Arm::Wva,
            Self::Variant => plan.arm == Arm::Wva && !plan.scenario.wva.by_annotations(),
            Self::WvaAdapted => plan.arm == Arm::Wva && plan.by_adapter(),
            Self::Vllm => plan.scenario.model_server.method.is_vllm(),
            Self::GatewayApi => plan.scenario.gateway.kind.is_gateway_api(),
            Self::Scheduler => plan.scenario.gateway.kind.can_schedule(),
            Self::Adopted => plan.is_adopted(),
            Self::OpenShift => plan.on_openshift() && plan.scenario.monitoring.prometheus.service == "auto",
            Self::Platform => {
                let installs = plan.scenario.gateway.control_plane.mode != Provision::Existing;
                (plan.scenario.gateway.kind.is_gateway_api() && installs)
                    || plan.scenario.gateway.kind == GatewayKind::Epponly
                    || Self::InstallsKeda.of(plan)
                    || plan.scenario.monitoring.stack.mode != Provision::Existing
            }
            Self::PodMonitor => plan.scenario.monitoring.pod_monitor != PodMonitor::Never,
        }
    }
}

/// One row: some verbs on one resource, for one reason.
#[derive(Debug, Clone, Copy)]
pub struct Right {
    pub part: Part,
    pub when: When,
    /// Empty for the core group.
    pub group: &'static str,
    /// With its subresource behind a slash.
    pub resource: &'static str,
    pub verbs: &'static [&'static str],
    /// Only objects of these names; all when empty. [`PROMETHEUS`] stands for Prometheus' Service.
    pub names: &'static [&'static str],
    /// A namespace that is fixed, whatever the part's is.
    pub namespace: Option<&'static str>,
    /// Commands that make such requests.
    pub used_by: &'static [&'static str],
    pub why: &'static str,
}

/// In [`Right::names`]: `SCHEME:SERVICE:PORT`, as the API server's proxy names it.
pub const PROMETHEUS: &str = "https:kube-prometheus-stack-prometheus:9090";

/// Kinds without a namespace, among those of the table.
const CLUSTER_SCOPED: [&str; 11] = [
    "gatewayclasses",
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
    "namespaces",
    "nodes",
    "clusterroles",
    "clusterrolebindings",
    "apiservices",
    "customresourcedefinitions",
    "tokenreviews",
    "subjectaccessreviews",
];

/// Where each part's namespaced rights must hold; empty: in all namespaces.
#[derive(Debug, Clone, Default)]
pub struct Places {
    pub stack: String,
    pub prometheus: String,
    /// Name of its Service as the proxy takes it.
    pub prometheus_name: String,
    pub adapter: String,
    pub wva: String,
}

/// One verb on one resource, asked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Answer {
    pub verb: String,
    /// Empty for the core group.
    pub group: String,
    pub resource: String,
    /// Empty for what has none, and for all.
    pub namespace: String,
    /// Only the object of this name; empty for all.
    pub name: String,
    pub part: Part,
    pub allowed: bool,
    pub used_by: Vec<&'static str>,
    pub why: Vec<&'static str>,
}

impl Answer {
    /// `RESOURCE.GROUP`, and where.
    pub fn place(&self) -> String {
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        let name = if self.name.is_empty() { String::new() } else { format!(" {}", self.name) };
        let bare = self.resource.split('/').next().unwrap_or_default();
        let at = match self.namespace.as_str() {
            "" if bare.is_empty() || CLUSTER_SCOPED.contains(&bare) => "in the cluster".to_string(),
            "" => "in all namespaces".into(),
            ns => format!("in namespace {ns}"),
        };
        format!("{}{group}{name} {at}", self.resource)
    }
}

/// Asks about every verb that this plan may use, each once.
pub async fn ask(cluster: &Cluster, plan: &Plan, places: &Places) -> Result<Vec<Answer>, ClusterError> {
    let questions = questions(plan, places);
    let mut answers: Vec<(usize, Result<Answer, ClusterError>)> = futures::stream::iter(questions.into_iter().enumerate())
        .map(async |(i, mut q)| {
            // A path begins with its slash.
            let (resource, subresource) = match q.resource.split_once('/') {
                Some((r, sub)) if !r.is_empty() => (r, sub),
                _ => (q.resource.as_str(), ""),
            };
            let access = Access { verb: &q.verb, group: &q.group, resource, subresource, namespace: &q.namespace, name: &q.name };
            let allowed = cluster.may(&access).await;
            (
                i,
                allowed.map(|a| {
                    q.allowed = a;
                    q
                }),
            )
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    answers.sort_by_key(|(i, _)| *i);
    answers.into_iter().map(|(_, a)| a).collect()
}

/// The table's rows for a plan, one question for each verb, resource, name and place; reasons of equal questions are put together.
fn questions(plan: &Plan, places: &Places) -> Vec<Answer> {
    let mut out: Vec<Answer> = vec![];
    let mut seen: BTreeMap<(Part, String, String, String, String, String), usize> = BTreeMap::new();
    for r in TABLE.iter().filter(|r| r.when.of(plan)) {
        let bare = r.resource.split('/').next().unwrap_or_default();
        let namespace = match (r.namespace, r.part) {
            _ if CLUSTER_SCOPED.contains(&bare) => "",
            (Some(fixed), _) => fixed,
            (None, Part::Stack | Part::Served | Part::Adopted) => &places.stack,
            (None, Part::Prometheus) => &places.prometheus,
            (None, Part::Viewer | Part::Namespaces | Part::Platform) => "",
            (None, Part::Adapter) => &places.adapter,
            (None, Part::Wva) => &places.wva,
        };
        let names = if r.names.is_empty() { &[""][..] } else { r.names };
        for (verb, name) in r.verbs.iter().flat_map(|v| names.iter().map(move |n| (*v, *n))) {
            let name = if name == PROMETHEUS { places.prometheus_name.as_str() } else { name };
            let key = (r.part, verb.to_string(), r.group.to_string(), r.resource.to_string(), namespace.to_string(), name.to_string());
            match seen.get(&key) {
                Some(i) => {
                    let had = &mut out[*i];
                    had.used_by.extend(r.used_by.iter().filter(|u| !had.used_by.contains(u)).copied().collect::<Vec<_>>());
                    had.why.push(r.why);
                }
                None => {
                    seen.insert(key, out.len());
                    out.push(Answer {
                        verb: verb.into(),
                        group: r.group.into(),
                        resource: r.resource.into(),
                        namespace: namespace.into(),
                        name: name.into(),
                        part: r.part,
                        allowed: false,
                        used_by: r.used_by.to_vec(),
                        why: vec![r.why],
                    });
                }
            }
        }
    }
    out
}

/// What is missing, a line for each resource and reason: `create, patch jobs.batch in namespace x: the load (run)`.
pub fn lines<'a>(missing: impl IntoIterator<Item = &'a Answer>) -> Vec<String> {
    let mut grouped: Vec<(String, String, Vec<&str>)> = vec![];
    for a in missing {
        let (place, why) = (a.place(), format!("{} ({})", a.why.join("; "), a.used_by.join(", ")));
        match grouped.iter_mut().find(|(p, w, _)| *p == place && *w == why) {
            Some((.., verbs)) => verbs.push(&a.verb),
            None => grouped.push((place, why, vec![&a.verb])),
        }
    }
    grouped.into_iter().map(|(place, why, verbs)| format!("{} {place}: {why}", verbs.join(", "))).collect()
}

#[cfg(test)]
#[path = "rights/tests.rs"]
mod tests;
