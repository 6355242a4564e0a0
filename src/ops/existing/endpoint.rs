//! `bench run --endpoint`: a URL that bench did not stand up, and what of it the cluster shows.

use super::{Hints, around, discover, traits};
use crate::cluster::{Cluster, Page, Ref, ServicePort, text_at};
use crate::config::Lookup;
use crate::config::scenario::ScenarioArgs;
use crate::failure::Failure;
use crate::metrics::Prometheus;
use crate::ops::{Session, facts};
use bench_model::existing::{Existing, ExistingService};
use bench_model::exit::Exit;
use bench_model::plan::{Arm, Plan};
use serde_json::Value;

/// Without what every client adds by itself.
pub fn trimmed(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    url.strip_suffix("/v1").unwrap_or(url).trim_end_matches('/')
}

/// URL of a Service for programs in the cluster.
pub fn url(s: &ExistingService) -> String {
    port(s).url()
}

/// A Service as the API server's proxy reaches it.
pub fn port(s: &ExistingService) -> ServicePort {
    ServicePort { namespace: s.namespace.clone(), service: s.name.clone(), port: s.port, scheme: s.scheme.clone() }
}

/// Scheme, host, port and path of a URL.
///
/// # Errors
/// Exit 2 for what is no http or https URL.
fn parts(url: &str) -> anyhow::Result<(String, String, u16, String)> {
    let bad = || {
        Failure::new(Exit::Usage, format!("--endpoint {}: not a URL of http or https", crate::config::secrets::redact_text(url)))
            .hint("for example http://SERVICE.NAMESPACE.svc.cluster.local:8000")
    };
    let uri: http::Uri = trimmed(url).parse().map_err(|_| bad())?;
    let scheme = uri.scheme_str().filter(|s| matches!(*s, "http" | "https")).ok_or_else(bad)?.to_string();
    // A name and a password in a URL would be written into every file of the run.
    if uri.query().is_some() || uri.authority().is_some_and(|a| a.as_str().contains('@')) {
        return Err(bad().into());
    }
    let host = uri.host().filter(|h| !h.is_empty()).ok_or_else(bad)?.to_string();
    let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    Ok((scheme, host, port, uri.path().trim_end_matches('/').to_string()))
}

/// Name and namespace of a Service by a host of the cluster's DNS; a bare name is of `here`.
fn named<'a>(host: &'a str, here: &'a str) -> Option<(&'a str, &'a str)> {
    let host = host.trim_end_matches('.');
    let host = host.strip_suffix(".cluster.local").unwrap_or(host);
    let host = host.strip_suffix(".svc").unwrap_or(host);
    match host.split('.').collect::<Vec<_>>()[..] {
        [name] => Some((name, here)),
        [name, namespace] => Some((name, namespace)),
        _ => None,
    }
}

/// The Service behind a URL; `None` when it is none of this cluster, or none that this user may see.
pub async fn service_of(cluster: &Cluster, url: &str, here: &str) -> anyhow::Result<Option<ExistingService>> {
    let (scheme, host, port, path) = parts(url)?;
    let Some((name, namespace)) = named(&host, here).filter(|_| path.is_empty()) else { return Ok(None) };
    if host.parse::<std::net::IpAddr>().is_ok() || cluster.get_if_allowed(&Ref::new("Service", namespace, name)).await?.is_none() {
        return Ok(None);
    }
    Ok(Some(ExistingService { namespace: namespace.into(), name: name.into(), port, scheme }))
}

/// Models that an endpoint says it serves: asked through the API server, or of an https page directly.
pub async fn models(cluster: &Cluster, url: &str, service: Option<&ExistingService>) -> anyhow::Result<Vec<String>> {
    let answer: Value = match service {
        Some(s) => cluster.proxy_get(&port(s), "/v1/models").await?,
        None => {
            let page = format!("{}/v1/models", trimmed(url));
            serde_json::from_str(&cluster.web_get(&Page { url: &page, bearer: None, ca: "" }).await?)?
        }
    };
    Ok(answer["data"].as_array().into_iter().flatten().filter_map(|m| Some(m["id"].as_str()?.to_string())).collect())
}

pub fn one_model(served: &[String]) -> anyhow::Result<String> {
    match served {
        [one] => Ok(one.clone()),
        [] => Err(no_model(&anyhow::anyhow!("/v1/models names none"))),
        many => Err(Failure::new(Exit::Cluster, format!("the endpoint serves {} models", many.len()))
            .hint("say which one with -m MODEL")
            .evidence(many.iter().map(|m| format!("-m {m}")).collect())
            .into()),
    }
}

pub fn no_model(why: &anyhow::Error) -> anyhow::Error {
    Failure::new(Exit::Cluster, format!("which model the endpoint serves is not known: {why:#}")).hint("say it with -m MODEL").into()
}

