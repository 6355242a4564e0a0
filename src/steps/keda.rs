//! KEDA, which makes the arm's HPA out of a ScaledObject: one that is there, or bench's own release of its chart.

use super::marks;
use super::release::{self, Part, Removed, Wanted};
use super::{Ctx, adapter, adapter::deployment_ready, label, namespace};
use crate::cluster::{Cluster, ClusterError, Poll, Ref, text_at, wait_for};
use crate::config::manifests::labels;
use crate::failure::Failure;
use bench_model::exit::Exit;
use bench_model::plan::Plan;
use bench_model::scenario::Provision;
use serde_json::{Value, json};
use std::time::Duration;

pub const PART: Part = Part { installed: "keda-installed", used: "keda-used" };
/// Deployments of its chart: what makes HPAs, and what gives them their numbers.
const OPERATOR: &str = "keda-operator";
const SERVER: &str = "keda-operator-metrics-apiserver";
const API_GROUP: &str = "external.metrics.k8s.io";

/// What is to be seen of a KEDA.
struct Found {
    /// Its kinds are served.
    kinds: bool,
    operator: Option<Ref>,
    /// `namespace/name` of the Service that answers for external metrics; `None` when there is none, or it may not be seen.
    server: Option<String>,
}

async fn find(cluster: &Cluster) -> Result<Found, ClusterError> {
    let kinds = cluster.serves("ScaledObject").await?;
    let operators = cluster.list_if_any("Deployment", None).await?;
    // Its chart and OpenShift's operator give it the same label and name.
    let is_operator = |d: &&Value| label(d, "app") == Some(OPERATOR) || text_at(d, "/metadata/name") == OPERATOR;
    let operator =
        operators.iter().find(is_operator).map(|d| Ref::new("Deployment", text_at(d, "/metadata/namespace"), text_at(d, "/metadata/name")));
    let api = cluster.get_if_allowed(&Ref::new("APIService", "", adapter::API_SERVICE)).await?;
    let server = api.map(|a| format!("{}/{}", text_at(&a, "/spec/service/namespace"), text_at(&a, "/spec/service/name")));
    Ok(Found { kinds, operator, server })
}

/// What standing up would find, or do: for `preflight`, too. `true` when one is there.
///
/// # Errors
/// Exit 6 when there is none and none is to be installed, when there is one and another is to be, and when somebody else
/// answers for external metrics: KEDA's HPAs would have no numbers.
pub async fn look(cluster: &Cluster, plan: &Plan) -> anyhow::Result<(bool, String)> {
    let found = find(cluster).await?;
    fitting(&found, plan)
}

fn fitting(found: &Found, plan: &Plan) -> anyhow::Result<(bool, String)> {
    let k = &plan.scenario.keda;
    let refuse = |text: String, hint: String| Err(Failure::new(Exit::Cluster, text).hint(hint).into());
    let by_keda = found.server.as_ref().is_none_or(|s| s.contains("keda"));
    if !by_keda {
        let server = found.server.as_deref().unwrap_or_default();
        return refuse(
            format!("external.metrics.k8s.io is served by Service {server}, and not by KEDA: its HPAs would have no numbers"),
            "only one server can own this API. Scale by that adapter (a scenario with scaling.by=hpa), or take it away".into(),
        );
    }
    match (found.kinds, k.mode) {
        (true, Provision::Install) => refuse(
            format!("KEDA is there already{}", found.operator.as_ref().map(|o| format!(": {o}")).unwrap_or_default()),
            "use it: --set keda.mode=existing".into(),
        ),
        (true, _) => Ok((true, found.operator.as_ref().map_or_else(|| "KEDA's kinds are served".into(), |o| format!("{o} is used")))),
        (false, Provision::Existing) => {
            let own = "let bench install it: --set keda.mode=auto";
            let theirs = if plan.on_openshift() {
                "install OpenShift's Custom Metrics Autoscaler operator and a KedaController".to_string()
            } else {
                format!("helm install keda keda --repo {} --version {} -n keda --create-namespace", k.charts, k.chart_version)
            };
            refuse(
                "KEDA is not installed (no CRD scaledobjects.keda.sh), and the scenario says that it exists".into(),
                format!("{theirs}; or {own}"),
            )
        }
        (false, _) => Ok((false, format!("KEDA is not there; bench installs {}", k.chart_version))),
    }
}

/// Before anything is made: would [`ensure`] refuse? One of bench's own never is.
///
/// # Errors
/// As [`look`].
pub async fn require(ctx: &Ctx) -> anyhow::Result<()> {
    if release::installed(ctx, PART).await?.is_none() {
        look(&ctx.cluster, &ctx.plan).await?;
    }
    Ok(())
}

