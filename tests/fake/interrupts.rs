//! Ctrl-C at calls of every operation: exit code 7, how to go on, and the same end as an undisturbed one.

use crate::cycle::{CYCLE, undisturbed};
use crate::lab::{Lab, Op};
use crate::normal::difference;
use crate::setting;
use crate::world::Fault;
use bench::ops;
use bench_model::exit::Exit;
use std::collections::BTreeMap;

#[test]
fn ctrl_c_ends_with_7_says_how_to_go_on_and_resume_reaches_the_same_end() {
    let course = undisturbed(setting::furnished());
    for (k, &op) in CYCLE.iter().enumerate() {
        let job = course.calls[k].iter().position(|c| c.starts_with("POST") && c.contains("/jobs"));
        let lease = course.calls[k].iter().position(|c| c.starts_with("POST") && c.contains("/leases")).expect("it takes the lease") + 1;
        let last = course.calls[k].len() - 12;
        let mut at: Vec<usize> = (lease + 1..last).step_by((last - lease) / 5).collect();
        // Around the making of the load.
        at.extend(job.into_iter().flat_map(|j| [j - 1, j + 1, j + 2]));
        let mut stopped = 0;
        for n in at {
            let lab = course.before[k].fork();
            lab.arrange(BTreeMap::from([(n, Fault::CtrlC)]));
            let what = format!("{op:?}, Ctrl-C at call {n}: {}", course.calls[k][n - 1]);
            let Some(f) = lab.failure(op) else { continue };
            stopped += 1;
            assert_eq!(f.exit, Exit::Interrupted, "{what}: {}", f.message);
            assert!(f.message.contains("interrupted by Ctrl-C"), "{what}: {}", f.message);
            let says = format!("{} {}", f.hint.clone().unwrap_or_default(), f.next.clone().unwrap_or_default());
            assert!(says.contains("bench resume") || says.contains("bench attach"), "{what}: {says}");
            {
                let w = lab.server.world();
                assert!(w.of_kind("Lease").next().is_none(), "{what}: the lease is given back");
                let record = w.get("ConfigMap", setting::STACK, "llmd-bench-stack").map(|r| r["data"]["phase"].clone());
                let loads = w.of_kind("Job").filter(|(i, _)| i.name.starts_with("llmd-bench-load")).count();
                match op {
                    Op::Run if f.message.contains("had no load yet and was withdrawn") => {
                        assert_eq!(loads, 0, "{what}");
                        let of_runs = w
                            .objects
                            .values()
                            .filter(|o| o["metadata"]["labels"]["llmd-bench/run"].is_string() && !crate::world::is_leaving(o))
                            .count();
                        assert_eq!(of_runs, 0, "{what}: the run's objects are removed");
                        assert!(says.contains("bench resume 2"), "{what}: {says}");
                    }
                    Op::Run if loads == 1 => assert!(says.contains("bench attach"), "{what}: {says}"),
                    Op::Standup(_) => assert!(record.is_none_or(|p| p == "standing-up" || p == "up"), "{what}"),
                    Op::Swap(_) => assert!(record.is_some_and(|p| p == "swapping" || p == "up"), "{what}"),
                    _ => {}
                }
            }
            lab.arrange(BTreeMap::new());
            // Refused before anything was begun there is nothing to carry on; the command is given again.
            let begun = !ops::drive::open_intents(lab.dir.path()).expect("readable").0.is_empty();
            if begun {
                let end = lab.failure_of(async |s| ops::resume::resume(s, None, None, false).await.map(drop));
                assert!(end.is_none(), "{what}: {}", end.map(|f| f.message).unwrap_or_default());
            } else {
                assert_eq!(lab.until_done(op), Ok(()), "{what}");
            }
            assert_eq!(difference(&course.states[k + 1], &lab.normal()), None, "{what}");
            let jobs = lab.server.world().jobs.len();
            assert!(jobs <= 1, "{what}: {jobs} loads");
        }
        println!("{op:?}: stopped at {stopped} calls");
        assert!(stopped >= 4, "{op:?}: stopped at {stopped} calls only");
    }
}

/// With real signals, in a process of its own: the API server falls silent after the first, so a clean stop would wait.
#[test]
fn the_second_signal_ends_bench_at_once_with_7() {
    const CHILD: &str = "FAKE_SIGNALLED";
    if std::env::var_os(CHILD).is_none() {
        let mut child = std::process::Command::new(std::env::current_exe().expect("this program"));
        child.args(["--exact", "interrupts::the_second_signal_ends_bench_at_once_with_7", "--nocapture"]).env(CHILD, "1");
        let o = child.output().expect("it starts");
        let said = String::from_utf8_lossy(&o.stderr);
        assert_eq!(o.status.code(), Some(7), "{said}");
        assert!(said.contains("error: SIGTERM again: ended at once; `bench resume` carries on"), "{said}");
        return;
    }
    let lab = Lab::new(setting::bare());
    let server = lab.server.clone();
    let end = lab.failure_of(async |s| {
        ops::stop::listen();
        let signal = || {
            let pid = std::process::id().to_string();
            assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
        };
        tokio::spawn(async move {
            while server.world().calls.len() < 60 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            signal();
            let name = ops::stop::requested().await;
            let asked = server.world().asked.clone().expect("a living process");
            server.fall_silent();
            asked.send_replace(Some(name));
            signal();
        });
        crate::lab::command(s, crate::lab::scenario(Default::default()), CYCLE[0]).await
    });
    panic!("it came to its end: {}", end.map(|f| f.message).unwrap_or_default());
}
