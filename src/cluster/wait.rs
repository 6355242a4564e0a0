//! Waiting with a deadline and with a reason: whoever waits says what is still false.

use crate::failure::Failure;
use bench_model::exit::Exit;
use std::time::Duration;
use tokio::time::Instant;

/// The answer of a condition.
pub enum Poll<T> {
    Done(T),
    /// Still false, because of this.
    Not(String),
}

/// Asks until it is done. Passing errors of the API count as "not yet"; other errors end the wait.
///
/// # Errors
/// When the time is over: [`Failure`] with exit code 5, the condition and what was false last.
pub async fn wait_for<T>(
    what: &str,
    limit: Duration,
    every: Duration,
    mut condition: impl AsyncFnMut() -> anyhow::Result<Poll<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    let mut last;
    loop {
        match condition().await {
            Ok(Poll::Done(v)) => return Ok(v),
            Ok(Poll::Not(why)) => last = why,
            Err(e) if e.downcast_ref::<super::ClusterError>().is_some_and(super::ClusterError::is_passing) => last = format!("{e:#}"),
            Err(e) => return Err(e),
        }
        if Instant::now() + every >= deadline {
            let text = format!("gave up after {} s waiting for {what}: {last}", limit.as_secs());
            return Err(Failure::new(Exit::TimedOut, text).into());
        }
        tokio::time::sleep(every).await;
    }
}
