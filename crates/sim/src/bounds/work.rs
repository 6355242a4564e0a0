//! What no schedule can do without: the work of the requests themselves.

use super::{Goal, allowed, due, load_length, rates};
use crate::client::drawn::Drawn;
use crate::client::schedule::{due_ps, requests};
use crate::engine::{FixedParams, VllmParams};
use crate::input::{Experiment, Server};
use crate::time::{Ps, seconds};

/// Replica-seconds that every schedule needs, in this model, that meets the goal: a simple bound from below, far from tight at low load.
///
/// A replica does a second of work in a second. A request's own work is what it adds to the engine's steps whatever else runs in them
/// (its prompt, its share by sequence and by token of context, and of a step's base the share in the fullest batch), or its time in
/// the front-end, whichever is more in total; in a server of constant times its time in a slot. The most costly requests that the goal
/// allows to be missed are left out, and so are those that may still be in flight within the SLO when their rate ends. It takes for
/// granted that the others are finished, not left in flight to be cut off. Never below the least number of replicas.
pub fn least_replica_s(e: &Experiment, goal: &Goal) -> f64 {
    let load = load_length(e).min(goal.span);
    let rest = goal.span - load;
    let least = f64::from(allowed(e).0);
    let mut all: Vec<(Ps, Ps)> = needed(e, goal);
    let spare = usize::try_from(goal.spare(due(e))).unwrap_or(usize::MAX);
    let most = |of: &dyn Fn(&(Ps, Ps)) -> Ps, all: &mut Vec<(Ps, Ps)>| -> f64 {
        all.sort_unstable_by_key(|w| std::cmp::Reverse(of(w)));
        all.iter().skip(spare).map(|w| seconds(of(w))).sum()
    };
    let work = most(&|w| w.0, &mut all).max(most(&|w| w.1, &mut all));
    work.max(least * seconds(load)) + least * seconds(rest)
}

/// Work in engine and front-end of each request that has to be finished.
fn needed(e: &Experiment, goal: &Goal) -> Vec<(Ps, Ps)> {
    let mut out = Vec::new();
    for (k, ((start, end), rate)) in (0..).zip(rates(e).into_iter().zip(&e.load.rates)) {
        let mut drawn = Drawn::new(&e.load, k);
        let distinct = e.load.distinct_prompts.map_or(usize::MAX, |n| usize::try_from(n.max(1)).unwrap_or(usize::MAX));
        let count = requests(e.load.window, *rate, e.load.seconds);
        let drawn: Vec<(u32, u32)> = (0..usize::try_from(count).unwrap_or(usize::MAX).min(distinct)).map_while(|i| drawn.get(i)).collect();
        for (i, (prompt, output)) in (1..=count).zip(drawn.iter().copied().cycle()) {
            let (prompt, output) = (prompt.max(1), output.max(1));
            let gaps = i64::from(output.max(2) - 1);
            let per_token = match &e.server {
                // Whatever else runs.
                Server::Fixed(f) => f.itl.min(goal.slo.itl),
                Server::Vllm(_) => goal.slo.itl,
            };
            let by_tokens = goal.slo.ttft.saturating_add(per_token.saturating_add(1).saturating_mul(gaps)).saturating_add(e.router.latency);
            let last = (start + due_ps(i, *rate)).saturating_add(by_tokens.min(goal.slo.e2e));
            if last <= end {
                out.push(match &e.server {
                    Server::Vllm(v) => vllm(v, prompt, output, e.load.distinct_prompts.is_none()),
                    Server::Fixed(f) => (fixed(f, output), 0),
                });
            }
        }
    }
    out
}

fn vllm(v: &VllmParams, prompt: u32, output: u32, whole_prompt: bool) -> (Ps, Ps) {
    let s = &v.step;
    let (p, decodes) = (i64::from(prompt), i64::from(output) - 1);
    // Context of the decoding steps: at least the prompt and what was generated before.
    let context = decodes * p + decodes * (decodes - 1) / 2;
    let share = s.base / i64::from(v.max_sequences);
    let prefill = if whole_prompt { s.chunk(0, prompt.into()) } else { 0 };
    let engine = prefill + (s.per_sequence + share) * decodes + s.per_kv_token * context;
    (engine, v.front_end.arrival(prompt) + v.front_end.per_output_token * i64::from(output))
}

fn fixed(f: &FixedParams, output: u32) -> Ps {
    (f.ttft + f.itl * (i64::from(output) - 1)) / i64::from(f.max_sequences)
}
