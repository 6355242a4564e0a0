//! Stores of runs that were damaged, are shared, or are not there; and run directories that hold more than files.

use crate::elsewhere::{content, moved};
use crate::shelf::run;
use crate::support::{Place, Ran, files_below, ran};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

const USAGE: i32 = 2;
const INVALID: i32 = 4;

/// A directory with runs, and a store in it.
struct Both {
    here: Place,
    url: String,
}

impl Both {
    fn new(days: u32) -> Self {
        let here = Place::new();
        let url = format!("file://{}", here.path("store").display());
        (1..=days).for_each(|day| drop(run(&here, day, |_| {})));
        Self { here, url }
    }

    fn push(&self, more: &[&str]) -> Ran {
        self.here.run(&[&["results", "push", &self.url, "--output=json"], more].concat())
    }

    /// Is refused, or ends with 4; what it says is on standard error.
    fn push_fails(&self, code: i32, more: &[&str]) -> Ran {
        self.here.run(&[&["results", "push", &self.url], more].concat()).exits(code)
    }

    fn pull(&self, into: &Place, more: &[&str]) -> Ran {
        into.run(&[&["results", "pull", &self.url], more].concat())
    }

    fn largest(&self) -> PathBuf {
        files_below(&self.here.path("store/blobs")).into_iter().max_by_key(|f| f.metadata().unwrap().len()).unwrap()
    }
}

/// A run's id.
fn id(day: u32) -> String {
    format!("202611{day:02}T031159Z-ramp_small-wva-c97c")
}

fn write_sums(dir: &std::path::Path, files: &str) {
    let sums = Command::new("sh").args(["-c", &format!("sha256sum {files} > SHA256SUMS")]).current_dir(dir).status().unwrap();
    assert!(sums.success());
}

#[test]
fn a_push_heals_what_the_store_lost() {
    let both = Both::new(1);
    both.push(&["last"]).exits(0);
    let blob = both.largest();
    let whole = std::fs::read(&blob).unwrap();
    let there = Place::new();
    // Gone, and cut short.
    for damage in [None, Some(&whole[..10])] {
        match damage {
            None => std::fs::remove_file(&blob).unwrap(),
            Some(bytes) => std::fs::write(&blob, bytes).unwrap(),
        }
        both.pull(&there, &["last"]).exits(INVALID).says(&["->", "bench results push"]);
        assert_eq!(moved(&both.push(&["last", "-n"]).exits(0))[0].0, 1);
        assert_eq!(moved(&both.push(&["last"]).exits(0)), [(1, whole.len() as u64, false)]);
        assert!(std::fs::read(&blob).unwrap() == whole);
    }
    // Of the same size, only its content tells.
    let mut bytes = whole.clone();
    bytes[10] ^= 1;
    std::fs::write(&blob, &bytes).unwrap();
    both.pull(&there, &["last"]).exits(INVALID).says(&["is not what its name says", "->", "--verify"]);
    assert_eq!(moved(&both.push(&["last"]).exits(0)), [(0, 0, true)]);
    assert_eq!(moved(&both.push(&["last", "--verify"]).exits(0))[0].0, 1);
    assert_eq!(moved(&both.push(&["last", "--verify"]).exits(0)), [(0, 0, true)]);
    both.pull(&there, &["last"]).exits(0);
    assert_eq!(content(&there.path("results")), content(&both.here.path("results")));
    // A manifest that is none.
    let manifest = both.here.path("store/runs").join(format!("{}.json", id(1)));
    std::fs::write(&manifest, "{").unwrap();
    both.push(&["last"]).exits(0);
    assert!(std::fs::read_to_string(&manifest).unwrap().contains("\"files\""));
}

/// No file of the store is written: each would have a new time.
#[test]
fn a_second_push_writes_nothing() {
    let both = Both::new(2);
    both.push(&["--all"]).exits(0);
    let times = || -> Vec<_> {
        let files = files_below(&both.here.path("store"));
        files.iter().map(|f| (f.clone(), std::os::unix::fs::MetadataExt::ino(&f.metadata().unwrap()))).collect()
    };
    let before = times();
    assert_eq!(moved(&both.push(&["--all"]).exits(0)), [(0, 0, true), (0, 0, true)]);
    assert_eq!(times(), before);
}

