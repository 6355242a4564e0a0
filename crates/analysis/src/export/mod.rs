//! A run for other programs to take in: its series as OpenMetrics text.

mod derived;
pub mod openmetrics;
