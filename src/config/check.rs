//! Semantic validation of a scenario: every value has its type, but do they make sense together?

use super::error::Problem;
use super::secrets;
use super::tree::At;
use super::values::{guidellm_version, image_fault, label_fault};
use bench_model::quantity::quantity;
use bench_model::scenario::{Behavior, GatewayKind, LoadMode, Method, Provision, Resources, Scenario, SelectPolicy, TokenizerSource};
use std::collections::BTreeMap;

/// Findings, with the place of the value each is about.
pub(super) struct Findings<'a> {
    provenance: &'a BTreeMap<String, At>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl Findings<'_> {
    pub(super) fn bad(&mut self, key: &str, message: impl Into<String>, remedy: &str) {
        let at = self.place(key);
        self.problems.push(Problem { at, key: key.into(), message: message.into(), remedy: remedy.into() });
    }

    pub(super) fn warn(&mut self, key: &str, message: &str) {
        self.warnings.push(format!("{key}: {message} ({})", self.place(key)));
    }

    fn place(&self, key: &str) -> At {
        // A key of a table has no place of its own: the first leaf below it has.
        let below = |k: &String| k.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', '[']));
        let at = self.provenance.get(key).or_else(|| self.provenance.iter().find(|(k, _)| below(k)).map(|(_, at)| at));
        at.cloned().unwrap_or_else(|| At::flag("the scenario"))
    }

    /// Which of several keys that contradict each other the user set: a flag before a file before what bench brings. The first of equals.
    pub(super) fn users<'k>(&self, keys: &[&'k str]) -> &'k str {
        let rank = |key: &str| self.place(key).rank();
        let best = keys.iter().copied().reduce(|a, b| if rank(b) > rank(a) { b } else { a });
        best.unwrap_or_default()
    }
}

/// Errors and warnings of a scenario.
pub(crate) fn scenario(s: &Scenario, provenance: &BTreeMap<String, At>) -> (Vec<Problem>, Vec<String>) {
    let mut f = Findings { provenance, problems: Vec::new(), warnings: Vec::new() };
    if s.schema_version != bench_model::SCHEMA_VERSION {
        let message = format!("{} is no version that this bench reads", s.schema_version);
        f.bad("schema_version", message, &format!("write {}", bench_model::SCHEMA_VERSION));
    }
    names(s, &mut f);
    stack(s, &mut f);
    wva(s, &mut f);
    scaling(s, &mut f);
    super::check_hpa::hpa(s, &mut f);
    load(s, &mut f);
    credentials(s, &mut f);
    (f.problems, f.warnings)
}

/// Plans are kept and passed on: no credential may stand in one, not even in a message about it.
fn credentials(s: &Scenario, f: &mut Findings<'_>) {
    const REMEDY: &str = "put it into a Secret of the stack's namespace and write secret://NAME/KEY (docs/rbac/README.md)";
    const ARGUMENT: &str = "take it from a variable: model_server.env.TOKEN=secret://NAME/KEY, and $(TOKEN) as the argument";
    let mut told = std::collections::BTreeSet::new();
    for (table, env) in [("model_server.env", &s.model_server.env), ("load.guidellm.env", &s.load.guidellm.env)] {
        for (name, value) in env {
            let key = super::path::join(table, name);
            if secrets::is_secret(name, value) {
                told.insert(key.clone());
                f.bad(&key, "this is a credential, or looks like one; plans and run directories are passed on", REMEDY);
            }
            if let Some(Err(fault)) = secrets::reference(value) {
                f.bad(&key, format!("{value:?} {fault}"), "write secret://NAME/KEY");
            }
        }
    }
    for (k, pair) in s.model_server.args.windows(2).enumerate() {
        if secrets::is_secret_after(&pair[0], &pair[1]) {
            let key = format!("model_server.args[{}]", k + 1);
            told.insert(key.clone());
            f.bad(&key, "this is a credential; plans and run directories are passed on", ARGUMENT);
        }
    }
    let all = serde_json::to_value(s).unwrap_or_default();
    strings("", &all, &mut |key, text| {
        if !told.contains(key) && secrets::has_token(text) {
            let remedy = if key.starts_with("model_server.args[") { ARGUMENT } else { REMEDY };
            f.bad(key, "this looks like a token or a password; plans and run directories are passed on", remedy);
        }
        let in_env = ["model_server.env.", "load.guidellm.env."].iter().any(|t| key.starts_with(t));
        if !in_env && secrets::reference(text).is_some() {
            f.bad(
                key,
                "only an environment variable can be taken from a Secret",
                "write it as model_server.env.NAME or load.guidellm.env.NAME",
            );
        }
    });
}