#[test]
fn a_bad_run_does_not_keep_the_others() {
    let both = Both::new(4);
    both.push(&["--all"]).exits(0);
    let manifest = |day: u32| both.here.path("store/runs").join(format!("{}.json", id(day)));
    std::fs::write(manifest(1), "{").unwrap();
    // Only the third has this file.
    let own = both.here.path("results").join(id(3)).join("run.json");
    let hash = Command::new("sha256sum").arg(&own).output().unwrap().stdout;
    let hash = String::from_utf8(hash).unwrap()[..64].to_owned();
    std::fs::remove_file(both.here.path("store/blobs/sha256").join(&hash[..2]).join(&hash)).unwrap();

    let r = both.here.run(&["results", "ls", "--at", &both.url]).exits(INVALID).says(&["warning: ", &id(1), "1 of 4 runs cannot be read"]);
    assert!([2, 3, 4].iter().all(|d| r.stdout.contains(&id(*d))), "{}", r.stdout);
    let there = Place::new();
    let r = both.pull(&there, &["--all"]).exits(INVALID);
    r.says(&["warning: ", &id(1), "warning: ", &id(3), "lacks run.json", "2 of 4 runs were not fetched"]);
    let came = |day: u32| there.path("results").join(id(day)).join("run.json").exists();
    assert_eq!([1, 2, 3, 4].map(came), [false, true, false, true]);
    // A run that is damaged here does not keep the others, either.
    let dir = both.here.path("results").join(id(2));
    write_sums(&dir, "plan.yaml");
    std::fs::write(dir.join("plan.yaml"), "changed").unwrap();
    both.push_fails(INVALID, &["--all"]).says(&["warning: ", &id(2), "is damaged", "1 of 4 runs were not sent"]);
    both.pull(&Place::new(), &[&id(3)]).exits(0);
}

#[test]
fn a_run_that_differs_is_not_replaced_unless_it_is_said() {
    let both = Both::new(1);
    both.push(&["last"]).exits(0);
    let manifest = both.here.path("store/runs").join(format!("{}.json", id(1)));
    let before = std::fs::read_to_string(&manifest).unwrap();
    let record = both.here.path("results").join(id(1)).join("run.json");
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, text.replace("\"complete\"", "\"failed\"")).unwrap();
    for more in [&["last"][..], &["last", "-n"]] {
        both.push_fails(USAGE, more).says(&["not the same"]);
    }
    assert_eq!(std::fs::read_to_string(&manifest).unwrap(), before);
    both.push(&["last", "--replace"]).exits(0);
    assert!(std::fs::read_to_string(&manifest).unwrap().contains("\"failed\""));
    // One that was not at its end when it was stored is an earlier state of this one.
    std::fs::write(&record, &text).unwrap();
    let early = std::fs::read_to_string(&manifest).unwrap().replace("\"state\": \"failed\"", "\"state\": \"interrupted\"");
    std::fs::write(&manifest, early).unwrap();
    both.push(&["last"]).exits(0);
    // A file more takes nothing away; a file less does.
    let more = record.with_file_name("notes.txt");
    std::fs::write(&more, "seen").unwrap();
    assert_eq!(moved(&both.push(&["last"]).exits(0))[0].0, 1);
    std::fs::remove_file(&more).unwrap();
    both.push_fails(USAGE, &["last"]).says(&["notes.txt: is not here"]);
}

/// What a link points to is not the run's; a pipe has no end.
#[test]
fn only_files_are_sent() {
    let both = Both::new(1);
    let dir = both.here.path("results").join(id(1));
    both.here.write("outside/secret.txt", "nobody sends this");
    std::os::unix::fs::symlink(both.here.path("outside/secret.txt"), dir.join("logs/link")).unwrap();
    std::os::unix::fs::symlink(both.here.path("outside"), dir.join("linked")).unwrap();
    assert!(Command::new("mkfifo").arg(dir.join("pipe")).status().unwrap().success());
    let mut push = both.here.command(&["results", "push", &both.url, "last", "--output=json"]);
    let mut child = push.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("it waits for a pipe");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let o = child.wait_with_output().unwrap();
    let said = String::from_utf8(o.stderr).unwrap();
    assert!(o.status.success() && ["linked", "logs/link", "pipe"].iter().all(|f| said.contains(&format!("{f} is no file"))), "{said}");
    let json: serde_json::Value = serde_json::from_slice(&o.stdout).unwrap();
    assert_eq!(json["moved"]["left_out"], serde_json::json!(["linked", "logs/link", "pipe"]));
    let sent = files_below(&both.here.path("store"));
    assert!(!sent.iter().any(|f| std::fs::read(f).unwrap() == b"nobody sends this"));
    // A pipe in the way of a pull.
    let there = Place::new();
    std::fs::create_dir_all(there.path("results").join(id(1))).unwrap();
    assert!(Command::new("mkfifo").arg(there.path("results").join(id(1)).join("plan.yaml")).status().unwrap().success());
    both.pull(&there, &["last"]).exits(USAGE).says(&["plan.yaml is no file"]);
}

