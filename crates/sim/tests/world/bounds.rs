//! The bounds: what is found keeps the goal when it is played anew, is never beaten by much by trying everything, and lies above what
//! no schedule can do without.

use super::published::published;
use super::random;
use bench_sim::bounds::{self, Goal, Perfect, StaticFleet, Work, least_replica_s, one_by_one, perfect, statics};
use bench_sim::input::*;
use bench_sim::score::{Score, Slo, score};
use bench_sim::time::{PS_PER_MS, PS_PER_S, Ps, seconds};

const SLO: Slo = Slo { ttft: PS_PER_S, itl: 50 * PS_PER_MS, ..Slo::NONE };

fn both(e: &Experiment, goal: &Goal) -> (Vec<StaticFleet>, Perfect) {
    let fleets = statics(e, goal, &one_by_one).unwrap();
    let found = perfect(e, goal, &fleets, &one_by_one).unwrap();
    (fleets, found)
}

fn numbers(s: &Score) -> (u64, u64, u64, f64) {
    (s.counted, s.met, s.failed, s.replica_s)
}

fn replayed(e: &Experiment, goal: &Goal, found: &Perfect) -> Score {
    let e = found.experiment(e);
    score(&bench_sim::run(&e).unwrap(), &e, goal.slo, Some(goal.span))
}

/// A server whose times do not depend on the load, slots for four requests of about 2 s, and requests that wait at most 0.5 s.
fn slots(rates: &[f64], max_replicas: u32) -> (Experiment, Goal) {
    let mut e = published("static", "least", 1);
    e.load.rates = rates.to_vec();
    e.load.seconds = 120;
    e.server = Server::Fixed(bench_sim::engine::FixedParams {
        ttft: 100 * PS_PER_MS,
        itl: 20 * PS_PER_MS,
        kv_blocks: 1 << 20,
        block_size: 16,
        max_sequences: 4,
        max_model_len: 1 << 14,
    });
    e.load.prompt = bench_model::profile::Lengths { mean: 10, stdev: None, min: Some(10), max: Some(10) };
    e.load.output = bench_model::profile::Lengths { mean: 96, stdev: None, min: Some(96), max: Some(96) };
    e.router.latency = 0;
    (e.fleet.start_median, e.fleet.start_spread) = (10 * PS_PER_S, 0.0);
    e.scaling.max_replicas = max_replicas;
    let goal = Goal::new(&e, Slo { ttft: 500 * PS_PER_MS, ..Slo::NONE });
    (e, goal)
}

#[test]
fn static_fleets_have_known_answers() {
    // A replica serves 4 requests in 0.1 + 95·0.02 = 2 s: two a second.
    let (e, goal) = slots(&[3.9], 4);
    let (fleets, found) = both(&e, &goal);
    let meets: Vec<(u32, bool)> = fleets.iter().map(|f| (f.replicas, f.meets)).collect();
    assert_eq!(meets, [(1, false), (2, true), (3, true)]);
    for f in &fleets {
        assert_eq!(f.tried.score.replica_s, 120.0 * f64::from(f.replicas));
        assert_eq!(f.tried.missed.iter().sum::<u64>(), f.tried.score.counted - f.tried.score.met);
    }
    // At 3.9/s and 2.0/s for one replica hardly anything can be left out: each second without the second one adds 1.9 to the queue.
    assert!(found.meets && found.score.replica_s > 225.0 && found.score.replica_s <= 240.0, "{found:?}");
    // 468 requests of 0.5 replica-seconds, less 1 % and those at the end.
    let least = least_replica_s(&e, &goal);
    assert!((222.0..=234.0).contains(&least) && least <= found.score.replica_s, "{least}");
}

