//! A comparison as one page.

pub mod comparison;

use super::run::{axis, distributions};
