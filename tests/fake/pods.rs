//! What goes on in pods: guidellm and its keeper, the recorder, and the commands that are run beside them.

use crate::api::Status;
use crate::controllers::LOAD;
use crate::world::{Id, Server, Silence, World, is_leaving, text};
use bench::cluster::{ClusterError, Container, Outside, Page};
use bench_model::names::sha256_hex;
use futures::future::{BoxFuture, LocalBoxFuture};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

/// What a genuine run left.
struct Fixture {
    load: Vec<(String, Arc<Vec<u8>>)>,
    events: Arc<Vec<u8>>,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runs/20261124T031159Z-ramp_small-wva-c97c");
    let read = |p: &str| Arc::new(std::fs::read(dir.join(p)).expect("the fixture is there"));
    let mut load: Vec<_> =
        ["benchmarks.json", "exit-0", "timeline.jsonl", "DONE"].iter().map(|n| ((*n).into(), read(&format!("load/{n}")))).collect();
    load.push((
        "stderr.log".into(),
        Arc::new(b"Benchmark 1 (constant@1.00): completed | elapsed=30s | successful=30 errored=0\n".to_vec()),
    ));
    load.push(("stdout.log".into(), Arc::new(vec![])));
    // Its beginning is enough here, and quicker to checksum.
    let events: Vec<u8> = read("events.jsonl").split_inclusive(|b| *b == b'\n').take(30).flatten().copied().collect();
    Fixture { load, events: Arc::new(events) }
});

fn state<'a>(pod: &'a Value, container: &str) -> Option<&'a Value> {
    pod.pointer("/status/containerStatuses")?.as_array()?.iter().find(|c| c["name"] == container)?.get("state")
}

fn is_running(pod: &Value, container: &str) -> bool {
    state(pod, container).is_some_and(|s| s.get("running").is_some())
}

fn terminate(pod: &mut Value, container: &str) {
    let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    for c in pod.pointer_mut("/status/containerStatuses").and_then(Value::as_array_mut).into_iter().flatten() {
        if c["name"] == container {
            let since = c.pointer("/state/running/startedAt").cloned().unwrap_or_default();
            c["state"] = json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": since, "finishedAt": now}});
        }
    }
}

