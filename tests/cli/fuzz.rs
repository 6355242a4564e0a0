//! Malformed files: genuine ones, spoilt in a way that the number of the case decides. Each has to end in an error or in a
//! sensible result: no panic, no exit 70, no hours and no gigabytes.

use crate::support::{Place, bench, repo};
use bench::config::{Lookup, coefficients, gate::Gate, profile, scenario};
use bench::ops;
use bench_sim::rng::Stream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A case is its number, on every machine.
pub struct Dice(Stream);

impl Dice {
    pub fn of(case: u64) -> Self {
        Self(Stream::new(case, "fuzz", 0))
    }

    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// What is put in the place of a value, or anywhere.
const ODD: [&[u8]; 30] = [
    b"null",
    b"true",
    b"\"text\"",
    b"[]",
    b"{}",
    b"-1",
    b"0",
    b"1e308",
    b"-1e308",
    b"1e999",
    b"NaN",
    b".inf",
    b".nan",
    b"-.inf",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"0.000000000000000000001",
    b"4294967296",
    b"\"\\u0000\"",
    b"\"\\ud800\"",
    b"!!binary abc",
    b"&a [*a]",
    b"*nobody",
    b"? ",
    b"\"\x1b[31m\"",
    b"2026-99-99T99:99:99Z",
    b"\"{{ range(end=999999999) }}\"",
    b"REPLACE_ENV_LLMDBENCH_X",
    b"[[[[[[[[",
    b"<<: 1",
];

/// Spoils a file. `text` decides nothing but where it hurts most.
pub fn spoil(whole: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut b = whole.to_vec();
    for _ in 0..=dice.below(3) {
        let at = dice.below(b.len());
        match dice.below(18) {
            0 => b.truncate(at),
            1 => {
                for _ in 0..=dice.below(8) {
                    if let Some(x) = {
                        let i = dice.below(b.len());
                        b.get_mut(i)
                    } {
                        *x ^= 1 << dice.below(8);
                    }
                }
            }
            // The value behind a colon.
            2..=7 => {
                if let Some(colon) = b[at.min(b.len())..].iter().position(|c| *c == b':').map(|p| p + at) {
                    let end = b[colon..].iter().position(|c| matches!(c, b'\n' | b',' | b'}')).map_or(b.len(), |p| p + colon);
                    b.splice(colon + 1..end, [b" ".as_slice(), *dice.pick::<&[u8]>(&ODD)].concat());
                }
            }
            8 => drop(b.splice(at..at, dice.pick::<&[u8]>(&ODD).iter().copied())),
            9 => drop(b.splice(at..at, std::iter::repeat_n(*dice.pick(b"[{(\"'-&*\t \n"), 1 + dice.below(20_000)))),
            10 => drop(b.splice(at..at, [0])),
            11 => drop(b.splice(at..at, [0xff, 0xfe, 0xc0, 0x80])),
            // A line, or what is between two places, twice: duplicate keys, records again.
            12 => {
                let from = b[..at].iter().rposition(|c| *c == b'\n').map_or(0, |p| p + 1);
                let to = b[at..].iter().position(|c| *c == b'\n').map_or(b.len(), |p| p + at + 1);
                let line = b[from..to].to_vec();
                b.splice(from..from, line);
            }
            13 => {
                let to = (at + 1 + dice.below(200)).min(b.len());
                b.drain(at.min(to)..to);
            }
            14 => b = String::from_utf8_lossy(&b).replace('\n', "\r\n").into_bytes(),
            15 => drop(b.splice(0..0, [0xef, 0xbb, 0xbf])),
            16 => {
                let lines: Vec<&[u8]> = b.split_inclusive(|c| *c == b'\n').collect();
                let (i, j) = (dice.below(lines.len()), dice.below(lines.len()));
                let mut lines = lines;
                if !lines.is_empty() {
                    lines.swap(i, j);
                }
                b = lines.concat();
            }
            _ => {
                if dice.below(4) == 0 {
                    b.clear();
                }
            }
        }
    }
    b
}

/// Files that no mutation comes upon.
pub fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..30 {
        laughs.push_str(&format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", ")));
    }
    let merged: String = (0..40).map(|i| format!("m{i}: &m{i} {{<<: [*m{0}, *m{0}], k{i}: 1}}\n", i - 1)).collect();
    vec![
        ("laughs", laughs.into_bytes()),
        ("merged", merged.into_bytes()),
        ("cycle", b"a: &a {b: *a}\nc: &c [*c]\n".to_vec()),
        ("flow", b"[".repeat(200_000)),
        ("objects", b"{\"a\":".repeat(100_000)),
        ("block", (0..3000).flat_map(|i| format!("{}a:\n", " ".repeat(i)).into_bytes()).collect()),
        ("dashes", b"- ".repeat(100_000)),
        ("empty", vec![]),
        ("blank", b" \n\n\t\n".to_vec()),
        ("documents", b"---\na: 1\n---\n".repeat(2000)),
        ("nul", vec![0; 4096]),
        ("utf16", "a: 1\n".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("one long line", [b"a: ".as_slice(), &b"9".repeat(2_000_000)].concat()),
        ("many keys", (0..200_000).flat_map(|i| format!("k{i}: 1\n").into_bytes()).collect()),
        ("exponent", b"a: 1e99999999999999999999\n".to_vec()),
    ]
}

