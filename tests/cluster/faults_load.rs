//! Faults while the load runs: what is killed, stopped or full; then how the run ended, what was lost, what is left.
//!
//! A load of 30 s each, in a stack under WVA. What only the cluster for tests can be made to suffer (its API server and kubelet
//! are processes of this machine) needs `BENCH_TESTBED`, its directory.

use super::support::{Place, checksums_agree, events, json};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const NS: &str = "bench-faults-load";
const WVA: (&str, &str) = ("workload-variant-autoscaler-system", "workload-variant-autoscaler-controller-manager");
/// Every 5 s by scenario `simulated`.
const SCRAPE_S: f64 = 5.0;

fn load(seconds: &str) -> Vec<String> {
    let all = ["run", "-p", NS, "-w", "sanity_random", "--rates=4", "--per-rate", "--set=recording.settle_s=1"];
    let mut all: Vec<String> = all.iter().map(|s| (*s).to_string()).collect();
    all.push("--skip-reset=delete-hpa,delete-variant,replicas,pods,warmup,drain,window,variant,hpa".into());
    all.push(format!("--max-seconds={seconds}"));
    all
}

fn sleep(s: u64) {
    std::thread::sleep(Duration::from_secs(s));
}

/// The load that is at work: bench, and the run's directory.
struct Begun {
    child: Child,
    run: PathBuf,
}

