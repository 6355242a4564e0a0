//! The names that rules may use. They are part of the interface: added to, never changed.

pub use super::units::Unit;
use std::sync::LazyLock;

/// Where a number exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Of the whole load, and as `rate[…].NAME` of each rate.
    Both,
    Whole,
    Rate,
}

/// A number of a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Name {
    pub name: String,
    pub unit: Unit,
    pub scope: Scope,
    /// What it counts, in a few words.
    pub what: String,
    /// What it means when it is not there.
    pub absent: &'static str,
    /// It depends on the SLO.
    pub needs_slo: bool,
}

/// Names of statistics, before the name of what was measured.
pub(super) const STATS: [(&str, &str); 6] =
    [("mean", "mean"), ("min", "least"), ("p50", "median"), ("p90", "90th percentile"), ("p99", "99th percentile"), ("max", "largest")];

const NO_SUCCESS: &str = "no request succeeded";
const NO_LOAD: &str = "there is no report of the load";
const NO_REPLICAS: &str = "there is no record of replicas";
const NO_CARD: &str = "there is no record of pods";
const NO_PRICE: &str = "there is no price of a GPU-hour (--gpu-hour), or no record of pods";
const NO_TOKENS: &str =
    "there is no price of a GPU-hour (--gpu-hour), no record of pods, or not every success says how many tokens it received";
const NO_DUE: &str = "there is no request that counts";

/// Of [`STATS`] each: name, unit, what, absent.
const LATENCIES: [(&str, Unit, &str, &str); 6] = [
    ("ttft", Unit::Ms, "time from sent to the first token, of the successful", NO_SUCCESS),
    ("itl", Unit::Ms, "time between tokens, of the successful", NO_SUCCESS),
    ("e2e", Unit::S, "time from sent to the last token, of the successful", NO_SUCCESS),
    ("ttft_due", Unit::Ms, "time from due to the first token, of all that had one", "no request had a first token"),
    ("e2e_due", Unit::S, "time from due to the last token, of the successful", NO_SUCCESS),
    ("lateness", Unit::S, "time from due to sent", "no request was sent"),
];

