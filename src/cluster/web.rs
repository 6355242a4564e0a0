//! Pages that are no API server's: CRDs of a release, and metrics behind a Route. Over HTTPS, verified.

use super::{Cluster, ClusterError, Outside};
use base64::Engine;
use http::Request;
use kube::Client;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    pub url: &'a str,
    pub bearer: Option<&'a str>,
    /// PEM of the authorities that may have signed its certificate; empty: those that this machine trusts.
    pub ca: &'a str,
}

const TIMEOUT: Duration = Duration::from_secs(30);

/// DER of the certificates in a PEM file.
fn certificates(pem: &str) -> Vec<Vec<u8>> {
    let mut out = vec![];
    for part in pem.split("-----BEGIN CERTIFICATE-----").skip(1) {
        let body: String = part.split("-----END").next().unwrap_or_default().split_whitespace().collect();
        out.extend(base64::engine::general_purpose::STANDARD.decode(body));
    }
    out
}

async fn real(page: &Page<'_>) -> Result<String, ClusterError> {
    let uri: http::Uri = page.url.parse().map_err(|e| ClusterError::Config(format!("{}: {e}", page.url)))?;
    if uri.scheme_str() != Some("https") {
        return Err(ClusterError::Config(format!("{}: only https is asked", page.url)));
    }
    let root = format!("https://{}", uri.authority().map(http::uri::Authority::as_str).unwrap_or_default());
    let mut config = kube::Config::new(root.parse().map_err(|e| ClusterError::Config(format!("{root}: {e}")))?);
    let roots = certificates(page.ca);
    config.root_cert = (!roots.is_empty()).then_some(roots);
    config.connect_timeout = Some(Duration::from_secs(10));
    if let Some(token) = page.bearer {
        config.auth_info.token = Some(token.to_string().into());
    }
    let client = Client::try_from(config).map_err(|e| ClusterError::from_kube(e, "connect", &root))?;
    let rest = uri.path_and_query().map(http::uri::PathAndQuery::as_str).unwrap_or("/");
    let request = Request::get(rest).body(vec![]).map_err(|e| ClusterError::Config(e.to_string()))?;
    match tokio::time::timeout(TIMEOUT, client.request_text(request)).await {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(e)) => Err(ClusterError::from_kube(e, &format!("get {}", page.url), &root)),
        Err(_) => Err(ClusterError::Slow { what: format!("get {}", page.url), seconds: TIMEOUT.as_secs() }),
    }
}

async fn get(outside: Option<&Arc<dyn Outside>>, page: &Page<'_>) -> Result<String, ClusterError> {
    match outside {
        Some(o) => o.web(page).await,
        None => real(page).await,
    }
}

impl Cluster {
    /// GET of a page; asked once more when the network fails.
    pub async fn web_get(&self, page: &Page<'_>) -> Result<String, ClusterError> {
        match get(self.outside.as_ref(), page).await {
            Err(ClusterError::Unreachable { .. }) => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                get(self.outside.as_ref(), page).await
            }
            other => other,
        }
    }

    /// A token of a ServiceAccount, and how long it is good for.
    pub async fn token(&self, namespace: &str, account: &str, seconds: u64) -> Result<(String, Duration), ClusterError> {
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": seconds},
        });
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let what = format!("make a token of ServiceAccount {namespace}/{account}");
        let answer = self.request("POST", &path, "application/json", body.to_string().into_bytes(), &what).await?;
        let token = super::text_at(&answer, "/status/token");
        if token.is_empty() {
            return Err(ClusterError::Api { what, code: 0, reason: String::new(), message: "the answer has none".into() });
        }
        Ok((token.into(), crate::metrics::token_life(&answer)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_of_certificates_is_read_one_by_one() {
        let pem = "# who\n-----BEGIN CERTIFICATE-----\nAAEC\nAwQ=\n-----END CERTIFICATE-----\n\n-----BEGIN CERTIFICATE-----\n/w==\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(pem), [vec![0, 1, 2, 3, 4], vec![255]]);
        assert!(certificates("").is_empty());
    }

    #[tokio::test]
    async fn nothing_is_asked_without_tls() {
        let page = Page { url: "http://127.0.0.1:1/x", bearer: None, ca: "" };
        assert!(matches!(real(&page).await, Err(ClusterError::Config(_))));
    }
}
