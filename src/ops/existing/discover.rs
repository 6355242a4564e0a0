//! Looks for a stack in a namespace: what serves, by which way requests come to it, what scales it. Writes nothing.

use super::traits::{self, pod_labels, selects};
use super::{Hints, endpoint, is_benchs};
use crate::cluster::{Cluster, items_at, text_at};
use crate::failure::Failure;
use bench_model::existing::{Existing, ExistingAutoscaler, ExistingService};
use bench_model::exit::Exit;
use serde::Serialize;
use serde_json::Value;

/// A stack as it was found.
#[derive(Debug, Clone, Serialize)]
pub struct Found {
    pub namespace: String,
    pub model: String,
    /// By what the Deployment is known.
    pub known_by: String,
    /// `spec.replicas` now.
    pub replicas: u32,
    #[serde(skip)]
    pub metrics_port: Option<u16>,
    #[serde(skip)]
    pub grace_s: Option<u32>,
    #[serde(flatten)]
    pub existing: Existing,
}

fn name(o: &Value) -> &str {
    text_at(o, "/metadata/name")
}

fn names(all: &[&Value]) -> String {
    all.iter().map(|o| name(o)).collect::<Vec<_>>().join(", ")
}

/// Finds the one stack of a namespace.
///
/// # Errors
/// Exit 6 when there is none or more than one; the option that decides is named.
pub async fn stack(cluster: &Cluster, hints: &Hints) -> anyhow::Result<Found> {
    let ns = &hints.namespace;
    let pools = cluster.list_if_any("InferencePool", Some(ns)).await?;
    let all = cluster.list("Deployment", Some(ns), "").await?;
    let (deployment, known_by) = deployment(&all, &pools, hints)?;
    let d = name(&deployment);
    let selector = traits::selector(&deployment).filter(|s| !s.is_empty()).ok_or_else(|| {
        Failure::new(Exit::Cluster, format!("Deployment {d} selects its pods by expressions, which bench does not follow"))
            .hint("bench run --endpoint URL measures it all the same, without a view of its pods")
    })?;
    let mut missing = vec![];
    let (service, path) = match &hints.endpoint {
        Some(url) => (endpoint::service_of(cluster, url, ns).await?, vec![]),
        None => {
            let (service, path) = way_in(cluster, ns, &deployment, &pools).await?;
            (Some(service), path)
        }
    };
    let url = match (&hints.endpoint, &service) {
        (Some(url), _) => endpoint::trimmed(url).into(),
        (None, Some(s)) => endpoint::url(s),
        (None, None) => String::new(),
    };
    let model = match (&hints.model, endpoint::models(cluster, &url, service.as_ref()).await) {
        (Some(m), Ok(served)) if !served.is_empty() && !served.contains(m) => return Err(endpoint::other_model(m, &served)),
        (Some(m), _) => m.clone(),
        (None, Ok(served)) => endpoint::one_model(&served)?,
        (None, Err(e)) => traits::model(&deployment).ok_or_else(|| endpoint::no_model(&e))?,
    };
    let autoscalers = autoscalers(cluster, ns, d).await?;
    if autoscalers.is_empty() {
        missing.push(format!("stack: nothing scales Deployment {d}"));
    }
    let number = |p: &str| deployment.pointer(p).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    Ok(Found {
        namespace: ns.clone(),
        model,
        known_by,
        replicas: number("/spec/replicas").unwrap_or(1),
        metrics_port: traits::metrics_port(&deployment),
        grace_s: number("/spec/template/spec/terminationGracePeriodSeconds"),
        existing: Existing { adopted: true, endpoint: url, service, deployment: d.into(), selector, autoscalers, path, missing },
    })
}

