//! `scenario`: the stack and the load, as planned, with the images that really ran.

use crate::report::Material;
use bench_model::plan::Arm;
use bench_model::profile::Lengths;
use bench_model::scenario::{GatewayKind, Method};
use bench_model::tables::RateWindow;
use serde_json::{Map, Value, json};

/// Label of the model servers.
pub(super) const ENGINE: &str = "model-server";

pub(super) fn components(m: &Material<'_>, w: &RateWindow) -> Value {
    let Some(plan) = m.plan else { return Value::Null };
    let (s, h) = (&plan.scenario, &m.run.hashes);
    let component = |label: &str, cfg_id: &str, standardized: Value, native: Value| json!({"metadata": {"schema_version": "0.0.1", "label": label, "cfg_id": cfg_id}, "standardized": standardized, "native": native});
    let image = |container: &str, planned: &str| version(m.run.images.get(container).map_or(planned, String::as_str));
    let generic = |container: &str, planned: &str, more: Value| {
        let (tool, tool_version) = image(container, planned);
        let mut o = json!({"kind": "generic", "tool": tool, "tool_version": tool_version});
        if let (Some(o), Value::Object(more)) = (o.as_object_mut(), more) {
            o.extend(more);
        }
        o
    };
    let before = m.tables.replicas.iter().rfind(|p| p.t <= w.start).or(m.tables.replicas.first());
    let replicas = before.map_or(1, |p| p.desired).max(1);
    let args = arguments(&s.model_server.args);
    let native = json!({"args": args, "envars": s.model_server.env});
    let engine = match s.model_server.method {
        // A simulator computes on no accelerator, and the format's inference engine must name one.
        Method::Simulator => {
            generic("vllm", &s.model_server.image.name, json!({"role": "decode", "replicas": replicas, "model": {"name": s.model}}))
        }
        Method::Modelservice | Method::Standalone | Method::Existing => {
            let (tool, tool_version) = image("vllm", &s.model_server.image.name);
            let gpu = m.run.nodes.iter().find_map(|n| n.gpu_product.clone()).unwrap_or_else(|| s.wva.accelerator.clone());
            let tp = args.get("--tensor-parallel-size").and_then(|v| v.as_str()?.parse::<u32>().ok()).unwrap_or(1).max(1);
            json!({
                "kind": "inference_engine", "tool": tool, "tool_version": tool_version, "role": "decode", "replicas": replicas,
                "model": {"name": s.model},
                "accelerator": {"model": gpu, "count": replicas.saturating_mul(tp), "parallelism": {"tp": tp}},
            })
        }
    };
    let kind = match s.gateway.kind {
        GatewayKind::Haproxy => "haproxy",
        GatewayKind::Istio => "istio",
        GatewayKind::Kgateway => "kgateway",
        GatewayKind::Epponly => "epponly",
        GatewayKind::None => "none",
    };
    let mut all = vec![
        component(ENGINE, &h.stack, engine, native),
        component("gateway", &h.stack, generic(kind, &s.gateway.image.name, json!({})), json!({"config": s.gateway})),
    ];
    if s.scheduler.enabled {
        all.push(component("scheduler", &h.stack, generic("epp", &s.scheduler.image.name, json!({})), json!({"config": s.scheduler})));
    }
    match m.run.arm {
        Arm::Wva => {
            let config = json!({"wva": s.wva, "scaling": s.scaling});
            all.push(component(
                "autoscaler",
                &h.arm,
                generic("manager", &s.wva.image.name, json!({"arm": "wva"})),
                json!({"config": config}),
            ));
        }
        Arm::Hpa => {
            let kubernetes = plan.facts.as_ref().map_or("unknown", |f| f.kubernetes.as_str());
            let hpa = json!({"kind": "generic", "tool": "horizontal-pod-autoscaler", "tool_version": kubernetes, "arm": "hpa"});
            all.push(component("autoscaler", &h.arm, hpa, json!({"config": {"hpa": s.hpa, "scaling": s.scaling}})));
        }
        Arm::Static(_) | Arm::None | Arm::Existing => {}
    }
    Value::Array(all)
}