/// Every text of a value with its dotted path.
fn strings(path: &str, v: &serde_json::Value, see: &mut impl FnMut(&str, &str)) {
    use serde_json::Value;
    match v {
        Value::String(text) => see(path, text),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, v)| strings(&format!("{path}[{i}]"), v, see)),
        Value::Object(map) => map.iter().for_each(|(k, v)| strings(&super::path::join(path, k), v, see)),
        _ => {}
    }
}

fn names(s: &Scenario, f: &mut Findings<'_>) {
    for (key, name) in [("namespace", &s.namespace), ("adapter.namespace", &s.adapter.namespace), ("wva.namespace", &s.wva.namespace)] {
        if let Some(fault) = label_fault(name, 63) {
            let remedy = if name.contains(',') {
                "name one namespace; the load runs in it too"
            } else {
                "use lower-case letters, digits and `-`, at most 63, a letter or digit at both ends"
            };
            f.bad(key, format!("{name:?} {fault}"), remedy);
        }
    }
    // 53: helm's limit of a release name.
    if let Some(fault) = label_fault(&s.wva.release, 53) {
        f.bad("wva.release", format!("{:?} {fault}", s.wva.release), "use lower-case letters, digits and `-`, at most 53");
    }
    if let Some(fault) = label_fault(&s.hpa.name, 63) {
        f.bad("hpa.name", format!("{:?} {fault}", s.hpa.name), "use lower-case letters, digits and `-`, at most 63");
    }
    let model_ok = |c: char| c.is_ascii_alphanumeric() || "/._:-".contains(c);
    if s.model.is_empty() || !s.model.chars().all(model_ok) {
        f.bad("model", format!("{:?} is no model name", s.model), "write it as served, e.g. Qwen/Qwen3-0.6B");
    } else if s.model.contains(',') {
        f.bad("model", "several models", "name one model a stack");
    } else {
        let label = bench_model::names::model_label(&s.namespace, &s.model);
        if let Some(fault) = label_fault(&label, 63) {
            f.bad(
                "model",
                format!("the name made from it, {label:?}, {fault}"),
                "serve it under a name that begins and ends with letters or digits",
            );
        }
    }
}

