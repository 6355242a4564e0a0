//! prometheus-adapter: the three external metrics that both arms need, in somebody's adapter or in bench's own.
//!
//! In somebody else's, bench adds a marked block of rules and takes just this block out again.

use super::adapter_rules::{self as rules, rule_count, with_block, without_block};
use super::deployment::{self, Wanted};
use super::marks::{self, write_key};
use super::{Ctx, is_ours};
use crate::cluster::{Poll, Ref, text_at, wait_for};
use crate::config::manifests::{self, adapter_rules};
use crate::failure::Failure;
use crate::metrics::Prometheus;
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::scenario::Provision;
use serde_json::{Value, json};
use std::time::Duration;

const API_GROUP: &str = "external.metrics.k8s.io";
pub const API_SERVICE: &str = "v1beta1.external.metrics.k8s.io";
/// Marks: what somebody's rules were, the stack whose adapter is used.
const RULES: &str = "adapter";
pub const USED: &str = "adapter-used";

/// An adapter that somebody else installed: its Deployment, and where its rules are.
struct Foreign {
    namespace: String,
    deployment: String,
    pod_selector: String,
    config_map: Ref,
    key: String,
}

pub async fn ensure(ctx: &Ctx, prometheus: &Prometheus) -> anyhow::Result<((), String)> {
    let said = match arrange(ctx, prometheus).await {
        // An ordinary user need see nothing of somebody's adapter: what it serves is asked below.
        Err(e) if crate::cluster::is_forbidden(&e) && ctx.cluster.serves_group(API_GROUP).await? => {
            ctx.report.warn(
                "this user may not look at the adapter's rules: the external metrics are used as somebody else serves them \
                 (docs/rbac/adapter-rules.yaml has the rules that bench would add)",
            );
            "served by somebody's adapter, used as found".to_string()
        }
        other => other?,
    };
    for metric in ["vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"] {
        served(ctx, metric, &format!("namespace={}", ctx.namespace())).await?;
    }
    Ok(((), said))
}

/// Sees to it that an adapter has our rules.
async fn arrange(ctx: &Ctx, prometheus: &Prometheus) -> anyhow::Result<String> {
    let api = Ref::new("APIService", "", API_SERVICE);
    let found = ctx.cluster.get(&api).await?;
    let mode = ctx.plan.scenario.adapter.mode;
    let said =
        match found {
            Some(o) if super::label(&o, manifests::labels::MANAGED_BY) == Some(manifests::labels::BENCH) => {
                if is_ours(&o, ctx.namespace()) { install(ctx, prometheus, Some(&o)).await? } else { use_another_stacks(ctx, &o).await? }
            }
            None if mode == Provision::Existing => {
                return Err(Failure::new(
                    Exit::Cluster,
                    "nothing serves external.metrics.k8s.io, and the scenario says that an adapter exists",
                )
                .hint("install prometheus-adapter, or let bench do it: --set adapter.mode=auto")
                .into());
            }
            None => install(ctx, prometheus, None).await?,
            Some(o) => {
                let adapter = foreign(ctx, &o).await?;
                if mode == Provision::Install {
                    let owner = format!("{}/{}", adapter.namespace, adapter.deployment);
                    return Err(Failure::new(Exit::Cluster, format!("external.metrics.k8s.io is served by {owner} already"))
                        .hint("let bench add its rules there: --set adapter.mode=auto")
                        .into());
                }
                add_rules(ctx, &adapter).await?
            }
        };
    Ok(said)
}

/// An adapter that another stack of bench made: it has the rules. The mark is what it is handed over by.
async fn use_another_stacks(ctx: &Ctx, api: &Value) -> anyhow::Result<String> {
    let stack = super::label(api, manifests::labels::STACK).unwrap_or_default();
    marks::save(ctx, USED, &Ref::new("APIService", "", API_SERVICE), "stack", stack, None).await?;
    Ok(format!("the adapter of stack {stack} has the rules"))
}

