use bench_model::explanation::Explanation;
use bench_model::judgement::Judgement;
use bench_model::plan::Plan;
use bench_model::run::RunRecord;
use bench_model::scorecard::Scorecard;
use bench_model::summary::Summary;
use bench_model::tables::Tables;

/// All that a document may tell of one run. What is not there is left out of it.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    pub run: &'a RunRecord,
    pub plan: Option<&'a Plan>,
    pub summary: &'a Summary,
    pub tables: &'a Tables,
    /// What could not be read.
    pub problems: &'a [String],
    /// Reasons of the scalings; without it the recorded conditions stand for them.
    pub explanation: Option<&'a Explanation>,
    pub scorecard: Option<&'a Scorecard>,
    /// The answer, where the run was held against a goal.
    pub judgement: Option<&'a Judgement>,
}
