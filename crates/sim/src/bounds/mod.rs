//! What an autoscaler is judged against: static fleets, the best schedule that a clairvoyant search finds, and replica-seconds that no
//! schedule can do without. All of it in the simulator's model; none of it proves what a real cluster could do.
//!
//! The search knows every arrival, every length, when each pod will be ready and what the router will draw, and plays each schedule in
//! the world of the arms. What it finds is **not proven to be the best**: the true optimum lies between [`least_replica_s`] and it.
//!
//! Threads belong to the caller: whatever plays many experiments is handed a [`Spread`].

mod leases;
mod search;
mod work;

use crate::client::schedule::{requests, window_ps};
use crate::engine::Invalid;
use crate::input::{Autoscaler, Change, Experiment};
use crate::score::{Score, Slo, score};
use crate::time::{PS_PER_S, Ps};

pub use search::perfect;
pub use work::least_replica_s;

/// Share of the requests that must be good when nothing else is said.
pub const ATTAINMENT: f64 = 0.99;

/// What a fleet has to achieve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    pub slo: Slo,
    /// Least share of the counted requests that are good, 0..1.
    pub attainment: f64,
    /// Replica-seconds are counted from the load's start for so long.
    pub span: Ps,
}

impl Goal {
    /// [`ATTAINMENT`], over the load alone.
    pub fn new(e: &Experiment, slo: Slo) -> Self {
        Self { slo, attainment: ATTAINMENT, span: load_length(e) }
    }

    pub fn meets(&self, s: &Score) -> bool {
        #[allow(clippy::cast_precision_loss)]
        let needed = self.attainment * s.counted as f64;
        #[allow(clippy::cast_precision_loss)]
        let met = s.met as f64;
        met >= needed
    }

    /// Misses that `requests` may have at most.
    fn spare(&self, requests: u64) -> u64 {
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let spare = ((1.0 - self.attainment) * requests as f64) as u64;
        spare
    }
}

/// From the load's start to its last rate's end.
pub fn load_length(e: &Experiment) -> Ps {
    rates(e).last().map_or(0, |(_, end)| *end)
}

/// Start and end of each rate, from the load's start.
fn rates(e: &Experiment) -> Vec<(Ps, Ps)> {
    let mut at = 0;
    let mut out = Vec::new();
    for rate in &e.load.rates {
        let end = at + window_ps(e.load.window, *rate, e.load.seconds).1;
        out.push((at, end));
        at = end + e.load.gap;
    }
    out
}

/// Requests that are due, sent or not.
fn due(e: &Experiment) -> u64 {
    e.load.rates.iter().map(|r| requests(e.load.window, *r, e.load.seconds)).sum()
}

/// Least and most replicas that an autoscaler of this experiment may have.
fn allowed(e: &Experiment) -> (u32, u32) {
    let least = e.scaling.min_replicas.max(1);
    (least, e.scaling.max_replicas.min(e.fleet.capacity.unwrap_or(u32::MAX)).max(least))
}

/// One fleet as it was played.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    pub score: Score,
    /// Requests of each rate that counted and were not good.
    pub missed: Vec<u64>,
}

/// Calls `work(0)` … `work(count - 1)`, in any order and on any number of threads, and returns the results in the order of the numbers.
pub type Spread<'a> = &'a dyn Fn(usize, &Work<'_>) -> Vec<Played>;

/// What is played for a number.
pub type Work<'a> = dyn Fn(usize) -> Played + Sync + 'a;

/// `None`: given up because the goal could not be met any more.
pub type Played = Result<Option<Tried>, Invalid>;

/// A [`Spread`] without threads.
pub fn one_by_one(count: usize, work: &Work<'_>) -> Vec<Played> {
    (0..count).map(work).collect()
}

/// A fleet that keeps its size.
#[derive(Debug, Clone, PartialEq)]
pub struct StaticFleet {
    pub replicas: u32,
    pub tried: Tried,
    pub meets: bool,
}

/// What the search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Perfect {
    /// Replicas when the recording begins, ready from the first request on, as a static fleet's are.
    pub start_replicas: u32,
    /// Written to `spec.replicas`, at times since the load's start. A pod is ready only its start time later.
    pub changes: Vec<Change>,
    pub score: Score,
    /// Whether the goal is met. When no static fleet meets it nothing is searched, and this is the largest one.
    pub meets: bool,
    /// No single step of the search improves it any more; else the number of plays was used up.
    pub settled: bool,
    /// Schedules that were played.
    pub plays: u32,
}