fn deployment(all: &[Value], pools: &[Value], hints: &Hints) -> anyhow::Result<(Value, String)> {
    let ns = &hints.namespace;
    if let Some(wanted) = &hints.deployment {
        let found = all.iter().find(|d| name(d) == wanted).ok_or_else(|| {
            let there = if all.is_empty() { "none".into() } else { names(&all.iter().collect::<Vec<_>>()) };
            Failure::new(Exit::Cluster, format!("there is no Deployment {wanted} in namespace {ns}")).hint(format!("there: {there}"))
        })?;
        return Ok((found.clone(), "named by --deployment".into()));
    }
    let mut serving: Vec<(&Value, String)> =
        all.iter().filter(|d| !is_benchs(d)).filter_map(|d| Some((d, traits::serves(d, pools)?))).collect();
    match serving.len() {
        1 => Ok(serving.remove(0)).map(|(d, why)| (d.clone(), why)),
        0 => {
            let there = all.iter().filter(|d| !is_benchs(d)).collect::<Vec<_>>();
            let there = if there.is_empty() { "it has no Deployments".into() } else { format!("its Deployments: {}", names(&there)) };
            Err(Failure::new(Exit::Cluster, format!("nothing in namespace {ns} is known to serve a model; {there}"))
                .hint("--deployment NAME says which one does; bench run --endpoint URL needs none")
                .into())
        }
        _ => {
            let lines = serving.iter().map(|(d, why)| format!("--deployment {}   {why}", name(d))).collect();
            Err(Failure::new(Exit::Cluster, format!("{} Deployments in namespace {ns} serve a model", serving.len()))
                .hint("say which one with --deployment NAME")
                .evidence(lines)
                .into())
        }
    }
}

/// What scales a Deployment.
pub async fn autoscalers(cluster: &Cluster, namespace: &str, deployment: &str) -> anyhow::Result<Vec<ExistingAutoscaler>> {
    let mut out = vec![];
    for kind in super::adopt::AUTOSCALERS {
        out.extend(traits::autoscalers(&cluster.list_if_any(kind, Some(namespace)).await?, kind, deployment));
    }
    Ok(out)
}

/// The Service that requests come in by: a Gateway's where a route leads to these pods, else the only one that selects them.
async fn way_in(cluster: &Cluster, ns: &str, deployment: &Value, pools: &[Value]) -> anyhow::Result<(ExistingService, Vec<String>)> {
    let services = cluster.list("Service", Some(ns), "").await?;
    let labels = pod_labels(deployment);
    let behind: Vec<&Value> =
        services.iter().filter(|s| !is_benchs(s) && selects(s.pointer("/spec/selector").and_then(Value::as_object), labels)).collect();
    let pool = pools.iter().find(|p| selects(traits::pool_selector(p), labels));
    let leads = |r: &Value| {
        items_at(r, "/spec/rules").flat_map(|rule| items_at(rule, "/backendRefs")).any(|b| match text_at(b, "/kind") {
            "InferencePool" => pool.is_some_and(|p| name(p) == text_at(b, "/name")),
            _ => behind.iter().any(|s| name(s) == text_at(b, "/name")),
        })
    };
    let mut ways: Vec<(ExistingService, Vec<String>)> = vec![];
    for route in cluster.list_if_any("HTTPRoute", Some(ns)).await?.iter().filter(|r| leads(r)) {
        for parent in items_at(route, "/spec/parentRefs") {
            let at = Some(text_at(parent, "/namespace")).filter(|n| !n.is_empty()).unwrap_or(ns);
            let gateway = text_at(parent, "/name");
            let Some(service) = of_gateway(cluster, at, gateway).await? else { continue };
            let mut path = vec![format!("Gateway {at}/{gateway}"), format!("HTTPRoute {ns}/{}", name(route))];
            path.extend(pool.map(|p| format!("InferencePool {ns}/{}", name(p))));
            if !ways.iter().any(|(s, _)| *s == service) {
                ways.push((service, path));
            }
        }
    }
    if ways.is_empty() {
        ways.extend(behind.iter().filter_map(|s| {
            let path = vec![format!("Service {ns}/{}", name(s))];
            Some((
                ExistingService { namespace: ns.into(), name: name(s).into(), port: api_port(s, deployment)?, scheme: "http".into() },
                path,
            ))
        }));
    }
    match ways.len() {
        1 => Ok(ways.remove(0)),
        0 => Err(Failure::new(Exit::Cluster, format!("no Service or Gateway leads to Deployment {}", name(deployment)))
            .hint("--endpoint URL says where its API is, e.g. http://SERVICE.NAMESPACE.svc.cluster.local:8000")
            .into()),
        n => {
            let lines = ways.iter().map(|(s, path)| format!("--endpoint {}   {}", endpoint::url(s), path.join(", "))).collect();
            Err(Failure::new(Exit::Cluster, format!("{n} ways lead to Deployment {}", name(deployment)))
                .hint("say which one the load takes with --endpoint URL")
                .evidence(lines)
                .into())
        }
    }
}

