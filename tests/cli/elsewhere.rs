//! `bench results push` and `pull`: a directory, and the protocols of S3 and of Google's store on this machine.

use crate::shelf::run;
use crate::support::{Place, Ran, files_below, ran, repo};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const USAGE: i32 = 2;
const INVALID: i32 = 4;
const INTERRUPTED: i32 = 7;

pub fn moved(r: &Ran) -> Vec<(u64, u64, bool)> {
    let one = |v: &Value| {
        let m = &v["moved"];
        (m["files"].as_u64().unwrap() - m["there"].as_u64().unwrap(), m["bytes"].as_u64().unwrap(), m["whole"] == true)
    };
    r.json().iter().map(one).collect()
}

/// Every file but the report and the index, with its content.
pub fn content(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let of = |p: &std::path::PathBuf| (p.strip_prefix(dir).unwrap().display().to_string(), std::fs::read(p).unwrap());
    files_below(dir).iter().map(of).filter(|(name, _)| !name.ends_with("report.html") && !name.ends_with("index.json")).collect()
}

#[test]
fn a_second_push_sends_nothing_and_a_pull_brings_the_same_bytes() {
    let place = Place::new();
    let url = format!("file://{}", place.path("elsewhere").display());
    let dir = run(&place, 1, |_| {});
    let second = run(&place, 2, |_| {});
    std::fs::write(dir.join("report.html"), "made anew at any time").unwrap();
    let push = |more: &[&str]| place.run(&[&["results", "push", &url, "--output=json"], more].concat());
    let dry = moved(&push(&["--all", "-n"]).exits(0));
    assert!(dry[0].0 > 5 && !place.path("elsewhere/runs").exists());
    let first = moved(&push(&["20261101"]).exits(0));
    assert_eq!(first[0], dry[0]);
    assert_eq!(moved(&push(&["20261101"]).exits(0)), [(0, 0, true)]);
    // The other run has the same files but for its record.
    assert_eq!(moved(&push(&["--all"]).exits(0))[1].0, 1);

    let there = Place::new();
    let pull = |more: &[&str]| there.run(&[&["results", "pull", &url, "--output=json"], more].concat());
    assert!(!moved(&pull(&["--all", "-n"]).exits(0))[0].2 && !there.path("results").exists());
    pull(&["--all"]).exits(0);
    std::fs::remove_file(dir.join("report.html")).unwrap();
    assert_eq!(content(&there.path("results")), content(&place.path("results")));
    assert_eq!(moved(&pull(&["last"]).exits(0)), [(0, 0, true)]);
    there.run(&["report", "last", "--output=json"]).exits(0);
    let ls = there.run(&["results", "ls", "--at", &url]).exits(0);
    assert!(ls.stdout.starts_with("RUN ") && ls.stdout.lines().count() == 3, "{}", ls.stdout);
    let ls = there.run(&["results", "ls", "--at", &url, "--filter=run=20261102*", "--output=json"]).exits(0);
    assert_eq!(ls.json().len(), 1, "{}", ls.stdout);
    there.run(&["results", "ls", "--at", &url, "--filter=verdict=valid"]).exits(USAGE).says(&["do not tell a run's verdict"]);

    // A pull that broke off: a part, a torn file, no run.json.
    let mine = there.path("results").join(second.file_name().unwrap());
    std::fs::remove_file(mine.join("run.json")).unwrap();
    std::fs::write(mine.join("plan.yaml"), "torn").unwrap();
    std::fs::write(mine.join("events.jsonl.part"), "torn").unwrap();
    std::fs::remove_file(mine.join("events.jsonl")).unwrap();
    assert_eq!(moved(&pull(&["20261102"]).exits(0))[0].0, 3);
    assert_eq!(content(&there.path("results")), content(&place.path("results")));
    // A push that broke off: a blob is missing, and the manifest not written.
    std::fs::remove_file(place.path("elsewhere/runs").join(format!("{}.json", second.file_name().unwrap().display()))).unwrap();
    let blob = files_below(&place.path("elsewhere/blobs")).remove(0);
    std::fs::remove_file(&blob).unwrap();
    assert_eq!(moved(&push(&["20261102"]).exits(0))[0].0, 1);
    assert!(blob.exists());
}

