use super::{number, text};
use bench_model::record::Record;
use bench_model::tables::Decision;
use serde_json::Value;
use std::collections::BTreeMap;

/// What kubectl shows for a metric that has no value yet.
const UNKNOWN: &str = "<unknown>";

/// Status of an HPA that scales this Deployment.
pub(super) fn hpa(t: f64, r: &Record, deployment: &str) -> Option<Decision> {
    let o = &r.object;
    let target = o.pointer("/spec/scaleTargetRef/name").and_then(Value::as_str);
    if target.is_some_and(|n| n != deployment) {
        return None;
    }
    Some(Decision {
        t,
        by: "hpa".into(),
        name: r.name.clone(),
        current: number(o, "/status/currentReplicas"),
        desired: number(o, "/status/desiredReplicas"),
        inputs: hpa_inputs(o),
        conditions: conditions(o),
    })
}

/// Status of the VariantAutoscaling; `inputs.lastRunTime` is the moment of the controller's own run.
pub(super) fn wva(t: f64, r: &Record) -> Option<Decision> {
    let o = &r.object;
    let mut inputs = BTreeMap::new();
    let run = text(o, "/status/desiredOptimizedAlloc/lastRunTime");
    if !run.is_empty() {
        inputs.insert("lastRunTime".into(), (run, String::new()));
    }
    Some(Decision {
        t,
        by: "wva".into(),
        name: r.name.clone(),
        current: number(o, "/status/currentAlloc/numReplicas"),
        desired: number(o, "/status/desiredOptimizedAlloc/numReplicas"),
        inputs,
        conditions: conditions(o),
    })
}

/// Metric → (current, target) as displayed. Every metric of the spec is there, also one without a value.
fn hpa_inputs(hpa: &Value) -> BTreeMap<String, (String, String)> {
    let list = |p: &str| hpa.pointer(p).and_then(Value::as_array).into_iter().flatten();
    let mut out: BTreeMap<String, (String, String)> = BTreeMap::new();
    for m in list("/spec/metrics") {
        if let Some((name, body)) = metric(m) {
            out.insert(name, (UNKNOWN.into(), quantity(body.get("target"))));
        }
    }
    for m in list("/status/currentMetrics") {
        if let Some((name, body)) = metric(m) {
            out.entry(name).or_insert_with(|| (String::new(), String::new())).0 = quantity(body.get("current"));
        }
    }
    out
}

/// Name and body of a metric's spec or status. An entry of a metric that failed has an empty type.
fn metric(m: &Value) -> Option<(String, &Value)> {
    let key = match m.get("type")?.as_str()? {
        "External" => "external",
        "Resource" => "resource",
        "Pods" => "pods",
        "Object" => "object",
        "ContainerResource" => "containerResource",
        _ => return None,
    };
    let body = m.get(key)?;
    let name = body.pointer("/metric/name").or_else(|| body.get("name"))?.as_str()?;
    Some((name.to_owned(), body))
}

fn quantity(v: Option<&Value>) -> String {
    let Some(v) = v else { return UNKNOWN.into() };
    if let Some(p) = v.get("averageUtilization").and_then(Value::as_u64) {
        return format!("{p}%");
    }
    let found = ["averageValue", "value"].iter().find_map(|k| match v.get(k)? {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    });
    found.unwrap_or_else(|| UNKNOWN.into())
}

fn conditions(o: &Value) -> BTreeMap<String, (String, String)> {
    let all = o.pointer("/status/conditions").and_then(Value::as_array);
    all.into_iter().flatten().map(|c| (text(c, "/type"), (text(c, "/status"), text(c, "/reason")))).filter(|(k, _)| !k.is_empty()).collect()
}
