//! From the raw files of a run to tables, from tables to reports. Works offline, years later.
//!
//! No async, no network, no Kubernetes client, no clock: everything comes in as files or arguments, so that an analysis
//! can be repeated by a newer version. Nothing here panics on what a file holds.

mod calendar;
pub mod calibrate;
pub mod compare;
pub mod explain;
pub mod export;
pub mod forecast;
pub mod gaps;
pub mod gate;
pub mod ingest;
pub mod judgement;
pub mod panels;
pub mod report;
pub mod scorecard;
pub mod stats;
pub mod summary;
pub mod trend;
pub mod validity;
mod words;

pub use words::count;

pub use words::{and, cut, visible};

pub use calendar::Calendar;
pub use ingest::{Ingested, run_dir};
pub use summary::{Settings, summarise};
