//! What happens to the targets of a model before they are published.

use crate::autoscaler::wva::v042::QueryError;

/// `wva-model-scale-to-zero-config` for one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScaleToZero {
    pub enabled: bool,
    /// Without a request for this long the model goes to zero, in ms.
    pub retention_ms: i64,
}

impl Default for ScaleToZero {
    fn default() -> Self {
        Self { enabled: false, retention_ms: 600_000 }
    }
}

/// Applies the policy to `(variant, cost, target)`; returns whether it changed anything.
///
/// Enabled: all targets become 0 where `requests` (over the retention) are none; a failed query changes nothing. Disabled: where the
/// targets sum to 0 or less, the cheapest variant (tie: first by name) gets 1.
pub fn enforce(policy: ScaleToZero, requests: Result<f64, QueryError>, targets: &mut [(&str, f64, &mut i64)]) -> bool {
    if policy.enabled {
        // NaN is not above zero: no requests.
        let idle = requests.is_ok_and(|n| n.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater));
        if idle {
            targets.iter_mut().for_each(|(.., target)| **target = 0);
        }
        return idle;
    }
    if targets.iter().fold(0i64, |sum, (.., target)| sum.saturating_add(**target)) > 0 {
        return false;
    }
    let cheapest = targets.iter_mut().reduce(|best, t| if t.1 < best.1 || (t.1 == best.1 && t.0 < best.0) { t } else { best });
    let Some((.., target)) = cheapest else { return false };
    **target = 1;
    true
}
