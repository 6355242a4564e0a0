//! The plan: scenario, profile, arm and flags, fully resolved. Its hashes say what was tested.

use crate::names::{model_label, sha256_hex};
use crate::profile::Profile;
use crate::scenario::{GatewayKind, Scaler, Scenario};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One way of autoscaling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("pattern" = "^(wva|hpa|none|existing|static-[0-9]+)$")))]
#[serde(into = "String", try_from = "String")]
pub enum Arm {
    Wva,
    Hpa,
    /// No autoscaler, this many replicas.
    Static(u32),
    /// No autoscaler; replicas are left as they are.
    None,
    /// Whatever scales a stack that somebody else stood up; nothing of it is changed.
    Existing,
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wva => f.write_str("wva"),
            Self::Hpa => f.write_str("hpa"),
            Self::Static(n) => write!(f, "static-{n}"),
            Self::None => f.write_str("none"),
            Self::Existing => f.write_str("existing"),
        }
    }
}

impl From<Arm> for String {
    fn from(a: Arm) -> Self {
        a.to_string()
    }
}

impl TryFrom<String> for Arm {
    type Error = String;
    fn try_from(s: String) -> Result<Self, String> {
        s.parse()
    }
}

impl FromStr for Arm {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "wva" => Ok(Self::Wva),
            "hpa" => Ok(Self::Hpa),
            "none" => Ok(Self::None),
            "existing" => Ok(Self::Existing),
            _ => s
                .strip_prefix("static-")
                .and_then(|n| n.parse().ok())
                .map(Self::Static)
                .ok_or_else(|| format!("unknown arm {s:?}: wva, hpa, static-N or none")),
        }
    }
}

/// What was learnt from the cluster and used by the plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClusterFacts {
    /// `gitVersion` of the API server.
    pub kubernetes: String,
    pub openshift: bool,
    /// Node name, architecture, and GPU product if it has one.
    pub nodes: Vec<NodeFact>,
    /// GPU that the model servers are bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<Accelerator>,
}

/// A GPU as nodes tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Accelerator {
    /// Label of the nodes that have it.
    pub label: String,
    /// The label's value, e.g. `NVIDIA-H100-80GB-HBM3`.
    pub product: String,
    /// What people call it, e.g. `H100`.
    pub name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NodeFact {
    pub name: String,
    pub arch: String,
    pub os_image: String,
    pub gpu_product: Option<String>,
    /// Allocatable GPUs.
    pub gpus: u32,
    /// Label that names the product, when it is another than `nvidia.com/gpu.product`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_label: Option<String>,
    /// Memory of one GPU in MiB, by the label `nvidia.com/gpu.memory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_memory_mib: Option<u64>,
}

impl NodeFact {
    /// Label that names its GPU.
    pub fn product_label(&self) -> &str {
        self.gpu_label.as_deref().unwrap_or("nvidia.com/gpu.product")
    }
}

/// Fully resolved: nothing left to decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    pub schema_version: u32,
    pub bench_version: String,
    pub hashes: Hashes,
    pub arm: Arm,
    pub scenario: Scenario,
    /// None for a plan of the stack alone.
    pub profile: Option<Profile>,
    /// Of the stack, when it was stood up; absent in a plan made without a cluster.
    pub facts: Option<ClusterFacts>,
    /// What a reader must know of the translation: ignored seeds, dropped samples, chosen images.
    pub notes: Vec<String>,
}

/// First 12 hexadecimal digits of SHA-256 over the canonical JSON of each part. Kept apart, so that two arms of
/// the same load are seen to be comparable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hashes {
    pub stack: String,
    pub arm: String,
    pub load: String,
    pub plan: String,
}

impl Plan {
    /// A plan with its hashes.
    pub fn new(scenario: Scenario, profile: Option<Profile>, arm: Arm, facts: Option<ClusterFacts>, notes: Vec<String>) -> Self {
        let hashes = Hashes::of(&scenario, profile.as_ref(), arm);
        Self {
            schema_version: crate::SCHEMA_VERSION,
            bench_version: env!("CARGO_PKG_VERSION").into(),
            hashes,
            arm,
            scenario,
            profile,
            facts,
            notes,
        }
    }

    pub fn namespace(&self) -> &str {
        &self.scenario.namespace
    }

    /// Was the stack stood up by somebody else, and is it kept as one of bench's?
    pub fn is_adopted(&self) -> bool {
        self.scenario.existing.as_ref().is_some_and(|e| e.adopted)
    }

    /// Is there no stack at all but an endpoint that the load is sent to?
    pub fn is_endpoint(&self) -> bool {
        self.scenario.existing.as_ref().is_some_and(|e| !e.adopted)
    }

    /// Namespace whose pods and metrics are the stack's; of an endpoint, that of the Service behind it.
    pub fn serving_namespace(&self) -> &str {
        let service = self.scenario.existing.as_ref().and_then(|e| e.service.as_ref());
        service.filter(|_| self.is_endpoint()).map_or(self.namespace(), |s| &s.namespace)
    }

    /// By the facts of the cluster that it was made for.
    pub fn on_openshift(&self) -> bool {
        self.facts.as_ref().is_some_and(|f| f.openshift)
    }

