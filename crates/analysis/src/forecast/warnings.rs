use bench_model::forecast::{ArmForecast, Warning};

/// What was planned, for the warnings to compare with.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Length of each rate.
    pub seconds_per_rate: f64,
    pub start_replicas: u32,
    pub max_replicas: u32,
    /// Stabilization windows of the HPA.
    pub stabilization_up_s: f64,
    pub stabilization_down_s: f64,
    /// From a metric over its target to the next decision, at most: the HPA's sync period, with WVA its interval as well.
    pub sync_s: f64,
    /// From a pod created to a pod that serves.
    pub pod_start_s: f64,
    /// The client's limit of requests in flight.
    pub client_cap: u64,
    /// The most requests a second that one replica carries; `None`: not known.
    pub knee_req_s: Option<f64>,
}

/// Everything to know before GPUs are spent, each with the option that helps.
pub fn warnings(_arms: &[ArmForecast], _facts: &Facts) -> Vec<Warning> {
    Vec::new()
}