/// The Service of a Gateway's proxy, by the label that the Gateway API gives it.
async fn of_gateway(cluster: &Cluster, ns: &str, gateway: &str) -> anyhow::Result<Option<ExistingService>> {
    let services = cluster.list_if_any("Service", Some(ns)).await?;
    let labelled = |s: &&Value| crate::steps::label(s, "gateway.networking.k8s.io/gateway-name") == Some(gateway);
    let Some(service) = services.iter().find(labelled) else { return Ok(None) };
    let gateways = cluster.list_if_any("Gateway", Some(ns)).await?;
    let listeners: Vec<u64> = gateways
        .iter()
        .filter(|g| name(g) == gateway)
        .flat_map(|g| items_at(g, "/spec/listeners"))
        .filter(|l| text_at(l, "/protocol") == "HTTP")
        .filter_map(|l| l["port"].as_u64())
        .collect();
    let port = ports(service).into_iter().find(|p| listeners.is_empty() || listeners.contains(&u64::from(*p)));
    Ok(port.map(|port| ExistingService { namespace: ns.into(), name: name(service).into(), port, scheme: "http".into() }))
}

fn ports(service: &Value) -> Vec<u16> {
    items_at(service, "/spec/ports").filter_map(|p| u16::try_from(p["port"].as_u64()?).ok()).collect()
}

/// Port of a Service behind which the API is: the only one, one by a usual name, or the one that leads to a server's port.
fn api_port(service: &Value, deployment: &Value) -> Option<u16> {
    let all: Vec<&Value> = items_at(service, "/spec/ports").collect();
    let to = traits::metrics_port(deployment).map(u64::from);
    let named = |p: &&&Value| matches!(text_at(p, "/name"), "http" | "api" | "openai" | "vllm");
    let leads = |p: &&&Value| p["targetPort"].as_u64().or(p["port"].as_u64()) == to;
    let one = if all.len() == 1 { all.first() } else { all.iter().find(named).or_else(|| all.iter().find(leads)).or(all.first()) };
    u16::try_from(one?["port"].as_u64()?).ok()
}

/// The Deployment behind a Service, when it serves a model.
pub async fn behind(cluster: &Cluster, service: &ExistingService) -> anyhow::Result<Option<Value>> {
    let ns = &service.namespace;
    let at = crate::cluster::Ref::new("Service", ns, &service.name);
    let Some(found) = cluster.get_if_allowed(&at).await? else { return Ok(None) };
    let selector = found.pointer("/spec/selector").and_then(Value::as_object).cloned();
    let pools = cluster.list_if_any("InferencePool", Some(ns)).await?;
    let all = cluster.list_if_any("Deployment", Some(ns)).await?;
    let mut serving = all.into_iter().filter(|d| selects(selector.as_ref(), pod_labels(d)) && traits::serves(d, &pools).is_some());
    Ok(serving.next().filter(|_| serving.next().is_none()))
}
