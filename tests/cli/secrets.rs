//! Nothing in the committed fixtures that belongs to a machine or opens a door.

use crate::support::{files_below, repo};

const DIRECTORIES: [&str; 4] =
    ["tests/fixtures", "tests/cli/snapshots", "crates/analysis/tests/fixtures", "crates/analysis/tests/snapshots"];

/// Words of keys, tokens and kubeconfigs, and the beginnings of paths of people's machines.
const FORBIDDEN: [&str; 22] = [
    "-----BEGIN",
    "PRIVATE KEY",
    "client-key-data",
    "client-certificate-data",
    "certificate-authority-data",
    "serviceaccount/token",
    "Authorization",
    "Bearer ",
    "password",
    "eyJhbGciOi",     // a JSON Web Token
    "LS0tLS1CRUdJTi", // "-----BEGIN" in base64
    "hf_",
    "ghp_",
    "github_pat_",
    "AKIA",
    "sha256~", // a token of OpenShift
    "/home/",
    "/root/",
    "/Users/",
    "/work/",
    "C:\\Users",
    "/tmp/bash_jobs",
];

/// Where a forbidden word or a private address stands.
fn found(text: &str) -> Vec<String> {
    let mut out: Vec<String> = FORBIDDEN.iter().filter(|w| text.contains(**w)).map(ToString::to_string).collect();
    for word in text.split(|c: char| !c.is_ascii_digit() && c != '.') {
        let parts: Vec<u8> = word.trim_matches('.').split('.').filter_map(|p| p.parse().ok()).collect();
        if let [a, b, c, d] = parts[..]
            && std::net::Ipv4Addr::new(a, b, c, d).is_private()
        {
            out.push(word.to_string());
        }
    }
    out
}

#[test]
fn fixtures_hold_no_key_no_token_no_path_and_no_private_address() {
    let mut read = 0;
    let mut faults = vec![];
    for dir in DIRECTORIES {
        let files = files_below(&repo(dir));
        assert!(!files.is_empty(), "{dir} is empty");
        for file in files {
            let text = String::from_utf8_lossy(&std::fs::read(&file).expect("a file")).into_owned();
            read += text.len();
            faults.extend(found(&text).into_iter().map(|f| format!("{}: {f:?}", file.display())));
            faults.extend(found(&file.display().to_string().replace(env!("CARGO_MANIFEST_DIR"), "")));
        }
    }
    assert!(read > 500_000, "only {read} bytes were looked at");
    assert_eq!(faults, [""; 0]);
}

#[test]
fn they_would_be_found() {
    for bad in ["a: /home/me/x", "token: eyJhbGciOiJSUzI1NiJ9.e30", "-----BEGIN RSA PRIVATE KEY-----", "at 10.77.0.1:443", "192.168.1.20"] {
        assert_ne!(found(bad), [""; 0], "{bad}");
    }
    for good in ["192.0.2.45:8443", "127.0.0.1", "v10.1.2", "1795489803.336", "/results/benchmarks.json"] {
        assert_eq!(found(good), [""; 0], "{good}");
    }
}

/// Whichever way a credential is given, it is refused with exit code 2, and neither output repeats it.
#[test]
fn a_credential_is_refused_and_not_repeated() {
    const TOKEN: &str = "hf_abcdefghijklmnopqrstuvwxyz";
    let p = crate::support::Place::new();
    let by_flag = format!("model_server.env.HF_TOKEN={TOKEN}");
    let no_path = format!("nothing.of.this={TOKEN}");
    p.write("mine.yaml", &format!("extends: simulated\nload: {{guidellm: {{env: {{API_KEY: {TOKEN}}}}}}}\n"));
    let forms: [&[&str]; 5] = [
        &["plan", "-c", "simulated", "--set", &by_flag],
        &["plan", "-c", "simulated", "--set", &by_flag, "--output", "json"],
        &["plan", "-c", "simulated", "--set", &no_path],
        &["plan", "-c", "./mine.yaml", "--manifests"],
        &["run", "-w", "ramp_small", "--set", &by_flag],
    ];
    for args in forms {
        let ran = p.run(args).exits(2);
        assert!(!ran.stdout.contains(TOKEN) && !ran.stderr.contains(TOKEN), "{args:?}: {}{}", ran.stdout, ran.stderr);
    }
    let by_reference = ["plan", "-c", "simulated", "--manifests", "--set", "model_server.env.HF_TOKEN=secret://hub/token"];
    let ran = p.run(&by_reference).exits(0);
    assert!(ran.stdout.contains("secretKeyRef"), "{}", ran.stdout);
}

/// A parser shows the lines around a mistake; in a kubeconfig these hold credentials.
#[test]
fn a_kubeconfig_that_cannot_be_read_is_not_shown() {
    let p = crate::support::Place::new();
    let mistakes = ["    token: [abc]\n    password: hunter2\n", "    password: hunter2\n   token: abc\n"];
    for mistake in mistakes {
        let file = p.write("kubeconfig", &format!("apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user:\n{mistake}"));
        for output in ["human", "json"] {
            let ran = p.run(&["status", "-k", file.to_str().unwrap(), "--output", output]).exits(6);
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(said.contains("line ") && !said.contains("hunter2") && !said.contains("abc"), "{said}");
        }
    }
}
