//! A stack that somebody else stood up: what was found of it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What bench knows of a stack that it did not stand up. `bench adopt` and `bench run --endpoint` write it; no scenario file does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Existing {
    /// It has a record in the cluster and may be put under another arm; false for an endpoint alone.
    pub adopted: bool,
    /// URL that the load is sent to, without `/v1`.
    pub endpoint: String,
    /// The Service behind the URL, when it is one of this cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ExistingService>,
    /// The Deployment of the model servers; empty when none was found.
    #[serde(default)]
    pub deployment: String,
    /// Labels by which the Deployment selects its pods.
    #[serde(default)]
    pub selector: BTreeMap<String, String>,
    /// What scales the Deployment. Only these may be set aside for another arm.
    #[serde(default)]
    pub autoscalers: Vec<ExistingAutoscaler>,
    /// What lies between a request and the model servers, as `Kind namespace/name`.
    #[serde(default)]
    pub path: Vec<String>,
    /// What could not be found, as sentences.
    #[serde(default)]
    pub missing: Vec<String>,
}

/// A Service of the cluster, as the API server's proxy reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExistingService {
    pub namespace: String,
    pub name: String,
    pub port: u16,
    /// `http` or `https`.
    pub scheme: String,
}

/// An autoscaler of somebody else's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExistingAutoscaler {
    /// `HorizontalPodAutoscaler`, `ScaledObject` or `VariantAutoscaling`.
    pub kind: String,
    pub name: String,
    /// Fewest and most replicas, where it states them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_replicas: Option<u32>,
}

impl Existing {
    /// The pods' labels as the API takes them; `None` when there are none to go by, for an empty selector selects everything.
    pub fn pods(&self) -> Option<String> {
        let pairs: Vec<String> = self.selector.iter().map(|(k, v)| format!("{k}={v}")).collect();
        (!pairs.is_empty()).then(|| pairs.join(","))
    }
}
