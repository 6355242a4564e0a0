//! `bench plan --lock` and `--locked`, with a registry on this machine.

use crate::support::Place;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

/// Knows every tag but those of `a/gone`; of the others the digest follows from the path.
fn registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            lines.take_while(|l| !l.is_empty()).for_each(drop);
            let head = if first.contains("/a/gone/") {
                "404 Not Found\r\n".to_string()
            } else {
                format!("200 OK\r\ndocker-content-digest: sha256:{:064x}\r\n", first.len())
            };
            let _ = write!(&stream, "HTTP/1.1 {head}connection: close\r\ncontent-length: 0\r\n\r\n");
        }
    });
    host
}

/// Every image of the scenario in registries of this machine, so that nothing else is asked.
fn images(host: &str, scheduler: &str) -> Vec<String> {
    let names = [
        ("model_server.image.name", format!("{host}/a/server:v1")),
        ("gateway.image.name", format!("{host}/haproxy:3.0")),
        ("adapter.image.name", scheduler.to_string()),
        ("wva.image.name", format!("{host}/a/wva:v1")),
        ("load.guidellm.image.name", format!("{host}/a/guidellm:v0.8.1")),
        ("wva.chart", format!("oci://{host}/a/charts/wva")),
    ];
    let charts = ["monitoring.stack.mode=existing".to_string()];
    names.into_iter().map(|(k, v)| format!("{k}={v}")).chain(charts).flat_map(|s| ["--set".to_string(), s]).collect()
}

fn run(place: &Place, args: &[&str], set: &[String]) -> crate::support::Ran {
    let set: Vec<&str> = set.iter().map(String::as_str).collect();
    place.run(&[args, &set].concat())
}

#[test]
fn a_lock_is_written_and_pins_the_plan() {
    let (place, host) = (Place::new(), registry());
    let set = images(&host, "127.0.0.1:1/a/adapter:v1");
    let made = run(&place, &["plan", "-c", "simulated", "--lock"], &set).exits(0);
    made.says(&["1 of 6 images and charts have no digest; bench.lock.yaml says of each why"]);
    let text = std::fs::read_to_string(place.path("bench.lock.yaml")).expect("a lock");
    let lock: Value = serde_yaml::from_str(&text).expect("YAML");
    assert_eq!(crate::schemas::faults("lock.schema.json", &lock), [""; 0]);
    let made = lock["made"].as_str().expect("a time");
    insta::assert_snapshot!(text.replace(&host, "REGISTRY").replace(made, "TIME"));

    let planned = run(&place, &["plan", "-c", "simulated", "--hpa", "--output", "json", "--locked", "bench.lock.yaml"], &set).exits(0);
    let event = planned.json().into_iter().find(|e| e["event"] == "plan").expect("a plan");
    let name = event["plan"]["scenario"]["model_server"]["image"]["name"].as_str().expect("a name");
    assert!(name.starts_with(&format!("{host}/a/server:v1@sha256:0000")), "{name}");
    let objects = event["objects"].to_string();
    assert_eq!(objects.matches("/a/server:v1").count(), objects.matches("/a/server:v1@sha256:").count());

    // Every run of an experiment is of it, by its key, beside its file, or by the flag.
    place.write(
        "experiments/mine.yaml",
        "scenario: simulated\nprofile: ramp_small\nmax_seconds: 60\narms: [hpa, static-1]\nlocked: ../bench.lock.yaml\n",
    );
    place.write("experiments/free.yaml", "name: free\nscenario: simulated\nprofile: ramp_small\nmax_seconds: 60\narms: [hpa, static-1]\n");
    let other = images(&host, "127.0.0.1:1/a/adapter:v2");
    for (args, file) in [
        (vec!["experiment", "mine", "-n", "--seeds=0"], "./experiments/../bench.lock.yaml"),
        (vec!["experiment", "free", "-n", "--seeds=0", "--locked", "bench.lock.yaml"], "bench.lock.yaml"),
    ] {
        run(&place, &args, &set).exits(0).says(&[&format!("not pinned by {file}: adapter.image.name")]);
        run(&place, &args, &other).exits(2).says(&["does not fit the plan, 1 differ"]);
    }

    // Another image, and a scenario that the lock is not of.
    let refused = run(&place, &["plan", "-c", "simulated", "--locked", "bench.lock.yaml"], &other).exits(2);
    refused.says(&[
        "bench.lock.yaml does not fit the plan, 1 differ",
        "adapter.image.name: 127.0.0.1:1/a/adapter:v2, in the lock 127.0.0.1:1/a/adapter:v1",
    ]);
    place.run(&["plan", "-c", "simulated", "--locked", "missing.yaml"]).exits(2).says(&["cannot read missing.yaml"]);
}

#[test]
fn a_tag_that_is_not_there_is_told() {
    let (place, host) = (Place::new(), registry());
    let set = images(&host, &format!("{host}/a/gone:v1"));
    let made = run(&place, &["plan", "-c", "simulated", "--lock", "other.yaml", "--output", "json"], &set).exits(0);
    let event = made.json().into_iter().find(|e| e["event"] == "lock").expect("a lock");
    let adapter =
        event["lock"]["images"].as_array().expect("images").iter().find(|i| i["key"] == "adapter.image.name").expect("the adapter");
    assert_eq!((&adapter["digest"], &adapter["why"]), (&Value::Null, &format!("{host} has no a/gone:v1").into()));
    assert!(place.path("other.yaml").exists());
}
