//! What a running command tells: one event type, rendered for people or as JSON lines. No logic.

use bench_model::experiment::RunIs;
use bench_model::gate::GateVerdict;
use bench_model::plan::Arm;
use bench_model::summary::Verdict;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One thing worth telling, in the order in which it happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A step began.
    StepBegun {
        step: String,
        detail: String,
    },
    /// A step ended well.
    StepDone {
        step: String,
        outcome: String,
        seconds: f64,
    },
    StepSkipped {
        step: String,
        why: String,
    },
    StepFailed {
        step: String,
        error: String,
        seconds: f64,
    },
    /// Worth knowing.
    Note {
        text: String,
    },
    /// Worth acting on; says which option helps.
    Warning {
        text: String,
    },
    /// The load as it runs.
    Load(LoadProgress),
    /// How far a long computation is.
    Progress {
        what: String,
        done: usize,
        of: usize,
    },
    /// A run of an experiment began or ended.
    ExperimentRun(Box<ExperimentRun>),
    /// A verdict of preflight.
    Check {
        name: String,
        ok: bool,
        detail: String,
        remedy: Option<String>,
        /// Rights that were asked for; only the verdicts about rights have them.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        rights: Vec<crate::ops::rights::Answer>,
        /// More than fits beside the name, a line each.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        lines: Vec<String>,
    },
}

/// Live figures; what is not known yet is absent.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LoadProgress {
    pub phase: String,
    pub rate: Option<f64>,
    pub rate_index: usize,
    pub rates: usize,
    pub left_s: Option<f64>,
    pub successful: Option<u64>,
    pub errored: Option<u64>,
    pub replicas: Option<u32>,
    pub ready: Option<u32>,
    pub desired: Option<u32>,
    pub waiting: Option<f64>,
    /// Mean KV usage over pods, 0..1.
    pub kv: Option<f64>,
}

/// Where an experiment is.
#[derive(Debug, Clone, Serialize)]
pub struct ExperimentRun {
    /// Id of the experiment.
    pub experiment: String,
    /// `begun` or `ended`.
    pub what: String,
    /// From 1.
    pub number: usize,
    pub of: usize,
    pub arm: Arm,
    pub levels: Vec<(String, String)>,
    pub repeat: u32,
    pub state: RunIs,
    pub tries: usize,
    /// Id of the last try.
    pub run: Option<String>,
    pub verdict: Option<Verdict>,
    pub gate: Option<GateVerdict>,
    pub why: Option<String>,
    /// Seconds that the runs still take, without changes of the stack.
    pub left_s: f64,
}

/// How to render.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    Human,
    /// One JSON object a line on standard output.
    Json,
}

struct Inner {
    output: Output,
    bars: Option<MultiProgress>,
    current: Option<(ProgressBar, Instant)>,
    last_plain: Option<Instant>,
    silent: bool,
    told: Option<Vec<Event>>,
}

/// The reporter; cheap to clone, safe to share.
#[derive(Clone)]
pub struct Reporter(Arc<Mutex<Inner>>);

impl Reporter {
    /// Bars on a terminal, plain lines elsewhere, JSON lines when asked.
    pub fn new(output: Output) -> Self {
        let terminal = std::io::stderr().is_terminal() && output == Output::Human;
        Self(Arc::new(Mutex::new(Inner {
            output,
            bars: terminal.then(MultiProgress::new),
            current: None,
            last_plain: None,
            silent: false,
            told: None,
        })))
    }

    /// Tells nobody: for whoever does a thing a thousand times.
    pub fn silent() -> Self {
        let inner = Inner { output: Output::Human, bars: None, current: None, last_plain: None, silent: true, told: None };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Tells nobody, and keeps it for [`Self::told`].
    pub fn keeping() -> Self {
        let report = Self::silent();
        if let Ok(mut inner) = report.0.lock() {
            inner.told = Some(vec![]);
        }
        report
    }

    /// What it has kept, in order.
    pub fn told(&self) -> Vec<Event> {
        self.0.lock().ok().and_then(|i| i.told.clone()).unwrap_or_default()
    }

    pub fn output(&self) -> Output {
        self.0.lock().map_or(Output::Human, |i| i.output)
    }

    pub fn note(&self, text: impl Into<String>) {
        self.emit(Event::Note { text: text.into() });
    }

    pub fn warn(&self, text: impl Into<String>) {
        self.emit(Event::Warning { text: text.into() });
    }

    /// Counts pieces of work, and tells how far it is once a second, from the second second on.
    pub fn progress(&self, what: &str, of: usize) -> Progress {
        Progress {
            report: self.clone(),
            what: what.into(),
            of,
            done: AtomicUsize::new(0),
            begun: Instant::now(),
            told_s: AtomicU64::new(1),
        }
    }

    /// A line of a table, for people only.
    pub fn line(&self, text: &str) {
        let Ok(mut inner) = self.0.lock() else { return };
        if inner.output == Output::Human && !inner.silent {
            inner.clear();
            inner.line(text);
        }
    }

    /// Tells it. A terminal that is gone is no reason to stop a run, so write errors are dropped.
    #[expect(clippy::needless_pass_by_value, reason = "events are made to be told once")]
    pub fn emit(&self, event: Event) {
        let Ok(mut inner) = self.0.lock() else { return };
        if let Some(told) = &mut inner.told {
            told.push(event.clone());
        }
        if inner.output == Output::Json {
            if let Ok(line) = serde_json::to_string(&event) {
                let mut out = std::io::stdout().lock();
                let _ = writeln!(out, "{line}");
                let _ = out.flush();
            }
            return;
        }
        if !inner.silent {
            inner.human(&event);
        }
    }
}

/// See [`Reporter::progress`].
pub struct Progress {
    report: Reporter,
    what: String,
    of: usize,
    done: AtomicUsize,
    begun: Instant,
    /// Whole seconds after the beginning at which it was told last.
    told_s: AtomicU64,
}

impl Progress {
    /// A piece of work is done; from any thread.
    pub fn one_more(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let now_s = self.begun.elapsed().as_secs();
        if self.told_s.fetch_max(now_s, Ordering::Relaxed) < now_s {
            self.report.emit(Event::Progress { what: self.what.clone(), done, of: self.of });
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Ok(mut inner) = self.report.0.lock() {
            inner.clear();
        }
    }
}

impl Inner {
    fn line(&self, text: &str) {
        let text = &crate::screen::clean(text);
        match &self.bars {
            Some(b) => {
                let _ = b.println(text);
            }
            None => {
                let _ = writeln!(std::io::stderr().lock(), "{text}");
            }
        }
    }

