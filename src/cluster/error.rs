//! What can go wrong between `bench` and the API server, in words that say what to do.

use kube::core::Status;

#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error("no usable kubeconfig: {0}")]
    Config(String),
    #[error("the API server at {url} cannot be reached ({what}): {reason}")]
    Unreachable { url: String, what: String, reason: String },
    #[error("the API server took more than {seconds} s to {what}")]
    Slow { what: String, seconds: u64 },
    #[error("{url} took the connection and did not answer within {seconds} s: no API server, or one that hangs")]
    Silent { url: String, seconds: u64 },
    #[error("the credential plugin that the kubeconfig names did not end within {seconds} s")]
    Credentials { seconds: u64 },
    #[error("not allowed to {what}: {message}")]
    Forbidden { what: String, message: String },
    #[error("cannot {what}: {message}")]
    Api { what: String, code: u16, reason: String, message: String },
    #[error("the template has an object of kind {kind:?} ({api_version:?}) that bench does not know")]
    UnknownKind { kind: String, api_version: String },
    #[error("{what} in pod {pod}: {message}")]
    Exec { what: String, pod: String, message: String },
    #[error("helm: {0}")]
    Helm(String),
    #[error("{0}")]
    NoPrometheus(String),
}

impl ClusterError {
    /// Sorts the client's error into ours; `what` completes "cannot …".
    pub fn from_kube(e: kube::Error, what: &str, url: &str) -> Self {
        let what = what.to_string();
        match e {
            kube::Error::Api(s) => Self::from_status(&s, what),
            other => Self::Unreachable { url: url.into(), what, reason: chain(&other) },
        }
    }

    fn from_status(s: &Status, what: String) -> Self {
        match s.code {
            403 => Self::Forbidden { what, message: s.message.clone() },
            _ => Self::Api { what, code: s.code, reason: s.reason.clone(), message: s.message.trim().to_string() },
        }
    }

    fn code(&self) -> u16 {
        if let Self::Api { code, .. } = self { *code } else { 0 }
    }

    pub fn is_not_found(&self) -> bool {
        self.code() == 404
    }

    /// The object exists already, or another manager owns a field of it.
    pub fn is_conflict(&self) -> bool {
        self.code() == 409
    }

    pub fn is_forbidden(&self) -> bool {
        match self {
            Self::Forbidden { .. } => true,
            // helm passes the API server's refusal on as text.
            Self::Helm(text) => text.contains("is forbidden"),
            _ => false,
        }
    }

    /// Worth trying again: the network, a timeout, a server that is busy.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Slow { .. } | Self::Silent { .. } | Self::Exec { .. } => true,
            Self::Api { code, .. } => *code == 429 || *code >= 500,
            _ => false,
        }
    }

    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// A deadline ran out, rather than the cluster refused.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Slow { .. } | Self::Silent { .. } | Self::Credentials { .. })
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(_) => {
                Some("give --kubeconfig FILE or set KUBECONFIG; `kubectl config get-contexts` lists contexts for --context".into())
            }
            Self::Unreachable { .. } | Self::Slow { .. } | Self::Silent { .. } => {
                Some("is the cluster up, and is it the right context? `kubectl version` and `kubectl config current-context` tell".into())
            }
            Self::Credentials { .. } => Some("run it yourself: `kubectl version` uses the same plugin".into()),
            Self::Api { message, .. } if webhook(message).is_some() => Some(format!(
                "`kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o wide` shows where {} comes from; \
                 whoever runs it has to mend or remove it: until then the API server takes no such object",
                webhook(message).unwrap_or_default()
            )),
            Self::Forbidden { .. } => Some(
                "`bench preflight` lists the rights that are needed in the stack's namespace; cluster-wide parts may need an administrator"
                    .into(),
            ),
            Self::Api { code: 401, .. } => Some("the credentials are not valid (any more): log in again".into()),
            Self::Api { code: 409, .. } => {
                Some("somebody else owns this field; bench does not take it by force. Remove that owner or choose another namespace".into())
            }
            Self::Helm(_) => {
                Some("helm 3 must be on the PATH; the chart's reference is `wva.chart` in the scenario (--set wva.chart=DIR)".into())
            }
            _ => None,
        }
    }
}

/// Did the API server refuse it for want of a right, somewhere in the chain?
pub fn is_forbidden(e: &anyhow::Error) -> bool {
    e.chain().any(|c| c.downcast_ref::<ClusterError>().is_some_and(ClusterError::is_forbidden))
}

/// An error with all its causes on one line.
fn chain(e: &dyn std::error::Error) -> String {
    let mut out = e.to_string();
    let mut source = e.source();
    while let Some(s) = source {
        let text = s.to_string();
        if !out.contains(&text) {
            out = format!("{out}: {text}");
        }
        source = s.source();
    }
    out
}

/// The admission webhook that an answer of the API server blames for not answering.
fn webhook(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("failed calling webhook \"")?;
    rest.split_once('"').map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_that_does_not_answer_is_named() {
        let message = "Internal error occurred: failed calling webhook \"hole.example.com\": failed to call webhook: \
                       Post \"https://hole.x.svc:443/?timeout=5s\": context deadline exceeded";
        let e = ClusterError::Api { what: "apply Service a/b".into(), code: 500, reason: "InternalError".into(), message: message.into() };
        assert!(e.hint().is_some_and(|h| h.contains("hole.example.com") && h.contains("validatingwebhookconfigurations")));
        assert_eq!(webhook("no such thing"), None);
    }
}