fn stack(s: &Scenario, f: &mut Findings<'_>) {
    let images = [
        ("model_server.image.name", &s.model_server.image),
        ("gateway.image.name", &s.gateway.image),
        ("scheduler.image.name", &s.scheduler.image),
        ("adapter.image.name", &s.adapter.image),
        ("wva.image.name", &s.wva.image),
        ("load.guidellm.image.name", &s.load.guidellm.image),
    ];
    let sidecar = ("model_server.sidecar.image.name", &s.model_server.sidecar.image);
    for (key, image) in images.into_iter().chain(s.model_server.sidecar.enabled.then_some(sidecar)) {
        if let Some(fault) = image_fault(&image.name) {
            f.bad(
                key,
                format!("{:?} {fault}", image.name),
                "write registry/repository:tag or …@sha256:…, so that the same image runs again",
            );
        }
    }
    if !s.recording.agent_image.is_empty()
        && let Some(fault) = image_fault(&s.recording.agent_image)
    {
        f.bad("recording.agent_image", format!("{:?} {fault}", s.recording.agent_image), "pin it, or leave it empty");
    }
    for (key, port) in [
        ("model_server.port", s.model_server.port),
        ("model_server.metrics_port", s.model_server.metrics_port),
        ("gateway.port", s.gateway.port),
        ("monitoring.prometheus.port", s.monitoring.prometheus.port),
    ] {
        if port == 0 {
            f.bad(key, "0 is no port", "use 1 to 65535");
        }
    }
    resources("model_server.resources", &s.model_server.resources, f);
    resources("load.guidellm.resources", &s.load.guidellm.resources, f);
    for (i, arg) in s.model_server.args.iter().enumerate() {
        if let Some(own) =
            ["--model", "--port", "--served-model-name"].iter().find(|own| arg == *own || arg.starts_with(&format!("{own}=")))
        {
            f.bad(
                &format!("model_server.args[{i}]"),
                format!("bench sets {own} itself"),
                "take it out; `model` and `model_server.port` say it",
            );
        }
    }
    let scheme = &s.monitoring.prometheus.scheme;
    if scheme != "http" && scheme != "https" {
        f.bad("monitoring.prometheus.scheme", format!("{scheme:?} is neither http nor https"), "WVA accepts https only");
    }
    if s.monitoring.scrape_interval_s == 0 {
        f.bad("monitoring.scrape_interval_s", "0 seconds", "use 1 or more");
    }
    if s.model_server.method == Method::Modelservice && s.gateway.kind == GatewayKind::Haproxy {
        f.warn("gateway.kind", "haproxy in front of vLLM: requests are spread without llm-d's scheduler");
    }
    if s.scheduler.enabled && !s.gateway.kind.can_schedule() {
        f.bad(
            f.users(&["scheduler.enabled", "gateway.kind"]),
            "the scheduler works behind a Gateway API gateway, or as gateway.kind=epponly",
            "set gateway.kind=istio, kgateway or epponly, or scheduler.enabled=false",
        );
    }
    if !s.scheduler.enabled && s.gateway.kind == GatewayKind::Epponly {
        let key = f.users(&["scheduler.enabled", "gateway.kind"]);
        let remedy = "set scheduler.enabled=true, or gateway.kind=none";
        f.bad(key, "gateway.kind=epponly is the scheduler and nothing else, and scheduler.enabled is false", remedy);
    }
    super::check_stack::stack(s, f);
}

fn resources(table: &str, r: &Resources, f: &mut Findings<'_>) {
    for (side, map) in [("requests", &r.requests), ("limits", &r.limits)] {
        for (name, value) in map {
            let key = super::path::join(&format!("{table}.{side}"), name);
            match quantity(value) {
                None => f.bad(&key, format!("{value:?} is no Kubernetes quantity"), "write it like 500m, 2, 64Gi"),
                Some(v) => {
                    if side == "requests" && r.limits.get(name).and_then(|l| quantity(l)).is_some_and(|limit| limit < v) {
                        let limit = super::path::join(&format!("{table}.limits"), name);
                        let key = f.users(&[&key, &limit]).to_owned();
                        let message = format!("{value} is requested, above the limit of {}", r.limits[name]);
                        f.bad(&key, message, "lower the request, or raise the limit");
                    }
                }
            }
        }
    }
}

