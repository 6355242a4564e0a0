//! `kill -9` at every entry of the journal of standup, run, swap and teardown, then `bench resume`: the same end as that of
//! commands which nobody disturbed. The boundaries are counted in an undisturbed cycle, not written down here.
//!
//! Every ninth boundary; all of them with `BENCH_FAULTS=each`, which takes more than an hour, or those that `BENCH_FAULTS` names:
//! `even`, `odd` or numbers (`5,7`).

use super::support::{Place, checksums_agree, json};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const NS: &str = "bench-faults";

const CYCLE: [(&str, &[&str]); 4] = [
    ("standup", &["standup", "-c", "simulated", "--wva", "-p", NS]),
    (
        "run",
        &[
            "run",
            "-p",
            NS,
            "-w",
            "sanity_random",
            "--max-seconds=8",
            "--set=recording.settle_s=1",
            "--skip-reset=replicas,pods,warmup,drain,window",
        ],
    ),
    ("swap", &["swap-to-hpa", "-p", NS]),
    ("teardown", &["teardown", "-p", NS]),
];

/// What a command left: objects in the cluster, files of the newest run.
type End = BTreeMap<String, Value>;

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_faults_killed_at_each_step() {
    let p = Place::new("faults");
    p.clean_namespace(NS);
    let mut counts = vec![];
    let mut ends = vec![];
    for (name, args) in CYCLE {
        let before = entries(&p.dir.join("results"));
        p.bench(args).exits(0);
        counts.push(entries(&p.dir.join("results")) - before);
        ends.push(end(&p, name));
    }
    println!("boundaries: {}", CYCLE.iter().zip(&counts).map(|((n, _), c)| format!("{n} {c}")).collect::<Vec<_>>().join(", "));
    let most = counts.iter().max().copied().unwrap_or(0);
    let mut wrong = vec![];
    let mut tried = [0; CYCLE.len()];
    for k in boundaries(&std::env::var("BENCH_FAULTS").unwrap_or_default(), most) {
        for (i, (name, args)) in CYCLE.iter().enumerate() {
            // A shorter operation has no such boundary: it is done undisturbed where it makes or removes the stack.
            if k > counts[i] && *name == "swap" {
                continue;
            }
            let problem = if k <= counts[i] {
                tried[i] += 1;
                killed_and_resumed(&p, name, args, k, counts[i], &ends[i]).err()
            } else {
                p.bench(args).exits(0);
                None
            };
            if let Some(e) = problem {
                println!("WRONG: {name}, killed at entry {k}: {e}");
                wrong.push(format!("{name}, killed at entry {k}: {e}"));
                p.bench(&["teardown", "-p", NS, "--force"]);
                break;
            }
        }
    }
    for ((name, _), (n, of)) in CYCLE.iter().zip(tried.iter().zip(&counts)) {
        println!("{name}: killed at {n} of {of} entries");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn boundaries(wanted: &str, most: usize) -> Vec<usize> {
    match wanted {
        "" => (1..=most).step_by(9).collect(),
        // An entry that says "done" and the next one's "begun" are a moment apart: every other one first.
        "each" => (1..=most).step_by(2).chain((2..=most).step_by(2)).collect(),
        "odd" => (1..=most).step_by(2).collect(),
        "even" => (2..=most).step_by(2).collect(),
        numbers => numbers.split(',').map(|n| n.parse().expect("BENCH_FAULTS: each, odd, even or numbers with commas")).collect(),
    }
}

fn killed_and_resumed(p: &Place, name: &str, args: &[&str], k: usize, of: usize, wanted: &End) -> Result<(), String> {
    let results = p.dir.join("results");
    let (before, runs) = (entries(&results), p.runs().len());
    let mut child = p.command(args).stderr(std::process::Stdio::null()).spawn().expect("bench starts");
    let deadline = Instant::now() + Duration::from_secs(300);
    let code = loop {
        if let Some(status) = child.try_wait().expect("it can be asked") {
            break status.code();
        }
        if entries(&results) >= before + k {
            child.kill().expect("it can be killed");
            break child.wait().expect("it ends").code();
        }
        if Instant::now() > deadline {
            child.kill().expect("it can be killed");
            return Err("it never came to this entry".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    println!("{name}: {} after {k} of {of} entries", if code.is_none() { "killed" } else { "ended" });
    let done = p.bench(&["resume"]);
    // Behind its last entry it has nothing more to do, nor has one that was faster than the kill.
    let nothing = done.code == 2 && done.stderr.contains("nothing that was begun is unfinished");
    if !(done.code == 0 || nothing && (k == of || code == Some(0))) {
        return Err(format!("resume ended with {}: {}", done.code, done.stderr.lines().last().unwrap_or_default()));
    }
    if name == "run" && p.runs().len() != runs + 1 {
        return Err(format!("{} runs were made", p.runs().len() - runs));
    }
    differs(wanted, &end(p, name))
}

/// Entries of all journals below.
fn entries(dir: &Path) -> usize {
    let mut n = 0;
    for e in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = e.path();
        if path.is_dir() {
            n += entries(&path);
        } else if path.ends_with("journal.jsonl") {
            n += std::fs::read(&path).unwrap_or_default().iter().filter(|b| **b == b'\n').count();
        }
    }
    n
}

fn differs(wanted: &End, found: &End) -> Result<(), String> {
    let names: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    let none = Value::Null;
    for n in names {
        let (a, b) = (wanted.get(n).unwrap_or(&none), found.get(n).unwrap_or(&none));
        if a != b {
            return Err(format!("{n} is {b} instead of {a}"));
        }
    }
    Ok(())
}

fn end(p: &Place, name: &str) -> End {
    let mut out = objects(p);
    if name == "run" {
        out.extend(results(p));
    }
    out
}

/// Everything of this stack, and what bench borrows from others.
fn objects(p: &Place) -> End {
    let ours = format!("llmd-bench/stack={NS}");
    let kinds = "deployment,service,serviceaccount,configmap,secret,role,rolebinding,clusterrole,clusterrolebinding,hpa,variantautoscaling,\
                 podmonitor,job,namespace";
    let mut lists = vec![p.get(&[kinds, "-A", "-l", &ours])];
    // Bare pods: the recorder's. Those of Deployments and Jobs come and go by themselves.
    lists.push(p.get(&["pod", "-n", NS, "-l", "llmd-bench/run"]));
    for borrowed in ["monitoring", "workload-variant-autoscaler-system"] {
        lists.push(p.get(&["configmap,deployment", "-n", borrowed]));
    }
    let mut out = End::new();
    for o in lists.iter().flat_map(|l| l["items"].as_array().into_iter().flatten()) {
        let m = &o["metadata"];
        let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
        // A recorder that has been told to go takes its seconds.
        let leaves = o["kind"] == "Pod" && !m["deletionTimestamp"].is_null();
        if m["name"] == "kube-root-ca.crt" || leaves {
            continue;
        }
        out.insert(format!("{} {}/{}", text(&o["kind"]), text(&m["namespace"]), text(&m["name"])), lasting(o));
    }
    out
}

/// What of an object does not depend on when it was made.
fn lasting(o: &Value) -> Value {
    let mut all = Map::new();
    for k in ["spec", "data", "rules", "roleRef", "subjects"] {
        all.insert(k.into(), o[k].clone());
    }
    all.insert("labels".into(), o["metadata"]["labels"].clone());
    if o["kind"] == "Namespace" {
        return json!({});
    }
    if let Some(s) = all["spec"].as_object_mut() {
        for k in ["clusterIP", "clusterIPs"] {
            s.remove(k);
        }
        // Of the model servers: what the autoscaler has made of it.
        if o["kind"] == "Deployment" && o["metadata"]["namespace"] == NS {
            s.remove("replicas");
        }
    }
    if o["metadata"]["name"] == "llmd-bench-stack" {
        // The plan in it says when it was made, and of which nodes.
        all.insert("data".into(), o["data"]["phase"].clone());
    }
    Value::Object(all)
}

/// The newest run: how it ended, what is in its directory, and how many Jobs were made for it.
fn results(p: &Place) -> End {
    let run: PathBuf = p.runs().pop().expect("a run");
    let record = json(&run.join("run.json"));
    let id = run.file_name().expect("a name").to_string_lossy().into_owned();
    // As objects are named after it.
    let parts: Vec<&str> = id.split('-').collect();
    let named = format!("{}-{}", parts[0], parts[parts.len() - 1]).to_lowercase();
    let mut files = BTreeSet::new();
    list(&run, &run, &mut files);
    // Of pods, whose names are random, and which may have left before their logs were kept.
    let files: Vec<String> = files.iter().filter(|f| !f.starts_with("logs/")).map(|f| f.replace(&named, "ID")).collect();
    let events = p.get(&["events", "-n", NS, "--field-selector", "involvedObject.kind=Job,reason=SuccessfulCreate"]);
    let short = id.rsplit('-').next().unwrap_or_default();
    let jobs: BTreeSet<&str> = events["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|e| e["involvedObject"]["name"].as_str().is_some_and(|n| n.ends_with(short)))
        .filter_map(|e| e["involvedObject"]["uid"].as_str())
        .collect();
    End::from([
        ("run: state".into(), record["state"].clone()),
        ("run: missing".into(), record["missing"].clone()),
        ("run: failure".into(), record["failure"].clone()),
        ("run: files".into(), json!(files)),
        ("run: checksums".into(), json!(checksums_agree(&run))),
        ("run: load Jobs".into(), json!(jobs.len())),
    ])
}

fn list(root: &Path, dir: &Path, out: &mut BTreeSet<String>) {
    for e in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = e.path();
        if path.is_dir() {
            list(root, &path, out);
        } else {
            out.insert(path.strip_prefix(root).expect("it is below").display().to_string());
        }
    }
}
