//! Which replica a request goes to: llm-d's endpoint picker (EPP), simpler balancers, and the client's kept-alive connections.
//!
//! Sources named below: GIE = kubernetes-sigs/gateway-api-inference-extension v1.3.0, the version inside the image
//! `llm-d-inference-scheduler:v0.5.0-rc.1`; the chart that configures it is inferencepool v1.2.0; Istio is 1.28.1, httpcore 1.0.9.
//!
//! Everything here is pure: the snapshots come in, a place in them goes out, and random numbers are drawn from a closure.
//! Nothing is allocated by a pick; a pick costs a few passes over the candidates.

mod epp;
mod keepalive;
mod prefix;

pub use epp::{Epp, Weights};
pub use keepalive::{KeepAlive, KeepAliveSettings, Lease};
pub use prefix::{CHARS_PER_TOKEN, MAX_BLOCKS, PrefixIndex, PrefixQuery, block_chars, blocks_of};

/// A replica's number for a whole simulation, never given twice: a pod that comes back is another replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(pub u32);

/// One candidate as the router last saw it.
///
/// The EPP reads each replica's `/metrics` every 50 ms (GIE `pkg/epp/server/options.go`, `RefreshMetricsInterval`); a read that fails, or takes
/// over 5 s, leaves the last known values in place, and no scorer looks at their age (`pkg/epp/backend/metrics/pod_metrics.go`).
///
/// `waiting`, `running` and `kv_usage` are `vllm:num_requests_waiting`, `vllm:num_requests_running` and
/// `vllm:kv_cache_usage_perc` of the last successful read. A replica not read yet has zeros, which the scorers take for an idle
/// one (GIE `pkg/epp/backend/metrics/types.go`, `NewEndpoint` → `NewMetricsState`). A metric that is missing under its expected
/// name keeps its former value, hence 0 for ever when it was never there (`metrics.go`, `promToPodMetrics`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Snapshot {
    pub replica: ReplicaId,
    pub waiting: u32,
    pub running: u32,
    /// Share of the KV cache in use, 0 to 1.
    pub kv_usage: f64,
    /// Requests this router itself has sent there and not seen end. The EPP's default scorers ignore it; a proxy's
    /// least-connections balancing knows nothing else.
    pub in_flight: u32,
}

impl Snapshot {
    /// A replica whose metrics have never been read.
    #[must_use]
    pub fn unseen(replica: ReplicaId) -> Self {
        Self { replica, waiting: 0, running: 0, kv_usage: 0.0, in_flight: 0 }
    }
}

/// How a replica is chosen among those that are ready.
#[derive(Debug, Clone, PartialEq)]
pub enum Policy {
    /// llm-d's endpoint picker.
    Epp(Epp),
    /// Any, with equal chance: what a `Service` does with each new connection, and what the EPP amounts to when it can read
    /// nobody's metrics (all scores are equal then).
    Random,
    /// Each in turn: Envoy's fallback when the picked endpoint is not in its cluster (Istio `cluster_builder.go`,
    /// `applyOverrideHostPolicy`).
    RoundRobin(Turn),
    /// The one with the fewest requests in flight as the proxy knows them, equal ones in turn (HAProxy `balance leastconn`).
    LeastLoaded(Turn),
}

impl Policy {
    #[must_use]
    pub fn round_robin() -> Self {
        Self::RoundRobin(Turn::default())
    }

    #[must_use]
    pub fn least_loaded() -> Self {
        Self::LeastLoaded(Turn::default())
    }

    /// The place in `candidates` of the replica to send to; `None` without candidates, for which the EPP answers 503
    /// (GIE `pkg/epp/requestcontrol/director.go`, `HandleRequest`).
    ///
    /// `prefix` is the request's prompt in the EPP's prefix index; leave it out when no prompt can come twice.
    pub fn pick(&mut self, candidates: &[Snapshot], prefix: Option<PrefixQuery<'_>>, draw: &mut impl FnMut() -> u64) -> Option<usize> {
        match self {
            Self::Epp(epp) => epp.pick(candidates, prefix, draw),
            Self::Random => (!candidates.is_empty()).then(|| below(candidates.len(), draw)),
            Self::RoundRobin(turn) => turn.next(candidates, |_| true),
            Self::LeastLoaded(turn) => {
                let least = candidates.iter().map(|c| c.in_flight).min()?;
                turn.next(candidates, |c| c.in_flight == least)
            }
        }
    }
}

