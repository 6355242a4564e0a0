//! What of a cluster is no plain HTTP request to it: streams into containers, helm, and pages of other servers. A test puts something else in their place.

use super::{ClusterError, Container, Page};
use futures::future::{BoxFuture, LocalBoxFuture};

/// Takes the place of exec streams, of the helm program, and of the rest of the world.
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

    /// Gets a page; its text.
    fn web<'a>(&'a self, page: &'a Page<'a>) -> BoxFuture<'a, Result<String, ClusterError>>;
}