fn wva(s: &Scenario, f: &mut Findings<'_>) {
    let t = &s.wva.thresholds;
    let kv = [("kv_cache_threshold", t.kv_cache_threshold), ("kv_spare_trigger", t.kv_spare_trigger)];
    let queue = [("queue_length_threshold", t.queue_length_threshold), ("queue_spare_trigger", t.queue_spare_trigger)];
    for (name, value) in kv.into_iter().chain(queue) {
        let key = format!("wva.thresholds.{name}");
        if value == 0.0 {
            f.bad(
                &key,
                "a zero cannot be configured in WVA v0.4.2: it means \"inherit\", and the default would act",
                "use a small number, e.g. 0.01",
            );
        } else if value < 0.0 {
            f.bad(&key, format!("{value} is negative; WVA would reject the whole entry and use its defaults"), "use a number above 0");
        }
    }
    for (name, value) in kv {
        if value > 1.0 {
            f.bad(&format!("wva.thresholds.{name}"), format!("{value} is above 1; it is a share of the KV cache"), "80 % is 0.8");
        }
    }
    if t.kv_cache_threshold < t.kv_spare_trigger {
        let key = f.users(&["wva.thresholds.kv_spare_trigger", "wva.thresholds.kv_cache_threshold"]);
        let message = format!(
            "kv_spare_trigger, {}, is above kv_cache_threshold, {}; WVA would reject the whole entry and use its defaults",
            t.kv_spare_trigger, t.kv_cache_threshold
        );
        f.bad(key, message, "set both, with kv_spare_trigger ≤ kv_cache_threshold");
    }
    if s.wva.accelerator.chars().count() < 2 {
        f.bad("wva.accelerator", "an accelerator's name has at least two characters", "write the GPU, e.g. H100");
    } else if !s.wva.accelerator.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) || s.wva.accelerator.len() > 63 {
        f.bad(
            "wva.accelerator",
            format!("{:?} cannot be a label's value", s.wva.accelerator),
            "use letters, digits, `-`, `_` and `.`, at most 63",
        );
    }
    // The CRD's own pattern.
    let cost_ok = |c: &str| c.parse::<f64>().is_ok_and(|v| v >= 0.0 && v.is_finite()) && c.chars().all(|c| c.is_ascii_digit() || c == '.');
    if !cost_ok(&s.wva.variant_cost) {
        f.bad("wva.variant_cost", format!("{:?} is no cost", s.wva.variant_cost), "write a number like \"10.0\"");
    }
    if s.wva.interval_s == 0 {
        f.bad("wva.interval_s", "0 seconds", "use 1 or more; WVA's own default is 60");
    }
    if s.monitoring.prometheus.scheme == "http" && s.wva.mode == Provision::Install {
        f.warn("monitoring.prometheus.scheme", "WVA v0.4.2 refuses a Prometheus without TLS: the wva arm will not work");
    }
}

fn scaling(s: &Scenario, f: &mut Findings<'_>) {
    let sc = &s.scaling;
    if sc.min_replicas == 0 {
        f.bad("scaling.min_replicas", "0 replicas: neither arm scales to zero here", "use 1 or more");
    }
    if sc.max_replicas > 1000 {
        f.bad("scaling.max_replicas", format!("{} is more than bench is made for", sc.max_replicas), "at most 1000");
    }
    if s.reset.warmup.requests > 1000 || s.reset.warmup.prompt_tokens > 100_000 {
        f.bad("reset.warmup", "a warm-up sends all its requests at once".to_string(), "at most 1000 requests of 100000 tokens");
    }
    if sc.min_replicas > sc.max_replicas {
        let (least, most) = (sc.min_replicas, sc.max_replicas);
        match f.users(&["scaling.min_replicas", "scaling.max_replicas"]) {
            key @ "scaling.max_replicas" => {
                let message = format!("{most} is below scaling.min_replicas, {least} ({})", f.place("scaling.min_replicas"));
                f.bad(key, message, &format!("set scaling.min_replicas to {most} or less with it"));
            }
            key => {
                let message = format!("{least} is above scaling.max_replicas, {most} ({})", f.place("scaling.max_replicas"));
                f.bad(key, message, &format!("set scaling.max_replicas to {least} or more with it"));
            }
        }
    }
    if sc.min_replicas >= 2 {
        f.warn(
            "scaling.min_replicas",
            "with 2 or more the wva arm can freeze: WVA v0.4.2 does not know the minimum, asks for fewer, and waits for ever for the HPA to follow",
        );
    }
    // Limits that contradict each other are told above; no number lies between them.
    let start = s.reset.start_replicas;
    let broken = match start {
        _ if sc.min_replicas > sc.max_replicas => None,
        n if n < sc.min_replicas => Some(("scaling.min_replicas", "below", sc.min_replicas)),
        n if n > sc.max_replicas => Some(("scaling.max_replicas", "above", sc.max_replicas)),
        _ => None,
    };
    if let Some((limit, side, bound)) = broken {
        let (of_start, of_limit) = (f.place("reset.start_replicas"), f.place(limit));
        let remedy = format!("set both: reset.start_replicas={bound} starts within the limits");
        match f.users(&["reset.start_replicas", limit]) {
            "reset.start_replicas" => f.bad("reset.start_replicas", format!("{start} is {side} {limit}, {bound} ({of_limit})"), &remedy),
            key => {
                let other = if side == "below" { "above" } else { "below" };
                f.bad(key, format!("{bound} is {other} reset.start_replicas, {start} ({of_start})"), &remedy);
            }
        }
    }
    behavior("scaling.scale_up", &sc.scale_up, f);
    behavior("scaling.scale_down", &sc.scale_down, f);
}

