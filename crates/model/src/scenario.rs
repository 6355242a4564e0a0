//! The scenario: the stack under test, with every version pinned. `scenarios/*.yaml` are its files.
//!
//! Every key is required in the resolved form; `scenarios/inference-scheduling.yaml` sets them all and other
//! scenarios extend it. So that file, and no code, holds the defaults.

use crate::existing::Existing;
use crate::judgement::GoalTerms;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A resolved scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub schema_version: u32,
    pub name: String,
    pub description: String,
    /// Namespace of the model server, the autoscaler objects and the load.
    pub namespace: String,
    /// Model as served, e.g. `Qwen/Qwen3-0.6B`; its label values and metrics carry this name.
    pub model: String,
    pub model_server: ModelServer,
    pub gateway: Gateway,
    pub scheduler: Scheduler,
    pub monitoring: Monitoring,
    pub adapter: Adapter,
    pub wva: Wva,
    pub scaling: Scaling,
    pub hpa: Hpa,
    /// Only with `scaling.by: keda`.
    #[serde(default)]
    pub keda: Keda,
    pub reset: Reset,
    pub load: LoadSettings,
    pub recording: Recording,
    /// By what its runs are judged, unless an experiment or the command line says otherwise.
    #[serde(default)]
    pub goal: GoalTerms,
    /// A stack that somebody else stood up: what `bench adopt` or `bench run --endpoint` found. No file sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<Existing>,
}

/// An image, and whether the published experiment names this very version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// `registry/repository:tag` or `…@sha256:…`.
    pub name: String,
    pub pinned: Pinned,
}

impl Image {
    /// The name without a digest that follows a tag: what people and patterns call it.
    #[must_use]
    pub fn tagged(&self) -> &str {
        match self.name.split_once('@') {
            Some((name, _)) if name.rsplit('/').next().is_some_and(|last| last.contains(':')) => name,
            _ => &self.name,
        }
    }
}

