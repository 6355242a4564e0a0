//! Scaling policies over the scale events of the past, minimum and maximum (horizontal.go, convertDesiredReplicasWithBehaviorRate,
//! convertDesiredReplicasWithRules, storeScaleEvent).

use super::number::{seconds_before, to_i32};
use super::outcome::{Limit, Reason};
use super::spec::{Behavior, Policy, PolicyKind, Rules, SelectPolicy, Spec};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ScaleEvent {
    /// Absolute number of replicas.
    change: i32,
    at_ms: i64,
    /// May be overwritten. The mark stays even when an edited HPA has longer periods again.
    outdated: bool,
}

/// The scale events the controller remembers of one HPA, by direction.
#[derive(Clone, Debug, Default)]
pub(super) struct ScaleEvents {
    up: Vec<ScaleEvent>,
    down: Vec<ScaleEvent>,
}

impl ScaleEvents {
    pub fn clear(&mut self) {
        self.up.clear();
        self.down.clear();
    }

    /// storeScaleEvent. Outdated is what is older than the longest period of that direction's present policies, although the other
    /// direction's longer periods would still count it; of several outdated events the last in the list is overwritten.
    pub fn store(&mut self, behavior: &Behavior, before: i32, after: i32, now_ms: i64) {
        let up = after > before;
        let (events, rules) = if up { (&mut self.up, &behavior.up) } else { (&mut self.down, &behavior.down) };
        let change = if up { after.wrapping_sub(before) } else { before.wrapping_sub(after) };
        let longest_s = rules.policies.iter().map(|p| p.period_s).fold(0, i32::max);
        let cutoff = seconds_before(now_ms, longest_s.into());
        let mut old = None;
        for (i, event) in events.iter_mut().enumerate() {
            event.outdated |= event.at_ms < cutoff;
            if event.outdated {
                old = Some(i);
            }
        }
        let new = ScaleEvent { change, at_ms: now_ms, outdated: false };
        match old {
            Some(i) => events[i] = new,
            None => events.push(new),
        }
    }

    /// With `behavior`: policies and bounds apply in the direction of the change only.
    pub fn limit(&self, spec: &Spec, behavior: &Behavior, current: i32, wanted: i32, now_ms: i64) -> Limit {
        if wanted > current {
            // An exhausted policy may only stop, not turn around.
            let allowed = self.up_limit(&behavior.up, current, now_ms).max(current);
            let (bound, reason) = if spec.max > allowed { (allowed, Reason::ScaleUpLimit) } else { (spec.max, Reason::TooManyReplicas) };
            if wanted > bound {
                return Limit { value: bound, bound: Some(bound), reason };
            }
            Limit { value: wanted, bound: Some(bound), reason: Reason::DesiredWithinRange }
        } else if wanted < current {
            let allowed = self.down_limit(&behavior.down, current, now_ms).min(current);
            let (bound, reason) = if spec.min < allowed { (allowed, Reason::ScaleDownLimit) } else { (spec.min, Reason::TooFewReplicas) };
            if wanted < bound {
                return Limit { value: bound, bound: Some(bound), reason };
            }
            Limit { value: wanted, bound: Some(bound), reason: Reason::DesiredWithinRange }
        } else {
            Limit { value: wanted, bound: None, reason: Reason::DesiredWithinRange }
        }
    }

    /// calculateScaleUpLimitWithScalingRules.
    fn up_limit(&self, rules: &Rules, current: i32, now_ms: i64) -> i32 {
        let limits = rules.policies.iter().map(|policy| {
            let start = self.at_start_of_period(policy, current, now_ms);
            match policy.kind {
                PolicyKind::Pods => start.wrapping_add(policy.value),
                PolicyKind::Percent => to_i32((f64::from(start) * (1.0 + f64::from(policy.value) / 100.0)).ceil()),
            }
        });
        match rules.select {
            SelectPolicy::Disabled => current,
            SelectPolicy::Min => limits.fold(i32::MAX, i32::min),
            SelectPolicy::Max => limits.fold(i32::MIN, i32::max),
        }
    }

    /// calculateScaleDownLimitWithBehaviors: as for scale-up, but rounded towards zero.
    fn down_limit(&self, rules: &Rules, current: i32, now_ms: i64) -> i32 {
        let limits = rules.policies.iter().map(|policy| {
            let start = self.at_start_of_period(policy, current, now_ms);
            match policy.kind {
                PolicyKind::Pods => start.wrapping_sub(policy.value),
                PolicyKind::Percent => to_i32(f64::from(start) * (1.0 - f64::from(policy.value) / 100.0)),
            }
        });
        match rules.select {
            SelectPolicy::Disabled => current,
            SelectPolicy::Min => limits.fold(i32::MIN, i32::max),
            SelectPolicy::Max => limits.fold(i32::MAX, i32::min),
        }
    }

    /// The replicas there were when the policy's period began, had only the controller changed them.
    fn at_start_of_period(&self, policy: &Policy, current: i32, now_ms: i64) -> i32 {
        let cutoff = seconds_before(now_ms, policy.period_s.into());
        let change = |events: &[ScaleEvent]| events.iter().filter(|e| e.at_ms > cutoff).fold(0, |sum, e| i32::wrapping_add(sum, e.change));
        current.wrapping_sub(change(&self.up)).wrapping_add(change(&self.down))
    }
}

/// Without `behavior`: at most double, but up to 4; then minimum and maximum.
pub(super) fn limit_without_behavior(spec: &Spec, current: i32, wanted: i32) -> Limit {
    let allowed = to_i32((2.0 * f64::from(current)).max(4.0));
    let (highest, reason) = if spec.max > allowed { (allowed, Reason::ScaleUpLimit) } else { (spec.max, Reason::TooManyReplicas) };
    let bound = (wanted != current).then_some(if wanted < current { spec.min } else { highest });
    if wanted < spec.min {
        Limit { value: spec.min, bound: Some(spec.min), reason: Reason::TooFewReplicas }
    } else if wanted > highest {
        Limit { value: highest, bound: Some(highest), reason }
    } else {
        Limit { value: wanted, bound, reason: Reason::DesiredWithinRange }
    }
}
