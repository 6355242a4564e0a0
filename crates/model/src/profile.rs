//! The profile: the load. The file is llm-d-benchmark's own guidellm profile; this is its typed form.

use serde::{Deserialize, Serialize};

/// A guidellm load of constant rates, run one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub name: String,
    pub request_type: RequestType,
    /// Requests per second, in the order in which they run.
    pub rates: Vec<f64>,
    /// Seconds per rate.
    pub max_seconds: u32,
    pub prompt_tokens: Lengths,
    pub output_tokens: Lengths,
    /// Seed as the profile states it.
    pub seed: u64,
    /// Seed that guidellm really uses: with `--as-published` its default 42, because 0.5 ignores `seed`.
    pub effective_seed: u64,
    /// `data.samples` as the profile states it; no supported guidellm reads it there.
    pub samples: Option<u64>,
}

impl Profile {
    /// Seconds of load over all rates.
    pub fn total_seconds(&self) -> u64 {
        u64::from(self.max_seconds) * self.rates.len() as u64
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RequestType {
    TextCompletions,
    ChatCompletions,
}

impl RequestType {
    /// Path below the target.
    pub fn path(self) -> &'static str {
        match self {
            Self::TextCompletions => "/v1/completions",
            Self::ChatCompletions => "/v1/chat/completions",
        }
    }
}

/// Tokens per request: normal(mean, stdev), rounded, clamped to [min, max].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Lengths {
    pub mean: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdev: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
}