/// Bench's own. One that was handed over stays where it is, under its names.
async fn install(ctx: &Ctx, prometheus: &Prometheus, api: Option<&Value>) -> anyhow::Result<String> {
    let ns = &ctx.plan.scenario.adapter.namespace;
    let is_in = api.and_then(|a| a.pointer("/spec/service/namespace")?.as_str()).unwrap_or(ns);
    if is_in != ns {
        deployment_ready(ctx, is_in, "prometheus-adapter").await?;
        return Ok(format!("own adapter in {is_in}, taken over from another stack"));
    }
    let suffix = api.and_then(|a| a.pointer("/metadata/annotations/llmd-bench~1suffix")?.as_str()).unwrap_or(ctx.namespace());
    let rules = format!("rules: []\nexternalRules:\n{}", adapter_rules());
    let sum = bench_model::names::sha256_hex(rules.as_bytes());
    let extra = json!({
        "rules": rules, "rules_sum": &sum[..16], "suffix": suffix,
        "prometheus_url": prometheus.url(), "prometheus_ca": prometheus.ca(&ctx.cluster).await?,
        "wants_token": prometheus.wants_token(),
    });
    let tally = ctx.apply_all(manifests::objects(&ctx.plan, "adapter.yaml", extra)?).await?;
    deployment_ready(ctx, ns, "prometheus-adapter").await?;
    Ok(format!("own adapter in {ns}: {tally}"))
}

/// Waits until somebody's Deployment of the control plane has all its replicas ready.
pub async fn deployment_ready(ctx: &Ctx, namespace: &str, name: &str) -> anyhow::Result<()> {
    let r = Ref::new("Deployment", namespace, name);
    let wanted = Wanted { what: &r.to_string(), replicas: None, limit: ctx.limit(180), remedy: None };
    deployment::settle(ctx, &r, &wanted).await.map(drop)
}

/// Which Deployment answers for the API, and where it reads its rules from.
async fn foreign(ctx: &Ctx, api: &Value) -> anyhow::Result<Foreign> {
    let text = |v: &Value, p: &str| text_at(v, p).to_string();
    let (namespace, service) = (text(api, "/spec/service/namespace"), text(api, "/spec/service/name"));
    let refuse = |why: &str| {
        Failure::new(Exit::Cluster, format!("external.metrics.k8s.io is served by Service {namespace}/{service}: {why}"))
            .hint("only one server can own this API. KEDA and prometheus-adapter exclude each other; use a cluster without the other one")
    };
    let object = ctx.cluster.get(&Ref::new("Service", &namespace, &service)).await?;
    let selector = object.as_ref().and_then(|s| s.pointer("/spec/selector")?.as_object().cloned());
    let selector = selector.ok_or_else(|| refuse("the Service does not exist or selects nothing"))?;
    let pod_selector: Vec<String> = selector.iter().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    let deployments = ctx.cluster.list("Deployment", Some(&namespace), "").await?;
    let matches = |d: &&Value| {
        let labels = d.pointer("/spec/template/metadata/labels");
        labels.is_some_and(|l| selector.iter().all(|(k, v)| l.get(k) == Some(v)))
    };
    let deployment = deployments.iter().find(matches).ok_or_else(|| refuse("no Deployment stands behind it"))?;
    let container = deployment.pointer("/spec/template/spec/containers/0").cloned().unwrap_or_default();
    let words: Vec<&str> =
        ["command", "args"].iter().filter_map(|k| container[*k].as_array()).flatten().filter_map(Value::as_str).collect();
    // Only prometheus-adapter has this flag; KEDA's server has none like it.
    let config = words.iter().find_map(|w| w.trim_start_matches('-').strip_prefix("config="));
    let config = config.ok_or_else(|| refuse("it is not prometheus-adapter (no --config in its arguments)"))?;
    let mounts = container["volumeMounts"].as_array().cloned().unwrap_or_default();
    let mount = mounts.iter().find(|m| config.starts_with(m["mountPath"].as_str().unwrap_or("\0")));
    let mount = mount.ok_or_else(|| refuse("its configuration is not a mounted file"))?;
    let key = config.trim_start_matches(mount["mountPath"].as_str().unwrap_or_default()).trim_start_matches('/').to_string();
    let volumes = deployment.pointer("/spec/template/spec/volumes").and_then(Value::as_array).cloned().unwrap_or_default();
    let map = volumes.iter().find(|v| v["name"] == mount["name"]).map(|v| text(v, "/configMap/name")).unwrap_or_default();
    if map.is_empty() {
        return Err(refuse("its configuration does not come from a ConfigMap").into());
    }
    Ok(Foreign {
        config_map: Ref::new("ConfigMap", &namespace, &map),
        deployment: text(deployment, "/metadata/name"),
        pod_selector: pod_selector.join(","),
        namespace,
        key,
    })
}

