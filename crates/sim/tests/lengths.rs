//! The lengths drawn are those that real guidellm runs sent.

#![allow(clippy::unwrap_used, clippy::panic)]

use bench_model::profile::Lengths;
use bench_sim::client::Line;
use bench_sim::client::lengths::lengths;
use bench_sim::client::schedule::{Queue, Traits, requests};
use serde::Deserialize;

/// See fixtures/lengths/README.md.
#[derive(Deserialize)]
struct Run {
    guidellm: String,
    workers: usize,
    seed: u64,
    prompt: Lengths,
    output: Lengths,
    /// Tokens that a prompt may have beyond those asked for.
    prompt_slack: u32,
    rates: Vec<Vec<(usize, u32, u32)>>,
}

fn version(text: &str) -> (u64, u64, u64) {
    let mut n = text.split('.').map(|n| n.parse().unwrap());
    (n.next().unwrap(), n.next().unwrap(), n.next().unwrap())
}

fn check(json: &str, rates: [f64; 2], seconds: u32) {
    let run: Run = serde_json::from_str(json).unwrap();
    let (line, traits) = (Line::of(version(&run.guidellm)).unwrap(), Traits::of(version(&run.guidellm)).unwrap());
    assert_eq!(run.rates.len(), 2);
    for (k, sent) in run.rates.iter().enumerate() {
        let what = format!("guidellm {} rate {k}", run.guidellm);
        assert_eq!(sent.len() as u64, requests(traits.window, rates[k], seconds), "{what}: how many");
        let drawn: Vec<_> = lengths(line, run.seed, k as u32, &run.prompt, &run.output).take(sent.len() + 100).collect();
        // Each request carries the very lengths of its place in the stream.
        for &(sample, prompt, output) in sent {
            let (p, o) = drawn[sample];
            assert!(
                o == output && (p..=p + run.prompt_slack).contains(&prompt),
                "{what} sample {sample}: {prompt} {output}, drawn {p} {o}"
            );
        }
        // The order: each worker takes some requests ahead of its schedule when the rate begins, in the order in which the workers
        // happen to ask; then one for each that it sends. No worker was full here, so only the first 2 x workers are permuted, if any.
        let ahead = traits.taken_ahead as usize * run.workers;
        let samples: Vec<usize> = sent.iter().map(|s| s.0).collect();
        let (mut head, tail) = (samples[..ahead.min(samples.len())].to_vec(), &samples[ahead.min(samples.len())..]);
        assert!(tail.iter().copied().eq(ahead..ahead + tail.len()), "{what}: {samples:?}");
        head.sort_unstable();
        head.dedup();
        assert!(head.len() == ahead.min(samples.len()) && head.iter().all(|s| *s < ahead), "{what}: {samples:?}");
        // So the multiset of the first n sent is that of the first n drawn, for every n from there on.
        if samples.len() >= ahead {
            let mut got: Vec<_> = sent.iter().map(|s| s.2).collect();
            let mut want: Vec<_> = drawn[..sent.len()].iter().map(|d| d.1).collect();
            got.sort_unstable();
            want.sort_unstable();
            assert_eq!(got, want, "{what}");
        }
    }
}

#[test]
fn chatbot_0_5_4() {
    check(include_str!("fixtures/lengths/chatbot-0.5.4.json"), [5.0, 8.0], 10);
}

#[test]
fn chatbot_0_8_1() {
    check(include_str!("fixtures/lengths/chatbot-0.8.1.json"), [5.0, 8.0], 10);
}

#[test]
fn short_0_4_0() {
    check(include_str!("fixtures/lengths/short-0.4.0.json"), [2.0, 3.0], 8);
}

#[test]
fn short_0_5_0() {
    check(include_str!("fixtures/lengths/short-0.5.0.json"), [2.0, 3.0], 15);
}

#[test]
fn short_0_7_4() {
    check(include_str!("fixtures/lengths/short-0.7.4.json"), [2.0, 3.0], 8);
}

#[test]
fn short_0_8_1() {
    check(include_str!("fixtures/lengths/short-0.8.1.json"), [2.0, 3.0], 15);
}

/// Where all workers are full most of the time, the order is that of each worker's own small queue.
#[test]
fn order_of_full_workers() {
    let sent: Vec<(usize, u64)> = serde_json::from_str(include_str!("fixtures/lengths/full-0.5.4.json")).unwrap();
    // What the workers hold at first is by chance: it is read off their first two requests.
    let held = (0..10).map(|w| sent.iter().filter(|s| s.0 == w).take(2).map(|s| s.1).collect()).collect();
    let mut queue = Queue::with_held(held);
    let wrong: Vec<_> = sent.iter().map(|&(worker, sample)| (sample, queue.send(worker))).filter(|(real, model)| real != model).collect();
    // Once two workers took their next draw at the same moment, and the later one was quicker.
    assert_eq!((sent.len(), wrong), (110, vec![(44, 43), (43, 44)]));
}

/// The means of the four rates of the published experiment (1200 s at 2, 3, 5 and 6 requests a second, seed 42).
#[test]
fn means_of_the_published_runs() {
    let prompt = Lengths { mean: 4096, stdev: Some(2048), min: Some(10), max: Some(8192) };
    let output = Lengths { mean: 1024, stdev: Some(512), min: Some(10), max: Some(2048) };
    let mean = |k: u32, rate: usize| {
        let n = rate * 1200;
        let (p, o) = lengths(Line::V04, 42, k, &prompt, &output)
            .take(n)
            .fold((0u64, 0u64), |(p, o), (prompt, output)| (p + u64::from(prompt), o + u64::from(output)));
        ((p as f64 / n as f64).round(), (o as f64 / n as f64).round())
    };
    assert_eq!([mean(0, 2), mean(1, 3), mean(2, 5), mean(3, 6)], [(4061.0, 1029.0), (4092.0, 1034.0), (4123.0, 1024.0), (4081.0, 1037.0)]);
}
