//! What of a cluster is no plain HTTP request: streams into containers, and helm. A test puts something else in their place.

use super::{ClusterError, Container};
use futures::future::LocalBoxFuture;

/// Takes the place of exec streams and of the helm program.
pub trait Outside: Send + Sync {
    /// Runs a command in a container: feeds it `stdin`, gives its output to `sink` piece by piece, returns what it wrote to
    /// standard error.
    fn exec<'a>(
        &'a self,
        at: &'a Container,
        command: &'a [&'a str],
        stdin: Option<&'a [u8]>,
        sink: &'a mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> LocalBoxFuture<'a, Result<String, ClusterError>>;

    /// Runs helm with these arguments; gives its standard output.
    fn helm<'a>(&'a self, args: &'a [&'a str]) -> LocalBoxFuture<'a, Result<String, ClusterError>>;
}
