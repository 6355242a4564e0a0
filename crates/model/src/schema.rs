//! JSON Schemas of the stored files, as `docs/schemas/` holds them. Only with the feature `schema`.

use crate::calibration::Calibrated;
use crate::coefficients::Coefficients;
use crate::comparison::Comparison;
use crate::experiment::{Experiment, ExperimentRecord, Outlook};
use crate::explanation::Explanation;
use crate::forecast::Forecast;
use crate::gate::{Baseline, GateReport};
use crate::index::Index;
use crate::intent::Intent;
use crate::lock::Lock;
use crate::manifest::Manifest;
use crate::plan::Plan;
use crate::predicted::PredictedTables;
use crate::record::Record;
use crate::report::Report;
use crate::run::RunRecord;
use crate::summary::Summary;
use crate::sweep::Sweep;
use crate::trend::Trend;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

/// File name below `docs/schemas/`, and the schema.
///
/// They say what `bench` reads: what may be absent in a file of an older version is not required.
pub fn all() -> [(&'static str, Schema); 22] {
    [
        ("run.schema.json", of::<RunRecord>("run.json", "What a run is and how it ended.")),
        ("summary.schema.json", of::<Summary>("summary.json", "The numbers of a run.")),
        ("report.schema.json", of::<Report>("a report's JSON", "What `bench report --format json` says.")),
        ("plan.schema.json", of::<Plan>("plan.yaml", "Scenario, profile and arm, fully resolved.")),
        ("tables.schema.json", of::<PredictedTables>("tables.json", "What happened in a predicted run.")),
        ("explanation.schema.json", of::<Explanation>("an explanation's JSON", "What `bench explain` says.")),
        ("comparison.schema.json", of::<Comparison>("a comparison's JSON", "What `bench compare` says.")),
        ("forecast.schema.json", of::<Forecast>("forecast.json", "What `bench predict` says.")),
        ("sweep.schema.json", of::<Sweep>("a sweep's JSON", "What `bench predict --sweep` says.")),
        (
            "coefficients.schema.json",
            of::<Coefficients>("coefficients/*.yaml", "What a prediction takes for granted, each number with its source."),
        ),
        ("calibration.schema.json", of::<Calibrated>("a calibration's JSON", "What `bench calibrate` says.")),
        ("gate.schema.json", of::<GateReport>("a gate's JSON", "What `bench gate` says.")),
        ("baseline.schema.json", of::<Baseline>("a stored baseline", "The numbers of a run, kept for the gates of later ones.")),
        (
            "experiment.schema.json",
            of::<Experiment>("experiments/*.yaml", "Arms, levels of factors and repeats of one profile, in a stated order."),
        ),
        (
            "experiment-record.schema.json",
            of::<ExperimentRecord>("experiment.json", "An experiment's definition, its schedule, and where it is."),
        ),
        ("outlook.schema.json", of::<Outlook>("an outlook's JSON", "What `bench experiment --dry-run` says.")),
        ("trend.schema.json", of::<Trend>("a trend's JSON", "What `bench results trend` says.")),
        ("index.schema.json", of::<Index>("results/index.json", "What there is, made of the run directories.")),
        ("lock.schema.json", of::<Lock>("bench.lock.yaml", "What the names of images and charts in a scenario stood for.")),
        ("manifest.schema.json", of::<Manifest>("a pushed run's manifest", "Its files by their SHA-256.")),
        ("intent.schema.json", of::<Intent>("intent.json", "What a command was about to do to a stack.")),
        ("event-record.schema.json", of::<Record>("events.jsonl", "One line: what the agent saw, raw and complete.")),
    ]
}

fn of<T: JsonSchema>(file: &str, description: &str) -> Schema {
    let mut schema = SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>();
    schema.insert("title".into(), format!("bench: {file}, schema version {}", crate::SCHEMA_VERSION).into());
    schema.insert("description".into(), description.into());
    schema
}
