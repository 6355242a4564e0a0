//! The client's kept-alive connections, for paths on which a connection, once open, stays with one replica.
//!
//! The rules are those of httpcore's pool below httpx, one pool per worker process of guidellm
//! (httpcore 1.0.9 `_async/connection_pool.py`, `_assign_requests_to_connections`; `_async/http11.py`, `has_expired`).
//! guidellm 0.5.0 sets `keepalive_expiry` 5 s and no limit on connections (`src/guidellm/backends/openai.py`, `process_startup`).
//!
//! Through Istio's gateway the endpoint is picked anew for each request, whatever connection it came on (Istio 1.28.1
//! `route.go`: `ext_proc` per route; `cluster_builder.go`: `override_host` from the request's own metadata); this wrapper is for
//! paths balanced per connection, such as a plain `Service`, and for asking what such pinning would explain.

use super::ReplicaId;

/// A pool's settings; times in any unit, the same throughout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAliveSettings {
    /// Worker processes, each with its own pool.
    pub workers: u32,
    /// An idle connection is closed when *more* than this has passed since its response ended; `None` for never.
    pub expiry: Option<i64>,
    /// `max_keepalive_connections`. httpcore compares it with *all* connections of the pool, busy ones too, and then closes
    /// idle ones, the oldest first.
    pub max_idle: Option<usize>,
}

/// A connection a request holds until it is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Lease {
    pub worker: u32,
    pub replica: ReplicaId,
    /// Whether the connection had been used before.
    pub reused: bool,
    /// Its number, never given twice.
    connection: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Connection {
    number: u64,
    replica: ReplicaId,
    /// When its last response ended; `None` while a request holds it.
    idle_since: Option<i64>,
}

/// The pools of all workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepAlive {
    settings: KeepAliveSettings,
    /// Per worker, in the order in which they were opened.
    pools: Vec<Vec<Connection>>,
    opened: u64,
}

impl KeepAlive {
    #[must_use]
    pub fn new(settings: KeepAliveSettings) -> Self {
        Self { settings, pools: vec![Vec::new(); settings.workers as usize], opened: 0 }
    }

    /// The connection for a request of `worker`: the idle one opened first, else a new one to the replica that `open` picks.
    /// `None` when there is none idle and `open` finds no replica.
    pub fn send(&mut self, now: i64, worker: u32, open: impl FnOnce() -> Option<ReplicaId>) -> Option<Lease> {
        let KeepAliveSettings { expiry, max_idle, .. } = self.settings;
        let pool = &mut self.pools[worker as usize];
        let mut left = pool.len();
        pool.retain(|c| {
            let Some(since) = c.idle_since else { return true };
            let expired = expiry.is_some_and(|limit| now > since.saturating_add(limit));
            let surplus = max_idle.is_some_and(|limit| left > limit);
            if expired || surplus {
                left -= 1;
            }
            !(expired || surplus)
        });
        if let Some(idle) = pool.iter_mut().find(|c| c.idle_since.is_some()) {
            idle.idle_since = None;
            return Some(Lease { worker, replica: idle.replica, reused: true, connection: idle.number });
        }
        let replica = open()?;
        let number = self.opened;
        self.opened += 1;
        pool.push(Connection { number, replica, idle_since: None });
        Some(Lease { worker, replica, reused: false, connection: number })
    }

    /// The response was read to its end: the connection is kept (`http11.py`, `_response_closed`).
    pub fn finished(&mut self, now: i64, lease: Lease) {
        if let Some(at) = self.place(lease) {
            self.pools[lease.worker as usize][at].idle_since = Some(now);
        }
    }

    /// The request timed out, was cancelled or failed half-way: the connection is closed (same function, the other branch).
    pub fn broken(&mut self, lease: Lease) {
        if let Some(at) = self.place(lease) {
            self.pools[lease.worker as usize].remove(at);
        }
    }

    /// A rate ended: its worker processes and their pools with them.
    pub fn reset(&mut self) {
        self.pools.iter_mut().for_each(Vec::clear);
    }

    /// A replica is gone, and with it its connections, idle and busy.
    pub fn replica_gone(&mut self, replica: ReplicaId) {
        self.pools.iter_mut().for_each(|pool| pool.retain(|c| c.replica != replica));
    }

    /// Connections to a replica: busy and idle. An expired one counts until its worker next sends.
    #[must_use]
    pub fn connections(&self, replica: ReplicaId) -> (usize, usize) {
        let to = self.pools.iter().flatten().filter(|c| c.replica == replica);
        to.fold((0, 0), |(busy, idle), c| if c.idle_since.is_none() { (busy + 1, idle) } else { (busy, idle + 1) })
    }

