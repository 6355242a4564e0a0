//! From the HPA a user writes to the HPA that is stored: the API server's defaulting, dropping of gated fields, and validation.

use thiserror::Error;

use super::spec::{Behavior, Gates, MetricSpec, Policy, PolicyKind, Resource, ResourceTarget, Rules, SelectPolicy, Spec, Target};

/// validation.go, MaxStabilizationWindowSeconds.
const MAX_WINDOW_S: i32 = 3600;
/// validation.go, MaxPeriodSeconds.
const MAX_PERIOD_S: i32 = 1800;

/// `.spec` as written: what is `None` (or an empty list of metrics) gets the API's default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WrittenSpec {
    pub min: Option<i32>,
    pub max: i32,
    pub metrics: Vec<MetricSpec>,
    pub behavior: Option<WrittenBehavior>,
}

/// `.spec.behavior` as written. A direction that is left out is the same as one without any field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WrittenBehavior {
    pub up: WrittenRules,
    pub down: WrittenRules,
}

/// Rules of one direction as written; each field has a default of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WrittenRules {
    pub window_s: Option<i32>,
    pub select: Option<SelectPolicy>,
    pub policies: Option<Vec<Policy>>,
    pub tolerance: Option<f64>,
}

/// Why the API server would refuse the HPA (pkg/apis/autoscaling/validation).
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Refusal {
    #[error("minReplicas {min} is below {lowest}{}", if *.lowest > 0 && *.min == 0 { " (0 needs the feature gate HPAScaleToZero)" } else { "" })]
    Min { min: i32, lowest: i32 },
    #[error("maxReplicas {max} must be at least 1 and at least minReplicas {min}")]
    Max { min: i32, max: i32 },
    #[error("minReplicas 0 needs at least one Object or External metric")]
    ZeroNeedsObjectOrExternal,
    #[error("metric {index}: the target must be above zero")]
    Target { index: usize },
    #[error("{direction}: stabilizationWindowSeconds {window_s} is not within 0..={MAX_WINDOW_S}")]
    Window { direction: &'static str, window_s: i32 },
    #[error("{direction}: at least one policy is needed")]
    NoPolicy { direction: &'static str },
    #[error("{direction}: policy {index} needs a value above zero and periodSeconds within 1..={MAX_PERIOD_S}")]
    Policy { direction: &'static str, index: usize },
    #[error("{direction}: the tolerance must not be negative")]
    Tolerance { direction: &'static str },
}

impl WrittenSpec {
    /// What the API server stores for this HPA when it is created.
    ///
    /// # Errors
    /// The first rule of the API's validation that the HPA breaks.
    pub fn admit(self, gates: Gates) -> Result<Spec, Refusal> {
        let mut spec = Spec {
            min: self.min.unwrap_or(1),
            max: self.max,
            metrics: self.metrics,
            behavior: self.behavior.map(WrittenBehavior::with_defaults),
        };
        if spec.metrics.is_empty() {
            spec.metrics.push(MetricSpec::Resource { resource: Resource::Cpu, target: ResourceTarget::Utilization(80) });
        }
        if let (Some(behavior), false) = (&mut spec.behavior, gates.configurable_tolerance) {
            // strategy.go, dropDisabledFields.
            behavior.up.tolerance = None;
            behavior.down.tolerance = None;
        }
        validate(&spec, gates)?;
        Ok(spec)
    }
}

impl WrittenBehavior {
    /// Fills the defaults of autoscaling/v2 (defaults.go, GenerateHPAScaleUpRules and GenerateHPAScaleDownRules).
    pub fn with_defaults(self) -> Behavior {
        let percent = Policy { kind: PolicyKind::Percent, value: 100, period_s: 15 };
        let pods = Policy { kind: PolicyKind::Pods, value: 4, period_s: 15 };
        Behavior {
            up: Rules {
                window_s: Some(self.up.window_s.unwrap_or(0)),
                select: self.up.select.unwrap_or(SelectPolicy::Max),
                policies: self.up.policies.unwrap_or_else(|| vec![pods, percent]),
                tolerance: self.up.tolerance,
            },
            down: Rules {
                // Stays unset: the default is a flag of the controller, which the API server does not know.
                window_s: self.down.window_s,
                select: self.down.select.unwrap_or(SelectPolicy::Max),
                policies: self.down.policies.unwrap_or_else(|| vec![percent]),
                tolerance: self.down.tolerance,
            },
        }
    }
}

fn validate(spec: &Spec, gates: Gates) -> Result<(), Refusal> {
    let lowest = if gates.scale_to_zero { 0 } else { 1 };
    if spec.min < lowest {
        return Err(Refusal::Min { min: spec.min, lowest });
    }
    if spec.max < 1 || spec.max < spec.min {
        return Err(Refusal::Max { min: spec.min, max: spec.max });
    }
    if spec.min == 0 && !spec.metrics.iter().any(|m| matches!(m, MetricSpec::External(_) | MetricSpec::Object(_))) {
        return Err(Refusal::ZeroNeedsObjectOrExternal);
    }
    for (index, metric) in spec.metrics.iter().enumerate() {
        let amount = match *metric {
            MetricSpec::External(Target::Value(v) | Target::AverageValue(v))
            | MetricSpec::Object(Target::Value(v) | Target::AverageValue(v))
            | MetricSpec::Pods { average_value: v }
            | MetricSpec::Resource { target: ResourceTarget::AverageValue(v), .. } => v,
            MetricSpec::Resource { target: ResourceTarget::Utilization(percent), .. } => i64::from(percent),
        };
        if amount <= 0 {
            return Err(Refusal::Target { index });
        }
    }
    if let Some(behavior) = &spec.behavior {
        validate_rules("scaleUp", &behavior.up)?;
        validate_rules("scaleDown", &behavior.down)?;
    }
    Ok(())
}

fn validate_rules(direction: &'static str, rules: &Rules) -> Result<(), Refusal> {
    if let Some(window_s) = rules.window_s.filter(|w| !(0..=MAX_WINDOW_S).contains(w)) {
        return Err(Refusal::Window { direction, window_s });
    }
    if rules.policies.is_empty() {
        return Err(Refusal::NoPolicy { direction });
    }
    if let Some(index) = rules.policies.iter().position(|p| p.value <= 0 || !(1..=MAX_PERIOD_S).contains(&p.period_s)) {
        return Err(Refusal::Policy { direction, index });
    }
    if rules.tolerance.is_some_and(|t| t.is_nan() || t < 0.0) {
        return Err(Refusal::Tolerance { direction });
    }
    Ok(())
}
