//! From files and flags to typed settings. No cluster, no clock, nothing written.
//!
//! A file is read into a tree that knows its lines ([`tree`]), layers are merged there, and only the result is typed
//! ([`de`]), so that one message can name file, line, key and what was meant. Rendering lives elsewhere.

pub mod accelerator;
mod check;
mod check_hpa;
mod check_profile;
mod check_stack;
pub mod coefficients;
mod de;
mod error;
pub mod experiment;
mod foreign;
pub mod gate;
pub mod keda;
pub mod llmd;
mod lookup;
pub mod manifests;
pub(crate) mod path;
pub mod profile;
mod repair;
pub mod scenario;
pub mod secrets;
mod tokens;
mod tree;
pub(crate) mod values;

pub(crate) use error::nearest;
pub use error::{ConfigError, Problem, UnknownKey};
pub use lookup::{Known, Lookup, TOKENIZER};
pub use tree::At;
