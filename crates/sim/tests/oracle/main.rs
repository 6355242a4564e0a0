//! The autoscalers against recorded decisions of the real controllers.

mod files;
mod wva;
