//! Exports by Prometheus' own tools: they need `promtool` and `prometheus` on the PATH, as `.ci/run` puts them there.

use crate::grafana::expressions;
use crate::support::{Place, files_below};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn promtool(args: &[&str]) -> String {
    let o = Command::new("promtool").args(args).output();
    let o = o.unwrap_or_else(|e| panic!("promtool: {e}; Debian's package prometheus has it, and .ci/run fetches it"));
    assert!(o.status.success(), "promtool {args:?}\n{}{}", String::from_utf8_lossy(&o.stdout), String::from_utf8_lossy(&o.stderr));
    String::from_utf8(o.stdout).expect("UTF-8")
}

/// Blocks of a measured run and of both arms of a prediction, and the texts that they were made of.
fn blocks() -> (Place, Vec<String>) {
    let (place, dirs) = crate::formats::three_runs();
    let mut args = vec!["results".to_owned(), "export".into(), "--to".into(), "out".into()];
    args.extend(dirs.iter().map(|d| d.display().to_string()));
    place.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).exits(0);
    let files: Vec<_> = files_below(&place.path("out")).into_iter().filter(|f| f.display().to_string().ends_with(".om.txt")).collect();
    assert_eq!(files.len(), 3);
    let data = place.path("data").display().to_string();
    for f in &files {
        promtool(&["tsdb", "create-blocks-from", "openmetrics", &f.display().to_string(), &data]);
    }
    (place, files.iter().map(|f| std::fs::read_to_string(f).expect("text")).collect())
}

/// Name and labels (sorted, as both sides write them differently), milliseconds → value.
type Samples = BTreeMap<(String, i64), f64>;

fn key(name: &str, labels: &str) -> String {
    let mut parts: Vec<&str> = labels.split("\", ").flat_map(|p| p.split("\",")).map(|p| p.trim_end_matches('"')).collect();
    parts.sort_unstable();
    format!("{name} {}", parts.join("|"))
}

#[test]
#[ignore = "needs promtool"]
fn promtool_gives_back_what_was_exported() {
    let (place, texts) = blocks();
    let mut want = Samples::new();
    for line in texts.iter().flat_map(|t| t.lines()).filter(|l| !l.starts_with('#')) {
        let (head, rest) = line.rsplit_once("} ").expect("labels");
        let (name, labels) = head.split_once('{').expect("labels");
        let (v, t) = rest.split_once(' ').expect("value and time");
        let ms = (t.parse::<f64>().expect("a time") * 1000.0).round() as i64;
        assert!(want.insert((key(name, labels), ms), v.parse().expect("a value")).is_none(), "twice: {line}");
    }
    // This promtool opens only what has a write-ahead log, as a Prometheus leaves it.
    std::fs::create_dir_all(place.path("data/wal")).expect("a directory");
    let mut got = Samples::new();
    for line in promtool(&["tsdb", "dump", &place.path("data").display().to_string()]).lines() {
        let (head, rest) = line.rsplit_once("} ").expect("labels");
        let (name, labels) = head.trim_start_matches("{__name__=\"").split_once("\", ").expect("a name");
        let (v, t) = rest.split_once(' ').expect("value and time");
        got.insert((key(name, labels), t.parse().expect("a time")), v.parse().expect("a value"));
    }
    assert!(want.len() > 10_000, "{}", want.len());
    assert_eq!(got.len(), want.len());
    for (k, v) in &want {
        assert_eq!(got.get(k).map(|g| g.to_bits()), Some(v.to_bits()), "{k:?}");
    }
}

#[test]
#[ignore = "needs promtool"]
fn promtool_parses_every_expression_of_the_dashboard() {
    let place = Place::new();
    let rules: Vec<Value> =
        expressions().iter().enumerate().map(|(n, (_, e))| serde_json::json!({"record": format!("x:{n}"), "expr": e})).collect();
    let n = rules.len();
    // JSON is YAML.
    let file = place.write("rules.yml", &serde_json::json!({"groups": [{"name": "g", "rules": rules}]}).to_string());
    let told = promtool(&["check", "rules", &file.display().to_string()]);
    assert!(told.contains(&format!("{n} rules found")), "{told}");
}

/// Ends it, whatever the test does.
struct Server(Child, String);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn prometheus(data: &Path) -> Server {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let (address, config) = (format!("127.0.0.1:{port}"), crate::support::repo("grafana/prometheus.yml"));
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", data.display()))
        .args(["--storage.tsdb.retention.time=100y", &format!("--web.listen-address={address}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("prometheus starts");
    let server = Server(child, format!("http://{address}"));
    for _ in 0..150 {
        if Command::new("promtool").args(["query", "instant", &server.1, "1"]).output().is_ok_and(|o| o.status.success()) {
            return server;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    panic!("prometheus does not answer");
}

/// Prometheus over the blocks answers every panel with something.
#[test]
#[ignore = "needs promtool and prometheus"]
fn promtool_gets_an_answer_to_every_panel() {
    let (place, texts) = blocks();
    let server = prometheus(&place.path("data"));
    let times: Vec<f64> =
        texts.iter().flat_map(|t| t.lines()).filter(|l| !l.starts_with('#')).filter_map(|l| l.rsplit(' ').next()?.parse().ok()).collect();
    let mut spans: Vec<(f64, f64)> = vec![];
    for t in &texts {
        let of: Vec<f64> = t.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.rsplit(' ').next()?.parse().ok()).collect();
        spans.push((of.iter().copied().fold(f64::MAX, f64::min), of.iter().copied().fold(f64::MIN, f64::max)));
    }
    assert!(times.len() > 10_000);
    for (title, e) in expressions() {
        let answered = spans.iter().any(|(from, to)| {
            let (from, to) = (format!("--start={from}"), format!("--end={to}"));
            !promtool(&["query", "range", "--step=15s", &from, &to, &server.1, &e]).trim().is_empty()
        });
        assert!(answered, "{title} shows nothing: {e}");
    }
    // What the HPA saw and what its status showed agree: the same sum over the same replicas.
    let (from, to) = spans[0];
    let at = format!("--time={}", from + 0.5 * (to - from));
    let replicas = promtool(&["query", "instant", &at, &server.1, "sum(bench_replicas{state=\"desired\"})"]);
    assert!(replicas.contains("=>"), "{replicas}");
}