#[test]
fn what_is_damaged_is_neither_sent_nor_taken() {
    let place = Place::new();
    let url = format!("file://{}", place.path("elsewhere").display());
    let dir = run(&place, 1, |_| {});
    let sums = Command::new("sh").args(["-c", "sha256sum plan.yaml events.jsonl > SHA256SUMS"]).current_dir(&dir).status().unwrap();
    assert!(sums.success());
    let unfinished = run(&place, 2, |r| r["state"] = "interrupted".into());
    place.run(&["results", "push", &url, "20261102"]).exits(USAGE).says(&["is not at its end"]);
    place.run(&["results", "push", &url, "--all"]).exits(0).says(&["20261102", "stays here"]);
    assert!(!files_below(&place.path("elsewhere")).iter().any(|f| f.ends_with(unfinished.file_name().unwrap())));

    // Here: the file is no longer what its checksum says.
    let plan = std::fs::read_to_string(dir.join("plan.yaml")).unwrap();
    std::fs::write(dir.join("plan.yaml"), format!("{plan}# changed\n")).unwrap();
    place.run(&["results", "push", &url, "20261101"]).exits(INVALID).says(&["is damaged", "plan.yaml"]);
    place.run(&["results", "pull", &url, "20261101"]).exits(USAGE).says(&["is here already, and not the same", "plan.yaml", "move "]);

    // There: a blob was changed, then lost.
    let blob = files_below(&place.path("elsewhere/blobs")).into_iter().max_by_key(|f| f.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&blob, &bytes).unwrap();
    let there = Place::new();
    there.run(&["results", "pull", &url, "last"]).exits(INVALID).says(&["is not what its name says"]);
    assert!(!files_below(&there.path("results")).iter().any(|f| f.ends_with("run.json")), "it is no run yet");
    assert!(!files_below(&there.path("results")).iter().any(|f| f.to_string_lossy().ends_with(".part")));
    std::fs::remove_file(&blob).unwrap();
    there.run(&["results", "pull", &url, "last"]).exits(INVALID).says(&["lacks"]);

    // A manifest that would write elsewhere.
    let file = files_below(&place.path("elsewhere/runs")).remove(0);
    let text = std::fs::read_to_string(&file).unwrap().replace("\"plan.yaml\"", "\"../../evil\"");
    std::fs::write(&file, text).unwrap();
    there.run(&["results", "pull", &url, "last"]).exits(INVALID).says(&["no path within a run's directory"]);
    assert!(!there.path("evil").exists());
    // A link on the way.
    #[cfg(unix)]
    {
        let again = Place::new();
        let id = dir.file_name().unwrap();
        std::fs::create_dir_all(again.path("results").join(id)).unwrap();
        std::fs::create_dir_all(again.path("outside")).unwrap();
        std::os::unix::fs::symlink(again.path("outside"), again.path("results").join(id).join("load")).unwrap();
        let clean = Place::new();
        let clean_url = format!("file://{}", clean.path("elsewhere").display());
        run(&clean, 1, |_| {});
        clean.run(&["results", "push", &clean_url, "last"]).exits(0);
        again.run(&["results", "pull", &clean_url, "last"]).exits(USAGE).says(&["is a link, or behind one"]);
    }
}

#[test]
fn what_is_no_place_is_told() {
    let place = Place::new();
    run(&place, 1, |_| {});
    for (url, says) in [
        ("results", "it is no URL"),
        ("http://x/y", "http is not known"),
        ("s3://", "it names no bucket"),
        ("file://relative", "three slashes"),
        ("s3://KEY:SECRET@bucket/x", "credentials come from the environment"),
    ] {
        place.run(&["results", "push", url, "last"]).exits(USAGE).says(&[says, "s3://BUCKET/PREFIX"]);
    }
    place.run(&["results", "push", "s3://bucket"]).exits(USAGE).says(&["no run is named"]);
    place.run(&["results", "pull", "s3://bucket"]).exits(USAGE).says(&["no run is named"]);
    let empty = format!("file://{}", place.path("empty").display());
    std::fs::create_dir(place.path("empty")).unwrap();
    place.run(&["results", "pull", &empty, "last"]).exits(USAGE).says(&["no run at"]);
}

