//! Exit codes: part of the interface, documented in `docs/exit-codes.md`.

use std::process::ExitCode;

/// Why the process ended. The numbers never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All that was asked is done.
    Done = 0,
    /// Wrong usage, a scenario or profile that does not hold together.
    Usage = 2,
    /// A gate failed; everything was collected all the same.
    GateFailed = 3,
    /// The measurement is not valid: a late generator below its cap, missing data.
    Invalid = 4,
    /// A deadline ran out.
    TimedOut = 5,
    /// The cluster refuses, or is not ready for what was asked.
    Cluster = 6,
    /// Interrupted; what was begun can be carried on.
    Interrupted = 7,
    /// Teardown left something behind.
    Leftovers = 8,
    /// A defect of `bench` itself.
    Bug = 70,
}

impl Exit {
    /// Every code with its name and meaning, for `docs/exit-codes.md` and its test.
    pub const ALL: [(Self, &'static str, &'static str); 9] = [
        (Self::Done, "done", "all that was asked is done"),
        (Self::Usage, "usage", "wrong usage, or a scenario or profile that does not hold together"),
        (Self::GateFailed, "gate failed", "a gate failed; everything was collected all the same"),
        (Self::Invalid, "invalid", "the measurement is not valid: late generator below its cap, no success at all, missing data"),
        (Self::TimedOut, "timed out", "a deadline ran out"),
        (Self::Cluster, "cluster", "the cluster refuses, or is not ready for what was asked"),
        (Self::Interrupted, "interrupted", "interrupted; what was begun can be carried on"),
        (Self::Leftovers, "leftovers", "teardown left something behind"),
        (Self::Bug, "bug", "a defect of bench itself"),
    ];

    /// The number the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(e: Exit) -> Self {
        Self::from(e.code())
    }
}
