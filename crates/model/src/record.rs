//! `events.jsonl`: what the agent saw, one JSON object a line, raw and complete.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Record {
    /// When the agent received it, by the agent's clock.
    pub t: DateTime<Utc>,
    pub what: What,
    /// Kind of the object: `Deployment`, `Pod`, `HorizontalPodAutoscaler`, `VariantAutoscaling`, `Event`; empty for the agent's own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The whole object without managedFields, or the agent's own words.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub object: serde_json::Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// Present when the watch began or was begun anew.
    Present,
    /// Created or changed.
    Applied,
    Deleted,
    /// The watch broke and was begun anew: changes in between may be missing. `object.from` is the last sure moment.
    Gap,
    /// The agent's own: started, stopping, heartbeat.
    Agent,
}
