//! OpenShift's Thanos querier, which has the cluster's metrics and those of users' workloads: asked through its Route, with a
//! token of the stack's own account. The API server's proxy would not do, for it passes no credentials on.

use crate::cluster::{Cluster, ClusterError, Page, Ref, ServicePort, text_at};
use crate::config::manifests::METRICS_ACCOUNT;
use crate::failure::Failure;
use anyhow::Context;
use bench_model::exit::Exit;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Seconds that a token is asked for: longer than most runs; a new one is fetched long before its end.
const TOKEN_S: u64 = 86_400;
/// Where OpenShift says to everybody what its monitoring is called outside, and which authority signs its Routes.
const SHARED: (&str, &str) = ("openshift-config-managed", "monitoring-shared-config");
const INGRESS_CA: (&str, &str) = ("openshift-config-managed", "default-ingress-cert");

/// As programs inside the cluster reach it.
pub fn inside() -> ServicePort {
    ServicePort { namespace: "openshift-monitoring".into(), service: "thanos-querier".into(), port: 9091, scheme: "https".into() }
}

/// The way in from outside.
#[derive(Debug)]
pub struct Door {
    url: String,
    ca: String,
    /// Namespace of the account.
    namespace: String,
    /// A token, and until when it is used.
    token: Mutex<Option<(String, Instant)>>,
}

impl Door {
    /// # Errors
    /// Exit 6 when OpenShift does not say where it is.
    pub async fn find(cluster: &Cluster, namespace: &str) -> anyhow::Result<Self> {
        let shared = cluster.get_if_allowed(&Ref::new("ConfigMap", SHARED.0, SHARED.1)).await?;
        let mut url = shared.as_ref().map(|o| text_at(o, "/data/thanosPublicURL").to_string()).unwrap_or_default();
        if url.is_empty() {
            let route = cluster.get_if_allowed(&Ref::new("Route", "openshift-monitoring", "thanos-querier")).await?;
            let host = route.as_ref().map(|r| text_at(r, "/spec/host").to_string()).filter(|h| !h.is_empty());
            let host = host.ok_or_else(|| {
                Failure::new(
                    Exit::Cluster,
                    format!("the Thanos querier's address is not known: ConfigMap {}/{} names none", SHARED.0, SHARED.1),
                )
                .hint("its Route must exist: oc -n openshift-monitoring get route thanos-querier")
            })?;
            url = format!("https://{host}");
        }
        let ca = cluster.get_if_allowed(&Ref::new("ConfigMap", INGRESS_CA.0, INGRESS_CA.1)).await?;
        let ca = ca.as_ref().map(|o| text_at(o, "/data/ca-bundle.crt").to_string()).unwrap_or_default();
        Ok(Self { url: url.trim_end_matches('/').into(), ca, namespace: namespace.into(), token: Mutex::new(None) })
    }

    async fn token(&self, cluster: &Cluster) -> Result<String, ClusterError> {
        let mut held = self.token.lock().await;
        if let Some((token, until)) = held.as_ref()
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let (token, valid) = cluster.token(&self.namespace, METRICS_ACCOUNT, TOKEN_S).await?;
        *held = Some((token.clone(), Instant::now() + valid / 2));
        Ok(token)
    }

    /// GET of a path of Prometheus' API.
    pub async fn get(&self, cluster: &Cluster, path: &str) -> Result<Value, ClusterError> {
        for again in [false, true] {
            let token = self.token(cluster).await?;
            let page = Page { url: &format!("{}{path}", self.url), bearer: Some(&token), ca: &self.ca };
            match cluster.web_get(&page).await {
                // Withdrawn, or the account was made anew: one fresh one.
                Err(ClusterError::Api { code: 401, .. }) if !again => *self.token.lock().await = None,
                Err(e) => return Err(e),
                Ok(text) => {
                    return serde_json::from_str(&text).map_err(|e| ClusterError::Api {
                        what: format!("ask {}", self.url),
                        code: 0,
                        reason: String::new(),
                        message: format!("its answer is no JSON: {e}"),
                    });
                }
            }
        }
        unreachable!("the second try returns")
    }
}

/// PEM of the authority that signed its certificate: OpenShift puts it into every namespace.
pub async fn ca(cluster: &Cluster, namespace: &str) -> anyhow::Result<String> {
    let r = Ref::new("ConfigMap", namespace, "openshift-service-ca.crt");
    let found = cluster.get(&r).await?.with_context(|| format!("{r} is missing"))?;
    let pem = text_at(&found, "/data/service-ca.crt");
    if !pem.contains("BEGIN CERTIFICATE") {
        return Err(Failure::new(Exit::Cluster, format!("{r} holds no certificate"))
            .hint("the service-ca operator must be at work")
            .into());
    }
    Ok(pem.into())
}

/// Time until a token's end, by what the API server says of it.
pub fn valid(answer: &Value) -> Duration {
    let end = text_at(answer, "/status/expirationTimestamp");
    let end = chrono::DateTime::parse_from_rfc3339(end).map(|t| t.with_timezone(&chrono::Utc) - chrono::Utc::now());
    end.ok().and_then(|d| d.to_std().ok()).unwrap_or(Duration::from_secs(600))
}
