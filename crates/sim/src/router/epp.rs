//! llm-d's endpoint picker: three weighted scorers, then the highest score, equal scores at random.
//!
//! The chart's configuration names the scorers and their weights and nothing else; the loader adds `single-profile-handler` and
//! `max-score-picker` (GIE `pkg/epp/config/loader/defaults.go`, `ensureSchedulingLayer`). There is no filter: every ready pod of
//! the pool is a candidate. Without the feature gate `flowControl`, admission only ever refuses requests of negative priority
//! (GIE `pkg/epp/requestcontrol/admission.go`, `LegacyAdmissionController`), so nothing is held back here either.

use super::prefix::PrefixQuery;
use super::{Snapshot, below};

/// Weights of the scorers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    pub queue: f64,
    pub kv: f64,
    pub prefix: f64,
}

impl Weights {
    /// The chart's: 2, 2, 3 (inferencepool v1.2.0 `templates/epp-config.yaml`).
    pub const CHART: Self = Self { queue: 2.0, kv: 2.0, prefix: 3.0 };
}

impl Default for Weights {
    fn default() -> Self {
        Self::CHART
    }
}

/// The endpoint picker.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Epp {
    pub weights: Weights,
}

/// The shortest and the longest queue among the candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Queues {
    min: u32,
    max: u32,
}

impl Epp {
    #[must_use]
    pub fn new(weights: Weights) -> Self {
        Self { weights }
    }

    /// The place of the picked replica in `candidates`.
    ///
    /// The picker shuffles, sorts stably by falling score and takes the first (GIE `picker/max_score_picker.go`, `Pick`), which
    /// is a uniform choice among those with the highest score; one draw is used, and only when several have it.
    pub fn pick(&self, candidates: &[Snapshot], prefix: Option<PrefixQuery<'_>>, draw: &mut impl FnMut() -> u64) -> Option<usize> {
        let queues = Queues::of(candidates)?;
        let (mut best, mut first, mut equal) = (f64::NEG_INFINITY, 0, 0);
        for (at, candidate) in candidates.iter().enumerate() {
            let score = self.score(candidate, queues, prefix);
            if score > best {
                (best, first, equal) = (score, at, 1);
            } else if score == best {
                equal += 1;
            }
        }
        if equal <= 1 {
            return Some(first);
        }
        let chosen = below(equal, draw);
        candidates.iter().enumerate().skip(first).filter(|(_, c)| self.score(c, queues, prefix) == best).nth(chosen).map(|(at, _)| at)
    }

    /// Each candidate's weighted score, for tests and traces.
    pub fn scores(&self, candidates: &[Snapshot], prefix: Option<PrefixQuery<'_>>) -> impl Iterator<Item = f64> {
        let queues = Queues::of(candidates).unwrap_or(Queues { min: 0, max: 0 });
        candidates.iter().map(move |c| self.score(c, queues, prefix))
    }

    /// The sum in the order of the profile, each score held to 0…1 before it is weighted
    /// (GIE `scheduling/framework/scheduler_profile.go`, `runScorerPlugins`, `enforceScoreRange`).
    fn score(&self, candidate: &Snapshot, queues: Queues, prefix: Option<PrefixQuery<'_>>) -> f64 {
        let mut sum = 0.0;
        sum += queues.score(candidate.waiting).clamp(0.0, 1.0) * self.weights.queue;
        sum += kv_score(candidate.kv_usage).clamp(0.0, 1.0) * self.weights.kv;
        if let Some(query) = prefix {
            sum += query.score(candidate.replica).clamp(0.0, 1.0) * self.weights.prefix;
        }
        sum
    }
}

impl Queues {
    fn of(candidates: &[Snapshot]) -> Option<Self> {
        let first = candidates.first()?.waiting;
        Some(candidates.iter().fold(Self { min: first, max: first }, |q, c| Self { min: q.min.min(c.waiting), max: q.max.max(c.waiting) }))
    }

