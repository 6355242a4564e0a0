//! guidellm, the load generator: what it sends, and when. Pure.

pub mod lengths;
pub mod mersenne;

/// A line of guidellm releases that behave alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Line {
    /// 0.4.0 to 0.5.1: the window of a rate begins with the scheduler.
    V04,
    /// 0.5.2 to 0.5.x: the window of a rate begins with its first request.
    V052,
    /// From 0.7.1.
    V07,
}

impl Line {
    /// The line of a version (major, minor, patch). None for those that `bench` does not run: before 0.4, 0.6, and 0.7.0.
    pub fn of(version: (u64, u64, u64)) -> Option<Self> {
        match version {
            (0, 4, _) | (0, 5, 0 | 1) => Some(Self::V04),
            (0, 5, _) => Some(Self::V052),
            v if v >= (0, 7, 1) => Some(Self::V07),
            _ => None,
        }
    }
}
