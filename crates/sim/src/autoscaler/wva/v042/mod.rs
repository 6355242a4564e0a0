//! WVA v0.4.2 in capacity mode, the decisions exactly: checked against the real reconciler (`tests/oracle`).
//!
//! One reconcile handles all models: read the ConfigMaps, group the variants by model ID alone, refresh `currentAlloc`, collect the
//! peaks of the last minute, attribute pods to variants, analyse, set targets, publish. Where the original iterates in random order
//! this module takes the order of names; that decides only sums at exact borders and the cases listed there.

mod analysis;
mod attribution;
mod controller;
mod loops;
mod outcome;
mod targets;
mod view;

#[cfg(test)]
mod defects;
#[cfg(test)]
mod tests;

pub use analysis::{Analysis, Replica, VariantAnalysis, analyze};
pub use attribution::attribute;
pub(crate) use attribution::go_int;
pub use controller::Controller;
pub(crate) use controller::parse_cost;
pub use loops::Loops;
pub use outcome::{Allocation, Gauges, ModelOutcome, Reconciled, ReplicaSeen, Status, VariantOutcome};
pub use targets::{Action, State, Target, targets};
pub use view::{Answers, Deployment, FixedAnswers, ListedPod, Load, QueryError, Variant, View};
