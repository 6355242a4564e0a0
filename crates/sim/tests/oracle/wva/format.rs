//! The recorded file, as far as the comparison needs it.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Deserialize)]
pub struct File {
    pub scenarios: Vec<Scenario>,
}

pub type Data = BTreeMap<String, String>;

#[derive(Deserialize)]
pub struct Scenario {
    pub name: String,
    pub family: String,
    pub reverse_list: bool,
    pub main_config: Option<Data>,
    pub capacity_config: Option<Data>,
    pub variants: Vec<Variant>,
    pub static_pods: Vec<StaticPod>,
    pub outages: Vec<Outage>,
    pub changes: Vec<Change>,
    /// `namespace/pod` → model.
    pub series: BTreeMap<String, String>,
    pub scrapes: Vec<Scrape>,
    pub reconciles: Vec<Reconcile>,
}

#[derive(Deserialize)]
pub struct Variant {
    pub name: String,
    pub namespace: String,
    pub model: String,
    pub cost: String,
    pub accelerator: String,
    pub desired: i64,
    #[serde(default)]
    pub no_deployment: bool,
}

#[derive(Deserialize)]
pub struct StaticPod {
    pub pod: String,
    pub variant: String,
    pub namespace: String,
    pub listed: bool,
}

#[derive(Deserialize)]
pub struct Outage {
    pub from_ms: i64,
    pub to_ms: i64,
    pub kind: String,
}

#[derive(Deserialize)]
pub struct Change {
    pub at_ms: i64,
    pub main_config: Option<Data>,
    pub capacity_config: Option<Data>,
    #[serde(default)]
    pub remove_main: bool,
    #[serde(default)]
    pub remove_capacity: bool,
    pub delete_va: Option<String>,
}

#[derive(Deserialize)]
pub struct Scrape {
    pub t_ms: i64,
    pub samples: Vec<(String, Option<f64>, Option<f64>)>,
}

#[derive(Deserialize)]
pub struct Reconcile {
    pub t_ms: i64,
    pub run: u32,
    pub error: bool,
    pub requeue_ms: i64,
    pub models: Vec<Model>,
    pub variants: Vec<VariantRecord>,
}

#[derive(Deserialize)]
pub struct Model {
    pub model: String,
    pub namespace: String,
    pub config: Config,
    pub failed: bool,
    pub kv: Option<Vec<(String, f64)>>,
    pub queue: Option<Vec<(String, f64)>>,
    pub replicas: Option<Vec<(String, String, f64, i64)>>,
    pub analysis: Option<Analysis>,
}

#[derive(Deserialize)]
pub struct Config {
    pub kv_threshold: f64,
    pub queue_threshold: f64,
    pub kv_spare: f64,
    pub queue_spare: f64,
}

#[derive(Deserialize)]
pub struct Analysis {
    pub total: usize,
    pub non_saturated: usize,
    pub spare_kv: f64,
    pub spare_queue: f64,
    pub scale_up: bool,
    pub down_safe: bool,
}

#[derive(Deserialize)]
pub struct VariantRecord {
    pub name: String,
    pub namespace: String,
    pub spec_replicas: i32,
    pub status_replicas: i32,
    pub desired_before: i64,
    pub reporting: Option<i64>,
    pub current: Option<i64>,
    pub target: Option<i64>,
    pub action: Option<String>,
    pub published: bool,
    pub safety_net: bool,
    pub desired_after: i64,
    pub alloc_replicas: i64,
    pub alloc_accelerator: String,
    pub gauge_desired: Option<f64>,
    pub gauge_current: Option<f64>,
    pub gauge_ratio: Option<f64>,
}
