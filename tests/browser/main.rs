//! The HTML reports in a real Chromium. Ignored unless asked for, since a machine without one cannot run them:
//!
//!     cargo test --test browser -- --ignored
//!
//! `BENCH_CHROMIUM` names another program than `chromium`; `BENCH_SCREENSHOTS=DIR` keeps pictures of what was tested.

mod checks;
mod chromium;
mod pages;
mod reports;
