//! The decisions of llm-d's Workload-Variant-Autoscaler (WVA): v0.4.2 exactly, v0.5.x as far as its rules are known.
//!
//! The controller never writes a Deployment. It computes a number per variant, writes it into the status of its VariantAutoscaling
//! (VA) and exposes it as a gauge; an HPA reads the gauge and scales. [`v042::Controller`] holds what persists between its reconciles
//! and is asked with everything one reconcile sees; it answers with the numbers and with the reasons for them.
//!
//! [`v042`] is compared with the decisions of the real reconciler (`tests/oracle`); [`v05`] is written from the published rules and not compared with anything.

pub mod config;
pub mod duration;
pub mod v042;
pub mod v05;
pub mod window;

pub use config::Thresholds;
