//! What a shell is told when it asks which words fit: names of files, of runs and of experiments, as they are at that moment.

use super::Global;
use crate::config::{Known, coefficients, experiment, profile, scenario};
use crate::ops;
use bench_model::experiment::State;
use bench_model::run::RunState;
use clap::CommandFactory;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter};
use clap_complete::env::{CompleteEnv, Shells};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Set by the scripts of `bench completions`, to the shell's name; a question is asked with it.
const ASKED_BY: &str = "BENCH_COMPLETE";

/// Answers a shell that asks, and ends the process; else does nothing.
pub fn answer() {
    CompleteEnv::with_factory(super::Cli::command).var(ASKED_BY).complete();
}

/// The script that makes a shell ask.
pub fn script(shell: &str) -> std::io::Result<String> {
    let all = Shells::builtins();
    let shell = all.completer(shell).ok_or_else(|| std::io::Error::other(format!("unknown shell {shell}")))?;
    let mut text = vec![];
    shell.write_registration(ASKED_BY, "bench", "bench", &program(), &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// As it was called: a name is found by the PATH of whoever asks, a path must mean the same in every directory.
fn program() -> String {
    let called = PathBuf::from(std::env::args_os().next().unwrap_or_else(|| "bench".into()));
    let path = if called.components().count() > 1 { std::path::absolute(&called).unwrap_or(called) } else { called };
    path.to_string_lossy().into_owned()
}

pub fn scenarios() -> ArgValueCompleter {
    names(|g| scenario::known(&g.lookup()))
}

pub fn profiles() -> ArgValueCompleter {
    names(|g| profile::known(&g.lookup()))
}

pub fn coefficient_files() -> ArgValueCompleter {
    names(|g| coefficients::known(&g.lookup()))
}

pub fn experiments() -> ArgValueCompleter {
    names(|g| experiment::known(&g.lookup()))
}

/// A gate's file, or another one that is only ever given by its path.
pub fn yaml_files() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| files(current, &YAML))
}

/// `last`, then ids, the newest first.
pub fn runs() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| run_ids(current, |_| true, true))
}

/// The same, and files of `bench gate --write-baseline`.
pub fn baselines() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| joined(run_ids(current, |_| true, true), files(current, &["json"])))
}

/// Runs that are not at their end.
pub fn open_runs() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| run_ids(current, is_open, false))
}

/// And experiments.
pub fn open_runs_and_experiments() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let (all, _) = ops::experiment::state::all(&asked().results).unwrap_or_default();
        let open = all.into_iter().rev().filter(|k| k.record.state == State::Running).map(|k| (k.record.id, "experiment".to_owned()));
        joined(run_ids(current, is_open, false), fitting(current, open))
    })
}

const YAML: [&str; 3] = ["yaml", "yml", "in"];

fn is_open(state: RunState) -> bool {
    !matches!(state, RunState::Complete | RunState::Failed)
}

fn joined(mut all: Vec<CompletionCandidate>, more: Vec<CompletionCandidate>) -> Vec<CompletionCandidate> {
    all.extend(more);
    all
}

fn names(known: fn(&Global) -> Vec<Known>) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| {
        let named = fitting(current, known(&asked()).into_iter().map(|k| (k.name, k.source)));
        let mut files = files(current, &YAML);
        // A directory whose name begins alike would keep a name from being completed at once.
        files.retain(|c| named.is_empty() || !is_directory(c));
        joined(named, files)
    })
}

fn run_ids(current: &OsStr, wanted: fn(RunState) -> bool, last: bool) -> Vec<CompletionCandidate> {
    let (mut all, _) = ops::results::all(&asked().results).unwrap_or_default();
    all.retain(|(_, r)| wanted(r.state));
    let word = |s: RunState| serde_json::to_value(s).ok().and_then(|v| v.as_str().map(String::from)).unwrap_or_default();
    let last = all.last().filter(|_| last).map(|(_, r)| ("last".to_owned(), r.id.clone()));
    let ids = all.iter().rev().map(|(_, r)| (r.id.clone(), format!("{}, {}", r.arm, word(r.state))));
    fitting(current, last.into_iter().chain(ids))
}

/// Those that begin with what is there already; the second of each pair is a word about it, which some shells show.
fn fitting(current: &OsStr, all: impl Iterator<Item = (String, String)>) -> Vec<CompletionCandidate> {
    let begun = current.to_string_lossy();
    all.filter(|(name, _)| name.starts_with(&*begun)).map(|(name, help)| CompletionCandidate::new(name).help(Some(help.into()))).collect()
}

/// Files of these endings. Directories lead to more of them, and are offered once a path is begun: before, they would bury the names.
fn files(current: &OsStr, endings: &'static [&str]) -> Vec<CompletionCandidate> {
    let fits = move |p: &Path| p.is_file() && p.extension().is_some_and(|e| endings.iter().any(|x| e == *x));
    let mut found = PathCompleter::any().filter(fits).complete(current);
    found.retain(|c| !current.is_empty() || !is_directory(c));
    found
}

fn is_directory(c: &CompletionCandidate) -> bool {
    c.get_value().to_string_lossy().ends_with('/')
}

/// Where names are looked for, by the words that are there already and by the environment. They need not be a command line yet, so
/// they are not parsed as one.
fn asked() -> Global {
    let words: Vec<OsString> = std::env::args_os().skip_while(|a| a != "--").collect();
    let directory = |flag: &str, variable: &str| {
        let with = format!("{flag}=");
        let mut given = words.iter().enumerate().filter_map(|(n, w)| match w.to_string_lossy().strip_prefix(&with) {
            Some(value) => Some(OsString::from(value)),
            None if w == flag => words.get(n + 1).cloned(),
            None => None,
        });
        given.next_back().or_else(|| std::env::var_os(variable)).filter(|d| !d.is_empty()).map(PathBuf::from)
    };
    Global {
        output: crate::report::Output::Human,
        results: directory("--results", "BENCH_RESULTS").unwrap_or_else(|| "results".into()),
        config_dir: directory("--config-dir", "BENCH_CONFIG_DIR"),
        kubeconfig: None,
        context: None,
    }
}