fn behavior(key: &str, b: &Behavior, f: &mut Findings<'_>) {
    if b.stabilization_window_s > 3600 {
        let message = format!("{} seconds; Kubernetes takes 0 to 3600", b.stabilization_window_s);
        f.bad(&format!("{key}.stabilization_window_s"), message, "use at most 3600");
    }
    if b.policies.is_empty() && b.select_policy != SelectPolicy::Disabled {
        f.bad(&format!("{key}.policies"), "no policy at all; Kubernetes wants at least one", "add one, or set select_policy to Disabled");
    }
    for (i, p) in b.policies.iter().enumerate() {
        if !(1..=1800).contains(&p.period_s) {
            f.bad(&format!("{key}.policies[{i}].period_s"), format!("{} seconds; Kubernetes takes 1 to 1800", p.period_s), "use 1 to 1800");
        }
        if p.value == 0 {
            f.bad(
                &format!("{key}.policies[{i}].value"),
                "0 lets nothing change; Kubernetes refuses it",
                "use 1 or more, or select_policy: Disabled",
            );
        }
    }
}

fn load(s: &Scenario, f: &mut Findings<'_>) {
    let g = &s.load.guidellm;
    if let Err(why) = guidellm_version(&g.version) {
        f.bad("load.guidellm.version", format!("guidellm {} is not supported: {why}", g.version), "use 0.8.1, or 0.5.4 to do as published");
    } else if let Some(tag) = g.image.name.split('@').next().and_then(|n| n.rsplit_once(':')).map(|(_, t)| t.trim_start_matches('v'))
        && tag != g.version
        && guidellm_version(tag).is_ok()
    {
        f.bad(
            f.users(&["load.guidellm.version", "load.guidellm.image.name"]),
            format!("version {} is not that of the image, {}", g.version, g.image.name),
            "the version decides the format of the file: change load.guidellm.version and load.guidellm.image.name together",
        );
    }
    let t = &g.tokenizer;
    match t.source {
        TokenizerSource::Image | TokenizerSource::Directory if t.path.is_empty() => {
            f.bad("load.guidellm.tokenizer.path", "empty; this source needs a directory", "name the directory with tokenizer.json");
        }
        TokenizerSource::Pvc if t.claim.is_empty() || t.path.is_empty() => {
            f.bad(
                "load.guidellm.tokenizer.claim",
                "source pvc needs both claim and path",
                "name the PersistentVolumeClaim and the directory in it",
            );
        }
        _ => {}
    }
    if g.request_timeout_s == Some(0) {
        f.bad(
            "load.guidellm.request_timeout_s",
            "0 seconds: every request would fail",
            "use 1 or more, or null for the version's own default",
        );
    }
    if s.load.mode == LoadMode::PerRate && guidellm_version(&g.version).is_ok_and(|v| v >= (0, 7, 0)) {
        f.warn(
            "load.mode",
            "with guidellm from 0.7 the lengths of a per-rate run are others than those of a continuous one (0.5: the same)",
        );
    }
    if g.overhead_s < 60 {
        f.warn("load.guidellm.overhead_s", "under a minute: guidellm's start alone takes up to 45 s, and a load taken for hung is lost");
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
