use super::naive::Naive;
use super::vllm::Vllm;
use super::{Engine, FrontEnd, Gauges, StepTime, Submit, Told, VllmParams};
use crate::rng::Stream;
use crate::time::{NEVER, PS_PER_MS, PS_PER_US, Ps};

/// What is done to a server from outside.
#[derive(Debug, Clone, Copy)]
enum Act {
    Submit(Submit),
    Abort(u32),
    Observe,
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    told: Vec<(Ps, u32, u8)>,
    gauges: Vec<Gauges>,
    end: Gauges,
}

fn play(e: &mut dyn Engine, script: &[(Ps, Act)]) -> Seen {
    let mut tickets = std::collections::BTreeMap::new();
    let (mut told, mut gauges) = (Vec::new(), Vec::new());
    let mut last = 0;
    for (t, act) in script.iter().map(|(t, a)| (*t, Some(*a))).chain([(NEVER - 1, None)]) {
        while e.next_event() <= t {
            assert!(e.next_event() >= last, "time goes backwards");
            last = e.next_event();
            e.advance(&mut told);
        }
        match act {
            Some(Act::Submit(s)) => {
                tickets.insert(s.id, e.submit(t, s));
            }
            Some(Act::Abort(id)) => {
                if let Some(ticket) = tickets.get(&id) {
                    e.abort(t, *ticket, id);
                }
            }
            Some(Act::Observe) => gauges.push(e.observe(t)),
            None => {}
        }
    }
    let mut told: Vec<_> = told
        .into_iter()
        .map(|t| match t {
            Told::Token { id, at } => (at, id, 0),
            Told::Done { id, at } => (at, id, 1),
            Told::Preempted { id, at } => (at, id, 2),
        })
        .collect();
    told.sort_unstable();
    Seen { told, gauges, end: e.observe(last) }
}

fn params(r: &mut Stream) -> VllmParams {
    let block_size = [1, 4, 16, 64][r.below(4) as usize];
    let max_sequences = 1 + r.below(30);
    VllmParams {
        step: StepTime {
            base: PS_PER_MS * i64::from(1 + r.below(5)),
            per_sequence: i64::from(r.below(100_000_000)),
            per_kv_token: i64::from(r.below(60_000)) * i64::from(r.below(4).min(1)),
            prefill_base: i64::from(r.below(2)) * PS_PER_MS,
            per_prompt_token: i64::from(r.below(1_700_000)),
            per_prompt_token_squared: i64::from(r.below(200)),
        },
        front_end: FrontEnd {
            per_request: i64::from(r.below(2)) * 3 * PS_PER_MS,
            per_prompt_token: i64::from(r.below(2)) * 2 * PS_PER_US,
            per_output_token: i64::from(r.below(3)) * 150 * PS_PER_US,
        },
        kv_blocks: u64::from((400 + r.below(4_000)).div_ceil(block_size)),
        block_size,
        max_sequences,
        max_batched_tokens: max_sequences.max(if r.below(2) == 0 { 64 } else { 2_048 }),
        max_model_len: 400,
    }
}

/// Random requests, aborts and looks; some at the very same moment, as ties are common.
fn script(r: &mut Stream) -> Vec<(Ps, Act)> {
    let gap = PS_PER_MS * i64::from(1 + r.below(400));
    let mut t = 0;
    let mut out = Vec::new();
    for id in 0..60 + r.below(120) {
        t += match r.below(5) {
            0 => 0,
            1 => gap * 3,
            _ => i64::try_from(r.next_u64() % gap.unsigned_abs()).unwrap(),
        };
        let most = if r.below(5) == 0 { 3 } else { 150 };
        let (prompt, output) = (1 + r.below(250), 1 + r.below(most));
        out.push((t, Act::Submit(Submit { id, prompt_tokens: prompt, output_tokens: output, cached_tokens: 0 })));
        if r.below(6) == 0 {
            out.push((t + gap * i64::from(r.below(10)), Act::Abort(id)));
        }
        out.push((t + i64::from(r.below(2)) * gap / 3, Act::Observe));
    }
    out.sort_by_key(|(t, _)| *t);
    out
}

#[test]
fn coalesced_exact_and_naive_agree_to_the_bit() {
    let (mut events, mut preempted) = (0, 0);
    for seed in 0..2_000 {
        let mut r = Stream::new(seed, "engine", 0);
        let p = params(&mut r);
        p.check(250, 150).unwrap();
        let script = script(&mut r);
        let naive = play(&mut Naive::new(p, 0), &script);
        let exact = play(&mut Vllm::new(p, true, 0), &script);
        let coalesced = play(&mut Vllm::new(p, false, 0), &script);
        assert_eq!(exact, naive, "exact stepping against the reference, seed {seed}, {p:?}");
        assert_eq!(coalesced, exact, "coalesced against exact, seed {seed}, {p:?}");
        events += naive.told.len();
        preempted += naive.end.preemptions;
        assert_eq!((naive.end.running, naive.end.waiting, naive.end.kv_blocks_used), (0, 0, 0), "all is over, seed {seed}");
    }
    // The scripts must reach the interesting branches.
    assert!(events > 400_000 && preempted > 30_000, "{events} events, {preempted} preemptions");
}
