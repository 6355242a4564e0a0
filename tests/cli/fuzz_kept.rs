//! Malformed files again: those by which a command carries on (intents, records of experiments), pins (locks), fetches (manifests of a
//! store), and the file of an experiment.

use crate::experiment::{SMALL, place as experiment_place, records};
use crate::fuzz::{Dice, bombs, case, expected, lookup, spoil, within_memory};
use crate::stored;
use crate::support::{Place, files_below};
use bench::config::{experiment, scenario};
use bench::ops::experiment::state;
use bench::ops::remote::{pull, store};
use bench::ops::{drive, lock, plan};
use bench_model::intent::{Intent, Operation};
use bench_model::plan::Plan;
use std::collections::BTreeSet;
use std::path::PathBuf;

const KINDS: [&str; 5] = ["intent", "experiment", "experiment record", "lock", "manifest"];
/// Mutated files of each kind.
const EACH: u64 = 100;

/// One genuine file of each kind, where bench looks for it, and what reading it needs.
struct Genuine {
    place: Place,
    plan: Plan,
    /// In the order of [`KINDS`].
    files: Vec<(PathBuf, Vec<u8>)>,
    id: String,
    runtime: tokio::runtime::Runtime,
}

impl Genuine {
    fn new() -> Self {
        let place = experiment_place(SMALL);
        place.run(&["experiment", "mine", "--predicted"]).exits(0);
        let kept = records(&place).remove(0).0;
        let dir = place.path("");
        let intent =
            plan::Intent { scenario: scenario::ScenarioArgs { name: "simulated".into(), ..Default::default() }, ..Default::default() };
        let plan = plan::resolve(&lookup(&dir), &intent, None).expect("a plan").0;
        let json = serde_json::to_string_pretty(&Intent::new(Operation::Swap, plan.clone())).expect("JSON");
        place.write("results/stacks/llmdbench/intent.json", &json);
        let image = format!("ghcr.io/x/y@sha256:{:064x}", 1);
        let entry = format!("- {{key: model_server.image.name, image: '{image}', digest: 'sha256:{:064x}'}}\n", 1);
        let head = "schema_version: 1\nbench_version: 0.1.0\nmade: 2026-11-24T03:11:59Z\nscenario: simulated\n";
        place.write(
            "bench.lock.yaml",
            &format!("{head}images:\n{entry}charts:\n- {{chart: 'oci://x/y', version: 1.2.3, digest: null, why: gone}}\n"),
        );
        // A store with the run that was measured; its own directory is elsewhere.
        let (there, measured) = stored::copy();
        let id = measured.file_name().expect("a name").to_string_lossy().into_owned();
        there.run(&["results", "push", &format!("file://{}", place.path("store").display()), "last"]).exits(0);
        let files = [
            place.path("results/stacks/llmdbench/intent.json"),
            place.path("experiments/mine.yaml"),
            kept.join("experiment.json"),
            place.path("bench.lock.yaml"),
            place.path("store/runs").join(format!("{id}.json")),
        ];
        let files = files.into_iter().map(|f| (f.clone(), std::fs::read(&f).unwrap_or_else(|e| panic!("{}: {e}", f.display())))).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { place, plan, files, id, runtime }
    }

    /// Reads a file of this kind as bench does, and says whether it was taken.
    fn read(&self, kind: usize, n: u64) -> bool {
        let name = KINDS[kind];
        let (path, results) = (&self.files[kind].0, self.place.path("results"));
        match kind {
            0 => expected(name, n, drive::open_intents(&results)).is_some_and(|(open, unreadable)| {
                assert_eq!(open.len() + unreadable.len(), 1, "{name}, case {n}: it is either taken or told");
                !open.is_empty()
            }),
            1 => {
                let args = experiment::ExperimentArgs { name: path.display().to_string(), ..Default::default() };
                experiment::load(&lookup(&self.place.path("")), &args).is_ok()
            }
            2 => expected(name, n, state::all(&results)).is_some_and(|(all, unreadable)| {
                assert_eq!(all.len() + unreadable.len(), 1, "{name}, case {n}: it is either taken or told");
                for kept in &all {
                    kept.record.runs.iter().for_each(|r| drop(expected(name, n, kept.plan(r))));
                }
                !all.is_empty()
            }),
            3 => expected(name, n, lock::read(path)).is_some_and(|l| {
                drop(expected(name, n, lock::pin(&self.plan, &l, path)));
                true
            }),
            _ => {
                let url = format!("file://{}", self.place.path("store").display());
                let into = self.place.path("fetched");
                let pulled =
                    store::Place::open(&url, store::Why::Read).and_then(|p| self.runtime.block_on(pull::pull(&p, &self.id, &into, false)));
                let taken = expected(name, n, pulled).is_some();
                std::fs::remove_dir_all(&into).ok();
                taken
            }
        }
    }
}

#[test]
fn what_is_carried_on_by_pinned_by_and_fetched_by() {
    let g = Genuine::new();
    let all = |g: &Genuine| files_below(&g.place.path("")).into_iter().collect::<BTreeSet<_>>();
    let before = all(&g);
    let mut taken = [0; KINDS.len()];
    for kind in 0..KINDS.len() {
        assert!(g.read(kind, 0), "{}: the genuine one is taken", KINDS[kind]);
        let (path, whole) = &g.files[kind];
        let mut one = |n: u64, content: &[u8]| {
            std::fs::write(path, content).expect("written");
            case(KINDS[kind], n, || taken[kind] += u64::from(g.read(kind, n)));
        };
        for (i, (_, bomb)) in bombs().into_iter().enumerate() {
            one(30_000 + i as u64, &bomb);
        }
        for n in 0..EACH {
            one(n, &spoil(whole, &mut Dice::of(3_000_000 + 1000 * kind as u64 + n)));
        }
        std::fs::write(path, whole).expect("written");
    }
    eprintln!("taken of {} each: {taken:?}", EACH as usize + bombs().len());
    // Most of what is spoilt is refused; some changes, such as of a comment or a name, leave a file that is one.
    assert!(taken.iter().all(|n| *n < EACH * 3 / 4), "{taken:?}");
    assert_eq!(all(&g), before, "nothing was written anywhere but where a run is fetched to");
    within_memory();
}

/// The same through the binary.
#[test]
fn some_of_those_through_the_binary() {
    let g = Genuine::new();
    let dead = g.place.dead_cluster();
    let url = format!("file://{}", g.place.path("store").display());
    let commands: [&[&str]; 5] = [
        &["resume", "-k", &dead],
        &["experiment", "mine", "-n", "--predicted", "--seeds=1"],
        &["experiment", "mine", "-n", "--predicted", "--seeds=1"],
        &["plan", "-c", "simulated", "--locked", "bench.lock.yaml"],
        &["results", "pull", &url, &g.id],
    ];
    for (kind, args) in commands.iter().enumerate() {
        let (path, whole) = &g.files[kind];
        for n in 0..4 {
            std::fs::write(path, spoil(whole, &mut Dice::of(4_000_000 + 1000 * kind as u64 + n))).expect("written");
            let r = g.place.run(args);
            // 5 and 6: what is a whole intent wants its cluster, and there is none.
            let codes: &[i32] = if kind == 0 { &[0, 2, 5, 6] } else { &[0, 2, 3, 4] };
            assert!(codes.contains(&r.code), "{}, case {n}: exit {}\n{}", KINDS[kind], r.code, r.stderr);
            assert!(r.stderr.len() < 100_000, "{}, case {n}: {} bytes of error", KINDS[kind], r.stderr.len());
        }
        std::fs::write(path, whole).expect("written");
    }
}
