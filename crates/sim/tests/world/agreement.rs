use super::random;
use bench_sim::input::{Experiment, Stepping};
use bench_sim::output::{Fate, Prediction, Said};

fn play(e: &Experiment, stepping: Stepping) -> Prediction {
    let mut p = bench_sim::run(&Experiment { stepping, ..e.clone() }).unwrap();
    // How many events it took is what differs.
    p.events = 0;
    p
}

/// The first place at which two predictions differ; `None` when they are the same.
fn first_difference(a: &Prediction, b: &Prediction) -> Option<String> {
    fn list<T: PartialEq + std::fmt::Debug>(name: &str, a: &[T], b: &[T]) -> Option<String> {
        let at = a.iter().zip(b).position(|(x, y)| x != y).or((a.len() != b.len()).then(|| a.len().min(b.len())))?;
        Some(format!("{name} {at}: {:?} against {:?}", a.get(at), b.get(at)))
    }
    if a == b {
        return None;
    }
    list("requests", &a.requests, &b.requests)
        .or_else(|| list("scrapes", &a.scrapes, &b.scrapes))
        .or_else(|| list("replicas", &a.replicas, &b.replicas))
        .or_else(|| list("decisions", &a.decisions, &b.decisions))
        .or_else(|| list("pods", &a.pods, &b.pods))
        .or_else(|| Some(format!("{:?} against {:?}", (a.end, a.steps, a.preemptions), (b.end, b.steps, b.preemptions))))
}

/// Counts, decisions, times: everything of the prediction but the number of events.
#[test]
fn coalesced_exact_and_naive_experiments_are_the_same_to_the_bit() {
    let (mut requests, mut decisions, mut scaled, mut preempted, mut failed) = (0, 0, 0, 0, 0);
    let mut of_wva = [0, 0];
    for seed in 0..500 {
        let e = random::experiment(seed);
        let coalesced = play(&e, Stepping::Coalesced);
        for other in [Stepping::Exact, Stepping::Naive] {
            let difference = first_difference(&coalesced, &play(&e, other));
            assert!(difference.is_none(), "coalesced against {other:?}, seed {seed}: {difference:?}\n{e:#?}");
        }
        assert!(coalesced.requests.iter().all(|r| r.fate != Fate::Open), "a request is left open, seed {seed}");
        requests += coalesced.requests.len();
        decisions += coalesced.decisions.len();
        of_wva[0] += coalesced.decisions.iter().filter(|d| matches!(d.1, Said::Wva(_))).count();
        of_wva[1] += coalesced.decisions.iter().filter(|d| matches!(d.1, Said::Wva05(_))).count();
        scaled += coalesced.replicas.windows(2).filter(|w| w[0].desired != w[1].desired).count();
        preempted += coalesced.preemptions;
        failed += coalesced.requests.iter().filter(|r| matches!(r.fate, Fate::Silent | Fate::Broken)).count();
    }
    println!(
        "{requests} requests, {decisions} decisions ({of_wva:?} of WVA), {scaled} scalings, {preempted} preemptions, {failed} failures"
    );
    assert!(requests > 50_000 && decisions > 5_000 && scaled > 300 && preempted > 1_000 && failed > 1_000);
    assert!(of_wva[0] > 1_000 && of_wva[1] > 300);
}

#[test]
fn the_same_seed_gives_the_same_prediction_and_another_one_another() {
    let e = random::experiment(4);
    assert!(bench_sim::run(&e).unwrap() == bench_sim::run(&e).unwrap());
    assert!(bench_sim::run(&e).unwrap() != bench_sim::run(&Experiment { seed: e.seed + 1, ..e.clone() }).unwrap());
}
