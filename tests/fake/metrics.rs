//! Prometheus and the endpoint behind the API server's proxy, and the external metrics that an adapter serves.

use crate::api::{Status, parameter};
use crate::controllers::{fits, ready};
use crate::world::{Id, World, is_leaving, text};
use serde_json::{Value, json};

/// The gauge of the WVA that is installed.
fn gauge_name(w: &World) -> &'static str {
    let newer = w.releases.values().any(|r| r.chart.starts_with("workload-variant-autoscaler-0.8"));
    if newer { "wva_desired_replicas" } else { "inferno_desired_replicas" }
}

fn now() -> f64 {
    chrono::Utc::now().timestamp_millis() as f64 / 1000.0
}

fn vector(rows: &[(Value, f64)]) -> Value {
    let rows: Vec<Value> = rows.iter().map(|(m, v)| json!({"metric": m, "value": [now(), v.to_string()]})).collect();
    json!({"status": "success", "data": {"resultType": "vector", "result": rows}})
}

/// The value of `label="…"` or `label=~"…"` in a selector.
fn matcher(query: &str, label: &str) -> String {
    let found = [format!("{label}=\""), format!("{label}=~\"")].iter().find_map(|p| query.find(p.as_str()).map(|i| i + p.len()));
    found.and_then(|i| query[i..].split('"').next()).unwrap_or_default().into()
}

/// Names of the ready pods that a PodMonitor of the namespace selects.
fn scraped(w: &World, ns: &str) -> Vec<String> {
    // OpenShift's own Prometheus sees nothing of users.
    let at_work = |(i, p): (&Id, &Value)| i.ns == "openshift-user-workload-monitoring" && ready(p);
    if w.openshift() && !w.of_kind("Pod").any(at_work) {
        return vec![];
    }
    let monitors: Vec<&Value> = w.of_kind("PodMonitor").filter(|(i, _)| i.ns == ns).map(|(_, o)| o).collect();
    let seen = |p: &Value| monitors.iter().any(|m| fits(p.pointer("/metadata/labels"), m.pointer("/spec/selector/matchLabels")));
    w.of_kind("Pod").filter(|(i, p)| i.ns == ns && ready(p) && seen(p)).map(|(i, _)| i.name.clone()).collect()
}

/// Names of those whose metrics have WVA's label: the pods have it, and a PodMonitor takes it over.
pub fn attributed(w: &World, ns: &str, variant: &str) -> Vec<String> {
    let taken =
        |(i, m): (&Id, &Value)| i.ns == ns && m["spec"]["podMetricsEndpoints"][0]["relabelings"][0]["targetLabel"] == "llm_d_ai_variant";
    if !w.of_kind("PodMonitor").any(taken) {
        return vec![];
    }
    let has = |pod: &String| w.get("Pod", ns, pod).is_some_and(|p| p["metadata"]["labels"]["llm-d.ai/variant"] == variant);
    scraped(w, ns).into_iter().filter(has).collect()
}

fn gauge(w: &World, ns: &str, variant: &str) -> Vec<(Value, f64)> {
    w.gauges
        .iter()
        .filter(|((_, n, v), _)| n == ns && (variant.is_empty() || v == variant))
        .map(|((pod, n, v), r)| (json!({"__name__": gauge_name(w), "exported_namespace": n, "variant_name": v, "pod": pod}), *r as f64))
        .collect()
}