impl Perfect {
    /// The schedule as an arm of `e`: [`crate::run`] plays what was scored.
    pub fn experiment(&self, e: &Experiment) -> Experiment {
        let mut e = e.clone();
        let start = crate::world::load_start(&e);
        e.fleet.start_replicas = self.start_replicas;
        e.autoscaler = Autoscaler::Schedule(self.changes.iter().map(|c| Change { at: start + c.at, ..*c }).collect());
        e
    }
}

/// Numbers of replicas that are played as static fleets: each one up to 16, then in steps of a sixth.
fn sizes(least: u32, most: u32) -> Vec<u32> {
    let next = |n: &u32| Some(n + (n / 6).max(1) * u32::from(*n >= 16) + u32::from(*n < 16));
    let mut all: Vec<u32> = std::iter::successors(Some(least), next).take_while(|n| *n < most).collect();
    all.push(most);
    all
}

/// Static fleets from the least that the arms' limits allow to one more than the first that meets the goal; large ones in steps of a
/// sixth (see [`perfect`], which closes the gap before the first that meets the goal).
///
/// # Errors
/// When `e` is not valid.
pub fn statics(e: &Experiment, goal: &Goal, spread: Spread<'_>) -> Result<Vec<StaticFleet>, Invalid> {
    let (least, most) = allowed(e);
    let sizes = sizes(least, most);
    let mut out: Vec<StaticFleet> = Vec::new();
    // A few at once, so that threads have work, and few that nobody asks for are played.
    for some in sizes.chunks(3) {
        let played = spread(some.len(), &|i| play(e, goal, some[i], &[]).map(Some));
        for (n, tried) in some.iter().zip(played) {
            out.extend(tried?.map(|t| fleet(*n, t, goal)));
        }
        if let Some(first) = out.iter().position(|f| f.meets).filter(|i| i + 1 < out.len()) {
            out.truncate(first + 2);
            break;
        }
    }
    Ok(out)
}

/// `e` as a fleet that keeps its size.
pub fn fixed(e: &Experiment, replicas: u32) -> Experiment {
    let mut e = e.clone();
    e.fleet.start_replicas = replicas;
    e.autoscaler = Autoscaler::Static;
    unseen(&mut e);
    e
}

/// Nobody reads the metrics, and looking at a replica changes nothing of it.
fn unseen(e: &mut Experiment) {
    e.monitoring.scrape_interval = 86_400 * PS_PER_S;
}

fn fleet(replicas: u32, tried: Tried, goal: &Goal) -> StaticFleet {
    let meets = goal.meets(&tried.score);
    StaticFleet { replicas, tried, meets }
}

/// Plays one schedule, its changes from the load's start.
fn play(e: &Experiment, goal: &Goal, start_replicas: u32, changes: &[Change]) -> Result<Tried, Invalid> {
    let e = scheduled(e, start_replicas, changes);
    Ok(tried(&e, goal, &crate::run(&e)?))
}

/// `e` by a schedule, its changes from the load's start.
fn scheduled(e: &Experiment, start_replicas: u32, changes: &[Change]) -> Experiment {
    let mut e = e.clone();
    let start = crate::world::load_start(&e);
    e.fleet.start_replicas = start_replicas;
    e.autoscaler = if changes.is_empty() {
        Autoscaler::Static
    } else {
        Autoscaler::Schedule(changes.iter().map(|c| Change { at: start + c.at, ..*c }).collect())
    };
    unseen(&mut e);
    e
}

/// The same, given up as soon as the goal cannot be met any more: `None`.
fn play_within(e: &Experiment, goal: &Goal, start_replicas: u32, changes: &[Change]) -> Result<Option<Tried>, Invalid> {
    let e = scheduled(e, start_replicas, changes);
    let p = crate::world::run_within(&e, goal.slo, goal.spare(due(&e)).saturating_add(1))?;
    Ok(p.map(|p| tried(&e, goal, &p)).filter(|t| goal.meets(&t.score)))
}

fn tried(e: &Experiment, goal: &Goal, p: &crate::output::Prediction) -> Tried {
    let score = score(p, e, goal.slo, Some(goal.span));
    let mut missed: Vec<u64> = p.rates.iter().map(|r| requests(e.load.window, r.rate, e.load.seconds).saturating_sub(r.sent)).collect();
    for r in p.requests.iter().filter(|r| goal.slo.judge(r) == Some(false)) {
        if let Some(n) = missed.get_mut(usize::from(r.rate)) {
            *n += 1;
        }
    }
    Tried { score, missed }
}
