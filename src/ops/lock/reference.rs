//! Names of images, as registries understand them.

/// What a registry is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Host and port that answer: Docker Hub's is not the one in its names.
    pub host: String,
    pub repository: String,
    pub tag: String,
    /// Of a name that has one.
    pub digest: Option<String>,
}

impl Reference {
    /// Reads `[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]`. Without a host it is Docker Hub, without tag and digest it is `latest`.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(name: &str) -> Result<Self, &'static str> {
        let (name, digest) = match name.split_once('@') {
            Some((name, digest)) if is_digest(digest) => (name, Some(digest.to_string())),
            Some(_) => return Err("its digest is no sha256"),
            None => (name, None),
        };
        // A colon before the last slash is a registry's port.
        let (path, tag) = match name.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, tag),
            _ => (name, "latest"),
        };
        let (host, path) = match path.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
            _ => ("docker.io", path),
        };
        let hub = matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io");
        let repository = if hub && !path.contains('/') { format!("library/{path}") } else { path.to_string() };
        let plain = |part: &str| {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
            part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.chars().all(fits)
        };
        if !repository.split('/').all(plain) {
            return Err("its repository is not lower-case words between slashes");
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if tag.is_empty() || tag.len() > 128 || !tag.chars().all(fits) || tag.starts_with(['.', '-']) {
            return Err("its tag is not of letters, digits, `.`, `_` and `-`");
        }
        if !host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c)) {
            return Err("its registry is no host");
        }
        let host = if hub { "registry-1.docker.io" } else { host };
        Ok(Self { host: host.into(), repository, tag: tag.into(), digest })
    }

    /// A registry of this machine is asked without TLS, as container runtimes do.
    pub fn is_local(&self) -> bool {
        is_local(&self.host)
    }
}

/// Is this host, with or without its port, this very machine?
pub fn is_local(host: &str) -> bool {
    let name = host.strip_prefix("[::1]").map_or_else(|| host.split(':').next().unwrap_or(host), |_| "::1");
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// `sha256:` and 64 digits.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|h| h.len() == 64 && h.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_registries_understand_them() {
        let read = |name: &str| Reference::parse(name).map(|r| format!("{} {} {}", r.host, r.repository, r.tag)).unwrap();
        for (name, is) in [
            ("haproxy:3.0", "registry-1.docker.io library/haproxy 3.0"),
            ("docker.io/library/haproxy:3.0", "registry-1.docker.io library/haproxy 3.0"),
            ("docker.io/haproxy:3.0", "registry-1.docker.io library/haproxy 3.0"),
            ("istio/proxyv2:1.28.1", "registry-1.docker.io istio/proxyv2 1.28.1"),
            ("index.docker.io/istio/proxyv2:1.28.1", "registry-1.docker.io istio/proxyv2 1.28.1"),
            ("ghcr.io/llm-d/llm-d-cuda:v0.4.0", "ghcr.io llm-d/llm-d-cuda v0.4.0"),
            ("localhost:5000/x", "localhost:5000 x latest"),
            ("localhost/x:1", "localhost x 1"),
            ("registry.k8s.io/a/b/c:v1", "registry.k8s.io a/b/c v1"),
            ("[::1]:5000/x:1", "[::1]:5000 x 1"),
        ] {
            assert_eq!(read(name), is, "{name}");
        }
    }

    #[test]
    fn a_digest_is_kept_and_a_wrong_one_refused() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        let r = Reference::parse(&format!("ghcr.io/a/b:v1@{digest}")).unwrap();
        assert_eq!((r.tag.as_str(), r.digest), ("v1", Some(digest)));
        assert!(Reference::parse("ghcr.io/a/b@sha256:abc").is_err());
        assert!(Reference::parse(&format!("a@sha256:{}", "A1".repeat(32))).is_err());
    }

    #[test]
    fn what_would_ask_something_else_is_refused() {
        for name in
            ["", "ghcr.io/", "ghcr.io/a/../b:1", "ghcr.io/A/b:1", "ghcr.io/a//b:1", "ghcr.io/a:x?y", "u@ghcr.io/a:1", "a b:1", "gh%.io/a:1"]
        {
            assert!(Reference::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn only_this_machine_is_local() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["localhost.example.com", "ghcr.io", "128.0.0.1:5000", "127.0.0.1.example.com"] {
            assert!(!is_local(host), "{host}");
        }
    }
}