pub fn other_model(wanted: &str, served: &[String]) -> anyhow::Error {
    Failure::new(Exit::Cluster, format!("the endpoint does not serve {wanted}; it serves {}", served.join(", "))).hint("-m MODEL").into()
}

/// A plan of the endpoint alone: it is loaded from a namespace in which nothing but the run's own objects are made.
pub async fn plan(session: &Session, lookup: &Lookup, args: &ScenarioArgs, hints: &Hints) -> anyhow::Result<Plan> {
    let cluster = &session.cluster;
    let ns = &hints.namespace;
    let given = hints.endpoint.as_deref().unwrap_or_default();
    parts(given)?;
    if cluster.get_if_allowed(&Ref::new("Namespace", "", ns)).await.is_ok_and(|n| n.is_none())
        && cluster.list("ConfigMap", Some(ns), "").await.is_ok_and(|l| l.is_empty())
    {
        return Err(Failure::new(Exit::Cluster, format!("there is no namespace {ns} for the load"))
            .hint(format!("kubectl create namespace {ns}, or another one with -p NAMESPACE"))
            .into());
    }
    let service = service_of(cluster, given, ns).await?;
    let model = match (&hints.model, models(cluster, given, service.as_ref()).await) {
        (Some(m), Ok(served)) if !served.is_empty() && !served.contains(m) => return Err(other_model(m, &served)),
        (Some(m), _) => m.clone(),
        (None, Ok(served)) => one_model(&served)?,
        (None, Err(e)) => return Err(no_model(&e)),
    };
    let mut existing = Existing { endpoint: trimmed(given).into(), service, ..Existing::default() };
    let found = view(cluster, ns, &mut existing).await?;
    let mut scenario = around(lookup, args, &model, existing)?;
    scenario.namespace.clone_from(ns);
    if let Some(port) = found.as_ref().and_then(traits::metrics_port) {
        scenario.model_server.metrics_port = port;
    }
    if found.is_none() {
        // Without a Deployment there is nothing whose settling could be waited for.
        scenario.recording.tail_limit_s = scenario.recording.settle_s;
    }
    let facts = facts::gather(cluster).await?;
    let mut plan = Plan::new(scenario, None, Arm::Existing, Some(facts), vec![]);
    if let Some(why) = Prometheus::if_any(cluster, &plan).await.absent()
        && let Some(existing) = plan.scenario.existing.as_mut()
    {
        existing.missing.push(format!("stack: no metrics of the servers: {why}"));
        plan = Plan::new(plan.scenario, None, plan.arm, plan.facts, vec![]);
    }
    Ok(plan)
}

/// What the cluster shows behind the endpoint; what it does not is written down.
async fn view(cluster: &Cluster, ns: &str, existing: &mut Existing) -> anyhow::Result<Option<Value>> {
    let Some(service) = existing.service.clone() else {
        existing.missing.push("stack: the endpoint is no Service of this cluster; replicas, autoscaler and metrics are not known".into());
        return Ok(None);
    };
    existing.path.push(format!("Service {}/{}", service.namespace, service.name));
    let Some(deployment) = discover::behind(cluster, &service).await? else {
        existing.missing.push(format!(
            "stack: no single Deployment of model servers is behind Service {}/{}; replicas and autoscaler are not known",
            service.namespace, service.name
        ));
        return Ok(None);
    };
    let name = text_at(&deployment, "/metadata/name");
    existing.autoscalers = discover::autoscalers(cluster, &service.namespace, name).await?;
    if service.namespace != *ns {
        existing.missing.push(format!(
            "stack: Deployment {name} is in namespace {}, and the recorder sees {ns} alone; replicas are not known",
            service.namespace
        ));
        return Ok(None);
    }
    existing.deployment = name.into();
    existing.selector = traits::selector(&deployment).unwrap_or_default();
    Ok(Some(deployment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_service_by_the_names_of_the_clusters_dns() {
        for (host, wanted) in [
            ("web", Some(("web", "here"))),
            ("web.there", Some(("web", "there"))),
            ("web.there.svc", Some(("web", "there"))),
            ("web.there.svc.cluster.local", Some(("web", "there"))),
            ("web.there.svc.cluster.local.", Some(("web", "there"))),
            ("api.models.example.com", None),
        ] {
            assert_eq!(named(host, "here"), wanted, "{host}");
        }
    }

    #[test]
    fn a_url_is_taken_apart_and_nonsense_refused() {
        let of = |u: &str| parts(u).ok();
        assert_eq!(of("http://web:8000/v1/"), Some(("http".into(), "web".into(), 8000, String::new())));
        assert_eq!(of("https://example.com/a/v1"), Some(("https".into(), "example.com".into(), 443, "/a".into())));
        for bad in ["web:8000", "ftp://web", "", "http://", "http://user:secret@web", "http://web?key=1"] {
            assert!(of(bad).is_none(), "{bad}");
        }
    }
}