/// Where a version comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Pinned {
    /// The published experiment names it.
    Published,
    /// It was not published; this one was chosen.
    #[default]
    Chosen,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ModelServer {
    pub method: Method,
    pub image: Image,
    /// Port of the OpenAI API in the pod.
    pub port: u16,
    /// Port of `/metrics` in the pod.
    pub metrics_port: u16,
    /// Arguments after `--model` and `--port`, which bench sets.
    pub args: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub resources: Resources,
    /// Seconds a terminating pod has to finish its requests.
    pub termination_grace_s: u32,
    /// Seconds a pod may take from scheduled to ready.
    pub start_timeout_s: u32,
    pub readiness_period_s: u32,
    /// llm-d's routing sidecar before vLLM; only for `method: modelservice`.
    #[serde(default)]
    pub sidecar: Sidecar,
    /// GPU that the pods are bound to: `auto` takes what the nodes' labels say, empty binds them to none, anything else is the
    /// very value of such a label.
    #[serde(default)]
    pub accelerator: String,
    #[serde(default)]
    pub weights: Weights,
    /// Is a stack refused for which there are too few GPUs, or too little memory?
    #[serde(default)]
    pub check_capacity: bool,
    /// Kubernetes quantity of `/dev/shm`; empty leaves the runtime's own.
    #[serde(default)]
    pub shared_memory: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Sidecar {
    pub enabled: bool,
    pub image: Image,
}

/// Where vLLM has the model from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Weights {
    pub source: WeightsSource,
    /// Name of the PersistentVolumeClaim; made when there is none.
    pub claim: String,
    /// Kubernetes quantity of a claim that is made.
    pub size: String,
    /// Of a claim that is made; empty is the cluster's default.
    pub storage_class: String,
    /// `ReadWriteMany`, unless one node has all replicas.
    pub access_mode: String,
    /// Seconds that the download may take.
    pub download_timeout_s: u32,
    /// Secret with the Hub's token under key `HF_TOKEN`; made from the environment's `HF_TOKEN` when there is none.
    pub token_secret: String,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            source: WeightsSource::Hub,
            claim: String::new(),
            size: String::new(),
            storage_class: String::new(),
            access_mode: String::new(),
            download_timeout_s: 2400,
            token_secret: String::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum WeightsSource {
    /// Downloaded once by a Job into a PersistentVolumeClaim that all replicas mount.
    Pvc,
    /// Every pod downloads them for itself.
    Hub,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// llm-d-inference-sim as a plain Deployment; no GPU, no gateway, no scheduler.
    Simulator,
    /// vLLM with llm-d's names, labels, ports and routing sidecar, as the llm-d modelservice chart deploys it.
    Modelservice,
    /// vLLM alone, without a sidecar.
    Standalone,
    /// A Deployment of the plan's name that somebody made; bench makes none, and scales it.
    Existing,
}

impl Method {
    /// Does bench make the Deployment, with vLLM in it?
    pub fn is_vllm(self) -> bool {
        matches!(self, Self::Modelservice | Self::Standalone)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Resources {
    #[serde(default)]
    pub requests: BTreeMap<String, String>,
    #[serde(default)]
    pub limits: BTreeMap<String, String>,
}

impl Resources {
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.limits.is_empty()
    }
}

/// What stands between the load and the model servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    pub kind: GatewayKind,
    pub image: Image,
    /// Port of the Service that the load is sent to.
    pub port: u16,
    /// HAProxy's `balance` word; only for `kind: haproxy`.
    pub balance: String,
    /// Name of the Gateway; only for Gateway API's kinds, as all that follows.
    #[serde(default)]
    pub name: String,
    /// Type of the Gateway's Service: `ClusterIP`, `NodePort` or `LoadBalancer`.
    #[serde(default)]
    pub service_type: String,
    /// Of the proxy.
    #[serde(default)]
    pub log_level: String,
    /// Of the proxy.
    #[serde(default)]
    pub resources: Resources,
    #[serde(default)]
    pub control_plane: ControlPlane,
    /// CRDs of the Gateway API.
    #[serde(default)]
    pub api: CrdBundle,
    /// CRDs of the Gateway API's inference extension.
    #[serde(default)]
    pub inference_api: CrdBundle,
}

/// What carries a Gateway out: Istio or kgateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ControlPlane {
    /// `auto`: one of this very version is used, none is installed, another version is refused; `existing`: whatever version.
    pub mode: Provision,
    pub version: String,
    pub namespace: String,
    /// Repository (`https://…`, `oci://…`) or local directory with its charts.
    pub charts: String,
}

impl Default for ControlPlane {
    fn default() -> Self {
        Self { mode: Provision::Existing, version: String::new(), namespace: String::new(), charts: String::new() }
    }
}

/// A set of CRDs of one version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CrdBundle {
    pub version: String,
    /// Directory, local or behind `https://`, with a file `GROUP_PLURAL.yaml` a CRD; `{version}` stands for the version.
    pub crds: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum GatewayKind {
    /// A request-level proxy in front of the pods of a headless Service.
    Haproxy,
    /// Gateway API on Istio with llm-d's endpoint picker.
    Istio,
    /// Gateway API on kgateway with llm-d's endpoint picker.
    Kgateway,
    /// No Gateway: llm-d's endpoint picker has an Envoy beside it, and its Service is the endpoint.
    Epponly,
    /// A Service straight on the model servers.
    None,
}

impl GatewayKind {
    /// Is it a Gateway of the Gateway API?
    pub fn is_gateway_api(self) -> bool {
        matches!(self, Self::Istio | Self::Kgateway)
    }

    /// Does llm-d's endpoint picker work behind it, or as it?
    pub fn can_schedule(self) -> bool {
        self.is_gateway_api() || self == Self::Epponly
    }
}

/// llm-d's inference scheduler (endpoint picker). Only used behind a Gateway API gateway, or as `epponly`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Scheduler {
    pub enabled: bool,
    pub image: Image,
    pub chart: String,
    pub chart_version: String,
    /// An EndpointPickerConfig in YAML; empty: the chart's own.
    #[serde(default)]
    pub plugins: String,
    /// A ServiceMonitor of its metrics, with a token to read them.
    #[serde(default)]
    pub monitoring: bool,
    /// Of the picker's container; empty: the chart's own. Left out when empty, so that older plans keep their hashes.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub resources: Resources,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Monitoring {
    pub prometheus: PrometheusRef,
    pub pod_monitor: PodMonitor,
    /// Seconds between two scrapes of a model server; used for bench's own PodMonitor and to judge gaps.
    pub scrape_interval_s: u32,
    #[serde(default)]
    pub stack: MonitoringStack,
}

