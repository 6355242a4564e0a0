//! Waiting with a deadline and with a reason: whoever waits says what is still false, and since when.

use crate::failure::{Condition, Failure};
use bench_model::exit::Exit;
use chrono::Utc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The answer of a condition.
pub enum Poll<T> {
    Done(T),
    /// Still false, because of this.
    Not(String),
}

/// However short the wait: one question may take this long.
const ONE_ANSWER: Duration = Duration::from_secs(2);

/// Asks until it is done. Passing errors of the API count as "not yet"; other errors end the wait. A question that is not
/// answered does not outlast the limit either.
///
/// # Errors
/// When the time is over: [`Failure`] with exit code 5, the condition and what was false last. Other failures are given the
/// condition that was waited for.
pub async fn wait_for<T>(
    what: &str,
    limit: Duration,
    every: Duration,
    mut condition: impl AsyncFnMut() -> anyhow::Result<Poll<T>>,
) -> anyhow::Result<T> {
    let (begun, since) = (Instant::now(), Utc::now());
    let deadline = begun + limit;
    let mut last = String::new();
    let mut changed = begun;
    loop {
        let answer = timeout_at(deadline.max(Instant::now() + ONE_ANSWER), condition()).await;
        let told = |still: &str, changed: Instant| Condition {
            what: what.into(),
            still: still.into(),
            since,
            waited_s: begun.elapsed().as_secs(),
            unchanged_s: changed.elapsed().as_secs(),
        };
        let now = match answer {
            Ok(Ok(Poll::Done(v))) => return Ok(v),
            Ok(Ok(Poll::Not(why))) => why,
            Ok(Err(e)) if e.downcast_ref::<super::ClusterError>().is_some_and(super::ClusterError::is_passing) => format!("{e:#}"),
            Ok(Err(mut e)) => {
                if let Some(f) = e.downcast_mut::<Failure>() {
                    f.condition.get_or_insert_with(|| told(&last, changed));
                }
                return Err(e);
            }
            Err(_) if last.is_empty() => "the cluster has not answered".into(),
            Err(_) => format!("{last} (and the last question was not answered)"),
        };
        if now != last {
            (last, changed) = (now, Instant::now());
        }
        if Instant::now() + every >= deadline {
            let text = format!("gave up after {} s waiting for {what}: {last}", limit.as_secs());
            return Err(Failure::new(Exit::TimedOut, text).condition(told(&last, changed)).into());
        }
        tokio::time::sleep(every).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_question_that_is_never_answered_ends_with_the_wait() {
        let mut asked = 0;
        let e = wait_for::<()>("the pod", Duration::from_secs(30), Duration::from_secs(1), async || {
            asked += 1;
            if asked > 5 {
                std::future::pending::<()>().await;
            }
            Ok(Poll::Not("it is Pending".into()))
        })
        .await
        .unwrap_err();
        let f = e.downcast::<Failure>().unwrap();
        assert_eq!(f.exit, Exit::TimedOut);
        assert!(f.message.contains("30 s waiting for the pod: it is Pending (and the last question was not answered)"), "{f}");
        let c = f.condition.unwrap();
        assert_eq!((c.waited_s, c.what.as_str()), (30, "the pod"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_a_wait_early_knows_what_was_waited_for() {
        let mut asked = 0;
        let e = wait_for::<()>("the pod", Duration::from_secs(30), Duration::from_secs(1), async || {
            asked += 1;
            if asked > 4 {
                return Err(Failure::new(Exit::Cluster, "it crashed").into());
            }
            Ok(Poll::Not("not ready".into()))
        })
        .await
        .unwrap_err();
        let c = e.downcast::<Failure>().unwrap().condition.unwrap();
        assert_eq!((c.still.as_str(), c.waited_s, c.unchanged_s), ("not ready", 4, 4));
    }
}
