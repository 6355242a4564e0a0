//! Two bench on one namespace: the lease that one renews, that one left, and that one takes away.

use crate::cycle::{CYCLE, undisturbed};
use crate::lab::{Lab, Op};
use crate::normal::difference;
use crate::setting;
use crate::world::{Fault, THIEF, World};
use bench_model::exit::Exit;
use std::collections::BTreeMap;
use std::time::Duration;

/// A stack that is up, and a lease of another bench in its namespace.
fn held(world: World) -> Lab {
    let lab = Lab::new(world);
    assert_eq!(lab.until_done(CYCLE[0]), Ok(()));
    lab.arrange(BTreeMap::new());
    lab.server.world().held_by(THIEF, 0);
    lab
}

#[test]
fn a_lease_that_is_renewed_keeps_the_second_out_and_names_the_first() {
    let lab = held(setting::bare());
    let before = lab.normal();
    for op in [CYCLE[0], Op::Run, CYCLE[2], Op::Teardown] {
        let server = lab.server.clone();
        let end = lab.failure_of(async |s| {
            let other = tokio::spawn(async move {
                for moment in 1.. {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    server.world().held_by(THIEF, moment);
                }
            });
            let end = crate::lab::command(s, crate::lab::scenario(Default::default()), op).await;
            other.abort();
            end
        });
        let f = end.unwrap_or_else(|| panic!("{op:?}: two at a time"));
        assert_eq!(f.exit, Exit::Cluster, "{op:?}: {}", f.message);
        assert!(f.message.contains(&format!("another bench is at work in namespace lab: {THIEF}")), "{op:?}: {}", f.message);
        assert!(f.hint.is_some_and(|h| h.contains("taken over by itself")));
    }
    assert_eq!(lab.server.world().writes, [""; 0], "nothing was written beside it");
    assert_eq!(difference(&before, &lab.normal()), None);
}

#[test]
fn a_lease_that_stands_still_is_taken_over_and_that_is_told() {
    let lab = held(setting::bare());
    let begun = lab.server.world().now();
    assert!(lab.failure(CYCLE[2]).is_none());
    let passed = lab.server.world().now() - begun;
    assert!(passed >= 15.0, "its whole duration was waited for: {passed} s");
    let told = lab.warnings();
    assert!(told.iter().any(|w| w.contains(&format!("is taken over from {THIEF}: it was not renewed for 15 s"))), "{told:?}");
    assert!(lab.server.world().of_kind("Lease").next().is_none(), "and is given back");
}

/// Whoever sees at its renewal that the lease is somebody else's writes nothing any more, neither forwards nor back.
#[test]
fn whoever_loses_the_lease_ends_with_7_and_writes_nothing_after() {
    let course = undisturbed(setting::furnished());
    let mut lost = BTreeMap::new();
    for (k, &op) in CYCLE.iter().enumerate() {
        let calls = course.calls[k].len();
        for n in (2..calls).step_by(calls / 6) {
            let lab = course.before[k].fork();
            lab.arrange(BTreeMap::from([(n, Fault::Robbed)]));
            lab.server.world().watched = Some(lab.dir.path().into());
            let end = lab.failure(op);
            // Before the lease was had there is none to lose; what ends before its next renewal was not disturbed.
            let Some(f) = end.filter(|f| f.exit != Exit::Cluster) else { continue };
            assert_eq!(f.exit, Exit::Interrupted, "{op:?}, call {n}: {}", f.message);
            assert!(f.message.contains(&format!("was taken over by {THIEF}")), "{op:?}, call {n}: {}", f.message);
            let mut w = lab.server.world();
            w.watched = None;
            let seen =
                (n..w.calls.len()).find(|c| w.calls[*c].starts_with("PATCH") && w.calls[*c].contains("/leases/")).expect("it renews");
            let after = &w.writes[w.moments[seen].0..];
            assert_eq!(after, [""; 0], "{op:?}, call {n}: written after the lease was seen to be lost");
            let lease = w.of_kind("Lease").next().map(|(_, l)| l["spec"]["holderIdentity"].clone());
            assert_eq!(lease, Some(THIEF.into()), "{op:?}, call {n}: it is the other's");
            drop(w);
            *lost.entry(k).or_insert(0) += 1;
            // The other one dies as well: what is left is carried on.
            lab.arrange(BTreeMap::new());
            assert_eq!(lab.until_done(op), Ok(()), "{op:?}, call {n}");
            assert_eq!(difference(&course.states[k + 1], &lab.normal()), None, "{op:?}, call {n}");
        }
    }
    println!("lost: {lost:?}");
    assert!(lost.contains_key(&0) && lost.contains_key(&1), "in the middle of a standup and of a run: {lost:?}");
}
