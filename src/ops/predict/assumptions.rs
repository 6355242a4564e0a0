//! What a prediction takes for granted, in words.

use super::Options;
use super::calibration::name_of;
use super::experiment::{picker, traits};
use super::server::{Found, find, unknown_arguments};
use bench_model::coefficients::{Basis, Coefficients, Picker};
use bench_model::plan::Plan;
use bench_sim::input::{Autoscaler, WvaVersion};
use bench_sim::time::seconds;

/// Which coefficients, how good they are, how requests are spread, what is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumptions {
    /// Entry of the file of coefficients.
    pub coefficients: String,
    /// How good its numbers are, in a few words.
    pub basis: String,
    /// Where they come from, in full.
    pub source: String,
    pub router: String,
    pub not_modelled: Vec<String>,
    /// Worth telling before any number: a guess, ignored arguments.
    pub cautions: Vec<String>,
}

impl Assumptions {
    /// What an answer hangs on, the first of all first.
    pub fn in_short(&self, first_seed: u64, seeds: u32) -> Vec<String> {
        let of = match seeds {
            1 => format!("One seed ({first_seed}): nothing tells how much chance is in it; --seeds 20 does."),
            n => format!(
                "Seeds {first_seed} to {}: phases, starts of pods and ties; the requests are the same in all.",
                first_seed.saturating_add(u64::from(n) - 1)
            ),
        };
        let mut out =
            vec![format!("Router {}.", self.router), format!("Speed of the model servers: {}, {}.", self.coefficients, self.basis), of];
        out.extend(self.cautions.iter().cloned());
        out
    }
}

/// The assumptions of a plan; the same in each of its arms.
///
/// # Errors
/// As [`super::experiment`].
pub fn assumptions(plan: &Plan, c: &Coefficients, options: &Options) -> anyhow::Result<Assumptions> {
    let s = &plan.scenario;
    let found = find(plan, c)?;
    let mut cautions = Vec::new();
    let (coefficients, basis, source) = match &found {
        Found::Engine(e) => {
            if e.basis == Basis::Guess {
                cautions.push(format!("coefficients {} are a guess, scaled from another card: nothing was measured on this one", e.name));
            }
            if e.basis == Basis::Predicted {
                cautions.push(format!("coefficients {} are fitted to predicted runs: nothing was measured", e.name));
            }
            (&e.name, basis(e.basis), &e.source)
        }
        Found::Simulator(x) if x.overhead.is_some() && of_predicted_runs(c, &x.name) => {
            cautions.push(format!("coefficients {} are fitted to predicted runs: nothing was measured", x.name));
            (&x.name, "as the scenario's own arguments say, with what predicted runs show beyond them", &x.source)
        }
        Found::Simulator(x) if x.overhead.is_some() => {
            (&x.name, "as the scenario's own arguments say, with what was measured beyond them", &x.source)
        }
        Found::Simulator(x) => (&x.name, "as the scenario's own arguments say", &x.source),
    };
    let unknown: Vec<String> = unknown_arguments(s, &found).iter().map(|n| format!("--{n}")).collect();
    if !unknown.is_empty() {
        cautions.push(format!("model server: predicted as without {}, which the simulation does not know", unknown.join(", ")));
    }
    Ok(Assumptions {
        coefficients: coefficients.clone(),
        basis: basis.into(),
        source: source.clone(),
        router: router(plan, c, options)?,
        not_modelled: not_modelled(&found, &unknown),
        cautions,
    })
}

/// What is worth telling of an arm's autoscaler.
pub(super) fn of_autoscaler(a: &Autoscaler) -> Option<String> {
    let Autoscaler::Wva(a) = a else { return None };
    (a.version == WvaVersion::V05).then(|| {
        let every = seconds(a.period());
        format!(
            "WVA 0.5: its decisions are written from its source and were not compared with the running program; it looks every {every} s, wva.interval_s is not read"
        )
    })
}

/// Whether a simulator's entry, which has no basis of its own, was fitted to predicted runs.
fn of_predicted_runs(c: &Coefficients, entry: &str) -> bool {
    c.calibration.as_ref().is_some_and(|k| k.predicted() && name_of(&k.entry) == entry)
}

fn basis(b: Basis) -> &'static str {
    match b {
        Basis::Measured => "measured on such a card",
        Basis::Fitted => "fitted to what was observed on such a card",
        Basis::Guess => "a guess, scaled from another card",
        Basis::Predicted => "fitted to predicted runs",
    }
}

fn router(plan: &Plan, c: &Coefficients, options: &Options) -> anyhow::Result<String> {
    let s = &plan.scenario;
    let g = &s.load.guidellm.version;
    let keeps = traits(s)?.keeps_connections;
    let picker = picker(s, c, options.router)?;
    let how = match picker {
        Picker::Pinned if keeps => "guidellm's kept connections stay with the replica to which chance opened them",
        Picker::PinnedEpp if keeps => "guidellm's kept connections stay with the replica to which the endpoint picker opened them",
        Picker::Pinned | Picker::Random => "by chance, each request anew",
        Picker::PinnedEpp | Picker::Epp => "llm-d's endpoint picker, each request anew",
        Picker::RoundRobin => "each replica in turn",
        Picker::LeastLoaded => "the replica with the fewest requests in flight",
    };
    let but = match picker {
        Picker::Pinned | Picker::PinnedEpp if !keeps => format!("; guidellm {g} keeps no connection, so nothing stays anywhere"),
        _ => String::new(),
    };
    Ok(format!("{}: {how}{but}", picker.name()))
}

fn not_modelled(found: &Found<'_>, unknown: &[String]) -> Vec<String> {
    let mut out = vec![
        "the reset and the warm-up before the load: it begins with fresh autoscalers and replicas that are ready".to_string(),
        "guidellm's own limits of speed: it sends on time until its cap of requests in flight".into(),
        "failures of nodes, containers and Prometheus; pods that cannot be scheduled, unless the plan knows the cluster's GPUs".into(),
        "load and limits of the gateway: its latency is constant".into(),
    ];
    if found.is_vllm() {
        out.push("prefix-cache hits: no prompt comes twice".into());
        out.push("warm-up of a new replica: it is as fast with its first request as later".into());
    }
    if !unknown.is_empty() {
        out.push(format!("the model server's arguments {}", unknown.join(", ")));
    }
    out
}
