//! Every exit code through the real process, and what else can end it: signals, closed and full outputs, servers that hang.
//! Code 8 needs a cluster: `tests/cluster/reasons.rs`.

use crate::support::{Place, Ran, bench, ran};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const INTERRUPTED: i32 = 7;
const TIMED_OUT: i32 = 5;
const BUG: i32 = 70;

/// A server on this machine; `serve` has each connection for itself. It ends with the test's process.
fn server(serve: impl Fn(TcpStream) + Send + Copy + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("127.0.0.1:{}", listener.local_addr().expect("an address").port());
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || serve(connection));
        }
    });
    url
}

/// Takes the connection and says nothing.
fn silent() -> String {
    server(|c| {
        std::thread::sleep(Duration::from_secs(120));
        drop(c);
    })
}

/// Begins an answer and goes on byte by byte, for ever.
fn trickling() -> String {
    server(|mut c| {
        let mut request = [0; 4096];
        let _ = c.read(&mut request);
        let _ = c.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{");
        while c.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(200));
        }
    })
}

/// An API server that knows its version and has nothing else.
fn empty() -> String {
    server(|mut c| {
        let mut request = [0; 65536];
        while let Ok(n) = c.read(&mut request) {
            let text = String::from_utf8_lossy(&request[..n]).into_owned();
            if n == 0 {
                return;
            }
            let (code, body) = if text.starts_with("GET /version") {
                ("200 OK", r#"{"major":"1","minor":"34","gitVersion":"v1.34.2"}"#.to_string())
            } else {
                ("200 OK", r#"{"items":[],"groups":[]}"#.to_string())
            };
            let answer = format!("HTTP/1.1 {code}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            if c.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

fn kubeconfig(place: &Place, url: &str) -> String {
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\nclusters: [{{name: here, cluster: {{server: '{url}'}}}}]\n\
         users: [{{name: here, user: {{}}}}]\ncontexts: [{{name: here, context: {{cluster: here, user: here}}}}]\n"
    );
    place.write("kubeconfig", &text).display().to_string()
}

/// Runs commands side by side against one server; each with how long it took.
fn against(url: &str, commands: &[&[&str]]) -> Vec<(Ran, Duration)> {
    std::thread::scope(|s| {
        let running: Vec<_> = commands
            .iter()
            .map(|args| {
                s.spawn(move || {
                    let place = Place::new();
                    let config = kubeconfig(&place, url);
                    let begun = Instant::now();
                    let r = place.run(&[args, &["-k", &config][..]].concat());
                    (r, begun.elapsed())
                })
            })
            .collect();
        running.into_iter().map(|h| h.join().expect("it ran")).collect()
    })
}

const COMMANDS: [&[&str]; 4] =
    [&["status"], &["standup", "-c", "simulated", "--static", "1"], &["run", "-w", "ramp_small", "-s", "5"], &["teardown", "-s", "5"]];

#[test]
fn a_server_that_takes_connections_and_says_nothing_is_5_within_seconds() {
    for (url, scheme) in [(silent(), "http"), (silent(), "https")] {
        for (r, took) in against(&format!("{scheme}://{url}"), &COMMANDS) {
            r.exits(TIMED_OUT).says(&[&url, "took the connection and did not answer within 10 s", "-> "]);
            assert!(took < Duration::from_secs(25), "{took:?}");
        }
    }
}

#[test]
fn a_server_that_answers_byte_by_byte_is_5_within_seconds() {
    for (r, took) in against(&format!("http://{}", trickling()), &COMMANDS) {
        r.exits(TIMED_OUT).says(&["did not answer within 10 s"]);
        assert!(took < Duration::from_secs(25), "{took:?}");
    }
}

/// As a shell does it: a program of that name, first on the PATH.
#[test]
#[ignore = "takes a minute: helm's own limits are waited for"]
fn a_helm_that_hangs_is_ended_and_named() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let helm = place.write("bin/helm", "#!/bin/sh\nsleep 100\n");
    std::fs::set_permissions(&helm, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let path = format!("{}:{}", place.path("bin").display(), std::env::var("PATH").unwrap_or_default());
    let config = kubeconfig(&place, &format!("http://{}", empty()));
    let begun = Instant::now();
    let r = ran(place.command(&["preflight", "-c", "simulated", "-k", &config]).env("PATH", path));
    assert!(matches!(r.code, 5 | 6), "{}: {}", r.code, r.stderr);
    assert!(r.stderr.contains("took more than 60 s to run helm list"), "{}", r.stderr);
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
}

#[test]
fn an_interrupt_is_7() {
    let place = Place::new();
    let config = kubeconfig(&place, &format!("http://{}", silent()));
    let child = place.command(&["status", "-k", &config]).stderr(Stdio::piped()).spawn().expect("bench starts");
    std::thread::sleep(Duration::from_secs(2));
    let begun = Instant::now();
    // Begun in the background of a shell, these tests and what they start ignore Ctrl-C, as they should.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|l| u64::from_str_radix(l.strip_prefix("SigIgn:")?.trim(), 16).ok()).unwrap_or(0);
    let signal = if ignored & 0b10 == 0 { "-INT" } else { "-TERM" };
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill").success());
    let o = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&o.stderr);
    assert_eq!(o.status.code(), Some(INTERRUPTED), "{said}");
    assert!(said.contains("interrupted") && begun.elapsed() < Duration::from_secs(3), "{said}");
}

fn full() -> Stdio {
    std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full").into()
}

#[test]
fn a_full_output_is_2_and_said() {
    let place = Place::new();
    for args in [&["plan", "-c", "simulated", "-w", "ramp_small", "--manifests"][..], &["--help"], &["completions", "bash"]] {
        let o = place.command(args).stdout(full()).output().expect("bench starts");
        let said = String::from_utf8_lossy(&o.stderr);
        assert_eq!(o.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains("cannot write the output") && said.contains("No space left"), "{args:?}: {said}");
    }
}

/// The exit code is all that is left to say it with.
#[test]
fn an_error_that_cannot_be_told_keeps_its_code() {
    let place = Place::new();
    for (args, code) in [(&["plan", "-c", "simulatd"][..], 2), (&["status", "-k", &place.dead_cluster()], 6), (&["plna"], 2)] {
        let o = place.command(args).stderr(full()).output().expect("bench starts");
        assert_eq!(o.status.code(), Some(code), "{args:?}");
    }
}

#[test]
fn an_environment_that_is_no_text_is_no_bug() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    ran(place.command(&["plan", "-c", "simulated", "-w", "ramp_small"]).env("ODD", odd).env("LLMDBENCH_ODD", odd)).exits(0);
}

#[test]
fn what_the_user_types_does_not_steer_the_terminal() {
    let odd = "\u{1b}]0;owned\u{7}\u{1b}[31mx";
    for args in [
        &["plan", "-c", odd][..],
        &["plan", "-c", "simulated", "--set", odd],
        &["plan", "-c", "simulated", "-w", odd],
        &["report", odd],
        &[odd],
        &["run", "-l", odd],
        &["plan", "--static", odd],
        &["gate", "last", "--rule", odd],
    ] {
        let r = bench(args).exits(2);
        let bad = |c: char| c.is_control() && c != '\n';
        assert!(!r.stderr.contains(bad) && !r.stdout.contains(bad), "{args:?}: {:?}", r.stderr);
    }
}

const END: &str = "BENCH_TEST_END";

/// The process of the next test: what `main` does, around a command that has a defect.
#[test]
#[ignore = "ends its process; the next test starts it"]
fn child() {
    use bench::cli::{end_on_panic, guarded, tell};
    use bench::report::Output;
    match std::env::var(END).as_deref() {
        Ok("panic") => {
            end_on_panic();
            let _ = guarded(Output::Human, async { panic!("a deliberate defect \u{1b}[31m") });
        }
        Ok("thread") => {
            end_on_panic();
            let _ = guarded(Output::Human, async {
                tokio::task::spawn_blocking(|| panic!("a deliberate defect")).await?;
                Ok(bench_model::exit::Exit::Done)
            });
        }
        Ok("unknown") => std::process::exit(tell(anyhow::anyhow!("a deliberate defect"), Output::Human).code().into()),
        _ => {}
    }
}

/// No command of bench has a defect to order, so this very program takes the place of `main`: the same hook, the same
/// runtime, the same telling, a command that panics.
#[test]
fn a_defect_of_bench_is_70_and_asks_for_a_report() {
    for how in ["panic", "thread", "unknown"] {
        let me = std::env::current_exe().expect("this program");
        let o = Command::new(me).args(["--exact", "ends::child", "--ignored", "--nocapture"]).env(END, how).output().expect("it starts");
        let said = String::from_utf8_lossy(&o.stderr);
        assert_eq!(o.status.code(), Some(BUG), "{how}: {said}");
        assert!(said.contains("a deliberate defect") && said.contains("defect of bench; please report it"), "{how}: {said}");
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }
}