/// Does it; a panic or slowness fails the test with the case that shows it again. What counts is the thread's own time: on a machine that
/// is busy with other things everything takes long.
pub fn case(name: &str, n: u64, act: impl FnOnce()) {
    let (begun, before) = (Instant::now(), on_cpu());
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
    assert!(done.is_ok(), "{name}, case {n}: it panicked; the message is above");
    let took = before.zip(on_cpu()).map_or_else(|| begun.elapsed(), |(a, b)| b.saturating_sub(a));
    assert!(took < Duration::from_secs(8), "{name}, case {n}: it took {took:?}");
}

/// Time that this thread has run, where the kernel tells it.
fn on_cpu() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// An error that reaches the top must be one that bench expects.
pub fn expected<T>(name: &str, n: u64, result: anyhow::Result<T>) -> Option<T> {
    result
        .map_err(|e| {
            let text = format!("{e:#}");
            let f = bench::failure::Failure::of(e);
            assert_ne!(f.exit, bench_model::exit::Exit::Bug, "{name}, case {n}: {text}");
        })
        .ok()
}

pub fn lookup(dir: &Path) -> Lookup {
    Lookup { config_dir: None, current_dir: dir.into() }
}

/// A scenario and everything that a plan is made of.
fn plan_of(dir: &Path, scenario_file: &str, profile_file: &str, n: u64) {
    let intent = ops::plan::Intent {
        scenario: scenario::ScenarioArgs { name: scenario_file.into(), ..Default::default() },
        profile: Some(profile::ProfileArgs { name: profile_file.into(), ..Default::default() }),
        ..Default::default()
    };
    let Some((plan, _)) = expected("plan", n, ops::plan::resolve(&lookup(dir), &intent, None)) else { return };
    expected("manifests", n, ops::plan::objects(&plan));
    expected("load", n, bench::load::job::harness(&plan, "20261124T031159Z-x-wva-c97c", "llmd-bench-load-x"));
}