    /// llm-d-benchmark's label of the model; Deployment and Services are named after it.
    pub fn label(&self) -> String {
        model_label(&self.scenario.namespace, &self.scenario.model)
    }

    /// The scaled Deployment, and the VariantAutoscaling of the same name.
    ///
    /// Of an existing stack: its own; empty when none was found.
    pub fn deployment(&self) -> String {
        self.scenario.existing.as_ref().map_or_else(|| format!("{}-decode", self.label()), |e| e.deployment.clone())
    }

    /// Service that the load is sent to. Istio adds the class to the Gateway's name.
    pub fn gateway_service(&self) -> String {
        if let Some(e) = &self.scenario.existing {
            return e.service.as_ref().map(|s| s.name.clone()).unwrap_or_default();
        }
        let g = &self.scenario.gateway;
        match g.kind {
            GatewayKind::Istio => format!("{}-istio", g.name),
            GatewayKind::Kgateway => g.name.clone(),
            GatewayKind::Epponly => self.picker(),
            GatewayKind::Haproxy | GatewayKind::None => format!("{}-gateway", self.label()),
        }
    }

    /// Helm release of the scheduler, and its InferencePool. The suffix is llm-d-benchmark's, and goes by the chart.
    pub fn pool(&self) -> String {
        let suffix = if self.scenario.gateway.kind == GatewayKind::Epponly { "router" } else { "gaie" };
        format!("{}-{suffix}", self.label())
    }

    /// Does KEDA make the arm's HPA?
    pub fn by_keda(&self) -> bool {
        matches!(self.arm, Arm::Wva | Arm::Hpa) && self.scenario.scaling.by == Scaler::Keda
    }

    /// Does the arm's HPA have its metrics from prometheus-adapter?
    pub fn by_adapter(&self) -> bool {
        matches!(self.arm, Arm::Wva | Arm::Hpa) && self.scenario.scaling.by == Scaler::Hpa
    }

    /// The scheduler's Deployment and Service, as its chart names them: 40 characters of the release.
    pub fn picker(&self) -> String {
        format!("{}-epp", self.pool().chars().take(40).collect::<String>())
    }

    /// Directory of the model below the weights' mount, as llm-d-benchmark lays it.
    pub fn weights_path(&self) -> String {
        format!("models/{}", self.scenario.model.rsplit(':').next().unwrap_or_default())
    }

    /// URL of the endpoint as seen from inside the cluster.
    pub fn target(&self) -> String {
        if let Some(e) = &self.scenario.existing {
            return e.endpoint.clone();
        }
        format!("http://{}.{}.svc.cluster.local:{}", self.gateway_service(), self.namespace(), self.scenario.gateway.port)
    }
}

impl Hashes {
    /// `scaling`, `hpa`, `wva` and `keda` belong to the arm, `load` and `reset` to the load, all else to the stack.
    pub fn of(scenario: &Scenario, profile: Option<&Profile>, arm: Arm) -> Self {
        let mut stack = serde_json::to_value(scenario).unwrap_or_default();
        let mut take = |key: &str| stack.as_object_mut().and_then(|o| o.remove(key)).unwrap_or_default();
        let (scaling, hpa, wva, load) = (take("scaling"), take("hpa"), take("wva"), take("load"));
        let keda = take("keda");
        // None of these changes what is tested.
        take("name");
        take("description");
        take("recording");
        take("goal");
        let reset = take("reset");
        let mut load_part = serde_json::json!({ "settings": load, "reset": reset, "profile": profile });
        // A profile's name is not part of the load.
        if let Some(p) = load_part.get_mut("profile").and_then(|p| p.as_object_mut()) {
            p.remove("name");
        }
        let mut arm_part = match arm {
            Arm::Wva => serde_json::json!({ "arm": arm, "scaling": scaling, "wva": wva }),
            Arm::Hpa => serde_json::json!({ "arm": arm, "scaling": scaling, "hpa": hpa }),
            Arm::Static(_) | Arm::None | Arm::Existing => serde_json::json!({ "arm": arm }),
        };
        // Without it nothing asks KEDA, and plans from before it keep their hash.
        if scenario.scaling.by == Scaler::Keda && matches!(arm, Arm::Wva | Arm::Hpa) {
            arm_part["keda"] = keda;
        }
        let short = |v: &serde_json::Value| sha256_hex(canonical(v).as_bytes())[..12].to_string();
        let (stack, arm, load) = (short(&stack), short(&arm_part), short(&load_part));
        let plan = sha256_hex(format!("{stack}/{arm}/{load}").as_bytes())[..12].to_string();
        Self { stack, arm, load, plan }
    }
}

/// JSON with sorted keys and no white space.
fn canonical(v: &serde_json::Value) -> String {
    use serde_json::Value;
    match v {
        Value::Object(o) => {
            let mut keys: Vec<_> = o.iter().collect();
            keys.sort_by_key(|(k, _)| *k);
            let body: Vec<String> = keys.iter().map(|(k, v)| format!("{}:{}", Value::from(k.as_str()), canonical(v))).collect();
            format!("{{{}}}", body.join(","))
        }
        Value::Array(a) => format!("[{}]", a.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}
