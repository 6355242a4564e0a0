//! Why a run scaled as it did, from its directory alone.

use super::report::Reported;
use crate::failure::Failure;
use bench_analysis::explain;
use bench_model::exit::Exit;
use bench_model::explanation::{Explanation, MomentKind};

/// Of a run that was read; `at` as a user writes a moment.
///
/// # Errors
/// A moment that cannot be read or at which nothing was recorded.
pub fn of(r: &Reported, at: Option<&str>) -> anyhow::Result<Explanation> {
    let (run, tables) = (&r.ingested.run, &r.ingested.tables);
    let moment = match at {
        Some(text) => Some(explain::moment(text, run, tables).map_err(|why| Failure::new(Exit::Usage, format!("--at: {why}")))?),
        None => None,
    };
    let e = explain::explain(run, r.plan.as_ref(), tables, moment);
    if moment.is_some() && !e.moments.iter().any(|m| m.kind == MomentKind::Asked) {
        let why = e.missing.last().cloned().unwrap_or_else(|| "Nothing was recorded then.".into());
        return Err(Failure::new(Exit::Usage, format!("--at {}: {why}", at.unwrap_or_default())).into());
    }
    Ok(e)
}
