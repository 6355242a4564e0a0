//! The calendar, for formats that know no other time.

use crate::summary::load_span;
use bench_model::run::{RunRecord, Source};
use bench_model::tables::Tables;
use chrono::{DateTime, SecondsFormat, Utc};

/// Turns the tables' times into times of the calendar, and into seconds since the load began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calendar {
    /// Where the load begins, as the tables count.
    zero: f64,
    /// Seconds from the tables' time to the epoch's.
    shift_s: f64,
}

impl Calendar {
    /// `start` is the moment at which the load is to begin. Without it a measured run stays where it was, and the load of a
    /// prediction, which has no calendar, is put where the prediction was made.
    pub fn new(run: &RunRecord, tables: &Tables, start: Option<DateTime<Utc>>) -> Self {
        let zero = load_span(tables).map(|(t, _)| t).or(tables.replicas.first().map(|p| p.t)).filter(|t| t.is_finite()).unwrap_or(0.0);
        let start = start.or(run.times.created.filter(|_| run.source == Source::Predicted));
        #[allow(clippy::cast_precision_loss)]
        let shift_s = start.map_or(0.0, |s| s.timestamp_millis() as f64 / 1000.0 - zero);
        Self { zero, shift_s }
    }

    /// Seconds since the Unix epoch, to the millisecond.
    pub fn epoch(&self, t: f64) -> f64 {
        ((t + self.shift_s) * 1000.0).round() / 1000.0
    }

    /// RFC 3339 with milliseconds; empty of a time that no calendar has.
    pub fn rfc3339(&self, t: f64) -> String {
        #[allow(clippy::cast_possible_truncation)]
        let ms = (self.epoch(t) * 1000.0).round() as i64;
        let known = Some(ms).filter(|_| t.is_finite()).and_then(DateTime::from_timestamp_millis);
        known.map_or_else(String::new, |d| d.to_rfc3339_opts(SecondsFormat::Millis, true))
    }

    /// Seconds since the load began, to the microsecond.
    pub fn relative(&self, t: f64) -> f64 {
        ((t - self.zero) * 1e6).round() / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validity::testing::{load, rate, run};

    #[test]
    fn a_measured_run_stays_where_it_was_and_a_prediction_is_put_where_it_was_made() {
        let t = load(&[rate(0, 2.0, 1_795_489_956.5, 10.0)]);
        let mut r = run();
        assert_eq!(Calendar::new(&r, &t, None).rfc3339(1_795_489_957.0), "2026-11-24T03:12:37.000Z");
        let t = load(&[rate(0, 2.0, 80.25, 10.0)]);
        (r.source, r.times.created) = (Source::Predicted, DateTime::from_timestamp(1_795_489_956, 0));
        let c = Calendar::new(&r, &t, None);
        assert_eq!((c.epoch(80.25), c.epoch(0.0), c.relative(81.25)), (1_795_489_956.0, 1_795_489_875.75, 1.0));
        assert_eq!(Calendar::new(&r, &t, DateTime::from_timestamp(0, 0)).epoch(81.25), 1.0);
        assert_eq!(c.rfc3339(f64::NAN), "");
        assert_eq!(c.rfc3339(1e300), "");
    }
}