async fn add_rules(ctx: &Ctx, a: &Foreign) -> anyhow::Result<String> {
    let found = ctx.cluster.get(&a.config_map).await?.with_context(|| format!("{} is gone", a.config_map))?;
    let before = found["data"][&a.key].as_str().unwrap_or_default().to_string();
    let after = with_block(&before, ctx.namespace());
    let at = format!("{} of {}/{}", a.config_map, a.namespace, a.deployment);
    if before == after {
        // A kill after the rules were written leaves an adapter that has not read them.
        if knows_rules(ctx).await? {
            return Ok(format!("rules are in {at}"));
        }
        restart(ctx, &a.namespace, &a.deployment, &a.pod_selector).await?;
        return Ok(format!("rules are in {at}, adapter restarted: it had not read them"));
    }
    if rule_count(&after) != rule_count(&without_block(&before, ctx.namespace())).map(|n| n + 3) {
        return Err(Failure::new(Exit::Cluster, format!("bench cannot add its rules to {at}: the result would not be valid"))
            .hint("give the adapter a plain `externalRules:` list, or let bench install its own on a cluster without one")
            .into());
    }
    // With an older block of ours in it, it is not what was there before us.
    if !before.contains(&rules::marks(ctx.namespace()).0) {
        marks::save(ctx, RULES, &a.config_map, &a.key, &before, Some(&after)).await?;
    }
    write_key(&ctx.cluster, &a.config_map, &found, &a.key, &after).await?;
    restart(ctx, &a.namespace, &a.deployment, &a.pod_selector).await?;
    Ok(format!("3 rules added to {at}, adapter restarted"))
}

/// Does the API know our first metric? It has no value where nothing is scraped, but its name is known all the same.
async fn knows_rules(ctx: &Ctx) -> anyhow::Result<bool> {
    let path = format!("/apis/external.metrics.k8s.io/v1beta1/namespaces/{}/vllm:num_requests_waiting", ctx.namespace());
    match ctx.cluster.get_path(&path).await {
        Err(e) if e.is_not_found() => Ok(false),
        // Anything else is told by the wait for its value.
        _ => Ok(true),
    }
}

/// The adapter never reads its rules again: its pods are replaced. The Deployment itself is not changed.
pub async fn restart(ctx: &Ctx, namespace: &str, deployment: &str, selector: &str) -> anyhow::Result<()> {
    let old = ctx.cluster.list("Pod", Some(namespace), selector).await?;
    let names: Vec<String> = old.iter().filter_map(|p| Some(p.pointer("/metadata/name")?.as_str()?.to_string())).collect();
    for name in &names {
        ctx.cluster.delete(&Ref::new("Pod", namespace, name), None).await?;
    }
    wait_for(&format!("the pods of {namespace}/{deployment} to be replaced"), ctx.limit(120), Duration::from_millis(500), async || {
        let now = ctx.cluster.list("Pod", Some(namespace), selector).await?;
        let old = now.iter().filter_map(|p| p.pointer("/metadata/name")?.as_str()).filter(|n| names.iter().any(|o| o == n)).count();
        Ok(if old == 0 { Poll::Done(()) } else { Poll::Not(format!("{old} old pods are left")) })
    })
    .await?;
    deployment_ready(ctx, namespace, deployment).await
}

