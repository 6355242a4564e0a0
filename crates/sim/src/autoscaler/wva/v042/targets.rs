//! The targets of one model: ±1 on one variant, and what a decision not yet carried out forbids.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::analysis::Analysis;

/// What the target means against the replicas of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    ScaleUp,
    ScaleDown,
    NoChange,
}

impl Action {
    /// The direction from `current` to `target`.
    #[must_use]
    pub fn of(target: i64, current: i64) -> Self {
        match target.cmp(&current) {
            Ordering::Greater => Self::ScaleUp,
            Ordering::Less => Self::ScaleDown,
            Ordering::Equal => Self::NoChange,
        }
    }

    /// The word the controller logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScaleUp => "scale-up",
            Self::ScaleDown => "scale-down",
            Self::NoChange => "no-change",
        }
    }
}

/// The state of a variant that the targets depend on.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct State {
    /// Deployment status.replicas, or spec.replicas where that is 0 (C).
    pub current: i64,
    /// The number last published (D); 0: none yet.
    pub desired: i64,
    /// Cost per replica.
    pub cost: f64,
}

/// The target of one variant with a reporting replica, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    pub variant: String,
    pub state: State,
    /// Replicas that report (R).
    pub reporting: i64,
    pub target: i64,
    /// D is set and differs from C: the earlier decision is kept and the variant takes no part in this one.
    pub preserved: bool,
    pub action: Action,
}

/// The targets by variant name. `states` lacking a variant counts as all zero, as in the original.
///
/// Every target starts from the reporting replicas, not from those there are: pods still pending are ordered away unless the load asks
/// for one more.
#[must_use]
pub fn targets(analysis: &Analysis, states: &BTreeMap<&str, State>) -> Vec<Target> {
    let mut out: Vec<Target> = analysis
        .variants
        .iter()
        .map(|v| {
            let state = states.get(v.name.as_str()).copied().unwrap_or_default();
            let reporting = v.reporting as i64;
            let preserved = state.desired != 0 && state.desired != state.current;
            let target = if preserved { state.desired } else { reporting };
            Target { variant: v.name.clone(), state, reporting, target, preserved, action: Action::NoChange }
        })
        .collect();

    // The analysis has the variants by name; so of equals the first found is first by name, and the last found the last.
    let free = out.iter_mut().filter(|t| !t.preserved);
    if analysis.scale_up {
        let cheapest = free.reduce(|best, t| if t.state.cost < best.state.cost { t } else { best });
        if let Some(t) = cheapest {
            t.target = t.reporting + 1;
        }
    } else if analysis.down_safe {
        let dearest = free.filter(|t| t.reporting > 1).reduce(|best, t| if t.state.cost >= best.state.cost { t } else { best });
        if let Some(t) = dearest {
            t.target = t.reporting - 1;
        }
    }
    for t in &mut out {
        t.action = Action::of(t.target, t.state.current);
    }
    out
}
