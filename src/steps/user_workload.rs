//! OpenShift's monitoring of users' workloads: switched on when it is off, put back at teardown; and the account by which
//! bench asks the Thanos querier.

use super::marks::{self, Mark, write_key};
use super::{Ctx, is_ours};
use crate::cluster::{Poll, Ref, items_at, text_at, wait_for};
use crate::config::manifests::{self, USER_WORKLOAD, own};
use crate::failure::Failure;
use bench_model::exit::Exit;
use bench_model::scenario::Provision;
use serde_json::{Value, json};
use std::time::Duration;

/// Marks: what the setting was, and that this stack needs it on.
const PACE: &str = "user-workload";
const USED: &str = "user-workload-used";
const KEY: &str = "config.yaml";
const SWITCH: &str = "enableUserWorkload";

fn config() -> Ref {
    Ref::new("ConfigMap", "openshift-monitoring", "cluster-monitoring-config")
}

/// Is it the ConfigMap with the setting?
pub fn is_config(r: &Ref) -> bool {
    *r == config()
}

/// Is it on by this text?
fn is_on(text: &str) -> bool {
    serde_yaml::from_str::<Value>(text).is_ok_and(|v| v[SWITCH] == true)
}

/// The text with the switch on, all else as it was; `None` when that cannot be done by changing one line.
fn switched_on(text: &str) -> Option<String> {
    let on = format!("{SWITCH}: true");
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    match lines.iter().position(|l| l.starts_with(&format!("{SWITCH}:"))) {
        Some(at) => lines[at] = on,
        None => lines.insert(0, on),
    }
    let after = lines.join("\n") + "\n";
    let (was, is) = (serde_yaml::from_str::<Value>(text).unwrap_or_default(), serde_yaml::from_str::<Value>(&after).ok()?);
    let rest =
        |v: &Value| v.as_object().map(|m| m.iter().filter(|(k, _)| *k != SWITCH).map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>());
    (is_on(&after) && rest(&was).unwrap_or_default() == rest(&is)?).then_some(after)
}

pub async fn ensure(ctx: &Ctx) -> anyhow::Result<((), String)> {
    // The account first: it is what everything else is asked by.
    let account = ctx.apply_all(manifests::objects(&ctx.plan, "monitoring-reader.yaml", Value::Null)?).await?;
    let said = switch(ctx).await?;
    Ok(((), format!("{said}; account {} {account}", manifests::METRICS_ACCOUNT)))
}

async fn switch(ctx: &Ctx) -> anyhow::Result<String> {
    let r = config();
    let found = match ctx.cluster.get(&r).await {
        // Whoever may not look sees by its pods whether it is on.
        Err(e) if e.is_forbidden() => return Ok(format!("{r} may not be read")),
        other => other?,
    };
    let before = found.as_ref().and_then(|o| o["data"][KEY].as_str()).unwrap_or_default().to_string();
    let ours = marks::get(&ctx.cluster, ctx.namespace(), PACE).await?.is_some();
    if is_on(&before) {
        if !ours {
            marks::save(ctx, USED, &r, KEY, "", None).await?;
        }
        running(ctx).await?;
        return Ok("monitoring of users' workloads is on".into());
    }
    if ctx.plan.scenario.monitoring.stack.mode == Provision::Existing {
        return Err(Failure::new(Exit::Cluster, "monitoring of users' workloads is off: nothing scrapes the model servers")
            .hint(format!("an administrator sets {SWITCH}: true in {r}; or --set monitoring.stack.mode=auto"))
            .into());
    }
    let Some(after) = switched_on(&before) else {
        return Err(Failure::new(Exit::Cluster, format!("{r} cannot be changed by one line: its {KEY} is no plain table"))
            .hint(format!("set {SWITCH}: true in it"))
            .into());
    };
    marks::save(ctx, PACE, &r, KEY, &before, Some(&after)).await?;
    match &found {
        Some(o) => write_key(&ctx.cluster, &r, o, KEY, &after).await?,
        None => {
            let mut object = json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": r.name, "namespace": r.namespace}, "data": {KEY: after},
            });
            own(&mut object, ctx.namespace());
            ctx.cluster.create(&object).await?;
        }
    }
    running(ctx).await?;
    Ok(format!("monitoring of users' workloads switched on in {r}"))
}

