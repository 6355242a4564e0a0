//! Writes the HTML report of a run directory and says what it took: `cargo run --release -p bench-analysis --example page RUN OUT`.

use bench_analysis::report::run::{Input, document};
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (run, out) = (args.next().ok_or("a run directory is missing")?, args.next().ok_or("a file to write is missing")?);
    let begun = Instant::now();
    let read = bench_analysis::run_dir(Path::new(&run))?;
    let plan = read.plan_yaml.as_deref().map(serde_yaml::from_str).transpose()?;
    let summary = bench_analysis::summarise(&read.run, &read.tables, &read.guidellm_version, &bench_analysis::Settings::default());
    let ingested = begun.elapsed();
    let input = Input {
        run: &read.run,
        plan: plan.as_ref(),
        summary: &summary,
        tables: &read.tables,
        problems: &read.problems,
        explanation: None,
        scorecard: None,
        judgement: None,
    };
    let page = document(&input).html();
    let rendered = begun.elapsed() - ingested;
    std::fs::write(out, &page)?;
    println!("read {:.0} ms, page {:.0} ms, {:.2} MB", 1e3 * ingested.as_secs_f64(), 1e3 * rendered.as_secs_f64(), page.len() as f64 / 1e6);
    Ok(())
}
