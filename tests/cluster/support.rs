//! Running `bench` and `kubectl`, and looking at what they did.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A workplace for one test: its own results directory.
pub struct Place {
    pub dir: PathBuf,
    pub kubeconfig: PathBuf,
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// A run of this place came to its end. Beside other tests a busy machine may have made the generator late, and bench calls
    /// that run invalid: no matter here. Anything else that is wrong with it is.
    #[track_caller]
    pub fn ran(self, p: &Place) -> Self {
        if self.code != 4 {
            return self.exits(0);
        }
        let run = p.runs().pop().expect("a run directory");
        let findings = json(&run.join("summary.json"))["validity"]["findings"].take();
        let wrong = findings.as_array().into_iter().flatten().filter(|f| f["verdict"] == "invalid");
        let codes: BTreeSet<_> = wrong.map(|f| f["code"].as_str().unwrap_or_default()).collect();
        assert_eq!(codes, BTreeSet::from(["late-generator"]), "--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        assert_eq!(json(&run.join("run.json"))["state"], "complete");
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text) || self.stdout.contains(text), "no {text:?} in\n{}\n{}", self.stdout, self.stderr);
        self
    }
}

impl Place {
    pub fn new(name: &str) -> Self {
        let kubeconfig = std::env::var_os("BENCH_TEST_KUBECONFIG").expect("BENCH_TEST_KUBECONFIG names the cluster for tests");
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::remove_dir_all(&dir).ok();
        std::fs::create_dir_all(&dir).unwrap();
        Self { dir, kubeconfig: kubeconfig.into() }
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let program = std::env::var_os("BENCH_TEST_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_bench").into());
        let mut c = Command::new(program);
        c.args(args).current_dir(&self.dir).env("KUBECONFIG", &self.kubeconfig).stdin(Stdio::null());
        c
    }

    /// Runs `bench` to its end and shows what it told, so that a CI log reads like a terminal.
    pub fn bench(&self, args: &[&str]) -> Done {
        eprintln!("$ bench {}", args.join(" "));
        let done = done(&self.command(args).output().expect("bench starts"));
        eprint!("{}{}", done.stderr, done.stdout);
        eprintln!("[exit {}]", done.code);
        done
    }

    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Done {
        self.bench(&[&["run"], args].concat()).ran(self)
    }

    pub fn kubectl(&self, args: &[&str]) -> Done {
        done(&Command::new("kubectl").args(args).env("KUBECONFIG", &self.kubeconfig).output().expect("kubectl starts"))
    }

    /// An object or a list as JSON; null when it is not there.
    pub fn get(&self, args: &[&str]) -> Value {
        let mut all = vec!["get", "-o", "json"];
        all.extend(args);
        let d = self.kubectl(&all);
        if d.code == 0 { serde_json::from_str(&d.stdout).expect("kubectl writes JSON") } else { Value::Null }
    }

    /// Run directories, oldest first.
    pub fn runs(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.dir.join("results")).into_iter().flatten();
        let mut all: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).filter(|p| p.join("run.json").exists()).collect();
        all.sort_by_key(|p| json(&p.join("run.json"))["times"]["created"].as_str().unwrap_or_default().to_string());
        all
    }

    /// Takes down the stack that an earlier try of a test left in its namespace.
    pub fn clean_namespace(&self, ns: &str) {
        if self.get(&["configmap", "-n", ns, "llmd-bench-stack"]) != Value::Null {
            self.bench(&["teardown", "-p", ns, "--force", "--take-over"]).exits(0);
        }
    }

    /// Takes down what an earlier test left in the scenarios' own namespace.
    pub fn clean(&self) {
        self.clean_namespace("llmdbench");
    }
}

fn done(o: &Output) -> Done {
    Done {
        code: o.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&o.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&o.stderr).into_owned(),
    }
}

pub fn json(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Are the files of a run those that its `SHA256SUMS` tells of?
pub fn checksums_agree(run: &Path) -> bool {
    Command::new("sha256sum").args(["-c", "--quiet", "SHA256SUMS"]).current_dir(run).status().expect("sha256sum starts").success()
}

/// Lines of `events.jsonl`.
pub fn events(run: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join("events.jsonl")).expect("events.jsonl");
    text.lines().map(|l| serde_json::from_str(l).expect("every line is JSON")).collect()
}