    /// `queue-scorer`: 1 for the shortest queue, 0 for the longest, in proportion between; 1 for all when all are equal
    /// (GIE `scheduling/framework/plugins/scorer/queue.go`, `Score`). A difference of one request counts like one of a thousand.
    fn score(self, waiting: u32) -> f64 {
        if self.max == self.min {
            return 1.0;
        }
        f64::from(self.max - waiting) / f64::from(self.max - self.min)
    }
}

/// `kv-cache-utilization-scorer`: what is free, not normalised over the candidates
/// (GIE `scheduling/framework/plugins/scorer/kvcache_utilization.go`, `Score`).
fn kv_score(usage: f64) -> f64 {
    1.0 - usage
}

#[cfg(test)]
mod tests {
    use super::super::prefix::PrefixIndex;
    use super::super::tests::{seen, splitmix};
    use super::super::{Policy, ReplicaId};
    use super::*;

    fn scores(candidates: &[Snapshot]) -> Vec<f64> {
        Epp::default().scores(candidates, None).collect()
    }

    #[test]
    fn queues_are_scored_between_the_shortest_and_the_longest() {
        // Queues 300, 0, 75: 0, 1, 225/300; kv 1.0, 0.02, 0.5.
        assert_eq!(scores(&[seen(0, 300, 1.0), seen(1, 0, 0.02), seen(2, 75, 0.5)]), [0.0, 2.0 + 2.0 * 0.98, 1.5 + 1.0]);
    }

    #[test]
    fn equal_queues_all_score_one() {
        assert_eq!(scores(&[seen(0, 300, 0.25), seen(1, 300, 0.75)]), [3.5, 2.5]);
        assert_eq!(scores(&[seen(0, 0, 0.0), seen(1, 0, 0.0)]), [4.0, 4.0]);
    }

    #[test]
    fn a_single_replica_is_picked_however_full_and_without_a_draw() {
        let mut draw = || unreachable!("no draw for one candidate");
        assert_eq!(scores(&[seen(0, 300, 1.0)]), [2.0]);
        assert_eq!(Epp::default().pick(&[seen(0, 300, 1.0)], None, &mut draw), Some(0));
    }

    #[test]
    fn usage_above_one_counts_as_full() {
        assert_eq!(scores(&[seen(0, 0, 1.2)]), [2.0]);
    }

    #[test]
    fn one_waiting_request_outweighs_nearly_the_whole_cache() {
        let mut draw = || unreachable!("no tie");
        assert_eq!(Epp::default().pick(&[seen(0, 1, 0.0), seen(1, 0, 0.99)], None, &mut draw), Some(1));
    }

    #[test]
    fn ties_are_uniform_among_the_best_only() {
        let mut draw = splitmix(3);
        let all = [seen(0, 2, 0.0), seen(1, 0, 0.1), seen(2, 0, 0.5), seen(3, 0, 0.1), seen(4, 0, 0.1)];
        let mut count = [0u32; 5];
        let mut policy = Policy::Epp(Epp::default());
        for _ in 0..30_000 {
            count[policy.pick(&all, None, &mut draw).unwrap()] += 1;
        }
        assert_eq!([count[0], count[2]], [0, 0]);
        assert!([1, 3, 4].iter().all(|&i| count[i].abs_diff(10_000) < 300), "{count:?}");
    }

    #[test]
    fn a_whole_prefix_does_not_outweigh_an_idle_replica_while_the_other_queues() {
        let mut index = PrefixIndex::new(1000);
        index.add(ReplicaId(0), 5, 80);
        let query = index.query(5, 80);
        // 3 for the prefix against 2 + 2·0.98; without a queue 3 + 2 + 0 against the same.
        let all = [seen(0, 300, 1.0), seen(1, 0, 0.02)];
        assert_eq!(Epp::default().scores(&all, Some(query)).collect::<Vec<_>>(), [3.0, 2.0 + 2.0 * 0.98]);
        let mut draw = || unreachable!("no tie");
        assert_eq!(Epp::default().pick(&all, Some(query), &mut draw), Some(1));
        assert_eq!(Epp::default().pick(&[seen(0, 0, 1.0), seen(1, 0, 0.02)], Some(query), &mut draw), Some(0));
    }
}