type Row = (&'static str, Unit, Scope, &'static str, &'static str, bool);

const OTHERS: [Row; 40] = [
    ("requests", Unit::Plain, Scope::Both, "requests that were sent", NO_LOAD, false),
    ("successful", Unit::Plain, Scope::Both, "requests that succeeded", NO_LOAD, false),
    ("failed", Unit::Plain, Scope::Both, "requests that failed", NO_LOAD, false),
    ("cut_off", Unit::Plain, Scope::Both, "requests in flight when a rate ended: no failure", NO_LOAD, false),
    ("failed_fraction", Unit::Fraction, Scope::Both, "failed over all sent", "no request was sent", false),
    ("achieved_rate", Unit::Plain, Scope::Both, "requests begun per second", NO_LOAD, false),
    (
        "output_tokens_per_s",
        Unit::Plain,
        Scope::Both,
        "output tokens received per second",
        "not every success says how many tokens it received",
        false,
    ),
    ("ttft_measured_fraction", Unit::Fraction, Scope::Both, "successful requests with a time to the first token", NO_SUCCESS, false),
    ("itl_measured_fraction", Unit::Fraction, Scope::Both, "those of several tokens with a time between them", NO_SUCCESS, false),
    ("e2e_measured_fraction", Unit::Fraction, Scope::Both, "successful requests with a time to the last token", NO_SUCCESS, false),
    ("output_tokens_measured_fraction", Unit::Fraction, Scope::Both, "successful requests with a count of tokens", NO_SUCCESS, false),
    ("load_s", Unit::S, Scope::Both, "how long the load lasted", NO_LOAD, false),
    ("planned_rate", Unit::Plain, Scope::Rate, "requests per second asked for", NO_LOAD, false),
    ("achieved_fraction", Unit::Fraction, Scope::Rate, "achieved rate over planned rate", NO_LOAD, false),
    ("gap_before_s", Unit::S, Scope::Rate, "time without load before the rate", "it is the first rate", false),
    ("goodput_fraction", Unit::Fraction, Scope::Both, "requests within the SLO over those that count", NO_DUE, true),
    ("goodput_per_s", Unit::Plain, Scope::Both, "requests within the SLO per second", NO_DUE, true),
    ("good", Unit::Plain, Scope::Both, "requests within the SLO", NO_DUE, true),
    ("counted", Unit::Plain, Scope::Both, "requests that count for the goodput", NO_DUE, true),
    ("due", Unit::Plain, Scope::Both, "requests due by the schedule, sent or not", NO_LOAD, false),
    ("unsent", Unit::Plain, Scope::Both, "requests due and never sent", NO_LOAD, false),
    ("replica_seconds", Unit::S, Scope::Whole, "pods from scheduled to terminated: what is paid", NO_CARD, false),
    ("gpu_seconds", Unit::S, Scope::Whole, "replica_seconds times the GPUs of a replica", NO_CARD, false),
    ("cost", Unit::Plain, Scope::Whole, "gpu_seconds by the price of a GPU-hour", NO_PRICE, false),
    ("cost_per_million_output_tokens", Unit::Plain, Scope::Whole, "cost of a million output tokens", NO_TOKENS, false),
    ("cost_per_million_good_output_tokens", Unit::Plain, Scope::Whole, "the same of good requests", NO_TOKENS, true),
    ("ready_replica_seconds", Unit::S, Scope::Whole, "ready replicas, over the same span", NO_REPLICAS, false),
    ("span_s", Unit::S, Scope::Whole, "the span of the two above, from the load's start", NO_REPLICAS, false),
    ("recorded_ready_replica_seconds", Unit::S, Scope::Whole, "ready replicas over the whole recording", NO_REPLICAS, false),
    ("recorded_desired_replica_seconds", Unit::S, Scope::Whole, "wanted replicas over the whole recording", NO_REPLICAS, false),
    (
        "overshoot",
        Unit::Plain,
        Scope::Whole,
        "most ready replicas over the fewest that were enough",
        "no stretch of the load was good enough to tell",
        true,
    ),
    ("start_replicas", Unit::Plain, Scope::Whole, "replicas wanted when the load began", NO_REPLICAS, false),
    ("end_replicas", Unit::Plain, Scope::Whole, "replicas wanted at the end of the recording", NO_REPLICAS, false),
    ("max_desired", Unit::Plain, Scope::Whole, "most replicas wanted", NO_REPLICAS, false),
    ("max_ready", Unit::Plain, Scope::Whole, "most replicas ready", NO_REPLICAS, false),
    ("first_scale_up_s", Unit::S, Scope::Whole, "load's start to the first scale-up", "nothing was scaled up under load", false),
    ("scale_ups", Unit::Plain, Scope::Whole, "raises of the wanted replicas under load", NO_REPLICAS, false),
    ("scale_downs", Unit::Plain, Scope::Whole, "lowerings of the wanted replicas under load", NO_REPLICAS, false),
    ("flaps", Unit::Plain, Scope::Whole, "reversals of direction within ten minutes", NO_REPLICAS, false),
    (
        "busiest_pod_fraction",
        Unit::Fraction,
        Scope::Whole,
        "share of the requests that the busiest pod finished",
        "no counter of any pod was recorded",
        false,
    ),
];

static ALL: LazyLock<Vec<Name>> = LazyLock::new(|| {
    let latencies = LATENCIES.iter().flat_map(|(metric, unit, what, absent)| {
        STATS.iter().map(move |(stat, word)| Name {
            name: format!("{stat}_{metric}_{}", unit.word()),
            unit: *unit,
            scope: Scope::Both,
            what: format!("{word} {what}"),
            absent,
            needs_slo: false,
        })
    });
    let others = OTHERS.iter().map(|(name, unit, scope, what, absent, needs_slo)| Name {
        name: (*name).into(),
        unit: *unit,
        scope: *scope,
        what: (*what).into(),
        absent,
        needs_slo: *needs_slo,
    });
    others.chain(latencies).collect()
});

/// Every name.
pub fn all() -> &'static [Name] {
    &ALL
}

/// A name as written in a rule: the number, the unit it is asked for in, and what its value is multiplied by. Times that end
/// in `_ms` may be asked for in `_s`, and the other way round.
pub(super) fn find(text: &str) -> Option<(&'static Name, Unit, f64)> {
    let exact = |wanted: &str| ALL.iter().find(|n| n.name == wanted);
    if let Some(n) = exact(text) {
        return Some((n, n.unit, 1.0));
    }
    if let Some(stem) = text.strip_suffix("_ms") {
        return exact(&format!("{stem}_s")).filter(|n| n.unit == Unit::S).map(|n| (n, Unit::Ms, 1000.0));
    }
    exact(&format!("{}_ms", text.strip_suffix("_s")?)).map(|n| (n, Unit::S, 0.001))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_words_of_rules() {
        let mut seen = std::collections::BTreeSet::new();
        for n in all() {
            assert!(seen.insert(&n.name), "{} is there twice", n.name);
            assert!(n.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{}", n.name);
            assert!(!["baseline", "rate"].contains(&n.name.as_str()));
        }
        for n in ["p99_ttft_ms", "mean_itl_ms", "p50_e2e_s", "failed_fraction", "replica_seconds", "max_ready", "first_scale_up_s"] {
            assert!(seen.contains(&n.to_owned()), "{n}");
        }
    }

    #[test]
    fn a_time_may_be_asked_for_in_the_other_unit() {
        assert_eq!(find("p99_ttft_s").map(|(n, u, f)| (n.name.as_str(), u, f)), Some(("p99_ttft_ms", Unit::S, 0.001)));
        assert_eq!(find("p50_e2e_ms").map(|(n, u, f)| (n.name.as_str(), u, f)), Some(("p50_e2e_s", Unit::Ms, 1000.0)));
        // A rate per second is no time.
        assert!(find("output_tokens_per_ms").is_none() && find("goodput_per_ms").is_none() && find("nothing").is_none());
    }
}
