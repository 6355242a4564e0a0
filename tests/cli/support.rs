//! Runs `bench` in a directory and an environment of its own.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Fails the test with all that was said unless the exit code is this.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless every piece stands in standard error, in this order.
    #[track_caller]
    pub fn says(self, pieces: &[&str]) -> Self {
        let mut rest = self.stderr.as_str();
        for p in pieces {
            let Some(at) = rest.find(p) else { panic!("{p:?} is not said, or not in this order:\n{}", self.stderr) };
            rest = &rest[at + p.len()..];
        }
        self
    }

    /// Standard output as JSON, one value a line.
    #[track_caller]
    pub fn json(&self) -> Vec<Value> {
        let read = |l: &str| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e} in line {l:?}"));
        self.stdout.lines().map(read).collect()
    }
}

/// A directory to run in; nothing of the machine's own settings is seen from there.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.path(file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// A kubeconfig whose server is a port that nothing listens on.
    pub fn dead_cluster(&self) -> String {
        let text = "apiVersion: v1\nkind: Config\ncurrent-context: dead\n\
             clusters: [{name: dead, cluster: {server: 'https://127.0.0.1:1'}}]\n\
             users: [{name: dead, user: {}}]\n\
             contexts: [{name: dead, context: {cluster: dead, user: dead}}]\n";
        self.write("kubeconfig", text).display().to_string()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut c = Command::new(env!("CARGO_BIN_EXE_bench"));
        c.args(args).env_clear().env("HOME", self.0.path()).env("COLUMNS", "80").current_dir(self.0.path());
        if let Some(path) = std::env::var_os("PATH") {
            c.env("PATH", path);
        }
        c
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        ran(&mut self.command(args))
    }
}

pub fn ran(command: &mut Command) -> Ran {
    let o = command.output().expect("bench starts");
    let text = |b: Vec<u8>| String::from_utf8(b).expect("UTF-8");
    Ran { code: o.status.code().expect("ended by itself"), stdout: text(o.stdout), stderr: text(o.stderr) }
}

/// `bench` in an empty directory.
pub fn bench(args: &[&str]) -> Ran {
    Place::new().run(args)
}

/// A file of this repository.
pub fn repo(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// All files below a directory.
pub fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut out = vec![];
    let mut open = vec![dir.to_path_buf()];
    while let Some(d) = open.pop() {
        for entry in std::fs::read_dir(&d).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { open.push(path) } else { out.push(path) }
        }
    }
    out.sort();
    out
}
