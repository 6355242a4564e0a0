//! The HPA arm of the published experiment "HPA-based vs WVA": what was read off its pictures (±30 s, ±0.03 KV) against what is played
//! with the settings it had. The clock of the pictures begins at the load's start: 10:38 is minute 0.

use super::published::published;
use bench_sim::output::{Fate, Prediction};
use bench_sim::time::{PS_PER_S, seconds};

fn minute(p: &Prediction, t: i64) -> f64 {
    seconds(t - p.rates[0].start) / 60.0
}

/// Mean KV usage of the first replica from 300 s into a rate to its end.
fn kv(p: &Prediction, rate: usize) -> f64 {
    let r = p.rates[rate];
    let kv: Vec<f64> = p.scrapes.iter().filter(|s| s.pod == 0 && s.t > r.start + 300 * PS_PER_S && s.t < r.end).map(|s| s.kv).collect();
    kv.iter().sum::<f64>() / kv.len() as f64
}

fn waiting(p: &Prediction, at_minute: f64) -> f64 {
    let before = p.scrapes.iter().rev().find(|s| s.pod == 0 && minute(p, s.t) <= at_minute).unwrap();
    f64::from(before.gauges.waiting)
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v[v.len() / 2]
}

fn close(what: &str, predicted: f64, published: f64, within: f64) {
    println!("{what:<44} {predicted:8.2}  published {published:8.2} ± {within}");
    assert!((predicted - published).abs() <= within, "{what}: {predicted} against {published} ± {within}");
}

#[test]
fn the_hpa_arm_of_the_published_run() {
    let runs: Vec<Prediction> = (0..9).map(|seed| bench_sim::run(&published("hpa", "pinned", seed)).unwrap()).collect();
    let all = |f: &dyn Fn(&Prediction) -> f64| median(runs.iter().map(f).collect());
    close("KV at 2 req/s", all(&|p| kv(p, 0)), 0.12, 0.05);
    close("KV at 3 req/s", all(&|p| kv(p, 1)), 0.47, 0.05);
    // The picture's curve is at 300 three and a half minutes into the rate. At three minutes the model has some 220 (docs/simulator.md).
    close("waiting 3.5 min into 5 req/s", all(&|p| waiting(p, minute(p, p.rates[2].start) + 3.5)), 300.0, 40.0);
    let first_up = |p: &Prediction| minute(p, p.replicas.iter().find(|r| r.desired == 2).unwrap().t);
    close("first scale-up, minute", all(&first_up), 45.0 + 10.0 / 60.0, 1.0);
    let ten = |p: &Prediction| minute(p, p.replicas.iter().find(|r| r.desired == 10).unwrap().t);
    close("10 replicas wanted, minute", all(&ten), 53.0 + 10.0 / 60.0, 1.5);
    let down = |p: &Prediction| minute(p, p.replicas.windows(2).find(|w| w[1].desired < w[0].desired).unwrap()[1].t);
    close("first scale-down, minute", all(&down), 62.0, 2.0);
    // Not asked for, and met with nothing tuned to it.
    close("waiting at 11:26:30", all(&|p| waiting(p, 48.5)), 200.0, 60.0);
    close("waiting at 11:34", all(&|p| waiting(p, 56.0)), 60.0, 60.0);
    let ttft = |p: &Prediction| {
        let first: Vec<f64> =
            p.requests.iter().filter(|r| r.rate == 2 && r.fate == Fate::Served).map(|r| seconds(r.first - r.sent)).collect();
        first.iter().sum::<f64>() / first.len() as f64
    };
    close("mean TTFT at 5 req/s, s", all(&ttft), 28.6, 6.0);
    let broken = |p: &Prediction| p.requests.iter().filter(|r| r.rate == 3 && r.fate == Fate::Broken).count() as f64;
    close("failed at 6 req/s", all(&broken), 80.0, 40.0);
}

/// With a picker that sees queues and KV usage nothing goes to the saturated replica: its queue drains in a minute or two, and the
/// fleet never reaches ten. So the published run cannot have been balanced by it alone.
#[test]
fn a_seeing_picker_does_not_show_the_published_run() {
    let p = bench_sim::run(&published("hpa", "epp", 1)).unwrap();
    let most = p.replicas.iter().map(|r| r.desired).max().unwrap();
    assert!(most <= 5, "{most} replicas");
    assert!(waiting(&p, 50.0) < 20.0);
}

/// What one replica carries is its own, whatever the load asks for.
#[test]
fn the_knee_does_not_depend_on_the_rates() {
    for rates in [vec![0.001], vec![2.0, 3.0, 5.0, 6.0], vec![30.0], vec![400.0]] {
        let mut e = published("hpa", "pinned", 1);
        e.load.rates = rates.clone();
        let knee = bench_sim::score::knee(&e).unwrap();
        assert!((3.2..3.6).contains(&knee), "{knee} at {rates:?}");
    }
}