fn begin(p: &Place, seconds: &str) -> Begun {
    let (args, before) = (load(seconds), p.runs().len());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    eprintln!("$ bench {}", args.join(" "));
    let mut child = p.command(&args).spawn().expect("bench starts");
    let deadline = Instant::now() + Duration::from_secs(240);
    loop {
        let run = p.runs().into_iter().nth(before);
        if let Some(run) = run.filter(|r| json(&r.join("run.json"))["state"] == "loading") {
            return Begun { child, run };
        }
        assert!(child.try_wait().expect("it can be asked").is_none(), "it ended before its load began");
        assert!(Instant::now() < deadline, "the load never began");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// How a disturbed run ended: a row of the table.
struct Row {
    fault: &'static str,
    codes: Vec<i32>,
    run: PathBuf,
}

impl Row {
    fn record(&self) -> Value {
        json(&self.run.join("run.json"))
    }

    fn missing(&self) -> String {
        self.record()["missing"].as_array().expect("a list").iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
    }

    /// The load's files are all here, as they were in the pod.
    #[track_caller]
    fn is_whole(&self, p: &Place) -> &Self {
        let record = self.record();
        assert_eq!((record["state"].as_str(), &record["failure"]), (Some("complete"), &Value::Null), "{}: {record:#}", self.fault);
        // 4: the generator was late, which a busy machine does by itself.
        assert!(matches!(self.codes.last(), Some(0 | 4)), "{}: {:?}", self.fault, self.codes);
        let report = self.run.join("load/rate-0/benchmarks.json");
        assert!(report.metadata().is_ok_and(|m| m.len() > 60_000), "{}: {}", self.fault, report.display());
        assert!(checksums_agree(&self.run), "{}", self.fault);
        self.left_nothing(p)
    }

    #[track_caller]
    fn misses_nothing(&self) -> &Self {
        assert_eq!(self.missing(), "", "{}", self.fault);
        self
    }

    /// Nothing of the run is in the cluster.
    #[track_caller]
    fn left_nothing(&self, p: &Place) -> &Self {
        let left = p.get(&["job,pod,configmap,lease", "-n", NS, "-l", "llmd-bench/run"]);
        let alive = |o: &&Value| o["metadata"]["deletionTimestamp"].is_null();
        let left: Vec<&Value> = left["items"].as_array().expect("a list").iter().filter(alive).map(|o| &o["metadata"]["name"]).collect();
        assert_eq!(left, Vec::<&Value>::new(), "{}", self.fault);
        self
    }

    fn told(&self) {
        let codes: Vec<String> = self.codes.iter().map(ToString::to_string).collect();
        let requests = &json(&self.run.join("summary.json"))["rates"][0];
        let missing = Some(self.missing()).filter(|m| !m.is_empty()).unwrap_or_else(|| "nothing".into());
        println!(
            "ROW | {} | {} | {} | {} of {} requests ok | missing: {missing} |",
            self.fault,
            codes.join(", then "),
            self.record()["state"].as_str().unwrap_or_default(),
            requests["successful"],
            requests["requests"],
        );
    }
}

/// Waits for bench, and lets `resume` carry on where it ended with 7.
fn ended(p: &Place, fault: &'static str, mut b: Begun) -> Row {
    let mut codes = vec![b.child.wait().expect("it ends").code().unwrap_or(-9)];
    while matches!(codes.last(), Some(7 | -9)) && codes.len() < 8 {
        codes.push(p.bench(&["resume"]).code);
    }
    let row = Row { fault, codes, run: b.run };
    row.told();
    row
}

fn stood_up(name: &str) -> Place {
    let p = Place::new(name);
    p.clean_namespace(NS);
    p.bench(&["standup", "-c", "simulated", "--wva", "-p", NS]).exits(0);
    p
}

fn name_of(p: &Place, kind: &str, ns: &str, selector: &str) -> String {
    let list = p.get(&[kind, "-n", ns, "-l", selector]);
    list["items"][0]["metadata"]["name"].as_str().unwrap_or_else(|| panic!("a {kind} with {selector}")).to_string()
}

/// A Deployment that is away for some seconds.
fn away(p: &Place, (ns, name): (&str, &str), seconds: u64) {
    let scale = |n: &str| p.kubectl(&["scale", "deployment", "-n", ns, name, n]).exits(0);
    scale("--replicas=0");
    sleep(seconds);
    scale("--replicas=1");
    p.kubectl(&["rollout", "status", "deployment", "-n", ns, name, "--timeout=120s"]).exits(0);
}

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_faults_of_pods_under_load() {
    let p = stood_up("faults-pods");

    let b = begin(&p, "30");
    sleep(10);
    let recorder = name_of(&p, "pod", NS, "app.kubernetes.io/name=llmd-bench-agent");
    p.kubectl(&["delete", "pod", "-n", NS, &recorder, "--grace-period=0", "--force"]).exits(0);
    let row = ended(&p, "recorder killed", b);
    assert!(row.is_whole(&p).missing().contains("a recorder's pod was lost"), "{}", row.missing());

    let b = begin(&p, "30");
    sleep(8);
    away(&p, WVA, 10);
    ended(&p, "WVA down for 10 s", b).is_whole(&p).misses_nothing();

    let b = begin(&p, "30");
    sleep(8);
    away(&p, ("monitoring", "prometheus-adapter"), 10);
    ended(&p, "metrics adapter down for 10 s", b).is_whole(&p).misses_nothing();

    let b = begin(&p, "30");
    sleep(12);
    let harness = name_of(&p, "pod", NS, "app.kubernetes.io/name=llmd-bench-harness");
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": harness, "namespace": NS}});
    let file = p.dir.join("eviction.json");
    std::fs::write(&file, eviction.to_string()).unwrap();
    let path = format!("/api/v1/namespaces/{NS}/pods/{harness}/eviction");
    p.kubectl(&["create", "--raw", &path, "-f", file.to_str().unwrap()]).exits(0);
    let row = ended(&p, "harness pod evicted", b);
    assert_eq!(row.codes, [4]);
    assert!(row.missing().contains("load: everything of 4/s"), "{}", row.missing());
    assert!(row.left_nothing(&p).run.join("events.jsonl").metadata().unwrap().len() > 0);

    // Its volume goes with the pod: what it had scraped until then is lost, and that is said.
    let b = begin(&p, "30");
    sleep(12);
    p.kubectl(&["delete", "pod", "-n", "monitoring", "prometheus-testbed-0", "--grace-period=0", "--force"]).exits(0);
    let row = ended(&p, "Prometheus' pod replaced, its data lost", b);
    assert!(row.is_whole(&p).missing().contains("samples: Prometheus has none of this stack"), "{}", row.missing());

    p.bench(&["teardown", "-p", NS]).exits(0);
}

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_faults_of_bench_under_load() {
    let p = stood_up("faults-bench");
    killed_once_a_minute(&p);
    a_full_disk(&p);
    p.bench(&["teardown", "-p", NS]).exits(0);
}

fn killed_once_a_minute(p: &Place) {
    let mut b = begin(p, "190");
    for _ in 0..3 {
        sleep(60);
        b.child.kill().expect("it is at work");
        b.child.wait().expect("it ends");
        b.child = p.command(&["resume"]).spawn().expect("bench starts");
    }
    let row = ended(p, "bench killed once a minute, and resumed", b);
    row.is_whole(p).misses_nothing();
    let gaps: Vec<Value> = events(&row.run).into_iter().filter(|e| e["what"] == "gap").collect();
    assert_eq!(gaps, Vec::<Value>::new());
    let longest = longest_gap(&row.run);
    println!("longest time between two samples of a series: {longest:.1} s");
    assert!(longest < 2.0 * SCRAPE_S, "{longest}");
}

/// Between two samples of one of the model servers' series, in seconds.
fn longest_gap(run: &Path) -> f64 {
    let text = std::fs::read_to_string(run.join("metrics/samples.om.txt")).expect("samples");
    let mut series: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for line in text.lines().filter(|l| l.starts_with("vllm:num_requests_running{")) {
        let mut words = line.rsplitn(3, ' ');
        let time = words.next().and_then(|t| t.parse().ok()).expect("a time");
        series.entry(words.nth(1).expect("a series")).or_default().push(time);
    }
    for times in series.values_mut() {
        times.sort_by(f64::total_cmp);
    }
    assert!(series.values().any(|t| t.len() > 30), "one of them lasted");
    series.values().flat_map(|t| t.windows(2)).map(|w| w[1] - w[0]).fold(0.0, f64::max)
}

/// Really full: a small file system of its own, filled up while the load runs.
fn a_full_disk(p: &Place) {
    let full = p.dir.join("full");
    std::fs::create_dir_all(&full).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(&full).status();
    assert!(mounted.is_ok_and(|s| s.success()), "this test mounts a file system, which needs root");
    let there = Place { dir: full.clone(), kubeconfig: p.kubeconfig.clone() };
    let mut b = begin(&there, "30");
    let filler = full.join("filler");
    // Until nothing more goes in.
    let dd = Command::new("dd").arg("if=/dev/zero").arg(format!("of={}", filler.display())).arg("bs=4k").stderr(Stdio::null()).status();
    assert!(dd.is_ok_and(|s| !s.success()), "the disk is full");
    let first = b.child.wait().expect("it ends").code();
    assert_eq!(first, Some(7));
    let still = there.bench(&["resume"]);
    assert_eq!(still.code, 7, "nothing has changed");
    still.says("space");
    std::fs::remove_file(&filler).unwrap();
    let mut codes = vec![7, 7];
    codes.push(there.bench(&["resume"]).code);
    let row = Row { fault: "disk under results/ full, then not", codes, run: b.run };
    row.told();
    row.is_whole(p).misses_nothing();
    let copy = p.dir.join("results-of-the-full-disk");
    Command::new("cp").arg("-r").arg(full.join("results")).arg(&copy).status().expect("cp");
    assert!(Command::new("umount").arg(&full).status().is_ok_and(|s| s.success()));
}

/// A process of the cluster for tests, by the pid that it wrote.
fn stopped(process: &str) {
    let state = std::env::var("LLMD_TESTBED_DIR").unwrap_or_else(|_| "/var/lib/llmd-testbed".into());
    let pid = std::fs::read_to_string(Path::new(&state).join(format!("run/{process}.pid"))).expect("its pid");
    // Its pid, and when it began.
    let pid = pid.split_whitespace().next().expect("a pid");
    assert!(Command::new("kill").args(["-9", pid]).status().is_ok_and(|s| s.success()), "{process}");
}

fn up_again() {
    let testbed = std::env::var("BENCH_TESTBED").expect("BENCH_TESTBED is the directory of the cluster for tests");
    let up = Command::new(Path::new(&testbed).join("up")).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(up.is_ok_and(|s| s.success()), "the cluster comes up again");
}

fn ready(p: &Place) -> Option<String> {
    let node = p.get(&["nodes"])["items"][0].clone();
    let conditions = node["status"]["conditions"].as_array()?;
    conditions.iter().find(|c| c["type"] == "Ready")?["status"].as_str().map(String::from)
}

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG, BENCH_TESTBED"]
fn cluster_faults_of_the_cluster_under_load() {
    let p = stood_up("faults-cluster");

    let b = begin(&p, "30");
    sleep(8);
    stopped("apiserver");
    sleep(8);
    up_again();
    ended(&p, "API server killed, back after 8 s", b).is_whole(&p).misses_nothing();

    let b = begin(&p, "30");
    sleep(8);
    stopped("kubelet");
    sleep(12);
    up_again();
    ended(&p, "kubelet killed, back after 12 s", b).is_whole(&p).misses_nothing();

    // The node is not ready before the load is over, and comes back.
    let b = begin(&p, "30");
    sleep(8);
    stopped("kubelet");
    let deadline = Instant::now() + Duration::from_secs(120);
    while ready(&p).as_deref() == Some("True") {
        assert!(Instant::now() < deadline, "the node stays ready");
        sleep(1);
    }
    sleep(5);
    up_again();
    ended(&p, "node NotReady until after the load's end", b).is_whole(&p).misses_nothing();

    p.bench(&["teardown", "-p", NS]).exits(0);
}