pub(super) fn load(m: &Material<'_>, w: &RateWindow) -> Value {
    let Some((plan, profile)) = m.plan.and_then(|p| Some((p, p.profile.as_ref()?))) else { return Value::Null };
    let version = if m.summary.guidellm_version.is_empty() { &plan.scenario.load.guidellm.version } else { &m.summary.guidellm_version };
    json!({
        "metadata": {"schema_version": "0.0.1", "cfg_id": m.run.hashes.load, "description": profile.name},
        "standardized": {
            "tool": "guidellm", "tool_version": version, "parallelism": 1, "source": "random", "stage": w.index,
            "input_seq_len": lengths(&profile.prompt_tokens), "output_seq_len": lengths(&profile.output_tokens),
            "rate_qps": Some(w.rate).filter(|r| *r > 0.0 && r.is_finite()),
        },
        "native": {"config": profile},
    })
}

fn lengths(l: &Lengths) -> Value {
    let distribution = match (l.stdev.filter(|s| *s > 0), l.min) {
        (Some(_), _) => "gaussian",
        (None, Some(_)) => "uniform",
        (None, None) => "fixed",
    };
    json!({"distribution": distribution, "value": l.mean, "std_dev": l.stdev, "min": l.min, "max": l.max})
}

/// `registry/repository:tag registry/repository@sha256:…` → the program's name, and tag with digest.
fn version(image: &str) -> (String, String) {
    let mut words = image.split_whitespace();
    let (first, digest) = (words.next().unwrap_or_default(), words.find_map(|w| w.split_once('@')).map(|(_, d)| d.trim_end_matches(',')));
    let (name, own_digest) = first.split_once('@').map_or((first, None), |(n, d)| (n, Some(d)));
    let last = name.rsplit('/').next().unwrap_or_default();
    let (tool, tag) = last.split_once(':').unwrap_or((last, ""));
    let parts: Vec<&str> = [tag, digest.or(own_digest).unwrap_or_default()].into_iter().filter(|p| !p.is_empty()).collect();
    let or_unknown = |s: String| if s.is_empty() { "unknown".into() } else { s };
    (or_unknown(tool.into()), or_unknown(parts.join("@")))
}

/// `--key value`, `--key=value` and `--flag` as an object; what is none of these by its place.
fn arguments(args: &[String]) -> Map<String, Value> {
    let mut out = Map::new();
    let mut rest = args.iter().enumerate().peekable();
    while let Some((n, a)) = rest.next() {
        if let Some((k, v)) = a.split_once('=').filter(|_| a.starts_with('-')) {
            out.insert(k.into(), v.into());
        } else if a.starts_with('-') {
            let value = rest.next_if(|(_, v)| !v.starts_with("--")).map_or(Value::Bool(true), |(_, v)| v.as_str().into());
            out.insert(a.clone(), value);
        } else {
            out.insert(n.to_string(), a.as_str().into());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_taken_apart() {
        let v = |s: &str| version(s);
        assert_eq!(v("ghcr.io/llm-d/sim:v0.7.1 ghcr.io/llm-d/sim@sha256:ab"), ("sim".into(), "v0.7.1@sha256:ab".into()));
        assert_eq!(v("host:5000/a/vllm@sha256:cd"), ("vllm".into(), "sha256:cd".into()));
        assert_eq!(v("vllm"), ("vllm".into(), "unknown".into()));
        assert_eq!(v(""), ("unknown".into(), "unknown".into()));
    }

    #[test]
    fn arguments_become_keys() {
        let args: Vec<String> = ["--a", "1", "--b=2", "--c", "--d", "-1", "x"].map(String::from).to_vec();
        assert_eq!(Value::Object(arguments(&args)), json!({"--a": "1", "--b": "2", "--c": true, "--d": "-1", "6": "x"}));
    }
}