fn bytes(path: &str) -> Vec<u8> {
    std::fs::read(repo(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn scenarios_profiles_coefficients_and_gates() {
    let place = Place::new();
    let dir = place.path("");
    let file = |name: &str, content: &[u8]| {
        let path = place.path(name);
        std::fs::write(&path, content).expect("written");
        path.display().to_string()
    };
    let scenarios = [bytes("scenarios/simulated.yaml"), bytes("scenarios/inference-scheduling.yaml")];
    let profiles = [
        bytes("profiles/guidellm/chatbot_synthetic.yaml"),
        bytes("profiles/guidellm/ramp_small.yaml"),
        bytes("tests/fixtures/profiles/published.yaml"),
        bytes("tests/fixtures/profiles/guide_workload-autoscaling_1.yaml.in"),
    ];
    let coefficient_file = bytes("coefficients/default.yaml");
    let gate_file = b"slo:\n  ttft: 500ms\n  itl: 50ms\nrules:\n  - p99_ttft_ms < 800\n  - rule: goodput >= 95 %\n    name: users\n    level: warn\nbaseline: last\n";
    let one = |kind: usize, n: u64, content: &[u8]| {
        let name = ["scenario", "profile", "coefficients", "gate"][kind];
        case(name, n, || match kind {
            0 => plan_of(&dir, &file("s.yaml", content), "ramp_small", n),
            1 => plan_of(&dir, "simulated", &file("p.yaml", content), n),
            2 => drop(coefficients::load(&lookup(&dir), &file("c.yaml", content))),
            _ => {
                let mut g = Gate::default();
                drop(g.read(Path::new(&file("g.yaml", content))));
            }
        });
    };
    for (i, (name, bomb)) in bombs().into_iter().enumerate() {
        eprintln!("{name}");
        (0..4).for_each(|kind| one(kind, 10_000 + i as u64, &bomb));
    }
    for n in 0..700u64 {
        let mut dice = Dice::of(n);
        let kind = [0, 0, 0, 1, 1, 1, 2, 3][(n % 8) as usize];
        let whole: &[u8] = match kind {
            0 => dice.pick::<Vec<u8>>(&scenarios),
            1 => dice.pick::<Vec<u8>>(&profiles),
            2 => &coefficient_file,
            _ => gate_file,
        };
        let spoilt = spoil(whole, &mut dice);
        one(kind, n, &spoilt);
    }
    within_memory();
}

/// A stored run, shortened where its files only repeat themselves.
fn stored() -> Vec<(PathBuf, Vec<u8>)> {
    let dir = crate::stored::run();
    let few = |b: Vec<u8>, lines: usize| b.split_inclusive(|c| *c == b'\n').take(lines).flatten().copied().collect::<Vec<u8>>();
    ["run.json", "plan.yaml", "summary.json", "journal.jsonl", "events.jsonl", "metrics/samples.om.txt", "load/benchmarks.json"]
        .iter()
        .map(|f| {
            let b = std::fs::read(dir.join(f)).expect("a file of the stored run");
            let b = match *f {
                "events.jsonl" => few(b, 60),
                "metrics/samples.om.txt" => few(b, 300),
                _ => b,
            };
            (PathBuf::from(f), b)
        })
        .collect()
}

/// Everything that is made of a run directory.
fn read_run(dir: &Path, n: u64, all: bool) {
    expected("journal", n, bench::steps::journal::read(&dir.join("journal.jsonl")));
    expected("plan", n, ops::report::plan(dir));
    let Some(r) = expected("report", n, ops::report::read(dir)) else { return };
    expected("json", n, ops::formats::json(&r));
    if all {
        assert!(ops::report::document(&r).html().ends_with("</html>\n"), "case {n}");
        ops::formats::markdown(&r);
        expected("benchmark reports", n, ops::formats::benchmark_reports(&r));
    }
}

#[test]
fn runs() {
    let files = stored();
    let guidellm: Vec<Vec<u8>> = ["0.4.0", "0.5.0", "0.7.4", "0.8.1", "0.8.1/all-errored"]
        .iter()
        .map(|v| bytes(&format!("crates/analysis/tests/fixtures/guidellm/{v}/benchmarks.json")))
        .collect();
    let threads = 2u64;
    std::thread::scope(|s| {
        for thread in 0..threads {
            let (files, guidellm) = (&files, &guidellm);
            s.spawn(move || {
                let place = Place::new();
                let put = |f: &Path, b: &[u8]| {
                    let path = place.path("run").join(f);
                    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
                    std::fs::write(path, b).expect("written");
                };
                files.iter().for_each(|(f, b)| put(f, b));
                let one = |file: usize, n: u64, content: &[u8]| {
                    let (f, whole) = &files[file];
                    put(f, content);
                    case(&f.display().to_string(), n, || read_run(&place.path("run"), n, n.is_multiple_of(8)));
                    put(f, whole);
                };
                for (i, (_, bomb)) in bombs().into_iter().enumerate().filter(|(i, _)| *i as u64 % threads == thread) {
                    (0..files.len()).for_each(|file| one(file, 20_000 + i as u64, &bomb));
                }
                for n in (0..350u64).filter(|n| n % threads == thread) {
                    let mut dice = Dice::of(1_000_000 + n);
                    let file = dice.below(files.len());
                    let whole = if files[file].0.ends_with("benchmarks.json") { dice.pick(guidellm) } else { &files[file].1 };
                    let spoilt = spoil(whole, &mut dice);
                    one(file, n, &spoilt);
                }
            });
        }
    });
    within_memory();
}

/// The most that this process has ever held.
pub fn within_memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    assert!(peak.is_none_or(|kb| kb < 2_000_000), "{peak:?} kB");
}

/// The same through the binary, whose stack and panics are its own.
#[test]
fn some_of_them_through_the_binary() {
    let place = Place::new();
    let files = stored();
    let ends = |r: &crate::support::Ran, what: &str| {
        assert!(matches!(r.code, 0 | 2 | 3 | 4), "{what}: exit {}\n{}", r.code, r.stderr);
        assert!(r.stderr.len() < 100_000, "{what}: {} bytes of error", r.stderr.len());
    };
    for n in 0..16u64 {
        let mut dice = Dice::of(2_000_000 + n);
        let path = place.path("x.yaml");
        std::fs::write(&path, spoil(&bytes("scenarios/simulated.yaml"), &mut dice)).expect("written");
        ends(&place.run(&["plan", "-c", "./x.yaml", "-w", "ramp_small"]), &format!("scenario {n}"));
        for (f, b) in &files {
            let to = place.path("results/r").join(f);
            std::fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
            let spoilt = if dice.below(3) == 0 { spoil(b, &mut dice) } else { b.clone() };
            std::fs::write(to, spoilt).expect("written");
        }
        ends(&place.run(&["report", "results/r"]), &format!("run {n}"));
        ends(&place.run(&["gate", "results/r", "--rule", "p99_ttft_ms < 800"]), &format!("gate {n}"));
    }
    for (name, bomb) in bombs() {
        std::fs::write(place.path("bomb.yaml"), bomb).expect("written");
        for args in [
            &["plan", "-c", "./bomb.yaml"][..],
            &["plan", "-c", "simulated", "-w", "./bomb.yaml"],
            &["gate", "last", "--slo", "./bomb.yaml"],
        ] {
            ends(&place.run(args), name);
        }
    }
}

#[test]
fn a_file_without_an_end_is_refused() {
    let begun = Instant::now();
    bench(&["plan", "-c", "/dev/zero"]).exits(2).says(&["/dev/zero", "more than"]);
    bench(&["plan", "-c", "simulated", "-w", "/dev/zero"]).exits(2);
    assert!(begun.elapsed() < Duration::from_secs(10));
}
