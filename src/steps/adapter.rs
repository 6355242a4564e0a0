//! prometheus-adapter: the three external metrics that both arms need, in somebody's adapter or in bench's own.
//!
//! In somebody else's, bench adds a marked block of rules and takes just this block out again.

use super::{Ctx, is_ours};
use crate::cluster::{ClusterError, Poll, Ref, wait_for};
use crate::config::manifests::{self, adapter_rules, own};
use crate::failure::Failure;
use crate::metrics::Prometheus;
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::scenario::Provision;
use serde_json::{Value, json};
use std::time::Duration;

const API_GROUP: &str = "external.metrics.k8s.io";
const API_SERVICE: &str = "v1beta1.external.metrics.k8s.io";

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
                if is_ours(&o, ctx.namespace()) { install(ctx, prometheus).await? } else { "another stack's adapter has the rules".into() }
            }
            None if mode == Provision::Existing => {
                return Err(Failure::new(
                    Exit::Cluster,
                    "nothing serves external.metrics.k8s.io, and the scenario says that an adapter exists",
                )
                .hint("install prometheus-adapter, or let bench do it: --set adapter.mode=auto")
                .into());
            }
            None => install(ctx, prometheus).await?,
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

async fn install(ctx: &Ctx, prometheus: &Prometheus) -> anyhow::Result<String> {
    let rules = format!("rules: []\nexternalRules:\n{}", adapter_rules());
    let sum = bench_model::names::sha256_hex(rules.as_bytes());
    let extra = json!({
        "rules": rules, "rules_sum": &sum[..16],
        "prometheus_url": prometheus.url(), "prometheus_ca": prometheus.ca(&ctx.cluster).await?,
    });
    let tally = ctx.apply_all(manifests::objects(&ctx.plan, "adapter.yaml", extra)?).await?;
    let ns = &ctx.plan.scenario.adapter.namespace;
    deployment_ready(ctx, ns, "prometheus-adapter").await?;
    Ok(format!("own adapter in {ns}: {tally}"))
}

/// Waits until a Deployment of anybody's has all its replicas ready.
pub async fn deployment_ready(ctx: &Ctx, namespace: &str, name: &str) -> anyhow::Result<()> {
    let r = Ref::new("Deployment", namespace, name);
    wait_for(&format!("{r} to be ready"), ctx.limit(180), Duration::from_millis(500), async || {
        let now = ctx.cluster.get(&r).await?.map(|d| super::model_server::Replicas::of(&d));
        Ok(match now {
            Some(n) if n.observed && n.desired > 0 && n.ready == n.desired && n.current == n.desired => Poll::Done(()),
            Some(n) => Poll::Not(format!("{} of {} ready", n.ready, n.desired)),
            None => Poll::Not("it does not exist".into()),
        })
    })
    .await
    .map_err(|e| match e.downcast::<Failure>() {
        Ok(f) => f.into(),
        Err(other) => other,
    })
}

/// Which Deployment answers for the API, and where it reads its rules from.
async fn foreign(ctx: &Ctx, api: &Value) -> anyhow::Result<Foreign> {
    let text = |v: &Value, p: &str| v.pointer(p).and_then(Value::as_str).unwrap_or_default().to_string();
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

fn marks(stack: &str) -> (String, String) {
    (format!("# >>> llmd-bench {stack}: made by bench, removed by its teardown"), format!("# <<< llmd-bench {stack}"))
}

/// The text without our block.
pub fn without_block(text: &str, stack: &str) -> String {
    let (begin, end) = marks(stack);
    let mut inside = false;
    let mut out = vec![];
    for line in text.lines() {
        if line.trim() == begin {
            inside = true;
        } else if line.trim() == end {
            inside = false;
        } else if !inside {
            out.push(line);
        }
    }
    let mut text = out.join("\n");
    text.push('\n');
    text
}

/// The text with our block as the last items of `externalRules`: where two rules name one metric the last one serves it.
pub fn with_block(text: &str, stack: &str) -> String {
    let (begin, end) = marks(stack);
    let base = without_block(text, stack);
    let mut lines: Vec<String> = base.lines().map(String::from).collect();
    let Some(at) = lines.iter().position(|l| l.starts_with("externalRules:")) else {
        lines.push(begin.clone());
        lines.push("externalRules:".into());
        lines.extend(adapter_rules().lines().map(String::from));
        lines.push(end);
        return lines.join("\n") + "\n";
    };
    // An empty flow list becomes a block list. Rules in flow form stay, and the count of rules afterwards refuses the result.
    if lines[at].split_whitespace().collect::<String>() == "externalRules:[]" {
        lines[at] = "externalRules:".into();
    }
    // The list ends before the next key of the top level; its items may or may not be indented.
    let stop = lines[at + 1..].iter().position(|l| !l.is_empty() && !l.starts_with([' ', '-', '#'])).map_or(lines.len(), |n| at + 1 + n);
    let indent = lines[at + 1..stop].iter().find(|l| l.trim_start().starts_with('-')).map_or(0, |l| l.len() - l.trim_start().len());
    let pad = " ".repeat(indent);
    let block: Vec<String> =
        [begin].into_iter().chain(adapter_rules().lines().map(String::from)).chain([end]).map(|l| format!("{pad}{l}")).collect();
    lines.splice(stop..stop, block);
    lines.join("\n") + "\n"
}

/// External rules in an adapter's configuration; `None` when it is not valid YAML.
fn rule_count(text: &str) -> Option<usize> {
    let parsed: Value = serde_yaml::from_str(text).ok()?;
    Some(parsed["externalRules"].as_array().map_or(0, Vec::len))
}

async fn add_rules(ctx: &Ctx, a: &Foreign) -> anyhow::Result<String> {
    let found = ctx.cluster.get(&a.config_map).await?.with_context(|| format!("{} is gone", a.config_map))?;
    let before = found["data"][&a.key].as_str().unwrap_or_default().to_string();
    let after = with_block(&before, ctx.namespace());
    let at = format!("{} of {}/{}", a.config_map, a.namespace, a.deployment);
    if before == after {
        return Ok(format!("rules are in {at}"));
    }
    if rule_count(&after) != rule_count(&without_block(&before, ctx.namespace())).map(|n| n + 3) {
        return Err(Failure::new(Exit::Cluster, format!("bench cannot add its rules to {at}: the result would not be valid"))
            .hint("give the adapter a plain `externalRules:` list, or let bench install its own on a cluster without one")
            .into());
    }
    save(ctx, "adapter", &a.config_map, &a.key, &before).await?;
    write_key(ctx, &a.config_map, &found, &a.key, &after).await?;
    restart(ctx, &a.namespace, &a.deployment, &a.pod_selector).await?;
    Ok(format!("3 rules added to {at}, adapter restarted"))
}

/// Keeps what was there before, create-only: a retry must not save our own version as the original.
pub async fn save(ctx: &Ctx, what: &str, r: &Ref, key: &str, text: &str) -> anyhow::Result<()> {
    let mut object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": format!("llmd-bench-saved-{what}"), "namespace": ctx.namespace()},
        "data": {"object": r.to_string(), "key": key, "before": text},
    });
    own(&mut object, ctx.namespace());
    match ctx.cluster.create(&object).await {
        Err(e) if e.is_conflict() => Ok(()),
        other => Ok(other.map(drop)?),
    }
}