/// A Prometheus of bench's own where there is none: kube-prometheus-stack, or OpenShift's user-workload monitoring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MonitoringStack {
    /// `auto`: installed (OpenShift: switched on) when there is none; `existing`: never.
    pub mode: Provision,
    pub release: String,
    pub namespace: String,
    pub chart: String,
    pub chart_version: String,
}

impl Default for MonitoringStack {
    fn default() -> Self {
        Self {
            mode: Provision::Existing,
            release: String::new(),
            namespace: String::new(),
            chart: String::new(),
            chart_version: String::new(),
        }
    }
}

/// Where Prometheus answers. `auto` discovers: the `Prometheus` objects of the cluster and their Services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PrometheusRef {
    /// Namespace, or `auto`.
    pub namespace: String,
    /// Service, or `auto`.
    pub service: String,
    pub port: u16,
    /// `https` (WVA accepts nothing else) or `http`.
    pub scheme: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PodMonitor {
    /// Make one only when nothing scrapes the pods already.
    Auto,
    Always,
    Never,
}

/// Use what is there, make our own, or decide by looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Provision {
    /// Use an existing one, else install.
    Auto,
    /// It must exist already; bench adds marked parts and removes just these.
    Existing,
    /// Bench installs its own; an existing foreign one is refused.
    Install,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    pub mode: Provision,
    pub image: Image,
    /// Namespace for an own adapter.
    pub namespace: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Wva {
    pub mode: Provision,
    pub release: String,
    pub namespace: String,
    /// `oci://…` reference or a local directory.
    pub chart: String,
    pub chart_version: String,
    pub image: Image,
    /// Seconds between two decisions (GLOBAL_OPT_INTERVAL).
    pub interval_s: u32,
    /// Value of the VariantAutoscaling's accelerator label, at least two characters; `auto` is the GPU that was found.
    pub accelerator: String,
    pub variant_cost: String,
    pub thresholds: Thresholds,
}

/// Lines of WVA whose objects, settings and gauges bench knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WvaLine {
    /// A VariantAutoscaling says what is scaled; gauge `inferno_desired_replicas`.
    V04,
    /// Annotations of what scales say it; gauge `wva_desired_replicas`.
    V08,
}

impl Wva {
    /// By `chart_version`; `None` for one that bench cannot stand up.
    pub fn line(&self) -> Option<WvaLine> {
        let mut numbers = self.chart_version.trim_start_matches('v').split('.');
        match (numbers.next()?, numbers.next()?) {
            ("0", "4") => Some(WvaLine::V04),
            ("0", "8") => Some(WvaLine::V08),
            _ => None,
        }
    }

    /// Is what it scales said by annotations, and not by a VariantAutoscaling?
    pub fn by_annotations(&self) -> bool {
        self.line() == Some(WvaLine::V08)
    }

    /// Gauge by which it says how many replicas it wants; renamed after the 0.4 line.
    pub fn gauge(&self) -> &'static str {
        if self.chart_version.trim_start_matches('v').starts_with("0.4.") { "inferno_desired_replicas" } else { "wva_desired_replicas" }
    }
}

/// `capacity-scaling-config`. A zero cannot be configured in v0.4.2: it means "inherit".
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// A replica is saturated at or above this KV usage (0..1).
    pub kv_cache_threshold: f64,
    /// A replica is saturated at or above this many waiting requests.
    pub queue_length_threshold: f64,
    /// Scale up when the average spare KV falls below this.
    pub kv_spare_trigger: f64,
    /// Scale up when the average spare queue falls below this.
    pub queue_spare_trigger: f64,
}

/// Bounds and behaviour, the same in both arms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    pub min_replicas: u32,
    pub max_replicas: u32,
    pub scale_up: Behavior,
    pub scale_down: Behavior,
    /// Left out when it is the default, so that older plans keep their hashes.
    #[serde(default, skip_serializing_if = "Scaler::is_hpa")]
    pub by: Scaler,
}

