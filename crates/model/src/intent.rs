//! What a command was about to do to a stack: on disk before its first change, gone at its end.

use crate::plan::Plan;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// `results/stacks/NAMESPACE/intent.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Intent {
    pub schema_version: u32,
    pub operation: Operation,
    /// When it was first begun; carrying on does not change it.
    pub begun: DateTime<Utc>,
    /// The API server it was begun on.
    pub cluster: String,
    /// What is to be there at its end; for a teardown, what was there.
    pub plan: Plan,
    /// Id of the run that was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Reset steps that were asked to be left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip_reset: Vec<String>,
    /// `--force` was given.
    #[serde(default)]
    pub force: bool,
}

/// Which command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    Standup,
    Adopt,
    Swap,
    Run,
    Teardown,
    Gc,
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Standup => "standup",
            Self::Adopt => "adopt",
            Self::Swap => "swap",
            Self::Run => "run",
            Self::Teardown => "teardown",
            Self::Gc => "gc",
        })
    }
}

impl Intent {
    /// Of a command that is about to begin.
    pub fn new(operation: Operation, plan: Plan) -> Self {
        Self {
            schema_version: crate::SCHEMA_VERSION,
            operation,
            begun: Utc::now(),
            cluster: String::new(),
            plan,
            run: None,
            skip_reset: vec![],
            force: false,
        }
    }
}
