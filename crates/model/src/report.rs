//! `bench report --format json`: a run and everything that was found out about it, in one document.

use crate::explanation::Explanation;
use crate::judgement::Judgement;
use crate::run::RunRecord;
use crate::scorecard::Scorecard;
use crate::summary::Summary;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    pub schema_version: u32,
    pub run: RunRecord,
    pub summary: Summary,
    /// The run by the rules of a comparison; null when it was not judged by them.
    pub scorecard: Option<Scorecard>,
    /// The run against the goal; null without a load.
    #[serde(default)]
    pub judgement: Option<Judgement>,
    /// Why it was scaled; null when that was not asked.
    pub explanation: Option<Explanation>,
    /// Parts of the run's directory that are missing or unreadable, a sentence each.
    pub problems: Vec<String>,
}
