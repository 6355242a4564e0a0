//! Stabilization windows over the raw proposals of the past (horizontal.go, stabilizeRecommendation and
//! stabilizeRecommendationWithBehaviors).

use super::number::seconds_before;
use super::outcome::Stabilized;

/// A proposal as it was before stabilization and limits, or the replicas found at the first sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Recommendation {
    replicas: i32,
    at_ms: i64,
}

/// The recommendations the controller remembers of one HPA. An old entry is overwritten rather than dropped, and only one at each sync,
/// so the order is not that of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Recommendations(Vec<Recommendation>);

impl Recommendations {
    /// recordInitialRecommendation: so a new HPA cannot leave the replicas it finds before a whole window has passed.
    pub fn record_initial(&mut self, replicas: i32, now_ms: i64) {
        if self.0.is_empty() {
            self.0.push(Recommendation { replicas, at_ms: now_ms });
        }
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// With `behavior`. An entry exactly as old as a window is outside of it, and exactly at either window's edge it is not overwritten.
    pub fn stabilize(&mut self, proposal: i32, current: i32, up_window_s: i64, down_window_s: i64, now_ms: i64) -> Stabilized {
        let up_cutoff = seconds_before(now_ms, up_window_s);
        let down_cutoff = seconds_before(now_ms, down_window_s);
        let (mut lowest, mut highest) = (proposal, proposal);
        let mut old = None;
        for (i, r) in self.0.iter().enumerate() {
            if r.at_ms > up_cutoff {
                lowest = lowest.min(r.replicas);
            }
            if r.at_ms > down_cutoff {
                highest = highest.max(r.replicas);
            }
            if r.at_ms < up_cutoff && r.at_ms < down_cutoff {
                old = Some(i);
            }
        }
        self.store(old, proposal, now_ms);
        // Not clamp: `lowest` never exceeds `highest`, but the order is the controller's.
        Stabilized { value: current.max(lowest).min(highest), lowest, highest }
    }

    /// Without `behavior`: scale-down only, and an entry exactly as old as the window still counts.
    pub fn stabilize_down(&mut self, proposal: i32, window_s: i64, now_ms: i64) -> Stabilized {
        let cutoff = seconds_before(now_ms, window_s);
        let mut highest = proposal;
        let mut old = None;
        for (i, r) in self.0.iter().enumerate() {
            if r.at_ms < cutoff {
                old = Some(i);
            } else {
                highest = highest.max(r.replicas);
            }
        }
        self.store(old, proposal, now_ms);
        Stabilized { value: highest, lowest: proposal, highest }
    }

    fn store(&mut self, old: Option<usize>, replicas: i32, at_ms: i64) {
        let new = Recommendation { replicas, at_ms };
        match old {
            Some(i) => self.0[i] = new,
            None => self.0.push(new),
        }
    }
}
