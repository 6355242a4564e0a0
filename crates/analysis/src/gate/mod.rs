//! Gates: rules such as `p99_ttft_ms < 800` or `replica_seconds < baseline * 1.1` over the numbers of a run.
//!
//! A number that was not measured breaks its rule; nothing passes for want of evidence. No I/O here, and nothing of a rule's
//! or a run's text is trusted: every rule either parses or is an error with its place.

mod judge;
pub mod names;
mod numbers;
mod parse;
pub mod slo;
mod units;

pub use judge::{broken, judge, on_parts};
pub use numbers::numbers;
pub use parse::{Rule, RuleError};

use bench_model::gate::Level;

/// A rule with what its author calls it.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// The rule's own text when it has no other name.
    pub name: String,
    pub rule: Rule,
    pub level: Level,
}

impl Named {
    /// A rule that fails the gate, named after itself.
    ///
    /// # Errors
    /// Where and why it is no rule.
    pub fn new(text: &str) -> Result<Self, RuleError> {
        let rule = Rule::parse(text)?;
        Ok(Self { name: rule.text.clone(), rule, level: Level::Fail })
    }
}