/// Whose turn it is: after the replica served last comes the next higher number, after the highest the lowest.
/// Replicas may come and go, and the candidates may be in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turn {
    last: Option<ReplicaId>,
}

impl Turn {
    fn next(&mut self, candidates: &[Snapshot], eligible: impl Fn(&Snapshot) -> bool) -> Option<usize> {
        let mut lowest: Option<usize> = None;
        let mut higher: Option<usize> = None;
        for (at, candidate) in candidates.iter().enumerate().filter(|(_, c)| eligible(c)) {
            let id = candidate.replica;
            if lowest.is_none_or(|l| id < candidates[l].replica) {
                lowest = Some(at);
            }
            if self.last.is_none_or(|last| id > last) && higher.is_none_or(|h| id < candidates[h].replica) {
                higher = Some(at);
            }
        }
        let at = higher.or(lowest)?;
        self.last = Some(candidates[at].replica);
        Some(at)
    }
}

/// A number below `n` from one draw of 64 random bits; the bias is below n / 2⁶⁴.
pub(crate) fn below(n: usize, draw: &mut impl FnMut() -> u64) -> usize {
    ((u128::from(draw()) * n as u128) >> 64) as usize
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// SplitMix64.
    pub(crate) fn splitmix(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed;
        move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        }
    }

    pub(crate) fn seen(id: u32, waiting: u32, kv_usage: f64) -> Snapshot {
        Snapshot { replica: ReplicaId(id), waiting, running: 0, kv_usage, in_flight: 0 }
    }

    fn loaded(id: u32, in_flight: u32) -> Snapshot {
        Snapshot { in_flight, ..Snapshot::unseen(ReplicaId(id)) }
    }

    #[test]
    fn no_candidates_no_pick() {
        let mut draw = splitmix(1);
        for mut policy in [Policy::Epp(Epp::default()), Policy::Random, Policy::round_robin(), Policy::least_loaded()] {
            assert_eq!(policy.pick(&[], None, &mut draw), None);
        }
    }

    #[test]
    fn round_robin_goes_by_number_whatever_the_order() {
        let mut draw = splitmix(1);
        let mut policy = Policy::round_robin();
        let all = [loaded(7, 0), loaded(2, 0), loaded(4, 0)];
        let mut ids = Vec::new();
        for _ in 0..4 {
            ids.push(all[policy.pick(&all, None, &mut draw).unwrap()].replica.0);
        }
        assert_eq!(ids, [2, 4, 7, 2]);
        // Replica 4, next in turn, has gone; a newcomer is served when its number comes.
        let fewer = [loaded(9, 0), loaded(7, 0), loaded(2, 0)];
        assert_eq!(policy.pick(&fewer, None, &mut draw), Some(1));
        assert_eq!(policy.pick(&fewer, None, &mut draw), Some(0));
        assert_eq!(policy.pick(&fewer, None, &mut draw), Some(2));
    }

    #[test]
    fn least_loaded_takes_the_fewest_in_flight_and_turns_among_equals() {
        let mut draw = splitmix(1);
        let mut policy = Policy::least_loaded();
        let some = [loaded(0, 3), loaded(1, 1), loaded(2, 1), loaded(3, 2)];
        assert_eq!(policy.pick(&some, None, &mut draw), Some(1));
        assert_eq!(policy.pick(&some, None, &mut draw), Some(2));
        assert_eq!(policy.pick(&some, None, &mut draw), Some(1));
    }

    #[test]
    fn random_is_uniform() {
        let mut draw = splitmix(5);
        let all = [loaded(0, 9), loaded(1, 0), loaded(2, 4)];
        let mut count = [0u32; 3];
        for _ in 0..30_000 {
            count[Policy::Random.pick(&all, None, &mut draw).unwrap()] += 1;
        }
        assert!(count.iter().all(|&n| n.abs_diff(10_000) < 300), "{count:?}");
    }

    #[test]
    fn draws_reach_both_ends() {
        assert_eq!(below(3, &mut || 0), 0);
        assert_eq!(below(3, &mut || u64::MAX), 2);
    }
}
