//! What `bench predict --sweep` prints as JSON: every combination of the swept settings, and which of them nothing beats.

use crate::forecast::Band;
use crate::plan::Arm;
use serde::{Deserialize, Serialize};

/// A sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sweep {
    pub schema_version: u32,
    pub bench_version: String,
    pub load: String,
    pub model: String,
    pub router: String,
    /// Of each point.
    pub seeds: u32,
    /// What a request must keep, in words.
    pub slo: String,
    /// Seconds over which replicas are paid, from the load's start; the same for all.
    pub span_s: f64,
    /// In the order of arms and axes, the last axis fastest.
    pub points: Vec<SweepPoint>,
    pub judgement: crate::judgement::Judgement,
}

/// One combination. A single number is the median over the seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SweepPoint {
    pub arm: Arm,
    /// Swept key and value, in the order of the axes.
    pub values: Vec<(String, String)>,
    /// Share of the requests within the SLO, 0..1. Failed and unsent ones are not within; those cut off at a rate's end only
    /// count when they were late already. Null without a request that counts.
    pub slo_met: Option<Band>,
    /// Replica-seconds, each pod from scheduled to its end.
    pub replica_s: Band,
    /// Seconds from due to the first token, 99th percentile; null when no request had one.
    pub ttft_p99_s: Option<f64>,
    pub failed: f64,
    pub max_ready: f64,
    /// Seconds from the load's start; null when most seeds never scale up.
    pub first_scale_up_s: Option<f64>,
    /// No other point meets the SLO at least as often for at most as many replica-seconds, and better in one of them.
    pub on_front: bool,
}

impl SweepPoint {
    /// Does it meet the SLO at least as often, for at most as many replica-seconds, and better in one of them?
    fn beats(&self, other: &Self) -> bool {
        let (Some(met), Some(m)) = (&self.slo_met, &other.slo_met) else { return false };
        let ((met, cost), (m, c)) = ((met.median, self.replica_s.median), (m.median, other.replica_s.median));
        met >= m && cost <= c && (met > m || cost < c)
    }
}

impl Sweep {
    /// Marks the Pareto front: SLO met against replica-seconds.
    pub fn mark_front(&mut self) {
        let front: Vec<bool> = self.points.iter().map(|p| p.slo_met.is_some() && !self.points.iter().any(|other| other.beats(p))).collect();
        self.points.iter_mut().zip(front).for_each(|(p, on)| p.on_front = on);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_what_nothing_beats() {
        let one = |v: f64| Band { median: v, p5: v, p95: v };
        let point = |met: f64, cost: f64| SweepPoint {
            arm: Arm::Hpa,
            values: vec![],
            slo_met: met.is_finite().then(|| one(met)),
            replica_s: one(cost),
            ttft_p99_s: None,
            failed: 0.0,
            max_ready: 1.0,
            first_scale_up_s: None,
            on_front: false,
        };
        // Cheap and bad, dear and good, beaten by the first, beaten by the second, no number, equal to the second.
        let points = [(0.5, 10.0), (0.9, 30.0), (0.4, 12.0), (0.9, 31.0), (f64::NAN, 1.0), (0.9, 30.0)].map(|(m, c)| point(m, c)).to_vec();
        let mut sweep = Sweep {
            schema_version: 1,
            bench_version: String::new(),
            load: String::new(),
            model: String::new(),
            router: String::new(),
            seeds: 1,
            slo: String::new(),
            span_s: 0.0,
            points,
        };
        sweep.mark_front();
        assert_eq!(sweep.points.iter().map(|p| p.on_front).collect::<Vec<_>>(), [true, true, false, false, false, true]);
    }
}
