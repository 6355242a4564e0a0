//! Collecting through a connection that breaks, and with a recorder that is lost: nothing is missing, or it is told. Each in a
//! namespace of its own: they may run side by side.

use super::proxy::Proxy;
use super::support::{Place, checksums_agree, events, json};
use std::time::{Duration, Instant};

fn load<'a>(ns: &'a str, extra: &[&'a str]) -> Vec<&'a str> {
    let mut args =
        vec!["run", "-p", ns, "-w", "sanity_random", "--set", "recording.settle_s=1", "--skip-reset=replicas,pods,warmup,drain,window"];
    args.extend(extra);
    args
}

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_collection_through_a_connection_that_breaks() {
    const NS: &str = "bench-collection-cut";
    let mut p = Place::new("collection");
    p.bench(&["standup", "-c", "simulated", "--static", "1", "-p", NS]).exits(0);
    let (proxy, through) = Proxy::of_kubeconfig(&p.kubeconfig, &p.dir);
    let direct = std::mem::replace(&mut p.kubeconfig, through);
    let mut child = p.command(&load(NS, &["--per-rate", "--rates", "4,5", "--max-seconds", "12"])).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(240);
    let collecting = |p: &Place| p.runs().pop().is_some_and(|r| json(&r.join("run.json"))["state"] != "preparing");
    while !collecting(&p) {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "the load never began");
        std::thread::sleep(Duration::from_millis(500));
    }
    // From now on it is slow, no connection lives for more than 60 kB, and the API server is away for a while.
    proxy.slow(Duration::from_millis(5));
    proxy.cut_after(60_000);
    proxy.refuse_for(Duration::from_secs(5));
    let status = child.wait().unwrap();
    p.kubeconfig = direct;
    assert!(proxy.cuts() > 3, "{} connections were cut", proxy.cuts());
    // A generator that a busy machine made late is no matter of collecting.
    assert!(matches!(status.code(), Some(0 | 4)), "{status}");
    let run = p.runs().pop().unwrap();
    let record = json(&run.join("run.json"));
    assert_eq!((record["state"].as_str(), record["missing"].as_array().map(Vec::len)), (Some("complete"), Some(0)), "{record:#}");
    assert!(checksums_agree(&run));
    assert!(!events(&run).is_empty() && run.join("load/rate-1/benchmarks.json").metadata().unwrap().len() > 60_000);
    let finished = events(&run).iter().filter(|e| e["object"]["rate"].is_object()).count();
    assert_eq!(finished, 2, "each finished rate left a summary in the records");
    p.bench(&["teardown", "-p", NS]).exits(0);
}

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_collection_without_load_pod_or_recorder() {
    const NS: &str = "bench-collection-lost";
    let p = Place::new("collection-lost");
    p.bench(&["standup", "-c", "simulated", "--static", "1", "-p", NS]).exits(0);
    let mut child = p.command(&load(NS, &["--per-rate", "--rates", "2,3", "--max-seconds", "60"])).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(240);
    let told = || p.kubectl(&["logs", "-n", NS, "-l", "app.kubernetes.io/name=llmd-bench-harness", "-c", "guidellm", "--tail=-1"]).stdout;
    while !told().contains("llmd-bench-rate") {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "the first rate never ended");
        std::thread::sleep(Duration::from_secs(1));
    }
    let delete =
        |name: &str| p.kubectl(&["delete", "pod", "-n", NS, "-l", &format!("app.kubernetes.io/name={name}"), "--wait=false"]).exits(0);
    // The load has run for more than a minute: some of the records are here. The next recorder takes some seconds to begin.
    delete("llmd-bench-agent");
    std::thread::sleep(Duration::from_secs(35));
    delete("llmd-bench-harness");
    assert_eq!(child.wait().unwrap().code(), Some(4));
    let run = p.runs().pop().unwrap();
    let record = json(&run.join("run.json"));
    let failure = record["failure"].as_str().unwrap();
    assert!(failure.contains("2/s summary only") && failure.contains("3/s missing"), "{failure}");
    let missing = record["missing"].to_string();
    assert!(missing.contains("the requests of 2/s") && missing.contains("a recorder's pod was lost"), "{missing}");
    assert!(std::fs::read_to_string(run.join("load/rates.jsonl")).unwrap().contains("\"rate\":2.0"));
    assert!(
        events(&run)
            .iter()
            .any(|e| e["what"] == "gap" && e["object"]["why"].as_str().unwrap_or_default().contains("another one carries on"))
    );
    p.bench(&["teardown", "-p", NS]).exits(0);
}
