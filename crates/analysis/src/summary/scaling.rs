use super::load_span;
use bench_model::run::{RunRecord, Source};
use bench_model::summary::ScalingSummary;
use bench_model::tables::{ReplicaPoint, Tables};

/// First and last moment at which replicas are known: from the first record to the end of the recording, or, where that
/// was not written down, to the last thing that is known at all. `None` without a record of replicas.
pub fn recording(run: &RunRecord, tables: &Tables) -> Option<(f64, f64)> {
    // A prediction counts from 0 and has no calendar.
    if run.source == Source::Predicted {
        return predicted_recording(tables);
    }
    let (first, last) = (tables.replicas.first()?.t, tables.replicas.last()?.t);
    #[allow(clippy::cast_precision_loss)]
    let end = match run.times.recording_ended {
        Some(t) => t.timestamp_millis() as f64 / 1000.0,
        None => load_span(tables).map_or(last, |(_, end)| end),
    };
    Some((first, end.max(last)))
}

/// The same of a prediction: to the last moment that anything tells of. Its replicas may stand still for long before that,
/// and such seconds count.
pub fn predicted_recording(tables: &Tables) -> Option<(f64, f64)> {
    let (first, last) = (tables.replicas.first()?.t, tables.replicas.last()?.t);
    let scraped = tables.series.iter().filter_map(|s| s.samples.last()).map(|(t, _)| *t);
    let others = scraped.chain(tables.decisions.last().map(|d| d.t)).chain(load_span(tables).map(|(_, end)| end));
    Some((first, others.fold(last, f64::max)))
}

/// Replicas over the whole recording. A point holds until the next one. Scale-ups and scale-downs, and the first
/// scale-up, are counted from the start of the load: what the reset before it did is not the autoscaler's work.
pub fn scaling(run: &RunRecord, tables: &Tables) -> ScalingSummary {
    let Some((begin, end)) = recording(run, tables) else { return ScalingSummary::default() };
    let points = &tables.replicas;
    let load = load_span(tables);
    let load_start = load.map_or(begin, |(start, _)| start);
    let mut s = ScalingSummary {
        start_replicas: points.iter().rfind(|p| p.t <= load_start).or(points.first()).map(|p| p.desired),
        max_desired: points.iter().map(|p| p.desired).max(),
        max_ready: points.iter().map(|p| p.ready).max(),
        end_replicas: points.last().map(|p| p.desired),
        ready_replica_s: integral(points, end, |p| p.ready),
        desired_replica_s: integral(points, end, |p| p.desired),
        ..ScalingSummary::default()
    };
    for pair in points.windows(2).filter(|w| w[1].t >= load_start) {
        if pair[1].desired > pair[0].desired {
            s.scale_ups += 1;
            // Without a load there is nothing that it would be after.
            if load.is_some() {
                s.first_scale_up_s.get_or_insert(pair[1].t - load_start);
            }
        } else if pair[1].desired < pair[0].desired {
            s.scale_downs += 1;
        }
    }
    s
}

/// Replica-seconds of a step function that ends at `end`.
fn integral(points: &[ReplicaPoint], end: f64, value: fn(&ReplicaPoint) -> u32) -> f64 {
    let until = points.iter().skip(1).map(|p| p.t).chain([end]);
    points.iter().zip(until).map(|(p, t)| f64::from(value(p)) * (t - p.t).max(0.0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validity::testing::{load, point, rate, run};
    use chrono::DateTime;

    fn tables() -> Tables {
        let mut t = load(&[rate(0, 1.0, 100.0, 100.0)]);
        t.replicas = vec![
            point(50.0, 2, 2),
            point(60.0, 1, 2),
            point(65.0, 1, 1),
            point(130.0, 2, 1),
            point(150.0, 2, 2),
            point(160.0, 3, 2),
            point(220.0, 1, 1),
        ];
        t
    }

    #[test]
    fn raises_count_from_the_load_integrals_over_the_recording() {
        let mut r = run();
        r.times.recording_ended = DateTime::from_timestamp(300, 0);
        let s = scaling(&r, &tables());
        assert_eq!((s.start_replicas, s.max_desired, s.max_ready, s.end_replicas), (Some(1), Some(3), Some(2), Some(1)));
        assert_eq!((s.first_scale_up_s, s.scale_ups, s.scale_downs), (Some(30.0), 2, 1));
        // 2·10 + 1·70 + 2·30 + 3·60 + 1·80
        assert_eq!(s.desired_replica_s, 410.0);
        // 2·15 + 1·85 + 2·70 + 1·80
        assert_eq!(s.ready_replica_s, 335.0);
        assert_eq!(recording(&r, &tables()), Some((50.0, 300.0)));
    }

    #[test]
    fn without_an_end_the_recording_ends_with_what_is_known() {
        assert_eq!(recording(&run(), &tables()), Some((50.0, 220.0)));
        let mut t = tables();
        t.replicas.truncate(2);
        assert_eq!(recording(&run(), &t), Some((50.0, 200.0)));
        assert_eq!(scaling(&run(), &Tables::default()), ScalingSummary::default());
    }

    #[test]
    fn a_prediction_does_not_look_at_the_calendar() {
        let mut r = run();
        r.source = Source::Predicted;
        r.times.recording_ended = DateTime::from_timestamp(1_795_466_309, 0);
        assert_eq!(recording(&r, &tables()), Some((50.0, 220.0)));
    }

    #[test]
    fn a_prediction_lasts_as_long_as_anything_tells_of() {
        let mut t = tables();
        t.series[0].samples.push((400.0, 1.0));
        let mut r = run();
        assert_eq!(recording(&r, &t), Some((50.0, 220.0)));
        r.source = Source::Predicted;
        assert_eq!(recording(&r, &t), Some((50.0, 400.0)));
        // One replica stood for 100 s more than in the measured run above.
        assert_eq!(scaling(&r, &t).desired_replica_s, 510.0);
    }
}
