//! What a prediction costs. `scripts/measure-predict` prints these beside what is promised (docs/performance.md).

#[path = "../tests/world/published.rs"]
mod published;

use bench_sim::input::{Experiment, Stepping};
use bench_sim::score::{Slo, score};
use bench_sim::tables::{Names, tables};
use bench_sim::time::{PS_PER_MS, PS_PER_S};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use published::published;

fn run(b: &mut criterion::Bencher<'_>, e: &Experiment) {
    b.iter(|| bench_sim::run(e).expect("a valid experiment"));
}

/// The published load, 80 minutes, one seed: with autoscalers, metrics, a record of every request.
fn arms(c: &mut Criterion) {
    let mut group = c.benchmark_group("published");
    for arm in ["hpa", "wva", "static"] {
        group.bench_function(arm, |b| run(b, &published(arm, "pinned", 1)));
    }
    for router in ["epp", "random", "least"] {
        group.bench_function(format!("hpa-{router}"), |b| run(b, &published("hpa", router, 1)));
    }
    let e = published("hpa", "pinned", 1);
    let p = bench_sim::run(&e).expect("a valid experiment");
    let names = Names { model: "m", namespace: "n", deployment: "d", hpa: "h" };
    group.bench_function("its-tables", |b| b.iter(|| tables(&p, &e, names)));
    let slo = Slo { ttft: PS_PER_S, itl: 50 * PS_PER_MS, ..Slo::NONE };
    group.bench_function("its-score", |b| b.iter(|| score(&p, &e, slo, None)));
    group.finish();
}

/// Many steps in one closed form against each step by itself, and against each request of each step.
fn stepping(c: &mut Criterion) {
    let mut group = c.benchmark_group("stepping");
    for (name, stepping) in [("coalesced", Stepping::Coalesced), ("exact", Stepping::Exact), ("naive", Stepping::Naive)] {
        let mut e = published("hpa", "pinned", 1);
        (e.load.rates, e.load.seconds, e.stepping) = (vec![2.0, 3.0], 300, stepping);
        group.bench_function(name, |b| run(b, &e));
    }
    group.finish();
}

/// A fleet that carries its load: what one more of each costs. Time must follow requests, not tokens or replicas.
fn growth(c: &mut Criterion) {
    let mut group = c.benchmark_group("growth");
    let base = || {
        let mut e = published("static", "least", 1);
        (e.load.rates, e.load.seconds, e.fleet.start_replicas) = (vec![4.0], 1200, 4);
        (e.load.output.mean, e.load.output.stdev, e.load.output.max) = (512, Some(256), Some(1024));
        e
    };
    let mut bench = |what: &str, factor: u32, change: &dyn Fn(&mut Experiment)| {
        let mut e = base();
        change(&mut e);
        group.bench_with_input(BenchmarkId::new(what, factor), &e, run);
    };
    for f in [1, 2, 4] {
        let by = u64::from(f);
        bench("output-tokens-x", f, &|e| {
            (e.load.output.mean, e.load.output.stdev, e.load.output.max) = (512 * by, Some(256 * by), Some(1024 * by));
        });
        bench("duration-x", f, &|e| e.load.seconds = 1200 * f);
        bench("rate-x", f, &|e| (e.load.rates[0], e.fleet.start_replicas) = (4.0 * f64::from(f), 4 * f));
        bench("replicas-x", f, &|e| e.fleet.start_replicas = 4 * f);
    }
    group.finish();
}

criterion_group! {
    name = all;
    config = Criterion::default().sample_size(20).without_plots();
    targets = arms, stepping, growth
}
criterion_main!(all);
