//! Plays a plan's arms in the simulation. No cluster, no clock but for the name of what is kept.
//!
//! [`experiment`](experiment::experiment) says what is simulated; `crates/sim` plays it; here seeds and arms are spread over threads, and what
//! came out is kept as run directories.

mod arguments;
pub mod experiment;
mod server;

use crate::failure::Failure;
use bench_model::coefficients::Picker;
use bench_model::exit::Exit;
use bench_sim::input::Stepping;

pub use experiment::{assumptions, experiment};

/// What the command line says about the simulation itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Instead of the one that the gateway stands for.
    pub router: Option<Picker>,
    /// Draw coefficients from their uncertainty, with each seed anew.
    pub draw_coefficients: bool,
    pub stepping: Stepping,
}

/// An error of the user's input.
fn refused(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Failure::new(Exit::Usage, message).hint(hint).into()
}