/// What [`save`] kept under this name.
pub async fn saved(ctx: &Ctx, what: &str) -> anyhow::Result<Option<String>> {
    let found = ctx.cluster.get(&Ref::new("ConfigMap", ctx.namespace(), &format!("llmd-bench-saved-{what}"))).await?;
    Ok(found.and_then(|o| o["data"]["before"].as_str().map(String::from)))
}

/// Changes one key of a ConfigMap, only in the version that was read.
pub async fn write_key(ctx: &Ctx, r: &Ref, read: &Value, key: &str, text: &str) -> Result<(), ClusterError> {
    let patch = json!({"metadata": {"resourceVersion": read["metadata"]["resourceVersion"]}, "data": {key: text}});
    ctx.cluster.merge_patch(r, None, &patch).await.map(drop)
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

/// Takes our rules out again; an own adapter is removed with the labelled objects.
pub async fn remove(ctx: &Ctx) -> anyhow::Result<Option<String>> {
    let api = match ctx.cluster.get(&Ref::new("APIService", "", API_SERVICE)).await {
        // What this user may not look at, he has not changed; unless somebody with more rights has, for this very stack.
        Err(e) if e.is_forbidden() && saved(ctx, "adapter").await?.is_none() => return Ok(None),
        other => other?,
    };
    let Some(api) = api else { return Ok(None) };
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
    let (begin, _) = marks(ctx.namespace());
    if !now.contains(&begin) {
        return Ok(None);
    }
    let mut clean = without_block(now, ctx.namespace());
    // Byte for byte what it was, when nothing else has changed since.
    if let Some(before) = saved(ctx, "adapter").await?
        && with_block(&before, ctx.namespace()) == now
    {
        clean = before;
    }
    write_key(ctx, &a.config_map, &found, &a.key, &clean).await?;
    restart(ctx, &a.namespace, &a.deployment, &a.pod_selector).await?;
    Ok(Some(format!("rules taken out of {}", a.config_map)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        serde_yaml::from_str::<Value>(text).unwrap()["externalRules"].as_array().map_or(0, Vec::len)
    }

    #[test]
    fn rules_go_last_and_come_out_again_byte_for_byte() {
        for before in [
            "rules: []\nexternalRules:\n- seriesQuery: 'a'\n  metricsQuery: 'b'\n",
            "externalRules:\n  - seriesQuery: 'a'\n    metricsQuery: 'b'\nrules: []\n",
            "rules: []\n",
        ] {
            let after = with_block(before, "ns1");
            assert_eq!(count(&after), count(before) + 3, "{after}");
            assert_eq!(with_block(&after, "ns1"), after, "adding twice changes nothing");
            assert_eq!(without_block(&after, "ns1"), before);
        }
    }

    #[test]
    fn two_stacks_keep_out_of_each_others_way() {
        let before = "rules: []\nexternalRules:\n- seriesQuery: 'a'\n  metricsQuery: 'b'\n";
        let both = with_block(&with_block(before, "ns1"), "ns2");
        assert_eq!(count(&both), 7);
        assert_eq!(without_block(&both, "ns1"), with_block(before, "ns2"));
    }

    #[test]
    fn rules_in_flow_form_are_not_lost_in_silence() {
        let before = "externalRules: [{seriesQuery: a, metricsQuery: b}]\n";
        assert_eq!(rule_count(before), Some(1));
        assert_ne!(rule_count(&with_block(before, "x")), Some(4), "refused by the count");
        assert!(with_block(before, "x").contains("seriesQuery: a"));
    }

    #[test]
    fn an_empty_flow_list_becomes_a_list() {
        assert_eq!(count(&with_block("externalRules: []\n", "x")), 3);
    }
}
