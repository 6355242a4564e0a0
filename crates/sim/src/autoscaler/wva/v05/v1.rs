//! The default analysis of v0.5.x: that of v0.4.2, with a safety test by averages, a block while anything is in transition, and no
//! scale-up of a variant with pending replicas.

use std::collections::BTreeMap;

use super::State;
use crate::autoscaler::wva::config::Thresholds;
use crate::autoscaler::wva::v042::{self, Action, Analysis, Replica};

/// Analyses the replicas of a model, sorted by pod name. It differs from v0.4.2 only in how the safety test is computed: from the average
/// spares, × n/(n − 1); at exact borders the two can differ by the last bits.
#[must_use]
pub fn analyze(replicas: &[Replica<'_>], t: &Thresholds) -> Analysis {
    let mut analysis = v042::analyze(replicas, t);
    let n = analysis.non_saturated;
    analysis.after_removal = (n >= 2).then(|| {
        let factor = n as f64 / (n - 1) as f64;
        let kv = (t.kv_cache - analysis.spare_kv) * factor;
        let queue = (t.queue_length - analysis.spare_queue) * factor;
        (t.kv_cache - kv, t.queue_length - queue)
    });
    analysis.down_safe = analysis.after_removal.is_some_and(|(kv, queue)| kv >= t.kv_spare && queue >= t.queue_spare);
    analysis
}

/// Why a variant holds the whole model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// D is set and differs from C: a decision is not carried out yet. Stuck at the maximum, dead at a minimum of 2 and frozen by
    /// tolerance (`v042/defects.rs`) live on here, and block all variants.
    Desired,
    /// Not as many replicas report as there are.
    Reporting,
}

/// The target of one variant with a reporting replica, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    pub variant: String,
    pub state: State,
    /// Replicas that report (R).
    pub reporting: i64,
    pub target: i64,
    /// This variant's own transition.
    pub transition: Option<Transition>,
    /// Some variant of the model is in transition: nothing is decided.
    pub blocked: bool,
    pub action: Action,
}

/// The targets by variant name.
#[must_use]
pub fn targets(analysis: &Analysis, states: &BTreeMap<&str, State>) -> Vec<Target> {
    let mut out: Vec<Target> = analysis
        .variants
        .iter()
        .map(|v| {
            let state = states.get(v.name.as_str()).copied().unwrap_or_default();
            let reporting = v.reporting as i64;
            let transition = if state.desired != 0 && state.desired != state.current {
                Some(Transition::Desired)
            } else {
                (reporting != state.current).then_some(Transition::Reporting)
            };
            let name = v.name.clone();
            Target { variant: name, state, reporting, target: reporting, transition, blocked: false, action: Action::NoChange }
        })
        .collect();

    if out.iter().any(|t| t.transition.is_some()) {
        for t in &mut out {
            t.blocked = true;
            t.target = if t.transition == Some(Transition::Desired) { t.state.desired } else { t.state.current };
        }
    } else if analysis.scale_up {
        let ready = out.iter_mut().filter(|t| t.state.pending <= 0);
        if let Some(t) = ready.reduce(|best, t| if t.state.cost < best.state.cost { t } else { best }) {
            t.target += 1;
        }
    } else if analysis.down_safe {
        let several = out.iter_mut().filter(|t| t.target > 1);
        if let Some(t) = several.reduce(|best, t| if t.state.cost >= best.state.cost { t } else { best }) {
            t.target -= 1;
        }
    }
    for t in &mut out {
        t.action = Action::of(t.target, t.state.current);
    }
    out
}