/// Waits until its Prometheus is at work.
async fn running(ctx: &Ctx) -> anyhow::Result<()> {
    wait_for("monitoring of users' workloads to be at work", ctx.limit(300), Duration::from_secs(1), async || {
        let pods = match ctx.cluster.list("Pod", Some(USER_WORKLOAD), "app.kubernetes.io/name=prometheus").await {
            // Whether it works shows when the model servers are scraped.
            Err(e) if e.is_forbidden() => return Ok(Poll::Done(())),
            other => other?,
        };
        let ready = |p: &Value| items_at(p, "/status/conditions").any(|c| c["type"] == "Ready" && c["status"] == "True");
        Ok(match pods.iter().filter(|p| ready(p)).count() {
            0 => Poll::Not(format!("{} pods of Prometheus in {USER_WORKLOAD}, none ready", pods.len())),
            _ => Poll::Done(()),
        })
    })
    .await
}

/// Puts the setting back, unless another stack needs it, or somebody has changed it since.
pub async fn remove(ctx: &Ctx) -> anyhow::Result<Vec<String>> {
    let Some(mark) = marks::get(&ctx.cluster, ctx.namespace(), PACE).await? else { return Ok(vec![]) };
    let r = config();
    let Some(found) = ctx.cluster.get(&r).await? else { return Ok(vec![]) };
    let now = found["data"][KEY].as_str().unwrap_or_default();
    if let Some(heir) = marks::of_others(&ctx.cluster, ctx.namespace(), USED).await?.first() {
        // It puts back what this stack found.
        marks::create(&ctx.cluster, PACE, &Mark { stack: heir.stack.clone(), ..mark.clone() }).await?;
        if is_ours(&found, ctx.namespace()) {
            let labels = json!({manifests::labels::STACK: heir.stack});
            ctx.cluster.merge_patch(&r, None, &json!({"metadata": {"labels": labels}})).await?;
        }
        return Ok(vec![format!("monitoring of users' workloads stays on: stack {} uses it, and puts it back", heir.stack)]);
    }
    if !mark.ours.iter().any(|o| o == now) {
        return Ok(vec![]);
    }
    // One that bench made goes by its labels.
    if is_ours(&found, ctx.namespace()) {
        ctx.cluster.delete(&r, Some(text_at(&found, "/metadata/uid"))).await?;
    } else if mark.before.is_empty() {
        let patch = json!({"metadata": {"resourceVersion": found["metadata"]["resourceVersion"]}, "data": {KEY: null}});
        ctx.cluster.merge_patch(&r, None, &patch).await?;
    } else {
        write_key(&ctx.cluster, &r, &found, KEY, &mark.before).await?;
    }
    Ok(vec![format!("monitoring of users' workloads is off again in {r}")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_changed_and_no_other() {
        let theirs = "# kept\nprometheusK8s:\n  retention: 3d   # three\nenableUserWorkload: false\nalertmanagerMain: {}\n";
        assert_eq!(switched_on(theirs).unwrap(), theirs.replace("enableUserWorkload: false", "enableUserWorkload: true"));
        assert_eq!(switched_on("").unwrap(), "enableUserWorkload: true\n");
        assert_eq!(switched_on("prometheusK8s: {}\n").unwrap(), "enableUserWorkload: true\nprometheusK8s: {}\n");
        assert!(is_on("enableUserWorkload: true\n") && !is_on("") && !is_on("x:\n  enableUserWorkload: true\n"));
        assert_eq!(switched_on("{prometheusK8s: {}}\n"), None, "a table in flow form is not for lines");
        assert_eq!(switched_on(&switched_on(theirs).unwrap()).unwrap(), switched_on(theirs).unwrap());
    }
}
