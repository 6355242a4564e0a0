//! Tells how far an experiment is: the table's heading once, then a row a run as it ends; as JSON an event at each begin and end.

use crate::report::{Event, ExperimentRun, Output, Reporter};
use bench_analysis::report::experiment::lines;
use bench_model::experiment::{ExperimentRecord, RunIs};
use std::sync::atomic::{AtomicBool, Ordering};

pub struct Table {
    report: Reporter,
    /// Other steps tell things between two rows.
    parted: bool,
    headed: AtomicBool,
}

impl Table {
    /// `parted`: each row gets the heading.
    pub fn begin(report: Reporter, r: &ExperimentRecord, parted: bool) -> Self {
        report.note(format!("experiment {}", r.id));
        let over = super::runs_over(r);
        if over > 0 {
            report.note(format!("carrying on: {over} of {} runs are over", r.runs.len()));
        }
        Self { report, parted, headed: AtomicBool::new(false) }
    }

    pub fn begun(&self, r: &ExperimentRecord, k: usize) {
        let s = &r.runs[k];
        let text = format!("run {} of {}: {}, repeat {}; about {} left", k + 1, r.runs.len(), s.treatment(), s.repeat, hours(left_s(r, k)));
        self.tell(r, k, "begun", &text);
    }

    pub fn ended(&self, r: &ExperimentRecord, k: usize) {
        let (head, row) = lines(r, k);
        let headed = self.headed.swap(true, Ordering::Relaxed) && !self.parted;
        self.tell(r, k, "ended", &if headed { row } else { format!("{head}\n{row}") });
    }

    fn tell(&self, r: &ExperimentRecord, k: usize, what: &str, text: &str) {
        if self.report.output() == Output::Human {
            text.lines().for_each(|l| self.report.line(l));
            return;
        }
        let s = &r.runs[k];
        let last = s.last();
        self.report.emit(Event::ExperimentRun(Box::new(ExperimentRun {
            experiment: r.id.clone(),
            what: what.into(),
            number: k + 1,
            of: r.runs.len(),
            arm: s.arm,
            levels: s.levels.clone(),
            repeat: s.repeat,
            state: s.state,
            tries: s.attempts.len(),
            run: last.map(|a| a.run.clone()),
            verdict: last.and_then(|a| a.verdict),
            gate: last.and_then(|a| a.gate),
            why: last.and_then(|a| a.why.clone()),
            left_s: left_s(r, k),
        })));
    }
}

/// Seconds that the runs from `k` on take: as long as those of the same treatment took, or as reckoned. Changes of the stack are not
/// counted.
fn left_s(r: &ExperimentRecord, k: usize) -> f64 {
    let took = |treatment: &str| {
        let of = r.runs.iter().filter(|s| s.state == RunIs::Valid && s.treatment() == treatment);
        let all: Vec<f64> = of.filter_map(|s| s.last().and_then(|a| Some((a.ended? - a.begun).as_seconds_f64()))).collect();
        #[allow(clippy::cast_precision_loss)]
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        mean.is_finite().then_some(mean)
    };
    r.runs[k..].iter().filter(|s| !s.state.is_over()).map(|s| took(&s.treatment()).unwrap_or(s.expected_s)).sum()
}

fn hours(seconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation)]
    let minutes = (seconds / 60.0).ceil() as i64;
    if minutes >= 60 { format!("{} h {:02} min", minutes / 60, minutes % 60) } else { format!("{minutes} min") }
}
