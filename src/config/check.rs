//! Semantic validation: every value has its type, but do they make sense together?

use super::error::Problem;
use super::tree::At;
use bench_model::scenario::Scenario;
use std::collections::BTreeMap;

/// Errors and warnings of a scenario.
pub(crate) fn scenario(_s: &Scenario, _provenance: &BTreeMap<String, At>) -> (Vec<Problem>, Vec<String>) {
    (Vec::new(), Vec::new())
}