/// A server of S3's protocol: moto's, from PyPI.
struct S3 {
    child: Child,
    port: u16,
}

impl S3 {
    fn start(program: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("{program}: {e}"));
        let s = Self { child, port };
        let until = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "the server never answered");
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(s.http("PUT", "/bench").starts_with("HTTP/1.1 200"), "the bucket is made");
        s
    }

    fn http(&self, method: &str, path: &str) -> String {
        let mut c = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(c, "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        c.read_to_string(&mut answer).unwrap();
        answer
    }

    fn bench(&self, place: &Place, args: &[&str]) -> Ran {
        let url = format!("http://127.0.0.1:{}", self.port);
        ran(place
            .command(args)
            .env("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
            .env("AWS_SECRET_ACCESS_KEY", "a-secret-that-nobody-may-see")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL", url)
            .env("AWS_ALLOW_HTTP", "true"))
    }

    /// By Google's client. Its store speaks the XML API, in which objects and their parts, lists and multipart uploads are asked for as in
    /// S3's protocol; only the signature is a token.
    fn by_googles(&self, port: u16, place: &Place, args: &[&str]) -> Ran {
        ran(place
            .command(args)
            .env("GOOGLE_BASE_URL", format!("http://127.0.0.1:{port}"))
            .env("GOOGLE_BEARER_TOKEN", "a-secret-that-nobody-may-see")
            .env("GOOGLE_ALLOW_HTTP", "true"))
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
#[ignore = "needs a server of S3's protocol: BENCH_TEST_MOTO names moto_server"]
fn s3_push_and_pull() {
    let s3 = S3::start(&std::env::var("BENCH_TEST_MOTO").expect("BENCH_TEST_MOTO names moto_server"));
    let place = Place::new();
    let dir = run(&place, 1, |_| {});
    // More than one part of a multipart upload, and no two parts alike.
    let big: Vec<u8> = (0..20_000_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[..1].to_vec()).collect();
    std::fs::write(dir.join("logs/big.log"), &big).unwrap();
    let url = "s3://bench/team/results";
    s3.bench(&place, &["results", "ls", "--at", url]).exits(0);
    let push = ["results", "push", url, "--all", "--output=json"];
    let sent = s3.bench(&place, &push).exits(0);
    assert!(moved(&sent)[0].1 > 20_000_000);
    assert_eq!(moved(&s3.bench(&place, &push).exits(0)), [(0, 0, true)]);
    let listed = s3.http("GET", "/bench?list-type=2&prefix=team/results/runs/");
    assert!(listed.contains("team/results/runs/20261101T031159Z-ramp_small-wva-c97c.json"), "{listed}");

    let there = Place::new();
    s3.bench(&there, &["results", "pull", url, "last"]).exits(0);
    assert_eq!(content(&there.path("results")), content(&place.path("results")));
    assert_eq!(s3.bench(&there, &["results", "ls", "--at", url]).exits(0).stdout.lines().count(), 2);
    // Nothing of the credentials is told or kept.
    for f in files_below(&place.path("")).iter().chain(&files_below(&there.path(""))) {
        let bytes = std::fs::read(f).unwrap();
        assert!(!bytes.windows(28).any(|w| w == b"a-secret-that-nobody-may-see"), "{}", f.display());
    }
    let told = s3.bench(&place, &["results", "push", "s3://no-such-bucket/x", "last"]).exits(USAGE);
    assert!(!told.stderr.contains("a-secret") && told.stderr.contains("bucket must be there"), "{}", told.stderr);
}

/// Passes everything on to a server, and counts the requests of each method on the way.
struct Relay {
    port: u16,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Relay {
    fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, seen) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(vec![])));
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let (mut back, mut out) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut back, &mut out));
                let (kept, mut from, mut to) = (Arc::clone(&kept), client, server);
                std::thread::spawn(move || {
                    let mut piece = [0; 65536];
                    while let Ok(n @ 1..) = from.read(&mut piece) {
                        kept.lock().unwrap().extend_from_slice(&piece[..n]);
                        if to.write_all(&piece[..n]).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self { port, seen }
    }

    /// Requests of HEAD, GET, and those that write, since it was asked last.
    fn requests(&self) -> [usize; 3] {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        let count = |line: &str| seen.windows(line.len()).filter(|w| *w == line.as_bytes()).count();
        [count("HEAD /bench"), count("GET /bench"), ["PUT", "POST", "DELETE"].iter().map(|m| count(&format!("{m} /bench"))).sum()]
    }
}

#[test]
#[ignore = "needs a server of S3's protocol, which Google's store speaks too: BENCH_TEST_MOTO names moto_server"]
fn gs_push_and_pull() {
    let server = S3::start(&std::env::var("BENCH_TEST_MOTO").expect("BENCH_TEST_MOTO names moto_server"));
    let relay = Relay::to(server.port);
    let place = Place::new();
    let dir = run(&place, 1, |_| {});
    let big: Vec<u8> = (0..20_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[0]).collect();
    std::fs::write(dir.join("logs/big.log"), &big).unwrap();
    let url = "gs://bench/team/results";
    let push = ["results", "push", url, "--all", "--output=json"];
    let sent = moved(&server.by_googles(relay.port, &place, &push).exits(0));
    let [heads, _, writes] = relay.requests();
    // A write a file, and the manifest's; the big one begins, has three parts, and ends.
    assert_eq!((heads as u64 >= sent[0].0, writes as u64), (true, sent[0].0 + 1 + 4), "{sent:?}");
    assert_eq!(moved(&server.by_googles(relay.port, &place, &push).exits(0)), [(0, 0, true)]);
    let [heads, gets, writes] = relay.requests();
    assert_eq!((heads as u64 >= sent[0].0, gets, writes), (true, 1, 0), "a second push asks and sends nothing");
    assert_eq!(moved(&server.by_googles(relay.port, &place, &[&push[..], &["--verify"]].concat()).exits(0)), [(0, 0, true)]);

    let there = Place::new();
    server.by_googles(relay.port, &there, &["results", "pull", url, "last"]).exits(0);
    assert_eq!(content(&there.path("results")), content(&place.path("results")));
    assert_eq!(server.by_googles(relay.port, &there, &["results", "ls", "--at", url]).exits(0).stdout.lines().count(), 2);
    for f in files_below(&place.path("")).iter().chain(&files_below(&there.path(""))) {
        let bytes = std::fs::read(f).unwrap();
        assert!(!bytes.windows(28).any(|w| w == b"a-secret-that-nobody-may-see"), "{}", f.display());
    }
    let told = server.by_googles(relay.port, &place, &["results", "push", "gs://no-such-bucket/x", "last"]).exits(USAGE);
    assert!(!told.stderr.contains("a-secret") && told.stderr.contains("bucket must be there"), "{}", told.stderr);
}

/// Nobody listens there: as when the network is gone.
#[test]
fn a_store_that_does_not_answer_is_7_and_says_how_to_go_on() {
    let place = Place::new();
    run(&place, 1, |_| {});
    let mut c = place.command(&["results", "push", "s3://bench/x", "last"]);
    c.env("AWS_ACCESS_KEY_ID", "x").env("AWS_SECRET_ACCESS_KEY", "y").env("AWS_REGION", "r");
    c.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1").env("AWS_ALLOW_HTTP", "true");
    ran(&mut c).exits(INTERRUPTED).says(&["s3://bench/x", "give the command again"]);
    assert!(repo("docs/results.md").exists());
}