fn prometheus(w: &World, query: &str, time: &str) -> Value {
    if query == "time()" {
        return json!({"status": "success", "data": {"resultType": "scalar", "result": [now(), now().to_string()]}});
    }
    if query.ends_with("ms]") {
        let series = |name: &str, at: f64| json!({"metric": {"__name__": name, "namespace": "x", "pod": "p"}, "values": [[at, "1"], [at + 5.0, "2"]]});
        let name = matcher(query, "__name__");
        let mut result = json!([series(&name, 1000.0)]);
        if name == "up" {
            // Scraped all the time; the others always say the same, so that their bytes can be compared.
            let end: f64 = time.parse().unwrap_or_else(|_| now());
            let range: f64 = query.rsplit_once('[').and_then(|(_, r)| r.trim_end_matches("ms]").parse().ok()).unwrap_or(0.0);
            let from = (end - range / 1000.0) as i64;
            // A load of virtual seconds is over in a moment of the clock that is asked for: up to its very end there are samples.
            let last = [end - 0.001, end];
            result[0]["values"] =
                (from..=end as i64).map(|t| t as f64).filter(|t| *t < last[0]).chain(last).map(|t| json!([t, "1"])).collect();
        }
        return json!({"status": "success", "data": {"resultType": "matrix", "result": result}});
    }
    let name = gauge_name(w);
    if query.starts_with(name) || query.contains(&format!("({name}")) {
        return vector(&gauge(w, &matcher(query, "exported_namespace"), &matcher(query, "variant_name")));
    }
    if query.contains("_desired_replicas") {
        return vector(&[]);
    }
    if query.contains("wva_metrics_freshness_status") {
        let variant = matcher(query, "variant_name");
        let seen = !w.wva_is_blind && w.gauges.keys().any(|(_, _, v)| *v == variant);
        return if seen { vector(&[(json!({}), 9.0)]) } else { vector(&[]) };
    }
    let mut pods = scraped(w, &matcher(query, "namespace"));
    if query.contains("llm_d_ai_variant=") {
        pods = attributed(w, &matcher(query, "namespace"), &matcher(query, "llm_d_ai_variant"));
        return if pods.is_empty() { vector(&[]) } else { vector(&[(json!({}), pods.len() as f64)]) };
    }
    if query.starts_with("count by (pod)") {
        let prefix = matcher(query, "pod").replace("-.+", "-");
        let rows: Vec<(Value, f64)> = pods.iter().filter(|p| p.starts_with(&prefix)).map(|p| (json!({"pod": p}), 1.0)).collect();
        return vector(&rows);
    }
    if pods.is_empty() { vector(&[]) } else { vector(&[(json!({}), 0.0)]) }
}

/// Prometheus' API.
fn api(w: &World, path: &str, query: &str) -> Option<Value> {
    if path == "/api/v1/query" {
        return Some(prometheus(w, &parameter(query, "query"), &parameter(query, "time")));
    }
    if path == "/api/v1/label/__name__/values" {
        let names = match parameter(query, "match[]") {
            q if q.contains("vllm:") => json!(["vllm:num_requests_running", "vllm:num_requests_waiting"]),
            q if q.contains("inferno") => json!([gauge_name(w)]),
            _ => json!(["up"]),
        };
        return Some(json!({"status": "success", "data": names}));
    }
    None
}

/// The Thanos querier through its Route: to accounts that may see the cluster's metrics.
pub fn thanos(w: &World, path: &str, query: &str, token: &str) -> Result<Value, u16> {
    let account = w.of_kind("ServiceAccount").find(|(_, o)| format!("token-of-{}", text(o, "/metadata/uid")) == token);
    let (id, _) = account.ok_or(401u16)?;
    let subject = json!({"kind": "ServiceAccount", "name": id.name, "namespace": id.ns});
    let bound = |(_, b): (&Id, &Value)| {
        text(b, "/roleRef/name") == "cluster-monitoring-view" && b["subjects"].as_array().is_some_and(|s| s.contains(&subject))
    };
    if !w.of_kind("ClusterRoleBinding").any(bound) {
        return Err(403);
    }
    api(w, path, query).ok_or(404)
}

