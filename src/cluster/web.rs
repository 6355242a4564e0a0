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

    /// A server with a certificate of its own, on this machine; answers by the path, and says which token it was shown.
    async fn server() -> (u16, String) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let key = tokio_rustls::rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut buffer = vec![0; 4096];
                let n = stream.read(&mut buffer).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&buffer[..n]).to_lowercase();
                let (status, body) = match () {
                    () if request.contains("get /missing ") => ("404 Not Found", "no such page".to_string()),
                    () if request.contains("get /api/v1/query?query=time%28%29 ") && !request.contains("bearer good") => {
                        ("401 Unauthorized", "Unauthorized".into())
                    }
                    () => ("200 OK", format!("shown: {}", request.contains("authorization: bearer good"))),
                };
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        (port, made.cert.pem())
    }

    #[tokio::test]
    async fn a_page_comes_over_verified_tls_with_its_token_and_only_so() {
        let (port, ca) = server().await;
        let at = |path: &str| format!("https://localhost:{port}{path}");
        let ask = async |url: &str, bearer: Option<&str>, ca: &str| real(&Page { url, bearer, ca }).await;
        assert_eq!(ask(&at("/x.yaml"), None, &ca).await.unwrap(), "shown: false");
        let query = at("/api/v1/query?query=time%28%29");
        assert_eq!(ask(&query, Some("good"), &ca).await.unwrap(), "shown: true");
        assert!(
            matches!(ask(&query, Some("old"), &ca).await, Err(ClusterError::Api { code: 401, .. })),
            "a fresh token is asked for by this"
        );
        assert!(matches!(ask(&at("/missing"), None, &ca).await, Err(ClusterError::Api { code: 404, .. })));
        // Nobody that this machine trusts has signed it.
        let e = ask(&at("/x.yaml"), Some("good"), "").await.unwrap_err();
        assert!(matches!(e, ClusterError::Unreachable { .. }), "{e}");
    }
}