#[test]
fn nothing_is_made_where_nothing_is_to_be_written() {
    let both = Both::new(1);
    let typo = both.here.path("typo");
    for args in [&["ls", "--at", &both.url][..], &["pull", &both.url, "--all"], &["pull", &both.url, "last"]] {
        let url = format!("file://{}", typo.display());
        let args: Vec<&str> = args.iter().map(|a| if *a == both.url { url.as_str() } else { a }).collect();
        both.here.run(&[&["results"], &args[..]].concat()).exits(USAGE).says(&["there is no directory", "typo"]);
    }
    assert_eq!(moved(&both.push(&["last", "-n"]).exits(0)).len(), 1);
    assert!(!typo.exists() && !both.here.path("store").exists());
    both.here.write("file", "");
    let file = format!("file://{}", both.here.path("file").display());
    both.here.run(&["results", "ls", "--at", &file]).exits(USAGE).says(&["is no directory"]);
}

fn at_once(place: &Place, n: usize, args: &[&str]) -> Vec<Ran> {
    std::thread::scope(|s| {
        let all: Vec<_> = (0..n).map(|_| s.spawn(|| ran(&mut place.command(args)))).collect();
        all.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

#[test]
fn several_at_once_in_one_directory() {
    let both = Both::new(8);
    both.push(&["--all"]).exits(0);
    let there = Place::new();
    for r in at_once(&there, 5, &["results", "pull", &both.url, "--all"]) {
        r.exits(0);
    }
    assert_eq!(content(&there.path("results")), content(&both.here.path("results")));
    let gone: usize = at_once(&there, 4, &["results", "prune", "--keep=1", "--output=json"])
        .into_iter()
        .map(|r| r.exits(0).json()[0]["pruned"]["gone"].as_array().unwrap().len())
        .sum();
    assert_eq!((gone, std::fs::read_dir(there.path("results")).unwrap().count()), (7, 1));
}

/// It was sent by something that did not look at the checksums.
#[test]
fn a_run_that_is_not_what_its_checksums_say_does_not_stay() {
    let both = Both::new(1);
    let dir = both.here.path("results").join(id(1));
    both.push(&["last"]).exits(0);
    std::fs::write(dir.join("SHA256SUMS"), format!("{}  plan.yaml\n", "0".repeat(64))).unwrap();
    let manifest = both.here.path("store/runs").join(format!("{}.json", id(1)));
    let sums = std::fs::read(dir.join("SHA256SUMS")).unwrap();
    let hash = String::from_utf8(Command::new("sha256sum").arg(dir.join("SHA256SUMS")).output().unwrap().stdout).unwrap()[..64].to_owned();
    let blob = both.here.path("store/blobs/sha256").join(&hash[..2]).join(&hash);
    std::fs::create_dir_all(blob.parent().unwrap()).unwrap();
    std::fs::write(blob, &sums).unwrap();
    let mut m: serde_json::Value = serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
    m["files"].as_array_mut().unwrap().push(serde_json::json!({"path": "SHA256SUMS", "size": sums.len(), "sha256": hash}));
    std::fs::write(&manifest, m.to_string()).unwrap();
    let there = Place::new();
    both.pull(&there, &["last"]).exits(INVALID).says(&["not what its SHA256SUMS says", "plan.yaml: differs"]);
    assert!(!there.path("results").join(id(1)).exists());
    // What was here before stays, and is no run.
    there.write(&format!("results/{}/mine.txt", id(1)), "mine");
    both.pull(&there, &["last"]).exits(INVALID);
    assert!(there.path("results").join(id(1)).join("mine.txt").exists());
    assert!(there.run(&["results", "ls"]).exits(0).stdout.contains("no run in"));
}