/// Who makes the arm's HPA, and where it has its metrics from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Scaler {
    /// bench; from prometheus-adapter.
    #[default]
    Hpa,
    /// KEDA, out of a ScaledObject of bench's; KEDA asks Prometheus itself.
    Keda,
}

impl Scaler {
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub fn is_hpa(&self) -> bool {
        *self == Self::Hpa
    }
}

/// KEDA, which somebody installed, or bench.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Keda {
    pub mode: Provision,
    pub release: String,
    pub namespace: String,
    /// Repository (`https://…`), `oci://…`, or a local directory that holds a chart `keda`.
    pub charts: String,
    pub chart_version: String,
    /// Seconds between two looks of KEDA's own at the triggers; the HPA asks in its own period.
    pub polling_interval_s: u32,
}

impl Default for Keda {
    fn default() -> Self {
        Self {
            mode: Provision::Existing,
            release: String::new(),
            namespace: String::new(),
            charts: String::new(),
            chart_version: String::new(),
            polling_interval_s: 30,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Behavior {
    pub stabilization_window_s: u32,
    pub select_policy: SelectPolicy,
    pub policies: Vec<Policy>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SelectPolicy {
    Max,
    Min,
    Disabled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Policy {
    pub kind: PolicyKind,
    pub value: u32,
    pub period_s: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum PolicyKind {
    Pods,
    Percent,
}

/// The plain HPA of the `hpa` arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Hpa {
    pub name: String,
    pub metrics: Vec<HpaMetric>,
}

/// An External metric with an AverageValue target, selected by the model's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HpaMetric {
    pub name: String,
    /// Kubernetes quantity, e.g. `"3"` or `"600m"`.
    pub average_value: String,
}

/// What is put back to its start before every run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reset {
    pub start_replicas: u32,
    /// Sync period of the cluster's HPA controller; an HPA recreated within it keeps its old history.
    pub hpa_sync_period_s: u32,
    /// Longest look-back of any metric that decides (WVA: one minute).
    pub metric_window_s: u32,
    pub warmup: Warmup,
}

/// A short load with another seed, so that the first measured request meets warm processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Warmup {
    /// Requests; 0 leaves the warm-up out.
    pub requests: u32,
    pub prompt_tokens: u32,
    pub output_tokens: u32,
    pub seed: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoadSettings {
    pub mode: LoadMode,
    pub guidellm: Guidellm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LoadMode {
    /// One guidellm process over all rates, as published; it writes only at its very end.
    Continuous,
    /// One process and one result file a rate, seed + k.
    PerRate,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Guidellm {
    /// Decides the dialect: 0.4–0.5 flat, from 0.7.1 spec; 0.6 is refused.
    pub version: String,
    pub image: Image,
    pub tokenizer: Tokenizer,
    /// Worker processes; 0 leaves guidellm's own default (10).
    pub workers: u32,
    /// Seconds without a byte after which a request is given up; `null` leaves the version's own default
    /// (0.5: 60 s, which shaped the published failures).
    pub request_timeout_s: Option<u32>,
    /// Seconds added to the load's own length before guidellm is taken for hung.
    pub overhead_s: u32,
    pub env: BTreeMap<String, String>,
    pub resources: Resources,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Tokenizer {
    pub source: TokenizerSource,
    /// hub: the repository id, empty for the model's own; image, pvc: the directory; directory: the local one.
    #[serde(default)]
    pub path: String,
    /// PVC's claim name.
    #[serde(default)]
    pub claim: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum TokenizerSource {
    /// The small tokenizer that bench carries; needs no network. Not a model's own: prompts differ in text, not in length.
    Embedded,
    Hub,
    Image,
    Pvc,
    /// A local directory, streamed into the harness pod.
    Directory,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Image that holds `bench`; empty: the running binary is streamed into a pod of the guidellm image.
    pub agent_image: String,
    /// Recording ends when replicas stood still at the minimum for this long.
    pub settle_s: u32,
    /// Or, at the latest, this long after the load.
    pub tail_limit_s: u32,
}