pub async fn ensure(ctx: &Ctx) -> anyhow::Result<((), String)> {
    if release::installed(ctx, PART).await?.is_some() {
        return Ok(((), install(ctx).await?));
    }
    let found = find(&ctx.cluster).await?;
    let (there, said) = fitting(&found, &ctx.plan)?;
    if !there {
        return Ok(((), install(ctx).await?));
    }
    if let Some(operator) = &found.operator {
        let ns = operator.namespace.as_deref().unwrap_or_default();
        deployment_ready(ctx, ns, &operator.name).await?;
        marks::save(ctx, PART.used, &Ref::new("Namespace", "", ns), &operator.name, ns, None).await?;
    }
    served(ctx).await?;
    Ok(((), said))
}

/// Waits until somebody answers for external metrics: without, its HPAs have no numbers.
async fn served(ctx: &Ctx) -> anyhow::Result<()> {
    wait_for("KEDA's metrics server to answer", ctx.limit(120), Duration::from_secs(1), async || {
        let (kinds, api) = (ctx.cluster.serves("ScaledObject").await?, ctx.cluster.serves_group(API_GROUP).await?);
        Ok(match (kinds, api) {
            (true, true) => Poll::Done(()),
            (false, _) => Poll::Not("the API knows no ScaledObject yet".into()),
            (true, false) => Poll::Not(format!("nobody serves {API_GROUP}")),
        })
    })
    .await
}

async fn install(ctx: &Ctx) -> anyhow::Result<String> {
    let k = &ctx.plan.scenario.keda;
    namespace::ensure_named(ctx, &k.namespace).await?;
    let values = json!({});
    let chart =
        Wanted { release: &k.release, chart: "keda", charts: &k.charts, version: &k.chart_version, values: &values, key: "keda.charts" };
    let said = release::install(ctx, PART, &k.namespace, &[chart]).await?;
    for name in [OPERATOR, SERVER] {
        deployment_ready(ctx, &k.namespace, name).await?;
    }
    served(ctx).await?;
    Ok(said)
}

/// Uninstalls bench's own, or hands it over. Its CRDs go with the chart, and with them every ScaledObject.
///
/// # Errors
/// Exit 6 when somebody has come to use it.
pub async fn remove(ctx: &Ctx) -> anyhow::Result<Vec<String>> {
    if release::installed(ctx, PART).await?.is_none() {
        return Ok(vec![]);
    }
    let all = ctx.cluster.list_if_any("ScaledObject", None).await?;
    let theirs = all.iter().find(|o| label(o, labels::MANAGED_BY) != Some(labels::BENCH));
    if let Some(o) = theirs {
        let at = format!("{}/{}", text_at(o, "/metadata/namespace"), text_at(o, "/metadata/name"));
        return Err(Failure::new(Exit::Cluster, format!("bench's KEDA stays: ScaledObject {at} of somebody else is scaled by it"))
            .hint("its CRDs would go with it, and that object with them; remove it, or keep KEDA and delete bench's mark of it")
            .into());
    }
    Ok(match release::remove(ctx, PART).await? {
        Removed::NotOurs => vec![],
        Removed::HandedOver(said) | Removed::Gone(said) => vec![said],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Lookup;
    use crate::config::scenario::ScenarioArgs;
    use crate::ops::plan::{Intent, resolve};

    fn said(kinds: bool, server: Option<&str>, mode: &str) -> Result<(bool, String), String> {
        let set = vec![format!("keda.mode={mode}")];
        let intent =
            Intent { scenario: ScenarioArgs { name: "optimized-baseline".into(), set, ..ScenarioArgs::default() }, ..Intent::default() };
        let plan = resolve(&Lookup { config_dir: None, current_dir: "/nonexistent".into() }, &intent, None).unwrap().0;
        let found = Found { kinds, operator: None, server: server.map(String::from) };
        fitting(&found, &plan).map_err(|e| format!("{e}: {}", crate::failure::classify(&e).1.unwrap_or_default()))
    }

    #[test]
    fn it_is_used_installed_or_refused_with_what_to_do() {
        let own = Some("keda/keda-operator-metrics-apiserver");
        assert!(said(true, own, "existing").unwrap().0);
        assert!(said(true, own, "auto").unwrap().0);
        assert!(said(true, own, "install").unwrap_err().contains("keda.mode=existing"));
        let none = said(false, None, "existing").unwrap_err();
        assert!(none.contains("scaledobjects.keda.sh") && none.contains("helm install keda") && none.contains("keda.mode=auto"), "{none}");
        assert_eq!(said(false, None, "auto"), Ok((false, "KEDA is not there; bench installs 2.20.2".into())));
        for (kinds, mode) in [(true, "existing"), (false, "auto"), (false, "install")] {
            let e = said(kinds, Some("monitoring/prometheus-adapter"), mode).unwrap_err();
            assert!(e.contains("monitoring/prometheus-adapter") && e.contains("not by KEDA"), "{e}");
        }
    }
}
