//! The clairvoyant search: from the fewest replicas that suffice in each rate, step by step to shorter leases, every schedule played.

use super::leases::{Leases, Step};
use super::{Goal, Perfect, Spread, StaticFleet, Tried, allowed, due, fleet, play, play_within, rates};
use crate::engine::Invalid;
use crate::input::{Change, Experiment};
use crate::time::{PS_PER_S, Ps};

/// Schedules played at most.
const MAX_PLAYS: u32 = 600;
/// The shortest step: this, or this part of a rate. What a finer one would save is less than one in a hundred replica-seconds.
const FINEST: (Ps, i64) = (2 * PS_PER_S, 120);

/// The cheapest schedule found that meets the goal, within the arms' limits of replicas. Deterministic: neither the number of threads
/// nor a higher limit of replicas changes it, once a static fleet within the limit meets the goal.
///
/// 1. Each rate gets the fewest replicas such that the static fleets' misses in each add up to what the goal allows.
/// 2. Replicas are leases. Each is shortened from its beginning, its end, or in its middle, by a rate's length, a quarter of it, and so on
///    down to 2 s or a 120th of it; of the steps that keep the goal those are taken that save most for a miss.
/// 3. It ends when no single shortest step keeps the goal, or after 600 plays.
///
/// It never has more replicas than the least static fleet that meets the goal. `statics` are those of [`super::statics`].
///
/// # Errors
/// When `e` is not valid.
pub fn perfect(e: &Experiment, goal: &Goal, statics: &[StaticFleet], spread: Spread<'_>) -> Result<Perfect, Invalid> {
    e.check()?;
    let mut s = Search { e, goal, spread, plays: 0 };
    let Some((known, enough)) = s.enough(statics)? else {
        let largest = match statics.last() {
            Some(s) => s.clone(),
            None => fleet(allowed(e).1, play(e, goal, allowed(e).1, &[])?, goal),
        };
        let (score, start_replicas) = (largest.tried.score, largest.replicas);
        return Ok(Perfect { start_replicas, changes: vec![], score, meets: largest.meets, settled: true, plays: 0 });
    };
    let mut best = s.begin(&known, &enough)?;
    let longest = i64::from(e.load.seconds) * PS_PER_S;
    let finest = (longest / FINEST.1).max(FINEST.0);
    let mut by = longest;
    while by > finest && s.plays < MAX_PLAYS {
        // A replica that is left out for long pays its start again: only long holes can be worth it.
        best = s.shorten(best, by, by > 2 * e.fleet.start_median)?.0;
        by /= 4;
    }
    let mut settled = false;
    while !settled && s.plays < MAX_PLAYS {
        (best, settled) = s.shorten(best, finest.min(longest), false)?;
    }
    let (start_replicas, changes) = best.leases.schedule();
    Ok(Perfect { start_replicas, changes, score: best.tried.score, meets: true, settled, plays: s.plays })
}

struct Search<'a> {
    e: &'a Experiment,
    goal: &'a Goal,
    spread: Spread<'a>,
    plays: u32,
}

#[derive(Clone)]
struct Found {
    leases: Leases,
    tried: Tried,
}

