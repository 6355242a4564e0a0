//! What has to be done to a stack before a run: nothing, a swap, or another stack. The plan's hashes tell.

use bench_model::experiment::Renew;
use bench_model::plan::{Hashes, Plan};

/// What stands between two runs, or between the cluster and the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// The stack is as the run needs it.
    Nothing,
    /// Another arm, or the same one with other settings.
    Swap,
    /// There is no stack.
    Standup,
    /// The stack's own part differs: it is removed and stood up anew.
    Rebuild,
}

impl Change {
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Swap => "swap",
            Self::Standup => "standup",
            Self::Rebuild => "teardown, standup",
        }
    }
}

/// `now` is the stack that is there; only another run follows a change of the load's part.
pub fn needed(now: Option<&Plan>, wanted: &Plan, renew: Renew) -> Change {
    let Some(now) = now else { return Change::Standup };
    // Hashes as this version makes them, whichever version stood it up.
    let (h, w) = (Hashes::of(&now.scenario, None, now.arm), Hashes::of(&wanted.scenario, None, wanted.arm));
    // The gateway has a slot for each replica, which is not the arm's to change.
    let slots = |p: &Plan| crate::config::manifests::max_servers(p);
    if renew == Renew::EachRun || h.stack != w.stack || slots(now) != slots(wanted) {
        Change::Rebuild
    } else if h.arm != w.arm {
        Change::Swap
    } else {
        Change::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Lookup;
    use crate::ops::plan::{Intent, resolve};
    use bench_model::plan::Arm;

    fn plan(arm: Arm, change: impl FnOnce(&mut Plan)) -> Plan {
        let lookup = Lookup { config_dir: None, current_dir: "/nowhere".into() };
        let mut p = resolve(&lookup, &Intent { arm: Some(arm), ..Intent::default() }, None).unwrap().0;
        change(&mut p);
        p
    }

    #[test]
    fn the_part_of_the_plan_that_differs_decides() {
        let wanted = plan(Arm::Hpa, |_| {});
        let when_changed = |now: &Plan| needed(Some(now), &wanted, Renew::WhenChanged);
        assert_eq!(needed(None, &wanted, Renew::WhenChanged), Change::Standup);
        assert_eq!(when_changed(&wanted), Change::Nothing);
        assert_eq!(when_changed(&plan(Arm::Hpa, |p| p.scenario.reset.warmup.requests += 1)), Change::Nothing);
        assert_eq!(when_changed(&plan(Arm::Hpa, |p| p.scenario.load.guidellm.workers += 1)), Change::Nothing);
        assert_eq!(when_changed(&plan(Arm::Wva, |_| {})), Change::Swap);
        assert_eq!(when_changed(&plan(Arm::Hpa, |p| p.scenario.hpa.metrics[0].average_value = "9".into())), Change::Swap);
        // What another arm alone reads is nothing to this one.
        assert_eq!(when_changed(&plan(Arm::Hpa, |p| p.scenario.wva.interval_s += 1)), Change::Nothing);
        assert_eq!(when_changed(&plan(Arm::Hpa, |p| p.scenario.model_server.args.push("--x".into()))), Change::Rebuild);
        assert_eq!(when_changed(&plan(Arm::Hpa, |p| p.scenario.scaling.max_replicas = 99)), Change::Rebuild);
        assert_eq!(needed(Some(&wanted), &wanted, Renew::EachRun), Change::Rebuild);
        assert_eq!(needed(None, &wanted, Renew::EachRun), Change::Standup);
    }
}
