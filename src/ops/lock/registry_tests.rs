//! Against a registry on this machine that answers as real ones do.

use super::*;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// What was asked, head by head.
type Asked = Arc<Mutex<Vec<String>>>;

/// Answers each request by `answer`, which is given its head and the server's own address; nothing is answered to `None`.
fn server(answer: impl Fn(&str, &str) -> Option<String> + Send + 'static) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let asked = Asked::default();
    let (at, log) = (host.clone(), asked.clone());
    std::thread::spawn(move || {
        let mut held = vec![];
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut head = vec![];
            let mut part = [0; 4096];
            while !head.windows(4).any(|w| w == b"\r\n\r\n") {
                match stream.read(&mut part) {
                    Ok(n) if n > 0 => head.extend_from_slice(&part[..n]),
                    _ => break,
                }
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            log.lock().unwrap().push(head.clone());
            match answer(&head, &at) {
                Some(text) => drop(stream.write_all(text.as_bytes())),
                None => held.push(stream),
            }
        }
    });
    (host, asked)
}

fn http(status: &str, headers: &str, body: &str) -> Option<String> {
    Some(format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len()))
}

async fn ask(name: &str) -> Result<String, Fault> {
    Registries::new(Duration::from_millis(700)).unwrap().digest(&Reference::parse(name).unwrap()).await
}

fn some_digest() -> String {
    format!("sha256:{}", "0f".repeat(32))
}

#[tokio::test]
async fn a_digest_comes_after_the_token_that_everybody_gets() {
    let (host, asked) = server(|head, me| {
        let head = head.to_lowercase();
        if head.starts_with("get /token?") {
            return http("200 OK", "", r#"{"access_token": "open-to-all"}"#);
        }
        if !head.contains("authorization: bearer open-to-all") {
            let offer =
                format!("www-authenticate: Bearer realm=\"http://{me}/token?x=1\",service=\"a, b\",scope=\"repository:a/b:pull\"\r\n");
            return http("401 Unauthorized", &offer, "");
        }
        http("200 OK", &format!("docker-content-digest: {}\r\n", some_digest()), "")
    });
    assert_eq!(ask(&format!("{host}/a/b:v1")).await, Ok(some_digest()));
    let asked = asked.lock().unwrap().clone();
    let lines: Vec<&str> = asked.iter().map(|a| a.lines().next().unwrap_or_default()).collect();
    assert_eq!(
        lines,
        [
            "HEAD /v2/a/b/manifests/v1 HTTP/1.1",
            "GET /token?x=1&scope=repository%3Aa%2Fb%3Apull&service=a%2C+b HTTP/1.1",
            "HEAD /v2/a/b/manifests/v1 HTTP/1.1"
        ]
    );
    for kind in ["oci.image.index.v1", "docker.distribution.manifest.list.v2", "oci.image.manifest.v1", "docker.distribution.manifest.v2"] {
        assert!(asked[0].contains(kind), "{}", asked[0]);
    }
}

#[tokio::test]
async fn without_the_header_the_bytes_are_summed() {
    let (host, _) = server(|head, _| http("200 OK", "", if head.starts_with("GET") { "{}" } else { "" }));
    let sum = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(ask(&format!("{host}/a:1")).await.as_deref(), Ok(sum));
}

#[tokio::test]
async fn what_is_not_there_is_told_and_never_made_up() {
    let (host, _) = server(|head, _| match () {
        () if head.contains("/gone/") => http("404 Not Found", "", ""),
        () if head.contains("/private/") => http("401 Unauthorized", "www-authenticate: Basic realm=\"x\"\r\n", ""),
        () if head.contains("/odd/") => http("200 OK", "docker-content-digest: sha256:12\r\n", ""),
        () if head.contains("/empty/") => http("200 OK", "", ""),
        () if head.contains("/busy/") => http("429 Too Many Requests", "", ""),
        () => None,
    });
    let said = async |path: &str| ask(&format!("{host}/{path}:v1")).await.unwrap_err().to_string().replace(&host, "HOST");
    assert_eq!(said("gone").await, "HOST has no gone:v1");
    assert_eq!(said("private").await, "HOST refuses private:v1 to those without credentials (HTTP 401)");
    assert_eq!(said("odd").await, "HOST answers without a digest that can be believed");
    assert_eq!(said("empty").await, "HOST answers without a digest that can be believed");
    assert_eq!(said("busy").await, "HOST answers with HTTP 429");
    assert_eq!(said("silent").await, "HOST gave no answer: time ran out");
    assert_eq!(ask("127.0.0.1:1/a:v1").await.unwrap_err().to_string(), "127.0.0.1:1 gave no answer: no connection");
}

#[tokio::test]
async fn a_name_with_a_digest_asks_nobody() {
    assert_eq!(ask(&format!("127.0.0.1:1/a:v1@{}", some_digest())).await, Ok(some_digest()));
}

#[test]
fn challenges_are_read() {
    let read = |realm: &str, service: Option<&str>, scope: Option<&str>| {
        Some(Challenge { realm: realm.into(), service: service.map(Into::into), scope: scope.map(Into::into) })
    };
    let hub = "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:library/haproxy:pull,push\"";
    assert_eq!(bearer(hub), read("https://auth.docker.io/token", Some("registry.docker.io"), Some("repository:library/haproxy:pull,push")));
    assert_eq!(bearer("bearer realm=https://x/t, service=y"), read("https://x/t", Some("y"), None));
    for none in ["Basic realm=\"x\"", "Bearer", "Bearer service=\"x\"", "Bearer realm=\"x"] {
        assert_eq!(bearer(none), None, "{none}");
    }
}