#[test]
fn a_quiet_rate_costs_one_replica_and_a_busy_one_as_many_as_it_needs() {
    let (e, goal) = slots(&[1.5, 5.5, 1.5], 5);
    let (fleets, found) = both(&e, &goal);
    assert_eq!(fleets.iter().find(|f| f.meets).unwrap().replicas, 3);
    // One replica all the time (three rates of 120 s, two gaps of 1.x s), two more in the middle and while they start.
    let cost = found.score.replica_s;
    assert!(found.meets && found.settled && found.start_replicas == 1, "{found:?}");
    assert!((364.0 + 225.0..=364.0 + 240.0 + 2.0 * 13.0).contains(&cost), "{found:?}");
    assert!(found.changes.is_sorted_by_key(|c| c.at));
}

#[test]
fn nothing_within_the_limit_is_said_to_be_so() {
    let (e, goal) = slots(&[9.0], 3);
    let (fleets, found) = both(&e, &goal);
    assert!(fleets.iter().all(|f| !f.meets) && !found.meets);
    assert_eq!((found.start_replicas, found.changes.len()), (3, 0));
    assert_eq!(numbers(&found.score), numbers(&fleets[2].tried.score));
}

#[test]
fn large_limits_are_played_in_steps_and_the_least_fleet_is_still_found() {
    let (e, goal) = slots(&[43.0], 200);
    let (fleets, found) = both(&e, &goal);
    assert!(fleets.len() < 40, "{}", fleets.len());
    // One more than the first that meets the goal, and none that nobody asks for.
    assert_eq!(fleets.iter().rev().map(|f| f.meets).take(3).collect::<Vec<_>>(), [true, true, false]);
    assert!(found.meets && found.start_replicas <= 22 && found.score.replica_s <= 22.0 * 120.0, "{found:?}");
}

/// Every schedule of `cells` equal parts of the load: replay each, and the cheapest that keeps the goal.
fn brute(e: &Experiment, goal: &Goal, cells: u32, most: u32) -> f64 {
    let early = 12 * PS_PER_S;
    let length = bounds::load_length(e);
    let mut cheapest = f64::INFINITY;
    for code in 0..most.pow(cells) {
        let level = |c: u32| code / most.pow(c) % most + 1;
        let at = |c: u32| length / Ps::from(cells) * Ps::from(c);
        let mut changes: Vec<Change> = (1..cells)
            .filter(|c| level(*c) != level(c - 1))
            .map(|c| Change { at: if level(c) > level(c - 1) { at(c) - early } else { at(c) }, replicas: level(c) })
            .collect();
        changes.push(Change { at: length, replicas: 1 });
        let tried = Perfect { start_replicas: level(0), changes, score: no_score(), meets: false, settled: false, plays: 0 };
        let s = replayed(e, goal, &tried);
        if goal.meets(&s) {
            cheapest = cheapest.min(s.replica_s);
        }
    }
    cheapest
}

fn no_score() -> Score {
    let (e, goal) = slots(&[1.0], 1);
    let mut e = e;
    e.load.seconds = 1;
    statics(&e, &goal, &one_by_one).unwrap()[0].tried.score
}

#[test]
fn trying_every_schedule_of_a_grid_finds_nothing_cheaper() {
    let mut all = 0;
    for (i, rates) in [[1.0, 5.0], [5.0, 1.0], [3.0, 5.8], [0.5, 2.5], [5.9, 3.9], [2.1, 4.1]].into_iter().enumerate() {
        let (mut e, goal) = slots(&rates, 3);
        e.seed = i as u64;
        let (_, found) = both(&e, &goal);
        let cheapest = brute(&e, &goal, 6, 3);
        let cost = found.score.replica_s;
        let least = least_replica_s(&e, &goal);
        assert_eq!(found.meets, cheapest.is_finite(), "{rates:?}");
        if found.meets {
            assert!(least <= cheapest && least <= cost, "{rates:?}: {least} {cheapest} {cost}");
            all += 1;
            assert!(cost <= cheapest, "{rates:?}: found {cost}, by brute force {cheapest}");
        }
    }
    assert!(all >= 4, "{all}");
}