    fn spinner(&mut self, text: &str) {
        let text = crate::screen::clean(&text.replace('\n', " "));
        let Some(bars) = &self.bars else { return };
        let bar = match &self.current {
            Some((bar, _)) => bar.clone(),
            None => {
                let bar = bars.add(ProgressBar::new_spinner());
                if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_msg}") {
                    bar.set_style(style);
                }
                bar.enable_steady_tick(Duration::from_millis(120));
                self.current = Some((bar.clone(), Instant::now()));
                bar
            }
        };
        bar.set_message(text);
    }

    fn clear(&mut self) {
        if let Some((bar, _)) = self.current.take() {
            bar.finish_and_clear();
        }
    }

    /// What changes all the time: on a terminal always, elsewhere now and then.
    fn live(&mut self, text: &str) {
        if self.bars.is_some() {
            self.spinner(text);
        } else if self.last_plain.is_none_or(|t| t.elapsed() >= Duration::from_secs(15)) {
            self.last_plain = Some(Instant::now());
            self.line(&format!("  .. {text}"));
        }
    }

    fn human(&mut self, event: &Event) {
        match event {
            Event::StepBegun { step, detail } => {
                self.clear();
                if self.bars.is_some() {
                    self.spinner(&format!("{step}  {detail}"));
                }
            }
            Event::StepDone { step, outcome, seconds } => {
                self.clear();
                self.line(&format!("  ok {step:<18} {outcome}  ({seconds:.1} s)"));
            }
            Event::StepSkipped { step, why } => self.line(&format!("   - {step:<18} skipped: {why}")),
            Event::StepFailed { step, error, seconds } => {
                self.clear();
                self.line(&format!("FAIL {step:<18} {error}  ({seconds:.1} s)"));
            }
            Event::Note { text } => self.line(&format!("     {text}")),
            Event::Warning { text } => self.line(&format!("warning: {text}")),
            Event::Check { name, ok, detail, remedy, lines, .. } => {
                self.line(&format!("{} {name:<30} {detail}", if *ok { "  ok" } else { "FAIL" }));
                for l in lines {
                    self.line(&format!("     {:<30}  | {l}", ""));
                }
                if let Some(r) = remedy.as_ref().filter(|_| !ok) {
                    self.line(&format!("     {:<30} -> {r}", ""));
                }
            }
            // People see the table's row.
            Event::ExperimentRun(_) => {}
            Event::Load(p) => self.live(&p.to_string()),
            Event::Progress { what, done, of } => self.live(&format!("{what} {done} of {of}")),
        }
    }
}

impl std::fmt::Display for LoadProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.phase)?;
        if let Some(r) = self.rate {
            write!(f, " {r} req/s ({}/{})", self.rate_index + 1, self.rates)?;
        }
        if let Some(s) = self.left_s {
            write!(f, ", {:.0} s left", s.max(0.0))?;
        }
        if let (Some(ok), Some(bad)) = (self.successful, self.errored) {
            write!(f, " | {ok} ok, {bad} failed")?;
        }
        if let (Some(ready), Some(n)) = (self.ready, self.replicas) {
            write!(f, " | replicas {ready}/{n} ready")?;
        }
        if let Some(d) = self.desired {
            write!(f, ", {d} wanted")?;
        }
        if let Some(w) = self.waiting {
            write!(f, " | {w:.0} waiting")?;
        }
        if let Some(kv) = self.kv {
            write!(f, ", KV {:.0} %", kv * 100.0)?;
        }
        Ok(())
    }
}