pub fn proxy(w: &World, ns: &str, service: &str, path: &str, query: &str) -> Result<Value, Status> {
    let down = |why: &str| Status::new(503, "ServiceUnavailable", why);
    let name = service.split(':').nth(1).unwrap_or(service);
    let object = w.get("Service", ns, name).ok_or_else(|| Status::new(404, "NotFound", &format!("services {name:?} not found")))?;
    let behind = |p: &Value| ready(p) && !is_leaving(p) && fits(p.pointer("/metadata/labels"), object.pointer("/spec/selector"));
    if !w.of_kind("Pod").any(|(i, p)| i.ns == ns && behind(p)) {
        return Err(down("no endpoints available for service"));
    }
    if let Some(answer) = api(w, path, query) {
        return Ok(answer);
    }
    // A Gateway knows no way before it has a route to a pool that is there.
    let gateway = text(object, "/metadata/labels/gateway.networking.k8s.io~1gateway-name");
    let routed = |(i, r): (&Id, &Value)| i.ns == ns && r.pointer("/status/parents/0/conditions/1/status") == Some(&json!("True"));
    if !gateway.is_empty() && !w.of_kind("HTTPRoute").any(routed) {
        return Err(Status::new(404, "NotFound", "no route"));
    }
    // The gateway passes on to whichever model server is ready.
    let server = w.of_kind("Pod").find(|(i, p)| i.ns == ns && ready(p) && !is_leaving(p) && p["spec"]["containers"][0]["name"] == "vllm");
    let args = server.and_then(|(_, p)| p["spec"]["containers"][0]["args"].as_array()).ok_or_else(|| down("no server is available"))?;
    let model = args.iter().skip_while(|a| *a != "--model" && *a != "--served-model-name").nth(1).cloned().unwrap_or_default();
    match path {
        "/v1/models" => Ok(json!({"data": [{"id": model}]})),
        "/v1/completions" => Ok(json!({"model": model, "usage": {"completion_tokens": 2}, "choices": [{"text": "a b"}]})),
        _ => Err(Status::new(404, "NotFound", path)),
    }
}

/// Serves what the rules say that the adapter's pod read when it started, and what is in Prometheus.
pub fn external(w: &World, ns: &str, metric: &str, selector: &str) -> Result<Value, Status> {
    let missing = || Status::new(404, "NotFound", &format!("no external metric {metric}"));
    let api = w.get("APIService", "", "v1beta1.external.metrics.k8s.io").ok_or_else(missing)?;
    let at = text(api, "/spec/service/namespace");
    let service = w.get("Service", at, text(api, "/spec/service/name")).ok_or_else(missing)?;
    // KEDA asks Prometheus by the ScaledObject's trigger, and only over TLS here.
    if let Some(scaled) = selector.strip_prefix("scaledobject.keda.sh/name=") {
        let object = w.get("ScaledObject", ns, scaled).ok_or_else(missing)?;
        let index: usize = metric.trim_start_matches('s').split('-').next().and_then(|n| n.parse().ok()).ok_or_else(missing)?;
        let trigger = &object["spec"]["triggers"][index]["metadata"];
        let found = prometheus(w, text(trigger, "/query"), "");
        let rows = found.pointer("/data/result").and_then(Value::as_array).map_or(0, Vec::len);
        let answers = text(trigger, "/serverAddress").starts_with("https://") && rows == 1;
        let item = json!({"metricName": metric, "value": "0", "timestamp": "2026-01-01T00:00:00Z"});
        return Ok(json!({"kind": "ExternalMetricValueList", "items": if answers { vec![item] } else { vec![] }}));
    }
    let rules = w
        .of_kind("Pod")
        .filter(|(i, p)| i.ns == at && ready(p) && !is_leaving(p) && fits(p.pointer("/metadata/labels"), service.pointer("/spec/selector")))
        .filter_map(|(_, p)| w.loaded.get(text(p, "/metadata/uid")))
        .any(|c| c.contains(&format!("^{metric}$")));
    if !rules {
        return Err(missing());
    }
    let has = match metric {
        "inferno_desired_replicas" => !gauge(w, ns, selector.strip_prefix("variant_name=").unwrap_or_default()).is_empty(),
        _ => !scraped(w, ns).is_empty(),
    };
    let item = json!({"metricName": metric, "value": "0", "timestamp": "2026-01-01T00:00:00Z"});
    Ok(json!({"kind": "ExternalMetricValueList", "items": if has { vec![item] } else { vec![] }}))
}