#[test]
fn random_experiments_keep_every_promise() {
    let mut met = 0;
    for seed in 0..60 {
        let mut e = random::experiment(seed);
        e.fleet.capacity = None;
        let goal = Goal { attainment: 0.9, ..Goal::new(&e, Slo { ttft: 3 * PS_PER_S, itl: 200 * PS_PER_MS, ..Slo::NONE }) };
        let (fleets, found) = both(&e, &goal);
        let enough = fleets.iter().find(|f| f.meets);
        assert_eq!(found.meets, enough.is_some(), "seed {seed}");
        assert_eq!(numbers(&replayed(&e, &goal, &found)), numbers(&found.score), "seed {seed}: not what was scored");
        let Some(enough) = enough else { continue };
        met += 1;
        assert!(goal.meets(&found.score) && found.score.replica_s <= enough.tried.score.replica_s, "seed {seed}");
        let least = least_replica_s(&e, &goal);
        assert!(least <= found.score.replica_s + 1e-6, "seed {seed}: {least} > {}", found.score.replica_s);
        // More replicas allowed, the same order over threads, …: nothing changes.
        let mut more = e.clone();
        more.scaling.max_replicas += 3;
        assert_eq!(both(&more, &goal).1.changes, found.changes, "seed {seed}");
        // Fewer: never better.
        let mut fewer = e.clone();
        fewer.scaling.max_replicas = (fewer.scaling.max_replicas - 1).max(1);
        let fewer = both(&fewer, &goal).1;
        assert!(!fewer.meets || fewer.score.replica_s >= found.score.replica_s, "seed {seed}");
    }
    assert!(met > 20, "{met}");
}

#[test]
fn the_published_load_needs_two_replicas_and_the_second_one_from_the_third_rate_on() {
    let e = published("hpa", "pinned", 1);
    let goal = Goal::new(&e, SLO);
    let (fleets, found) = both(&e, &goal);
    assert_eq!(fleets.iter().map(|f| f.replicas).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(fleets.iter().find(|f| f.meets).map(|f| f.replicas), Some(2));
    assert!(found.meets && found.settled && found.start_replicas == 1 && found.score.max_ready == 2, "{found:?}");
    // Two of four rates with a second one, ready when the third begins at 2404 s or up to a minute after.
    let first = found.changes.first().map_or(0.0, |c| seconds(c.at));
    assert!((2320.0..2410.0).contains(&first), "{found:?}");
    assert!((7000.0..7300.0).contains(&found.score.replica_s), "{found:?}");
    let least = least_replica_s(&e, &goal);
    assert!((4800.0..7000.0).contains(&least), "{least}");
    // Any number of threads in any order: the same.
    let backwards = |count: usize, work: &Work<'_>| {
        let mut all: Vec<_> = (0..count).rev().map(work).collect();
        all.reverse();
        all
    };
    assert_eq!(perfect(&e, &goal, &fleets, &backwards).unwrap().changes, found.changes);
}

#[test]
fn a_schedule_is_carried_out_as_written_and_a_wrong_one_is_refused() {
    let (mut e, _) = slots(&[1.0], 4);
    let change = |s: i64, replicas| Change { at: s * PS_PER_S, replicas };
    e.autoscaler = Autoscaler::Schedule(vec![change(0, 2), change(50, 4), change(130, 1)]);
    let p = bench_sim::run(&e).unwrap();
    let seen: Vec<(f64, u32)> = p.replicas.iter().map(|r| (seconds(r.t), r.desired)).collect();
    for wanted in [(0.0, 2), (50.0, 4), (130.0, 1)] {
        assert!(seen.contains(&wanted), "{seen:?}");
    }
    // Half a second to act, a pod's start of 10 s, a look every 5 s.
    assert!(p.replicas.iter().any(|r| r.ready == 4 && (60.5..=65.5).contains(&seconds(r.t))), "{:?}", p.replicas);
    for wrong in
        [vec![change(5, 1), change(4, 2)], vec![change(1, 0)], vec![change(-1, 1)], vec![change(1, 20_000)], vec![change(1 << 22, 1)]]
    {
        e.autoscaler = Autoscaler::Schedule(wrong.clone());
        assert!(bench_sim::run(&e).is_err(), "{wrong:?}");
    }
}