impl Search<'_> {
    /// Plays all of them and keeps those that meet the goal.
    fn play(&mut self, all: Vec<Leases>) -> Result<Vec<Option<Found>>, Invalid> {
        self.plays += u32::try_from(all.len()).unwrap_or(u32::MAX);
        let schedules: Vec<(u32, Vec<Change>)> = all.iter().map(Leases::schedule).collect();
        let played = (self.spread)(all.len(), &|i| play_within(self.e, self.goal, schedules[i].0, &schedules[i].1));
        let kept = all.into_iter().zip(played).map(|(leases, tried)| Ok(tried?.map(|tried| Found { leases, tried })));
        kept.collect()
    }

    /// The static fleets up to the least that meets the goal, and that one: between two that were played it may lie lower.
    fn enough(&mut self, statics: &[StaticFleet]) -> Result<Option<(Vec<StaticFleet>, StaticFleet)>, Invalid> {
        let Some(i) = statics.iter().position(|s| s.meets) else { return Ok(None) };
        let mut known: Vec<StaticFleet> = statics[..=i].to_vec();
        let mut below = i.checked_sub(1).map_or(statics[i].replicas - 1, |j| statics[j].replicas);
        let mut enough = statics[i].clone();
        while below + 1 < enough.replicas {
            let n = below.midpoint(enough.replicas);
            self.plays += 1;
            let between = fleet(n, play(self.e, self.goal, n, &[])?, self.goal);
            known.push(between.clone());
            if between.meets {
                enough = between;
            } else {
                below = n;
            }
        }
        known.retain(|f| f.replicas <= enough.replicas);
        known.sort_by_key(|f| f.replicas);
        Ok(Some((known, enough)))
    }

    /// The static fleet, or where they keep the goal fewer replicas in some rates.
    fn begin(&mut self, known: &[StaticFleet], enough: &StaticFleet) -> Result<Found, Invalid> {
        let (least, _) = allowed(self.e);
        let rates = rates(self.e);
        let spare = self.goal.spare(due(self.e));
        let flat = Leases::of_levels(least, &vec![enough.replicas; rates.len()], &rates, 0);
        let mut starts = vec![flat];
        for spare in [spare, spare / 2, 0] {
            for early in [self.start_time(), self.start_time() / 2] {
                starts.push(Leases::of_levels(least, &levels(known, rates.len(), spare), &rates, early));
            }
        }
        starts.dedup();
        let static_one = Found { leases: starts[0].clone(), tried: enough.tried.clone() };
        let found = self.play(starts)?.into_iter().flatten();
        // The schedule that holds the static fleet differs from it in the tail only.
        Ok(found.min_by_key(|f| f.leases.total()).unwrap_or(static_one))
    }

    /// How long before it is needed a pod is asked for.
    fn start_time(&self) -> Ps {
        let f = &self.e.fleet;
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
        let spread = (f.start_median as f64 * f.start_spread) as Ps;
        f.start_median + 2 * spread + f.actuation + f.readiness_period
    }

    /// Takes steps of one length as long as any keeps the goal; the flag says that there was none to take.
    fn shorten(&mut self, mut best: Found, by: Ps, hole: bool) -> Result<(Found, bool), Invalid> {
        let mut steps = best.leases.steps(by, hole);
        let mut first = true;
        while !steps.is_empty() && self.plays < MAX_PLAYS {
            let after: Vec<(Step, Leases)> = steps.iter().filter_map(|s| Some((*s, best.leases.after(s)?))).collect();
            let (mut tried, leases): (Vec<Step>, Vec<Leases>) = after.into_iter().unzip();
            let found = self.play(leases)?;
            let mut keep = found.iter().map(Option::is_some);
            tried.retain(|_| keep.next() == Some(true));
            let found: Vec<Found> = found.into_iter().flatten().collect();
            let Some(i) = choose(&best, &found) else { return Ok((best, first)) };
            first = false;
            let taken = tried[i];
            best = found[i].clone();
            // What did not keep the goal before will not with fewer replicas; the shortened lease may be shortened again.
            let whole = best.leases.steps(by, hole);
            steps = whole.into_iter().filter(|s| tried.contains(s) || taken.parts.contains(&Some(s.lease))).collect();
        }
        Ok((best, first && steps.is_empty()))
    }
}

/// The one that saves most for each further miss; of equal ones the first.
fn choose(best: &Found, found: &[Found]) -> Option<usize> {
    let missed = |f: &Found| f.tried.missed.iter().sum::<u64>();
    #[allow(clippy::cast_precision_loss)]
    let worth = |f: &Found| {
        let saved = best.tried.score.replica_s - f.tried.score.replica_s;
        saved / (1.0 + missed(f).saturating_sub(missed(best)) as f64)
    };
    let cheaper = found.iter().enumerate().filter(|(_, f)| f.tried.score.replica_s < best.tried.score.replica_s);
    cheaper.rev().max_by(|a, b| worth(a.1).total_cmp(&worth(b.1))).map(|(i, _)| i)
}

/// Replicas for each rate: those of the largest fleet, then fewer, one rate after the other, where that adds fewest misses.
fn levels(known: &[StaticFleet], rates: usize, spare: u64) -> Vec<u32> {
    let missed = |i: usize, k: usize| known[i].tried.missed.get(k).copied().unwrap_or(0);
    let mut at = vec![known.len() - 1; rates];
    let mut spent: u64 = (0..rates).map(|k| missed(known.len() - 1, k)).sum();
    loop {
        let lower = (0..rates).filter(|k| at[*k] > 0).map(|k| (spent - missed(at[k], k) + missed(at[k] - 1, k), k));
        match lower.min().filter(|(then, _)| *then <= spare.max(spent)) {
            Some((then, k)) => {
                spent = then;
                at[k] -= 1;
            }
            None => return at.into_iter().map(|i| known[i].replicas).collect(),
        }
    }
}