impl World {
    /// One look at a running pod: has its work come further?
    pub fn work(&mut self, id: &Id, pod: &Value, since: f64) {
        let uid = text(pod, "/metadata/uid").to_string();
        let mut after = pod.clone();
        if state(pod, "guidellm").is_some() {
            if is_running(pod, "guidellm") && self.is_due(since + LOAD) {
                let files = self.files.entry(uid.clone()).or_default();
                files.extend(FIXTURE.load.iter().map(|(n, b)| (format!("/results/{n}"), b.clone())));
                terminate(&mut after, "guidellm");
            }
            let acknowledged = self.files.get(&uid).is_some_and(|f| f.contains_key("/results/ACK"));
            if acknowledged && is_running(pod, "keeper") {
                terminate(&mut after, "keeper");
                after["status"]["phase"] = json!("Succeeded");
            }
        } else if state(pod, "download").is_some() {
            if self.is_due(since + 30.0) {
                terminate(&mut after, "download");
                after["status"]["phase"] = json!("Succeeded");
                if self.hub_refuses.is_some() {
                    after["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] = json!(3);
                    after["status"]["phase"] = json!("Failed");
                }
            }
        } else if state(pod, "agent").is_some() {
            self.record(&uid, pod, &mut after);
        }
        self.update(id, after);
    }

    fn is_due(&mut self, t: f64) -> bool {
        let come = self.now() + 1e-6 >= t;
        if !come {
            self.due = self.due.min(t);
        }
        come
    }

    fn record(&mut self, uid: &str, pod: &Value, after: &mut Value) {
        let args: Vec<&str> = pod["spec"]["containers"][0]["args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let option = |name: &str| args.iter().skip_while(|a| **a != name).nth(1).copied().unwrap_or_default().to_string();
        let (job, settle) = (option("--job"), option("--settle-s").parse().unwrap_or(0.0));
        let streamed = pod["spec"]["containers"][0]["command"][0] == "sh";
        let load = self.of_kind("Pod").find(|(_, p)| p["metadata"]["labels"]["job-name"] == job.as_str()).map(|(_, p)| p.clone());
        let ended = load.as_ref().is_some_and(|p| !is_running(p, "guidellm") && state(p, "guidellm").is_some());
        let now = self.now();
        let files = self.files.entry(uid.to_string()).or_default();
        if streamed && !files.contains_key("/agent/bench") {
            return;
        }
        let first = FIXTURE.events.split_inclusive(|b| *b == b'\n').next().unwrap_or_default().to_vec();
        if !files.contains_key("/agent/events.jsonl") {
            files.insert("/agent/events.jsonl".into(), Arc::new(first));
            self.dirty = true;
        }
        let done = files.contains_key("/agent/DONE");
        let stopped = files.contains_key("/agent/STOP");
        let over = files.contains_key("/agent/ACK");
        if ended && !self.born.contains_key(&format!("{uid} saw the end")) {
            self.born.insert(format!("{uid} saw the end"), now);
        }
        let end = self.born.get(&format!("{uid} saw the end")).copied();
        if !done && (stopped || end.is_some_and(|t| self.is_due(t + settle))) {
            let files = self.files.entry(uid.to_string()).or_default();
            files.insert("/agent/events.jsonl".into(), FIXTURE.events.clone());
            files.insert("/agent/DONE".into(), Arc::new(if stopped { b"stopped".to_vec() } else { b"settled".to_vec() }));
            self.dirty = true;
        }
        if done && over {
            terminate(after, "agent");
            after["status"]["phase"] = json!("Succeeded");
        }
    }
}

pub fn log(w: &World, ns: &str, pod: &str, container: &str) -> Result<String, Status> {
    let id = Id::new("Pod", ns, pod);
    w.objects.get(&id).ok_or_else(|| Status::not_found(&id))?;
    let said = w.hub_refuses.filter(|_| container == "download").map_or_else(|| format!("{container} is well"), String::from);
    Ok(format!("{said}\n"))
}

/// Checksums of the fixture's files are asked for again and again.
fn checksum(bytes: &Arc<Vec<u8>>) -> String {
    static KNOWN: LazyLock<Mutex<BTreeMap<usize, String>>> = LazyLock::new(Mutex::default);
    let known = FIXTURE.load.iter().any(|(_, b)| Arc::ptr_eq(b, bytes)) || Arc::ptr_eq(&FIXTURE.events, bytes);
    if !known {
        return sha256_hex(bytes);
    }
    let mut sums = KNOWN.lock().expect("nobody panics with it");
    sums.entry(Arc::as_ptr(bytes) as usize).or_insert_with(|| sha256_hex(bytes)).clone()
}

type Output = Result<Vec<u8>, ClusterError>;

fn run(w: &mut World, at: &Container, command: &[&str], stdin: Option<&[u8]>) -> Output {
    let fail = |message: &str| ClusterError::Exec { what: command.join(" "), pod: at.pod.clone(), message: message.into() };
    let api = |code, message: String| ClusterError::Api { what: format!("exec in pod {}", at.pod), code, reason: String::new(), message };
    let Some(pod) = w.get("Pod", &at.namespace, &at.pod).cloned() else {
        return Err(api(404, format!("pods {:?} not found", at.pod)));
    };
    if is_leaving(&pod) || !is_running(&pod, &at.container) {
        return Err(api(500, format!("container not found ({:?})", at.container)));
    }
    let uid = text(&pod, "/metadata/uid").to_string();
    let files = w.files.entry(uid).or_default();
    let below = |dir: &str| -> Vec<(String, Arc<Vec<u8>>)> {
        let prefix = format!("{dir}/");
        files.iter().filter_map(|(n, b)| Some((n.strip_prefix(&prefix)?.to_string(), b.clone()))).collect()
    };
    let read = |path: &str| files.get(path).cloned().ok_or_else(|| fail("No such file or directory"));
    let clock = || Ok(format!("{}\n", chrono::Utc::now().timestamp_millis() as f64 / 1000.0).into_bytes());
    match command {
        ["sh", "-c", script, ..] if script.contains("find . -type f") => {
            let dir = script.split_whitespace().nth(1).unwrap_or_default();
            let shown = below(dir).into_iter().filter(|(n, _)| n != "ACK" && !n.ends_with(".part"));
            Ok(shown.map(|(n, b)| format!("{} {} ./{n}\n", checksum(&b), b.len())).collect::<String>().into_bytes())
        }
        ["sh", "-c", script, ..] if script.starts_with("head -c ") => {
            let n: usize = script.split_whitespace().nth(2).and_then(|n| n.parse().ok()).unwrap_or(0);
            let got = stdin.unwrap_or_default();
            if got.len() != n {
                return Err(fail("not all of it came"));
            }
            files.insert("/agent/bench".into(), Arc::new(got.to_vec()));
            w.dirty = true;
            Ok(vec![])
        }
        ["tail", "-c", from, path] => {
            let skip = from.trim_start_matches('+').parse::<usize>().unwrap_or(1).saturating_sub(1);
            read(path).map(|b| b.get(skip..).unwrap_or_default().to_vec())
        }
        ["touch", path] | [_, "agent", "touch", path] => {
            files.insert((*path).into(), Arc::new(vec![]));
            w.dirty = true;
            Ok(vec![])
        }
        ["python3", "-c", ..] | [_, "agent", "clock"] => clock(),
        [_, "agent", "list", dir] => {
            let shown = below(dir).into_iter().filter(|(n, _)| n != "bench" && !n.ends_with(".part"));
            let rows: Vec<Value> = shown.map(|(n, b)| json!({"path": n, "size": b.len(), "sha256": checksum(&b)})).collect();
            Ok(Value::Array(rows).to_string().into_bytes())
        }
        [_, "agent", "cat", path] => read(path).map(|b| b.to_vec()),
        [_, "agent", "cat", path, "--offset", n] => {
            read(path).map(|b| b.get(n.parse::<usize>().unwrap_or(0)..).unwrap_or_default().to_vec())
        }
        _ => Err(fail("the fake knows no such command")),
    }
}

impl Outside for Server {
    fn exec<'a>(
        &'a self,
        at: &'a Container,
        command: &'a [&'a str],
        stdin: Option<&'a [u8]>,
        sink: &'a mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> LocalBoxFuture<'a, Result<String, ClusterError>> {
        Box::pin(async move {
            let short: String = command.join(" ").chars().take(60).collect();
            let broken = |message: String| ClusterError::Exec { what: command.join(" "), pod: at.pod.clone(), message };
            match self.perform(&format!("exec {}/{}: {short}", at.pod, at.container), |w| run(w, at, command, stdin)) {
                Ok(output) => {
                    sink(&output?).map_err(|e| broken(e.to_string()))?;
                    Ok(String::new())
                }
                Err(Silence::Lost(output)) => {
                    let output = output.unwrap_or_default();
                    sink(&output[..output.len() / 2]).map_err(|e| broken(e.to_string()))?;
                    Err(broken("the connection broke before the command's end".into()))
                }
                Err(Silence::Dead(output)) => {
                    // A process that is killed in the middle of a stream has written a part of it.
                    if let Some(Ok(output)) = output {
                        sink(&output[..output.len() / 2]).ok();
                    }
                    std::future::pending().await
                }
            }
        })
    }

    fn helm<'a>(&'a self, args: &'a [&'a str]) -> LocalBoxFuture<'a, Result<String, ClusterError>> {
        Box::pin(crate::helm::helm(self, args))
    }

    fn web<'a>(&'a self, page: &'a Page<'a>) -> BoxFuture<'a, Result<String, ClusterError>> {
        Box::pin(async move {
            let lost = || ClusterError::Unreachable { url: page.url.into(), what: "get it".into(), reason: "connection reset".into() };
            match self.perform(&format!("GET {}", page.url), |w| crate::openshift::web(w, page)) {
                Ok(answer) => answer,
                Err(Silence::Lost(_)) => Err(lost()),
                Err(Silence::Dead(_)) => std::future::pending().await,
            }
        })
    }
}
