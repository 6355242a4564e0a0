//! The autoscalers against vectors that the real controllers made, see fixtures/oracle/README.md.

mod files;
mod hpa;
mod wva;
