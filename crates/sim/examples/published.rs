//! Plays the published load and prints what matters; for work on the simulator.
//!
//! `cargo run --release -p bench-sim --example published -- hpa pinned 1 coalesced table`

#[path = "../tests/world/published.rs"]
mod published;

use bench_sim::input::Stepping;
use bench_sim::output::Fate::{Broken, CutOff, Served, Silent};
use bench_sim::time::{PS_PER_S, seconds};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let arm = args.get(1).map_or("hpa", String::as_str);
    let router = args.get(2).map_or("pinned", String::as_str);
    let seed = args.get(3).and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut e = published::published(arm, router, seed);
    e.stepping = match args.get(4).map(String::as_str) {
        Some("exact") => Stepping::Exact,
        Some("naive") => Stepping::Naive,
        _ => Stepping::Coalesced,
    };
    let t = std::time::Instant::now();
    let p = bench_sim::run(&e).expect("a valid experiment");
    let took = t.elapsed();
    // What the process holds of its own, at its highest: the memory of one arm.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|l| l.starts_with("VmHWM") || l.starts_with("RssAnon")).for_each(|l| println!("{l}"));
    println!(
        "{took:?} events {} steps {} preempt {} requests {} peak {}",
        p.events,
        p.steps,
        p.preemptions,
        p.requests.len(),
        p.peak_in_flight
    );
    for (k, r) in p.rates.iter().enumerate() {
        let q: Vec<_> = p.requests.iter().filter(|q| q.rate as usize == k).collect();
        let n = |f| q.iter().filter(|q| q.fate == f).count();
        let tt: Vec<f64> = q.iter().filter(|q| q.fate == Served).map(|q| seconds(q.first - q.sent)).collect();
        println!(
            "rate {} start {:.0} served {} silent {} broken {} cut {} ttft mean {:.3}",
            r.rate,
            seconds(r.start),
            n(Served),
            n(Silent),
            n(Broken),
            n(CutOff),
            tt.iter().sum::<f64>() / tt.len() as f64
        );
        let kv: Vec<f64> = p.scrapes.iter().filter(|s| s.pod == 0 && s.t > r.start + 300 * PS_PER_S && s.t < r.end).map(|s| s.kv).collect();
        println!("   kv mean pod0 after 300 s {:.3}", kv.iter().sum::<f64>() / kv.len() as f64);
    }
    let l = p.rates[0].start;
    for r in &p.replicas {
        print!("{:.1}:{}/{}/{} ", seconds(r.t - l) / 60.0, r.desired, r.current, r.ready);
    }
    println!("\nend {:.1} min", seconds(p.end - l) / 60.0);
    if args.get(5).is_some() {
        for m in 38..84 {
            let t = l + m * 60 * PS_PER_S;
            let mut row = vec![String::new(); 14];
            for s in p.scrapes.iter().filter(|s| s.t <= t && s.t > t - 15 * PS_PER_S) {
                if (s.pod as usize) < 14 {
                    row[s.pod as usize] = format!("{:.2}/{}", s.kv, s.gauges.waiting);
                }
            }
            println!("{m} {}", row.join(" "));
        }
    }
}
