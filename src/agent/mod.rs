//! What runs in the cluster: the recorder of a run. It reads and writes files; it changes nothing in the cluster, and
//! needs nothing from the machine that started the run.

mod files;
mod logs;
mod record;
mod watch;

pub use files::{Listed, cat, checksum, list, look};
pub use record::{Args, run};

/// Names in the agent's directory.
pub mod names {
    /// Watches' records.
    pub const EVENTS: &str = "events.jsonl";
    /// Present once recording has ended; holds the reason.
    pub const DONE: &str = "DONE";
    /// Last lines of model servers that left.
    pub const LEFT: &str = "left";
    /// Made by bench: end now.
    pub const STOP: &str = "STOP";
    /// Made by bench: everything was fetched, the pod may go.
    pub const ACK: &str = "ACK";
}
