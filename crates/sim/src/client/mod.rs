//! guidellm, the load generator: what it sends, and when. Pure.

pub(crate) mod drawn;
pub mod lengths;
pub mod mersenne;
pub mod schedule;

/// A line of guidellm releases that draw the same lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Line {
    /// 0.4.0 to 0.5.x.
    V04,
    /// From 0.7.1.
    V07,
}

impl Line {
    /// The line of a version (major, minor, patch). None for those that `bench` does not run: before 0.4, 0.6, and 0.7.0.
    pub fn of(version: (u64, u64, u64)) -> Option<Self> {
        match version {
            (0, 4 | 5, _) => Some(Self::V04),
            v if v >= (0, 7, 1) => Some(Self::V07),
            _ => None,
        }
    }
}