    /// Pools are in the order of opening, hence sorted by number.
    fn place(&self, lease: Lease) -> Option<usize> {
        self.pools[lease.worker as usize].binary_search_by_key(&lease.connection, |c| c.number).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ReplicaId = ReplicaId(0);
    const B: ReplicaId = ReplicaId(1);

    fn pools(workers: u32, expiry: Option<i64>, max_idle: Option<usize>) -> KeepAlive {
        KeepAlive::new(KeepAliveSettings { workers, expiry, max_idle })
    }

    fn reuse(pools: &mut KeepAlive, now: i64, worker: u32) -> Lease {
        pools.send(now, worker, || panic!("a new connection")).unwrap()
    }

    #[test]
    fn the_idle_connection_opened_first_is_reused_not_the_one_freed_first() {
        let mut pools = pools(1, Some(5000), None);
        let first = pools.send(0, 0, || Some(A)).unwrap();
        let second = pools.send(1, 0, || Some(B)).unwrap();
        assert!(!first.reused && !second.reused);
        pools.finished(10, second);
        pools.finished(20, first);
        let again = reuse(&mut pools, 30, 0);
        assert_eq!((again.replica, again.reused), (A, true));
        assert_eq!(reuse(&mut pools, 30, 0).replica, B);
        assert_eq!(pools.send(30, 0, || Some(B)).map(|l| l.reused), Some(false));
    }

    #[test]
    fn an_idle_connection_lasts_just_to_its_expiry() {
        let mut pools = pools(1, Some(5000), None);
        let lease = pools.send(0, 0, || Some(A)).unwrap();
        // Busy time does not count.
        pools.finished(100_000, lease);
        let lease = reuse(&mut pools, 105_000, 0);
        pools.finished(106_000, lease);
        let lease = pools.send(111_001, 0, || Some(B)).unwrap();
        assert_eq!((lease.replica, lease.reused), (B, false));
        assert_eq!(pools.connections(A), (0, 0));
    }

    #[test]
    fn without_expiry_it_lasts() {
        let mut pools = pools(1, None, None);
        let lease = pools.send(0, 0, || Some(A)).unwrap();
        pools.finished(1, lease);
        assert_eq!(reuse(&mut pools, i64::MAX, 0).replica, A);
    }

    #[test]
    fn workers_do_not_share() {
        let mut pools = pools(2, Some(5000), None);
        let lease = pools.send(0, 0, || Some(A)).unwrap();
        pools.finished(1, lease);
        assert_eq!(pools.send(2, 1, || Some(B)).map(|l| l.replica), Some(B));
        assert_eq!(reuse(&mut pools, 2, 0).replica, A);
    }

    #[test]
    fn surplus_idle_connections_close_oldest_first_counting_busy_ones() {
        let mut pools = pools(1, None, Some(2));
        let leases: Vec<_> = [A, B, A].into_iter().map(|r| pools.send(0, 0, || Some(r)).unwrap()).collect();
        pools.finished(1, leases[0]);
        pools.finished(1, leases[1]);
        // Three connections, two allowed: the oldest idle one goes, and the next is taken.
        assert_eq!(reuse(&mut pools, 2, 0).replica, B);
        assert_eq!(pools.connections(A), (1, 0));
    }

    #[test]
    fn broken_gone_and_reset_connections_are_not_reused() {
        let mut pools = pools(1, None, None);
        let timed_out = pools.send(0, 0, || Some(A)).unwrap();
        pools.broken(timed_out);
        assert_eq!(pools.connections(A), (0, 0));

        let idle = pools.send(0, 0, || Some(A)).unwrap();
        let busy = pools.send(0, 0, || Some(A)).unwrap();
        let other = pools.send(0, 0, || Some(B)).unwrap();
        pools.finished(1, idle);
        pools.finished(1, other);
        assert_eq!(pools.connections(A), (1, 1));
        pools.replica_gone(A);
        assert_eq!(pools.connections(A), (0, 0));
        pools.finished(2, busy); // its connection is no longer there
        assert_eq!(reuse(&mut pools, 2, 0).replica, B);

        pools.reset();
        assert_eq!(pools.send(3, 0, || None), None);
        assert_eq!(pools.connections(B), (0, 0));
    }

    #[test]
    fn no_replica_no_lease() {
        let mut pools = pools(1, None, None);
        assert_eq!(pools.send(0, 0, || None), None);
        assert_eq!(pools, self::pools(1, None, None));
    }
}
