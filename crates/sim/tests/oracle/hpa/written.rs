//! The HPA as a user writes it, in the API's JSON; its defaulting must give the vectors' `flat`.

use bench_sim::autoscaler::hpa::{Gates, MetricSpec, ResourceTarget, Target, WrittenBehavior, WrittenRules, WrittenSpec, quantity_as_f64};
use serde::Deserialize;

use super::format;

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    min_replicas: Option<i32>,
    max_replicas: i32,
    #[serde(default)]
    metrics: Vec<Metric>,
    behavior: Option<WrittenDirections>,
}

#[derive(Clone, Deserialize)]
struct Metric {
    external: Option<Source>,
    object: Option<Source>,
    pods: Option<Source>,
    resource: Option<ResourceSource>,
}

#[derive(Clone, Deserialize)]
struct Source {
    target: MetricTarget,
}

#[derive(Clone, Deserialize)]
struct ResourceSource {
    name: String,
    target: MetricTarget,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetricTarget {
    value: Option<String>,
    average_value: Option<String>,
    average_utilization: Option<i32>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenDirections {
    scale_up: Option<Direction>,
    scale_down: Option<Direction>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Direction {
    stabilization_window_seconds: Option<i32>,
    select_policy: Option<String>,
    policies: Option<Vec<WrittenPolicy>>,
    tolerance: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenPolicy {
    #[serde(rename = "type")]
    kind: String,
    value: i32,
    period_seconds: i32,
}

/// The digits of a quantity and its power of ten, for the suffixes that the vectors use.
fn quantity(text: &str) -> (i64, i32) {
    let (digits, exponent) = match text.char_indices().next_back() {
        Some((i, 'm')) => (&text[..i], -3),
        Some((i, 'k')) => (&text[..i], 3),
        Some((i, 'M')) => (&text[..i], 6),
        Some((i, 'G')) => (&text[..i], 9),
        Some((i, 'T')) => (&text[..i], 12),
        _ => (text, 0),
    };
    (digits.parse().unwrap_or_else(|e| panic!("quantity {text:?}: {e}")), exponent)
}

fn milli(text: &str) -> i64 {
    let (digits, exponent) = quantity(text);
    digits * 10i64.pow((exponent + 3).try_into().expect("at least milli"))
}

impl MetricTarget {
    fn target(&self) -> Target {
        match (&self.value, &self.average_value) {
            (_, Some(v)) => Target::AverageValue(milli(v)),
            (Some(v), None) => Target::Value(milli(v)),
            (None, None) => panic!("no target"),
        }
    }
}

impl Metric {
    fn metric(&self) -> MetricSpec {
        if let Some(s) = &self.external {
            MetricSpec::External(s.target.target())
        } else if let Some(s) = &self.object {
            MetricSpec::Object(s.target.target())
        } else if let Some(s) = &self.pods {
            MetricSpec::Pods { average_value: milli(s.target.average_value.as_deref().expect("averageValue")) }
        } else {
            let s = self.resource.as_ref().expect("a known source");
            let target = match (s.target.average_utilization, &s.target.average_value) {
                (Some(percent), _) => ResourceTarget::Utilization(percent),
                (None, v) => ResourceTarget::AverageValue(milli(v.as_deref().expect("averageValue"))),
            };
            MetricSpec::Resource { resource: format::resource(&s.name), target }
        }
    }
}

impl Direction {
    fn rules(&self) -> WrittenRules {
        WrittenRules {
            window_s: self.stabilization_window_seconds,
            select: self.select_policy.as_deref().map(format::select),
            policies: (self.policies.as_ref())
                .map(|policies| policies.iter().map(|p| format::policy(&p.kind, p.value, p.period_seconds)).collect()),
            tolerance: self.tolerance.as_deref().map(|t| {
                let (digits, exponent) = quantity(t);
                quantity_as_f64(digits, exponent)
            }),
        }
    }
}

impl Written {
    fn spec(&self) -> WrittenSpec {
        let rules = |d: &Option<Direction>| d.as_ref().map_or_else(WrittenRules::default, Direction::rules);
        WrittenSpec {
            min: self.min_replicas,
            max: self.max_replicas,
            metrics: self.metrics.iter().map(Metric::metric).collect(),
            behavior: self.behavior.as_ref().map(|b| WrittenBehavior { up: rules(&b.scale_up), down: rules(&b.scale_down) }),
        }
    }
}

#[test]
fn oracle_hpa_defaulting_gives_what_the_api_server_stores() {
    let mut checked = 0;
    for (name, file) in super::load() {
        for s in &file.scenarios {
            let gate = |name: &str| s.gates.get(name).copied().unwrap_or(false);
            let gates = Gates { configurable_tolerance: gate("HPAConfigurableTolerance"), scale_to_zero: gate("HPAScaleToZero") };
            let edits = s.events.iter().filter_map(|e| Some((e.hpa.as_ref()?, e.flat.as_ref()?)));
            for (written, flat) in std::iter::once((&s.hpa, &s.flat)).chain(edits) {
                assert_eq!(written.spec().admit(gates), Ok(flat.spec()), "{name}, {}", s.name);
                checked += 1;
            }
        }
    }
    assert!(checked > 0, "no HPA was checked");
}
