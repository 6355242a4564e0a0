//! What sets the versions of WVA apart on the published load, and how each shows in the tables.

use super::published::published;
use bench_sim::autoscaler::wva::v05::{Optimized, v1::Target};
use bench_sim::output::{Prediction, Said};
use bench_sim::tables::{Names, tables};
use bench_sim::time::{PS_PER_S, Ps, seconds};

const SEEDS: std::ops::Range<u64> = 0..12;

fn play(arm: &str, seed: u64) -> Prediction {
    bench_sim::run(&published(arm, "pinned", seed)).unwrap()
}

/// The runs of v0.5 with their times.
fn runs(p: &Prediction) -> impl Iterator<Item = (Ps, &Optimized)> {
    p.decisions.iter().filter_map(|(t, said)| if let Said::Wva05(o) = said { Some((*t, o)) } else { None })
}

fn decisions(p: &Prediction) -> impl Iterator<Item = (&Optimized, &Target)> {
    runs(p).filter_map(|(_, o)| Some((o, o.variants[0].decision.as_ref()?)))
}

fn ended(p: &Prediction, pod: &str, before: Ps) -> bool {
    p.pods.iter().any(|l| l.name == pod && l.ended.is_some_and(|e| e <= before))
}

/// A deleted pod's peaks stay in the last minute's range: v0.4.2 takes it for a replica, v0.5 asks who owns it.
#[test]
fn only_the_older_one_counts_deleted_pods() {
    for seed in SEEDS {
        let old = play("wva", seed);
        let counted = |(t, said): &(Ps, Said)| match said {
            Said::Wva(r) => r.models.iter().flat_map(|m| &m.replicas).any(|r| ended(&old, &r.pod, *t)),
            _ => false,
        };
        assert!(old.decisions.iter().any(counted), "seed {seed}");

        let new = play("wva 0.5", seed);
        let mut left_out = 0;
        for (t, o) in runs(&new) {
            let m = &o.models[0];
            assert!(m.unmatched.iter().all(|pod| ended(&new, pod, t)), "seed {seed}: {m:?}");
            let alive = new.pods.iter().filter(|l| l.created <= t && l.ended.is_none_or(|e| e > t)).count();
            assert!(m.analysis.as_ref().is_none_or(|a| a.total <= alive), "seed {seed}: {m:?}");
            left_out += m.unmatched.len();
        }
        assert!(left_out > 0, "seed {seed}");
    }
}

/// v0.5 wants nothing new before its last number is reached and every replica reports, however saturated they are.
#[test]
fn the_newer_one_waits_for_what_it_decided() {
    for seed in SEEDS {
        let p = play("wva 0.5", seed);
        let mut held_up = 0;
        for (o, d) in decisions(&p) {
            let (v, scale_up) = (&o.variants[0], o.models[0].analysis.as_ref().is_some_and(|a| a.scale_up));
            let settled = v.desired_before == 0 || v.desired_before == d.state.current;
            assert_eq!(d.blocked, !settled || d.reporting != d.state.current, "seed {seed}: {d:?}");
            if d.blocked {
                assert_eq!(v.desired_after, if settled { d.state.current } else { v.desired_before }, "seed {seed}: {d:?}");
                held_up += u32::from(scale_up);
            } else {
                assert_eq!(v.desired_after > d.state.current, scale_up && d.state.pending == 0, "seed {seed}: {d:?}");
            }
        }
        assert!(held_up > 5, "seed {seed}: {held_up}");
        assert!(p.replicas.iter().any(|r| r.desired > 2), "seed {seed}");
    }
}

/// It polls every 30 s, whatever its ConfigMap says.
#[test]
fn the_newer_one_has_one_loop_of_its_own() {
    let mut e = published("wva 0.5", "pinned", 3);
    let first = bench_sim::run(&e).unwrap();
    let times: Vec<Ps> = runs(&first).map(|(t, _)| t).collect();
    assert!(times.len() > 150 && times.windows(2).all(|w| w[1] - w[0] == 30 * PS_PER_S));
    if let bench_sim::input::Autoscaler::Wva(a) = &mut e.autoscaler {
        a.interval = 0;
    }
    assert!(bench_sim::run(&e).unwrap() == first);
}

/// A pod that still finishes its requests is listed, and owned; the Deployment does not count it any more.
#[test]
fn a_terminating_pod_still_reports_to_the_newer_one() {
    let more = |drain: Option<Ps>| {
        let mut e = published("wva 0.5", "pinned", 1);
        e.fleet.drain = drain;
        // Replicas go while there is load.
        e.load.rates = vec![5.0, 1.0];
        let p = bench_sim::run(&e).unwrap();
        decisions(&p).filter(|(_, d)| d.reporting > d.state.current).count()
    };
    assert_eq!(more(None), 0);
    assert!(more(Some(120 * PS_PER_S)) > 0);
}

#[test]
fn tables_show_each_version_by_its_own_names() {
    let names = Names { model: "m", namespace: "n", deployment: "d", hpa: "h" };
    for (arm, gauge, other) in
        [("wva", "inferno_desired_replicas", "wva_desired_replicas"), ("wva 0.5", "wva_desired_replicas", "inferno_desired_replicas")]
    {
        let e = published(arm, "pinned", 1);
        let p = bench_sim::run(&e).unwrap();
        let t = tables(&p, &e, names);
        let series: Vec<_> = t.series.iter().filter(|s| s.name.ends_with("_desired_replicas")).collect();
        assert!(matches!(series.as_slice(), [s] if s.name == gauge && s.samples.len() == p.desired_gauge.len()), "{arm}");
        let of = |by: &'static str| t.decisions.iter().filter(move |d| d.by == by);
        assert!(of("hpa").all(|d| d.inputs.contains_key(gauge) && !d.inputs.contains_key(other)), "{arm}");
        assert!(of("wva").any(|d| (d.current, d.desired) == (Some(1), Some(2)) && d.inputs.contains_key("spare KV")), "{arm}");
        assert_eq!(of("wva").any(|d| d.inputs.contains_key("in transition")), arm == "wva 0.5");
    }
}

#[test]
fn the_last_replicas_are_those_at_the_end() {
    let names = Names { model: "m", namespace: "n", deployment: "d", hpa: "h" };
    for arm in ["static", "hpa", "wva"] {
        let e = published(arm, "pinned", 1);
        let p = bench_sim::run(&e).unwrap();
        let t = tables(&p, &e, names);
        let (last, known) = (t.replicas.last().unwrap(), p.replicas.last().unwrap());
        assert!((last.t - seconds(p.end)).abs() < 1e-9 && known.t < p.end, "{arm}");
        assert_eq!((last.desired, last.current, last.ready), (known.desired, known.current, known.ready), "{arm}");
        assert_eq!(t.replicas.len(), p.replicas.len() + 1, "{arm}");
    }
}
