//! `bench.lock.yaml`: what the names in a scenario stood for on a day.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Images and charts of a scenario under any arm, so that one file serves all arms of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Lock {
    pub schema_version: u32,
    /// Version of bench that made it.
    pub bench_version: String,
    /// When the registries were asked.
    pub made: DateTime<Utc>,
    pub scenario: String,
    pub images: Vec<LockedImage>,
    pub charts: Vec<LockedChart>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LockedImage {
    /// The scenario's key: `model_server.image.name`.
    pub key: String,
    /// As the scenario names it.
    pub image: String,
    /// `sha256:…` of the index or manifest, as its registry answered; `null` where none is known.
    pub digest: Option<String>,
    /// Why there is no digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LockedChart {
    /// `oci://…`, a local directory, or a repository and the chart's name in it.
    pub chart: String,
    pub version: String,
    /// `sha256:…` of the manifest in an OCI registry; `null` where none is known.
    pub digest: Option<String>,
    /// Why there is no digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Lock {
    /// Images and charts without a digest.
    #[must_use]
    pub fn open(&self) -> usize {
        self.images.iter().filter(|i| i.digest.is_none()).count() + self.charts.iter().filter(|c| c.digest.is_none()).count()
    }
}
