//! Prometheus: each target scraped in a phase of its own, the last sample for instant queries, a minute of them for ranges.

use super::{Class, World};
use crate::autoscaler::wva::window::RangeFlavour;
use crate::engine::Gauges;
use crate::input::Source;
use crate::output::Scrape;
use crate::rng::Stream;
use crate::time::{PS_PER_S, Ps};
use std::collections::VecDeque;

/// WVA's range.
const RANGE: Ps = 60 * PS_PER_S;

#[derive(Debug, Default)]
struct Target {
    /// Samples of the last minute.
    recent: VecDeque<Scrape>,
    /// The last scrape found the target there.
    fresh: bool,
}

#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// By number of the pod.
    targets: Vec<Target>,
    /// WVA's gauge as scraped.
    pub desired: Option<f64>,
}

impl Metrics {
    fn target(&mut self, pod: u32) -> &mut Target {
        let i = pod as usize;
        if self.targets.len() <= i {
            self.targets.resize_with(i + 1, Target::default);
        }
        &mut self.targets[i]
    }

    /// Instant query: the last sample of every target that is still there, in milli-units as the adapter passes them on.
    pub fn instant(&self, source: Source) -> impl Iterator<Item = i64> {
        self.targets.iter().filter(|t| t.fresh).filter_map(|t| t.recent.back()).map(move |s| match source {
            Source::Waiting => i64::from(s.gauges.waiting) * 1000,
            Source::Running => i64::from(s.gauges.running) * 1000,
            // The adapter cuts off what is below a thousandth.
            #[allow(clippy::cast_possible_truncation)]
            Source::KvUsage => (s.kv * 1000.0) as i64,
        })
    }

    /// Range query: peak KV usage and peak waiting of the last minute per pod; also of pods that have gone since.
    pub fn peaks(&self, now: Ps, closed: bool) -> impl Iterator<Item = (usize, f64, u32)> {
        let flavour = if closed { RangeFlavour::Closed } else { RangeFlavour::LeftOpen };
        self.targets.iter().enumerate().filter_map(move |(pod, t)| {
            let inside = t.recent.iter().filter(|s| flavour.contains(s.t, now, RANGE));
            inside.map(|s| (pod, s.kv, s.gauges.waiting)).reduce(|a, b| (pod, a.1.max(b.1), a.2.max(b.2)))
        })
    }

    pub fn any(&self) -> bool {
        self.targets.iter().any(|t| t.fresh)
    }
}

impl World<'_> {
    /// The phase of a target is fixed by its name.
    pub(super) fn first_scrape(&mut self, pod: u32, answers: Ps) {
        let interval = self.e.monitoring.scrape_interval;
        let phase = phase(self.e.seed, "scrape", pod.into(), interval);
        // First of its ticks at which it answers.
        let ticks = (answers - phase + interval - 1).div_euclid(interval);
        self.at(phase + ticks * interval, Class::Scrape, pod);
    }

    pub(super) fn scrape(&mut self, pod: u32) {
        let p = &self.fleet.pods[pod as usize];
        // Deleted: discovery drops the target, and its series end.
        if p.life.deleted.is_some() || p.gone {
            self.metrics.target(pod).fresh = false;
            return;
        }
        // It answers before it is ready.
        let gauges = p.engine.as_ref().map_or_else(Gauges::default, |e| e.observe(self.now));
        let blocks = p.engine.as_ref().map_or(1, |e| e.kv_blocks());
        #[allow(clippy::cast_precision_loss)]
        let kv = gauges.kv_blocks_used as f64 / blocks as f64;
        let sample = Scrape { t: self.now, pod, kv, gauges };
        let now = self.now;
        let target = self.metrics.target(pod);
        target.fresh = true;
        target.recent.push_back(sample);
        while target.recent.front().is_some_and(|s| s.t < now - RANGE) {
            target.recent.pop_front();
        }
        self.out.scrapes.push(sample);
        self.at(now + self.e.monitoring.scrape_interval, Class::Scrape, pod);
    }
}

/// A moment in (0, interval], its own for each name and number.
pub(super) fn phase(seed: u64, name: &str, number: u64, interval: Ps) -> Ps {
    let unit = Stream::new(seed, name, number).unit();
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    let at = (unit * interval as f64) as Ps;
    at.clamp(1, interval.max(1))
}