/// Waits until the external metrics API gives a number for this metric.
pub async fn served(ctx: &Ctx, metric: &str, selector: &str) -> anyhow::Result<String> {
    let path = format!(
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/{}/{metric}?labelSelector={}",
        ctx.namespace(),
        crate::cluster::urlencode(selector)
    );
    wait_for(&format!("external metric {metric}"), ctx.limit(150), Duration::from_secs(1), async || {
        Ok(match ctx.cluster.get_path(&path).await {
            Ok(v) => match v["items"].as_array().map(Vec::as_slice) {
                Some([one, ..]) => Poll::Done(one["value"].as_str().unwrap_or_default().to_string()),
                _ => Poll::Not("the API knows it but has no value: is the series in Prometheus?".into()),
            },
            Err(e) => Poll::Not(e.to_string()),
        })
    })
    .await
}

/// Takes our rules out again; an own adapter is removed with the labelled objects. Needs nothing of the plan but its namespace.
pub async fn remove(ctx: &Ctx) -> anyhow::Result<Option<String>> {
    let api = match ctx.cluster.get(&Ref::new("APIService", "", API_SERVICE)).await {
        Ok(Some(api)) => api,
        // Whoever may not even look has put nothing into it.
        Err(e) if e.is_forbidden() && marks::get(&ctx.cluster, ctx.namespace(), RULES).await?.is_none() => return Ok(None),
        Ok(None) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    if super::label(&api, manifests::labels::MANAGED_BY) == Some(manifests::labels::BENCH) {
        return Ok(None);
    }
    let a = match foreign(ctx, &api).await {
        Ok(a) => a,
        // An adapter that has become something else since then is no longer ours to touch.
        Err(e) if e.is::<Failure>() => return Ok(None),
        Err(e) => return Err(e),
    };
    let Some(found) = ctx.cluster.get(&a.config_map).await? else { return Ok(None) };
    let now = found["data"][&a.key].as_str().unwrap_or_default();
    let (begin, _) = rules::marks(ctx.namespace());
    if !now.contains(&begin) {
        // With our mark still there, a kill may have come before the adapter forgot them.
        if marks::get(&ctx.cluster, ctx.namespace(), RULES).await?.is_none() {
            return Ok(None);
        }
        restart(ctx, &a.namespace, &a.deployment, &a.pod_selector).await?;
        return Ok(Some(format!("rules are out of {}, adapter restarted", a.config_map)));
    }
    let mut clean = without_block(now, ctx.namespace());
    if let Some(mark) = marks::get(&ctx.cluster, ctx.namespace(), RULES).await? {
        let ours = with_block(&mark.before, ctx.namespace());
        // Byte for byte what it was, when nothing else has changed since.
        if ours == now {
            clean.clone_from(&mark.before);
        }
        // A stack that found our block there puts back what we found.
        for other in marks::of_others(&ctx.cluster, ctx.namespace(), RULES).await? {
            if other.object == mark.object && other.before == ours {
                marks::inherit(&ctx.cluster, RULES, &other, &mark.before).await?;
            }
        }
    }
    write_key(&ctx.cluster, &a.config_map, &found, &a.key, &clean).await?;
    restart(ctx, &a.namespace, &a.deployment, &a.pod_selector).await?;
    Ok(Some(format!("rules taken out of {}", a.config_map)))
}

/// Stacks whose rules are in somebody's adapter: what is left of one when even its namespace is gone.
pub async fn stacks_with_rules(ctx: &Ctx) -> anyhow::Result<Vec<String>> {
    let Some(api) = ctx.cluster.get(&Ref::new("APIService", "", API_SERVICE)).await? else { return Ok(vec![]) };
    if super::label(&api, manifests::labels::MANAGED_BY) == Some(manifests::labels::BENCH) {
        return Ok(vec![]);
    }
    let Ok(a) = foreign(ctx, &api).await else { return Ok(vec![]) };
    let found = ctx.cluster.get(&a.config_map).await?;
    Ok(found.map(|o| rules::stacks_in(o["data"][&a.key].as_str().unwrap_or_default())).unwrap_or_default())
}
