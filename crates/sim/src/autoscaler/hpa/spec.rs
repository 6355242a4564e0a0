//! The HorizontalPodAutoscaler as the API server stores it, and the controller's flags.

/// What `.spec` of an HPA says after the API server's defaulting; [`super::WrittenSpec::admit`] makes it from what a user writes.
/// Replica counts are `i32` as in Kubernetes.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    pub min: i32,
    pub max: i32,
    pub metrics: Vec<MetricSpec>,
    /// Absent: the controller takes its old path (flag window for scale-down, fixed scale-up limit, no scale events).
    pub behavior: Option<Behavior>,
}

/// One metric and its target. Amounts are milli-units (Kubernetes' `Quantity.MilliValue`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricSpec {
    External(Target),
    Object(Target),
    /// Average over the pods, in milli-units.
    Pods {
        average_value: i64,
    },
    Resource {
        resource: Resource,
        target: ResourceTarget,
    },
}

/// Target of an External or Object metric, in milli-units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Value(i64),
    AverageValue(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceTarget {
    /// Percent of the request.
    Utilization(i32),
    /// Milli-units per pod.
    AverageValue(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    Cpu,
    Memory,
}

/// `.spec.behavior` with all defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Behavior {
    pub up: Rules,
    pub down: Rules,
}

/// Scaling rules of one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Stabilization window in seconds. Unset for scale-down means [`Config::down_window_s`]; defaulting never leaves it unset for
    /// scale-up, where unset counts as 0.
    pub window_s: Option<i32>,
    pub select: SelectPolicy,
    pub policies: Vec<Policy>,
    /// Only read with [`Gates::configurable_tolerance`]. A quantity as float64, see [`quantity_as_f64`].
    pub tolerance: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectPolicy {
    /// The policy that allows the greatest change.
    Max,
    /// The policy that allows the smallest change.
    Min,
    /// No scaling in this direction.
    Disabled,
}

/// At most so much change within any period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub kind: PolicyKind,
    /// Pods, or percent of the replicas at the start of the period.
    pub value: i32,
    pub period_s: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    Pods,
    Percent,
}

/// Flags of kube-controller-manager (`--horizontal-pod-autoscaler-…`) and what its version and gates decide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    pub tolerance: f64,
    pub flavour: ToleranceFlavour,
    /// `downscale-stabilization`, seconds.
    pub down_window_s: i64,
    /// `cpu-initialization-period`, seconds.
    pub cpu_init_s: i64,
    /// `initial-readiness-delay`, seconds.
    pub ready_delay_s: i64,
    pub gates: Gates,
}

impl Default for Config {
    /// The flags' defaults in Kubernetes 1.34.
    fn default() -> Self {
        Config {
            tolerance: 0.1,
            flavour: ToleranceFlavour::Bounds,
            down_window_s: 300,
            cpu_init_s: 300,
            ready_delay_s: 30,
            gates: Gates::default(),
        }
    }
}

/// How the controller's code compares a usage ratio with the tolerance; in float64 the two differ at exact borders such as 11/10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToleranceFlavour {
    /// Up to Kubernetes 1.32: `|1 − ratio| ≤ t`. Knows no tolerance per HPA.
    Distance,
    /// From 1.33: `1 − t_down ≤ ratio ≤ 1 + t_up`.
    Bounds,
}

/// Feature gates; all off by default, as in Kubernetes 1.34.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gates {
    /// `HPAConfigurableTolerance`: `behavior.*.tolerance` is kept by the API server and read by the controller.
    pub configurable_tolerance: bool,
    /// `HPAScaleToZero`: the API server admits `minReplicas: 0`. The controller itself does not look at the gate.
    pub scale_to_zero: bool,
}

/// A quantity `unscaled · 10^exponent` as the controller turns it into a float (quantity.go, AsApproximateFloat64): one product with
/// a power of ten, which is not always the float nearest to the decimal number.
pub fn quantity_as_f64(unscaled: i64, exponent: i32) -> f64 {
    let base = unscaled as f64;
    if exponent == 0 {
        return base;
    }
    // Go takes 10^n from a table of the nearest floats, which is what parsing gives; powi may be off by an ulp.
    let power: f64 = format!("1e{exponent}").parse().unwrap_or(f64::NAN);
    base * power
}
