use super::Material;
use crate::summarise;
use crate::validity::testing::{run, settings};
use bench_model::tables::Tables;

/// Hands a valid run with these tables to `f`.
pub(crate) fn material<T>(tables: &Tables, f: impl FnOnce(&Material<'_>) -> T) -> T {
    let run = run();
    let summary = summarise(&run, tables, "0.8.1", &settings(tables));
    f(&Material { run: &run, plan: None, summary: &summary, tables, problems: &[], explanation: None, scorecard: None, judgement: None })
}
